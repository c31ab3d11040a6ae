"""
Bundles cut into pieces that the engine can hold: each operation is one use of an engine unit, with its epilogue fused.

`tile.matrix` is a convolution (a dense layer is one of a 1x1 image) with requantisation and residual addition, `tile.pool`
a pooling; `tile.elementwise` and `tile.lookup` are functions of single elements. Values are whole tensors of integers, NHWC,
as in `fxp`, and mean the same numbers; what is new is `cut`, which says in what pieces the engine computes them, and the
attribute `tile.images` of the function: images that go through the whole network together, a chunk of the batch.

    for chunk in range(0, N, tile.images):              # the last one may be smaller; a chunk runs through all operations
        for groups in blocks(channel groups, cut.groups):                # each a load of weights, and a mode of the array
            for images in blocks(chunk, cut.images):
                for rows in blocks(OH, cut.rows):                        # a strip of output rows, its input with a halo
                    compute y[images, rows, :, groups]

With `outer = strips` the first loop goes inside: strip by strip, all channels, with all weights on chip. Sizes of blocks are
lists; the last number is that of all blocks that follow. A channel group is C/G channels, the columns of one column group of
the array.

A reduction may be cut too, into parts of `cut.inputs` input channels, each with weights of its own: the innermost loop, whose
sums stay in the array from part to part. So a strip is one tile of the array then, and a load of weights one pass. The first
`cut.whole` loads have it in one.

A result that does not fit the engine's feature memory has its `place` elsewhere, see `Place`; so has the input where the
function has the attribute `tile.input_place`.

A transposed convolution is several operations `tile.matrix`, each of which makes some of the positions of one result; see
`dsf.transposed`.

A grouped convolution is computed in blocks of `cut.block` groups, the first loop above for one block after the other: a block
is a convolution over the input channels of its groups, with weights of 0 between channels of different ones, and has channel
groups of its own. Depthwise it has all groups.
"""

from __future__ import annotations

from typing import ClassVar, cast

