"""The driver: what it checks after each pass, and that it says which pass is wrong."""

import pickle
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import ParseError

from dsf.compiler import (
    LevelComparison,
    compare,
    compile_module,
    context,
    load_integers,
    parse_module,
    random_input,
    run_pass,
)
from dsf.dialects import fxp
from dsf.dialects.isa import LoadWeightsOp, program_of
from dsf.errors import BinaryError, EngineError, MismatchError, ModelError
from dsf.isa.table import Queue
from dsf.runtime.execute import level_of, run, run_integers, run_program
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.locations import location_name

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"


@pytest.fixture
def network() -> ModuleOp:
    return parse_module(NETWORK)


def test_compiles_and_leaves_the_input_alone(network: ModuleOp, tmp_path: Path):
    before = str(network)
    seconds: dict[str, float] = {}
    program = compile_module(network, verify_each=True, emit_ir=tmp_path, timing=seconds.__setitem__)
    assert str(network) == before
    assert (level_of(network), level_of(program)) == ("bundle", "isa")
    assert list(seconds) == [one.name for one in DsfPipelinePass().passes()]
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == sorted(["0-input.mlir", *(f"{i}-{name}.mlir" for i, name in enumerate(seconds, start=1))])


def test_every_level_agrees_and_reads_back(network: ModuleOp, tmp_path: Path):
    x = random_input(network, seed=7)
    want = run_integers(network, x)
    compile_module(network, emit_ir=tmp_path)
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(run_integers(parse_module(path), x), want, err_msg=path.name)


def test_softmax_stays_with_the_host(network: ModuleOp):
    x = random_input(network)
    np.testing.assert_allclose(run(network, x).sum(axis=1), 1)
    assert run(compile_module(network), x).dtype == np.int64


def test_names_of_bundles_survive(network: ModuleOp):
    program = program_of(compile_module(network))
    assert program.load_program is not None
    instructions = [*program.load_program.instructions, *program.instructions]
    names = {location_name(op) for op in instructions if op.name in ("isa.matrix", "isa.vector", "isa.load_weights")}
    assert names == set(program.bundle_names) == {"bundle_0", "bundle_1"}


def test_same_input_same_text(network: ModuleOp):
    assert str(compile_module(network)) == str(compile_module(network))


@dataclass(frozen=True)
class WrongSlopePass(ModulePass):
    """Changes the slope of the first activation."""

    name = "wrong-slope"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        first = next(one for one in op.walk() if isinstance(one, fxp.RequantizeOp))
        first.leak = IntegerAttr(first.leak.value.data + 1, i64)


class BrokenPipeline(DsfPipelinePass):
    def passes(self, level: str = "bundle") -> tuple[ModulePass, ...]:
        made = super().passes(level)
        return (*made[:4], WrongSlopePass(), *made[4:])


def test_mismatch_names_pass_bundle_and_element(network: ModuleOp):
    with pytest.raises(MismatchError, match=r"'wrong-slope', bundle_0: element \(\d.*\) is -?\d+, needs -?\d+ as before"):
        compile_module(network, pipeline=BrokenPipeline(), verify_each=True)
    compile_module(network, pipeline=BrokenPipeline())


FLAT = """
engine.hardware {processing_elements = [2, 4], axi_width = 64}
func.func @main(%x: T[8, 4]) -> T[8, 3] {
  %a = bundle.conv %x weights q<8, 0> dense<3.0> : tensor<1x1x4x4xf64> : T[8, 4] -> T[32, 4] LOC0
  %b = bundle.activation %a : T[32, 4] -> T[8, 2] LOC1
  %c = bundle.conv %b weights q<8, 0> dense<1.0> : tensor<1x1x4x4xf64> : T[8, 2] -> T[32, 2] LOC0
  %d = bundle.activation %c : T[32, 2] -> T[8, 1] LOC1
  %e = bundle.add %d, %x : T[8, 1], T[8, 4] -> T[8, 3] LOC2
  func.return %e : T[8, 3]
}
"""


