"""QCDQ to QDQ: onnxruntime computes the same before and after."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from quantize_graphs import constants_of, model, node, run

from dsf.errors import ModelError
from dsf.frontend.qcdq import is_qcdq, qcdq_to_qdq


def spread(*shape, seed=1):
    """Numbers from -3 to 3, many of them half-way between two of 1/8."""
    return (np.random.default_rng(seed).integers(-48, 48, shape, endpoint=True) / 16).astype(np.float32)


def quantized(name, result, limits=True, **attributes):
    """QuantizeLinear, Clip and DequantizeLinear of a tensor."""
    middle = f"{result}_c" if limits else f"{result}_q"
    clip = [node("Clip", f"{result}_q {result}_low {result}_high", f"{result}_c")] if limits else []
    return [
        node("QuantizeLinear", f"{name} {result}_s {result}_z", f"{result}_q", **attributes),
        *clip,
        node("DequantizeLinear", f"{middle} {result}_s {result}_z", result, **attributes),
    ]


def numbers(result, scale, low, high, kind=np.int8, zero=0):
    scale = np.asarray(scale, dtype=np.float32)
    zeros = np.full(scale.shape, zero, dtype=kind)
    return {
        f"{result}_s": scale,
        f"{result}_z": zeros,
        f"{result}_low": np.array(low, kind),
        f"{result}_high": np.array(high, kind),
    }


def agree(proto, feeds):
    assert is_qcdq(proto)
    converted = qcdq_to_qdq(proto)
    onnx.checker.check_model(converted, full_check=True)
    assert not is_qcdq(converted)
    for one, other in zip(run(proto, feeds), run(converted, feeds), strict=True):
        assert np.array_equal(one, other)
    return converted


@pytest.mark.parametrize(
    ("low", "high", "kind", "zero", "type_", "clipped"),
    [
        (-8, 7, np.int8, 0, "int4", False),
        (-7, 7, np.int8, 0, "int4", True),
        (-2, 1, np.int8, 0, "int2", False),
        (-4, 3, np.int8, 1, "int4", True),
        (0, 15, np.uint8, 0, "uint4", False),
        (0, 15, np.uint8, 8, "uint4", False),
        (0, 7, np.uint8, 0, "uint4", True),
        (0, 3, np.uint8, 2, "uint2", False),
        (-127, 127, np.int8, 0, "int8", True),
        (0, 255, np.uint8, 128, "uint8", False),
    ],
)
@pytest.mark.parametrize("scale", [0.125, 0.0371])
def test_activations(low, high, kind, zero, type_, clipped, scale):
    proto = model(quantized("x", "y"), {"x": (4, 60)}, ["y"], numbers("y", scale, low, high, kind, zero), opset=18)
    converted = agree(proto, {"x": spread(4, 60)})
    assert constants_of(converted)["y_q_zero_point"].dtype.name == type_
    assert ("Clip" in [one.op_type for one in converted.graph.node]) == clipped


@pytest.mark.parametrize(("low", "type_"), [(-8, "int4"), (-7, "int4"), (-2, "int2"), (-31, "int8")])
def test_weights_become_integers(low, type_):
    nodes = [*quantized("w", "wd", axis=0), node("Conv", "x wd", "y")]
    constants = {"w": spread(4, 3, 2, 2), **numbers("wd", [0.25, 0.125, 0.5, 1.0], low, -low - (low in (-8, -2)))}
    proto = model(nodes, {"x": (1, 3, 4, 4)}, ["y"], constants, opset=18)
    converted = agree(proto, {"x": spread(1, 3, 4, 4)})
    assert [one.op_type for one in converted.graph.node] == ["DequantizeLinear", "Conv"]
    stored = next(one.input[0] for one in converted.graph.node if one.op_type == "DequantizeLinear")
    assert constants_of(converted)[stored].dtype.name == type_


def test_activations_with_scales_along_channels():
    nodes = quantized("x", "y", axis=1)
    proto = model(nodes, {"x": (2, 3, 4, 4)}, ["y"], numbers("y", [0.25, 0.125, 0.5], -3, 3), opset=18)
    assert [one.op_type for one in agree(proto, {"x": spread(2, 3, 4, 4)}).graph.node][:2] == ["Max", "Min"]


def test_models_without_clips_are_none():
    assert not is_qcdq(model(quantized("x", "y", limits=False), {"x": (4, 60)}, ["y"], numbers("y", 0.5, 0, 0)))
    assert not is_qcdq(model([node("Relu", "x", "r"), node("Clip", "r", "y")], {"x": (4, 60)}, ["y"]))


def test_file(tmp_path):
    proto = model(quantized("x", "y"), {"x": (4, 60)}, ["y"], numbers("y", 0.5, -8, 7), opset=18)
    onnx.save(proto, tmp_path / "net.onnx")
    assert qcdq_to_qdq(tmp_path / "net.onnx") == qcdq_to_qdq(proto)


# What can't be moved.


def problems(nodes, outputs=("y",), constants=None, inputs=None):
    proto = model(nodes, {"x": (4, 6)}, list(outputs), constants or numbers("y", 0.5, -8, 7), opset=18)
    for name, kind, shape in inputs or []:
        proto.graph.input.append(helper.make_tensor_value_info(name, kind, shape))
    with pytest.raises(ModelError) as caught:
        qcdq_to_qdq(proto)
    return caught.value.problems


def test_limits_and_scales_that_are_computed():
    constants = numbers("y", 0.5, -8, 7)
    del constants["y_high"], constants["y_s"]
    inputs = [("y_high", TensorProto.INT8, ()), ("y_s", TensorProto.FLOAT, ())]
    assert problems(quantized("x", "y"), constants=constants, inputs=inputs) == [
        "'y_c': clips integers to limits that are computed, needs constants; export the model in eval mode",
        "'y_q': has a scale or zero point that is computed, needs constants; export the model in eval mode",
    ]


def test_integers_that_others_read():
    nodes = [*quantized("x", "y"), node("DequantizeLinear", "y_q y_s y_z", "v")]
    assert problems(nodes, ("y", "v")) == [
        "'y_c': clips integers that others read, needs a DequantizeLinear only; export the model again"
    ]


def test_opsets_that_are_not_known():
    proto = model(quantized("x", "y"), {"x": (4, 60)}, ["y"], numbers("y", 0.5, -8, 7), opset=5)
    with pytest.raises(ModelError, match="uses opset 5, needs 7 to"):
        qcdq_to_qdq(proto)
