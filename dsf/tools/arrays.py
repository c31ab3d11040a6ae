"""Arrays that go into a compiled network and come out of it, with the axes of the model that was compiled or the engine's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsf import numerics
from dsf.codegen.program import Program
from dsf.codegen.source import ModelTensors, SourceTensor
from dsf.compiler import load_array
from dsf.dialects.engine import TensorAttr
from dsf.errors import ModelError
from dsf.input_steps import REAL_KINDS, prepared
from dsf.numerics import Ints, as_ints

Array = NDArray[Any]
#: Layouts that a user can name: as the model has its axes, or as the engine has them.
LAYOUTS = ("model", "engine")


@dataclass(frozen=True)
class Given:
    """An input as the engine's integers; and whether it came in the layout of the model, and as real numbers."""

    x: Ints
    of_model: bool
    real: bool


def read_input(program: Program, source: ModelTensors | None, path: Path, layout: str | None) -> Given:
    """
    The array of a `.npy` file as the input of a program. Real numbers are quantised, in the layout of a model after what it
    computes of them before that; integers are the engine's, or in the layout of a model that takes integers those. Raises
    `ModelError` where the shape does not say which layout it has.
    """
    values, tensor = load_array(path), program.inputs[0]
    real = values.dtype.kind == "f"
    of_model = _is_of_model(values.shape, tensor, None if source is None else source.input, layout, path)
    before = source.input.before if source is not None and of_model else ()
    if real and not bool(np.isfinite(values).all()):
        raise ModelError(f"'{path}': has values that are infinite or no numbers, needs finite ones; correct them")
    if before and (real or (source is not None and source.input.kind not in REAL_KINDS)):
        values, real = prepared(before, values), True
    if real:
        scale = tensor.free_scales[0] if tensor.free_scales else 2.0**-tensor.frac.data
        # As onnxruntime has them, in float32.
        reals = values.astype(np.float32).astype(np.float64)
        integers = numerics.quantize_linear(reals, scale, tensor.zero_point.data, *numerics.int_range(tensor.bits.data))
    else:
        try:
            integers = as_ints(values)
        except ValueError as error:
            has = f"has elements of type {values.dtype}"
            raise ModelError(f"'{path}': {has}, needs real numbers or integers; convert it with .astype") from error
    if not of_model or source is None:
        return Given(integers, False, real)
    if not real:
        integers = integers - source.input.offset
    placed = np.empty(tensor.elements, dtype=np.int64)
    placed[_places(source.input, tensor)] = integers.reshape(-1)
    return Given(placed.reshape(tensor.dimensions), True, real)


def _is_of_model(
    shape: tuple[int, ...], tensor: TensorAttr, model: SourceTensor | None, layout: str | None, path: Path
) -> bool:
    """Whether an array of this shape is in the layout of the model, and not in the engine's."""
    engine = tensor.dimensions
    if layout == "model" and model is None:
        raise ModelError("'--layout': model, but no source.json is there, needs the directory of an ONNX model; leave it out")
    wanted = {"model": None if model is None else model.shape, "engine": engine}
    if layout is not None:
        if shape != wanted[layout]:
            raise ModelError(f"'{path}': has shape {shape}, needs {wanted[layout]}, that of the {layout}; reshape it")
        return layout == "model"
    if model is None:
        return False
    if shape not in (model.shape, engine):
        needs = f"{model.shape} as the model has it, or {engine} as the engine has it"
        raise ModelError(f"'{path}': has shape {shape}, needs {needs}; reshape or transpose it")
    if model.shape != engine or bool(np.array_equal(model.places.reshape(-1), np.arange(model.places.size))):
        return shape == model.shape
    needs = "one of them; add --layout model or --layout engine"
    raise ModelError(f"'{path}': has shape {shape}, which the model's layout and the engine's have both, needs {needs}")


def _places(model: SourceTensor, tensor: TensorAttr) -> Ints:
    """Where elements lie in the engine's tensor. Raises `ModelError` for a description of another tensor."""
    places = model.places.reshape(-1)
    if places.min() < 0 or places.max() >= tensor.elements:
        has = f"'{model.name}' is described for a tensor of more than {tensor.elements} elements"
        raise ModelError(f"'source.json': {has}, needs that of this program; compile the model again")
    return places


def output_of(program: Program, source: ModelTensors | None, given: Given, y: Ints) -> Array:
    """
    The engine's output in the layout and the numbers that the input had: real numbers are those that the integers stand for,
    before what the processor computes of them.
    """
    tensor = program.outputs[0]
    values: Array = y
    if given.real:
        scales = np.array(tensor.free_scales or (2.0**-tensor.frac.data,))
        values = (y - tensor.zero_point.data) * scales
    if not given.of_model or source is None:
        return values
    model = source.output
    if model.kind == "integers":
        values = y + model.offset
    return values.reshape(-1)[_places(model, tensor)].reshape(model.shape)
