"""`program.bin` and the other files of a compile: whole, lossless, and refused when damaged or foreign."""

import json
import shutil
import subprocess
import zlib
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from dsf.codegen.files import tensor_bytes, write_files
from dsf.codegen.program import HEADER_BYTES, HEADER_WORDS, Program, read_header, read_program
from dsf.codegen.report import Measured, make_report, print_report
from dsf.compiler import compile_module, parse_module, random_input
from dsf.errors import BinaryError
from dsf.hardware import Hardware
from dsf.isa.encoding import decode, decode_stream, encode
from dsf.isa.table import BY_NAME
from dsf.runtime.execute import run
from dsf.sidecar import module_text
from dsf.transforms.dsf_pipeline import DsfPipelinePass

NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"


@pytest.fixture(scope="module", params=[True, False], ids=["resident", "loading"])
def module(request: pytest.FixtureRequest):
    """With and without a load program."""
    return compile_module(parse_module(NETWORK), pipeline=DsfPipelinePass(resident_weights=request.param))


@pytest.fixture(scope="module")
def program(module) -> Program:
    return Program.from_module(module)


def test_binary_and_module_are_lossless(module, program: Program):
    again = Program.from_bytes(program.to_bytes(), program.weights)
    assert again == program
    assert module_text(again.to_module()).splitlines()[2:] == module_text(module).splitlines()[2:]
    assert again.hardware == program.hardware


def test_instruction_stream(module, program: Program):
    stream = encode(module)
    load = program.load_stream
    assert program.stream == stream == program.to_bytes()[HEADER_BYTES + len(load) :][: len(stream)]
    assert program.to_bytes()[HEADER_BYTES:].startswith(load)
    assert [step.instruction for step in program.load_steps] == (decode_stream(load) if load else [])
    assert [op.fields for op in decode(stream)] == [dict(one.fields) for one in decode_stream(stream)]


def test_header(program: Program):
    data = program.to_bytes()
    header = read_header(data)
    assert data[:4] == b"DSFP"
    assert HEADER_BYTES == 64
    assert header["hardware_hash"] == program.hardware.hash
    assert header["program_crc32"] == zlib.crc32(program.stream)
    assert header["load_program_crc32"] == zlib.crc32(program.load_stream)
    assert (header["load_program_bytes"], header["program_bytes"]) == (len(program.load_stream), len(program.stream))
    assert header["weight_crc32"] == zlib.crc32(program.weights)
    assert (header["input_bytes"], header["output_bytes"]) == (2 * 4 * 4 * 2, 2 * 3 * 4)


def test_every_flipped_byte_is_noticed(program: Program):
    data = program.to_bytes()
    for position in range(0, len(data), 7):
        damaged = bytearray(data)
        damaged[position] ^= 0x10
        with pytest.raises(BinaryError):
            Program.from_bytes(bytes(damaged), program.weights)


@pytest.mark.parametrize("size", [0, 3, 63, 64, 65, 100, 500, -1])
def test_truncated(program: Program, size: int):
    with pytest.raises(BinaryError, match=r"'program.bin': .*needs"):
        Program.from_bytes(program.to_bytes()[:size], program.weights)


def test_foreign(program: Program):
    with pytest.raises(BinaryError, match=r"begins with b'\\x7fELF', needs a file that begins with the 64-byte header"):
        Program.from_bytes(b"\x7fELF" + bytes(1000), program.weights)
    with pytest.raises(BinaryError, match="has foreign bytes at its end"):
        Program.from_bytes(program.to_bytes() + b"x", program.weights)


def test_other_weights(program: Program):
    with pytest.raises(BinaryError, match=r"use the weights.bin of the same compile"):
        Program.from_bytes(program.to_bytes(), program.weights[:-1] + b"\x55")


def rewritten(data: bytes, **words: int) -> bytes:
    """A program with other words in its header and matching CRCs."""
    header = dict(zip(HEADER_WORDS, np.frombuffer(data[:HEADER_BYTES], "<u4").tolist(), strict=True)) | words
    packed = np.array([header[name] for name in HEADER_WORDS[:-1]], dtype="<u4").tobytes()
    return packed + zlib.crc32(packed).to_bytes(4, "little") + data[HEADER_BYTES:]


def test_other_version_or_hardware(program: Program):
    with pytest.raises(BinaryError, match="format 1, needs 2; compile again"):
        Program.from_bytes(rewritten(program.to_bytes(), version=1), program.weights)
    with pytest.raises(BinaryError, match="hardware hash 00000005 but parameters with hash"):
        Program.from_bytes(rewritten(program.to_bytes(), hardware_hash=5), program.weights)


@pytest.mark.parametrize("part", ["load_program", "program"])
def test_programs_that_stop_without_an_end(program: Program, part: str):
    """Cut so that sizes and CRCs are right, as a tool that knows no instructions might."""
    load, run = program.load_stream, program.stream
    parts = {"load_program": load or run, "program": run}
    parts[part] = parts[part][:-32]
    words = {f"{name}_bytes": len(data) for name, data in parts.items()}
    words |= {f"{name}_crc32": zlib.crc32(data) for name, data in parts.items()}
    data = program.to_bytes()
    whole = data[:HEADER_BYTES] + parts["load_program"] + parts["program"] + data[HEADER_BYTES + len(load + run) :]
    with pytest.raises(BinaryError, match="the program stops without 'end', needs one; it is truncated"):
        Program.from_bytes(rewritten(whole, **words), program.weights)


