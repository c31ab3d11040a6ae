"""
Trained networks from other people's exporters, through the compiler: `make bench-accuracy`, or `python -m benchmarks.accuracy`.

The networks and their files are those of `benchmarks.trained`. Each is also quantised here, from the float file. For every
file: the score on the test data in the runtime that it was made for, onnxruntime or Brevitas's own modules; on the engine, in
the interpreter; how far the outputs of the two are apart (signal to noise in dB, with Brevitas of the inputs kept beside the
files); of the layer that is farthest from onnxruntime on its own inputs, the part of the elements that are equal
(`benchmarks.layerwise`); and the cycles of an inference on the simulated RTL, which is compared with the interpreter element by
element. The score is the fraction of right answers, of the autoencoder the signal-to-noise of its images in dB. A network that
the compiler refuses is in the table, with the reason.

The result goes to `benchmarks/results/accuracy.json`, and from there into the documents (`benchmarks.accuracy_tables`).
`--files DIR` keeps the files, with some test data beside them, as
`tests/data/trained` has them; what lies there already is not trained again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks import accuracy_tables
from benchmarks.accuracy_tables import COLUMNS, RESULT, cells
from benchmarks.layerwise import compare_layers, session_of
from benchmarks.trained import (
    NETWORKS,
    BrevitasLayers,
    Data,
    FixedPointLayers,
    FloatLayers,
    Network,
    computed,
    train,
    write_brevitas,
    write_float,
    write_quantised,
)
from dsf.frontend.forms import to_qdq
from dsf.frontend.onnx.check import check_onnx
from dsf.frontend.onnx.model import from_onnx
from dsf.frontend.quantize import QuantizeOptions, quantize_model
from dsf.hardware import DEFAULT_HARDWARE, Hardware
from dsf.progress import Steps, new_console
from dsf.proof import Options, prove

HARDWARE = DEFAULT_HARDWARE
NARROW = replace(HARDWARE, bits_input=4, bits_weights=4)
#: What is quantised here: by name, the options and the hardware.
OURS: dict[str, tuple[dict[str, Any], Hardware]] = {
    "8 bits": ({}, HARDWARE),
    "8 bits, power-of-two scales": ({"scales": "power-of-two"}, HARDWARE),
    "8 bits, zero points": ({"zero_points": True}, HARDWARE),
    "4 bits": ({}, NARROW),
}
#: What other people's exporters write: by the form in a file's name.
THEIRS = {
    "qdq": "onnxruntime QDQ",
    "qonnx": "Brevitas QONNX",
    "qcdq": "Brevitas QCDQ",
    "fixed": "Brevitas QONNX, fixed point",
}
#: Of these Brevitas itself says what is right, with what it computed when it wrote the file.
OF_BREVITAS = ("qonnx", "fixed")
CALIBRATION = 200
#: Inputs that run on the RTL.
SIMULATED = 2
#: Inputs kept beside the files, for tests.
KEPT = 32


@dataclass(frozen=True)
class Row:
    """
    A file on the engine, beside the runtime it was made for; what is unknown is None, and `problem` says why. `snr` is
    infinite, in JSON null, for outputs that are identical.
    """

    network: str
    form: str
    runtime: str
    score: float
    engine_score: float | None = None
    identical: bool | None = None
    snr: float | None = None
    layers_equal: float | None = None
    cycles: int | None = None
    problem: str | None = None


def run(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[Any]:
    """onnxruntime, node by node as they are written, input by input."""
    session = session_of(model)
    return np.concatenate([session.run(None, {"x": one[None]})[0] for one in x])


def write_files(name: str, folder: Path, data: Data, network: Network) -> None:
    """Trains a network three times, float and twice with Brevitas; writes its files, and what Brevitas computes."""
    paths = {form: folder / f"{name}.{form}.onnx" for form in ("float", *THEIRS)}
    write_float(train(network, FloatLayers()), data, paths["float"])
    write_quantised(paths["float"], data.train[:CALIBRATION], paths["qdq"])
    kept: dict[str, Any] = {"train": data.train[:KEPT], "x": data.test[:KEPT], "targets": data.test_targets[:KEPT]}
    free, fixed = train(network, BrevitasLayers()), train(network, FixedPointLayers())
    write_brevitas(free, data, {"qonnx": paths["qonnx"], "qcdq": paths["qcdq"]})
    write_brevitas(fixed, data, {"qonnx": paths["fixed"]})
    for form, module in (("qonnx", free), ("fixed", fixed)):
        results = computed(module, data.test)
        kept |= {form: results[:KEPT], f"{form}_score": network.score(results, data.test_targets)}
    np.savez_compressed(folder / f"{name}.npz", **kept)


def measure(name: str, folder: Path, data: Data, network: Network, *, rtl: bool) -> Iterator[Row]:
    """Every form of a network."""
    source = onnx.load(folder / f"{name}.float.onnx")
    yield Row(name, "float", "onnxruntime", network.score(run(source, data.test), data.test_targets))
    for form, (changes, hw) in OURS.items():
        options = QuantizeOptions.of_hardware(hw, **changes)
        model = quantize_model(source, data.train[:CALIBRATION], options).model
        theirs = run(model, data.test)
        row = Row(name, f"DSF {form}", "onnxruntime", network.score(theirs, data.test_targets))
        yield _on_engine(row, model, hw, data, theirs, rtl=rtl and hw == HARDWARE)
    with np.load(folder / f"{name}.npz") as kept:
        for form, title in THEIRS.items():
            model = onnx.load(folder / f"{name}.{form}.onnx")
            if form in OF_BREVITAS:
                theirs, row = kept[form], Row(name, title, "Brevitas", float(kept[f"{form}_score"]))
            else:
                theirs = run(model, data.test)
                row = Row(name, title, "onnxruntime", network.score(theirs, data.test_targets))
            yield _on_engine(row, model, HARDWARE, data, theirs, rtl=rtl)


def _on_engine(row: Row, model: onnx.ModelProto, hw: Hardware, data: Data, theirs: NDArray[Any], *, rtl: bool) -> Row:
    """The row with all that the engine makes of the model; `theirs` are the outputs of its own runtime, for the first tests."""
    checked = check_onnx(model, hw)
    if checked.problems:
        return replace(row, problem=checked.problems[0])
    compiled = from_onnx(model, hw)
    ours = compiled.predict(data.test).reshape(len(data.test), *theirs.shape[1:])
    layers = compare_layers(compiled, to_qdq(model), [one[None] for one in data.test[:KEPT]])
    cycles = None
    if rtl:
        inputs = [compiled.integers_of(one[None]) for one in data.test[:SIMULATED]]
        with tempfile.TemporaryDirectory() as folder:
            cycles = prove(compiled.module, inputs, Path(folder), Options(), Steps(new_console(quiet=True)), quiet=True).cycles
    beside = ours[: len(theirs)].astype(np.float32)
    noise = np.square(theirs - beside).sum(dtype=np.float64)
    return replace(
        row,
        engine_score=NETWORKS[row.network].score(ours, data.test_targets),
        identical=bool(noise == 0),
        snr=None if noise == 0 else round(float(10 * np.log10(np.square(theirs).sum(dtype=np.float64) / noise)), 1),
        layers_equal=round(1 - max(one.decided_fraction for one in layers), 6),
        cycles=cycles,
    )


def write_results(rows: list[Row]) -> None:
    """Puts the rows of networks into the file of results, in place of their old ones."""
    old: list[dict[str, Any]] = json.loads(RESULT.read_text()) if RESULT.is_file() else []
    new = {row.network for row in rows}
    merged = [row for row in old if row["network"] not in new] + [asdict(row) for row in rows]
    merged.sort(key=lambda row: list(NETWORKS).index(row["network"]))
    RESULT.write_text(json.dumps(merged, indent=2) + "\n")


def table_of(rows: list[Row]) -> Table:
    table = Table(title="Score on test data: right answers, of the autoencoder dB")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right")
    for row in rows:
        table.add_row(*cells(asdict(row)))
    return table


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.split("\n\n")[0])
    parser.add_argument("--networks", nargs="*", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--files", type=Path, metavar="DIR", help="keep the ONNX files there, or take those that are there")
    parser.add_argument("--no-rtl", action="store_true", help="do not simulate the engine")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    console = Console()
    console = console if console.is_terminal else Console(width=140)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.files or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for name in chosen.networks:
            network = NETWORKS[name]
            data = network.data()
            with console.status(f"{name}: trained, exported, measured"):
                if not (folder / f"{name}.npz").is_file():
                    write_files(name, folder, data, network)
                of_network = list(measure(name, folder, data, network, rtl=not chosen.no_rtl))
            write_results(of_network)
            rows += of_network
    accuracy_tables.main()
    console.print(table_of(rows))
    for row in rows:
        if row.problem is not None:
            console.print(f"{row.network}, {row.form}: {row.problem}", highlight=False, soft_wrap=True)
    console.print(f"written to {RESULT.relative_to(RESULT.parents[2])}")


if __name__ == "__main__":
    main()
