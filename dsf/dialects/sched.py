"""
Pieces placed on the engine: where each tensor lies on chip, and which instruction waits for which.

`sched.program` holds a straight line of instructions of the five queues, in the order in which the engine reads them. An
instruction names the memory that it uses by `sched.buffer` values, says by its geometry what part of them, and waits for
others by their `!sched.token`, the value that each instruction gives:

    %x = sched.buffer feature "input" at 0 size 192
    %in = sched.buffer input "input" at 0 size 192
    %t0 = sched.load %in [0] to %x [0] elements 192 cycles 12 beats 12
    %t1 = sched.matrix %x, %w, %p to %y after(%t0) ...

Addresses of feature memory are elements of `bits_input` bits, of weight memory words of all banks, of parameter memory
groups of C/G channels, of table memory tables, and of DRAM bytes after a base register. Feature tensors lie on chip as NHWC
without gaps; a raw sum takes `32 / bits_input` elements. `cycles` and `beats` (of DRAM traffic) are estimates for reports.

A tensor that is too large for feature memory lies in a buffer of the arena, in DRAM, and strips of its rows on chip in buffers
`holds` of which says what element of the tensor they begin with. A window over the rows slides through such a buffer as
far as it reaches; then the next one begins, at the first one's address, with the rows that both need copied or loaded anew.

Weights that stay on chip from run to run are loaded by a `sched.load_program`, before the first run. Runs read them through
the buffers that it fills, and never write there:

    sched.load_program {
      %l = sched.load_weights %stream [0] bytes 432 to %w groups 3 words 27
    }
    %t1 = sched.matrix %x, %w, %p to %y ...
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import I64, DenseArrayBase, IntegerAttr, StringAttr, UnitAttr, i32
from xdsl.ir import Dialect, Operation, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.traits import NoTerminator, Pure
from xdsl.utils.exceptions import VerifyException

from dsf.dialects.bundle_types import PoolKind, PoolKindAttr
from dsf.dialects.constants import integer
from dsf.dialects.engine import HardwareOp
from dsf.dialects.engine import LoadProgramOp as EngineLoadProgramOp
from dsf.dialects.engine import ProgramOp as EngineProgramOp
from dsf.dialects.records import ints
from dsf.dialects.sched_types import BufferType, PieceAttr, Space, SpaceAttr, TokenType
from dsf.dialects.shapes import need, where
from dsf.dialects.tile import (
    WHOLE,
    AddAttr,
    Mode,
    ModeAttr,
    MultiplyAttr,
    PartAttr,
    RawAttr,
    RequantizeAttr,
    ScaleAttr,
    TargetAttr,
    WindowAttr,
    check_move,
    check_target,
    one_epilogue,
)
from dsf.errors import ModelError
from dsf.isa.table import Queue
from dsf.scheduling.depthwise import axis_of
from dsf.scheduling.pieces import Block, Span, input_rows


@irdl_op_definition
class ProgramOp(EngineProgramOp):
    """
    A program: buffers and instructions, each after those that it waits for; before the first instruction there may be a
    `sched.load_program`. What it is expected to take is in its attributes, see `engine.ProgramOp`.
    """

    name = "sched.program"

    traits = traits_def(NoTerminator())

    @property
    def instructions(self) -> list[InstructionOp]:
        """The instructions of a run, in order."""
        return [op for op in self.body.block.ops if isinstance(op, InstructionOp)]

    @property
    def load_program(self) -> LoadProgramOp | None:
        return next((op for op in self.body.block.ops if isinstance(op, LoadProgramOp)), None)

    def verify_(self) -> None:
        super().verify_()
        started = False
        for op in self.body.block.ops:
            if not isinstance(op, (BufferOp, InstructionOp, LoadProgramOp)):
                raise VerifyException(f"'{self.name}': holds '{op.name}', needs sched.buffer and instructions; move it out")
            if started and isinstance(op, LoadProgramOp):
                raise VerifyException(f"'{op.name}': stands after instructions, needs to stand before them; move it up")
            started |= isinstance(op, InstructionOp)
        self._verify_memory()

    def _verify_memory(self) -> None:
        """Addresses, contents and tokens, for the engine that the module is for; without one there is nothing to check."""
        # The analysis works on this dialect's operations.
        from dsf.scheduling.verify import problems_of_program

        module = self.parent_op()
        engines = [op for op in module.regions[0].block.ops if isinstance(op, HardwareOp)] if module is not None else []
        if len(engines) == 1:
            problems = problems_of_program(self, engines[0].hardware)
            if problems:
                raise VerifyException("\n".join(problems))


@irdl_op_definition
class LoadProgramOp(EngineLoadProgramOp):
    """
    What is loaded once, before the first run, and stays: instructions `sched.load_weights`.

    ```
    sched.load_program {
      %t = sched.load_weights %stream [0] bytes 432 to %w groups 3 words 27
    }
    ```
    """

    name = "sched.load_program"

    @property
    def instructions(self) -> list[InstructionOp]:
        """The instructions in order."""
        return [op for op in self.body.block.ops if isinstance(op, InstructionOp)]

    def verify_(self) -> None:
        super().verify_()
        for op in self.body.block.ops:
            if not isinstance(op, LoadWeightsOp):
                raise VerifyException(f"'{self.name}': holds '{op.name}', needs sched.load_weights only; move it out")


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


_ESTIMATE = "(`cycles` $cycles^)? (`beats` $beats^)? attr-dict"
_AFTER = "(`after` `(` $waits^ `)`)?"


def _estimates(cycles: int, beats: int = 0) -> dict[str, IntegerAttr[I64]]:
    return {"cycles": integer(cycles), "beats": integer(beats)}


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
                **_estimates(cycles, beats),
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

    assembly_format = f"$source `[` $offset `]` `to` $target `[` $at `]` `elements` $elements {_ROWS} {_AFTER} {_ESTIMATE}"

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

    assembly_format = f"$source `[` $at `]` `to` $target `[` $offset `]` `elements` $elements {_ROWS} {_AFTER} {_ESTIMATE}"

    def verify_(self) -> None:
        check_space(self, "source", self.source, Space.FEATURE)
        check_space(self, "target", self.target, Space.OUTPUT, Space.ARENA)
        self._verify_rows("drop the store")


@irdl_op_definition
class LoadWeightsOp(InstructionOp):
    """
    The weight stream, `bytes` from `offset` on, to weight or parameter memory: `groups` channel groups, the first in bank 0,
    each of `words` weight words (parameters: 1). Or to table memory, `groups` tables of 1.

    ```
    %t = sched.load_weights %stream [0] bytes 432 to %w groups 3 words 27
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

    assembly_format = (
        f"$source `[` $offset `]` `bytes` $bytes `to` $target `groups` $groups `words` $words {_AFTER} {_ESTIMATE}"
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
                **_estimates(cycles, beats),
            },
            result_types=[TokenType()],
        )

    def verify_(self) -> None:
        check_space(self, "source", self.source, Space.WEIGHTS)
        check_space(self, "target", self.target, Space.WEIGHT, Space.PARAMETER, Space.TABLE)
        for name, value in (("bytes", self.bytes), ("groups", self.groups), ("words", self.words)):
            need(value.value.data >= 1, self, f"{name} {value.value.data}", "at least 1", "drop the load")


@irdl_op_definition
class MatrixOp(InstructionOp):
    """
    A piece of `tile.matrix`. Weights of the piece's channel groups begin at the first word of bank 0 of `weights`, and
    their parameters at the first group of `parameters`. Its rows are counted among those that it makes, which go to the
    `target` in the result; what is added comes from the same places. Tall, the weights of a single channel group that are
    more than a bank's part of the buffer go on in the next bank. Depthwise, one residue of the positions of each line. Sums
    that are partial stay in the array: neither parameters nor the result are touched.

    ```
    %t = sched.matrix %x, %w, %p to %y wide <input = [8, 8, 3], output = [8, 8, 16], images = [0, 1], rows = [0, 8],
           groups = [0, 2]> window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127> after(%l)
    ```
    """

    name = "sched.matrix"
    QUEUE: ClassVar = Queue.MATRIX

    x = operand_def(BufferType())
    weights = operand_def(BufferType())
    parameters = operand_def(BufferType())
    y = operand_def(BufferType())
    residual = opt_operand_def(BufferType())
    mode = prop_def(ModeAttr)
    piece = prop_def(PieceAttr)
    target = prop_def(TargetAttr, default_value=WHOLE)
    window = prop_def(WindowAttr)
    requantize = opt_prop_def(RequantizeAttr)
    raw = opt_prop_def(RawAttr)
    add = opt_prop_def(AddAttr)
    irdl_options = (AttrSizedOperandSegments(as_property=True),)

    assembly_format = (
        "$x `,` $weights `,` $parameters `to` $y $mode $piece (`target` $target^)? `window` $window "
        "(`requantize` $requantize^)? (`raw` $raw^)? "
        f"(`add` $residual^ $add)? {_AFTER} {_ESTIMATE}"
    )

    def __init__(
        self,
        x: SSAValue,
        weights: SSAValue,
        parameters: SSAValue,
        y: SSAValue,
        *,
        mode: Mode,
        piece: PieceAttr,
        window: WindowAttr,
        epilogue: RequantizeAttr | RawAttr,
        target: TargetAttr = WHOLE,
        residual: SSAValue | None = None,
        add: AddAttr | None = None,
        cycles: int = 0,
        waits: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[x, weights, parameters, y, residual, waits],
            properties={
                "mode": ModeAttr(mode),
                "piece": piece,
                "target": target,
                "window": window,
                "requantize": epilogue if isinstance(epilogue, RequantizeAttr) else None,
                "raw": epilogue if isinstance(epilogue, RawAttr) else None,
                "add": add,
                **_estimates(cycles),
            },
            result_types=[TokenType()],
        )

    @property
    def epilogue(self) -> RequantizeAttr | RawAttr:
        """What becomes of the sums; the verifier has checked that it is one of the two."""
        return one_epilogue(self.requantize, self.raw)

    @property
    def image(self) -> tuple[int, int, int]:
        """Height, width, channels of what all its pieces make together."""
        height, width, channels = self.piece.output_image
        if self.target != WHOLE:
            height, width = self.window.window.output_shape(*self.piece.input_image[:2])
        return height, width, channels

    @property
    def rows_of_y(self) -> Span:
        """Rows of the result from the first to the last that is written."""
        rows = self.piece.piece.rows
        return Span(*self.target.rows(rows.first, rows.count))

    def verify_(self) -> None:
        for what, value, space in (
            ("input", self.x, Space.FEATURE),
            ("weights", self.weights, Space.WEIGHT),
            ("parameters", self.parameters, Space.PARAMETER),
            ("result", self.y, Space.FEATURE),
        ):
            check_space(self, what, value, space)
        one = (self.requantize is None) != (self.raw is None)
        need(one, self, "both or none of requantize and raw", "one of them", "remove one, or add one")
        need((self.residual is None) == (self.add is None), self, "half an addition", "'add %residual <...>'", "add the rest")
        need(self.raw is None or self.add is None, self, "raw sums with an addition", "none", "requantize instead")
        if self.residual is not None:
            check_space(self, "residual", self.residual, Space.FEATURE)
        if self.target == WHOLE:
            _check_output(self, self.piece, self.window)
        else:
            self._verify_target()
        _check_rows(self, self.piece, self.image[0])
        self._verify_lines()

    def _verify_target(self) -> None:
        transposed = self.target.is_transposed
        need(not transposed, self, f"axes {list(self.target.order)}", "[0, 1, 2]", "transpose in a move")
        height, width, channels = self.piece.output_image
        made = _made_by(self, self.piece, self.window)
        check_target(self, self.target, (*made, channels), (height, width, channels))

    def _verify_lines(self) -> None:
        """Depthwise a channel is a group of its own, and a residue one of those that there are."""
        residue, step = self.piece.residue.data, 1
        if self.mode.data.is_depthwise:
            block, step = self.piece.block, axis_of(self.window.window, self.mode.data).step
            has = (
                f"{block.inputs.count} inputs to {block.outputs.count} outputs in {block.convolutions} convolutions, depthwise"
            )
            same = block.inputs == block.outputs and block.inputs.count == block.convolutions
            need(same, self, has, "as many convolutions as channels", "make it wide or tall")
        need(residue < step, self, f"residue {residue} of a line", f"at most {step - 1}", "correct the piece")
        piece = self.piece.piece
        whole = not (piece.is_cut and self.mode.data.is_depthwise)
        need(whole, self, "a part of a reduction, depthwise", "all of it", "make it wide or tall")
        needs = "one with all sums"
        need(
            not (piece.partial and self.residual is not None),
            self,
            "an addition to partial sums",
            needs,
            "add in the last part",
        )

    @property
    def bank_words(self) -> int:
        """Words of the only channel group in each bank where it goes on from bank to bank, otherwise 0."""
        # The network's geometry works on this dialect's attributes.
        from dsf.scheduling.network import weight_words

        piece, size = self.piece.piece, buffer_of(self.weights).size.value.data
        words = weight_words(self.window.window, piece.block, depthwise=self.mode.data.is_depthwise)
        return size if self.mode.data is Mode.TALL and piece.groups.count == 1 and words > size else 0


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

    assembly_format = f"$kind $x `to` $y $piece `window` $window `scale` $scale {_AFTER} {_ESTIMATE}"

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
                **_estimates(cycles),
            },
            result_types=[TokenType()],
        )

    def verify_(self) -> None:
        check_space(self, "input", self.x, Space.FEATURE)
        check_space(self, "result", self.y, Space.FEATURE)
        _check_channels(self, self.piece)
        _check_output(self, self.piece, self.window)


def _made_by(op: Operation, piece: PieceAttr, window: WindowAttr) -> tuple[int, int]:
    """Height and width of what a window makes of an image."""
    height, width, _ = ints(piece.input)
    try:
        return window.window.output_shape(height, width)
    except ModelError as error:
        raise VerifyException(f"{where(op)}: {error}") from error


def _check_rows(op: Operation, piece: PieceAttr, rows: int) -> None:
    """A piece is of the `rows` rows that an instruction and others like it make."""
    stop = piece.piece.rows.stop
    need(stop <= rows, op, f"rows up to {stop}", f"at most {rows}, those that there are", "correct the piece")


def _check_output(op: Operation, piece: PieceAttr, window: WindowAttr) -> None:
    expected, has = _made_by(op, piece, window), ints(piece.output)[:2]
    need(has == expected, op, f"an output of {has[0]}x{has[1]}", f"{expected[0]}x{expected[1]}", "correct the piece")


def _check_channels(op: Operation, piece: PieceAttr) -> None:
    """The vector unit computes all channels, or those of a block, each from its own."""
    _check_rows(op, piece, piece.output_image[0])
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

    assembly_format = f"$function $x `,` $b `to` $y $piece (`pixel` $pixel^)? {_AFTER} {_ESTIMATE}"

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
                **_estimates(cycles),
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

    assembly_format = f"$x `,` $table `to` $y $piece {_AFTER} {_ESTIMATE}"

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
            properties={"piece": piece, **_estimates(cycles)},
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

    assembly_format = f"$x `to` $y $piece {_AFTER} {_ESTIMATE}"

    def __init__(self, x: SSAValue, y: SSAValue, *, piece: PieceAttr, cycles: int = 0, waits: Sequence[SSAValue] = ()):
        super().__init__(
            operands=[x, y, waits],
            properties={"piece": piece, **_estimates(cycles)},
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

    assembly_format = f"$x `to` $y $piece `part` $part `target` $target {_AFTER} {_ESTIMATE}"

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
            properties={"piece": piece, "part": part, "target": target, **_estimates(cycles)},
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
        _check_rows(self, self.piece, self.part.image[0])


#: What the vector unit computes; a copy or a move computes nothing.
VectorOp = PoolOp | ElementwiseOp | LookupOp

Sched = Dialect(
    "sched",
    [
        ProgramOp,
        LoadProgramOp,
        BufferOp,
        LoadOp,
        StoreOp,
        LoadWeightsOp,
        MatrixOp,
        PoolOp,
        ElementwiseOp,
        LookupOp,
        CopyOp,
        MoveOp,
    ],
    [SpaceAttr, BufferType, TokenType, PieceAttr],
)
