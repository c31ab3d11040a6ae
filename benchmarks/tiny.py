"""
The four networks of MLPerf Tiny on 256 processing elements, in RTL: `python -m benchmarks.tiny`, or `make bench-tiny`.

All of them run on one engine of 4 x 64 elements for 8 bits, with weights on chip from a load program that ran before. Each is
compiled with random weights, compared from real numbers down to the RTL, where the C firmware drives the whole system, and
measured: cycles of an inference from the first input beat to the last output beat, beside the compiler's estimate, and words
that cross the ports in a run, each of 8 bits, instructions included. `results/tiny.json` has the results.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dsf import Hardware, zoo
from dsf.nn.export_inference import Inference

RESULT = Path(__file__).parent / "results" / "tiny.json"
#: Cycles that an inference is to take at most.
AIMS = {"resnet8": 50_000, "mobilenet": 55_000, "dscnn": 20_000, "autoencoder": 5_000}

#: The memories are as large as the networks need: 64 KB of activations, 288 KB of weights.
HARDWARE = Hardware(
    processing_elements=(4, 64),
    column_groups=4,
    vector_length=32,
    feature_memory=64 << 10,
    weight_memory=288 << 10,
    parameter_groups=256,
    max_kernel_size=(10, 4),
    max_image_size=(96, 96),
    max_channels_in=640,
    max_channels_out=640,
    name="tiny",
)


@dataclass(frozen=True)
class Measurement:
    """A network on an engine; `dram_words` are words of `bits_input` bits that cross the ports in a run."""

    name: str
    scope: str
    hardware: str
    cycles: int
    estimate_cycles: int
    dram_words: int
    fps: float
    mhz: float
    bit_exact: bool
    command: str


def measure(name: str, stalls: float, *, verbose: bool) -> Measurement:
    """A network, with random weights, on the simulated system. Raises `MismatchError` where any level differs from another."""
    model = zoo.build(name, HARDWARE)
    found = model.export_inference(model.random_input, Path("build") / f"tiny_{name}", stalls=stalls, verbose=verbose)
    return measurement(name, stalls, found)


def measurement(name: str, stalls: float, found: Inference) -> Measurement:
    """What a run that agreed at every level took."""
    report, cycles = found.report, found.cycles
    assert cycles is not None
    if report["load_program"] is None:
        raise AssertionError(f"{name}: its weights are not resident")
    return Measurement(
        name=name,
        scope="all",
        hardware="x".join(map(str, HARDWARE.processing_elements)),
        cycles=cycles,
        estimate_cycles=report["cycles"],
        dram_words=sum(report["port_bytes"].values()) * 8 // HARDWARE.bits_input,
        fps=round(HARDWARE.frequency * 1e6 / cycles, 1),
        mhz=HARDWARE.frequency,
        bit_exact=True,
        command=f"python -m benchmarks.tiny --networks {name} --stalls {stalls}",
    )


def table_of(rows: list[Measurement]) -> Table:
    table = Table(title=f"MLPerf Tiny on {rows[0].hardware} elements, 8 bit, weights on chip")
    for column in ("network", "cycles", "aim", "", "estimate", "error", "words", f"inferences/s at {HARDWARE.frequency} MHz"):
        table.add_column(column, justify="left" if column == "network" else "right")
    for row in rows:
        error, aim = row.estimate_cycles - row.cycles, AIMS[row.name]
        table.add_row(
            row.name,
            f"{row.cycles:,}",
            f"{aim:,}",
            "met" if row.cycles <= aim else "missed",
            f"{row.estimate_cycles:,}",
            f"{error:+,} ({error / row.cycles:+.1%})",
            f"{row.dram_words:,}",
            f"{row.fps:,}",
        )
    return table


def write_results(rows: list[Measurement]) -> None:
    """Puts rows into the file of results, in place of those of the same network."""
    old: list[dict[str, Any]] = json.loads(RESULT.read_text()) if RESULT.is_file() else []
    by_name = {row["name"]: row for row in [*old, *map(asdict, rows)]}
    RESULT.write_text(json.dumps([by_name[name] for name in AIMS if name in by_name], indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tiny", description=__doc__.split("\n\n")[0])
    parser.add_argument("--networks", nargs="*", choices=AIMS, default=list(AIMS))
    parser.add_argument("--stalls", type=float, default=0.1, help="chance of a stall each cycle, in the second run")
    parser.add_argument("--verbose", action="store_true", help="show the report of each network")
    chosen = parser.parse_args()
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    rows: list[Measurement] = []
    for name in chosen.networks:
        with console.status(f"{name} (the engine is built once, which takes a minute or two)"):
            rows.append(measure(name, chosen.stalls, verbose=chosen.verbose))
    console.print(table_of(rows))
    write_results(rows)
    console.print(f"written to {RESULT.relative_to(RESULT.parents[2])}")


if __name__ == "__main__":
    main()
