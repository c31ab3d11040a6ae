"""
Runs a module of any level on integers: `run(module, x)`.

The levels agree: from `fxp` down they give identical integers, so a lowering is checked by running both sides. A module is
at the level of the lowest dialect in it, and is run by the interpreter of that dialect, `dsf.runtime.interpreters.<level>`.

Function levels (`bundle`, `fxp`, `tile`) run `@main` in xDSL's `Interpreter`; values are int64 arrays. Program levels
(`sched`, `isa`) run on a `dsf.runtime.machine.Machine`: the load program, if there is one, once, then any number of runs.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.interpreter import Interpreter, PythonValues
from xdsl.interpreters.func import FuncFunctions
from xdsl.ir import Attribute, Operation

from dsf.dialects.bundle import BundleOp
from dsf.dialects.bundle_types import AffineType, QType
from dsf.dialects.engine import LoadProgramOp, ProgramOp, hardware_of
from dsf.dialects.functions import function_problems
from dsf.dialects.integers import CONSTANT_BITS
from dsf.errors import ModelError
from dsf.numerics import Ints, fits, values_text
from dsf.runtime.machine import Machine, input_integers
from dsf.runtime.queues import run_queues
from dsf.transforms.locations import location_name

LEVELS = ("bundle", "fxp", "tile", "sched", "isa")
PROGRAM_LEVELS = ("sched", "isa")

#: Output of each bundle, by the bundle's name.
Capture = MutableMapping[str, Ints]


def levels_of(module: ModuleOp) -> list[str]:
    """The levels whose operations a module holds, highest first. Raises `ModelError` if there are none."""
    found = {op.dialect_name() for op in module.walk()}
    levels = [level for level in LEVELS if level in found]
    if not levels:
        raise ModelError(f"'builtin.module': no operation of the levels {', '.join(LEVELS)}, needs one to be executed")
    return levels


def level_of(module: ModuleOp) -> str:
    """The level of a module: the lowest of its operations."""
    return levels_of(module)[-1]


def run(module: ModuleOp, x: ArrayLike, capture: Capture | None = None, *, seed: int | None = None) -> Ints:
    """
    Runs a module on the integers `x`, of the input's shape, and returns the output's integers; at the `bundle` level after a
    softmax, probabilities in float64.

    `capture`, if given, receives the output of each bundle by name (of the last, what goes into a softmax), at the levels
    that have tensors (`bundle`, `fxp`, `tile`). `seed` chooses a random order among those that the tokens of an `isa` program
    admit.

    Raises `ModelError` for an input of another shape or range, and `EngineError` for what would stop the engine.
    """
    if level_of(module) in PROGRAM_LEVELS:
        return run_program(module, [x], [seed])[0]
    return run_function(module, x, _Capturing({} if capture is None else capture))


def run_integers(module: ModuleOp, x: ArrayLike, capture: Capture | None = None) -> Ints:
    """As `run`, but of a module that ends with a softmax, the integers that go into it."""
    if level_of(module) in PROGRAM_LEVELS:
        return run_program(module, [x])[0]
    listener = _Capturing({} if capture is None else capture)
    result = run_function(module, x, listener)
    return result if _is_integers(result) or listener.last is None else listener.last


# Programs.


def run_program(module: ModuleOp, inputs: Sequence[ArrayLike], seeds: Sequence[int | None] | None = None) -> list[Ints]:
    """
    Runs a module of the level `sched` or `isa` as the firmware does: its load program once, then one run after the other on
    the same machine, for each of `inputs`. Returns the output of each. `seeds` are those of `run`, one for each input.

    Raises `ModelError` and `EngineError` as `run`.
    """
    program = _program_of(module)
    machine = Machine.for_program(hardware_of(module), program)
    if program.load_program is not None:
        run_on(machine, program.load_program)
    outputs: list[Ints] = []
    for x, seed in zip(inputs, seeds or [None] * len(inputs), strict=True):
        machine.begin_run(program, [x])
        run_on(machine, program, seed=seed)
        outputs.append(machine.read_tensor(program.outputs.data[0]))
    return outputs


def _program_of(module: ModuleOp) -> ProgramOp:
    programs = [op for op in module.ops if isinstance(op, ProgramOp)]
    if len(programs) != 1:
        raise ModelError(f"'builtin.module': {len(programs)} programs, needs one; keep one at its top")
    return programs[0]


def run_on(machine: Machine, program: ProgramOp | LoadProgramOp, *, seed: int | None = None) -> list[int]:
    """
    Runs a program on a machine that holds its inputs, or its load program on one that holds its weights; returns the order in
    which its instructions took effect.
    """
    level = program.dialect_name()
    interpreter = Interpreter(_module_of(program))
    interpreter.register_implementations(_functions(level)(machine))
    if level == "isa":
        from dsf.dialects import isa

        assert isinstance(program, (isa.ProgramOp, isa.LoadProgramOp))
        return run_queues(program.instructions, machine.hardware, lambda op: interpreter.run_op(op, ()), seed=seed)
    interpreter.run_op(program, ())
    return []


def _module_of(program: Operation) -> ModuleOp:
    module = program.get_toplevel_object()
    return module if isinstance(module, ModuleOp) else ModuleOp([])


def _functions(level: str) -> type[Any]:
    return getattr(import_module(f"dsf.runtime.interpreters.{level}"), f"{level.capitalize()}Functions")


# Functions.


@dataclass
class _Capturing(Interpreter.Listener):
    """Keeps the last integers of each bundle, by the location of the operation that made them, and of all."""

    values: Capture
    last: Ints | None = None

    def did_interpret_op(self, op: Operation, results: PythonValues) -> None:
        if len(results) != 1 or not _is_integers(results[0]):
            return
        self.last = results[0]
        name = _bundle_of(op)
        if name is not None:
            self.values[name] = results[0]


def _bundle_of(op: Operation) -> str | None:
    """The bundle that `op` belongs to; `None` for a layer that is not in one yet, whatever its location says."""
    holder = op if isinstance(op, BundleOp) else op.parent_op()
    if isinstance(holder, BundleOp):
        return holder.label.data
    return None if op.dialect_name() == "bundle" else location_name(op)


def _is_integers(value: object) -> bool:
    return isinstance(value, np.ndarray) and np.issubdtype(cast("Ints", value).dtype, np.integer)


def run_function(module: ModuleOp, x: ArrayLike, listener: Interpreter.Listener) -> Ints:
    """Runs `@main` of a module of a level with tensors, before the eyes of `listener`. Raises `ModelError` as `run`."""
    function = main_of(module)
    _check_operations(function)
    values = _checked_input(function, x)
    interpreter = Interpreter(module, listeners=(listener,))
    interpreter.register_implementations(FuncFunctions())
    for level in levels_of(module):
        interpreter.register_implementations(_functions(level)())
    (result,) = interpreter.call_op(function, (values,))
    return result


def _check_operations(function: FuncOp) -> None:
    known = (FuncOp, ReturnOp)
    foreign = {op.name for op in function.walk() if op.dialect_name() not in LEVELS and not isinstance(op, known)}
    if foreign:
        names = ", ".join(map(repr, sorted(foreign)))
        raise ModelError(f"'main': holds {names}, needs operations of the levels {', '.join(LEVELS)} only; express it by them")


def main_of(module: ModuleOp) -> FuncOp:
    """The function `@main` of a module. Raises `ModelError` if it is missing or describes no network."""
    for op in module.ops:
        if isinstance(op, FuncOp) and op.sym_name.data == "main":
            problems = function_problems(op)
            if problems:
                raise ModelError(problems)
            return op
    raise ModelError("'builtin.module': no function @main, needs one to be executed")


def _checked_input(function: FuncOp, x: ArrayLike) -> Ints:
    values = input_integers(x)
    shape, bits = input_of(function)
    if values.shape != shape:
        raise ModelError(f"'input': shape {values.shape}, needs {shape}, the shape of @main's argument")
    if not fits(values, bits):
        found = f"{values.min()} to {values.max()}"
        raise ModelError(f"'input': values {found}, needs {values_text(bits)}; quantise to {bits} bits")
    return values


def input_of(function: FuncOp) -> tuple[tuple[int, ...], int]:
    """Shape and bits of a function's argument."""
    kind = cast("TensorType[Attribute]", function.function_type.inputs.data[0])
    element = kind.element_type
    if isinstance(element, IntegerType) and 1 <= element.bitwidth <= CONSTANT_BITS:
        return kind.get_shape(), cast("IntegerType", element).bitwidth
    if isinstance(element, QType | AffineType):
        return kind.get_shape(), element.bits.data
    raise ModelError(f"'{function.sym_name.data}': argument's elements of type {element}, needs integers; correct it")


def input_shape(module: ModuleOp) -> tuple[tuple[int, ...], int]:
    """Shape and bits of the input of a module of any level."""
    if level_of(module) in PROGRAM_LEVELS:
        tensor = _program_of(module).inputs.data[0]
        return tensor.dimensions, tensor.bits.data
    return input_of(main_of(module))
