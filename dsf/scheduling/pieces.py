"""
The pieces that `#tile.cut` describes, in the order in which the engine computes them.

    for images in blocks(chunk of the batch): for rows in blocks(output rows): for groups in blocks(channel groups)

with the groups outermost, so that weights are loaded once for each block of groups, or innermost, where all are on chip. Of a
grouped convolution each `Block` of channels has channel groups of its own, one block after the other. Where a reduction is cut,
what is computed last for each piece is one part of the input channels after the other.

Where weights come in ranges, the weights of a channel group are loads of their own, each of some elements of every kernel row.
The first tile of the array and the last one are then pieces of their own, which are computed range by range:

    load    range 0 | range 1 | range 2                     of this channel group
    tiles   first: 0, 1, 2 | all others | last: 2, 1, 0
    load                                 of the next:    | 0' | 1' | 2'

so that what the last tile has done with makes room for the next channel group. Every other one has its ranges from the other
end of the kernel row, and lies at the other end of the memory: what is loaded first is where it can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, product, repeat

from dsf.dialects.records import ints
from dsf.dialects.tile_cuts import CutAttr, Mode, Outer, Place
from dsf.geometry import Window, span


@dataclass(frozen=True)
class Span:
    """`count` numbers from `first` on."""

    first: int
    count: int

    @property
    def stop(self) -> int:
        return self.first + self.count

    def head(self, count: int) -> Span:
        """Its first numbers, as many as there are of `count`."""
        return Span(self.first, max(0, min(count, self.count)))

    def tail(self, count: int) -> Span:
        """Its last numbers, as many as there are of `count`."""
        count = max(0, min(count, self.count))
        return Span(self.stop - count, count)

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
        found: list[int] = []
        left = self.count
        for size in chain(sizes, repeat(sizes[-1])):
            if left <= 0:
                break
            found.append(min(size, left))
            left -= size
        return tuple(found)


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
    the last one; before they are `partial`. So it is with a `run`, elements of each kernel row, where weights come in ranges.
    `columns` of the rows, if not all.
    """

    images: Span
    rows: Span
    groups: Span
    block: Block
    accumulate: bool = False
    partial: bool = False
    columns: Span | None = None
    run: Span | None = None

    @property
    def is_cut(self) -> bool:
        """Whether it is one part of the reduction only."""
        return self.accumulate or self.partial

    def width(self, columns: int) -> int:
        """How many columns it has, of rows of so many."""
        return columns if self.columns is None else self.columns.count

    def ends_rows(self, columns: int) -> bool:
        """Whether it has the last of so many columns: others of the same rows come before."""
        return self.columns is None or self.columns.stop == columns

    def channels(self, lanes: int) -> Span:
        """The output channels, where a channel group has `lanes`."""
        return self.block.channels(self.groups, lanes)


