"""
The meaning of the instructions: the loops of `dsf.isa.table`, vectorised, exact, on a `Machine`.

A matrix instruction gathers the window of each output position as a row of a matrix and multiplies it by the weights in
float64, exact because `sum|x||w|` stays far below 2**53. An accumulator outside `bits_sum` is an error, not a wrap: the
compiler has proved that none occurs.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from dsf import numerics
from dsf.dialects import isa
from dsf.errors import EngineError
from dsf.hardware import Hardware
from dsf.isa.table import POOLS, VectorFunction, WeightTarget
from dsf.layout import pack_elements as pack
from dsf.layout import packed_bytes, unpack_elements, unpack_parameters, unpack_tables, unpack_weight_groups
from dsf.numerics import Ints, int_range
from dsf.runtime.interpreters.convolution import check_sums
from dsf.runtime.machine import Machine

Fields = Mapping[str, int]

#: Elements of the gathered matrix of windows at a time, which bounds its memory to 32 MB.
BLOCK = 1 << 22


def load(machine: Machine, fields: Fields) -> None:
    bits, rows, count = machine.hardware.bits_input, fields["rows"], fields["row_elements"]
    size = packed_bytes(count, bits)
    data = machine.read_dram(fields["base"], fields["offset"], size, rows, fields["row_stride"])
    elements = unpack_elements(data.tobytes(), bits, rows * size * 8 // bits).reshape(rows, -1)[:, :count]
    # Where rows overlap the last one wins, as numpy defines it for repeated indices.
    machine.scatter(_rows(fields["dst"], fields["dst_stride"], rows, count), elements)


def store(machine: Machine, fields: Fields) -> None:
    bits, rows, count = machine.hardware.bits_input, fields["rows"], fields["row_elements"]
    elements = machine.gather(_rows(fields["src"], fields["src_stride"], rows, count))
    packed = b"".join(pack(row, bits) for row in elements)
    data = np.frombuffer(packed, dtype=np.uint8).reshape(rows, -1)
    machine.write_dram(fields["base"], fields["offset"], data, fields["row_stride"])


def _rows(start: int, stride: int, rows: int, elements: int) -> Ints:
    """Addresses of rows of elements, (rows, elements)."""
    return _spread(start + stride * np.arange(rows, dtype=np.int64), elements)


def _spread(starts: Ints, elements: int) -> Ints:
    """Addresses of `elements` consecutive elements from each start, (starts, elements)."""
    return starts[:, None] + np.arange(elements, dtype=np.int64)


def load_weights(machine: Machine, fields: Fields) -> None:
    hardware, groups, words = machine.hardware, fields["groups"], fields["words"]
    data = machine.read_dram(fields["base"], fields["offset"], fields["bytes"]).tobytes()
    lanes, first = hardware.group_columns, fields["address"]
    if fields["target"] == WeightTarget.TABLES:
        machine.tables[first : first + groups] = unpack_tables(data, hardware.operand_bits, groups)
        return
    if fields["target"] == WeightTarget.PARAMETERS:
        target = slice(first, first + groups)
        values = unpack_parameters(data, groups * lanes, hardware.bits_multiplier)
        values = (value.reshape(groups, lanes) for value in values)
        machine.bias[target], machine.multiplier[target], machine.shift[target] = values
        return
    weights = unpack_weight_groups(data, hardware.bits_weights, hardware.weight_slot_bits, groups, words, lanes)
    for index in range(groups):
        bank, start = _group_place(fields["bank"], first, words, index, hardware.column_groups)
        machine.weights[bank, start : start + words] = weights[index]


def _group_place(bank: int, address: int, words: int, index: int, banks: int) -> tuple[int, int]:
    """Bank and first word of the channel group `index`."""
    return (bank + index) % banks, address + (bank + index) // banks * words


class Positions:
    """The output positions of a matrix or vector instruction, images outermost, as columns of numbers."""

    def __init__(self, fields: Fields):
        shape = fields["images"], fields["rows"], fields["columns"]
        self.image, self.row, self.column = (axis.reshape(-1) for axis in np.indices(shape, dtype=np.int64))
        self.source = self.addresses(fields["src"], fields["image_step"], fields["row_step"], fields["x_step"])
        self.x = fields["x_start"] + self.column * fields["x_step"]
        self.y = fields["y_start"] + self.row * fields["y_step"]
        self.width, self.height = fields["row_elements"], fields["height"]
        self.target = self.addresses(fields["dst"], fields["dst_image_step"], fields["dst_row_step"], fields["dst_pixel_step"])

    def addresses(self, start: int, image_step: int, row_step: int, pixel_step: int) -> Ints:
        return start + self.image * image_step + self.row * row_step + self.column * pixel_step

    def __len__(self) -> int:
        return self.image.size


def matrix(machine: Machine, fields: Fields) -> None:
    hardware, positions = machine.hardware, Positions(fields)
    groups, lanes = fields["channel_groups"], hardware.group_columns
    channels = (groups - 1) * lanes + fields["last_group_lanes"]
    parameters = slice(fields["parameter_address"], fields["parameter_address"] + groups)
    bias = machine.bias[parameters].reshape(-1)[:channels]
    accumulators = machine.add_sums(
        _accumulate(machine, fields, positions)[:, :channels],
        accumulate=fields["accumulate"] == 1,
        partial=fields["partial"] == 1,
    )
    if accumulators is None:
        return
    # Of biases that count from the last bit behind the point of a sum.
    bias_shift = fields["bias_shift"] - hardware.bits_fraction
    check_sums(accumulators, bias, bias_shift=bias_shift, bits=hardware.bits_sum)
    if fields["raw"]:
        _write_raw(machine, positions, numerics.raw(accumulators, bias, bias_shift=bias_shift))
        return
    values = numerics.requantize(
        accumulators,
        bias,
        bias_shift=bias_shift,
        multiplier=machine.multiplier[parameters].reshape(-1)[:channels],
        shift=machine.shift[parameters].reshape(-1)[:channels],
        leak=fields["leak"],
        zero_point=fields["zero_point"],
        low=fields["low"],
        high=fields["high"],
    )
    if fields["residual"]:
        values = _add_residual(machine, fields, positions, numerics.to_element(values, hardware.bits_input))
    _write(machine, positions, values)


def _group_weights(machine: Machine, fields: Fields, banks: int) -> Ints:
    """The weights of all channel groups, which lie in `banks` banks, (weight words, groups * lanes)."""
    groups, words, depth = fields["channel_groups"], fields["weight_words"], fields["bank_words"]
    if depth:
        bank, start = fields["weight_bank"], fields["weight_address"]
        return machine.weights[bank:, start : start + depth].reshape(-1, machine.hardware.group_columns)[:words]
    places = (_group_place(fields["weight_bank"], fields["weight_address"], words, i, banks) for i in range(groups))
    return np.concatenate([machine.weights[bank, start : start + words] for bank, start in places], axis=1)


def _accumulate(machine: Machine, fields: Fields, positions: Positions) -> Ints:
    """The sums of all positions and channels, (positions, groups * lanes)."""
    if fields["depthwise"]:
        return _accumulate_depthwise(machine, fields, positions)
    words = fields["weight_words"]
    weights = _group_weights(machine, fields, machine.hardware.column_groups).astype(np.float64)
    sums = np.empty((len(positions), weights.shape[1]), dtype=np.int64)
    step = max(1, BLOCK // words)
    for first in range(0, len(positions), step):
        block = slice(first, first + step)
        sums[block] = _windows(machine, fields, positions, block).astype(np.float64) @ weights
    return sums


def _accumulate_depthwise(machine: Machine, fields: Fields, positions: Positions) -> Ints:
    """The sums of all positions and channels of a depthwise convolution, (positions, groups * lanes)."""
    channels = (fields["channel_groups"] - 1) * machine.hardware.group_columns + fields["last_group_lanes"]
    weights = _group_weights(machine, fields, machine.hardware.depthwise_groups)[:, :channels]
    lanes, sums = np.arange(channels), np.zeros((len(positions), channels), dtype=np.int64)
    words = iter(weights)
    for ky, phase in product(range(fields["kernel_rows"]), range(fields["kernel_runs"])):
        for tap in range(fields["chunk"] if phase < fields["chunks"] else fields["last_chunk"]):
            along = tap * fields["x_step"] + phase * fields["run_step"]
            x, y = (positions.x + along)[:, None] + lanes, (positions.y + ky * fields["y_dilation"])[:, None]
            inside = (x >= 0) & (x < positions.width) & (y >= 0) & (y < positions.height)
            addresses = (positions.source + ky * fields["kernel_row_step"] + along)[:, None] + lanes
            values = np.where(inside, machine.gather(np.where(inside, addresses, 0)), fields["pad_value"])
            sums += values * next(words)
    return sums


def _windows(machine: Machine, fields: Fields, positions: Positions, block: slice) -> Ints:
    """The elements under the kernel at some output positions, (positions, kernel_rows * kernel_runs * run)."""
    taps = np.arange(fields["run"], dtype=np.int64)
    x, y, source = positions.x[block], positions.y[block], positions.source[block]
    runs: list[Ints] = []
    for ky, kx in product(range(fields["kernel_rows"]), range(fields["kernel_runs"])):
        offset = ky * fields["kernel_row_step"] + kx * fields["run_step"]
        tap_x = (x + kx * fields["run_step"])[:, None] + taps
        tap_y = (y + ky * fields["y_dilation"])[:, None]
        inside = (tap_x >= 0) & (tap_x < positions.width) & (tap_y >= 0) & (tap_y < positions.height)
        addresses = np.where(inside, (source + offset)[:, None] + taps, 0)
        runs.append(np.where(inside, machine.gather(addresses), fields["pad_value"]))
    return np.concatenate(runs, axis=1)


def _add_residual(machine: Machine, fields: Fields, positions: Positions, values: Ints) -> Ints:
    steps = (fields[f"residual_{name}_step"] for name in ("image", "row", "pixel"))
    sources = _spread(positions.addresses(fields["residual_src"], *steps), values.shape[1])
    return numerics.residual_add(
        values,
        machine.gather(sources),
        **_factors(machine.hardware, *(fields[f"residual_{name}"] for name in ("multiplier_a", "multiplier_b", "offset"))),
        shift=fields["residual_shift"],
        leak=fields["residual_leak"],
        low=fields["residual_low"],
        high=fields["residual_high"],
    )


def _write(machine: Machine, positions: Positions, values: Ints) -> None:
    _write_to(machine, _spread(positions.target, values.shape[1]), values)


def _write_to(machine: Machine, addresses: Ints, values: Ints) -> None:
    low, high = int_range(machine.hardware.bits_input)
    if values.min() < low or values.max() > high:
        raise EngineError(f"clips to {values.min()} to {values.max()}, needs {low} to {high}, what feature memory holds")
    machine.scatter(addresses, numerics.to_element(values, machine.hardware.bits_input))


def _write_raw(machine: Machine, positions: Positions, values: Ints) -> None:
    """Raw sums, each over several elements, lowest bits first."""
    low, high = int_range(32)
    if values.min() < low or values.max() > high:
        raise EngineError(f"raw sums of {values.min()} to {values.max()}, needs 32 bits")
    bits, per_sum = machine.hardware.bits_input, machine.hardware.raw_elements
    elements = unpack_elements(pack(values, 32), bits, values.size * per_sum).reshape(len(positions), -1)
    machine.scatter(_spread(positions.target, elements.shape[1]), elements)


def vector(machine: Machine, fields: Fields) -> None:
    positions, channels = Positions(fields), np.arange(fields["channels"])
    values = (_pool if fields["function"] in POOLS else _elementwise)(machine, fields, positions, channels)
    targets = positions.target[:, None] + channels * fields["dst_channel_step"]
    _write_to(machine, targets, values)


def _pool(machine: Machine, fields: Fields, positions: Positions, channels: Ints) -> Ints:
    """A pooling's results, (positions, channels)."""
    maximum = fields["function"] == VectorFunction.MAX_POOL
    padding = fields["pad_value"] if not maximum and fields["count_padding"] else None
    lowest = np.iinfo(np.int64).min
    result = np.full((len(positions), channels.size), lowest if maximum else 0, dtype=np.int64)
    count = np.zeros((len(positions), 1), dtype=np.int64)
    for ky, kx in product(range(fields["kernel_rows"]), range(fields["kernel_columns"])):
        x, y = positions.x + kx * fields["kernel_column_step"], positions.y + ky
        inside = ((x >= 0) & (x < positions.width) & (y >= 0) & (y < positions.height))[:, None]
        start = positions.source + ky * fields["kernel_row_step"] + kx * fields["kernel_column_step"]
        values = machine.gather(np.where(inside, start[:, None] + channels, 0))
        if maximum:
            result = np.maximum(result, np.where(inside, values, lowest))
        else:
            result += np.where(inside, values, padding or 0)
        count += 1 if padding is not None else inside
    if count.min() < 1:
        raise EngineError(f"output position {int(count.argmin())} has no element in its window, needs at least one")
    return numerics.pool_scale(
        result,
        np.ones_like(count) if maximum else count,
        left=fields["left"],
        right=fields["right"],
        leak=fields["leak"],
        low=fields["low"],
        high=fields["high"],
    )


