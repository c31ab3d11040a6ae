"""
The cores of bundles: convolution and dense layer, whose sums are exact, and the batch normalisation that folds into them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import (
    I64,
    DenseIntOrFPElementsAttr,
    Float64Type,
    FloatAttr,
    IntegerAttr,
    TensorType,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from dsf.dialects.bundle_group import BundleOp
from dsf.dialects.bundle_types import (
    AffineType,
    QType,
    SumType,
    frac_of,
    grid_of,
    tensor_of,
)
from dsf.dialects.constants import (
    DenseAttr,
    IntsAttr,
    dense_reals,
    integer,
    ints_attr,
    pair,
    quad,
    real,
    reals_of,
)
from dsf.dialects.shapes import (
    as_text,
    check_channels,
    check_convolution,
    check_lists,
    check_rank,
    check_result,
    element,
    need,
    shape,
)
from dsf.geometry import Window
from dsf.numerics import MAX_FRACTION, Floats, fold_batch_norm


def check_q(op: Operation, *values: SSAValue, sums: bool = False) -> None:
    """The values' elements are quantised numbers, or with `sums` perhaps sums of a core with scales."""
    for value in values:
        needs = "!bundle.q<bits, frac> or !bundle.affine<bits, scale, zero_point>"
        ok = isinstance(element(value), QType | AffineType)
        if sums and isinstance(element(value), SumType):
            ok, needs = isinstance(core_of(value), CoreOp), "the sum of a core"
        need(ok, op, f"elements of type {element(value)}", needs, "change the element type")


def core_of(value: SSAValue) -> CoreOp | None:
    """The core whose sum `value` is, perhaps of a bundle that yields it."""
    owner = value.owner
    if isinstance(owner, BundleOp):
        return core_of(owner.yielded)
    return owner if isinstance(owner, CoreOp) else None


def check_reals(op: Operation, name: str, constant: DenseAttr) -> None:
    """A constant holds real numbers, finite ones."""
    kind = constant.get_element_type()
    need(isinstance(kind, Float64Type), op, f"{name} of type {kind}", "f64", "give real numbers")
    finite = bool(np.isfinite(reals_of(constant)).all())
    need(finite, op, f"{name} that are NaN or infinite", "finite numbers", "train with a lower rate, or replace them")


def sum_type(
    bits: int, input: SSAValue, weights_type: QType, scales: ArrayLike | None, bias_type: QType | None
) -> QType | SumType:
    """The type of a core's sum of `bits` bits, and those that a bias has behind the point of the products."""
    frac = frac_of(input) + weights_type.frac.data
    fraction = 0 if bias_type is None else max(bias_type.frac.data - frac, 0)
    return SumType.of(bits + fraction) if scales is not None else QType.of(bits + fraction, frac + fraction)


def _normalised_type(sum: SSAValue, bias_type: QType | None) -> Attribute:
    """The type of a core's sum with a bias of this type in place of none."""
    owner, kind = sum.owner, element(sum)
    if bias_type is None or not isinstance(kind, QType) or (isinstance(owner, CoreOp) and owner.bias_type is not None):
        return sum.type
    fraction = max(bias_type.frac.data - kind.frac.data, 0)
    return tensor_of(shape(sum), QType.of(kind.bits.data + fraction, kind.frac.data + fraction))


