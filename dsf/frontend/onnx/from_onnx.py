"""From an ONNX file to a module of the `bundle` level."""

from __future__ import annotations

from dsf.errors import ModelError
from dsf.frontend.onnx import (
    constants,
    joining,
    layout,
    linear,
    moves,
    pointwise,
    pooling,
    quantisation,
    resizing,
    signs,
    transposed,
)
from dsf.frontend.onnx.graph import Graph, graph_of
from dsf.frontend.onnx.importer import HANDLERS, Imported, Importer
from dsf.frontend.onnx.read import read_model
from dsf.frontend.reading import Source
from dsf.hardware import Hardware

#: The files of handlers: importing them registers their operators.
HANDLER_FILES = (constants, joining, layout, linear, moves, pointwise, pooling, quantisation, resizing, signs, transposed)


__all__ = ["HANDLERS", "import_onnx", "importer_of"]


def importer_of(graph: Graph, hardware: Hardware, batch: int) -> Importer:
    """An importer that knows all operators."""
    return Importer(graph, hardware, batch)


def import_onnx(source: Source, hardware: Hardware, *, batch: int = 1) -> Imported:
    """
    The network of an ONNX model (QDQ, or Brevitas's QONNX and QCDQ) for this hardware. `batch` is the size of the first axis
    where the model leaves it open.

    Raises `ModelError` with everything that can't be expressed.
    """
    model, name = read_model(source)
    graph = graph_of(model, name)
    if not graph.is_quantised:
        change = "use dsf compile --calibrate DATA.npz, dsf.frontend.quantize, or onnxruntime's quantize_static"
        raise ModelError(f"'{name}': a model in floating point, needs a quantised one; {change}")
    return importer_of(graph, hardware, batch).run()
