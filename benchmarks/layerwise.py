"""
Layer by layer beside onnxruntime: each layer of an imported ONNX model is fed with onnxruntime's own inputs, so that what
differs in its result comes from this layer alone.

Some of it onnxruntime does not decide either: where the exact result lies half-way between two steps, as a mean on the grid of
what it is the mean of often does, it rounds by the noise of float32. The engine computes such a result exactly, and takes the
even step. `Difference.undecided` counts them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from xdsl.dialects.func import ReturnOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from dsf.constraints.layers import name_of
from dsf.dialects.bundle import ActivationOp, AddOp, FunctionOp, MultiplyOp, PoolKind, PoolOp, core_of, grid_of
from dsf.dialects.bundle_scales import gains
from dsf.dialects.shapes import shape
from dsf.frontend.onnx.model import OnnxModel
from dsf.frontend.onnx.values import Wire
from dsf.numerics import Ints
from dsf.runtime.execute import main_of
from dsf.runtime.interpreters.bundle import BundleFunctions
from dsf.runtime.interpreters.convolution import window_sums

#: Of a step: what float32, 24 bits of a result of 8, may be off by after a few operations.
NOISE = 2.0**-14


@dataclass(frozen=True)
class Difference:
    """
    Of the results of an operation, of a convolution or dense layer those after its rounding: how many there are and how many
    are not equal, by how many steps of the grid at most; and of those that are not equal, how many are exactly half-way
    between two steps, within `NOISE`.
    """

    layer: str
    operation: str
    elements: int
    different: int
    most: int
    undecided: int

    @property
    def decided_fraction(self) -> float:
        """Of all elements, those that are not equal though they are not half-way."""
        return (self.different - self.undecided) / self.elements

    def __add__(self, other: Difference) -> Difference:
        """The same for more results of the operation."""
        return replace(
            self,
            elements=self.elements + other.elements,
            different=self.different + other.different,
            most=max(self.most, other.most),
            undecided=self.undecided + other.undecided,
        )


def session_of(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """onnxruntime, node by node as they are written."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def with_outputs(model: onnx.ModelProto, wires: Mapping[str, Wire]) -> onnx.ModelProto:
    """A copy of a model with these tensors as its outputs, narrow ones as INT8: onnxruntime has no arrays of 4 bits."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.graph.output[:]
    for name, wire in wires.items():
        if wire.grid.bits.data < 8:
            copy.graph.node.append(onnx.helper.make_node("Cast", [name], [f"{name}_int8"], to=onnx.TensorProto.INT8))
            name = f"{name}_int8"
        copy.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return copy


def quantised_tensors(model: OnnxModel) -> dict[str, Wire]:
    """The tensors of the ONNX model that the engine has as integers too, and whole, by name."""
    wires = model.imported.wires
    return {name: one for name, one in wires.items() if one.codes and one.places.size == prod(shape(one.value))}


def compare_layers(model: OnnxModel, proto: onnx.ModelProto, inputs: Iterable[NDArray]) -> list[Difference]:
    """
    The differences of every operation whose result both have as integers, over these inputs of the model. `proto` is what
    onnxruntime runs, `model` the same on the engine.
    """
    wires = quantised_tensors(model)
    session = session_of(with_outputs(proto, wires))
    totals: dict[tuple[str, str], Difference] = {}
    for x in inputs:
        tensors = dict(zip(wires, session.run(None, {model.imported.input.name: x}), strict=True))
        for one in differences(model, tensors):
            key = (one.layer, one.operation)
            totals[key] = totals[key] + one if key in totals else one
    return list(totals.values())


def differences(model: OnnxModel, tensors: Mapping[str, NDArray]) -> Iterator[Difference]:
    """Those of one input, of which another runtime has these integers."""
    theirs = {wire.value: _placed(wire, tensors[name]) for name, wire in quantised_tensors(model).items()}
    ours: dict[SSAValue, Ints] = {}
    interpreter = Interpreter(model.module)
    interpreter.register_implementations(BundleFunctions())
    for op in main_of(model.module).body.block.ops:
        if isinstance(op, ReturnOp):
            continue
        result = op.results[0]
        arguments = tuple(theirs[one] if one in theirs else ours[one] for one in op.operands)
        (ours[result],) = interpreter.run_op(op, arguments)
        if result in theirs:
            apart = np.abs(ours[result] - theirs[result])
            undecided = np.count_nonzero(apart.astype(bool) & _is_half_way(op, arguments))
            core = core_of(op.input) if isinstance(op, ActivationOp) else None
            name = name_of(op).strip("'")
            yield Difference(
                name, (core or op).name, apart.size, int(np.count_nonzero(apart)), int(apart.max()), int(undecided)
            )


def _is_half_way(op: Operation, arguments: tuple[Ints, ...]) -> NDArray[np.bool_]:
    """Where the exact result of an operation with a rounding is half an integer, before the zero point; of others nowhere."""
    if isinstance(op, PoolOp) and op.kind.data == PoolKind.AVG:
        counting = op.count_padding is not None
        sums, counts = window_sums(arguments[0], op.window, count_padding=counting, pad_value=grid_of(op.input).zero)
        return np.abs(sums / counts - np.floor(sums / counts) - 0.5) <= NOISE
    if isinstance(op, FunctionOp):
        scaled = op.apply(grid_of(op.input).to_reals(arguments[0])) / grid_of(op.output).unit
        return np.abs(scaled - np.floor(scaled) - 0.5) <= NOISE
    if not isinstance(op, ActivationOp | AddOp | MultiplyOp):
        return np.zeros(1, dtype=bool)
    zeros = [0 if core_of(one) is not None else grid_of(one).zero for one in op.operands]
    reals = [x - zero for x, zero in zip(arguments, zeros, strict=True)]
    exact = gains(op)
    match op:
        case ActivationOp():
            scaled = reals[0] * exact
        case AddOp():
            scaled = reals[0] * exact[0] + reals[1] * exact[1]
        case MultiplyOp():
            other = reals[1] if reals[1].size == reals[0].size else reals[1].reshape(len(reals[0]), 1, 1, -1)
            scaled = reals[0] * other * exact
    scaled = np.where(scaled < 0, scaled * op.negative_slope.value.data, scaled)
    return np.abs(scaled - np.floor(scaled) - 0.5) <= NOISE


def _placed(wire: Wire, codes: NDArray) -> Ints:
    """Integers of ONNX's tensor as the engine's."""
    values = np.empty(codes.size, dtype=np.int64)
    values[wire.places.reshape(-1)] = codes.astype(np.int64).reshape(-1) - wire.offset
    return values.reshape(shape(wire.value))
