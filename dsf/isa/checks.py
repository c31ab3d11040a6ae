"""
What the engine refuses, beyond single fields: counts of zero, fields that must agree with each other, and ranges of memory.

The engine derives nothing that the compiler can compute, so an instruction carries redundant fields (`pixels`, `chunks`,
`weight_words`, ...); they must agree. Each problem reads as the end of a sentence about the instruction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod

from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.isa.encoding import function_problems
from dsf.isa.table import LOAD, LOAD_WEIGHTS, MATRIX, POOLS, STORE, VECTOR, VectorFunction, WeightTarget
from dsf.numerics import MAX_SHIFT, int_range

Fields = Mapping[str, int]


#: The vector unit's counters and dividers are that wide: bits of `kernel_rows` and of `kernel_columns` together.
POOL_WINDOW_BITS = 16


def window_bits(rows: int, columns: int) -> int:
    """The bits that the vector unit needs to count the elements of a window: those of both counts together."""
    return rows.bit_length() + columns.bit_length()


def instruction_problems(name: str, fields: Fields, hardware: Hardware) -> list[str]:
    """Why this engine refuses an instruction whose fields are each in range; empty if it does not."""
    check = _CHECKS.get(name)
    return check(fields, hardware) if check is not None else []


def _at_least_one(fields: Fields, *names: str) -> list[str]:
    return [f"{name} is 0, needs at least 1" for name in names if fields[name] < 1]


def _equal(fields: Fields, **expected: int) -> list[str]:
    return [f"{name} is {fields[name]}, needs {value}" for name, value in expected.items() if fields[name] != value]


def _in_elements(fields: Fields, hardware: Hardware, *names: str) -> list[str]:
    """Fields that stand for elements of feature memory."""
    low, high = int_range(hardware.bits_input)
    return [
        f"{name} is {fields[name]}, needs {low} to {high}, what feature memory holds"
        for name in names
        if not low <= fields[name] <= high
    ]


def _rows_in_feature_memory(fields: Fields, hardware: Hardware, side: str) -> list[str]:
    if problems := _at_least_one(fields, "rows", "row_elements"):
        return problems
    end = fields[side] + (fields["rows"] - 1) * fields[f"{side}_stride"] + fields["row_elements"]
    size = hardware.feature_elements
    return [f"{side} reaches element {end - 1} of feature memory, needs at most {size - 1}"] if end > size else []


def _load(fields: Fields, hardware: Hardware) -> list[str]:
    return _rows_in_feature_memory(fields, hardware, "dst")


def _store(fields: Fields, hardware: Hardware) -> list[str]:
    return _rows_in_feature_memory(fields, hardware, "src")


def _load_weights(fields: Fields, hardware: Hardware) -> list[str]:
    if problems := _at_least_one(fields, "words", "groups"):
        return problems
    groups, words, bank = fields["groups"], fields["words"], fields["bank"]
    if fields["target"] == WeightTarget.PARAMETERS:
        size = groups * hardware.group_columns * 8
        end, room, what = fields["address"] + groups, hardware.parameter_groups, "parameter group"
        problems = _equal(fields, words=1, bank=0)
    elif fields["target"] == WeightTarget.TABLES:
        size = groups * hardware.table_bytes
        end, room, what = fields["address"] + groups, VECTOR_TABLES, "table"
        problems = _equal(fields, words=1, bank=0)
    else:
        size = groups * words * hardware.weight_slot_bits // 8
        end = fields["address"] + -(-(bank + groups) // hardware.column_groups) * words
        room, what = hardware.weight_words, "weight word"
        problems = [] if bank < hardware.column_groups else [f"bank is {bank}, needs at most {hardware.column_groups - 1}"]
    problems += _equal(fields, bytes=size)
    if end > room:
        problems.append(f"fills up to {what} {end - 1}, needs at most {room - 1}")
    return problems


def _matrix(fields: Fields, hardware: Hardware) -> list[str]:
    counts = ("columns", "rows", "images", "kernel_rows", "kernel_runs", "run", "chunk", "channel_groups", "last_group_lanes")
    if problems := _at_least_one(fields, *counts):
        return problems
    groups, bank = fields["channel_groups"], fields["weight_bank"]
    problems = _depthwise_taps(fields) if fields["depthwise"] else _chunks(fields, hardware)
    problems += _skipped_rows(fields)
    problems += _sums_that_stay(fields, hardware)
    problems += _equal(fields, pixels=prod(fields[name] for name in ("images", "rows", "columns")))
    if fields["last_group_lanes"] > hardware.group_columns:
        problems.append(f"last_group_lanes is {fields['last_group_lanes']}, needs at most {hardware.group_columns}")
    if bank >= hardware.column_groups:
        problems.append(f"weight_bank is {bank}, needs at most {hardware.column_groups - 1}")
    if not fields["tall"] and bank != 0:
        problems.append(f"weight_bank is {bank}, needs 0 unless tall")
    banks = hardware.depthwise_groups if fields["depthwise"] else hardware.column_groups
    words, rounds = fields["weight_words"], -(-(bank + groups) // banks)
    if fields["bank_words"]:
        problems += _equal(fields, tall=1, channel_groups=1, skip_rows=0)
        words, after = fields["bank_words"], max(1, hardware.column_groups - bank)
        if words * after < fields["weight_words"]:
            least = -(-fields["weight_words"] // after)
            where = f"in the banks from {bank} on" if bank > 0 else "in all banks"
            problems.append(f"bank_words is {words}, needs at least {least}: {fields['weight_words']} {where}")
        rounds = 1
    end = fields["weight_address"] + rounds * words
    if end > hardware.weight_words:
        problems.append(f"uses weights up to word {end - 1}, needs at most {hardware.weight_words - 1}")
    end = fields["parameter_address"] + groups
    if end > hardware.parameter_groups:
        problems.append(f"uses parameters up to group {end - 1}, needs at most {hardware.parameter_groups - 1}")
    if fields["raw"] and fields["residual"]:
        problems.append("residual is 1, needs 0 where raw is 1")
    elements = () if fields["raw"] else ("zero_point", "low", "high", "residual_low", "residual_high")
    return problems + _in_elements(fields, hardware, "pad_value", *elements)


def _sums_that_stay(fields: Fields, hardware: Hardware) -> list[str]:
    """The array holds the sums of one tile of one pass for the next instruction."""
    if not (fields["accumulate"] or fields["partial"]):
        return []
    tall = fields["tall"]
    most = {
        "pixels": hardware.pixels_tall if tall else hardware.rows,
        "channel_groups": 1 if tall else hardware.column_groups,
    }
    problems = [
        f"{name} is {fields[name]}, needs at most {limit} where sums stay in the array"
        for name, limit in most.items()
        if fields[name] > limit
    ]
    problems += _equal(fields, depthwise=0)
    if fields["partial"] and fields["residual"]:
        problems.append("residual is 1, needs 0 where partial is 1")
    return problems


def _chunks(fields: Fields, hardware: Hardware) -> list[str]:
    """How the runs of a kernel row are cut."""
    run, chunk = fields["run"], fields["chunk"]
    problems: list[str] = []
    if chunk > hardware.reach:
        problems.append(f"chunk is {chunk}, needs at most {hardware.reach}, what one read brings")
    chunks = -(-run // chunk)
    words = fields["kernel_rows"] * fields["kernel_runs"] * run
    return problems + _equal(fields, chunks=chunks, last_chunk=run - (chunks - 1) * chunk, weight_words=words)


def _skipped_rows(fields: Fields) -> list[str]:
    """Where a row in padding may be left out: its products are zeros, and its weights are passed over."""
    if not fields["skip_rows"]:
        return _equal(fields, kernel_row_words=0)
    runs = 1 if fields["depthwise"] else fields["kernel_runs"]
    problems = _equal(fields, kernel_row_words=runs * fields["run"])
    if fields["pad_value"] != 0:
        problems.append(f"pad_value is {fields['pad_value']}, needs 0 where skip_rows is 1")
    return problems


def _depthwise_taps(fields: Fields) -> list[str]:
    """How the taps of a kernel row are dealt to phases."""
    taps, phases = fields["run"], fields["kernel_runs"]
    if phases > taps:
        return [f"kernel_runs is {phases}, needs at most {taps}, as many phases as taps"]
    most = -(-taps // phases)
    long, words = taps - (most - 1) * phases, fields["kernel_rows"] * taps
    return _equal(fields, tall=0, chunk=most, chunks=long, last_chunk=max(1, most - 1), weight_words=words)


def _vector(fields: Fields, hardware: Hardware) -> list[str]:
    counts = ("columns", "rows", "images", "kernel_rows", "kernel_columns", "channels", "dst_channel_step")
    problems = _at_least_one(fields, *counts)
    if fields["function"] not in tuple(VectorFunction):
        functions = ", ".join(function.name.lower() for function in VectorFunction)
        problems.append(f"function is {fields['function']}, needs one of {functions}")
    problems += function_problems(VECTOR.name, fields)
    if fields["function"] not in POOLS and fields["right"] > MAX_SHIFT:
        problems.append(f"right is {fields['right']}, needs at most {MAX_SHIFT}")
    if fields["table_address"] >= VECTOR_TABLES:
        problems.append(f"table_address is {fields['table_address']}, needs at most {VECTOR_TABLES - 1}")
    bits = window_bits(fields["kernel_rows"], fields["kernel_columns"])
    if bits > POOL_WINDOW_BITS:
        problems.append(f"kernel_rows and kernel_columns have {bits} bits together, needs at most {POOL_WINDOW_BITS}")
    return problems + _in_elements(fields, hardware, "pad_value", "low", "high", "zero_a", "zero_b")


_CHECKS: Mapping[str, Callable[[Fields, Hardware], list[str]]] = {
    LOAD.name: _load,
    LOAD_WEIGHTS.name: _load_weights,
    MATRIX.name: _matrix,
    VECTOR.name: _vector,
    STORE.name: _store,
}