from xdsl.dialects.builtin import I64, ArrayAttr, DenseIntOrFPElementsAttr, IntAttr, IntegerAttr, TensorType, i32
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, Dialect, Operation, SpacedOpaqueSyntaxAttribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from dsf.dialects.bundle_types import PoolKind, PoolKindAttr
from dsf.dialects.constants import DenseAttr, integer
from dsf.dialects.integers import (
    MAX_BIAS_SHIFT,
    MAX_MULTIPLIER,
    MAX_POOL_SHIFT,
    RAW_BITS,
    ZERO_POINT_BITS,
    check_clip,
    check_constants,
    check_integers,
    check_table,
    check_weights,
    width,
)
from dsf.dialects.records import RecordAttr, Rule, ints
from dsf.dialects.shapes import (
    as_text,
    check_kernel,
    check_operands,
    check_pool,
    check_rank,
    check_result,
    check_sizes,
    element,
    need,
    shape,
    tensor_type,
    where,
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

    @property
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
    strips of it are loaded; or nowhere: the next operation reads the strips as they are made, and nothing else does.
    """

    CHIP = "chip"
    DRAM = "dram"
    STRIPS = "strips"


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
    }


def _check_cut(op: IRDLOperation, cut: CutAttr, sizes: tuple[int, ...]) -> None:
    """The pieces are of the (images, rows, ...) that an operation makes."""
    images, rows, *_ = sizes
    strips = ints(cut.rows)
    has = f"cut into {cut.images.data} images of {' + '.join(map(str, strips))} rows"
    fits = cut.images.data <= images and sum(strips) <= rows
    need(fits, op, has, f"at most {images} images of {rows} rows", "make the cut smaller")
    whole = cut.images.data == 1 or strips[0] == rows
    need(whole, op, has, f"1 image, or all {rows} rows", "cut images or rows")


def _check_vector_cut(op: IRDLOperation, cut: CutAttr, sizes: tuple[int, ...]) -> None:
    """The vector unit computes images and rows with all their channels."""
    _check_cut(op, cut, sizes)
    dense = all(one.data is Mode.WIDE for one in cut.mode)
    whole = ints(cut.groups) == (1,) and dense and cut.block.data == 1 and ints(cut.inputs) == (0,)
    need(whole, op, "cut into channels, or tall", "a cut of images and rows", "remove groups, mode, block and inputs")


def _check_parts(op: IRDLOperation, cut: CutAttr, inputs: int) -> None:
    """The parts of a reduction over the `inputs` input channels of a block."""
    parts = ints(cut.inputs)
    if parts == (0,):
        return
    has = f"a reduction over {inputs} channels in parts of {' + '.join(map(str, parts))}"
    need(min(parts) > 0 and sum(parts) <= inputs, op, has, f"parts of 1 to {inputs} together", "change the parts")
    alone = cut.block.data == 1 and not any(one.data.is_depthwise for one in cut.mode)
    need(alone, op, has, "blocks of 1 group, not depthwise", "leave the reduction whole")


def _check_pad(op: IRDLOperation, window: WindowAttr, x: SSAValue) -> None:
    low, high = int_range(width(x))
    value = window.pad_value.data
    need(low <= value <= high, op, f"pad_value {value}", f"{low} to {high}, what the input holds", "correct the window")


def one_epilogue(requantize: RequantizeAttr | None, raw: RawAttr | None) -> RequantizeAttr | RawAttr:
    """The one of the two that an operation has."""
    epilogue = raw if requantize is None else requantize
    assert epilogue is not None
    return epilogue


@irdl_op_definition
class MatrixOp(IRDLOperation):
    """
    A convolution with its epilogue, as the matrix unit and the drain compute it:

        acc = sum over ky, kx, ci of tap(oy, ox, ky, kx)[g * CI / groups + ci] * weights[ky, kx, ci, co]
        y = requantize(acc), or raw(acc); with `add`: residual_add(y, residual)

    where g = co // (CO / groups) is the group of the output channel, and the weights are (KH, KW, CI / groups, CO).

    With a `target` it makes some of the rows and columns of the result; what else there is in the result is that of `into`, as
    of `tile.copy`. What is added is at the same places as the result.

    ```
    %y = tile.matrix %x window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127>
           cut <images = 1, rows = 8, groups = 3> weights dense<...> : ... bias dense<...> : ...
           multiplier dense<...> : ... shift dense<...> : ... : tensor<1x8x8x3xi8> -> tensor<1x8x8x16xi8>
    %1 = tile.matrix %0 into %y target <first = [0, 1, 0], strides = [1, 2]> window <kernel = [1, 1]> ...
           : tensor<1x8x4x3xi8> into tensor<1x8x8x16xi8> -> tensor<1x8x8x16xi8>
    ```
    """

    name = "tile.matrix"

    x = operand_def(TensorType)
    residual = opt_operand_def(TensorType)
    into = opt_operand_def(TensorType)
    y = result_def(TensorType)

    target = prop_def(TargetAttr, default_value=WHOLE)

    window = prop_def(WindowAttr)
    groups = prop_def(IntegerAttr[I64], default_value=integer(1))
    requantize = opt_prop_def(RequantizeAttr)
    raw = opt_prop_def(RawAttr)
    add = opt_prop_def(AddAttr)
    cut = prop_def(CutAttr)
    weights = prop_def(DenseIntOrFPElementsAttr)
    bias = prop_def(DenseIntOrFPElementsAttr)
    multiplier = opt_prop_def(DenseIntOrFPElementsAttr)
    shift = opt_prop_def(DenseIntOrFPElementsAttr)

    traits = traits_def(Pure())
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "$x (`add` $residual^ $add)? (`into` $into^)? (`target` $target^)? `window` $window (`groups` $groups^)? "
        "(`requantize` $requantize^)? (`raw` $raw^)? "
        "`cut` $cut `weights` $weights `bias` $bias (`multiplier` $multiplier^ `shift` $shift)? attr-dict "
        "`:` type($x) (`,` type($residual)^)? (`into` type($into)^)? `->` type($y)"
    )

    def __init__(
        self,
        x: SSAValue,
        *,
        window: WindowAttr,
        epilogue: RequantizeAttr | RawAttr,
        cut: CutAttr,
        weights: DenseAttr,
        bias: DenseAttr,
        multiplier: DenseAttr | None,
        shift: DenseAttr | None,
        groups: int = 1,
        residual: SSAValue | None = None,
        add: AddAttr | None = None,
        into: SSAValue | None = None,
        target: TargetAttr = WHOLE,
        result_type: Attribute,
    ):
        super().__init__(
            operands=[x, residual, into],
            properties={
                "target": target,
                "window": window,
                "groups": integer(groups),
                "requantize": epilogue if isinstance(epilogue, RequantizeAttr) else None,
                "raw": epilogue if isinstance(epilogue, RawAttr) else None,
                "cut": cut,
                "weights": weights,
                "bias": bias,
                "multiplier": multiplier,
                "shift": shift,
                "add": add,
            },
            result_types=[result_type],
        )

    @property
    def epilogue(self) -> RequantizeAttr | RawAttr:
        """What becomes of the sums; the verifier has checked that it is one of the two."""
        return one_epilogue(self.requantize, self.raw)

    @property
    def image(self) -> tuple[int, int, int]:
        """Height, width, channels of what it makes."""
        _, height, image_width, channels = shape(self.y)
        if self.target != WHOLE:
            _, *image, _ = shape(self.x)
            height, image_width = self.window.window.output_shape(image[0], image[1])
        return height, image_width, channels

    @property
    def is_partial(self) -> bool:
        """Whether others go into the result."""
        return _takes_more(self.y)

    @property
    def is_whole(self) -> bool:
        """Whether it makes all of its result, row by row."""
        return self.target == WHOLE and self.into is None and not self.is_partial

    def verify_(self) -> None:
        one = (self.requantize is None) != (self.raw is None)
        need(one, self, "both or none of requantize and raw", "one of them", "remove one, or add one")
        check_integers(self, self.x, self.y)
        kernel, of_weights = self.window.window.kernel, tuple(self.weights.get_shape()[:2])
        has, needs = f"a window of {as_text(kernel)}", f"{as_text(of_weights)}, the kernel of the weights"
        need(kernel == of_weights, self, has, needs, "correct the window")
        check_weights(self, self.weights)
        groups, block = self.groups.value.data, self.cut.block.data
        batch, *made = check_kernel(self, self.x, self.weights, self.window.window, groups)
        self._verify_target(batch, (made[0], made[1], made[2]))
        _check_pad(self, self.window, self.x)
        _check_cut(self, self.cut, (batch, *made))
        needs = f"at most its {groups} groups"
        need(block <= groups, self, f"a block of {block} groups", needs, "make the block smaller")
        _check_parts(self, self.cut, shape(self.x)[-1] // groups * block)
        depthwise = [one.data.is_depthwise for one in self.cut.mode]
        if any(depthwise):
            need(all(depthwise), self, "depthwise for some of the loads", "it for all of them", "change the modes")
            inputs, outputs = shape(self.x)[-1], shape(self.y)[-1]
            has, needs = f"{inputs} channels to {outputs} in {groups} groups, depthwise", "as many groups as channels"
            need(groups == inputs == outputs, self, has, needs, "make it wide or tall")
            need(block == groups, self, f"a block of {block} groups, depthwise", f"all {groups}", "change the block")
        self._verify_parameters()
        self._verify_residual()

    def _verify_target(self, batch: int, made: tuple[int, int, int]) -> None:
        transposed = self.target.is_transposed
        need(not transposed, self, f"axes {list(self.target.order)}", "[0, 1, 2]", "transpose in a copy")
        if self.target == WHOLE:
            check_result(self, (batch, *made))
        else:
            _, *image = shape(self.y)
            check_target(self, self.target, made, (image[0], image[1], image[2]))
            has, needs = (
                f"a result of {shape(self.y)[0]} images of {image[2]} channels",
                f"{batch} of {made[2]}, as it makes them",
            )
            need((shape(self.y)[0], image[2]) == (batch, made[2]), self, has, needs, "correct the result type")
        place = self.cut.place.data
        able = place is Place.CHIP or self.is_whole
        need(able, self, f"a part of a result whose place is {place}", "it on chip", "change the place")
        _check_into(self, self.into)

    def _verify_parameters(self) -> None:
        check_constants(self, *int_range(RAW_BITS), bias=self.bias)
        if self.raw is not None:
            alone = self.multiplier is None and self.shift is None and self.add is None
            need(alone, self, "raw sums with a multiplier or an addition", "neither", "requantize instead")
            need(element(self.y) == i32, self, f"raw sums as {element(self.y)}", "i32", "correct the result type")
            return
        for name, values, most in (("multiplier", self.multiplier, MAX_MULTIPLIER), ("shift", self.shift, MAX_SHIFT)):
            if values is None:
                raise VerifyException(f"{where(self)}: requantize without {name}, needs multiplier and shift; add them")
            check_constants(self, 0, most, **{name: values})

    def _verify_residual(self) -> None:
        pair = (self.residual is None) == (self.add is None)
        need(pair, self, "an added tensor without its numbers", "'add %residual <...>'", "add the numbers")
        if self.residual is not None:
            check_integers(self, self.residual)
            has, needs = shape(self.residual), shape(self.y)
            need(has == needs, self, f"adds a tensor of shape {as_text(has)}", as_text(needs), "add equal shapes")
        last = self.requantize if self.add is None else self.add
        if last is not None:
            check_clip(self, last.low.data, last.high.data)


@irdl_op_definition
class PoolOp(IRDLOperation):
    """
    A pooling, as the vector unit computes it, with one rounding:

        y = pool_scale(max or sum of the taps inside the image, 1 or their number)

    ```
    %y = tile.pool max %x window <kernel = [2, 2], strides = [2, 2]> scale <low = -128, high = 127> cut <images = 1, rows = 4>
           : tensor<1x8x8x16xi8> -> tensor<1x4x4x16xi8>
    ```
    """

    name = "tile.pool"

    kind = prop_def(PoolKindAttr)
    x = operand_def(TensorType)
    y = result_def(TensorType)
    window = prop_def(WindowAttr)
    scale = prop_def(ScaleAttr)
    cut = prop_def(CutAttr)

    traits = traits_def(Pure())

    assembly_format = "$kind $x `window` $window `scale` $scale `cut` $cut attr-dict `:` type($x) `->` type($y)"

    def __init__(
        self, kind: PoolKind, x: SSAValue, *, window: WindowAttr, scale: ScaleAttr, cut: CutAttr, result_type: Attribute
    ):
        super().__init__(
            operands=[x],
            properties={"kind": PoolKindAttr(kind), "window": window, "scale": scale, "cut": cut},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        check_integers(self, self.x, self.y)
        check_pool(self, self.x, self.window.window)
        _check_pad(self, self.window, self.x)
        check_clip(self, self.scale.low.data, self.scale.high.data)
        _check_vector_cut(self, self.cut, shape(self.y))
        dilation = ints(self.window.dilation)
        need(dilation == (1, 1), self, f"dilation {list(dilation)}", "[1, 1]", "pool without dilation")


#: An element of the result is computed from the elements at its own place.
POINT = WindowAttr.from_window(Window((1, 1)))


@irdl_op_definition
class ElementwiseOp(IRDLOperation):
    """
    Sum or product of two tensors, with one rounding; `b` may be one pixel for each image of `x`:

        y = residual_add(x, b), or multiply(x, b)

    ```
    %y = tile.elementwise #tile.multiply<shift = 7, low = -128, high = 127> %x, %b cut <images = 1, rows = 8>
           : tensor<1x8x8x16xi8>, tensor<1x1x1x16xi8> -> tensor<1x8x8x16xi8>
    ```
    """

    name = "tile.elementwise"

    function = prop_def(AddAttr | MultiplyAttr)
    x = operand_def(TensorType)
    b = operand_def(TensorType)
    y = result_def(TensorType)
    cut = prop_def(CutAttr)

    traits = traits_def(Pure())

    assembly_format = "$function $x `,` $b `cut` $cut attr-dict `:` type($x) `,` type($b) `->` type($y)"

    def __init__(self, function: AddAttr | MultiplyAttr, x: SSAValue, b: SSAValue, *, cut: CutAttr, result_type: Attribute):
        super().__init__(operands=[x, b], properties={"function": function, "cut": cut}, result_types=[result_type])

    @property
    def window(self) -> WindowAttr:
        return POINT

    def verify_(self) -> None:
        check_integers(self, self.x, self.b, self.y)
        check_rank(self, self.x, (4,))
        check_operands(self, self.x, self.b)
        _check_zeros(self, self.function, width(self.x), width(self.b))
        check_clip(self, self.function.low.data, self.function.high.data)
        _check_vector_cut(self, self.cut, shape(self.y))


def _check_zeros(op: IRDLOperation, function: AddAttr | MultiplyAttr, *bits: int) -> None:
    """Zero points are values of their operands, of so many bits."""
    if isinstance(function, AddAttr):
        return
    zeros = {"zero_a": function.zero_a.data, "zero_b": function.zero_b.data}
    for (name, zero), of_operand in zip(zeros.items(), bits, strict=True):
        low, high = int_range(of_operand)
        need(low <= zero <= high, op, f"{name} {zero}", f"{low} to {high}, what the operand holds", "correct it")


@irdl_op_definition
class LookupOp(IRDLOperation):
    """
    A function of each element by its table, `dsf.numerics.lookup`, with an entry for each value of the input.

    ```
    %y = tile.lookup %x table dense<[...]> : tensor<256xi8> cut <images = 1, rows = 8>
           : tensor<1x8x8x16xi8> -> tensor<1x8x8x16xi8>
    ```
    """

    name = "tile.lookup"

    x = operand_def(TensorType)
    y = result_def(TensorType)
    table = prop_def(DenseIntOrFPElementsAttr)
    cut = prop_def(CutAttr)

    traits = traits_def(Pure())

    assembly_format = "$x `table` $table `cut` $cut attr-dict `:` type($x) `->` type($y)"

    def __init__(self, x: SSAValue, table: DenseAttr, *, cut: CutAttr, result_type: Attribute):
        super().__init__(operands=[x], properties={"table": table, "cut": cut}, result_types=[result_type])

    @property
    def window(self) -> WindowAttr:
        return POINT

    def verify_(self) -> None:
        check_integers(self, self.x, self.y)
        check_rank(self, self.x, (4,))
        check_result(self, shape(self.x))
        check_table(self, self.table, self.x)
        _check_vector_cut(self, self.cut, shape(self.y))


@irdl_op_definition
class CopyOp(IRDLOperation):
    """
    A part of each image of `x`, copied to a place in the images of the result; what else there is in the result is that of
    `into`, which lies in the same memory and has no other use, or not yet defined: it takes further copies.

    ```
    %1 = tile.copy %a part <size = [4, 4, 3]> target <> cut <images = 1, rows = 4> : tensor<1x4x4x3xi8> -> tensor<1x4x4x8xi8>
    %2 = tile.copy %b into %1 part <size = [4, 4, 5]> target <first = [0, 0, 3]> cut <images = 1, rows = 4>
           : tensor<1x4x4x5xi8>, tensor<1x4x4x8xi8> -> tensor<1x4x4x8xi8>
    ```
    """

    name = "tile.copy"

    x = operand_def(TensorType)
    into = opt_operand_def(TensorType)
    y = result_def(TensorType)
    part = prop_def(PartAttr)
    target = prop_def(TargetAttr)
    cut = prop_def(CutAttr)

    traits = traits_def(Pure())

    assembly_format = (
        "$x (`into` $into^)? `part` $part `target` $target `cut` $cut attr-dict `:` type($x) (`,` type($into)^)? `->` type($y)"
    )

    def __init__(
        self,
        x: SSAValue,
        *,
        into: SSAValue | None = None,
        part: PartAttr,
        target: TargetAttr,
        cut: CutAttr,
        result_type: Attribute,
    ):
        super().__init__(
            operands=[x, into], properties={"part": part, "target": target, "cut": cut}, result_types=[result_type]
        )

    @property
    def is_partial(self) -> bool:
        """Whether further copies go into the result."""
        return _takes_more(self.y)

    @property
    def image(self) -> tuple[int, int, int]:
        """Height, width, channels of what it copies."""
        return self.part.image

    @property
    def is_whole(self) -> bool:
        """Whether it makes all of its result, row by row."""
        alone = self.into is None and not self.is_partial and not self.target.is_transposed
        return alone and self.part.image == shape(self.y)[1:]

    def verify_(self) -> None:
        check_integers(self, self.x, self.y)
        for value in (self.x, self.y):
            check_rank(self, value, (4,))
        batch, *image = shape(self.x)
        needs = f"{batch} images of {element(self.x)}, as there are to copy"
        same = shape(self.y)[0] == batch and element(self.y) == element(self.x)
        need(same, self, f"a result of {self.y.type}", needs, "correct the result type")
        _, *target = shape(self.y)
        check_move(self, self.part, self.target, (image[0], image[1], image[2]), (target[0], target[1], target[2]))
        pad, (low, high) = self.part.pad_value.data, int_range(width(self.x))
        need(low <= pad <= high, self, f"pad_value {pad}", f"{low} to {high}, what the input holds", "correct the part")
        _check_vector_cut(self, self.cut, (batch, *self.part.image))
        place = self.cut.place.data
        able = place is Place.CHIP or (place is Place.DRAM and self.is_whole)
        needs = "it on chip, or in DRAM if one copy makes all of it"
        need(able, self, f"a result whose place is {place}", needs, "change the place")
        _check_into(self, self.into)
        alone = self.into is None and not self.is_partial
        has = f"axes {list(self.target.order)} of a part of the result"
        need(alone or not self.target.is_transposed, self, has, "all of it", "transpose in a copy of its own")


def _takes_more(y: SSAValue) -> bool:
    """Whether an operation writes into a result that another one has begun."""
    users = [use.operation for use in y.uses]
    return any(isinstance(user, MatrixOp | CopyOp) and user.into is y for user in users)


def _check_into(op: MatrixOp | CopyOp, into: SSAValue | None) -> None:
    """What an operation writes into is the result of one like it, and nothing else's operand."""
    if into is None:
        return
    alone = isinstance(into.owner, type(op)) and into.has_one_use() and into.type == op.y.type
    has = f"writes into {into.type} that something else makes or uses"
    need(alone, op, has, f"the {op.y.type} of a '{op.name}' before, used here only", "begin it so")


#: What the vector unit computes.
VectorOp = PoolOp | ElementwiseOp | LookupOp | CopyOp


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """
    The same elements, row-major, under another shape; the images stay. It costs nothing on the engine.

    ```
    %y = tile.reshape %x : tensor<8x2x2x16xi8> -> tensor<8x64xi8>
    ```
    """

    name = "tile.reshape"

    x = operand_def(TensorType)
    y = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$x attr-dict `:` type($x) `->` type($y)"

    def __init__(self, x: SSAValue, result_type: Attribute):
        super().__init__(operands=[x], result_types=[result_type])

    def verify_(self) -> None:
        check_integers(self, self.x, self.y)
        check_sizes(self, self.x)
        before, after = tensor_type(self.x), tensor_type(self.y)
        has = f"{before} -> {after}"
        same = before.element_type == after.element_type and before.element_count() == after.element_count()
        need(same, self, has, "as many elements of the same type", "correct the result type")
        need(shape(self.x)[:1] == shape(self.y)[:1], self, has, "as many images, the first size", "correct the result type")


Tile = Dialect(
    "tile",
    [MatrixOp, PoolOp, ElementwiseOp, LookupOp, CopyOp, ReshapeOp],
    [
        ModeAttr,
        OuterAttr,
        PlaceAttr,
        WindowAttr,
        RequantizeAttr,
        RawAttr,
        AddAttr,
        MultiplyAttr,
        ScaleAttr,
        PartAttr,
        TargetAttr,
        CutAttr,
    ],
)
