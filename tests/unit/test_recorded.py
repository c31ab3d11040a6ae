"""What a compile records of its instructions is what is found out when the network is compiled again; or it is not used."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from networks import random_hardware, random_network

from dsf.codegen.files import write_files
from dsf.codegen.program import read_program
from dsf.compiler import compile_module
from dsf.errors import ModelError
from dsf.provenance import Provenance
from dsf.recorded import PROVENANCE_NAME, Recorded
from dsf.tools.dsf import main
from dsf.transforms.dsf_pipeline import DsfPipelinePass


def compiled(seed: int, directory: Path) -> None:
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng), depthwise=seed % 4 == 3)
    pipeline = DsfPipelinePass(resident_weights=bool(seed % 2), columns=seed % 3)
    write_files(compile_module(module, pipeline=pipeline, keep_in=directory), directory)


@pytest.mark.parametrize("seed", range(8))
def test_the_same_facts(seed: int, tmp_path: Path) -> None:
    compiled(seed, tmp_path)
    program = read_program(tmp_path / "program.bin")
    recorded, again = Recorded.of(tmp_path, program), Provenance.of(tmp_path)
    assert recorded is not None
    for load, steps in ((True, program.load_steps), (False, program.steps)):
        for index in range(len(steps)):
            assert recorded.instruction(index, load=load) == again.instruction(index, load=load), (seed, index)
        with pytest.raises(ModelError, match="choose another number"):
            recorded.instruction(len(steps), load=load)
    assert recorded.names == again.names
    for name in again.names:
        assert recorded.node(name) == again.node(name), (seed, name)
    for byte in range(0, len(program.weights), 61):
        assert recorded.weight_byte(byte) == again.weight_byte(byte), (seed, byte)
    with pytest.raises(ModelError, match="no such node"):
        recorded.node("nothing")


def test_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is compiled, unless the record is not of this program, or damaged."""
    compiled(3, tmp_path)
    again: list[Path] = []
    of = Provenance.of
    monkeypatch.setattr(Provenance, "of", staticmethod(lambda folder, say: (again.append(folder), of(folder, say))[1]))
    assert main(["where", str(tmp_path), "--instr", "1"]) == 0
    shown = capsys.readouterr().out
    assert main(["where", str(tmp_path), "--node", "bundle_0"]) == 0
    assert main(["where", str(tmp_path), "--weight-byte", "1"]) == 0
    assert again == []
    whole = (tmp_path / PROVENANCE_NAME).read_bytes()
    for damaged in (whole.replace(b'"reads"', b'"raeds"', 1), whole[:-40], b"", b"\xff\n\n"):
        (tmp_path / PROVENANCE_NAME).write_bytes(damaged)
        assert Recorded.of(tmp_path, read_program(tmp_path / "program.bin")) is None
    capsys.readouterr()
    assert main(["where", str(tmp_path), "--instr", "1"]) == 0
    assert capsys.readouterr().out == shown and again == [tmp_path]
    (tmp_path / PROVENANCE_NAME).write_bytes(whole)
    other = tmp_path / "other"
    compiled(5, other)
    assert Recorded.of(tmp_path, read_program(other / "program.bin")) is None
