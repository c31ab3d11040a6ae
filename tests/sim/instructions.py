"""Instructions for tests of the control path: legal ones of each kind, and ways to make them illegal."""

from __future__ import annotations

import random
from dataclasses import dataclass

from dsf.hardware import VECTOR_TABLES
from dsf.isa.encoding import encode_instruction
from dsf.isa.table import BUILT_FUNCTIONS, BY_NAME, HEADER, VectorFunction
from dsf.numerics import MAX_SHIFT

#: The smallest legal value of what must not be zero.
LEAST = {
    "load": {"rows": 1, "row_elements": 1},
    "store": {"rows": 1, "row_elements": 1},
    "load_weights": {"bytes": 1, "words": 1, "groups": 1},
    "matrix": {
        "kernel_rows": 1,
        "kernel_runs": 1,
        "run": 1,
        "chunk": 1,
        "chunks": 1,
        "last_chunk": 1,
        "columns": 1,
        "rows": 1,
        "images": 1,
        "pixels": 1,
        "channel_groups": 1,
        "last_group_lanes": 1,
        "weight_words": 1,
    },
    "vector": {
        "kernel_rows": 1,
        "kernel_columns": 1,
        "columns": 1,
        "rows": 1,
        "images": 1,
        "channels": 1,
        "dst_channel_step": 1,
    },
    "end": {},
}


def legal(name: str, **fields: int) -> bytes:
    """An instruction with the least values that are legal, and `fields`."""
    return encode_instruction(name, **(LEAST[name] | fields))


def drawn(draw: random.Random, name: str, *, groups: int, lanes: int, vector_length: int) -> bytes:
    """Random legal fields for hardware of these sizes."""
    fields = {
        field.name: draw.randint(max(field.low, LEAST[name].get(field.name, field.low)), field.high)
        for field in BY_NAME[name].all_fields
        if field.only is None and field.name != "opcode"
    }
    if "bank" in fields:
        fields["bank"] = draw.randrange(groups)
    if "function" in fields:
        unused = [field for field in BY_NAME[name].fields if fields["function"] not in (field.functions or BUILT_FUNCTIONS)]
        fields |= {field.name: field.default for field in unused}
        fields["table_address"] = draw.randrange(VECTOR_TABLES) if fields["function"] == VectorFunction.TABLE else 0
        if fields["function"] in (VectorFunction.ADD, VectorFunction.MULTIPLY):
            fields["right"] = draw.randint(0, MAX_SHIFT)
    if "chunk" in fields:
        fields["tall"] &= 1 - fields["depthwise"]
        fields["chunk"] = draw.randint(1, vector_length)
        fields["last_chunk"] = draw.randint(1, fields["chunk"])
        fields["last_group_lanes"] = draw.randint(1, lanes)
        fields["weight_bank"] = draw.randrange(groups) if fields["tall"] else 0
    return encode_instruction(name, **fields)


def patched(data: bytes, name: str, field: str, value: int) -> bytes:
    """The instruction with one field overwritten, legal or not."""
    position = 0
    for one in BY_NAME[name].all_fields:
        if one.name == field:
            mask = ((1 << one.bits) - 1) << position
            bits = int.from_bytes(data, "little") & ~mask | (value << position) & mask
            return bits.to_bytes(len(data), "little")
        position += one.bits
    raise ValueError(field)


@dataclass(frozen=True)
class Illegal:
    """An instruction that the engine must refuse."""

    why: str
    data: bytes


def illegal_fields(*, groups: int, lanes: int, vector_length: int) -> list[Illegal]:
    """One instruction for each rule of `dsf_instr_check`."""
    found: list[Illegal] = []

    def add(name: str, field: str, value: int, **others: int) -> None:
        found.append(Illegal(f"{name}.{field} = {value}", patched(legal(name, **others), name, field, value)))

    for name, instruction in BY_NAME.items():
        for field in LEAST[name]:
            add(name, field, 0)
        for field in instruction.all_fields:
            if field.only is not None:
                add(name, field.name, field.only + 1)
            if field.most is not None:
                add(name, field.name, field.most + 1)
        used = sum(field.bits for field in instruction.all_fields)
        for bit in (used, instruction.bytes * 8 - 1):
            data = int.from_bytes(legal(name), "little") | 1 << bit
            found.append(Illegal(f"{name} bit {bit}", data.to_bytes(instruction.bytes, "little")))
    add("load_weights", "bank", groups)
    add("matrix", "weight_bank", groups, tall=1)
    add("matrix", "weight_bank", 1, tall=0)
    add("matrix", "chunk", vector_length + 1)
    add("matrix", "last_chunk", 3, chunk=2)
    add("matrix", "tall", 1, depthwise=1)
    add("matrix", "last_group_lanes", lanes + 1)
    for function in BUILT_FUNCTIONS:
        for field in BY_NAME["vector"].fields:
            if function not in (field.functions or BUILT_FUNCTIONS):
                add("vector", field.name, field.default + 1, function=function)
    add("vector", "right", MAX_SHIFT + 1, function=VectorFunction.ADD)
    add("vector", "right", MAX_SHIFT + 1, function=VectorFunction.MULTIPLY)
    add("vector", "table_address", VECTOR_TABLES, function=VectorFunction.TABLE)
    assert all(field in {one.name for one in HEADER} for field in ("wait", "signal"))
    return found
