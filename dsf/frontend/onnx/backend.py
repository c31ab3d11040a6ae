"""
DSF as a backend of ONNX (`onnx.backend.base`): a model is compiled for an engine and run by the interpreter of its integers.

What the models of ONNX's own tests need besides: inputs other than the first are constants, and a float model is quantised on
the very inputs that it is run on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.backend.base import Backend, BackendRep

from dsf.errors import ModelError
from dsf.frontend.onnx.from_onnx import import_onnx
from dsf.frontend.onnx.graph import graph_of
from dsf.frontend.onnx.model import OnnxModel
from dsf.frontend.onnx.read import read_model
from dsf.frontend.onnx.values import Array
from dsf.frontend.quantize import QuantizeOptions, quantize_model
from dsf.hardware import Hardware

#: An engine with room for ONNX's tests.
HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32, max_image_size=(64, 64), max_channels_in=1024)


class DsfRep(BackendRep):
    """A model that is compiled when its inputs are known, for they may be constants, and say how a float model is quantised."""

    def __init__(self, model: onnx.ModelProto, hardware: Hardware):
        self.model, self.hardware = model, hardware

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Any, ...]:
        """The output for these inputs, in order or by name. Raises `ModelError` for what the engine can't do."""
        names = [one.name for one in self.model.graph.input]
        if not names:
            raise ModelError(f"'{self.model.graph.name}': no input, needs one; there is nothing to compute")
        by_name = cast("Mapping[str, Array]", inputs) if isinstance(inputs, dict) else zip(names, inputs, strict=False)
        named: dict[str, Array] = dict(by_name)
        first, *others = names
        model = frozen(self.model, {name: named[name] for name in others if name in named})
        model, name = read_model(model)
        if not graph_of(model, name).is_quantised:
            options = QuantizeOptions.of_hardware(self.hardware, ranges="minmax", outputs="float")
            model = quantize_model(model, {first: named[first]}, options).model
        network = OnnxModel(import_onnx(model, self.hardware), self.hardware)
        return (network.predict(named[first]),)


def frozen(model: onnx.ModelProto, constants: Mapping[str, Array]) -> onnx.ModelProto:
    """A model of which inputs are constants."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    kept = [one for one in changed.graph.input if one.name not in constants]
    del changed.graph.input[:]
    changed.graph.input.extend(kept)
    changed.graph.initializer.extend(numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items())
    return changed


class DsfBackend(Backend):
    """`prepare(model).run(inputs)`, and all that ONNX makes of it."""

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **kwargs: Any) -> DsfRep:
        return DsfRep(model, kwargs.get("hardware", HARDWARE))

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"