class CoreOp(IRDLOperation):
    """
    What convolutions and dense layers share: quantised weights and bias, and an exact sum.

    Weights and bias are real; `dsf.numerics.quantize` to `weights_type` and `bias_type` is part of the operation (it
    changes nothing if they lie on that grid). The sum has the fraction bits of the products, or of a finer bias, and then as
    many bits more.

    With `scales`, one for each output channel, the sum stands for that many times as much, and times the scale of the input:

        y[co] = scale(input) * scales[co] * (bias[co] + sum of (i - zero_point(input)) * w)

    for inputs of the type `!bundle.affine`, and the result is a `!bundle.sum`. Padding is the zero point.
    """

    input = operand_def(TensorType)
    output = result_def(TensorType)
    weights = prop_def(DenseIntOrFPElementsAttr)
    weights_type = prop_def(QType)
    scales = opt_prop_def(DenseIntOrFPElementsAttr)
    bias = opt_prop_def(DenseIntOrFPElementsAttr)
    bias_type = opt_prop_def(QType)

    traits = traits_def(Pure())

    def properties_of(
        self,
        weights: ArrayLike,
        weights_type: QType,
        scales: ArrayLike | None,
        bias: ArrayLike | None,
        bias_type: QType | None,
    ) -> dict[str, Attribute | None]:
        return {
            "weights": dense_reals(weights),
            "weights_type": weights_type,
            "scales": None if scales is None else dense_reals(scales),
            "bias": None if bias is None else dense_reals(bias),
            "bias_type": bias_type,
        }

    @property
    def channels_out(self) -> int:
        return self.weights.get_shape()[-1]

    @property
    def product_frac(self) -> int:
        """Fraction bits of the exact products, before `scales`."""
        return frac_of(self.input) + self.weights_type.frac.data

    @property
    def fraction(self) -> int:
        """Bits that the sum has behind the point of its products, those of a finer bias."""
        return max(-self.bias_shift, 0)

    @property
    def sum_frac(self) -> int:
        """Fraction bits of the exact sum, before `scales`."""
        return self.product_frac + self.fraction

    @property
    def units(self) -> Floats:
        """What 1 more in the integer of a sum stands for, for each channel, or one number for all."""
        unit = np.ldexp(1.0, -self.sum_frac)
        return np.array([unit]) if self.scales is None else unit * self.input_scale * reals_of(self.scales)

    @property
    def product_units(self) -> Floats:
        """The same of a sum of the products only."""
        return np.ldexp(self.units, self.fraction)

    @property
    def input_scale(self) -> float:
        """The scale of an input of the type `!bundle.affine`, else 1."""
        grid = grid_of(self.input)
        return grid.unit if isinstance(grid, AffineType) else 1.0

    @property
    def bias_shift(self) -> int:
        """How far the quantised bias is shifted left to align with the products; 0 without bias."""
        return 0 if self.bias_type is None else self.product_frac - self.bias_type.frac.data

    @property
    def weights_array(self) -> Floats:
        return reals_of(self.weights)

    @property
    def bias_array(self) -> Floats | None:
        return None if self.bias is None else reals_of(self.bias)

    def verify_constants(self) -> None:
        check_q(self, self.input)
        check_reals(self, "weights", self.weights)
        self._verify_sum()
        both = (self.bias is None) == (self.bias_type is None)
        need(both, self, "a bias without a type, or a type without a bias", "both", "add what is missing")
        if self.bias_type is not None:
            has = f"a bias with {self.bias_type.frac.data} fraction bits"
            needs = f"at most {self.product_frac + MAX_FRACTION}, those of the products and {MAX_FRACTION}"
            need(self.fraction <= MAX_FRACTION, self, has, needs, "use fewer bias_frac_bits")
        if self.bias is None:
            return
        check_reals(self, "bias", self.bias)
        check_channels(self, "bias", self.bias, self.channels_out)

    def _verify_sum(self) -> None:
        """The result's type says what the sums stand for."""
        kind = element(self.output)
        if self.scales is not None:
            need(isinstance(kind, SumType), self, f"scales and a result of {kind}", "!bundle.sum", "correct the result type")
            check_reals(self, "scales", self.scales)
            check_channels(self, "scales", self.scales, self.channels_out)
            least = float(reals_of(self.scales).min())
            need(least > 0, self, f"a scale of {least}", "a positive number", "correct it")
            return
        free = isinstance(grid_of(self.input), AffineType)
        need(not free, self, f"an input of {element(self.input)} and no scales", "one for each channel", "add scales")
        need(isinstance(kind, QType), self, f"a sum of type {kind}", "!bundle.q without scales", "correct the result type")
        assert isinstance(kind, QType)
        whose = "the bias" if self.fraction else "the input and the weights together"
        needs = f"{self.sum_frac}, those of {whose}"
        has = f"a sum with {kind.frac.data} fraction bits"
        need(kind.frac.data == self.sum_frac, self, has, needs, "correct the result type")


