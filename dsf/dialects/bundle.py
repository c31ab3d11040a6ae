"""
Networks as the user writes them: layers over real numbers that lie on fixed-point grids, grouped into bundles.

A bundle is what the engine does in one pass over its input: a core (convolution or dense layer), an activation, a residual
add, a pooling, and so on. Tensors are (N, H, W, C) or (N, K) with elements `!bundle.q<bits, frac>` or
`!bundle.affine<bits, scale, zero_point>`; values are real numbers on that grid, and every operation is defined in real
arithmetic, with one rounding, half to even (`dsf.numerics.quantize`, `quantize_linear`):

    y = clip(rhe(f(x) * 2**frac))  in units of  2**-frac        y = clip(rhe(f(x) / scale) + zero_point)

Cores don't round: their result type holds the exact sum, at x_frac + w_frac. A free scale is taken to 16 bits
(`bundle_scales.py`). The order in a bundle is core, batch norm, activation, function, add or multiply, activation, function,
pool, activation, function, flatten, softmax. Layers that move elements (concat, slice, pad, resize, transpose, reshape)
come first, or before the flatten.
"""

from __future__ import annotations

import math

from xdsl.dialects.builtin import (
    Float64Type,
    FloatAttr,
    TensorType,
    UnitAttr,
    f64,
)
from xdsl.interfaces import HasCanonicalizationPatternsInterface
from xdsl.ir import Attribute, Dialect, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.pattern_rewriter import RewritePattern
from xdsl.traits import Pure

from dsf.dialects.bundle_conv_transpose import ConvTransposeOp
from dsf.dialects.bundle_cores import BatchNormOp, ConvOp, CoreOp, DenseOp, check_q, core_of
from dsf.dialects.bundle_functions import FunctionKindAttr, FunctionOp
from dsf.dialects.bundle_group import BundleOp, YieldOp
from dsf.dialects.bundle_moves import ConcatOp, PadOp, ReshapeOp, ResizeOp, SliceOp, TransposeOp
from dsf.dialects.bundle_types import (
    AffineType,
    Grid,
    PoolKind,
    PoolKindAttr,
    QType,
    SumType,
    bits_of,
    frac_of,
    grid_of,
    q_of,
    tensor_of,
)
from dsf.dialects.constants import (
    IntsAttr,
    ints_attr,
    pair,
    quad,
    real,
)
from dsf.dialects.shapes import (
    as_text,
    check_lists,
    check_pool,
    check_rank,
    check_result,
    element,
    need,
    shape,
)
from dsf.geometry import Window
from dsf.numerics import MAX_LEAK

__all__ = [
    "ActivationOp",
    "AddOp",
    "AffineType",
    "BatchNormOp",
    "Bundle",
    "BundleOp",
    "ConcatOp",
    "ConvOp",
    "ConvTransposeOp",
    "CoreOp",
    "DenseOp",
    "FlattenOp",
    "FunctionOp",
    "Grid",
    "MultiplyOp",
    "PadOp",
    "PoolKind",
    "PoolOp",
    "QType",
    "ReshapeOp",
    "ResizeOp",
    "SliceOp",
    "SoftmaxOp",
    "SumType",
    "TransposeOp",
    "YieldOp",
    "bits_of",
    "core_of",
    "frac_of",
    "grid_of",
    "limits_of",
    "q_of",
    "tensor_of",
]


def check_slope(op: Operation, slope: float) -> None:
    """A negative slope is 0 (ReLU) or `2**-k` with k from 0 (identity) to `MAX_LEAK`."""
    ok = slope == 0 or slope in (2.0**-k for k in range(MAX_LEAK + 1))
    need(ok, op, f"negative slope {slope}", f"0 or 2**-k with k from 0 to {MAX_LEAK}", "choose the nearest power of two")


def properties_of(negative_slope: float, minimum: float | None, maximum: float | None) -> dict[str, Attribute | None]:
    """What an activation, an add and a product say about the function in them."""
    limits = {"minimum": minimum, "maximum": maximum}
    return {
        "negative_slope": real(negative_slope),
        **{name: None if limit is None else real(limit) for name, limit in limits.items()},
    }


