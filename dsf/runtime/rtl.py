"""
The RTL as a function: a program runs on the Verilated `dsf_core`, with DRAM and DMA modelled in C++.

Cycles are counted from a run's first instruction beat. Stalls are random but determined by `seed`, which also seeds
whatever the hardware does not reset.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dsf.codegen.hardware_config import core_defines, hardware_svh
from dsf.errors import BinaryError, EngineError, ToolError
from dsf.hardware import Hardware
from dsf.isa.encoding import Decoded, decode_instruction
from dsf.isa.table import ErrorCode, Queue
from dsf.resources import hardware_directory, rtl_sources
from dsf.runtime.verilator import Design, build, cache_root


@dataclass(frozen=True)
class InstructionTrace:
    """
    One instruction of one run: its number in the program, and the cycles in which its unit took it and reported completion.
    `first_step` and `last_step` are cycles of array steps, for MATRIX. What did not happen is None.
    """

    index: int
    name: str
    queue: Queue
    start: int | None
    finish: int | None
    first_step: int | None = None
    last_step: int | None = None


@dataclass(frozen=True)
class RunTrace:
    """
    One run of the program. `first_input` and `last_output` are the cycles of the first beat loaded from the base register
    INPUT and of the last one stored to OUTPUT, `done` that of the end; None if there was none.
    """

    first_input: int | None
    last_output: int | None
    done: int | None
    instructions: tuple[InstructionTrace, ...]

    @property
    def cycles(self) -> int:
        """From the first input beat to the last output beat, both included; the whole run if it has none."""
        if self.first_input is None or self.last_output is None:
            return self.done or 0
        return self.last_output - self.first_input + 1


@dataclass(frozen=True)
class Simulation:
    """What came out: an output for each completed run, a trace for each run begun, and the error that ended it, if any."""

    outputs: tuple[bytes, ...]
    runs: tuple[RunTrace, ...]
    total_cycles: int
    error: ErrorCode | None = None
    error_index: int = 0
    error_detail: int = 0

    @property
    def cycles(self) -> int:
        """`RunTrace.cycles` of the first run."""
        return self.runs[0].cycles

    @property
    def instructions(self) -> tuple[InstructionTrace, ...]:
        """The trace of the first run."""
        return self.runs[0].instructions


def build_core(hw: Hardware) -> Path:
    """Verilates the core of `hw` for `simulate` and returns the executable. Raises `ToolError`."""
    # Its text depends on what the hash depends on, so whoever writes this file writes the same.
    config = cache_root() / f"config-{hw.hash:08x}" / "config_hw.svh"
    if not config.is_file() or config.read_text() != hardware_svh(hw):
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(hardware_svh(hw))
    simulation = hardware_directory() / "sim"
    design = Design(
        "dsf_sim_top",
        [*rtl_sources(), simulation / "dsf_sim_top.sv"],
        defines=core_defines(hw),
        includes=[config.parent],
    )
    return build(design, cpp=[simulation / "dsf_sim_main.cpp"], optimize="-O3")


def simulate(
    hw: Hardware,
    program: bytes,
    weights: bytes,
    input: bytes | Sequence[bytes],
    output_bytes: int,
    arena_bytes: int = 0,
    *,
    stall: float = 0.0,
    latency: int = 0,
    seed: int = 0,
    runs: int = 1,
    max_cycles: int = 1 << 40,
    check: bool = True,
    on_run: Callable[[int], None] | None = None,
) -> Simulation:
    """
    Runs `program`, the pure instruction stream, `runs` times without a reset in between.

    `input` is what the base register INPUT points at: one for all runs, or a sequence with one for each, of equal length.
    `stall` is the probability, each cycle, that a stream is held up; `latency` the cycles from a DMA command to its first
    beat. `max_cycles` limits each run. `on_run(i)` is called when run i has ended.

    Raises `EngineError` when the engine stops with an error, a DMA is asked for bytes that do not exist, an assertion of the
    RTL fails, or a run takes too long; with `check=False` an error code of the engine is returned instead. Raises
    `ToolError` when Verilator is missing or fails.
    """
    inputs = [input] * runs if isinstance(input, bytes) else list(input)
    if len(inputs) != runs or len({len(one) for one in inputs}) > 1:
        raise ValueError(f"simulate: {len(inputs)} inputs of {sorted({len(one) for one in inputs})} bytes for {runs} runs")
    executable = build_core(hw)
    decoded = _decode(program)
    with tempfile.TemporaryDirectory(prefix="dsf-") as name:
        directory = Path(name)
        (directory / "program").write_bytes(program)
        (directory / "weights").write_bytes(weights)
        (directory / "input").write_bytes(b"".join(inputs))
        steps = [_steps(hw, one) for one in decoded if one.name == "matrix"]
        (directory / "steps").write_text("\n".join(map(str, steps)))
        options = {name: directory / name for name in ("program", "weights", "input", "steps", "output", "trace")}
        numbers = {"output_bytes": output_bytes, "arena_bytes": arena_bytes, "runs": runs, "max_cycles": max_cycles}
        knobs = {"stall": stall, "latency": latency, "seed": seed}
        _execute([str(executable), *(f"{k}={v}" for k, v in (options | numbers | knobs).items())], on_run)
        trace = json.loads((directory / "trace").read_text())
        output = (directory / "output").read_bytes()
    if trace["bus_error"]:
        raise EngineError(
            f"'simulation': {trace['bus_error']}, needs an access inside; the program or the sizes given are wrong"
        )
    if trace["timeout"]:
        raise EngineError(f"'simulation': a run took more than {max_cycles} cycles, needs a larger max_cycles")
    simulation = Simulation(
        outputs=tuple(output[i : i + output_bytes] for i in range(0, len(output), output_bytes)) if output_bytes > 0 else (),
        runs=tuple(_run_trace(run, decoded) for run in trace["runs"]),
        total_cycles=trace["cycles"],
        error=ErrorCode(trace["error_code"]) if trace["error_code"] != 0 else None,
        error_index=trace["error_index"],
        error_detail=trace["error_detail"],
    )
    if check and simulation.error is not None:
        raise EngineError(describe_error(simulation, [one.name for one in decoded]))
    return simulation


def describe_error(simulation: Simulation, names: Sequence[str]) -> str:
    """A sentence on the error that ended a simulation; `names` are those of the program's instructions."""
    error, index = simulation.error, simulation.error_index
    assert error is not None
    name = names[index] if index < len(names) else "illegal"
    text = f"'instruction {index}' ({name}): the engine stopped with {error.name}"
    if error is not ErrorCode.WATCHDOG:
        return text
    queue, missing = simulation.error_detail & 7, simulation.error_detail >> 3
    if queue >= len(Queue):
        return f"{text}: the instruction stream ended early"
    wanted = [one.name for one in Queue if missing >> one & 1]
    why = f"waits for a token of {', '.join(wanted)}" if wanted else "waits for its stream"
    return f"{text}: queue {Queue(queue).name} {why}"


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
    """The array steps of a MATRIX instruction: passes over the channels, times tiles of pixels, times words of a pass."""
    pixels = hw.pixels_tall if matrix["tall"] else hw.rows
    groups = 1 if matrix["tall"] else hw.column_groups
    words = matrix["kernel_rows"] * matrix["kernel_runs"] * matrix["run"]
    return -(-matrix["channel_groups"] // groups) * -(-matrix["pixels"] // pixels) * words


def _run_trace(run: Mapping[str, Any], decoded: Sequence[Decoded]) -> RunTrace:
    """Events of a queue belong to its instructions in program order."""
    starts, finishes, steps = (tuple(map(iter, run["starts"])), tuple(map(iter, run["finishes"])), iter(run["steps"]))
    instructions: list[InstructionTrace] = []
    for index, one in enumerate(decoded):
        queue = one.instruction.queue
        if queue is None:
            continue
        first_step, last_step = next(steps, (None, None)) if queue is Queue.MATRIX else (None, None)
        start, finish = next(starts[queue], None), next(finishes[queue], None)
        instructions.append(InstructionTrace(index, one.name, queue, start, finish, first_step, last_step))
    first_input, last_output, done = (None if run[name] < 0 else run[name] for name in ("first_input", "last_output", "done"))
    return RunTrace(first_input, last_output, done, tuple(instructions))
