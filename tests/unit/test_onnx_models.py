"""
ONNX files as other tools write them, against onnxruntime: layer by layer on onnxruntime's own inputs, and as a whole. The files
and what is in them: `tests/data/onnx/make.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

import dsf
from benchmarks.layerwise import compare_layers, session_of
from dsf.compiler import compile_module
from dsf.frontend.onnx.model import OnnxModel
from dsf.hardware import Hardware

FOLDER = Path(__file__).parents[1] / "data" / "onnx"
MODELS = sorted(path.stem for path in FOLDER.glob("*.onnx"))
HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32)
#: Of a result rescaled by 16 bits of a factor, so many at most may round to the neighbour.
MOST_DIFFERENT = 0.001


def model_of(name: str) -> OnnxModel:
    return dsf.from_onnx(FOLDER / f"{name}.onnx", HARDWARE)


def inputs(model: OnnxModel, count: int, seed: int = 1) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(count, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_equals_onnxruntime_on_its_inputs(name: str) -> None:
    """Within 1 of 8 bits; at most one in a thousand differs, by the 16 bits of the engine's multipliers."""
    model = model_of(name)
    layers = compare_layers(model, onnx.load(FOLDER / f"{name}.onnx"), [x[None] for x in inputs(model, 8)])
    assert len(layers) >= 4
    for one in layers:
        assert one.most <= 1, (name, one)
        assert one.different - one.undecided <= max(MOST_DIFFERENT * one.elements, 1), (name, one)


@pytest.mark.parametrize("name", MODELS)
def test_the_whole_network_beside_onnxruntime(name: str) -> None:
    """A neighbour here and there in the first layers: what comes out is close, at 30 dB and more."""
    model = model_of(name)
    x = inputs(model, 8)
    wanted = np.concatenate([session_of(onnx.load(FOLDER / f"{name}.onnx")).run(None, {"x": one[None]})[0] for one in x])
    got = model.predict(x)
    assert got.shape == wanted.shape
    noise = np.sqrt(np.mean((got - wanted) ** 2) / np.mean(wanted**2))
    assert noise < 10 ** (-30 / 20), noise


@pytest.mark.parametrize("name", MODELS)
def test_every_level_computes_the_same(name: str) -> None:
    model = model_of(name)
    (x,) = inputs(model, 1)
    compile_module(model.module, verify_each=True, verify_input=model.integers_of(x[None]))
