"""`config_model.json` and `model.pt`: what is written is read again, and nothing else is."""

import json
from pathlib import Path

import numpy as np
import pytest
from nn_networks import random_model

from dsf import BundleModel, Hardware
from dsf.errors import DsfError, HardwareError, ModelError, OutputError
from dsf.nn.serialize import model_to_dict


@pytest.mark.parametrize("seed", range(12))
def test_round_trip(tmp_path: Path, seed: int):
    model = random_model(seed)
    paths = model.export(tmp_path)
    assert [path.name for path in paths] == ["config_model.json", "model.pt"]
    again = BundleModel.from_json(paths[0])
    assert model_to_dict(again) == model_to_dict(model)
    assert again.hw == model.hw
    np.testing.assert_array_equal(again.predict(model.random_input), model.predict(model.random_input))


def test_same_model_same_bytes(tmp_path: Path):
    (first, _), (second, _) = (random_model(3).export(tmp_path / name) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_without_weights_it_is_a_new_model(tmp_path: Path):
    config, weights = random_model(3).export(tmp_path)
    weights.unlink()
    assert BundleModel.from_json(config).nodes


def entry_of(tmp_path: Path) -> dict:
    """A small model's file: two bundles, with add and pool."""
    from test_nn_model import small_model

    return json.loads(small_model().export(tmp_path)[0].read_text())


def change(entry: dict, path: str, value: object) -> None:
    *way, last = (int(step) if step.isdigit() else step for step in path.split("/"))
    for step in way:
        entry = entry[step]
    if value is KeyError:
        del entry[last]
    else:
        entry[last] = value


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("extra", 1, "key 'extra' is unknown"),
        ("format", "other", "format 'other', version 1, needs 'dsf-model', version 1"),
        ("input", KeyError, "key 'input' is missing"),
        ("hardware", [], r"hardware': \[\], needs an object"),
        ("hardware/rows", 3, "'rows' in .*hardware is unknown"),
        ("hardware/bits_input", 3, "'bits_input': 3"),
        ("input/shape", [1, 2, 3], "input_shape"),
        ("input/shape", 8, "input_shape=8"),
        ("bundles", [], "needs a list of at least one bundle"),
        ("bundles/0", 5, r"bundles\[0\]': 5, needs an object"),
        ("bundles/0/colour", 5, r"bundles\[0\]': key 'colour' is unknown"),
        ("bundles/0/input", 0, r"bundles\[0\].input': 0, needs 'input' or"),
        ("bundles/0/core", None, "has nothing to do, needs a layer"),
        ("bundles/0/moves", 5, r"bundles\[0\].moves': 5, needs a list of moves"),
        (
            "bundles/0/moves",
            [{"type": "conv"}],
            r"moves\[0\].type': 'conv', needs one of: 'slice', 'pad', 'resize', 'transpose'",
        ),
        ("bundles/0/moves", [{"type": "resize"}], r"moves\[0\]': key 'factors' is missing"),
        ("bundles/0/moves", [{"type": "resize", "factors": 0}], r"'QResize': factors=\(0, 0\).*\(in .*moves\[0\]\)"),
        ("bundles/0/moves", [{"type": "concat", "others": 3}], r"moves\[0\].others': 3, needs a list of bundles"),
        (
            "bundles/0/moves",
            [{"type": "concat", "others": [0]}],
            r"others': 0, needs 'input' or the place of an earlier bundle",
        ),
        ("bundles/0/moves", [{"type": "concat", "others": []}], r"'QConcat': no tensor"),
        ("bundles/0/activation", {"type": "softmax"}, r"activation.type': 'softmax', needs one of: 'leaky_relu'"),
        ("bundles/0/core", "conv", r"core': 'conv', needs an object"),
        ("bundles/0/core/type", "pool", r"core.type': 'pool', needs one of: 'conv', 'conv_transpose', 'dense'"),
        ("bundles/0/core/bias", 5, "key 'bias' is unknown"),
        ("bundles/0/core/filters", 0, r"filters=0.*\(in .*bundles\[0\].core\)"),
        ("bundles/0/core/filters", 7, "needs equal shapes"),
        ("bundles/0/core/activation/type", "relu", r"activation.type': 'relu'"),
        ("bundles/1/add/skip", 0, "key 'skip' is unknown"),
        ("bundles/1/add/input", 7, r"add.input': 7"),
        ("bundles/1/pool/type", "mean", "type='mean'"),
        (
            "bundles/1/pool/activation",
            {"type": "softmax"},
            r"activation.type': 'softmax', needs one of: 'leaky_relu', 'identity'",
        ),
        ("bundles/1/flatten", 1, "flatten=1"),
        ("bundles/2/input", 0, "needs"),
    ],
)
def test_strict(tmp_path: Path, path: str, value: object, message: str):
    entry = entry_of(tmp_path)
    change(entry, path, value)
    config = tmp_path / "config_model.json"
    config.write_text(json.dumps(entry))
    with pytest.raises(DsfError, match=message):
        BundleModel.from_json(config)


