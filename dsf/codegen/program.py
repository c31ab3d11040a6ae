"""
`program.bin`: a program as a file, and back.

    64 bytes      header: 16 little-endian words, see `HEADER_WORDS`
    instructions  the stream that base register PROGRAM points at, as `dsf.isa.encoding` writes it
    description   JSON in UTF-8: hardware, tensors, and of each instruction the bundle and the estimate of its cycles

The engine and the firmware need the first two parts only. The description makes the file complete: `Program.to_module` gives
back the module that it was made from, and the tools need nothing else but the weights. Those are a file of their own,
`weights.bin`, the bytes that base register WEIGHTS points at.

A file that is cut short, of another format or damaged is a `BinaryError`, and so are weights that are not the program's.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

from xdsl.dialects.builtin import DenseArrayBase, DictionaryAttr, IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation
from xdsl.utils.exceptions import VerifyException

from dsf.arguments import as_int
from dsf.dialects.engine import BUNDLE_CYCLES, BUNDLE_SHAPES, CYCLES, HardwareOp, TensorAttr, hardware_of
from dsf.dialects.isa import OPERATIONS, ProgramOp, program_of
from dsf.disk import parse_json
from dsf.errors import BinaryError, DsfError
from dsf.hardware import Hardware
from dsf.isa.encoding import Decoded, decode_stream, default_fields, encode_stream
from dsf.isa.table import END, BaseRegister
from dsf.transforms.locations import location_name, set_location

MAGIC = int.from_bytes(b"DSFP", "little")
VERSION = 1
SOFTMAX_FLAG = 1

#: Words of the header, in order. CRC32 is that of zlib (IEEE 802.3); the last one covers the words before it.
HEADER_WORDS: tuple[str, ...] = (
    "magic",
    "version",
    "hardware_hash",
    "instruction_count",
    "instruction_bytes",
    "instruction_crc32",
    "weight_bytes",
    "weight_crc32",
    "input_bytes",
    "output_bytes",
    "arena_bytes",
    "flags",
    "description_bytes",
    "description_crc32",
    "reserved",
    "header_crc32",
)
HEADER_BYTES = 4 * len(HEADER_WORDS)

#: The file beside a program that holds its weights.
WEIGHTS_NAME = "weights.bin"

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Step:
    """An instruction, the bundle it belongs to and the cycles it is estimated to take, where they are known."""

    instruction: Decoded
    bundle: str | None = None
    cycles: int | None = None


@dataclass(frozen=True)
class BundleInfo:
    """What reports say of a bundle that its instructions don't: the output's shape and the estimated cycles, if known."""

    name: str
    shape: tuple[int, ...] | None = None
    cycles: int | None = None


@dataclass(frozen=True)
class Program:
    """All that is needed to run a compiled network, but for its input."""

    hardware: Hardware
    steps: tuple[Step, ...]
    weights: bytes = field(repr=False)
    inputs: tuple[TensorAttr, ...]
    outputs: tuple[TensorAttr, ...]
    arena_bytes: int = 0
    softmax: bool = False
    bundles: tuple[BundleInfo, ...] = ()
    cycles: int | None = None

    @property
    def stream(self) -> bytes:
        """The instructions, as the engine reads them."""
        return encode_stream(step.instruction for step in self.steps)

    @property
    def input_bytes(self) -> int:
        return extent(self.inputs)

    @property
    def output_bytes(self) -> int:
        return extent(self.outputs)

    # To and from a module.

    @staticmethod
    def from_module(module: ModuleOp) -> Program:
        """The program of a module at the `isa` level. Raises `BinaryError` or `ModelError` if it is not one."""
        program = program_of(module)
        steps = (Step(Decoded(op.instruction.name, op.fields), location_name(op), op.estimate) for op in program.instructions)
        return Program(
            hardware=hardware_of(module),
            steps=tuple(steps),
            weights=program.weight_bytes,
            inputs=tuple(program.inputs),
            outputs=tuple(program.outputs),
            arena_bytes=program.arena_bytes.value.data,
            softmax=program.softmax is not None,
            bundles=_bundles_of(program),
            cycles=_cycles_of(program),
        )

    def to_module(self) -> ModuleOp:
        """The module at the `isa` level."""
        return ModuleOp([HardwareOp.from_hardware(self.hardware), self.program_op()])

    def program_op(self) -> ProgramOp:
        """The `isa.program` of that module."""
        ops: list[Operation] = []
        for step in self.steps:
            op = OPERATIONS[step.instruction.name](cycles=step.cycles, **step.instruction.fields)
            if step.bundle is not None:
                set_location(op, step.bundle)
            ops.append(op)
        names = [bundle.name for bundle in self.bundles]
        program = ProgramOp(self.inputs, self.outputs, self.weights, self.arena_bytes, names, ops, softmax=self.softmax)
        cycles = [bundle.cycles for bundle in self.bundles if bundle.cycles is not None]
        if self.cycles is not None:
            program.attributes[CYCLES] = IntegerAttr(self.cycles, i64)
        if cycles:
            program.attributes[BUNDLE_CYCLES] = DenseArrayBase.from_list(i64, cycles)
        set_shapes(program, {bundle.name: bundle.shape for bundle in self.bundles if bundle.shape is not None})
        return program

    # To and from bytes.

    def to_bytes(self) -> bytes:
        """The contents of `program.bin`."""
        stream = self.stream
        description = json.dumps(self._description(), sort_keys=True, separators=(",", ":")).encode()
        words = {
            "magic": MAGIC,
            "version": VERSION,
            "hardware_hash": self.hardware.hash,
            "instruction_count": len(self.steps),
            "instruction_bytes": len(stream),
            "instruction_crc32": zlib.crc32(stream),
            "weight_bytes": len(self.weights),
            "weight_crc32": zlib.crc32(self.weights),
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "arena_bytes": self.arena_bytes,
            "flags": SOFTMAX_FLAG if self.softmax else 0,
            "description_bytes": len(description),
            "description_crc32": zlib.crc32(description),
            "reserved": 0,
        }
        header = struct.pack("<15I", *(words[name] for name in HEADER_WORDS[:-1]))
        return header + struct.pack("<I", zlib.crc32(header)) + stream + description

    def _description(self) -> dict[str, Any]:
        return {
            "hardware": self.hardware.to_dict(),
            "inputs": [_tensor_to_dict(tensor) for tensor in self.inputs],
            "outputs": [_tensor_to_dict(tensor) for tensor in self.outputs],
            "bundles": [_bundle_to_list(bundle) for bundle in self.bundles],
            "cycles": self.cycles,
            "steps": [[step.bundle, step.cycles] for step in self.steps],
        }

    @staticmethod
    def from_bytes(data: bytes, weights: bytes, where: str = "program.bin") -> Program:
        """The inverse of `to_bytes`. Raises `BinaryError` if `data` is not a whole, undamaged program, or `weights` not its."""
        header = read_header(data, where)
        if (len(weights), zlib.crc32(weights)) != (header["weight_bytes"], header["weight_crc32"]):
            raise BinaryError(
                f"'{where}': weights of {len(weights)} bytes with CRC {zlib.crc32(weights):08x}, needs "
                f"{header['weight_bytes']} bytes with CRC {header['weight_crc32']:08x}; use the weights.bin of the same compile"
            )
        start, end = HEADER_BYTES, HEADER_BYTES + header["instruction_bytes"]
        instructions = decode_stream(data[start:end])
        description = parse_json(data[end:], where, BinaryError, "a file that DSF wrote")
        try:
            return _from_description(description, header, instructions, weights)
        except (AttributeError, KeyError, TypeError, ValueError, VerifyException) as error:
            raise BinaryError(f"'{where}': its description lacks or has wrong {error}, needs a file that DSF wrote") from error
        except DsfError as error:
            raise BinaryError([f"'{where}': {problem}" for problem in error.problems]) from error


def extent(tensors: tuple[TensorAttr, ...]) -> int:
    """Bytes behind a base register that tensors take."""
    return max(tensor.offset.data + tensor.bytes for tensor in tensors)


def set_shapes(program: ProgramOp, shapes: dict[str, tuple[int, ...]]) -> None:
    """Notes the output's shape of each bundle on a program, for reports."""
    if shapes:
        arrays = {name: DenseArrayBase.from_list(i64, shape) for name, shape in shapes.items()}
        program.attributes[BUNDLE_SHAPES] = DictionaryAttr(arrays)


