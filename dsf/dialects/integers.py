"""
Rules about integers that the `fxp` and `tile` dialects share: types, constants, clips, and the limits of the engine's numbers.

Tensors hold signless builtin integers, two's complement; `i1` is b for 2b - 1, as `dsf.layout` says. Every function raises
`VerifyException` with a message that says what to change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from xdsl.dialects.builtin import I64, IntegerAttr, IntegerType, TensorType
from xdsl.ir import Attribute, Operation, SSAValue

from dsf.dialects.constants import DenseAttr, ints_of
from dsf.dialects.shapes import as_text, check_channels, element, need, shape
from dsf.numerics import (
    MAX_FRACTION,
    MAX_MULTIPLIER_BITS,
    MULTIPLIER_BITS,
    fits,
    int_range,
    table_bits,
    values_text,
)

#: Largest multiplier of any hardware, unsigned, and bits of what is added to a sum or a product of elements, signed.
MAX_MULTIPLIER = (1 << MAX_MULTIPLIER_BITS) - 1
OFFSET_BITS = MAX_MULTIPLIER_BITS + MULTIPLIER_BITS
#: Largest left shift of a bias, and the least, which leaves bits behind the point, of any hardware.
MAX_BIAS_SHIFT, MIN_BIAS_SHIFT = 31, -MAX_FRACTION
#: Bits of the zero point that a requantiser adds, signed.
ZERO_POINT_BITS = 16
#: Largest left shift of a pooling's numerator and of its denominator.
MAX_POOL_SHIFT = 15
#: Bits of a raw sum, and of a bias as the engine holds it; no tensor is wider.
RAW_BITS = 32
#: Bits of the widest type of a constant: what numpy computes with.
CONSTANT_BITS = 64


def width(value: SSAValue) -> int:
    """Bits of a tensor's integers; the operation's verifier has checked that they are integers."""
    return cast(IntegerType, element(value)).bitwidth


def integers(sizes: Sequence[int], bits: int) -> TensorType[IntegerType]:
    """The type of a tensor of integers."""
    return TensorType(IntegerType(bits), sizes)


def check_between(op: Operation, low: int, high: int, **properties: IntegerAttr[I64]) -> None:
    """Numbers of an operation lie in [low, high]."""
    for name, attribute in properties.items():
        value = attribute.value.data
        need(low <= value <= high, op, f"{name} {value}", f"{low} to {high}", "rescale the layer")


def _check_type(op: Operation, what: str, kind: Attribute, least: int, most: int) -> None:
    is_integer = isinstance(kind, IntegerType) and kind == IntegerType(kind.bitwidth) and least <= kind.bitwidth <= most
    need(is_integer, op, f"{what} of type {kind}", f"integers, i{least} to i{most}", "change the element type")


def check_integers(op: Operation, *values: SSAValue) -> None:
    """The elements of tensors are integers."""
    for value in values:
        _check_type(op, "elements", element(value), 1, RAW_BITS)


def check_weights(op: Operation, weights: DenseAttr) -> None:
    """The elements of weights are integers."""
    _check_type(op, "weights", weights.get_element_type(), 1, CONSTANT_BITS)


def check_constants(op: Operation, low: int, high: int, **constants: DenseAttr) -> None:
    """The constants have one value per channel of the result, each in [low, high], and no type of -1 and 1 only."""
    for name, constant in constants.items():
        _check_type(op, name, constant.get_element_type(), 2, CONSTANT_BITS)
        check_channels(op, name, constant, shape(op.results[0])[-1])
        values = ints_of(constant)
        has = f"{name} from {values.min()} to {values.max()}"
        need(values.min() >= low and values.max() <= high, op, has, f"{low} to {high}", "rescale the layer")


def check_table(op: Operation, table: DenseAttr, x: SSAValue) -> None:
    """A lookup table has an entry for each value of `x`, and its entries are values of the result."""
    _check_type(op, "a table", table.get_element_type(), 1, RAW_BITS)
    entries = 1 << table_bits(width(x))
    has = f"a table of shape {as_text(table.get_shape())}"
    needs = f"{entries}, an entry for each value of i{width(x)}"
    need(tuple(table.get_shape()) == (entries,), op, has, needs, "correct the table")
    bits, values = width(op.results[0]), ints_of(table)
    has = f"a table of values from {values.min()} to {values.max()}"
    need(fits(values, bits), op, has, f"{values_text(bits)}, the result's", "correct the table")


def check_clip(op: Operation, low: int, high: int) -> None:
    """The clip lies in the result's type."""
    least, most = int_range(width(op.results[0]))
    ok = least <= low <= high <= most
    needs = f"an interval in [{least}, {most}]"
    need(ok, op, f"a clip to [{low}, {high}]", needs, "widen the result type or narrow the clip")
