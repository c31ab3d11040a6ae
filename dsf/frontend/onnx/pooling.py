"""Handlers of poolings. A maximum stays on its grid; a mean has one of its own (`means.py`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from dsf.dialects.shapes import shape
from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.linear import convolution_window, operand, rounded
from dsf.frontend.onnx.means import is_zero_around, mean, mean_of_parts, mean_over, stretches
from dsf.frontend.onnx.moves import tensor_of
from dsf.frontend.onnx.moving import moved
from dsf.frontend.onnx.operands import array_of, constant_of, engine_shape, images_of, lifted, real_of
from dsf.frontend.onnx.rounding import move, reshaped
from dsf.frontend.onnx.sums import linear_of
from dsf.frontend.onnx.values import Joined, Mean, State, Sum, UnsupportedError, Wire, places_of_images
from dsf.geometry import Window, span


def pooling_windows(node: Node, sizes: tuple[int, ...]) -> tuple[Window, Window]:
    """
    The window of a pooling as it is declared; and with ceil_mode padded at the end so far that the last windows that begin
    inside count.
    """
    kernel = node.ints("kernel_shape")
    if len(kernel) != len(sizes) or len(kernel) not in (1, 2):
        raise UnsupportedError(f"a window {kernel} over {len(sizes)} axes", "1 or 2 axes", "reshape to images")
    window = convolution_window(node, sizes, kernel)
    ceiled = _ceiled(window, sizes if len(sizes) == 2 else (1, *sizes)) if node.get("ceil_mode", 0) else window
    return window, ceiled


def _ceiled(window: Window, sizes: tuple[int, ...]) -> Window:
    top, bottom, left, right = window.padding
    ends: list[int] = []
    spans = [span(one, step) for one, step in zip(window.kernel, window.dilation, strict=True)]
    for size, kernel, stride, begin, end in zip(sizes, spans, window.strides, (top, left), (bottom, right), strict=True):
        count = -(-(size + begin + end - kernel) // stride) + 1
        # A window that begins in the padding at the end does not count.
        if (count - 1) * stride >= size + begin:
            count -= 1
        ends.append(max(end, (count - 1) * stride + kernel - size - begin))
    return replace(window, padding=(top, ends[0], left, ends[1]))


def _check(window: Window) -> None:
    top, bottom, left, right = window.padding
    if max(top, bottom) >= window.kernel[0] or max(left, right) >= window.kernel[1]:
        raise UnsupportedError(f"padding {window.padding}", "less than the window", "pad less")


@handles("MaxPool")
def max_pool(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """One or two spatial axes, pads less than the window, ceil_mode; no dilation and no indices."""
    if len(node.outputs) > 1 and node.outputs[1] in importer.read:
        raise UnsupportedError("a second result, the indices", "the maxima only", "drop what uses them")
    x = tensor_of(inputs[0])
    _, window = pooling_windows(node, x.shape[2:])
    if window.dilation != (1, 1):
        raise UnsupportedError(f"a dilation of {window.dilation}", "1", "use a pooling without")
    _check(window)
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
    """
    One or two spatial axes, any padding, dilation and ceil_mode. By the array, in parts where windows have fewer elements; on
    the scale of what is pooled, such are the engine's own pooling.
    """
    return [_average(importer, node, inputs[0])]


def _average(importer: Importer, node: Node, state: State | None) -> Sum | Joined | Mean:
    declared, window = pooling_windows(node, real_of(state).shape[2:])
    x = linear_of(importer, state, node.name)
    size, include = lines_of(x.shape), bool(node.get("count_include_pad", 0))
    sizes = engine_shape(window, x.shape[0], *size, x.shape[1])
    results = sizes[1:3]
    importer.note(node, "average pooling, by the array")
    if _covers_inside(window, size, results):
        return mean(importer, x, replace(window, padding=(0, 0, 0, 0)), node.name)
    if include and declared == window and is_zero_around(x, window.padding):
        return mean(importer, x, window, node.name)
    importer.note(node, "average pooling, of fewer elements at the edge")
    top, bottom, left, right = declared.padding
    kernel, strides, dilation = window.kernel, window.strides, window.dilation
    down = stretches(size[0], (kernel[0], strides[0], dilation[0]), top, results[0], bottom if include else None)
    across = stretches(size[1], (kernel[1], strides[1], dilation[1]), left, results[1], right if include else None)

    def sums() -> Sum | Joined:
        return mean_of_parts(importer, x, down, across, node.name)

    # The engine's own pooling counts no padding, and has no dilation.
    if include or dilation != (1, 1) or not isinstance(state, Wire):
        return sums()
    images_of(lifted(state))
    return Mean(places_of_images(sizes, len(x.shape)), sizes, node.name, wire=state, window=window, sums=sums)


def lines_of(shape: tuple[int, ...]) -> tuple[int, int]:
    """Rows and columns of images; a tensor (N, C, L) has one row."""
    *rows, columns = shape[2:]
    return (rows[0] if rows else 1), columns


def _covers_inside(window: Window, size: tuple[int, int], results: tuple[int, int]) -> bool:
    """Whether none of as many windows reaches outside the image."""
    top, _, left, _ = window.padding
    ends = [
        (count - 1) * stride + span(kernel, step)
        for count, stride, kernel, step in zip(results, window.strides, window.kernel, window.dilation, strict=True)
    ]
    return top == left == 0 and ends[0] <= size[0] and ends[1] <= size[1]


@handles("GlobalAveragePool")
def global_average_pool(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Over whole images, which the hardware's max_kernel_size has to hold; by the array."""
    return [_global(importer, node, inputs[0])]


