"""
Blocks of pixels that become channels, and channels that become such blocks, as super-resolution networks have them: places of
elements (`values.py`) tell, whether an operator or reshapes and a transpose made them.

Where all channels of a pixel are a block's rows one after the other, as are the channels of each of its pixels, rows are copied
behind each other; in other orders a transposed convolution of one tap, whose weights select, puts each channel to its place.
Pixels of blocks are taken one by one, and put behind each other as channels.
"""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import SSAValue

from dsf.dialects.bundle import ConcatOp, SliceOp
from dsf.dialects.shapes import shape
from dsf.frontend.onnx.operands import lifted
from dsf.frontend.onnx.rounding import move, quantise, reshaped
from dsf.frontend.onnx.values import UNIT_BITS, Part, Places, Sum, Wire, places_of_images, row_major
from dsf.geometry import Window
from dsf.numerics import Ints
from dsf.transposed import TransposedWindow

if TYPE_CHECKING:
    from dsf.frontend.onnx.importer import Importer

#: Copies of which channels are put together; more are a convolution whose weights select.
MOST_COPIES = 64


def as_blocks(importer: Importer, x: Wire, name: str) -> Wire | None:
    """A tensor (N, C, H, W) of blocks of the engine's images, or of their pixels, as images; `None` of any other."""
    sizes = shape(x.value)
    if len(x.shape) not in (3, 4) or len(sizes) != 4 or x.shape[0] != sizes[0] or x.places.size != prod(sizes):
        return None
    last = np.moveaxis(lifted(x).places, 1, -1)
    value = _spread(importer, x, last, name)
    value = _gathered(importer, x, last, name) if value is None else value
    return None if value is None else replace(x, value=value, places=places_of_images(shape(value), len(x.shape)))


def _spread(importer: Importer, x: Wire, last: Places, name: str) -> SSAValue | None:
    """Images (N, H * B, W * A, C / (B * A)) whose pixels lie in the channels of blocks, if these are such."""
    batch, height, width, channels = shape(x.value)
    down, across, left = last.shape[1] // height, last.shape[2] // width, last.shape[3]
    if (height * down, width * across, down * across * left) != (*last.shape[1:3], channels):
        return None
    # Which channel each element of the first block is.
    block = last[0, :down, :across].reshape(1, 1, down, 1, across, left)
    pixels = row_major((batch, height, 1, width, 1, 1)) * channels
    if not np.array_equal((pixels + block).reshape(last.shape), last):
        return None
    if np.array_equal(block.reshape(-1), np.arange(channels)):
        return _spread_by_rows(importer, x, down, (batch, height * down, width * across, left), name)
    weights = np.zeros((down, across, channels, left), dtype=np.int64)
    rows, columns, outputs = np.indices((down, across, left))
    weights[rows, columns, block.reshape(down, across, left), outputs] = 1
    window = TransposedWindow(Window((down, across), (down, across)), (0, 0))
    return _selected(importer, x, weights, window, (batch, height * down, width * across, left), name)


def _spread_by_rows(importer: Importer, x: Wire, down: int, sizes: tuple[int, int, int, int], name: str) -> SSAValue:
    """Each row of all blocks as one channel vector for each row of pixels, behind each other."""
    batch, height, width, channels = shape(x.value)
    each = channels // down
    lines: list[SSAValue] = []
    for row in range(down):
        part = SliceOp(x.value, (0, 0, row * each), (height, width, each))
        importer.insert(part, name)
        lines.append(reshaped(importer, part.output, (batch, height, 1, width * each), name))
    together = ConcatOp(lines)
    importer.insert(together, name)
    return reshaped(importer, together.output, sizes, name)


def _gathered(importer: Importer, x: Wire, last: Places, name: str) -> SSAValue | None:
    """Images (N, H / B, W / A, C * B * A) whose channels are the pixels of blocks, if these are such."""
    batch, height, width, channels = shape(x.value)
    down, across = height // last.shape[1], width // last.shape[2]
    if last.shape != (batch, height // max(down, 1), width // max(across, 1), channels * down * across):
        return None
    pixel, channel = np.divmod(last[0, 0, 0], channels)
    row, column = np.divmod(pixel, width)
    # The first pixel of each block, in its image.
    blocks = row_major((batch, height, width))[:, ::down, ::across, None]
    if not np.array_equal((blocks + pixel) * channels + channel, last) or row.max() >= down or column.max() >= across:
        return None
    # From where on channels of one pixel follow each other.
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(pixel) != 0) | (np.diff(channel) != 1)]))
    if starts.size > MOST_COPIES:
        weights = np.zeros((down, across, channels, channel.size), dtype=np.int64)
        weights[row, column, channel, np.arange(channel.size)] = 1
        return _selected(importer, x, weights, Window((down, across), (down, across)), last.shape, name)
    parts: list[SSAValue] = []
    for first, stop in zip(starts.tolist(), [*starts[1:].tolist(), channel.size], strict=True):
        begin = (int(row[first]), int(column[first]), int(channel[first]))
        size = ((last.shape[1] - 1) * down + 1, (last.shape[2] - 1) * across + 1, stop - first)
        parts.append(move(importer, x.value, [Part(begin, size), Window((1, 1), (down, across))], name))
    together = ConcatOp(parts)
    importer.insert(together, name)
    return together.output


def _selected(
    importer: Importer, x: Wire, weights: Ints, window: Window | TransposedWindow, sizes: tuple[int, ...], name: str
) -> SSAValue:
    """The tensor of these sizes that weights (KH, KW, CI, CO) of 0 and 1 select."""
    outputs = int(weights.shape[-1])
    pending = Sum(
        row_major(sizes),
        sizes,
        name,
        x=x.value,
        x_grid=x.grid,
        weights=weights,
        bits=UNIT_BITS,
        scales=x.grid.unit * np.ones(outputs),
        bias=np.zeros(outputs),
        window=window,
    )
    return quantise(importer, pending, x.grid, x.offset, name).value
