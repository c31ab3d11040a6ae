"""The `dsf` command: what it prints, one line for each error, exit codes."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dsf.codegen.files import write_files
from dsf.codegen.program import read_program
from dsf.codegen.report import Measured
from dsf.compiler import compile_module, parse_module, random_input
from dsf.isa.encoding import default_fields
from dsf.isa.registers import ARRAY, array_name
from dsf.isa.table import Queue
from dsf.lowering import to_level
from dsf.runtime.execute import run
from dsf.tools.dsf import main
from dsf.transforms.dsf_pipeline import DsfPipelinePass

ROOT = Path(__file__).parents[2]
NETWORK = ROOT / "tests" / "data" / "small_network.mlir"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    module = compile_module(parse_module(NETWORK))
    x = random_input(module)
    write_files(module, tmp_path / "net", x=x, expected=run(module, x))
    return tmp_path / "net"


def fails(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line that the command prints before it ends with code 1."""
    assert main([str(argument) for argument in arguments]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("dsf: ") and captured.err.count("\n") == 1, captured.err
    return captured.err


def test_sim(built: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["sim", str(built)]) == 0
    out = capsys.readouterr().out
    assert "output 2x3, interpreted" in out and "all 6 elements are those of" in out


def test_sim_for_programs(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["sim", str(built), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found.pop("seconds") >= 0
    assert found == {"output": [2, 3], "rtl": False, "differ": 0}
    np.save(tmp_path / "x.npy", random_input(compile_module(parse_module(NETWORK)), seed=5))
    assert main(["sim", str(built), "--input", str(tmp_path / "x.npy"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["differ"] is None
    (built / "expected.bin").write_bytes(bytes(24))
    assert main(["sim", str(built), "--json"]) == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out)["differ"] == 6 and captured.err.startswith("dsf: ")


def test_sim_with_other_input(built: Path, tmp_path: Path):
    module = compile_module(parse_module(NETWORK))
    x = random_input(module, seed=5)
    np.save(tmp_path / "x.npy", x)
    assert main(["sim", str(built), "--input", str(tmp_path / "x.npy"), "--output", str(tmp_path / "y")]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "y"), run(module, x))


def test_sim_finds_a_difference(built: Path, capsys: pytest.CaptureFixture[str]):
    data = bytearray((built / "expected.bin").read_bytes())
    data[4] ^= 1
    (built / "expected.bin").write_bytes(data)
    assert "element (0, 1) is" in fails(capsys, "sim", built)


def test_sim_rtl_passes_everything_on(built: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    seen = {}

    class Simulation:
        outputs = ((built / "expected.bin").read_bytes(),)
        runs = (SimpleNamespace(accesses=8, cycles=1234, load_cycles=56),)

    def simulate(hardware, program, weights, data, output_bytes, arena_bytes, **options):
        seen.update(options, program=program, input=data, output_bytes=output_bytes)
        return Simulation()

    monkeypatch.setattr("dsf.runtime.rtl.simulate", simulate)
    options = ["--stall", "0.25", "--seed", "3", "--latency", "9", "--wave", "x.vcd"]
    assert main(["sim", str(built), "--rtl", *options]) == 0
    took = "1,234 cycles on the simulated engine, 56 before the first run to load weights, 8 register accesses of the firmware"
    assert took in capsys.readouterr().out
    assert seen["input"] == [(built / "input.bin").read_bytes()]
    program = read_program(built / "program.bin")
    assert (seen["load_program"], seen["program"]) == (program.load_stream, program.stream) != (b"", b"")
    assert (seen["stall"], seen["seed"], seen["output_bytes"]) == (0.25, 3, 24)
    assert (seen["latency"], seen["wave"], seen["expected"].outputs) == (9, Path("x.vcd"), Simulation.outputs)


def test_report(built: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["report", str(built)]) == 0
    out = capsys.readouterr().out
    assert "bundle_0" in out and "2x2x3x4" in out and "images a second" in out
    assert "weights stay on chip: loaded once in" in out and "register accesses" not in out


def test_report_for_programs(built: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["report", str(built), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((built / "report.json").read_text())


def test_report_of_a_simulation(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    module = compile_module(parse_module(NETWORK), pipeline=DsfPipelinePass(resident_weights=False))
    write_files(module, tmp_path, measured=Measured(1234, {}, None, register_accesses=8))
    assert main(["report", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "1,234" in out and "8 register accesses of the firmware for a run" in out and "loaded in every run" in out


def test_disasm_and_asm_are_inverse(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text, again = tmp_path / "net.mlir", tmp_path / "again" / "program.bin"
    assert main(["disasm", str(built / "program.bin"), "-o", str(text)]) == 0
    assert main(["asm", str(text), "-o", str(again)]) == 0
    assert again.read_bytes() == (built / "program.bin").read_bytes()
    assert again.with_name("weights.bin").read_bytes() == (built / "weights.bin").read_bytes()
    capsys.readouterr()
    assert main(["disasm", str(built / "program.bin")]) == 0
    assert capsys.readouterr().out == text.read_text()


def test_disasm_numbers_instructions(built: Path, capsys: pytest.CaptureFixture[str]):
    """As comments, and of a directory as of its program."""
    program = read_program(built / "program.bin")
    assert main(["disasm", str(built)]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if " // " in line]
    steps = [*enumerate(program.load_steps), *enumerate(program.steps)]
    assert len(lines) == len(steps)
    for line, (index, step) in zip(lines, steps, strict=True):
        queue = step.instruction.instruction.queue
        assert line.startswith(f"isa.{step.instruction.name}")
        assert line.endswith(f"  // {index}" + ("" if queue is None else f", queue {queue.name.lower()}"))
        assert step.bundle is None or f'loc("{step.bundle}")' in line


def test_disasm_for_programs(built: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["disasm", str(built), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    program = read_program(built / "program.bin")
    for name, steps in (("load_program", program.load_steps), ("program", program.steps)):
        assert [one["instruction"] for one in found[name]] == list(range(len(steps)))
        for one, step in zip(found[name], steps, strict=True):
            fields = default_fields(one["name"]) | one["fields"]
            fields |= {mask: sum(1 << Queue[queue.upper()] for queue in one[f"{mask}s"]) for mask in ("wait", "signal")}
            assert (one["name"], one["bundle"], one["cycles"]) == (step.instruction.name, step.bundle, step.cycles)
            assert fields == step.instruction.fields
    assert "needs text; redirect" in fails(capsys, "disasm", built, "--json", "-o", "x")


def test_asm_for_programs(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["disasm", str(built), "-o", str(tmp_path / "net.mlir")]) == 0
    assert main(["asm", str(tmp_path / "net.mlir"), "-o", str(tmp_path / "program.bin"), "--json"]) == 0
    found, program = json.loads(capsys.readouterr().out), read_program(built / "program.bin")
    assert (found["load_instructions"], found["instructions"]) == (len(program.load_steps), len(program.steps))
    assert found["weight_bytes"] == len(program.weights)
    size = (built / "program.bin").read_bytes()
    assert size.startswith(b"DSFP") and 0 < found["bytes"] < len(size)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sim", "nowhere"], "No such file or directory, needs a file that DSF wrote"),
        (["sim", "{net}", "--input", "none.npy"], "'none.npy': No such file or directory"),
        (["sim", "{net}", "--stall", "1.5"], "'stall': 1.5, needs a number from 0 to 0.9"),
        (["sim", "{net}", "--wave", "x.vcd", "--seed", "1"], "'--seed', '--wave': without --rtl, needs it; add --rtl"),
        (["sim", "{net}", "--seed", "-1"], "'seed': -1, needs an integer from 0 to"),
        (["sim", "{net}", "--latency", "-1"], "'latency': -1, needs an integer from 0 to"),
        (["sim", "{net}", "--output", "/nowhere/y.npy"], "'/nowhere/y.npy': No such file or directory, needs a place"),
        (["sim", "{net}", "--output", "{net}"], "Is a directory, needs a place that can be written; choose another one"),
        (["sim", "{net}", "--rtl", "--wave", "{net}/input.bin/w.vcd"], "Not a directory, needs a place that can be written"),
        (["disasm", "{net}/program.bin", "-o", "{net}"], "Is a directory, needs a place that can be written"),
        (["disasm", "{net}/program.bin", "-o", "{net}/input.bin/x"], "Not a directory, needs a place that can be written"),
        (["disasm", "{net}/weights.bin"], "needs a file that begins with the 64-byte header of 'DSFP'"),
        (["disasm", "nowhere.bin"], "'nowhere.bin': No such file or directory"),
        (["report", "nowhere"], "No such file or directory"),
        (["asm", "nowhere.mlir", "-o", "x"], "'nowhere.mlir': No such file or directory"),
        (["asm", str(NETWORK), "-o", "x"], "has 0 isa.program operations, needs one; compile with dsf-pipeline"),
    ],
)
def test_errors(built: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str):
    assert message in fails(capsys, *(argument.format(net=built) for argument in arguments))


def test_asm_writes_where_it_can(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = tmp_path / "net.mlir"
    assert main(["disasm", str(built / "program.bin"), "-o", str(text)]) == 0
    needs = "needs a place that can be written; choose another one"
    assert f"File exists, {needs}" in fails(capsys, "asm", text, "-o", text / "program.bin")
    assert f"Is a directory, {needs}" in fails(capsys, "asm", text, "-o", built)
    assert "needs another name" in fails(capsys, "asm", text, "-o", built / "weights.bin")


def test_output_is_refused_before_anything_runs(built: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """And a place that can be written is left as it was when the run fails later."""
    output = tmp_path / "y.npy"
    (built / "input.bin").write_bytes(b"")
    assert "Is a directory" in fails(capsys, "sim", built, "--output", built)
    assert "it is truncated or foreign" in fails(capsys, "sim", built, "--output", output)
    assert not output.exists()
    output.write_bytes(b"before")
    fails(capsys, "sim", built, "--output", output)
    assert output.read_bytes() == b"before"


REPORT = {"name": "x", "macs": 1, "cycles": 2, "measured_cycles": None, "utilization": 0.5, "dram_words": 3, "images": 1}
HARDWARE = {"processing_elements": [1, 2], "frequency": 100, "axi_width": 64, "feature_memory": 64, "weight_memory": 32}
REPORT |= {"hardware": HARDWARE, "images_per_second": 1.5}
BYTES = {"instructions": 0, "features": 1, "weights": 2, "output": 3}
CYCLES = {array_name(counter): 7 for counter in ARRAY}
LOAD = {"cycles": 8, "measured_cycles": None, "dram_words": 9}
REPORT |= {"feature_memory_bytes": 4, "weight_memory_bytes": 5}
REPORT |= {"port_bytes": BYTES, "array": CYCLES, "register_accesses": 8, "load_program": LOAD, "weight_bytes": 10}
QUANTISED = {"layers": [], "options": {}, "samples": 1}
LAYER = {"name": "a", "operator": "Conv", "tensor": "y", "shape": [1, 2], "bits": 8, "scale": 0.5, "zero_point": 0}
LAYER |= {"snr_layer": "-inf", "snr_total": None}
BUNDLE = {key: REPORT[key] for key in ("macs", "cycles", "measured_cycles", "utilization", "dram_words", "port_bytes", "array")}
BUNDLE |= {key: REPORT[key] for key in ("feature_memory_bytes", "weight_memory_bytes")}
BUNDLE |= {"name": "[/b] :smile:", "shape": [1, 2], "mode": "[b]wide"}


def test_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "report.json").write_text(json.dumps(REPORT | {"name": "[/net]", "bundles": [BUNDLE]}))
    assert main(["report", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "[/net]: 1 x 2 processing elements, 100 MHz" in out
    assert "on chip: 4 of 64 bytes of feature memory, 5 of 32 bytes of weight memory" in out
    assert out.count("[/b] :smile:") == 2 and "[b]wide" in out


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ([], "report is no object"),
        ("text", "report is no object"),
        (None, "report is no object"),
        (REPORT, "report lacks bundles"),
        (REPORT | {"bundles": {}}, "report.bundles has a wrong value"),
        (REPORT | {"bundles": [], "macs": "1"}, "report.macs has a wrong value"),
        (REPORT | {"bundles": [], "cycles": True}, "report.cycles has a wrong value"),
        (
            REPORT | {"bundles": [], "hardware": {}},
            "hardware lacks processing_elements, frequency, axi_width, feature_memory, weight_memory",
        ),
        (REPORT | {"bundles": [1]}, "bundles[0] is no object"),
        (REPORT | {"bundles": [], "load_program": {}}, "load_program lacks cycles, measured_cycles, dram_words"),
        (REPORT | {"bundles": [], "array": {}}, "report.array lacks busy, "),
        (REPORT | {"bundles": [], "array": CYCLES | {"busy": None}}, "report.array.busy has a wrong value"),
        (REPORT | {"bundles": [BUNDLE | {"port_bytes": 3}]}, "bundles[0].port_bytes has a wrong value"),
        (REPORT | {"bundles": [BUNDLE | {"port_bytes": {}}]}, "bundles[0].port_bytes lacks instructions, "),
        (REPORT | {"bundles": [BUNDLE, BUNDLE | {"shape": "4x4"}]}, "bundles[1].shape has a wrong value"),
        (REPORT | {"bundles": [], "hardware": HARDWARE | {"processing_elements": [1]}}, "has no two numbers"),
        (REPORT | {"bundles": [], "quantisation": {}}, "quantisation lacks layers, options, samples"),
        (REPORT | {"bundles": [], "quantisation": QUANTISED | {"layers": [{}]}}, "quantisation.layers[0] lacks name, operator"),
        (REPORT | {"bundles": [], "quantisation": QUANTISED | {"samples": "1"}}, "quantisation.samples has a wrong value"),
        (
            REPORT | {"bundles": [], "quantisation": QUANTISED | {"layers": [LAYER | {"snr_total": "much"}]}},
            "quantisation.layers[0].snr_total has a wrong value",
        ),
    ],
)
def test_foreign_report(report: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(report))
    assert main(["report", str(tmp_path)]) == 1
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith(f"dsf: '{path}': ") and message in first
    assert first.endswith(", needs the report.json that DSF wrote")


@pytest.mark.parametrize("text", ["[" * 100_000, "[" * 50 + "]" * 50, '{"a":' * 40 + "1" + "}" * 40, "\xff", "{", ""])
def test_report_that_is_no_json(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "report.json").write_bytes(text.encode("latin-1"))
    err = fails(capsys, "report", tmp_path)
    assert ("is not JSON" in err) != ("is nested more than 32 levels deep" in err)
    assert err.endswith(", needs the report.json that DSF wrote\n")


def test_truncated_files(built: Path, capsys: pytest.CaptureFixture[str]):
    (built / "input.bin").write_bytes(bytes(63))
    assert "63 bytes, needs 64; it is truncated or foreign" in fails(capsys, "sim", built)
    (built / "report.json").write_text("{")
    assert "needs the report.json that DSF wrote" in fails(capsys, "report", built)
    (built / "report.json").write_text(json.dumps({"name": "x"}))
    assert "needs the report.json that DSF wrote" in fails(capsys, "report", built)
    program = (built / "program.bin").read_bytes()
    (built / "program.bin").write_bytes(program[:-9])
    assert "it is truncated" in fails(capsys, "disasm", built / "program.bin")


def test_what_is_no_network_to_check(built: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """A lower level has no layers to be checked; a file may be empty, and its name's end is read in either case."""
    needs = "a network of the level fxp, needs one of the level bundle; check the model that it was made of"
    lowered = to_level(parse_module(ROOT / "tests" / "data" / "small_network.mlir"), "fxp")
    (tmp_path / "lower.mlir").write_text(str(lowered))
    assert main(["check", str(tmp_path / "lower.mlir")]) == 1
    assert needs in capsys.readouterr().err
    (tmp_path / "EMPTY.MLIR").write_text("\n")
    assert main(["check", str(tmp_path / "EMPTY.MLIR")]) == 1
    assert "EMPTY.MLIR': is empty, needs a file of textual IR" in capsys.readouterr().err
    np.save(tmp_path / "x.npy", np.zeros((2, 3), complex))
    assert "has elements of type complex128, needs real numbers or integers" in fails(
        capsys, "sim", built, "--input", tmp_path / "x.npy"
    )


def test_asm_shows_the_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "x.mlir"
    path.write_text("isa.load {rowz = 1}\n")
    assert main(["asm", str(path), "-o", str(tmp_path / "x.bin")]) == 1
    err = capsys.readouterr().err
    assert f"{path}:1:" in err and "field rowz is unknown" in err
    path.write_text("isa.load {rows = 70000}\n")
    assert main(["asm", str(path), "-o", str(tmp_path / "x.bin")]) == 1
    assert "'isa.load': rows is 70000, needs 0 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["simulate"], ["sim"], ["asm", "x.mlir"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: dsf" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["estimate", "sim", "report", "where", "bisect", "disasm", "asm"])
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"dsf {command} " in capsys.readouterr().out.split("example")[1]


def test_every_command_is_in_the_documents(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--help"])
    commands = re.findall(r"^    ([a-z]+)  ", capsys.readouterr().out, re.MULTILINE)
    assert {"bisect", "compile", "where"} <= set(commands)
    pages = (ROOT / "docs" / "tools.md").read_text()
    assert [name for name in commands if f"`dsf {name}" not in pages] == []


@pytest.mark.parametrize("command", ["check", "compile", "estimate"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "bundle.nothing %x",
            ":1:16: Operation bundle.nothing is not registered, needs text as dsf-opt prints it; correct it at",
        ),
        ("builtin.module {", "needs text as dsf-opt prints it; correct it at the mark"),
        (
            "func.func @main(%x: tensor<1x4xQ>) -> tensor<1x5xQ> {\n"
            "  %y = bundle.add %x, %x : tensor<1x4xQ>, tensor<1x4xQ> -> tensor<1x5xQ>\n"
            "  func.return %y : tensor<1x5xQ>\n}".replace("Q", "!bundle.q<8, 4>"),
            "'bundle.add': result of shape 1x5, needs 1x4; correct the result type",
        ),
    ],
)
def test_ir_that_is_none(command: str, text: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Also what can be parsed, and does not verify: that is no fault of a pass."""
    path = tmp_path / "net.mlir"
    path.write_text(text)
    options = ["-o", str(tmp_path / "out")] if command == "compile" else []
    assert main([command, str(path), *options]) == 1
    said = capsys.readouterr().err
    assert message in said and "fault of DSF" not in said and "Traceback" not in said
