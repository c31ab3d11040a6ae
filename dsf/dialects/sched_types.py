"""
Types and attributes of the `sched` dialect: memories, buffers, tokens, and what part of a tensor an instruction computes.
"""

from __future__ import annotations

from typing import ClassVar

from xdsl.dialects.builtin import ArrayAttr, IntAttr
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import ParametrizedAttribute, SpacedOpaqueSyntaxAttribute, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum

from dsf.dialects.records import RecordAttr, Rule, ints
from dsf.isa.table import BaseRegister
from dsf.scheduling.pieces import Piece, Span


class Space(StrEnum):
    """The memories: three on chip, and what base registers point at."""

    FEATURE = "feature"
    WEIGHT = "weight"
    PARAMETER = "parameter"
    INPUT = "input"
    OUTPUT = "output"
    WEIGHTS = "weights"
    ARENA = "arena"


ON_CHIP = (Space.FEATURE, Space.WEIGHT, Space.PARAMETER)

#: What points at the others.
BASES = {space: BaseRegister[space.name] for space in Space if space not in ON_CHIP}


@irdl_attr_definition
class SpaceAttr(EnumAttribute[Space], SpacedOpaqueSyntaxAttribute):
    name = "sched.space"


@irdl_attr_definition
class BufferType(ParametrizedAttribute, TypeAttribute):
    """A stretch of memory."""

    name = "sched.buffer"


@irdl_attr_definition
class TokenType(ParametrizedAttribute, TypeAttribute):
    """An instruction's completion."""

    name = "sched.token"


@irdl_attr_definition
class PieceAttr(RecordAttr):
    """
    What part of a tensor an instruction computes: `input` is (height, width, channels) of an image, `output` that of the
    result; `images`, `rows` and `groups` are (first, count) of images of the buffers, output rows, and channel groups.
    """

    name = "sched.piece"

    input: ArrayAttr[IntAttr]
    output: ArrayAttr[IntAttr]
    images: ArrayAttr[IntAttr]
    rows: ArrayAttr[IntAttr]
    groups: ArrayAttr[IntAttr]

    RULES: ClassVar = {
        "input": Rule(1),
        "output": Rule(1),
        "images": Rule(0),
        "rows": Rule(0),
        "groups": Rule(0, default=(0, 1)),
    }

    @property
    def piece(self) -> Piece:
        spans = [Span(*ints(one)) for one in (self.images, self.rows, self.groups)]
        return Piece(*spans)

    @property
    def input_image(self) -> tuple[int, int, int]:
        height, width, channels = ints(self.input)
        return height, width, channels

    @property
    def output_image(self) -> tuple[int, int, int]:
        height, width, channels = ints(self.output)
        return height, width, channels

    def verify(self) -> None:
        super().verify()
        for name, attribute, count in (
            ("input", self.input, 3),
            ("output", self.output, 3),
            ("images", self.images, 2),
            ("rows", self.rows, 2),
            ("groups", self.groups, 2),
        ):
            numbers = ints(attribute)
            if len(numbers) != count or (count == 2 and numbers[1] < 1):
                needs = "height, width, channels" if count == 3 else "the first and a count of at least 1"
                raise VerifyException(f"'#{self.name}': {name} {list(numbers)}, needs {needs}; correct the list")
        if self.piece.rows.stop > ints(self.output)[0]:
            raise VerifyException(
                f"'#{self.name}': rows up to {self.piece.rows.stop}, needs at most {ints(self.output)[0]}; correct the rows"
            )
