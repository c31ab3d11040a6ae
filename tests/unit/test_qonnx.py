"""QONNX to QDQ: the same numbers, by plain loops over what QONNX's operators mean, and by onnxruntime."""

import numpy as np
import onnx
import pytest
import qonnx_semantics
from onnx import helper
from onnx.reference import ReferenceEvaluator
from quantize_graphs import constants_of, model, node, random, run

from dsf.errors import ModelError
from dsf.frontend.qonnx import is_qonnx, qonnx_to_qdq

DOMAIN = "qonnx.custom_op.general"


def quant(inputs, output, kind="Quant", domain=DOMAIN, **attributes):
    return helper.make_node(kind, inputs.split(), [output], name=output, domain=domain, **attributes)


def qonnx_model(nodes, inputs, outputs, constants, opset=20, domain=DOMAIN):
    constants = {name: np.asarray(value, dtype=np.float32) for name, value in constants.items()}
    proto = model(nodes, inputs, outputs, constants, opset=opset)
    proto.opset_import.append(helper.make_opsetid(domain, 2))
    return proto


def agree(proto, feeds):
    """Converts, runs and compares; returns the converted model."""
    converted = qonnx_to_qdq(proto)
    onnx.checker.check_model(converted, full_check=True)
    assert not is_qonnx(converted)
    expected = qonnx_semantics.run(proto, feeds)
    for results in (ReferenceEvaluator(converted).run(None, feeds), run(converted, feeds)):
        for one, other in zip(expected, results, strict=True):
            assert np.array_equal(one, other)
    return converted


def spread(*shape, seed=1):
    """Numbers from -3 to 3, many of them half-way between two of 1/8, all exact in float32."""
    return (np.random.default_rng(seed).integers(-48, 48, shape, endpoint=True) / 16).astype(np.float32)


@pytest.mark.parametrize("narrow", [0, 1])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("bits", [2, 3, 4, 7, 8])
def test_activations_of_any_width(bits, signed, narrow):
    proto = qonnx_model(
        [quant("x s z b", "y", signed=signed, narrow=narrow)], {"x": (4, 50)}, ["y"], {"s": 0.125, "z": 0, "b": bits}
    )
    converted = agree(proto, {"x": spread(4, 50)})
    stored = constants_of(converted)["y_zero_point"].dtype.name
    assert stored == ("" if signed else "u") + {2: "int2", 3: "int4", 4: "int4", 7: "int8", 8: "int8"}[bits]
    kinds = [one.op_type for one in converted.graph.node]
    whole = bits in (2, 4, 8) and not narrow
    assert kinds == ["QuantizeLinear", "DequantizeLinear"] if whole else ["Clip", "QuantizeLinear", "DequantizeLinear"]


@pytest.mark.parametrize("bits", [1, 3, 5, 8])
def test_scales_that_are_no_powers_of_two(bits):
    proto = qonnx_model([quant("x s z b", "y", signed=0)], {"x": (4, 500)}, ["y"], {"s": 0.0437, "z": 0, "b": bits})
    agree(proto, {"x": random(4, 500)})


@pytest.mark.parametrize("zero_point", [4, 128])
def test_zero_points(zero_point):
    bits = 4 if zero_point == 4 else 8
    proto = qonnx_model([quant("x s z b", "y", signed=0)], {"x": (4, 50)}, ["y"], {"s": 0.125, "z": zero_point, "b": bits})
    agree(proto, {"x": spread(4, 50)})


def test_an_odd_zero_point_differs_half_way_only():
    proto = qonnx_model([quant("x s z b", "y", signed=0)], {"x": (4, 500)}, ["y"], {"s": 0.125, "z": 3, "b": 8})
    converted = qonnx_to_qdq(proto)
    x = spread(4, 500)
    difference = qonnx_semantics.run(proto, {"x": x})[0] - run(converted, {"x": x})[0]
    half_way = np.abs(x * 8 - np.floor(x * 8)) == 0.5
    assert np.all(difference[~half_way] == 0)
    assert np.abs(difference).max() == 0.125


def test_scales_along_channels():
    constants = {"s": np.array([0.25, 0.125, 0.5]).reshape(1, 3, 1, 1), "z": 0, "b": 4}
    for narrow in (0, 1):
        proto = qonnx_model([quant("x s z b", "y", narrow=narrow)], {"x": (2, 3, 4, 4)}, ["y"], constants)
        converted = agree(proto, {"x": spread(2, 3, 4, 4)})
        assert next(one for one in converted.graph.node if one.op_type == "QuantizeLinear").attribute[0].i == 1