@pytest.mark.parametrize("locations", [("", "", ""), ('loc("c")', 'loc("a")', ""), ('loc("c")', 'loc("c")', 'loc("s")')])
def test_layers_outside_of_bundles(locations: tuple[str, ...], tmp_path: Path):
    """Locations of single layers are no bundles: what is fused differs from what its parts made, and nothing is wrong."""
    text = re.sub(r"T\[(.*?)\]", r"tensor<1x2x2x4x!bundle.q<\1>>", FLAT)
    for index, location in enumerate(locations):
        text = text.replace(f"LOC{index}", location)
    path = tmp_path / "flat.mlir"
    path.write_text(text)
    module = parse_module(path)
    comparison = LevelComparison.begin(module)
    for one in DsfPipelinePass().passes():
        if one.name != "group-into-bundles":
            run_pass(context(), module, one)
            comparison.check(module, one.name)
    assert level_of(module) == "isa"


def test_race_is_found(network: ModuleOp):
    """A program without tokens runs in program order by chance; some other order shows what is missing."""
    program = compile_module(network)
    comparison = LevelComparison.begin(program)
    for op in program_of(program).instructions:
        op.properties |= {"wait": op.DEFAULTS["wait"], "signal": op.DEFAULTS["signal"]}
    with pytest.raises((MismatchError, EngineError)):
        comparison.check(program, "sched-to-isa")


def test_run_that_spoils_the_next_one_is_found(network: ModuleOp):
    """Weights that were loaded once are there in the first run; a load at its end takes them from the second."""
    program = compile_module(network)
    comparison = LevelComparison.begin(program)
    comparison.check(program, "sched-to-isa")
    op = program_of(program)
    assert op.load_program is not None
    *_, store, end = op.instructions
    store.properties["signal"] = IntegerAttr(1 << Queue.WEIGHT, i64)
    *_, weights, _ = op.load_program.instructions
    spoil = LoadWeightsOp(**{**weights.fields, "offset": 0, "wait": 1 << Queue.STORE})
    op.body.block.insert_op_before(spoil, end)
    with pytest.raises(MismatchError, match=r"'sched-to-isa', output of run 1, random order 1: element"):
        comparison.check(program, "sched-to-isa")


def test_load_program_runs_once_and_its_faults_are_named(network: ModuleOp):
    program = compile_module(network)
    inputs = [random_input(network, seed=seed) for seed in range(3)]
    results = run_program(program, inputs, [None, 4, 5])
    for x, got in zip(inputs, results, strict=True):
        np.testing.assert_array_equal(got, run_integers(network, x))
    load = program_of(program).load_program
    assert load is not None
    load.instructions[2].properties["offset"] = IntegerAttr(1 << 20, i64)
    with pytest.raises(
        EngineError, match=r"'instruction 2 of the load program' \(isa.load_weights of bundle_1\): reads weights"
    ):
        run(program, inputs[0])


def test_compare():
    a = np.arange(6).reshape(2, 3)
    compare(a, a.reshape(6), "x")
    with pytest.raises(MismatchError, match=r"x: element \(1, 0\) is 9, needs 3 as before \(1 of 6 differ\)"):
        compare(np.where(a == 3, 9, a), a, "x")
    with pytest.raises(MismatchError, match="x: shape"):
        compare(a, a[:1], "x")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 4, 4, 2)), r"shape .1, 4, 4, 2., needs .2, 4, 4, 2."),
        (np.full((2, 4, 4, 2), 128), "values 128 to 128, needs -128"),
        (np.full((2, 4, 4, 2), 0.5), "a value is not an integer, needs an array of integers; quantise the input first"),
        (np.full((2, 4, 4, 2), None), "elements of type object, not integers, needs an array of integers"),
        ([[1], [1, 2]], "needs an array of integers; quantise"),
    ],
)
@pytest.mark.parametrize("compiled", [False, True])
def test_wrong_input(network: ModuleOp, x: np.ndarray, message: str, compiled: bool):
    module = compile_module(network) if compiled else network
    with pytest.raises(ModelError, match=message):
        run(module, x)


