"""From an ONNX file to a module of the `bundle` level."""

from __future__ import annotations

from dsf.frontend.onnx import constants, layout, linear, pointwise, pooling, quantisation
from dsf.frontend.onnx.graph import graph_of
from dsf.frontend.onnx.importer import Imported, Importer
from dsf.frontend.onnx.read import Source, read_model
from dsf.hardware import Hardware

#: The files of handlers: importing them registers their operators.
HANDLER_FILES = (constants, layout, linear, pointwise, pooling, quantisation)


def import_onnx(source: Source, hardware: Hardware, *, batch: int = 1) -> Imported:
    """
    The network of an ONNX model, for this hardware. `batch` is the size of the first axis where the model leaves it open.

    Raises `ModelError` with everything that can't be expressed.
    """
    model, name = read_model(source)
    return Importer(graph_of(model, name), hardware, batch).run()
