"""The documents show what the committed results say."""

import json

import pytest

from benchmarks.accuracy_tables import BEGIN, DOCUMENTS, END, RESULT, full_table, with_table

ROWS = json.loads(RESULT.read_text())


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_documents_are_current(path):
    text = path.read_text()
    assert with_table(text, DOCUMENTS[path](ROWS)) == text, "write it again: python -m benchmarks.accuracy_tables"


#: Networks that the compiler refuses.
REFUSED = {"autoencoder"}


def test_all_networks_run_in_all_forms():
    """On the engine, and all but those of 4 bits in RTL; with fixed-point scales bit for bit as Brevitas."""
    assert {row["network"] for row in ROWS} == {"digits", "separable", "autoencoder", "cancer"}
    assert {row["network"] for row in ROWS if row["problem"] is not None} == REFUSED
    engine = [row for row in ROWS if row["form"] != "float" and row["network"] not in REFUSED]
    assert len(engine) == 3 * 8
    for row in engine:
        assert row["problem"] is None
        assert row["cycles"] is not None or row["form"] == "DSF 4 bits"
        assert row["layers_equal"] >= 0.999
        assert row["identical"] or "fixed" not in row["form"]


def test_a_document_without_marks():
    assert with_table(f"a\n{BEGIN}old\n{END}b\n", full_table([])).startswith(f"a\n{BEGIN}\n| network |")
    with pytest.raises(SystemExit, match="needs both"):
        with_table(f"a\n{BEGIN}", "")
