"""
`bundle-to-fxp`: real layers become integer operations with the same results, bit for bit.

Where scales are powers of two, a rescaling from `before` to `after` fraction bits is a right shift, or where bits are gained
a multiplier. A free scale is a multiplier and a right shift (`bundle_scales.py`); a zero point of the input is in
the bias and is the padding value, one of the result is added after rounding. A slope of 2**-k is a further shift of negative
values, and a ReLU a clip at 0. A result of one bit is a sign, which no rescaling changes but which rounding to 0 would: nothing
is shifted right. A dense layer is a 1x1 convolution between reshapes. Expects what `check-hardware` has accepted. Every
operation takes the name of its bundle as location, and the function says what its integers mean (`dsf.input_frac`,
`dsf.output_frac`, `dsf.softmax`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import DenseArrayBase, FunctionType, IntegerType, ModuleOp, TensorType, UnitAttr, f64
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dsf import numerics
from dsf.constraints.layers import CONVOLUTIONS, MOVES, bundle_of, is_last, name_of, source_of
from dsf.constraints.sums import engine_bias, integer_weights
from dsf.dialects import bundle, fxp
from dsf.dialects.bundle_scales import has_free_scale, multipliers
from dsf.dialects.constants import dense_ints, integer, pair, quad
from dsf.dialects.engine import hardware_of
from dsf.dialects.functions import function_problems
from dsf.dialects.shapes import element, shape
from dsf.errors import ModelError
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.transforms.locations import set_bundle
from dsf.transposed import TransposedWindow


def leak_of(q: bundle.Grid, slope: float) -> int:
    """k of a slope 2**-k; 0 for a ReLU, whose negative values the clip removes, and for signs."""
    return 0 if slope == 0 or q.bits.data == 1 else -int(np.log2(slope))


def clip_of(q: bundle.Grid, slope: float, limits: tuple[float, float] = (-math.inf, math.inf)) -> tuple[int, int]:
    """The clip to a type and, since rounding is monotonic, to limits: of a ReLU at 0."""
    low, high = numerics.int_range(q.bits.data)
    if slope == 0:
        low = q.zero
    least, most = (int(one) for one in q.to_integers(np.array(limits)))
    return (max(low, least), min(high, most)) if q.bits.data > 1 else (low, high)


def scale_of(before: int, q: bundle.QType) -> tuple[int, int]:
    """(multiplier, right shift) from `before` fraction bits to those of a type; none for signs."""
    gain = 0 if q.bits.data == 1 else q.frac.data - before
    return (1, -gain) if gain <= 0 else (1 << gain, 0)


@dataclass
class Lowering:
    """One function on its way: its new block, and the integers that stand for each value of the bundle level."""

    hardware: Hardware
    block: Block
    values: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    source: Operation | None = None

    def lower(self, op: Operation) -> None:
        self.source = op
        match op:
            case bundle.BundleOp():
                for one in op.layers:
                    self.lower(one)
                self.values[op.output] = self.values[op.yielded]
            case bundle.ConvOp():
                self._lower_core(op, self.values[op.input], op.window)
            case bundle.ConvTransposeOp():
                self._lower_core(op, self.values[op.input], op.window)
            case bundle.DenseOp():
                batch, inputs = shape(op.input)
                self._lower_core(op, self._reshape(self.values[op.input], (batch, 1, 1, inputs)), Window((1, 1)))
            case bundle.ActivationOp():
                self._lower_activation(op)
            case bundle.AddOp():
                self._lower_add(op)
            case bundle.MultiplyOp():
                self._lower_multiply(op)
            case bundle.FunctionOp():
                self._lower_function(op)
            case bundle.PoolOp():
                slope, kind = op.negative_slope.value.data, op.kind.data
                x = self.values[op.input]
                y = self._pool(x, op.input, op.output, kind, op.window, slope, op.count_padding is not None)
                self.values[op.output] = y
            case bundle.ConcatOp() | bundle.SliceOp() | bundle.PadOp() | bundle.ResizeOp() | bundle.TransposeOp():
                self._lower_move(op)
            case bundle.FlattenOp() | bundle.ReshapeOp():
                self.values[op.output] = self._reshape(self.values[op.input], shape(op.output))
            case bundle.SoftmaxOp():
                self.values[op.output] = self.values[op.input]
            case func.ReturnOp():
                self._insert(func.ReturnOp(*(self.values[value] for value in op.arguments)))
            case _:
                has = f"{name_of(op)}: a {op.name}, needs what check-hardware accepts"
                raise ModelError(f"{has}; run fold-batch-norm and check-hardware first")

    def _insert(self, op: Operation) -> None:
        label = None if self.source is None else bundle_of(self.source)
        if self.source is not None and label is not None:
            set_bundle(op, label, self.source)
        self.block.add_op(op)

    def _reshape(self, value: SSAValue, sizes: tuple[int, ...]) -> SSAValue:
        """`value` in another shape, without a detour through a shape that it had on the way."""
        origin = value.owner.input if isinstance(value.owner, fxp.ReshapeOp) else value
        if shape(origin) == sizes:
            return origin
        op = fxp.ReshapeOp(origin, sizes)
        self._insert(op)
        return op.output

    def _images(self, value: SSAValue) -> SSAValue:
        """A tensor (N, K) as images of one pixel, (N, 1, 1, K)."""
        sizes = shape(value)
        return value if len(sizes) == 4 else self._reshape(value, (sizes[0], 1, 1, sizes[1]))

    def _lower_core(self, op: bundle.CoreOp, x: SSAValue, window: Window | TransposedWindow) -> None:
        """The sum, still without its bias, as images; a last layer's is complete, and in the shape of its result."""
        weights = integer_weights(op)
        groups = op.groups.value.data if isinstance(op, CONVOLUTIONS) else 1
        kernel = window.kernel if isinstance(window, Window) else window.window.kernel
        constant = dense_ints(weights.reshape(*kernel, -1, op.channels_out), self.hardware.bits_weights)
        zero, bits = bundle.grid_of(op.input).zero, self.hardware.bits_sum
        if isinstance(window, Window):
            conv = fxp.ConvOp(x, constant, window, bits_sum=bits, groups=groups, pad_value=zero)
        else:
            conv = fxp.ConvTransposeOp(x, constant, window, bits_sum=bits, groups=groups, zero_point=zero)
        self._insert(conv)
        self.values[op.output] = conv.output
        if is_last(op):
            bias, shift = engine_bias(op)
            logits = fxp.RawOp(conv.output, bias=bias, bias_shift=shift)
            self._insert(logits)
            self.values[op.output] = self._reshape(logits.output, shape(op.output))

    def _lower_activation(self, op: bundle.ActivationOp) -> None:
        x, slope = self.values[op.input], op.negative_slope.value.data
        core = source_of(op.input).owner
        if not isinstance(core, bundle.CoreOp):
            # Of a value that is rounded already: the maximum of one element, with the activation of a pooling.
            limits = bundle.limits_of(op)
            y = self._pool(self._images(x), op.input, op.output, bundle.PoolKind.MAX, Window((1, 1)), slope, limits=limits)
        else:
            y = self._requantize(core, x, op)
        self.values[op.output] = self._reshape(y, shape(op.output))

    def _requantize(self, core: bundle.CoreOp, x: SSAValue, activation: bundle.ActivationOp) -> SSAValue:
        q, slope = bundle.grid_of(activation.output), activation.negative_slope.value.data
        if isinstance(q, bundle.QType) and core.scales is None:
            multiplier, right = scale_of(core.product_frac, q)
        else:
            multiplier, right = multipliers(activation)
        if q.bits.data == 1:
            # What is behind the point has a sign too, which rounding would lose.
            multiplier = multiplier << core.fraction
        bias, shift = engine_bias(core)
        low, high = clip_of(q, slope, bundle.limits_of(activation))
        op = fxp.RequantizeOp(
            x,
            bits=self.hardware.bits_input,
            bias=bias,
            bias_shift=shift,
            multiplier=np.broadcast_to(multiplier, core.channels_out),
            shift=np.broadcast_to(right, core.channels_out),
            leak=leak_of(q, slope),
            zero_point=q.zero,
            low=low,
            high=high,
        )
        self._insert(op)
        return op.output

    def _lower_add(self, op: bundle.AddOp) -> None:
        slope, q = op.negative_slope.value.data, bundle.grid_of(op.output)
        numbers = _free_sum(op) if has_free_scale(op) else _aligned_sum(op)
        low, high = clip_of(q, slope, bundle.limits_of(op))
        add = fxp.AddOp(
            self._images(self.values[op.a]),
            self._images(self.values[op.b]),
            bits=self.hardware.bits_input,
            **numbers,
            leak=leak_of(q, slope),
            low=low,
            high=high,
        )
        self._insert(add)
        self.values[op.output] = self._reshape(add.output, shape(op.output))

    def _lower_move(self, op: MOVES) -> None:
        values = [self.values[value] for value in op.operands]
        match op:
            case bundle.ConcatOp():
                moved = fxp.ConcatOp(values)
            case bundle.SliceOp():
                moved = fxp.SliceOp(values[0], op.starts, op.sizes)
            case bundle.PadOp():
                value = bundle.grid_of(op.input).to_integers(np.array(op.value.value.data))
                moved = fxp.PadOp(values[0], quad(op.padding), int(value))
            case bundle.TransposeOp():
                moved = fxp.TransposeOp(values[0], op.order)
            case bundle.ResizeOp():
                moved = fxp.ResizeOp(values[0], pair(op.factors))
        self._insert(moved)
        self.values[op.output] = moved.output

    def _lower_multiply(self, op: bundle.MultiplyOp) -> None:
        slope, q = op.negative_slope.value.data, bundle.grid_of(op.output)
        if has_free_scale(op):
            multiplier, right = (int(one[0]) for one in np.broadcast_arrays(*multipliers(op)))
        else:
            multiplier, right = scale_of(bundle.frac_of(op.a) + bundle.frac_of(op.b), bundle.q_of(op.output))
        low, high = clip_of(q, slope, bundle.limits_of(op))
        product = fxp.MultiplyOp(
            self._images(self.values[op.a]),
            self._images(self.values[op.b]),
            bits=self.hardware.bits_input,
            zero_a=bundle.grid_of(op.a).zero,
            zero_b=bundle.grid_of(op.b).zero,
            multiplier=multiplier,
            offset=q.zero << right,
            shift=right,
            leak=leak_of(q, slope),
            low=low,
            high=high,
        )
        self._insert(product)
        self.values[op.output] = self._reshape(product.output, shape(op.output))

    def _lower_function(self, op: bundle.FunctionOp) -> None:
        before, after, bits = bundle.grid_of(op.input), bundle.grid_of(op.output), self.hardware.bits_input
        table = numerics.table(op.apply, bits, before.to_reals, after.to_integers)
        lookup = fxp.TableOp(self._images(self.values[op.input]), table, bits=bits)
        self._insert(lookup)
        self.values[op.output] = self._reshape(lookup.output, shape(op.output))

    def _pool(
        self,
        x: SSAValue,
        before: SSAValue,
        after: SSAValue,
        kind: bundle.PoolKind,
        window: Window,
        slope: float,
        count_padding: bool = False,
        limits: tuple[float, float] = (-math.inf, math.inf),
    ) -> SSAValue:
        """A pooling of `x`; `before` and `after` are the values of the bundle level that give the scales."""
        q = bundle.grid_of(after)
        gain = bundle.frac_of(after) - bundle.frac_of(before)
        if q.bits.data == 1:
            # An average of n elements that is not 0 is 1/n at least, and n less than 2**16: scaled so, it does not round to 0.
            average = (math.prod(window.kernel) - 1).bit_length()
            gain = min(average, fxp.MAX_POOL_SHIFT) if kind is bundle.PoolKind.AVG else 0
        low, high = clip_of(q, slope, limits)
        op = fxp.PoolOp(
            x,
            kind,
            window,
            bits=self.hardware.bits_input,
            left=max(gain, 0),
            right=max(-gain, 0),
            leak=leak_of(q, slope),
            low=low,
            high=high,
            count_padding=count_padding,
            pad_value=q.zero,
        )
        self._insert(op)
        return op.output


