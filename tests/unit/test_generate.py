"""Generated files are current, and `--check` notices when they are not."""

from pathlib import Path

import pytest

from dsf.codegen.generate import GENERATED, ROOT, main, stale
from dsf.isa.table import INSTRUCTIONS


def test_files_are_current():
    assert stale() == [], "run `python -m dsf.codegen.generate`"


def test_check_and_write(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--check"], tmp_path) == 1
    assert "'docs/isa.md': not what the tables say, needs `python -m dsf.codegen.generate`" in capsys.readouterr().out
    assert not any(tmp_path.iterdir())
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out.count("wrote ") == len(GENERATED)
    assert main(["--check"], tmp_path) == 0
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out == ""
    for path in GENERATED:
        assert (tmp_path / path).read_text() == (ROOT / path).read_text()


def test_every_field_is_documented():
    page = (ROOT / "docs" / "isa.md").read_text()
    for instruction in INSTRUCTIONS:
        section = page.split(f"\n## {instruction.name}\n")[1].split("\n## ")[0]
        assert all(f"| `{field.name}` |" in section for field in instruction.fields)
        assert section.count("```") % 2 == 0
