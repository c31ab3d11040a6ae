"""
Single layers and a small network, on the simulated system: `make bench-layers`, or `python -m benchmarks.layers`.

Cycles are those from the first input beat to the last output beat of one inference, 8 bits, 32-bit sums, 128-bit ports, without
stalls. "Streamed" weights and parameters are all loaded within that window, as DeepSoCFlow does it, and none are there before:
what its cycles and the aims are compared with. "Resident" ones are loaded once for all runs, where a network's fit on chip, as
those of each of these layers do. Ideal cycles are multiplications, those with padding included, divided by
processing elements. Every run is compared with the interpreter in each element that an instruction writes. A layer that the
compiler refuses is in the table, with the reason.

CPU instructions are those of the C firmware for an inference: written for the processor of this computer, -O2, counted by
valgrind, waiting excluded. The estimate is the compiler's, which assumes a memory without latency. The result goes to
`benchmarks/results/layers.json` if nothing was left out.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache
from itertools import product
from math import prod
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region

from benchmarks.seven_bundles import make_hardware, make_model
from dsf.codegen.files import tensor_bytes
from dsf.codegen.program import Program
from dsf.compiler import compile_module, random_input
from dsf.dialects import bundle
from dsf.dialects.engine import HardwareOp
from dsf.errors import DsfError
from dsf.geometry import resolve_padding
from dsf.hardware import Hardware
from dsf.nn.to_ir import to_ir
from dsf.resources import firmware_directory
from dsf.runtime.expected import interpret
from dsf.runtime.rtl import simulate
from dsf.runtime.verilator import compile_c
from dsf.transforms.dsf_pipeline import DsfPipelinePass

RESULT = Path(__file__).parent / "results" / "layers.json"
HARDWARE = {"8x24": (8, 24), "16x16": (16, 16), "8x8": (8, 8), "7x96": (7, 96)}
LATENCIES = (0, 64)
WEIGHTS = ("streamed", "resident")


@dataclass(frozen=True)
class Layer:
    """A convolution with 'same' padding and ReLU; with `kernel` 0 a dense layer. `channels` are of the input and the output."""

    channels: tuple[int, int]
    kernel: int = 0
    image: tuple[int, int] = (1, 1)
    stride: int = 1
    groups: int = 1
    batch: int = 1

    def module(self, hw: Hardware) -> ModuleOp:
        """The layer at the `bundle` level, with random weights and biases, always the same."""
        random = np.random.default_rng(0)
        inputs, outputs = self.channels
        sizes = (self.batch, *self.image, inputs) if self.kernel else (self.batch, inputs)
        block = Block(arg_types=[bundle.tensor_of(sizes, bundle.QType.of(8, 4))])
        taps = (self.kernel, self.kernel, inputs // self.groups) if self.kernel else (inputs,)
        weights = np.ldexp(random.integers(-128, 128, (*taps, outputs)), -7)
        # Sums of random products grow with the root of their number: with these fraction bits most fill 8 bits.
        frac = 3 - round(np.log2(prod(taps)) / 2)
        bias = np.ldexp(random.integers(-(1 << 11), 1 << 11, outputs), -11)
        kinds = bundle.QType.of(8, 7), bundle.QType.of(16, 11)
        if self.kernel:
            window = (self.kernel, self.kernel), (self.stride, self.stride)
            core = bundle.ConvOp(
                block.args[0],
                weights,
                kinds[0],
                bits_sum=hw.bits_sum,
                bias=bias,
                bias_type=kinds[1],
                strides=window[1],
                padding=resolve_padding("same", self.image, *window),
                groups=self.groups,
            )
        else:
            core = bundle.DenseOp(block.args[0], weights, kinds[0], bits_sum=hw.bits_sum, bias=bias, bias_type=kinds[1])
        layers: list[Operation] = [core, bundle.ActivationOp(core.output, bundle.QType.of(8, frac), 0.0)]
        group = bundle.BundleOp("layer", layers)
        block.add_ops([group, func.ReturnOp(group.output)])
        signature = FunctionType.from_lists([block.args[0].type], [group.output.type])
        return ModuleOp([HardwareOp.from_hardware(hw), func.FuncOp("main", signature, Region(block))])

    @property
    def macs(self) -> int:
        inputs, outputs = self.channels
        positions = prod(-(-size // self.stride) for size in self.image)
        return self.batch * positions * outputs * max(1, self.kernel) ** 2 * (inputs // self.groups)


@dataclass(frozen=True)
class Case:
    """What is measured: `bits` of the numbers, multiplications, outputs whose softmax is the processor's, and the module."""

    bits: int
    macs: int
    softmax: int
    module: Callable[[Hardware], ModuleOp]


