"""Post-training quantisation of float ONNX: the QDQ model is what onnxruntime runs, and the report says what it lost."""

import json
from dataclasses import replace

import numpy as np
import onnx
import pytest
from quantize_graphs import constants_of, conv_net, decibels, model, node, quantized, random, run, samples
from rich.console import Console

from dsf import Hardware
from dsf.frontend.quantize import QuantizeOptions, quantize_model
from dsf.frontend.quantize.report import Energy, LayerReport, QuantizationReport


def producers(proto):
    return {name: one for one in proto.graph.node for name in one.output}


def quantized_tensors(proto):
    """The names of what goes through QuantizeLinear."""
    return {one.input[0] for one in proto.graph.node if one.op_type == "QuantizeLinear"}


# What comes out.


@pytest.mark.parametrize(
    ("options", "least"),
    [
        ({}, 35),
        ({"ranges": "minmax"}, 33),
        ({"ranges": "percentile", "percentile": 99.9}, 28),
        ({"scales": "power-of-two"}, 30),
        ({"per_channel": False}, 33),
        ({"zero_points": True}, 37),
        ({"bias_correction": False}, 35),
        ({"outputs": "quantized"}, 33),
        ({"activation_bits": 4, "weight_bits": 4, "bias_bits": 16}, 14),
        ({"activation_bits": 8, "weight_bits": 4}, 18),
        ({"activation_bits": 4, "weight_bits": 2, "bias_bits": 8}, 5),
        ({"activation_bits": 2, "weight_bits": 2}, 1),
    ],
    ids=str,
)
def test_onnxruntime_agrees_with_the_report(options, least):
    proto, data = conv_net(), samples()
    result = quantized(proto, data, **options)
    expected, real = [], []
    for start in range(0, len(data), 2):
        feeds = {"x": data[start : start + 2]}
        expected.append(run(proto, feeds, "logits")[0])
        name = next(one.input[0] for one in result.model.graph.node if one.op_type == "Softmax")
        real.append(run(result.model, feeds, name)[0])
    snr = decibels(np.concatenate(expected), np.concatenate(real))
    row = next(one for one in result.report.layers if one.tensor == "logits")
    assert row.snr_total is not None
    assert snr == pytest.approx(row.snr_total, abs=0.5)  # The order of float sums decides some roundings.
    assert snr > least


def test_what_is_quantised():
    proto = quantized(conv_net(), samples()).model
    # Not c2, a: the engine adds and activates before it rounds. The sums of the last layer stay as they are.
    assert quantized_tensors(proto) == {"x", "r1", "c2", "ra", "p", "f"}
    names = constants_of(proto)
    assert {name: value.dtype.name for name, value in names.items() if name.endswith("_quantized")} == {
        "c1.weight_quantized": "int8",
        "w2_quantized": "int8",
        "w3_quantized": "int8",
        "c1.bias_quantized": "int32",
        "b2_quantized": "int32",
        "b3_quantized": "int32",
    }
    assert names["ra_scale"] == names["p_scale"] == names["f_scale"]
    assert [one.op_type for one in proto.graph.node].count("BatchNormalization") == 0
    assert [one.name for one in proto.graph.output] == ["y"]


def test_widths_are_types():
    proto = quantized(conv_net(), samples(), activation_bits=4, weight_bits=2, bias_bits=16).model
    names = constants_of(proto)
    assert names["w2_quantized"].dtype.name == "int2"
    assert names["r1_zero_point"].dtype.name == "int4"
    assert proto.opset_import[0].version >= 25


@pytest.mark.parametrize("per_channel", [False, True])
def test_biases_are_on_the_grid_of_the_sums(per_channel):
    names = constants_of(quantized(conv_net(), samples(), per_channel=per_channel, bias_correction=False).model)
    scale = names["r1_scale"] * names["w2_scale"]
    assert names["w2_scale"].shape == ((8,) if per_channel else ())
    assert np.array_equal(names["b2_scale"], scale)
    bias = constants_of(conv_net())["b2"]
    assert np.array_equal(names["b2_quantized"], np.rint(bias / scale.astype(np.float64)))


