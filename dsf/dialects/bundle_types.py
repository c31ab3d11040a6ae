"""
Types and enumerations of the `bundle` dialect: what an element of a tensor means.

`!bundle.q<bits, frac>` is a signed two's complement integer `i` of `bits` bits that stands for the real number `i * 2**-frac`;
with one bit b, `i` is 2b - 1.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import IntAttr, TensorType
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, SSAValue, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from dsf.dialects.shapes import element


@irdl_attr_definition
class QType(ParametrizedAttribute, TypeAttribute):
    """A fixed-point number: `bits` bits, of which `frac` lie below the binary point (negative: the point lies below bit 0)."""

    name = "bundle.q"

    bits: IntAttr[int]
    frac: IntAttr[int]

    @staticmethod
    def of(bits: int, frac: int) -> QType:
        return QType(IntAttr(bits), IntAttr(frac))

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
        if not 1 <= self.bits.data <= 64:
            raise VerifyException(f"'{self.name}': {self.bits.data} bits, needs 1 to 64; change the width")
        if not -64 <= self.frac.data <= 64:
            raise VerifyException(f"'{self.name}': {self.frac.data} fraction bits, needs -64 to 64; change the fraction")


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


def tensor_of(sizes: Sequence[int], q: QType) -> TensorType[QType]:
    return TensorType(q, sizes)