def check_pair(op: PairOp) -> None:
    """`b` has the shape of `a`, or one pixel for each of its images."""
    check_rank(op, op.a, (2, 4))
    a, b = shape(op.a), shape(op.b)
    fitting = [a] if len(a) == 2 else [a, (a[0], 1, 1, a[3]), (a[0], a[3])]
    has, needs = f"operands of shapes {as_text(a)} and {as_text(b)}", f"{' or '.join(map(as_text, fitting))} as the second"
    need(b in fitting, op, has, needs, "match the two branches")
    check_result(op, a)


def check_limits(op: ActivationOp | PairOp) -> None:
    """Limits are numbers, the lower one first."""
    low, high = limits_of(op)
    has = f"limits {low} and {high}"
    need(low <= high, op, has, "numbers, the lower one first", "correct them")


def limits_of(op: ActivationOp | PairOp) -> tuple[float, float]:
    """What is quantised lies between these two."""
    low = -math.inf if op.minimum is None else op.minimum.value.data
    high = math.inf if op.maximum is None else op.maximum.value.data
    return low, high


@irdl_op_definition
class ActivationOp(IRDLOperation, HasCanonicalizationPatternsInterface):
    """
    `y = quantize(x if x >= 0 else x * negative_slope)`: slope 1 only quantises, 0 is a ReLU, 2**-k a leaky ReLU. What is
    quantised is at most `maximum`, and at least `minimum`, if there are such.

    ```
    %y = bundle.activation %s negative_slope 1.250000e-01 : tensor<1x8x!bundle.q<24, 7>> -> tensor<1x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.activation"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    negative_slope = prop_def(FloatAttr[Float64Type], default_value=real(1.0))
    minimum = opt_prop_def(FloatAttr[Float64Type])
    maximum = opt_prop_def(FloatAttr[Float64Type])

    traits = traits_def(Pure())

    assembly_format = (
        "$input (`negative_slope` $negative_slope^)? (`minimum` $minimum^)? (`maximum` $maximum^)? attr-dict "
        "`:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        output: Grid,
        negative_slope: float = 1.0,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
    ):
        super().__init__(
            operands=[input],
            properties=properties_of(negative_slope, minimum, maximum),
            result_types=[tensor_of(shape(input), output)],
        )

    def verify_(self) -> None:
        check_q(self, self.input, sums=True)
        check_q(self, self.output)
        check_result(self, shape(self.input))
        check_slope(self, self.negative_slope.value.data)
        check_limits(self)

    @classmethod
    def get_canonicalization_patterns(cls) -> tuple[RewritePattern, ...]:
        from dsf.transforms.canonicalization_patterns.bundle import DropIdentity, MergeActivation

        return (DropIdentity(), MergeActivation())


class PairOp(IRDLOperation):
    """What sums and products share: two operands, and the function of the result in them."""

    a = operand_def(TensorType)
    b = operand_def(TensorType)
    output = result_def(TensorType)
    negative_slope = prop_def(FloatAttr[Float64Type], default_value=real(1.0))
    minimum = opt_prop_def(FloatAttr[Float64Type])
    maximum = opt_prop_def(FloatAttr[Float64Type])

    traits = traits_def(Pure())

    assembly_format = (
        "$a `,` $b (`negative_slope` $negative_slope^)? (`minimum` $minimum^)? (`maximum` $maximum^)? attr-dict "
        "`:` type($a) `,` type($b) `->` type($output)"
    )

    def __init__(
        self,
        a: SSAValue,
        b: SSAValue,
        output: Grid,
        negative_slope: float = 1.0,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
    ):
        super().__init__(
            operands=[a, b],
            properties=properties_of(negative_slope, minimum, maximum),
            result_types=[tensor_of(shape(a), output)],
        )

    def verify_(self) -> None:
        check_q(self, self.a, self.b, self.output)
        check_pair(self)
        check_slope(self, self.negative_slope.value.data)
        check_limits(self)


@irdl_op_definition
class AddOp(PairOp):
    """
    Residual add: `y = quantize(act(a + b))`, `act` as in `bundle.activation`. `b` has the shape of `a`, or one pixel for each
    of its images, (N, 1, 1, C) or (N, C). Fractions may differ.

    ```
    %y = bundle.add %a, %b negative_slope 0.000000e+00
        : tensor<1x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 5>> -> tensor<1x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.add"


@irdl_op_definition
class MultiplyOp(PairOp):
    """
    Product of two tensors: `y = quantize(act(a * b))`, `act` as in `bundle.activation`. `b` has the shape of `a`, or one pixel
    for each of its images, (N, 1, 1, C) or (N, C). Fractions and scales may differ.

    ```
    %y = bundle.multiply %x, %gate
        : tensor<1x4x4x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 7>> -> tensor<1x4x4x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.multiply"


