"""
`skip-unread`: positions of a result that nobody reads are not computed.

A 1x1 convolution of stride s reads one position in s of each line, and one line in s. Where all readers of a tensor are such,
with the same s, it is computed at these positions only, and its readers have stride 1:

    conv, stride t      becomes     conv, stride s * t
    a + b                           the same of both at these positions; what others read too is copied there, by a 1x1 pooling

A convolution that gets a stride so, if it is 1x1 itself, reads less as well, and so it goes on towards the input. The first
convolution of each stage of ResNet-50 v1 is like this: of the last block before it three positions in four are not needed,
neither of its 3x3 convolution nor of the last 1x1. (v1.5 has the stride in the 3x3 convolution, which reads everything.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dsf.dialects import fxp
from dsf.dialects.bundle_types import PoolKind
from dsf.dialects.constants import ints_attr
from dsf.dialects.integers import width
from dsf.dialects.shapes import shape
from dsf.geometry import Window
from dsf.isa.table import MATRIX
from dsf.numerics import Ints, int_range
from dsf.transforms.locations import set_location

Steps = tuple[int, int]


@dataclass(frozen=True)
class SkipUnreadPass(ModulePass):
    """Compute no positions that nobody reads; what is read stays the same. `enabled` false leaves everything as it is."""

    name = "skip-unread"

    enabled: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if not self.enabled:
            return
        for function in op.ops:
            if isinstance(function, func.FuncOp):
                # Readers first, since they get the strides that those before them see.
                for one in reversed(list(function.body.block.ops)):
                    for result in one.results:
                        _skip(result)


def at_positions(values: Ints, got: Ints) -> Ints:
    """
    What images had before, at the positions that `got` has of them: every s-th of each line and column, where s is what
    explains the shape, of several the one that explains the numbers. Where nothing does, all of it.
    """
    if values.ndim != 4 or got.ndim != 4 or values.shape == got.shape:
        return values
    sizes = zip(values.shape[1:3], got.shape[1:3], strict=True)
    steps = ([step for step in range(1, size + 1) if -(-size // step) == left] for size, left in sizes)
    found = [values[:, ::down, ::right] for down, right in product(*steps)]
    alike = (one for one in found if one.shape == got.shape and np.array_equal(one, got))
    return next(alike, found[0] if found else values)


def _skip(value: SSAValue) -> None:
    """Computes a value at the positions that are read, if those are fewer."""
    steps = _steps_of_readers(value)
    if steps is None or not _is_worth_it(value, steps):
        return
    readers = [use.operation for use in value.uses]
    fewer = _at(value, steps)
    for reader in readers:
        assert isinstance(reader, fxp.ConvOp)
        reader.operands[0] = fewer
        reader.properties["strides"] = ints_attr((1, 1))
    _erase_unused(value)


def _steps_of_readers(value: SSAValue) -> Steps | None:
    """The stride of all readers of a value, if they are 1x1 convolutions that leave something out."""
    found: set[Steps] = set()
    for use in value.uses:
        reader = use.operation
        if not isinstance(reader, fxp.ConvOp) or reader.window.kernel != (1, 1) or any(reader.window.padding):
            return None
        found.add(reader.window.strides)
    return found.pop() if len(found) == 1 and found != {(1, 1)} else None


def _is_worth_it(value: SSAValue, steps: Steps) -> bool:
    """Whether a convolution, whose results are read for this value alone, gets smaller."""
    owner = value.owner
    if isinstance(owner, fxp.AddOp):
        return shape(owner.a) == shape(owner.b) and any(
            _is_only_use(one) and _is_worth_it(one, steps) for one in owner.operands
        )
    conv = _conv_of(owner)
    return conv is not None and _fits(conv, steps)


def _is_only_use(value: SSAValue) -> bool:
    return len(list(value.uses)) == 1


def _conv_of(owner: object) -> fxp.ConvOp | None:
    """The convolution, if it is one, that an operation rounds the sums of, where nobody else does."""
    if not isinstance(owner, fxp.RequantizeOp) or not _is_only_use(owner.input):
        return None
    return owner.input.owner if isinstance(owner.input.owner, fxp.ConvOp) else None


def _wider(window: Window, steps: Steps) -> Window:
    strides = window.strides[0] * steps[0], window.strides[1] * steps[1]
    return Window(window.kernel, strides, window.padding, window.dilation)


def _fits(conv: fxp.ConvOp, steps: Steps) -> bool:
    """Whether the engine can step that far."""
    down, across = _wider(conv.window, steps).strides
    return down <= MATRIX.field("y_step").high and across * shape(conv.input)[3] <= MATRIX.field("x_step").high


def _at(value: SSAValue, steps: Steps) -> SSAValue:
    """A value at the positions that are read."""
    owner = value.owner
    if isinstance(owner, fxp.AddOp) and shape(owner.a) == shape(owner.b):
        a, b = (_operand_at(one, steps, owner) for one in owner.operands)
        numbers = ("multiplier_a", "multiplier_b", "offset", "shift", "leak", "low", "high")
        values = {name: getattr(owner, name).value.data for name in numbers}
        return _insert(owner, fxp.AddOp(a, b, bits=width(value), **values))
    conv = _conv_of(owner)
    assert conv is not None and isinstance(owner, fxp.RequantizeOp)
    return _rounded(conv, owner, steps)


def _operand_at(value: SSAValue, steps: Steps, user: Operation) -> SSAValue:
    """An operand of an addition at these positions: computed there, or copied from what others read as well."""
    if _is_only_use(value) and _is_worth_it(value, steps):
        return _at(value, steps)
    low, high = int_range(width(value))
    window, bits = Window((1, 1), steps), width(value)
    copy = fxp.PoolOp(value, PoolKind.MAX, window, bits=bits, left=0, right=0, leak=0, low=low, high=high)
    return _insert(user, copy)


def _rounded(conv: fxp.ConvOp, requantize: fxp.RequantizeOp, steps: Steps) -> SSAValue:
    sums = fxp.ConvOp(
        conv.input,
        conv.weights,
        _wider(conv.window, steps),
        bits_sum=width(conv.output),
        groups=conv.groups.value.data,
        pad_value=conv.pad_value.value.data,
    )
    set_location(sums, conv)
    Rewriter.insert_op(sums, InsertPoint.before(requantize))
    rounded = fxp.RequantizeOp(
        sums.output,
        bits=width(requantize.output),
        bias=requantize.bias_array,
        multiplier=requantize.multiplier_array,
        shift=requantize.shift_array,
        bias_shift=requantize.bias_shift.value.data,
        leak=requantize.leak.value.data,
        zero_point=requantize.zero_point.value.data,
        low=requantize.low.value.data,
        high=requantize.high.value.data,
    )
    return _insert(requantize, rounded)


def _insert(old: Operation, new: fxp.AddOp | fxp.PoolOp | fxp.RequantizeOp) -> SSAValue:
    """Puts an operation before an old one, of whose bundle it is."""
    set_location(new, old)
    Rewriter.insert_op(new, InsertPoint.before(old))
    if type(new) is type(old):
        new.output.name_hint = old.results[0].name_hint
    return new.output


def _erase_unused(value: SSAValue) -> None:
    """Erases what made a value that nobody reads any more, and what made that."""
    for operation in _unused(value):
        Rewriter.erase_op(operation)


def _unused(value: SSAValue) -> Iterator[Operation]:
    owner = value.owner
    if not isinstance(owner, (fxp.AddOp, fxp.RequantizeOp, fxp.ConvOp)) or owner.output.first_use is not None:
        return
    operands = list(owner.operands)
    yield owner
    for one in operands:
        yield from _unused(one)
