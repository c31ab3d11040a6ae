"""
Pictures of a report: what each bundle makes of the array, and what keeps it from more.

- *Utilisation* of each bundle, of the measured cycles where there are any.
- *Cycles* of each bundle, estimated and measured.
- *Roofline*: multiplications a cycle over multiplications for each word of the port of the bus that moves most, of the
  traffic that the program has. A port moves a word a cycle, so a bundle can reach no more than the least of the two lines; what
  is above them skips kernel rows in padding, which count as multiplications. A bundle without traffic stands at the right edge.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dsf.codegen.report import Report
from dsf.disk import writing
from dsf.errors import OutputError, ToolError

#: Inches of a picture: its width for few bundles, and how much each bundle adds.
_WIDTH, _WIDTH_OF_BUNDLE, _HEIGHT = 9.0, 0.22, 11.0
#: By what factors points of the roofline are apart, so that there is room for the names of both; of others the first is named.
_APART = 1.4, 1.15


def plot_report(report: Report, path: Path) -> None:
    """
    Writes the picture of a report; the kind of file is that of the name's end (.png, .svg, .pdf).

    Raises `ToolError` without matplotlib, and `OutputError` where the file can't be written.
    """
    bundles = report["bundles"]
    figure = new_figure(_WIDTH + _WIDTH_OF_BUNDLE * max(0, len(bundles) - 20), _HEIGHT)
    utilisation, cycles, roofline = figure.subplots(3)
    rows, columns = report["hardware"]["processing_elements"]
    figure.suptitle(f"{report['name']}: {rows} x {columns} processing elements", parse_math=False)
    _utilisation(utilisation, bundles)
    _cycles(cycles, bundles)
    _roofline(roofline, bundles, rows * columns, report["hardware"]["axi_width"] // 8)
    save_figure(figure, path)


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib figure, of inches. Raises `ToolError` without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ToolError("'plot': matplotlib is not installed, needs it; install dsf[plot]") from error
    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: Path) -> None:
    """Writes a figure, always the same bytes for the same one. Raises `OutputError` where that can't be."""
    import matplotlib

    library: Any = matplotlib
    # Letters stay letters, of the font that comes with matplotlib, which is small; names inside the file follow from its
    # contents, and no date is in it.
    style = {"svg.fonttype": "none", "svg.hashsalt": "dsf", "font.sans-serif": ["DejaVu Sans"]}
    undated = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(path.suffix.lower())
    with library.rc_context(style), writing(path, OutputError):
        figure.savefig(path, metadata=undated)


def _names(axes: Any, bundles: list[Report]) -> None:
    places = range(len(bundles))
    axes.set_xticks(places, [one["name"] for one in bundles], rotation=90 if len(bundles) > 8 else 0, parse_math=False)
    axes.set_xlim(-1, len(bundles))


def _utilisation(axes: Any, bundles: list[Report]) -> None:
    axes.bar(range(len(bundles)), [100 * (one["utilization"] or 0) for one in bundles], color="tab:blue")
    axes.set_ylabel("utilisation, %")
    # The names are those of the picture below.
    axes.set_xticks([])
    axes.set_xlim(-1, len(bundles))


def _cycles(axes: Any, bundles: list[Report]) -> None:
    for shift, key, label, color in (
        (-0.2, "cycles", "estimated", "tab:gray"),
        (0.2, "measured_cycles", "measured", "tab:blue"),
    ):
        known = [(place + shift, one[key]) for place, one in enumerate(bundles) if one[key] is not None]
        if known:
            axes.bar([place for place, _ in known], [cycles for _, cycles in known], 0.4, label=label, color=color)
    axes.set_ylabel("cycles")
    if axes.containers:
        axes.legend()
    _names(axes, bundles)


def roofline_points(bundles: list[Report], beat_bytes: int) -> list[tuple[str, float | None, float]]:
    """
    Of each bundle that multiplies: its name, multiplications for each word of the port that moves most (`None`: nothing is
    moved), and multiplications a cycle.
    """
    points: list[tuple[str, float | None, float]] = []
    for one in bundles:
        cycles = one["measured_cycles"] if one["measured_cycles"] is not None else one["cycles"]
        if one["macs"] == 0 or not cycles:
            continue
        words = max(count for port, count in one["port_bytes"].items() if port != "instructions") / beat_bytes
        points.append((one["name"], one["macs"] / words if words > 0 else None, one["macs"] / cycles))
    return points


def _roofline(axes: Any, bundles: list[Report], peak: int, beat_bytes: int) -> None:
    points = roofline_points(bundles, beat_bytes)
    known = [intensity for _, intensity, _ in points if intensity is not None]
    left, right = min([peak / 8, *known]) / 2, max([peak * 8, *known]) * 2
    axes.loglog([left, peak, right], [left, peak, peak], color="black", linewidth=1)
    named: list[tuple[float, float]] = []
    for name, intensity, speed in points:
        x = right if intensity is None else intensity
        axes.plot([x], [speed], "o", color="tab:red" if intensity is None else "tab:blue")
        if all(max(x / a, a / x) > _APART[0] or max(speed / b, b / speed) > _APART[1] for a, b in named):
            named.append((x, speed))
            axes.annotate(name, (x, speed), fontsize=6, parse_math=False)
    axes.set_xlabel("multiplications for each word of the busiest port")
    axes.set_ylabel("multiplications a cycle")
