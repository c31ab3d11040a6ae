"""
Trained networks from other people's exporters, through the compiler: `make bench-accuracy`, or `python -m benchmarks.accuracy`.

The networks and their files are those of `benchmarks.trained`. Each is also quantised here, from the float file. For every
file: the score on the test data in onnxruntime; on the engine, in the interpreter; how far the two are apart (signal to noise
of the outputs, in dB); and the cycles of an inference on the simulated RTL, which is compared with the interpreter element by
element. The score is the fraction of right answers, of the autoencoder the signal-to-noise of its images in dB. A network that
the compiler refuses is in the table, with the reason.

The result goes to `benchmarks/results/accuracy.json`. `--files DIR` keeps the files, with some test data beside them, as
`tests/data/trained` has them; what lies there already is not trained again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.trained import (
    NETWORKS,
    BrevitasLayers,
    Data,
    FloatLayers,
    Network,
    train,
    write_brevitas,
    write_float,
    write_quantised,
)
from dsf.errors import DsfError
from dsf.frontend.forms import to_qdq
from dsf.frontend.onnx.model import from_onnx
from dsf.frontend.quantize import QuantizeOptions, quantize_model
from dsf.hardware import Hardware
from dsf.progress import Steps, new_console
from dsf.proof import Options, prove

RESULT = Path(__file__).parent / "results" / "accuracy.json"
HARDWARE = Hardware(bits_bias=32)
NARROW = Hardware(bits_input=4, bits_weights=4, bits_bias=32)
#: What is quantised here: by name, the options and the hardware.
OURS: dict[str, tuple[dict[str, Any], Hardware]] = {
    "8 bits": ({}, HARDWARE),
    "8 bits, power-of-two scales": ({"scales": "power-of-two"}, HARDWARE),
    "8 bits, zero points": ({"zero_points": True}, HARDWARE),
    "4 bits": ({}, NARROW),
}
THEIRS = {"qdq": "onnxruntime QDQ", "qonnx": "Brevitas QONNX", "qcdq": "Brevitas QCDQ"}
CALIBRATION = 200
#: Inputs that run on the RTL.
SIMULATED = 2
#: Inputs kept beside the files, for tests.
KEPT = 32


@dataclass(frozen=True)
class Row:
    """A file on the engine; what is unknown is None, and `problem` says why."""

    network: str
    form: str
    score: float
    engine_score: float | None = None
    snr: float | None = None
    cycles: int | None = None
    problem: str | None = None


def run(model: onnx.ModelProto, x: NDArray[np.float32]) -> NDArray[Any]:
    """onnxruntime, node by node as they are written, input by input."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"x": one[None]})[0] for one in x])


def write_files(name: str, folder: Path, data: Data, network: Network) -> None:
    """Trains a network twice, float and with Brevitas, and writes its four files."""
    paths = {form: folder / f"{name}.{form}.onnx" for form in ("float", *THEIRS)}
    write_float(train(network, FloatLayers()), data, paths["float"])
    write_quantised(paths["float"], data.train[:CALIBRATION], paths["qdq"])
    write_brevitas(train(network, BrevitasLayers()), data, paths["qonnx"], paths["qcdq"])


def write_samples(name: str, folder: Path, data: Data) -> None:
    """Some of the data, beside the files."""
    kept = {"train": data.train[:KEPT], "x": data.test[:KEPT], "targets": data.test_targets[:KEPT]}
    np.savez_compressed(folder / f"{name}.npz", **kept)


def measure(name: str, folder: Path, data: Data, network: Network, *, rtl: bool) -> Iterator[Row]:
    """Every form of a network."""
    source = onnx.load(folder / f"{name}.float.onnx")
    yield Row(name, "float", network.score(run(source, data.test), data.test_targets))
    for form, (changes, hw) in OURS.items():
        options = QuantizeOptions.of_hardware(hw, **changes)
        model = quantize_model(source, data.train[:CALIBRATION], options).model
        yield _row(name, f"DSF {form}", model, hw, data, network, rtl=rtl and hw == HARDWARE)
    for form, title in THEIRS.items():
        yield _row(name, title, onnx.load(folder / f"{name}.{form}.onnx"), HARDWARE, data, network, rtl=rtl)


def _row(name: str, form: str, model: onnx.ModelProto, hw: Hardware, data: Data, network: Network, *, rtl: bool) -> Row:
    theirs = run(to_qdq(model), data.test)
    score = network.score(theirs, data.test_targets)
    try:
        compiled = from_onnx(model, hw)
    except DsfError as error:
        return Row(name, form, score, problem=error.problems[0])
    ours = compiled.predict(data.test).reshape(theirs.shape)
    cycles = None
    if rtl:
        inputs = [compiled.integers_of(one[None]) for one in data.test[:SIMULATED]]
        with tempfile.TemporaryDirectory() as folder:
            cycles = prove(compiled.module, inputs, Path(folder), Options(), Steps(new_console(quiet=True)), quiet=True).cycles
    noise = np.square(theirs - ours).sum(dtype=np.float64)
    snr = None if noise == 0 else round(float(10 * np.log10(np.square(theirs).sum(dtype=np.float64) / noise)), 1)
    return Row(name, form, score, network.score(ours, data.test_targets), snr, cycles)


def write_results(rows: list[Row]) -> None:
    """Puts the rows of networks into the file of results, in place of their old ones."""
    old: list[dict[str, Any]] = json.loads(RESULT.read_text()) if RESULT.is_file() else []
    new = {row.network for row in rows}
    merged = [row for row in old if row["network"] not in new] + [asdict(row) for row in rows]
    merged.sort(key=lambda row: list(NETWORKS).index(row["network"]))
    RESULT.write_text(json.dumps(merged, indent=2) + "\n")


def table_of(rows: list[Row]) -> Table:
    table = Table(title="Score on test data: right answers, of the autoencoder dB")
    for column in ("network", "form", "onnxruntime", "engine", "apart (dB)", "cycles (RTL)"):
        table.add_column(column, justify="left" if column in ("network", "form") else "right")
    for row in rows:
        numbers = [_score(row, row.score), _score(row, row.engine_score)]
        apart = "identical" if row.snr is None and row.engine_score is not None else _text(row.snr)
        table.add_row(row.network, row.form, *numbers, apart, _text(row.cycles))
    return table


def _score(row: Row, score: float | None) -> str:
    if score is None:
        return "-"
    return f"{score:.2%}" if NETWORKS[row.network].classifies else f"{score:.2f} dB"


def _text(value: float | None) -> str:
    return "-" if value is None else f"{value:,}"


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
            with console.status(f"{name}: trained twice, exported, measured"):
                if not (folder / f"{name}.npz").is_file():
                    write_files(name, folder, data, network)
                    write_samples(name, folder, data)
                of_network = list(measure(name, folder, data, network, rtl=not chosen.no_rtl))
            write_results(of_network)
            rows += of_network
    console.print(table_of(rows))
    for row in rows:
        if row.problem is not None:
            console.print(f"{row.network}, {row.form}: {row.problem}", highlight=False, soft_wrap=True)
    console.print(f"written to {RESULT.relative_to(RESULT.parents[2])}")


if __name__ == "__main__":
    main()
