"""
The tables of `docs/quantization.md` and of the README, from the committed `results/accuracy.json`:
`python -m benchmarks.accuracy_tables` writes them again. A test keeps them current.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "accuracy.json"
BEGIN, END = "<!-- begin: accuracy -->\n", "<!-- end: accuracy -->\n"

Row = Mapping[str, Any]

COLUMNS = ("network", "form", "its own runtime", "engine", "apart", "equal, worst layer", "cycles (RTL)")
#: Of the short table: the forms, and how they are called there.
SHORT = {
    "DSF 8 bits": "DSF, 8 bits",
    "DSF 4 bits": "DSF, 4 bits",
    "onnxruntime QDQ": "onnxruntime QDQ",
    "Brevitas QONNX": "Brevitas QONNX, 4-bit weights",
}


def cells(row: Row) -> tuple[str, ...]:
    """A row as texts, one for each of `COLUMNS`."""
    apart = "identical" if row["identical"] else "-" if row["snr"] is None else f"{row['snr']} dB"
    equal = "-" if row["layers_equal"] is None else f"{row['layers_equal']:.2%}"
    cycles = "-" if row["cycles"] is None else f"{row['cycles']:,}"
    scores = (score(row, row["score"]), score(row, row["engine_score"]))
    return row["network"], row["form"], *scores, apart, equal, cycles


def score(row: Row, value: float | None) -> str:
    """Right answers in per cent, of the autoencoder dB."""
    if value is None:
        return "-"
    return f"{value:.2f} dB" if row["network"] == "autoencoder" else f"{value:.2%}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(one)} |\n" for one in (head, ["---"] * len(head), *rows))


def full_table(rows: Sequence[Row]) -> str:
    """Every row."""
    return markdown(COLUMNS, [cells(row) for row in rows])


def short_table(rows: Sequence[Row]) -> str:
    """A row for each network: the float score, then for some forms those of their own runtime and of the engine."""
    found = {(row["network"], row["form"]): row for row in rows}
    lines: list[list[str]] = []
    for network in dict.fromkeys(row["network"] for row in rows):
        float_row = found[network, "float"]
        pairs = [found[network, form] for form in SHORT]
        both = [f"{score(row, row['score'])}, {score(row, row['engine_score'])}" for row in pairs]
        lines.append([network, score(float_row, float_row["score"]), *both])
    return markdown(["network", "float", *SHORT.values()], lines)


#: Where each of them stands.
DOCUMENTS = {ROOT / "docs" / "quantization.md": full_table, ROOT / "README.md": short_table}


def with_table(text: str, table: str) -> str:
    """A document with a table between its marks."""
    before, _, rest = text.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if mark == "":
        raise SystemExit(f"no {BEGIN.strip()} and {END.strip()} in the document, needs both; put them where the table goes")
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


def main() -> None:
    rows = json.loads(RESULT.read_text())
    for path, table in DOCUMENTS.items():
        path.write_text(with_table(path.read_text(), table(rows)))


if __name__ == "__main__":
    main()
