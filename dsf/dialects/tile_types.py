"""
Attributes of the `tile` dialect: windows, epilogues, parts of images, and the cut of an operation into pieces; and what has to
hold for them. What they mean together is in `dsf.dialects.tile`.
"""

from __future__ import annotations

from typing import ClassVar, cast

from xdsl.dialects.builtin import ArrayAttr, IntAttr
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Operation, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
)
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from dsf.dialects.integers import (
    MAX_BIAS_SHIFT,
    MAX_MULTIPLIER,
    MAX_POOL_SHIFT,
    RAW_BITS,
    ZERO_POINT_BITS,
    width,
)
from dsf.dialects.records import RecordAttr, Rule, ints, kept
from dsf.dialects.shapes import (
    as_text,
    need,
)
from dsf.geometry import Window
from dsf.numerics import MAX_LEAK, MAX_SHIFT, int_range


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


@irdl_attr_definition
class WindowAttr(RecordAttr):
    """
    A window over the image; `kernel`, `strides`, `dilation` are (vertical, horizontal), `padding` is top, bottom, left, right.

        tap(oy, ox, ky, kx) = x[oy*strides[0] - top + ky*dilation[0], ox*strides[1] - left + kx*dilation[1]]

    or `pad_value` outside the image. Padding below 0 leaves out so many rows or columns at that side.
    """

    name = "tile.window"

    kernel: ArrayAttr[IntAttr]
    strides: ArrayAttr[IntAttr]
    padding: ArrayAttr[IntAttr]
    dilation: ArrayAttr[IntAttr]
    pad_value: IntAttr

    RULES: ClassVar = {
        "kernel": Rule(low=1),
        "strides": Rule(low=1, default=(1, 1)),
        "padding": Rule(default=(0, 0, 0, 0)),
        "dilation": Rule(low=1, default=(1, 1)),
        "pad_value": Rule(default=0),
    }

    @kept
    def window(self) -> Window:
        kernel, strides, dilation = (ints(one) for one in (self.kernel, self.strides, self.dilation))
        top, bottom, left, right = ints(self.padding)
        return Window((kernel[0], kernel[1]), (strides[0], strides[1]), (top, bottom, left, right), (dilation[0], dilation[1]))

    @staticmethod
    def from_window(window: Window, pad_value: int = 0) -> WindowAttr:
        return WindowAttr.of(
            kernel=window.kernel,
            strides=window.strides,
            padding=window.padding,
            dilation=window.dilation,
            pad_value=pad_value,
        )

    def verify(self) -> None:
        super().verify()
        for name, count in (("kernel", 2), ("strides", 2), ("padding", 4), ("dilation", 2)):
            numbers = ints(cast(ArrayAttr[IntAttr], getattr(self, name)))
            if len(numbers) != count:
                raise VerifyException(f"'#{self.name}': {name} {list(numbers)}, needs {count} numbers; correct the list")


@irdl_attr_definition
class RequantizeAttr(RecordAttr):
    """From sums to activations: `dsf.numerics.requantize` with these numbers and the operation's bias, multiplier, shift."""

    name = "tile.requantize"

    bias_shift: IntAttr
    leak: IntAttr
    zero_point: IntAttr
    low: IntAttr
    high: IntAttr

    RULES: ClassVar = {
        "bias_shift": Rule(0, MAX_BIAS_SHIFT, default=0),
        "leak": Rule(0, MAX_LEAK, default=0),
        "zero_point": Rule(*int_range(ZERO_POINT_BITS), default=0),
    }


@irdl_attr_definition
class RawAttr(RecordAttr):
    """The sums themselves, as 32 bits: `dsf.numerics.raw`."""

    name = "tile.raw"

    bias_shift: IntAttr

    RULES: ClassVar = {"bias_shift": Rule(0, MAX_BIAS_SHIFT, default=0)}


