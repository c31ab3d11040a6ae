"""
Handlers of poolings. A maximum stays on its grid. A mean of as many elements everywhere is a depthwise convolution with
weights of 1, whose scale is 1 / count: so it has a grid of its own and is rounded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from dsf.dialects.shapes import shape
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, constant_of, handles, wire_of
from dsf.frontend.onnx.linear import array_of, convolution_window, engine_shape, images_of, operand, rounded
from dsf.frontend.onnx.moves import moved, tensor_of
from dsf.frontend.onnx.values import State, Sum, UnsupportedError, Wire, channels_first
from dsf.geometry import Window


def _window(node: Node, sizes: tuple[int, ...]) -> Window:
    """The window of a pooling; with ceil_mode, padded at the end so far that the last windows that begin inside count."""
    kernel = node.ints("kernel_shape")
    if len(kernel) != len(sizes) or len(kernel) not in (1, 2):
        raise UnsupportedError(f"a window {kernel} over {len(sizes)} axes", "1 or 2 axes", "reshape to images")
    window = convolution_window(node, sizes, kernel)
    if window.dilation != (1, 1):
        raise UnsupportedError(f"a dilation of {window.dilation}", "1", "use a pooling without")
    return _ceiled(window, sizes if len(sizes) == 2 else (1, *sizes)) if node.get("ceil_mode", 0) else window


def _ceiled(window: Window, sizes: tuple[int, ...]) -> Window:
    top, bottom, left, right = window.padding
    ends: list[int] = []
    for size, kernel, stride, begin, end in zip(
        sizes, window.kernel, window.strides, (top, left), (bottom, right), strict=True
    ):
        count = -(-(size + begin + end - kernel) // stride) + 1
        # A window that begins in the padding at the end does not count.
        if (count - 1) * stride >= size + begin:
            count -= 1
        ends.append(max(end, (count - 1) * stride + kernel - size - begin))
    return replace(window, padding=(top, ends[0], left, ends[1]))


def _checked(window: Window) -> Window:
    top, bottom, left, right = window.padding
    if max(top, bottom) >= window.kernel[0] or max(left, right) >= window.kernel[1]:
        raise UnsupportedError(f"padding {window.padding}", "less than the window", "pad less")
    return window


@handles("MaxPool")
def max_pool(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """One or two spatial axes, pads less than the window, ceil_mode; no dilation and no indices."""
    if len(node.outputs) > 1 and node.outputs[1] != "":
        raise UnsupportedError("a second result, the indices", "the maxima only", "drop what uses them")
    x = tensor_of(inputs[0])
    window = _checked(_window(node, x.shape[2:]))
    importer.note(node, "max pooling")
    # Rounding is monotonic, so that the maximum of what is rounded is the rounded maximum.
    return [moved(importer, x, [window], node.name)]


@handles("GlobalMaxPool")
def global_max_pool(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As MaxPool, over whole images."""
    x = tensor_of(inputs[0])
    height, width = x.shape[2:] if len(x.shape) == 4 else (1, x.shape[-1])
    importer.note(node, "max pooling")
    return [moved(importer, x, [Window((height, width))], node.name)]


@handles("AveragePool")
def average_pool(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Windows inside the image, or count_include_pad without ceil_mode; by the array, as a depthwise convolution."""
    return [_average(importer, node, wire_of(inputs[0]))]


def _average(importer: Importer, node: Node, x: Wire) -> Sum:
    if len(x.shape) != 4:
        raise UnsupportedError(f"a tensor of rank {len(x.shape)}", "4", "reshape to images")
    window = _window(node, x.shape[2:])
    inside = _covers_inside(window, x.shape[2:])
    if not inside and (not node.get("count_include_pad", 0) or node.get("ceil_mode", 0)):
        has = "means of fewer elements at the edge of the image"
        raise UnsupportedError(has, "as many everywhere", "use count_include_pad without ceil_mode, or no padding")
    importer.note(node, "average pooling, by the array")
    return _mean(node, x, window)


def _covers_inside(window: Window, sizes: tuple[int, ...]) -> bool:
    """Whether no window reaches outside the image."""
    top, _, left, _ = window.padding
    rows, columns = window.output_shape(*sizes)
    ends = ((rows - 1) * window.strides[0] + window.kernel[0], (columns - 1) * window.strides[1] + window.kernel[1])
    return top == left == 0 and ends[0] <= sizes[0] and ends[1] <= sizes[1]


@handles("GlobalAveragePool", "ReduceMean")
def global_average_pool(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Over the two axes of images, which the hardware's max_kernel_size has to hold; by the array."""
    x = wire_of(inputs[0])
    keep = bool(node.get("keepdims", 1))
    if node.op_type == "ReduceMean":
        axes = node.ints("axes") if len(inputs) < 2 or inputs[1] is None else tuple(constant_of(inputs[1], "axes").tolist())
        if sorted(int(axis) % max(len(x.shape), 1) for axis in axes) != [2, 3] or len(x.shape) != 4:
            raise UnsupportedError(
                f"a mean over axes {tuple(axes)} of {len(x.shape)}", "axes 2 and 3 of images", "transpose it"
            )
    if len(x.shape) != 4:
        raise UnsupportedError(f"a tensor of rank {len(x.shape)}", "4", "reshape to images")
    importer.note(node, "average pooling, by the array")
    mean = _mean(node, x, Window((x.shape[2], x.shape[3])))
    return [mean if keep else replace(mean, places=mean.places[:, :, 0, 0])]


def _mean(node: Node, x: Wire, window: Window) -> Sum:
    value = images_of(x)
    batch, height, width, channels = shape(value)
    sizes = engine_shape(window, batch, height, width, channels)
    return Sum(
        channels_first(sizes),
        sizes,
        node.name,
        x=value,
        x_grid=x.grid,
        weights=np.ones((*window.kernel, 1, channels), dtype=np.int64),
        bits=2,
        scales=np.full(channels, x.grid.unit / prod(window.kernel)),
        bias=np.zeros(channels),
        window=window,
        groups=channels,
    )


@handles("com.microsoft.QLinearAveragePool", "com.microsoft.QLinearGlobalAveragePool")
def qlinear_average_pool(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As the pooling in floating point, on integers, channels first."""
    if node.get("channels_last", 0):
        raise UnsupportedError("channels_last", "images (N, C, H, W)", "export it with channels first")
    scale, zero_point, y_scale, y_zero = (array_of(one, "a scale or zero point") for one in inputs[1:5])
    x = operand(importer, inputs[0], scale, zero_point)
    if "Global" in node.op_type:
        if len(x.shape) != 4:
            raise UnsupportedError(f"a tensor of rank {len(x.shape)}", "4", "reshape to images")
        importer.note(node, "average pooling, by the array")
        pending = _mean(node, x, Window((x.shape[2], x.shape[3])))
    else:
        pending = _average(importer, node, x)
    return rounded(importer, node, pending, y_scale, y_zero)
