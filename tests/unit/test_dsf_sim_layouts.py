"""`dsf sim --input` in the layout of the ONNX model and in the engine's: the same network, the same result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from test_onnx_check import Graph

from dsf.frontend.onnx.model import from_onnx
from dsf.hardware import DEFAULT_HARDWARE
from dsf.tools.dsf import main

FOLDER = Path(__file__).parents[1] / "data" / "onnx"


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network over one axis, (1, 4, 24) in the model and (1, 1, 24, 4) in the engine."""
    folder = tmp_path_factory.mktemp("line")
    assert main(["compile", str(FOLDER / "line_u8.onnx"), "-o", str(folder)]) == 0
    return folder


def sim(folder: Path, x: np.ndarray, *options: str) -> np.ndarray:
    np.save(folder / "x.npy", x)
    assert main(["sim", str(folder), "--input", str(folder / "x.npy"), "--output", str(folder / "y.npy"), *options]) == 0
    return np.load(folder / "y.npy")


def test_layouts(line: Path) -> None:
    model = from_onnx(FOLDER / "line_u8.onnx")
    x = np.random.default_rng(0).normal(size=(1, 4, 24)).astype(np.float32)
    integers = model.integers_of(x)
    expected = model.predict(x)
    for given in (x, x.transpose(0, 2, 1)[:, None]):
        np.testing.assert_allclose(sim(line, given), expected, rtol=1e-12)
    raw = sim(line, integers)
    assert raw.dtype.kind == "i"
    np.testing.assert_array_equal(sim(line, integers[:, 0].transpose(0, 2, 1), "--layout", "model"), raw)
    np.testing.assert_allclose(model.outputs_of(raw), expected, rtol=1e-12)


def test_a_model_of_integers_has_those(tmp_path: Path) -> None:
    """Images (N, C, H, W) of uint8 go in and come out, as the model has them."""
    made = Graph((1, 3, 6, 5))
    made.conv(4, 3, "conv", kernel=3)
    del made.nodes[0], made.nodes[-1]
    model = made.model()
    model.graph.input[0].CopyFrom(
        onnx.helper.make_tensor_value_info("quantizelinear_0_y", onnx.TensorProto.UINT8, (1, 3, 6, 5))
    )
    codes = made.nodes[-1].output[0]
    model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info(codes, onnx.TensorProto.UINT8, (1, 4, 4, 3)))
    onnx.save(model, tmp_path / "model.onnx")
    assert main(["compile", str(tmp_path / "model.onnx"), "-o", str(tmp_path / "net")]) == 0
    x = np.random.default_rng(1).integers(0, 256, (1, 3, 6, 5)).astype(np.uint8)
    expected = from_onnx(model, DEFAULT_HARDWARE).predict(x)
    assert expected.min() >= 0 and np.ptp(expected) > 20
    np.testing.assert_array_equal(sim(tmp_path / "net", x), expected)


def test_which_layout_is_said_or_asked_for(tmp_path: Path, line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Graph((1, 4, 4, 4))
    made.conv(4, 4, "conv", kernel=1)
    onnx.save(made.model(), tmp_path / "model.onnx")
    assert main(["compile", str(tmp_path / "model.onnx"), "-o", str(tmp_path / "net")]) == 0
    x = np.random.default_rng(2).normal(size=(1, 4, 4, 4)).astype(np.float32)
    y = sim(tmp_path / "net", x, "--layout", "model")
    np.testing.assert_array_equal(sim(tmp_path / "net", x.transpose(0, 2, 3, 1), "--layout", "engine"), y.transpose(0, 2, 3, 1))
    np.testing.assert_allclose(y, from_onnx(made.model(), DEFAULT_HARDWARE).predict(x), rtol=1e-12)

    def message(folder: Path, values: np.ndarray, *options: str) -> str:
        np.save(tmp_path / "x.npy", values)
        capsys.readouterr()
        assert main(["sim", str(folder), "--input", str(tmp_path / "x.npy"), *options]) == 1
        return capsys.readouterr().err

    both = "has shape (1, 4, 4, 4), which the model's layout and the engine's have both, needs one of them; add --layout"
    assert both in message(tmp_path / "net", x)
    needs = "has shape (1, 24, 4), needs (1, 4, 24) as the model has it, or (1, 1, 24, 4) as the engine has it; reshape"
    assert needs in message(line, np.zeros((1, 24, 4), np.float32))
    assert "has shape (1, 24, 4), needs (1, 4, 24), that of the model; reshape it" in message(
        line, np.zeros((1, 24, 4)), "--layout", "model"
    )
    assert "infinite or no numbers, needs finite ones" in message(line, np.full((1, 4, 24), np.nan))
    assert main(["sim", str(line), "--layout", "model"]) == 1
    assert "'--layout': without --input, needs it" in capsys.readouterr().err
    network = Path(__file__).parents[1] / "data" / "small_network.mlir"
    assert main(["compile", str(network), "-o", str(tmp_path / "net")]) == 0
    assert not (tmp_path / "net" / "source.json").exists()
    assert "no source.json is there, needs the directory of an ONNX model" in message(tmp_path / "net", x, "--layout", "model")


DAMAGED = [
    *({"axes": axes} for axes in ([0, 0, 1], [0, 1], [0, 1, 3], [0, 1, -1])),
    {"shape": [1, 4, -1]},
    {"name": 3},
    {"shape": [1, 2, 24]},
    None,
]


@pytest.mark.parametrize("change", DAMAGED)
def test_a_damaged_description_is_one_message(change: dict | None, line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = line / "source.json"
    whole = path.read_text()
    data = json.loads(whole)
    path.write_text("[]" if change is None else json.dumps(data | {"input": data["input"] | change}))
    np.save(line / "x.npy", np.zeros((1, 4, 24), np.float32))
    assert main(["sim", str(line), "--input", str(line / "x.npy")]) == 1
    path.write_text(whole)
    (message,) = capsys.readouterr().err.splitlines()[-1:]
    assert message.startswith("dsf: ") and " needs " in message
    assert change is None or "axes" not in change or f"axes {change['axes']} of a tensor of rank 3" in message


def test_a_description_of_another_program_is_one_message(line: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Axes in another order, a digest that is none, and no digest, as before there was one."""
    path = line / "source.json"
    whole = path.read_text()
    data = json.loads(whole)
    axes = data["input"]["axes"]
    turned = data | {"input": data["input"] | {"axes": axes[1:] + axes[:1]}}
    np.save(line / "x.npy", np.zeros((1, 4, 24), np.float32))
    for changed, has in (
        (turned, "was changed or is of another program"),
        (data | {"digest": 3}, "was changed or is of another program"),
        ({name: data[name] for name in ("input", "output", "nodes")}, "is damaged (KeyError: 'digest')"),
    ):
        path.write_text(json.dumps(changed))
        assert main(["sim", str(line), "--input", str(line / "x.npy")]) == 1
        (message,) = capsys.readouterr().err.splitlines()[-1:]
        assert message == f"dsf: '{path}': {has}, needs the source.json that DSF writes; compile the model again"
    path.write_text(json.dumps(data | {"nodes": [{"name": "x", "operator": 3}]}))
    assert main(["where", str(line), "--node", "x"]) == 1
    assert "operator has another type" in capsys.readouterr().err
    path.write_text(whole)
    assert main(["sim", str(line), "--input", str(line / "x.npy")]) == 0
