"""
The meaning of the `bundle` dialect, in float64: the reference for the integers of all lower levels.

A tensor is held as the int64 integers of its grid, so that what goes in and comes out of a network is integers; each
operation works on the real numbers they stand for. Float64 is exact here: sums stay below 53 bits, and scaling by powers of
two loses nothing. With free scales it multiplies integers by gains of 16 bits, also exactly; where sums and gains have more
bits than float64, the product is one of integers. The quotient of an average
is rounded by float64 first, which can't create a tie: a sum of at most 2**30 over a count of at most 2**20 either is half an
integer or differs from it by 2**-21 or more.
"""

from __future__ import annotations

import numpy as np
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    TerminatorValue,
    impl,
    impl_terminator,
    register_impls,
)
from xdsl.ir import SSAValue

from dsf import numerics
from dsf.dialects import bundle
from dsf.dialects.bundle_scales import bits_of_gains, has_free_scale, multipliers, rounded_gains
from dsf.dialects.constants import pair, quad
from dsf.dialects.shapes import shape
from dsf.numerics import Floats, Ints
from dsf.runtime.interpreters.convolution import convolve_reals, convolve_transposed_reals, window_maxima, window_sums

#: Bits of the integers that float64 holds exactly.
FLOAT_BITS = 53


def to_reals(x: Ints, value: SSAValue) -> Floats:
    """The real numbers that the integers `x` of `value` stand for."""
    core = bundle.core_of(value)
    if core is not None and core.scales is not None:
        return numerics.dequantize_linear(x, core.units, 0)
    return bundle.grid_of(value).to_reals(x)


def to_integers(y: Floats, value: SSAValue) -> Ints:
    """Real numbers, rounded to the grid of `value`."""
    return bundle.grid_of(value).to_integers(y)


def activate(x: Floats, negative_slope: float, limits: tuple[float, float] = (-np.inf, np.inf)) -> Floats:
    return np.clip(np.where(x < 0, x * negative_slope, x), *limits)


def on_free_grid(scaled: Floats, op: bundle.ActivationOp | bundle.AddOp | bundle.MultiplyOp) -> Ints:
    """
    The result of a layer with free scales, of numbers in units of its scale. The zero point is added after rounding, in an add
    or a product before it; that makes a difference for ties.
    """
    grid, (low, high) = bundle.grid_of(op.output), bundle.limits_of(op)
    activated = activate(scaled, op.negative_slope.value.data)
    if grid.bits.data == 1:
        return np.where(np.clip(activated, low, high) < 0, -1, 1).astype(np.int64)
    y = np.rint(activated + grid.zero) if not isinstance(op, bundle.ActivationOp) else np.rint(activated) + grid.zero
    least, most = grid.to_integers(np.array([low, high]))
    return np.clip(y, least, most).astype(np.int64)


def _of_sums(sums: Ints, core: bundle.CoreOp, op: bundle.ActivationOp) -> Ints:
    """The sums of a core on a free grid."""
    if bundle.bits_of(op.input) + bits_of_gains(op) <= FLOAT_BITS:
        return on_free_grid(np.ldexp(sums * rounded_gains(op), -core.fraction), op)
    multiplier, shift = multipliers(op)
    product, shift = sums * multiplier, np.minimum(shift + core.fraction, numerics.PRODUCT_BITS)
    # What is left of a product above its integer: of it rounding sees whether it is nothing, less than a half, a half or more.
    whole = product >> shift
    left = product - (whole << shift)
    quarters = np.where(left == 0, 0, 2 + np.sign(2 * left - (np.int64(1) << shift)))
    return on_free_grid(whole + quarters / 4, op)


def _beside(x: Ints, other: Ints) -> Ints:
    """The second operand of a sum or a product, of which each image may have one pixel."""
    return other if other.shape == x.shape else other.reshape(x.shape[0], 1, 1, -1)


def on_grid(x: Floats, q: bundle.QType) -> Floats:
    """Weights and biases, rounded to their type."""
    return numerics.dequantize(numerics.quantize(x, q.bits.data, q.frac.data), q.frac.data)


