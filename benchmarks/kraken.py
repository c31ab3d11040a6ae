"""
ImageNet networks on an engine as large as Kraken (arXiv 2112.02793): `make bench-kraken`, or `python -m benchmarks.kraken`.

7 x 96 processing elements in 3 column groups, 8 bits, 384 KB on chip for features, weights and parameters together, two 128-bit
read ports and one write port, batch 1. The engine is the same for all networks. `conv` are the convolutions of a
network with all that belongs to them (biases, activations, additions, poolings) without its dense layers, which is what
Kraken's figures are for; `everything` is the same with no multiplication left out; `all` is the whole network.

Weights are random. Every run is compared with the interpreter in each element that an instruction writes. Cycles are those
of the simulated engine, from the first input beat to the last output beat of an image, all weights loaded within; frames a
second are what they give at 400 MHz. DRAM words, of 8 bits, are all that crosses the ports: features, parameters and
instructions, and the engine's own counters of its ports are held to that. Multiplications whose results nobody reads are left
out (`skip-unread`) unless the scope is `everything`: of ResNet-50 v1 a tenth, of the others none. The result goes to
`benchmarks/results/kraken.json`, in place of that of the same networks, bundle by bundle, as `dsf.codegen.report` has them;
`benchmarks.plots` draws it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp

from dsf import Hardware, zoo
from dsf.codegen.program import Program
from dsf.codegen.report import NOT_MEASURED, make_report
from dsf.compiler import compile_module, random_input
from dsf.dialects import bundle
from dsf.errors import DsfError
from dsf.nn.to_ir import to_ir
from dsf.proof import check_traffic, measure
from dsf.runtime.expected import interpret
from dsf.runtime.rtl import build_core, simulate_program
from dsf.transforms.dsf_pipeline import DsfPipelinePass

RESULT = Path(__file__).parent / "results" / "kraken.json"
MHZ = 400
ON_CHIP = 384 << 10
SCOPES = ("conv", "everything", "all")
#: The networks that have results which nobody reads; of the others `everything` would be `conv` once more.
WITH_UNREAD = ("resnet50",)
#: What is kept of a report's bundles.
OF_BUNDLES = ("name", "macs", "cycles", "measured_cycles", "utilization", "port_bytes")


@dataclass(frozen=True)
class Published:
    """What is published for the convolutions of a network, and what this engine aims at: frames a second, millions of words."""

    kraken: tuple[float, float]
    aim: tuple[float, float]


#: By name: the network of the zoo, and the figures.
NETWORKS = {
    "alexnet": ("alexnet", Published((336.6, 6.4), (395.0, 3.6))),
    "vgg16": ("vgg16", Published((17.5, 96.8), (17.5, 75.0))),
    "resnet50": ("resnet50_v1", Published((64.2, 67.9), (68.0, 44.0))),
}


def make_hardware() -> Hardware:
    """
    The engine. Its features have room for strips of three rows of VGG-16, eleven rows of 14 KB, and its weights for the longest
    reductions, of 144 KB, and nearly half of the next.
    """
    hw = Hardware(
        processing_elements=(7, 96),
        column_groups=3,
        frequency=MHZ,
        bits_bias=32,
        max_kernel_size=(11, 11),
        max_image_size=(227, 227),
        max_channels_in=25088,
        max_channels_out=4096,
        name="kraken",
        feature_memory=179 << 10,
        weight_memory=199 << 10,
        parameter_groups=24,
    )
    used = hw.feature_memory + hw.weight_memory + hw.parameter_groups * hw.group_columns * 8
    assert used <= ON_CHIP, used
    return hw


def without_dense_layers(module: ModuleOp) -> ModuleOp:
    """A module whose function ends with its last convolution."""
    function = next(op for op in module.ops if isinstance(op, func.FuncOp))
    returned = function.get_return_op()
    assert returned is not None
    value = returned.arguments[0]
    while isinstance(owner := value.owner, bundle.BundleOp) and any(isinstance(op, bundle.DenseOp) for op in owner.layers):
        value = next(iter(owner.layers)).operands[0]
    returned.operands[0] = value
    for op in reversed(list(function.body.block.ops)):
        if op is not returned and all(result.first_use is None for result in op.results):
            op.detach()
            op.erase()
    function.properties["function_type"] = FunctionType.from_lists(function.function_type.inputs.data, [value.type])
    return module


@dataclass(frozen=True)
class Measurement:
    """
    A row: cycles of an image, measured and estimated, words of 8 bits through the ports, and seconds of the compiler and of the
    simulation. What was not simulated is None.
    """

    name: str
    scope: str
    hardware: str
    cycles: int | None
    estimate_cycles: int
    #: The bundle whose estimate is furthest off, beyond 20 cycles, and by how much of what was measured.
    worst_bundle: str | None
    worst_error: float | None
    dram_words: int
    fps: float
    mhz: int
    bit_exact: bool | None
    compile_seconds: float
    simulation_seconds: float | None
    command: str
    bundles: list[dict[str, Any]]


def compile_network(name: str, scope: str) -> Program:
    """The program of a network. Raises `DsfError` if the compiler refuses it."""
    network, _ = NETWORKS[name]
    module = to_ir(zoo.build(network, make_hardware()))
    pipeline = DsfPipelinePass(skip_unread=scope != "everything")
    return Program.from_module(compile_module(module if scope == "all" else without_dense_layers(module), pipeline=pipeline))


def rows_of(networks: Iterable[str], scopes: Iterable[str]) -> list[tuple[str, str]]:
    """The networks in the scopes that say something of them."""
    return [(name, scope) for name, scope in product(networks, scopes) if scope != "everything" or name in WITH_UNREAD]


def measure_network(name: str, scope: str, *, rtl: bool, console: Console) -> Measurement:
    """
    Compiles, and with `rtl` runs a network. Raises `MismatchError` if any instruction writes something wrong, or a port moves
    other than the report says.
    """
    begin = time.perf_counter()
    program = compile_network(name, scope)
    compiled = time.perf_counter() - begin
    seconds = exact = worst = None
    measured = NOT_MEASURED
    if rtl:
        x = random_input(program.to_module())
        with console.status(f"{name}, {scope}: interpreter"):
            expected = interpret(program, [x])
        with console.status(f"{name}, {scope}: the simulated engine"):
            begin = time.perf_counter()
            simulation = simulate_program(program, [x], expected=expected)
            seconds = round(time.perf_counter() - begin, 1)
        check_traffic(program, simulation)
        exact, measured = simulation.outputs == expected.outputs, measure(program, simulation)
        worst = _worst(program, measured.bundles)
    assert program.cycles is not None
    report = make_report(program, name, measured)
    return Measurement(
        name=name,
        scope=scope,
        hardware="7x96",
        cycles=measured.cycles,
        estimate_cycles=program.cycles,
        worst_bundle=None if worst is None else worst[1],
        worst_error=None if worst is None else round(worst[0], 4),
        dram_words=sum(report["port_bytes"].values()),
        fps=round(MHZ * 1e6 / (program.cycles if measured.cycles is None else measured.cycles), 2),
        mhz=MHZ,
        bit_exact=exact,
        compile_seconds=round(compiled, 1),
        simulation_seconds=seconds,
        command=f"python -m benchmarks.kraken --networks {name} --scopes {scope}",
        bundles=[{key: one[key] for key in OF_BUNDLES} for one in report["bundles"]],
    )


def _worst(program: Program, measured: Any) -> tuple[float, str] | None:
    """The largest relative error of a bundle's estimate that is more than 20 cycles, and the bundle's name."""
    errors = [
        ((info.cycles - measured[info.name]) / measured[info.name], info.name)
        for info in program.bundles
        if info.cycles is not None and info.name in measured and abs(info.cycles - measured[info.name]) > 20
    ]
    return max(errors, key=lambda one: abs(one[0]), default=None)


def table_of(rows: list[Measurement]) -> Table:
    """The measurements, those of convolutions beside what is published."""
    table = Table(title=f"7 x 96 processing elements at {MHZ} MHz: frames a second and millions of DRAM words a frame")
    columns = (
        "network",
        "layers",
        "cycles",
        "estimate",
        "fps",
        "Kraken",
        "aim",
        "Mwords",
        "Kraken",
        "aim",
        "compiled",
        "simulated",
    )
    for column in columns:
        table.add_column(column, justify="left" if column in ("network", "layers") else "right")
    for row in rows:
        published = None if row.scope == "all" else NETWORKS[row.name][1]
        rates = ("-", "-") if published is None else (f"{published.kraken[0]}", f"{published.aim[0]}")
        words = ("-", "-") if published is None else (f"{published.kraken[1]}", f"{published.aim[1]}")
        table.add_row(
            row.name,
            row.scope,
            "-" if row.cycles is None else f"{row.cycles:,}",
            f"{row.estimate_cycles:,}",
            f"{row.fps}",
            *rates,
            f"{row.dram_words / 1e6:.2f}",
            *words,
            f"{row.compile_seconds} s",
            "-" if row.simulation_seconds is None else f"{row.simulation_seconds} s",
        )
    return table


def write_results(rows: list[Measurement]) -> None:
    """Puts rows into the file of results, in place of those of the same network and scope."""
    old: list[dict[str, Any]] = json.loads(RESULT.read_text()) if RESULT.is_file() else []
    by_key = {(row["name"], row["scope"]): row for row in [*old, *map(asdict, rows)]}
    texts = [_row_text(by_key[key]) for key in rows_of(NETWORKS, SCOPES) if key in by_key]
    RESULT.write_text("[\n" + ",\n".join(texts) + "\n]\n")


def _row_text(row: dict[str, Any]) -> str:
    """A row as JSON, a bundle a line."""
    bundles = ",\n".join(f"      {json.dumps(one)}" for one in row["bundles"])
    entries = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in row.items() if key != "bundles"]
    return "  {\n" + ",\n".join([*entries, f'    "bundles": [\n{bundles}\n    ]']) + "\n  }"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kraken", description=__doc__.split("\n\n")[0])
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--scopes", nargs="*", choices=SCOPES, default=list(SCOPES))
    parser.add_argument("--estimate", action="store_true", help="compile only, and write no results")
    chosen = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    if not chosen.estimate:
        with console.status("each engine is built once, which takes some minutes"):
            build_core(make_hardware())
    rows: list[Measurement] = []
    for name, scope in rows_of(chosen.networks, chosen.scopes):
        try:
            rows.append(measure_network(name, scope, rtl=not chosen.estimate, console=console))
        except DsfError as error:
            console.print(f"{name}, {scope}: {error}", highlight=False, soft_wrap=True)
            continue
        if not chosen.estimate:
            write_results(rows[-1:])
    console.print(table_of(rows))
    if not chosen.estimate:
        console.print(f"written to {RESULT.relative_to(RESULT.parents[2])}; `make plots` draws it")


if __name__ == "__main__":
    main()
