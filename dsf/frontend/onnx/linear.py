"""
Handlers of convolutions and dense layers, in floating point between QuantizeLinear and DequantizeLinear, and on integers.

Each becomes a `Sum`: integer weights with one scale for each output channel, and a real bias.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np
from xdsl.ir import SSAValue

from dsf.dialects.shapes import shape
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.moving import as_images, chosen_channels, whole_images, with_last_axis
from dsf.frontend.onnx.operands import (
    array_of,
    bias_of,
    engine_shape,
    images_of,
    lifted,
    scales_of_channels,
    transposed,
    weights_of,
    wire_of,
)
from dsf.frontend.onnx.quantisation import grid_of_numbers, quantised_constant
from dsf.frontend.onnx.rounding import flattened, quantise
from dsf.frontend.onnx.values import (
    Array,
    Input,
    Padded,
    QuantisedConstant,
    Real,
    State,
    Sum,
    UnsupportedError,
    Wire,
    channels_first,
    is_images,
    places_of_images,
    row_major,
)
from dsf.frontend.onnx.wide_weights import fitted, repeat_channels, repeat_columns, repeat_inputs
from dsf.geometry import Window, span
from dsf.numerics import Floats, Ints


def rows_of(importer: Importer, x: Wire, name: str) -> tuple[SSAValue, Ints]:
    """The engine's tensor (N, M) of an ONNX tensor (N, K), and the place of each k in its rows."""
    batch = x.shape[0]
    value = shape(x.value)
    order = x.places - row_major((batch, 1)) * prod(value[1:])
    if value[0] != batch or not bool((order == order[0]).all()):
        raise UnsupportedError(f"a batch of {batch} made of {value[0]} images", "the same batch", "reshape to the batch first")
    return flattened(importer, x.value, name), order[0]


