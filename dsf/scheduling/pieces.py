"""
The pieces that `#tile.cut` describes, in the order in which the engine computes them.

    for images in blocks(chunk of the batch): for rows in blocks(output rows): for groups in blocks(channel groups)

with the groups outermost, so that weights are loaded once for each block of groups.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dsf.geometry import Window, span


@dataclass(frozen=True)
class Span:
    """`count` numbers from `first` on."""

    first: int
    count: int

    @property
    def stop(self) -> int:
        return self.first + self.count

    def blocks(self, size: int) -> Iterator[Span]:
        """The span in blocks of `size`, the last one smaller."""
        for first in range(self.first, self.stop, size):
            yield Span(first, min(size, self.stop - first))


@dataclass(frozen=True)
class Piece:
    """A part of an operation's result: these images, rows of them, and channel groups."""

    images: Span
    rows: Span
    groups: Span


def pieces(images: Span, rows: int, groups: int, cut: tuple[int, int, int]) -> Iterator[Piece]:
    """The pieces of the result of `images`, of `rows` rows and `groups` channel groups; `cut` is (images, rows, groups)."""
    for block in Span(0, groups).blocks(cut[2]):
        for some in images.blocks(cut[0]):
            for strip in Span(0, rows).blocks(cut[1]):
                yield Piece(some, strip, block)


def input_rows(window: Window, rows: Span, height: int) -> Span:
    """Input rows inside the image that the output rows `rows` need; with `count` 0 they all lie in padding."""
    top = rows.first * window.strides[0] - window.padding[0]
    bottom = (rows.stop - 1) * window.strides[0] - window.padding[0] + span(window.kernel[0], window.dilation[0])
    first = min(max(top, 0), height)
    return Span(first, max(0, min(bottom, height) - first))


def strip_window(window: Window, rows: Span, height: int) -> tuple[Span, Window]:
    """
    The input rows of the output rows `rows`, and the window over these rows alone that yields the same: its padding at top
    and bottom is what the strip needs beyond the image.
    """
    inside = input_rows(window, rows, height)
    top = rows.first * window.strides[0] - window.padding[0]
    needed = (rows.count - 1) * window.strides[0] + span(window.kernel[0], window.dilation[0])
    above = min(max(0, inside.first - top), needed)
    padding = (above, needed - above - inside.count, *window.padding[2:])
    return inside, Window(window.kernel, window.strides, padding, window.dilation)


def channel_groups(channels: int, group_columns: int) -> int:
    """Channel groups of C/G channels."""
    return -(-channels // group_columns)
