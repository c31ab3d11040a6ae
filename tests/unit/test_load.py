"""What the commands take as a network: the module of each kind of file, for its own engine or another."""

from pathlib import Path

import numpy as np
import pytest
from nn_networks import random_model

from dsf.compiler import random_input
from dsf.dialects.engine import hardware_of
from dsf.errors import BinaryError, ModelError
from dsf.hardware import Hardware
from dsf.nn.to_ir import to_ir
from dsf.runtime.execute import level_of, run_integers
from dsf.tools.load import load_model
from dsf.transforms.locations import source_names

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"
OTHER = Hardware(processing_elements=(2, 6), bits_weights=4)


def test_text():
    module = load_model(NETWORK)
    assert (level_of(module), hardware_of(module).processing_elements) == ("bundle", (4, 8))
    assert hardware_of(load_model(NETWORK, OTHER)) == OTHER


def test_text_without_hardware_of_its_own(tmp_path: Path):
    text = NETWORK.read_text().splitlines()
    (tmp_path / "x.mlir").write_text("\n".join(line for line in text if not line.startswith("engine.hardware")))
    with pytest.raises(ModelError, match=r"has 0 engine\.hardware operations"):
        hardware_of(load_model(tmp_path / "x.mlir"))
    assert hardware_of(load_model(tmp_path / "x.mlir", OTHER)) == OTHER


def test_config(tmp_path: Path):
    model = random_model(3)
    config, _ = model.export(tmp_path)
    loaded, made = load_model(config), to_ir(model)
    x = random_input(made)
    np.testing.assert_array_equal(run_integers(loaded, x), run_integers(made, x))
    assert hardware_of(load_model(config, OTHER)) == OTHER


def test_onnx():
    """Nodes of the graph are the sources of what is made of them."""
    module = load_model(Path(__file__).parents[1] / "data" / "onnx" / "residual_u8_channel.onnx", Hardware(bits_bias=32))
    layers = [op for op in module.walk() if op.name == "bundle.conv"]
    assert layers and all("conv" in source_names(op)[0].lower() for op in layers)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("x.txt", ModelError, "'.*x.txt': a network by no name that DSF knows, needs one of .mlir, .json, .onnx, or a"),
        ("x.mlir", BinaryError, "'.*x.mlir': not text, needs a file of textual IR"),
        ("x.json", ModelError, "'.*x.json': is not JSON"),
        ("", BinaryError, "model.mlir': No such file"),
        ("none.mlir", ModelError, "'.*none.mlir': No such file or directory, needs a network"),
    ],
)
def test_errors(tmp_path: Path, name: str, error: type[Exception], message: str):
    for kind in (".txt", ".mlir", ".json"):
        (tmp_path / f"x{kind}").write_bytes(b"\xff")
    with pytest.raises(error, match=message):
        load_model(tmp_path / name)
