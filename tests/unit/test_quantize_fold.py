"""What quantisation makes of a float model before it: constants, batch normalisations and functions are folded, exactly."""

import math
from collections import Counter

import numpy as np
import onnx
import pytest
from quantize_graphs import decibels, model, node, norm_constants, quantized, random, run

from dsf.errors import ModelError
from dsf.frontend.onnx.model import from_onnx
from dsf.frontend.quantize import QuantizeOptions, quantize_model
from dsf.frontend.quantize.fold import prepare
from dsf.frontend.quantize.fused import fuse_functions
from dsf.frontend.quantize.graph import Graph
from dsf.frontend.quantize.ready import with_static_shapes


def prepared(proto):
    graph = Graph(with_static_shapes(proto))
    prepare(graph)
    return graph


@pytest.mark.parametrize(
    "kind", ["Conv", "ConvTranspose", "Gemm", "transposed Gemm", "MatMul", "alone", "alone, a matrix", "grouped"]
)
def test_batch_norms_are_folded_exactly(kind):
    norm = node("BatchNormalization", "c norm.scale norm.offset norm.mean norm.variance", "y", epsilon=1e-3)
    shape = (2, 4) if "Gemm" in kind or "matrix" in kind or kind == "MatMul" else (2, 4, 5, 5)
    cores = {
        "Conv": [node("Conv", "x w b", "c")],
        "ConvTranspose": [node("ConvTranspose", "x w b", "c", strides=[2, 2])],
        "Gemm": [node("Gemm", "x m b", "c")],
        "transposed Gemm": [node("Gemm", "x t", "c", transB=1)],
        "MatMul": [node("MatMul", "x m", "c0"), node("Add", "c0 b", "c")],
        "alone": [node("Relu", "x", "c")],
        "alone, a matrix": [node("Relu", "x", "c")],
        "grouped": [node("ConvTranspose", "x g", "c", group=2)],
    }
    channels = 4 if kind in ("alone", "alone, a matrix") else 6
    constants = {
        "w": random(*((6, 4) if kind == "Conv" else (4, 6)), 3, 3),
        "b": random(6),
        "m": random(4, 6),
        "t": random(6, 4),
    }
    constants["g"] = random(4, 3, 2, 2)
    proto = model([*cores[kind], norm], {"x": shape}, ["y"], constants | norm_constants(channels))
    graph = prepared(proto)
    assert "BatchNormalization" not in [one.op_type for one in graph.nodes]
    if not kind.startswith(("alone", "grouped")):
        assert len(graph.nodes) == 1
    x = random(*shape)
    assert np.allclose(run(graph.to_model(), {"x": x})[0], run(proto, {"x": x})[0], atol=1e-4)


def test_what_others_read_is_not_folded_into():
    nodes = [
        node("Conv", "x w", "c"),
        node("BatchNormalization", "c norm.scale norm.offset norm.mean norm.variance", "n"),
        node("Add", "c n", "y"),
    ]
    proto = model(nodes, {"x": (1, 3, 4, 4)}, ["y"], {"w": random(6, 3, 1, 1)} | norm_constants(6))
    graph = prepared(proto)
    assert Counter(one.op_type for one in graph.nodes) == {"Conv": 2, "Add": 1}
    x = random(1, 3, 4, 4)
    assert np.allclose(run(graph.to_model(), {"x": x})[0], run(proto, {"x": x})[0], atol=1e-5)


def test_constants_are_folded():
    nodes = [
        node("Shape", "x", "s", start=0, end=1),
        node("Constant", "", "rest", value=onnx.numpy_helper.from_array(np.array([-1]))),
        node("Concat", "s rest", "shape", axis=0),
        node("Identity", "x", "i"),
        node("Reshape", "i shape", "r"),
        node("Dropout", "r", "d"),
        node("Neg", "w", "minus"),
        node("MatMul", "d minus", "y"),
    ]
    proto = model(nodes, {"x": (2, 3, 4)}, ["y"], {"w": random(12, 5)})
    graph = prepared(proto)
    assert [one.op_type for one in graph.nodes] == ["Reshape", "Gemm"]
    x = random(2, 3, 4)
    assert np.allclose(run(graph.to_model(), {"x": x})[0], run(proto, {"x": x})[0], atol=1e-6)


def test_identity_at_the_end():
    proto = model([node("Relu", "x", "r"), node("Identity", "r", "y")], {"x": (1, 4)}, ["y"])
    graph = prepared(proto)
    assert [(one.op_type, list(one.output)) for one in graph.nodes] == [("Relu", ["y"])]


def test_old_opsets_are_converted():
    proto = model([node("Clip", "x", "y", min=0.0, max=6.0)], {"x": (1, 4)}, ["y"], opset=9)
    result = quantized(proto, random(8, 4) * 10).model
    assert result.opset_import[0].version == 21
    assert run(result, {"x": np.full((1, 4), 9, np.float32)})[0] == pytest.approx(6, abs=0.1)


def test_functions_are_inlined():
    body = onnx.helper.make_function(
        "local", "Half", ["u"], ["v"], [node("Relu", "u", "v")], [onnx.helper.make_opsetid("", 21)]
    )
    proto = model([onnx.helper.make_node("Half", ["x"], ["y"], domain="local")], {"x": (1, 4)}, ["y"])
    proto.functions.append(body)
    proto.opset_import.append(onnx.helper.make_opsetid("local", 1))
    assert "Relu" in [one.op_type for one in quantized(proto, random(8, 4)).model.graph.node]


