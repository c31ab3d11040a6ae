"""
Runs each FileCheck test of `tests/filecheck` as a pytest test, so that `pytest` runs everything and `-k` selects.

lit starts a process for each tool of a test; it runs several tests at once, and the outcome of each is reported by name.
Under pytest-xdist the workers are what runs at once, and each test is a run of lit.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent / "filecheck"
TESTS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.suffix in (".mlir", ".test"))

Record = dict[str, str]


def run_lit(tests: list[str], report: Path, workers: int) -> dict[str, Record]:
    """lit's record of each test: its `code` and its `output`."""
    lit = [sys.executable, "-c", "from lit.main import main; main()"]
    command = [*lit, "-q", "-j", str(workers), "--output", str(report), *(str(ROOT / test) for test in tests)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert report.exists(), done.stderr
    return {record["name"].removeprefix("dsf :: "): record for record in json.loads(report.read_text())["tests"]}


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """One run of lit over all tests that were selected; nothing under pytest-xdist."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return {}
    items = (item for item in request.session.items if getattr(item, "function", None) is test_filecheck)
    selected = [item.callspec.params["test"] for item in items]
    return run_lit(selected, tmp_path_factory.mktemp("lit") / "report.json", os.cpu_count() or 2)


@pytest.mark.parametrize("test", TESTS)
def test_filecheck(test: str, outcomes: dict[str, Record], tmp_path: Path):
    record = outcomes.get(test) or run_lit([test], tmp_path / "report.json", 1)[test]
    assert record["code"] == "PASS", record["output"]
