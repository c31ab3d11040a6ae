"""
Random ONNX graphs of all operators (`onnx_networks.py`), beside onnxruntime: float ones quantised here, by calibration, and
such as onnxruntime's quantize_static writes them, layer by layer.
"""

from __future__ import annotations

import logging
import random
import re
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper
from onnx_networks import inputs_of, random_model
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from quantize_graphs import decibels, run

from benchmarks.layerwise import Difference, compare_layers
from dsf import Hardware, from_onnx
from dsf.errors import ModelError
from dsf.frontend.quantize import QuantizeOptions, quantize_model

HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32, max_image_size=(64, 64), max_kernel_size=(32, 32))
#: Of what is rescaled by 16 bits of a factor, one in a thousand rounds to the neighbour; by chance more, up to so many times
#: what counting so many scatters by.
MOST_DIFFERENT, DEVIATIONS = 0.002, 4
#: Of so many results of one input or more, one may be what a bias and padding make: that is the same for each input.
OF_WHICH_ONE = 16
#: Inputs of each model, and how many layers of all models are compared at least, so that none is refused that was not. Which
#: models hypothesis draws depends on the modules that are loaded.
INPUTS, LEAST_COMPILED = 24, 23
LEAST_COMPARED = {QuantFormat.QDQ: 100, QuantFormat.QOperator: 80}
#: A mean on the scale of what it is the mean of, or what is taken to twice that, is often half-way: where several such are put
#: together, nobody counts that. And the bias of a channel that is only scaled is in units of that.
OF_PARTS, OF_BIAS = 0.1, 0.01
#: onnxruntime has no transposed convolution of integers: beside such its weights stay as they are, and are quantised here.
OF_ROUNDED_WEIGHTS = 0.25
REFUSED = r"that is not quantised \('|of what is not quantised, |operands whose axes were moved differently, "
#: What is joined after a product of columns is no images any more, and can't be pooled or added to such.
TURNED = r"operands? whose axes were moved|of moved axes, needs images"
RANDOMS = st.randoms(use_true_random=False)
SETTINGS = settings(max_examples=25, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))


def run_each(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    return np.concatenate([run(model, {"x": one[None]})[0] for one in x])


def check_float(rng: random.Random) -> int:
    """1, or 0 if the model was refused."""
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
    try:
        got = from_onnx(quantised, HARDWARE).predict(x[:4])
    except ModelError as error:
        assert all(re.search(TURNED, one) for one in error.problems), error.problems
        return 0
    expected, real = run_each(quantised, x[:4]), run_each(model, x[:4])
    assert decibels(expected, got) > 25, choices
    if np.square(real).mean() > 1e-4:
        assert decibels(real, got) > 8, choices
    return 1


class Samples(CalibrationDataReader):
    def __init__(self, x: np.ndarray):
        self.left = [{"x": one[None]} for one in x]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.left.pop() if self.left else None


def with_lowest_weights(model: onnx.ModelProto) -> None:
    """Makes the lowest weights of int8 one less, which quantize_static never writes: -128."""
    for one in model.graph.initializer:
        codes = numpy_helper.to_array(one)
        if codes.dtype == np.int8 and codes.ndim >= 2:
            one.CopyFrom(numpy_helper.from_array(np.where(codes == -127, np.int8(-128), codes), one.name))


def check_quantised(rng: random.Random, form: QuantFormat = QuantFormat.QDQ) -> int:
    """How many layers were compared."""
    model = random_model(rng)
    if form == QuantFormat.QDQ and any(one.op_type == "ConvTranspose" and one.attribute[0].i > 1 for one in model.graph.node):
        # onnxruntime has scales for fewer channels than such have, and the engine no weights of 9 bits.
        return 0
    x = inputs_of(model, INPUTS, rng.getrandbits(32))
    kind = rng.choice((QuantType.QUInt8, QuantType.QInt8))
    weights = rng.choice((QuantType.QUInt8, QuantType.QInt8)) if kind == QuantType.QUInt8 else QuantType.QInt8
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / "float.onnx")
        quantize_static(
            Path(folder) / "float.onnx",
            Path(folder) / "quantised.onnx",
            Samples(x[:8]),
            quant_format=form,
            activation_type=kind,
            weight_type=weights,
            per_channel=rng.random() < 0.5 and weights == QuantType.QInt8,
            extra_options={"ActivationSymmetric": rng.random() < 0.3 and kind == QuantType.QInt8},
        )
        quantised = onnx.load(Path(folder) / "quantised.onnx")
    with_lowest_weights(quantised)
    try:
        found = from_onnx(quantised, HARDWARE)
    except ModelError as error:
        # onnxruntime leaves what is between some functions in floating point, and a model may turn one operand of two.
        assert all(re.search(rf"{REFUSED}|{TURNED}", one) for one in error.problems), error.problems
        return 0
    compared = compare_layers(found, quantised, [one[None] for one in x])
    for one in compared:
        expected = rate_of(one, form) * one.elements
        alike = INPUTS if one.elements >= OF_WHICH_ONE * INPUTS else 0
        assert one.most <= 1, one
        assert one.different - one.undecided <= expected + DEVIATIONS * expected**0.5 + alike, one
    return len(compared)


