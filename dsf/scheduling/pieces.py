"""
The pieces that `#tile.cut` describes, in the order in which the engine computes them.

    for images in blocks(chunk of the batch): for rows in blocks(output rows): for groups in blocks(channel groups)

with the groups outermost, so that weights are loaded once for each block of groups, or innermost, where all are on chip. Of a
grouped convolution each `Block` of channels has channel groups of its own, one block after the other. Where a reduction is cut,
what is computed last for each piece is one part of the input channels after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

from dsf.dialects.records import ints
from dsf.dialects.tile_types import CutAttr, Mode, Outer, Place
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

    def parts(self, *sizes: int) -> list[Block]:
        """The block in parts of its input channels, of these sizes, as in `Span.blocks`; 0: in one."""
        spans = [self.inputs] if sizes == (0,) else self.inputs.blocks(*sizes)
        return [Block(span, self.outputs, self.convolutions) for span in spans]

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
    """
    A part of an operation's result: these images, rows of them, and channel groups of a block. Where the reduction is cut, the
    block has a part of the input channels: the sums go on from those of the part before (`accumulate`), and are complete with
    the last one; before they are `partial`.
    """

    images: Span
    rows: Span
    groups: Span
    block: Block
    accumulate: bool = False
    partial: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether it is one part of the reduction only."""
        return self.accumulate or self.partial

    def channels(self, lanes: int) -> Span:
        """The output channels, where a channel group has `lanes`."""
        return self.block.channels(self.groups, lanes)


@dataclass(frozen=True)
class Load:
    """
    Channel groups of a block, whose weights are loaded at once, and in which shape the array computes them. Where the
    reduction is cut, one part of it, as in `Piece`.
    """

    block: Block
    groups: Span
    mode: Mode
    accumulate: bool = False
    partial: bool = False

    def piece(self, images: Span, rows: Span) -> Piece:
        """The piece of a strip."""
        return Piece(images, rows, self.groups, self.block, self.accumulate, self.partial)


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
    inputs: tuple[int, ...] = (0,)
    whole: int = 0

    @staticmethod
    def of(cut: CutAttr) -> Cut:
        modes = tuple(one.data for one in cut.mode)
        parts = ints(cut.inputs), cut.whole.data
        groups = ints(cut.groups), modes, cut.outer.data, cut.block.data
        return Cut(cut.images.data, ints(cut.rows), *groups, cut.place.data, *parts)

    @property
    def attribute(self) -> CutAttr:
        sizes = {"images": self.images, "rows": self.rows, "groups": self.groups, "block": self.block}
        parts = {"inputs": self.inputs, "whole": self.whole}
        return CutAttr.of(**sizes, **parts, mode=self.modes, outer=self.outer, place=self.place)

    def loads(self, blocks: Sequence[Block], lanes: int) -> list[Load]:
        """The loads of weights of all blocks, whose channel groups have `lanes` channels, part after part."""
        found: list[Load] = []
        for block in blocks:
            sizes = Span(0, block.channel_groups(lanes)).blocks(*self.groups)
            modes = chain(self.modes, repeat(self.modes[-1]))
            for number, (groups, mode) in enumerate(zip(sizes, modes, strict=False)):
                parts = block.parts(*(self.inputs if number >= self.whole else (0,)))
                found += [
                    Load(part, groups, mode, accumulate=part is not parts[0], partial=part is not parts[-1]) for part in parts
                ]
        return found

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
        strips = list(self.strips(images, rows))
        # The parts of a reduction follow each other, in each strip.
        loads: list[list[Load]] = []
        for one in self.loads(blocks, lanes):
            if not one.accumulate:
                loads.append([])
            loads[-1].append(one)
        if self.outer is Outer.STRIPS:
            for number, strip in enumerate(strips):
                ordered = loads if number % 2 == 0 else loads[::-1]
                yield from ((one.piece(*strip), one.mode, one is ordered[-1][-1]) for parts in ordered for one in parts)
            return
        for parts in loads:
            yield from ((one.piece(*strip), one.mode, one is loads[-1][-1]) for strip in strips for one in parts)


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
