"""
What lies at a byte of `weights.bin`: of each load of the weight stream as little as says it, so that it can be kept in a file.

The engine's kernel is not always that of the network: columns may be merged, of a transposed convolution each phase has some of
the taps. So the weights are numbered through the engine's kernel, arranged as the stream is, and what is found at a byte is
counted back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np

from dsf.dialects.tile_cuts import Mode
from dsf.errors import ModelError
from dsf.facts import Facts
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.layout import PARAMETER_BYTES, unpack_elements
from dsf.numerics import Ints
from dsf.scheduling.pieces import Block, Load, Span
from dsf.scheduling.weights import arranged_weights, words_of_run
from dsf.transforms.merge_columns import Index, unmerged_index

#: What each byte of a channel's parameters is of; that of the shift also has two bits of a wide multiplier.
PARAMETERS = (*("bias",) * 4, *("multiplier",) * 2, "shift", "multiplier")


@dataclass(frozen=True)
class Kernel:
    """
    The kernel of a layer in the network, `shape` of `groups` groups, whose windows move by `stride` columns: `columns` of them
    are merged, or these rows and columns of it (`taps`) are a phase of a transposed convolution.
    """

    shape: Index
    groups: int
    stride: int = 1
    columns: int = 1
    taps: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def origin(self, index: Index) -> Index | None:
        """Which weight of the network weight `index` of the engine's kernel is; `None` for a zero, or for no tap."""
        if self.taps is None:
            return unmerged_index(self.shape, self.groups, self.stride, self.columns, index)
        y, x, *channels = index
        rows, columns = self.taps
        return (rows[y], columns[x], channels[0], channels[1]) if rows and columns else None


@dataclass(frozen=True)
class Weights:
    """
    The weights or parameters of a load, the window and the kernel of what the engine computes, and that of the network; where
    weights come in ranges, the elements of each kernel row that it has.
    """

    load: Load
    window: Window
    engine: Index
    network: Kernel
    run: Span | None = None


@dataclass(frozen=True)
class Stretch:
    """What one load brings: `kind` is weights, parameters or table, and of a table there is no more to be known."""

    kind: str
    offset: int
    bytes: int
    weights: Weights | None = None

    def to_json(self) -> Facts:
        return asdict(self)

    @staticmethod
    def of_json(data: Facts) -> Stretch:
        """What `to_json` wrote."""
        weights = data["weights"]
        return Stretch(data["kind"], data["offset"], data["bytes"], None if weights is None else _weights(weights))

    def facts(self, byte: int, value: int, hw: Hardware) -> Facts:
        """What lies at a byte of the stretch, whose number is `value`."""
        if self.weights is None:
            return _entries(byte, hw)
        return _parameter(self.weights, byte, hw) if self.kind == "parameters" else _weight(self.weights, byte, value, hw)


def weight_byte(byte: int, data: bytes, loads: Iterable[tuple[Stretch, Facts]], hw: Hardware) -> Facts:
    """
    What lies at a byte of `weights.bin`, whose `data` the loads bring, each with what is known of its instruction. Several
    weights share a byte where they are narrow, so that `weights` is a list; `null` is a column that has no channel, or a weight
    of 0 between groups of a convolution or merged columns, or of positions that no tap of a transposed convolution reaches.

    Raises `ModelError` for a byte that there is not.
    """
    if not 0 <= byte < len(data):
        needs = f"one from 0 to {len(data) - 1}, those of weights.bin" if data else "weights, which the network has none of"
        raise ModelError(f"'--weight-byte': is byte {byte}, needs {needs}; choose another number")
    facts: Facts = {"byte": byte, "value": data[byte]}
    for stretch, instruction in loads:
        if 0 <= byte - stretch.offset < stretch.bytes:
            of_load = {key: instruction[key] for key in ("program", "instruction", "bundle", "sources")}
            return {**facts, "of": stretch.kind, **of_load, **stretch.facts(byte - stretch.offset, data[byte], hw)}
    return {**facts, "of": "padding"}


def _parameter(weights: Weights, byte: int, hw: Hardware) -> Facts:
    lane, inside = divmod(byte, PARAMETER_BYTES)
    channels = weights.load.block.channels(weights.load.groups, hw.group_columns)
    outputs = weights.network.shape[3]
    return {"parameter": PARAMETERS[inside], "channel": (channels.first + lane) % outputs if lane < channels.count else None}


def _entries(byte: int, hw: Hardware) -> Facts:
    """The values of the input whose results lie in a byte of a lookup table."""
    bits, entries = hw.operand_bits, hw.table_entries
    first = byte * 8 // bits
    held = range(first, min(first + max(1, 8 // bits), entries))
    return {"inputs": [entry - entries // 2 for entry in held]}


def _weight(weights: Weights, byte: int, value: int, hw: Hardware) -> Facts:
    bits, slot, lanes = hw.bits_weights, hw.weight_slot_bits, hw.group_columns
    # Counted from 1, so that 0 is no weight.
    numbers = np.arange(1, 1 + np.prod(weights.engine), dtype=np.int64).reshape(weights.engine)
    arranged = arranged_weights(weights.window, numbers, weights.load, lanes, filling=0)
    if weights.run is not None:
        arranged = words_of_run(arranged, weights.window.kernel[0], weights.run)
    # A word has a slot, with room for more than its lanes.
    in_slots: Ints = np.zeros((*arranged.shape[:2], slot // bits), dtype=np.int64)
    in_slots[:, :, :lanes] = arranged
    first, count = byte * 8 // bits, max(1, 8 // bits)
    numbered = in_slots.reshape(-1)[first : first + count].tolist()
    held = unpack_elements(bytes([value]), bits, count).tolist()
    return {"weights": [_origin(weights, one, weight) if one else None for one, weight in zip(numbered, held, strict=False)]}


def _origin(weights: Weights, number: int, value: int) -> Facts | None:
    """What a weight, by its number in the engine's kernel, is in the network; `None` for a zero that the compiler put there."""
    y, x, inner, channel = (int(one) for one in np.unravel_index(number - 1, weights.engine))
    found = weights.network.origin((y, x, inner, channel))
    if found is None:
        return None
    y, x, inner, channel = found
    _, _, taken, outputs = weights.network.shape
    # Inputs are counted through all groups of a convolution.
    return {
        "kernel": [y, x],
        "input": channel // (outputs // weights.network.groups) * taken + inner,
        "channel": channel,
        "value": value,
    }


def _weights(data: Facts) -> Weights:
    load, network = data["load"], data["network"]
    block = Block(Span(**load["block"]["inputs"]), Span(**load["block"]["outputs"]), load["block"]["convolutions"])
    taps = None if network["taps"] is None else (tuple(network["taps"][0]), tuple(network["taps"][1]))
    run = None if data["run"] is None else Span(**data["run"])
    return Weights(
        Load(block, Span(**load["groups"]), Mode(load["mode"])),
        Window(**{name: tuple(values) for name, values in data["window"].items()}),
        _index(data["engine"]),
        Kernel(_index(network["shape"]), network["groups"], network["stride"], network["columns"], taps),
        run,
    )


def _index(sizes: Iterable[int]) -> Index:
    first, second, third, fourth = sizes
    return first, second, third, fourth
