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
`cut.whole` loads have it in one. Or the weights of a channel group come in `cut.ranges`, each as soon as the last tile of the
channel group before has made room for it; then the first tile and the last one are parts, of some elements of each kernel row.

A result that does not fit the engine's feature memory has its `place` elsewhere, see `Place`; so has the input where the
function has the attribute `tile.input_place`.

A transposed convolution is several operations `tile.matrix`, each of which makes some of the positions of one result; see
`dsf.transposed`.

A grouped convolution is computed in blocks of `cut.block` groups, the first loop above for one block after the other: a block
is a convolution over the input channels of its groups, with weights of 0 between channels of different ones, and has channel
groups of its own. Depthwise it has all groups.
"""

from __future__ import annotations

from xdsl.dialects.builtin import I64, DenseIntOrFPElementsAttr, IntegerAttr, TensorType, i32
from xdsl.ir import Attribute, Dialect, OpResult, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
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

from dsf.dialects.constants import DenseAttr, integer
from dsf.dialects.integers import (
    MAX_MULTIPLIER,
    RAW_BITS,
    check_clip,
    check_constants,
    check_integers,
    check_weights,
    width,
)
from dsf.dialects.records import ints
from dsf.dialects.shapes import (
    as_text,
    check_kernel,
    check_rank,
    check_result,
    check_sizes,
    element,
    need,
    shape,
    tensor_type,
    where,
)
from dsf.dialects.tile_cuts import (
    CutAttr,
    ModeAttr,
    Outer,
    OuterAttr,
    Place,
    PlaceAttr,
    check_cut,
    check_parts,
    check_ranges,
    check_vector_cut,
)
from dsf.dialects.tile_types import (
    WHOLE,
    AddAttr,
    MultiplyAttr,
    PartAttr,
    RawAttr,
    RequantizeAttr,
    ScaleAttr,
    TargetAttr,
    WindowAttr,
    check_move,
    check_pad,
    check_target,
    one_epilogue,
)
from dsf.dialects.tile_vector import ElementwiseOp, LookupOp, PoolOp
from dsf.numerics import MAX_SHIFT, int_range


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
        check_pad(self, self.window, self.x)
        check_cut(self, self.cut, (batch, *made))
        needs = f"at most its {groups} groups"
        need(block <= groups, self, f"a block of {block} groups", needs, "make the block smaller")
        check_parts(self, self.cut, shape(self.x)[-1] // groups * block)
        self._verify_ranges((made[0], made[1]))
        depthwise = [one.data.is_depthwise for one in self.cut.mode]
        if any(depthwise):
            need(all(depthwise), self, "depthwise for some of the loads", "it for all of them", "change the modes")
            inputs, outputs = shape(self.x)[-1], shape(self.y)[-1]
            has, needs = f"{inputs} channels to {outputs} in {groups} groups, depthwise", "as many groups as channels"
            need(groups == inputs == outputs, self, has, needs, "make it wide or tall")
            need(block == groups, self, f"a block of {block} groups, depthwise", f"all {groups}", "change the block")
        self._verify_parameters()
        self._verify_residual()

    def _verify_ranges(self, image: tuple[int, int]) -> None:
        kernel_columns, inputs = self.window.window.kernel[1], shape(self.x)[-1]
        one_run = kernel_columns == 1 or self.window.window.dilation[1] == 1
        runs = 1 if one_run and self.groups.value.data == 1 else kernel_columns
        check_ranges(self, self.cut, image, (runs, kernel_columns * inputs // runs))

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
        able = place is not Place.STRIPS or self.is_whole
        need(able, self, f"a part of a result whose place is {place}", "it on chip or in DRAM", "change the place")
        _check_into(self, self.into)
        if place is Place.DRAM and not self.is_whole:
            self._verify_strips()

    def _verify_strips(self) -> None:
        """Each strip of a result in DRAM is made by all operations that make parts of it, one after the other."""
        cut, step = self.cut, self.target.steps[0]
        has = f"rows {self.target.starts[0]} of every {step} of a result in DRAM"
        need(self.target.starts[0] < step, self, has, f"rows 0 to {step - 1}", "put it on chip")
        has = f"strips of {' + '.join(map(str, ints(cut.rows)))} rows, {cut.outer.data} outside, of a result in DRAM"
        uniform = len(ints(cut.rows)) == 1 and cut.outer.data is Outer.STRIPS
        need(uniform, self, has, "equal strips, all channels of each at once", "change the cut")
        if isinstance(self.into, OpResult) and isinstance(self.into.owner, MatrixOp):
            other = self.into.owner
            size = min(ints(other.cut.rows)[0], self.image[0])
            same = other.cut.place.data is Place.DRAM and other.cut.images == cut.images and size == ints(cut.rows)[0]
            has = f"strips of {ints(cut.rows)[0]} rows of {cut.images.data} images in DRAM"
            need(same, self, has, "those of what it writes into", "cut both alike")

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
        check_vector_cut(self, self.cut, (batch, *self.part.image))
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
