"""
Random ONNX graphs of all operators (`onnx_networks.py`), beside onnxruntime: float ones quantised here, by calibration, and
such as onnxruntime's quantize_static writes them, layer by layer.
"""

from __future__ import annotations

import logging
import random
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx_networks import inputs_of, random_model
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from quantize_graphs import decibels, run

from benchmarks.layerwise import Difference, compare_layers
from dsf import Hardware, from_onnx
from dsf.errors import ModelError
from dsf.frontend.quantize import QuantizeOptions, quantize_model

HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32, max_image_size=(64, 64), max_kernel_size=(32, 32))
#: Of what is rescaled by 16 bits of a factor, one in a thousand rounds to the neighbour: of few elements, which may all be what
#: a bias and padding make, some more.
MOST_DIFFERENT, SOME = 0.002, 12
#: A mean on the scale of what it is the mean of, or what is taken to twice that, is often half-way: where several such are put
#: together, nobody counts that. And the bias of a channel that is only scaled is in units of that.
OF_PARTS, OF_BIAS = 0.1, 0.01
RANDOMS = st.randoms(use_true_random=False)
SETTINGS = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


def run_each(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return np.concatenate([run(model, {"x": one[None]})[0] for one in x])


def check_float(rng: random.Random) -> None:
    model = random_model(rng)
    choices = {
        "zero_points": rng.random() < 0.4,
        "scales": rng.choice(("free", "free", "power-of-two")),
        "concat": rng.choice(("share", "rescale")),
        "ranges": rng.choice(("mse", "minmax")),
        "per_channel": rng.random() < 0.7,
    }
    x = inputs_of(model, 20, rng.getrandbits(32))
    quantised = quantize_model(model, x, QuantizeOptions.of_hardware(HARDWARE, **choices)).model
    got = from_onnx(quantised, HARDWARE).predict(x[:4])
    expected, real = run_each(quantised, x[:4]), run_each(model, x[:4])
    assert decibels(expected, got) > 25, choices
    if np.square(real).mean() > 1e-4:
        assert decibels(real, got) > 8, choices


class Samples(CalibrationDataReader):
    def __init__(self, x: np.ndarray):
        self.left = [{"x": one[None]} for one in x]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.left.pop() if self.left else None


def check_quantised(rng: random.Random) -> None:
    model = random_model(rng)
    if any(one.op_type == "ConvTranspose" and one.attribute[0].i > 1 for one in model.graph.node):
        # onnxruntime has scales for fewer channels than such have, and the engine no weights of 9 bits.
        return
    x = inputs_of(model, 8, rng.getrandbits(32))
    kind = rng.choice((QuantType.QUInt8, QuantType.QInt8))
    weights = rng.choice((QuantType.QUInt8, QuantType.QInt8)) if kind == QuantType.QUInt8 else QuantType.QInt8
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / "float.onnx")
        quantize_static(
            Path(folder) / "float.onnx",
            Path(folder) / "quantised.onnx",
            Samples(x),
            quant_format=QuantFormat.QDQ,
            activation_type=kind,
            weight_type=weights,
            per_channel=rng.random() < 0.5 and weights == QuantType.QInt8,
            extra_options={"ActivationSymmetric": rng.random() < 0.3 and kind == QuantType.QInt8},
        )
        quantised = onnx.load(Path(folder) / "quantised.onnx")
    try:
        found = from_onnx(quantised, HARDWARE)
    except ModelError as error:
        # onnxruntime leaves what is between some functions in floating point.
        assert all("that is not quantised ('" in one for one in error.problems), error.problems
        return
    for one in compare_layers(found, quantised, [one[None] for one in x]):
        assert one.most <= 1, one
        assert one.different - one.undecided <= max(rate_of(one) * one.elements, SOME), one


def rate_of(one: Difference) -> float:
    """Of the results of a layer, so many at most may round to the neighbour."""
    if one.operation == "bundle.concat" or (one.layer.startswith("averagepool") and one.operation == "bundle.add"):
        return OF_PARTS
    return OF_BIAS if one.layer.startswith("batchnormalization") else MOST_DIFFERENT


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger().setLevel(logging.ERROR)


@SETTINGS
@given(RANDOMS)
def test_float_with_calibration(rng: random.Random) -> None:
    check_float(rng)


@SETTINGS
@given(RANDOMS)
def test_onnxruntime_quantises(rng: random.Random) -> None:
    check_quantised(rng)
