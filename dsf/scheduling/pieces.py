"""
The pieces that `#tile.cut` describes, in the order in which the engine computes them.

    for images in blocks(chunk of the batch): for rows in blocks(output rows): for groups in blocks(channel groups)

with the groups outermost, so that weights are loaded once for each block of groups, or innermost, where all are on chip. Of a
grouped convolution each `Block` of channels has channel groups of its own, one block after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from dsf.dialects.records import ints
from dsf.dialects.tile import CutAttr, Mode, Outer, Place
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
class Block:
    """Output channels `outputs`, which depend on the input channels `inputs` only: `convolutions` groups of a convolution."""

    inputs: Span
    outputs: Span
    convolutions: int = 1

    def channel_groups(self, lanes: int) -> int:
        """Channel groups of `lanes` channels."""
        return -(-self.outputs.count // lanes)

    def channels(self, groups: Span, lanes: int) -> Span:
        """The output channels of some channel groups of `lanes` channels."""
        first = self.outputs.first + groups.first * lanes
        return Span(first, min(groups.count * lanes, self.outputs.stop - first))


def channel_blocks(inputs: int, outputs: int, groups: int, size: int) -> list[Block]:
    """A convolution over `inputs` channels in `groups` groups, in blocks of `size` groups; the last one may be smaller."""
    ins, outs = inputs // groups, outputs // groups
    return [
        Block(Span(some.first * ins, some.count * ins), Span(some.first * outs, some.count * outs), some.count)
        for some in Span(0, groups).blocks(size)
    ]


@dataclass(frozen=True)
class Piece:
    """A part of an operation's result: these images, rows of them, and channel groups of a block."""

    images: Span
    rows: Span
    groups: Span
    block: Block

    def channels(self, lanes: int) -> Span:
        """The output channels, where a channel group has `lanes`."""
        return self.block.channels(self.groups, lanes)


@dataclass(frozen=True)
class Load:
    """Channel groups of a block, whose weights are loaded at once, and in which shape the array computes them."""

    block: Block
    groups: Span
    mode: Mode


@dataclass(frozen=True)
class Cut:
    """The values of a `#tile.cut`."""

    images: int
    rows: tuple[int, ...]
    groups: tuple[int, ...] = (1,)
    modes: tuple[Mode, ...] = (Mode.WIDE,)
    outer: Outer = Outer.GROUPS
    block: int = 1
    place: Place = Place.CHIP

    @staticmethod
    def of(cut: CutAttr) -> Cut:
        modes = tuple(one.data for one in cut.mode)
        return Cut(cut.images.data, ints(cut.rows), ints(cut.groups), modes, cut.outer.data, cut.block.data, cut.place.data)

    @property
    def attribute(self) -> CutAttr:
        sizes = {"images": self.images, "rows": self.rows, "groups": self.groups, "block": self.block}
        return CutAttr.of(**sizes, mode=self.modes, outer=self.outer, place=self.place)

    def loads(self, blocks: Sequence[Block], lanes: int) -> list[Load]:
        """The loads of weights of all blocks, whose channel groups have `lanes` channels."""
        return [
            Load(block, groups, mode)
            for block in blocks
            for groups, mode in zip(
                Span(0, block.channel_groups(lanes)).blocks(*self.groups),
                chain(self.modes, repeat(self.modes[-1])),
                strict=False,
            )
        ]

    def strips(self, images: Span, rows: int) -> Iterator[tuple[Span, Span]]:
        """Images and rows of the strips of a result of `rows` rows."""
        for some in images.blocks(self.images):
            for strip in Span(0, rows).blocks(*self.rows):
                yield some, strip

    def pieces(self, images: Span, rows: int, blocks: Sequence[Block], lanes: int) -> Iterator[tuple[Piece, Mode, bool]]:
        """
        The pieces of the result of `images`, of `rows` rows and the channels of `blocks`, in channel groups of `lanes`; the
        shape of the array for each, and whether all channels of its strip are complete after it. Strip by strip every other one
        goes through its channel groups backwards, as the shape of the array changes less often.
        """
        loads, strips = self.loads(blocks, lanes), list(self.strips(images, rows))
        if self.outer is Outer.STRIPS:
            for number, strip in enumerate(strips):
                ordered = loads if number % 2 == 0 else loads[::-1]
                yield from ((Piece(*strip, one.groups, one.block), one.mode, one is ordered[-1]) for one in ordered)
            return
        for one in loads:
            yield from ((Piece(*strip, one.groups, one.block), one.mode, one is loads[-1]) for strip in strips)


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
