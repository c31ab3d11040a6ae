"""`export_inference`: all levels agree down to the RTL, the files are right, and a difference is an error that says where."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from nn_networks import hardware, random_model
from test_nn_model import small_model, task

from benchmarks.seven_bundles import make_hardware
from dsf import Bundle, BundleModel, Hardware, QConvCore, QIdentity, QInput
from dsf import proof as module
from dsf.codegen.program import read_program
from dsf.errors import DsfError, MismatchError, ModelError
from dsf.runtime.execute import run
from dsf.runtime.machine import unpack_tensor
from dsf.runtime.rtl import simulate

FILES = {
    "program.bin",
    "weights.bin",
    "config_firmware.h",
    "report.json",
    "input.bin",
    "expected.bin",
    "model.mlir",
    "provenance.json",
}

#: One of the engines of tests/sim/engines.py: the same build serves both.
SIMULATED = make_hardware(8)


@pytest.mark.parametrize(
    ("seed", "fraction"), [*((seed, 0) for seed in range(100, 112)), (200, 5), (201, 12), (202, 7), (203, 5)]
)
def test_random_networks(tmp_path: Path, seed: int, fraction: int):
    model = random_model(seed, fraction)
    found = model.export_inference(model.random_input, tmp_path, rtl=False, verify_each=True, verbose=False)
    outputs = model.predict(model.random_input)
    if model.nodes[-1].softmax:
        np.testing.assert_allclose(found.probabilities, outputs, rtol=1e-12)
    else:
        assert found.probabilities is None
        np.testing.assert_array_equal(found.outputs.reshape(outputs.shape), outputs)
    assert {path.name for path in found.paths} == FILES == {path.name for path in tmp_path.iterdir()}


def test_files_run_again(tmp_path: Path):
    model = small_model()
    found = model.export_inference(task(4)[0], tmp_path, rtl=False, verbose=False)
    program = read_program(tmp_path / "program.bin")
    x = unpack_tensor(program.inputs[0], (tmp_path / "input.bin").read_bytes(), "input.bin")
    expected = unpack_tensor(program.outputs[0], (tmp_path / "expected.bin").read_bytes(), "expected.bin")
    np.testing.assert_array_equal(expected, found.integers)
    np.testing.assert_array_equal(run(program.to_module(), x), expected)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report == found.report
    assert [one["name"] for one in report["bundles"]] == model.names
    # The engine's multiplications are the network's, the dense layer's too.
    assert [one["macs"] for one in report["bundles"]] == [node.macs for node in model.nodes]


@pytest.mark.parametrize("groups", [2, 4, 8])
def test_groups_count_their_own_multiplications(groups: int, tmp_path: Path):
    hw = hardware()
    x_in = QInput((1, 6, 6, 8), hw, 4)
    core = QConvCore(filters=16, kernel_size=3, weights_frac_bits=2, groups=groups, dilation=(1, 2), activation=QIdentity(3))
    model = BundleModel(x_in, Bundle(core=core)(x_in))
    found = model.export_inference(model.random_input, tmp_path, rtl=False, verify_each=True, verbose=False)
    (bundle,) = found.report["bundles"]
    assert bundle["macs"] == found.report["macs"] == model.nodes[0].macs == 36 * 16 * 9 * 8 // groups


def test_same_model_same_bytes(tmp_path: Path):
    names = ("a", "b")
    for name in names:
        small_model(batch_norm=True).export_inference(task(4)[0], tmp_path / name / "net", rtl=False, verbose=False)
    for file in FILES:
        first, second = ((tmp_path / name / "net" / file).read_bytes() for name in names)
        assert first == second, file


def test_several_batches_are_several_runs(tmp_path: Path):
    model, (x, _) = small_model(), task(12)
    found = model.export_inference(x, tmp_path, rtl=False, verbose=False)
    assert found.integers.shape == (12, 3)
    for start in (0, 4, 8):
        one = model.export_inference(x[start : start + 4], tmp_path, rtl=False, verbose=False)
        np.testing.assert_array_equal(found.integers[start : start + 4], one.integers)


def test_default_directory_and_ir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.chdir(tmp_path)
    small_model().export_inference(task(4)[0], rtl=False, emit_ir=True)
    assert (tmp_path / "build" / "dsf" / "program.bin").exists()
    assert any((tmp_path / "build" / "dsf" / "ir").glob("*fxp-to-tile.mlir"))
    shown = capsys.readouterr().out
    assert "integer pass" in shown and "bundle_2" in shown


def test_the_model_keeps_its_mode(tmp_path: Path):
    model = small_model(batch_norm=True)
    model.train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.export_inference(task(4)[0], tmp_path, rtl=False, verbose=False)
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("shape", [(3, 8, 8, 1), (4, 1, 8, 8), (0, 8, 8, 1), (4, 64)])
def test_shape_of_x(tmp_path: Path, shape: tuple[int, ...]):
    with pytest.raises(ModelError, match=r"needs \(4, 8, 8, 1\), or a multiple of its batch of 4"):
        small_model().export_inference(np.zeros(shape), tmp_path, rtl=False, verbose=False)


@pytest.mark.parametrize("stalls", [1.0, -0.1, float("nan"), "0.1", None, True])
def test_stalls_that_nothing_would_pass(tmp_path: Path, stalls: float):
    model = small_model()
    with pytest.raises(DsfError, match=r"'stall': .*, needs a number from 0 to 0.9"):
        model.export_inference(model.random_input, tmp_path, rtl=False, stalls=stalls, verbose=False)
    with pytest.raises(DsfError, match=r"'stall': .*, needs a number from 0 to 0.9"):
        simulate(model.hw, b"", b"", b"", 0, stall=stalls)


@pytest.mark.parametrize("seed", [-1, "a", 1.5, 1 << 70])
def test_seeds_that_are_none(tmp_path: Path, seed: int):
    model = small_model()
    with pytest.raises(DsfError, match=r"'seed': .*, needs an integer from 0 to"):
        model.export_inference(model.random_input, tmp_path, rtl=False, seed=seed, verbose=False)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("weight", float("nan"), "holds numbers that are not finite"),
        ("running_variance", -1.0, "a variance of -1.0, needs at least 0"),
    ],
)
def test_parameters_that_are_no_numbers(tmp_path: Path, name: str, value: float, message: str):
    model = small_model(batch_norm=True)
    with torch.no_grad():
        next(tensor for key, tensor in model.state_dict().items() if key.endswith(name)).fill_(value)
    with pytest.raises(ModelError, match=message):
        model.export_inference(model.random_input, tmp_path, rtl=False, verbose=False)


def test_sums_that_do_not_fit(tmp_path: Path):
    model = small_model(Hardware(processing_elements=(4, 12), bits_weights=8, bits_sum=16, bits_bias=8))
    with torch.no_grad():
        model.bundles[1].weight.fill_(10.0)
    with pytest.raises(ModelError, match="'bundle_1': sums of up to"):
        model.export_inference(task(4)[0], tmp_path, rtl=False, verbose=False)


def test_wrong_integer_pass_names_bundle_and_element(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    true_run = module.run_integers

    def wrong(fxp, x, values):
        result = true_run(fxp, x, values)
        values["bundle_1"].reshape(4, -1)[2, 5] += 1
        return result

    monkeypatch.setattr(module, "run_integers", wrong)
    with pytest.raises(MismatchError, match=r"'bundle_1': element \(2, 5\) is -?\d+ in the integer pass, .* 1 of 128"):
        small_model().export_inference(task(4)[0], tmp_path, rtl=False, verbose=False)


def damage(monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Every output read from `source` ('interpreter' or 'RTL') has its lowest bits turned over."""
    true_unpack = module.unpack_tensor

    def wrong(tensor, data, where):
        values = true_unpack(tensor, data, where)
        return values ^ 1 if source in where else values

    monkeypatch.setattr(module, "unpack_tensor", wrong)


