"""Handler of transposed convolutions, in floating point between QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from dsf.errors import ModelError
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.operands import bias_of, images_of, lifted, scales_of_channels, weights_beside_integers, wire_of
from dsf.frontend.onnx.transposed_window import transposed_window
from dsf.frontend.onnx.values import (
    MAX_ELEMENTS,
    QuantisedConstant,
    State,
    Sum,
    UnsupportedError,
    Wire,
    places_of_images,
    sizes_of,
)
from dsf.frontend.onnx.wide_weights import with_weights
from dsf.numerics import Floats, Ints
from dsf.transposed import TransposedWindow


@handles("ConvTranspose")
def conv_transpose(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    One or two spatial axes, groups, strides, dilation, pads, auto_pad, output_padding and output_shape. Weights as of Conv, in
    groups with one scale, or one for each output channel of a group. Beside operators on integers it has weights in floating
    point, which are quantised here.
    """
    grouped = int(node.get("group", 1)) != 1
    weights = weights_beside_integers(importer, inputs[1], None if grouped else 1)
    x = wire_of(inputs[0])
    rank = weights.codes.ndim
    if rank not in (3, 4) or len(x.shape) != rank:
        raise UnsupportedError(
            f"an input of rank {len(x.shape)} and weights of rank {rank}", "both 4, or both 3", "reshape them"
        )
    groups, channels = int(node.get("group", 1)), x.shape[1]
    inner, outer, *kernel = weights.codes.shape
    if groups < 1 or inner != channels or channels % groups != 0:
        has = f"{channels} channels, {groups} groups, and weights of shape {weights.codes.shape}"
        raise UnsupportedError(has, "(CI, CO / groups, KH, KW)", "export the model again")
    window = transposed_window(node, x.shape[2:], tuple(kernel))
    rounded = weights is not inputs[1]
    importer.note(node, "transposed convolution, of weights quantised here" if rounded else "transposed convolution")
    bias = bias_of(inputs[2] if len(inputs) > 2 else None, outer * groups)
    return [transposed_sum(importer, node, x, weights, bias, window, groups)]


def transposed_sum(
    importer: Importer,
    node: Node,
    x: Wire,
    weights: QuantisedConstant,
    bias: Floats,
    window: TransposedWindow,
    groups: int,
) -> Sum:
    """A transposed convolution of images with weights (CI, CO / groups, KH, KW), or without KH."""
    rank, lines = len(x.shape), lifted(x)
    batch, height, width, _ = sizes_of(lines)
    images_of(lines)
    try:
        rows, columns = window.output_shape(height, width)
    except ModelError as error:
        raise UnsupportedError(f"a window: {error.problems[0]}", "one that leaves some output", "pad less") from error
    outputs = weights.codes.shape[1] * groups
    sizes = (batch, rows, columns, outputs)
    if prod(sizes) > MAX_ELEMENTS:
        raise UnsupportedError(f"a result of {sizes}", f"at most {MAX_ELEMENTS} elements", "use smaller images")
    arranged = _arranged(weights.codes.reshape(*weights.codes.shape[:2], *window.window.kernel), groups)
    scales = np.tile(scales_of_channels(weights, 1, weights.codes.shape[1]), groups)
    made = Sum(
        places_of_images(sizes, rank),
        sizes,
        node.name,
        x=images_of(lines),
        x_grid=x.grid,
        weights=arranged.transpose(2, 3, 1, 0),
        bits=weights.bits,
        scales=x.grid.unit * scales,
        bias=bias,
        window=window,
        groups=groups,
    )
    return with_weights(importer, made, made.weights)


def _arranged(codes: Ints, groups: int) -> Ints:
    """Weights (CI, CO / groups, KH, KW) as those of a convolution are, (CO, CI / groups, KH, KW)."""
    inner, outer, *kernel = codes.shape
    parts = codes.reshape(groups, inner // groups, outer, *kernel).transpose(0, 2, 1, 3, 4)
    return parts.reshape(groups * outer, inner // groups, *kernel)
