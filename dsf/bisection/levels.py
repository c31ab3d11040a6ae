"""
Where the levels of a network come from, and all comparisons of one with the next.

The levels are a module after each pass, or the files that a compile wrote with `emit_ir`, `0-input.mlir` and
`1-fold-batch-norm.mlir` and so on: what was changed in one of these is found as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import InterpretationError, VerifyException

from dsf.bisection.difference import Difference
from dsf.bisection.functions import Trace, compare_functions
from dsf.bisection.placement import Placement
from dsf.bisection.programs import compare_orders, compare_programs
from dsf.codegen.program import Program
from dsf.compiler import check, context, parse_module, run_pass
from dsf.errors import BinaryError, DsfError, FaultError
from dsf.numerics import Ints
from dsf.runtime.execute import PROGRAM_LEVELS, level_of

#: Names of the files of IR: a number, and the pass that made it.
_FILE = re.compile(r"(\d+)-(.+)\.mlir")


@dataclass(frozen=True)
class Level:
    """A module, and the step that made it: a pass or a file. What was made next may have changed the module since."""

    step: str
    module: ModuleOp


class StepError(Exception):
    """A step left a module that is none."""

    def __init__(self, step: str, text: str):
        super().__init__(text)
        self.step = step


def levels_of_passes(module: ModuleOp, passes: Sequence[ModulePass]) -> Iterator[Level]:
    """`module`, which is left as it is, and what it is after each pass. Raises `StepError`."""
    changed, ctx = module.clone(), context()
    yield Level("input", changed)
    for one in passes:
        try:
            run_pass(ctx, changed, one)
        except FaultError as error:
            why = error.__cause__ if isinstance(error.__cause__, VerifyException) else error
            raise StepError(one.name, str(why)) from error
        yield Level(one.name, changed)


def levels_of_files(directory: Path) -> Iterator[Level]:
    """The modules that `emit_ir` wrote into a directory. Raises `StepError`, and `BinaryError` if there are none."""
    found = [(int(match[1]), match[2], path) for path in directory.iterdir() if (match := _FILE.fullmatch(path.name))]
    if not found:
        raise BinaryError(f"'{directory}': no files 0-input.mlir and so on, needs those of a compile with emit_ir=True")
    for _, step, path in sorted(found):
        module = parse_module(path)
        try:
            check(module)
        except VerifyException as error:
            raise StepError(step, str(error)) from error
        yield Level(step, module)


@dataclass
class Bisection:
    """What has been compared so far: the `steps`, all of which agree but for the last if there is a `difference`."""

    x: Ints
    steps: list[str] = field(default_factory=list[str])
    difference: Difference | None = None
    #: Of the last level that has tensors: what the network's result is.
    trace: Trace | None = None
    #: The last program.
    program: ModuleOp | None = None

    def run(self, levels: Iterable[Level], on_step: Callable[[str], None] = lambda _: None) -> None:
        """Compares one level with the next, up to the first difference."""
        try:
            for level in levels:
                on_step(level.step)
                self.add(level)
                if self.difference is not None:
                    return
        except StepError as error:
            self._stop(Difference(error.step, text=f"leaves what is no module: {'; '.join(str(error).splitlines())}"))

    def _stop(self, difference: Difference | None) -> None:
        if difference is not None:
            self.steps += [difference.step] if difference.step not in self.steps else []
            self.difference = difference

    def add(self, level: Level) -> None:
        """Compares a level with the one before."""
        self.steps.append(level.step)
        if level_of(level.module) in PROGRAM_LEVELS:
            self._stop(self._add_program(level))
            return
        before = self.trace
        try:
            self.trace = Trace.of(level.module, self.x)
        except (DsfError, InterpretationError) as error:
            if before is None:
                raise
            self._stop(Difference(level.step, text=f"can't be executed: {error}"))
            return
        if before is not None:
            self._stop(compare_functions(before, self.trace, level.step))

    def _add_program(self, level: Level) -> Difference | None:
        before, self.program = self.program, level.module.clone()
        if before is None:
            if level_of(level.module) != "sched" or self.trace is None:
                return None
            return Placement.of(self.program, self.trace, self.x, level.step).compare()
        found = compare_programs(before, self.program, self.x, level.step)
        if found is None and level_of(self.program) == "isa":
            found = compare_orders(before, self.program, self.x, level.step)
        return found

    def add_binary(self, program: Program, step: str) -> None:
        """Compares a program in binary with the last level; the same bytes do the same."""
        self.steps.append(step)
        if self.program is None or level_of(self.program) != "isa":
            return
        made = Program.from_module(self.program)
        if (made.load_stream, made.stream, made.weights) == (program.load_stream, program.stream, program.weights):
            return
        module = program.to_module()
        found = compare_programs(self.program, module, self.x, step) or compare_orders(self.program, module, self.x, step)
        found = found or Difference(step, text="has other bytes than the last level, which do the same")
        hint = "it was changed, or is of another compile or version"
        self._stop(replace(found, text=hint if found.text is None else f"{found.text}; {hint}"))
