"""
What each instruction of a program writes into feature memory, as the interpreter of instructions finds it.

The simulated engine is compared with this instruction by instruction, at the moment when each completes: a fault is found in
the layer that has it, and not only if it reaches the output.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter

from dsf.codegen.program import Program
from dsf.dialects.isa import InstructionOp, ProgramOp
from dsf.isa.table import FEATURE_ADDRESSES, BaseRegister
from dsf.layout import element_codes
from dsf.numerics import Ints, as_ints
from dsf.runtime.execute import run_on
from dsf.runtime.interpreters.isa import IsaFunctions
from dsf.runtime.machine import Machine
from dsf.runtime.queues import run_queues

#: First element and number of elements of a stretch of feature memory.
Range = tuple[int, int]


@dataclass(frozen=True)
class Expected:
    """
    The effect of a program for some inputs: for each instruction a `label` for messages and the `ranges` of feature memory that
    it writes; for each input the bits of the `elements` of all ranges, one a byte, and the
    bytes that base register OUTPUT points at.
    """

    labels: tuple[str, ...]
    ranges: tuple[tuple[Range, ...], ...]
    elements: tuple[bytes, ...] = field(repr=False)
    outputs: tuple[bytes, ...] = field(repr=False)


class _Recording(Machine):
    """A machine that keeps what is written into feature memory."""

    def __init__(self, machine: Machine):
        super().__init__(machine.hardware)
        self.dram = machine.dram
        self.written: list[tuple[Ints, Ints]] = []

    def scatter(self, addresses: ArrayLike, values: ArrayLike) -> None:
        super().scatter(addresses, values)
        where = (as_ints(addresses) % FEATURE_ADDRESSES).reshape(-1)
        self.written.append((where, np.broadcast_to(as_ints(values), np.shape(addresses)).reshape(-1)))


def interpret(program: Program, inputs: Sequence[ArrayLike], on_run: Callable[[int], None] = lambda _: None) -> Expected:
    """
    Runs a program in the interpreter on each of `inputs`, integers of the shape of the program's one input: its load program
    once, then one run after the other on the same machine. `on_run(i)` is called before run i. Raises `ModelError` for an input
    of another shape or range, and `EngineError` for what would stop the engine.
    """
    op = program.program_op()
    module = ModuleOp([op])
    instructions = op.instructions
    labels = tuple(_label(index, step.bundle, step.instruction.name) for index, step in enumerate(program.steps))
    ranges: tuple[tuple[Range, ...], ...] = ((),) * len(instructions)
    elements: list[bytes] = []
    outputs: list[bytes] = []
    machine = _Recording(Machine.for_program(program.hardware, op))
    if op.load_program is not None:
        run_on(machine, op.load_program)
    for run, x in enumerate(inputs):
        on_run(run)
        machine.begin_run(op, [x])
        written = _run(module, op, machine)
        # Addresses are the program's: the same for every input.
        found = [_ranges(*written.get(one, _NOTHING)) for one in instructions]
        ranges = tuple(stretches for stretches, _ in found)
        bits = program.hardware.bits_input
        elements.append(b"".join(element_codes(values, bits).astype(np.uint8).tobytes() for _, values in found))
        outputs.append(machine.dram[BaseRegister.OUTPUT].tobytes())
    return Expected(labels, ranges, tuple(elements), tuple(outputs))


_NOTHING = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def _label(index: int, bundle: str | None, name: str) -> str:
    what = f"instruction {index} ({name})"
    return f"'{what}'" if bundle is None else f"'{bundle}': {what}"


def _run(module: ModuleOp, op: ProgramOp, machine: _Recording) -> dict[InstructionOp, tuple[Ints, Ints]]:
    """What each instruction writes: addresses in the order of the writes, and values."""
    interpreter = Interpreter(module)
    interpreter.register_implementations(IsaFunctions(machine))
    written: dict[InstructionOp, tuple[Ints, Ints]] = {}

    def execute(one: InstructionOp) -> None:
        machine.written.clear()
        interpreter.run_op(one, ())
        if machine.written:
            addresses, values = zip(*machine.written, strict=True)
            written[one] = np.concatenate(addresses), np.concatenate(values)

    run_queues(op.instructions, machine.hardware, execute)
    return written


def _ranges(addresses: Ints, values: Ints) -> tuple[tuple[Range, ...], Ints]:
    """The stretches that addresses make, ascending, and the last value written to each of their elements."""
    if not addresses.size:
        return (), values
    order = np.argsort(addresses, kind="stable")
    addresses, values = addresses[order], values[order]
    last = np.append(np.diff(addresses) != 0, True)
    addresses, values = addresses[last], values[last]
    starts = np.flatnonzero(np.diff(addresses, prepend=addresses[0] - 2) != 1)
    counts = np.diff(starts, append=addresses.size)
    return tuple(zip(addresses[starts].tolist(), counts.tolist(), strict=True)), values