def _factors(hardware: Hardware, a: int, b: int, offset: int) -> dict[str, int]:
    """Multipliers and offset of a sum or a product, with as many bits as the engine has."""
    bits = hardware.bits_multiplier
    half = 1 << (bits + numerics.MULTIPLIER_BITS - 1)
    kept = (1 << bits) - 1
    return {"multiplier_a": a & kept, "multiplier_b": b & kept, "offset": (offset + half) % (2 * half) - half}


def _elementwise(machine: Machine, fields: Fields, positions: Positions, channels: Ints) -> Ints:
    """The results of a function of one or two elements, (positions, channels)."""
    x, y = positions.x, positions.y
    inside = ((x >= 0) & (x < positions.width) & (y >= 0) & (y < positions.height))[:, None]
    a = machine.gather(np.where(inside, positions.source[:, None] + channels, 0))
    a = np.where(inside, a, fields["pad_value"])

    def b() -> Ints:
        steps = (fields[f"src_b_{name}_step"] for name in ("image", "row", "pixel"))
        return machine.gather(positions.addresses(fields["src_b"], *steps)[:, None] + channels)

    factors = _factors(machine.hardware, *(fields[name] for name in ("multiplier_a", "multiplier_b", "constant")))
    scale = {"shift": fields["right"], **{name: fields[name] for name in ("leak", "low", "high")}}
    match fields["function"]:
        case VectorFunction.ADD:
            other = b() if factors["multiplier_b"] else np.zeros_like(a)
            return numerics.residual_add(a, other, **factors, **scale)
        case VectorFunction.MULTIPLY:
            zeros = {name: fields[name] for name in ("zero_a", "zero_b")}
            numbers = {"multiplier": factors["multiplier_a"], "offset": factors["offset"]}
            return numerics.multiply(a, b(), **zeros, **numbers, **scale)
        case VectorFunction.TABLE:
            return numerics.lookup(a, machine.tables[fields["table_address"]], machine.hardware.operand_bits)
        case _:  # COPY
            return numerics.clip(a, fields["low"], fields["high"])


