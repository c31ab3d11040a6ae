"""An ONNX file on the simulated engine: the whole system computes what onnxruntime does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from engines import WIDE

import dsf

MODEL = Path(__file__).parents[1] / "data" / "onnx" / "residual_u8_channel.onnx"


def test_a_quantised_residual_network(tmp_path: Path) -> None:
    """Free scales, zero points in padding, bias and results, a residual addition: bit for bit through all levels and RTL."""
    model = dsf.from_onnx(MODEL, WIDE)
    x = np.random.default_rng(2).normal(size=(2, *model.input_shape[1:])).astype(np.float32)
    found = model.export_inference(x, tmp_path, stalls=0.2, seed=3, verify_each=True, verbose=False)
    assert found.proved.rtl_integers is not None
    np.testing.assert_array_equal(found.proved.rtl_integers, found.proved.integers)
    np.testing.assert_array_equal(found.outputs, model.predict(x))
    session = onnxruntime.InferenceSession(MODEL)
    wanted = np.concatenate([session.run(None, {"x": one[None]})[0] for one in x])
    unit = float(model.imported.output.units[0])
    assert np.abs(found.outputs - wanted).max() <= 2.01 * unit


def test_a_trained_autoencoder(tmp_path: Path) -> None:
    """
    Convolutions down to 2x2 and transposed ones back up, with free scales and biases in floating point, as Brevitas exports
    them: bit for bit down to the RTL, and equal to what Brevitas computed, but for the bias of the last layer.
    """
    folder = MODEL.parents[1] / "trained"
    model = dsf.from_onnx(folder / "autoencoder.qonnx.onnx", WIDE)
    with np.load(folder / "autoencoder.npz") as archive:
        x, wanted = archive["x"][:1], archive["qonnx"][:1]
    found = model.export_inference(x, tmp_path, stalls=0.1, seed=4, verbose=False)
    assert found.proved.rtl_integers is not None
    np.testing.assert_array_equal(found.proved.rtl_integers, found.proved.integers)
    # That is a whole number of units of raw sums.
    unit = float(model.imported.output.units.min())
    assert np.abs(found.outputs.reshape(wanted.shape) - wanted).max() <= 0.5 * unit