def core_sum(core: bundle.CoreOp, x: Ints, weights: Floats, bias: Floats | None, bias_type: bundle.QType | None) -> Ints:
    """
    The exact sum of a core with these weights and this bias, in units of the finer one of the products and the bias, before its
    scales; it is not rounded.
    """
    free = isinstance(bundle.grid_of(core.input), bundle.AffineType)
    reals = numerics.dequantize_linear(x, 1.0, bundle.grid_of(core.input).zero) if free else to_reals(x, core.input)
    w = on_grid(weights, core.weights_type)
    if isinstance(core, bundle.ConvOp):
        sums = convolve_reals(reals, w, core.window, groups=core.groups.value.data)
    elif isinstance(core, bundle.ConvTransposeOp):
        sums = convolve_transposed_reals(reals, w, core.window, groups=core.groups.value.data)
    else:
        sums = reals @ w
    frac = core.product_frac
    if bias is not None and bias_type is not None:
        sums, frac = sums + on_grid(bias, bias_type), max(frac, bias_type.frac.data)
    return np.ldexp(sums, frac).astype(np.int64)


@register_impls
class BundleFunctions(InterpreterFunctions):
    """Every operation of the dialect, on int64 arrays."""

    @impl(bundle.ConvOp)
    def run_conv(self, interpreter: Interpreter, op: bundle.ConvOp, args: PythonValues) -> PythonValues:
        return (core_sum(op, args[0], op.weights_array, op.bias_array, op.bias_type),)

    @impl(bundle.ConvTransposeOp)
    def run_conv_transpose(self, interpreter: Interpreter, op: bundle.ConvTransposeOp, args: PythonValues) -> PythonValues:
        return (core_sum(op, args[0], op.weights_array, op.bias_array, op.bias_type),)

    @impl(bundle.DenseOp)
    def run_dense(self, interpreter: Interpreter, op: bundle.DenseOp, args: PythonValues) -> PythonValues:
        return (core_sum(op, args[0], op.weights_array, op.bias_array, op.bias_type),)

    @impl(bundle.BatchNormOp)
    def run_batch_norm(self, interpreter: Interpreter, op: bundle.BatchNormOp, args: PythonValues) -> PythonValues:
        """The sum of the core with folded weights, from the core's input: folding is the meaning of the operation."""
        core, (weights, bias) = op.core, op.folded()
        (x,) = interpreter.get_values((core.input,))
        return (core_sum(core, x, weights, bias, op.folded_bias_type),)

    @impl(bundle.ActivationOp)
    def run_activation(self, interpreter: Interpreter, op: bundle.ActivationOp, args: PythonValues) -> PythonValues:
        if has_free_scale(op):
            core = bundle.core_of(op.input)
            if core is not None:
                return (_of_sums(args[0], core, op),)
            return (on_free_grid((args[0] - bundle.grid_of(op.input).zero) * rounded_gains(op), op),)
        y = activate(to_reals(args[0], op.input), op.negative_slope.value.data, bundle.limits_of(op))
        return (to_integers(y, op.output),)

    @impl(bundle.AddOp)
    def run_add(self, interpreter: Interpreter, op: bundle.AddOp, args: PythonValues) -> PythonValues:
        x, other = args[0], _beside(args[0], args[1])
        if has_free_scale(op):
            (a, b), zeros = rounded_gains(op), [bundle.grid_of(value).zero for value in (op.a, op.b)]
            return (on_free_grid((x - zeros[0]) * a + (other - zeros[1]) * b, op),)
        total = to_reals(x, op.a) + to_reals(other, op.b)
        return (to_integers(activate(total, op.negative_slope.value.data, bundle.limits_of(op)), op.output),)

    @impl(bundle.MultiplyOp)
    def run_multiply(self, interpreter: Interpreter, op: bundle.MultiplyOp, args: PythonValues) -> PythonValues:
        x, other = args[0], _beside(args[0], args[1])
        if has_free_scale(op):
            product = (x - bundle.grid_of(op.a).zero) * (other - bundle.grid_of(op.b).zero)
            return (on_free_grid(product * rounded_gains(op), op),)
        product = to_reals(x, op.a) * to_reals(other, op.b)
        return (to_integers(activate(product, op.negative_slope.value.data, bundle.limits_of(op)), op.output),)

    @impl(bundle.FunctionOp)
    def run_function(self, interpreter: Interpreter, op: bundle.FunctionOp, args: PythonValues) -> PythonValues:
        return (to_integers(op.apply(to_reals(args[0], op.input)), op.output),)

    @impl(bundle.PoolOp)
    def run_pool(self, interpreter: Interpreter, op: bundle.PoolOp, args: PythonValues) -> PythonValues:
        (x,) = args
        if op.kind.data is bundle.PoolKind.MAX:
            pooled, counts = window_maxima(x, op.window), 1
        else:
            pad_value = bundle.grid_of(op.input).zero
            counting = op.count_padding is not None
            pooled, counts = window_sums(x, op.window, count_padding=counting, pad_value=pad_value)
        if has_free_scale(op) and bundle.bits_of(op.output) > 1:
            # Of codes, on one grid: see `dsf.constraints.scales.one_grid`.
            low = bundle.grid_of(op.output).zero if op.negative_slope.value.data == 0 else -np.inf
            return (np.maximum(np.rint(pooled / counts), low).astype(np.int64),)
        reals = to_reals(pooled, op.input) / counts
        return (to_integers(activate(reals, op.negative_slope.value.data), op.output),)

    @impl(bundle.ConcatOp)
    def run_concat(self, interpreter: Interpreter, op: bundle.ConcatOp, args: PythonValues) -> PythonValues:
        return (np.concatenate(args, axis=-1),)

    @impl(bundle.SliceOp)
    def run_slice(self, interpreter: Interpreter, op: bundle.SliceOp, args: PythonValues) -> PythonValues:
        part = tuple(slice(first, first + size) for first, size in zip(op.starts, op.sizes, strict=True))
        return (args[0][:, *part],)

    @impl(bundle.TransposeOp)
    def run_transpose(self, interpreter: Interpreter, op: bundle.TransposeOp, args: PythonValues) -> PythonValues:
        return (args[0].transpose(0, *(1 + axis for axis in op.order)),)

    @impl(bundle.PadOp)
    def run_pad(self, interpreter: Interpreter, op: bundle.PadOp, args: PythonValues) -> PythonValues:
        top, bottom, left, right = quad(op.padding)
        value = int(to_integers(np.array(op.value.value.data), op.input))
        return (np.pad(args[0], ((0, 0), (top, bottom), (left, right), (0, 0)), constant_values=value),)

    @impl(bundle.ResizeOp)
    def run_resize(self, interpreter: Interpreter, op: bundle.ResizeOp, args: PythonValues) -> PythonValues:
        vertical, horizontal = pair(op.factors)
        return (args[0].repeat(vertical, axis=1).repeat(horizontal, axis=2),)

    @impl(bundle.ReshapeOp)
    def run_reshape(self, interpreter: Interpreter, op: bundle.ReshapeOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(shape(op.output)),)

    @impl(bundle.FlattenOp)
    def run_flatten(self, interpreter: Interpreter, op: bundle.FlattenOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(args[0].shape[0], -1),)

    @impl(bundle.SoftmaxOp)
    def run_softmax(self, interpreter: Interpreter, op: bundle.SoftmaxOp, args: PythonValues) -> PythonValues:
        x = to_reals(args[0], op.input)
        powers = np.exp(x - x.max(axis=-1, keepdims=True))
        return (powers / powers.sum(axis=-1, keepdims=True),)

    @impl(bundle.BundleOp)
    def run_bundle(self, interpreter: Interpreter, op: bundle.BundleOp, args: PythonValues) -> PythonValues:
        return interpreter.run_ssacfg_region(op.body, (), op.label.data)

    @impl_terminator(bundle.YieldOp)
    def run_yield(
        self, interpreter: Interpreter, op: bundle.YieldOp, args: PythonValues
    ) -> tuple[TerminatorValue, PythonValues]:
        return ReturnedValues(args), ()