def _shapes_of(program: ProgramOp) -> dict[str, tuple[int, ...]]:
    shapes = program.attributes.get(BUNDLE_SHAPES)
    if not isinstance(shapes, DictionaryAttr):
        return {}
    arrays = cast("dict[str, DenseArrayBase[Any]]", shapes.data)
    return {name: tuple(map(int, array.get_values())) for name, array in arrays.items()}


def _bundles_of(program: ProgramOp) -> tuple[BundleInfo, ...]:
    names, shapes = program.bundle_names, _shapes_of(program)
    attribute = program.attributes.get(BUNDLE_CYCLES)
    cycles = cast("DenseArrayBase[Any]", attribute).get_values() if isinstance(attribute, DenseArrayBase) else ()
    known = tuple(map(int, cycles)) if len(cycles) == len(names) else (None,) * len(names)
    return tuple(BundleInfo(name, shapes.get(name), number) for name, number in zip(names, known, strict=True))


def _cycles_of(program: ProgramOp) -> int | None:
    cycles = program.attributes.get(CYCLES)
    return cast("IntegerAttr[Any]", cycles).value.data if isinstance(cycles, IntegerAttr) else None


def _bundle_to_list(bundle: BundleInfo) -> list[Any]:
    return [bundle.name, None if bundle.shape is None else list(bundle.shape), bundle.cycles]


