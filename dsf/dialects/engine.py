"""
What all levels of the compiler say about the engine: its parameters, and how a program's tensors lie in memory.

`engine.hardware` stands at the top of every module, so that a pass and a test need nothing but the IR:

    engine.hardware {processing_elements = [8, 24], bits_weights = 4}

names the parameters of `dsf.hardware.Hardware`; those that are left out take their defaults.

`#engine.tensor` describes a tensor in DRAM. A tensor of `bits` = 1, 2, 4, 8 lies there as `dsf.layout.pack_elements` says
(row-major, NHWC for images); `bits` = 32 is raw sums, little-endian:

    #engine.tensor<shape = [8, 10], bits = 32, frac = 8, base = output, offset = 0>

`ProgramOp` is what the programs of the `sched` and `isa` levels share: the tensors that go in and out and the weight
stream, all that is needed to run them. `LoadProgramOp` is the part of a program that is run once, not for each input.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable, Sequence
from math import isfinite, prod
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import (
    I64,
    ArrayAttr,
    BytesAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    Float64Type,
    FloatAttr,
    IntAttr,
    IntegerAttr,
    ModuleOp,
    StringAttr,
    TensorType,
    UnitAttr,
    i8,
    i64,
)
from xdsl.ir import Attribute, Block, Dialect, Operation, ParametrizedAttribute, Region
from xdsl.irdl import (
    IRDLOperation,
    irdl_attr_definition,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    region_def,
    traits_def,
)
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from dsf.dialects.constants import float_text, real
from dsf.dialects.fields import Fields, from_attribute, to_dictionary
from dsf.errors import HardwareError, ModelError
from dsf.hardware import Hardware
from dsf.isa.table import BaseRegister
from dsf.layout import packed_bytes
from dsf.transforms.locations import location_name

#: Bytes behind a base register: offsets have 32 bits.
MAX_BYTES = 1 << 32
TENSOR_BITS = (1, 2, 4, 8, 16, 32)
#: Fraction bits of a sum: those of a value (`!bundle.q`) and of a weight together.
MAX_FRAC = 128

#: Discardable attributes of programs, for reports: the estimated cycles of a run, from the first input beat to the last output
#: beat, and of the load program; of each bundle, from its first to its last step, for each chunk of the batch, summed; and the
#: shapes of the bundles' results by name.
CYCLES = "dsf.cycles"
LOAD_CYCLES = "dsf.load_cycles"
BUNDLE_CYCLES = "dsf.bundle_cycles"
BUNDLE_MACS = "dsf.bundle_macs"
BUNDLE_SHAPES = "dsf.bundle_shapes"


@irdl_attr_definition
class TensorAttr(ParametrizedAttribute):
    """
    A tensor in DRAM: `prod(shape)` integers of `bits` bits, each standing for `i * 2**-frac`, packed from byte
    `offset` after the base register on. With `scales`, one or one for each channel, it stands for `(i - zero_point) * scale`.

    ```
    #engine.tensor<shape = [1, 10], bits = 8, frac = 0, scales = [0.5], zero_point = -3, base = output, offset = 0>
    ```
    """

    name = "engine.tensor"

    shape: ArrayAttr[IntAttr]
    bits: IntAttr
    frac: IntAttr
    scales: ArrayAttr[FloatAttr[Float64Type]]
    zero_point: IntAttr
    base: StringAttr
    offset: IntAttr

    def __init__(
        self,
        shape: Iterable[int],
        bits: int,
        frac: int,
        base: BaseRegister,
        offset: int = 0,
        *,
        scales: Sequence[float] = (),
        zero_point: int = 0,
    ):
        super().__init__(
            ArrayAttr(IntAttr(int(size)) for size in shape),
            IntAttr(int(bits)),
            IntAttr(int(frac)),
            ArrayAttr(real(float(scale)) for scale in scales),
            IntAttr(int(zero_point)),
            StringAttr(base.name.lower()),
            IntAttr(int(offset)),
        )

    @property
    def dimensions(self) -> tuple[int, ...]:
        return tuple(size.data for size in self.shape)

    @property
    def elements(self) -> int:
        return prod(self.dimensions)

    @property
    def free_scales(self) -> tuple[float, ...]:
        """The scales, none if it is 2**-frac."""
        return tuple(scale.value.data for scale in self.scales)

    @property
    def register(self) -> BaseRegister:
        return BaseRegister[self.base.data.upper()]

    @property
    def bytes(self) -> int:
        """Bytes that the tensor takes in DRAM, from `offset` on."""
        return packed_bytes(self.elements, self.bits.data)

    def verify(self) -> None:
        if not self.shape.data or any(size < 1 for size in self.dimensions):
            raise VerifyException(f"'#{self.name}': shape {list(self.dimensions)}, needs sizes of at least 1")
        if self.bits.data not in TENSOR_BITS:
            raise VerifyException(f"'#{self.name}': bits {self.bits.data}, needs one of {', '.join(map(str, TENSOR_BITS))}")
        if not -MAX_FRAC <= self.frac.data <= MAX_FRAC:
            raise VerifyException(f"'#{self.name}': frac {self.frac.data}, needs {-MAX_FRAC} to {MAX_FRAC}")
        if len(self.scales) not in (0, 1, self.dimensions[-1]):
            needs = f"one, or one for each of {self.dimensions[-1]} channels"
            raise VerifyException(f"'#{self.name}': {len(self.scales)} scales, needs {needs}")
        if not all(isfinite(scale) and scale > 0 for scale in self.free_scales):
            raise VerifyException(f"'#{self.name}': scales {list(self.free_scales)}, needs positive numbers")
        if self.base.data.upper() not in BaseRegister.__members__:
            names = ", ".join(BaseRegister.__members__).lower()
            raise VerifyException(f"'#{self.name}': base {self.base.data}, needs one of {names}")
        if self.offset.data < 0:
            raise VerifyException(f"'#{self.name}': offset {self.offset.data}, needs at least 0")
        if self.offset.data + self.bytes > MAX_BYTES:
            raise VerifyException(f"'#{self.name}': reaches byte {self.offset.data + self.bytes}, needs at most {MAX_BYTES}")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        def parse_name(name: str) -> None:
            parser.parse_keyword(name)
            parser.parse_punctuation("=")

        with parser.in_angle_brackets():
            parse_name("shape")
            shape = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: IntAttr(parser.parse_integer()))
            numbers: dict[str, IntAttr] = {}
            for name in ("bits", "frac"):
                parser.parse_punctuation(",")
                parse_name(name)
                numbers[name] = IntAttr(parser.parse_integer())
            scales: list[Attribute] = []
            zero_point = 0
            parser.parse_punctuation(",")
            if parser.parse_optional_keyword("scales") is not None:
                parser.parse_punctuation("=")
                scales = parser.parse_comma_separated_list(parser.Delimiter.SQUARE, lambda: real(float(parser.parse_number())))
                parser.parse_punctuation(",")
                parse_name("zero_point")
                zero_point = parser.parse_integer()
                parser.parse_punctuation(",")
            parse_name("base")
            base = StringAttr(parser.parse_identifier())
            parser.parse_punctuation(",")
            parse_name("offset")
            offset = IntAttr(parser.parse_integer())
        return [
            ArrayAttr(shape),
            numbers["bits"],
            numbers["frac"],
            ArrayAttr(scales),
            IntAttr(zero_point),
            base,
            offset,
        ]

    def print_parameters(self, printer: Printer) -> None:
        free = ""
        if self.free_scales:
            free = f"scales = [{', '.join(map(float_text, self.free_scales))}], zero_point = {self.zero_point.data}, "
        printer.print_string(
            f"<shape = {list(self.dimensions)}, bits = {self.bits.data}, frac = {self.frac.data}, {free}"
            f"base = {self.base.data}, offset = {self.offset.data}>"
        )


@irdl_op_definition
class HardwareOp(IRDLOperation):
    """
    The engine that the module is for: the parameters of `dsf.hardware.Hardware`, by name. Those left out take their
    defaults.

        engine.hardware {processing_elements = [8, 24], bits_weights = 4, axi_width = 128}
    """

    name = "engine.hardware"

    parameters = prop_def(DictionaryAttr)

    assembly_format = "custom<Fields>($parameters) attr-dict"
    custom_directives = (Fields,)

    def __init__(self, parameters: DictionaryAttr):
        super().__init__(properties={"parameters": parameters})

    @staticmethod
    def from_hardware(hardware: Hardware) -> HardwareOp:
        """The operation that holds every parameter of `hardware`."""
        return HardwareOp(to_dictionary(hardware.to_dict()))

    @property
    def hardware(self) -> Hardware:
        """The parameters as a `Hardware`. Raises `HardwareError`, listing everything that is wrong with them."""
        values = {name: from_attribute(attribute) for name, attribute in self.parameters.data.items()}
        foreign = [
            f"'{name}' in {self.name} is {self.parameters.data[name]}, needs a number, a string or a list of integers"
            for name, value in values.items()
            if value is None
        ]
        if foreign:
            raise HardwareError(foreign)
        return Hardware.from_dict(cast(dict[str, Any], values), self.name)

    def verify_(self) -> None:
        try:
            _ = self.hardware
        except HardwareError as error:
            raise VerifyException("\n".join(error.problems)) from error


def hardware_of(module: ModuleOp) -> Hardware:
    """
    The engine that `module` is for.

    Raises `ModelError` if the module's top level does not hold exactly one `engine.hardware`.
    """
    ops = [op for op in module.ops if isinstance(op, HardwareOp)]
    if len(ops) != 1:
        raise ModelError(
            f"'builtin.module': has {len(ops)} engine.hardware operations, needs one; put 'engine.hardware {{}}' at its top"
        )
    return ops[0].hardware


class LoadProgramOp(IRDLOperation, ABC):
    """
    What a program does once, before any number of runs: it loads the weights that stay on chip from run to run. It is complete
    before a run starts, so nothing outside waits for what is inside.

        load_program {
          ...
        }
    """

    body = region_def("single_block")

    traits = traits_def(NoTerminator())

    assembly_format = "attr-dict-with-keyword $body"

    def __init__(self, ops: Iterable[Operation]):
        super().__init__(regions=[Region(Block(ops))])

    def verify_(self) -> None:
        parent = self.parent_op()
        if parent is not None and not isinstance(parent, ProgramOp):
            needs = self.name.replace("load_program", "program")
            raise VerifyException(f"'{self.name}': stands in '{parent.name}', needs to stand in '{needs}'; move it there")


class ProgramOp(IRDLOperation, ABC):
    """
    What the programs of `sched` and `isa` share: all that is needed to run them, and the names for reports. The body is a run;
    a `LoadProgramOp` in it, before all instructions, is run once before the first one.

    - `inputs`, `outputs`: the tensors that the host writes and reads, in the order of the model's.
    - `weights`: the weight stream, all that base register `weights` points at.
    - `arena_bytes`: size of the scratch space behind base register `arena`.
    - `bundles`: names of the model's bundles, in order; the operations of a bundle carry its name as location.
    - `softmax`: the host applies a softmax to the output, `raw * 2**-frac`.

    For reports a program may have the attributes `CYCLES`, `BUNDLE_CYCLES`, `BUNDLE_MACS` and `BUNDLE_SHAPES`.
    """

    inputs = prop_def(ArrayAttr[TensorAttr])
    outputs = prop_def(ArrayAttr[TensorAttr])
    weights = prop_def(DenseIntOrFPElementsAttr)
    arena_bytes = prop_def(IntegerAttr[I64])
    bundles = prop_def(ArrayAttr[StringAttr])
    softmax = opt_prop_def(UnitAttr)
    body = region_def("single_block")

    assembly_format = (
        "`inputs` $inputs `outputs` $outputs `arena` $arena_bytes `bundles` $bundles (`softmax` $softmax^)? "
        "`weights` $weights attr-dict-with-keyword $body"
    )

    def __init__(
        self,
        inputs: Iterable[TensorAttr],
        outputs: Iterable[TensorAttr],
        weights: bytes | DenseIntOrFPElementsAttr,
        arena_bytes: int,
        bundles: Iterable[str],
        body: Iterable[Operation] | Region,
        *,
        softmax: bool = False,
    ):
        stream = weights if isinstance(weights, DenseIntOrFPElementsAttr) else weight_stream(weights)
        super().__init__(
            properties={
                "inputs": ArrayAttr(inputs),
                "outputs": ArrayAttr(outputs),
                "weights": stream,
                "arena_bytes": IntegerAttr(arena_bytes, i64),
                "bundles": ArrayAttr(map(StringAttr, bundles)),
                "softmax": UnitAttr() if softmax else None,
            },
            regions=[body if isinstance(body, Region) else Region(Block(body))],
        )

    @property
    def load_program(self) -> LoadProgramOp | None:
        """What is run once, if there is anything."""
        return next((op for op in self.body.block.ops if isinstance(op, LoadProgramOp)), None)

    @property
    def weight_bytes(self) -> bytes:
        """The weight stream."""
        return self.weights.data.data

    @property
    def bundle_names(self) -> tuple[str, ...]:
        return tuple(name.data for name in self.bundles)

    def verify_(self) -> None:
        if self.arena_bytes.value.data < 0:
            raise VerifyException(f"'{self.name}': arena {self.arena_bytes.value.data}, needs a size in bytes of at least 0")
        kind = self.weights.get_type()
        if kind != TensorType(i8, [self.weights.get_shape()[0] if self.weights.get_shape() else 0]):
            raise VerifyException(f"'{self.name}': weights of type {kind}, needs tensor<Nxi8>, the bytes of the weight stream")
        self._verify_bases()
        loads = sum(isinstance(op, LoadProgramOp) for op in self.body.block.ops)
        if loads > 1:
            raise VerifyException(f"'{self.name}': {loads} load programs, needs at most one; make them one")

    def _verify_bases(self) -> None:
        for what, tensors, allowed in (
            ("input", self.inputs, BaseRegister.INPUT),
            ("output", self.outputs, BaseRegister.OUTPUT),
        ):
            if not tensors.data:
                raise VerifyException(f"'{self.name}': no {what}s, needs at least one #engine.tensor")
            for tensor in tensors:
                if tensor.register is not allowed:
                    base, needed = tensor.base.data, allowed.name.lower()
                    raise VerifyException(f"'{self.name}': an {what} with base {base}, needs base {needed}")


def instruction_name(op: Operation, index: int) -> str:
    """How messages name instruction number `index` of a program, or of its load program: number, operation, bundle."""
    bundle = location_name(op)
    place = " of the load program" if isinstance(op.parent_op(), LoadProgramOp) else ""
    return f"'instruction {index}{place}' ({op.name}{'' if bundle is None else f' of {bundle}'})"


def weight_stream(data: bytes | NDArray[np.uint8]) -> DenseIntOrFPElementsAttr:
    """Bytes as the `dense<...> : tensor<Nxi8>` of a program, without a copy for each element."""
    raw = bytes(data)
    return DenseIntOrFPElementsAttr(TensorType(i8, [len(raw)]), BytesAttr(raw))


Engine = Dialect("engine", [HardwareOp], [TensorAttr])
