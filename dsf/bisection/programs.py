"""
Programs against each other, instruction by instruction: after each of them all memories must hold the same.

The second program is run in program order first, beside the one above it; then alone, in other orders that its tokens admit,
which must leave nothing else behind: an instruction that does not wait for what it needs is found by what it makes then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import ModuleOp
from xdsl.interpreter import Interpreter

from dsf.bisection.difference import Difference, Elements, first_difference
from dsf.bisection.functions import described, piece_text, sources_of
from dsf.dialects import isa, sched, sched_vector
from dsf.dialects.engine import hardware_of
from dsf.errors import DsfError
from dsf.hardware import Hardware
from dsf.isa.checks import instruction_problems
from dsf.isa.table import BaseRegister, Queue
from dsf.numerics import Ints
from dsf.runtime.execute import run_on
from dsf.runtime.interpreters.isa import IsaFunctions
from dsf.runtime.interpreters.sched import SchedFunctions
from dsf.runtime.machine import Machine
from dsf.runtime.queues import run_queues
from dsf.transforms.locations import location_name
from dsf.transforms.sched_to_isa import lower, masks_of

#: Random orders of the queues in which a program must give the same answer.
ORDERS = 8

ProgramOp = sched.ProgramOp | isa.ProgramOp
InstructionOp = sched.InstructionOp | isa.InstructionOp


@dataclass
class Running:
    """A program on a machine of its own; `ops` are those of the load program and of a run, as far as they do something."""

    program: ProgramOp
    machine: Machine
    ops: Sequence[InstructionOp]
    loading: int
    _interpreter: Interpreter = field(repr=False)

    @staticmethod
    def of(module: ModuleOp, x: Ints) -> Running:
        (program,) = (op for op in module.ops if isinstance(op, (sched.ProgramOp, isa.ProgramOp)))
        machine = Machine.for_program(hardware_of(module), program)
        machine.begin_run(program, [x])
        interpreter = Interpreter(ModuleOp([]))
        functions = SchedFunctions if isinstance(program, sched.ProgramOp) else IsaFunctions
        interpreter.register_implementations(functions(machine))
        load = _working([] if program.load_program is None else program.load_program.instructions)
        run = _working(program.instructions)
        return Running(program, machine, [*load, *run], len(load), interpreter)

    def execute(self, number: int) -> None:
        """Executes operation `number`. Raises `DsfError` for what would stop the engine."""
        op = self.ops[number]
        if isinstance(op, isa.InstructionOp):
            problems = instruction_problems(op.instruction.name, op.fields, self.machine.hardware)
            if problems:
                raise DsfError(problems)
        self._interpreter.run_op(op, (None,) * len(op.operands))

    def memories(self) -> Mapping[str, NDArray[Any]]:
        """All that instructions may write, by name."""
        machine = self.machine
        names = ("feature", "weights", "bias", "multiplier", "shift", "tables")
        memories: dict[str, NDArray[Any]] = {name: getattr(machine, name) for name in names}
        return memories | {base.name.lower(): machine.dram[base] for base in (BaseRegister.OUTPUT, BaseRegister.ARENA)}


def _working(ops: Sequence[InstructionOp]) -> list[InstructionOp]:
    return [op for op in ops if not isinstance(op, isa.EndOp)]


def compare_programs(before: ModuleOp, after: ModuleOp, x: Ints, step: str) -> Difference | None:
    """The first instruction of `after` that does not do what the one of `before` with its number does."""
    a, b = Running.of(before, x), Running.of(after, x)
    if (len(a.ops), a.loading) != (len(b.ops), b.loading):
        has = f"{b.loading} instructions of the load program and {len(b.ops) - b.loading} of a run"
        return Difference(step, text=f"{has}, needs {a.loading} and {len(a.ops) - a.loading} as before")
    for number, above in enumerate(a.ops):
        a.execute(number)
        try:
            b.execute(number)
        except DsfError as error:
            return _difference(step, b, number, above, None, "; ".join(error.problems))
        for name, needed in a.memories().items():
            got = b.memories()[name]
            if not np.array_equal(got, needed):
                elements, text = _elements(a, above, name, got.astype(np.int64), needed.astype(np.int64))
                return _difference(step, b, number, above, elements, text)
    return None


def _difference(
    step: str, running: Running, number: int, above: InstructionOp, elements: Elements | None, text: str | None
) -> Difference:
    op, hardware = running.ops[number], running.machine.hardware
    index, program = (number, "the load program") if number < running.loading else (number - running.loading, "a run")
    # A program that was read from a file knows the bundles, the level above the nodes too.
    source = above if location_name(above) is not None else op
    texts = [text, _wrong_fields(above, op, hardware)]
    return Difference(
        step,
        f"instruction {index} of {program}, {described(op, location_name(source))}",
        sources_of(source, location_name(source)),
        _part(above, hardware),
        elements,
        "; ".join(one for one in texts if one) or None,
    )


def _part(op: InstructionOp, hardware: Hardware) -> str | None:
    if not isinstance(op, sched.MatrixOp | sched_vector.VectorOp):
        return None
    return piece_text(op.piece.piece, hardware.group_columns if isinstance(op, sched.MatrixOp) else op.piece.output_image[2])


def _wrong_fields(above: InstructionOp, op: InstructionOp, hardware: Hardware) -> str | None:
    """The fields of an instruction that are not those of the operation that it stands for."""
    if not isinstance(op, isa.InstructionOp):
        return None
    right = lower(above, hardware, op["wait"], op["signal"]) if isinstance(above, sched.InstructionOp) else above
    if type(right) is not type(op):
        return f"is '{op.name}', needs '{right.name}'"
    wrong = [
        f"{name} is {value}, needs {right.fields[name]}" for name, value in op.fields.items() if value != right.fields[name]
    ]
    return f"field {', '.join(wrong)}" if wrong else None


def _elements(running: Running, above: InstructionOp, name: str, got: Ints, needed: Ints) -> tuple[Elements | None, str]:
    """The first element of a memory that differs: of the piece that is computed, if it is one of these."""
    if name == "feature" and isinstance(above, sched.MatrixOp | sched_vector.VectorOp):
        functions = SchedFunctions(running.machine)
        targets = functions.targets_of(above)
        elements = first_difference(got[targets], needed[targets])
        if elements is not None:
            return elements, "counted (image, row, column, channel) from the first of the piece"
    elements = first_difference(got, needed)
    names = {"feature": "feature memory", "weights": "weight memory (bank, word, lane)", "output": "the output, in bytes"}
    return elements, f"of {names.get(name, f'{name} (channel group, lane)')}"


# Other orders.


def compare_orders(before: ModuleOp, after: ModuleOp, x: Ints, step: str) -> Difference | None:
    """
    The first instruction that does something else in an order of the queues that the tokens of `after`, at the level `isa`,
    admit; or, if `before` has other tokens, the first whose tokens are wrong.
    """
    found = _first_in_orders(after, x, step)
    if found is None:
        return None
    wrong = _wrong_tokens(before, after)
    if wrong is None:
        return found
    op, name, tokens = wrong
    text = f"{tokens}; {found.text if found.elements is None else f'{found.operation} reads or writes too early'}"
    return replace(found, operation=name, sources=sources_of(op, location_name(op)), text=text)


def _first_in_orders(module: ModuleOp, x: Ints, step: str) -> Difference | None:
    expected = _effects(module, x, None)
    if isinstance(expected, Difference):
        return replace(expected, step=step)
    for seed in range(ORDERS):
        effects = _effects(module, x, seed)
        if isinstance(effects, Difference):
            return replace(effects, step=step)
        for number in effects.order:
            if effects.digests[number] != expected.digests[number]:
                return _order_difference(module, x, number, seed, step)
    return None


def _wrong_tokens(before: ModuleOp, after: ModuleOp) -> tuple[isa.InstructionOp, str, str] | None:
    """The first instruction whose tokens are not those that it needs: itself, its name, and what is wrong."""
    a, b = (next(op for op in module.ops if isinstance(op, ProgramOp)) for module in (before, after))
    assert isinstance(b, isa.ProgramOp)
    if isinstance(a, sched.ProgramOp):
        needed = [(one.wait, one.signal) for one in masks_of(a.instructions, hardware_of(before))]
    else:
        needed = [(op["wait"], op["signal"]) for op in a.instructions]
    # The end of a program has none.
    for index, (op, (wait, signal)) in enumerate(zip(b.instructions, needed, strict=False)):
        wrong = [
            f"{verb} {_queues(op[mask])}, needs {_queues(right)}"
            for mask, verb, right in (("wait", "waits for", wait), ("signal", "signals", signal))
            if op[mask] != right
        ]
        if wrong:
            return op, _named(op, index), "; ".join(wrong)
    return None


def _named(op: isa.InstructionOp, index: int) -> str:
    return f"instruction {index} of a run, {described(op, location_name(op))}"


@dataclass
class _Effects:
    """What each instruction of a run writes, as a digest, by its number, and in which order they took effect."""

    digests: dict[int, bytes]
    order: list[int]


class _Writing(Machine):
    """A machine that remembers what has been written since it was asked last."""

    def __init__(self, hardware: Hardware):
        super().__init__(hardware)
        self.written: list[tuple[Ints, Ints]] = []

    def scatter(self, addresses: Ints, values: Ints) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().scatter(addresses, values)
        self.written.append((addresses, np.broadcast_to(values, np.shape(addresses))))

    def write_dram(self, base: int, offset: int, data: Ints, stride: int = 0) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().write_dram(base, offset, data, stride)  # pyright: ignore[reportArgumentType]
        self.written.append((np.array([base, offset, stride]), data))


def _effects(
    module: ModuleOp, x: Ints, seed: int | None, on_write: Callable[[int, list[tuple[Ints, Ints]]], None] | None = None
) -> _Effects | Difference:
    """Runs a program in an order; `on_write` is shown what each instruction writes."""
    (program,) = (op for op in module.ops if isinstance(op, isa.ProgramOp))
    hardware = hardware_of(module)
    machine = _Writing(hardware)
    machine.dram = Machine.for_program(hardware, program).dram
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(IsaFunctions(machine))
    numbers = {op: number for number, op in enumerate(program.instructions)}
    effects = _Effects({}, [])

    def execute(op: isa.InstructionOp) -> None:
        machine.written.clear()
        interpreter.run_op(op, ())
        digest = hashlib.sha256()
        for addresses, values in machine.written:
            digest.update(np.ascontiguousarray(addresses).tobytes())
            digest.update(np.ascontiguousarray(values).tobytes())
        effects.digests[numbers[op]] = digest.digest()
        effects.order.append(numbers[op])
        if on_write is not None:
            on_write(numbers[op], machine.written)

    try:
        if program.load_program is not None:
            run_on(machine, program.load_program)
        machine.begin_run(program, [x])
        run_queues(program.instructions, hardware, execute, seed=seed)
    except DsfError as error:
        order = "" if seed is None else f", in random order {seed}"
        return Difference("", text="; ".join(error.problems) + order)
    return effects


def _order_difference(module: ModuleOp, x: Ints, number: int, seed: int, step: str) -> Difference:
    """What an instruction writes in one order, beside what it should."""
    found: list[Ints] = []

    def remember(index: int, written: list[tuple[Ints, Ints]]) -> None:
        if index == number:
            found.append(np.concatenate([np.asarray(values, dtype=np.int64).reshape(-1) for _, values in written]))

    for order in (None, seed):
        _effects(module, x, order, remember)
    (program,) = (op for op in module.ops if isinstance(op, isa.ProgramOp))
    op = program.instructions[number]
    masks = "; ".join(f"{name}s for {_queues(op[name])}" for name in ("wait", "signal"))
    needed, got = found
    return Difference(
        step,
        _named(op, number),
        sources_of(op, location_name(op)),
        None,
        first_difference(got, needed),
        f"counted through what it writes, in random order {seed}, which its tokens admit ({masks})",
    )


def _queues(mask: int) -> str:
    return " and ".join(queue.name.lower() for queue in Queue if mask >> queue & 1) or "none"
