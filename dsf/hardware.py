"""
The hardware's parameters: one frozen dataclass that the compiler, the interpreters, the RTL and the firmware share.

`Hardware` is also an operation of the IR (`engine.hardware`) and, as `hash`, a register of the engine and a
constant of every program, so that a program never runs on a core it was not compiled for.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

from dsf.arguments import as_int, as_pair, is_real
from dsf.disk import read_json
from dsf.errors import HardwareError
from dsf.isa.table import FEATURE_ADDRESSES, LOAD_WEIGHTS, MATRIX
from dsf.layout import table_bytes
from dsf.numerics import MAX_FRACTION, MAX_MULTIPLIER_BITS, MULTIPLIER_BITS, PRODUCT_BITS
from dsf.sizes import power_of_two_at_least

#: The upper half of the addresses stands for what lies before the first element.
MAX_FEATURE_ELEMENTS = FEATURE_ADDRESSES // 2
MAX_WEIGHT_WORDS = 1 << LOAD_WEIGHTS.field("address").bits
#: Lookup tables that the vector unit holds.
VECTOR_TABLES = 2
#: In MHz; the firmware has it in Hz, in 32 bits.
MAX_FREQUENCY = 4000
#: Channels of a channel group.
MAX_GROUP_COLUMNS = MATRIX.field("last_group_lanes").high
#: Kernels and images, in each direction.
MAX_KERNEL = MATRIX.field("kernel_rows").high
MAX_IMAGE = MATRIX.field("height").high

#: Words that C (to C11) keeps for itself: the firmware names things after the hardware.
_C_KEYWORDS = re.compile(
    "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|long|"
    "register|restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while"
)


@dataclass(frozen=True)
class PeKind:
    """
    A kind of processing element: the value of the RTL's parameter `Pe`, the cycles from its operands to a sum that includes
    them, and the bits that inputs and weights may have. docs/processing-element.md says how to add a kind.
    """

    parameter: int
    latency: int
    bits: tuple[int, ...]


#: By the name that `Hardware.pe` gives. Parameter and latency are those of `dsf_pkg`.
PE_KINDS = {
    "integer": PeKind(parameter=0, latency=2, bits=(2, 4, 8)),
    "binary": PeKind(parameter=1, latency=1, bits=(1,)),
}


@dataclass(frozen=True)
class Hardware:
    """
    Parameters of one engine.

    `processing_elements` is (rows, columns) of the array, `frequency` is in MHz, memory sizes are in bytes, and
    `max_*` are the largest layer that programs may ask for; they size the memories where these are left at 0. A value
    of 0 for `column_groups`, `vector_length` or a memory means: choose a sensible default (the chosen values are
    those of the constructed object). `pe` is a kind of processing element, or "" for the one that suits the widths: "binary",
    by XNOR, if `bits_input` and `bits_weights` are 1, else "integer". `bits_multiplier` are those of the gain of a channel, and
    `bits_fraction` those that a sum has behind its point where its bias is added: free scales and biases of other tools are
    the more exact. Raises `HardwareError`, which lists every problem at once.
    """

    processing_elements: tuple[int, int] = (8, 24)
    frequency: float = 200
    bits_input: int = 8
    bits_weights: int = 8
    bits_sum: int = 32
    bits_bias: int = 16
    bits_multiplier: int = MULTIPLIER_BITS
    bits_fraction: int = 0
    pe: str = ""
    max_kernel_size: tuple[int, int] = (13, 13)
    max_channels_in: int = 512
    max_channels_out: int = 512
    max_image_size: tuple[int, int] = (32, 32)
    column_groups: int = 0
    vector_length: int = 0
    axi_width: int = 128
    feature_memory: int = 0
    weight_memory: int = 0
    parameter_groups: int = 0
    queue_depth: int = 4
    capture_tiles: int = 4
    watchdog_cycles: int = 1 << 16
    reset: Literal["sync", "async"] = "sync"
    name: str = field(default="dsf", compare=False)

    def __post_init__(self) -> None:
        problems = self._problems_of_types()
        if problems:
            raise HardwareError(problems)
        problems = self._problems_of_shape()
        if problems:
            raise HardwareError(problems)
        self._choose_defaults()
        problems = self._problems_of_sizes()
        if problems:
            raise HardwareError(problems)

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _problems_of_types(self) -> list[str]:
        """What JSON or a caller may have passed; pairs become tuples."""
        problems: list[str] = []
        for one in dataclasses.fields(self):
            value: object = getattr(self, one.name)
            if one.type == "tuple[int, int]":
                pair = as_pair(value)
                if pair is None:
                    problems.append(f"'{one.name}': {value!r}, needs a pair of integers")
                else:
                    self._set(one.name, pair)
            if one.type == "int":
                integer = as_int(value)
                if integer is None:
                    problems.append(f"'{one.name}': {value!r}, needs an integer")
                else:
                    self._set(one.name, integer)
            if one.type == "float":
                integer = as_int(value)
                if not is_real(value):
                    problems.append(f"'{one.name}': {value!r}, needs a number")
                else:
                    self._set(one.name, float(cast(float, value)) if integer is None else integer)
            if one.type == "str" and not isinstance(value, str):
                problems.append(f"'{one.name}': {value!r}, needs a text")
        return problems

    def _problems_of_shape(self) -> list[str]:
        problems: list[str] = []

        def need(ok: bool, name: str, needs: str) -> None:
            if not ok:
                problems.append(f"'{name}': {getattr(self, name)!r}, needs {needs}")

        rows, columns = self.processing_elements
        need(1 <= rows <= 64 and 1 <= columns <= 256, "processing_elements", "1 to 64 rows and 1 to 256 columns")
        need(0.001 <= self.frequency <= MAX_FREQUENCY, "frequency", f"0.001 to {MAX_FREQUENCY} MHz")
        need(self.pe in ("", *PE_KINDS), "pe", f"one of {', '.join(PE_KINDS)}")
        pe = self.pe if self.pe in PE_KINDS else self._suitable_pe()
        *most, last = (str(bits) for bits in PE_KINDS[pe].bits)
        widths = f"{', '.join(most)} or {last}" if most else last
        for name in ("bits_input", "bits_weights"):
            need(getattr(self, name) in PE_KINDS[pe].bits, name, f"{widths} with {pe} processing elements")
        need(16 <= self.bits_sum <= 32, "bits_sum", "16 to 32")
        need(self.bits_bias in (8, 16, 32), "bits_bias", "8, 16 or 32")
        least, most = MULTIPLIER_BITS, MAX_MULTIPLIER_BITS
        need(least <= self.bits_multiplier <= most, "bits_multiplier", f"{least} to {most}")
        need(0 <= self.bits_fraction <= MAX_FRACTION, "bits_fraction", f"0 to {MAX_FRACTION}")
        together = self.bits_sum + self.bits_fraction + self.bits_multiplier
        if together > PRODUCT_BITS and not problems:
            problems.append(
                f"'bits_multiplier': {self.bits_multiplier}, and with bits_sum {self.bits_sum} and bits_fraction "
                f"{self.bits_fraction} {together}, needs at most {PRODUCT_BITS} together; use fewer of one of them"
            )
        need(all(1 <= k <= MAX_KERNEL for k in self.max_kernel_size), "max_kernel_size", f"1 to {MAX_KERNEL} in each direction")
        need(all(1 <= s <= MAX_IMAGE for s in self.max_image_size), "max_image_size", f"1 to {MAX_IMAGE} in each direction")
        need(1 <= self.max_channels_in <= 1 << 16, "max_channels_in", "1 to 65536")
        need(1 <= self.max_channels_out <= 1 << 15, "max_channels_out", "1 to 32768")
        need(0 <= self.column_groups <= 16, "column_groups", "at most 16")
        if columns >= 1 and self.column_groups > 0:
            need(columns % self.column_groups == 0, "column_groups", f"a divisor of the {columns} columns")
        need(
            self.vector_length == 0 or (self.vector_length & (self.vector_length - 1) == 0 and 0 < self.vector_length <= 512),
            "vector_length",
            "a power of two, at most 512",
        )
        need(self.axi_width in (32, 64, 128, 256), "axi_width", "32, 64, 128 or 256")
        need(self.feature_memory >= 0, "feature_memory", "a size in bytes")
        need(self.weight_memory >= 0, "weight_memory", "a size in bytes")
        need(0 <= self.parameter_groups <= 4096, "parameter_groups", "at most 4096")
        need(2 <= self.queue_depth <= 64, "queue_depth", "2 to 64")
        need(self.capture_tiles in (2, 4, 8), "capture_tiles", "2, 4 or 8")
        need(256 <= self.watchdog_cycles < 1 << 31, "watchdog_cycles", "256 to 2**31 - 1")
        need(self.reset in ("sync", "async"), "reset", "'sync' or 'async'")
        need(
            re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.name) is not None and not _C_KEYWORDS.fullmatch(self.name),
            "name",
            "a C identifier of ASCII letters, digits and _, not a word of C",
        )
        return problems

    def _choose_defaults(self) -> None:
        _, columns = self.processing_elements
        if self.pe == "":
            self._set("pe", self._suitable_pe())
        if self.column_groups == 0:
            # Three groups keep 24 pixels in flight on 8 rows; a group below 8 channels wastes the drain.
            good = (g for g in (3, 2, 4) if columns % g == 0 and columns // g >= 8)
            self._set("column_groups", next(good, 1))
        if self.vector_length == 0:
            self._set("vector_length", max(self._least_vector_length(), 16))
        if self.feature_memory == 0:
            height, width = self.max_image_size
            elements = 2 * height * width * max(self.max_channels_in, self.max_channels_out)
            size = power_of_two_at_least(elements * self.bits_input // 8)
            self._set("feature_memory", min(max(size, 1 << 14), 1 << 18))
        if self.weight_memory == 0:
            kernel_height, kernel_width = self.max_kernel_size
            weights = 2 * columns * kernel_height * kernel_width * self.max_channels_in
            size = power_of_two_at_least(weights * self.bits_weights // 8)
            # A channel group's weights have to be there at once: 8192 words hold a dense layer of as many inputs.
            deep = 8192 * self.column_groups * self.weight_slot_bits // 8
            self._set("weight_memory", min(max(size, 1 << 14), max(deep, 1 << 17)))
        if self.parameter_groups == 0:
            groups = power_of_two_at_least(4 * -(-self.max_channels_out // self.group_columns))
            self._set("parameter_groups", min(max(groups, 16), 1024))

    def _suitable_pe(self) -> str:
        return "binary" if 1 in (self.bits_input, self.bits_weights) else "integer"

    def _least_vector_length(self) -> int:
        return max(
            power_of_two_at_least(self.pixels_tall),
            power_of_two_at_least(self.group_columns),
            self.axi_width // self.bits_input,
        )

    def _problems_of_sizes(self) -> list[str]:
        problems: list[str] = []
        if self.group_columns > MAX_GROUP_COLUMNS:
            problems.append(
                f"'column_groups': {self.column_groups} for {self.columns} columns, needs at most {MAX_GROUP_COLUMNS} columns "
                f"in a group; use column_groups={-(-self.columns // MAX_GROUP_COLUMNS)}"
            )
        least = self._least_vector_length()
        if self.vector_length < least:
            problems.append(
                f"'vector_length': {self.vector_length}, needs at least {least}: as many elements as pixels in flight "
                f"({self.pixels_tall}), as channels of a column group ({self.group_columns}), and as a beat of the bus "
                f"({self.axi_width // self.bits_input})"
            )
        elements = self.feature_words * self.vector_length
        if self.feature_words < 4:
            least = 4 * self.word_bytes
            problems.append(f"'feature_memory': {self.feature_memory} bytes, needs at least {least} (4 words)")
        if elements > MAX_FEATURE_ELEMENTS:
            most = MAX_FEATURE_ELEMENTS * self.bits_input // 8
            problems.append(f"'feature_memory': {self.feature_memory} bytes, needs at most {most} (23-bit addresses)")
        if self.weight_words < 4:
            least = self.weight_bytes(4)
            problems.append(f"'weight_memory': {self.weight_memory} bytes, needs at least {least} (4 words a bank)")
        if self.weight_words > MAX_WEIGHT_WORDS:
            most = self.weight_bytes(MAX_WEIGHT_WORDS)
            problems.append(f"'weight_memory': {self.weight_memory} bytes, needs at most {most} (20-bit addresses)")
        return problems

    # Derived sizes.

    @property
    def rows(self) -> int:
        return self.processing_elements[0]

    @property
    def columns(self) -> int:
        return self.processing_elements[1]

    @property
    def group_columns(self) -> int:
        """Channels of a channel group, C/G: also the lanes of the epilogue."""
        return self.columns // self.column_groups

    @property
    def depthwise_groups(self) -> int:
        """Channel groups that a depthwise convolution computes at once: as many as one read of feature memory feeds."""
        return min(self.column_groups, self.vector_length // self.group_columns)

    @property
    def pixels_tall(self) -> int:
        """Pixels in flight when the array is tall, G*R."""
        return self.column_groups * self.rows

    @property
    def pe_kind(self) -> PeKind:
        return PE_KINDS[self.pe]

    @property
    def pe_latency(self) -> int:
        """Cycles from a processing element's operands to a sum that includes them."""
        return self.pe_kind.latency

    @property
    def operand_bits(self) -> int:
        """Bits of an element where it is computed with: between -1 and +1, an element of one bit, there is also 0, padding."""
        return max(2, self.bits_input)

    @property
    def reach(self) -> int:
        """
        Elements that one read of feature memory brings to a row of the array: a word of each bank holds one more than a vector
        whatever the alignment.
        """
        return self.vector_length + 1

    @property
    def vector_lanes(self) -> int:
        """
        Elements that the vector unit takes at once where it works on single elements (ADD, MULTIPLY, TABLE, transposed
        COPY): a power of two, at most as many as the epilogue has lanes, at most 16.
        """
        return min(16, 1 << (self.group_columns.bit_length() - 1))

    @property
    def table_entries(self) -> int:
        """Entries of a lookup table: one for each value of an operand."""
        return 1 << self.operand_bits

    @property
    def table_bytes(self) -> int:
        """Bytes of a lookup table in the weight stream: its entries, packed, and at least 64 bits."""
        return table_bytes(self.operand_bits)

    @property
    def word_bytes(self) -> int:
        """Bytes of a word of feature memory."""
        return self.vector_length * self.bits_input // 8

    @property
    def feature_words(self) -> int:
        """Words of feature memory, in two banks of equal depth."""
        return self.feature_memory // self.word_bytes // 2 * 2

    @property
    def feature_elements(self) -> int:
        return self.feature_words * self.vector_length

    @property
    def weight_word_bits(self) -> int:
        """Bits of a weight word: C/G weights."""
        return self.group_columns * self.bits_weights

    @property
    def weight_slot_bits(self) -> int:
        """Bits that a weight word takes in the weight stream."""
        return max(8, power_of_two_at_least(self.weight_word_bits))

    @property
    def weight_words(self) -> int:
        """Words of each of the G banks of weight memory."""
        return self.weight_memory * 8 // (self.column_groups * self.weight_slot_bits)

    def weight_bytes(self, words: int) -> int:
        """Bytes of a weight memory whose banks have `words` words."""
        return words * self.column_groups * self.weight_slot_bits // 8

    @property
    def beat_bytes(self) -> int:
        return self.axi_width // 8

    @property
    def beat_elements(self) -> int:
        return self.axi_width // self.bits_input

    @property
    def beat_words(self) -> int:
        """Weight words of a channel group that are written to their bank in a cycle: as many as a beat brings."""
        return max(1, self.axi_width // self.weight_slot_bits)

    @property
    def raw_elements(self) -> int:
        """Elements of feature memory that one raw 32-bit sum takes."""
        return 32 // self.bits_input

    # Identity and files.

    def to_dict(self) -> dict[str, Any]:
        """The parameters, by name, JSON types only."""
        plain: dict[str, Any] = {}
        for one in dataclasses.fields(self):
            pair = as_pair(getattr(self, one.name))
            plain[one.name] = getattr(self, one.name) if pair is None else list(pair)
        return plain

    @property
    def hash(self) -> int:
        """32 bits that identify what a program depends on: every parameter but `name` and `frequency`."""
        parameters = {k: v for k, v in self.to_dict().items() if k not in ("name", "frequency")}
        text = json.dumps(parameters, sort_keys=True)
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")

    @staticmethod
    def from_dict(parameters: dict[str, Any], where: str = "hardware") -> Hardware:
        """The inverse of `to_dict`. A missing name takes its default, an unknown one is an error."""
        known = {one.name for one in dataclasses.fields(Hardware)}
        names = ", ".join(sorted(known))
        unknown = [f"'{key}' in {where} is unknown, needs one of: {names}" for key in parameters if key not in known]
        try:
            hardware = Hardware(**{key: value for key, value in parameters.items() if key in known})
        except HardwareError as error:
            raise HardwareError([*unknown, *error.problems]) from error
        if unknown:
            raise HardwareError(unknown)
        return hardware

    @staticmethod
    def from_json(path: str | Path) -> Hardware:
        """Reads what `export` wrote as `config_hw.json`."""
        path = Path(path)
        data = read_json(path, HardwareError, "the file that Hardware.export() writes")
        if not isinstance(data, dict):
            raise HardwareError([f"'{path}' holds no object, needs one with the parameters by name"])
        return Hardware.from_dict(cast(dict[str, Any], data), str(path))

    def export(self, directory: str | Path = ".") -> list[Path]:
        """Writes `config_hw.json`, `config_hw.svh` and `config_hw.tcl` into `directory`; returns their paths."""
        from dsf.codegen.hardware_config import write_hardware_config

        return write_hardware_config(self, Path(directory))


#: The engine of an ONNX or PyTorch model for which none is given. It has room for biases of other tools, and for sums of large
#: dense layers, and gains and biases as fine as these leave: nearly all rounded sums are those that the model means
#: (docs/numerics.md, "Exact").
DEFAULT_HARDWARE = Hardware(bits_bias=32, bits_sum=30, bits_multiplier=24, bits_fraction=8)