@pytest.mark.parametrize(
    ("weights", "activations", "message"),
    [
        (QuantType.QInt4, QuantType.QInt8, None),
        (QuantType.QUInt4, QuantType.QUInt8, None),
        (QuantType.QInt8, QuantType.QUInt8, None),
        (QuantType.QInt8, QuantType.QInt16, "activations of type int16, needs int8 or uint8"),
    ],
)
def test_onnxruntimes_own_operators(weights: QuantType, activations: QuantType, message: str | None, tmp_path: Path) -> None:
    """QuantizeLinear and DequantizeLinear of its domain, as it writes them for types that the model's opset has not."""
    model = random_model(random.Random(3))
    model.opset_import[0].version = 17
    x = inputs_of(model, INPUTS, 1)
    onnx.save(model, tmp_path / "float.onnx")
    quantize_static(
        tmp_path / "float.onnx",
        tmp_path / "quantised.onnx",
        Samples(x[:8]),
        activation_type=activations,
        weight_type=weights,
        extra_options={"UseQDQContribOps": True},
    )
    quantised = onnx.load(tmp_path / "quantised.onnx")
    assert {one.domain for one in quantised.graph.node if one.op_type.endswith("QuantizeLinear")} == {"com.microsoft"}
    if message is not None:
        with pytest.raises(ModelError, match=message):
            from_onnx(quantised, HARDWARE)
        return
    compared = compare_layers(from_onnx(quantised, HARDWARE), quantised, [one[None] for one in x])
    assert len(compared) >= 3
    for one in compared:
        assert one.most <= 1 and one.different - one.undecided <= MOST_DIFFERENT * one.elements + INPUTS, one


def rate_of(one: Difference, form: QuantFormat = QuantFormat.QDQ) -> float:
    """Of the results of a layer, so many at most may round to the neighbour."""
    if form == QuantFormat.QOperator and one.operation == "bundle.conv_transpose":
        return OF_ROUNDED_WEIGHTS
    if one.operation == "bundle.concat" or (one.layer.startswith("averagepool") and one.operation == "bundle.add"):
        return OF_PARTS
    return OF_BIAS if one.layer.startswith("batchnormalization") else MOST_DIFFERENT


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger().setLevel(logging.ERROR)


def test_float_with_calibration() -> None:
    compared: list[int] = []

    @SETTINGS
    @given(RANDOMS)
    def check(rng: random.Random) -> None:
        compared.append(check_float(rng))

    check()
    assert sum(compared) >= LEAST_COMPILED, compared


@pytest.mark.parametrize("form", [QuantFormat.QDQ, QuantFormat.QOperator])
def test_onnxruntime_quantises(form: QuantFormat) -> None:
    compared: list[int] = []

    @SETTINGS
    @given(RANDOMS)
    def check(rng: random.Random) -> None:
        compared.append(check_quantised(rng, form))

    check()
    assert sum(compared) >= LEAST_COMPARED[form], compared