def convolution_window(node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> Window:
    """The window of a node over images of these sizes; one spatial axis is the horizontal one."""
    axes = len(kernel)
    declared = node.ints("kernel_shape", kernel)
    if declared != kernel:
        raise UnsupportedError(f"kernel_shape {declared} and weights of {kernel}", "the same", "export the model again")
    strides, dilation = node.ints("strides", (1,) * axes), node.ints("dilations", (1,) * axes)
    pads = node.ints("pads", (0,) * (2 * axes))
    if len(strides) != axes or len(dilation) != axes or len(pads) != 2 * axes or min(*strides, *dilation, *kernel) < 1:
        raise UnsupportedError(
            "strides, dilations or pads of another rank, or below 1", f"{axes} axes", "export the model again"
        )
    if min(pads) < 0:
        raise UnsupportedError(f"pads {pads}", "0 or more", "slice the tensor before it")
    auto = node.get("auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        spans = [span(one, step) for one, step in zip(kernel, dilation, strict=True)]
        pads = _same(sizes, spans, strides, upper=auto == "SAME_UPPER")
    elif auto == "VALID":
        pads = (0,) * (2 * axes)
    elif auto not in ("NOTSET", ""):
        raise UnsupportedError(f"auto_pad {auto}", "NOTSET, VALID, SAME_UPPER or SAME_LOWER", "use pads")
    if axes == 1:
        return Window((1, kernel[0]), (1, strides[0]), (0, 0, pads[0], pads[1]), (1, dilation[0]))
    if axes != 2:
        raise UnsupportedError(f"{axes} spatial axes", "1 or 2", "reshape to images")
    top, left, bottom, right = pads
    return Window((kernel[0], kernel[1]), (strides[0], strides[1]), (top, bottom, left, right), (dilation[0], dilation[1]))


def _same(sizes: tuple[int, ...], spans: list[int], strides: tuple[int, ...], *, upper: bool) -> tuple[int, ...]:
    """
    Pads with which the output has ceil(size / stride) positions; the odd one at the end, or at the beginning. Raises
    `UnsupportedError` where strides leave out so much that it is not clear at which end: onnxruntime's operators differ.
    """
    total = [(-(-size // step) - 1) * step + one - size for size, one, step in zip(sizes, spans, strides, strict=True)]
    if min(total) < -1:
        has = f"auto_pad of windows that leave out {-min(total)} elements of {sizes} at the ends"
        raise UnsupportedError(has, "at most 1", "use pads, or strides that are not so large")
    total = [max(one, 0) for one in total]
    small, large = [one // 2 for one in total], [one - one // 2 for one in total]
    return (*small, *large) if upper else (*large, *small)


def _convolve(
    importer: Importer,
    node: Node,
    x: Wire,
    weights: QuantisedConstant,
    bias: Floats | None,
    *,
    margin: tuple[int, int, int, int] = (0, 0, 0, 0),
) -> Sum:
    """`bias` is in real numbers; `margin` are zeros around the images, besides the node's own."""
    rank = weights.codes.ndim
    if rank not in (3, 4) or len(x.shape) != rank:
        raise UnsupportedError(
            f"an input of rank {len(x.shape)} and weights of rank {rank}", "both 4, or both 3", "reshape them"
        )
    outputs, per_group, *kernel = weights.codes.shape
    groups = int(node.get("group", 1))
    channels = x.shape[1]
    if groups < 1 or per_group * groups != channels or outputs % groups != 0:
        has = f"{channels} channels, {groups} groups, and weights of shape {weights.codes.shape}"
        raise UnsupportedError(has, "(CO, CI / groups, KH, KW)", "export the model again")
    x, weights, bias, order = _in_engine_order(importer, node, x, weights, bias)
    sizes = Padded(x, margin).shape[2:]
    window = convolution_window(node, sizes, tuple(kernel))
    top, bottom, left, right = (a + b for a, b in zip(window.padding, margin, strict=True))
    window = replace(window, padding=(top, bottom, left, right))
    x = lifted(x)
    sizes = engine_shape(window, x.shape[0], x.shape[2], x.shape[3], outputs)
    images_of(x)
    bits, parts = fitted(weights, importer.hardware)
    parts = [one.reshape(*one.shape[:2], *window.kernel) for one in parts]
    codes = parts[0]
    if len(parts) > 1 and groups == 1:
        x, codes = repeat_channels(importer, x, parts, node.name)
    elif len(parts) > 1:
        x, codes, window = repeat_columns(importer, x, parts, window, node.name)
    importer.note(node, "convolution" if len(parts) == 1 else "convolution, of weights in parts")
    return Sum(
        places_of_images(sizes, rank)[:, order],
        sizes,
        node.name,
        x=images_of(x),
        x_grid=x.grid,
        weights=codes.transpose(2, 3, 1, 0),
        bits=bits,
        scales=x.grid.unit * scales_of_channels(weights, 0, outputs),
        bias=bias_of(None, outputs) if bias is None else bias,
        window=window,
        groups=groups,
    )


def _in_engine_order(
    importer: Importer, node: Node, x: Wire, weights: QuantisedConstant, bias: Floats | None
) -> tuple[Wire, QuantisedConstant, Floats | None, Ints]:
    """
    Operands of a convolution whose images are the engine's, and where its output channels are in its result. Channels that are
    chosen or shuffled are so in the weights instead, where one kernel reads all of them, or each one its own.
    """
    outputs, groups = weights.codes.shape[0], int(node.get("group", 1))
    order: Ints = np.arange(outputs, dtype=np.int64)
    chosen = None if is_images(x) else chosen_channels(x)
    if chosen is not None and groups == 1 and weights.axis in (None, 0):
        codes = np.zeros((outputs, shape(x.value)[3], *weights.codes.shape[2:]), dtype=np.int64)
        for place, channel in enumerate(chosen):
            codes[:, channel] += weights.codes[:, place]
        return whole_images(x), replace(weights, codes=codes), bias, order
    depthwise = groups == outputs == x.shape[1] == shape(x.value)[-1] and weights.axis in (None, 0)
    if chosen is not None and depthwise and np.unique(chosen).size == groups:
        back = np.argsort(chosen)
        scale = weights.scale if weights.axis is None else weights.scale[back]
        weights = replace(weights, codes=weights.codes[back], scale=scale)
        return whole_images(x), weights, None if bias is None else bias[back], chosen
    return as_images(importer, x, node.name), weights, bias, order


def _multiply(importer: Importer, node: Node, x: Wire, weights: QuantisedConstant, bias: Floats | None) -> Sum:
    """A dense layer; weights are (K, CO). Of more than rows, one of every pixel."""
    if weights.codes.ndim != 2 or len(x.shape) == 0:
        has = f"a product of ranks {len(x.shape)} and {weights.codes.ndim}"
        raise UnsupportedError(has, "weights of rank 2, the same for each image", "reshape them")
    inputs, outputs = weights.codes.shape
    if x.shape[-1] != inputs:
        raise UnsupportedError(f"{x.shape[-1]} inputs and weights for {inputs}", "as many", "correct the weights")
    if len(x.shape) > 2:
        return _multiply_pixels(importer, node, x, weights, bias)
    if len(x.shape) == 1:
        row = _multiply(importer, node, replace(x, places=x.places[None]), weights, bias)
        return replace(row, places=row.places[0])
    bits, parts = fitted(weights, importer.hardware)
    given = parts[0]
    if len(parts) > 1:
        x, given = repeat_inputs(importer, x, parts, node.name)
    value, order = rows_of(importer, x, node.name)
    # What the network does not read of the engine's row, if it was taken from a larger tensor, has no weight.
    codes = np.zeros((shape(value)[1], outputs), dtype=np.int64)
    codes[order] = given
    sizes = (x.shape[0], outputs)
    importer.note(node, "dense layer" if len(parts) == 1 else "dense layer, of weights in parts")
    return Sum(
        row_major(sizes),
        sizes,
        node.name,
        x=value,
        x_grid=x.grid,
        weights=codes,
        bits=bits,
        scales=x.grid.unit * scales_of_channels(weights, 1, outputs),
        bias=bias_of(None, outputs) if bias is None else bias,
        window=None,
    )


def _multiply_pixels(importer: Importer, node: Node, x: Wire, weights: QuantisedConstant, bias: Floats | None) -> Sum:
    """The product of the last axis (..., K) of a tensor with weights (K, CO): a convolution of one tap."""
    inputs, outputs = weights.codes.shape
    channels = with_last_axis(importer, x, node.name)
    if channels is None:
        has = f"a product over an axis whose elements are in another order than the engine's, of a tensor of {x.shape}"
        raise UnsupportedError(has, "an axis of images, or all of their pixels", "reshape it to rows before")
    whole = replace(channels, places=channels_first(shape(channels.value)))
    taps = transposed(weights, (1, 0))
    made = _convolve(importer, node, whole, replace(taps, codes=taps.codes[:, :, None, None]), bias)
    return replace(made, places=channels.places[..., :1] // inputs * outputs + np.arange(outputs))


@handles("Conv")
def conv(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    One or two spatial axes, any groups (depthwise too), strides, dilation, pads and auto_pad. Weights are constants behind a
    DequantizeLinear, with one scale or one for each output channel; those with more bits than the engine's, less their zero
    point, are taken in parts, for which input channels, or in groups columns, are repeated.
    """
    weights = weights_of(inputs[1])
    bias = bias_of(inputs[2] if len(inputs) > 2 else None, weights.codes.shape[0])
    x = inputs[0]
    if isinstance(x, Padded):
        return [_convolve(importer, node, wire_of(x.wire), weights, bias, margin=x.margin)]
    return [_convolve(importer, node, wire_of(x), weights, bias)]


@handles("Gemm")
def gemm(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    The first operand (N, K), or transposed where that only renames it; the second constant weights as of Conv; alpha above 0,
    any beta, transB.
    """
    alpha, beta = float(node.get("alpha", 1.0)), float(node.get("beta", 1.0))
    if alpha <= 0:
        raise UnsupportedError(f"alpha {alpha}", "a positive number", "put its sign into the weights")
    weights = weights_of(inputs[1])
    if node.get("transB", 0):
        weights = transposed(weights, (1, 0))
    if weights.codes.ndim != 2:
        raise UnsupportedError(f"weights of rank {weights.codes.ndim}", "2", "reshape them")
    bias = beta * bias_of(inputs[2] if len(inputs) > 2 else None, weights.codes.shape[1])
    x = wire_of(inputs[0])
    x = replace(x, places=x.places.T) if node.get("transA", 0) else x
    if len(x.shape) != 2:
        raise UnsupportedError(f"an input of rank {len(x.shape)}", "2", "flatten it")
    return [_multiply(importer, node, x, replace(weights, scale=alpha * weights.scale), bias)]


@handles("MatMul")
def matmul(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    (..., K) times constant weights (K, M), as of Conv. Of more than rows, the engine exchanges axes so that K is that of its
    channels; whole images may be K, or equal parts of rows or columns.
    """
    return [_multiply(importer, node, wire_of(inputs[0]), weights_of(inputs[1]), None)]


# On integers.


def operand(importer: Importer, state: State | None, scale: Array, zero_point: Array | None) -> Wire:
    """Codes with the scale and the zero point that an operator gives for them, as real numbers."""
    if isinstance(state, Input):
        grid, offset = grid_of_numbers(scale, zero_point, state.kind)
        return importer.input_wire(state, grid, offset, codes=False)
    if isinstance(state, Wire) and state.stand_in:
        grid, offset = grid_of_numbers(scale, zero_point)
        return state.on_grid(grid, codes=False, offset=offset)
    if not isinstance(state, Wire) or not state.codes:
        raise UnsupportedError("an operand that is no quantised tensor", "one", "add a QuantizeLinear before it")
    grid, _ = grid_of_numbers(scale, zero_point, "int8" if state.offset == 0 else "uint8")
    if grid != state.grid:
        raise UnsupportedError(f"numbers {grid} of an operand quantised to {state.grid}", "the same", "export the model again")
    return replace(state, codes=False)


def _integer_weights(codes: Array, scale: Array, zero_point: Array | None, axis: int) -> QuantisedConstant:
    per_channel = scale.size > 1 or (zero_point is not None and zero_point.size > 1)
    if per_channel:
        scale = np.broadcast_to(scale.reshape(-1), codes.shape[axis])
    return weights_of(quantised_constant(codes, scale, zero_point, axis if per_channel else None))


def rounded(importer: Importer, node: Node, pending: Real, scale: Array, zero_point: Array) -> Sequence[State]:
    """A result with the scale and the zero point that an operator gives for it."""
    grid, offset = grid_of_numbers(scale, zero_point)
    return [quantise(importer, pending, grid, offset, node.name)]


@handles("QLinearConv")
def qlinear_conv(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Conv, on integers."""
    x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = (array_of(one, "an operand") for one in inputs[1:8])
    x = operand(importer, inputs[0], x_scale, x_zero)
    weights = _integer_weights(w, w_scale, w_zero, 0)
    # A bias of integers, in units of the sum.
    units = x.grid.unit * scales_of_channels(weights, 0, w.shape[0])
    bias = units * bias_of(inputs[8] if len(inputs) > 8 else None, w.shape[0])
    return rounded(importer, node, _convolve(importer, node, x, weights, bias), y_scale, y_zero)


@handles("QLinearMatMul")
def qlinear_matmul(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As MatMul, on integers."""
    x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = (array_of(one, "an operand") for one in inputs[1:8])
    x = operand(importer, inputs[0], x_scale, x_zero)
    pending = _multiply(importer, node, x, _integer_weights(w, w_scale, w_zero, 1), None)
    return rounded(importer, node, pending, y_scale, y_zero)


@handles("com.microsoft.QGemm")
def qgemm(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Gemm, on integers; alpha 1."""
    x_scale, x_zero, w, w_scale, w_zero = (array_of(one, "an operand") for one in inputs[1:6])
    if node.get("transA", 0) or float(node.get("alpha", 1.0)) != 1:
        raise UnsupportedError("transA, or an alpha other than 1", "neither", "put them into the operands")
    x = operand(importer, inputs[0], x_scale, x_zero)
    weights = _integer_weights(w, w_scale, w_zero, 0 if node.get("transB", 0) else 1)
    weights = transposed(weights, (1, 0)) if node.get("transB", 0) else weights
    if weights.codes.ndim != 2:
        raise UnsupportedError(f"weights of rank {weights.codes.ndim}", "2", "reshape them")
    outputs = weights.codes.shape[1]
    units = x.grid.unit * scales_of_channels(weights, 1, outputs)
    pending = _multiply(importer, node, x, weights, units * bias_of(inputs[6] if len(inputs) > 6 else None, outputs))
    if len(inputs) < 8 or inputs[7] is None:
        return [pending]
    zero_point = array_of(inputs[8] if len(inputs) > 8 else None, "a zero point")
    return rounded(importer, node, pending, array_of(inputs[7], "a scale"), zero_point)


def _whole(importer: Importer, inputs: Sequence[State | None]) -> tuple[Wire, Array | None]:
    """The operand of an operator that gives no scales, as the integers it computes with; and the zero point of the weights."""
    zero_point = array_of(inputs[2], "a zero point") if len(inputs) > 2 and inputs[2] is not None else None
    weights_zero = array_of(inputs[3], "a zero point") if len(inputs) > 3 and inputs[3] is not None else None
    x = inputs[0]
    if isinstance(x, Input):
        return operand(importer, x, np.ones(1), zero_point), weights_zero
    if isinstance(x, Wire) and x.stand_in:
        return replace(x, codes=False), weights_zero
    if not isinstance(x, Wire) or not x.codes:
        raise UnsupportedError("an operand that is no quantised tensor", "one", "add a QuantizeLinear before it")
    zero = 0 if zero_point is None else int(zero_point.astype(np.int64).item())
    if zero - x.offset != x.grid.zero:
        has = f"a zero point of {zero} of a tensor quantised with {x.grid.zero + x.offset}"
        raise UnsupportedError(has, "the same", "use the QuantizeLinear's")
    return replace(x, codes=False), weights_zero


def _unscaled(pending: Sum) -> Sum:
    """Sums of integers as the numbers that the operator computes."""
    return replace(pending, scales=np.ones_like(pending.scales))


@handles("ConvInteger")
def conv_integer(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As Conv, on integers; factors and offsets by constants may follow, then a QuantizeLinear."""
    x, zero_point = _whole(importer, inputs)
    weights = _integer_weights(array_of(inputs[1], "weights"), np.ones(1), zero_point, 0)
    return [_unscaled(_convolve(importer, node, x, weights, None))]


@handles("MatMulInteger")
def matmul_integer(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As MatMul, on integers; factors and offsets by constants may follow, then a QuantizeLinear."""
    x, zero_point = _whole(importer, inputs)
    weights = _integer_weights(array_of(inputs[1], "weights"), np.ones(1), zero_point, 1)
    return [_unscaled(_multiply(importer, node, x, weights, None))]
