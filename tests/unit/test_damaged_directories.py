"""Whatever happens to the files of a compile: every command answers with one message and no traceback, and ends."""

import random
import re
import shutil
from pathlib import Path

import pytest

from dsf.codegen.files import write_files
from dsf.compiler import compile_module, parse_module, random_input
from dsf.runtime.execute import run_integers
from dsf.tools.dsf import main

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"
COMMANDS = [
    ["bisect"],
    ["bisect", "--recompile", "--json"],
    ["disasm"],
    ["disasm", "--json"],
    ["estimate"],
    ["estimate", "--explain"],
    ["report"],
    ["sim"],
    ["where", "--instr", "1"],
    ["where", "--node", "bundle_0"],
    ["where", "--weight-byte", "70"],
]
NUMBERS = (0, -1, 1, 2, 3, 7, 1 << 16, 99999999999)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("whole")
    module = parse_module(NETWORK)
    x = random_input(module)
    compiled = compile_module(module, keep_in=directory, emit_ir=directory / "ir")
    write_files(compiled, directory, x=x, expected=run_integers(module, x))
    return directory


def damaged(data: bytes, rng: random.Random) -> bytes:
    """A byte changed, the end cut off, a number changed, or a line left out or doubled."""
    kind = rng.randrange(4)
    if kind == 0:
        place = rng.randrange(len(data))
        return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
    if kind == 1:
        return data[: rng.randrange(len(data))]
    numbers = list(re.finditer(rb"-?\d+", data))
    if kind == 2 and numbers:
        one = rng.choice(numbers)
        return data[: one.start()] + str(rng.choice(NUMBERS)).encode() + data[one.end() :]
    lines = data.split(b"\n")
    place = rng.randrange(len(lines))
    lines[place : place + 1] = [] if rng.random() < 0.5 else [lines[place]] * 2
    return b"\n".join(lines)


@pytest.mark.parametrize("seed", range(8))
def test_damaged_files(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], seed: int):
    print("seed", seed)
    rng = random.Random(seed)
    paths = sorted(path.relative_to(whole) for path in whole.rglob("*") if path.is_file())
    for number in range(12):
        directory = tmp_path / str(number)
        shutil.copytree(whole, directory)
        path = directory / rng.choice(paths)
        path.write_bytes(damaged(path.read_bytes(), rng))
        command, *options = rng.choice(COMMANDS)
        code = main([command, str(directory), *options])
        err = capsys.readouterr().err
        assert code in (0, 1), (path, command)
        assert code == 0 or err.splitlines()[-1].startswith("dsf: "), (path, command, err)


@pytest.mark.parametrize("command", ["bisect", "disasm", "estimate", "report", "sim", "where"])
def test_missing_files(whole: Path, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]):
    """A directory that lacks what a command needs, and one that is none."""
    options = ["--instr", "0"] if command == "where" else []
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "none", whole / "report.json" / "x"):
        assert main([command, str(path), *options]) == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith(f"dsf: '{path}") and ", needs " in last


@pytest.mark.parametrize(
    "arguments",
    [
        ["where", "x"],
        ["where", "x", "--instr", "one"],
        ["where", "x", "--instr", "1", "--node", "y"],
        ["estimate"],
        ["estimate", "x", "--hw"],
        ["bisect", "x", "y"],
        ["report", "x", "--plot"],
        ["wher", "x"],
    ],
)
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: dsf")
