"""`dsf zoo`: lists networks and compiles them, with a line for each step."""

import json
import re
from pathlib import Path

import pytest

from dsf import Hardware, zoo
from dsf.tools.dsf import main
from dsf.transforms.dsf_pipeline import DsfPipelinePass

PASSES = [one.name for one in DsfPipelinePass().passes()]


def test_lists_networks(capsys: pytest.CaptureFixture[str]):
    assert main(["zoo"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(zoo.NETWORKS)
    assert "  resnet50      ResNet-50 version 1.5, ImageNet" in lines


def test_compiles_a_network_that_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    Hardware(processing_elements=(4, 8), **zoo.network("dscnn").limits).export(tmp_path)
    command = [
        "zoo",
        "dscnn",
        "--hw",
        str(tmp_path / "config_hw.json"),
        "-o",
        str(tmp_path / "net"),
        "--batch",
        "2",
        "--expected",
    ]
    assert main(command) == 0
    captured = capsys.readouterr()
    assert [line.strip() for line in captured.err.splitlines()] == ["network", *PASSES, "interpreter", "files"]
    names = ["program.bin", "weights.bin", "config_firmware.h", "report.json", "input.bin", "expected.bin"]
    assert captured.out == f"{tmp_path / 'net'}: {', '.join(names)}\n"
    assert all((tmp_path / "net" / name).is_file() for name in names)
    assert main(["sim", str(tmp_path / "net")]) == 0
    assert "all 24 elements are those of" in capsys.readouterr().out


def test_timing_says_seconds(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert main(["zoo", "autoencoder", "--timing", "--seed", "3"]) == 0
    captured = capsys.readouterr()
    found = [re.fullmatch(r"  (\S+): \d+\.\d s", line) for line in captured.err.splitlines()]
    assert [one and one[1] for one in found] == ["network", *PASSES, "files"]
    assert captured.out.startswith("build/autoencoder: program.bin, weights.bin, ")
    assert not Path("build/autoencoder/expected.bin").exists()


def test_mistakes_are_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["zoo", "resnet9"]) == 1
    assert "dsf: 'resnet9': is no network of the zoo, needs one of alexnet, " in capsys.readouterr().err
    Hardware().export(tmp_path)
    small = ["--hw", str(tmp_path / "config_hw.json"), "-o", str(tmp_path / "net")]
    assert main(["zoo", "mobilenet", *small]) == 1
    assert "needs at most 32x32" in capsys.readouterr().err
    assert main(["zoo", "dscnn", *small, "--batch", "0"]) == 1
    assert "a size in input_shape=0, needs an integer of at least 1" in capsys.readouterr().err
    assert not (tmp_path / "net" / "program.bin").exists()


def test_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["zoo", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {name: network.summary for name, network in zoo.NETWORKS.items()}
    assert main(["zoo", "autoencoder", "-o", str(tmp_path), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    files = [Path(one) for one in json.loads(captured.out)["files"]]
    assert tmp_path / "program.bin" in files and all(one.is_file() for one in files)