def _bundle_from_list(values: list[Any]) -> BundleInfo:
    name, shape, cycles = values
    return BundleInfo(_text(name), None if shape is None else tuple(map(_number, shape)), _optional(_number, cycles))


def _tensor_to_dict(tensor: TensorAttr) -> dict[str, Any]:
    return {
        "shape": list(tensor.dimensions),
        "bits": tensor.bits.data,
        "frac": tensor.frac.data,
        "base": tensor.base.data,
        "offset": tensor.offset.data,
    }


def _tensor_from_dict(values: dict[str, Any]) -> TensorAttr:
    frac = as_int(values["frac"])
    if frac is None:
        raise TypeError(f"{values['frac']!r}, where an integer belongs")
    base = BaseRegister[_text(values["base"]).upper()]
    return TensorAttr(map(_number, values["shape"]), _number(values["bits"]), frac, base, _number(values["offset"]))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r}, where a text belongs")
    return value


def _number(value: object) -> int:
    number = as_int(value)
    if number is None or not 0 <= number < 1 << 63:
        raise TypeError(f"{value!r}, where an integer of at least 0 belongs")
    return number


def _optional(read: Callable[[object], _Read], value: object) -> _Read | None:
    return None if value is None else read(value)


def _from_description(
    description: dict[str, Any], header: dict[str, int], instructions: list[Decoded], weights: bytes
) -> Program:
    hardware = Hardware.from_dict(description["hardware"])
    if hardware.hash != header["hardware_hash"]:
        raise BinaryError(
            f"hardware hash {header['hardware_hash']:08x} but parameters with hash {hardware.hash:08x}, needs both to agree; "
            "compile again with this version"
        )
    steps = zip(instructions, description["steps"], strict=True)
    program = Program(
        hardware=hardware,
        steps=tuple(
            Step(instruction, _optional(_text, bundle), _optional(_number, cycles)) for instruction, (bundle, cycles) in steps
        ),
        weights=weights,
        inputs=tuple(map(_tensor_from_dict, description["inputs"])),
        outputs=tuple(map(_tensor_from_dict, description["outputs"])),
        arena_bytes=header["arena_bytes"],
        softmax=bool(header["flags"] & SOFTMAX_FLAG),
        bundles=tuple(map(_bundle_from_list, description["bundles"])),
        cycles=_optional(_number, description["cycles"]),
    )
    replace(program, steps=(Step(Decoded(END.name, default_fields(END.name))),)).program_op().verify()
    for what, size in (("input", program.input_bytes), ("output", program.output_bytes)):
        if size != header[f"{what}_bytes"]:
            raise BinaryError(f"{what}s of {size} bytes, needs {header[f'{what}_bytes']} as in the header; compile again")
    return program


def read_header(data: bytes, where: str = "program.bin") -> dict[str, int]:
    """The words of the header by name, after checking sizes and CRCs of the whole file. Raises `BinaryError`."""
    if len(data) < HEADER_BYTES or data[:4] != b"DSFP":
        found = f"{len(data)} bytes" if len(data) < HEADER_BYTES else f"begins with {data[:4]!r}"
        raise BinaryError(f"'{where}': {found}, needs a file that begins with the {HEADER_BYTES}-byte header of 'DSFP'")
    header: dict[str, int] = dict(zip(HEADER_WORDS, struct.unpack("<16I", data[:HEADER_BYTES]), strict=True))
    if header["version"] != VERSION:
        raise BinaryError(f"'{where}': format {header['version']}, needs {VERSION}; compile again with this version")
    if zlib.crc32(data[: HEADER_BYTES - 4]) != header["header_crc32"]:
        raise BinaryError(f"'{where}': the header is damaged (CRC), needs an intact file; copy it again")
    end = HEADER_BYTES + header["instruction_bytes"]
    size = end + header["description_bytes"]
    if len(data) != size:
        verb = "is truncated" if len(data) < size else "has foreign bytes at its end"
        raise BinaryError(f"'{where}': {len(data)} bytes, needs {size}; it {verb}")
    for name, part in (("instruction", data[HEADER_BYTES:end]), ("description", data[end:])):
        if zlib.crc32(part) != header[f"{name}_crc32"]:
            raise BinaryError(f"'{where}': the {name} part is damaged (CRC), needs an intact file; copy it again")
    return header


def read_program(path: Path, weights: Path | None = None) -> Program:
    """Reads `program.bin` and the `weights.bin` beside it. Raises `BinaryError`."""
    return Program.from_bytes(read_bytes(path), read_bytes(weights or path.with_name(WEIGHTS_NAME)), str(path))


def read_bytes(path: Path) -> bytes:
    """A file's contents. Raises `BinaryError` if it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BinaryError(f"'{path}': {error.strerror}, needs a file that DSF wrote") from error
