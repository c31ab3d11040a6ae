"""The register map's SystemVerilog package, C header and reference page, generated from `dsf.isa.registers`."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from dsf.isa.registers import ADDRESS_BITS, ARRAY, ID_VALUE, NUM_BASES, REGISTERS, VERSION_VALUE, Bits, Counter, Port, Register
from dsf.isa.table import BaseRegister, ErrorCode

#: Registers whose value is a property of the hardware.
_OF_HARDWARE = {"HASH": "`Hardware.hash`", "BEAT_BYTES": "`Hardware.beat_bytes`"}
_SOURCE = "Generated from dsf/isa/registers.py by `python -m dsf.codegen.generate`; do not edit."


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.lower().split("_"))


def _position(bits: Bits) -> str:
    return str(bits.low) if bits.bits == 1 else f"{bits.low + bits.bits - 1}:{bits.low}"


def registers_package() -> str:
    """The text of `dsf_regs_pkg.sv`: an offset for each register, the position of each field, the ports' numbers."""
    lines = [
        "// SPDX-License-Identifier: Apache-2.0",
        "//",
        f"// Control and status registers. {_SOURCE}",
        "// What each register means is in docs/registers.md.",
        "",
        "/* verilator lint_off UNUSEDPARAM */",
        "package dsf_regs_pkg;",
        "",
        f"  localparam int unsigned RegAddrBits = {ADDRESS_BITS};",
        f"  localparam int unsigned NumBases    = {NUM_BASES};",
        f"  localparam int unsigned NumCounters = {len(Counter)};",
        "",
        f"  localparam logic [31:0] IdValue      = 32'h{ID_VALUE:08X};",
        f"  localparam logic [31:0] VersionValue = 32'h{VERSION_VALUE:08X};",
        "",
    ]
    address = f"{ADDRESS_BITS}'h"
    lines += [f"  localparam logic [RegAddrBits-1:0] Reg{_camel(r.name)} = {address}{r.offset:03X};" for r in REGISTERS]
    for register in REGISTERS:
        for bits in register.fields:
            name = f"{_camel(register.name)}{_camel(bits.name)}"
            lines += [
                "",
                f"  localparam int unsigned {name}Low  = {bits.low};",
                f"  localparam int unsigned {name}Bits = {bits.bits};",
            ]
    lines += ["", "  // Positions in counter_i."]
    lines += [f"  localparam int unsigned Count{_camel(counter.name)} = {counter.value};" for counter in Counter]
    lines += ["", *_sv_enum("port_e", "Port", Port)]
    lines += ["", "  // What the array does in a cycle: the position of its counter.", *_sv_enum("array_e", "Array", ARRAY)]
    lines += ["", "endpackage", "/* verilator lint_on UNUSEDPARAM */", ""]
    return "\n".join(lines)


def _sv_enum(name: str, prefix: str, members: Iterable[IntEnum]) -> list[str]:
    rows = ",\n".join(f"    {prefix}{_camel(member.name)} = 4'd{member.value}" for member in members)
    return ["  typedef enum logic [3:0] {", rows, f"  }} {name};"]


def _c_enum(name: str, prefix: str, members: type[IntEnum]) -> list[str]:
    rows = [f"    {prefix}{member.name} = {member.value}," for member in members]
    return [f"enum {name} {{", *rows, "};", ""]


def _c_field(register: Register, bits: Bits) -> list[str]:
    name = f"DSF_{register.name}_{bits.name.upper()}"
    mask = (1 << bits.bits) - 1
    if bits.bits == 1:
        return [f"#define {name} 0x{mask << bits.low:X}u"]
    return [f"#define {name}(value) (((value) >> {bits.low}) & 0x{mask:X}u)"]


