"""`dsf where`: every instruction, every byte of the weights, every name leads back to what it is made from."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from networks import random_hardware, random_network
from test_levels_agree import set_hardware

from dsf.codegen.files import write_files
from dsf.compiler import compile_module, parse_module
from dsf.dialects import fxp, sched
from dsf.dialects.bundle import BundleOp
from dsf.dialects.constants import ints_of
from dsf.errors import BinaryError, MismatchError, ModelError
from dsf.facts import program_facts
from dsf.layout import unpack_elements
from dsf.provenance import Provenance
from dsf.tools.dsf import main
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.locations import location_name

FLAT = Path(__file__).parents[1] / "data" / "flat_graph.mlir"


@pytest.fixture(params=range(12))
def made(request: pytest.FixtureRequest, tmp_path: Path) -> SimpleNamespace:
    """A random network in a directory: `names` of its bundles, and its `provenance`."""
    seed = request.param
    print("seed", seed)
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng), depthwise=seed % 4 == 3)
    names = [op.label.data for op in module.walk() if isinstance(op, BundleOp)]
    pipeline = DsfPipelinePass(resident_weights=bool(seed % 2), columns=seed % 3)
    compiled = compile_module(module, pipeline=pipeline, keep_in=tmp_path)
    write_files(compiled, tmp_path)
    provenance = Provenance.of(tmp_path)
    return SimpleNamespace(names=names, directory=tmp_path, provenance=provenance, columns=pipeline.columns)


def test_every_instruction(made: SimpleNamespace):
    """Each has its bundle, and those of a bundle make every image, row and channel of its result."""
    program = made.provenance.program
    for load, steps in ((True, program.load_steps), (False, program.steps)):
        for index, step in enumerate(steps[:-1]):
            facts = made.provenance.instruction(index, load=load)
            assert (facts["name"], facts["bundle"]) == (step.instruction.name, step.bundle)
            assert step.bundle in made.names and facts["sources"] == [step.bundle]
            assert facts["reads"] and facts["writes"]
    assert made.provenance.instruction(len(program.steps) - 1)["name"] == "end"
    for name in {step.bundle for step in program.steps if step.instruction.name == "matrix"}:
        parts = [made.provenance.instruction(index) for index, step in enumerate(program.steps) if step.bundle == name]
        check_covered([one for one in parts if one["name"] == "matrix"], program.inputs[0].dimensions[0])


def check_covered(parts: Sequence[dict], images: int) -> None:
    """The parts make a whole result, or a whole phase of it, and but for depthwise ones each element once."""
    channels = max(sum(one["channels"]) for one in parts)
    phases = {json.dumps(one.get("places")): one.get("places") for one in parts}
    for places in phases.values():
        counts = np.zeros((images, parts[0]["height"], channels), dtype=int)
        first, step = (0, 1) if places is None else (places["first"][0], places["every"][0])
        for one in (one for one in parts if one.get("places") == places):
            some, rows, of = (
                slice(start, start + count) for start, count in (one[key] for key in ("images", "rows", "channels"))
            )
            counts[some, rows.start : rows.stop : step, of] += 1
        assert counts[:, first::step].min() > 0
        assert counts.max() == 1 or parts[0]["mode"].startswith("depthwise")
        assert counts.sum() == counts[:, first::step].sum()


def test_every_byte_of_the_weights(made: SimpleNamespace):
    """
    A byte holds the weights of the network that are said to lie there, or the channel's bias; all of them lie somewhere, and
    with merged columns once for each.
    """
    program, bits = made.provenance.program, made.provenance.hardware.bits_weights
    cores = [op for op in made.provenance.network.walk() if isinstance(op, fxp.ConvOp | fxp.ConvTransposeOp)]
    kernels = {location_name(op): op for op in cores}
    tables = {location_name(op): op for op in made.provenance.network.walk() if isinstance(op, fxp.TableOp)}
    seen = {name: np.zeros(ints_of(op.weights).shape, dtype=int) for name, op in kernels.items()}
    for byte, value in enumerate(program.weights):
        facts = made.provenance.weight_byte(byte)
        assert facts["value"] == value
        if facts["of"] == "padding":
            assert value == 0
        elif facts["of"] == "weights":
            held = unpack_elements(bytes([value]), bits, 8 // bits)
            for one, weight in zip(facts["weights"], held.tolist(), strict=True):
                check_weight(one, weight, kernels[facts["bundle"]], seen[facts["bundle"]], bits)
        elif facts["of"] == "table":
            held = unpack_elements(bytes([value]), made.provenance.hardware.operand_bits, len(facts["inputs"]))
            check_entries(facts, held.tolist(), tables[facts["bundle"]])
        elif facts["parameter"] == "bias" and facts["channel"] is not None:
            (user,) = (use.operation for use in kernels[facts["bundle"]].output.uses)
            bias = int(ints_of(user.bias)[facts["channel"]]) & 0xFFFFFFFF
            assert value in bias.to_bytes(4, "little")
    for name, op in kernels.items():
        count = seen[name][taps_of(op)]
        assert count.min() == count.max() >= 1
    assert all(count.max() <= (1, 1, 2)[made.columns] or made.columns == 0 for count in seen.values())


def taps_of(op: fxp.ConvOp | fxp.ConvTransposeOp) -> tuple:
    """The taps of a kernel that reach a position of the result: of a small one that is transposed not all may."""
    if isinstance(op, fxp.ConvOp):
        return (slice(None),)
    _, height, width, _ = op.input.type.get_shape()
    phases = op.window.phases(height, width)
    return np.ix_(*(sorted({tap for phase in phases for tap in phase.taps[axis]}) for axis in (0, 1)))


def check_entries(facts: dict, held: list[int], op: fxp.TableOp) -> None:
    """Inputs that the table's type does not have are given what the least or the greatest that it has is given."""
    entries = ints_of(op.table)
    for x, entry in zip(facts["inputs"], held, strict=True):
        assert entry == entries[min(max(x + entries.size // 2, 0), entries.size - 1)]


def check_weight(one: dict | None, weight: int, conv: fxp.ConvOp | fxp.ConvTransposeOp, seen: np.ndarray, bits: int) -> None:
    if one is None:
        assert weight == (1 if bits == 1 else 0)
        return
    weights = ints_of(conv.weights)
    group = one["channel"] // (weights.shape[3] // conv.groups.value.data)
    place = (*one["kernel"], one["input"] - group * weights.shape[2], one["channel"])
    assert weight == weights[place] == one["value"]
    seen[place] += 1


def test_every_name(made: SimpleNamespace):
    """The instructions of all bundles are all there are, and all weights are someone's."""
    nodes = [made.provenance.node(name) for name in made.provenance.names]
    run = sorted(one["instruction"] for node in nodes for one in node["instructions"])
    load = sorted(one["instruction"] for node in nodes for one in node["load_instructions"])
    program = made.provenance.program
    assert run == list(range(len(program.steps) - 1))
    assert load == list(range(max(0, len(program.load_steps) - 1)))
    stretches = sorted((one["first"], one["count"]) for node in nodes for one in node["weights"])
    for (first, count), (after, _) in pairwise(stretches):
        assert first + count <= after


def test_a_network_that_does_not_fit(tmp_path: Path):
    """Strips that are loaded, moved and stored: each instruction is still of a bundle, and of rows that there are."""
    rng = random.Random(154)
    hardware = random_hardware(rng)
    module = random_network(rng, hardware)
    set_hardware(module, replace(hardware, feature_memory=256))
    write_files(compile_module(module, keep_in=tmp_path), tmp_path)
    provenance = Provenance.of(tmp_path)
    program = provenance.program
    parts = [provenance.instruction(index) for index in range(len(program.steps) - 1)]
    assert any(buffer.holds.value.data for buffer in provenance.scheduled.walk() if isinstance(buffer, sched.BufferOp))
    assert any(isinstance(op, sched.MoveOp) for op in provenance.scheduled.walk())
    for one in parts:
        assert one["sources"] == [one["bundle"]] and one["reads"] and one["writes"]
        assert sum(one.get("images", [0])) <= program.inputs[0].dimensions[0]
        assert sum(one.get("rows", [0])) <= one.get("height", 0)


# The command.


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    write_files(compile_module(parse_module(FLAT), keep_in=tmp_path / "net"), tmp_path / "net")
    return tmp_path / "net"


def where(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert main(["where", *map(str, arguments), "--json"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_command(flat: Path, capsys: pytest.CaptureFixture[str]):
    provenance = Provenance.of(flat)
    assert where(capsys, flat, "--instr", 2) == provenance.instruction(2)
    assert where(capsys, flat, "--instr", 0, "--load") == provenance.instruction(0, load=True)
    assert where(capsys, flat, "--node", "Relu_3") == provenance.node("Relu_3")
    assert where(capsys, flat, "--weight-byte", 64) == provenance.weight_byte(64)
    assert [one["name"] for one in provenance.node("Pool_5")["instructions"]] == ["vector", "store"]


def test_command_for_people(flat: Path, capsys: pytest.CaptureFixture[str]):
    def lines(*arguments: object) -> list[str]:
        assert main(["where", str(flat), *map(str, arguments)]) == 0
        return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]

    assert {"sources Add_4, Conv_2, Relu_3", "rows 0 to 3", "channels 0 to 3", "merged columns 2"} <= set(lines("--instr", 2))
    assert "weights kernel row 0, column 0, input channel 0, output channel 0 is 32" in lines("--weight-byte", 64)
    assert "weights no weight: 0" in lines("--weight-byte", 66)
    assert {"parameter bias", "channel 1"} <= set(lines("--weight-byte", 8))
    assert {"instructions matrix 2", "vector 3", "results feature: 0 to 31"} <= set(lines("--node", "Conv_2"))
    assert "fields base = 3, rows = 1, row_elements = 8, row_stride = 8, src = 32, src_stride = 8" in lines("--instr", 4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--instr", "6"], ModelError, "'--instr': is instruction 6, needs one from 0 to 5, those of a run; choose another"),
        (["--instr", "-1"], ModelError, "'--instr': is instruction -1, needs one from 0 to 5"),
        (
            ["--instr", "5", "--load"],
            ModelError,
            "'--instr': is instruction 5, needs one from 0 to 4, those of the load program;",
        ),
        (["--weight-byte", "256"], ModelError, "'--weight-byte': is byte 256, needs one from 0 to 255, those of weights.bin;"),
        (["--node", "conv2"], ModelError, "'conv2': no such node, needs the name of one; did you mean one of: Conv_2, Conv_0?"),
        (["--node", "Conv_0", "--load"], ModelError, "'--load': without --instr, needs it"),
    ],
)
def test_errors(flat: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], error: type, message: str):
    assert main(["where", str(flat), "--json", *arguments]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"dsf: {message}") and err.count("\n") == 1


def test_files_of_two_compiles(flat: Path, tmp_path: Path):
    for pipeline in (DsfPipelinePass(rows=1), DsfPipelinePass(resident_weights=False)):
        write_files(compile_module(parse_module(FLAT), pipeline=pipeline), flat)
        with pytest.raises(MismatchError, match=r"are not what this version makes of model\.mlir, needs files of one compile"):
            Provenance.of(flat)
    (flat / "model.mlir").unlink()
    with pytest.raises(BinaryError, match=r"model\.mlir': No such file"):
        Provenance.of(flat)


def test_facts_of_a_program(flat: Path):
    """What a program says without its network agrees with what its network says."""
    provenance = Provenance.of(flat)
    facts = program_facts(provenance.program)
    assert [len(facts["load_program"]), len(facts["program"])] == [5, 6]
    for one in facts["program"]:
        assert one.items() <= provenance.instruction(one["instruction"]).items()
