"""The parser and the sums of `benchmarks.line_coverage`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import line_coverage
from benchmarks.line_coverage import line_hits, parse, parse_lines, ranges, read_directory, report, summary


def entry(file: Path, line: int, kind: str, lines: str, count: int) -> str:
    """A line as Verilator writes it."""
    keys = {"f": file, "l": line, "n": 3, "t": "line", "page": f"v_line/{file.stem}", "o": kind, "S": lines, "h": "TOP.u_x"}
    text = "".join("\1" + key + "\2" + str(value) for key, value in keys.items() if value != "")
    return f"C '{text}' {count}\n"


@pytest.mark.parametrize(("text", "lines"), [("", ()), ("7", (7,)), ("3,5-7,9", (3, 5, 6, 7, 9))])
def test_lines(text: str, lines: tuple[int, ...]) -> None:
    assert parse_lines(text) == lines
    assert ranges(lines).replace(" ", "") == text


def test_blocks_without_statements_and_headers_do_not_count(tmp_path: Path) -> None:
    file = tmp_path / "a.sv"
    text = ["# SystemC::Coverage-3\n", entry(file, 4, "else", "", 3), entry(file, 5, "if", "5-6", 2)]
    ((block, count),) = parse(text)
    assert (block.file, block.lines, count) == (str(file), (5, 6), 2)


def test_a_line_is_covered_when_each_block_on_it_ran_somewhere(tmp_path: Path) -> None:
    """Counts add up over files; a file outside of the folder is none of ours."""
    rtl = tmp_path / "rtl"
    one = [
        entry(rtl / "a.sv", 1, "block", "1,3", 5),
        entry(rtl / "a.sv", 2, "if", "2", 0),
        entry(rtl / "a.sv", 4, "cond_then", "4", 1),
        entry(rtl / "a.sv", 4, "cond_else", "4", 0),
        entry(rtl / "b.sv", 1, "block", "1", 0),
        entry(tmp_path / "tb.sv", 1, "block", "1", 0),
    ]
    (tmp_path / "one.dat").write_text("".join(one))
    (tmp_path / "two.dat").write_text(entry(rtl / "b.sv", 1, "block", "1", 7))
    hits = line_hits(read_directory(tmp_path), rtl)
    assert hits == {"a": {1: True, 2: False, 3: True, 4: False}, "b": {1: True}}


def test_report_and_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(width=120, record=True)
    found = summary({"b": {1: True}, "a": {1: True, 2: False, 3: False, 9: True}}, "make coverage")
    assert found["command"] == "make coverage"
    assert (found["lines"], found["covered"], found["percent"]) == (5, 3, 60.0)
    assert found["modules"][0] == {"module": "a", "lines": 4, "covered": 2, "percent": 50.0, "missed": "2-3"}
    report(found, console)
    assert "2-3" in console.export_text()
    rtl = tmp_path / "rtl"
    monkeypatch.setattr(line_coverage, "hardware_directory", lambda: tmp_path)
    for covered, code in ((18, 1), (19, 0)):
        (tmp_path / "x.dat").write_text("".join(entry(rtl / "a.sv", i, "if", str(i), int(i < covered)) for i in range(20)))
        result = tmp_path / "coverage.json"
        monkeypatch.setattr(sys, "argv", ["line_coverage", str(tmp_path), "--result", str(result), "--command", "pytest x"])
        with pytest.raises(SystemExit) as ended:
            line_coverage.main()
        assert ended.value.code == code
        written = json.loads(result.read_text())
        assert (written["command"], written["covered"]) == ("pytest x", covered)
    capsys.readouterr()
