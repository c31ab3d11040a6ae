"""The binary form of instructions, against a bit string written field by field."""

import random

import pytest

from dsf.errors import BinaryError
from dsf.isa.encoding import (
    Decoded,
    decode_instruction,
    decode_stream,
    default_fields,
    encode_instruction,
    encode_stream,
    operand_fields,
)
from dsf.isa.table import BY_NAME, INSTRUCTIONS, WORD_BITS, VectorFunction

NAMES = [instruction.name for instruction in INSTRUCTIONS]


def random_fields(name: str, rng: random.Random) -> dict[str, int]:
    """A legal value for each field, extremes more often than not."""
    draws = {field: rng.choice([field.low, field.high, rng.randint(field.low, field.high)]) for field in operand_fields(name)}
    fields = {field.name: value for field, value in draws.items()}
    unused = [field for field in draws if field.functions is not None and fields["function"] not in field.functions]
    return fields | {field.name: field.default for field in unused}


def bit_string(name: str, fields: dict[str, int]) -> str:
    """The instruction as text, highest bit first, built by concatenation alone."""
    text = ""
    for field in BY_NAME[name].all_fields:
        value = BY_NAME[name].opcode if field.name == "opcode" else fields.get(field.name, 0)
        text = format(value % 2**field.bits, f"0{field.bits}b") + text
    return text.zfill(BY_NAME[name].words * WORD_BITS)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(5))
def test_instruction_bits(name: str, seed: int):
    fields = random_fields(name, random.Random(seed))
    data = encode_instruction(name, **fields)
    assert format(int.from_bytes(data, "little"), f"0{8 * len(data)}b") == bit_string(name, fields)
    assert decode_instruction(data) == Decoded(name, fields)


def test_stream_round_trip():
    rng = random.Random(1)
    program = [Decoded(name, random_fields(name, rng)) for name in rng.choices(NAMES[:-1], k=40)]
    program.append(Decoded("end", default_fields("end")))
    data = encode_stream(program)
    assert decode_stream(data) == program
    assert encode_stream(decode_stream(data)) == data


def test_defaults_are_legal():
    for name in NAMES:
        assert decode_instruction(encode_instruction(name)).fields == default_fields(name)


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("jump", {}, "unknown instruction, needs one of load, load_weights, matrix, vector, store, end"),
        ("load", {"colour": 1}, "unknown field 'colour', needs one of wait, signal, base"),
        ("load", {"rows": 1 << 16}, "rows is 65536, needs 0 to 65535"),
        ("matrix", {"low": -(1 << 15) - 1}, "low is -32769, needs -32768 to 32767"),
        ("load", {"base": 5}, "base is 5, needs 0 to 4"),
        ("load_weights", {"target": 3}, "target is 3, needs 0 to 2"),
        ("vector", {"function": 6}, "function is 6, needs 0 to 5"),
    ],
)
def test_encode_rejects(name: str, fields: dict[str, int], message: str):
    with pytest.raises(BinaryError, match=message.replace("(", r"\(")):
        encode_instruction(name, **fields)


@pytest.mark.parametrize("function", VectorFunction)
def test_each_function_has_its_fields(function: VectorFunction):
    """A function's own fields are free; each of the others has its default, in encoding and in decoding."""
    for field in BY_NAME["vector"].fields:
        data = encode_instruction("vector", **{"function": function, field.name: field.default})
        if field.functions is None or function in field.functions or field.name == "function":
            assert decode_instruction(data)[field.name] == field.default
            continue
        message = f"{field.name} is {field.default + 1}, needs {field.default}, since {function.name.lower()} does not use it"
        with pytest.raises(BinaryError, match=message):
            encode_instruction("vector", **{"function": function, field.name: field.default + 1})
        position = sum(one.bits for one in BY_NAME["vector"].all_fields[: BY_NAME["vector"].all_fields.index(field)])
        patched = int.from_bytes(data, "little") ^ (field.default ^ (field.default + 1)) << position
        with pytest.raises(BinaryError, match=message):
            decode_instruction(patched.to_bytes(len(data), "little"))


def test_encode_lists_every_problem():
    with pytest.raises(BinaryError) as caught:
        encode_instruction("load", rows=-1, dst=1 << 24)
    assert len(caught.value.problems) == 2


END = encode_instruction("end")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "stops without 'end'"),
        (END[:31], "31 bytes are left, needs at least 32; the program is truncated"),
        (encode_instruction("matrix")[:96], r"\(matrix\) at byte 0: 96 bytes are left, needs 128"),
        (encode_instruction("load"), "stops without 'end'"),
        (END + END, "32 bytes follow, needs to be the last one"),
        (bytes(32), "opcode 0, needs one of 1"),
        (b"\xff" * 128, "opcode 15, needs one of 1"),
        (END[:-1] + b"\x80", "bits after the last field are set"),
        (b"\x06\x40" + END[2:], "reserved is 1, needs 0"),
    ],
)
def test_decode_rejects(data: bytes, message: str):
    with pytest.raises(BinaryError, match=message):
        decode_stream(data)


def test_error_names_index_and_byte():
    with pytest.raises(BinaryError, match="'instruction 1' at byte 32: opcode 9"):
        decode_stream(encode_instruction("load") + b"\x09" + bytes(31))
