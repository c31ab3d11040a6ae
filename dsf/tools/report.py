"""`dsf report`: what a compiled network takes."""

from __future__ import annotations

import argparse
from pathlib import Path

from dsf.progress import new_console
from dsf.tools.command import Commands, add_json, new_command, print_json

_REPORT = """\
Shows DIR/report.json as a table: per bundle the multiplications, the shape of the array, cycles
estimated and measured, utilisation, words of DRAM traffic, and the bytes of feature and weight memory
that are used. Below it stand images a
second, the firmware's register accesses, and what loading the weights takes, if that is done once.
Where the engine was simulated, a second table says what the array waited for, see docs/board.md. Where
DSF quantised the model, another says how far each layer is from the float one, in decibels.

--plot draws the utilisation of each bundle, its cycles estimated and measured, and a roofline: the
multiplications a cycle that it reaches, beside what its traffic and the array admit.
"""

_REPORT_EXAMPLES = """\
examples:
  dsf report build/digits
  dsf report build/digits --plot digits.png
  dsf report build/digits --json | python -c "import json, sys; print(json.load(sys.stdin)['cycles'])"
"""


def add(commands: Commands) -> None:
    parser = new_command(
        commands, "report", _report, summary="what a compiled network takes", description=_REPORT, examples=_REPORT_EXAMPLES
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder with report.json")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="write a picture (.png, .svg, .pdf); needs dsf[plot]")
    add_json(parser)


def _report(chosen: argparse.Namespace) -> None:
    from dsf.codegen.read_report import read_report
    from dsf.codegen.report import print_report

    report = read_report(chosen.directory / "report.json")
    if chosen.plot is not None:
        from dsf.codegen.plots import plot_report

        plot_report(report, chosen.plot)
    if chosen.json:
        print_json(report)
        return
    print_report(report)
    if "quantisation" in report:
        from dsf.frontend.quantize.report import QuantizationReport

        new_console().print(QuantizationReport.of_dict(report["quantisation"]).table(), markup=False)
