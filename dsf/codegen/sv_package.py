"""The SystemVerilog package of the instruction set, generated from `dsf.isa.table`."""

from __future__ import annotations

from enum import IntEnum

from dsf.isa.table import HEADER, INSTRUCTIONS, WORD_BITS, ErrorCode, Field, Instruction, Queue, VectorFunction, WeightTarget


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
    """A function that is true when each field has a value that its table allows, and the spare bits are zero."""
    used = sum(field.bits for field in instruction.all_fields)
    terms = [_at_most(field, field.most) for field in instruction.all_fields if field.most is not None]
    separator = " &&\n             "
    groups = dict.fromkeys(field.functions for field in instruction.fields if field.functions is not None)
    for functions in groups:
        names = ", ".join(f"Vector{_camel(function.name)}" for function in functions)
        unused = [_equals(field, field.default) for field in instruction.fields if field.functions == functions]
        terms.append(f"(i.function_code inside {{{names}}} || (\n             {separator.join(unused)}))")
    if instruction.words * WORD_BITS > used:
        terms.append("i.spare == '0")
    return [
        f"  function automatic logic is_legal_{instruction.name}({instruction.name}_t i);",
        f"    return {(' &&' + chr(10) + '           ').join(terms)};",
        "  endfunction",
        "",
    ]


def _at_most(field: Field, value: int) -> str:
    return f"i.{_safe(field.name)} <= {field.bits}'d{value}" if value > 0 else _equals(field, value)


def _equals(field: Field, value: int) -> str:
    return f"i.{_safe(field.name)} == {field.bits}'d{value}"


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
    lines += ["  } vector_function_e;", "", "  // Values of load_weights_t's target."]
    lines += [f"  localparam logic [1:0] Target{_camel(target.name)} = 2'd{target.value};" for target in WeightTarget]
    lines += ["", "  typedef enum logic [3:0] {"]
    lines += _members("Err", ErrorCode)
    lines += ["  } error_code_e;", ""]
    for instruction in INSTRUCTIONS:
        lines += _struct(instruction)
    lines += ["  // Whether each field has one of its legal values (docs/isa.md), and the bits after the last field are zero."]
    lines += ["  /* verilator lint_off UNUSEDSIGNAL */"]
    for instruction in INSTRUCTIONS:
        lines += _legal(instruction)
    lines[-1:] = ["  /* verilator lint_on UNUSEDSIGNAL */", ""]
    return "\n".join([*lines, "endpackage", "/* verilator lint_on UNUSEDPARAM */", ""])
