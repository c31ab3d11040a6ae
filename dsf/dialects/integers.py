"""
Rules about integers that the `fxp` and `tile` dialects share: types, constants, clips, and the limits of the engine's numbers.

Tensors hold signless builtin integers, two's complement. Every function raises `VerifyException` with a message that says
what to change.
"""

from __future__ import annotations

from typing import cast

from xdsl.dialects.builtin import IntegerType
from xdsl.ir import Attribute, Operation, SSAValue

from dsf.dialects.constants import DenseAttr, ints_of
from dsf.dialects.shapes import check_channels, element, need, shape
from dsf.numerics import int_range

#: Largest multiplier of the requantisers (16 bits, unsigned) and largest left shift of a bias.
MAX_MULTIPLIER = (1 << 16) - 1
MAX_BIAS_SHIFT = 31
#: Largest left shift of a pooling's numerator and of its denominator.
MAX_POOL_SHIFT = 15
#: Bits of a raw sum, and of a bias as the engine holds it; no tensor is wider.
RAW_BITS = 32
#: Bits of the widest type of a constant: what numpy computes with.
CONSTANT_BITS = 64


def width(value: SSAValue) -> int:
    """Bits of a tensor's integers; the operation's verifier has checked that they are integers."""
    return cast(IntegerType, element(value)).bitwidth


def _check_type(op: Operation, what: str, kind: Attribute, most: int) -> None:
    is_integer = isinstance(kind, IntegerType) and kind == IntegerType(kind.bitwidth) and 2 <= kind.bitwidth <= most
    need(is_integer, op, f"{what} of type {kind}", f"integers, i2 to i{most}", "change the element type")


def check_integers(op: Operation, *values: SSAValue) -> None:
    """The elements of tensors are integers."""
    for value in values:
        _check_type(op, "elements", element(value), RAW_BITS)


def check_constant(op: Operation, name: str, constant: DenseAttr) -> None:
    """The elements of a constant are integers."""
    _check_type(op, name, constant.get_element_type(), CONSTANT_BITS)


def check_constants(op: Operation, low: int, high: int, **constants: DenseAttr) -> None:
    """The constants have one value per channel of the result, each in [low, high]."""
    for name, constant in constants.items():
        check_constant(op, name, constant)
        check_channels(op, name, constant, shape(op.results[0])[-1])
        values = ints_of(constant)
        has = f"{name} from {values.min()} to {values.max()}"
        need(values.min() >= low and values.max() <= high, op, has, f"{low} to {high}", "rescale the layer")


def check_clip(op: Operation, low: int, high: int) -> None:
    """The clip lies in the result's type."""
    least, most = int_range(width(op.results[0]))
    ok = least <= low <= high <= most
    needs = f"an interval in [{least}, {most}]"
    need(ok, op, f"a clip to [{low}, {high}]", needs, "widen the result type or narrow the clip")
