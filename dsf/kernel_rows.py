"""
Which kernel rows the matrix unit computes for a tile where it may skip those in padding: `skip_rows` of MATRIX, see the loops
in `dsf.isa.table`.

    top, bottom = least and greatest y of the tile's positions for kernel row 0
    first = min({k : bottom + k * dilation >= 0} | {kernel_rows - 1})
    last  = max({k : top + k * dilation < height} | {first})

Weights that go on from bank to bank are all used; there the instruction itself leaves out what is padding for all its tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsf.geometry import Window
from dsf.numerics import Ints


@dataclass(frozen=True)
class TileRows:
    """Of each tile of a sequence: its first kernel row, and how many it has from there on, at least one."""

    first: Ints
    count: Ints


@dataclass(frozen=True)
class Lines:
    """
    Lines of output positions, `rows` in each of `images` images, and where their windows lie: kernel row k for line r is at
    y = start + r * step + k * dilation, which is inside the image for 0 <= y < `height`.
    """

    columns: int
    rows: int
    images: int
    kernel_rows: int
    start: int
    step: int
    dilation: int
    height: int

    def tiles(self, pixels: int) -> TileRows:
        """Those of all positions, `pixels` consecutive ones in a tile."""
        total = self.images * self.rows * self.columns
        first = np.arange(0, total, pixels, dtype=np.int64)
        top, bottom = first // self.columns, (np.minimum(first + pixels, total) - 1) // self.columns
        # A tile on two images has the last line of one and the first line of the next.
        within = top // self.rows == bottom // self.rows
        return self._of(np.where(within, top % self.rows, 0), np.where(within, bottom % self.rows, self.rows - 1))

    def skips(self, pixels: int) -> bool:
        """Whether one of these tiles does without a kernel row."""
        return int(self.tiles(pixels).count.min()) < self.kernel_rows

    def through_banks(self, row_words: int, bank_words: int) -> tuple[int, int]:
        """
        The first kernel row, and how many, of an instruction whose weights go on from bank to bank after `bank_words`, a kernel
        row having `row_words`: without those at the end that are padding for all positions, and at the beginning without as
        many of them as fill banks, since it starts with one.
        """
        tile = self.tiles(self.images * self.rows * self.columns)
        needed, count = int(tile.first[0]), int(tile.count[0])
        first = max(row for row in range(needed + 1) if row * row_words % bank_words == 0)
        return first, needed - first + count

    def lines(self) -> TileRows:
        """Those of all lines: of tiles that don't straddle them."""
        line = np.arange(self.images * self.rows, dtype=np.int64) % self.rows
        return self._of(line, line)

    def searches(self, pixels: int) -> Ints:
        """
        Cycles in which the kernel rows of each of these tiles are found: one for each of its lines, and for each row before its
        first.
        """
        total = self.images * self.rows * self.columns
        first = np.arange(0, total, pixels, dtype=np.int64)
        return (np.minimum(first + pixels, total) - 1) // self.columns - first // self.columns + 1 + self.tiles(pixels).first

    def _of(self, top: Ints, bottom: Ints) -> TileRows:
        """Those of tiles from line `top` to line `bottom` of an image."""
        y = self.start + self.dilation * np.arange(self.kernel_rows, dtype=np.int64)
        above: NDArray[np.bool_] = y + self.step * bottom[:, None] < 0
        not_below: NDArray[np.bool_] = y + self.step * top[:, None] < self.height
        first = np.minimum(above.sum(axis=1), self.kernel_rows - 1)
        return TileRows(first, np.maximum(not_below.sum(axis=1) - first, 1))


def lines_of(window: Window, height: int, first_row: int, rows: int, columns: int, images: int) -> Lines:
    """Output rows `first_row` up to `first_row + rows` of a convolution over `images` images of `height` rows."""
    start = first_row * window.strides[0] - window.padding[0]
    return Lines(columns, rows, images, window.kernel[0], start, window.strides[0], window.dilation[0], height)