def gelu_of_parts(order: str, *, half: float = 0.5, also: str = "y") -> onnx.ModelProto:
    """A Gelu of a convolution's sums as five nodes, the factor one half at another place in each `order`."""
    scaled = node("Mul", "root c", "s") if order == "reciprocal" else node("Div", "c root", "s")
    products = {
        "last": [node("Mul", "c plus", "p"), node("Mul", "p half", "y")],
        "first": [node("Mul", "half c", "p"), node("Mul", "p plus", "y")],
        "middle": [node("Mul", "plus half", "p"), node("Mul", "c p", "y")],
        "reciprocal": [node("Mul", "plus c", "p"), node("Mul", "half p", "y")],
    }
    nodes = [node("Conv", "x w", "c"), scaled, node("Erf", "s", "e"), node("Add", "e one", "plus"), *products[order]]
    root = math.sqrt(0.5) if order == "reciprocal" else math.sqrt(2)
    numbers = {"root": root, "one": 1.0, "half": half}
    constants = {name: np.array(value, np.float32) for name, value in numbers.items()}
    return model(nodes, {"x": (1, 3, 4, 4)}, list(dict.fromkeys(["y", also])), {"w": random(4, 3, 1, 1), **constants}, opset=17)


@pytest.mark.parametrize("order", ["last", "first", "middle", "reciprocal"])
def test_gelu_of_parts_is_one(order):
    x = random(16, 3, 4, 4)
    quantized = quantize_model(gelu_of_parts(order), x)
    kinds = [one.op_type for one in quantized.model.graph.node if one.op_type not in ("QuantizeLinear", "DequantizeLinear")]
    assert kinds == ["Conv", "Gelu"]
    sums = np.einsum("nchw,kc->nkhw", x[:1].astype(np.float64), random(4, 3, 1, 1)[:, :, 0, 0])
    expected = np.vectorize(lambda v: v * 0.5 * (1 + math.erf(v / math.sqrt(2))))(sums)
    assert decibels(expected, run(quantized.model, {"x": x[:1]})[0]) > 30


@pytest.mark.parametrize("changed", [{"half": 0.4}, {"also": "e"}, {"also": "plus"}, {"also": "p"}])
def test_what_is_no_gelu_stays_in_parts(changed):
    quantized = quantize_model(gelu_of_parts("last", **changed), random(16, 3, 4, 4))
    kinds = [one.op_type for one in quantized.model.graph.node]
    assert "Erf" in kinds and "Gelu" not in kinds


@pytest.mark.parametrize(("threshold", "more", "count"), [(20.0, 1.0, 2), (5.0, 1.0, 4), (20.0, 1.5, 4)])
def test_functions_of_several_operators_become_one(threshold, more, count):
    """As torch exports Softplus and Softsign; others stay."""
    nodes = [
        node("Softplus", "x", "soft"),
        node("Greater", "x limit", "large"),
        node("Where", "large x soft", "plus"),
        node("Abs", "plus", "size"),
        node("Add", "more size", "wide"),
        node("Div", "plus wide", "y"),
    ]
    proto = model(nodes, {"x": (1, 4)}, ["y"], {"limit": np.float32(threshold), "more": np.float32(more)})
    graph = Graph(with_static_shapes(proto))
    fuse_functions(graph)
    assert len(graph.nodes) == count
    feeds = {"x": np.float32([[-3, -0.5, 2, 30]])}
    assert np.allclose(run(graph.to_model(), feeds)[0], run(proto, feeds)[0])


ENLARGEMENTS = [("linear", 2.0), ("nearest", 2.0), ("nearest", 3.0)]


@pytest.mark.parametrize(
    ("kind", "opset", "mode", "scale"),
    [*(("Upsample", 9, *one) for one in ENLARGEMENTS), *(("Resize", 10, *one) for one in [*ENLARGEMENTS, ("nearest", 1 / 3)])],
)
def test_older_enlargements_stay_what_they_were(kind, opset, mode, scale):
    """Beside the model as it was exported: positions were not those that newer versions have by default."""
    scales = {"s": np.float32([1, 1, scale, scale])}
    proto = model([node(kind, "x s", "y", mode=mode)], {"x": (1, 2, 6, 6)}, ["y"], scales, opset=opset)
    proto.ir_version = 5
    x = random(20, 2, 6, 6)
    result = quantize_model(proto, x, QuantizeOptions())
    expected, real = (np.concatenate([run(one, {"x": image[None]})[0] for image in x]) for one in (proto, result.model))
    assert decibels(expected, real) > 35
    assert decibels(expected, from_onnx(result.model).predict(x)) > 35


def test_older_enlargements_of_both_kinds_are_refused():
    scales = {"s": np.float32([1, 1, 2, 0.5])}
    proto = model([node("Resize", "x s", "y", mode="nearest")], {"x": (1, 2, 6, 6)}, ["y"], scales, opset=10)
    with pytest.raises(ModelError, match="a Resize of opset 10 or less by scales above and below 1, needs either; export the"):
        quantize_model(proto, random(2, 2, 6, 6))
