"""`dsf bisect`: which pass changes the result."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from dsf.tools.command import Commands, add_json, new_command, print_json, steps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dsf.bisection.levels import Bisection, Level
    from dsf.codegen.program import Program
    from dsf.numerics import Ints

_BISECT = """\
Executes a network at every level, on one input, and names the first step at which two levels differ: the
pass, the operation and the nodes of the source that it comes from, the piece of the result, the element.

PATH is a directory that a compile wrote, or a network (config_model.json, a quantised ONNX file, .mlir). Of a
directory it takes the files in DIR/ir, if the compile wrote them (--emit-ir, emit_ir=True): a change in one of
these is found, too. Else it compiles DIR/model.mlir again. Then come the tokens of the program, in other orders
that they admit; program.bin; expected.bin, which the model itself computed; and with --rtl the simulated engine.
"""

_BISECT_EXAMPLES = """\
examples:
  dsf bisect build/digits                        all levels below fxp, program.bin and expected.bin
  dsf bisect config_model.json                   every pass from the model on, on random input
  dsf bisect build/digits --input x.npy --rtl    on an input that goes wrong, up to the engine
"""


def add(commands: Commands) -> None:
    parser = new_command(
        commands,
        "bisect",
        _bisect,
        summary="which pass changes the result",
        description=_BISECT,
        examples=_BISECT_EXAMPLES,
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="directory of a compile, config_model.json, .onnx or .mlir")
    parser.add_argument("--input", type=Path, metavar="X.npy", help="integers to run instead of input.bin or random ones")
    parser.add_argument("--recompile", action="store_true", help="compile DIR/model.mlir even if there is DIR/ir")
    parser.add_argument("--rtl", action="store_true", help="simulate the SystemVerilog engine as well (needs Verilator)")
    add_json(parser)


def _bisect(chosen: argparse.Namespace) -> None:
    from dsf.bisection.levels import Bisection
    from dsf.errors import MismatchError

    path: Path = chosen.path
    program = _program(path)
    if chosen.rtl and program is None:
        raise MismatchError("'--rtl': a network without its program, needs the directory of a compile; compile it first")
    x, given = _input(path, program, chosen.input)
    bisection = Bisection(x)
    with steps(chosen)("comparing") as say:
        bisection.run(_levels(path, chosen.recompile), say)
        if program is not None and bisection.difference is None:
            bisection.add_binary(program, "program.bin")
            if given == "input.bin" and bisection.difference is None:
                _add_expected(bisection, program, path)
            if chosen.rtl and bisection.difference is None:
                say("RTL, whose engine is built the first time")
                _add_rtl(bisection, program)
    _show(chosen, bisection, given)


def _program(path: Path) -> Program | None:
    """The program of a directory, if there is one."""
    from dsf.codegen.program import read_program

    return read_program(path / "program.bin") if path.is_dir() else None


def _input(path: Path, program: Program | None, x: Path | None) -> tuple[Ints, str]:
    """The integers to run, and what they are."""
    from dsf.codegen.program import read_bytes
    from dsf.compiler import load_integers, random_input
    from dsf.runtime.machine import unpack_tensor
    from dsf.tools.load import load_model

    if x is not None:
        return load_integers(x), str(x)
    if program is None:
        return random_input(load_model(path)), "random"
    if not (path / "input.bin").exists():
        return random_input(program.to_module()), "random"
    return unpack_tensor(program.inputs[0], read_bytes(path / "input.bin"), str(path / "input.bin")), "input.bin"


def _levels(path: Path, recompile: bool) -> Iterator[Level]:
    from dsf.bisection.levels import levels_of_files, levels_of_passes
    from dsf.codegen.kept import pipeline_of
    from dsf.runtime.execute import level_of
    from dsf.tools.load import load_model

    if (path / "ir").is_dir() and not recompile:
        return levels_of_files(path / "ir")
    module = load_model(path)
    return levels_of_passes(module, pipeline_of(module).passes(level_of(module)))


def _add_expected(bisection: Bisection, program: Program, path: Path) -> None:
    from dsf.bisection.difference import Difference, first_difference
    from dsf.codegen.program import read_bytes
    from dsf.runtime.machine import unpack_tensor

    expected = path / "expected.bin"
    if bisection.trace is None or bisection.trace.result is None or not expected.exists():
        return
    bisection.steps.append(expected.name)
    needed = unpack_tensor(program.outputs[0], read_bytes(expected), str(expected))
    elements = first_difference(bisection.trace.result.reshape(needed.shape), needed)
    if elements is not None:
        text = "all levels that were executed agree, so a pass above them is to blame; compile with emit_ir=True to see these"
        bisection.difference = Difference(expected.name, "the result", (), None, elements, text)


def _add_rtl(bisection: Bisection, program: Program) -> None:
    from dsf.bisection.difference import Difference
    from dsf.errors import EngineError, MismatchError
    from dsf.runtime.expected import interpret
    from dsf.runtime.rtl import simulate_program

    bisection.steps.append("RTL")
    try:
        simulate_program(program, [bisection.x], expected=interpret(program, [bisection.x]))
    except (EngineError, MismatchError) as error:
        bisection.difference = Difference("RTL", text="; ".join(error.problems))


def _show(chosen: argparse.Namespace, bisection: Bisection, given: str) -> None:
    """Prints what was compared. Raises `MismatchError` with the difference, if there is one."""
    from dsf.errors import MismatchError

    found = bisection.difference
    if chosen.json:
        print_json({"input": given, "steps": bisection.steps, "difference": None if found is None else found.to_dict()})
    agree = bisection.steps if found is None else bisection.steps[:-1]
    if not chosen.json:
        print(f"on {given}: {', '.join(agree) or 'nothing'} agree")
    if found is not None:
        raise MismatchError(str(found))
