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

from xdsl.ir import Dialect, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from dsf.dialects.engine import HardwareOp
from dsf.dialects.engine import LoadProgramOp as EngineLoadProgramOp
from dsf.dialects.engine import ProgramOp as EngineProgramOp
from dsf.dialects.sched_base import (
    AFTER,
    ESTIMATE,
    BufferOp,
    InstructionOp,
    buffer_of,
    check_output,
    check_rows,
    check_space,
    estimates,
    made_by,
)
from dsf.dialects.sched_transfers import LoadOp, LoadWeightsOp, StoreOp
from dsf.dialects.sched_types import BufferType, PieceAttr, Space, SpaceAttr, TokenType
from dsf.dialects.sched_vector import CopyOp, ElementwiseOp, LookupOp, MoveOp, PoolOp
from dsf.dialects.shapes import need
from dsf.dialects.tile_cuts import Mode, ModeAttr
from dsf.dialects.tile_types import (
    WHOLE,
    AddAttr,
    RawAttr,
    RequantizeAttr,
    TargetAttr,
    WindowAttr,
    check_target,
    one_epilogue,
)
from dsf.isa.table import Queue
from dsf.scheduling.depthwise import axis_of
from dsf.scheduling.pieces import Span


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
class MatrixOp(InstructionOp):
    """
    A piece of `tile.matrix`. Weights of the piece's channel groups begin at the first word of bank 0 of `weights`, and
    their parameters at the first group of `parameters`. Its rows are counted among those that it makes, which go to the
    `target` in the result; what is added comes from the same places. Tall, the weights of a single channel group that are
    more than a bank's part of the buffer go on in the next bank. Depthwise, one residue of the positions of each line. Sums
    that are partial stay in the array: neither parameters nor the result are touched. With a `run` of each kernel row, each of
    which has a bank of its own, the words of the buffer that are read are those of the run.

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
        f"(`add` $residual^ $add)? {AFTER} {ESTIMATE}"
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
                **estimates(cycles),
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
            check_output(self, self.piece, self.window)
        else:
            self._verify_target()
        check_rows(self, self.piece, self.image[0])
        self._verify_lines()
        self._verify_run()

    def _verify_run(self) -> None:
        """Columns and elements of kernel rows are those that there are, where an instruction can have some of them."""
        piece, columns, window = self.piece.piece, self.image[1], self.window.window
        if piece.columns is not None:
            has, needs = f"columns up to {piece.columns.stop}", f"at most {columns}, those that there are"
            need(piece.columns.stop <= columns, self, has, needs, "correct the piece")
            need(not self.mode.data.is_depthwise, self, "columns of a piece, depthwise", "all of them", "make it wide or tall")
        if piece.run is None:
            return
        need(piece.is_cut, self, "a part of kernel rows alone", "partial sums, or sums that go on", "compute the other parts")
        elements = window.kernel[1] * piece.block.inputs.count
        one_run = window.kernel[1] == 1 or window.dilation[1] == 1
        whole = one_run and piece.block.inputs.count == self.piece.input_image[2]
        need(whole, self, "a part of kernel rows of several runs", "rows of one run", "compute all of them at once")
        has, needs = f"elements of a kernel row up to {piece.run.stop}", f"at most {elements}, those that there are"
        need(piece.run.stop <= elements, self, has, needs, "correct the piece")
        size = buffer_of(self.weights).size.value.data
        has, needs = f"a part of kernel rows with {size} words of weights in each bank", f"{elements}, a kernel row"
        alone = self.mode.data is Mode.TALL and piece.groups.count == 1
        need(alone and size == elements, self, has, needs, "correct the buffer, or make it tall with 1 channel group")

    def _verify_target(self) -> None:
        transposed = self.target.is_transposed
        need(not transposed, self, f"axes {list(self.target.order)}", "[0, 1, 2]", "transpose in a move")
        height, width, channels = self.piece.output_image
        made = made_by(self, self.piece, self.window)
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
        """Words of the only channel group in each bank where it goes on from bank to bank, those of a run; otherwise 0."""
        # The network's geometry works on this dialect's attributes.
        from dsf.scheduling.network import weight_words

        piece, size = self.piece.piece, buffer_of(self.weights).size.value.data
        if piece.run is not None:
            return piece.run.count
        words = weight_words(self.window.window, piece.block, depthwise=self.mode.data.is_depthwise)
        return size if self.mode.data is Mode.TALL and piece.groups.count == 1 and words > size else 0


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
