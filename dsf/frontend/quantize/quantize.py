"""
Post-training quantisation: a float model and samples of its input give a QDQ model, and a report of what it lost.

1. Batch normalisations are folded, constants too. 2. The float graph runs on the samples, and every tensor's values are
counted. 3. Tensors, weights and biases get their scales. 4. The mean error of each channel, with the float network's inputs,
is taken out of its bias (Nagel et al., arXiv 1906.04721, 4.2, with measured means). 5. Both networks run on the samples again,
side by side.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper

from dsf.errors import ModelError
from dsf.frontend.quantize import data
from dsf.frontend.quantize.fold import prepare
from dsf.frontend.quantize.graph import Array, Graph, label
from dsf.frontend.quantize.options import QuantizeOptions
from dsf.frontend.quantize.plan import Plan, make_plan, problems_of
from dsf.frontend.quantize.qdq import Layer, Written, make_layer, write
from dsf.frontend.quantize.ranges import Floats, Quantizer, Values
from dsf.frontend.quantize.ready import with_static_shapes
from dsf.frontend.quantize.report import Energy, LayerReport, QuantizationReport
from dsf.frontend.quantize.run import Runner
from dsf.frontend.reading import Source, model_of

#: Called with what is done, and how many batches of how many.
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class QuantizedModel:
    """A QDQ model, which onnxruntime runs and DSF compiles, and what quantisation cost."""

    model: onnx.ModelProto
    report: QuantizationReport


def quantize_model(
    model: Source,
    samples: data.Samples | str | Path,
    options: QuantizeOptions | None = None,
    *,
    batch: int | None = None,
    progress: Progress | None = None,
) -> QuantizedModel:
    """
    Quantises a float model, given as such or as a file.

    `samples` are typical inputs: an array for the only input, samples along its first axis, or one for each input by name, or
    an `.npy` or `.npz` file of such. 100 or so are good. `batch` is the batch size of a model that leaves it open.

    Raises `ModelError`, which lists everything that is wrong with model and samples.
    """
    options = QuantizeOptions() if options is None else options
    graph, batches, count = _checked(model, samples, batch)
    run = _Quantization(graph, batches, options, progress or _silent)
    written, layers = run.write()
    report = QuantizationReport(list(run.report(written, layers)), dataclasses.asdict(options), count)
    return QuantizedModel(written.model(), report)


def _silent(what: str, done: int, total: int) -> None:
    del what, done, total


def _checked(model: Source, samples: data.Samples | str | Path, batch: int | None) -> tuple[Graph, list[data.Batch], int]:
    """The graph, ready, and the samples in batches; every problem of both is raised at once."""
    problems: list[str] = []
    graph: Graph | None = None
    batches: list[data.Batch] = []
    try:
        graph = Graph(with_static_shapes(model_of(model), batch=batch))
        prepare(graph)
        problems += problems_of(graph)
    except ModelError as error:
        problems += error.problems
    try:
        arrays = data.read_samples(samples) if isinstance(samples, str | Path) else samples
        if graph is not None:
            batches = data.batches(graph, arrays)
    except ModelError as error:
        problems += error.problems
    if problems or graph is None:
        raise ModelError(problems)
    return graph, batches, sum(len(next(iter(one.values()))) for one in batches)


class _Quantization:
    """One graph on its samples."""

    def __init__(self, graph: Graph, batches: list[data.Batch], options: QuantizeOptions, progress: Progress):
        self.graph, self.batches, self.options, self.progress = graph, batches, options, progress
        self.plan: Plan = make_plan(graph, options)
        self.quantized = {tensor for group in self.plan.groups for tensor in group.tensors}
        self.float_model = graph.to_model()
        self.runner = Runner(self.float_model)
        self.activations = dict(self._activations())
        self.constants = {name: self._constant(name) for name in self.plan.constants}

    def _each_batch(self, what: str) -> Iterator[dict[str, Array]]:
        """The tensors of the float graph, batch by batch."""
        for number, batch in enumerate(self.batches):
            self.progress(what, number, len(self.batches))
            yield self.runner({**batch})
        self.progress(what, len(self.batches), len(self.batches))

    def _activations(self) -> Iterator[tuple[str, Quantizer]]:
        values = [Values(group.constants) for group in self.plan.groups]
        self._observe("limits", values, Values.limit)
        if self.options.ranges != "minmax":
            self._observe("values", values, Values.count)
        for group, one in zip(self.plan.groups, values, strict=True):
            quantizer = one.quantizer(self.options.activation_bits, self.options)
            for tensor in group.tensors:
                yield tensor, quantizer

    def _observe(self, what: str, values: list[Values], see: Callable[[Values, Array], None]) -> None:
        for tensors in self._each_batch(what):
            for group, one in zip(self.plan.groups, values, strict=True):
                for name in group.sources:
                    if not np.all(np.isfinite(tensors[name])):
                        raise ModelError(
                            f"'{self._layer_name(name)}': gives infinite values or none on the calibration data, needs finite "
                            "ones; scale the data as in training"
                        )
                    see(one, tensors[name])

    def _constant(self, name: str) -> Quantizer:
        values = Values()
        values.limit(self.graph.constants[name])
        values.count(self.graph.constants[name])
        symmetric = dataclasses.replace(self.options, ranges="minmax", zero_points=False)
        return values.quantizer(self.options.activation_bits, symmetric)

    def write(self) -> tuple[Written, list[Layer]]:
        """The QDQ model, its biases corrected if asked."""
        layers = [
            make_layer(self.graph, node, float(self.activations[node.input[0]].scale), self.options)
            for node in self.plan.layers
        ]
        if self.options.bias_correction:
            layers = self._corrected(layers)
        return write(self.graph, self.activations, self.constants, layers), layers

    def _corrected(self, layers: list[Layer]) -> list[Layer]:
        """The layers with the mean error of each output channel in their bias, given the float graph's inputs."""
        written = write(self.graph, self.activations, self.constants, layers)
        alone = _Alone(written, self.graph)
        sums: dict[str, Floats] = {}
        for tensors in self._each_batch("bias"):
            results = alone(tensors)
            for layer in layers:
                name = layer.node.output[0]
                error = tensors[name].astype(np.float64) - results[written.real.get(name, name)]
                axes = tuple(axis for axis in range(error.ndim) if axis != 1)
                sums[name] = sums.get(name, np.float64(0)) + error.mean(axis=axes)
        return [self._with_correction(layer, sums[layer.node.output[0]] / len(self.batches)) for layer in layers]

    def _with_correction(self, layer: Layer, error: Floats) -> Layer:
        if layer.node.op_type == "MatMul":  # It has no bias; what is added to it is a layer of its own.
            return layer
        # The error was measured with the bias as it was rounded.
        integers = layer.integer_bias()
        return dataclasses.replace(layer, bias=error if integers is None else integers * layer.bias_scale + error)

    def report(self, written: Written, layers: list[Layer]) -> Iterator[LayerReport]:
        """One row for each tensor with a scale of its own, and each result that leaves as it is."""
        alone, together = _Alone(written, self.graph), Runner(written.model())
        names = [name for group in self.plan.groups for name in group.sources] + self.plan.sums
        order = {name: index for index, node in enumerate(self.graph.nodes) for name in node.output}
        names.sort(key=lambda name: order.get(name, -1))
        energies = {name: (Energy(), Energy()) for name in dict.fromkeys(names)}
        for batch, tensors in zip(self.batches, self._each_batch("report"), strict=True):
            results, whole = alone(tensors), together({**batch})
            for name, (layer, total) in energies.items():
                result = results[written.real.get(name, name)]
                quantizer = self.activations.get(name)
                layer.add(tensors[name], result if quantizer is None else quantizer.round(result))
                total.add(tensors[name], whole[written.dequantized.get(name, name)])
        for name, (layer, total) in energies.items():
            yield self._row(name, layer.decibels, total.decibels)

    def _row(self, name: str, alone: float | None, total: float | None) -> LayerReport:
        node, quantizer = self._layer_of(name), self.activations.get(name)
        return LayerReport(
            name=self._layer_name(name),
            operator="Input" if node is None else node.op_type,
            tensor=name,
            shape=self.graph.shape(name) or (),
            bits=None if quantizer is None else quantizer.bits,
            scale=None if quantizer is None else float(quantizer.scale),
            zero_point=None if quantizer is None else int(quantizer.zero_point),
            snr_layer=alone,
            snr_total=total,
        )

    def _layer_of(self, tensor: str) -> NodeProto | None:
        """The first node of the layer that computes a tensor: within a layer nothing is quantised."""
        node = self.graph.producer(tensor)
        while node is not None and node.input[0] not in self.quantized and self.graph.producer(node.input[0]) is not None:
            node = self.graph.producer(node.input[0])
        return node

    def _layer_name(self, tensor: str) -> str:
        node = self._layer_of(tensor)
        return tensor if node is None else label(node)


class _Alone:
    """A QDQ graph in which every layer gets the float network's inputs, quantised."""

    def __init__(self, written: Written, graph: Graph):
        cut = written.graph.copy()
        real = {name: tensor for tensor, name in written.real.items()}
        self._feeds: dict[str, str] = {}
        for node in cut.nodes:
            if node.op_type == "QuantizeLinear":
                tensor = real[node.input[0]]
                node.input[0] = cut.fresh(f"{tensor}_float")
                self._feeds[node.input[0]] = tensor
        cut.inputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, graph.shape(tensor)) for name, tensor in self._feeds.items()
        ]
        self._runner = Runner(cut.to_model(opset=written.opset))

    def __call__(self, tensors: dict[str, Array]) -> dict[str, Array]:
        """The tensors of the QDQ graph, given those of the float graph."""
        results = self._runner({name: tensors[tensor] for name, tensor in self._feeds.items()})
        return {**tensors, **results}
