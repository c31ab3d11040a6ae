"""
What `dsf where` says of instructions and nodes, found out while the network is compiled: `provenance.json`.

Beside the program it answers at once. It has a digest of itself and of the program that it is of; where that is another one, or
the file is damaged or not there, the network is compiled again (`dsf.provenance`). Of the weights it has what each load brings,
from which follows what lies at a byte (`dsf.weight_bytes`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.program import Program
from dsf.dialects import sched
from dsf.disk import write_all
from dsf.errors import OutputError
from dsf.facts import Facts, check_name, check_number, node_facts
from dsf.provenance import Provenance, images_of_chunk
from dsf.weight_bytes import Stretch, weight_byte

PROVENANCE_NAME = "provenance.json"
#: What the file is like; one of another form, of an older version, is not used.
FORM = "2"


def keep_provenance(directory: Path, levels: Mapping[str, ModuleOp]) -> None:
    """
    Writes what is known of a program, the module at the level `isa`, from what it was at the levels `fxp`, `tile` and `sched`.
    Raises `OutputError`.
    """
    network, scheduled, program = levels["fxp"], levels["sched"], Program.from_module(levels["isa"])
    (of_schedule,) = (op for op in scheduled.ops if isinstance(op, sched.ProgramOp))
    text = json.dumps(Provenance(network, of_schedule, program, images_of_chunk(levels["tile"])).facts(), separators=(",", ":"))
    write_all(directory, {PROVENANCE_NAME: f"{program.digest(FORM + text)}\n{text}\n"}, OutputError)


@dataclass(frozen=True)
class Recorded:
    """A program, and the instructions of its load program and of a run, as `Provenance.facts` has them."""

    program: Program
    data: dict[str, list[Facts]]

    @staticmethod
    def of(directory: Path, program: Program) -> Recorded | None:
        """What a compile wrote about this program, or `None` if there is nothing that can be relied on."""
        try:
            digest, text, _ = (directory / PROVENANCE_NAME).read_text(encoding="utf-8").split("\n")
        except (OSError, ValueError):
            return None
        if digest != program.digest(FORM + text):
            return None
        return Recorded(program, cast("dict[str, list[Facts]]", json.loads(text)))

    def instruction(self, index: int, *, load: bool = False) -> Facts:
        """As `Provenance.instruction`."""
        entries = self.data["load" if load else "run"]
        check_number(index, len(entries), load=load)
        return entries[index]["facts"]

    @cached_property
    def names(self) -> list[str]:
        """The names of all bundles and nodes, in the order of the program."""
        entries = [one["facts"] for one in self.data["run"]]
        found: list[Any] = [name for one in entries[:-1] for name in (one["bundle"], *one["sources"])]
        return list(dict.fromkeys(name for name in found if name is not None))

    def node(self, name: str) -> Facts:
        """As `Provenance.node`."""
        check_name(name, self.names)
        return node_facts(name, self.data["load"][:-1], self.data["run"][:-1])

    def weight_byte(self, byte: int) -> Facts:
        """As `Provenance.weight_byte`."""
        entries = [one for name in ("load", "run") for one in self.data[name] if "load" in one]
        loads = ((Stretch.of_json(one["load"]), one["facts"]) for one in entries)
        return weight_byte(byte, self.program.weights, loads, self.program.hardware)
