"""
A network with all operators that move elements (a U: pooled, enlarged, concatenated, split, cropped and padded), in each form
that quantised networks come in: the same numbers as onnxruntime, or as the operators of QONNX mean.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
import qonnx_semantics
from onnx import helper
from quantize_graphs import decibels, model, node, random, run

from dsf import Hardware, from_onnx
from dsf.compiler import compile_module
from dsf.frontend.quantize import QuantizeOptions, quantize_model

HARDWARE = Hardware(processing_elements=(4, 12), bits_bias=32)
SHAPE = (1, 4, 8, 8)
#: A scale of activations and of weights, with which sums in float32 are exact.
STEP = 1 / 16

Nodes = list[onnx.NodeProto]
#: Adds to the nodes what quantises a tensor, constant or not, and returns the name of the result.
Quantise = Callable[[Nodes, str], str]


def as_it_is(nodes: Nodes, x: str) -> str:
    return x


def qonnx(nodes: Nodes, x: str) -> str:
    bits = "four" if x.startswith("w") else "eight"
    nodes.append(
        helper.make_node(
            "Quant",
            [x, "step", "zero", bits],
            [f"{x}_q"],
            name=f"quant_{x}",
            domain=qonnx_semantics.DOMAIN,
            signed=1,
            narrow=0,
            rounding_mode="ROUND",
        )
    )
    return f"{x}_q"


def qcdq(nodes: Nodes, x: str) -> str:
    """Seven bits for activations, four for weights."""
    limits = "m8 p7" if x.startswith("w") else "m64 p63"
    nodes += [
        node("QuantizeLinear", f"{x} step izero", f"{x}_codes"),
        node("Clip", f"{x}_codes {limits}", f"{x}_clipped"),
        node("DequantizeLinear", f"{x}_clipped step izero", f"{x}_q"),
    ]
    return f"{x}_q"


def network(quantise: Quantise) -> onnx.ModelProto:
    nodes: Nodes = []

    def after(kind: str, inputs: str, output: str, **attributes: object) -> str:
        nodes.append(node(kind, inputs, output, **attributes))
        return quantise(nodes, output)

    x = quantise(nodes, "x")
    w1, w2, w3 = (quantise(nodes, name) for name in ("w1", "w2", "w3"))
    nodes.append(node("Conv", f"{x} {w1}", "c1", pads=[1, 1, 1, 1]))
    skip = after("Relu", "c1", "r1")
    nodes.append(node("MaxPool", skip, "p", kernel_shape=[2, 2], strides=[2, 2]))
    nodes.append(node("Conv", f"p {w2}", "c2", pads=[1, 1, 1, 1]))
    low = after("Relu", "c2", "r2")
    nodes.append(helper.make_node("Resize", [low, "", "twice"], ["up"], name="up", mode="nearest"))
    nodes.append(node("Concat", f"up {skip}", "both", axis=1))
    nodes.append(node("Split", "both halves", "left right", axis=1))
    total = after("Add", "left right", "sum")
    nodes.append(node("Slice", f"{total} first stop axes", "part"))
    nodes.append(node("Pad", "part pads", "padded"))
    nodes.append(node("Conv", f"padded {w3}", "c3", strides=[2, 2]))
    result = quantise(nodes, "c3")
    constants = {
        "w1": random(8, 4, 3, 3, seed=1) * np.float32(0.2),
        "w2": random(8, 8, 3, 3, seed=2) * np.float32(0.2),
        "w3": random(3, 8, 3, 3, seed=3) * np.float32(0.2),
        "twice": np.array([1, 1, 2, 2], np.float32),
        "halves": np.array([8, 8]),
        "first": np.array([1]),
        "stop": np.array([7]),
        "axes": np.array([2]),
        "pads": np.array([0, 0, 2, 1, 0, 0, 1, 0]),
        **{name: np.float32(value) for name, value in {"step": STEP, "zero": 0, "four": 4, "eight": 8}.items()},
        **{name: np.int8(value) for name, value in {"izero": 0, "m8": -8, "p7": 7, "m64": -64, "p63": 63}.items()},
    }
    used = {name for one in nodes for name in one.input}
    made = model(nodes, {"x": SHAPE}, [result], {name: value for name, value in constants.items() if name in used})
    made.graph.output[0].CopyFrom(helper.make_tensor_value_info(result, onnx.TensorProto.FLOAT, (1, 3, 4, 4)))
    if quantise is qonnx:
        made.opset_import.append(helper.make_opsetid(qonnx_semantics.DOMAIN, 2))
    return made


def samples(count: int = 24) -> np.ndarray:
    return random(count, *SHAPE[1:], seed=11)


@pytest.mark.parametrize("options", [{}, {"concat": "rescale"}, {"zero_points": True}], ids=["share", "rescale", "zero points"])
def test_float_with_calibration(options: dict[str, object]) -> None:
    proto = network(as_it_is)
    quantised = quantize_model(proto, samples(), QuantizeOptions.of_hardware(HARDWARE, **options)).model
    found = from_onnx(quantised, HARDWARE)
    x = samples(4)
    expected, real = (np.concatenate([run(one, {"x": one_x[None]})[0] for one_x in x]) for one in (quantised, proto))
    got = found.predict(x)
    assert decibels(expected, got) > 40
    assert decibels(real, got) > 25
    compile_module(found.module, verify_each=True)


@pytest.mark.parametrize("form", [qonnx, qcdq])
def test_trained_quantised(form: Quantise) -> None:
    """Scales are powers of two, so that every sum is exact, in float32 too: all numbers are equal."""
    proto = network(form)
    found = from_onnx(proto, HARDWARE)
    x = samples(4)
    compute = qonnx_semantics.run if form is qonnx else run
    expected = np.concatenate([compute(proto, {"x": one[None]})[0] for one in x])
    np.testing.assert_array_equal(found.predict(x), expected)
    assert len(np.unique(expected)) > 50
