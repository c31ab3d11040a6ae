"""
The lines along which the array's rows lie where it computes a convolution depthwise, and the fields that walk them.

A line is a row of the image or a column of it. Taps along a line share reads where output positions are a whole number of taps
apart. Positions are `stride` elements apart and taps `dilation`, so that is every `step`-th position of a line:

    step = dilation / gcd(stride, dilation)        which is step * stride / dilation = stride / gcd(stride, dilation) taps

An instruction computes the positions `residue`, `residue + step`, ... of each line of a piece, and there is one for each
residue. Across the lines nothing is shared, and any stride and dilation will do.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd

from dsf.cost import Taps
from dsf.dialects.tile_cuts import Mode
from dsf.geometry import Window
from dsf.isa.table import MATRIX
from dsf.kernel_rows import Lines
from dsf.scheduling.pieces import Piece

Fields = dict[str, int]
Image = tuple[int, int, int]


@dataclass(frozen=True)
class Axis:
    """The axis of the image along which lines lie: 1, its rows, or 0, its columns; `step` positions are one instruction."""

    index: int
    step: int
    taps: Taps

    def along(self, piece: Piece, width: int) -> int:
        """Positions of a line of a piece, whose output is `width` wide."""
        return width if self.index == 1 else piece.rows.count

    def across(self, piece: Piece, width: int) -> int:
        """Lines of an image of a piece."""
        return piece.rows.count if self.index == 1 else width

    def residues(self, positions: int) -> range:
        """The residues of a line of `positions` positions, each an instruction."""
        return range(min(self.step, positions))

    def count(self, positions: int, residue: int) -> int:
        """Positions of one residue."""
        return -(-(positions - residue) // self.step)


def axis_of(window: Window, mode: Mode) -> Axis:
    """The axis of a depthwise mode."""
    index = 1 if mode is Mode.DEPTHWISE_ROWS else 0
    taps, stride = window.kernel[index], window.strides[index]
    # A single tap has no distance from others.
    dilation = window.dilation[index] if taps > 1 else 1
    common = gcd(stride, dilation)
    return Axis(index, dilation // common, Taps(window.kernel[1 - index], taps, stride // common))


def walk(window: Window, axis: Axis, image: Image, first: tuple[int, int], channel: int) -> Fields:
    """
    The fields of MATRIX that walk an image of (height, width, channels), from the output position `first` (row, column) and
    from `channel` on; `src` is relative to the image. `x` counts elements along a line, and `y` lines.
    """
    height, width, channels = image
    along, across, taps = axis.index, 1 - axis.index, axis.taps
    pitch, sizes = (width * channels, channels), (height, width)
    start = tuple(first[k] * window.strides[k] - window.padding[2 * k] for k in (0, 1))
    x_start = start[along] * pitch[along] + channel
    dilation = window.dilation[along] if taps.taps > 1 else 1
    return {
        "src": x_start + start[across] * pitch[across],
        "x_start": x_start,
        "x_step": axis.step * window.strides[along] * pitch[along],
        "y_start": start[across],
        "y_step": window.strides[across],
        "row_step": window.strides[across] * pitch[across],
        "image_step": height * width * channels,
        "row_elements": sizes[along] * pitch[along],
        "height": sizes[across],
        "kernel_rows": taps.kernel_rows,
        "kernel_row_step": window.dilation[across] * pitch[across],
        "y_dilation": window.dilation[across],
        "kernel_runs": taps.phases,
        "run_step": dilation * pitch[along],
        "run": taps.taps,
        "chunk": taps.chunk,
        "chunks": taps.chunks,
        "last_chunk": taps.last_chunk,
        "weight_words": taps.words,
    }


def lines_across(window: Window, axis: Axis, image: Image, piece: Piece, width: int) -> Lines:
    """Where the windows of a piece's lines lie across them, for the kernel rows in padding; of all positions of a line."""
    fields = walk(window, axis, image, (piece.rows.first, 0), 0)
    where = (fields[name] for name in ("kernel_rows", "y_start", "y_step", "y_dilation", "height"))
    return Lines(axis.along(piece, width), axis.across(piece, width), piece.images.count, *where)


def fits(window: Window, mode: Mode, image: Image, output: Image, result: tuple[int, int]) -> bool:
    """
    Whether every piece of a layer fits the fields of its instruction, which are made for rows of an image. What it makes,
    `output` (height, width, channels), has rows and pixels that are `result` elements apart.
    """
    axis = axis_of(window, mode)
    height, width, channels = output
    corners = (((0, 0), 0), ((height - 1, width - 1), channels - 1))
    steps = {"dst_pixel_step": axis.step * result[axis.index]}
    return all(
        MATRIX.field(name).low <= value <= MATRIX.field(name).high
        for fields in (steps, *(walk(window, axis, image, *corner) for corner in corners))
        for name, value in fields.items()
        if name != "src"
    )
