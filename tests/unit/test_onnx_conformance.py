"""
ONNX's own tests of single nodes, those of all operators that are supported and those whose definitions are made of them
(`_expanded`): through quantisation (on the test's own data), importer and interpreter, integer operators exactly, others at 35
dB or better; or, of constants, by the compiler. Those that can't apply are listed with the reason; none is left out.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.backend.test.case.test_case import TestCase
from onnx.backend.test.loader import load_model_tests

from dsf.errors import ModelError
from dsf.frontend.onnx.backend import DsfBackend
from dsf.frontend.onnx.from_onnx import HANDLERS

ENGINE, COMPILER = "by the engine", "of constants, by the compiler"
SECOND = "a second result, indices or a mask, beside a first one by the engine"
#: Operators that no network computes by itself.
OF_CONSTANTS = {
    "Constant": "it has no input",
    "Shape": "its result is known",
    "Cast": "its tests have NaN, other types than float32, or integers",
    "GreaterOrEqual": "it is a part of BipolarQuant's signs only",
    "Where": "it is a part of BipolarQuant's signs only",
}
#: Why a test does not apply, by what is said of it.
REASONS = {
    "integers that are no numbers of a scale, or other types": r"is an input of type (?!float,)|activations of type ",
    "a cast to integers": r"a cast to ",
    "three spatial axes": r"over 3 axes|rank 5 and weights of rank 5",
    "weights that differ from image to image": r"a product of ranks \d and [34], needs weights of rank 2",
    "a constant that differs from image to image": r"numbers that differ from image to image|with a matrix as bias",
    "a mean or maximum over the batch": r"a (mean|maximum) over axes \(0,",
    "a maximum of rows": r"a maximum over axes \(1,\) of a tensor of \(\d, \d\)",
    "padding of the batch": r"padding of the batch",
    "a divisor that is computed": r"a divisor that is computed",
    "a cast between layers": r"is a Cast whose result other layers read",
    "only one operand that the network computes": r"a constant among its operands",
    "an interpolation at positions that no whole factor gives": r"mode cubic, needs|an interpolation of |coordinates by ",
    "tensors without elements": r"an input of shape (\dx)*0|a part without elements|parts of \(8, 0\)",
    "scales for each channel, or block, of an activation": r"scales of an activation",
    "NaN or infinity": r"is nan at|is -?inf at",
    SECOND: r"a second result",
    "in training": r"in training|training_mode",
    "windows with gaps": r"a dilation of \(2, 2\), needs 1",
    "no tensor": r"without a shape, needs a tensor",
    "a definition by operators that are not supported": (
        rf"is a (?!({'|'.join(HANDLERS.keys() - OF_CONSTANTS.keys())}),)\w+, needs an operator that can be quantised"
        r"|: operator \w+, needs an operator of docs/SUPPORTED.md"
    ),
    "8 bits don't hold what the result depends on": r"8 bits don't hold",
}
#: Operators on integers.
EXACT = {"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "DequantizeLinear"}
#: Signal to noise of others.
LEAST_DECIBELS = 35
#: Differences of 1 between numbers of 10,000: 8 bits have steps of 78.
TOO_WIDE = {"test_softmax_large_number", "test_logsoftmax_large_number"}
#: Functions that are steep, or have steps, where their tests' numbers are.
TOO_STEEP = {"test_acosh_example", "test_floor_example", "test_log", "test_round", "test_softplus_expanded_ver18", "test_tan"}
#: How many are computed, so that none is refused that was not.
LEAST = {ENGINE: 381, COMPILER: 183}


def operators(case: TestCase) -> list[str]:
    return [] if case.model is None else [node.op_type for node in case.model.graph.node]


def stem_of(name: str) -> str:
    """The test that this one is the definition of, or itself."""
    return re.sub(r"_expanded.*", "", name)


@lru_cache(maxsize=1)
def cases() -> dict[str, TestCase]:
    """By name, of one operator that is supported, its definition, or made of nothing but such."""
    found = {case.name: case for case in load_model_tests(kind="node")}
    single = {name for name, case in found.items() if len(operators(case)) == 1 and operators(case)[0] in HANDLERS}

    def applies(name: str) -> bool:
        return stem_of(name) in single or (bool(operators(found[name])) and set(operators(found[name])) <= HANDLERS.keys())

    return {name: case for name, case in found.items() if applies(name)}


def operator_of(case: TestCase) -> str:
    return operators(cases().get(stem_of(case.name), case))[0]


def array_of(value: Any) -> Any:
    return numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def decibels(wanted: NDArray[Any], got: NDArray[Any]) -> float:
    signal, noise = (float(np.square(one.astype(np.float64)).sum()) for one in (wanted, got - wanted.astype(np.float64)))
    return 10 * np.log10(signal / noise) if signal and noise else np.inf if noise == 0 else -np.inf


def outcome(case: TestCase) -> str:
    """Who computed it, as the test wants it, or why nobody can."""
    ((inputs, outputs), *_) = case.data_sets
    given, wanted = [array_of(one) for one in inputs], [array_of(one) for one in outputs]
    backend = DsfBackend.prepare(case.model)
    try:
        results = backend.run(given)
    except ModelError as error:
        try:
            results = backend.run(given, constants=True)
        except ModelError:
            reason = reason_of(case, error.problems)
            return reason if reason != SECOND else without_the_second(case, given, wanted)
        for got, right in zip(results, wanted, strict=True):
            assert got.shape == right.shape, case.name
            np.testing.assert_allclose(np.float64(got), np.float64(right), 1e-6, 1e-7, err_msg=case.name)
        return COMPILER
    for x, got, right in zip(given[:1] * len(wanted), results, wanted, strict=True):
        assert got.shape == right.shape, case.name
        if case.name in TOO_WIDE | TOO_STEEP:
            assert decibels(right, got) < LEAST_DECIBELS, case.name
            return reason_of(case, ["8 bits don't hold it"])
        check(case, x, got, right)
    return ENGINE


def without_the_second(case: TestCase, given: list[Any], wanted: list[Any]) -> str:
    """That the first result is computed."""
    model = onnx.ModelProto()
    model.CopyFrom(case.model)
    del model.graph.output[1:]
    (got,) = DsfBackend.prepare(model).run(given)
    check(case, given[0], got, wanted[0])
    return SECOND


def check(case: TestCase, x: NDArray[Any], got: NDArray[Any], wanted: NDArray[Any]) -> None:
    """Fails if a result of the engine is not what the test wants."""
    operator = operator_of(case)
    if operator in EXACT or (wanted.dtype.kind in "iub" and operator != "ArgMax"):
        assert np.array_equal(got.astype(np.float32), wanted.astype(np.float32)), case.name
    elif operator == "ArgMax":
        # The position of a number that is in the same step as the largest one.
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in case.model.graph.node[0].attribute}
        axis = attributes.get("axis", 0)
        places = got if attributes.get("keepdims", 1) else np.expand_dims(got, axis)
        short = x.max(axis=axis, keepdims=True) - np.take_along_axis(x, places, axis)
        assert short.max() <= np.ptp(x) / 127, case.name
    else:
        assert decibels(wanted, got) >= LEAST_DECIBELS, case.name


def reason_of(case: TestCase, problems: list[str]) -> str:
    matching = [reason for reason, text in REASONS.items() if re.search(text, problems[0])]
    assert matching, (case.name, problems)
    return matching[0]


@pytest.mark.filterwarnings("ignore")
def test_every_node_test_of_a_supported_operator() -> None:
    outcomes = {name: outcome(case) for name, case in cases().items()}
    counts = Counter(outcomes.values())
    print(counts)
    assert set(counts) == {ENGINE, COMPILER, *REASONS}, set(REASONS) - set(counts)
    assert counts[ENGINE] >= LEAST[ENGINE] and counts[COMPILER] >= LEAST[COMPILER], counts
    single = {name: operators(case)[0] for name, case in cases().items() if len(operators(case)) == 1}
    computed, folded = ({one for name, one in single.items() if outcomes[name] == by} for by in (ENGINE, COMPILER))
    tested = set(single.values())
    # Round has one test, of numbers half-way between two.
    assert tested - computed == OF_CONSTANTS.keys() | {"Round"}
    assert OF_CONSTANTS.keys() <= folded
    # ONNX has no tests of operators of other domains.
    assert HANDLERS.keys() - tested == {name for name in HANDLERS if name.startswith("com.microsoft.")}


@pytest.mark.filterwarnings("ignore")
def test_a_wrong_result_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the engine by one step, of integers and of real numbers; and of constants."""
    run = type(DsfBackend.prepare(onnx.ModelProto())).run

    def wrong(self: Any, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        return tuple(one + (one == one.max()) for one in run(self, inputs, **kwargs))

    monkeypatch.setattr(type(DsfBackend.prepare(onnx.ModelProto())), "run", wrong)
    for name in (
        "test_qlinearconv",
        "test_dequantizelinear",
        "test_quantizelinear",
        "test_relu",
        "test_add_int8",
        "test_argmax_keepdims_random",
    ):
        with pytest.raises((AssertionError, IndexError)):
            outcome(cases()[name])
