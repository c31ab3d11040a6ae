"""Instructions for tests of the control path: legal ones of each kind, and ways to make them illegal."""

from __future__ import annotations

import random
from dataclasses import dataclass

from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.isa.encoding import Decoded, encode_instruction, operand_fields
from dsf.isa.table import BY_NAME, Field, VectorFunction
from dsf.numerics import MAX_SHIFT, int_range

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

#: Fields of MATRIX that stand for elements of feature memory, those of the epilogue unless the result is raw.
EPILOGUE = ("zero_point", "low", "high", "residual_low", "residual_high")
ELEMENTS = ("pad_value", *EPILOGUE)


def legal(name: str, **fields: int) -> bytes:
    """An instruction with the least values that are legal, and `fields`."""
    return encode_instruction(name, **(LEAST[name] | fields))


def drawn(draw: random.Random, name: str, *, rows: int, groups: int, lanes: int, vector_length: int, bits: int) -> bytes:
    """Random legal fields for hardware of these sizes."""
    fields = {
        field.name: draw.randint(max(field.low, LEAST[name].get(field.name, field.low)), field.high)
        for field in operand_fields(name)
    }
    if "bank" in fields:
        fields["bank"] = draw.randrange(groups)
    if "function" in fields:
        unused = [
            field for field in BY_NAME[name].fields if fields["function"] not in (field.functions or tuple(VectorFunction))
        ]
        fields |= {field.name: field.default for field in unused}
        fields["table_address"] = draw.randrange(VECTOR_TABLES) if fields["function"] == VectorFunction.TABLE else 0
        if fields["function"] in (VectorFunction.ADD, VectorFunction.MULTIPLY):
            fields["right"] = draw.randint(0, MAX_SHIFT)
    if "chunk" in fields:
        fields["tall"] &= 1 - fields["depthwise"]
        elements = ("pad_value",) if fields["raw"] else ELEMENTS
        fields |= {element: draw.randint(*int_range(bits)) for element in elements}
        fields["pad_value"] *= 1 - fields["skip_rows"]
        fields["chunk"] = draw.randint(1, vector_length + 1)
        fields["last_chunk"] = draw.randint(1, fields["chunk"])
        fields["last_group_lanes"] = draw.randint(1, lanes)
        fields["weight_bank"] = draw.randrange(groups) if fields["tall"] else 0
        fields["accumulate"] = fields["partial"] = 0
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


def beyond(limit: int, bits: int) -> list[int]:
    """Values of an unsigned field above `limit`: all of a narrow field; of a wide one the ends, and one for each bit."""
    if bits <= 6:
        return list(range(limit + 1, 1 << bits))
    return sorted({limit + 1, (1 << bits) - 1, *(1 << bit for bit in range(bits) if 1 << bit > limit)})


def illegal_values(field: Field) -> list[int]:
    """Values that the field's own limits forbid, as `beyond`."""
    return beyond(field.most, field.bits) if field.most is not None else []


def illegal_fields(*, rows: int, groups: int, lanes: int, vector_length: int, bits: int) -> list[Illegal]:
    """Instructions that break one rule of `dsf_instr_check` each: every rule of the table, and those between fields."""
    found: list[Illegal] = []

    def add(name: str, field: str, *values: int, **others: int) -> None:
        data = legal(name, **others)
        found.extend(Illegal(f"{name}.{field} = {value}, {others}", patched(data, name, field, value)) for value in values)

    for name, instruction in BY_NAME.items():
        for field in LEAST[name]:
            add(name, field, 0)
        for field in instruction.all_fields:
            if field.name != "opcode":
                add(name, field.name, *illegal_values(field))
        used = sum(field.bits for field in instruction.all_fields)
        for bit in range(used, instruction.bytes * 8):
            data = int.from_bytes(legal(name), "little") | 1 << bit
            found.append(Illegal(f"{name} bit {bit}", data.to_bytes(instruction.bytes, "little")))
    add("load_weights", "bank", *beyond(groups - 1, 4))
    add("matrix", "weight_bank", *beyond(groups - 1, 4), tall=1)
    add("matrix", "weight_bank", *beyond(0, 4), tall=0)
    add("matrix", "chunk", *beyond(vector_length + 1, 10))
    add("matrix", "last_chunk", *beyond(2, 10), chunk=2)
    add("matrix", "tall", 1, depthwise=1)
    add("matrix", "last_group_lanes", *beyond(lanes, 8))
    add("matrix", "accumulate", 1)
    add("matrix", "depthwise", 1, partial=1)
    add("matrix", "residual", 1, partial=1)
    for tall in (0, 1):
        add("matrix", "pixels", *beyond(groups * rows if tall else rows, 24), partial=1, tall=tall)
        add("matrix", "channel_groups", *beyond(1 if tall else groups, 12), partial=1, tall=tall)
    add("matrix", "pad_value", *(1 << bit for bit in range(16)), skip_rows=1)
    low, high = int_range(bits)
    for field in ELEMENTS:
        add(
            "matrix",
            field,
            low - 1,
            high + 1,
            -(1 << 15),
            (1 << 15) - 1,
            *(sign << bit for bit in range(bits, 14) for sign in (1, -3)),
        )
    for function in VectorFunction:
        for field in BY_NAME["vector"].fields:
            if function not in (field.functions or VectorFunction):
                add("vector", field.name, *(field.default ^ 1 << bit for bit in range(field.bits)), function=function)
    add("vector", "right", *beyond(MAX_SHIFT, 6), function=VectorFunction.ADD)
    add("vector", "right", *beyond(MAX_SHIFT, 6), function=VectorFunction.MULTIPLY)
    add("vector", "table_address", *beyond(VECTOR_TABLES - 1, 20), function=VectorFunction.TABLE)
    return found


