"""Instructions of the `sched` dialect for the vector unit: what it computes, and what it copies and moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import UnitAttr
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
)

from dsf.dialects.bundle_types import PoolKind, PoolKindAttr
from dsf.dialects.records import ints
from dsf.dialects.sched_base import (
    AFTER,
    ESTIMATE,
    InstructionOp,
    check_output,
    check_rows,
    check_space,
    estimates,
)
from dsf.dialects.sched_types import BufferType, PieceAttr, Space, TokenType
from dsf.dialects.shapes import need
from dsf.dialects.tile_types import (
    AddAttr,
    MultiplyAttr,
    PartAttr,
    ScaleAttr,
    TargetAttr,
    WindowAttr,
    check_move,
)
from dsf.isa.table import Queue
from dsf.scheduling.pieces import Block, Span, input_rows


@irdl_op_definition
class PoolOp(InstructionOp):
    """
    A piece of `tile.pool`: all channels, or those of the piece's block.

    ```
    %t = sched.pool max %x to %y <input = [8, 8, 16], output = [4, 4, 16], images = [0, 1], rows = [0, 4]>
           window <kernel = [2, 2], strides = [2, 2]> scale <low = -128, high = 127> after(%m)
    ```
    """

    name = "sched.pool"
    QUEUE: ClassVar = Queue.VECTOR

    kind = prop_def(PoolKindAttr)
    x = operand_def(BufferType())
    y = operand_def(BufferType())
    piece = prop_def(PieceAttr)
    window = prop_def(WindowAttr)
    scale = prop_def(ScaleAttr)

    assembly_format = f"$kind $x `to` $y $piece `window` $window `scale` $scale {AFTER} {ESTIMATE}"

    def __init__(
        self,
        kind: PoolKind,
        x: SSAValue,
        y: SSAValue,
        *,
        piece: PieceAttr,
        window: WindowAttr,
        scale: ScaleAttr,
        cycles: int = 0,
        waits: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[x, y, waits],
            properties={
                "kind": PoolKindAttr(kind),
                "piece": piece,
                "window": window,
                "scale": scale,
                **estimates(cycles),
            },
            result_types=[TokenType()],
        )

    def verify_(self) -> None:
        check_space(self, "input", self.x, Space.FEATURE)
        check_space(self, "result", self.y, Space.FEATURE)
        _check_channels(self, self.piece)
        check_output(self, self.piece, self.window)


def _check_channels(op: Operation, piece: PieceAttr) -> None:
    """The vector unit computes all channels, or those of a block, each from its own."""
    check_rows(op, piece, piece.output_image[0])
    need(not piece.piece.is_cut, op, "partial sums", "none", "compute all of a window at once")
    channels, block = piece.input_image[2], piece.block
    same = piece.output_image[2] == channels and block == Block(block.inputs, block.inputs)
    need(same and ints(piece.groups) == (0, 1), op, "other channels in its result", "the same", "correct the piece")


def _check_image(op: Operation, piece: PieceAttr) -> None:
    _check_channels(op, piece)
    has = f"an image of {list(ints(piece.input))} to one of {list(ints(piece.output))}"
    need(piece.input == piece.output, op, has, "equal ones", "correct the piece")


@irdl_op_definition
class ElementwiseOp(InstructionOp):
    """
    A piece of `tile.elementwise`. With `pixel`, `b` has one pixel for each image.

    ```
    %t = sched.elementwise #tile.add<low = -128, high = 127> %x, %b to %y
           <input = [8, 8, 16], output = [8, 8, 16], images = [0, 1], rows = [0, 4]> after(%m)
    ```
    """

    name = "sched.elementwise"
    QUEUE: ClassVar = Queue.VECTOR

    function = prop_def(AddAttr | MultiplyAttr)
    x = operand_def(BufferType())
    b = operand_def(BufferType())
    y = operand_def(BufferType())
    piece = prop_def(PieceAttr)
    pixel = opt_prop_def(UnitAttr)

    assembly_format = f"$function $x `,` $b `to` $y $piece (`pixel` $pixel^)? {AFTER} {ESTIMATE}"

    def __init__(
        self,
        function: AddAttr | MultiplyAttr,
        x: SSAValue,
        b: SSAValue,
        y: SSAValue,
        *,
        piece: PieceAttr,
        pixel: bool = False,
        cycles: int = 0,
        waits: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[x, b, y, waits],
            properties={
                "function": function,
                "piece": piece,
                "pixel": UnitAttr() if pixel else None,
                **estimates(cycles),
            },
            result_types=[TokenType()],
        )

    @property
    def image_of_b(self) -> tuple[int, int, int]:
        """Height, width, channels of the second operand."""
        height, width, channels = self.piece.output_image
        return (height, width, channels) if self.pixel is None else (1, 1, channels)

    @property
    def rows_of_b(self) -> Span:
        """Rows of it that the piece needs."""
        return self.piece.piece.rows if self.pixel is None else Span(0, 1)

    def verify_(self) -> None:
        for what, value in (("first operand", self.x), ("second operand", self.b), ("result", self.y)):
            check_space(self, what, value, Space.FEATURE)
        _check_image(self, self.piece)


@irdl_op_definition
class LookupOp(InstructionOp):
    """
    A piece of `tile.lookup`; the table is the first one of its buffer.

    ```
    %t = sched.lookup %x, %table to %y <input = [8, 8, 16], output = [8, 8, 16], images = [0, 1], rows = [0, 4]> after(%m, %l)
    ```
    """

    name = "sched.lookup"
    QUEUE: ClassVar = Queue.VECTOR

    x = operand_def(BufferType())
    table = operand_def(BufferType())
    y = operand_def(BufferType())
    piece = prop_def(PieceAttr)

    assembly_format = f"$x `,` $table `to` $y $piece {AFTER} {ESTIMATE}"

    def __init__(
        self,
        x: SSAValue,
        table: SSAValue,
        y: SSAValue,
        *,
        piece: PieceAttr,
        cycles: int = 0,
        waits: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[x, table, y, waits],
            properties={"piece": piece, **estimates(cycles)},
            result_types=[TokenType()],
        )

    def verify_(self) -> None:
        check_space(self, "input", self.x, Space.FEATURE)
        check_space(self, "table", self.table, Space.TABLE)
        check_space(self, "result", self.y, Space.FEATURE)
        _check_image(self, self.piece)


@irdl_op_definition
class CopyOp(InstructionOp):
    """
    Rows of a tensor, from one buffer to another: those of the piece, all channels or those of its block.

    ```
    %t = sched.copy %s to %r <input = [8, 8, 16], output = [8, 8, 16], images = [0, 1], rows = [4, 2]> after(%m)
    ```
    """

    name = "sched.copy"
    QUEUE: ClassVar = Queue.VECTOR

    x = operand_def(BufferType())
    y = operand_def(BufferType())
    piece = prop_def(PieceAttr)

    assembly_format = f"$x `to` $y $piece {AFTER} {ESTIMATE}"

    def __init__(self, x: SSAValue, y: SSAValue, *, piece: PieceAttr, cycles: int = 0, waits: Sequence[SSAValue] = ()):
        super().__init__(
            operands=[x, y, waits],
            properties={"piece": piece, **estimates(cycles)},
            result_types=[TokenType()],
        )

    def verify_(self) -> None:
        check_space(self, "source", self.x, Space.FEATURE)
        check_space(self, "target", self.y, Space.FEATURE)
        _check_image(self, self.piece)


@irdl_op_definition
class MoveOp(InstructionOp):
    """
    A piece of `tile.copy`: some rows of a part of the images of `x`, to images of `y`.

    ```
    %t = sched.move %x to %y <input = [4, 4, 3], output = [4, 4, 8], images = [0, 1], rows = [0, 4]> part <size = [4, 4, 3]>
           target <first = [0, 0, 5]> after(%m)
    ```
    """

    name = "sched.move"
    QUEUE: ClassVar = Queue.VECTOR

    x = operand_def(BufferType())
    y = operand_def(BufferType())
    piece = prop_def(PieceAttr)
    part = prop_def(PartAttr)
    target = prop_def(TargetAttr)

    assembly_format = f"$x `to` $y $piece `part` $part `target` $target {AFTER} {ESTIMATE}"

    def __init__(
        self,
        x: SSAValue,
        y: SSAValue,
        *,
        piece: PieceAttr,
        part: PartAttr,
        target: TargetAttr,
        cycles: int = 0,
        waits: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[x, y, waits],
            properties={"piece": piece, "part": part, "target": target, **estimates(cycles)},
            result_types=[TokenType()],
        )

    @property
    def rows_of_x(self) -> Span:
        """Rows of the input that are inside its images."""
        return input_rows(self.part.window, self.piece.piece.rows, self.piece.input_image[0])

    @property
    def rows_of_y(self) -> Span:
        """Rows of the result from the first to the last that is written."""
        if self.target.is_transposed:
            return Span(0, self.piece.output_image[0])
        rows = self.piece.piece.rows
        return Span(*self.target.rows(rows.first, rows.count))

    def verify_(self) -> None:
        check_space(self, "input", self.x, Space.FEATURE)
        check_space(self, "result", self.y, Space.FEATURE)
        check_move(self, self.part, self.target, self.piece.input_image, self.piece.output_image)
        check_rows(self, self.piece, self.part.image[0])


#: What the vector unit computes; a copy or a move computes nothing.
VectorOp = PoolOp | ElementwiseOp | LookupOp