@pytest.mark.parametrize("mode", ["ROUND", "CEIL", "FLOOR", "UP", "DOWN", "HALF_UP", "HALF_DOWN", "half_up"])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_constants_in_any_rounding_mode(mode, bits):
    proto = qonnx_model(
        [quant("w s z b", "q", narrow=int(bits > 1), rounding_mode=mode.upper()), node("Conv", "x q", "y")],
        {"x": (1, 3, 4, 4)},
        ["y"],
        {"w": spread(5, 3, 2, 2), "s": np.array([0.25, 0.5, 0.125, 1, 2]).reshape(5, 1, 1, 1), "z": 0, "b": bits},
    )
    converted = qonnx_to_qdq(proto)
    feeds = {"x": spread(1, 3, 4, 4, seed=2)}
    assert np.array_equal(qonnx_semantics.run(proto, feeds)[0], run(converted, feeds)[0])
    stored = constants_of(converted)["q_quantized"]
    assert stored.dtype.name == {1: "int2", 2: "int2", 3: "int4", 4: "int4", 8: "int8"}[bits]


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_biases(bits):
    constants = {"w": spread(4, 3), "s": 0.25, "z": 0, "b": 4, "o": spread(4) * 100, "so": 0.0625, "bo": bits}
    nodes = [quant("w s z b", "q"), quant("o so z bo", "p"), node("Gemm", "x q p", "y", transB=1)]
    converted = agree(qonnx_model(nodes, {"x": (2, 3)}, ["y"], constants), {"x": spread(2, 3, seed=3)})
    assert constants_of(converted)["p_quantized"].dtype.name == ("int8" if bits == 8 else "int32")


def test_bipolar():
    nodes = [
        quant("x s", "a", kind="BipolarQuant"),
        quant("w t", "q", kind="BipolarQuant"),
        node("Conv", "a q", "y"),
    ]
    proto = qonnx_model(nodes, {"x": (1, 3, 4, 4)}, ["y"], {"w": spread(2, 3, 1, 1), "s": 0.5, "t": 0.25})
    x = spread(1, 3, 4, 4)
    assert np.any(x == 0)
    converted = agree(proto, {"x": x})
    assert {*np.unique(constants_of(converted)["q_quantized"].astype(int))} == {-1, 1}


def test_one_signed_bit_is_bipolar():
    proto = qonnx_model([quant("x s z b", "y")], {"x": (4, 50)}, ["y"], {"s": 0.5, "z": 0, "b": 1})
    assert set(np.unique(run(agree(proto, {"x": spread(4, 50)}), {"x": spread(4, 50)})[0])) == {-0.5, 0.5}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL"])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("shift", [-2, 0, 1, 3])
def test_trunc(version, mode, signed, shift):
    rest = "so bo" if version == 2 else "bo"
    attributes = {"rounding_mode": mode} | ({"signed": signed} if version == 2 else {})
    constants = {"s": 0.25, "z": 0, "b": 5 + shift, "so": 0.25 * 2**shift, "bo": 5}
    proto = qonnx_model([quant(f"x s z b {rest}", "y", kind="Trunc", **attributes)], {"x": (4, 100)}, ["y"], constants)
    low, high = (0, 2 ** (5 + shift) - 1) if signed == 0 and version == 2 else (-(2 ** (4 + shift)), 2 ** (4 + shift) - 1)
    x = (np.random.default_rng(4).integers(low, high, (4, 100), endpoint=True) / 4).astype(np.float32)
    agree(proto, {"x": x})


def test_trunc_of_an_average():
    nodes = [
        quant("x s z b", "q", signed=0),
        node("AveragePool", "q", "p", kernel_shape=[2, 2], strides=[2, 2]),
        quant("p sp z bp so b", "y", kind="Trunc", signed=0, rounding_mode="FLOOR"),
    ]
    scale = 0.0371
    constants = {"s": scale, "z": 0, "b": 4, "sp": scale / 4, "bp": 6, "so": scale}
    proto = qonnx_model(nodes, {"x": (1, 3, 8, 8)}, ["y"], constants)
    agree(proto, {"x": np.abs(random(1, 3, 8, 8)) / 3})


@pytest.mark.parametrize("domain", ["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"])
@pytest.mark.parametrize("opset", [11, 13, 17, 21])
def test_domains_and_opsets(domain, opset):
    nodes = [
        node("Constant", "", "b", value=onnx.numpy_helper.from_array(np.float32(4))),
        quant("w s z b", "q", domain=domain, narrow=1),
        node("Transpose", "q", "t", perm=[1, 0]),
        node("MatMul", "x t", "y"),
    ]
    proto = qonnx_model(nodes, {"x": (2, 3)}, ["y"], {"w": spread(4, 3), "s": 0.25, "z": 0}, opset, domain)
    converted = qonnx_to_qdq(proto)
    expected = np.rint(np.clip(spread(4, 3) / 0.25, -7, 7)) * 0.25
    x = spread(2, 3)
    assert np.array_equal(run(converted, {"x": x})[0], x @ expected.T)


def test_file(tmp_path):
    proto = qonnx_model([quant("x s z b", "y")], {"x": (4, 5)}, ["y"], {"s": 0.5, "z": 0, "b": 4})
    onnx.save(proto, tmp_path / "net.onnx")
    assert qonnx_to_qdq(tmp_path / "net.onnx") == qonnx_to_qdq(proto)
    assert is_qonnx(proto)


# What can't be converted.


