"""The session that `docs/tools.md` shows is what the tools say."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dsf.tools.dsf import main

ROOT = Path(__file__).parents[2]
NETWORK = ROOT / "tests" / "data" / "onnx" / "residual_u8_channel.onnx"


def shown() -> Iterator[tuple[str, list[str]]]:
    """The commands of the session, each with the lines below it."""
    command, lines = "", list[str]()
    for line in [*(ROOT / "docs" / "tools.md").read_text(encoding="utf-8").splitlines(), "end"]:
        if command and (line.startswith("    $ ") or (line and not line.startswith("    "))):
            yield command, lines
            command = ""
        if line.startswith("    $ "):
            command, lines = line[6:], []
        elif command:
            lines.append(line[4:].rstrip())


def check_shown(command: str, wanted: list[str], said: list[str]) -> None:
    """All lines are said one after the other, with others where a line is `...`, and more in a line that ends so."""
    rest, anywhere = said, True
    for line in (one for one in wanted if one):
        if line == "...":
            anywhere = True
            continue
        begins = line.removesuffix("...")
        alike = [one.startswith(begins) if begins != line else one == line for one in rest]
        assert True in alike, f"'{command}' shows {line!r}, but says {said}"
        assert anywhere or alike[0], f"'{command}' shows {line!r}, but says {rest[0]!r}"
        rest, anywhere = rest[alike.index(True) + 1 :], False


def test_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(NETWORK, tmp_path / "net.onnx")
    monkeypatch.chdir(tmp_path)
    session = list(shown())
    assert len(session) >= 9
    for command, lines in session:
        program, *arguments = shlex.split(command)
        if program == "dsf":
            try:
                main(arguments)
            except SystemExit as ended:
                # Of outputs that differ.
                assert ended.code in (0, 1), command
        else:
            subprocess.run([program, *arguments], check=True)
        out, err = capfd.readouterr()
        # What else is on stderr says how far the work is.
        said = [*out.splitlines(), *(line for line in err.splitlines() if line.startswith("dsf: "))]
        check_shown(command, lines, [line.rstrip() for line in said if line.strip()])
