"""
Instructions as bytes, and back.

The layout is that of `dsf.isa.table`: the fields of an instruction follow each other from bit 0 of its first 256-bit
word upwards, without gaps, and the bits after the last field are zero. Byte 0 holds bits 7 to 0. A stream is
instructions one after the other; it ends with the first `end`.

    bits = sum((value & (2**field.bits - 1)) << field_offset)        over the fields
    data = bits.to_bytes(instruction.bytes, "little")

Encoding and decoding are inverses: `decode_stream(encode_stream(x)) == x`, and for every stream that decodes at all
`encode_stream(decode_stream(data)) == data`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dsf.errors import BinaryError
from dsf.isa.table import BY_NAME, BY_OPCODE, END, HEADER, WORD_BITS, Field, Instruction, VectorFunction

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

    from dsf.dialects.isa import InstructionOp

WORD_BYTES = WORD_BITS // 8
OPCODE, *_, RESERVED = HEADER


@dataclass(frozen=True)
class Decoded:
    """An instruction's name and the value of each of its `operand_fields`, in the order of the table."""

    name: str
    fields: Mapping[str, int]

    def __getitem__(self, field: str) -> int:
        return self.fields[field]

    @property
    def instruction(self) -> Instruction:
        return BY_NAME[self.name]


@cache
def operand_fields(name: str) -> tuple[Field, ...]:
    """The fields that an instruction's text shows: all but the opcode and what is reserved in the header."""
    return tuple(field for field in BY_NAME[name].all_fields if field not in (OPCODE, RESERVED))


def default_fields(name: str) -> dict[str, int]:
    """The value of each of `operand_fields` where none is given."""
    return {field.name: field.default for field in operand_fields(name)}


def field_problem(field: Field, value: int) -> str | None:
    """Why `value` is illegal in `field`, as the end of a sentence; `None` if it is legal."""
    if not field.low <= value <= field.high:
        return f"{field.name} is {value}, needs {field.low} to {field.high}"
    return None


def function_problems(name: str, fields: Mapping[str, int]) -> list[str]:
    """Fields that the function of a VECTOR instruction does not use, and that have not their default."""
    if "function" not in fields or fields["function"] not in tuple(VectorFunction):
        return []
    function = VectorFunction(fields["function"])
    return [
        f"{field.name} is {fields[field.name]}, needs {field.default}, since {function.name.lower()} does not use it"
        for field in BY_NAME[name].fields
        if field.functions is not None and function not in field.functions and fields[field.name] != field.default
    ]


def encode_instruction(name: str, **fields: int) -> bytes:
    """
    The bytes of one instruction. Fields that are not given have their default.

    Raises `BinaryError`, listing every unknown field and every value that does not fit.
    """
    instruction = BY_NAME.get(name)
    if instruction is None:
        raise BinaryError(f"'{name}': unknown instruction, needs one of {', '.join(BY_NAME)}")
    values = default_fields(name)
    problems = [f"'{name}': unknown field '{key}', needs one of {', '.join(values)}" for key in fields if key not in values]
    values |= fields
    bits, position = instruction.opcode, OPCODE.bits
    for field in instruction.all_fields[1:]:
        value = int(values.get(field.name, 0))
        problem = field_problem(field, value)
        if problem is not None:
            problems.append(f"'{name}': {problem}")
        bits |= (value & ((1 << field.bits) - 1)) << position
        position += field.bits
    problems += [f"'{name}': {problem}" for problem in function_problems(name, values)]
    if problems:
        raise BinaryError(problems)
    return bits.to_bytes(instruction.bytes, "little")


def decode_instruction(data: bytes, offset: int = 0, index: int = 0) -> Decoded:
    """
    The instruction that begins at byte `offset`; `index` is its number in messages.

    Raises `BinaryError` for an unknown opcode, missing bytes, a field outside its legal values and bits that are set
    after the last field.
    """
    where = f"'instruction {index}' at byte {offset}"
    if offset + WORD_BYTES > len(data):
        left = max(len(data) - offset, 0)
        raise BinaryError(f"{where}: {left} bytes are left, needs at least {WORD_BYTES}; the program is truncated")
    opcode = data[offset] & ((1 << OPCODE.bits) - 1)
    instruction = BY_OPCODE.get(opcode)
    if instruction is None:
        legal = ", ".join(f"{one.opcode} ({one.name})" for one in BY_OPCODE.values())
        raise BinaryError(f"{where}: opcode {opcode}, needs one of {legal}; this is not a program of this engine")
    where = f"'instruction {index}' ({instruction.name}) at byte {offset}"
    if offset + instruction.bytes > len(data):
        raise BinaryError(f"{where}: {len(data) - offset} bytes are left, needs {instruction.bytes}; the program is truncated")
    bits = int.from_bytes(data[offset : offset + instruction.bytes], "little") >> OPCODE.bits
    fields: dict[str, int] = {}
    problems: list[str] = []
    for field in instruction.all_fields[1:]:
        value = bits & ((1 << field.bits) - 1)
        if field.signed and value > field.high:
            value -= 1 << field.bits
        if field is not RESERVED:
            fields[field.name] = value
        problem = field_problem(field, value)
        if problem is not None:
            problems.append(f"{where}: {problem}")
        bits >>= field.bits
    problems += [f"{where}: {problem}" for problem in function_problems(instruction.name, fields)]
    if bits != 0:
        problems.append(f"{where}: bits after the last field are set, needs zeros; this is not a program of this engine")
    if problems:
        raise BinaryError(problems)
    return Decoded(instruction.name, fields)


def encode_stream(instructions: Iterable[Decoded]) -> bytes:
    """The bytes of several instructions, in order."""
    return b"".join(encode_instruction(one.name, **one.fields) for one in instructions)


def decode_stream(data: bytes) -> list[Decoded]:
    """
    The instructions of a whole program, `end` included.

    Raises `BinaryError` if the program is truncated, goes on after its `end`, or holds an illegal instruction.
    """
    decoded: list[Decoded] = []
    offset = 0
    while not decoded or decoded[-1].name != END.name:
        if offset >= len(data):
            raise BinaryError(f"'instruction {len(decoded)}': the program stops without 'end', needs one; it is truncated")
        decoded.append(decode_instruction(data, offset, len(decoded)))
        offset += decoded[-1].instruction.bytes
    if offset != len(data):
        extra = len(data) - offset
        raise BinaryError(f"'instruction {len(decoded) - 1}' (end): {extra} bytes follow, needs to be the last one")
    return decoded


def encode(module: ModuleOp) -> bytes:
    """
    The instruction stream of a module at the `isa` level, without the load program. Raises `BinaryError` if it holds no
    `isa.program`.
    """
    from dsf.dialects.isa import program_of

    instructions = program_of(module).instructions
    return b"".join(encode_instruction(op.instruction.name, **op.fields) for op in instructions)


def decode(data: bytes) -> list[InstructionOp]:
    """The operations of an instruction stream, `isa.end` included. Raises `BinaryError` as `decode_stream`."""
    from dsf.dialects.isa import OPERATIONS

    return [OPERATIONS[one.name](**one.fields) for one in decode_stream(data)]
