"""
The RTL as a function: a network runs on the Verilated `dsf_top`, driven by the C firmware, with DRAM modelled in C++.

Cycles are counted from a run's first instruction beat. Stalls are random but determined by `seed`, which also seeds
whatever the hardware does not reset.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from numpy.typing import ArrayLike

from dsf.arguments import as_int, is_real
from dsf.codegen.files import tensor_bytes
from dsf.codegen.hardware_config import core_defines, hardware_svh
from dsf.codegen.program import Program
from dsf.disk import check_file
from dsf.errors import BinaryError, DsfError, EngineError, MismatchError, OutputError, ToolError
from dsf.hardware import Hardware
from dsf.isa.encoding import Decoded, decode_instruction
from dsf.isa.registers import ARRAY, Counter, Port
from dsf.isa.table import BaseRegister, Queue
from dsf.kernel_rows import Lines
from dsf.layout import elements_of_codes
from dsf.resources import firmware_directory, hardware_directory, rtl_sources
from dsf.runtime.expected import Expected
from dsf.runtime.verilator import Design, build, cache_root, compile_c, coverage_file

#: Cycles by what the array did in them; the counters are those of `dsf.isa.registers.ARRAY`.
ArrayCycles = Mapping[Counter, int]

#: Cycles from an address to its data that a simulation still waits for.
MAX_LATENCY = 1 << 20

RESPONSES = {2: "SLVERR", 3: "DECERR"}


@dataclass(frozen=True)
class Fault:
    """A bus error to force: the answer to burst number `burst`, from 0, of `port` in run `run`."""

    port: Port
    burst: int
    response: Literal["SLVERR", "DECERR"] = "SLVERR"
    run: int = 0

    def argument(self) -> str:
        code = next(code for code, name in RESPONSES.items() if name == self.response)
        return f"{self.run}:{self.port - 1}:{self.burst}:{code}"


@dataclass(frozen=True)
class Failure:
    """
    How the firmware says that a run ended, if not well. `name` is that of `enum dsf_result` in dsf.h: an `ErrorCode` of the
    engine, or what the firmware finds itself (TIMEOUT, LOST, ...). The rest is the engine's: number of the instruction, port
    and response of the bus, queue that waits and the queues whose tokens it lacks. `loading` says that it was dsf_load that
    failed, the instruction is one of the load program then.
    """

    name: str
    instruction: int = 0
    port: Port = Port.NONE
    response: str | None = None
    queue: int = 0
    tokens: int = 0
    loading: bool = False


@dataclass(frozen=True)
class InstructionTrace:
    """
    One instruction of one run: its number in the program, and the cycles in which its unit took it and reported completion.
    `first_step` and `last_step` are cycles of array steps, for MATRIX. What did not happen is None. `array` says what the
    array did from the last step of the MATRIX instruction before, or from the start of the run, to its own last step.
    """

    index: int
    name: str
    queue: Queue
    start: int | None
    finish: int | None
    first_step: int | None = None
    last_step: int | None = None
    array: ArrayCycles = field(default_factory=dict[Counter, int])


@dataclass(frozen=True)
class Counted:
    """What the engine counted in a run that ended well, as firmware reads it: cycles, those of the array, bytes by port."""

    cycles: int
    array: ArrayCycles
    port_bytes: Mapping[Port, int]


@dataclass(frozen=True)
class RunTrace:
    """
    One run of the program. `first_input` and `last_output` are the cycles of the first beat read from where the base register
    INPUT points and of the last one written to OUTPUT, `done` that in which the firmware knew; None if there was none.
    `accesses` are the firmware's reads and writes of registers from start to end, `counted` what the engine counted, `beats`
    what memory saw on each port; those are of runs that ended well. `tail` is what the array did after its last step.
    `load_cycles` is what the engine counted of the load program if that ran before this run.
    """

    first_input: int | None
    last_output: int | None
    done: int | None
    instructions: tuple[InstructionTrace, ...]
    failure: Failure | None = None
    accesses: int = 0
    counted: Counted | None = None
    beats: Mapping[Port, int] = field(default_factory=dict[Port, int])
    tail: ArrayCycles = field(default_factory=dict[Counter, int])
    load_cycles: int | None = None

    @property
    def cycles(self) -> int:
        """From the first input beat to the last output beat, both included; the whole run if it has none."""
        if self.first_input is None or self.last_output is None:
            return self.done or 0
        return self.last_output - self.first_input + 1


@dataclass(frozen=True)
class Simulation:
    """What came out: an output for each run that ended well, and a trace for each run."""

    outputs: tuple[bytes, ...]
    runs: tuple[RunTrace, ...]
    total_cycles: int

    @property
    def cycles(self) -> int:
        """`RunTrace.cycles` of the first run."""
        return self.runs[0].cycles

    @property
    def instructions(self) -> tuple[InstructionTrace, ...]:
        """The trace of the first run."""
        return self.runs[0].instructions

    @property
    def failures(self) -> tuple[Failure | None, ...]:
        """Of each run."""
        return tuple(run.failure for run in self.runs)


def build_core(hw: Hardware, *, wave: bool = False) -> Path:
    """
    Verilates the engine of `hw`, with firmware and memory, for `simulate` and returns the executable; `wave` builds one that
    can write waves, and is slower. Raises `ToolError`.
    """
    # Its text depends on what the hash depends on, so whoever writes this file writes the same.
    config = cache_root() / f"config-{hw.hash:08x}" / "config_hw.svh"
    if not config.is_file() or config.read_text() != hardware_svh(hw):
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(hardware_svh(hw))
    simulation, firmware = hardware_directory() / "sim", firmware_directory()
    c_headers = sorted(firmware.glob("*.h"))
    driver = compile_c(
        firmware / "dsf.c", c_headers, flags=["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", f"-I{firmware}"]
    )
    design = Design(
        "dsf_sim_top",
        [*rtl_sources(), simulation / "dsf_sim_top.sv"],
        defines=core_defines(hw),
        includes=[config.parent],
    )
    return build(
        design,
        cpp=[simulation / "dsf_sim_main.cpp", driver],
        headers=[*sorted(simulation.glob("*.h")), *c_headers],
        flags=["-CFLAGS", f"-I{firmware}", *(["--trace-vcd"] if wave else [])],
        optimize="-O3",
    )


def check_bus(stall: float, latency: int, seed: int) -> None:
    """Raises `DsfError` unless a bus can be held up like that: with `stall` near 1 hardly a transfer would ever pass."""
    problems: list[str] = []
    if not is_real(stall) or not 0 <= stall <= 0.9:
        problems.append(f"'stall': {stall!r}, needs a number from 0 to 0.9; lower it")
    for name, value, most in (("latency", latency, MAX_LATENCY), ("seed", seed, (1 << 63) - 1)):
        if as_int(value) is None or not 0 <= value <= most:
            problems.append(f"'{name}': {value!r}, needs an integer from 0 to {most}; change it")
    if problems:
        raise DsfError(problems)


def simulate(
    hw: Hardware,
    program: bytes,
    weights: bytes,
    input: bytes | Sequence[bytes],
    output_bytes: int,
    arena_bytes: int = 0,
    *,
    load_program: bytes = b"",
    stall: float = 0.0,
    latency: int = 0,
    seed: int = 0,
    runs: int = 1,
    max_cycles: int = 1 << 40,
    interrupts: bool = True,
    expected: Expected | None = None,
    wave: Path | None = None,
    faults: Sequence[Fault] = (),
    aborts: Mapping[int, int] | None = None,
    resets: Mapping[int, int] | None = None,
    addresses: Mapping[BaseRegister, int] | None = None,
    program_hash: int | None = None,
    check: bool = True,
    on_run: Callable[[int], None] | None = None,
) -> Simulation:
    """
    Runs `program`, the pure instruction stream, `runs` times: the firmware loads it once, which runs `load_program` if there is
    one, and gives each run new buffers.

    `input` is what the base register INPUT points at: one for all runs, or a sequence with one for each, of equal length.
    `stall` is the probability, each cycle, that a channel of a bus is held up, and lets regions of memory begin at any byte;
    `latency` are the cycles from an address on a bus to its data. `max_cycles` limits each run. With `interrupts` False the
    firmware polls. `expected` is compared with feature memory whenever an instruction completes. `wave` is a file for waves
    (VCD). `on_run(i)` is called when run i has ended.

    What goes wrong on purpose: `faults` on the bus, a dsf_abort or a reset of the engine so many cycles after the start of a
    run (`aborts` and `resets`, by run), regions of memory at given `addresses`, a `program_hash` of other hardware.

    Raises `DsfError` for a `stall`, `latency` or `seed` that can't be, `OutputError` for a `wave` that can't be
    written, `EngineError` when a run does not end well
    or an assertion of the RTL fails; with `check=False` runs go on after one that failed, which says so in its trace.
    Raises `MismatchError` when feature memory does not hold what is expected, and `ToolError` when Verilator or a compiler
    is missing or fails.
    """
    check_bus(stall, latency, seed)
    if wave is not None:
        check_file(wave, OutputError)
    inputs = [input] * runs if isinstance(input, bytes) else list(input)
    if len(inputs) != runs or len({len(one) for one in inputs}) > 1:
        raise ValueError(f"simulate: {len(inputs)} inputs of {sorted({len(one) for one in inputs})} bytes for {runs} runs")
    executable = build_core(hw, wave=wave is not None)
    decoded = _decode(program)
    with tempfile.TemporaryDirectory(prefix="dsf-") as name:
        directory = Path(name)
        (directory / "program").write_bytes(program)
        (directory / "load_program").write_bytes(load_program)
        (directory / "weights").write_bytes(weights)
        (directory / "input").write_bytes(b"".join(inputs))
        (directory / "steps").write_text("\n".join(str(_steps(hw, one)) for one in decoded if one.name == "matrix"))
        (directory / "checks").write_text("" if expected is None else _checks(decoded, expected))
        (directory / "expected").write_bytes(b"" if expected is None else b"".join(expected.elements))
        files = ("program", "load_program", "weights", "input", "steps", "checks", "expected", "output", "trace")
        options: dict[str, object] = {name: directory / name for name in files}
        options |= {"output_bytes": output_bytes, "arena_bytes": arena_bytes, "runs": runs, "max_cycles": max_cycles}
        options |= {"stall": stall, "latency": latency, "seed": seed, "interrupts": int(interrupts)}
        options |= {"hash": hw.hash if program_hash is None else program_hash}
        options |= {"addresses": ",".join(f"{base.value}:{address}" for base, address in (addresses or {}).items())}
        options |= {"faults": ",".join(fault.argument() for fault in faults)}
        options |= {"aborts": _by_run(aborts or {}), "resets": _by_run(resets or {})}
        if wave is not None:
            options["wave"] = wave.resolve()
        if (coverage := coverage_file()) is not None:
            options["coverage"] = coverage
        _execute([str(executable), *(f"{k}={v}" for k, v in options.items())], on_run)
        trace = json.loads((directory / "trace").read_text())
        output = (directory / "output").read_bytes()
    if trace["mismatch"] is not None:
        assert expected is not None
        raise MismatchError(_describe_mismatch(hw, expected, *trace["mismatch"]))
    simulation = Simulation(
        outputs=tuple(output[i : i + output_bytes] for i in range(0, len(output), output_bytes)) if output_bytes > 0 else (),
        runs=tuple(_run_trace(run, decoded) for run in trace["runs"]),
        total_cycles=trace["cycles"],
    )
    if check:
        names = [[one.name for one in program] for program in (decoded, _decode(load_program))]
        problems = [describe(one, names[one.loading]) for one in simulation.failures if one is not None]
        if problems:
            raise EngineError(problems[0])
    return simulation


def simulate_program(program: Program, inputs: Sequence[ArrayLike], **options: Any) -> Simulation:
    """
    Runs a compiled network on each of `inputs`, integers of the shape of its one input. `options` are those of `simulate`, and
    so is what it raises.
    """
    return simulate(
        program.hardware,
        program.stream,
        program.weights,
        [tensor_bytes(program.inputs[0], x) for x in inputs],
        program.output_bytes,
        program.arena_bytes,
        load_program=program.load_stream,
        runs=len(inputs),
        **options,
    )


def describe(failure: Failure, names: Sequence[str]) -> str:
    """A sentence on why a run failed; `names` are those of the instructions of the program that did."""
    match failure.name:
        case "TIMEOUT":
            return "'simulation': a run took too many cycles, needs a larger max_cycles"
        case "HASH_MISMATCH":
            return "'program': compiled for other hardware (HASH_MISMATCH), needs the engine's; compile again"
        case "READ_ERROR" | "WRITE_ERROR":
            why = f"memory answered with {failure.response} on the port for {failure.port.name.lower()}"
            return f"'simulation': the engine stopped with {failure.name}, {why}; the program or the sizes given are wrong"
        case "WATCHDOG":
            return f"{_instruction(failure, names)}: the engine stopped with WATCHDOG: {_describe_wait(failure)}"
        case _:
            return f"{_instruction(failure, names)}: the engine stopped with {failure.name}"


def _instruction(failure: Failure, names: Sequence[str]) -> str:
    name = names[failure.instruction] if failure.instruction < len(names) else "illegal"
    place = " of the load program" if failure.loading else ""
    return f"'instruction {failure.instruction}{place}' ({name})"


def _describe_wait(failure: Failure) -> str:
    if failure.queue >= len(Queue):
        return "the instruction stream ended early"
    wanted = [one.name for one in Queue if failure.tokens >> one & 1]
    why = f"waits for a token of {', '.join(wanted)}" if wanted else "waits for its stream"
    return f"queue {Queue(failure.queue).name} {why}"


def _describe_mismatch(hw: Hardware, expected: Expected, run: int, index: int, address: int, got: int, wanted: int) -> str:
    got, wanted = elements_of_codes([got, wanted], hw.bits_input).tolist()
    element = address - expected.ranges[index][0][0]
    return (
        f"{expected.labels[index]}: element {element}, {address} of feature memory, is {got} in the RTL, needs {wanted} as in "
        f"the instructions; run {run}, a fault of DSF"
    )


def _execute(command: Sequence[str], on_run: Callable[[int], None] | None) -> None:
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            if not line.startswith("run "):
                said.append(line)
            elif on_run is not None:
                on_run(int(line.split()[1]))
        code = process.wait()
        log.seek(0)
        message = ("".join(said) + log.read())[-4000:].strip()
    if code == 2:
        raise ToolError(f"'dsf_sim_top': {message}")
    if code != 0:
        raise EngineError(f"'simulation': ended with code {code}, needs no failed assertion\n{message}")


def _decode(program: bytes) -> list[Decoded]:
    """A program's instructions, up to the first that is illegal or truncated."""
    decoded: list[Decoded] = []
    offset = 0
    with suppress(BinaryError):
        while offset < len(program):
            decoded.append(decode_instruction(program, offset, len(decoded)))
            offset += decoded[-1].instruction.bytes
    return decoded


