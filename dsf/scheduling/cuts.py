"""
How each layer is cut into pieces, and in which shape the array computes it.

- Channel groups: all weights at once if the whole network's fit the weight memory; otherwise in loads of at most half of it,
  so that one is loaded while the other is used. Long loads are split in any case, so that computing starts early.
- Rows or images: the layer that reads the input, and the one that makes the output, are cut into about
  sqrt(transfer / overhead) strips, which minimises transfer of the first strip + overhead of all: the rest overlaps.
- Mode: the one with fewer estimated cycles.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Literal

from dsf.cost import MATRIX_DRAIN, MATRIX_FILL, TOKEN_LATENCY, move_cost, prefers_tall
from dsf.dialects import tile
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.scheduling.network import Layer, Network

#: Cycles of weights that are worth a load of their own.
LEAST_WEIGHT_LOAD = 128
#: Most strips of a layer.
MAX_STRIPS = 16
STRIP_OVERHEAD = MATRIX_FILL + MATRIX_DRAIN + TOKEN_LATENCY


@dataclass(frozen=True)
class CutOptions:
    """What the user decides: 0 and "auto" leave it to the compiler."""

    rows: int = 0
    groups: int = 0
    mode: Literal["auto", "wide", "tall"] = "auto"


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


def choose_cuts(network: Network, hw: Hardware, images: int, options: CutOptions) -> list[tile.CutAttr]:
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
    least = words * hw.column_groups * hw.weight_slot_bits // 8
    return [
        f"'{layer.name}': {words} weights for an output channel, needs at most {hw.weight_words}, the words of a bank; "
        f"raise weight_memory to {least} bytes or use a smaller kernel or fewer input channels"
    ]


def _cut(network: Network, layer: Layer, hw: Hardware, images: int, fits: Resident, options: CutOptions) -> tile.CutAttr:
    some, rows = _strips(network, layer, hw, images, options)
    if not isinstance(layer.op, tile.MatrixOp):
        return tile.CutAttr.of(images=some, rows=rows)
    pixels = some * rows * layer.output_image[1]
    groups = _groups(layer, hw, fits) if options.groups == 0 else min(options.groups, layer.groups(hw))
    fastest = tile.Mode.TALL if prefers_tall(hw, layer.work(hw, pixels, groups)) else tile.Mode.WIDE
    mode = fastest if options.mode == "auto" else tile.Mode(options.mode)
    return tile.CutAttr.of(images=some, rows=rows, groups=groups, mode=mode)


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


def _strips(network: Network, layer: Layer, hw: Hardware, images: int, options: CutOptions) -> tuple[int, int]:
    """Images and rows of a strip."""
    height = layer.output_image[0]
    if options.rows != 0:
        rows = min(options.rows, height)
        return (1 if rows < height else images), rows
    beats = 0
    if layer.source == network.input:
        beats = move_cost(hw, images * network.tensors[network.input].elements).beats
    if layer.result == network.output:
        beats = max(beats, move_cost(hw, images * network.tensors[network.output].elements).beats)
    count = max(1, min(MAX_STRIPS, isqrt(beats // STRIP_OVERHEAD)))
    if images > 1:
        return -(-images // min(count, images)), height
    return 1, -(-height // min(count, height))
