"""Nodes of a file that import or constant folding takes out: `dsf where` says what does their work."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from quantize_graphs import model, node, norm_constants, random

from dsf.frontend.absorbed import Absorbed, absorbed_of, keep_absorbed, resolved
from dsf.frontend.onnx.check import check_onnx
from dsf.frontend.onnx.from_onnx import import_onnx
from dsf.frontend.quantize import quantize_model
from dsf.hardware import DEFAULT_HARDWARE
from dsf.tools.dsf import main


def exported() -> onnx.ModelProto:
    """
    What exporters without optimisation write: normalisations, operators that do nothing, sizes that are computed from shapes,
    of which further shapes follow, a Gelu in five nodes, a dense layer in two.
    """
    nodes = [
        node("Conv", "x w1", "conv", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "conv norm.scale norm.offset norm.mean norm.variance", "norm"),
        node("Relu", "norm", "relu"),
        node("Identity", "relu", "same"),
        node("Dropout", "same", "dropped"),
        node("Shape", "dropped", "sizes"),
        node("Gather", "sizes one", "channels"),
        node("Div", "channels two", "half"),
        node("Slice", "dropped zero half one", "part"),
        node("ConvTranspose", "part w2", "up", strides=[2, 2]),
        node("BatchNormalization", "up norm2.scale norm2.offset norm2.mean norm2.variance", "norm2"),
        node("Div", "norm2 root", "scaled"),
        node("Erf", "scaled", "erf"),
        node("Add", "erf number", "more"),
        node("Mul", "norm2 more", "product"),
        node("Mul", "product point5", "gelu"),
        node("GlobalAveragePool", "gelu", "mean"),
        node("Flatten", "mean", "flat"),
        node("MatMul", "flat w3", "matmul"),
        node("Add", "matmul b3", "biased"),
        node("Sigmoid", "flat", "unread"),
        node("Softmax", "biased", "y"),
    ]
    nodes[2].name = ""  # It is asked for by the name of its result.
    constants = {
        "w1": random(8, 3, 3, 3),
        **norm_constants(8),
        **norm_constants(6, "norm2"),
        "w2": random(4, 6, 2, 2),
        **{name: np.array([value], np.int64) for name, value in (("zero", 0), ("one", 1), ("two", 2))},
        **{name: np.array(value, np.float32) for name, value in (("root", 2**0.5), ("number", 1.0), ("point5", 0.5))},
        "w3": random(6, 5),
        "b3": random(5),
    }
    proto = model(nodes, {"x": (1, 3, 6, 6)}, ["y"], constants)
    proto.graph.output[0].CopyFrom(helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 5)))
    return proto


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("absorbed")
    onnx.save(exported(), folder / "model.onnx")
    np.savez(folder / "samples.npz", x=random(16, 3, 6, 6))
    arguments = ["compile", folder / "model.onnx", "-o", folder / "net", "--calibrate", folder / "samples.npz"]
    assert main([str(one) for one in arguments]) == 0
    return folder / "net"


def where(folder: Path, name: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["where", str(folder), "--node", name, "--json"]) == 0, (name, capsys.readouterr().err)
    return json.loads(capsys.readouterr().out)


def test_every_node_of_the_file_is_answered(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for one in exported().graph.node:
        found = where(compiled, one.name or one.output[0], capsys)
        assert found["node"] == one.output[0] and (found.get("becomes") or found["instructions"]), one


@pytest.mark.parametrize(
    ("name", "becomes", "into"),
    [
        ("norm", "folded into 'conv'", ["conv"]),
        ("norm2", "folded into 'up'", ["up"]),
        ("relu", "in the rounding before it", ["conv"]),
        ("same", "nothing to do", ["conv"]),
        ("half", "constant", ["part"]),
        ("sizes", "constant", ["part"]),
        ("scaled", "folded into 'erf'", ["erf"]),
        ("product", "folded into 'erf'", ["erf"]),
        ("gelu", "folded into 'erf'", ["erf"]),
        ("biased", "folded into 'matmul'", ["matmul"]),
    ],
)
def test_folded_nodes(name: str, becomes: str, into: list[str], compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found, other = where(compiled, name, capsys), where(compiled, into[0], capsys)
    assert (found["becomes"], found["into"]) == (becomes, into)
    assert found["instructions"] == other["instructions"] and found["weights"] == other["weights"]
    assert found["instructions"]


def test_what_nobody_reads(compiled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = where(compiled, "unread", capsys)
    assert found["becomes"] == "read by nobody" and "instructions" not in found


def test_in_the_table_of_a_check() -> None:
    placements = {one.node: one.becomes for one in check_onnx(exported(), DEFAULT_HARDWARE).placements}
    assert {one.name or one.output[0] for one in exported().graph.node} <= placements.keys()
    assert placements["norm"] == "folded into 'conv'"


def test_functions_of_a_model() -> None:
    """A node that calls one is in none of the operators that it stands for."""
    body = [helper.make_node("Relu", ["a"], ["t"], name="inner"), helper.make_node("Identity", ["t"], ["b"])]
    function = helper.make_function("own", "Rectify", ["a"], ["b"], body, [helper.make_opsetid("", 21)])
    proto = model(
        [node("Conv", "x w", "conv"), node("Relu", "conv", "call")], {"x": (1, 3, 8, 8)}, ["call"], {"w": random(4, 3, 3, 3)}
    )
    proto.graph.node[1].op_type, proto.graph.node[1].domain = "Rectify", "own"
    proto.functions.append(function)
    proto.opset_import.append(helper.make_opsetid("own", 1))
    quantised = quantize_model(proto, random(8, 3, 8, 8)).model
    imported = import_onnx(quantised, DEFAULT_HARDWARE)
    assert ("call", "Rectify", "function of other nodes") in imported.placements
    (maker,) = imported.into["call"]
    assert maker.startswith("inner") and imported.into[maker] == ("conv",)


def test_records_in_a_model() -> None:
    """Chains lead to what is there; what others wrote in their place is none of ours."""
    proto = helper.make_model(helper.make_graph([], "g", [], []))
    proto.metadata_props.add(key="author", value="somebody")
    records = [
        Absorbed("a", "Shape", "constant", ("b", "c")),
        Absorbed("b", "Gather", "constant", ("d",)),
        Absorbed("b", "Gather", "read by nobody"),
        Absorbed("d", "Erf", "read by nobody"),
        Absorbed("e", "Add", "in a circle", ("e",)),
    ]
    keep_absorbed(proto, records[:1])
    keep_absorbed(proto, records)
    assert absorbed_of(proto) == records
    assert [(one.name, one.into) for one in resolved(records, {"d"})] == [("a", ("c", "d")), ("b", ("d",)), ("e", ())]
    keep_absorbed(proto, [])
    assert [one.key for one in proto.metadata_props] == ["author"]
    for text in ("", "[", "{}", "3", '[["a"]]', "[[1, 2, 3]]", "[" * 100_000):
        proto.metadata_props.add(key="dsf.absorbed", value=text)
        assert absorbed_of(proto) == []
        proto.metadata_props.pop()