def _steps(hw: Hardware, matrix: Decoded) -> int:
    """The array steps of a MATRIX instruction: passes over the channels, times kernel rows of tiles, times their words."""
    groups = 1 if matrix["tall"] else hw.depthwise_groups if matrix["depthwise"] else hw.column_groups
    row_words = matrix["run"] * (1 if matrix["depthwise"] else matrix["kernel_runs"])
    return -(-matrix["channel_groups"] // groups) * _kernel_rows(hw, matrix) * row_words


def _kernel_rows(hw: Hardware, matrix: Decoded) -> int:
    """The kernel rows of all tiles of a pass."""
    pixels = hw.pixels_tall if matrix["tall"] else hw.rows
    of_line = -(-matrix["columns"] // pixels)
    if not matrix["skip_rows"]:
        tiles = matrix["images"] * matrix["rows"] * of_line if matrix["depthwise"] else -(-matrix["pixels"] // pixels)
        return tiles * matrix["kernel_rows"]
    names = ("columns", "rows", "images", "kernel_rows", "y_start", "y_step", "y_dilation", "height")
    lines = Lines(*(matrix[name] for name in names))
    return int(lines.lines().count.sum()) * of_line if matrix["depthwise"] else int(lines.tiles(pixels).count.sum())


def _checks(decoded: Sequence[Decoded], expected: Expected) -> str:
    lines: list[str] = []
    for index, (one, ranges) in enumerate(zip(decoded, expected.ranges, strict=True)):
        if one.instruction.queue is not None:
            numbers = [index, one.instruction.queue.value, *(number for pair in ranges for number in pair)]
            lines.append(" ".join(map(str, numbers)))
    return "\n".join(lines)


def _by_run(cycles: Mapping[int, int]) -> str:
    return ",".join(f"{run}:{cycle}" for run, cycle in sorted(cycles.items()))


def _run_trace(run: Mapping[str, Any], decoded: Sequence[Decoded]) -> RunTrace:
    first_input, last_output, done = (None if run[name] < 0 else run[name] for name in ("first_input", "last_output", "done"))
    instructions = tuple(_instruction_traces(run, decoded))
    load_cycles = None if run["load_cycles"] < 0 else run["load_cycles"]
    if run["result"] != "OK":
        return RunTrace(first_input, last_output, done, instructions, _failure(run), run["accesses"], load_cycles=load_cycles)
    counted = Counted(run["engine_cycles"], dict(zip(ARRAY, run["engine_array"], strict=True)), _by_port(run["engine_bytes"]))
    return RunTrace(
        first_input,
        last_output,
        done,
        instructions,
        accesses=run["accesses"],
        counted=counted,
        beats=_by_port(run["beats"]),
        tail=_array_cycles(run["array"][-1]),
        load_cycles=load_cycles,
    )


def _by_port(values: Sequence[int]) -> dict[Port, int]:
    return dict(zip((port for port in Port if port is not Port.NONE), values, strict=True))


def _array_cycles(counts: Sequence[int]) -> dict[Counter, int]:
    return {counter: counts[counter] for counter in ARRAY}


def _failure(run: Mapping[str, Any]) -> Failure:
    response = RESPONSES.get(run["response"])
    where = run["instruction"], Port(run["port"]), response, run["queue"], run["tokens"]
    return Failure(run["result"], *where, loading=bool(run["loading"]))


def _instruction_traces(run: Mapping[str, Any], decoded: Sequence[Decoded]) -> Iterable[InstructionTrace]:
    """Events of a queue belong to its instructions in program order."""
    starts, finishes, steps = (tuple(map(iter, run["starts"])), tuple(map(iter, run["finishes"])), iter(run["steps"]))
    array = map(_array_cycles, run["array"])
    for index, one in enumerate(decoded):
        queue = one.instruction.queue
        if queue is None:
            continue
        first_step, last_step = next(steps, (None, None)) if queue is Queue.MATRIX else (None, None)
        start, finish = next(starts[queue], None), next(finishes[queue], None)
        cycles = next(array) if queue is Queue.MATRIX else {}
        yield InstructionTrace(index, one.name, queue, start, finish, first_step, last_step, cycles)