def test_border_between_the_programs(program: Program):
    """A header that puts it elsewhere is noticed, though nothing else is wrong."""
    sizes = {"load_program_bytes": len(program.load_stream) + 32, "program_bytes": len(program.stream) - 32}
    with pytest.raises(BinaryError, match=r"its load program is damaged \(CRC\)"):
        Program.from_bytes(rewritten(program.to_bytes(), **sizes), program.weights)


def test_wrong_description(program: Program):
    data = program.to_bytes()
    start = HEADER_BYTES + len(program.load_stream) + len(program.stream)
    for description in (b"{}", b"[]", b"\xff", b'{"hardware": {"axi_width": 7}}'):
        words = {"description_bytes": len(description), "description_crc32": zlib.crc32(description)}
        with pytest.raises(BinaryError, match=r"'program.bin': "):
            Program.from_bytes(rewritten(data[:start] + description, **words), program.weights)


def places(value: object, way: tuple = ()) -> list[tuple]:
    """The way to each value inside a JSON value, the first of a list for all."""
    inner = value.items() if isinstance(value, dict) else enumerate(value[:1]) if isinstance(value, list) else ()
    return [way, *(one for key, held in inner for one in places(held, (*way, key)))]


@pytest.mark.parametrize("wrong", [None, True, -1, 1.5, 1 << 70, "", [], {}, [[[]]], KeyError])
def test_every_wrong_value_of_the_description(program: Program, wrong: object):
    """Of another type, or missing: a message, or where the value may be that, a program that reads back as it is."""
    data = program.to_bytes()
    start = HEADER_BYTES + len(program.load_stream) + len(program.stream)
    for way in places(json.loads(data[start:]))[1:]:
        changed = json.loads(data[start:])
        holder = changed
        for key in way[:-1]:
            holder = holder[key]
        if wrong is KeyError:
            del holder[way[-1]]
        else:
            holder[way[-1]] = wrong
        description = json.dumps(changed).encode()
        words = {"description_bytes": len(description), "description_crc32": zlib.crc32(description)}
        binary = rewritten(data[:start] + description, **words)
        try:
            read = Program.from_bytes(binary, program.weights)
        except BinaryError as error:
            assert str(error).startswith("'program.bin': "), way
            continue
        read.to_module().verify()
        assert Program.from_module(read.to_module()) == read, way
        make_report(read, "x")


def test_files(module, program: Program, tmp_path: Path):
    x = random_input(module)
    measured = Measured(4000, {"bundle_0": 1000}, 70, register_accesses=8)
    paths = write_files(module, tmp_path / "net", x=x, expected=run(module, x), measured=measured)
    names = {path.name for path in paths}
    assert names == {"program.bin", "weights.bin", "config_firmware.h", "report.json", "input.bin", "expected.bin"}
    assert read_program(tmp_path / "net" / "program.bin") == program
    first = [path.read_bytes() for path in paths]
    write_files(module, tmp_path / "net", x=x, expected=run(module, x), measured=measured)
    assert [path.read_bytes() for path in paths] == first
    report = json.loads((tmp_path / "net" / "report.json").read_text())
    assert Hardware.from_dict(report["hardware"]) == program.hardware
    assert report["bundles"][0]["measured_cycles"] == 1000


def test_report(program: Program):
    report = make_report(program, "net", Measured(4000, {"bundle_1": 10}, 70, register_accesses=8))
    conv, dense = report["bundles"]
    # 2 images x 4 x 6 positions x 4 channels x (3 x 1 x 2) weights; 2 images x 3 outputs x 24 inputs.
    assert (conv["macs"], dense["macs"]) == (2 * 4 * 6 * 4 * 6, 2 * 3 * 24)
    assert report["macs"] == conv["macs"] + dense["macs"]
    assert (conv["shape"], dense["shape"]) == ([2, 2, 3, 4], [2, 3])
    assert dense["utilization"] == round(144 / (10 * 4 * 8), 4)
    assert report["images_per_second"] == 2 * 200e6 / 4000
    # Input and the convolution's output, and 2 x 2 x 3 x 4 after the pool.
    assert 64 + 192 <= conv["feature_memory_bytes"] <= 64 + 192 + 48 + 16
    assert report["dram_words"] == sum(one["dram_words"] for one in report["bundles"])
    assert (report["measured_cycles"], report["register_accesses"]) == (4000, 8)


