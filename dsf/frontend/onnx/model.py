"""
An ONNX model on the engine: what `dsf.from_onnx` returns.

Arrays go in and come out as the ONNX model has them, with its axes, its types and its scales; `integers_of` and `outputs_of`
are the way to the engine's tensors and back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.source import ModelTensors, SourceNode, SourceTensor
from dsf.constraints.check import problems_of
from dsf.errors import ModelError
from dsf.frontend.onnx.check import with_all_problems
from dsf.frontend.onnx.from_onnx import import_onnx
from dsf.frontend.onnx.importer import Imported
from dsf.frontend.onnx.values import Array
from dsf.frontend.quantize.report import QuantizationReport
from dsf.frontend.reading import Source
from dsf.hardware import DEFAULT_HARDWARE, Hardware
from dsf.input_steps import REAL_KINDS, prepared
from dsf.lowering import to_level
from dsf.numerics import Floats, Ints, int_range, random_elements
from dsf.progress import Steps, new_console
from dsf.proof import Options, Proved, prove
from dsf.runtime.execute import input_shape, run_integers


@dataclass
class OnnxModel:
    """
    A network for `hw`; `imported` says what became of the model, `quantization` what it lost if it was quantised here. Raises
    `ModelError` with everything that does not fit the hardware.
    """

    imported: Imported
    hw: Hardware
    quantization: QuantizationReport | None = None
    _integers: ModuleOp | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        problems = problems_of(self.module)
        if problems:
            raise ModelError(problems)

    @property
    def module(self) -> ModuleOp:
        """The module of the `bundle` level."""
        return self.imported.module

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of the model's input; its first axis is the batch of one run."""
        return self.imported.input.shape

    @property
    def source(self) -> ModelTensors:
        """How input and output lie in the engine's tensors, and what became of nodes: a compile's `source.json`."""
        x, y = self.imported.input, self.imported.output
        output_kind = "integers" if y.codes and not y.steps else "float"
        steps = tuple(name for name, _ in y.steps)
        output_offset = y.offset if output_kind == "integers" else 0
        around = (self.imported.reads, self.imported.into)
        return ModelTensors(
            SourceTensor(x.name, x.places, x.kind, 0 if x.is_real else x.offset, before=x.steps),
            SourceTensor(y.name, y.places, output_kind, output_offset, steps),
            tuple(SourceNode(*one, *(of.get(one[0], ()) for of in around)) for one in self.imported.placements),
        )

    @property
    def random_input(self) -> Array:
        """What the model takes, of `input_shape`: numbers that are on the input's grid, or integers; always the same ones."""
        spec = self.imported.input
        integers = random_elements(np.random.default_rng(0), self.input_shape, spec.grid.bits.data)
        if not spec.is_real:
            return integers + spec.offset
        values = spec.grid.to_reals(integers)
        for one in reversed(spec.steps):
            values = one.undo(values.astype(np.float32))
        if spec.kind in REAL_KINDS:
            return values
        kind = np.iinfo(spec.kind)
        return np.clip(np.rint(values), kind.min, kind.max).astype(spec.kind)

    def integers_of(self, x: ArrayLike) -> Ints:
        """
        An input of the model as the engine's integers, in the engine's order. `x` is real numbers, or for a model that takes
        integers those. Raises `ModelError` for another shape, and for what are no such numbers.
        """
        spec, values = self.imported.input, np.asarray(x)
        if values.shape != spec.shape:
            raise ModelError(f"'{spec.name}': an input of shape {values.shape}, needs {spec.shape}; reshape it")
        integers = self._quantised(values)
        sizes, _ = input_shape(self.module)
        placed = np.empty(integers.size, dtype=np.int64)
        placed[spec.places.reshape(-1)] = integers.reshape(-1)
        return placed.reshape(sizes)

    def _quantised(self, values: Array) -> Ints:
        spec = self.imported.input
        try:
            # Types of less than 8 bits, and bfloat16, are of no kind that numpy knows.
            reals = values.astype(np.float64) if values.dtype.kind in "fiubV" else None
        except (TypeError, ValueError):
            reals = None
        if reals is None:
            has = f"an input of type {values.dtype}"
            raise ModelError(f"'{spec.name}': {has}, needs real numbers or integers; convert it with .astype")
        if not bool(np.isfinite(reals).all()):
            raise ModelError(f"'{spec.name}': has values that are infinite or no numbers, needs finite ones; correct them")
        if spec.is_real:
            return spec.grid.to_integers(prepared(spec.steps, values))
        low, high = (one + spec.offset for one in int_range(spec.grid.bits.data))
        if reals.min() < low or reals.max() > high or bool((reals != np.rint(reals)).any()):
            has = f"an input of {reals.min():g} to {reals.max():g}"
            raise ModelError(f"'{spec.name}': {has}, needs integers from {low} to {high}, of {spec.kind}; quantise it")
        return reals.astype(np.int64) - spec.offset

    def outputs_of(self, integers: Ints) -> Array:
        """The engine's result as the output of the model, with what the processor computes at its end."""
        spec = self.imported.output
        placed = integers.reshape(-1)[spec.places]
        if spec.codes and not spec.steps:
            return placed + spec.offset
        y: Array = (placed - spec.zero) * self._units(spec.places)
        for _, step in spec.steps:
            y = step(y)
        return y

    def _units(self, places: Array) -> Floats:
        """What 1 more in each integer of the output stands for: with several units, that of its channel."""
        units = self.imported.output.units
        return units[places % units.size]

    def predict(self, x: ArrayLike) -> Array:
        """What the network computes, run at the `fxp` level: for any number of batches, one after the other."""
        if self._integers is None:
            self._integers = to_level(self.module, "fxp")
        module = self._integers
        return _together([self.outputs_of(run_integers(module, self.integers_of(one))) for one in self.batches(x)])

    def export_inference(
        self,
        x: ArrayLike,
        directory: str | Path | None = None,
        *,
        rtl: bool = True,
        stalls: float = 0.1,
        seed: int = 0,
        resident_weights: bool = True,
        verify_each: bool = False,
        emit_ir: bool = False,
        verbose: bool = True,
    ) -> OnnxInference:
        """
        Compiles the model, runs it on `x` at every level and writes the program's files into `directory` (`build/<hardware's
        name>`); `x` is one batch or several, the files are for the first. The options are those of `dsf.proof.Options`.

        Raises what `dsf.proof.prove` raises.
        """
        folder = Path(directory) if directory is not None else Path("build") / self.hw.name
        options = Options(rtl, stalls, seed, resident_weights, verify_each, emit_ir)
        inputs = [self.integers_of(one) for one in self.batches(x)]
        steps = Steps(new_console(quiet=not verbose))
        cost = None if self.quantization is None or not self.quantization.layers else self.quantization.to_dict()
        proved = prove(self.module, inputs, folder, options, steps, source=self.source, quantisation=cost)
        runs = np.split(proved.integers, len(inputs))
        return OnnxInference(_together([self.outputs_of(one) for one in runs]), proved)

    def batches(self, x: ArrayLike) -> Iterator[Array]:
        """`x` in parts of the batch of one run."""
        values, batch = np.asarray(x), self.input_shape[0]
        if values.shape[1:] != self.input_shape[1:] or len(values) == 0 or len(values) % batch != 0:
            needs = f"{self.input_shape}, or a multiple of its batch"
            raise ModelError(f"'{self.imported.input.name}': an input of shape {values.shape}, needs {needs}; reshape it")
        for first in range(0, len(values), batch):
            yield values[first : first + batch]


def _together(results: list[Array]) -> Array:
    """The outputs of several runs, one after the other; single numbers as a list."""
    return results[0] if len(results) == 1 else np.concatenate([np.atleast_1d(one) for one in results])


@dataclass(frozen=True)
class OnnxInference:
    """What an export found: the model's output for every input, as ONNX has it, and the integers that it is made from."""

    outputs: Array
    proved: Proved


def from_onnx(source: Source, hw: Hardware = DEFAULT_HARDWARE, *, batch: int = 1) -> OnnxModel:
    """
    The network of an ONNX model: a path, or the model itself. `hw` is by default an engine of the default size, with
    biases of 32 bits; `batch` is the size of the first axis where it is left open.

    Raises `ModelError` with everything that can't be expressed, or does not fit the hardware.
    """
    try:
        return OnnxModel(import_onnx(source, hw, batch=batch), hw)
    except ModelError as error:
        raise with_all_problems(error, source, hw, batch=batch) from error