@dataclass(frozen=True)
class Load:
    """
    Channel groups of a block, whose weights are loaded at once, and in which shape the array computes them. Where the
    reduction is cut, one part of it, as in `Piece`. Where weights come in `ranges`, those in the order in which they are
    loaded, each some elements of a kernel row; `mirrored` tells those of every other channel group.
    """

    block: Block
    groups: Span
    mode: Mode
    accumulate: bool = False
    partial: bool = False
    ranges: tuple[Span, ...] = ()
    mirrored: bool = False

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
    ranges: tuple[int, ...] = (0,)
    ends: tuple[int, ...] = ()

    @staticmethod
    def of(cut: CutAttr) -> Cut:
        modes = tuple(one.data for one in cut.mode)
        parts = ints(cut.inputs), cut.whole.data, ints(cut.ranges), ints(cut.ends)
        groups = ints(cut.groups), modes, cut.outer.data, cut.block.data
        return Cut(cut.images.data, ints(cut.rows), *groups, cut.place.data, *parts)

    @property
    def attribute(self) -> CutAttr:
        sizes = {"images": self.images, "rows": self.rows, "groups": self.groups, "block": self.block}
        parts = {"inputs": self.inputs, "whole": self.whole, "ranges": self.ranges, "ends": self.ends}
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
        if self.ranges == (0,):
            return found
        spans = tuple(Span(0, sum(self.ranges)).blocks(*self.ranges))
        from_the_end = tuple(Span(spans[-1].stop - one.stop, one.count) for one in spans)
        odd = [number % 2 == 1 for number in range(len(found))]
        return [
            replace(load, ranges=from_the_end if mirrored else spans, mirrored=mirrored)
            for load, mirrored in zip(found, odd, strict=True)
        ]

    def strips(self, images: Span, rows: int) -> Iterator[tuple[Span, Span]]:
        """Images and rows of the strips of a result of `rows` rows."""
        for some in images.blocks(self.images):
            for strip in Span(0, rows).blocks(*self.rows):
                yield some, strip

    def pieces(
        self, images: Span, rows: int, blocks: Sequence[Block], lanes: int, columns: int = 0
    ) -> Iterator[tuple[Piece, Mode, bool]]:
        """
        The pieces of the result of `images`, of `rows` rows and the channels of `blocks`, in channel groups of `lanes`; the
        shape of the array for each, and whether all channels of its rows are complete after it. Strip by strip, where the shape
        of the array changes, every other one goes through its channel groups backwards, so that it does so less often. How many
        `columns` the rows have is needed where tiles lie apart, as where weights come in ranges.
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
                ordered = loads if number % 2 == 0 or len(set(self.modes)) == 1 else loads[::-1]
                for one in (one for parts in ordered for one in parts):
                    for piece in self.of_strip(one, *strip, rows, columns):
                        yield piece, one.mode, one is ordered[-1][-1] and piece.ends_rows(columns)
            return
        for parts in loads:
            if parts[0].ranges:
                last = parts is loads[-1]
                for piece in self.pieces_of(parts[0], images, rows, columns):
                    yield piece, parts[0].mode, last and not piece.partial and piece.ends_rows(columns)
                continue
            for strip, one in product(strips, parts):
                for piece in self.of_strip(one, *strip, rows, columns):
                    yield piece, one.mode, one is loads[-1][-1] and piece.ends_rows(columns)

    def of_strip(self, load: Load, images: Span, strip: Span, height: int, columns: int) -> Iterator[Piece]:
        """The pieces of a strip of a result of `height` rows: one, but for what lies apart in the first and the last one."""
        piece = load.piece(images, strip)
        if not self.ends:
            yield piece
            return
        rows, some, last_rows, last_some = self.ends
        pieces = first_apart(piece, rows, some, columns) if strip.first == 0 else [piece]
        if strip.stop == height and (strip.first > 0 or len(pieces) > 1):
            pieces[-1:] = last_apart(pieces[-1], last_rows, last_some, columns)
        yield from pieces

    def pieces_of(self, load: Load, images: Span, height: int, columns: int) -> Iterator[Piece]:
        """The pieces of a load whose weights come in ranges, with the first tile and the last one range by range."""
        pieces = [load.piece(*strip) for strip in self.strips(images, height)]
        rows, some, last_rows, last_some = self.ends
        first, *others = [*first_apart(pieces[0], rows, some, columns), *pieces[1:]]
        yield from _range_by_range(first, load.ranges)
        if not others:
            return
        *rest, last = last_apart(others.pop(), last_rows, last_some, columns)
        yield from (*others, *rest)
        yield from _range_by_range(last, load.ranges[::-1])


def first_apart(piece: Piece, rows: int, some: int, columns: int) -> list[Piece]:
    """
    A piece of rows of `columns` columns, in up to three: `some` columns of the first `rows` rows, the same columns of the other
    rows, and the other columns of all rows.
    """
    all_rows, all_columns = piece.rows, piece.columns or Span(0, columns)
    at_the_side = all_columns.head(some)
    parts = (
        (all_rows.head(rows), at_the_side),
        (all_rows.tail(all_rows.count - rows), at_the_side),
        (all_rows, all_columns.tail(all_columns.count - some)),
    )
    return _in_parts(piece, parts, all_columns)


def last_apart(piece: Piece, rows: int, some: int, columns: int) -> list[Piece]:
    """The same with the last columns of the last rows, which come last."""
    all_rows, all_columns = piece.rows, piece.columns or Span(0, columns)
    at_the_side = all_columns.tail(some)
    parts = (
        (all_rows, all_columns.head(all_columns.count - some)),
        (all_rows.head(all_rows.count - rows), at_the_side),
        (all_rows.tail(rows), at_the_side),
    )
    return _in_parts(piece, parts, all_columns)


def _in_parts(piece: Piece, parts: Iterable[tuple[Span, Span]], whole: Span) -> list[Piece]:
    """A piece in parts, rows and columns of each; those without any are left out."""
    return [
        replace(piece, rows=rows, columns=piece.columns if columns == whole else columns)
        for rows, columns in parts
        if rows.count > 0 and columns.count > 0
    ]


def _range_by_range(tile: Piece, ranges: Sequence[Span]) -> Iterator[Piece]:
    """A tile of the array, with the weights of one range after the other."""
    for run in ranges:
        yield replace(tile, run=run, accumulate=run is not ranges[0], partial=run is not ranges[-1])


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