@irdl_op_definition
class ConvOp(CoreOp):
    """
    Convolution over NHWC with weights (KH, KW, CI / groups, CO), zeros outside the image, plus a bias per channel.

        y[n, oy, ox, co] = bias[co] + sum(x[n, iy, ix, g * (CI/groups) + ci] * w[ky, kx, ci, co] for ky, kx, ci)
        iy = oy * strides[0] - top + ky * dilation[0]        g = co // (CO / groups)
        ix = ox * strides[1] - left + kx * dilation[1]

    with padding [top, bottom, left, right].

    ```
    %s = bundle.conv %x strides [2, 2] weights q<4, 3> dense<...> bias q<16, 5> dense<...>
        : tensor<1x8x8x8x!bundle.q<8, 4>> -> tensor<1x3x3x16x!bundle.q<24, 7>>
    ```
    """

    name = "bundle.conv"

    strides = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    padding = prop_def(IntsAttr, default_value=ints_attr((0, 0, 0, 0)))
    dilation = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    groups = prop_def(IntegerAttr[I64], default_value=integer(1))

    assembly_format = (
        "$input (`strides` $strides^)? (`padding` $padding^)? (`dilation` $dilation^)? (`groups` $groups^)? "
        "`weights` `q` `` $weights_type $weights (`scales` $scales^)? (`bias` `q` `` $bias_type^ $bias)? attr-dict "
        "`:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        weights: ArrayLike,
        weights_type: QType,
        *,
        bits_sum: int,
        scales: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        bias_type: QType | None = None,
        strides: tuple[int, int] = (1, 1),
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
    ):
        constants = self.properties_of(weights, weights_type, scales, bias, bias_type)
        kernel_height, kernel_width, _, outputs = np.shape(weights)
        window = Window((kernel_height, kernel_width), strides, padding, dilation)
        batch, height, width, _ = shape(input)
        q = sum_type(bits_sum, input, weights_type, scales, bias_type)
        super().__init__(
            operands=[input],
            properties={
                **constants,
                "strides": ints_attr(strides),
                "padding": ints_attr(padding),
                "dilation": ints_attr(dilation),
                "groups": integer(groups),
            },
            result_types=[tensor_of((batch, *window.output_shape(height, width), outputs), q)],
        )

    @property
    def window(self) -> Window:
        kernel_height, kernel_width, *_ = self.weights.get_shape()
        return Window((kernel_height, kernel_width), pair(self.strides), quad(self.padding), pair(self.dilation))

    def verify_(self) -> None:
        check_lists(self, strides=self.strides, padding=self.padding, dilation=self.dilation)
        rank = len(self.weights.get_shape())
        need(rank == 4, self, f"weights of rank {rank}", "(KH, KW, CI / groups, CO)", "reshape the weights")
        check_convolution(self, self.input, self.weights, self.window, self.groups.value.data)
        self.verify_constants()


@irdl_op_definition
class DenseOp(CoreOp):
    """
    Dense layer: `y[n, co] = bias[co] + sum over k of x[n, k] * w[k, co]`, with weights (K, CO).

    ```
    %s = bundle.dense %x weights q<4, 3> dense<...> : tensor<1x64x!bundle.q<8, 4>> -> tensor<1x10x!bundle.q<24, 7>>
    ```
    """

    name = "bundle.dense"

    assembly_format = (
        "$input `weights` `q` `` $weights_type $weights (`scales` $scales^)? (`bias` `q` `` $bias_type^ $bias)? attr-dict "
        "`:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        weights: ArrayLike,
        weights_type: QType,
        *,
        bits_sum: int,
        scales: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        bias_type: QType | None = None,
    ):
        constants = self.properties_of(weights, weights_type, scales, bias, bias_type)
        outputs = np.shape(weights)[-1]
        q = sum_type(bits_sum, input, weights_type, scales, bias_type)
        result = tensor_of((shape(input)[0], outputs), q)
        super().__init__(operands=[input], properties=constants, result_types=[result])

    def verify_(self) -> None:
        check_rank(self, self.input, (2,))
        batch, inputs = shape(self.input)
        w_shape = tuple(self.weights.get_shape())
        ok = len(w_shape) == 2 and w_shape[0] == inputs
        need(ok, self, f"weights of shape {as_text(w_shape)}", f"({inputs}, CO)", "correct the weights' shape")
        check_result(self, (batch, self.channels_out))
        self.verify_constants()


