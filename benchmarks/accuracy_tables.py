"""
The tables of `docs/quantization.md` and of the README, from the committed `results/accuracy.json`, `results/resnet50.json` and
`results/every_sum.json`: `python -m benchmarks.accuracy_tables` writes them again. A test keeps them current.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULT = Path(__file__).parent / "results" / "accuracy.json"
RESNET50 = Path(__file__).parent / "results" / "resnet50.json"
EVERY_SUM = Path(__file__).parent / "results" / "every_sum.json"

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


def resnet50_table(row: Row) -> str:
    """What was compared of ResNet-50, and how near it is."""
    lines = [
        ("layers, results of layers", f"{row['layers']}, {row['elements']:,}"),
        ("farthest from onnxruntime, on its own inputs", f"{row['most_steps']} step"),
        ("equal", f"{1 - row['different']:.3%}"),
        ("equal, worst layer, but for what is half-way", f"{1 - row['worst_different']:.3%}"),
        ("outputs of the engine beside onnxruntime's", f"{row['snr_db']} dB"),
        ("onnxruntime's with its kernels for integers, beside the same", f"{row['onnxruntime_itself_db']} dB"),
        ("the quantised network beside the one in floating point", f"{row['quantisation_db']} dB"),
    ]
    return markdown(["ResNet-50", ""], lines)


def sums_table(rows: Sequence[Row]) -> str:
    """Of how many sums the results are others, by the bits of bias and gain."""
    head = ("bias, in units of the sum", "gain", "QONNX, 4-bit weights", "QDQ, 8-bit weights")

    def share(wrong: int, of: int) -> str:
        return f"{wrong / of:.5%}" if wrong else "none"

    return markdown(head, [(*widths(row), *(share(*row[form]) for form in ("qonnx", "qdq"))) for row in rows])


def widths(row: Row) -> tuple[str, str]:
    more = {None: "exact", 0: "whole"}.get(row["bias_bits"], f"{row['bias_bits']} more bits")
    more += ", as the compiler chooses" if row["chosen"] else ""
    return more, "exact" if row["gain_bits"] is None else f"{row['gain_bits']} bits"


def documents() -> dict[Path, dict[str, str]]:
    """Where the tables stand, by the names in their marks."""
    rows = json.loads(RESULT.read_text())
    long = {"accuracy": full_table(rows), "resnet50": resnet50_table(json.loads(RESNET50.read_text()))}
    long["sums"] = sums_table(json.loads(EVERY_SUM.read_text()))
    return {ROOT / "docs" / "quantization.md": long, ROOT / "README.md": {"accuracy": short_table(rows)}}


def with_table(text: str, name: str, table: str) -> str:
    """A document with a table between its marks."""
    begin, end = f"<!-- begin: {name} -->\n", f"<!-- end: {name} -->\n"
    before, _, rest = text.partition(begin)
    _, mark, after = rest.partition(end)
    if mark == "":
        raise SystemExit(f"no {begin.strip()} and {end.strip()} in the document, needs both; put them where the table goes")
    return f"{before}{begin}\n{table}\n{end}{after}"


def with_tables(text: str, tables: Mapping[str, str]) -> str:
    """A document with all of its tables."""
    for name, table in tables.items():
        text = with_table(text, name, table)
    return text


def main() -> None:
    for path, tables in documents().items():
        path.write_text(with_tables(path.read_text(), tables))


if __name__ == "__main__":
    main()