def _case(layer: Layer) -> Case:
    return Case(8, layer.macs, 0, layer.module)


def _seven_bundles(hw: Hardware) -> ModuleOp:
    return to_ir(make_model(hw))


#: Multiplications of the seven bundles, those with padding included, as `report.json` counts them.
SEVEN_BUNDLES_MACS = 676_488

CASES = {
    "conv3x3": _case(Layer((32, 64), 3, (32, 32))),
    "conv1x1": _case(Layer((64, 128), 1, (16, 16))),
    "dense_b1": _case(Layer((512, 128))),
    "dense_b8": _case(Layer((512, 128), batch=8)),
    "conv3x3s2": _case(Layer((32, 64), 3, (32, 32), stride=2)),
    "conv5x5": _case(Layer((32, 64), 5, (32, 32))),
    "conv7x7s2": _case(Layer((3, 64), 7, (56, 56), stride=2)),
    "depthwise3x3": _case(Layer((64, 64), 3, (32, 32), groups=64)),
    "seven_bundles": Case(4, SEVEN_BUNDLES_MACS, 10, _seven_bundles),
}

#: On 8x24 without latency: what DeepSoCFlow was measured to take, its processor for free, and what this engine aims at.
BARS: dict[str, tuple[int | None, int]] = {
    "conv3x3": (99_624, 98_900),
    "conv1x1": (12_503, 11_800),
    "dense_b1": (5_224, 4_500),
    "dense_b8": (5_224, 4_700),
    "conv3x3s2": (99_624, 25_900),
    "conv5x5": (330_221, 274_500),
    "conv7x7s2": (240_161, 43_500),
    "depthwise3x3": (None, 15_000),
    "seven_bundles": (20_410, 6_000),
}


@dataclass(frozen=True)
class Measurement:
    """
    A row of the table. `hardware` also names a latency, and weights that are resident, so that name and hardware are a key.
    What is unknown is None; `problem` says why the layer did not run.
    """

    name: str
    hardware: str
    memory_latency: int
    cycles: int | None
    ideal_cycles: int
    utilisation: float | None
    estimate_cycles: int | None
    cpu_instructions: int | None
    weights: str
    command: str
    problem: str | None = None


def compile_case(case: Case, hw: Hardware, *, resident: bool = False) -> Program:
    """The program of a case; with `resident` weights. Raises `DsfError` if the compiler refuses it."""
    return Program.from_module(compile_module(case.module(hw), pipeline=DsfPipelinePass(resident_weights=resident)))


def run_program(program: Program, latency: int) -> int:
    """Cycles of a run on the RTL. Raises `MismatchError` if any instruction writes something wrong."""
    x = random_input(program.to_module())
    expected = interpret(program, [x])
    data = tensor_bytes(program.inputs[0], x)
    result = simulate(
        program.hardware,
        program.stream,
        program.weights,
        data,
        program.output_bytes,
        program.arena_bytes,
        load_program=program.load_stream,
        latency=latency,
        expected=expected,
    )
    if result.outputs != expected.outputs:
        raise AssertionError("the output differs")
    return result.cycles


def measure(name: str, hardware: str, latencies: list[int], weights: str) -> Iterator[Measurement]:
    """A case on an engine, for each memory latency."""
    case, elements = CASES[name], HARDWARE[hardware]
    ideal = case.macs / prod(elements)
    problem, program = None, None
    try:
        program = compile_case(case, make_hardware(case.bits, elements), resident=weights == "resident")
    except DsfError as error:
        problem = f"not compiled: {error}"
    options = f"--layers {name} --hardware {hardware} --weights {weights}"
    for latency in latencies:
        cycles = None if program is None else run_program(program, latency)
        yield Measurement(
            name=name,
            hardware=_label(hardware, latency, weights),
            memory_latency=latency,
            cycles=cycles,
            ideal_cycles=round(ideal),
            utilisation=None if cycles is None else round(ideal / cycles, 4),
            estimate_cycles=None if program is None else program.cycles,
            cpu_instructions=None if program is None else cpu_instructions(case.softmax),
            weights=weights,
            command=f"python -m benchmarks.layers {options} --latency {latency}",
            problem=problem,
        )


