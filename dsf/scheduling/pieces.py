"""
The pieces that `#tile.cut` describes, in the order in which the engine computes them.

    for images in blocks(chunk of the batch): for rows in blocks(output rows): for groups in blocks(channel groups)

with the groups outermost, so that weights are loaded once for each block of groups, or innermost, where all are on chip.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, repeat

from dsf.dialects.records import ints
from dsf.dialects.tile import CutAttr, Mode, Outer
from dsf.geometry import Window, span


@dataclass(frozen=True)
class Span:
    """`count` numbers from `first` on."""

    first: int
    count: int

    @property
    def stop(self) -> int:
        return self.first + self.count

    def blocks(self, *sizes: int) -> Iterator[Span]:
        """The span in blocks of `sizes`, of which the last is that of all blocks that follow; the last block may be smaller."""
        first = self.first
        for size in chain(sizes, repeat(sizes[-1])):
            if first >= self.stop:
                return
            yield Span(first, min(size, self.stop - first))
            first += size

    def sizes(self, *sizes: int) -> tuple[int, ...]:
        """The sizes of these blocks."""
        return tuple(block.count for block in self.blocks(*sizes))


@dataclass(frozen=True)
class Piece:
    """A part of an operation's result: these images, rows of them, and channel groups."""

    images: Span
    rows: Span
    groups: Span


@dataclass(frozen=True)
class Cut:
    """The values of a `#tile.cut`."""

    images: int
    rows: tuple[int, ...]
    groups: tuple[int, ...] = (1,)
    modes: tuple[Mode, ...] = (Mode.WIDE,)
    outer: Outer = Outer.GROUPS

    @staticmethod
    def of(cut: CutAttr) -> Cut:
        modes = tuple(one.data for one in cut.mode)
        return Cut(cut.images.data, ints(cut.rows), ints(cut.groups), modes, cut.outer.data)

    @property
    def attribute(self) -> CutAttr:
        return CutAttr.of(images=self.images, rows=self.rows, groups=self.groups, mode=self.modes, outer=self.outer)

    def loads(self, groups: int) -> list[tuple[Span, Mode]]:
        """Blocks of `groups` channel groups whose weights are loaded at once, and in which shape the array computes them."""
        return list(zip(Span(0, groups).blocks(*self.groups), chain(self.modes, repeat(self.modes[-1])), strict=False))

    def strips(self, images: Span, rows: int) -> Iterator[tuple[Span, Span]]:
        """Images and rows of the strips of a result of `rows` rows."""
        for some in images.blocks(self.images):
            for strip in Span(0, rows).blocks(*self.rows):
                yield some, strip

    def pieces(self, images: Span, rows: int, groups: int) -> Iterator[tuple[Piece, Mode, bool]]:
        """
        The pieces of the result of `images`, of `rows` rows and `groups` channel groups; the shape of the array for each, and
        whether all channels of its strip are complete after it. Strip by strip every other one goes through its channel groups
        backwards, as the shape of the array changes less often.
        """
        loads, strips = self.loads(groups), list(self.strips(images, rows))
        if self.outer is Outer.STRIPS:
            for number, strip in enumerate(strips):
                ordered = loads if number % 2 == 0 else loads[::-1]
                yield from ((Piece(*strip, some), mode, some is ordered[-1][0]) for some, mode in ordered)
            return
        for some, mode in loads:
            yield from ((Piece(*strip, some), mode, some is loads[-1][0]) for strip in strips)


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
