"""`dsf check` lists all problems of a float model, whatever else is wrong with it: nothing hides what stands behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from quantize_graphs import node, norm_constants, random

from dsf.frontend.onnx.check import Checked, check_onnx
from dsf.hardware import Hardware
from dsf.tools.dsf import main

SMALL = Hardware(processing_elements=(4, 12), bits_bias=32, max_channels_out=16, max_channels_in=16)
#: Behind each problem: an operator that there is not, and a layer that is too large.
AFTER = ("'length': operator LpNormalization, needs", "'large': 20 output channels, needs at most 16")


def model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, tuple[Any, ...]],
    constants: dict[str, np.ndarray],
    *,
    opset: int = 21,
    **types: int,
) -> onnx.ModelProto:
    """`nodes`, then LpNormalization and a convolution of 8 to 20 channels."""
    nodes = [*nodes, node("LpNormalization", nodes[-1].output[0], "length"), node("Conv", "length w20", "large")]
    graph = helper.make_graph(
        nodes,
        "many",
        [helper.make_tensor_value_info(name, types.get(name, TensorProto.FLOAT), sizes) for name, sizes in inputs.items()],
        [helper.make_tensor_value_info("large", TensorProto.FLOAT, ("n", "c", "h", "w"))],
        [numpy_helper.from_array(value, name) for name, value in {"w8": random(8, 3, 3, 3), "w20": random(20, 8, 1, 1)}.items()]
        + [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    domains = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=10)


def found(proto: onnx.ModelProto, *starts: str) -> Checked:
    """What a check finds: one problem for each start, and no others."""
    checked = check_onnx(proto, SMALL)
    missing = [start for start in (*starts, *AFTER) if not any(one.startswith(start) for one in checked.problems)]
    assert not missing and len(checked.problems) == len(starts) + len(AFTER), checked.problems
    return checked


X = {"x": (1, 3, 8, 8)}
FIRST = node("Conv", "x w8", "first")


def test_several_inputs() -> None:
    nodes = [FIRST, node("Conv", "z w8", "other"), node("Add", "first other", "sum")]
    found(model(nodes, X | {"z": (1, 3, 8, 8)}, {}), "'many': inputs 'x', 'z', needs one")


def test_weights_that_are_computed() -> None:
    nodes = [
        FIRST,
        node("GlobalAveragePool", "first", "mean"),
        node("Reshape", "mean sizes", "kernel"),
        node("Conv", "first kernel", "of_computed", group=8),
        node("Conv", "first w88 mean1", "bias"),
        node("Add", "bias of_computed", "sum"),
    ]
    nodes.insert(3, node("Reshape", "mean eight", "mean1"))
    constants = {"sizes": np.array([8, 1, 1, 1]), "eight": np.array([8]), "w88": random(8, 8, 1, 1)}
    found(model(nodes, X, constants), "'of_computed': is a Conv of two tensors", "'bias': is a Conv whose bias is computed")


def test_statistics_that_are_computed() -> None:
    norm = node("BatchNormalization", "first norm.scale norm.offset m norm.variance", "norm")
    constants = norm_constants(8)
    del constants["norm.mean"]
    found(model([FIRST, norm], X | {"m": (8,)}, constants), "'norm': its statistics are computed", "'many': inputs 'x', 'm'")


def test_dense_layers() -> None:
    nodes = [
        FIRST,
        node("Flatten", "first", "flat"),
        node("Gemm", "flat w b", "matrix", transA=1),
        node("Reshape", "matrix sizes", "again"),
    ]
    constants = {"w": random(1, 288), "b": random(288, 288), "sizes": np.array([288, 8, 6, 6])}
    found(model(nodes, X, constants), "'matrix': is a Gemm with a matrix as bias")


def test_what_no_converter_knows() -> None:
    """An operator of another domain, whose result the file says the shape of, and a branch."""
    nodes = [FIRST, node("Foo", "first", "foo")]
    nodes[1].domain = "own"
    proto = model(nodes, X, {})
    proto.graph.value_info.append(helper.make_tensor_value_info("foo", TensorProto.FLOAT, (1, 8, 6, 6)))
    found(proto, "'foo': is a Foo of domain 'own'")
    # Without a shape only operators can be looked at.
    del proto.graph.value_info[:]
    checked = check_onnx(proto, SMALL)
    assert [one.split(",")[0] for one in checked.problems] == [
        "'foo': is a Foo of domain 'own'",
        "'length': operator LpNormalization",
    ]
    becomes = {one.node: one.becomes for one in checked.placements}
    assert (becomes["foo"], becomes["length"], becomes["large"]) == ("a problem", "behind a problem", "behind a problem")


def test_branches() -> None:
    ways = [
        helper.make_graph([node(kind, "first", kind)], kind, [], [helper.make_tensor_value_info(kind, TensorProto.FLOAT, None)])
        for kind in ("Relu", "Neg")
    ]
    branch = helper.make_node("If", ["c"], ["branch"], name="branch", then_branch=ways[0], else_branch=ways[1])
    proto = model([FIRST, branch], X | {"c": ()}, {}, c=TensorProto.BOOL)
    proto.graph.value_info.append(helper.make_tensor_value_info("branch", TensorProto.FLOAT, (1, 8, 6, 6)))
    found(proto, "'branch': is an If, which branches", "'c': is an input of type bool", "'many': inputs 'x', 'c'")


def test_open_sizes() -> None:
    """They are taken to be as large as the engine's."""
    found(model([FIRST], {"x": ("n", 3, "h", "w")}, {}), "'x': is an input of shape 1x3xhxw, needs every size to be a number")


