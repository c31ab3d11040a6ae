"""ONNX files, as all front ends read them: with the weights beside them, and functions of the model in their places."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import onnx
import onnx.inliner
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, external_data_helper

from dsf.errors import ModelError
from dsf.frontend.absorbed import Absorbed, absorbed_of, keep_absorbed

#: What is a model: a file, or the model itself.
Source = str | Path | ModelProto
#: ONNX's own operators, under both of the names of their domain.
ONNX_DOMAINS = ("", "ai.onnx")
#: Elements of a tensor that this program can hold; no network for this engine has as many.
MAX_ELEMENTS = 1 << 24


def model_of(source: Source) -> ModelProto:
    """The model that `source` names or is. Raises what `read_file` raises."""
    return source if isinstance(source, ModelProto) else read_file(source)


def read_file(path: str | Path) -> ModelProto:
    """
    A model of a file, with its external data. Raises `ModelError` for a file that can't be read, or is no ONNX, and external
    data that is not there.
    """
    path = Path(path)
    try:
        model = onnx.load_model_from_string(path.read_bytes())
    except OSError as failure:
        raise ModelError(f"'{path}': {failure.strerror or failure}, needs an ONNX file; choose another one") from failure
    except (DecodeError, ValueError) as failure:
        raise ModelError(
            f"'{path}': is truncated or no ONNX model, needs a file as torch.onnx.export writes it; export it again"
        ) from failure
    problems = list(_external_problems(model, path))
    if problems:
        raise ModelError(problems)
    try:
        external_data_helper.load_external_data_for_model(model, str(path.parent))
    except (OSError, ValueError, RuntimeError, onnx.checker.ValidationError) as failure:
        needs = "needs all of it; copy it completely, or export the model again"
        raise ModelError(f"'{path}': its external data can't be read ({first_line(failure)}), {needs}") from failure
    return model


def _external_problems(model: ModelProto, path: Path) -> Iterator[str]:
    for location in dict.fromkeys(_locations(model)):
        file = path.parent / location
        if not file.is_file():
            yield f"'{path}': its weights are in '{location}', which is not there, needs this file beside it; copy it there"


def _locations(model: ModelProto) -> Iterator[str]:
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            yield next((one.value for one in tensor.external_data if one.key == "location"), "?")


def inlined(model: ModelProto) -> ModelProto:
    """A copy, in which functions of the model are nodes. Raises `ModelError` if they are no valid ones."""
    if not model.functions:
        return copy.deepcopy(model)
    try:
        flat = onnx.inliner.inline_local_functions(model)
    except Exception as failure:  # Whatever C++ throws.
        raise ModelError(
            f"'{model.graph.name or 'model'}': has functions that can't be inlined ({first_line(failure)}), needs valid ones; "
            "export it again"
        ) from failure
    _note_functions(model, flat)
    return flat


def _note_functions(model: ModelProto, flat: ModelProto) -> None:
    """Notes in `flat`, whose nodes all get names, what became of the nodes of `model` that call functions."""
    functions = {(one.domain, one.name) for one in model.functions}
    called = [node for node in model.graph.node if (node.domain, node.op_type) in functions and node.name]
    taken = {node.name for node in called}
    for node in flat.graph.node:
        free = next(iter(node.output), node.op_type)
        node.name = node.name or (f"{free}.{node.op_type.lower()}" if free in taken else free)
    makers = {tensor: node.name for node in flat.graph.node for tensor in node.output}
    records = [
        Absorbed(node.name, node.op_type, "function of other nodes", tuple(makers[one] for one in node.output if one in makers))
        for node in called
    ]
    keep_absorbed(flat, [*absorbed_of(flat), *records])


def first_line(failure: BaseException) -> str:
    """The first line of what is wrong, which may be long."""
    lines = str(failure).strip().splitlines()
    return lines[0][:200] if lines else type(failure).__name__