def test_bundle_that_leads_nowhere(tmp_path: Path):
    entry = entry_of(tmp_path)
    entry["bundles"].insert(1, entry["bundles"][0])
    entry["bundles"][2]["add"]["input"] = 0
    entry["bundles"][3]["input"] = 2
    config = tmp_path / "config_model.json"
    config.write_text(json.dumps(entry))
    with pytest.raises(ModelError, match="needs every one to lead to the last"):
        BundleModel.from_json(config)


def test_not_json_and_not_there(tmp_path: Path):
    config = tmp_path / "config_model.json"
    with pytest.raises(ModelError, match="No such file"):
        BundleModel.from_json(config)
    config.write_text("{")
    with pytest.raises(ModelError, match="is not JSON"):
        BundleModel.from_json(config)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 40 + "1" + "}" * 40])
def test_nested_without_end(text: str, tmp_path: Path):
    """Whatever reads JSON calls itself for each level."""
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(ModelError, match=r"is nested more than 32 levels deep, needs the file that BundleModel"):
        BundleModel.from_json(path)
    with pytest.raises(HardwareError, match=r"is nested more than 32 levels deep, needs the file that Hardware"):
        Hardware.from_json(path)
    with pytest.raises(ModelError, match="is not JSON"):
        path.write_bytes(b"\xff\xfe")
        BundleModel.from_json(path)


def test_places_that_cannot_be_written(tmp_path: Path):
    model = random_model(3)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder" / "model.pt").mkdir(parents=True)
    needs = "needs a place that can be written; choose another one"
    with pytest.raises(OutputError, match=f"file': File exists, {needs}"):
        model.export(tmp_path / "file")
    with pytest.raises(OutputError, match=f"below': Not a directory, {needs}"):
        model.export(tmp_path / "file" / "below")
    with pytest.raises(OutputError, match=f"model.pt': Is a directory, {needs}"):
        model.export(tmp_path / "folder")
    for options in ({}, {"emit_ir": True, "rtl": False}):
        with pytest.raises(OutputError, match=f"file': File exists, {needs}"):
            model.export_inference(model.random_input, tmp_path / "file", verbose=False, **options)
    (tmp_path / "net" / "program.bin").mkdir(parents=True)
    with pytest.raises(OutputError, match=f"Is a directory, {needs}"):
        model.export_inference(model.random_input, tmp_path / "net", rtl=False, verbose=False)
    (tmp_path / "net" / "ir").write_text("")
    with pytest.raises(OutputError, match=f"ir': File exists, {needs}"):
        model.export_inference(model.random_input, tmp_path / "net", rtl=False, verbose=False, emit_ir=True)


def test_foreign_weights(tmp_path: Path):
    config, weights = random_model(3).export(tmp_path)
    weights.write_bytes(b"not a zip file")
    with pytest.raises(ModelError, match="does not hold the weights of this model"):
        BundleModel.from_json(config)
    random_model(5).export(tmp_path / "other")
    weights.write_bytes((tmp_path / "other" / "model.pt").read_bytes())
    with pytest.raises(ModelError, match="does not hold the weights of this model"):
        BundleModel.from_json(config)
