"""
Layers that make parts of one result in DRAM: the phases of a transposed convolution (`dsf.transposed`).

Each makes every s-th row of it, so strips of m of their rows are strips of m * s rows of the result, which all of them make,
one after the other, before it is stored. They are a chain (`dsf.scheduling.rooms`), and see input and result through the same
windows: an input strip is loaded once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from dsf.hardware import Hardware
from dsf.scheduling.cut_rules import weight_depth
from dsf.scheduling.network import Layer, Network, bank_words
from dsf.scheduling.pieces import Cut, Span, input_rows


@dataclass(frozen=True)
class PartsStrip:
    """
    A strip of a result that several layers make, strip by strip: its `images`, and of each image the rows `read` of their input
    and those `made`. `rows` are those of each layer, None where it has none there.
    """

    images: Span
    rows: tuple[Span | None, ...]
    read: Span
    made: Span


def parts_strips(layers: Sequence[Layer], cuts: Sequence[Cut], images: int) -> Iterator[PartsStrip]:
    """The strips of a result that all `layers` make parts of; they are cut alike, but some may have a row less."""
    height, *_ = layers[0].input_image
    of_layers = [list(Span(0, one.output_image[0]).blocks(*cut.rows)) for one, cut in zip(layers, cuts, strict=True)]
    for some in Span(0, images).blocks(cuts[0].images):
        for rows in zip_longest(*of_layers):
            read = [input_rows(one.window, strip, height) for one, strip in zip(layers, rows, strict=True) if strip is not None]
            needed = [one for one in read if one.count > 0] or read
            first = min(one.first for one in needed)
            made = next(one.strip_of_result(strip) for one, strip in zip(layers, rows, strict=True) if strip is not None)
            yield PartsStrip(some, rows, Span(first, max(one.stop for one in needed) - first), made)


def of_images(images: Span, rows: Span, height: int) -> Span:
    """Rows of each of some images of `height` rows, counted through all images."""
    return Span(images.first * height + rows.first, (images.count - 1) * height + rows.count)


def makes_parts(network: Network, chain: Sequence[int]) -> bool:
    """Whether the layers of a chain make parts of one result, rather than each something of what the one before makes."""
    return len(chain) > 1 and network.layers[chain[0]].result == network.layers[chain[1]].result


def loads_stay(hw: Hardware, cuts: Iterable[tuple[Layer, Cut]]) -> bool:
    """Whether all loads of layers are on chip at once, wherever the first one lies. If not, each strip has its own."""
    loads = [(layer, load) for layer, cut in cuts for load in cut.loads(layer.blocks, layer.lanes(hw))]
    depths = [
        bank_words(hw, layer.words(load.block), load.groups.count, load.mode)
        or weight_depth(hw, layer.words(load.block), load.groups.count)
        for layer, load in loads
    ]
    groups = [load.groups.count for _, load in loads]
    gap = 1 if len(loads) > 1 else 0
    return sum(depths) + gap * max(depths) <= hw.weight_words and sum(groups) + gap * max(groups) <= hw.parameter_groups
