"""The examples run, as far as they do without a simulator; `make demo` is the whole of the digits."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

# Small layers gain nothing from threads, and tests run in parallel.
torch.set_num_threads(1)

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_api(tmp_path: Path):
    command = [sys.executable, EXAMPLES / "api.py", "--no-rtl"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "answers:" in done.stdout
    written = {path.name for path in (tmp_path / "build" / "api").iterdir()}
    assert {"config_hw.svh", "config_hw.tcl", "config_hw.json", "config_model.json", "model.pt", "program.bin"} <= written


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    import digits

    return digits


def test_digits_learn(digits):
    """Half of the demo's training already gets there, so that all of it has a margin."""
    (x_train, y_train), (x_test, y_test) = digits.load_data()
    assert len(x_test) == digits.TEST_IMAGES >= 64 and len(x_train) + len(x_test) == 1797
    torch.manual_seed(0)
    model = digits.make_model(digits.make_hardware())
    model.compile(lr=3e-3, schedule="cosine")
    model.fit(x_train, y_train, epochs=8, batch_size=32, verbose=False)
    assert model.evaluate(x_test, y_test).accuracy >= digits.LEAST_ACCURACY


def test_digits_picture(digits, tmp_path: Path):
    (_, _), (x_test, y_test) = digits.load_data()
    model = digits.make_model(digits.make_hardware())
    found = model.export_inference(x_test, tmp_path, rtl=False, verbose=False)
    # What the RTL would add.
    for one in found.report["bundles"]:
        one["measured_cycles"] = one["cycles"]
    changes = {"rtl_integers": found.integers, "cycles": found.report["cycles"]}
    found = type(found)(**{**vars(found), **changes})
    accuracies = {"float": 0.5, "integer": digits.accuracy(found.integers, y_test), "RTL": 0.0}
    digits.draw(tmp_path / "report.png", found, x_test, y_test, accuracies)
    assert (tmp_path / "report.png").read_bytes()[:4] == b"\x89PNG"
    assert json.loads((tmp_path / "report.json").read_text())["images"] == digits.BATCH
    assert 0 <= accuracies["integer"] <= 1 and np.isfinite(found.probabilities).all()