def _global(importer: Importer, node: Node, state: State | None) -> Sum:
    x = real_of(state)
    if len(x.shape) not in (3, 4):
        raise UnsupportedError(f"a tensor of rank {len(x.shape)}", "4 or 3", "reshape to images")
    importer.note(node, "average pooling, by the array")
    longer = {axis for axis in range(2, len(x.shape)) if x.shape[axis] > 1}
    return mean_over(importer, x, longer, node.name) if longer else linear_of(importer, x, node.name)


@handles("ReduceMean", "ReduceSum")
def reduce_mean(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Over any axes but that of a batch, of images or rows, also one after the other; rows and columns as GlobalAveragePool, or
    one of the two.
    """
    real = real_of(inputs[0])
    over, result = _reduced(node, inputs, real.shape)
    importer.note(node, "average pooling, by the array")
    longer = {axis for axis in over if real.shape[axis] > 1}
    if not longer:
        return [replace(real, places=real.places.reshape(result))]
    found = mean_over(importer, real, longer, node.name)
    if node.op_type == "ReduceSum":
        count = prod(real.shape[axis] for axis in longer)
        found = replace(found, scales=found.scales * count, bias=found.bias * count)
    return [replace(found, places=found.places.reshape(result))]


def _reduced(node: Node, inputs: Sequence[State | None], sizes: tuple[int, ...]) -> tuple[set[int], tuple[int, ...]]:
    """The axes that a node reduces, and the shape of its result."""
    axes = node.ints("axes") if len(inputs) < 2 or inputs[1] is None else tuple(constant_of(inputs[1], "axes").tolist())
    if not axes and node.get("noop_with_empty_axes", 0):
        return set(), sizes
    over = {int(axis) % len(sizes) for axis in axes} or set(range(len(sizes)))
    kept = bool(node.get("keepdims", 1))
    return over, tuple(1 if axis in over else size for axis, size in enumerate(sizes) if kept or axis not in over)


@handles("ReduceMax")
def reduce_max(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """Over any axes of images but that of a batch, as MaxPool; over channels, as columns, of a quantised tensor."""
    x = tensor_of(inputs[0])
    over, result = _reduced(node, inputs, x.shape)
    longer = {axis for axis in over if x.shape[axis] > 1}
    if longer and (len(x.shape) not in (3, 4) or 0 in longer or (1 in longer and not isinstance(x, Wire))):
        has = f"a maximum over axes {tuple(sorted(longer))} of a tensor of {x.shape}"
        raise UnsupportedError(has, "axes of images, of channels quantised before", "reduce these")
    importer.note(node, "max pooling")
    if isinstance(x, Wire) and 1 in longer:
        x = _maxima_of_channels(importer, x, node.name)
    if longer - {1}:
        rows, columns = lines_of(x.shape)
        window = Window((rows if len(x.shape) == 4 and 2 in longer else 1, columns if len(x.shape) - 1 in longer else 1))
        x = moved(importer, x, [window], node.name)
    return [replace(x, places=x.places.reshape(result))]


def _maxima_of_channels(importer: Importer, x: Wire, name: str) -> Wire:
    """The largest channel of each pixel."""
    images = images_of(lifted(x))
    batch, height, width, channels = shape(images)
    columns = reshaped(importer, images, (batch, height, width * channels, 1), name)
    value = move(importer, columns, [Window((1, channels), (1, channels))], name)
    return replace(x, value=value, places=places_of_images((batch, height, width, 1), len(x.shape)))


@handles("com.microsoft.QLinearAveragePool", "com.microsoft.QLinearGlobalAveragePool")
def qlinear_average_pool(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """As the pooling in floating point, on integers, channels first."""
    if node.get("channels_last", 0):
        raise UnsupportedError("channels_last", "images (N, C, H, W)", "export it with channels first")
    scale, zero_point, y_scale, y_zero = (array_of(one, "a scale or zero point") for one in inputs[1:5])
    x = operand(importer, inputs[0], scale, zero_point)
    pending = _global(importer, node, x) if "Global" in node.op_type else _average(importer, node, x)
    return rounded(importer, node, pending, y_scale, y_zero)
