"""
What an engine can't do of an ONNX model, all of it at once, and what becomes of each node.

A float model is checked as if it were quantised, by random numbers: which operators fit, and in what sizes, does not depend on
the scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from dsf.constraints import problems_of, problems_of_layers
from dsf.errors import ModelError
from dsf.frontend.onnx.from_onnx import import_onnx, importer_of
from dsf.frontend.onnx.graph import Graph, graph_of
from dsf.frontend.onnx.read import read_model
from dsf.frontend.quantize import QuantizedModel, QuantizeOptions, quantize_model
from dsf.frontend.reading import Source
from dsf.hardware import Hardware

#: What a check says of a model that is not quantised.
NOT_QUANTISED = "not quantised yet, and checked with scales of random numbers; dsf compile needs --calibrate DATA.npz"


@dataclass(frozen=True)
class Placement:
    """What became of a node."""

    node: str
    operator: str
    becomes: str


@dataclass(frozen=True)
class Checked:
    """All problems, one sentence each; what becomes of the nodes; and what else there is to know, if anything."""

    problems: tuple[str, ...]
    placements: tuple[Placement, ...]
    remark: str | None = None


def check_onnx(source: Source, hardware: Hardware, *, batch: int = 1) -> Checked:
    """Checks a model for an engine. Raises `ModelError` only for what is no model at all."""
    model, name = read_model(source)
    graph, remark = graph_of(model, name), None
    if not graph.is_quantised:
        remark = NOT_QUANTISED
        try:
            quantised = _quantised(model, graph, hardware, batch)
        except ModelError as error:
            return Checked(tuple(error.problems), (), remark)
        model = quantised.model
        graph = graph_of(model, name)
    importer = importer_of(graph, hardware, batch)
    try:
        importer.walk()
        problems = [*importer.problems, *problems_of_layers(importer.block.ops, hardware)]
        if not importer.problems:
            problems = problems_of(import_onnx(model, hardware, batch=batch).module)
    except ModelError as error:
        problems = error.problems
    placements = tuple(Placement(node, *where) for node, where in importer.placements.items())
    return Checked(tuple(problems), placements, remark)


def _quantised(model: onnx.ModelProto, graph: Graph, hardware: Hardware, batch: int) -> QuantizedModel:
    """A model whose operators may be any, so that the importer says what is wrong with all of them."""
    try:
        return quantize_by_random_numbers(model, graph, hardware, batch, any_operator=True)
    except ModelError:  # With its other problems those operators belong in the list, too.
        return quantize_by_random_numbers(model, graph, hardware, batch)


def quantize_by_random_numbers(
    model: onnx.ModelProto, graph: Graph, hardware: Hardware, batch: int, *, any_operator: bool = False
) -> QuantizedModel:
    """A model quantised to the hardware's widths, with scales that mean nothing. Raises as `quantize_model`."""
    draw = np.random.default_rng(0)
    samples: Mapping[str, object] = {
        one.name: draw.normal(size=tuple(batch if size is None else size for size in one.shape)).astype(np.float32)
        for one in graph.inputs
    }
    options = QuantizeOptions.of_hardware(hardware, ranges="minmax", bias_correction=False)
    return quantize_model(model, samples, options, batch=batch, any_operator=any_operator)


def quantize_for(source: Source, samples: Path, hardware: Hardware, batch: int) -> QuantizedModel:
    """A float model, quantised to the hardware's widths by calibration data. Raises `ModelError`."""
    model, name = read_model(source)
    if graph_of(model, name).is_quantised:
        raise ModelError(f"'{name}': is quantised already, needs no calibration; leave --calibrate out")
    return quantize_model(model, samples, QuantizeOptions.of_hardware(hardware), batch=batch)
