"""
ONNX's own tests of single nodes, those of all operators that are supported, through quantisation (on the test's own data),
importer and interpreter: integer operators exact, others at 35 dB or better. Those that can't apply are listed with the reason.
"""

from __future__ import annotations

import re
from functools import lru_cache

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

#: Why a test does not apply, by what is said of it.
REASONS = {
    "not real numbers": r"is an input of type (?!float,)|activations of type float|a cast to |an input of type ",
    "numbers without a batch, or of another rank than images and rows": (
        r"an input of shape |an input of rank |a tensor of rank |a product of ranks |a mean over axes |over \d axes|"
        r"a window \(\d, \d, \d\)|without a shape"
    ),
    "nothing to compute": r"no layer, needs at least one|no input, needs one",
    "not quantisable alone": r"is a (Dropout|GreaterOrEqual|Identity|Shape), needs an operator that can be quantised",
    "an operand that is no constant for each channel": r"a constant of shape |with a matrix as bias",
    "only one operand that the network computes": r"a constant among its operands",
    "other interpolations than to the nearest": r"mode (cubic|linear), needs nearest",
    "tensors without elements": r"a part without elements",
    "scales for each channel of an activation": r"scales of an activation|scales of shape ",
    "NaN or infinity": r"is nan at|is -?inf at",
    "several outputs": r"outputs '",
    "in training": r"in training",
    "an attribute that is not supported": (r"a dilation of |padding with |of a transposed tensor"),
}
#: Operators on integers.
EXACT = {"ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "DequantizeLinear"}
#: Signal to noise of others.
LEAST_DECIBELS = 35
#: How many are computed, so that none is refused that was not.
LEAST_COMPUTED = 101


def operator_of(case: TestCase) -> str | None:
    """The operator of a test of one node, if it is supported."""
    nodes = [] if case.model is None else case.model.graph.node
    return nodes[0].op_type if len(nodes) == 1 and nodes[0].op_type in HANDLERS else None


@lru_cache(maxsize=1)
def cases() -> dict[str, TestCase]:
    """By name; `_expanded` ones are the same with the operator's definition in its place."""
    found = {case.name: case for case in load_model_tests(kind="node") if operator_of(case) is not None}
    return {name: case for name, case in found.items() if "_expanded" not in name}


def arrays(values: list[object]) -> list[NDArray]:
    return [numpy_helper.to_array(one) if isinstance(one, onnx.TensorProto) else np.asarray(one, dtype=None) for one in values]


def outcome(case: TestCase) -> str:
    """'computed', or why it can't be."""
    ((inputs, outputs), *_) = case.data_sets
    wanted = None
    try:
        given = [numpy_helper.to_array(one) if isinstance(one, onnx.TensorProto) else one for one in inputs]
        (got,) = DsfBackend.prepare(case.model).run(given)
        (wanted, *_) = arrays(outputs)
    except ModelError as error:
        matching = [reason for reason, text in REASONS.items() if re.search(text, error.problems[0])]
        assert matching, (case.name, error.problems)
        return matching[0]
    assert got.shape == wanted.shape, case.name
    if operator_of(case) in EXACT:
        np.testing.assert_array_equal(got, wanted, case.name)
        return "computed"
    signal, noise = np.square(wanted.astype(np.float64)).sum(), np.square(got - wanted.astype(np.float64)).sum()
    assert noise <= signal * 10 ** (-LEAST_DECIBELS / 10), (case.name, signal, noise)
    return "computed"


@pytest.mark.filterwarnings("ignore")
def test_every_node_test_of_a_supported_operator() -> None:
    outcomes = {name: outcome(case) for name, case in cases().items()}
    counts = {reason: list(outcomes.values()).count(reason) for reason in ("computed", *REASONS)}
    print(counts)
    assert sum(counts.values()) == len(outcomes) >= 300
    assert counts["computed"] >= LEAST_COMPUTED, counts
    assert all(counts.values()), counts
