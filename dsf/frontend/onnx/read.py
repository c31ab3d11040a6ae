"""
An ONNX model, checked: whatever is wrong with it ends in one `ModelError`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import onnx
from onnx import checker

from dsf.errors import ModelError
from dsf.frontend.forms import to_qdq
from dsf.frontend.quantize.graph import label
from dsf.frontend.quantize.ready import QUANTIZED
from dsf.frontend.reading import ONNX_DOMAINS, Source, first_line, inlined, model_of

#: The versions of ONNX's own operators that are known.
LEAST_OPSET, MOST_OPSET = 10, 28
#: Of models in floating point, which are converted to a newer one.
LEAST_FLOAT_OPSET = 7


def read_model(source: Source, problems: list[str] | None = None) -> tuple[onnx.ModelProto, str]:
    """
    A checked model, its local functions inlined, QONNX and QCDQ as QDQ, and how messages name it.

    Raises `ModelError` if it can't be read, or is no valid ONNX model, or one that has no meaning as QDQ. Where `problems` are
    given, a version of the operators that is not known, and what has no meaning as QDQ, goes there; it is then left as it is.
    """
    name = source.graph.name or "model" if isinstance(source, onnx.ModelProto) else str(Path(source))
    model = _checked(model_of(source), name)
    found = list(_version_problems(model, name))
    if found and problems is None:
        raise ModelError(found)
    if problems is not None:
        problems += found
    flat = inlined(model) if model.functions else model
    try:
        return to_qdq(flat), name
    except ModelError as error:
        if problems is None:
            raise
        problems += error.problems
        return flat, name


def _checked(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    if not model.graph.node:
        raise ModelError(f"'{name}': a graph without nodes, needs at least one; export the model again")
    problems = list(_dangling(model))
    if problems:
        raise ModelError(problems)
    try:
        checker.check_model(model)  # pyright: ignore[reportUnknownMemberType]
    except (checker.ValidationError, ValueError, RuntimeError, TypeError) as error:
        raise ModelError(f"'{name}': no valid ONNX model ({first_line(error)}), needs one; export the model again") from error
    return model


def _dangling(model: onnx.ModelProto) -> Iterator[str]:
    """Operands that neither a node gives nor an input or a constant is."""
    graph = model.graph
    sparse = (one.values.name for one in graph.sparse_initializer)
    there = {"", *sparse, *(one.name for one in (*graph.input, *graph.initializer))}
    there |= {tensor for node in graph.node for tensor in node.output}
    for node in graph.node:
        for tensor in dict.fromkeys(node.input):
            if tensor not in there:
                has = f"reads '{tensor}', which is no input, no constant and no result"
                yield f"'{label(node)}': {has}, needs an operand that is there; export the model again, with its weights"


def _version_problems(model: onnx.ModelProto, name: str) -> Iterator[str]:
    is_float = all(node.op_type not in QUANTIZED for node in model.graph.node)
    least = LEAST_FLOAT_OPSET if is_float else LEAST_OPSET
    for domain in model.opset_import:
        if domain.domain in ONNX_DOMAINS and not least <= domain.version <= MOST_OPSET:
            yield (
                f"'{name}': operators of version {domain.version}, needs {least} to {MOST_OPSET}; export it with such an "
                "opset_version, or use onnx.version_converter"
            )
