"""
How each layer is cut into pieces, and in which shape the array computes it.

- Channel groups: all weights at once if the whole network's fit the weight memory; otherwise in loads of at most half of it,
  so that one is loaded while the other is used. Long loads are split in any case, so that computing starts early.
- Rows or images: the layer that reads the input, and the one that makes the output, are cut into strips, of which only the
  first one's input and the last one's output are not transferred while others are computed.
- Mode: wide or tall. Of all these combinations the one with the fewest estimated cycles is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from dsf.arguments import as_int
from dsf.cost import Cost, matrix_cost, move_cost, pool_cost
from dsf.dialects import tile
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.isa.table import MATRIX
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.pieces import Span, pieces

#: Cycles of weights that are worth a load of their own.
LEAST_WEIGHT_LOAD = 128
#: What the option `mode` may be.
_MODES = ("auto", *tile.Mode)
#: Most strips of a layer.
MAX_STRIPS = 16
#: Cycles that an instruction costs beside its steps, on average: a wait for its input, or for its place in a queue.
PIECE_OVERHEAD = 16


@dataclass(frozen=True)
class TilingOptions:
    """
    What the user decides: `images` of a chunk of the batch, `rows` of a strip (all operations), channel `groups` of a load of
    weights, `mode` of the array; 0 and "auto" leave it to the compiler. Raises `ModelError`.
    """

    images: int = 0
    rows: int = 0
    groups: int = 0
    mode: Literal["auto", "wide", "tall"] = "auto"

    def __post_init__(self) -> None:
        fields = {"images": "images", "rows": "rows", "groups": "channel_groups"}
        sizes = {name: (getattr(self, name), MATRIX.field(field).high) for name, field in fields.items()}
        problems = [
            f"'{name}': {value!r}, needs an integer from 0 (the compiler chooses) to {most}; change the option"
            for name, (value, most) in sizes.items()
            if (integer := as_int(value)) is None or not 0 <= integer <= most
        ]
        if self.mode not in _MODES:
            problems.append(f"'mode': {self.mode!r}, needs one of {', '.join(_MODES)}; change the option")
        if problems:
            raise ModelError(problems)


@dataclass(frozen=True)
class Resident:
    """Whether all weights, and all parameters, of the network fit on chip at once."""

    weights: bool
    parameters: bool


def weight_depth(hw: Hardware, words: int, groups: int) -> int:
    """Words that `groups` channel groups of `words` words take in each bank, the first one in bank 0."""
    return -(-groups // hw.column_groups) * words


def matrix_layers(network: Network) -> list[Layer]:
    return [layer for layer in network.layers if isinstance(layer.op, tile.MatrixOp)]


def resident(network: Network, hw: Hardware) -> Resident:
    """Whether everything fits at once, so that it is loaded once and not for each chunk."""
    layers = matrix_layers(network)
    words = sum(weight_depth(hw, layer.runs(hw).words, layer.groups(hw)) for layer in layers)
    return Resident(words <= hw.weight_words, sum(layer.groups(hw) for layer in layers) <= hw.parameter_groups)


def choose_cuts(network: Network, hw: Hardware, images: int, options: TilingOptions) -> list[tile.CutAttr]:
    """
    A cut for each layer, for chunks of `images`.

    Raises `ModelError` with all layers whose weights do not fit the weight memory.
    """
    problems = [problem for layer in matrix_layers(network) for problem in weight_problems(layer, hw)]
    if problems:
        raise ModelError(problems)
    fits = resident(network, hw)
    return [_cut(network, layer, hw, images, fits, options) for layer in network.layers]


def weight_problems(layer: Layer, hw: Hardware) -> list[str]:
    """Why a single channel group of a layer can't be on chip, if so."""
    words = layer.runs(hw).words
    if words <= hw.weight_words:
        return []
    least = hw.weight_bytes(words)
    return [
        f"'{layer.name}': {words} weights for an output channel, needs at most {hw.weight_words}, the words of a bank; "
        f"raise weight_memory to {least} bytes or use a smaller kernel or fewer input channels"
    ]


@dataclass(frozen=True)
class _Strip:
    """Images and rows of a strip."""

    images: int
    rows: int