@irdl_attr_definition
class AddAttr(RecordAttr):
    """
    Sum of two tensors, the numbers of `dsf.numerics.residual_add`; in an epilogue `a` is the requantised value, `b` the added
    tensor.
    """

    name = "tile.add"

    multiplier_a: IntAttr
    multiplier_b: IntAttr
    offset: IntAttr
    shift: IntAttr
    leak: IntAttr
    low: IntAttr
    high: IntAttr

    RULES: ClassVar = {
        "multiplier_a": Rule(0, MAX_MULTIPLIER, default=1),
        "multiplier_b": Rule(0, MAX_MULTIPLIER, default=1),
        "offset": Rule(*int_range(RAW_BITS), default=0),
        "shift": Rule(0, MAX_SHIFT, default=0),
        "leak": Rule(0, MAX_LEAK, default=0),
    }


@irdl_attr_definition
class MultiplyAttr(RecordAttr):
    """Product of two tensors: the numbers of `dsf.numerics.multiply`."""

    name = "tile.multiply"

    zero_a: IntAttr
    zero_b: IntAttr
    multiplier: IntAttr
    offset: IntAttr
    shift: IntAttr
    leak: IntAttr
    low: IntAttr
    high: IntAttr

    RULES: ClassVar = {
        "zero_a": Rule(default=0),
        "zero_b": Rule(default=0),
        "multiplier": Rule(0, MAX_MULTIPLIER, default=1),
        "offset": Rule(*int_range(RAW_BITS), default=0),
        "shift": Rule(0, MAX_SHIFT, default=0),
        "leak": Rule(0, MAX_LEAK, default=0),
    }


@irdl_attr_definition
class ScaleAttr(RecordAttr):
    """The end of a pooling: `dsf.numerics.pool_scale`. `count_padding` is 1 where an average counts positions outside too."""

    name = "tile.scale"

    count_padding: IntAttr
    left: IntAttr
    right: IntAttr
    leak: IntAttr
    low: IntAttr
    high: IntAttr

    RULES: ClassVar = {
        "count_padding": Rule(0, 1, default=0),
        "left": Rule(0, MAX_POOL_SHIFT, default=0),
        "right": Rule(0, MAX_POOL_SHIFT, default=0),
        "leak": Rule(0, MAX_LEAK, default=0),
    }


