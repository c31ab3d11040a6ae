"""`dsf where`: what an instruction, a node or a byte of the weights is for."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsf.tools.command import Commands, add_json, new_command, print_json, steps

if TYPE_CHECKING:
    from dsf.codegen.source import SourceNode
    from dsf.facts import Facts
    from dsf.provenance import Provenance
    from dsf.recorded import Recorded

_WHERE = """\
Says where something in a compiled network comes from, and what it is for:

  --instr N        instruction N of a run: its nodes of the source, what part of which tensor it computes, what it
                   reads and writes (addresses on chip are elements, weight words, channel groups; in DRAM bytes)
  --node NAME      the instructions, results and weights of a node of the source, or of a bundle; of a node of an ONNX
                   model that has none what became of it, and the nodes with instructions around it
  --weight-byte N  what lies at byte N of weights.bin: which weights, or which channel's bias, multiplier or shift

All is answered from DIR/provenance.json, which a compile writes beside the program. Without it DIR/model.mlir is
compiled again, and has to give the same program and weights.
"""

_WHERE_EXAMPLES = """\
examples:
  dsf where build/digits --instr 12            an error of the engine names an instruction: what did it do?
  dsf where build/digits --instr 0 --load      of the program that loads the weights
  dsf where build/digits --node bundle_3
  dsf where build/digits --weight-byte 1000 --json
"""


def add(commands: Commands) -> None:
    parser = new_command(
        commands,
        "where",
        _where,
        summary="where an instruction or a weight comes from",
        description=_WHERE,
        examples=_WHERE_EXAMPLES,
    )
    parser.add_argument("directory", type=Path, metavar="DIR", help="directory of a compile")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--instr", type=int, metavar="N", help="an instruction, by its number from 0")
    what.add_argument("--node", metavar="NAME", help="a node of the source, or a bundle")
    what.add_argument("--weight-byte", type=int, metavar="N", help="a byte of weights.bin, by its number from 0")
    parser.add_argument("--load", action="store_true", help="with --instr: of the program that loads the weights")
    add_json(parser)


def _where(chosen: argparse.Namespace) -> None:
    from dsf.errors import DsfError

    if chosen.load and chosen.instr is None:
        raise DsfError("'--load': without --instr, needs it; add --instr")
    facts = _facts(chosen)
    if chosen.json:
        print_json(facts)
    else:
        print("\n".join(_lines(facts)))


def _facts(chosen: argparse.Namespace) -> Facts:
    from dsf.codegen.program import read_program
    from dsf.codegen.source import read_source
    from dsf.recorded import Recorded

    program = read_program(chosen.directory / "program.bin")
    recorded = Recorded.of(chosen.directory, program)
    known = _compiled_again(chosen) if recorded is None else recorded
    if chosen.weight_byte is not None:
        return known.weight_byte(chosen.weight_byte)
    if chosen.instr is not None:
        return known.instruction(chosen.instr, load=chosen.load)
    source = None if chosen.node in known.names else read_source(chosen.directory, program)
    nodes = {one.name: one for one in source.nodes} if source is not None else {}
    return _of_absorbed(nodes, chosen.node, known) if chosen.node in nodes else known.node(chosen.node)


def _of_absorbed(nodes: Mapping[str, SourceNode], name: str, recorded: Recorded | Provenance) -> Facts:
    """
    What is known of a node that has no instructions of its own: what became of it, the nearest ones that have some, on both
    sides, and the instructions of those that do its work.
    """
    known = frozenset(recorded.names)
    readers: dict[str, list[str]] = {}
    for one in nodes.values():
        for read in one.reads:
            readers.setdefault(read, []).append(one.name)
    node = nodes[name]
    before = _nearest(name, known, lambda one: readers.get(one, ()))
    into = _nearest(name, known, lambda one: nodes[one].into if one in nodes else ())
    return {
        "node": name,
        "operator": node.operator,
        "becomes": node.becomes,
        "behind": _nearest(name, known, lambda one: nodes[one].reads if one in nodes else ()),
        "before": before,
        **_of_others(into or (before if node.becomes == "constant" else []), recorded),
    }


def _of_others(names: Sequence[str], recorded: Recorded | Provenance) -> Facts:
    """The instructions, results and weights of all of these nodes, of which another one is part."""
    facts: Facts = {"into": list(names)} if names else {}
    for one in names:
        for key, values in recorded.node(one).items():
            if key in _LISTS:
                facts[key] = [*facts.get(key, []), *(value for value in values if value not in facts.get(key, []))]
    return facts


#: What `Provenance.node` says of a node in lists.
_LISTS = ("instructions", "load_instructions", "results", "weights")


def _nearest(name: str, known: frozenset[str], onward: Callable[[str], Sequence[str]]) -> list[str]:
    """The first nodes with instructions that are reached from one, on all ways."""
    seen, waiting = {name}, [name]
    found: list[str] = []
    for one in waiting:  # It grows.
        for other in onward(one):
            if other not in seen:
                seen.add(other)
                (found if other in known else waiting).append(other)
    return found


def _compiled_again(chosen: argparse.Namespace) -> Provenance:
    from dsf.provenance import Provenance

    with steps(chosen)("compiling the network again") as say:
        return Provenance.of(chosen.directory, say)


#: Columns of the names of facts.
_INDENT = 20


def _lines(facts: Facts) -> Iterator[str]:
    """What is known, a fact a line, in the order in which it was found out; what is nothing is left out."""
    for name, value in facts.items():
        for index, text in enumerate(_texts(name, value)):
            yield f"{name.replace('_', ' ') if index == 0 else '':{_INDENT}}{text}"


def _texts(name: str, value: Any) -> Sequence[str]:
    match value:
        case None | []:
            return []
        case [*entries] if name in _NUMBERED:
            return _by_name(entries)
        case [int(first), int(count)] if name in _SPANS:
            return [_span(first, count)]
        case [*entries] if all(isinstance(one, Mapping) for one in entries if one is not None):
            return [_entry(one) for one in entries]
        case [*words]:
            return [", ".join(map(str, words))]
        case {**entries}:
            return [", ".join(f"{key} = {one}" for key, one in entries.items())] if entries else []
        case _:
            return [str(value)]


#: Facts that are lists of instructions.
_NUMBERED = ("instructions", "load_instructions")


def _by_name(instructions: Sequence[Mapping[str, Any]]) -> list[str]:
    """The numbers of all instructions of a name, a line for each."""
    numbers: dict[str, list[str]] = {}
    for one in instructions:
        numbers.setdefault(one["name"], []).append(str(one["instruction"]))
    return [f"{name} {', '.join(several)}" for name, several in numbers.items()]


#: Facts that are (first, count).
_SPANS = ("images", "rows", "channels")


def _span(first: int, count: int) -> str:
    return str(first) if count == 1 else f"{first} to {first + count - 1}"


def _entry(entry: Mapping[str, Any] | None) -> str:
    """One of several: a stretch of a memory, an instruction, a weight, or none."""
    match entry:
        case None:
            return "no weight: 0"
        case {"first": first, "count": count, **rest}:
            return f"{' '.join(str(one) for one in rest.values() if one is not None)}: {_span(first, count)}"
        case {"kernel": [y, x], "input": input, "channel": channel, **rest}:
            value = f" is {rest['value']}" if "value" in rest else ""
            return f"kernel row {y}, column {x}, input channel {input}, output channel {channel}{value}"
        case _:
            return " ".join(str(one) for one in entry.values())
