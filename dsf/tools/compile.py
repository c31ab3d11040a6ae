"""`dsf compile`: from a network to the files that the engine runs."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.report import print_report
from dsf.codegen.source import ModelTensors
from dsf.errors import ModelError
from dsf.hardware import DEFAULT_HARDWARE, Hardware
from dsf.numerics import Ints
from dsf.progress import Steps, new_console
from dsf.tools.check import add_hardware, hardware_of_options
from dsf.tools.command import Commands, PassTimes, add_explain, add_json, add_timing, new_command, print_json, steps

_COMPILE = """\
Compiles a network for an engine and writes its files into DIR: program.bin, weights.bin,
config_firmware.h, report.json, and input.bin and expected.bin for a self-test, on one input. The program
is interpreted and compared with the network's integers before anything is written.

MODEL is an ONNX file, the config_model.json of model.export(), or textual IR (.mlir). An ONNX file that is
not quantised needs --calibrate: typical inputs, one array for each input by its name (numpy.savez), a
hundred samples or so. --hw is the engine, as Hardware.export() writes it; without it, the network's own,
or for an ONNX file one of the default size, with biases of 32 bits.
"""

_COMPILE_EXAMPLES = """\
examples:
  dsf compile model.onnx --hw config_hw.json -o build/net
  dsf compile float.onnx --hw config_hw.json -o build/net --calibrate samples.npz
  dsf sim build/net --rtl                                  then run it on the simulated engine
  dsf compile model.onnx -o build/net --emit-ir            every level of the compiler, in build/net/ir
"""


@dataclass(frozen=True)
class _Network:
    """A module, an input of it, how a model's tensors lie in its own, and what quantisation cost."""

    module: ModuleOp
    x: Ints
    source: ModelTensors | None = None
    quantisation: Any = None


def add(commands: Commands) -> None:
    parser = new_command(
        commands, "compile", _compile, summary="a network to a program", description=_COMPILE, examples=_COMPILE_EXAMPLES
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="an ONNX file, config_model.json or .mlir")
    add_hardware(parser)
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="where the files go")
    parser.add_argument("--calibrate", type=Path, metavar="DATA.npz", help="inputs to quantise a float ONNX file by")
    parser.add_argument("--emit-ir", action="store_true", help="write the module after each pass to DIR/ir")
    parser.add_argument("--verify-each", action="store_true", help="execute the module after each pass and compare")
    add_timing(parser)
    add_explain(parser)
    add_json(parser)


def _compile(chosen: argparse.Namespace) -> None:
    from dsf.proof import Options, prove
    from dsf.scheduling.explain import explain, explanation_lines
    from dsf.transforms.dsf_pipeline import DsfPipelinePass

    step = steps(chosen)
    hardware = hardware_of_options(chosen)
    network = _load(chosen, hardware, step)
    times = PassTimes()
    options = Options(
        rtl=False,
        verify_each=chosen.verify_each,
        emit_ir=chosen.emit_ir,
        timing=times,
    )
    quantisation = None if network.quantisation is None else network.quantisation.to_dict()
    proved = prove(
        network.module,
        [network.x],
        chosen.output,
        options,
        step,
        source=network.source,
        quantisation=quantisation,
        quiet=True,
    )
    paths = [str(path) for path in proved.paths]
    explanation = explain(network.module, DsfPipelinePass()) if chosen.explain else None
    if chosen.json:
        found: dict[str, Any] = {"files": paths, "report": proved.report}
        if quantisation is not None:
            found["quantisation"] = quantisation
        found |= {} if explanation is None else {"explanation": explanation}
        print_json(found | ({"seconds": times.seconds} if chosen.timing else {}))
        return
    console = new_console()
    if network.quantisation is not None:
        console.print(network.quantisation.table(), markup=False)
    print_report(proved.report, console)
    if explanation is not None:
        print("\n".join(explanation_lines(explanation)))
    if chosen.timing:
        print("\n".join(times.lines()))
    console.print(f"{chosen.output}: {', '.join(path.name for path in proved.paths)}", highlight=False)


def _load(chosen: argparse.Namespace, hardware: Hardware | None, step: Steps) -> _Network:
    path: Path = chosen.model
    if path.suffix.lower() == ".onnx":
        return _load_onnx(path, chosen.calibrate, hardware or DEFAULT_HARDWARE, chosen.batch, step)
    from dsf.compiler import random_input
    from dsf.tools.load import load_model

    if chosen.calibrate is not None:
        raise ModelError(f"'--calibrate': with '{path}', needs an ONNX file; train with quantised layers, or leave it out")
    with step("reading"):
        module = load_model(path, hardware)
    return _Network(module, random_input(module))


def _load_onnx(path: Path, samples: Path | None, hardware: Hardware, batch: int, step: Steps) -> _Network:
    from dsf.frontend.onnx.check import quantize_for
    from dsf.frontend.onnx.model import from_onnx

    if samples is None:
        with step("reading"):
            model = from_onnx(path, hardware, batch=batch)
        return _Network(model.module, model.integers_of(model.random_input), model.source)
    from dsf.frontend.quantize.data import read_samples

    with step("quantisation"):
        quantised = quantize_for(path, samples, hardware, batch)
        model = from_onnx(quantised.model, hardware, batch=batch)
    arrays = read_samples(samples)
    first = np.asarray(arrays[model.imported.input.name] if isinstance(arrays, dict) else arrays)
    x = np.resize(first, model.input_shape)
    return _Network(model.module, model.integers_of(x), model.source, quantised.report)