def test_nothing_to_run():
    with pytest.raises(ModelError, match="no operation of the levels bundle, fxp, tile, sched, isa"):
        run(ModuleOp([]), np.zeros(1))


def test_load_integers(tmp_path: Path):
    path = tmp_path / "x.npy"
    np.save(path, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(load_integers(path), [1, 2])
    with pytest.raises(ModelError, match="No such file"):
        load_integers(tmp_path / "none.npy")
    with pytest.raises(ModelError, match="Is a directory"):
        load_integers(tmp_path)


@pytest.mark.parametrize(
    ("array", "has"),
    [
        (np.array([0.5]), "a value is not an integer"),
        (np.array([np.nan]), "a value is not an integer"),
        (np.array([2**64 - 1], dtype=np.uint64), "a value is not an integer of 64 bits"),
        (np.array([1j]), "elements of type complex128"),
        (np.array(["1"]), "elements of type <U1"),
        (np.array([None]), "holds Python objects"),
    ],
)
def test_arrays_that_hold_no_integers(array: np.ndarray, has: str, tmp_path: Path):
    np.save(tmp_path / "x.npy", array, allow_pickle=True)
    refused(tmp_path / "x.npy", has)


@pytest.mark.parametrize("size", [0, 1, 8, 60, 128, 200])
def test_truncated_array(size: int, tmp_path: Path):
    np.save(tmp_path / "whole.npy", np.arange(16))
    data = (tmp_path / "whole.npy").read_bytes()
    assert size < len(data)
    (tmp_path / "x.npy").write_bytes(data[:size])
    refused(tmp_path / "x.npy", "is truncated")


def test_files_that_are_no_arrays(tmp_path: Path):
    path = tmp_path / "x.npy"
    for data in (b"nonsense", b"PK\x03\x04 no zip file", pickle.dumps([1]), b"\x93NUMPY\x01\x00\x06\x00{'a':\n"):
        path.write_bytes(data)
        refused(path, "is truncated, holds Python objects, or is no .npy file")
    np.savez(tmp_path / "x.npz", x=np.arange(3))
    refused(tmp_path / "x.npz", "is an archive of arrays")


def refused(path: Path, has: str) -> None:
    with pytest.raises(
        ModelError, match=f"^'{re.escape(str(path))}': .*{has}.*, needs a .npy file of integers; quantise"
    ) as caught:
        load_integers(path)
    assert "\n" not in str(caught.value)


def test_parse_module(tmp_path: Path):
    path = tmp_path / "x.mlir"
    with pytest.raises(BinaryError, match="No such file"):
        parse_module(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BinaryError, match="not text"):
        parse_module(path)
    path.write_text("nonsense")
    with pytest.raises(ParseError):
        parse_module(path)


def test_large_constants_leave_the_text(network: ModuleOp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("dsf.sidecar.LIMIT", 100)
    monkeypatch.setattr("dsf.sidecar.SMALL", 100)
    program = compile_module(network, emit_ir=tmp_path)
    text = (tmp_path / "9-sched-to-isa.mlir").read_text()
    assert 'dense<"sha256:' in text and 'dense<"0x' not in text
    read = program_of(parse_module(tmp_path / "9-sched-to-isa.mlir"))
    assert read.weight_bytes == program_of(program).weight_bytes
    constant = next((tmp_path / "constants").iterdir())
    constant.write_bytes(constant.read_bytes() + b"x")
    with pytest.raises(BinaryError, match="its SHA-256 is not its name"):
        parse_all(tmp_path)
    constant.unlink()
    with pytest.raises(BinaryError, match="needs the constants beside the text"):
        parse_all(tmp_path)


def parse_all(directory: Path) -> list[ModuleOp]:
    return [parse_module(path) for path in sorted(directory.glob("*.mlir"))]
