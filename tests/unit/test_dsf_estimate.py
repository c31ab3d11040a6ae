"""`dsf estimate`: the report of a compile, without one."""

import json
from pathlib import Path

import pytest

from dsf.codegen.files import write_files
from dsf.compiler import compile_module, parse_module
from dsf.hardware import Hardware
from dsf.tools.dsf import main
from dsf.transforms.dsf_pipeline import DsfPipelinePass

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"


def estimate(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main(["estimate", *map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


@pytest.mark.parametrize("pipeline", [DsfPipelinePass(), DsfPipelinePass(rows=1, mode="tall", resident_weights=False)])
def test_estimate_of_a_directory_is_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str], pipeline: DsfPipelinePass):
    folder = tmp_path / "net"
    write_files(compile_module(parse_module(NETWORK), pipeline=pipeline, keep_in=folder), folder)
    before = sorted(folder.iterdir())
    assert estimate(capsys, folder) == json.loads((folder / "report.json").read_text())
    assert sorted(folder.iterdir()) == before


def test_estimate_for_another_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    hardware = Hardware(processing_elements=(1, 2), bits_weights=4, axi_width=64)
    small = estimate(capsys, NETWORK, "--hw", hardware.export(tmp_path)[0])
    whole = estimate(capsys, NETWORK)
    assert small["hardware"] == hardware.to_dict() != whole["hardware"]
    assert (small["macs"], small["name"]) == (whole["macs"], "small_network")
    assert small["cycles"] > whole["cycles"] and small["dram_words"] == whole["dram_words"]
    assert [one["cycles"] for one in small["bundles"]] != [one["cycles"] for one in whole["bundles"]]


def test_estimate_as_a_table(capsys: pytest.CaptureFixture[str]):
    assert main(["estimate", str(NETWORK)]) == 0
    captured = capsys.readouterr()
    assert "bundle_1" in captured.out and "on chip: " in captured.out
    assert "compilation: " in captured.err


def test_what_each_pass_took(capsys: pytest.CaptureFixture[str]):
    passes = [one.name for one in DsfPipelinePass().passes()]
    assert main(["estimate", str(NETWORK), "--timing", "--json"]) == 0
    seconds = json.loads(capsys.readouterr().out)["seconds"]
    assert list(seconds) == passes and all(one >= 0 for one in seconds.values()) and sum(seconds.values()) > 0
    assert main(["estimate", str(NETWORK), "--timing"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if " s  " in line]
    assert [line[-1] for line in lines] == [*passes, "all"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "'nowhere': No such file or directory, needs a network"),
        ([str(Path(__file__).parent)], "model.mlir': No such file or directory"),
        (
            [__file__],
            "a network by no name that DSF knows, needs one of .mlir, .json, .onnx, or a directory that a compile wrote",
        ),
        (
            [str(NETWORK), "--hw", "nowhere.json"],
            "'nowhere.json': No such file or directory, needs the file that Hardware.export",
        ),
        ([str(NETWORK), "--hw", str(NETWORK)], "is not JSON"),
    ],
)
def test_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]):
    assert main(["estimate", *arguments, "--json"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("dsf: ") and message in err and err.count("\n") == 1


def test_a_damaged_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    compile_module(parse_module(NETWORK), keep_in=tmp_path)
    path = tmp_path / "model.mlir"
    text = path.read_text()
    for wrong in ('"dsf-pipeline{rows=x}"', '"cse"', '"{"', "3"):
        path.write_text(text.replace('"dsf-pipeline"', wrong))
        assert main(["estimate", str(tmp_path)]) == 1
        assert "needs the dsf-pipeline that DSF wrote" in capsys.readouterr().err.splitlines()[-1]