def _cut(network: Network, layer: Layer, hw: Hardware, images: int, fits: Resident, options: TilingOptions) -> tile.CutAttr:
    groups = _groups(layer, hw, fits) if options.groups == 0 else min(options.groups, layer.groups(hw))
    # Of equal ones the first: few strips, and the wide array, which drains sooner.
    candidates = [(strip, mode) for strip in _strips(network, layer, images, options) for mode in _modes(layer, hw, options)]
    strip, mode = min(candidates, key=lambda one: _cycles(network, layer, hw, images, one[0], groups, one[1]))
    if not isinstance(layer.op, tile.MatrixOp):
        return tile.CutAttr.of(images=strip.images, rows=strip.rows)
    return tile.CutAttr.of(images=strip.images, rows=strip.rows, groups=groups, mode=mode)


def _modes(layer: Layer, hw: Hardware, options: TilingOptions) -> tuple[tile.Mode, ...]:
    if not isinstance(layer.op, tile.MatrixOp):
        return (tile.Mode.WIDE,)
    if options.mode != "auto":
        return (tile.Mode(options.mode),)
    return (tile.Mode.WIDE, tile.Mode.TALL) if hw.column_groups > 1 else (tile.Mode.WIDE,)


def _groups(layer: Layer, hw: Hardware, fits: Resident) -> int:
    """Channel groups of one load: a multiple of G, or all."""
    words, total = layer.runs(hw).words, layer.groups(hw)
    passes = -(-total // hw.column_groups)
    most = passes
    if not fits.weights:
        most = min(most, max(1, hw.weight_words // 2 // words))
    if not fits.parameters:
        most = min(most, max(1, hw.parameter_groups // 2 // hw.column_groups))
    cycles_of_pass = max(1, words * hw.column_groups * max(hw.weight_slot_bits, hw.axi_width) // hw.axi_width)
    most = min(most, max(1, -(-LEAST_WEIGHT_LOAD // cycles_of_pass)))
    # Loads of equal size.
    return min(total, hw.parameter_groups, -(-passes // -(-passes // most)) * hw.column_groups)


def _strips(network: Network, layer: Layer, images: int, options: TilingOptions) -> list[_Strip]:
    """Strips to choose from: only what exchanges data with DRAM gains by more than one."""
    height = layer.output_image[0]
    if options.rows != 0:
        rows = min(options.rows, height)
        return [_Strip(1 if rows < height else images, rows)]
    exchanges = layer.source == network.input or layer.result == network.output
    counts = range(1, MAX_STRIPS + 1) if exchanges else (1,)
    if images > 1:
        return [_Strip(size, height) for size in dict.fromkeys(-(-images // count) for count in counts)]
    return [_Strip(1, size) for size in dict.fromkeys(-(-height // count) for count in counts)]


def _cycles(network: Network, layer: Layer, hw: Hardware, images: int, strip: _Strip, groups: int, mode: tile.Mode) -> int:
    """
    Cycles of a chunk: all strips, after the load of the first one's input and before the store of the last one's output;
    the other transfers overlap.
    """
    height, width, channels = layer.output_image
    busy = waits = 0
    for piece in pieces(Span(0, images), height, layer.groups(hw), (strip.images, strip.rows, groups)):
        pixels = piece.images.count * piece.rows.count * width
        cost = _compute_cost(layer, hw, pixels, piece.groups.count, channels, mode)
        busy += cost.busy + PIECE_OVERHEAD
        waits = cost.fill + cost.drain
    part = min(1.0, strip.images * strip.rows / (images * height))
    loads = move_cost(hw, images * network.tensors[network.input].elements).beats if layer.source == network.input else 0
    stores = move_cost(hw, images * network.tensors[network.output].elements).beats if layer.result == network.output else 0
    return max(round(part * (loads + stores)) + busy, loads, stores) + waits


def _compute_cost(layer: Layer, hw: Hardware, pixels: int, groups: int, channels: int, mode: tile.Mode) -> Cost:
    if isinstance(layer.op, tile.MatrixOp):
        return matrix_cost(hw, layer.work(hw, pixels, groups), mode is tile.Mode.TALL)
    return pool_cost(hw, pixels, channels, prod(layer.op.window.window.kernel), 0)
