"""Instructions of the `sched` dialect that move data between DRAM and the memories on chip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import I64, IntegerAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    operand_def,
    prop_def,
)

from dsf.dialects.constants import integer
from dsf.dialects.sched_base import (
    AFTER,
    ESTIMATE,
    InstructionOp,
    buffer_of,
    check_space,
    estimates,
)
from dsf.dialects.sched_types import BufferType, Space, TokenType
from dsf.dialects.shapes import need
from dsf.isa.table import Queue


class TransferOp(InstructionOp):
    """What `sched.load` and `sched.store` share: rows that lie behind each other on chip, and `pitch` bytes apart in DRAM."""

    source = operand_def(BufferType())
    target = operand_def(BufferType())
    offset = prop_def(IntegerAttr[I64])
    at = prop_def(IntegerAttr[I64])
    elements = prop_def(IntegerAttr[I64])
    rows = prop_def(IntegerAttr[I64], default_value=integer(1))
    pitch = prop_def(IntegerAttr[I64], default_value=integer(0))

    def __init__(
        self,
        source: SSAValue,
        target: SSAValue,
        *,
        offset: int,
        at: int,
        elements: int,
        rows: int = 1,
        pitch: int = 0,
        cycles: int = 0,
        beats: int = 0,
        waits: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[source, target, waits],
            properties={
                "offset": integer(offset),
                "at": integer(at),
                "elements": integer(elements),
                "rows": integer(rows),
                "pitch": integer(pitch),
                **estimates(cycles, beats),
            },
            result_types=[TokenType()],
        )

    @property
    def total(self) -> int:
        """Elements of all rows."""
        return self.rows.value.data * self.elements.value.data

    def _verify_rows(self, change: str) -> None:
        for name, value in (("elements", self.elements), ("rows", self.rows)):
            need(value.value.data >= 1, self, f"{value.value.data} {name}", "at least 1", change)
        both = (self.rows.value.data > 1) == (self.pitch.value.data > 0)
        need(both, self, "rows without a pitch, or a pitch for one row", "rows with a pitch", "correct them")


_ROWS = "(`rows` $rows^ `pitch` $pitch)?"


@irdl_op_definition
class LoadOp(TransferOp):
    """
    DRAM to feature memory: `elements` elements from byte `offset` of the one buffer to element `at` of the other; or rows of so
    many, `pitch` bytes apart in DRAM.

    ```
    %t = sched.load %dram [0] to %x [0] elements 192
    %u = sched.load %dram [64] to %r [0] elements 32 rows 56 pitch 256
    ```
    """

    name = "sched.load"
    QUEUE: ClassVar = Queue.LOAD

    assembly_format = f"$source `[` $offset `]` `to` $target `[` $at `]` `elements` $elements {_ROWS} {AFTER} {ESTIMATE}"

    def verify_(self) -> None:
        check_space(self, "source", self.source, Space.INPUT, Space.ARENA)
        check_space(self, "target", self.target, Space.FEATURE)
        self._verify_rows("drop the load")


@irdl_op_definition
class StoreOp(TransferOp):
    """
    Feature memory to DRAM: `elements` elements from element `at` of the one buffer to byte `offset` of the other; or rows of so
    many, `pitch` bytes apart in DRAM.

    ```
    %t = sched.store %y [0] to %dram [0] elements 40 after(%m)
    ```
    """

    name = "sched.store"
    QUEUE: ClassVar = Queue.STORE

    assembly_format = f"$source `[` $at `]` `to` $target `[` $offset `]` `elements` $elements {_ROWS} {AFTER} {ESTIMATE}"

    def verify_(self) -> None:
        check_space(self, "source", self.source, Space.FEATURE)
        check_space(self, "target", self.target, Space.OUTPUT, Space.ARENA)
        self._verify_rows("drop the store")


@irdl_op_definition
class LoadWeightsOp(InstructionOp):
    """
    The weight stream, `bytes` from `offset` on, to weight or parameter memory: `groups` channel groups, the first in bank 0,
    each of `words` weight words (parameters: 1). Or to table memory, `groups` tables of 1. Weights that come in ranges begin
    `at` a word of the buffer, in each bank.

    ```
    %t = sched.load_weights %stream [0] bytes 432 to %w groups 3 words 27
    %u = sched.load_weights %stream [448] bytes 144 to %v at 27 groups 3 words 9
    ```
    """

    name = "sched.load_weights"
    QUEUE: ClassVar = Queue.WEIGHT

    source = operand_def(BufferType())
    target = operand_def(BufferType())
    offset = prop_def(IntegerAttr[I64])
    bytes = prop_def(IntegerAttr[I64])
    groups = prop_def(IntegerAttr[I64])
    words = prop_def(IntegerAttr[I64])
    at = prop_def(IntegerAttr[I64], default_value=integer(0))

    assembly_format = (
        f"$source `[` $offset `]` `bytes` $bytes `to` $target (`at` $at^)? `groups` $groups `words` $words {AFTER} {ESTIMATE}"
    )

    def __init__(
        self,
        source: SSAValue,
        target: SSAValue,
        *,
        offset: int,
        bytes: int,
        groups: int,
        words: int,
        at: int = 0,
        cycles: int = 0,
        beats: int = 0,
        waits: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[source, target, waits],
            properties={
                "offset": integer(offset),
                "bytes": integer(bytes),
                "groups": integer(groups),
                "words": integer(words),
                "at": integer(at),
                **estimates(cycles, beats),
            },
            result_types=[TokenType()],
        )

    def verify_(self) -> None:
        check_space(self, "source", self.source, Space.WEIGHTS)
        check_space(self, "target", self.target, Space.WEIGHT, Space.PARAMETER, Space.TABLE)
        for name, value in (("bytes", self.bytes), ("groups", self.groups), ("words", self.words)):
            need(value.value.data >= 1, self, f"{name} {value.value.data}", "at least 1", "drop the load")
        at, space = self.at.value.data, buffer_of(self.target).space.data
        need(at >= 0, self, f"word {at} of the buffer", "at least 0", "correct the number")
        weights = at == 0 or space is Space.WEIGHT
        need(weights, self, f"word {at} of a buffer in {space} memory", "0", "load all of the buffer at once")
