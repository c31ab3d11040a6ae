"""
What the operators of QONNX mean, in plain numpy, for onnx's reference evaluator.

Written after the definitions in qonnx 1.0.0 (qonnx/custom_op/general), with loops over the elements for what is rounded.
"""

import math

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

DOMAIN = "qonnx.custom_op.general"


def round_by(mode, value):
    if mode == "ROUND":
        return float(np.rint(value))
    if mode == "FLOOR":
        return float(math.floor(value))
    if mode == "CEIL":
        return float(math.ceil(value))
    if mode == "DOWN":
        return float(math.trunc(value))
    if mode == "UP":
        return math.copysign(math.ceil(abs(value)), value)
    if mode == "HALF_UP":
        return math.copysign(math.floor(abs(value) + 0.5), value)
    if mode == "HALF_DOWN":
        return math.copysign(math.ceil(abs(value) - 0.5), value)
    raise ValueError(mode)


def round_each(mode, values):
    return np.array([round_by(mode, one) for one in values.reshape(-1).tolist()], dtype=values.dtype).reshape(values.shape)


def limits(bits, signed, narrow):
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


class Quant(OpRun):
    op_domain = DOMAIN

    def _run(self, x, scale, zero_point, bits, signed=1, narrow=0, rounding_mode="ROUND"):
        value = x / scale + zero_point
        if bits.item() == 1 and signed:
            value = np.where(value >= 0, np.float32(1), np.float32(-1))
        else:
            value = round_each(rounding_mode, np.clip(value, *limits(int(bits.item()), signed, narrow)))
        return (((value - zero_point) * scale).astype(x.dtype),)


class BipolarQuant(OpRun):
    op_domain = DOMAIN

    def _run(self, x, scale):
        return ((np.where(x >= 0, np.float32(1), np.float32(-1)) * scale).astype(x.dtype),)


class Trunc(OpRun):
    op_domain = DOMAIN

    def _run(self, x, scale, zero_point, bits, *rest, rounding_mode="FLOOR", signed=1, narrow=0):
        value = np.rint(x / scale + zero_point)
        if len(rest) == 1:
            (out_bits,) = rest
            value = round_each(rounding_mode, value / np.float32(2.0 ** (bits.item() - out_bits.item())))
            return (((value - zero_point) * scale).astype(x.dtype),)
        out_scale, out_bits = rest
        steps = np.float32(2.0 ** round(math.log2(out_scale.item() / scale.item())))
        value = round_each(rounding_mode, np.clip(value / steps, *limits(int(out_bits.item()), signed, narrow)))
        return (((value - zero_point / steps) * out_scale).astype(x.dtype),)


def run(proto, feeds):
    """The outputs of a QONNX model."""
    return ReferenceEvaluator(proto, new_ops=[Quant, BipolarQuant, Trunc]).run(None, feeds)


def in_float64(proto):
    """A copy of a model whose numbers are those of float32, and which computes in float64."""
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    constants = [one.t for node in copy.graph.node for one in node.attribute if one.type == onnx.AttributeProto.TENSOR]
    for tensor in [*copy.graph.initializer, *constants]:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))
    for value in [*copy.graph.input, *copy.graph.output, *copy.graph.value_info]:
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
            value.type.tensor_type.elem_type = onnx.TensorProto.DOUBLE
    return copy
