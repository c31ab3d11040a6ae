"""
`dsf`: the command line tool for compiled networks.

    dsf sim DIR             run a compiled network and compare with its expected output
    dsf report DIR          what it takes, layer by layer
    dsf disasm program.bin  binary program to text
    dsf asm program.mlir    text to binary program

Exit codes: 0 all went well, 1 the input is wrong or outputs differ, 2 the command line is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from xdsl.utils.exceptions import DiagnosticException, ParseError

from dsf.codegen.program import HEADER_BYTES, WEIGHTS_NAME, Program, read_bytes, read_program
from dsf.disk import check_file, write_all, writing
from dsf.errors import DsfError, MismatchError, OutputError
from dsf.numerics import Ints
from dsf.parsing import parse_error_text

_FORMATTER = argparse.RawDescriptionHelpFormatter

_MAIN = """\
Compiled networks: run, inspect, convert.

A network is compiled from Python, by model.export_inference(), which writes program.bin, weights.bin,
input.bin, expected.bin, config_firmware.h and report.json into build/<name>/.
"""

_MAIN_EXAMPLES = """\
examples:
  dsf sim build/digits                 run it in the interpreter of instructions
  dsf sim build/digits --rtl           run it on the simulated engine
  dsf report build/digits              cycles, utilisation and memory of each bundle
  dsf disasm build/digits/program.bin  read the instructions

`dsf COMMAND --help` says more. `dsf-opt` runs compiler passes on textual IR, see `dsf-opt --help`.
"""

_SIM = """\
Runs DIR/program.bin with DIR/weights.bin on DIR/input.bin and compares the output with
DIR/expected.bin, element by element. Without --rtl the instructions are interpreted. With it the whole
system runs: the C firmware drives the Verilated engine on a model of memory, and what each instruction
writes into feature memory is compared with the interpreter.
"""

_SIM_EXAMPLES = """\
examples:
  dsf sim build/digits --rtl --stall 0.3             with random handshakes on every bus
  dsf sim build/digits --rtl --latency 64            with memory that answers after 64 cycles
  dsf sim build/digits --rtl --wave digits.vcd       with waves, for a viewer
  dsf sim build/digits --input x.npy --output y.npy  another input: integers of the input's shape
"""

_DISASM = """\
Prints a program as textual IR of the isa dialect, one instruction a line: the queues that it waits for
and signals, and the fields that differ from their default. docs/isa.md says what they mean. `dsf asm`
gives the same bytes back.
"""

_DISASM_EXAMPLES = """\
examples:
  dsf disasm build/digits/program.bin | less
  dsf disasm build/digits/program.bin -o digits.mlir
"""

_ASM = """\
Turns a module with engine.hardware and isa.program, as `dsf disasm` or `dsf-opt -p dsf-pipeline` print
it, into a program and the weights.bin beside it.
"""

_ASM_EXAMPLES = """\
example:
  dsf asm digits.mlir -o build/edited/program.bin
