"""The reference of the instruction set, `docs/isa.md`, generated from `dsf.isa.table`."""

from __future__ import annotations

from enum import IntEnum
from inspect import cleandoc

from dsf.isa import table
from dsf.isa.table import (
    HEADER,
    INSTRUCTIONS,
    WORD_BITS,
    BaseRegister,
    ErrorCode,
    Field,
    Instruction,
    Queue,
    VectorFunction,
    WeightTarget,
)


def _values(field: Field) -> str:
    return f"{field.low} to {field.high}" if field.low < field.high else f"{field.low}"


def _functions(field: Field) -> str:
    if field.functions is None:
        return ""
    return f" ({', '.join(function.name for function in field.functions)})"


def _rows(fields: tuple[Field, ...], position: int) -> list[str]:
    lines = ["| bits | field | width | values | meaning |", "|---|---|---|---|---|"]
    for field in fields:
        last = position + field.bits - 1
        bits = f"{last}:{position}" if field.bits > 1 else str(position)
        lines.append(f"| {bits} | `{field.name}` | {field.bits} | {_values(field)} | {field.doc}{_functions(field)} |")
        position += field.bits
    return lines


def _code_blocks(text: str) -> str:
    """Indented blocks become fenced ones, which renderers colour."""
    lines: list[str] = []
    inside = False
    for line in cleandoc(text).splitlines():
        indented = line.startswith("    ")
        if indented and not inside:
            lines.append("```python")
        elif inside and line and not indented:
            # The blank line before belongs after the fence.
            blank = lines.pop() if lines[-1] == "" else None
            lines += ["```"] if blank is None else ["```", ""]
        inside = indented or (inside and not line)
        lines.append(line[4:] if indented else line)
    return "\n".join([*lines, "```"] if inside else lines)


def _section(instruction: Instruction) -> list[str]:
    used = sum(field.bits for field in instruction.all_fields)
    queue = f"queue {instruction.queue.name}" if instruction.queue is not None else "the dispatcher itself"
    size = f"{instruction.words} words ({instruction.bytes} bytes, {used} bits used)"
    summary = f"Opcode {instruction.opcode}, {queue}, {size}."
    lines = [f"## {instruction.name}", "", summary, "", _code_blocks(instruction.doc), ""]
    if instruction.fields:
        lines += [*_rows(instruction.fields, sum(field.bits for field in HEADER)), ""]
    return lines


def _enumeration(title: str, members: type[IntEnum]) -> list[str]:
    summary = (members.__doc__ or "").strip()
    lines = [f"## {title}", "", summary, "", "| value | name |", "|---|---|"]
    return [*lines, *(f"| {member.value} | `{member.name}` |" for member in members), ""]


def isa_page() -> str:
    """The text of `docs/isa.md`."""
    introduction = (table.__doc__ or "").split("\n\n", 2)[2]
    lines = [
        "# Instruction set",
        "",
        "<!-- Generated from dsf/isa/table.py by `python -m dsf.codegen.generate`; do not edit. -->",
        "",
        cleandoc(introduction),
        "",
        "The loops are the meaning of the instructions: `dsf/runtime/interpreters/isa.py` computes them and the engine is",
        "tested against it. F is feature memory, W weight memory (G banks), P parameter memory, T the vector unit's tables;",
        "R, C, G and V are the rows, columns and column groups of the array and the vector length, see `dsf/hardware.py`.",
        "A field of `vector` that names functions is used by these alone, and has its default with others.",
        "",
        "The same program is text (`isa` dialect) and binary; `dsf disasm` and `dsf asm` convert both ways without loss.",
        "",
        "| instruction | opcode | queue | words of 256 bits |",
        "|---|---|---|---|",
    ]
    queues = {one.name: "-" if one.queue is None else one.queue.name for one in INSTRUCTIONS}
    lines += [f"| [{one.name}](#{one.name}) | {one.opcode} | {queues[one.name]} | {one.words} |" for one in INSTRUCTIONS]
    lines += ["", f"Every instruction is a whole number of {WORD_BITS}-bit words and begins with", ""]
    lines += [*_rows(HEADER, 0), ""]
    for instruction in INSTRUCTIONS:
        lines += _section(instruction)
    lines += _enumeration("Queues", Queue)
    lines += _enumeration("Base registers", BaseRegister)
    lines += _enumeration("Targets of load_weights", WeightTarget)
    lines += _enumeration("Vector functions", VectorFunction)
    lines += _enumeration("Error codes", ErrorCode)
    return "\n".join(lines).rstrip() + "\n"