@irdl_op_definition
class BatchNormOp(IRDLOperation):
    """
    Batch normalisation of a core's sum, by folding: the result is the sum of the core with other weights and bias,

        scale = gamma / sqrt(variance + epsilon)
        w' = w * scale        b' = beta + (b - mean) * scale

    computed in float64 in this order (`dsf.numerics.fold_batch_norm`) before they are quantised. `bias_type` is the type of
    b' where the core has none, and may make the sum finer.

    ```
    %n = bundle.batch_norm %s gamma dense<...> beta dense<...> mean dense<...> variance dense<...> epsilon 1.000000e-03
        bias q<16, 5> : tensor<1x8x8x16x!bundle.q<24, 7>>
    ```
    """

    name = "bundle.batch_norm"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    gamma = prop_def(DenseIntOrFPElementsAttr)
    beta = prop_def(DenseIntOrFPElementsAttr)
    mean = prop_def(DenseIntOrFPElementsAttr)
    variance = prop_def(DenseIntOrFPElementsAttr)
    epsilon = prop_def(FloatAttr[Float64Type])
    bias_type = opt_prop_def(QType)

    traits = traits_def(Pure())

    assembly_format = (
        "$input `gamma` $gamma `beta` $beta `mean` $mean `variance` $variance `epsilon` $epsilon "
        "(`bias` `q` `` $bias_type^)? attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        *,
        gamma: ArrayLike,
        beta: ArrayLike,
        mean: ArrayLike,
        variance: ArrayLike,
        epsilon: float,
        bias_type: QType | None = None,
    ):
        super().__init__(
            operands=[input],
            properties={
                "gamma": dense_reals(gamma),
                "beta": dense_reals(beta),
                "mean": dense_reals(mean),
                "variance": dense_reals(variance),
                "epsilon": real(epsilon),
                "bias_type": bias_type,
            },
            result_types=[_normalised_type(input, bias_type)],
        )

    def folded(self) -> tuple[Floats, Floats]:
        """The weights and the bias of a core that does all of it."""
        return fold_batch_norm(
            self.core.weights_array,
            self.core.bias_array,
            gamma=reals_of(self.gamma),
            beta=reals_of(self.beta),
            mean=reals_of(self.mean),
            variance=reals_of(self.variance),
            epsilon=self.epsilon.value.data,
        )

    @property
    def core(self) -> CoreOp:
        """The core whose sum is normalised."""
        owner = self.input.owner
        assert isinstance(owner, CoreOp)
        return owner

    @property
    def folded_bias_type(self) -> QType | None:
        """The type of the bias after folding: the core's, or that of this operation."""
        return self.core.bias_type if self.core.bias_type is not None else self.bias_type

    def verify_(self) -> None:
        owner = self.input.owner
        alone = isinstance(owner, CoreOp) and owner.scales is None and self.input.has_one_use()
        needs = "a bundle.conv or bundle.dense without scales, whose sum nothing else uses"
        need(alone, self, "another operand", needs, "place it right after its core")
        has = f"a change of type from {self.input.type} to {self.output.type}"
        wanted = _normalised_type(self.input, self.bias_type)
        needs = "the same type" if wanted == self.input.type else f"{wanted}, as fine as the bias"
        need(self.output.type == wanted, self, has, needs, "correct the result type")
        need(self.folded_bias_type is not None, self, "no type for the folded bias", "bias q<bits, frac>", "add it")
        for name in ("gamma", "beta", "mean", "variance"):
            values: DenseAttr = getattr(self, name)
            check_channels(self, name, values, shape(self.input)[-1])
            check_reals(self, name, values)
        least = float(reals_of(self.variance).min()) + self.epsilon.value.data
        need(least > 0, self, f"variance + epsilon of {least}", "a positive number", "enlarge epsilon")