"""

_REPORT = """\
Shows DIR/report.json as a table: per bundle the multiplications, the shape of the array, cycles
estimated and measured, utilisation, words of DRAM traffic, and on-chip memory. Below it stand images a
second, the firmware's register accesses, and what loading the weights takes, if that is done once.
Where the engine was simulated, a second table says what the array waited for, see docs/board.md.
"""

_REPORT_EXAMPLES = """\
example:
  dsf report build/digits
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dsf", formatter_class=_FORMATTER, description=_MAIN, epilog=_MAIN_EXAMPLES)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_sim(commands)
    _add_disasm(commands)
    _add_asm(commands)
    _add_report(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tool; returns its exit code."""
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = chosen.command
    try:
        command(chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except DsfError as error:
        for problem in error.problems:
            print(f"dsf: {problem}", file=sys.stderr)
        return 1
    except (ParseError, DiagnosticException) as error:
        text = parse_error_text(error) if isinstance(error, ParseError) else str(error)
        for line in text.splitlines():
            print(f"dsf: {line}", file=sys.stderr)
        return 1
    except OSError as error:
        name = error.filename or "output"
        print(f"dsf: '{name}': {error.strerror}, needs a file that can be read or written", file=sys.stderr)
        return 1
    except RecursionError:
        print("dsf: input: nested too deeply, needs fewer levels; no module of DSF has as many", file=sys.stderr)
        return 1
    return 0


# dsf sim

#: Options that say how the engine is simulated, and their defaults.
_RTL_ONLY = {"stall": 0.0, "latency": 0, "seed": 0, "wave": None}


def _add_sim(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    parser = commands.add_parser(
        "sim", help="run a compiled network", formatter_class=_FORMATTER, description=_SIM, epilog=_SIM_EXAMPLES
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder with program.bin and weights.bin")
    parser.add_argument("--input", type=Path, metavar="X.npy", help="integers to run instead of input.bin; nothing is compared")
    parser.add_argument("--output", type=Path, metavar="Y.npy", help="write the output's integers")
    parser.add_argument("--rtl", action="store_true", help="simulate the SystemVerilog engine (needs Verilator)")
    parser.add_argument("--stall", type=float, metavar="P", help="with --rtl: chance of a stall each cycle, 0 to 0.9")
    parser.add_argument("--latency", type=int, metavar="N", help="with --rtl: cycles from an address on a bus to its data")
    parser.add_argument("--seed", type=int, help="with --rtl: seed of the stalls")
    parser.add_argument("--wave", type=Path, metavar="FILE", help="with --rtl: write waves (VCD; large, and slow)")
    parser.set_defaults(command=_sim, **_RTL_ONLY)


def _sim(chosen: argparse.Namespace) -> None:
    from dsf.runtime.rtl import check_bus

    directory: Path = chosen.directory
    check_bus(chosen.stall, chosen.latency, chosen.seed)
    ignored = [f"'--{name}'" for name, default in _RTL_ONLY.items() if getattr(chosen, name) != default]
    if ignored and not chosen.rtl:
        raise DsfError(f"{', '.join(ignored)}: without --rtl, needs it; add --rtl")
    for path in (chosen.output, chosen.wave):
        if path is not None:
            check_file(path, OutputError)
    program = read_program(directory / "program.bin")
    x = _input_of(program, directory, chosen.input)
    start = time.perf_counter()
    y, how = _run_rtl(program, x, chosen) if chosen.rtl else (_interpret(program, x), "interpreted")
    seconds = time.perf_counter() - start
    if chosen.output is not None:
        with writing(chosen.output, OutputError), chosen.output.open("wb") as stream:
            np.save(stream, y)
    print(f"{directory}: output {'x'.join(map(str, y.shape))}, {how}, {seconds:.1f} s")
    if chosen.input is None:
        _compare(program, y, directory / "expected.bin")


def _input_of(program: Program, directory: Path, path: Path | None) -> Ints:
    from dsf.compiler import load_integers
    from dsf.runtime.machine import unpack_tensor

    if path is not None:
        return load_integers(path)
    return unpack_tensor(program.inputs[0], read_bytes(directory / "input.bin"), str(directory / "input.bin"))


def _interpret(program: Program, x: Ints) -> Ints:
    from dsf.runtime.execute import run

    return run(program.to_module(), x)


def _run_rtl(program: Program, x: Ints, chosen: argparse.Namespace) -> tuple[Ints, str]:
    """The output, and what it took."""
    from dsf.runtime.expected import interpret
    from dsf.runtime.machine import unpack_tensor
    from dsf.runtime.rtl import simulate_program

    print("simulating; the engine is built the first time, which takes a minute or two", file=sys.stderr)
    simulation = simulate_program(
        program,
        [x],
        stall=chosen.stall,
        latency=chosen.latency,
        seed=chosen.seed,
        wave=chosen.wave,
        expected=interpret(program, [x]),
    )
    run = simulation.runs[0]
    how = [f"{run.cycles:,} cycles on the simulated engine"]
    if run.load_cycles is not None:
        how.append(f"{run.load_cycles:,} before the first run to load weights")
    how.append(f"{run.accesses} register accesses of the firmware")
    return unpack_tensor(program.outputs[0], simulation.outputs[0], "output"), ", ".join(how)


def _compare(program: Program, y: Ints, path: Path) -> None:
    from dsf.runtime.machine import unpack_tensor

    expected = unpack_tensor(program.outputs[0], read_bytes(path), str(path))
    differ = np.argwhere(y != expected)
    if differ.size:
        first = tuple(map(int, differ[0]))
        raise MismatchError(
            f"'{path}': element {first} is {y[first]}, needs {expected[first]}; {len(differ)} of {y.size} differ"
        )
    print(f"all {y.size} elements are those of {path}")


# dsf disasm, dsf asm


def _add_disasm(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    parser = commands.add_parser(
        "disasm", help="binary program to text", formatter_class=_FORMATTER, description=_DISASM, epilog=_DISASM_EXAMPLES
    )
    parser.add_argument("program", type=Path, metavar="program.bin", help="a program; its weights.bin lies beside it")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to a file instead of printing")
    parser.set_defaults(command=_disasm)


def _disasm(chosen: argparse.Namespace) -> None:
    from dsf.sidecar import module_text

    module = read_program(chosen.program).to_module()
    if chosen.output is None:
        print(module_text(module), end="")
    else:
        with writing(chosen.output, OutputError):
            chosen.output.write_text(module_text(module, chosen.output.parent), encoding="utf-8")


def _add_asm(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    parser = commands.add_parser(
        "asm", help="text to binary program", formatter_class=_FORMATTER, description=_ASM, epilog=_ASM_EXAMPLES
    )
    parser.add_argument("text", type=Path, metavar="FILE.mlir", help="textual IR at the isa level")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="program.bin", help="the program to write")
    parser.set_defaults(command=_asm)


def _asm(chosen: argparse.Namespace) -> None:
    from dsf.compiler import check, parse_module

    module = parse_module(chosen.text)
    check(module)
    program = Program.from_module(module)
    output: Path = chosen.output
    if output.name == WEIGHTS_NAME:
        raise OutputError(f"'{output}': the name of the weights beside the program, needs another name; write to program.bin")
    write_all(output.parent, {output.name: program.to_bytes(), WEIGHTS_NAME: program.weights}, OutputError)
    load = f"{len(program.load_steps)} instructions of the load program and " if program.load_steps else ""
    sizes = " + ".join(str(size) for size in (HEADER_BYTES, len(program.load_stream), len(program.stream)) if size > 0)
    print(f"{output}: {load}{len(program.steps)} instructions, {sizes} bytes")


# dsf report


def _add_report(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:  # pyright: ignore[reportPrivateUsage]
    parser = commands.add_parser(
        "report", help="what a compiled network takes", formatter_class=_FORMATTER, description=_REPORT, epilog=_REPORT_EXAMPLES
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder with report.json")
    parser.set_defaults(command=_report)


def _report(chosen: argparse.Namespace) -> None:
    from dsf.codegen.read_report import read_report
    from dsf.codegen.report import print_report

    print_report(read_report(chosen.directory / "report.json"))


if __name__ == "__main__":
    sys.exit(main())
