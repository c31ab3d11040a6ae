"""
Line coverage of the RTL by its tests: `python -m benchmarks.line_coverage DIRECTORY --command COMMAND`, where DIRECTORY holds
what simulators wrote under DSF_COVERAGE, and COMMAND is what ran them. `make coverage` runs the tests and this; its list says
which. The percentages and what is not covered go to `benchmarks/results/coverage.json`.

Verilator counts how often each block of statements ran, in lines of the form `C '\\1key\\2value\\1key\\2value...' count`. Keys
read here: `f` file, `S` lines of the block's statements. A line counts as covered when every block on it ran in some test, with
some parameters: one line may hold both branches of an `if`, or of a conditional expression.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dsf.resources import hardware_directory

RESULT = Path(__file__).parent / "results" / "coverage.json"

#: Percent of the lines of all modules.
REQUIRED = 95.0


@dataclass(frozen=True)
class Block:
    """A block of statements: its file, the lines of its own statements, and what tells it from others on the same lines."""

    file: str
    lines: tuple[int, ...]
    kind: str


def parse_lines(text: str) -> tuple[int, ...]:
    """`3,5-7` to (3, 5, 6, 7); nothing for an empty text."""
    found: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return tuple(found)


def parse(text: Iterable[str]) -> Iterator[tuple[Block, int]]:
    """The blocks of one coverage file that have statements, and how often each ran."""
    for line in text:
        match = re.fullmatch(r"C '(.*)' (\d+)\s*", line)
        if match is None:
            continue
        fields = dict(field.split("\2", 1) for field in match[1].split("\1") if field)
        if lines := parse_lines(fields.get("S", "")):
            yield Block(fields["f"], lines, f"{fields['l']}:{fields['n']}:{fields['o']}"), int(match[2])


def line_hits(blocks: Mapping[Block, int], folder: Path) -> dict[str, dict[int, bool]]:
    """For each file of `folder`, by its name without suffix: its lines with statements, and whether all blocks on each ran."""
    hits: dict[str, dict[int, bool]] = {}
    for block, count in blocks.items():
        path = Path(block.file)
        if path.parent.resolve() != folder.resolve():
            continue
        lines = hits.setdefault(path.stem, {})
        for line in block.lines:
            lines[line] = lines.get(line, True) and count > 0
    return hits


def ranges(lines: Iterable[int]) -> str:
    """The inverse of `parse_lines`, with spaces."""
    found: list[list[int]] = []
    for line in sorted(lines):
        if found and line == found[-1][1] + 1:
            found[-1][1] = line
        else:
            found.append([line, line])
    return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in found)


def read_directory(directory: Path) -> Counter[Block]:
    """The blocks of all coverage files of a directory, each with the sum of its counts."""
    total: Counter[Block] = Counter()
    for path in sorted(directory.glob("*.dat")):
        with path.open() as text:
            for block, count in parse(text):
                total[block] += count
    return total


def summary(hits: Mapping[str, Mapping[int, bool]], command: str) -> dict[str, Any]:
    """Lines and percentages of all modules together, and of each, those with the least first; `command` counted them."""
    modules = [
        {"module": name, **_counts(lines.values()), "missed": ranges(line for line, hit in lines.items() if not hit)}
        for name, lines in sorted(hits.items(), key=lambda item: (_percent(item[1].values()), item[0]))
    ]
    total = _counts([hit for lines in hits.values() for hit in lines.values()])
    return {"command": command, "required": REQUIRED, **total, "modules": modules}


def report(found: Mapping[str, Any], console: Console) -> None:
    """Prints a table of the modules."""
    table = Table("module", "lines", "covered", "%", "not covered")
    for one in found["modules"]:
        table.add_row(one["module"], str(one["lines"]), str(one["covered"]), f"{one['percent']:.1f}", one["missed"])
    console.print(table)


def _counts(lines: Iterable[bool]) -> dict[str, float]:
    hits = list(lines)
    return {"lines": len(hits), "covered": sum(hits), "percent": round(_percent(hits), 1)}


def _percent(lines: Iterable[bool]) -> float:
    hits = list(lines)
    return 100 * sum(hits) / len(hits) if hits else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.line_coverage", description=__doc__)
    parser.add_argument("directory", type=Path, help="holds the coverage files (*.dat)")
    parser.add_argument("--result", type=Path, default=RESULT, help="file to write")
    parser.add_argument("--command", required=True, help="what wrote them, for the result")
    chosen = parser.parse_args()
    rtl = hardware_directory() / "rtl"
    hits = line_hits(read_directory(chosen.directory), rtl)
    found = summary(hits, chosen.command)
    report(found, Console(width=160))
    chosen.result.write_text(json.dumps(found, indent=2) + "\n")
    unseen = sorted({path.stem for path in rtl.glob("*.sv") if not path.stem.endswith("_pkg")} - hits.keys())
    print(f"modules without a statement, or without a test: {', '.join(unseen)}")
    print(f"{found['percent']} % of the lines of {len(hits)} modules, needs {REQUIRED} %")
    sys.exit(100 * found["covered"] < REQUIRED * found["lines"])


if __name__ == "__main__":
    main()
