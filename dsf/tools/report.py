"""`dsf report`: what a compiled network takes."""

from __future__ import annotations

import argparse
from pathlib import Path

from dsf.tools.command import Commands, new_command

_REPORT = """\
Shows DIR/report.json as a table: per bundle the multiplications, the shape of the array, cycles
estimated and measured, utilisation, words of DRAM traffic, and on-chip memory. Below it stand images a
second, the firmware's register accesses, and what loading the weights takes, if that is done once.
Where the engine was simulated, a second table says what the array waited for, see docs/board.md.
"""

_REPORT_EXAMPLES = """\
example:
  dsf report build/digits
"""


def add(commands: Commands) -> None:
    parser = new_command(
        commands, "report", _report, summary="what a compiled network takes", description=_REPORT, examples=_REPORT_EXAMPLES
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="folder with report.json")


def _report(chosen: argparse.Namespace) -> None:
    from dsf.codegen.read_report import read_report
    from dsf.codegen.report import print_report

    print_report(read_report(chosen.directory / "report.json"))