@irdl_attr_definition
class PartAttr(RecordAttr):
    """
    A part of each image, (rows, columns, channels) of `size` from `first` on; where rows and columns stick out of the image
    there is `pad_value`.

        part[i, j, k] = x[first[0] + i, first[1] + j, first[2] + k]
    """

    name = "tile.part"

    first: ArrayAttr[IntAttr]
    size: ArrayAttr[IntAttr]
    pad_value: IntAttr

    RULES: ClassVar = {"first": Rule(default=(0, 0, 0)), "size": Rule(1), "pad_value": Rule(default=0)}

    @property
    def starts(self) -> tuple[int, int, int]:
        row, column, channel = ints(self.first)
        return row, column, channel

    @property
    def image(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        height, width, channels = ints(self.size)
        return height, width, channels

    @property
    def window(self) -> Window:
        """The window of one element that moves over the part; padding below and on the right does not matter."""
        row, column, _ = self.starts
        return Window((1, 1), (1, 1), (-row, 0, -column, 0))

    def verify(self) -> None:
        super().verify()
        for name, numbers in (("first", ints(self.first)), ("size", ints(self.size))):
            if len(numbers) != 3:
                raise VerifyException(f"'#{self.name}': {name} {list(numbers)}, needs row, column, channel; correct the list")


@irdl_attr_definition
class TargetAttr(RecordAttr):
    """
    Where in the images of a result what an operation makes goes: rows and columns `strides` apart, from (row, column, channel)
    `first` on.

        y[first[0] + i * strides[0], first[1] + j * strides[1], first[2] + k] = made[i, j, k]

    With other `axes` than [0, 1, 2] all of the result is made, whose axis axes[0] is that of i, and so on.
    """

    name = "tile.target"

    first: ArrayAttr[IntAttr]
    strides: ArrayAttr[IntAttr]
    axes: ArrayAttr[IntAttr]

    RULES: ClassVar = {
        "first": Rule(0, default=(0, 0, 0)),
        "strides": Rule(1, default=(1, 1)),
        "axes": Rule(0, 2, default=(0, 1, 2)),
    }

    @property
    def starts(self) -> tuple[int, int, int]:
        row, column, channel = ints(self.first)
        return row, column, channel

    @property
    def steps(self) -> tuple[int, int]:
        vertical, horizontal = ints(self.strides)
        return vertical, horizontal

    @property
    def order(self) -> tuple[int, int, int]:
        """The axes of the result that rows, columns and channels of what is made lie along."""
        row, column, channel = ints(self.axes)
        return row, column, channel

    @property
    def is_transposed(self) -> bool:
        return self.order != (0, 1, 2)

    def rows(self, first: int, count: int) -> tuple[int, int]:
        """The first row of the result that rows of what is made go to, and how many it is to the last; not transposed."""
        return self.starts[0] + first * self.steps[0], (count - 1) * self.steps[0] + 1

    def verify(self) -> None:
        super().verify()
        for name, attribute, count in (("first", self.first, 3), ("strides", self.strides, 2), ("axes", self.axes, 3)):
            if len(ints(attribute)) != count:
                numbers = list(ints(attribute))
                raise VerifyException(f"'#{self.name}': {name} {numbers}, needs {count} numbers; correct the list")
        if sorted(self.order) != [0, 1, 2]:
            raise VerifyException(f"'#{self.name}': axes {list(self.order)}, needs 0, 1 and 2 in any order; correct the list")
        if self.is_transposed and (self.starts, self.steps) != ((0, 0, 0), (1, 1)):
            has = f"axes {list(self.order)} of a part of the result"
            raise VerifyException(f"'#{self.name}': {has}, needs all of it; remove first and strides")


#: All of the result.
WHOLE = TargetAttr.of()


def check_target(op: Operation, target: TargetAttr, made: tuple[int, int, int], y: tuple[int, int, int]) -> None:
    """Images `made` of (height, width, channels) go inside images of `y`; transposed, they make all of it."""
    if target.is_transposed:
        sizes = tuple(y[axis] for axis in target.order)
        need(
            sizes == made,
            op,
            f"{as_text(made)} to axes {list(target.order)} of {as_text(y)}",
            "its sizes",
            "correct the target",
        )
        return
    strides = (*target.steps, 1)
    ends = [one + (size - 1) * step + 1 for one, size, step in zip(target.starts, made, strides, strict=True)]
    inside = all(end <= most for end, most in zip(ends, y, strict=True))
    need(inside, op, f"a target up to {as_text(ends)}", f"at most {as_text(y)}, the result's image", "correct the target")


def check_move(op: Operation, part: PartAttr, target: TargetAttr, x: tuple[int, int, int], y: tuple[int, int, int]) -> None:
    """The part has channels of `x`, images of (height, width, channels), and goes inside images of `y`."""
    first, count, channels = part.starts[2], part.image[2], x[2]
    has = f"channels {first} to {first + count - 1}"
    need(first >= 0 and first + count <= channels, op, has, f"those of {channels} that there are", "correct the part")
    check_target(op, target, part.image, y)


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


def check_pad(op: IRDLOperation, window: WindowAttr, x: SSAValue) -> None:
    low, high = int_range(width(x))
    value = window.pad_value.data
    need(low <= value <= high, op, f"pad_value {value}", f"{low} to {high}, what the input holds", "correct the window")


def one_epilogue(requantize: RequantizeAttr | None, raw: RawAttr | None) -> RequantizeAttr | RawAttr:
    """The one of the two that an operation has."""
    epilogue = raw if requantize is None else requantize
    assert epilogue is not None
    return epilogue