def test_wrong_instructions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    damage(monkeypatch, "interpreter")
    with pytest.raises(MismatchError, match=r"'bundle_2': element \(0, 0\) is .* in the instructions"):
        small_model().export_inference(task(4)[0], tmp_path, rtl=False, verbose=False)


def test_rtl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    model, (x, _) = small_model(SIMULATED, batch_norm=True), task(8)
    found = model.export_inference(x, tmp_path, stalls=0.3, seed=1, verbose=False)
    assert found.rtl_integers is not None
    np.testing.assert_array_equal(found.rtl_integers, found.integers)
    assert found.report["measured_cycles"] == found.cycles
    assert found.report["register_accesses"] == 8
    load = found.report["load_program"]
    assert load["measured_cycles"] == pytest.approx(load["cycles"], abs=30)
    for one in found.report["bundles"]:
        assert 0 < one["measured_cycles"] <= found.cycles
        assert one["utilization"] == pytest.approx(one["macs"] / one["measured_cycles"] / 192, abs=1e-4)
        assert 0 < one["array"]["busy"] <= one["measured_cycles"]
    array = found.report["array"]
    assert sum(one["array"]["busy"] for one in found.report["bundles"]) == array["busy"]
    assert found.cycles < sum(array.values()) < found.cycles + 200

    loading = model.export_inference(x, tmp_path / "loading", resident_weights=False, verbose=False)
    np.testing.assert_array_equal(loading.rtl_integers, found.integers)
    assert loading.report["load_program"] is None
    assert loading.cycles >= found.cycles
    assert loading.report["dram_words"] > found.report["dram_words"]

    with monkeypatch.context() as patch:
        patch.setattr("dsf.proof.make_report", lambda *_: {"port_bytes": dict.fromkeys(found.report["port_bytes"], 7)})
        with pytest.raises(
            MismatchError, match=r"'instructions': \d+ bytes through this port in the RTL, needs 7 as in the rep"
        ):
            model.export_inference(x, tmp_path, verbose=False)

    damage(monkeypatch, "RTL")
    with pytest.raises(MismatchError, match=r"'bundle_2': element \(0, 0\) is .* in the RTL, needs .* as in the instructions"):
        model.export_inference(x, tmp_path, verbose=False)
