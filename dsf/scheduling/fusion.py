"""
Chains of layers that go on in one, strip by strip, where that saves cycles or DRAM words (`dsf.scheduling.passed`).

Each layer of a chain has all of its weights on chip, beside those of the others, so that the array goes from one to the next
with each strip. Which chains there are is chosen as the shortest path through the network, all else being in DRAM:

    cost(layers up to j) = min over i of cost(layers up to i) + cost(layers from i to j as one chain)

A chain has at most `MAX_LAYERS`, so this takes time in proportion to the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Generic, TypeVar

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Mode, Outer, Place
from dsf.hardware import Hardware
from dsf.scheduling.cut_rules import computable, weight_depth
from dsf.scheduling.network import Layer, Network, bank_words
from dsf.scheduling.passed import place_for
from dsf.scheduling.pieces import Cut, Load

#: Layers of a chain at most.
MAX_LAYERS = 5
#: Strips of a layer, for one of the layer behind it at most.
MAX_FACTOR = 4

T = TypeVar("T")


@dataclass(frozen=True)
class Segment(Generic[T]):
    """Units `first` to `last` of a network, as one chain, and what was chosen for it."""

    first: int
    last: int
    choice: T


def shortest(count: int, choice_of: Callable[[int, int], tuple[float, T] | None]) -> list[Segment[T]]:
    """
    `count` units in segments of the least total cost. `choice_of(i, j)` is the cost of units i to j, j included, as one
    segment, and what it is for; `None` if they can't be one, nor any larger segment that ends at j.
    """
    best: list[tuple[float, tuple[Segment[T], int] | None]] = [(0.0, None)]
    for last in range(count):
        found: list[tuple[float, tuple[Segment[T], int]]] = []
        for first in range(last, -1, -1):
            made = choice_of(first, last)
            if made is None:
                break
            found.append((best[first][0] + made[0], (Segment(first, last, made[1]), first)))
        assert found, f"unit {last} can't be alone"
        best.append(min(found, key=lambda one: one[0]))
    segments: list[Segment[T]] = []
    end = count
    while (before := best[end][1]) is not None:
        segments.append(before[0])
        end = before[1]
    return segments[::-1]


def can_pass(network: Network, places: Sequence[Place], index: int) -> bool:
    """Whether layer `index`, whose result is in DRAM, can pass it on to the next one strip by strip."""
    layer, behind = network.layers[index], network.layers[index + 1]
    made = layer.result
    able = places[made] is Place.DRAM and made in behind.reads and layer.fills_result and behind.fills_result
    if not able or isinstance(layer.op, tile.CopyOp) or isinstance(behind.op, tile.CopyOp) or behind.is_pixel:
        return False
    return made != behind.source or behind.input_image == layer.output_image


def with_passed(network: Network, places: Sequence[Place], indices: Sequence[int]) -> list[Place]:
    """The places where these layers pass on their results."""
    changed = list(places)
    for index in indices:
        made = network.layers[index].result
        alone = list(network.readers(made)) == [index + 1] and made != network.output
        changed[made] = Place.STRIPS if alone else Place.DRAM_STRIPS
    return changed


def reads_itself(network: Network, places: Sequence[Place], chain: Sequence[int]) -> bool:
    """Whether a layer of a chain reads from DRAM what another one of it stores: it would wait for each store."""
    made = {network.layers[index].result for index in chain}
    return any(
        tensor in made and place_for(network, places, index, tensor) is Place.DRAM
        for index in chain
        for tensor in network.layers[index].reads
    )


def rows_behind(layer: Layer, tensor: int, before: Sequence[int], factor: int) -> tuple[int, ...]:
    """
    The strips of a layer that can be computed after every `factor` strips, with `before` rows, of the one that makes its
    operand `tensor`.
    """
    ends = list(accumulate(before))
    stops = [*ends[factor - 1 : -1 : factor], ends[-1]]
    made = [min(computable(layer, stop) if tensor == layer.source else stop, _of_second(layer, tensor, stop)) for stop in stops]
    return tuple(stop - start for start, stop in pairwise([0, *made]) if stop > start)


def _of_second(layer: Layer, tensor: int, rows: int) -> int:
    return rows if tensor == layer.second else layer.output_image[0]


@dataclass(frozen=True)
class Loads:
    """A way to load the weights of a layer: channel groups and shapes of the array; what its loads take of each memory."""

    groups: tuple[int, ...]
    modes: tuple[Mode, ...]
    depths: tuple[int, ...]
    counts: tuple[int, ...]

    @staticmethod
    def of(layer: Layer, hw: Hardware, groups: tuple[int, ...], modes: tuple[Mode, ...]) -> Loads:
        if not isinstance(layer.op, tile.MatrixOp):
            return Loads(groups, modes, (), ())
        loads = Cut(1, (1,), groups, modes, Outer.STRIPS, layer.op.cut.block.data).loads(layer.blocks, layer.lanes(hw))
        return Loads(groups, modes, tuple(depth_of(hw, layer, one) for one in loads), tuple(one.groups.count for one in loads))

    def cut(self, layer: Layer, rows: tuple[int, ...]) -> Cut:
        """The cut into strips of these rows."""
        outer = Outer.STRIPS if isinstance(layer.op, tile.MatrixOp) else Outer.GROUPS
        while len(rows) > 1 and rows[-1] <= rows[-2] and len(set(rows[:-1])) == 1:
            # The last size of a cut is that of all strips that follow.
            rows = rows[:-1]
        return Cut(1, rows, self.groups, self.modes, outer, layer.op.cut.block.data)


def depth_of(hw: Hardware, layer: Layer, load: Load) -> int:
    """Words of each bank that a load takes."""
    words, groups = layer.words(load.block), load.groups.count
    return bank_words(hw, words, groups, load.mode) or weight_depth(hw, words, groups)


def fit_together(hw: Hardware, ways: Sequence[Loads]) -> bool:
    """Whether all loads of some layers are on chip at once, wherever the first one lies."""
    depths = [size for way in ways for size in way.depths]
    counts = [size for way in ways for size in way.counts]
    memories = (depths, hw.weight_words), (counts, hw.parameter_groups)
    return all(sum(sizes) + (max(sizes) if len(sizes) > 1 else 0) <= most for sizes, most in memories)


def smaller_loads(ways: Sequence[Sequence[Loads]]) -> Iterator[list[list[Loads]]]:
    """The ways to load the weights of some layers: all, then without those of the largest loads, as long as each has one."""
    sizes = sorted({max(way.depths, default=0) for some in ways for way in some}, reverse=True)
    for most in sizes:
        left = [[way for way in some if max(way.depths, default=0) <= most] for some in ways]
        if not all(left):
            return
        yield left
