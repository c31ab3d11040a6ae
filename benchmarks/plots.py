"""
Pictures of the committed results of ImageNet networks: `make plots`, or `python -m benchmarks.plots`.

Of each network, whole if that was measured, the utilisation, the cycles and the roofline of its bundles
(`dsf.codegen.plots`); and of the convolutions of all, frames a second and DRAM words beside Kraken's and the least that this
engine aims at. They go to `docs/plots`, and the same results always give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.kraken import NETWORKS, RESULT, Published, make_hardware
from dsf.codegen.plots import new_figure, plot_report, save_figure

FOLDER = Path(__file__).parents[1] / "docs" / "plots"

Row = dict[str, Any]


def draw(rows: Sequence[Row], folder: Path = FOLDER) -> list[Path]:
    """Draws results as `benchmarks.kraken` writes them; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    # Of a network the last scope is the widest.
    whole = {row["name"]: row for row in rows}
    paths = [_draw_network(row, folder) for row in whole.values()]
    return [*paths, _draw_published([row for row in rows if row["scope"] == "conv"], folder)]


def _draw_network(row: Row, folder: Path) -> Path:
    path = folder / f"{row['name']}.svg"
    what = "the whole network" if row["scope"] == "all" else "its convolutions"
    report = {
        "name": f"{row['name']}, {what}",
        "hardware": make_hardware().to_dict(),
        "bundles": row["bundles"],
    }
    plot_report(report, path)
    return path


def _draw_published(rows: Sequence[Row], folder: Path) -> Path:
    """Frames a second and DRAM words of convolutions, as shares of what Kraken's publication has."""
    path = folder / "kraken.svg"
    figure = new_figure(9.0, 3.6)
    quantities = (
        ("frames a second", [row["fps"] for row in rows], 0),
        ("million words of DRAM traffic a frame", [row["dram_words"] / 1e6 for row in rows], 1),
    )
    for axes, (title, values, number) in zip(figure.subplots(1, 2), quantities, strict=True):
        published = [NETWORKS[row["name"]][1] for row in rows]
        _beside(axes, [row["name"] for row in rows], values, published, number)
        axes.set_title(title)
    save_figure(figure, path)
    return path


def _beside(axes: Any, names: Sequence[str], values: Sequence[float], published: Sequence[Published], number: int) -> None:
    """Bars of `values`, of Kraken's and of the aims: of each network as shares of Kraken's, with the numbers on them."""
    kraken = [one.kraken[number] for one in published]
    for shift, label, heights, color in (
        (-0.27, "DSF", values, "tab:blue"),
        (0.0, "Kraken", kraken, "tab:gray"),
        (0.27, "aim", [one.aim[number] for one in published], "lightgray"),
    ):
        places = [place + shift for place in range(len(names))]
        bars = axes.bar(
            places, [height / whole for height, whole in zip(heights, kraken, strict=True)], 0.26, label=label, color=color
        )
        axes.bar_label(bars, [f"{height:.1f}" for height in heights], fontsize=7)
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("share of Kraken's")
    axes.legend(fontsize=7, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.08), frameon=False)


def main() -> None:
    for path in draw(json.loads(RESULT.read_text())):
        print(f"written: {path.relative_to(FOLDER.parents[1])}")


if __name__ == "__main__":
    main()
