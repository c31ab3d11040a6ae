"""The C header of the instruction set, from `dsf.isa.table`: where each field lies, and the header of `program.bin`."""

from __future__ import annotations

from dsf.codegen.program import HEADER_BYTES, HEADER_WORDS, MAGIC, VERSION
from dsf.isa.table import INSTRUCTIONS, WORD_BITS, Instruction, Queue, VectorFunction, WeightTarget

_OPENING = """\
/* SPDX-License-Identifier: Apache-2.0
 *
 * The instruction set. Generated from dsf/isa/table.py by `python -m dsf.codegen.generate`; do not edit.
 * What each field means is in docs/isa.md.
 *
 * A field is DSF_<instruction>_<field>, its lowest bit and its width: DSF_FIELD(p, DSF_LOAD_ROWS) is its value in the
 * instruction at `p`. Signed fields come out as they lie there; DSF_SIGNED_FIELD extends their sign.
 */

#ifndef DSF_ISA_H
#define DSF_ISA_H

#include <stdint.h>
"""

_CLOSING = """\
static inline uint64_t dsf_field(const uint8_t *instruction, unsigned position, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bits; i++)
        value |= (uint64_t)((instruction[(position + i) / 8] >> ((position + i) % 8)) & 1) << i;
    return value;
}

static inline int64_t dsf_signed_field(const uint8_t *instruction, unsigned position, unsigned bits)
{
    uint64_t value = dsf_field(instruction, position, bits), sign = (uint64_t)1 << (bits - 1);
    return (int64_t)((value ^ sign) - sign);
}

#define DSF_FIELD(instruction, field) dsf_field((instruction), field)
#define DSF_SIGNED_FIELD(instruction, field) dsf_signed_field((instruction), field)

#endif
"""


def _fields(instruction: Instruction) -> list[str]:
    lines: list[str] = []
    position = 0
    for field in instruction.all_fields:
        lines.append(f"#define DSF_{instruction.name.upper()}_{field.name.upper()} {position}u, {field.bits}u")
        position += field.bits
    return [*lines, ""]


def isa_header() -> str:
    """The text of `dsf_isa.h`."""
    lines = [_OPENING, f"#define DSF_INSTRUCTION_WORD_BYTES {WORD_BITS // 8}u", ""]
    lines += [f"#define DSF_OP_{one.name.upper()} {one.opcode}u" for one in INSTRUCTIONS]
    lines += ["", "/* Length of an instruction in bytes. */"]
    lines += [f"#define DSF_SIZEOF_{one.name.upper()} {one.bytes}u" for one in INSTRUCTIONS]
    lines += ["", "/* Bits of the wait and signal masks. */"]
    lines += [f"#define DSF_QUEUE_{queue.name} {queue.value}u" for queue in Queue]
    lines += [""]
    lines += [f"#define DSF_VECTOR_FUNCTION_{function.name} {function.value}u" for function in VectorFunction]
    lines += [f"#define DSF_TARGET_{target.name} {target.value}u" for target in WeightTarget]
    lines += ["", "/* The header of program.bin: little-endian 32-bit words, by index. Load program and program follow it. */"]
    lines += [
        f"#define DSF_PROGRAM_MAGIC 0x{MAGIC:08X}u",
        f"#define DSF_PROGRAM_VERSION {VERSION}u",
        f"#define DSF_PROGRAM_HEADER_BYTES {HEADER_BYTES}u",
    ]
    lines += [f"#define DSF_PROGRAM_WORD_{name.upper()} {index}u" for index, name in enumerate(HEADER_WORDS)]
    lines += ["", "/* Lowest bit and width of each field. */"]
    for instruction in INSTRUCTIONS:
        lines += _fields(instruction)
    return "\n".join([*lines, _CLOSING])
