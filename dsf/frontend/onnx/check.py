"""
What an engine can't do of an ONNX model, all of it at once, and what becomes of each node.

A float model is checked as if it were quantised (`dsf.frontend.quantize.sketch`): which operators fit, and in what sizes, does
not depend on the scales.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dsf.constraints.check import problems_of, problems_of_layers
from dsf.errors import ModelError
from dsf.frontend.onnx.from_onnx import importer_of
from dsf.frontend.onnx.graph import Node, graph_of
from dsf.frontend.onnx.importer import Importer, is_known, no_handler
from dsf.frontend.onnx.read import read_model
from dsf.frontend.onnx.thresholds import other_results
from dsf.frontend.qonnx import DOMAINS, is_qonnx
from dsf.frontend.quantize import QuantizedModel, QuantizeOptions, quantize_model
from dsf.frontend.quantize.sketch import Sketch, sketch
from dsf.frontend.reading import Source
from dsf.hardware import Hardware

#: What a check says of a model that is not quantised.
NOT_QUANTISED = "not quantised yet, and checked with scales that mean nothing; dsf compile needs --calibrate DATA.npz"


@dataclass(frozen=True)
class Placement:
    """What became of a node."""

    node: str
    operator: str
    becomes: str


@dataclass(frozen=True)
class Checked:
    """
    All problems, one sentence each; what becomes of the nodes; what else there is to know, if anything; and the sums of a model
    that is quantised and has no problems.
    """

    problems: tuple[str, ...]
    placements: tuple[Placement, ...]
    remark: str | None = None
    sums: Sums | None = None


@dataclass(frozen=True)
class Sums:
    """
    Of convolutions and dense layers whose results are quantised, how many values all sums together can have that no clip
    decides, and how many of these become another result than the model means, its neighbour.
    """

    values: int
    neighbours: int


def check_onnx(source: Source, hardware: Hardware, *, batch: int = 1) -> Checked:
    """Checks a model for an engine. Raises `ModelError` only for what is no model at all."""
    problems: list[str] = []
    model, name = read_model(source, problems)
    graph, drawn = graph_of(model, name), Sketch(model)
    remark = None if graph.is_quantised else NOT_QUANTISED
    if is_qonnx(model):  # It has problems, or it would be QDQ.
        problems += _operators([one for one in graph.nodes if one.op_type.rpartition(".")[0] not in DOMAINS], problems)
        return Checked(tuple(problems), (), remark)
    if not graph.is_quantised:
        options = QuantizeOptions.of_hardware(hardware, ranges="minmax", bias_correction=False)
        drawn = sketch(model, options, batch=batch, image=hardware.max_image_size)
        problems += drawn.problems
    if drawn.model is None:
        problems += _operators(graph.nodes, problems)
        return Checked(tuple(dict.fromkeys(problems)), _placements(drawn.gone), remark)
    importer = importer_of(graph_of(drawn.model, name), hardware, batch)
    importer.stand_ins = frozenset(drawn.stand_ins)
    importer.outputs = graph.outputs
    importer.walk()
    problems += importer.problems
    problems += _operators([one for one in graph.nodes if one.name in drawn.gone], problems)
    if problems:
        importer.look_at_outputs()
        problems += importer.problems
        problems += problems_of_layers(importer.block.ops, hardware)
    else:
        problems += _problems_of_all(importer)
    sums = None if problems or remark is not None else _sums(importer)
    return Checked(tuple(dict.fromkeys(problems)), _placements(importer.placements | drawn.gone), remark, sums)


def _sums(importer: Importer) -> Sums:
    """How exact the rounding of a network's sums is."""
    counts = [other_results(meant, taken, importer.hardware, grid) for meant, taken, grid in importer.rounded]
    return Sums(sum(total for _, total in counts), sum(others for others, _ in counts))


def with_all_problems(error: ModelError, source: Source, hardware: Hardware, *, batch: int = 1) -> ModelError:
    """What stopped at its problems, with everything else that is wrong with the model."""
    try:
        others = check_onnx(source, hardware, batch=batch).problems
    except ModelError as found:
        others = tuple(found.problems)
    # What is said of a node in other words is not said again.
    said = {problem.partition(": ")[0] for problem in error.problems if problem not in others}
    more = [problem for problem in others if problem.partition(": ")[0] not in said]
    return ModelError(list(dict.fromkeys([*error.problems, *more])))


def _problems_of_all(importer: Importer) -> list[str]:
    """What is wrong with a network of which each operator can be expressed."""
    try:
        return problems_of(importer.end().module)
    except ModelError as error:
        return error.problems


def _placements(nodes: Mapping[str, tuple[str, str]]) -> tuple[Placement, ...]:
    return tuple(Placement(node, *where) for node, where in nodes.items())


def _operators(nodes: Iterable[Node], problems: Sequence[str]) -> list[str]:
    """Operators that there are not, where no more can be said of nodes."""
    unknown = [node for node in nodes if not is_known(node)]
    named = {problem.partition(": ")[0] for problem in problems}
    return [f"'{node.name}': {no_handler(node)}" for node in unknown if f"'{node.name}'" not in named]


def quantize_for(source: Source, samples: Path, hardware: Hardware, batch: int) -> QuantizedModel:
    """
    A float model, quantised to the hardware's widths by calibration data. Raises `ModelError` with everything that is wrong
    with the samples, and with the model for this hardware.
    """
    try:
        model, name = read_model(source)
        if graph_of(model, name).is_quantised:
            raise ModelError(f"'{name}': is quantised already, needs no calibration; leave --calibrate out")
        return quantize_model(model, samples, QuantizeOptions.of_hardware(hardware), batch=batch)
    except ModelError as error:
        raise with_all_problems(error, source, hardware, batch=batch) from error