def registers_header() -> str:
    """
    The text of `dsf_regs.h`. A register is `DSF_REG_<name>`, a byte offset; of a field of one bit `DSF_<register>_<field>`
    is the mask, of a wider one it is the macro that extracts it.
    """
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0",
        " *",
        f" * The engine's registers. {_SOURCE}",
        " * What each register means is in docs/registers.md.",
        " */",
        "",
        "#ifndef DSF_REGS_H",
        "#define DSF_REGS_H",
        "",
    ]
    lines += [f"#define DSF_REG_{r.name} 0x{r.offset:03X}u" for r in REGISTERS if not r.name.startswith("BASE")]
    bases = {register.name: register.offset for register in REGISTERS}
    step = bases["BASE1_LO"] - bases["BASE0_LO"]
    lines += [
        f"#define DSF_REG_BASE_LO(i) (0x{bases['BASE0_LO']:03X}u + {step}u * (i))",
        f"#define DSF_REG_BASE_HI(i) (0x{bases['BASE0_HI']:03X}u + {step}u * (i))",
        "",
        f"#define DSF_NUM_BASES {NUM_BASES}u",
        f"#define DSF_NUM_COUNTERS {len(Counter)}u",
        f"#define DSF_ID_VALUE 0x{ID_VALUE:08X}u",
        f"#define DSF_VERSION_VALUE 0x{VERSION_VALUE:08X}u",
        "",
    ]
    for register in REGISTERS:
        for bits in register.fields:
            lines += _c_field(register, bits)
    lines += ["", "/* ERROR.code */"]
    lines += _c_enum("dsf_error_code", "DSF_ERR_", ErrorCode)
    lines += ["/* ERROR.port */"]
    lines += _c_enum("dsf_port", "DSF_PORT_", Port)
    lines += ["/* Counters: positions from DSF_REG_COUNT_MATRIX_STEPS on */"]
    lines += _c_enum("dsf_counter", "DSF_COUNT_", Counter)
    lines += ["/* Base registers */"]
    lines += _c_enum("dsf_base", "DSF_BASE_", BaseRegister)
    return "\n".join([*lines, "#endif", ""])


def _array_section() -> list[str]:
    names = [f"COUNT_{counter.name}" for counter in ARRAY]
    return [
        "## Where the cycles of the array go",
        "",
        "In each cycle of a run exactly one of these counts, so that together they are CYCLES:",
        f"{', '.join(names)}.",
        "Of several tokens that are missing, the first in this order counts.",
        "See [board.md](board.md) for how to read them.",
    ]


def registers_page() -> str:
    """The text of `docs/registers.md`."""
    lines = [
        "# Control and status registers",
        "",
        f"<!-- {_SOURCE} -->",
        "",
        f"AXI4-Lite, 32-bit data, {ADDRESS_BITS}-bit byte addresses. Names without a register read as zero and ignore writes;",
        "every access is answered OKAY. Byte strobes are respected. Registers that are `read/write when idle` ignore writes",
        "while STATUS.busy is 1, so that nothing disturbs a run.",
        "",
        "A run: write the base registers, PROGRAM_HASH and PROGRAM_BYTES, then CONTROL.start. Wait until STATUS.busy is 0, or",
        "for the interrupt. STATUS.done: all output is in memory. STATUS.error: ERROR says why not. After an error or an abort",
        "every transaction on the bus has been completed, and the next start begins from a reset core.",
        "",
        "| offset | name | access | reset | meaning |",
        "|---|---|---|---|---|",
    ]
    for register in REGISTERS:
        reset = _OF_HARDWARE.get(register.name, f"0x{register.reset:X}")
        lines.append(f"| 0x{register.offset:03X} | {register.name} | {register.access.value} | {reset} | {register.doc} |")
    lines += ["", *_array_section()]
    lines += ["", "## Fields", "", "| register | bits | field | meaning |", "|---|---|---|---|"]
    for register in REGISTERS:
        for bits in register.fields:
            lines.append(f"| {register.name} | {_position(bits)} | {bits.name} | {bits.doc} |")
    return "\n".join([*lines, ""])
