"""`dsf sim`: runs a compiled network and compares with its expected output."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from dsf.codegen.program import Program, read_bytes, read_program
from dsf.codegen.source import ModelTensors, read_source
from dsf.disk import check_file, writing
from dsf.errors import DsfError, MismatchError, OutputError
from dsf.numerics import Ints
from dsf.tools.arrays import LAYOUTS, Given, output_of, read_input
from dsf.tools.command import Commands, add_json, new_command, print_json, steps

_SIM = """\
Runs DIR/program.bin with DIR/weights.bin on DIR/input.bin and compares the output with
DIR/expected.bin, element by element. Without --rtl the instructions are interpreted. With it the whole
system runs: the C firmware drives the Verilated engine on a model of memory, and what each instruction
writes into feature memory is compared with the interpreter.

X.npy has the input of one run. Real numbers are quantised as the network's input is, in the layout of a
model after what it does to them before that, such as (x - mean) / deviation; integers are the engine's.
It may have the axes of the ONNX model that was compiled, (N, C, H, W) for images, or the engine's,
(N, H, W, C): the shape says which, or --layout where both are the same.

Y.npy is the output, with the axes of the model if X.npy has those. It has real numbers if X.npy has such, those
before what the processor computes of them, a softmax say; otherwise the engine's integers. With the axes of a
model whose output is integers, it has the model's integers, whatever X.npy has.
"""

_SIM_EXAMPLES = """\
examples:
  dsf sim build/digits --rtl --stall 0.3             with random handshakes on every bus
  dsf sim build/digits --rtl --latency 64            with memory that answers after 64 cycles
  dsf sim build/digits --rtl --wave digits.vcd       with waves, for a viewer
  dsf sim build/digits --input x.npy --output y.npy  another input, of the model's shape or the engine's
"""

#: Options that say how the engine is simulated, and their defaults.
_RTL_ONLY = {"stall": 0.0, "latency": 0, "seed": 0, "wave": None}


def add(commands: Commands) -> None:
    parser = new_command(commands, "sim", _sim, summary="run a compiled network", description=_SIM, examples=_SIM_EXAMPLES)
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder with program.bin and weights.bin")
    parser.add_argument("--input", type=Path, metavar="X.npy", help="what to run instead of input.bin; nothing is compared")
    parser.add_argument("--layout", choices=LAYOUTS, help="with --input: the axes are the model's, or the engine's")
    parser.add_argument("--output", type=Path, metavar="Y.npy", help="write the output")
    parser.add_argument("--rtl", action="store_true", help="simulate the SystemVerilog engine (needs Verilator)")
    parser.add_argument("--stall", type=float, metavar="P", help="with --rtl: chance of a stall each cycle, 0 to 0.9")
    parser.add_argument("--latency", type=int, metavar="N", help="with --rtl: cycles from an address on a bus to its data")
    parser.add_argument("--seed", type=int, help="with --rtl: seed of the stalls")
    parser.add_argument("--wave", type=Path, metavar="FILE", help="with --rtl: write waves (VCD; large, and slow)")
    add_json(parser)
    parser.set_defaults(**_RTL_ONLY)


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
    if chosen.layout is not None and chosen.input is None:
        raise DsfError("'--layout': without --input, needs it; add --input X.npy")
    source = read_source(directory, program)
    given = _input_of(program, directory, source, chosen)
    x = given.x
    start = time.perf_counter()
    y, took = _run_rtl(program, x, chosen) if chosen.rtl else (_interpret(program, x), dict[str, int]())
    seconds = time.perf_counter() - start
    if chosen.output is not None:
        with writing(chosen.output, OutputError), chosen.output.open("wb") as stream:
            np.save(stream, output_of(program, source, given, y))
    expected = None if chosen.input is not None else _expected(program, directory / "expected.bin")
    if chosen.json:
        differ = None if expected is None else int(np.count_nonzero(y != expected))
        print_json({"output": list(y.shape), "rtl": chosen.rtl, **took, "seconds": round(seconds, 3), "differ": differ})
    else:
        how = ", ".join(f"{took[name]:,} {text}" for name, text in _TOOK.items() if name in took) or "interpreted"
        print(f"{directory}: output {'x'.join(map(str, y.shape))}, {how}, {seconds:.1f} s")
    if expected is not None:
        _compare(y, expected, directory / "expected.bin")
        if not chosen.json:
            print(f"all {y.size} elements are those of {directory / 'expected.bin'}")


def _input_of(program: Program, directory: Path, source: ModelTensors | None, chosen: argparse.Namespace) -> Given:
    from dsf.runtime.machine import unpack_tensor

    if chosen.input is not None:
        return read_input(program, source, chosen.input, chosen.layout)
    path = directory / "input.bin"
    return Given(unpack_tensor(program.inputs[0], read_bytes(path), str(path)), of_model=False, real=False)


def _interpret(program: Program, x: Ints) -> Ints:
    from dsf.runtime.execute import run

    return run(program.to_module(), x)


#: What a simulation took, by the names that it has in JSON, in words.
_TOOK = {
    "cycles": "cycles on the simulated engine",
    "load_cycles": "before the first run to load weights",
    "register_accesses": "register accesses of the firmware",
}


def _run_rtl(program: Program, x: Ints, chosen: argparse.Namespace) -> tuple[Ints, dict[str, int]]:
    """The output, and what it took."""
    from dsf.runtime.expected import interpret
    from dsf.runtime.machine import unpack_tensor
    from dsf.runtime.rtl import simulate_program

    step = steps(chosen)
    with step("instructions, interpreted"):
        expected = interpret(program, [x])
    with step("RTL (the engine is built the first time, which takes a minute or two)"):
        simulation = simulate_program(
            program,
            [x],
            stall=chosen.stall,
            latency=chosen.latency,
            seed=chosen.seed,
            wave=chosen.wave,
            expected=expected,
        )
    run = simulation.runs[0]
    load = {} if run.load_cycles is None else {"load_cycles": run.load_cycles}
    took = {"cycles": run.cycles, **load, "register_accesses": run.accesses}
    return unpack_tensor(program.outputs[0], simulation.outputs[0], "output"), took


def _expected(program: Program, path: Path) -> Ints:
    from dsf.runtime.machine import unpack_tensor

    return unpack_tensor(program.outputs[0], read_bytes(path), str(path))


def _compare(y: Ints, expected: Ints, path: Path) -> None:
    """Raises `MismatchError` with the first element that differs."""
    differ = np.argwhere(y != expected)
    if differ.size:
        first = tuple(map(int, differ[0]))
        raise MismatchError(
            f"'{path}': element {first} is {y[first]}, needs {expected[first]}; {len(differ)} of {y.size} differ"
        )