def problems(nodes, constants, inputs=None, **arguments):
    proto = qonnx_model(nodes, inputs or {"x": (2, 4)}, ["y"], constants, **arguments)
    with pytest.raises(ModelError) as caught:
        qonnx_to_qdq(proto)
    return caught.value.problems


@pytest.mark.parametrize(
    ("attributes", "constants", "message"),
    [
        ({"rounding_mode": "FLOOR"}, {}, "rounds what the network computes by FLOOR, needs ROUND; choose that rounding mode"),
        ({"rounding_mode": "ODD"}, {}, "rounds by ODD, needs one of ROUND, "),
        ({}, {"b": 9}, "quantises what the network computes to 9 bits, needs at most 8; choose a smaller bit_width"),
        ({}, {"b": 2.5}, "has a width of 2.5 bits, needs a whole number from 1 to 32"),
        ({}, {"b": 0}, "has a width of 0.0 bits, needs a whole number from 1 to 32"),
        ({}, {"b": [4, 4]}, "has a width of 2 bits, needs a whole number from 1 to 32"),
        ({}, {"z": 0.5}, "has a zero point that is no integer, needs one; quantise with an integer zero point"),
        ({}, {"z": 9}, "has a zero point outside -8 to 7, needs one of the integers; calibrate the model again"),
        ({}, {"s": 0}, "has a scale that is not positive, needs numbers above 0; train or calibrate the model again"),
        ({}, {"s": np.nan}, "has a scale that is not positive"),
        (
            {},
            {"s": np.ones((2, 4))},
            "has scales of shape 2x4, needs one, or one for each index of an axis; quantise per channel",
        ),
        ({}, {"s": np.ones(3)}, "has scales of shape 3, needs one"),
    ],
)
def test_problems_of_quant(attributes, constants, message):
    (found,) = problems([quant("x s z b", "y", **attributes)], {"s": 0.5, "z": 0, "b": 4} | constants)
    assert found.startswith(f"'y': {message}")


@pytest.mark.parametrize(
    ("attributes", "constants", "message"),
    [
        ({}, {"z": 1}, "truncates with a zero point or several scales, needs zero and one scale; quantise the tensor so"),
        ({"rounding_mode": "UP"}, {}, "rounds by UP, needs ROUND, FLOOR or CEIL; choose such a rounding mode"),
        ({}, {"bo": 12}, "truncates to 12 bits, needs at most 8; choose a smaller bit_width"),
    ],
)
def test_problems_of_trunc(attributes, constants, message):
    usual = {"s": 0.5, "z": 0, "b": 8, "so": 1.0, "bo": 4}
    (found,) = problems([quant("x s z b so bo", "y", kind="Trunc", **attributes)], usual | constants)
    assert found == f"'y': {message}"


def test_a_trunc_to_more_bits_than_there_are():
    """What does not fit is clipped, as Brevitas and QONNX do."""
    constants = {"s": 0.25, "z": 0, "b": 5, "so": 0.0625, "bo": 6}
    proto = qonnx_model([quant("x s z b so bo", "y", kind="Trunc")], {"x": (1, 32)}, ["y"], constants)
    x = np.arange(-16, 16).reshape(1, 32).astype(np.float32) / 4
    converted = agree(proto, {"x": x})
    assert np.array_equal(run(converted, {"x": x})[0], np.clip(x * 16, -32, 31) / 16)


def test_a_trunc_of_another_version():
    (found,) = problems([quant("x s z b so z bo", "y", kind="Trunc")], {"s": 0.5, "z": 0, "b": 8, "so": 1.0, "bo": 4})
    assert found == "'y': has 7 operands, needs 5 or 6, those of versions 1 and 2; export the model again"


def test_a_trunc_that_does_not_say_its_sign():
    (found,) = problems([quant("x s z b bo", "y", kind="Trunc")], {"s": 0.5, "z": 0, "b": 10, "bo": 8})
    assert found == ("'y': does not say whether its 8 bits are signed, needs version 2 of Trunc; export with a newer Brevitas")


def test_problems_all_at_once():
    nodes = [
        quant("x u z b", "a"),
        quant("a s", "c"),
        quant("c s z b", "y", rounding_mode="CEIL"),
    ]
    found = problems(nodes, {"s": 0.5, "z": 0, "b": 4}, {"x": (2, 4), "u": ()})
    assert found == [
        "'a': its scale, zero point or width is computed, needs constants; export the model in eval mode",
        "'c': has 2 operands, needs 4; export the model again",
        "'y': rounds what the network computes by CEIL, needs ROUND; choose that rounding mode",
    ]


def test_other_operators_of_the_domain():
    (found,) = problems([quant("x", "y", kind="MultiThreshold")], {})
    assert found == (
        "'y': is a MultiThreshold of domain 'qonnx.custom_op.general', needs one of BipolarQuant, IntQuant, Quant, Trunc; "
        "replace the layer"
    )


def test_opsets_that_are_not_known():
    (found,) = problems([quant("x s z b", "y")], {"s": 0.5, "z": 0, "b": 4}, opset=3)
    assert found.startswith("'test': uses opset 3, needs 7 to ")
