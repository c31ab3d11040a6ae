"""The SystemVerilog package of the instruction set, generated from `dsf.isa.table`."""

from __future__ import annotations

from enum import IntEnum

from dsf.isa.table import HEADER, INSTRUCTIONS, WORD_BITS, ErrorCode, Field, Instruction, Queue, VectorFunction


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.lower().split("_"))


def _struct(instruction: Instruction) -> list[str]:
    """A packed struct lists its highest bits first, the table its lowest."""
    used = sum(field.bits for field in instruction.all_fields)
    spare = instruction.words * WORD_BITS - used
    fields = [f"    {_type(field)} {_safe(field.name)};" for field in reversed(instruction.all_fields)]
    unused = [f"    logic [{spare - 1}:0] spare;"] if spare > 0 else []
    return ["  typedef struct packed {", *unused, *fields, f"  }} {instruction.name}_t;", ""]


def _type(field: Field) -> str:
    sign = "signed " if field.signed else ""
    return f"logic {sign}[{field.bits - 1}:0]" if field.bits > 1 or field.signed else "logic"


def _safe(name: str) -> str:
    """`wait` and `function` are keywords of SystemVerilog."""
    if name == "function":
        return "function_code"
    return f"{name}_mask" if name in ("wait", "signal") else name


def _legal(instruction: Instruction) -> list[str]:
    """A function that is true when fields with only one legal value have it, and the spare bits are zero."""
    used = sum(field.bits for field in instruction.all_fields)
    terms = [f"i.{_safe(f.name)} == {f.bits}'d{f.only}" for f in instruction.all_fields if f.only is not None]
    if instruction.words * WORD_BITS > used:
        terms.append("i.spare == '0")
    return [
        f"  function automatic logic is_legal_{instruction.name}({instruction.name}_t i);",
        f"    return {(' &&' + chr(10) + '           ').join(terms)};",
        "  endfunction",
        "",
    ]


def _members(prefix: str, members: type[IntEnum]) -> list[str]:
    """The members of a SystemVerilog enumeration of four bits."""
    rows = [f"    {prefix}{_camel(member.name)} = 4'd{member.value}" for member in members]
    return [*(f"{row}," for row in rows[:-1]), rows[-1]]


def isa_package() -> str:
    """The text of `dsf_isa_pkg.sv`."""
    longest = max(instruction.words for instruction in INSTRUCTIONS)
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "//",
        "// The instruction set. Generated from dsf/isa/table.py by `python -m dsf.codegen.generate`; do not edit.",
        "// What each field means is in docs/isa.md.",
        "",
        "/* verilator lint_off UNUSEDPARAM */",
        "package dsf_isa_pkg;",
        "",
        f"  localparam int unsigned InstrWordBits = {WORD_BITS};",
        f"  localparam int unsigned InstrMaxBits  = {longest * WORD_BITS};",
        f"  localparam int unsigned NumQueues     = {len(Queue)};",
        "",
    ]
    lines += [f"  localparam int unsigned Queue{_camel(q.name)} = {q.value};" for q in Queue]
    opcode_bits = HEADER[0].bits
    lines += ["", f"  typedef enum logic [{opcode_bits - 1}:0] {{"]
    lines += [
        f"    Op{_camel(i.name)} = {opcode_bits}'d{i.opcode}{',' if i is not INSTRUCTIONS[-1] else ''}" for i in INSTRUCTIONS
    ]
    lines += ["  } opcode_e;", "", "  // Length in units of InstrWordBits."]
    lines += [f"  localparam int unsigned {_camel(i.name)}Words = {i.words};" for i in INSTRUCTIONS]
    lines += ["", "  typedef enum logic [3:0] {"]
    lines += _members("Vector", VectorFunction)
    lines += ["  } vector_function_e;", "", "  typedef enum logic [3:0] {"]
    lines += _members("Err", ErrorCode)
    lines += ["  } error_code_e;", ""]
    for instruction in INSTRUCTIONS:
        lines += _struct(instruction)
    lines += ["  // Whether fields that have one legal value hold it, and the bits after the last field are zero."]
    lines += ["  /* verilator lint_off UNUSEDSIGNAL */"]
    for instruction in INSTRUCTIONS:
        lines += _legal(instruction)
    lines[-1:] = ["  /* verilator lint_on UNUSEDSIGNAL */", ""]
    return "\n".join([*lines, "endpackage", "/* verilator lint_on UNUSEDPARAM */", ""])
