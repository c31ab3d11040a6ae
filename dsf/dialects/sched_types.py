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

from dsf.dialects.records import RecordAttr, Rule, ints, kept
from dsf.isa.table import BaseRegister
from dsf.scheduling.pieces import Block, Piece, Span


class Space(StrEnum):
    """The memories: those on chip, and what base registers point at."""

    FEATURE = "feature"
    WEIGHT = "weight"
    PARAMETER = "parameter"
    TABLE = "table"
    INPUT = "input"
    OUTPUT = "output"
    WEIGHTS = "weights"
    ARENA = "arena"


ON_CHIP = (Space.FEATURE, Space.WEIGHT, Space.PARAMETER, Space.TABLE)

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
    result; `images`, `rows` and `groups` are (first, count) of images of the buffers, of rows of what is made, and of channel
    groups.

    Of a grouped convolution, `inputs` and `outputs` are (first, count) of the channels of the block that the piece is of, and
    `convolutions` is how many groups of the convolution that block has; the channel groups are counted from its first output
    channel. Empty, they are all channels.

    With `inputs` a part of a block's, the sums go on from those that the instruction before has left in the array (`accumulate`
    is 1), or stay there for the next one (`partial` is 1), or both. So they do with a `run`, (first, count) of the elements of
    each kernel row, where the weights of a channel group come in ranges; empty, it is all of them. `columns` is (first, count)
    of the columns of the rows; empty, it is all of them.

    Depthwise, the instruction computes the positions `residue`, `residue + step`, ... of each line: `dsf.scheduling.depthwise`.
    """

    name = "sched.piece"

    input: ArrayAttr[IntAttr]
    output: ArrayAttr[IntAttr]
    images: ArrayAttr[IntAttr]
    rows: ArrayAttr[IntAttr]
    groups: ArrayAttr[IntAttr]
    inputs: ArrayAttr[IntAttr]
    outputs: ArrayAttr[IntAttr]
    convolutions: IntAttr
    residue: IntAttr
    accumulate: IntAttr
    partial: IntAttr
    columns: ArrayAttr[IntAttr]
    run: ArrayAttr[IntAttr]

    RULES: ClassVar = {
        "input": Rule(1),
        "output": Rule(1),
        "images": Rule(0),
        "rows": Rule(0),
        "groups": Rule(0, default=(0, 1)),
        "inputs": Rule(0, default=()),
        "outputs": Rule(0, default=()),
        "convolutions": Rule(1, default=1),
        "residue": Rule(0, default=0),
        "accumulate": Rule(0, 1, default=0),
        "partial": Rule(0, 1, default=0),
        "columns": Rule(0, default=()),
        "run": Rule(0, default=()),
    }

    @staticmethod
    def of_piece(piece: Piece, input: tuple[int, int, int], output: tuple[int, int, int], residue: int = 0) -> PieceAttr:
        """The attribute of a piece; `input` and `output` are (height, width, channels)."""
        inputs, outputs = piece.block.inputs, piece.block.outputs
        return PieceAttr.of(
            input=input,
            output=output,
            images=(piece.images.first, piece.images.count),
            rows=(piece.rows.first, piece.rows.count),
            groups=(piece.groups.first, piece.groups.count),
            inputs=() if inputs == Span(0, input[2]) else (inputs.first, inputs.count),
            outputs=() if outputs == Span(0, output[2]) else (outputs.first, outputs.count),
            convolutions=piece.block.convolutions,
            residue=residue,
            accumulate=int(piece.accumulate),
            partial=int(piece.partial),
            columns=() if piece.columns is None else (piece.columns.first, piece.columns.count),
            run=() if piece.run is None else (piece.run.first, piece.run.count),
        )

    @staticmethod
    def of_rows(piece: Piece, input: tuple[int, int, int], output: tuple[int, int, int]) -> PieceAttr:
        """The attribute of images and rows, where channels are told otherwise."""
        images, rows = (piece.images.first, piece.images.count), (piece.rows.first, piece.rows.count)
        return PieceAttr.of(input=input, output=output, images=images, rows=rows)

    @kept
    def piece(self) -> Piece:
        images, rows, groups = (Span(*ints(one)) for one in (self.images, self.rows, self.groups))
        columns, run = (Span(*ints(one)) if ints(one) else None for one in (self.columns, self.run))
        sums = self.accumulate.data == 1, self.partial.data == 1
        return Piece(images, rows, groups, self.block, *sums, columns, run)

    @kept
    def block(self) -> Block:
        inputs, outputs = ints(self.inputs) or (0, self.input_image[2]), ints(self.outputs) or (0, self.output_image[2])
        return Block(Span(*inputs), Span(*outputs), self.convolutions.data)

    @kept
    def input_image(self) -> tuple[int, int, int]:
        height, width, channels = ints(self.input)
        return height, width, channels

    @kept
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
        for name, attribute in (("columns", self.columns), ("run", self.run)):
            numbers = ints(attribute)
            if len(numbers) not in (0, 2) or (len(numbers) == 2 and numbers[1] < 1):
                needs = "the first and a count of at least 1, or nothing"
                raise VerifyException(f"'#{self.name}': {name} {list(numbers)}, needs {needs}; correct the list")
        self._verify_block()

    def _verify_block(self) -> None:
        parts = self.convolutions.data
        for name, attribute, image in (("inputs", self.inputs, self.input), ("outputs", self.outputs, self.output)):
            numbers, channels = ints(attribute), ints(image)[2]
            if len(numbers) not in (0, 2) or (len(numbers) == 2 and numbers[1] < 1):
                raise VerifyException(
                    f"'#{self.name}': {name} {list(numbers)}, needs the first and a count of at least 1; correct the list"
                )
            first, count = numbers or (0, channels)
            if first + count > channels:
                raise VerifyException(
                    f"'#{self.name}': {name} up to {first + count}, needs at most {channels} channels; correct the list"
                )
            if count % parts != 0:
                raise VerifyException(
                    f"'#{self.name}': {count} {name} in {parts} convolutions, needs a multiple; correct the number"
                )