@register_impls
class IsaFunctions(InterpreterFunctions):
    """The instructions on one machine. In what order they run is up to `dsf.runtime.queues`."""

    def __init__(self, machine: Machine):
        self.machine = machine

    @impl(isa.LoadOp)
    def run_load(self, interpreter: Interpreter, op: isa.InstructionOp, args: PythonValues) -> PythonValues:
        load(self.machine, op.fields)
        return ()

    @impl(isa.LoadWeightsOp)
    def run_load_weights(self, interpreter: Interpreter, op: isa.InstructionOp, args: PythonValues) -> PythonValues:
        load_weights(self.machine, op.fields)
        return ()

    @impl(isa.MatrixOp)
    def run_matrix(self, interpreter: Interpreter, op: isa.InstructionOp, args: PythonValues) -> PythonValues:
        matrix(self.machine, op.fields)
        return ()

    @impl(isa.VectorOp)
    def run_vector(self, interpreter: Interpreter, op: isa.InstructionOp, args: PythonValues) -> PythonValues:
        vector(self.machine, op.fields)
        return ()

    @impl(isa.StoreOp)
    def run_store(self, interpreter: Interpreter, op: isa.InstructionOp, args: PythonValues) -> PythonValues:
        store(self.machine, op.fields)
        return ()

    @impl(isa.EndOp)
    def run_end(self, interpreter: Interpreter, op: isa.InstructionOp, args: PythonValues) -> PythonValues:
        return ()
