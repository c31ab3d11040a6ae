"""
QONNX on the engine, beside what its operators mean: networks of signs (BipolarQuant) on the binary one, and Trunc. All levels
agree.
"""

from __future__ import annotations

import numpy as np
import pytest
import qonnx_semantics
from onnx import TensorProto, helper
from quantize_graphs import node, norm_constants
from test_onnx_check import Graph
from test_qonnx import qonnx_model, quant

from dsf import Hardware
from dsf.compiler import compile_module
from dsf.errors import ModelError
from dsf.frontend.onnx.model import from_onnx

BINARY = Hardware(processing_elements=(4, 12), bits_input=1, bits_weights=1, bits_sum=24, bits_bias=16)
INTEGER = Hardware(bits_bias=32)


def bipolar(inputs, output):
    return quant(inputs, output, kind="BipolarQuant")


def normal(*shape, seed):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model_of(nodes, sizes, constants):
    proto = qonnx_model(nodes, {"x": sizes}, ["y"], constants)
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None]))
    return proto


def network(scale_of_sum=0.4):
    """
    Convolutions, one of them depthwise, the first with a batch normalisation of factors of both signs; a residual addition,
    both poolings, a dense layer with a bias. Scales of weights differ by channel.
    """
    nodes = [
        bipolar("x s0", "a0"),
        bipolar("w1 t1", "q1"),
        node("Conv", "a0 q1", "c1", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c1 norm.scale norm.offset norm.mean norm.variance", "n1"),
        bipolar("n1 s1", "a1"),
        bipolar("w2 t2", "q2"),
        node("Conv", "a1 q2", "c2", pads=[1, 1, 1, 1], group=6),
        node("Clip", "c2 low high", "k2"),
        bipolar("k2 s2", "a2"),
        node("Add", "a1 a2", "sum"),
        bipolar("sum s3", "a3"),
        node("MaxPool", "a3", "m", kernel_shape=[2, 1], strides=[2, 1]),
        bipolar("w4 t4", "q4"),
        node("Conv", "m q4 b4", "c4"),
        bipolar("c4 s1", "a4"),
        node("AveragePool", "a4", "p", kernel_shape=[2, 2], strides=[1, 1]),
        bipolar("p s2", "a5"),
        node("Flatten", "a5", "f"),
        bipolar("w6 t6", "q6"),
        node("Gemm", "f q6 b6", "y", transB=1),
    ]
    scales = {
        "t1": np.linspace(0.1, 0.6, 6).reshape(6, 1, 1, 1),
        "t4": np.linspace(0.2, 0.3, 8).reshape(8, 1, 1, 1),
        "s0": 1.0,
        "s1": 0.7,
        "s2": scale_of_sum,
        "s3": 0.3,
        "t2": 0.25,
        "t6": 0.125,
        "low": -1,
        "high": 1,
    }
    shapes = {"w1": (6, 3, 3, 3), "w2": (6, 1, 3, 3), "w4": (8, 6, 1, 1), "b4": (8,), "w6": (5, 8 * 21), "b6": (5,)}
    weights = {name: 0.2 * normal(*sizes, seed=seed) for seed, (name, sizes) in enumerate(shapes.items())}
    return model_of(nodes, (1, 3, 8, 8), scales | weights | norm_constants(6))


@pytest.mark.parametrize("scale_of_sum", [0.4, 0.7, 0.9])
def test_a_network_of_signs(scale_of_sum):
    """In the addition, either operand is the larger one, or none; a sum of 0 is +1."""
    proto = network(scale_of_sum)
    model = from_onnx(proto, BINARY)
    x = normal(6, 3, 8, 8, seed=8)
    x[0, 0] = 0
    wanted = np.concatenate([qonnx_semantics.run(proto, {"x": one[None]})[0] for one in x])
    assert len(np.unique(wanted.round(4))) > 10
    # All that is rounded is the bias of the dense layer, to units of its sum.
    assert np.abs(model.predict(x) - wanted).max() <= 0.5 * 0.125 * scale_of_sum * 1.001
    compile_module(model.module, verify_each=True, verify_input=model.integers_of(x[:1]))


def test_signs_of_sums_are_exact():
    """A bias of less than a unit decides where the sum is 0, whichever sign it has."""
    nodes = [
        bipolar("x s", "a"),
        bipolar("w s", "q"),
        node("Gemm", "a q b", "c", transB=1),
        bipolar("c s", "d"),
        node("Flatten", "d", "y"),
    ]
    constants = {"s": 0.5, "w": np.ones((4, 2)), "b": [0.01, -0.01, 0.0, -0.5]}
    proto = model_of(nodes, (1, 2), constants)
    model = from_onnx(proto, BINARY)
    for pair, signs in {(1, 1): (1, 1, 1, 1), (1, -1): (1, -1, 1, -1), (-1, -1): (-1, -1, -1, -1)}.items():
        x, wanted = np.array([pair], dtype=np.float32), 0.5 * np.array([signs])
        assert np.array_equal(qonnx_semantics.run(proto, {"x": x})[0], wanted)
        assert np.array_equal(model.predict(x), wanted)


@pytest.mark.parametrize("mode", ["FLOOR", "ROUND", "CEIL"])
@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("unit", [0.0625, 0.0371])
def test_trunc_of_a_mean(mode, signed, unit):
    """Two bits of a sum of four are dropped: half a step less or more, which weights of 1 alone could not express."""
    nodes = [
        quant("x s z b", "q", signed=signed),
        node("AveragePool", "q", "p", kernel_shape=[2, 2], strides=[2, 2]),
        quant("p sp z bp so b", "t", kind="Trunc", signed=signed, rounding_mode=mode),
        node("Flatten", "t", "y"),
    ]
    constants = {"s": unit, "z": 0, "b": 4, "sp": unit / 4, "bp": 6, "so": unit}
    proto = model_of(nodes, (1, 3, 8, 8), constants)
    model = from_onnx(proto, INTEGER)
    for seed in range(4):
        x = normal(1, 3, 8, 8, seed=seed)
        assert np.allclose(model.predict(x), qonnx_semantics.run(proto, {"x": x})[0], atol=unit / 1000)
    compile_module(model.module, verify_each=True)


def problems(proto, hardware=BINARY):
    with pytest.raises(ModelError) as caught:
        from_onnx(proto, hardware)
    return caught.value.problems


def test_hardware_that_is_not_binary():
    change = "use more bits or Hardware(bits_input=1, bits_weights=1)"
    assert problems(network(), INTEGER)[0] == f"'c1': an activation of 1 bit, needs 2 to 8 (bits_input); {change}"


def test_the_sign_behind_a_relu():
    nodes = [bipolar("x s", "a"), bipolar("w s", "q"), node("Gemm", "a q", "c"), node("Relu", "c", "r"), bipolar("r s", "y")]
    found = problems(model_of(nodes, (1, 2), {"s": 0.5, "w": np.ones((2, 3))}))
    assert found == ["'y': the sign of what a ReLU or a clip left one sign of, needs numbers on both sides of 0; drop it"]


@pytest.mark.parametrize(("kind", "limits"), [("Relu", ""), ("Clip", " low high")])
def test_the_sign_of_an_input_that_has_one(kind, limits):
    nodes = [
        node(kind, f"x{limits}", "r"),
        bipolar("r s", "a"),
        bipolar("w s", "q"),
        node("Gemm", "a q", "c"),
        bipolar("c s", "y"),
    ]
    found = problems(model_of(nodes, (1, 2), {"s": 0.5, "w": np.ones((2, 3)), "low": 0.5, "high": 100}))
    assert found == ["'a': the sign of what a ReLU or a clip left one sign of, needs numbers on both sides of 0; drop it"]


def two_convolutions(*behind):
    """Nodes with the sums `a` and `b` of two layers of signs, and others behind them that make `y`."""
    layers = [bipolar("x s", "i"), bipolar("w s", "q"), bipolar("v s", "p"), node("Conv", "i q", "a"), node("Conv", "i p", "b")]
    weights = {"w": normal(4, 3, 1, 1, seed=0), "v": normal(4, 3, 1, 1, seed=1)}
    constants = {"s": 0.5, "low": -0.5, "high": 1}
    return model_of([*layers, *behind, node("Flatten", "z", "y")], (1, 3, 4, 4), weights | constants)


def test_joined_channels_have_signs():
    """Behind functions that leave them as they are, of one part or both."""
    behind = [
        node("Clip", "a low high", "k"),
        node("Concat", "k b", "c", axis=1),
        node("LeakyRelu", "c", "l", alpha=0.3),
        bipolar("l s", "z"),
    ]
    proto = two_convolutions(*behind)
    x = normal(6, 3, 4, 4, seed=2)
    wanted = np.concatenate([qonnx_semantics.run(proto, {"x": one[None]})[0] for one in x])
    np.testing.assert_array_equal(from_onnx(proto, BINARY).predict(x), wanted)


def test_joined_channels_of_one_sign():
    found = problems(two_convolutions(node("Relu", "a", "r"), node("Concat", "r b", "c", axis=1), bipolar("c s", "z")))
    assert found == ["'z': the sign of what a ReLU or a clip left one sign of, needs numbers on both sides of 0; drop it"]


@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize("signs_first", [False, True])
def test_signs_under_or_beside_each_other(axis, signs_first):
    """They would be added in borders of 0, which signs have not."""
    first = [bipolar("a s", "c"), bipolar("b s", "d"), node("Concat", "c d", "z", axis=axis)]
    last = [node("Concat", "a b", "c", axis=axis), bipolar("c s", "z")]
    (found,) = problems(two_convolutions(*(first if signs_first else last)))
    has = "images of one bit under or beside each other, needs a number 0, which one bit has not"
    assert found.endswith(f": {has}; join them along their channels")


def test_a_border_of_zeros_around_signs():
    pads = node("Constant", "", "pads", value_ints=[0, 0, 1, 1, 0, 0, 1, 1])
    (found,) = problems(two_convolutions(pads, bipolar("a s", "c"), node("Pad", "c pads", "z")))
    assert "a border of 0 around images on the grid" in found
    assert found.endswith("needs one of their own numbers, or a Conv after it; pad with such, or in the Conv")


SIGNS = "needs signs, as BipolarQuant has them: GreaterOrEqual of 0, Where of +1 and -1, DequantizeLinear"


def signs(against=0.0, choices=(1, -1), scale=0.5):
    made = Graph((1, 3, 4, 4))
    positive = made.node("GreaterOrEqual", made.x, made.constant(np.float32(against)), name="test")
    chosen = made.node("Where", positive, *(made.constant(np.int8(one)) for one in choices), name="choose")
    made.x = made.node("DequantizeLinear", chosen, made.constant(np.float32(scale)), name="scale")
    return made.model()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"against": 0.5}, f"'test': a comparison with numbers other than 0, {SIGNS}; subtract the number before"),
        ({"choices": (1, 0)}, f"'choose': a choice between other numbers, or by another condition, {SIGNS}; replace it"),
        ({"choices": (2, -1)}, f"'choose': a choice between other numbers, or by another condition, {SIGNS}; replace it"),
        (
            {"scale": [0.5, 0.25, 0.5]},
            "'scale': signs with several scales, a negative one, or a zero point, needs one scale; quantise them so",
        ),
        (
            {"scale": -0.5},
            "'scale': signs with several scales, a negative one, or a zero point, needs one scale; quantise them so",
        ),
    ],
)
def test_what_is_no_sign(changes, message):
    assert problems(signs(**changes), INTEGER) == [message]


def test_a_comparison_that_is_used_as_a_number():
    made = Graph((1, 3, 4, 4))
    made.x = made.node("GreaterOrEqual", made.x, made.constant(np.float32(0)), name="test")
    made.then("Relu", name="relu")
    (found,) = problems(made.model(), INTEGER)
    assert (
        found == "'relu': an operand that is a comparison, needs real numbers that the network computes; add a DequantizeLinear"
    )
