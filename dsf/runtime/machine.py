"""
The engine's state as numpy arrays: feature, weight and parameter memory, and DRAM behind its base registers.

    F[a]                          feature memory: elements of `bits_input` bits, addresses modulo 2**24
    W[bank][word][lane]           weight memory: G banks of words of C/G weights
    P[group][lane]                parameter memory: bias, multiplier and shift of C/G channels
    T[table][value]               lookup tables of the vector unit: an entry for each value of an element
    DRAM[base register][byte]

A fresh machine's feature memory holds a pattern and not zeros, so that what nobody has written is noticed. An address outside a
memory is an `EngineError`, as it is in the engine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dsf.dialects.engine import ProgramOp, TensorAttr
from dsf.errors import BinaryError, EngineError, ModelError
from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.isa.table import FEATURE_ADDRESSES, BaseRegister
from dsf.layout import Bytes, pack_elements, unpack_elements
from dsf.numerics import Ints, as_ints, fits, int_range, to_element, values_text


class Machine:
    """
    The memories of one engine. `feature` (elements), `weights` (banks, words, lanes), `bias`, `multiplier` and `shift`
    (groups, lanes), and `tables` (tables, 2**operand_bits) are int64 arrays; `dram` has an array of bytes for each base
    register.
    """

    def __init__(self, hardware: Hardware):
        low, high = int_range(hardware.bits_input)
        self.hardware = hardware
        pattern = low + np.arange(hardware.feature_elements, dtype=np.int64) * 7 % (high - low + 1)
        self.feature: Ints = to_element(pattern, hardware.bits_input)
        self.weights: Ints = np.zeros((hardware.column_groups, hardware.weight_words, hardware.group_columns), dtype=np.int64)
        parameters = (hardware.parameter_groups, hardware.group_columns)
        self.bias: Ints = np.zeros(parameters, dtype=np.int64)
        self.multiplier: Ints = np.zeros(parameters, dtype=np.int64)
        self.shift: Ints = np.zeros(parameters, dtype=np.int64)
        #: The sums that a partial matrix instruction has left in the array.
        self.sums: Ints | None = None
        self.tables: Ints = np.zeros((VECTOR_TABLES, hardware.table_entries), dtype=np.int64)
        self.dram: dict[BaseRegister, Bytes] = {base: np.zeros(0, dtype=np.uint8) for base in BaseRegister}

    @staticmethod
    def for_program(hardware: Hardware, program: ProgramOp) -> Machine:
        """A machine as the host leaves it before the load program: weights and a zeroed arena in DRAM."""
        machine = Machine(hardware)
        machine.dram[BaseRegister.WEIGHTS] = np.frombuffer(program.weight_bytes, dtype=np.uint8).copy()
        machine.dram[BaseRegister.ARENA] = np.zeros(program.arena_bytes.value.data, dtype=np.uint8)
        return machine

    def begin_run(self, program: ProgramOp, inputs: Sequence[ArrayLike]) -> None:
        """
        Puts inputs and zeroed outputs into DRAM, as the host does before each run. What is on chip stays.

        `inputs` are arrays of integers, of the shapes of the program's inputs. Raises `ModelError` otherwise.
        """
        self.sums = None
        self.dram[BaseRegister.INPUT] = _zeros(program.inputs.data)
        self.dram[BaseRegister.OUTPUT] = _zeros(program.outputs.data)
        if len(inputs) != len(program.inputs):
            raise ModelError(f"'inputs': {len(inputs)} arrays, needs {len(program.inputs)}")
        for tensor, x in zip(program.inputs, inputs, strict=True):
            self.write_tensor(tensor, x)

    # Sums in the array.

    def add_sums(self, sums: Ints, *, accumulate: bool, partial: bool) -> Ints | None:
        """
        The complete sums of a matrix instruction, whose own are `sums`; `None` if it is `partial`: then they stay in the array,
        for the next one, which has to `accumulate`. Raises `EngineError` if it does not, or has no such sums before it.
        """
        if self.sums is None and accumulate:
            raise EngineError("accumulates, needs a partial matrix instruction before it")
        if self.sums is not None:
            if not accumulate:
                raise EngineError("does not accumulate, needs to after a partial matrix instruction")
            if self.sums.shape != sums.shape:
                raise EngineError(f"accumulates sums of shape {sums.shape}, needs {self.sums.shape}, those in the array")
            sums = sums + self.sums
        self.sums = sums if partial else None
        return None if partial else sums

    # Tensors in DRAM.

    def write_tensor(self, tensor: TensorAttr, x: ArrayLike) -> None:
        """Packs integers into the tensor's place in DRAM. Raises `ModelError` for another shape or too large values."""
        values = input_integers(x)
        if values.shape != tensor.dimensions:
            needed = tensor.dimensions
            raise ModelError(f"'input': shape {values.shape}, needs {needed}; give the batch that the program is compiled for")
        bits = tensor.bits.data
        if not fits(values, bits):
            found = f"{values.min()} to {values.max()}"
            raise ModelError(f"'input': values {found}, needs {values_text(bits)}; quantise to {bits} bits")
        start = tensor.offset.data
        data = np.frombuffer(pack_elements(values, tensor.bits.data), dtype=np.uint8)
        self.dram[tensor.register][start : start + data.size] = data

    def read_tensor(self, tensor: TensorAttr) -> Ints:
        """The integers of a tensor in DRAM."""
        return unpack_tensor(tensor, self.dram[tensor.register].tobytes(), tensor.base.data)

    # Bytes in DRAM, elements in feature memory.

    def read_dram(self, base: int, offset: int, size: int, rows: int = 1, stride: int = 0) -> Bytes:
        """`rows` rows of `size` bytes, `stride` bytes apart, as (rows, size)."""
        return self._dram_rows(base, offset, size, rows, stride, "reads").copy()

    def write_dram(self, base: int, offset: int, data: Bytes, stride: int = 0) -> None:
        """Writes rows (rows, size), `stride` bytes apart."""
        rows, size = data.shape
        view = self._dram_rows(base, offset, size, rows, stride, "writes")
        # Row by row: rows may overlap, and the last one wins.
        for target, row in zip(view, data, strict=True):
            target[:] = row

    def _dram_rows(self, base: int, offset: int, size: int, rows: int, stride: int, verb: str) -> Bytes:
        """A view of rows of DRAM, checked."""
        names = {register.value: register for register in BaseRegister}
        if base not in names:
            raise EngineError(f"{verb} base register {base}, needs one of 0 to {max(names)}")
        memory = self.dram[names[base]]
        end = offset + (rows - 1) * stride + size
        if end > memory.size:
            raise EngineError(f"{verb} {names[base].name.lower()} up to byte {end}, needs at most its {memory.size} bytes")
        return np.lib.stride_tricks.as_strided(memory[offset:], (rows, size), (stride, 1))

    def gather(self, addresses: ArrayLike) -> Ints:
        """The elements at some addresses of feature memory."""
        return self.feature[self._checked(addresses, "reads")]

    def scatter(self, addresses: ArrayLike, values: ArrayLike) -> None:
        """Writes elements to some addresses of feature memory."""
        self.feature[self._checked(addresses, "writes")] = values

    def _checked(self, addresses: ArrayLike, verb: str) -> NDArray[np.int64]:
        wrapped = as_ints(addresses) % FEATURE_ADDRESSES
        if wrapped.size and wrapped.max() >= self.feature.size:
            raise EngineError(f"{verb} element {wrapped.max()} of feature memory, needs at most {self.feature.size - 1}")
        return wrapped


def input_integers(x: ArrayLike) -> Ints:
    """What a user passes as input. Raises `ModelError` if it is no array of integers."""
    try:
        return as_ints(x)
    except (TypeError, ValueError) as error:
        raise ModelError(f"'input': {error}, needs an array of integers; quantise the input first") from error


def unpack_tensor(tensor: TensorAttr, memory: bytes, where: str) -> Ints:
    """The integers of a tensor, from what its base register points at. Raises `BinaryError` if that is too short."""
    data = memory[tensor.offset.data :]
    if len(data) < tensor.bytes:
        raise BinaryError(
            f"'{where}': {len(memory)} bytes, needs {tensor.offset.data + tensor.bytes}; it is truncated or foreign"
        )
    return unpack_elements(data, tensor.bits.data, tensor.elements).reshape(tensor.dimensions)


def _zeros(tensors: Sequence[TensorAttr]) -> Bytes:
    """Room for tensors that share a base register."""
    return np.zeros(max(tensor.offset.data + tensor.bytes for tensor in tensors), dtype=np.uint8)
