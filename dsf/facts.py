"""
What is known of instructions and nodes, as JSON has it: what a program itself says of its instructions, and of a node what is
said of those that are of it.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Any

from dsf.codegen.program import Program, Step
from dsf.errors import ModelError
from dsf.isa.encoding import default_fields
from dsf.isa.table import BY_NAME, Queue

#: What is known of an instruction, a node or a byte, of JSON types.
Facts = dict[str, Any]

_MASKS = (("wait", "waits"), ("signal", "signals"))


def facts_of_step(step: Step) -> Facts:
    """What the program itself says of an instruction."""
    one = step.instruction
    queue = BY_NAME[one.name].queue
    masks = {name: [q.name.lower() for q in Queue if one[mask] >> q & 1] for mask, name in _MASKS if mask in one.fields}
    defaults = default_fields(one.name)
    fields = {name: value for name, value in one.fields.items() if name not in ("wait", "signal") and value != defaults[name]}
    return {
        "name": one.name,
        "queue": None if queue is None else queue.name.lower(),
        **masks,
        "cycles": step.cycles,
        "bundle": step.bundle,
        "sources": list(step.sources) or ([] if step.bundle is None else [step.bundle]),
        "fields": fields,
    }


def program_facts(program: Program) -> Facts:
    """All instructions of a program, with what the program itself says of them."""
    parts = {"load_program": program.load_steps, "program": program.steps}
    return {
        name: [{"instruction": index, **facts_of_step(step)} for index, step in enumerate(steps)]
        for name, steps in parts.items()
    }


def node_facts(name: str, load: Sequence[Facts], run: Sequence[Facts]) -> Facts:
    """
    What is known of a node or bundle, from its instructions among those of the load program and of a run: `facts` of each, and
    the `result` on chip or what it brings, the `load`.
    """
    numbered = [[(index, one) for index, one in enumerate(entries) if _is_of(one["facts"], name)] for entries in (load, run)]
    of_load, of_run = numbered
    entries = [one for _, one in (*of_load, *of_run)]
    results = dict.fromkeys(tuple(one["result"]) for one in entries if "result" in one)
    loads = {tuple(one["load"][key] for key in ("offset", "bytes", "kind")) for one in entries if "load" in one}
    return {
        "node": name,
        "bundles": list(dict.fromkeys(one["facts"]["bundle"] for one in entries)),
        "sources": list(dict.fromkeys(source for one in entries for source in one["facts"]["sources"])),
        "instructions": [{"instruction": index, "name": one["facts"]["name"]} for index, one in of_run],
        "load_instructions": [{"instruction": index, "name": "load_weights"} for index, _ in of_load],
        "results": [{"memory": "feature", "first": first, "count": count} for first, count in results],
        "weights": [{"of": kind, "first": first, "count": count} for first, count, kind in sorted(loads)],
    }


def check_name(name: str, names: list[str]) -> None:
    """Raises `ModelError` for a name that is none of those, with the ones that are close to it."""
    if name not in names:
        close = difflib.get_close_matches(name, names, 3, 0.4) or names[:10]
        raise ModelError(f"'{name}': no such node, needs the name of one; did you mean one of: {', '.join(close)}?")


def check_number(index: int, count: int, *, load: bool) -> None:
    """Raises `ModelError` for the number of an instruction that there is not."""
    if not 0 <= index < count:
        needs = f"one from 0 to {count - 1}, those of {'the load program' if load else 'a run'}"
        if not count:
            needs = "a load program, which there is none of, as each run loads its weights"
        raise ModelError(f"'--instr': is instruction {index}, needs {needs}; choose another number")


def _is_of(facts: Facts, name: str) -> bool:
    return name == facts["bundle"] or name in facts["sources"]
