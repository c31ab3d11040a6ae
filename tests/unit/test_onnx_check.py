"""`dsf check` and `dsf compile` on ONNX files: all problems at once, files that run, JSON for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from dsf.errors import ModelError
from dsf.frontend.onnx.check import check_onnx
from dsf.frontend.onnx.model import from_onnx
from dsf.hardware import Hardware
from dsf.tools.dsf import main

FOLDER = Path(__file__).parents[1] / "data" / "onnx"


class Graph:
    """A QDQ graph that grows by one operator at a time; `x` is the last result, dequantised."""

    opset = 21

    def __init__(self, shape: tuple[int, ...]):
        self.shape, self.nodes, self.constants, self.x = shape, [], [], "x"
        self.quantise("x")

    def constant(self, array: np.ndarray) -> str:
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op_type: str, *inputs: str, name: str | None = None, **attributes: object) -> str:
        name = name or f"{op_type.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(op_type, list(inputs), [f"{name}_y"], name=name, **attributes))
        return f"{name}_y"

    def quantise(self, x: str, step: float = 0.05, zero_point: int = 117) -> None:
        scale, zero = self.constant(np.float32(step)), self.constant(np.uint8(zero_point))
        self.x = self.node("DequantizeLinear", self.node("QuantizeLinear", x, scale, zero), scale, zero)

    def then(self, op_type: str, *others: str, name: str, **attributes: object) -> None:
        self.quantise(self.node(op_type, self.x, *others, name=name, **attributes))

    def conv(self, outputs: int, inputs: int, name: str, kernel: int = 3, **attributes: object) -> None:
        weights = np.random.default_rng(0).integers(-127, 128, (outputs, inputs, kernel, kernel)).astype(np.int8)
        w = self.node("DequantizeLinear", self.constant(weights), self.constant(np.float32(0.01)))
        self.then("Conv", w, name=name, **attributes)

    def model(self, rank: int = 4) -> onnx.ModelProto:
        source = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        result = helper.make_tensor_value_info(self.x, TensorProto.FLOAT, [None] * rank)
        graph = helper.make_graph(self.nodes, "test", [source], [result], self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def several_problems() -> onnx.ModelProto:
    """Operators that there are not, one after the other, and a layer that is too large between them."""
    graph = Graph((1, 3, 8, 8))
    graph.conv(8, 3, "first")
    graph.then("LpNormalization", name="norm")
    graph.conv(20, 8, "large")
    graph.then("Trilu", name="triangle")
    graph.conv(4, 20, "dilated", kernel=9, pads=[4, 4, 4, 4])
    graph.then("Transpose", name="turn", perm=[0, 2, 3, 1])
    graph.then("Conv", graph.constant(np.zeros((1, 8, 1, 1), np.float32)), name="float")
    return graph.model()


PROBLEMS = [
    "'norm': operator LpNormalization, needs an operator of docs/SUPPORTED.md; replace it, or compute it outside the network",
    "'triangle': operator Trilu, needs an operator of docs/SUPPORTED.md; replace it, or compute it outside the network",
    "'float': weights in floating point, needs integers behind a DequantizeLinear; quantise the model: dsf compile "
    "--calibrate DATA.npz, or onnxruntime's quantize_static",
    "'large': 20 output channels, needs at most 16; use fewer filters or Hardware(max_channels_out=20)",
    "'dilated': a kernel of 9x9, needs at most 7x7; use a smaller kernel or Hardware(max_kernel_size=(9, 9))",
]
SMALL = Hardware(bits_bias=32, max_channels_out=16, max_kernel_size=(7, 7))


def test_all_problems_at_once() -> None:
    checked = check_onnx(several_problems(), SMALL)
    assert list(checked.problems) == PROBLEMS
    becomes = {one.node: one.becomes for one in checked.placements}
    assert becomes["norm"] == becomes["triangle"] == becomes["float"] == "a problem"
    assert becomes["large"] == becomes["first"] == becomes["dilated"] == "convolution"
    assert becomes["turn"] == "layout only"


def test_check_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnx.save(several_problems(), tmp_path / "model.onnx")
    config = SMALL.export(tmp_path)[0]
    assert main(["check", str(tmp_path / "model.onnx"), "--hw", str(config), "--json"]) == 1
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert (found["ok"], found["problems"]) == (False, PROBLEMS)
    assert captured.err.splitlines() == [f"dsf: {problem}" for problem in PROBLEMS]
    narrow = Hardware(bits_bias=32).export(tmp_path)[0]
    assert main(["check", str(FOLDER / "residual_s8.onnx"), "--hw", str(narrow)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "residual addition" in shown and "residual_s8.onnx: fits" in shown
    others = re.search(
        r"residual_s8.onnx: ([\d,]+) of the ([\d,]+) sums that its layers can have round to the neighbour", shown
    )
    assert others is not None
    wrong, values = (int(one.replace(",", "")) for one in others.groups())
    assert 0 < wrong < 0.001 * values


def test_every_sum_is_exact_without_a_word_on_hardware(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(FOLDER / "residual_s8.onnx")]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "every convolution and dense layer rounds as the model means, whatever its input" in shown
    assert main(["check", str(FOLDER / "residual_s8.onnx"), "--json"]) == 0
    sums = json.loads(capsys.readouterr().out)["sums"]
    assert sums["neighbours"] == 0 and sums["values"] > 100_000


def test_all_problems_of_a_float_model_at_once() -> None:
    """Operators that can't be quantised hide neither those that the importer refuses nor what is too large; nor do outputs."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("LpNormalization", ["c"], ["d"], name="length"),
        helper.make_node("MaxPool", ["d"], ["e"], name="pool", kernel_shape=[2, 2], dilations=[2, 2]),
        helper.make_node("Trilu", ["e"], ["y"], name="triangle"),
        helper.make_node("Hardmax", ["e"], ["z"], name="hard"),
    ]
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 8, 8))
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, 20, 6, 6)) for name in ("y", "z")]
    weights = np.random.default_rng(0).normal(size=(20, 2, 1, 1)).astype(np.float32)
    graph = helper.make_graph(nodes, "float", [source], results, [numpy_helper.from_array(weights, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    checked = check_onnx(model, SMALL)
    needs = "needs an operator of docs/SUPPORTED.md; replace it, or compute it outside the network"
    assert sorted(checked.problems) == [
        "'conv': 20 output channels, needs at most 16; use fewer filters or Hardware(max_channels_out=20)",
        "'float': outputs 'y', 'z', needs one; keep the last of them, or split the model",
        f"'hard': operator Hardmax, {needs}",
        f"'length': operator LpNormalization, {needs}",
        "'pool': a dilation of (2, 2), needs 1; use a pooling without",
        f"'triangle': operator Trilu, {needs}",
    ]
    becomes = {one.node: one.becomes for one in checked.placements}
    assert becomes["conv"] == "convolution" and becomes["length"] == becomes["hard"] == becomes["triangle"] == "a problem"
    # Weights that are no numbers hide nothing either.
    model.graph.initializer.append(numpy_helper.from_array(np.full(8, np.nan, np.float32), "none"))
    model.graph.node[1].op_type = "Mul"
    model.graph.node[1].input.append("none")
    found = check_onnx(model, SMALL).problems
    for start in ("'hard': operator Hardmax", "'none': has", "'conv': 20 output channels"):
        assert any(one.startswith(start) for one in found), start


def test_who_stops_at_problems_lists_them_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever finds the first one: the importer, the quantiser, or who reads the samples."""
    with pytest.raises(ModelError) as caught:
        from_onnx(several_problems(), SMALL)
    assert sorted(caught.value.problems) == sorted(PROBLEMS)
    graph = Graph((1, 3, 8, 8))
    graph.nodes, graph.x = [], "x"
    for number, op_type in enumerate(("LpNormalization", "Conv", "Trilu")):
        w = [graph.constant(np.ones((20, 3, 1, 1), np.float32))] if op_type == "Conv" else []
        graph.x = graph.node(op_type, graph.x, *w, name=f"layer{number}")
    config = SMALL.export(tmp_path)[0]
    onnx.save(graph.model(), tmp_path / "float.onnx")
    np.savez(tmp_path / "bad.npz", other=np.zeros((8, 3, 8, 8), np.float32))
    np.savez(tmp_path / "good.npz", x=np.zeros((8, 3, 8, 8), np.float32))
    for samples in ("bad.npz", "good.npz"):
        options = ["--hw", str(config), "-o", str(tmp_path / "out"), "--calibrate", str(tmp_path / samples)]
        assert main(["compile", str(tmp_path / "float.onnx"), *options]) == 1
        said = capsys.readouterr().err
        assert "'layer0': is a LpNormalization" in said and "'layer1': 20 output channels, needs at most 16" in said
        assert said.count("'layer2'") == said.count("'layer0'") == 1
        assert ("'x'" in said) == (samples == "bad.npz"), said


def test_an_operator_that_gives_another_type_is_one_problem() -> None:
    nodes = [
        helper.make_node("CastLike", ["x", "w"], ["c"], name="narrow"),
        helper.make_node("Conv", ["c", "w"], ["y"], name="conv"),
    ]
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 8, 8))
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT16, (1, 4, 8, 8))
    weights = numpy_helper.from_array(np.ones((4, 2, 1, 1), np.float16), "w")
    graph = helper.make_graph(nodes, "narrow", [source], [result], [weights])
    checked = check_onnx(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), SMALL)
    assert [one.split(",")[0] for one in checked.problems] == ["'narrow': is a CastLike"]


def float_model(path: Path) -> np.ndarray:
    """Writes a float model of a convolution and a dense layer; returns calibration data."""
    draw = np.random.default_rng(0)
    w, v = (draw.normal(size=size).astype(np.float32) for size in ((4, 2, 3, 3), (3, 4 * 6 * 6)))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        helper.make_node("Flatten", ["r"], ["f"], name="flat"),
        helper.make_node("Gemm", ["f", "v"], ["y"], name="gemm", transB=1),
    ]
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, ("batch", 2, 8, 8))
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, ("batch", 3))
    constants = [numpy_helper.from_array(w, "w"), numpy_helper.from_array(v, "v")]
    graph = helper.make_graph(nodes, "float", [source], [result], constants)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10), path)
    return draw.normal(size=(20, 2, 8, 8)).astype(np.float32)


def test_a_float_model_is_calibrated_compiled_and_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, folder = tmp_path / "float.onnx", tmp_path / "out"
    np.savez(tmp_path / "samples.npz", x=float_model(path))
    assert main(["check", str(path), "--json"]) == 0
    assert "needs --calibrate" in json.loads(capsys.readouterr().out)["remark"]
    assert main(["compile", str(path), "-o", str(folder)]) == 1
    assert "dsf compile --calibrate DATA.npz" in capsys.readouterr().err
    config = Hardware(processing_elements=(4, 12), bits_bias=32).export(tmp_path)[0]
    arguments = ["compile", str(path), "-o", str(folder), "--hw", str(config), "--calibrate", str(tmp_path / "samples.npz")]
    assert main([*arguments, "--json", "--verify-each", "--timing", "--emit-ir", "--batch", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["name"] for one in found["report"]["bundles"]] == ["conv", "gemm"]
    assert all(one["snr_layer"] is None or one["snr_layer"] > 25 for one in found["quantisation"]["layers"])
    assert found["seconds"].keys() >= {"bundle-to-fxp", "sched-to-isa"}
    assert (folder / "ir" / "0-input.mlir").is_file()
    assert main(["report", str(folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["quantisation"] == found["quantisation"] == found["report"]["quantisation"]
    assert main(["report", str(folder)]) == 0
    assert "Signal to noise in dB, float against quantised, 20 samples" in " ".join(capsys.readouterr().out.split())
    assert main(["sim", str(folder)]) == 0
    assert "output 2x3" in capsys.readouterr().out
    assert main([*arguments]) == 0
    assert "Signal to noise" in capsys.readouterr().out


def test_compile_of_other_networks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = FOLDER.parent / "small_network.mlir"
    assert main(["check", str(network), "--json"]) == 0
    becomes = {one["operator"]: one["becomes"] for one in json.loads(capsys.readouterr().out)["placements"]}
    assert becomes["softmax"] == "processor" and {becomes[one] for one in becomes if one != "softmax"} == {"engine"}
    assert main(["compile", str(network), "-o", str(tmp_path / "out"), "--json"]) == 0
    assert main(["sim", str(tmp_path / "out")]) == 0
    capsys.readouterr()
    assert main(["compile", str(network), "-o", str(tmp_path / "out"), "--calibrate", "x.npz"]) == 1
    assert "'--calibrate': with" in capsys.readouterr().err
    quantised = FOLDER / "line_u8.onnx"
    assert main(["compile", str(quantised), "-o", str(tmp_path / "out"), "--calibrate", "x.npz"]) == 1
    assert "is quantised already, needs no calibration; leave --calibrate out" in capsys.readouterr().err
    assert main(["check", str(quantised), "--batch", "0"]) == 1
    assert "'--batch': 0, needs at least 1" in capsys.readouterr().err


def test_qonnx_is_taken_as_well() -> None:
    """Quant nodes, as Brevitas writes them, around a convolution with weights of 4 bits: as plain loops over what they mean."""
    draw = np.random.default_rng(0)
    w = draw.normal(size=(4, 2, 3, 3)).astype(np.float32)
    numbers = {"sx": 0.05, "sw": 0.25, "sy": 0.4, "zero": 0.0, "four": 4.0, "eight": 8.0}
    constants = [numpy_helper.from_array(np.float32(value), name) for name, value in numbers.items()]

    def quant(x: str, scale: str, bits: str, y: str, signed: int) -> onnx.NodeProto:
        domain = "qonnx.custom_op.general"
        attributes = {"signed": signed, "narrow": 0, "rounding_mode": "ROUND"}
        return helper.make_node("Quant", [x, scale, "zero", bits], [y], name=f"quant_{y}", domain=domain, **attributes)

    nodes = [
        quant("x", "sx", "eight", "xq", 1),
        quant("w", "sw", "four", "wq", 1),
        helper.make_node("Conv", ["xq", "wq"], ["c"], name="conv"),
        helper.make_node("Relu", ["c"], ["r"], name="relu"),
        quant("r", "sy", "eight", "y", 0),
    ]
    source = helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2, 6, 6))
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 4, 4, 4))
    graph = helper.make_graph(nodes, "qonnx", [source], [result], [*constants, numpy_helper.from_array(w, "w")])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("qonnx.custom_op.general", 1)]
    model = from_onnx(helper.make_model(graph, opset_imports=opsets, ir_version=10), Hardware(bits_bias=32))
    x = draw.normal(size=(1, 2, 6, 6)).astype(np.float32)
    xq = 0.05 * np.clip(np.rint(x / np.float32(0.05)), -128, 127)
    wq = 0.25 * np.clip(np.rint(w / np.float32(0.25)), -8, 7)
    sums = np.zeros((1, 4, 4, 4))
    for o, row, column in np.ndindex(4, 4, 4):
        sums[0, o, row, column] = (xq[0, :, row : row + 3, column : column + 3] * wq[o]).sum()
    wanted = np.clip(np.rint(np.maximum(sums, 0) / 0.4), 0, 255)
    got = np.rint(model.predict(x) / np.float32(0.4))
    assert np.abs(got - wanted).max() <= 1 and (got != wanted).mean() < 0.02


def test_where_a_node_without_instructions_went(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A rectifier in the rounding of a convolution, the grid of its result, the input's, and the scale of weights."""
    graph = Graph((1, 3, 8, 8))
    graph.conv(4, 3, "first")
    convolved = graph.nodes[-3].output[0]  # Before it is quantised.
    del graph.nodes[-2:]
    graph.quantise(graph.node("Relu", convolved, name="relu"), zero_point=0)
    graph.conv(4, 4, "second")
    names = {one.output[0]: one.name for one in graph.nodes}
    onnx.save(graph.model(), tmp_path / "model.onnx")
    assert main(["compile", str(tmp_path / "model.onnx"), "-o", str(tmp_path / "net")]) == 0

    def where(name: str) -> dict[str, object]:
        capsys.readouterr()
        assert main(["where", str(tmp_path / "net"), "--node", name, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    relu, second = where("relu"), next(one for one in graph.nodes if one.name == "second")
    of_first = {key: value for key, value in where("first").items() if "instructions" in key or key in ("results", "weights")}
    assert relu == {
        "node": "relu",
        "operator": "Relu",
        "becomes": "in the rounding before it",
        "behind": ["first"],
        "before": ["second"],
        "into": ["first"],
        **of_first,
    }
    given = where(graph.nodes[0].name)
    assert (given["operator"], given["behind"], given["before"]) == ("QuantizeLinear", [], ["first"])
    assert given["becomes"] == "input, by the processor"
    weights = where(names[second.input[1]])
    assert (weights["becomes"], weights["behind"], weights["before"]) == ("constant", [], ["second"])
    assert where("first")["instructions"]
    assert main(["where", str(tmp_path / "net"), "--node", "relu"]) == 0
    shown = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["becomes", "in the rounding before it"] in shown and ["behind", "first"] in shown
    assert main(["where", str(tmp_path / "net"), "--node", "nothing"]) == 1
    assert "'nothing': no such node" in capsys.readouterr().err
