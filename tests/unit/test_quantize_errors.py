"""Everything that can be wrong with a model, its samples and the options: one message each, all of them at once."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from quantize_graphs import conv_net, model, node, norm_constants, random, samples

from dsf import Hardware, from_onnx
from dsf.errors import ModelError
from dsf.frontend.onnx.from_onnx import HANDLERS
from dsf.frontend.quantize import QuantizeOptions, quantize_model
from dsf.frontend.quantize.graph import a
from dsf.frontend.quantize.plan import SUPPORTED


def problems(proto, data, **arguments):
    with pytest.raises(ModelError) as caught:
        quantize_model(proto, data, **arguments)
    return caught.value.problems


def only(found):
    assert len(found) == 1, found
    return found[0]


# Samples.


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            samples()[:, :, :, :7],
            "'calibration': 'x' has shape 16x3x8x7, needs Nx3x8x8, samples along the first axis; reshape it",
        ),
        (
            np.float32(3),
            "'calibration': 'x' has shape a single number, needs Nx3x8x8, samples along the first axis; reshape it",
        ),
        (samples()[:1], "'calibration': 'x' has too few samples, 1, needs at least 2, one batch, better 100; add some"),
        (samples()[:0], "'calibration': 'x' has too few samples, 0, needs at least 2, one batch, better 100; add some"),
        (
            (samples() * 100).astype(np.uint8),
            "'calibration': 'x' has elements of type uint8, needs floating-point numbers, scaled as in training; "
            "convert it with .astype(numpy.float32)",
        ),
        (samples().astype(np.float64) * 1e60, "'calibration': 'x' has numbers beyond float32"),
        ("no.npz", "'no.npz': No such file or directory, needs a file of numpy.savez"),
        ({"y": samples(), "x": samples()}, "'calibration': has 'y', which is no input, needs 'x'; rename or remove it"),
        ({}, "'calibration': has no samples for input 'x', needs an array for each of 'x'; add it"),
        ([[1.0], [2.0, 3.0]], "'calibration': 'x' is no array, needs floating-point numbers; convert it with numpy.asarray"),
    ],
    ids=lambda one: one[:40] if isinstance(one, str) else "",
)
def test_samples(data, message):
    assert only(problems(conv_net(), data)).startswith(message)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers(value):
    data = samples()
    data[5, 1, 2, 3] = value
    found = only(problems(conv_net(), data))
    assert found == f"'calibration': 'x' is {value} at (5, 1, 2, 3), needs finite numbers; remove sample 5"


def test_several_inputs():
    proto = model([node("Add", "u v", "y")], {"u": (2, 4), "v": (1, 4)}, ["y"])
    assert "is one array, needs one for each of the inputs 'u', 'v'" in only(problems(proto, random(8, 4)))
    found = only(problems(proto, {"u": random(8, 4), "v": random(8, 4)}))
    assert "different numbers of batches" in found
    assert "4 for 'u'" in found


def test_files_of_samples(tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    for name in ("text.npz", "objects.npy"):
        assert "is no NumPy file, or has Python objects in it" in only(problems(conv_net(), tmp_path / name))
    np.savez(tmp_path / "good.npz", x=samples())
    data = bytearray((tmp_path / "good.npz").read_bytes())
    for cut in (10, 200, len(data) // 2, len(data) - 5):
        (tmp_path / "cut.npz").write_bytes(data[:cut])
        only(problems(conv_net(), tmp_path / "cut.npz"))


def test_numbers_that_grow_beyond_all_bounds():
    proto = model([node("Exp", "x", "a"), node("Exp", "a", "y")], {"x": (1, 2)}, ["y"])
    found = only(problems(proto, np.full((4, 2), 50.0)))
    assert found.startswith("'y': gives infinite values or none on the calibration data, needs finite ones; scale the data")


# Models.


def test_dynamic_shapes():
    assert only(problems(conv_net("n"), samples())) == (
        "'x': is an input of shape nx3x8x8, needs every size to be a number; pass batch=1, or another number"
    )
    quantize_model(conv_net("n"), samples(), batch=4)
    proto = model([node("Relu", "x", "y")], {"x": ("n", "h")}, ["y"])
    assert "export the model with fixed sizes" in only(problems(proto, random(2, 3), batch=1))


def test_types_of_inputs():
    proto = model([node("Relu", "x", "y")], {"x": (1, 4)}, ["y"])
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    assert only(problems(proto, random(2, 4))) == ("'x': is an input of type double, needs float; export the model in float32")


@pytest.mark.parametrize("opset", [6, 99])
def test_opsets(opset):
    found = only(problems(model([node("Relu", "x", "y")], {"x": (1, 4)}, ["y"], opset=opset), random(2, 4)))
    assert found.startswith(f"'test': uses opset {opset}, needs 7 to ")


def test_what_no_converter_converts():
    proto = model([node("Upsample", "x", "y")], {"x": (1, 1, 2, 2)}, ["y"], opset=7)
    assert "uses opset 7, which can't be converted" in only(problems(proto, random(2, 1, 2, 2)))


def test_files(tmp_path):
    assert only(problems(tmp_path / "no.onnx", samples())).startswith(f"'{tmp_path / 'no.onnx'}': No such file or directory")
    (tmp_path / "text.onnx").write_text("this is no model")
    assert "is truncated or no ONNX model" in only(problems(tmp_path / "text.onnx", samples()))
    onnx.save(conv_net(), tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    data = (tmp_path / "net.data").read_bytes()
    (tmp_path / "net.data").write_bytes(data[: len(data) // 2])
    assert "its external data can't be read" in only(problems(tmp_path / "net.onnx", samples()))
    (tmp_path / "net.data").unlink()
    assert "its weights are in 'net.data', which is not there" in only(problems(tmp_path / "net.onnx", samples()))
    proto = onnx.load(tmp_path / "net.onnx", load_external_data=False)
    assert all("was not loaded, needs its data; pass the path of the model" in one for one in problems(proto, samples()))


def test_truncated_files_are_no_models(tmp_path):
    data = conv_net().SerializeToString()
    for cut in range(1, len(data), len(data) // 40):
        (tmp_path / "cut.onnx").write_bytes(data[:cut])
        assert problems(tmp_path / "cut.onnx", samples())


def test_shapes_that_contradict_each_other():
    proto = model([node("Conv", "x w", "y")], {"x": (1, 3, 4, 4)}, ["y"], {"w": random(2, 5, 1, 1)})
    found = only(problems(proto, random(2, 3, 4, 4)))
    assert found.startswith(("'test': its shapes contradict each other", "'test': fails on the calibration data"))


def test_cycles():
    proto = model([node("Add", "x b", "a"), node("Relu", "a", "b"), node("Relu", "b", "y")], {"x": (1, 4)}, ["y"])
    found = only(problems(proto, random(2, 4)))
    assert "needs a graph without cycles" in found or "contradict" in found


def test_all_problems_of_a_model_at_once():
    quantizer = helper.make_node("QuantizeLinear", ["x", "s"], ["q"], name="q")
    foreign = helper.make_node("Foo", ["x"], ["f"], name="f", domain="my.own")
    proto = model([quantizer, foreign, node("Relu", "f", "y")], {"x": (1, "n")}, ["y"], {"s": np.float32(1)})
    assert problems(proto, "no.npz") == [
        "'q': is a QuantizeLinear, so the model is quantised already, needs a float model; compile it as it is, "
        "without calibration data",
        "'f': is a Foo of domain 'my.own', needs a standard operator; replace it",
        "'x': is an input of shape 1xn, needs every size to be a number; export the model with fixed sizes, "
        "without dynamic_shapes",
        "'no.npz': No such file or directory, needs a file of numpy.savez, an array for each input by its name, or of "
        "numpy.save; write it again",
    ]


def test_all_problems_of_nodes_and_samples_at_once():
    nodes = [
        node("LpNormalization", "x", "a"),
        node("MatMul", "a x", "b"),
        node("Gemm", "b w x", "d", transA=1),
        node("Softmax", "d", "e"),
        node("Gemm", "e w", "y"),
    ]
    found = problems(model(nodes, {"x": (4, 4)}, ["y"], {"w": random(4, 4)}), random(8, 5))
    starts = [
        "'a': is a LpNormalization, needs an operator that can be quantised",
        "'b': is a MatMul of two tensors that are computed, needs constant weights",
        "'d': is a Gemm whose bias is computed, needs a constant one",
        "'e': is a Softmax whose result other layers read, needs to end the network",
        "'calibration': 'x' has shape 8x5, needs Nx4",
    ]
    assert [any(one.startswith(start) for one in found) for start in starts] == [True] * len(starts)
    assert len(found) == len(starts)


def test_the_page_lists_all_operators():
    text = (Path(__file__).parents[2] / "docs" / "quantization.md").read_text()
    compiled = re.search(r"can be quantised and compiled: ([^;]*);", text)
    others = re.search(r"as DSF does not compile them: ([^.]*)\.", text)
    assert compiled is not None and others is not None
    assert re.split(r",\s+", compiled[1]) == sorted(SUPPORTED & HANDLERS.keys())
    assert re.split(r",\s+", others[1]) == sorted(SUPPORTED - HANDLERS.keys())


def test_single_numbers_that_are_infinite():
    """Limits of a Clip may be; what is added, or stands around images, may not."""
    nodes = [node("Pad", "x pads border", "p"), node("Add", "p much", "a"), node("Clip", "a low", "y")]
    constants = {name: np.float32(sign * np.inf) for name, sign in {"border": -1, "much": 1, "low": -1}.items()}
    proto = model(nodes, {"x": (1, 2, 4, 4)}, ["y"], {"pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]), **constants})
    found = problems(proto, random(8, 2, 4, 4))
    end = "has values that are infinite or no numbers, needs finite ones; correct the model, or train it again"
    assert found == [f"'border': {end}", f"'much': {end}"]


def test_results_that_are_constants():
    nodes = [node("Gemm", "x w", "a"), node("Gemm", "k w", "y")]
    proto = model(nodes, {"x": (4, 4)}, ["y"], {"w": random(4, 4), "k": random(4, 4)})
    found = only(problems(proto, random(8, 4)))
    assert found == "'y': is a constant, needs a result that depends on the input; export the model again"


def test_masks():
    """What nobody can compute is not lost on the way."""
    proto = model([node("Dropout", "x", "y mask")], {"x": (4, 4)}, ["y"])
    proto.graph.output.append(onnx.helper.make_tensor_value_info("mask", onnx.TensorProto.BOOL, (4, 4)))
    with pytest.raises(ModelError, match="a second result, the mask, needs the numbers only"):
        from_onnx(quantize_model(proto, random(8, 4)).model, Hardware(bits_bias=32))


def test_a_bias_for_other_channels():
    """Which the batch normalisation behind it would be folded into."""
    norm = node("BatchNormalization", "c norm.scale norm.offset norm.mean norm.variance", "y")
    nodes = [node("Conv", "x w b", "c"), norm]
    proto = model(nodes, {"x": (2, 3, 4, 4)}, ["y"], {"w": random(3, 3, 1, 1), "b": random(2), **norm_constants(3)})
    assert "needs a model that ONNX can run" in only(problems(proto, random(4, 3, 4, 4)))


def test_batch_norms_in_training():
    norm = node("BatchNormalization", "x norm.scale norm.offset norm.mean norm.variance", "y m v", training_mode=1)
    proto = model([norm], {"x": (2, 3, 4, 4)}, ["y"], norm_constants(3))
    assert only(problems(proto, random(4, 3, 4, 4))).startswith(
        "'y': is in training, needs its final statistics; call model.eval()"
    )


def test_statistics_that_are_computed():
    nodes = [node("BatchNormalization", "x s norm.offset norm.mean norm.variance", "y")]
    proto = model(nodes, {"x": (2, 3, 4, 4), "s": (3,)}, ["y"], norm_constants(3))
    assert "its statistics are computed, needs constants" in only(
        problems(proto, {"x": random(4, 3, 4, 4), "s": random(6)[:6]})
    )


def test_weights_that_are_no_numbers():
    weights = random(2, 3, 1, 1)
    weights[1, 1] = np.nan
    proto = model([node("Conv", "x w", "y")], {"x": (1, 3, 4, 4)}, ["y"], {"w": weights})
    assert only(problems(proto, random(2, 3, 4, 4))).startswith("'w': has values that are infinite or no numbers")


def test_control_flow():
    then = helper.make_graph([], "then", [], [])
    branch = helper.make_node("If", ["x"], ["y"], name="y", then_branch=then, else_branch=then)
    assert only(problems(model([branch], {"x": (1,)}, ["y"]), random(2))).startswith("'y': is an If, which branches")


def test_constants_that_fail():
    nodes = [node("Reshape", "w s", "r"), node("Add", "x r", "y")]
    proto = model(nodes, {"x": (1, 4)}, ["y"], {"w": random(4), "s": np.array([3, 5])})
    found = only(problems(proto, random(2, 4)))
    assert "of constants that fails" in found or "operands don't belong together" in found


def test_no_output():
    proto = model([node("Relu", "x", "y")], {"x": (1, 4)}, [])
    assert only(problems(proto, random(2, 4))).startswith("'test': has no output, needs at least one")


# Options.


def test_options():
    with pytest.raises(ModelError) as caught:
        QuantizeOptions(activation_bits=3, weight_bits=True, bias_bits=12, ranges="kl", percentile=20, scales=2, per_channel=1)
    assert caught.value.problems == [
        "'activation_bits': 3, needs one of 2, 4, 8",
        "'weight_bits': True, needs one of 2, 4, 8",
        "'bias_bits': 12, needs one of 8, 16, 32",
        "'ranges': 'kl', needs one of minmax, percentile, mse",
        "'scales': 2, needs one of free, power-of-two",
        "'per_channel': 1, needs True or False",
        "'percentile': 20, needs a number above 50, at most 100",
    ]


def test_options_of_hardware():
    with pytest.raises(ModelError) as caught:
        QuantizeOptions.of_hardware(Hardware(bits_input=1, bits_weights=1), width=3)
    unknown, binary = caught.value.problems
    assert unknown.startswith("'width': is no option, needs one of activation_bits, weight_bits,")
    assert binary.startswith("'dsf': has numbers of one bit, needs 2, 4 or 8")


@pytest.mark.parametrize(
    ("operator", "text"),
    [("Conv", "a Conv"), ("Erf", "an Erf"), ("LSTM", "an LSTM"), ("GRU", "a GRU"), ("Unique", "a Unique"), ("If", "an If")],
)
def test_articles(operator, text):
    assert a(operator) == text
