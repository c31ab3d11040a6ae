"""What instructions of the `sched` dialect share: the buffers that they name, tokens and estimates, and checks of pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, i32
from xdsl.ir import Operation, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from dsf.dialects.constants import integer
from dsf.dialects.records import ints
from dsf.dialects.sched_types import BufferType, PieceAttr, Space, SpaceAttr, TokenType
from dsf.dialects.shapes import need, where
from dsf.dialects.tile_types import WindowAttr
from dsf.errors import ModelError
from dsf.isa.table import Queue


@irdl_op_definition
class BufferOp(IRDLOperation):
    """
    `size` units of a memory from address `at` on.

    ```
    %y = sched.buffer feature "bundle_0" at 192 size 1024
    %s = sched.buffer feature "bundle_1" at 1216 size 1536 holds 6272 channels 32 first 96
    ```

    In feature memory, element `holds` of a tensor lies at `at`: 0, unless the buffer is for a strip. With `channels` it has so
    many channels of each pixel and no others, from channel `first` on, and elements are counted without those others:

        address(pixel, channel) = at - holds + pixel * channels + channel - first
    """

    name = "sched.buffer"

    space = prop_def(SpaceAttr)
    label = prop_def(StringAttr)
    address = prop_def(IntegerAttr[I64])
    size = prop_def(IntegerAttr[I64])
    holds = prop_def(IntegerAttr[I64], default_value=integer(0))
    channels = prop_def(IntegerAttr[I64], default_value=integer(0))
    first = prop_def(IntegerAttr[I64], default_value=integer(0))
    buffer = result_def(BufferType())

    traits = traits_def(Pure())

    assembly_format = (
        "$space $label `at` $address `size` $size (`holds` $holds^)? (`channels` $channels^)? (`first` $first^)? attr-dict"
    )

    def __init__(self, space: Space, label: str, address: int, size: int, *, holds: int = 0, channels: int = 0, first: int = 0):
        super().__init__(
            properties={
                "space": SpaceAttr(space),
                "label": StringAttr(label),
                "address": integer(address),
                "size": integer(size),
                "holds": integer(holds),
                "channels": integer(channels),
                "first": integer(first),
            },
            result_types=[BufferType()],
        )
        self.buffer.name_hint = None

    @property
    def origin(self) -> int:
        """Where the tensor's first element would lie; negative if that is before the memory."""
        return self.start - self.holds.value.data

    def pitch(self, channels: int) -> int:
        """Channels of a pixel that are here, of a tensor of `channels` channels."""
        return self.channels.value.data or channels

    def at_channel(self, channel: int) -> int:
        """The number of a channel among those that are here."""
        return channel - self.first.value.data

    @property
    def start(self) -> int:
        return self.address.value.data

    @property
    def stop(self) -> int:
        return self.address.value.data + self.size.value.data

    def verify_(self) -> None:
        need(self.start >= 0, self, f"address {self.start}", "at least 0", "correct the address")
        need(self.size.value.data >= 1, self, f"size {self.size.value.data}", "at least 1", "correct the size")
        for name, value in (("holds", self.holds), ("channels", self.channels), ("first", self.first)):
            need(value.value.data >= 0, self, f"{name} {value.value.data}", "at least 0", "correct the number")
        whole = self.holds.value.data == self.channels.value.data == 0 or self.space.data is Space.FEATURE
        need(whole, self, f"a strip in {self.space.data} memory", "feature memory", "remove holds and channels")


def buffer_of(value: SSAValue) -> BufferOp:
    """The buffer that an operand names; the operation's verifier has checked that it is one."""
    assert isinstance(value.owner, BufferOp)
    return value.owner


def check_space(op: Operation, what: str, value: SSAValue, *spaces: Space) -> None:
    buffer = value.owner
    if not isinstance(buffer, BufferOp):
        raise VerifyException(f"{where(op)}: {what} is not a sched.buffer, needs one; name the memory directly")
    space = buffer.space.data
    needs = f"one in {' or '.join(spaces)} memory"
    need(space in spaces, op, f"{what} is a buffer in {space}", needs, "name another buffer")


class InstructionOp(IRDLOperation):
    """What instructions share: tokens to wait for, a token to give, and estimates of cycles and beats of DRAM traffic."""

    QUEUE: ClassVar[Queue]

    waits = var_operand_def(TokenType())
    token = result_def(TokenType())
    cycles = prop_def(IntegerAttr[I64], default_value=integer(0))
    beats = prop_def(IntegerAttr[I64], default_value=integer(0))

    @property
    def producers(self) -> list[InstructionOp]:
        """The instructions that this one waits for."""
        return [wait.owner for wait in self.waits if isinstance(wait.owner, InstructionOp)]

    def wait_for(self, tokens: Sequence[SSAValue]) -> None:
        """Adds tokens to wait for; they are the last operands of every instruction."""
        self.operands = [*self.operands, *tokens]
        sizes = self.properties.get(AttrSizedOperandSegments.attribute_name)
        if isinstance(sizes, DenseArrayBase):
            *others, waits = (int(size) for size in sizes.get_values())
            segments = DenseArrayBase.from_list(i32, [*others, waits + len(tokens)])
            self.properties[AttrSizedOperandSegments.attribute_name] = segments


ESTIMATE = "(`cycles` $cycles^)? (`beats` $beats^)? attr-dict"


AFTER = "(`after` `(` $waits^ `)`)?"


def estimates(cycles: int, beats: int = 0) -> dict[str, IntegerAttr[I64]]:
    return {"cycles": integer(cycles), "beats": integer(beats)}


def made_by(op: Operation, piece: PieceAttr, window: WindowAttr) -> tuple[int, int]:
    """Height and width of what a window makes of an image."""
    height, width, _ = ints(piece.input)
    try:
        return window.window.output_shape(height, width)
    except ModelError as error:
        raise VerifyException(f"{where(op)}: {error}") from error


def check_rows(op: Operation, piece: PieceAttr, rows: int) -> None:
    """A piece is of the `rows` rows that an instruction and others like it make."""
    stop = piece.piece.rows.stop
    need(stop <= rows, op, f"rows up to {stop}", f"at most {rows}, those that there are", "correct the piece")


def check_output(op: Operation, piece: PieceAttr, window: WindowAttr) -> None:
    expected, has = made_by(op, piece, window), ints(piece.output)[:2]
    need(has == expected, op, f"an output of {has[0]}x{has[1]}", f"{expected[0]}x{expected[1]}", "correct the piece")
