"""
`program.bin`: a program as a file, and back.

    64 bytes      header: 16 little-endian words, see `HEADER_WORDS`
    load program  the instructions that are run once, to load resident weights; may be empty
    program       those of a run: what base register PROGRAM points at then, as `dsf.isa.encoding` writes it
    description   JSON in UTF-8: hardware, tensors, and of each instruction the bundle and the estimate of its cycles

The engine and the firmware need all but the description. The description makes the file complete: `Program.to_module` gives
back the module that it was made from, and the tools need nothing else but the weights. Those are a file of their own,
`weights.bin`, the bytes that base register WEIGHTS points at.

A file that is cut short, of another format or damaged is a `BinaryError`, and so are weights that are not the program's.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar, cast

from xdsl.dialects.builtin import DenseArrayBase, DictionaryAttr, IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation
from xdsl.utils.exceptions import VerifyException

from dsf.arguments import as_int, is_real
from dsf.dialects.engine import (
    BUNDLE_CYCLES,
    BUNDLE_MACS,
    BUNDLE_SHAPES,
    CYCLES,
    LOAD_CYCLES,
    HardwareOp,
    TensorAttr,
    hardware_of,
)
from dsf.dialects.isa import OPERATIONS, InstructionOp, LoadProgramOp, ProgramOp, program_of
from dsf.disk import parse_json
from dsf.errors import BinaryError, DsfError
from dsf.hardware import Hardware
from dsf.isa.encoding import Decoded, decode_stream, default_fields, encode_stream
from dsf.isa.table import END, BaseRegister
from dsf.transforms.locations import location_name, location_of, source_names

MAGIC = int.from_bytes(b"DSFP", "little")
VERSION = 2
SOFTMAX_FLAG = 1

#: Words of the header, in order. CRC32 is that of zlib (IEEE 802.3); the last one covers the words before it.
HEADER_WORDS: tuple[str, ...] = (
    "magic",
    "version",
    "hardware_hash",
    "load_program_bytes",
    "load_program_crc32",
    "program_bytes",
    "program_crc32",
    "weight_bytes",
    "weight_crc32",
    "input_bytes",
    "output_bytes",
    "arena_bytes",
    "flags",
    "description_bytes",
    "description_crc32",
    "header_crc32",
)
HEADER_BYTES = 4 * len(HEADER_WORDS)

#: What follows the header, in order.
PARTS = ("load_program", "program", "description")

#: The file beside a program that holds its weights.
WEIGHTS_NAME = "weights.bin"

_Read = TypeVar("_Read")


@dataclass(frozen=True)
class Step:
    """
    An instruction, the bundle it belongs to and the cycles it is estimated to take, where they are known; and the nodes of the
    source that it comes from, if these have other names than the bundle.
    """

    instruction: Decoded
    bundle: str | None = None
    cycles: int | None = None
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class BundleInfo:
    """
    What reports say of a bundle that its instructions don't, if known: the output's shape, the estimated cycles, and
    multiplications, without those by 0 between groups of a convolution.
    """

    name: str
    shape: tuple[int, ...] | None = None
    cycles: int | None = None
    macs: int | None = None


@dataclass(frozen=True)
class Program:
    """
    All that is needed to run a compiled network, but for its input: `load_steps` once (none: there is no load program),
    then `steps` for each run.
    """

    hardware: Hardware
    steps: tuple[Step, ...]
    weights: bytes = field(repr=False)
    inputs: tuple[TensorAttr, ...]
    outputs: tuple[TensorAttr, ...]
    arena_bytes: int = 0
    softmax: bool = False
    bundles: tuple[BundleInfo, ...] = ()
    cycles: int | None = None
    load_steps: tuple[Step, ...] = ()
    load_cycles: int | None = None

    @cached_property
    def stream(self) -> bytes:
        """The instructions of a run, as the engine reads them."""
        return encode_stream(step.instruction for step in self.steps)

    @cached_property
    def load_stream(self) -> bytes:
        """Those of the load program; empty if there is none."""
        return encode_stream(step.instruction for step in self.load_steps)

    def digest(self, text: str) -> str:
        """One of `text`, which a file beside the program says of it, and of the program: neither can be exchanged alone."""
        found = hashlib.sha256(text.encode())
        for part in (self.load_stream, self.stream, self.weights):
            found.update(part)
        return found.hexdigest()

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
        load = program.load_program
        return Program(
            hardware=hardware_of(module),
            steps=_steps_of(program.instructions),
            weights=program.weight_bytes,
            inputs=tuple(program.inputs),
            outputs=tuple(program.outputs),
            arena_bytes=program.arena_bytes.value.data,
            softmax=program.softmax is not None,
            bundles=_bundles_of(program),
            cycles=_number_of(program, CYCLES),
            load_steps=() if load is None else _steps_of(load.instructions),
            load_cycles=_number_of(program, LOAD_CYCLES),
        )

    def to_module(self) -> ModuleOp:
        """The module at the `isa` level."""
        return ModuleOp([HardwareOp.from_hardware(self.hardware), self.program_op()])

    def program_op(self) -> ProgramOp:
        """The `isa.program` of that module."""
        ops: list[Operation] = _ops_of(self.steps)
        if self.load_steps:
            ops.insert(0, LoadProgramOp(_ops_of(self.load_steps)))
        names = [bundle.name for bundle in self.bundles]
        program = ProgramOp(self.inputs, self.outputs, self.weights, self.arena_bytes, names, ops, softmax=self.softmax)
        for name, cycles in ((CYCLES, self.cycles), (LOAD_CYCLES, self.load_cycles)):
            if cycles is not None:
                program.attributes[name] = IntegerAttr(cycles, i64)
        of_bundles = {
            BUNDLE_CYCLES: [bundle.cycles for bundle in self.bundles],
            BUNDLE_MACS: [bundle.macs for bundle in self.bundles],
        }
        for name, numbers in of_bundles.items():
            known = [number for number in numbers if number is not None]
            if known:
                program.attributes[name] = DenseArrayBase.from_list(i64, known)
        set_shapes(program, {bundle.name: bundle.shape for bundle in self.bundles if bundle.shape is not None})
        return program

    # To and from bytes.

    def to_bytes(self) -> bytes:
        """The contents of `program.bin`."""
        load, run = self.load_stream, self.stream
        description = json.dumps(self._description(), sort_keys=True, separators=(",", ":")).encode()
        words = {
            "magic": MAGIC,
            "version": VERSION,
            "hardware_hash": self.hardware.hash,
            "load_program_bytes": len(load),
            "load_program_crc32": zlib.crc32(load),
            "program_bytes": len(run),
            "program_crc32": zlib.crc32(run),
            "weight_bytes": len(self.weights),
            "weight_crc32": zlib.crc32(self.weights),
            "input_bytes": self.input_bytes,
            "output_bytes": self.output_bytes,
            "arena_bytes": self.arena_bytes,
            "flags": SOFTMAX_FLAG if self.softmax else 0,
            "description_bytes": len(description),
            "description_crc32": zlib.crc32(description),
        }
        header = struct.pack("<15I", *(words[name] for name in HEADER_WORDS[:-1]))
        return header + struct.pack("<I", zlib.crc32(header)) + load + run + description

    def _description(self) -> dict[str, Any]:
        return {
            "hardware": self.hardware.to_dict(),
            "inputs": [_tensor_to_dict(tensor) for tensor in self.inputs],
            "outputs": [_tensor_to_dict(tensor) for tensor in self.outputs],
            "bundles": [_bundle_to_list(bundle) for bundle in self.bundles],
            "cycles": self.cycles,
            "steps": [[step.bundle, step.cycles, *step.sources] for step in self.steps],
            "load_cycles": self.load_cycles,
            "load_steps": [[step.bundle, step.cycles, *step.sources] for step in self.load_steps],
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
        load, run, text = _parts(data, header)
        instructions = decode_stream(load) if load else [], decode_stream(run)
        description = parse_json(text, where, BinaryError, "a file that DSF wrote")
        try:
            return _from_description(description, header, instructions, weights)
        except (AttributeError, KeyError, TypeError, ValueError, VerifyException) as error:
            raise BinaryError(f"'{where}': its description lacks or has wrong {error}, needs a file that DSF wrote") from error
        except DsfError as error:
            raise BinaryError([f"'{where}': {problem}" for problem in error.problems]) from error


def _steps_of(instructions: Iterable[InstructionOp]) -> tuple[Step, ...]:
    return tuple(map(_step_of, instructions))


def _step_of(op: InstructionOp) -> Step:
    bundle, sources = location_name(op), source_names(op)
    return Step(Decoded(op.instruction.name, op.fields), bundle, op.estimate, () if sources == (bundle,) else sources)


def _ops_of(steps: Iterable[Step]) -> list[Operation]:
    """The inverse of `_steps_of`."""
    ops: list[Operation] = []
    for step in steps:
        op = OPERATIONS[step.instruction.name](cycles=step.cycles, **step.instruction.fields)
        if step.bundle is not None:
            op.location = location_of(step.bundle, step.sources)
        ops.append(op)
    return ops


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
    cycles, macs = (_numbers_of(program, name, len(names)) for name in (BUNDLE_CYCLES, BUNDLE_MACS))
    return tuple(BundleInfo(name, shapes.get(name), *known) for name, *known in zip(names, cycles, macs, strict=True))


def _numbers_of(program: ProgramOp, name: str, count: int) -> tuple[int | None, ...]:
    """A number for each of `count` bundles."""
    attribute = program.attributes.get(name)
    numbers = cast("DenseArrayBase[Any]", attribute).get_values() if isinstance(attribute, DenseArrayBase) else ()
    return tuple(map(int, numbers)) if len(numbers) == count else (None,) * count


def _number_of(program: ProgramOp, name: str) -> int | None:
    number = program.attributes.get(name)
    return cast("IntegerAttr[Any]", number).value.data if isinstance(number, IntegerAttr) else None


def _bundle_to_list(bundle: BundleInfo) -> list[Any]:
    return [bundle.name, None if bundle.shape is None else list(bundle.shape), bundle.cycles, bundle.macs]


def _bundle_from_list(values: list[Any]) -> BundleInfo:
    name, shape, *known = values
    cycles, macs = (_optional(_number, one) for one in known)
    return BundleInfo(_text(name), None if shape is None else tuple(map(_number, shape)), cycles, macs)


def _tensor_to_dict(tensor: TensorAttr) -> dict[str, Any]:
    return {
        "shape": list(tensor.dimensions),
        "bits": tensor.bits.data,
        "frac": tensor.frac.data,
        "scales": list(tensor.free_scales),
        "zero_point": tensor.zero_point.data,
        "base": tensor.base.data,
        "offset": tensor.offset.data,
    }


def _tensor_from_dict(values: dict[str, Any]) -> TensorAttr:
    frac = as_int(values["frac"])
    if frac is None:
        raise TypeError(f"{values['frac']!r}, where an integer belongs")
    base = BaseRegister[_text(values["base"]).upper()]
    zero_point = as_int(values["zero_point"])
    scales = values["scales"]
    if zero_point is None or not isinstance(scales, list) or not all(map(is_real, cast("list[object]", scales))):
        raise TypeError(f"{zero_point!r} and {scales!r}, where an integer and a list of numbers belong")
    return TensorAttr(
        map(_number, values["shape"]),
        _number(values["bits"]),
        frac,
        base,
        _number(values["offset"]),
        scales=cast("list[float]", scales),
        zero_point=zero_point,
    )


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
    description: dict[str, Any],
    header: dict[str, int],
    instructions: tuple[list[Decoded], list[Decoded]],
    weights: bytes,
) -> Program:
    """`instructions` are those of the load program and of a run."""
    hardware = Hardware.from_dict(description["hardware"])
    if hardware.hash != header["hardware_hash"]:
        raise BinaryError(
            f"hardware hash {header['hardware_hash']:08x} but parameters with hash {hardware.hash:08x}, needs both to agree; "
            "compile again with this version"
        )
    load, run = instructions
    program = Program(
        hardware=hardware,
        steps=_described(run, description["steps"]),
        weights=weights,
        inputs=tuple(map(_tensor_from_dict, description["inputs"])),
        outputs=tuple(map(_tensor_from_dict, description["outputs"])),
        arena_bytes=header["arena_bytes"],
        softmax=bool(header["flags"] & SOFTMAX_FLAG),
        bundles=tuple(map(_bundle_from_list, description["bundles"])),
        cycles=_optional(_number, description["cycles"]),
        load_steps=_described(load, description["load_steps"]),
        load_cycles=_optional(_number, description["load_cycles"]),
    )
    empty = (Step(Decoded(END.name, default_fields(END.name))),)
    replace(program, steps=empty, load_steps=()).program_op().verify()
    for what, size in (("input", program.input_bytes), ("output", program.output_bytes)):
        if size != header[f"{what}_bytes"]:
            raise BinaryError(f"{what}s of {size} bytes, needs {header[f'{what}_bytes']} as in the header; compile again")
    return program


def _described(instructions: list[Decoded], described: list[list[Any]]) -> tuple[Step, ...]:
    steps = zip(instructions, described, strict=True)
    return tuple(
        Step(instruction, _optional(_text, bundle), _optional(_number, cycles), tuple(map(_text, sources)))
        for instruction, (bundle, cycles, *sources) in steps
    )


def _parts(data: bytes, header: dict[str, int]) -> tuple[bytes, bytes, bytes]:
    """Load program, program and description."""
    first = HEADER_BYTES + header["load_program_bytes"]
    second = first + header["program_bytes"]
    return data[HEADER_BYTES:first], data[first:second], data[second:]


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
    size = HEADER_BYTES + sum(header[f"{name}_bytes"] for name in PARTS)
    if len(data) != size:
        verb = "is truncated" if len(data) < size else "has foreign bytes at its end"
        raise BinaryError(f"'{where}': {len(data)} bytes, needs {size}; it {verb}")
    for name, part in zip(PARTS, _parts(data, header), strict=True):
        if zlib.crc32(part) != header[f"{name}_crc32"]:
            raise BinaryError(f"'{where}': its {name.replace('_', ' ')} is damaged (CRC), needs an intact file; copy it again")
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
