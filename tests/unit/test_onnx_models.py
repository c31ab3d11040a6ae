"""
ONNX files as other tools write them, against onnxruntime: layer by layer on onnxruntime's own inputs, and as a whole. The files
and what is in them: `tests/data/onnx/make.py`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from xdsl.dialects.func import ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import SSAValue

import dsf
from dsf.compiler import compile_module
from dsf.dialects.shapes import shape
from dsf.errors import ModelError
from dsf.frontend.onnx.model import OnnxModel
from dsf.frontend.onnx.values import Wire
from dsf.hardware import Hardware
from dsf.numerics import Ints
from dsf.runtime.execute import main_of
from dsf.runtime.interpreters.bundle import BundleFunctions

FOLDER = Path(__file__).parents[1] / "data" / "onnx"
MODELS = sorted(path.stem for path in FOLDER.glob("*.onnx") if path.stem != "mobile_asymmetric")
HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32)
#: Of a result rescaled by 16 bits of a factor, so many at most may round to the neighbour.
MOST_DIFFERENT = 0.001


def model_of(name: str) -> OnnxModel:
    return dsf.from_onnx(FOLDER / f"{name}.onnx", HARDWARE)


def inputs(model: OnnxModel, count: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, *model.input_shape[1:])).astype(np.float32)


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """As the file says: operators in floating point, not merged."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def all_tensors(name: str, x: NDArray[np.float32], wanted: list[str]) -> dict[str, NDArray]:
    """What onnxruntime computes for tensors inside a model."""
    model = onnx.load(FOLDER / f"{name}.onnx")
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(one) for one in wanted)
    return dict(zip(wanted, session(model).run(None, {"x": x}), strict=True))


def placed(wire: Wire, codes: NDArray) -> Ints:
    """Codes of onnxruntime as the engine's tensor."""
    values = np.empty(codes.size, dtype=np.int64)
    values[wire.places.reshape(-1)] = codes.astype(np.int64).reshape(-1) - wire.offset
    return values.reshape(shape(wire.value))


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_equals_onnxruntime_on_its_inputs(name: str) -> None:
    """Within 1 of 8 bits; at most one in a thousand differs, by the 16 bits of the engine's multipliers."""
    model = model_of(name)
    wires = {one: wire for one, wire in model.imported.wires.items() if wire.codes}
    layers: dict[SSAValue, list[int]] = {}
    for x in inputs(model, 8):
        tensors = all_tensors(name, x[None], list(wires))
        theirs = {wire.value: placed(wire, tensors[one]) for one, wire in wires.items()}
        values: dict[SSAValue, Ints] = {}
        interpreter = Interpreter(model.module)
        interpreter.register_implementations(BundleFunctions())
        for op in main_of(model.module).body.block.ops:
            if isinstance(op, ReturnOp):
                continue
            arguments = tuple(theirs.get(one, values.get(one)) for one in op.operands)
            (values[op.results[0]],) = interpreter.run_op(op, arguments)
            if op.results[0] in theirs:
                apart = np.abs(values[op.results[0]] - theirs[op.results[0]])
                assert apart.max() <= 1, (name, op)
                counts = layers.setdefault(op.results[0], [0, 0])
                counts[0] += int(apart.sum())
                counts[1] += apart.size
    assert len(layers) >= 4
    different, of = (sum(counts[place] for counts in layers.values()) for place in (0, 1))
    assert different <= MOST_DIFFERENT * of, (name, different, of)


@pytest.mark.parametrize("name", MODELS)
def test_the_whole_network_beside_onnxruntime(name: str) -> None:
    """A neighbour here and there in the first layers: what comes out is close, at 30 dB and more."""
    model = model_of(name)
    x = inputs(model, 8)
    wanted = np.concatenate([session(onnx.load(FOLDER / f"{name}.onnx")).run(None, {"x": one[None]})[0] for one in x])
    got = model.predict(x)
    assert got.shape == wanted.shape
    noise = np.sqrt(np.mean((got - wanted) ** 2) / np.mean(wanted**2))
    assert noise < 10 ** (-30 / 20), noise


@pytest.mark.parametrize("name", MODELS)
def test_every_level_computes_the_same(name: str) -> None:
    model = model_of(name)
    (x,) = inputs(model, 1)
    compile_module(model.module, verify_each=True, verify_input=model.integers_of(x[None]))


def test_weights_of_nine_bits_are_refused_by_name() -> None:
    with pytest.raises(ModelError) as caught:
        model_of("mobile_asymmetric")
    assert re.fullmatch(
        r"'/stem/Conv': weights of -\d+ to \d+ above their zero point, needs -128 to 127; quantise them symmetrically",
        caught.value.problems[0],
    )
