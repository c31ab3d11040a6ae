"""`dsf-opt` on hand-written IR: whatever is wrong ends in a message and an exit code, never in a traceback."""

import random
import re
from pathlib import Path

import pytest

from dsf.compiler import compile_module, parse_module
from dsf.tools.dsf import main as dsf_main
from dsf.tools.dsf_opt import main

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"
NUMBERS = ("0", "1", "-1", "3", "7", "255", "65536", str(1 << 24), str(1 << 33))
MUTANTS = 12


@pytest.fixture(scope="module")
def levels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The text of the small network after each pass."""
    directory = tmp_path_factory.mktemp("ir")
    compile_module(parse_module(NETWORK), emit_ir=directory)
    return {path.name: path.read_text() for path in sorted(directory.iterdir())}


def mutated(text: str, rng: random.Random) -> str:
    """One or two words deleted, doubled, moved or, most often, replaced by an odd number."""
    words = re.findall(r"\w+|\s+|[^\w\s]", text)
    for _ in range(rng.randint(1, 2)):
        place = rng.randrange(len(words))
        kind = rng.choice(["delete", "double", "move", "number", "number", "number"])
        if kind == "delete":
            del words[place]
        elif kind == "double":
            words.insert(place, words[place])
        elif kind == "move":
            words[place] = rng.choice(words)
        else:
            numbers = [index for index, word in enumerate(words) if word.isdigit()]
            words[rng.choice(numbers)] = rng.choice(NUMBERS)
    return "".join(words)


@pytest.mark.parametrize(
    "level",
    [
        "0-input", "1-fold-batch-norm", "2-group-into-bundles", "3-check-hardware", "4-bundle-to-fxp", "5-skip-unread",
        "6-merge-columns", "7-fxp-to-tile", "8-tile-to-sched", "9-sched-to-isa",
    ],
)  # fmt: skip
def test_mutants_end_in_messages(level: str, levels: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "mutant.mlir"
    passes = "dsf-pipeline" if level == "0-input" else "canonicalize"
    rejected = 0
    for seed in range(MUTANTS):
        path.write_text(mutated(levels[f"{level}.mlir"], random.Random(f"{level} {seed}")))
        try:
            main([str(path), "-p", passes, "--verify-each"])
        except SystemExit as ended:
            err = capsys.readouterr().err
            assert ended.code == 1, f"seed {seed}: {err}"
            assert err.startswith("dsf-opt: "), f"seed {seed}: {err}"
            rejected += 1
    assert rejected > 0


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 1
    return capsys.readouterr().err


def test_long_lines_are_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "long.mlir"
    path.write_text(f'"test.op"() {{a = dense<"0x{"00" * 5000}"> : tensor<5000xi8>, b = }} : () -> ()\n')
    err = fails(capsys, str(path))
    column = path.read_text().index("} : () -> ()") + 1
    assert f"{path}:1:{column}: " in err
    assert max(map(len, err.splitlines())) < 200


@pytest.mark.parametrize("text", ["module {" * 3000 + "}" * 3000, "module attributes {a = " + "[" * 3000 + "]" * 3000 + "} {}"])
@pytest.mark.parametrize("tool", ["dsf-opt", "dsf"])
def test_nested_without_end(tool: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "deep.mlir"
    path.write_text(text)
    if tool == "dsf-opt":
        err = fails(capsys, str(path))
    else:
        assert dsf_main(["asm", str(path), "-o", str(tmp_path / "x.bin")]) == 1
        err = capsys.readouterr().err
    assert err.startswith(f"{tool}: ") and max(map(len, err.splitlines())) < 1500
    assert "nested too deeply, needs fewer levels" in err


def test_long_words_are_cut(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "long.mlir"
    path.write_text("x" * 100_000)
    assert len(fails(capsys, str(path))) < 2500


def test_brackets_that_do_not_match(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "brackets.mlir"
    path.write_text('module {\n  "test.op"() {a = array<i64: 1, 2)} : () -> ()\n  func.func @f(] {}\n}\n')
    assert f"{path}:2:" in fails(capsys, str(path), "--allow-unregistered-dialect")
    path.write_text("func.func @f(%x: tensor<4xi8>] -> tensor<4xi8> {\n}\n")
    assert f"{path}:1:" in fails(capsys, str(path))


def test_full_disk(capsys: pytest.CaptureFixture[str]):
    if Path("/dev/full").exists():
        err = fails(capsys, str(NETWORK), "-o", "/dev/full")
        assert "'output': No space left on device, needs a file that can be read or written" in err


def test_not_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "binary.mlir"
    path.write_bytes(b"DSFP\xff\x00")
    assert "not UTF-8 text, needs textual IR; 'dsf disasm' reads binary programs" in fails(capsys, str(path))


def test_faults_of_the_compiler_are_told_apart(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def fault(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("dsf.tools.dsf_opt.check_dominance", fault)
    with pytest.raises(SystemExit) as ended:
        main([str(NETWORK)])
    assert ended.value.code == 70
    assert "fault of the compiler: KeyError: 'x'; run again with --traceback" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([str(NETWORK), "--traceback"])
    assert "Traceback" in capsys.readouterr().err


def test_output_file_with_large_constants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Constants of a file go beside it, those of printed text stay in it."""
    monkeypatch.setattr("dsf.sidecar.LIMIT", 64)
    monkeypatch.setattr("dsf.sidecar.SMALL", 64)
    output = tmp_path / "isa.mlir"
    main([str(NETWORK), "-p", "dsf-pipeline", "-o", str(output)])
    assert 'dense<"sha256:' in output.read_text()
    main([str(NETWORK), "-p", "dsf-pipeline"])
    printed = capsys.readouterr().out
    main([str(output)])
    assert capsys.readouterr().out == printed