@irdl_op_definition
class PoolOp(IRDLOperation):
    """
    Pooling over windows of `size`: `y = quantize(act(pool(x)))`, padding [top, bottom, left, right].

    `max` takes the largest element inside the image. `avg` divides the sum of those by their number, as TensorFlow does, or
    with `count_padding` by the size of the window.

    ```
    %y = bundle.pool max %x size [2, 2] strides [2, 2] : tensor<1x8x8x4x!bundle.q<8, 4>> -> tensor<1x4x4x4x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.pool"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    kind = prop_def(PoolKindAttr)
    size = prop_def(IntsAttr)
    strides = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    padding = prop_def(IntsAttr, default_value=ints_attr((0, 0, 0, 0)))
    count_padding = opt_prop_def(UnitAttr)
    negative_slope = prop_def(FloatAttr[Float64Type], default_value=real(1.0))

    traits = traits_def(Pure())

    assembly_format = (
        "$kind $input `size` $size (`strides` $strides^)? (`padding` $padding^)? (`count_padding` $count_padding^)? "
        "(`negative_slope` $negative_slope^)? attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        kind: PoolKind,
        size: tuple[int, int],
        output: Grid,
        *,
        strides: tuple[int, int] | None = None,
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
        count_padding: bool = False,
        negative_slope: float = 1.0,
    ):
        strides = size if strides is None else strides
        batch, height, width, channels = shape(input)
        out_size = Window(size, strides, padding).output_shape(height, width)
        super().__init__(
            operands=[input],
            properties={
                "kind": PoolKindAttr(kind),
                "size": ints_attr(size),
                "strides": ints_attr(strides),
                "padding": ints_attr(padding),
                "count_padding": UnitAttr() if count_padding else None,
                "negative_slope": real(negative_slope),
            },
            result_types=[tensor_of((batch, *out_size, channels), output)],
        )

    @property
    def window(self) -> Window:
        return Window(pair(self.size), pair(self.strides), quad(self.padding))

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_lists(self, size=self.size, strides=self.strides, padding=self.padding)
        check_pool(self, self.input, self.window)
        check_slope(self, self.negative_slope.value.data)


@irdl_op_definition
class FlattenOp(IRDLOperation):
    """
    (N, H, W, C) to (N, H*W*C), row-major.

    ```
    %y = bundle.flatten %x : tensor<1x4x4x8x!bundle.q<8, 4>> -> tensor<1x128x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.flatten"

    input = operand_def(TensorType)
    output = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue):
        batch, height, width, channels = shape(input)
        super().__init__(operands=[input], result_types=[tensor_of((batch, height * width * channels), grid_of(input))])

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_rank(self, self.input, (4,))
        batch, height, width, channels = shape(self.input)
        check_result(self, (batch, height * width * channels))
        has = f"a change of type from {element(self.input)} to {element(self.output)}"
        need(element(self.input) == element(self.output), self, has, "the same type", "quantise in an activation")


@irdl_op_definition
class SoftmaxOp(IRDLOperation):
    """
    Softmax over the last axis in float64. The end of a network, computed by the host from the engine's logits.

    ```
    %p = bundle.softmax %x : tensor<1x10x!bundle.q<24, 7>> -> tensor<1x10xf64>
    ```
    """

    name = "bundle.softmax"

    input = operand_def(TensorType)
    output = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue):
        super().__init__(operands=[input], result_types=[TensorType(f64, shape(input))])

    def verify_(self) -> None:
        check_q(self, self.input, sums=True)
        has = f"probabilities of type {element(self.output)}"
        need(isinstance(element(self.output), Float64Type), self, has, "f64", "correct the result type")
        check_result(self, shape(self.input))


Bundle = Dialect(
    "bundle",
    [
        ConvOp,
        ConvTransposeOp,
        DenseOp,
        BatchNormOp,
        ActivationOp,
        FunctionOp,
        AddOp,
        MultiplyOp,
        PoolOp,
        ConcatOp,
        SliceOp,
        PadOp,
        ResizeOp,
        TransposeOp,
        ReshapeOp,
        FlattenOp,
        SoftmaxOp,
        BundleOp,
        YieldOp,
    ],
    [QType, AffineType, SumType, PoolKindAttr, FunctionKindAttr],
)
