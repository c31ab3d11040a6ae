"""
Types and enumerations of the `bundle` dialect: what an element of a tensor means.

`!bundle.q<bits, frac>` is a signed two's complement integer `i` of `bits` bits that stands for the real number `i * 2**-frac`;
with one bit b, `i` is 2b - 1. `!bundle.affine<bits, scale, zero_point>` stands for `(i - zero_point) * scale`, as quantised
models of other tools have it, with one bit for `scale` or `-scale`. `!bundle.sum<bits>` is the exact sum of a core with such
scales, in the units of that core.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdsl.dialects.builtin import Float64Type, FloatAttr, IntAttr, TensorType
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from dsf import numerics
from dsf.dialects.constants import float_text, real
from dsf.dialects.shapes import element
from dsf.numerics import Floats, Ints


@irdl_attr_definition
class QType(ParametrizedAttribute, TypeAttribute):
    """A fixed-point number: `bits` bits, of which `frac` lie below the binary point (negative: the point lies below bit 0)."""

    name = "bundle.q"

    bits: IntAttr[int]
    frac: IntAttr[int]

    @staticmethod
    def of(bits: int, frac: int) -> QType:
        return QType(IntAttr(bits), IntAttr(frac))

    @property
    def unit(self) -> float:
        """What an integer one above another is more."""
        return math.ldexp(1.0, -self.frac.data)

    @property
    def zero(self) -> int:
        """The integer that stands for 0."""
        return 0

    def to_integers(self, x: Floats) -> Ints:
        """Real numbers, rounded to this grid."""
        return numerics.quantize(x, self.bits.data, self.frac.data)

    def to_reals(self, x: Ints) -> Floats:
        """What integers of this type stand for."""
        return numerics.dequantize(x, self.frac.data)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            bits = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            frac = parser.parse_integer(allow_boolean=False)
        return IntAttr(bits), IntAttr(frac)

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f"<{self.bits.data}, {self.frac.data}>")

    def verify(self) -> None:
        _check_bits(self.name, self.bits)
        if not -64 <= self.frac.data <= 64:
            raise VerifyException(f"'{self.name}': {self.frac.data} fraction bits, needs -64 to 64; change the fraction")


@irdl_attr_definition
class AffineType(ParametrizedAttribute, TypeAttribute):
    """A quantised number with a free scale: the integer `i` of `bits` bits stands for `(i - zero_point) * scale`."""

    name = "bundle.affine"

    bits: IntAttr[int]
    scale: FloatAttr[Float64Type]
    zero_point: IntAttr[int]

    @staticmethod
    def of(bits: int, scale: float, zero_point: int) -> AffineType:
        return AffineType(IntAttr(bits), real(scale), IntAttr(zero_point))

    @property
    def unit(self) -> float:
        """What an integer one above another is more."""
        return self.scale.value.data

    @property
    def zero(self) -> int:
        """The integer that stands for 0."""
        return self.zero_point.data

    def to_integers(self, x: Floats) -> Ints:
        """Real numbers, rounded to this grid; to one bit their signs."""
        if self.bits.data == 1:
            return numerics.quantize(x, 1, 0)
        return numerics.quantize_linear(x, self.unit, self.zero, *numerics.int_range(self.bits.data))

    def to_reals(self, x: Ints) -> Floats:
        """What integers of this type stand for."""
        return numerics.dequantize_linear(x, self.unit, self.zero)

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            bits = parser.parse_integer(allow_boolean=False)
            parser.parse_punctuation(",")
            scale = parser.parse_number()
            parser.parse_punctuation(",")
            zero_point = parser.parse_integer(allow_boolean=False)
        return IntAttr(bits), real(float(scale)), IntAttr(zero_point)

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f"<{self.bits.data}, {float_text(self.unit)}, {self.zero}>")

    def verify(self) -> None:
        _check_bits(self.name, self.bits)
        if self.bits.data == 1 and self.zero != 0:
            raise VerifyException(f"'{self.name}': 1 bit and a zero point of {self.zero}, needs 0; a sign has none")
        if not (math.isfinite(self.unit) and self.unit > 0):
            raise VerifyException(f"'{self.name}': a scale of {self.unit}, needs a positive number; correct it")
        low, high = numerics.int_range(self.bits.data)
        if not low <= self.zero <= high:
            needs = f"{low} to {high}, an integer of {self.bits.data} bits"
            raise VerifyException(f"'{self.name}': a zero point of {self.zero}, needs {needs}; correct it")


@irdl_attr_definition
class SumType(ParametrizedAttribute, TypeAttribute):
    """An exact sum of `bits` bits; the core that makes it says what each channel's integers stand for (`CoreOp.units`)."""

    name = "bundle.sum"

    bits: IntAttr[int]

    @staticmethod
    def of(bits: int) -> SumType:
        return SumType(IntAttr(bits))

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        with parser.in_angle_brackets():
            return (IntAttr(parser.parse_integer(allow_boolean=False)),)

    def print_parameters(self, printer: Printer) -> None:
        printer.print_string(f"<{self.bits.data}>")

    def verify(self) -> None:
        _check_bits(self.name, self.bits)


#: A type whose integers stand for real numbers by themselves, and every type of an element.
Grid = QType | AffineType
ElementType = QType | AffineType | SumType


def _check_bits(name: str, bits: IntAttr[int]) -> None:
    if not 1 <= bits.data <= 64:
        raise VerifyException(f"'{name}': {bits.data} bits, needs 1 to 64; change the width")


class PoolKind(StrEnum):
    """Largest element of the window, or the mean of those that count."""

    MAX = "max"
    AVG = "avg"


@irdl_attr_definition
class PoolKindAttr(EnumAttribute[PoolKind], SpacedOpaqueSyntaxAttribute):
    name = "bundle.pool_kind"


def q_of(value: SSAValue) -> QType:
    """The fixed-point type of a tensor's elements; the operation's verifier has checked that it is one."""
    q = element(value)
    assert isinstance(q, QType)
    return q


def grid_of(value: SSAValue) -> Grid:
    """The type of a tensor's elements, which are no sums with scales of their own."""
    grid = element(value)
    assert isinstance(grid, QType | AffineType)
    return grid


def bits_of(value: SSAValue) -> int:
    """Bits of a tensor's elements."""
    kind = element(value)
    assert isinstance(kind, QType | AffineType | SumType)
    return kind.bits.data


def frac_of(value: SSAValue) -> int:
    """Fraction bits of a tensor's elements; 0 of those with a free scale, whose integers are taken as they are."""
    kind = element(value)
    return kind.frac.data if isinstance(kind, QType) else 0


def tensor_of(sizes: Sequence[int], kind: ElementType) -> TensorType[Attribute]:
    return TensorType(kind, sizes)
