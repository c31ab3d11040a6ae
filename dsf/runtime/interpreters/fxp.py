"""
The meaning of the `fxp` dialect, on int64 arrays: every operation is one function of `dsf.numerics`.

A sum that leaves its type is an error here, not a wrapped value: `check-hardware` has proved that it can't happen.
"""

from __future__ import annotations

import numpy as np
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Operation, SSAValue
from xdsl.utils.exceptions import InterpretationError

from dsf import numerics
from dsf.dialects import fxp
from dsf.dialects.bundle_types import PoolKind
from dsf.dialects.constants import ints_of, pair, quad
from dsf.dialects.integers import width
from dsf.dialects.shapes import shape, where
from dsf.numerics import Ints
from dsf.runtime.interpreters.convolution import convolve, convolve_transposed, window_maxima, window_sums


def in_type(x: Ints, op: Operation, value: SSAValue) -> Ints:
    """`x`, which must fit the integers of `value`, an operand or the result of `op`."""
    low, high = numerics.int_range(width(value))
    if x.size and (x.min() < low or x.max() > high):
        bits = numerics.bits_for(int(np.abs(x).max()))
        raise InterpretationError(f"{where(op)}: values from {x.min()} to {x.max()}, needs i{bits}; widen the sum (bits_sum)")
    return x


def biased(sums: Ints, op: fxp.RequantizeOp | fxp.RawOp) -> Ints:
    """Sums with their bias, which still fit the integers of the sum."""
    return in_type(numerics.raw(sums, op.bias_array, bias_shift=op.bias_shift.value.data), op, op.input)


@register_impls
class FxpFunctions(InterpreterFunctions):
    """Every operation of the dialect, on int64 arrays."""

    @impl(fxp.ConvOp)
    def run_conv(self, interpreter: Interpreter, op: fxp.ConvOp, args: PythonValues) -> PythonValues:
        sums = convolve(args[0], ints_of(op.weights), op.window, groups=op.groups.value.data, pad_value=op.pad_value.value.data)
        return (in_type(sums, op, op.output),)

    @impl(fxp.ConvTransposeOp)
    def run_conv_transpose(self, interpreter: Interpreter, op: fxp.ConvTransposeOp, args: PythonValues) -> PythonValues:
        x = args[0] - op.zero_point.value.data
        return (in_type(convolve_transposed(x, ints_of(op.weights), op.window, groups=op.groups.value.data), op, op.output),)

    @impl(fxp.RequantizeOp)
    def run_requantize(self, interpreter: Interpreter, op: fxp.RequantizeOp, args: PythonValues) -> PythonValues:
        biased(args[0], op)
        y = numerics.requantize(
            args[0],
            op.bias_array,
            bias_shift=op.bias_shift.value.data,
            multiplier=op.multiplier_array,
            shift=op.shift_array,
            leak=op.leak.value.data,
            zero_point=op.zero_point.value.data,
            low=op.low.value.data,
            high=op.high.value.data,
        )
        return (numerics.to_element(y, width(op.output)),)

    @impl(fxp.RawOp)
    def run_raw(self, interpreter: Interpreter, op: fxp.RawOp, args: PythonValues) -> PythonValues:
        return (biased(args[0], op),)

    @impl(fxp.AddOp)
    def run_add(self, interpreter: Interpreter, op: fxp.AddOp, args: PythonValues) -> PythonValues:
        y = numerics.residual_add(
            args[0],
            args[1],
            multiplier_a=op.multiplier_a.value.data,
            multiplier_b=op.multiplier_b.value.data,
            offset=op.offset.value.data,
            shift=op.shift.value.data,
            leak=op.leak.value.data,
            low=op.low.value.data,
            high=op.high.value.data,
        )
        return (numerics.to_element(y, width(op.output)),)

    @impl(fxp.MultiplyOp)
    def run_multiply(self, interpreter: Interpreter, op: fxp.MultiplyOp, args: PythonValues) -> PythonValues:
        y = numerics.multiply(
            args[0],
            args[1],
            zero_a=op.zero_a.value.data,
            zero_b=op.zero_b.value.data,
            multiplier=op.multiplier.value.data,
            offset=op.offset.value.data,
            shift=op.shift.value.data,
            leak=op.leak.value.data,
            low=op.low.value.data,
            high=op.high.value.data,
        )
        return (numerics.to_element(y, width(op.output)),)

    @impl(fxp.TableOp)
    def run_table(self, interpreter: Interpreter, op: fxp.TableOp, args: PythonValues) -> PythonValues:
        y = numerics.lookup(args[0], op.table_array, numerics.table_bits(width(op.input)))
        return (numerics.to_element(y, width(op.output)),)

    @impl(fxp.PoolOp)
    def run_pool(self, interpreter: Interpreter, op: fxp.PoolOp, args: PythonValues) -> PythonValues:
        (x,) = args
        if op.kind.data is PoolKind.MAX:
            acc, count = window_maxima(x, op.window), np.ones(1, dtype=np.int64)
        else:
            count_padding, pad_value = op.count_padding is not None, op.pad_value.value.data
            acc, count = window_sums(x, op.window, count_padding=count_padding, pad_value=pad_value)
        y = numerics.pool_scale(
            acc,
            count,
            left=op.left.value.data,
            right=op.right.value.data,
            leak=op.leak.value.data,
            low=op.low.value.data,
            high=op.high.value.data,
        )
        return (numerics.to_element(y, width(op.output)),)

    @impl(fxp.ConcatOp)
    def run_concat(self, interpreter: Interpreter, op: fxp.ConcatOp, args: PythonValues) -> PythonValues:
        return (np.concatenate(args, axis=-1),)

    @impl(fxp.SliceOp)
    def run_slice(self, interpreter: Interpreter, op: fxp.SliceOp, args: PythonValues) -> PythonValues:
        part = tuple(slice(first, first + size) for first, size in zip(op.starts, op.sizes, strict=True))
        return (args[0][:, *part],)

    @impl(fxp.TransposeOp)
    def run_transpose(self, interpreter: Interpreter, op: fxp.TransposeOp, args: PythonValues) -> PythonValues:
        return (args[0].transpose(0, *(1 + axis for axis in op.order)),)

    @impl(fxp.PadOp)
    def run_pad(self, interpreter: Interpreter, op: fxp.PadOp, args: PythonValues) -> PythonValues:
        top, bottom, left, right = quad(op.padding)
        border = ((0, 0), (top, bottom), (left, right), (0, 0))
        return (np.pad(args[0], border, constant_values=op.value.value.data),)

    @impl(fxp.ResizeOp)
    def run_resize(self, interpreter: Interpreter, op: fxp.ResizeOp, args: PythonValues) -> PythonValues:
        vertical, horizontal = pair(op.factors)
        return (args[0].repeat(vertical, axis=1).repeat(horizontal, axis=2),)

    @impl(fxp.ReshapeOp)
    def run_reshape(self, interpreter: Interpreter, op: fxp.ReshapeOp, args: PythonValues) -> PythonValues:
        return (args[0].reshape(shape(op.output)),)
