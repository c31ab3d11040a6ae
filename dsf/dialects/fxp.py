"""
The network in integers: every width, multiplier, shift, rounding and clip is explicit.

Tensors are (N, H, W, C) or (N, K) of signless builtin integers, two's complement: activations `i<bits_input>`, sums
`i<bits_sum>`, the logits of a last layer `i32`. The arithmetic is that of `dsf.numerics`, named in each operation. A
function carries what its integers mean: `dsf.input_frac` and `dsf.output_frac`, the fraction bits of its argument and its
result, or with free scales `dsf.input_scales` and so on, and `dsf.softmax` if the host applies a softmax to the result;
`dsf.zero_macs` is of `merge-columns`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

from numpy.typing import ArrayLike
from xdsl.dialects.builtin import I64, DenseIntOrFPElementsAttr, DictionaryAttr, IntegerAttr, TensorType, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.interfaces import HasCanonicalizationPatternsInterface
from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, opt_prop_def, prop_def, result_def, traits_def
from xdsl.pattern_rewriter import RewritePattern
from xdsl.traits import Pure

from dsf.dialects.bundle_types import PoolKind, PoolKindAttr
from dsf.dialects.constants import DenseAttr, IntsAttr, dense_ints, integer, ints_attr, ints_of, pair, quad
from dsf.dialects.fxp_conv_transpose import ConvTransposeOp
from dsf.dialects.fxp_elements import MultiplyOp, TableOp
from dsf.dialects.fxp_moves import ConcatOp, PadOp, ResizeOp, SliceOp, TransposeOp
from dsf.dialects.integers import (
    MAX_BIAS_SHIFT,
    MAX_MULTIPLIER,
    MAX_POOL_SHIFT,
    MIN_BIAS_SHIFT,
    OFFSET_BITS,
    RAW_BITS,
    ZERO_POINT_BITS,
    check_between,
    check_clip,
    check_constants,
    check_integers,
    check_weights,
    integers,
    width,
)
from dsf.dialects.shapes import (
    check_convolution,
    check_lists,
    check_operands,
    check_pool,
    check_rank,
    check_result,
    check_sizes,
    need,
    shape,
)
from dsf.geometry import Window
from dsf.numerics import MAX_LEAK, MAX_SHIFT, Ints, int_range

#: Names of the function's attributes.
INPUT_FRAC = "dsf.input_frac"
OUTPUT_FRAC = "dsf.output_frac"
SOFTMAX = "dsf.softmax"
#: With free scales: those of the argument and of the result, a list of one or of one for each channel, and the zero points.
INPUT_SCALES, INPUT_ZERO_POINT = "dsf.input_scales", "dsf.input_zero_point"
OUTPUT_SCALES, OUTPUT_ZERO_POINT = "dsf.output_scales", "dsf.output_zero_point"
#: Multiplications by zeros that a pass has put among the weights, by bundle.
ZERO_MACS = "dsf.zero_macs"


def zero_macs(function: FuncOp) -> dict[str, int]:
    """Multiplications by zeros that the compiler has put among the weights, by bundle."""
    counts = function.attributes.get(ZERO_MACS)
    found = counts.data.items() if isinstance(counts, DictionaryAttr) else ()
    return {name: count.value.data for name, count in found if isinstance(count, IntegerAttr)}


def add_zero_macs(function: FuncOp, more: Mapping[str, int]) -> None:
    """Notes `more` of them."""
    counts = zero_macs(function)
    counts |= {name: counts.get(name, 0) + count for name, count in more.items()}
    if counts:
        function.attributes[ZERO_MACS] = DictionaryAttr({name: integer(count) for name, count in counts.items()})


@irdl_op_definition
class ConvOp(IRDLOperation):
    """
    The exact sum of a convolution, as in `bundle.conv` without the bias; positions outside the image are `pad_value`.

    ```
    %s = fxp.conv %x strides [2, 2] weights dense<...> : tensor<3x3x8x16xi4> : tensor<1x8x8x8xi8> -> tensor<1x3x3x16xi24>
    ```
    """

    name = "fxp.conv"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    weights = prop_def(DenseIntOrFPElementsAttr)
    strides = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    padding = prop_def(IntsAttr, default_value=ints_attr((0, 0, 0, 0)))
    dilation = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    groups = prop_def(IntegerAttr[I64], default_value=integer(1))
    pad_value = prop_def(IntegerAttr[I64], default_value=integer(0))

    traits = traits_def(Pure())

    assembly_format = (
        "$input (`strides` $strides^)? (`padding` $padding^)? (`dilation` $dilation^)? (`groups` $groups^)? "
        "(`pad_value` $pad_value^)? `weights` $weights attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        weights: DenseAttr,
        window: Window,
        *,
        bits_sum: int,
        groups: int = 1,
        pad_value: int = 0,
    ):
        """`weights` is (KH, KW, CI / groups, CO) of `i<bits_weights>`; `window.kernel` is (KH, KW)."""
        batch, height, image_width, _ = shape(input)
        sizes = (batch, *window.output_shape(height, image_width), weights.get_shape()[-1])
        super().__init__(
            operands=[input],
            properties={
                "weights": weights,
                "strides": ints_attr(window.strides),
                "padding": ints_attr(window.padding),
                "dilation": ints_attr(window.dilation),
                "groups": integer(groups),
                "pad_value": integer(pad_value),
            },
            result_types=[integers(sizes, bits_sum)],
        )

    @property
    def window(self) -> Window:
        kernel_height, kernel_width, *_ = self.weights.get_shape()
        return Window((kernel_height, kernel_width), pair(self.strides), quad(self.padding), pair(self.dilation))

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_lists(self, strides=self.strides, padding=self.padding, dilation=self.dilation)
        rank = len(self.weights.get_shape())
        need(rank == 4, self, f"weights of rank {rank}", "(KH, KW, CI / groups, CO)", "reshape the weights")
        check_weights(self, self.weights)
        check_convolution(self, self.input, self.weights, self.window, self.groups.value.data)
        check_between(self, *int_range(width(self.input)), pad_value=self.pad_value)


@irdl_op_definition
class RequantizeOp(IRDLOperation):
    """
    From sum to activation with one rounding, `dsf.numerics.requantize`; bias, multiplier and shift are per channel:

        v = acc + bias * 2**bias_shift
        y = clip(rhe(v * multiplier / 2**(shift + (leak if v < 0 else 0))) + zero_point, low, high)

    exactly, also where `bias_shift` is negative: then v has bits behind the point.

    ```
    %y = fxp.requantize %s bias dense<0> : tensor<16xi32> multiplier dense<1> : tensor<16xi32> shift dense<3> : tensor<16xi8>
        leak 3 clip -128 to 127 : tensor<1x3x3x16xi24> -> tensor<1x3x3x16xi8>
    ```
    """

    name = "fxp.requantize"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    bias = prop_def(DenseIntOrFPElementsAttr)
    bias_shift = prop_def(IntegerAttr[I64], default_value=integer(0))
    multiplier = prop_def(DenseIntOrFPElementsAttr)
    shift = prop_def(DenseIntOrFPElementsAttr)
    leak = prop_def(IntegerAttr[I64], default_value=integer(0))
    zero_point = prop_def(IntegerAttr[I64], default_value=integer(0))
    low = prop_def(IntegerAttr[I64])
    high = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure())

    assembly_format = (
        "$input `bias` $bias (`bias_shift` $bias_shift^)? `multiplier` $multiplier `shift` $shift (`leak` $leak^)? "
        "(`zero_point` $zero_point^)? `clip` $low `to` $high attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        *,
        bits: int,
        bias: ArrayLike,
        bias_shift: int,
        multiplier: ArrayLike,
        shift: ArrayLike,
        leak: int,
        low: int,
        high: int,
        zero_point: int = 0,
    ):
        """The result is `i<bits>`; `bias`, `multiplier` and `shift` have one value for each channel."""
        super().__init__(
            operands=[input],
            properties={
                "bias": dense_ints(bias, RAW_BITS),
                "bias_shift": integer(bias_shift),
                "multiplier": dense_ints(multiplier, 32),
                "shift": dense_ints(shift, 8),
                "leak": integer(leak),
                "zero_point": integer(zero_point),
                "low": integer(low),
                "high": integer(high),
            },
            result_types=[integers(shape(input), bits)],
        )

    @property
    def bias_array(self) -> Ints:
        return ints_of(self.bias)

    @property
    def multiplier_array(self) -> Ints:
        return ints_of(self.multiplier)

    @property
    def shift_array(self) -> Ints:
        return ints_of(self.shift)

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_result(self, shape(self.input))
        check_rank(self, self.input, (2, 4))
        check_constants(self, *int_range(RAW_BITS), bias=self.bias)
        check_constants(self, 0, MAX_MULTIPLIER, multiplier=self.multiplier)
        check_constants(self, 0, MAX_SHIFT, shift=self.shift)
        check_between(self, MIN_BIAS_SHIFT, MAX_BIAS_SHIFT, bias_shift=self.bias_shift)
        check_between(self, 0, MAX_LEAK, leak=self.leak)
        check_between(self, *int_range(ZERO_POINT_BITS), zero_point=self.zero_point)
        check_clip(self, self.low.value.data, self.high.value.data)


@irdl_op_definition
class RawOp(IRDLOperation):
    """
    The logits of a last layer, `dsf.numerics.raw`: `y = acc + bias * 2**bias_shift` in 32 bits.

    ```
    %y = fxp.raw %s bias dense<[1, 2]> : tensor<2xi32> bias_shift 3 : tensor<1x1x1x2xi24> -> tensor<1x1x1x2xi32>
    ```
    """

    name = "fxp.raw"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    bias = prop_def(DenseIntOrFPElementsAttr)
    bias_shift = prop_def(IntegerAttr[I64], default_value=integer(0))

    traits = traits_def(Pure())

    assembly_format = "$input `bias` $bias (`bias_shift` $bias_shift^)? attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, *, bias: ArrayLike, bias_shift: int):
        super().__init__(
            operands=[input],
            properties={"bias": dense_ints(bias, RAW_BITS), "bias_shift": integer(bias_shift)},
            result_types=[integers(shape(input), RAW_BITS)],
        )

    @property
    def bias_array(self) -> Ints:
        return ints_of(self.bias)

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_result(self, shape(self.input))
        check_rank(self, self.input, (2, 4))
        need(width(self.output) == RAW_BITS, self, f"a result of i{width(self.output)}", "i32", "correct the result type")
        check_constants(self, *int_range(RAW_BITS), bias=self.bias)
        check_between(self, 0, MAX_BIAS_SHIFT, bias_shift=self.bias_shift)


@irdl_op_definition
class AddOp(IRDLOperation):
    """
    Sum of two tensors with one rounding, `dsf.numerics.residual_add`; `b` may be one pixel for each image of `a`:

        v = a * multiplier_a + b * multiplier_b + offset
        y = clip(rhe(v / 2**(shift + (leak if v < 0 else 0))), low, high)

    ```
    %y = fxp.add %a, %b multiplier_b 2 shift 1 clip 0 to 127 : tensor<1x8xi8>, tensor<1x8xi8> -> tensor<1x8xi8>
    ```
    """

    name = "fxp.add"

    a = operand_def(TensorType)
    b = operand_def(TensorType)
    output = result_def(TensorType)
    multiplier_a = prop_def(IntegerAttr[I64], default_value=integer(1))
    multiplier_b = prop_def(IntegerAttr[I64], default_value=integer(1))
    offset = prop_def(IntegerAttr[I64], default_value=integer(0))
    shift = prop_def(IntegerAttr[I64], default_value=integer(0))
    leak = prop_def(IntegerAttr[I64], default_value=integer(0))
    low = prop_def(IntegerAttr[I64])
    high = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure())

    assembly_format = (
        "$a `,` $b (`multiplier_a` $multiplier_a^)? (`multiplier_b` $multiplier_b^)? (`offset` $offset^)? "
        "(`shift` $shift^)? (`leak` $leak^)? `clip` $low `to` $high attr-dict "
        "`:` type($a) `,` type($b) `->` type($output)"
    )

    def __init__(
        self,
        a: SSAValue,
        b: SSAValue,
        *,
        bits: int,
        multiplier_a: int,
        multiplier_b: int,
        offset: int,
        shift: int,
        leak: int,
        low: int,
        high: int,
    ):
        numbers = {
            "multiplier_a": multiplier_a,
            "multiplier_b": multiplier_b,
            "offset": offset,
            "shift": shift,
            "leak": leak,
            "low": low,
            "high": high,
        }
        super().__init__(
            operands=[a, b],
            properties={name: integer(value) for name, value in numbers.items()},
            result_types=[integers(shape(a), bits)],
        )

    def verify_(self) -> None:
        check_integers(self, self.a, self.b, self.output)
        check_operands(self, self.a, self.b)
        check_between(self, 0, MAX_MULTIPLIER, multiplier_a=self.multiplier_a, multiplier_b=self.multiplier_b)
        check_between(self, *int_range(OFFSET_BITS), offset=self.offset)
        check_between(self, 0, MAX_SHIFT, shift=self.shift)
        check_between(self, 0, MAX_LEAK, leak=self.leak)
        check_clip(self, self.low.value.data, self.high.value.data)


@irdl_op_definition
class PoolOp(IRDLOperation):
    """
    Pooling with one exact division, `dsf.numerics.pool_scale`:

        acc, count = (max(inside), 1) or (sum(inside), len(inside))
        y = clip(rhe(acc * 2**left / (count * 2**(right + (leak if acc < 0 else 0)))), low, high)

    `inside` are the window's elements inside the image; with `count_padding`, an average also counts those outside, each
    `pad_value`.

    ```
    %y = fxp.pool max %x size [2, 2] strides [2, 2] clip -128 to 127 : tensor<1x8x8x4xi8> -> tensor<1x4x4x4xi8>
    ```
    """

    name = "fxp.pool"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    kind = prop_def(PoolKindAttr)
    size = prop_def(IntsAttr)
    strides = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    padding = prop_def(IntsAttr, default_value=ints_attr((0, 0, 0, 0)))
    count_padding = opt_prop_def(UnitAttr)
    pad_value = prop_def(IntegerAttr[I64], default_value=integer(0))
    left = prop_def(IntegerAttr[I64], default_value=integer(0))
    right = prop_def(IntegerAttr[I64], default_value=integer(0))
    leak = prop_def(IntegerAttr[I64], default_value=integer(0))
    low = prop_def(IntegerAttr[I64])
    high = prop_def(IntegerAttr[I64])

    traits = traits_def(Pure())

    assembly_format = (
        "$kind $input `size` $size (`strides` $strides^)? (`padding` $padding^)? (`count_padding` $count_padding^)? "
        "(`pad_value` $pad_value^)? (`left` $left^)? (`right` $right^)? (`leak` $leak^)? `clip` $low `to` $high attr-dict "
        "`:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        kind: PoolKind,
        window: Window,
        *,
        bits: int,
        left: int,
        right: int,
        leak: int,
        low: int,
        high: int,
        count_padding: bool = False,
        pad_value: int = 0,
    ):
        batch, height, image_width, channels = shape(input)
        sizes = (batch, *window.output_shape(height, image_width), channels)
        numbers = {"pad_value": pad_value, "left": left, "right": right, "leak": leak, "low": low, "high": high}
        super().__init__(
            operands=[input],
            properties={
                "kind": PoolKindAttr(kind),
                "size": ints_attr(window.kernel),
                "strides": ints_attr(window.strides),
                "padding": ints_attr(window.padding),
                "count_padding": UnitAttr() if count_padding else None,
                **{name: integer(value) for name, value in numbers.items()},
            },
            result_types=[integers(sizes, bits)],
        )

    @property
    def window(self) -> Window:
        return Window(pair(self.size), pair(self.strides), quad(self.padding))

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_lists(self, size=self.size, strides=self.strides, padding=self.padding)
        check_pool(self, self.input, self.window)
        check_between(self, *int_range(width(self.input)), pad_value=self.pad_value)
        check_between(self, 0, MAX_POOL_SHIFT, left=self.left, right=self.right)
        check_between(self, 0, MAX_LEAK, leak=self.leak)
        check_clip(self, self.low.value.data, self.high.value.data)


@irdl_op_definition
class ReshapeOp(IRDLOperation, HasCanonicalizationPatternsInterface):
    """
    The same elements, row-major, in another shape. Free: tensors lie in memory without gaps.

    ```
    %y = fxp.reshape %x : tensor<1x4x4x8xi8> -> tensor<1x128xi8>
    ```
    """

    name = "fxp.reshape"

    input = operand_def(TensorType)
    output = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, sizes: Sequence[int]):
        super().__init__(operands=[input], result_types=[integers(sizes, width(input))])

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_sizes(self, self.input)
        before, after = shape(self.input), shape(self.output)
        same = prod(before) == prod(after) and before[0] == after[0] and width(self.input) == width(self.output)
        has = f"a change from {self.input.type} to {self.output.type}"
        need(same, self, has, "the same elements of the same images", "correct the result type")

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from dsf.transforms.canonicalization_patterns.fxp import DropIdentityReshape, MergeReshapes

        return (DropIdentityReshape(), MergeReshapes())


Fxp = Dialect(
    "fxp",
    [
        ConvOp,
        ConvTransposeOp,
        RequantizeOp,
        RawOp,
        AddOp,
        MultiplyOp,
        TableOp,
        PoolOp,
        ReshapeOp,
        ConcatOp,
        SliceOp,
        PadOp,
        ResizeOp,
        TransposeOp,
    ],
)
