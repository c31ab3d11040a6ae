"""`dsf bisect`: on directories with and without IR, on networks, with faults in any file."""

import json
from pathlib import Path

import numpy as np
import pytest

from dsf.codegen.files import write_files
from dsf.compiler import compile_module, parse_module, random_input
from dsf.errors import MismatchError
from dsf.runtime.execute import run_integers
from dsf.tools.dsf import main
from dsf.transforms.dsf_pipeline import BEFORE_TILING

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"
LOWER = ["skip-unread", "merge-columns", "fxp-to-tile", "tile-to-sched", "sched-to-isa"]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A compile with IR."""
    module, folder = parse_module(NETWORK), tmp_path / "net"
    x = random_input(module, seed=2)
    compiled = compile_module(module, keep_in=folder, emit_ir=folder / "ir")
    write_files(compiled, folder, x=x, expected=run_integers(module, x))
    return folder


def bisect(capsys: pytest.CaptureFixture[str], code: int, *arguments: object) -> dict:
    assert main(["bisect", *map(str, arguments), "--json"]) == code
    captured = capsys.readouterr()
    assert (captured.err == "") == (code == 0)
    return json.loads(captured.out)


def test_all_agree(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    files = ["program.bin", "expected.bin"]
    whole = {"input": "input.bin", "steps": ["input", *BEFORE_TILING, *LOWER, *files], "difference": None}
    assert bisect(capsys, 0, built) == whole
    assert bisect(capsys, 0, built, "--recompile") == whole | {"steps": ["input", *LOWER, *files]}
    assert bisect(capsys, 0, NETWORK) == {"input": "random", "steps": ["input", *BEFORE_TILING, *LOWER], "difference": None}
    x = tmp_path / "x.npy"
    np.save(x, random_input(parse_module(NETWORK), seed=9))
    assert bisect(capsys, 0, built, "--input", x) == whole | {"input": str(x), "steps": whole["steps"][:-1]}
    (built / "input.bin").unlink()
    assert bisect(capsys, 0, built)["input"] == "random"
    assert main(["bisect", str(built)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("on random: input, fold-batch-norm, ") and captured.out.endswith("program.bin agree\n")
    assert "comparing: " in captured.err


def test_a_file_of_ir(built: Path, capsys: pytest.CaptureFixture[str]):
    path = built / "ir" / "4-bundle-to-fxp.mlir"
    text = path.read_text()
    path.write_text(text.replace("clip -128 to 127", "clip 0 to 127", 1))
    found = bisect(capsys, 1, built)
    assert found["steps"] == ["input", *BEFORE_TILING]
    assert (found["difference"]["step"], found["difference"]["operation"]) == (
        "bundle-to-fxp",
        "'fxp.requantize' of 'bundle_0'",
    )
    assert found["difference"]["has"] == 0 > found["difference"]["needs"]
    assert main(["bisect", str(built)]) == 1
    err = capsys.readouterr().err.splitlines()[-1]
    assert err.startswith("dsf: 'bundle-to-fxp', 'fxp.requantize' of 'bundle_0': element (0, ")
    path.write_text("nonsense")
    assert main(["bisect", str(built)]) == 1
    assert "4-bundle-to-fxp.mlir:1:" in capsys.readouterr().err


def test_a_binary(built: Path, capsys: pytest.CaptureFixture[str]):
    text = built / "net.mlir"
    assert main(["disasm", str(built / "program.bin"), "-o", str(text)]) == 0
    text.write_text(text.read_text().replace("high = 127", "high = 99", 1))
    assert main(["asm", str(text), "-o", str(built / "program.bin")]) == 0
    capsys.readouterr()
    difference = bisect(capsys, 1, built)["difference"]
    assert difference["step"] == "program.bin" and "field high is 99, needs 127" in difference["text"]
    text.write_text(text.read_text().replace("high = 99", "high = 127", 1).replace("cycles", "attributes {} cycles", 0))
    assert main(["asm", str(text), "-o", str(built / "program.bin")]) == 0
    capsys.readouterr()
    assert bisect(capsys, 0, built)["difference"] is None


def test_expected_output(built: Path, capsys: pytest.CaptureFixture[str]):
    data = bytearray((built / "expected.bin").read_bytes())
    data[8] ^= 1
    (built / "expected.bin").write_bytes(data)
    difference = bisect(capsys, 1, built)["difference"]
    assert (difference["step"], difference["element"], difference["differ"]) == ("expected.bin", [0, 2], 1)
    assert abs(difference["has"] - difference["needs"]) == 1
    assert "so a pass above them is to blame" in difference["text"]


def test_rtl(built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    def simulate(program: object, inputs: list[np.ndarray], expected: object) -> None:
        assert len(inputs) == 1 and expected is not None
        raise MismatchError("'bundle_0': instruction 1 (matrix): element 3 is 1 in the RTL")

    monkeypatch.setattr("dsf.runtime.rtl.simulate_program", simulate)
    found = bisect(capsys, 1, built, "--rtl")
    assert found["steps"][-1] == found["difference"]["step"] == "RTL"
    assert found["difference"]["text"] == "'bundle_0': instruction 1 (matrix): element 3 is 1 in the RTL"
    monkeypatch.setattr("dsf.runtime.rtl.simulate_program", lambda *_, **__: None)
    assert bisect(capsys, 0, built, "--rtl")["steps"][-1] == "RTL"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "'nowhere': No such file or directory, needs a network"),
        ([str(Path(__file__).parent)], "program.bin': No such file or directory"),
        ([str(NETWORK), "--rtl"], "'--rtl': a network without its program, needs the directory of a compile"),
        ([str(NETWORK), "--input", "none.npy"], "'none.npy': No such file"),
        (["{net}", "--input", str(NETWORK)], "or is no .npy file"),
    ],
)
def test_errors(built: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert main(["bisect", "--json", *(one.format(net=built) for one in arguments)]) == 1
    err = capsys.readouterr().err
    assert err.startswith("dsf: ") and message in err and err.count("\n") == 1


def test_an_input_of_another_shape(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "x.npy", np.zeros((1, 2), dtype=int))
    assert main(["bisect", str(built), "--input", str(tmp_path / "x.npy")]) == 1
    assert "'input': shape (1, 2), needs (2, 4, 4, 2)" in capsys.readouterr().err


def test_nothing_to_begin_with(built: Path, capsys: pytest.CaptureFixture[str]):
    for path in (built / "ir").iterdir():
        path.unlink()
    assert main(["bisect", str(built)]) == 1
    assert "no files 0-input.mlir and so on" in capsys.readouterr().err
