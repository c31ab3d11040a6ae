"""
An ONNX file, read and checked: whatever is wrong with it ends in one `ModelError`.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx import checker, inliner

from dsf.errors import ModelError
from dsf.frontend.forms import to_qdq

#: The versions of ONNX's own operators that are known.
LEAST_OPSET, MOST_OPSET = 10, 28
#: Domains of operators: ONNX's own, under both of its names, and onnxruntime's.
ONNX_DOMAINS = ("", "ai.onnx")

Source = str | Path | onnx.ModelProto


def read_model(source: Source) -> tuple[onnx.ModelProto, str]:
    """
    A checked model, its local functions inlined, QONNX and QCDQ as QDQ, and how messages name it.

    Raises `ModelError` if it can't be read, or is no valid ONNX model, or one that has no meaning as QDQ.
    """
    if isinstance(source, onnx.ModelProto):
        name = source.graph.name or "model"
        return _checked(source, name), name
    path = Path(source)
    return _checked(_load(path), str(path)), str(path)


def _load(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)  # pyright: ignore[reportUnknownMemberType]
    except OSError as error:
        raise ModelError(f"'{path}': {error.strerror or error}, needs an ONNX file and the data beside it") from error
    except (DecodeError, checker.ValidationError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"'{path}': is truncated or no ONNX file ({_line(error)}), needs one; export the model again"
        ) from error


def _checked(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    if not model.graph.node:
        raise ModelError(f"'{name}': a graph without nodes, needs at least one; export the model again")
    try:
        checker.check_model(model)  # pyright: ignore[reportUnknownMemberType]
        if model.functions:
            model = inliner.inline_local_functions(model)
    except (checker.ValidationError, ValueError, RuntimeError, TypeError) as error:
        raise ModelError(f"'{name}': no valid ONNX model ({_line(error)}), needs one; export the model again") from error
    for domain in model.opset_import:
        if domain.domain in ONNX_DOMAINS and not LEAST_OPSET <= domain.version <= MOST_OPSET:
            raise ModelError(
                f"'{name}': operators of version {domain.version}, needs {LEAST_OPSET} to {MOST_OPSET}; export it with such an "
                "opset_version, or use onnx.version_converter"
            )
    return to_qdq(model)


def _line(error: Exception) -> str:
    """The first line of what is wrong, which may be long."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:300]
