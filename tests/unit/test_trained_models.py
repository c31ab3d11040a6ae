"""
Networks trained on real data, as other people's exporters write them (`tests/data/trained`, written by
`python -m benchmarks.accuracy --files tests/data/trained`), through quantisation and conversion to the engine.
"""

import json
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest
import qonnx_semantics
from quantize_graphs import decibels, run

from benchmarks.accuracy_tables import EVERY_SUM
from benchmarks.every_sum import EXACT, chosen, sums_of, total
from benchmarks.layerwise import compare_layers
from dsf import Hardware, from_onnx
from dsf.errors import ModelError
from dsf.frontend.forms import to_qdq
from dsf.frontend.onnx.thresholds import other_results
from dsf.frontend.qonnx import is_qonnx
from dsf.frontend.quantize import QuantizeOptions, quantize_model

FOLDER = Path(__file__).parents[1] / "data" / "trained"
NETWORKS = sorted(path.stem for path in FOLDER.glob("*.npz"))
CLASSIFIERS = [name for name in NETWORKS if name != "autoencoder"]
HARDWARE = Hardware(bits_bias=32)
#: Of what is rescaled by 16 bits of a factor, so many at most may round to the neighbour.
MOST_DIFFERENT = 0.001


def load(name, form):
    return onnx.load(FOLDER / f"{name}.{form}.onnx")


def data_of(name):
    with np.load(FOLDER / f"{name}.npz") as archive:
        return {key: archive[key] for key in archive.files}


def run_each(proto, x):
    return np.concatenate([run(proto, {"x": one[None]})[0] for one in x])


def test_all_networks_are_there():
    assert NETWORKS == ["autoencoder", "cancer", "digits", "separable"]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    ("bits", "options", "least"),
    [
        (8, {}, 12),
        (8, {"scales": "power-of-two"}, 12),
        (8, {"zero_points": True, "ranges": "minmax"}, 12),
        (4, {}, 3),
    ],
    ids=["8 bits", "power-of-two", "zero points", "4 bits"],
)
def test_quantised_networks_keep_what_they_learnt(name, bits, options, least):
    """The files have few samples to calibrate with: in a table, others lie outside their range."""
    proto, data = load(name, "float"), data_of(name)
    options = QuantizeOptions(activation_bits=bits, weight_bits=bits, **options)
    expected, real = (run_each(one, data["x"]) for one in (proto, quantize_model(proto, data["train"], options).model))
    assert decibels(expected, real) > least
    if name in CLASSIFIERS:
        right = [np.mean(one.argmax(axis=1) == data["targets"]) for one in (expected, real)]
        assert right[1] >= right[0] - (0.04 if bits == 8 else 0.2)


@pytest.mark.parametrize("name", NETWORKS)
def test_qonnx_computes_what_it_means(name):
    """The rounding of sums in floating point differs in its last bits, and with it, seldom, that of an activation."""
    proto, data = load(name, "qonnx"), data_of(name)
    assert is_qonnx(proto)
    expected = np.concatenate([qonnx_semantics.run(proto, {"x": one[None]})[0] for one in data["x"][:4]])
    assert decibels(expected, run_each(to_qdq(proto), data["x"][:4])) > 30


@pytest.mark.parametrize("name", NETWORKS)
def test_both_forms_of_brevitas_are_one_network(name):
    data = data_of(name)
    x = data["x"]
    qcdq = load(name, "qcdq")
    converted = to_qdq(qcdq)
    assert np.array_equal(run_each(qcdq, x), run_each(converted, x))
    assert decibels(run_each(to_qdq(load(name, "qonnx")), x), run_each(converted, x)) > 30


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", ["qonnx", "qcdq", "fixed"])
def test_weights_of_brevitas_are_integers_of_4_bits(name, form):
    kinds = {one.data_type for one in to_qdq(load(name, form)).graph.initializer if len(one.dims) > 1}
    assert kinds == {onnx.TensorProto.INT4}


@pytest.mark.parametrize("name", NETWORKS)
def test_fixed_point_equals_brevitas_bit_for_bit(name):
    """What Brevitas's modules computed when the file was written: scales are powers of two, and float32 exact."""
    data = data_of(name)
    wanted = data["fixed"]
    got = from_onnx(load(name, "fixed"), HARDWARE).predict(data["x"]).reshape(wanted.shape)
    assert np.unique(wanted).size > 50
    assert np.array_equal(got, wanted)


