"""The documents show what the committed results say."""

import json

import pytest

from benchmarks.accuracy_tables import RESNET50, RESULT, documents, full_table, with_table, with_tables

ROWS = json.loads(RESULT.read_text())


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_documents_are_current(path):
    text = path.read_text()
    assert with_tables(text, documents()[path]) == text, "write it again: python -m benchmarks.accuracy_tables"


def test_all_networks_run_in_all_forms():
    """On the engine, and all but those of 4 bits in RTL; with fixed-point scales bit for bit as Brevitas."""
    assert {row["network"] for row in ROWS} == {"digits", "separable", "autoencoder", "cancer"}
    engine = [row for row in ROWS if row["form"] != "float"]
    assert len(engine) == 4 * 8
    for row in engine:
        assert row["problem"] is None
        assert row["cycles"] is not None or row["form"] == "DSF 4 bits"
        assert row["layers_equal"] >= 0.999
        assert row["identical"] or "fixed" not in row["form"]


def test_resnet50_agrees_with_onnxruntime():
    """Every layer, and the whole about as well as onnxruntime with itself: better than quantisation leaves of the network."""
    row = json.loads(RESNET50.read_text())
    assert row["layers"] >= 53 + 16 + 1
    assert row["most_steps"] <= 1
    assert row["worst_different"] <= 0.001
    assert row["snr_db"] > row["quantisation_db"]
    assert row["same_class"] == row["images"]


def test_a_document_without_marks():
    text = "a\n<!-- begin: x -->\nold\n<!-- end: x -->\nb\n"
    assert with_table(text, "x", full_table([])).startswith("a\n<!-- begin: x -->\n\n| network |")
    assert with_table(text, "x", "").endswith("<!-- end: x -->\nb\n")
    with pytest.raises(SystemExit, match="needs both"):
        with_table("a\n<!-- begin: x -->\n", "x", "")
