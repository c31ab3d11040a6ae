"""The window of a ConvTranspose, from its attributes."""

from __future__ import annotations

from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.values import UnsupportedError
from dsf.geometry import Window, span
from dsf.transposed import TransposedWindow


def transposed_window(node: Node, sizes: tuple[int, ...], kernel: tuple[int, ...]) -> TransposedWindow:
    """The window of a node over images of these sizes; one spatial axis is the horizontal one."""
    axes = len(kernel)
    strides, dilation = node.ints("strides", (1,) * axes), node.ints("dilations", (1,) * axes)
    pads, more = node.ints("pads", (0,) * (2 * axes)), node.ints("output_padding", (0,) * axes)
    wanted = node.ints("output_shape")
    if node.ints("kernel_shape", kernel) != kernel:
        raise UnsupportedError(f"kernel_shape {node.ints('kernel_shape')}", f"{kernel}, as weights", "export the model again")
    lists = (strides, dilation, more, wanted or strides)
    if any(len(one) != axes for one in lists) or len(pads) != 2 * axes or min(*strides, *dilation) < 1:
        has = "strides, dilations, pads, output_padding or output_shape of another rank, or below 1"
        raise UnsupportedError(has, f"{axes} axes", "export the model again")
    auto = node.get("auto_pad", "NOTSET") or "NOTSET"
    if auto not in ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"auto_pad {auto}", "NOTSET, VALID, SAME_UPPER or SAME_LOWER", "use pads")
    if auto.startswith("SAME") and not wanted:
        wanted = tuple(size * stride for size, stride in zip(sizes, strides, strict=True))
    before, after = pads[:axes], pads[axes:]
    if auto == "VALID":
        before = after = (0,) * axes
    if wanted:
        spans = [span(one, step) for one, step in zip(kernel, dilation, strict=True)]
        covered = [(size - 1) * stride + one for size, stride, one in zip(sizes, strides, spans, strict=True)]
        total = [one + extra - out for one, extra, out in zip(covered, more, wanted, strict=True)]
        small, large = [max(one, 0) // 2 for one in total], [max(one, 0) - max(one, 0) // 2 for one in total]
        before, after = (tuple(small), tuple(large)) if auto == "SAME_UPPER" else (tuple(large), tuple(small))
        more = tuple(extra + max(-one, 0) for extra, one in zip(more, total, strict=True))
    if min((*before, *after, *more)) < 0:
        raise UnsupportedError(f"pads {(*before, *after)} and output_padding {more}", "0 or more", "slice the tensor before it")
    if axes == 1:
        window = Window((1, kernel[0]), (1, strides[0]), (0, 0, before[0], after[0]), (1, dilation[0]))
        return TransposedWindow(window, (0, more[0]))
    sides = (before[0], after[0], before[1], after[1])
    window = Window((kernel[0], kernel[1]), (strides[0], strides[1]), sides, (dilation[0], dilation[1]))
    return TransposedWindow(window, (more[0], more[1]))