@pytest.mark.parametrize("bits", [8, 16])
def test_narrow_biases_are_shifted(bits):
    names = constants_of(quantized(conv_net(), samples(), bias_bits=bits, bias_correction=False).model)
    for name in ("c1.bias", "b2", "b3"):
        integers = names[f"{name}_quantized"].astype(np.int64)
        shift = next(shift for shift in range(32) if np.all(np.abs(integers) >> shift < 1 << (bits - 1)))
        assert np.all(integers % (1 << shift) == 0)
        assert np.any(integers)


def test_a_channel_next_to_nothing_leaves_room_for_its_bias():
    weights = random(4, 3, 1, 1)
    weights[2] = 1e-30
    proto = model([node("Conv", "x w b", "y")], {"x": (1, 3, 4, 4)}, ["y"], {"w": weights, "b": np.full(4, 3.0, np.float32)})
    data = random(8, 3, 4, 4)
    for scales in ("free", "power-of-two"):
        result = quantized(proto, data, bias_correction=False, scales=scales).model
        assert run(result, {"x": data[:1]})[0][0, 2] == pytest.approx(3.0, rel=1e-6)


def test_bias_correction_takes_the_mean_error_out():
    proto, data = conv_net(), samples(32)
    errors = {}
    for correction in (False, True):
        result = quantized(proto, data, weight_bits=4, bias_correction=correction).model
        local = constants_of(result)
        total = np.zeros(8)
        for start in range(0, len(data), 2):
            (r1, c2) = run(proto, {"x": data[start : start + 2]}, "r1", "c2")
            rounded = np.clip(np.rint(r1 / local["r1_scale"]), -128, 127) * local["r1_scale"]
            weights = local["w2_quantized"].astype(np.float32) * local["w2_scale"].reshape(-1, 1, 1, 1)
            bias = local["b2_quantized"] * local["b2_scale"]
            conv = model(
                [node("Conv", "x w b", "y", pads=[1, 1, 1, 1], group=4)],
                {"x": r1.shape},
                ["y"],
                {"w": weights.astype(np.float32), "b": bias.astype(np.float32)},
            )
            total += (c2 - run(conv, {"x": rounded.astype(np.float32)})[0]).sum(axis=(0, 2, 3))
        errors[correction] = np.abs(total) / (len(data) * 64)
    assert np.all(errors[True] <= local["b2_scale"] * 0.51)  # Half a step is lost by rounding the bias itself.
    assert errors[True].max() < errors[False].max() / 5


