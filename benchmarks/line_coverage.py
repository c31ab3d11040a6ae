"""
Line coverage of the RTL by its tests: `python -m benchmarks.line_coverage DIRECTORY`, where DIRECTORY holds what simulators
wrote under DSF_COVERAGE. `make coverage` runs the tests and this.

Verilator counts how often each block of statements ran, in lines of the form `C '\\1key\\2value\\1key\\2value...' count`. Keys
read here: `f` file, `S` lines of the block's statements. A line counts as covered when every block on it ran in some test, with
some parameters: one line may hold both branches of an `if`, or of a conditional expression.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from dsf.resources import hardware_directory

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


def report(hits: Mapping[str, Mapping[int, bool]], console: Console) -> float:
    """Prints a table of the modules; returns the percentage of all lines."""
    table = Table("module", "lines", "covered", "%", "not covered")
    for name, lines in sorted(hits.items(), key=lambda item: (_percent(item[1].values()), item[0])):
        missed = ranges(line for line, hit in lines.items() if not hit)
        table.add_row(name, str(len(lines)), str(sum(lines.values())), f"{_percent(lines.values()):.1f}", missed)
    console.print(table)
    return _percent([hit for lines in hits.values() for hit in lines.values()])


def _percent(lines: Iterable[bool]) -> float:
    hits = list(lines)
    return 100 * sum(hits) / len(hits) if hits else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.line_coverage", description=__doc__)
    parser.add_argument("directory", type=Path, help="holds the coverage files (*.dat)")
    rtl = hardware_directory() / "rtl"
    hits = line_hits(read_directory(parser.parse_args().directory), rtl)
    total = report(hits, Console(width=160))
    unseen = sorted({path.stem for path in rtl.glob("*.sv") if not path.stem.endswith("_pkg")} - hits.keys())
    print(f"modules without a statement, or without a test: {', '.join(unseen)}")
    print(f"{total:.1f} % of the lines of {len(hits)} modules, needs {REQUIRED} %")
    sys.exit(total < REQUIRED)


if __name__ == "__main__":
    main()
