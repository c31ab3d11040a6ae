"""What the Makefile runs is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: Modules by `-m`, and files that python or pytest is given.
MODULE = re.compile(r"-m ((?:benchmarks|dsf)(?:\.\w+)+)")
PATH = re.compile(r"(?:python|pytest) ((?:benchmarks|examples|tests)/[\w/]+(?:\.py)?)")


def commands() -> str:
    """The Makefile, with what `make coverage` runs in the place of its name."""
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    variables = dict(re.findall(r"^(\w+) := (.*)$", text, re.MULTILINE))
    covered = " ".join(f"pytest tests/sim/test_{name}.py" for name in variables["COVERED"].split())
    return text.replace("$(COVERAGE)", covered)


@pytest.mark.parametrize("module", sorted(set(MODULE.findall(commands()))))
def test_modules_exist(module: str) -> None:
    """As files of the repository: a package of the same name from elsewhere does not count."""
    path = ROOT / module.replace(".", "/")
    assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()


@pytest.mark.parametrize("path", sorted(set(PATH.findall(commands()))))
def test_files_exist(path: str) -> None:
    assert (ROOT / path).exists()


def test_all_are_found() -> None:
    """Every use of python is one of the two, installs something, or runs all tests."""
    lines = [line.strip() for line in commands().splitlines() if "$(BIN)/python" in line]
    known = (MODULE.search, PATH.search, re.compile(r"-m pip |-m pytest --").search)
    assert [line for line in lines if not any(search(line) for search in known)] == []
