"""
Writes a quantised graph as ONNX runs it: float operators between QuantizeLinear and DequantizeLinear (QDQ).

- An activation goes through both; weights and biases are integers behind a DequantizeLinear. What the engine computes as one
  (a core and its activation) has none in between.
- The type says the width: INT8, INT4 (opset 21) or INT2 (opset 25), always signed. Scales of weights lie along the output
  channels.
- A bias is INT32, its scale that of the input times that of the weights, so it is an integer of the sum's grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

from dsf import numerics
from dsf.dialects.integers import MAX_BIAS_SHIFT
from dsf.frontend.quantize.fold import set_input
from dsf.frontend.quantize.graph import Array, Graph, attribute, label
from dsf.frontend.quantize.options import QuantizeOptions
from dsf.frontend.quantize.ranges import Floats, Ints, Quantizer, weight_quantizer
from dsf.frontend.quantize.ready import OPSET, OPSET_OF_2_BITS

_TYPES = {2: TensorProto.INT2, 4: TensorProto.INT4, 8: TensorProto.INT8, 32: TensorProto.INT32}


@dataclass(frozen=True, eq=False)
class Layer:
    """The constants of a weighted node. `bias` is the float one, (channels,), or `None`."""

    node: NodeProto
    weights: Ints
    quantizer: Quantizer
    bias: Floats | None
    input_scale: float
    bias_bits: int

    @property
    def bias_scale(self) -> Floats:
        """Scales of the sums, (channels,) or one for all; exact in float32."""
        return (self.quantizer.scale * self.input_scale).astype(np.float32).astype(np.float64)

    def integer_bias(self) -> Ints | None:
        """
        The bias on the sum's grid. If the engine's bias is too narrow for it, it is a multiple of a power of two, the same one
        for all channels, by which the engine shifts it.
        """
        if self.bias is None:
            return None
        _, most = numerics.int_range(self.bias_bits)
        exact = np.abs(self.bias / self.bias_scale).max(initial=0.0)
        shift = 0
        while np.rint(exact / 2.0**shift) > most:
            shift += 1
        rounded = numerics.quantize_linear(self.bias, self.bias_scale * 2.0**shift, 0, -most, most)
        return rounded << shift


def make_layer(graph: Graph, node: NodeProto, input_scale: float, options: QuantizeOptions) -> Layer:
    """Quantises the weights of a node whose input has a scale."""
    weights = graph.constants[node.input[1]]
    axis = channel_axis(node, weights) if options.per_channel else None
    quantizer = weight_quantizer(weights, axis, options.weight_bits, options)
    bias = _float_bias(graph, node, weights)
    if bias is not None:
        quantizer = _with_room(quantizer, bias, input_scale, options)
    return Layer(node, quantizer.quantize(weights), quantizer, bias, input_scale, options.bias_bits)


def channel_axis(node: NodeProto, weights: Array) -> int | None:
    """Where weights have their output channels; `None` where groups share an axis of them."""
    if node.op_type == "ConvTranspose":
        return 1 if attribute(node, "group", 1) == 1 else None
    if node.op_type == "Conv":
        return 0
    return 0 if attribute(node, "transB", 0) else weights.ndim - 1


def output_channels(node: NodeProto, weights: Array) -> int:
    if node.op_type == "ConvTranspose":
        return weights.shape[1] * attribute(node, "group", 1)
    axis = channel_axis(node, weights)
    return weights.shape[0 if axis is None else axis]


def _float_bias(graph: Graph, node: NodeProto, weights: Array) -> Floats | None:
    bias = graph.constant(node, 2)
    if bias is None:
        return None
    return np.broadcast_to(bias.astype(np.float64).reshape(-1), (output_channels(node, weights),))


def _with_room(quantizer: Quantizer, bias: Floats, input_scale: float, options: QuantizeOptions) -> Quantizer:
    """Scales of weights next to nothing, made large enough that the bias is an integer that the engine can have."""
    widest = (1 << (min(options.bias_bits + MAX_BIAS_SHIFT, 31) - 1)) - 1
    least = np.abs(bias) / widest / input_scale
    if quantizer.axis is None:
        least = least.max(initial=0.0)
    if options.scales == "power-of-two":
        least = np.where(least > 0, 2.0 ** np.ceil(np.log2(np.maximum(least, 2.0**-200))), 0.0)
    scale = np.maximum(quantizer.scale, least).astype(np.float32).astype(np.float64)
    return Quantizer(quantizer.bits, scale, quantizer.zero_point, quantizer.axis)


@dataclass
class Written:
    """A QDQ model; for each quantised tensor the names of its real and of its dequantised values there."""

    graph: Graph
    opset: int
    real: dict[str, str]
    dequantized: dict[str, str]

    def model(self) -> onnx.ModelProto:
        return self.graph.to_model(opset=self.opset)


def write(
    graph: Graph, activations: Mapping[str, Quantizer], constants: Mapping[str, Quantizer], layers: list[Layer]
) -> Written:
    """The QDQ form of `graph`, with quantisers for tensors and constants by name."""
    result = graph.copy()
    widths = [one.bits for one in (*activations.values(), *constants.values(), *(layer.quantizer for layer in layers))]
    opset = max(graph.opset, OPSET_OF_2_BITS if 2 in widths else OPSET)
    written = Written(result, opset, {}, {})
    by_output = {node.output[0]: node for node in result.nodes}
    for layer in layers:
        _write_layer(result, by_output[layer.node.output[0]], layer)
    for name, quantizer in constants.items():
        result.redirect(name, _dequantized_constant(result, name, quantizer.quantize(result.constants[name]), quantizer))
    for name, quantizer in activations.items():
        _write_activation(written, name, quantizer)
    result.sort()
    return written


def _write_layer(graph: Graph, node: NodeProto, layer: Layer) -> None:
    stem = label(node)
    node.input[1] = _dequantized_constant(graph, node.input[1], layer.weights, layer.quantizer)
    integers = layer.integer_bias()
    if integers is None:
        return
    name = node.input[2] if len(node.input) > 2 and node.input[2] else f"{stem}.bias"
    axis = 0 if layer.bias_scale.ndim else None
    zeros = np.zeros(layer.bias_scale.shape, dtype=np.int64)
    set_input(node, 2, _dequantized_constant(graph, name, integers, Quantizer(32, layer.bias_scale, zeros, axis)))


def _dequantized_constant(graph: Graph, name: str, integers: Ints, quantizer: Quantizer) -> str:
    stored = graph.add_constant(f"{name}_quantized", _typed(integers, quantizer.bits))
    result = graph.fresh(f"{name}_dequantized")
    graph.nodes.append(_dequantize(graph, name, stored, result, quantizer))
    return result


def _dequantize(graph: Graph, name: str, stored: str, result: str, quantizer: Quantizer) -> NodeProto:
    """The node that dequantises `stored`, with constants for its scale and zero point."""
    node = helper.make_node("DequantizeLinear", [stored, *_parameters(graph, name, quantizer)], [result], name=result)
    if quantizer.axis is not None:
        node.attribute.append(helper.make_attribute("axis", quantizer.axis))
    return node


def _parameters(graph: Graph, name: str, quantizer: Quantizer) -> list[str]:
    scale = graph.add_constant(f"{name}_scale", quantizer.scale.astype(np.float32))
    return [scale, graph.add_constant(f"{name}_zero_point", _typed(quantizer.zero_point, quantizer.bits))]


def _typed(integers: Ints, bits: int) -> Array:
    return integers.astype(helper.tensor_dtype_to_np_dtype(_TYPES[bits]))


def _write_activation(written: Written, name: str, quantizer: Quantizer) -> None:
    graph = written.graph
    stored = graph.fresh(f"{name}_quantized")
    if graph.is_output(name) and (producer := graph.producer(name)) is not None:
        real, result = graph.fresh(f"{name}_real"), name
        graph.rename_result(producer, name, real)
    else:
        real, result = name, graph.fresh(f"{name}_dequantized")
        graph.redirect(name, result)
    scale, zero_point = _parameters(graph, name, quantizer)
    graph.nodes.append(helper.make_node("QuantizeLinear", [real, scale, zero_point], [stored], name=stored))
    graph.nodes.append(helper.make_node("DequantizeLinear", [stored, scale, zero_point], [result], name=f"{stored}_back"))
    written.real[name], written.dequantized[name] = real, result