def _aligned_sum(op: bundle.AddOp) -> dict[str, int]:
    """The numbers of an `fxp.add` of fixed-point operands: exact."""
    a_frac, b_frac, q = bundle.frac_of(op.a), bundle.frac_of(op.b), bundle.q_of(op.output)
    finest = max(a_frac, b_frac)
    gain, right = scale_of(finest, q)
    return {
        "multiplier_a": gain << (finest - a_frac),
        "multiplier_b": gain << (finest - b_frac),
        "offset": 0,
        "shift": right,
    }


def _free_sum(op: bundle.AddOp) -> dict[str, int]:
    """The numbers of an `fxp.add` with free scales; all zero points are in the offset, exactly."""
    (a, b), right = multipliers(op)
    a, b, right = int(a), int(b), int(right)
    zeros = bundle.grid_of(op.a).zero, bundle.grid_of(op.b).zero, bundle.grid_of(op.output).zero
    offset = (zeros[2] << right) - zeros[0] * a - zeros[1] * b
    return {"multiplier_a": a, "multiplier_b": b, "offset": offset, "shift": right}


def lower_function(function: func.FuncOp, hardware: Hardware) -> func.FuncOp:
    """A new function in integers, not yet in a module."""
    inputs = [TensorType(IntegerType(hardware.bits_input), shape(argument)) for argument in function.args]
    block = Block(arg_types=inputs)
    lowering = Lowering(hardware, block, dict(zip(function.args, block.args, strict=True)))
    for old, new in zip(function.args, block.args, strict=True):
        new.name_hint = old.name_hint
    for op in function.body.block.ops:
        lowering.lower(op)
    for op in reversed(list(block.ops)):
        if isinstance(op, fxp.ReshapeOp) and op.output.first_use is None:
            op.detach()
            op.erase()
    terminator = block.last_op
    assert isinstance(terminator, func.ReturnOp)
    signature = FunctionType.from_lists(inputs, [value.type for value in terminator.arguments])
    lowered = func.FuncOp(function.sym_name.data, signature, Region(block))
    lowered.attributes |= function.attributes | meaning(function)
    lowered.location = function.location
    return lowered


