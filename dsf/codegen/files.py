"""
The files that a compile writes into `build/<name>/`; the same input always gives the same bytes.

| file | contents |
|---|---|
| `program.bin` | header, load program, program, description, see `dsf.codegen.program` |
| `weights.bin` | weights and parameters, in stream order: what base register WEIGHTS points at |
| `config_firmware.h` | memory map, tensors and bundles for the C firmware |
| `input.bin`, `expected.bin` | for the self-test: what base registers INPUT and OUTPUT point at, before and after |
| `source.json` | how an ONNX model's tensors lie in the engine's, what became of its nodes, see `dsf.codegen.source` |
| `report.json` | per bundle and in total: multiplications, cycles, utilisation, memory; what quantisation cost, if DSF did it |

A compile also keeps the network, `model.mlir`, see `dsf.codegen.kept`.
"""

from __future__ import annotations

import json
from pathlib import Path

from numpy.typing import ArrayLike
from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.firmware_header import firmware_header
from dsf.codegen.program import WEIGHTS_NAME, Program
from dsf.codegen.report import NOT_MEASURED, Measured, Report, make_report
from dsf.codegen.source import SOURCE_NAME, ModelTensors
from dsf.dialects.engine import TensorAttr
from dsf.disk import write_all, writing
from dsf.errors import OutputError
from dsf.layout import pack_elements
from dsf.numerics import as_ints


def write_files(
    module: ModuleOp,
    directory: Path,
    *,
    x: ArrayLike | None = None,
    expected: ArrayLike | None = None,
    measured: Measured = NOT_MEASURED,
    source: ModelTensors | None = None,
    quantisation: Report | None = None,
) -> list[Path]:
    """
    Writes the files of a module at the `isa` level into `directory`, which is made if need be; returns their paths.

    `x` and `expected` are the integers of the self-test; without them `input.bin` and `expected.bin` are not written.
    `measured` is what a run of the simulated engine took, for the report; `source` is the model that was compiled, if it has a
    layout of its own, and `quantisation` the part of the report that says what quantising it cost. Raises `OutputError`.
    """
    program = Program.from_module(module)
    report = make_report(program, directory.resolve().name, measured, quantisation)
    contents = {
        "program.bin": program.to_bytes(),
        WEIGHTS_NAME: program.weights,
        "config_firmware.h": firmware_header(program, report).encode(),
        "report.json": f"{json.dumps(report, indent=2)}\n".encode(),
    }
    if x is not None:
        contents["input.bin"] = tensor_bytes(program.inputs[0], x)
    if expected is not None:
        contents["expected.bin"] = tensor_bytes(program.outputs[0], expected)
    if source is not None:
        contents[SOURCE_NAME] = source.to_bytes(program)
    else:  # That of another compile would lie.
        with writing(directory, OutputError):
            (directory / SOURCE_NAME).unlink(missing_ok=True)
    return write_all(directory, contents, OutputError)


def tensor_bytes(tensor: TensorAttr, values: ArrayLike) -> bytes:
    """A tensor as it lies behind its base register."""
    return bytes(tensor.offset.data) + pack_elements(as_ints(values), tensor.bits.data)