def test_report_of_the_load_program(program: Program):
    """Two loads of weights and two of parameters: in the load program, or in each run."""
    report = make_report(program, "net", Measured(4000, {}, 70, register_accesses=8))
    # In beats of 8 bytes: for each of 8 columns 3 x 2 x 2 weights of 4 bits, those of two merged columns of the image, or 24,
    # and 8 bytes of parameters.
    words = 12 * 8 // 2 // 8 + 24 * 8 // 2 // 8 + 2 * 8
    moved = 2 * 4 * 4 * 2 // 8 + 2 * 3 * 4 // 8
    if not program.load_steps:
        assert report["load_program"] is None
        assert report["dram_words"] == moved + words
        return
    load = report["load_program"]
    assert (load["instructions"], load["program_bytes"]) == (5, 5 * 32)
    assert (load["cycles"], load["measured_cycles"]) == (program.load_cycles, 70)
    assert (load["dram_words"], report["dram_words"]) == (words, moved)


def test_report_of_the_array(program: Program):
    """Bundles, what comes after them, and the run; reasons that never occur have no column. Bytes are those of whole beats."""
    bundles = {"bundle_0": {"busy": 1800, "weights": 300, "vector": 0}, "bundle_1": {"busy": 7, "weights": 11, "vector": 0}}
    total = {"busy": 1807, "weights": 400, "vector": 0}
    report = make_report(program, "net", Measured(2500, bundle_array=bundles, array=total))
    assert report["array"] == total and [one["array"] for one in report["bundles"]] == list(bundles.values())
    text = Console(width=120, file=StringIO())
    print_report(report, text)
    assert isinstance(text.file, StringIO)
    lines = [line.split() for line in text.file.getvalue().split("Cycles of the array")[1].splitlines()]
    assert ["bundle", "all", "busy", "weights"] in lines
    assert ["bundle_0", "2,100", "1,800", "300"] in lines and ["bundle_1", "18", "7", "11"] in lines
    assert ["after", "the", "last", "step", "89", "0", "89"] in lines and ["total", "2,207", "1,807", "400"] in lines
    moved = report["port_bytes"]
    assert moved["instructions"] == len(program.stream)
    beat = program.hardware.beat_bytes
    assert moved["features"] + moved["weights"] + moved["output"] == beat * report["dram_words"]
    assert moved["features"] == -(-program.input_bytes // beat) * beat
    assert moved["output"] == -(-program.output_bytes // beat) * beat


def test_report_that_is_not_measured_has_no_cycles_of_the_array(program: Program):
    report = make_report(program, "net")
    text = Console(width=120, file=StringIO())
    print_report(report, text)
    assert isinstance(text.file, StringIO)
    assert "Cycles of the array" not in text.file.getvalue() and report["bundles"][0]["array"] is None


PROBE = r"""
#include <stdio.h>
#include "config_firmware.h"
#include "dsf.h"
#include "dsf_isa.h"

/* Prints what the header says and a few fields of the instruction given in argv[1], as hexadecimal bytes. */
int main(int argc, char **argv)
{
    uint8_t instruction[DSF_SIZEOF_MATRIX];
    for (unsigned i = 0; i < sizeof instruction; i++)
        sscanf(argv[argc - 1] + 2 * i, "%2hhx", &instruction[i]);
    const struct dsf_network network = DSF_NETWORK_AT(0x10000000u);

    printf("%u %u %u ", (unsigned)(network.load_program - 0x10000000u), network.load_program_bytes,
           (unsigned)(network.program - 0x10000000u));
    printf("%u %u %u %u %s %u ", DSF_HARDWARE_HASH, DSF_PROGRAM_BYTES, DSF_WEIGHTS_OFFSET, DSF_BATCH,
           dsf_bundles[0].name, (unsigned)dsf_inputs[0].shape[3]);
    printf("%lld %lld %lld\n", (long long)DSF_FIELD(instruction, DSF_MATRIX_OPCODE),
           (long long)DSF_FIELD(instruction, DSF_MATRIX_WEIGHT_WORDS),
           (long long)DSF_SIGNED_FIELD(instruction, DSF_MATRIX_X_START));
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("gcc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("language", ["c", "c++"])
def test_headers_compile(module, program: Program, tmp_path: Path, language: str):
    write_files(module, tmp_path)
    firmware = Path(__file__).parents[2] / "dsf" / "runtime" / "firmware"
    source = tmp_path / "probe.c"
    source.write_text(PROBE)
    flags = ["-Wall", "-Wextra", "-Werror", "-x", language, f"-I{tmp_path}", f"-I{firmware}"]
    subprocess.run(["gcc", *flags, str(source), "-o", str(tmp_path / "probe")], check=True)
    matrix = next(step.instruction for step in program.steps if step.instruction.name == "matrix")
    offset = 0
    for step in program.steps:
        if step.instruction is matrix:
            break
        offset += BY_NAME[step.instruction.name].bytes
    data = program.stream[offset:][:128].hex()
    said = subprocess.run([str(tmp_path / "probe"), data], check=True, capture_output=True, text=True).stdout.split()
    places = [HEADER_BYTES, len(program.load_stream), HEADER_BYTES + len(program.load_stream)]
    known = [*places, program.hardware.hash, len(program.stream), 4096, 2, "bundle_0", 2]
    assert said == [str(one) for one in (*known, 3, matrix["weight_words"], matrix["x_start"])]


def test_tensor_bytes(program: Program):
    with pytest.raises(ValueError, match="does not fit"):
        tensor_bytes(program.inputs[0], np.full((2, 4, 4, 2), 128))
