"""Pictures of reports: the numbers in them, and what goes wrong."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks.kraken import RESULT
from benchmarks.plots import FOLDER, draw
from dsf.codegen.files import write_files
from dsf.codegen.plots import plot_report, roofline_points
from dsf.codegen.report import Measured
from dsf.compiler import compile_module, parse_module
from dsf.errors import OutputError, ToolError
from dsf.tools.dsf import main

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"


def bundle(name: str, macs: int, cycles: int, measured: int | None, **ports: int) -> dict:
    moved = {"instructions": 1 << 20, "features": 0, "weights": 0, "output": 0, **ports}
    return {"name": name, "macs": macs, "cycles": cycles, "measured_cycles": measured, "port_bytes": moved}


def test_roofline():
    """Multiplications for a word of the busiest port, instructions left out, and a cycle: the measured ones where there are."""
    bundles = [
        bundle("estimated", 1000, 50, None, features=80, weights=160, output=8),
        bundle("measured", 1000, 50, 100, output=400),
        bundle("on chip", 300, 30, None),
        bundle("pooling", 0, 30, None, features=80),
        bundle("unknown", 10, 0, None),
    ]
    points = [("estimated", 50.0, 20.0), ("measured", 20.0, 10.0), ("on chip", None, 10.0)]
    assert roofline_points(bundles, beat_bytes=8) == points


@pytest.fixture
def built(tmp_path: Path) -> Path:
    module = compile_module(parse_module(NETWORK))
    write_files(module, tmp_path / "$net_1^", measured=Measured(500, {"bundle_0": 300, "bundle_1": 30}))
    return tmp_path / "$net_1^"


@pytest.mark.parametrize(("name", "magic"), [("x.png", b"\x89PNG"), ("x.svg", b"<?xml"), ("x.pdf", b"%PDF")])
def test_files(built: Path, name: str, magic: bytes, capsys: pytest.CaptureFixture[str]):
    assert main(["report", str(built), "--plot", str(built / name)]) == 0
    assert (built / name).read_bytes().startswith(magic)
    assert "bundle_0" in capsys.readouterr().out


def test_pictures_in_the_documentation_are_those_of_the_results(tmp_path: Path):
    """`make plots` was run after the results changed; and it makes the same bytes each time."""
    drawn = draw(json.loads(RESULT.read_text()), tmp_path)
    assert {path.name for path in drawn} == {path.name for path in FOLDER.iterdir()}
    assert [path.name for path in drawn if path.read_bytes() != (FOLDER / path.name).read_bytes()] == []


def test_estimates_only(tmp_path: Path):
    write_files(compile_module(parse_module(NETWORK)), tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    plot_report(report, tmp_path / "x.png")
    plot_report({**report, "bundles": []}, tmp_path / "none.png")
    assert (tmp_path / "x.png").stat().st_size > (tmp_path / "none.png").stat().st_size > 0


def test_what_goes_wrong(built: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    report = json.loads((built / "report.json").read_text())
    with pytest.raises(OutputError, match="No such file or directory, needs a place that can be written"):
        plot_report(report, built / "none" / "x.png")
    assert main(["report", str(built), "--plot", str(built / "x.doc")]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"dsf: '{built / 'x.doc'}': ") and "is not supported" in err and err.count("\n") == 1
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ToolError, match=r"'plot': matplotlib is not installed, needs it; install dsf\[plot\]"):
        plot_report(report, built / "x.png")
