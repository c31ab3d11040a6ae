"""
Handler of enlargements of images. To the nearest element the engine repeats rows and columns, and takes every n-th of them;
which these are follows from ONNX's coordinates and rounding. `interpolating.py` has those that interpolate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import gcd

import numpy as np

from dsf.frontend.onnx.graph import Node
from dsf.frontend.onnx.importer import Importer, handles
from dsf.frontend.onnx.interpolating import interpolated
from dsf.frontend.onnx.moves import tensor_of
from dsf.frontend.onnx.moving import every, moved, size_after
from dsf.frontend.onnx.operands import constant_of
from dsf.frontend.onnx.values import Array, Enlargement, Move, State, UnsupportedError, is_images, sizes_of
from dsf.frontend.quantize.ready import RESIZE_WITH_COORDINATES, older_resize

#: The largest factor, of repeating and of leaving out, that an enlargement is made of.
MAX_FACTOR = 8


@handles("Resize")
def resize(importer: Importer, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:
    """
    Of images to the nearest element, where rows and columns are repeated equally often, or every n-th of such is left, with any
    rounding and coordinates that come to that; or linear by a whole factor, where an element lies at each n-th position or in
    the middle between two.
    """
    mode = node.get("mode", "nearest")
    if mode not in ("nearest", "linear"):
        raise UnsupportedError(f"mode {mode}", "nearest or linear", "use one of these, or a ConvTranspose")
    x = tensor_of(inputs[0])
    if not is_images(x):
        raise UnsupportedError(f"a tensor of rank {len(x.shape)}, or whose axes were moved", "images", "resize before that")
    targets = _targets(importer, node, inputs, x.shape)
    if any(size != before for (size, _), before in zip(targets[:2], x.shape[:2], strict=True)):
        raise UnsupportedError("other channels or images", "other rows and columns", "resize these only")
    axes = [(before, *target) for before, target in zip(x.shape[2:], targets[2:], strict=True)]
    nodes = [_of_axis(importer, node, scale) for *_, scale in axes]
    if mode == "linear":
        coordinates = [_coordinates(one, *axis) for one, axis in zip(nodes, axes, strict=True)]
        return [interpolated(importer, node, x, coordinates)]
    steps = [_steps(one, *axis) for one, axis in zip(nodes, axes, strict=True)]
    (rows, row_factor), (columns, column_factor) = steps if len(steps) == 2 else ((range(1), 1), *steps)
    sizes, moves = sizes_of(x), list[Move]()
    if (row_factor, column_factor) != (1, 1):
        moves.append(Enlargement((row_factor, column_factor)))
        sizes = size_after(moves[0], sizes)
    importer.note(node, "copy of repeated elements")
    return [moved(importer, x, [*moves, *every(rows, columns, range(sizes[3]), sizes)], node.name)]


def _of_axis(importer: Importer, node: Node, scale: float) -> Node:
    """With the attributes that say what happens along an axis, which older versions do not have."""
    if importer.graph.opset >= RESIZE_WITH_COORDINATES:
        return node
    return replace(node, attributes={**node.attributes, **older_resize(smaller=scale < 1)})


def _targets(importer: Importer, node: Node, inputs: Sequence[State | None], shape: tuple[int, ...]) -> list[tuple[int, float]]:
    """The size along each axis, and the scale that maps positions."""
    rank = len(shape)
    scales = _reals(inputs, 1 if importer.graph.opset < RESIZE_WITH_COORDINATES else 2)
    sizes = _reals(inputs, 3)
    axes = node.ints("axes", tuple(range(rank)))
    targets = [(size, 1.0) for size in shape]
    given = scales or sizes or []
    if (scales is None) == (sizes is None) or len(axes) != len(given):
        raise UnsupportedError("scales and sizes, or neither", "one of them, for each axis", "export the model again")
    if scales is not None:
        for axis, scale in zip(axes, scales, strict=True):
            targets[axis] = (int(np.floor(shape[axis] * scale)), scale)
    else:
        wanted = [int(one) for one in given]
        ratios = [size / shape[axis] for axis, size in zip(axes, wanted, strict=True)]
        policy = node.get("keep_aspect_ratio_policy", "stretch")
        if policy != "stretch":
            ratio = min(ratios) if policy == "not_larger" else max(ratios)
            ratios = [ratio] * len(axes)
            wanted = [int(np.floor(shape[axis] * ratio + 0.5)) for axis in axes]
        for axis, size, ratio in zip(axes, wanted, ratios, strict=True):
            targets[axis] = (size, ratio)
    if min(size for size, _ in targets) < 1:
        raise UnsupportedError("a size of 0", "at least 1", "use a larger scale")
    return targets


def _reals(inputs: Sequence[State | None], place: int) -> list[float] | None:
    """A list of numbers that is there, and not empty."""
    state = inputs[place] if len(inputs) > place else None
    numbers = [] if state is None else constant_of(state, "scales or sizes").astype(np.float64).reshape(-1).tolist()
    return numbers or None


def _steps(node: Node, size: int, count: int, scale: float) -> tuple[range, int]:
    """
    Which element each of `count` positions has, of `size` that are repeated as often as the second number says. Raises
    `UnsupportedError` if no such range is that of ONNX's coordinates and rounding.
    """
    wanted = np.clip(_rounded(node, _coordinates(node, size, count, scale)), 0, size - 1)
    position = np.arange(count)
    for factor in range(1, MAX_FACTOR + 1):
        for step in range(1, MAX_FACTOR + 1):
            if gcd(factor, step) > 1:
                continue
            first = int(max(0, (wanted * factor - position * step).max()))
            if first <= int((wanted * factor + factor - 1 - position * step).min()):
                stop = first + (count - 1) * step + 1
                if stop <= size * factor:
                    return range(first, stop, step), factor
    has = f"a mapping of {size} elements to {count} by {node.get('coordinate_transformation_mode', 'half_pixel')}"
    needs = "elements repeated equally often"
    raise UnsupportedError(has, needs, "use whole factors, and coordinate_transformation_mode='asymmetric'")


def _coordinates(node: Node, size: int, count: int, factor: float) -> Array:
    """
    Where each position of the result lies in the operand, as ONNX's operator Resize defines it, in float32: a third is such a
    one that its inverse is 3.
    """
    position, scale = np.arange(count, dtype=np.float32), np.float32(factor)
    default = "half_pixel" if node.get("coordinate_transformation_mode") is None else ""
    mode = default or str(node.get("coordinate_transformation_mode"))
    if mode == "asymmetric":
        return position / scale
    if mode == "align_corners":
        return position * ((size - 1) / (count - 1) if count > 1 else 0.0)
    if mode == "pytorch_half_pixel" and count == 1:
        return np.zeros(1)
    middle = (position + 0.5) / scale - 0.5
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return middle
    if mode == "half_pixel_symmetric":
        return middle + size / 2 * (1 - count / (scale * size))
    raise UnsupportedError(f"coordinates by {mode}", "those of images as they are", "use 'asymmetric'")


def _rounded(node: Node, x: Array) -> Array:
    mode = str(node.get("nearest_mode", "round_prefer_floor"))
    if mode == "floor":
        return np.floor(x).astype(np.int64)
    if mode == "ceil":
        return np.ceil(x).astype(np.int64)
    return np.floor(x + 0.5).astype(np.int64) if mode == "round_prefer_ceil" else np.ceil(x - 0.5).astype(np.int64)
