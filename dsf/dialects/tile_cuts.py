"""
The cut of an operation of the `tile` dialect into pieces, and what has to hold for it. What it means is in `dsf.dialects.tile`.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import ArrayAttr, IntAttr
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import SpacedOpaqueSyntaxAttribute
from xdsl.irdl import IRDLOperation, irdl_attr_definition
from xdsl.utils.str_enum import StrEnum

from dsf.dialects.records import RecordAttr, Rule, ints
from dsf.dialects.shapes import need


class Mode(StrEnum):
    """
    Shape of the array: R pixels by C channels, or G*R pixels by C/G channels. Depthwise, R pixels along a row or a column of
    the image by up to C channels, each of which is the sum of its own input channel.
    """

    WIDE = "wide"
    TALL = "tall"
    DEPTHWISE_ROWS = "depthwise_rows"
    DEPTHWISE_COLUMNS = "depthwise_columns"

    @property
    def is_depthwise(self) -> bool:
        return self in (Mode.DEPTHWISE_ROWS, Mode.DEPTHWISE_COLUMNS)


@irdl_attr_definition
class ModeAttr(EnumAttribute[Mode], SpacedOpaqueSyntaxAttribute):
    name = "tile.mode"


class Outer(StrEnum):
    """The outer loop over the pieces: over blocks of channel groups, each with all strips, or over strips."""

    GROUPS = "groups"
    STRIPS = "strips"


@irdl_attr_definition
class OuterAttr(EnumAttribute[Outer], SpacedOpaqueSyntaxAttribute):
    name = "tile.outer"


class Place(StrEnum):
    """
    Where a tensor lies between the operation that makes it and those that read it: as a whole on chip; in DRAM, from where
    strips of it are loaded; or nowhere: the next operation reads the strips as they are made, and nothing else does; or in DRAM
    for others, and the next operation reads the strips as they are made.
    """

    CHIP = "chip"
    DRAM = "dram"
    STRIPS = "strips"
    DRAM_STRIPS = "dram_strips"

    @property
    def in_dram(self) -> bool:
        """Whether all of it goes to DRAM."""
        return self in (Place.DRAM, Place.DRAM_STRIPS)

    @property
    def in_strips(self) -> bool:
        """Whether the next operation reads its strips as they are made."""
        return self in (Place.STRIPS, Place.DRAM_STRIPS)


@irdl_attr_definition
class PlaceAttr(EnumAttribute[Place], SpacedOpaqueSyntaxAttribute):
    name = "tile.place"


@irdl_attr_definition
class CutAttr(RecordAttr):
    """
    Sizes of the pieces: images of a strip; output rows of one strip after the other; channel groups, and the shape of the
    array, of one load of weights after the other (in each block anew); which loop is the outer one; for a grouped convolution,
    the groups of a block; the place of the result; and input channels of one part of the reduction after the other, 0 for all
    of them, from load `whole` on.

    `ranges` are the elements of each kernel row whose weights come with one load after the other, 0 for all of them with one.
    Then `ends` has the rows and columns of the first tile of a channel group, and of its last one: `dsf.scheduling.pieces`.
    Otherwise they are those of tiles in the first strip, and in the last one, that lie apart, if any do: at the edge of the
    image, where all of them do without a kernel row.

    A strip that is only a part of the rows is of one image, so that a piece is one stretch of memory.
    """

    name = "tile.cut"

    images: IntAttr
    rows: ArrayAttr[IntAttr]
    groups: ArrayAttr[IntAttr]
    mode: ArrayAttr[ModeAttr]
    outer: OuterAttr
    block: IntAttr
    place: PlaceAttr
    inputs: ArrayAttr[IntAttr]
    whole: IntAttr
    ranges: ArrayAttr[IntAttr]
    ends: ArrayAttr[IntAttr]

    RULES: ClassVar = {
        "images": Rule(1),
        "rows": Rule(1, series=True),
        "groups": Rule(1, default=1, series=True),
        "mode": Rule(default=Mode.WIDE, word=ModeAttr, series=True),
        "outer": Rule(default=Outer.GROUPS, word=OuterAttr),
        "block": Rule(1, default=1),
        "place": Rule(default=Place.CHIP, word=PlaceAttr),
        "inputs": Rule(0, default=0, series=True),
        "whole": Rule(0, default=0),
        "ranges": Rule(0, default=0, series=True),
        "ends": Rule(1, default=()),
    }


def check_cut(op: IRDLOperation, cut: CutAttr, sizes: tuple[int, ...]) -> None:
    """The pieces are of the (images, rows, ...) that an operation makes."""
    images, rows, *_ = sizes
    strips = ints(cut.rows)
    has = f"cut into {cut.images.data} images of {' + '.join(map(str, strips))} rows"
    fits = cut.images.data <= images and sum(strips) <= rows
    need(fits, op, has, f"at most {images} images of {rows} rows", "make the cut smaller")
    whole = cut.images.data == 1 or strips[0] == rows
    need(whole, op, has, f"1 image, or all {rows} rows", "cut images or rows")


def check_vector_cut(op: IRDLOperation, cut: CutAttr, sizes: tuple[int, ...]) -> None:
    """The vector unit computes images and rows with all their channels."""
    check_cut(op, cut, sizes)
    dense = all(one.data is Mode.WIDE for one in cut.mode)
    whole = ints(cut.groups) == (1,) and dense and cut.block.data == 1 and ints(cut.inputs) == ints(cut.ranges) == (0,)
    need(whole, op, "cut into channels, or tall", "a cut of images and rows", "remove groups, mode, block, inputs and ranges")


def check_parts(op: IRDLOperation, cut: CutAttr, inputs: int) -> None:
    """The parts of a reduction over the `inputs` input channels of a block."""
    parts = ints(cut.inputs)
    if parts == (0,):
        return
    has = f"a reduction over {inputs} channels in parts of {' + '.join(map(str, parts))}"
    need(min(parts) > 0 and sum(parts) <= inputs, op, has, f"parts of 1 to {inputs} together", "change the parts")
    alone = cut.block.data == 1 and not any(one.data.is_depthwise for one in cut.mode)
    need(alone, op, has, "blocks of 1 group, not depthwise", "leave the reduction whole")


def check_ranges(op: IRDLOperation, cut: CutAttr, image: tuple[int, int], runs: tuple[int, int]) -> None:
    """
    The ranges of weights of a convolution that makes `image`, rows and columns, and whose kernel rows are `runs`: how many runs
    of contiguous elements, and of how many.
    """
    ranges = ints(cut.ranges)
    if ranges == (0,):
        if ints(cut.ends):
            alone = cut.images.data == cut.block.data == 1 and not any(one.data.is_depthwise for one in cut.mode)
            need(
                alone,
                op,
                f"ends {list(ints(cut.ends))}",
                "strips of 1 image, blocks of 1 group, not depthwise",
                "remove the ends",
            )
            _check_ends(op, cut, image)
        return
    (count, elements), has = runs, f"weights in ranges of {' + '.join(map(str, ranges))}"
    one_run = count == 1 and len(ranges) > 1 and min(ranges) > 0 and sum(ranges) == elements
    needs = f"several that are together the {elements} elements of a kernel row, of one run"
    need(one_run, op, has, needs, "change the ranges, or load all weights at once")
    tall = ints(cut.groups) == (1,) and [one.data for one in cut.mode] == [Mode.TALL]
    alone = cut.images.data == cut.block.data == 1 and ints(cut.inputs) == (0,) and cut.outer.data is Outer.GROUPS
    need(tall and alone, op, has, "tall loads of 1 channel group, outside, for strips of 1 image", "change the cut")
    _check_ends(op, cut, image)


def _check_ends(op: IRDLOperation, cut: CutAttr, image: tuple[int, int]) -> None:
    """Rows and columns that lie apart in the first strip and in the last one of images of `image`, rows and columns."""
    ends, (*before, strip) = ints(cut.ends), ints(cut.rows)
    has, needs = f"ends {list(ends)}", "rows and columns of the first tile and of the last one"
    need(len(ends) == 4, op, has, needs, "correct the ends")
    rows, columns = image
    most = ([*before, strip][0], columns, (rows - sum(before) - 1) % strip + 1, columns)
    inside = all(end <= limit for end, limit in zip(ends, most, strict=True))
    need(inside, op, has, f"at most {list(most)}, those of the first strip and of the last one", "make the tiles smaller")