def test_types() -> None:
    found(model([FIRST], X, {}, x=TensorProto.DOUBLE), "'x': is an input of type double, needs float")


def test_shapes_that_contradict_each_other() -> None:
    nodes = [node("Gemm", "x w8", "gemm"), FIRST, node("Concat", "first gemm", "both", axis=1), node("Relu", "first", "relu")]
    problems = ("'gemm': its operands don't belong together (Input 0 expected to have rank 2",)
    found(model(nodes, X, {}), *problems)


def test_what_is_too_large_to_be_looked_at() -> None:
    """Nothing of that size is computed; behind it only operators can be looked at."""
    checked = check_onnx(model([node("Conv", "x w8", "first", pads=[1, 1, 1, 1])], {"x": (1, 3, 2000, 2000)}, {}), SMALL)
    assert [one.split(", ")[0] for one in checked.problems] == [
        "'first': is a Conv with a result of 1x8x2000x2000",
        "'length': operator LpNormalization",
    ]


@pytest.mark.parametrize("opset", [6, 99])
def test_versions_of_operators(opset: int) -> None:
    proto = model([FIRST], X, {}, opset=opset)
    proto.graph.node[1].op_type = "Trilu" if opset == 99 else "LpNormalization"
    checked = check_onnx(proto, SMALL)
    assert [one.split(",")[0] for one in checked.problems] == [
        f"'many': operators of version {opset}",
        f"'length': operator {proto.graph.node[1].op_type}",
    ]


@pytest.mark.parametrize("opset", [7, 8, 9])
def test_old_versions_are_converted(opset: int) -> None:
    """An Upsample is a Resize since, by its own name."""
    nodes = [FIRST, node("Relu", "first", "relu")]
    if opset == 9:
        nodes.append(node("Upsample", "relu s", "up"))
    checked = found(model(nodes, X, {"s": np.array([1, 1, 2, 2], np.float32)}, opset=opset))
    if opset == 9:
        assert {one.node: one.operator for one in checked.placements}["up"] == "Resize"


def test_operands_that_are_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A program that asks gets JSON, also of what is no model."""
    proto = model([node("Conv", "x nowhere", "first"), node("Add", "first neither", "sum")], X, {})
    onnx.save(proto, tmp_path / "model.onnx")
    assert main(["check", str(tmp_path / "model.onnx"), "--json"]) == 1
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] is False
    assert [one.split(",")[0] for one in shown["problems"]] == ["'first': reads 'nowhere'", "'sum': reads 'neither'"]
    (tmp_path / "model.onnx").write_bytes(b"no model")
    assert main(["check", str(tmp_path / "model.onnx"), "--json"]) == 1
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert "is truncated or no ONNX model" in problem


def test_quantisers_that_can_not_be_read() -> None:
    """Of QONNX that is no QDQ still the operators that there are not."""
    nodes = [node("Quant", "x s z b", "wide", signed=1, narrow=0, rounding_mode="ROUND"), node("Trilu", "wide", "triangle")]
    nodes[0].domain = "qonnx.custom_op.general"
    proto = model(nodes, X, {"s": np.float32(1), "z": np.float32(0), "b": np.float32(16)})
    proto.opset_import.append(helper.make_opsetid("qonnx.custom_op.general", 1))
    assert [one.split(",")[0] for one in check_onnx(proto, SMALL).problems] == [
        "'wide': quantises what the network computes to 16 bits",
        "'triangle': operator Trilu",
        "'length': operator LpNormalization",
    ]