def meaning(function: func.FuncOp) -> dict[str, Attribute]:
    """What the integers of a function's argument and result stand for."""
    returned = function.get_return_op()
    assert returned is not None
    result = source_of(returned.arguments[0])
    attributes: dict[str, Attribute] = {fxp.INPUT_FRAC: integer(bundle.frac_of(function.args[0]))}
    attributes |= _free_scales(function.args[0], fxp.INPUT_SCALES, fxp.INPUT_ZERO_POINT)
    if isinstance(result.owner, bundle.SoftmaxOp):
        attributes[fxp.SOFTMAX] = UnitAttr()
        result = result.owner.input
    attributes[fxp.OUTPUT_FRAC] = integer(bundle.frac_of(result))
    return attributes | _free_scales(result, fxp.OUTPUT_SCALES, fxp.OUTPUT_ZERO_POINT)


def _free_scales(value: SSAValue, scales: str, zero_point: str) -> dict[str, Attribute]:
    """Scales and zero point of a value that has them: one scale if all are alike."""
    core = bundle.core_of(value)
    if core is not None and core.scales is not None:
        units = np.unique(core.units) if len(np.unique(core.units)) == 1 else core.units
        return {scales: DenseArrayBase.from_list(f64, units.tolist()), zero_point: integer(0)}
    kind = element(value)
    if not isinstance(kind, bundle.AffineType):
        return {}
    return {scales: DenseArrayBase.from_list(f64, [kind.unit]), zero_point: integer(kind.zero)}


@dataclass(frozen=True)
class BundleToFxpPass(ModulePass):
    """Lower layers to integer operations with the same results."""

    name = "bundle-to-fxp"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        hardware = hardware_of(op)
        functions = [one for one in op.ops if isinstance(one, func.FuncOp)]
        problems = [problem for function in functions for problem in function_problems(function)]
        if problems:
            raise ModelError(problems)
        for function in functions:
            lowered = lower_function(function, hardware)
            Rewriter.insert_op(lowered, InsertPoint.before(function))
            Rewriter.erase_op(function)
