"""The forms that quantised ONNX comes in, as the one that the importer reads."""

from __future__ import annotations

import onnx

from dsf.frontend.qcdq import is_qcdq, qcdq_to_qdq
from dsf.frontend.qonnx import is_qonnx, qonnx_to_qdq


def to_qdq(model: onnx.ModelProto) -> onnx.ModelProto:
    """QONNX and QCDQ as QDQ, with the same results; any other model as it is. Raises `ModelError` for what can't be."""
    if is_qonnx(model):
        return qonnx_to_qdq(model)
    return qcdq_to_qdq(model) if is_qcdq(model) else model