@pytest.mark.parametrize("name", NETWORKS)
def test_free_scales_beside_brevitas(name):
    """
    The converted model computes what Brevitas's modules computed, but for the last bits of float32. The engine has gains of 16
    bits, and biases that are rounded.
    """
    data, proto = data_of(name), load(name, "qonnx")
    wanted = data["qonnx"]
    assert decibels(wanted, run_each(to_qdq(proto), data["x"])) > 100
    got = from_onnx(proto, HARDWARE).predict(data["x"]).reshape(wanted.shape)
    assert decibels(wanted, got) > 40
    if name in CLASSIFIERS:
        assert np.mean(got.argmax(axis=1) == wanted.argmax(axis=1)) > 0.95


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", ["qdq", "qonnx", "qcdq"])
def test_on_the_engine(name, form):
    proto, data = load(name, form), data_of(name)
    expected, real = run_each(to_qdq(proto), data["x"]), from_onnx(proto, HARDWARE).predict(data["x"])
    assert decibels(expected, real.reshape(expected.shape)) > 30
    if name not in CLASSIFIERS:
        return
    right = [np.mean(one.reshape(len(expected), -1).argmax(axis=1) == data["targets"]) for one in (expected, real)]
    assert right[1] >= right[0] - 0.04


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("form", ["qdq", "qonnx", "qcdq", "fixed"])
def test_every_layer_equals_onnxruntime_on_its_inputs(name, form):
    """
    Within 1 of 8 bits, and at most one in a thousand differs, by the 16 bits of the engine's multipliers and the rounding of a
    bias in floating point; not counted what is half-way between two steps, which onnxruntime rounds by the noise of float32. In
    fixed point none differs.
    """
    proto = to_qdq(load(name, form))
    layers = compare_layers(from_onnx(proto, HARDWARE), proto, [one[None] for one in data_of(name)["x"]])
    assert len(layers) >= 2
    for one in layers:
        assert one.most <= 1, one
        most = 0 if form == "fixed" else max(MOST_DIFFERENT * one.elements, 1)
        assert one.different - one.undecided <= most, one


@pytest.mark.parametrize(
    ("form", "hardware", "least"),
    [
        *(("qonnx", HARDWARE, 0.9995), ("qcdq", HARDWARE, 0.9995), ("qdq", HARDWARE, 0.9993), ("fixed", HARDWARE, 1)),
        *((form, EXACT, 1) for form in ("qonnx", "qcdq", "qdq", "fixed")),
    ],
)
def test_all_sums_there_are_or_nearly_all_get_the_result_that_the_model_means(form, hardware, least):
    """
    Of every channel of every layer, each sum that its inputs may have: as scales and bias say, without float32. With enough
    bits of gains and biases, every one.
    """
    sums = sums_of(form, hardware)
    assert len(sums) >= 18
    wrong, all_of_them = total(sums, partial(chosen, hardware=hardware))
    assert all_of_them > 1_000_000
    assert 1 - wrong / all_of_them >= least, (wrong, all_of_them)
    # As the compiler says.
    assert sum(other_results(one.meant, one.taken, hardware, one.grid)[0] for one in sums) == wrong
    rows = [row for row in json.loads(EVERY_SUM.read_text()) if row["chosen"]]
    (documented,) = [row for row in rows if row["gain_bits"] == hardware.bits_multiplier]
    assert documented.get(form, [wrong, all_of_them]) == [wrong, all_of_them], "write it again: python -m benchmarks.every_sum"


@pytest.mark.parametrize(("name", "apart"), [("autoencoder", 0), ("cancer", 0), ("digits", 1), ("separable", 0)])
def test_free_scales_equal_brevitas_in_exact_arithmetic(name, apart):
    """
    The same numbers in float64, where no rounding of float32 decides: what leaves the engine is the same, but for the bias of
    the last layer, which is a whole number of units of its sum. So it is for all images, while Brevitas's own float32 has other
    sums for `apart` of 32.
    """
    data, proto = data_of(name), load(name, "qonnx")
    exact = qonnx_semantics.in_float64(proto)
    wanted = np.concatenate([qonnx_semantics.run(exact, {"x": one[None].astype(np.float64)})[0] for one in data["x"]])
    model = from_onnx(proto, EXACT)
    got = model.predict(data["x"]).reshape(wanted.shape)
    unit = model.imported.output.units.min()
    differs = [np.abs(one - wanted).reshape(len(wanted), -1).max(axis=1) > 0.51 * unit for one in (got, data["qonnx"])]
    assert [int(one.sum()) for one in differs] == [0, apart]


def test_layers_of_all_kinds_are_compared():
    proto = load("digits", "qdq")
    layers = compare_layers(from_onnx(proto, HARDWARE), proto, [data_of("digits")["x"][:1]])
    assert {one.operation for one in layers} == {"bundle.conv", "bundle.dense", "bundle.add", "bundle.pool"}


@pytest.mark.parametrize("name", NETWORKS)
def test_quantised_here_on_the_engine(name):
    data = data_of(name)
    result = quantize_model(load(name, "float"), data["train"], QuantizeOptions.of_hardware(HARDWARE))
    expected, real = run_each(result.model, data["x"]), from_onnx(result.model, HARDWARE).predict(data["x"])
    assert decibels(expected, real.reshape(expected.shape)) > 40


def test_truncated_files_end_in_messages():
    content = (FOLDER / "cancer.qonnx.onnx").read_bytes()
    for cut in range(50, len(content), len(content) // 12):
        try:
            proto = onnx.ModelProto.FromString(content[:cut])
        except Exception:  # What protobuf refuses is the reader's to report.
            continue
        with pytest.raises(ModelError):
            from_onnx(proto, HARDWARE)
