"""
An ONNX model, checked: whatever is wrong with it ends in one `ModelError`.
"""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import checker

from dsf.errors import ModelError
from dsf.frontend.forms import to_qdq
from dsf.frontend.reading import ONNX_DOMAINS, Source, first_line, inlined, model_of

#: The versions of ONNX's own operators that are known.
LEAST_OPSET, MOST_OPSET = 10, 28


def read_model(source: Source) -> tuple[onnx.ModelProto, str]:
    """
    A checked model, its local functions inlined, QONNX and QCDQ as QDQ, and how messages name it.

    Raises `ModelError` if it can't be read, or is no valid ONNX model, or one that has no meaning as QDQ.
    """
    name = source.graph.name or "model" if isinstance(source, onnx.ModelProto) else str(Path(source))
    return _checked(model_of(source), name), name


def _checked(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    if not model.graph.node:
        raise ModelError(f"'{name}': a graph without nodes, needs at least one; export the model again")
    try:
        checker.check_model(model)  # pyright: ignore[reportUnknownMemberType]
    except (checker.ValidationError, ValueError, RuntimeError, TypeError) as error:
        raise ModelError(f"'{name}': no valid ONNX model ({first_line(error)}), needs one; export the model again") from error
    for domain in model.opset_import:
        if domain.domain in ONNX_DOMAINS and not LEAST_OPSET <= domain.version <= MOST_OPSET:
            raise ModelError(
                f"'{name}': operators of version {domain.version}, needs {LEAST_OPSET} to {MOST_OPSET}; export it with such an "
                "opset_version, or use onnx.version_converter"
            )
    return to_qdq(inlined(model) if model.functions else model)
