"""
Nodes of a model that are not in what is made of it, and what does their work now.

A batch normalisation goes into the weights before it, constants are computed, functions are inlined; who asks for one of these
by its name gets an answer. The records travel in the model itself, as an entry of its `metadata_props`, so that they survive
being written to a file.
"""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import onnx

_KEY = "dsf.absorbed"


@dataclass(frozen=True)
class Absorbed:
    """A node that is gone: its operator, what became of it in words, and the nodes that it is part of, if any."""

    name: str
    operator: str
    becomes: str
    into: tuple[str, ...] = ()


def absorbed_of(model: onnx.ModelProto) -> list[Absorbed]:
    """The records of a model; none where somebody else wrote something by that name."""
    text = next((one.value for one in model.metadata_props if one.key == _KEY), "[]")
    try:
        entries: object = json.loads(text)
    except (ValueError, RecursionError):
        return []
    rows = cast("list[object]", entries) if isinstance(entries, list) else []
    found = [_record(row) for row in rows]
    return [one for one in found if one is not None]


def keep_absorbed(model: onnx.ModelProto, records: Sequence[Absorbed]) -> None:
    """Writes the records into a model, instead of those that it has."""
    others = [one for one in model.metadata_props if one.key != _KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    if records:
        rows = [[one.name, one.operator, one.becomes, *one.into] for one in records]
        model.metadata_props.add(key=_KEY, value=json.dumps(rows))


def resolved(records: Sequence[Absorbed], there: Container[str]) -> list[Absorbed]:
    """The records of nodes that are not among those that are `there`, `into` without nodes that are gone themselves."""
    # What was noted first of a node is why it went.
    by_name: Mapping[str, Absorbed] = {one.name: one for one in reversed(records) if one.name not in there}

    def remaining(name: str) -> tuple[str, ...]:
        found: dict[str, None] = {}
        seen, waiting = {name}, list(by_name[name].into)
        for one in waiting:  # It grows.
            if one in seen:
                continue
            seen.add(one)
            if one in by_name:
                waiting.extend(by_name[one].into)
            else:
                found[one] = None
        return tuple(found)

    return [Absorbed(one.name, one.operator, one.becomes, remaining(one.name)) for one in reversed(by_name.values())]


def _record(row: object) -> Absorbed | None:
    texts = [one for one in cast("list[object]", row) if isinstance(one, str)] if isinstance(row, list) else []
    if len(texts) < 3:
        return None
    name, operator, becomes, *into = texts
    return Absorbed(name, operator, becomes, tuple(into))
