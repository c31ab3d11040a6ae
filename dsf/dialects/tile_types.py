"""
Attributes of the `tile` dialect that say what is computed: windows, epilogues, parts of images; and what has to hold for them.
Into what pieces it is cut is in `dsf.dialects.tile_cuts`.
"""

from __future__ import annotations

from typing import ClassVar, cast

from xdsl.dialects.builtin import ArrayAttr, IntAttr
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
)
from xdsl.utils.exceptions import VerifyException

from dsf.dialects.integers import (
    MAX_BIAS_SHIFT,
    MAX_MULTIPLIER,
    MAX_POOL_SHIFT,
    MIN_BIAS_SHIFT,
    OFFSET_BITS,
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
        "bias_shift": Rule(MIN_BIAS_SHIFT, MAX_BIAS_SHIFT, default=0),
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
        "offset": Rule(*int_range(OFFSET_BITS), default=0),
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
        "offset": Rule(*int_range(OFFSET_BITS), default=0),
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


def check_pad(op: IRDLOperation, window: WindowAttr, x: SSAValue) -> None:
    low, high = int_range(width(x))
    value = window.pad_value.data
    need(low <= value <= high, op, f"pad_value {value}", f"{low} to {high}, what the input holds", "correct the window")


def one_epilogue(requantize: RequantizeAttr | None, raw: RawAttr | None) -> RequantizeAttr | RawAttr:
    """The one of the two that an operation has."""
    epilogue = raw if requantize is None else requantize
    assert epilogue is not None
    return epilogue