def _label(hardware: str, latency: int, weights: str) -> str:
    """What the numbers of a table hold for."""
    return hardware + (f" latency {latency}" if latency else "") + (" resident weights" if weights == "resident" else "")


@cache
def cpu_instructions(softmax: int) -> int | None:
    """Instructions of the firmware for an inference, with the softmax of so many numbers; None without valgrind."""
    if shutil.which("valgrind") is None:
        return None
    firmware = firmware_directory()
    headers, flags = sorted(firmware.glob("*.h")), ["-std=c99", "-O2", "-DDSF_MMIO", f"-I{firmware}"]
    sources = firmware / "dsf.c", Path(__file__).with_name("firmware_cost.c")
    objects = [compile_c(source, headers, flags=flags) for source in sources]
    with tempfile.TemporaryDirectory() as name:
        executable, counts = Path(name) / "firmware_cost", Path(name) / "counts"
        subprocess.run(["cc", *objects, "-o", executable], check=True)
        collect = [f"--toggle-collect={function}" for function in ("dsf_run", "dsf_softmax")]
        command = ["valgrind", "--tool=callgrind", *collect, f"--callgrind-out-file={counts}", executable, str(softmax)]
        subprocess.run(command, check=True, capture_output=True)
        total = re.search(r"^(?:totals|summary): (\d+)", counts.read_text(), re.MULTILINE)
    assert total is not None
    return int(total[1])


def table_of(rows: list[Measurement], title: str, *, bars: bool) -> Table:
    """The measurements of one engine; with `bars` beside those of DeepSoCFlow and the aims."""
    columns = ["layer", "cycles", "ideal", "utilisation", "estimate", "error", "CPU instructions"]
    table = Table(title=title)
    for column in [*columns, *(["DeepSoCFlow", "aim", ""] if bars else [])]:
        table.add_column(column, justify="left" if column == "layer" else "right")
    for row in rows:
        table.add_row(*_cells(row), *(_bars(row) if bars else ()))
    return table


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _cells(row: Measurement) -> list[str]:
    if row.cycles is None or row.estimate_cycles is None or row.utilisation is None:
        return [row.name, "-", f"{row.ideal_cycles:,}", "-", "-", "-", "-"]
    error = row.estimate_cycles - row.cycles
    return [
        row.name,
        f"{row.cycles:,}",
        f"{row.ideal_cycles:,}",
        f"{row.utilisation:.1%}",
        f"{row.estimate_cycles:,}",
        f"{error:+,} ({error / row.cycles:+.1%})",
        _number(row.cpu_instructions),
    ]


def _bars(row: Measurement) -> list[str]:
    other, aim = BARS[row.name]
    met = "" if row.cycles is None else "met" if row.cycles <= aim else "missed"
    return [_number(other), f"{aim:,}", met]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers", description=__doc__.split("\n\n")[0])
    parser.add_argument("--layers", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--hardware", nargs="*", choices=HARDWARE, default=list(HARDWARE))
    parser.add_argument("--latency", nargs="*", type=int, default=list(LATENCIES), help="cycles of memory")
    parser.add_argument("--weights", nargs="*", choices=WEIGHTS, default=list(WEIGHTS), help="where they come from")
    chosen = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    rows: list[Measurement] = []
    for hardware, weights in product(chosen.hardware, chosen.weights):
        of_engine: list[Measurement] = []
        for name in chosen.layers:
            with console.status(f"{name} on {hardware} (an engine is built once, which takes a minute or two)"):
                of_engine += measure(name, hardware, chosen.latency, weights)
        for latency in chosen.latency:
            some = [row for row in of_engine if row.memory_latency == latency]
            comparable = hardware == "8x24" and latency == 0 and weights == "streamed"
            console.print(table_of(some, _label(hardware, latency, weights), bars=comparable))
        rows += of_engine
    for problem in dict.fromkeys((row.name, row.problem) for row in rows if row.problem is not None):
        console.print(f"{problem[0]}: {problem[1]}", highlight=False, soft_wrap=True)
    if any(row.cycles is not None and row.cpu_instructions is None for row in rows):
        console.print("CPU instructions were not counted: valgrind is not installed")
    if vars(chosen) == {name: parser.get_default(name) for name in vars(chosen)}:
        RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
        console.print(f"written to {RESULT.relative_to(RESULT.parents[2])}")


if __name__ == "__main__":
    main()