def sums_in_the_array(*, rows: int, groups: int, **_: int) -> tuple[list[list[bytes]], list[Illegal]]:
    """
    Programs whose sums stay in the array, all legal; and instructions that are not, after `matrix` with `partial`.
    """
    first = [legal("matrix", partial=1, tall=tall) for tall in (0, 1)]
    legals: list[list[bytes]] = []
    for tall, pixels, channel_groups in ((0, rows, groups), (1, groups * rows, 1)):
        shape = {"tall": tall, "pixels": pixels, "channel_groups": channel_groups}
        parts = ({"partial": 1}, {"accumulate": 1, "partial": 1}, {"accumulate": 1, "residual": 1}, {})
        legals.append([legal("matrix", **shape, **part) for part in parts])
        legals.append([first[tall], legal("vector"), legal("load"), legal("matrix", accumulate=1)])
    wrong: list[dict[str, int]] = [{}, {"partial": 1}, {"accumulate": 1, "depthwise": 1}]
    wrong += [{"accumulate": 1, "pixels": rows + 1}, {"accumulate": 1, "tall": 1, "pixels": groups * rows + 1}]
    wrong += [{"accumulate": 1, "channel_groups": groups + 1}, {"accumulate": 1, "channel_groups": 2, "tall": 1}]
    return legals, [Illegal(f"{fields}", legal("matrix", **fields)) for fields in wrong]


def legal_limits(*, rows: int, groups: int, lanes: int, vector_length: int, bits: int) -> list[bytes]:
    """Instructions that are just legal: each field of the table at its ends, next to the values of `illegal_fields`."""
    most = {
        "bank": groups - 1,
        "weight_bank": 0,
        "accumulate": 0,
        "chunk": vector_length + 1,
        "last_chunk": 1,
        "last_group_lanes": lanes,
        "table_address": VECTOR_TABLES - 1,
    }
    found: list[bytes] = []
    for name, least in LEAST.items():
        for field in BY_NAME[name].fields:
            function = {"function": field.functions[0]} if field.functions is not None else {}
            ends = max(field.low, least.get(field.name, field.low)), most.get(field.name, field.high)
            values = int_range(bits) if name == "matrix" and field.name in ELEMENTS else ends
            found += [legal(name, **function, **{field.name: value}) for value in values]
    found += [
        legal("matrix", weight_bank=groups - 1, tall=1),
        legal("matrix", chunk=vector_length + 1, last_chunk=vector_length + 1),
        *(legal("matrix", raw=1, **{field: value}) for field in EPILOGUE for value in (-(1 << 15), (1 << 15) - 1)),
    ]
    shifting = (VectorFunction.ADD, VectorFunction.MULTIPLY)
    return found + [legal("vector", function=function, right=MAX_SHIFT) for function in shifting]


def array_steps(one: Decoded, hw: Hardware) -> int:
    """Steps of a MATRIX instruction: one for each tap of each tile of each pass, but for kernel rows that it may skip."""
    at_once, in_flight = (1, hw.pixels_tall) if one["tall"] else (hw.column_groups, hw.rows)
    words = one["kernel_runs"] * ((one["chunks"] - 1) * one["chunk"] + one["last_chunk"])
    lines = [[y] * one["columns"] for _ in range(one["images"]) for y in range(one["rows"])]
    if one["depthwise"]:
        at_once, words = hw.depthwise_groups, one["run"]
    else:
        lines = [[y for line in lines for y in line]]
    steps = 0
    for tile in (line[first : first + in_flight] for line in lines for first in range(0, len(line), in_flight)):
        ys = [one["y_start"] + y * one["y_step"] for y in tile]
        rows = range(one["kernel_rows"])
        if one["skip_rows"]:
            # From the first one that is not above the image for all to the last that is not below it, at least one.
            top = min([k for k in rows if max(ys) + k * one["y_dilation"] >= 0] or [rows[-1]])
            rows = range(top, max([k + 1 for k in rows if min(ys) + k * one["y_dilation"] < one["height"]] + [top + 1]))
        steps += len(rows) * words
    return steps * -(-one["channel_groups"] // at_once)