def test_same_input_same_bytes():
    first, second = (quantized(conv_net(), samples()).model.SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_the_model_passed_stays_as_it_is():
    proto = conv_net("batch")
    before = proto.SerializeToString()
    quantize_model(proto, samples(), batch=4)
    assert proto.SerializeToString() == before


def test_files_give_the_same(tmp_path):
    onnx.save(conv_net(), tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    np.savez(tmp_path / "data.npz", x=samples())
    np.save(tmp_path / "data.npy", samples())
    expected = quantized(conv_net(), samples()).model
    for data in ("data.npz", "data.npy"):
        assert quantize_model(tmp_path / "net.onnx", tmp_path / data).model == expected


def test_a_last_batch_that_is_not_full_is_filled_up():
    data = samples(3)
    assert quantized(conv_net(), data).model == quantized(conv_net(), np.concatenate([data, data[:1]])).model


def test_samples_may_be_stacked():
    """Along an axis of their own: what the network takes at once behind each other."""
    data = samples()
    stacked = data.reshape(-1, 2, *data.shape[1:])
    assert quantized(conv_net(), stacked).model.SerializeToString() == quantized(conv_net(), data).model.SerializeToString()


def test_progress_reaches_its_end():
    seen = []
    quantize_model(conv_net(), samples(4), progress=lambda *what: seen.append(what))
    assert [one for one in seen if one[1] == one[2]] == [(what, 2, 2) for what in ("limits", "values", "bias", "report")]


def test_pads_that_crop():
    """Which the reference of ONNX does not do, but onnxruntime."""
    nodes = [node("Pad", "x pads", "p"), node("Conv", "p w", "y")]
    constants = {"pads": np.array([0, 0, -1, 2, 0, 0, 1, -3]), "w": random(3, 2, 3, 3, seed=1)}
    proto = model(nodes, {"x": (1, 2, 8, 8)}, ["y"], constants)
    result = quantized(proto, random(8, 2, 8, 8))
    x = random(1, 2, 8, 8, seed=5)
    (expected,), (real,) = (run(one, {"x": x}) for one in (proto, result.model))
    assert expected.shape == (1, 3, 6, 5)
    assert decibels(expected, real) > 25


# The report.


def test_a_row_for_each_layer():
    report = quantized(conv_net(), samples()).report
    assert [(one.name, one.operator, one.tensor) for one in report.layers] == [
        ("x", "Input", "x"),
        ("c1", "Conv", "r1"),
        ("c2", "Conv", "c2"),
        ("a", "Add", "ra"),
        ("logits", "Gemm", "logits"),
    ]
    data = json.loads(report.to_json())
    assert data["layers"][1]["shape"] == [2, 8, 8, 8]
    assert data["options"]["ranges"] == "mse"
    assert data["samples"] == 16
    console = Console(width=160)
    with console.capture() as text:
        console.print(report.table())
    assert f"{report.layers[2].snr_layer:.1f}" in text.get()


def test_noise_without_a_signal_is_json_too():
    """JSON has no infinity: Python would write one, and nothing else reads it."""
    energy = Energy()
    energy.add(np.zeros(2), np.array([0.0, 0.5]))
    row = LayerReport("a", "Conv", "y", (1, 2), 8, 0.5, 0, energy.decibels, None)
    report = QuantizationReport([row, replace(row, snr_layer=None, snr_total=31.5)], {"ranges": "mse"}, 4)

    def refuse(name):
        raise AssertionError(name)

    data = json.loads(report.to_json(), parse_constant=refuse)
    assert [one["snr_layer"] for one in data["layers"]] == ["-inf", None]
    again = QuantizationReport.of_dict(data)
    assert [(one.snr_layer, one.snr_total) for one in again.layers] == [(-np.inf, None), (None, 31.5)]
    console = Console(width=160)
    with console.capture() as text:
        console.print(again.table())
    assert "-inf" in text.get()


def test_a_layer_alone_does_not_see_errors_before_it():
    report = quantized(conv_net(), samples(), activation_bits=4, weight_bits=4).report
    rows = {one.tensor: one for one in report.layers}
    assert rows["x"].snr_layer == rows["x"].snr_total
    for name in ("r1", "c2", "ra"):
        assert rows[name].snr_layer > rows[name].snr_total - 0.5
    assert rows["ra"].snr_layer > rows["ra"].snr_total + 1
    local = constants_of(quantized(conv_net(), samples(), activation_bits=4, weight_bits=4).model)
    r1 = np.concatenate([run(conv_net(), {"x": samples()[at : at + 2]}, "r1")[0] for at in range(0, 16, 2)])
    rounded = np.clip(np.rint(r1 / local["r1_scale"]), -8, 7) * local["r1_scale"]
    assert rows["r1"].snr_layer < decibels(r1, rounded)  # Rounding the result is a part of its noise.


def test_no_noise_is_none():
    proto = model([node("Relu", "x", "y")], {"x": (1, 4)}, ["y"])
    data = np.array([[-127.0, 3, 5, 127]], dtype=np.float32)
    row = quantized(proto, data, ranges="minmax").report.layers[0]
    assert (row.snr_layer, row.snr_total, row.scale) == (None, None, 1.0)


# Which tensors share a scale.


def shared(nodes, inputs, output, constants=None, options=None, data=None):
    data = {name: random(8, *shape[1:]) for name, shape in inputs.items()} if data is None else data
    proto = quantized(model(nodes, inputs, [output], constants or {}), data, **(options or {})).model
    names = constants_of(proto)
    return {name: float(names[f"{name}_scale"]) for name in {*quantized_tensors(proto)} if f"{name}_scale" in names}, proto


@pytest.mark.parametrize(
    "moving",
    [
        node("MaxPool", "a", "b", kernel_shape=[2, 2]),
        node("GlobalMaxPool", "a", "b"),
        node("Transpose", "a", "b", perm=[0, 2, 3, 1]),
        node("Flatten", "a", "b"),
        node("Relu", "a", "b"),
        node("Resize", "a  scales", "b", mode="nearest"),
        node("Pad", "a pads", "b"),
    ],
    ids=lambda one: one.op_type,
)
def test_what_moves_numbers_keeps_their_scale(moving):
    if moving.op_type == "Resize":
        moving = onnx.helper.make_node("Resize", ["a", "", "scales"], ["b"], name="b", mode="nearest")
    constants = {"scales": np.array([1, 1, 2, 2], np.float32), "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1])}
    # A Sigmoid on both sides, so that nothing is computed with the layer before.
    scales, _ = shared(
        [node("Tanh", "x", "a"), moving, node("Sigmoid", "b", "y")],
        {"x": (1, 3, 4, 4)},
        "y",
        {name: value for name, value in constants.items() if name in moving.input},
    )
    assert scales["a"] == scales["b"]
    assert scales["a"] != scales["x"]


@pytest.mark.parametrize("kind", ["GlobalAveragePool", "AveragePool", "ReduceMean"])
def test_means_have_scales_of_their_own(kind):
    attributes = {"kernel_shape": [2, 2]} if kind == "AveragePool" else {}
    nodes = [node("Tanh", "x", "a"), node(kind, "a", "b", **attributes), node("Relu", "b", "r"), node("Sigmoid", "r", "y")]
    scales, _ = shared(nodes, {"x": (1, 3, 4, 4)}, "y")
    assert scales["r"] < scales["a"] / 1.2
    assert "b" not in scales


def test_a_padding_value_is_held():
    constants = {"pads": np.array([0, 1, 0, 1]), "v": np.array(9.0, np.float32)}
    scales, proto = shared(
        [node("Tanh", "x", "a"), node("Pad", "a pads v", "y")], {"x": (1, 4)}, "y", constants, {"ranges": "minmax"}
    )
    assert run(proto, {"x": np.zeros((1, 4), np.float32)})[0][0, 0] == pytest.approx(9.0)
    assert scales["a"] == pytest.approx(9 / 127)


@pytest.mark.parametrize("concat", ["share", "rescale"])
def test_inputs_of_a_concat(concat):
    data = {"u": random(8, 3), "v": random(8, 3) * 50}
    scales, _ = shared(
        [node("Concat", "u v", "c", axis=1), node("Tanh", "c", "y")],
        {"u": (1, 3), "v": (1, 3)},
        "y",
        options={"concat": concat, "ranges": "minmax"},
        data=data,
    )
    assert (scales["u"] == scales["v"] == scales["c"]) == (concat == "share")
    assert scales["c"] == scales["v"]
    assert scales["v"] == np.float32(np.abs(data["v"]).max() / 127)


@pytest.mark.parametrize(
    ("activation", "fused"),
    [
        (node("Relu", "c", "a"), True),
        (node("Clip", "c low high", "a"), True),
        (node("LeakyRelu", "c", "a", alpha=0.125), True),
        (node("LeakyRelu", "c", "a", alpha=0.1), False),
        (node("HardSwish", "c", "a"), False),
        (node("Gelu", "c", "a"), False),
    ],
    ids=["Relu", "Clip", "LeakyRelu 1/8", "LeakyRelu 0.1", "HardSwish", "Gelu"],
)
def test_activations_of_the_engine_have_no_rounding_before_them(activation, fused):
    constants = {"w": random(4, 3, 1, 1), "low": np.float32(-1), "high": np.float32(1)}
    proto = model([node("Conv", "x w", "c"), activation, node("Sigmoid", "a", "y")], {"x": (1, 3, 4, 4)}, ["y"])
    proto.graph.initializer.extend(onnx.numpy_helper.from_array(np.asarray(one), name) for name, one in constants.items())
    result = quantized(proto, random(8, 3, 4, 4)).model
    assert ("c" in quantized_tensors(result)) == (not fused)
    assert "a" in quantized_tensors(result)


def test_a_sum_that_two_read_is_quantised():
    nodes = [node("Conv", "x w", "c"), node("Relu", "c", "r"), node("Add", "c r", "y")]
    result = quantized(model(nodes, {"x": (1, 3, 4, 4)}, ["y"], {"w": random(4, 3, 1, 1)}), random(8, 3, 4, 4)).model
    assert {"c", "r"} <= quantized_tensors(result)


def test_constant_operands_are_quantised():
    nodes = [node("Mul", "x k", "m"), node("Add", "m o", "y")]
    proto = model(nodes, {"x": (1, 3, 4, 4)}, ["y"], {"k": random(1, 3, 1, 1), "o": random(1, 3, 1, 1, seed=1)})
    data = random(8, 3, 4, 4)
    result = quantized(proto, data)
    assert {"k_quantized", "o_quantized"} <= constants_of(result.model).keys()
    assert decibels(run(proto, {"x": data[:1]})[0], run(result.model, {"x": data[:1]})[0]) > 35


def test_weights_that_two_layers_share():
    nodes = [node("Conv", "x w", "a"), node("Conv", "a w", "y")]
    proto = model(nodes, {"x": (1, 3, 4, 4)}, ["y"], {"w": random(3, 3, 1, 1)})
    data = random(8, 3, 4, 4)
    assert decibels(run(proto, {"x": data[:1]})[0], run(quantized(proto, data).model, {"x": data[:1]})[0]) > 30


def test_several_inputs_and_outputs():
    nodes = [node("Add", "u v", "s"), node("Relu", "s", "r"), node("Gemm", "r w", "y")]
    proto = model(nodes, {"u": (2, 4), "v": (1, 4)}, ["y", "r"], {"w": random(4, 3)})
    result = quantized(proto, {"u": random(16, 4), "v": random(8, 4)})
    assert [one.name for one in result.model.graph.output] == ["y", "r"]
    feeds = {"u": random(2, 4), "v": random(1, 4)}
    for expected, real in zip(run(proto, feeds), run(result.model, feeds), strict=True):
        assert decibels(expected, real) > 25


# Options.


def test_widths_of_the_hardware():
    hw = Hardware(bits_input=4, bits_weights=2, bits_bias=8)
    options = QuantizeOptions.of_hardware(hw, ranges="minmax", bias_bits=16)
    assert (options.activation_bits, options.weight_bits, options.bias_bits, options.ranges) == (4, 2, 16, "minmax")


def test_factors_of_a_gemm_go_into_its_constants():
    constants = {"w": random(6, 4) * np.float32(0.4), "b": random(4)}
    proto = model([node("Gemm", "x w b", "y", alpha=-0.5, beta=3.0)], {"x": (1, 6)}, ["y"], constants)
    x = random(30, 6)
    result = quantize_model(proto, x, QuantizeOptions())
    expected, real = (np.concatenate([run(one, {"x": one_x[None]})[0] for one_x in x]) for one in (proto, result.model))
    assert decibels(expected, real) > 35
