"""
Room in feature memory for the strips of tensors that are not there as a whole.

Layers that run along with each other, strip by strip, are a chain; all that a chain uses is there at once, beside the tensors
on chip that live meanwhile. Each window needs room for the rows that one piece reads or makes. With twice that, the next strip
is loaded, or the one before stored, while one is computed; and a tensor that is read several times, for one load of weights
after the other, is loaded once if all of it has room.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import pairwise

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Outer, Place
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.layout import packed_bytes
from dsf.scheduling.allocator import Request, allocate, check_allocation
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.parts import makes_parts, parts_strips
from dsf.scheduling.passed import Passing, chains, needs_all_channels, passing, place_for
from dsf.scheduling.pieces import Cut, Span, input_rows
from dsf.scheduling.strips import Room
from dsf.sizes import align_up, power_of_two_at_least


class Use(Enum):
    """What a layer uses strips for."""

    X = "x"
    SECOND = "second"
    Y = "y"


#: Of the cycles that copying rows of a lap takes, while two layers go on, the array waits for one in so many, about.
COPIED_ALONG = 8

#: A window: what it is for, and the layer.
Key = tuple[Use, int]


@dataclass(frozen=True)
class Wanted:
    """
    Elements of room for strips of a tensor: the `least` that will do, what it takes that transfers and computing overlap, and
    `most`, where more would be of no use. It moves on by `strip` elements for each of `strips` strips; at the end of a lap,
    of `lap` strips in the least room, computing waits for `wait` cycles, unless there is room for both.
    """

    use: Use
    layer: int
    least: int
    overlap: int
    most: int
    strips: int
    wait: int
    lap: int = 1

    @property
    def strip(self) -> int:
        return -(-self.most // self.strips)

    @property
    def sizes(self) -> list[int]:
        """The sizes that make a difference, in ascending order: one more strip in each lap, and overlap."""
        return [*range(self.least, self.overlap, self.strip), self.overlap]

    def waits(self, size: int) -> int:
        """Cycles of a pass over the tensor in which computing waits, with a room of `size`."""
        if size >= self.overlap:
            return 0
        return -(-self.strips // (self.lap + (size - self.least) // self.strip)) * self.wait


def in_bytes(hw: Hardware, layer: Layer) -> bool:
    """Whether the channels of each channel group of a layer's result are whole bytes in DRAM."""
    firsts = [block.outputs.first for block in layer.blocks]
    return all(count * hw.bits_input % 8 == 0 for count in (layer.output_image[2], layer.lanes(hw), *firsts))


def rows_in_bytes(hw: Hardware, elements: int, height: int) -> bool:
    """Whether the rows of a tensor are whole bytes, so that strips of it can lie in DRAM."""
    return elements // height * hw.bits_input % 8 == 0


def channels_at_once(layer: Layer, cut: Cut, hw: Hardware) -> int:
    """Channels of a layer's result that a piece makes: of a matrix layer those of the largest load of weights."""
    if cut.outer is Outer.STRIPS or not isinstance(layer.op, tile.MatrixOp):
        return layer.output_image[2]
    loads = cut.loads(layer.blocks, layer.lanes(hw))
    return max(load.block.channels(load.groups, layer.lanes(hw)).count for load in loads)


def _most_rows(layer: Layer, cut: Cut) -> tuple[int, int, int]:
    """The most rows that a piece reads, from the first to the last, that the one before has not read, and that it makes."""
    (height, *_), (rows, *_) = layer.input_image, layer.output_image
    images = cut.images - 1
    strips = [strip for _, strip in cut.strips(Span(0, 1), rows)]
    windows = [input_rows(layer.window, strip, height) for strip in strips]
    # A window that lies in padding alone has a place too.
    read = images * height + max(1, *(window.count for window in windows))
    moves = [after.stop - before.stop for before, after in pairwise(windows)]
    # Of several images at once all rows are new.
    new = min(read, max(1, *moves)) if moves and images == 0 else read
    return read, new, images * rows + max(strip.count for strip in strips)


def rows_overlapping(rows: int, new: int) -> int:
    """
    Rows of room for a window of so many, of which `new` are new each time, with which nothing waits at the end of a lap: the
    first window of the next lap has other rows than the last one of this lap, which is computed meanwhile.
    """
    kept = rows - new
    return (2 + -(-kept // new)) * new + kept


@dataclass(frozen=True)
class KnownRows:
    """
    Rows of the pieces of a layer as it is cut, and of what it passes on to the next one, and the windows of whole chains, found
    once for each such cut.
    """

    most: dict[object, tuple[int, int, int]] = field(default_factory=dict[object, tuple[int, int, int]])
    passed: dict[object, Passing] = field(default_factory=dict[object, Passing])
    windows: dict[object, tuple[Wanted, ...]] = field(default_factory=dict[object, tuple[Wanted, ...]])


@dataclass(frozen=True)
class Cuts:
    """
    A network as it is cut, for chunks of `images`: `cuts` by layer, `places` by tensor. What is `known`
    is that of other cuts of this network too.
    """

    network: Network
    hw: Hardware
    images: int
    cuts: Mapping[int, Cut]
    places: Sequence[Place]
    known: KnownRows = field(default_factory=KnownRows)

    def windows(self, chain: Sequence[int]) -> tuple[Wanted, ...]:
        """The windows of a chain that is asked for again and again, while others change."""
        layers = [self.network.layers[index] for index in chain]
        places = (self.places[tensor] for layer in layers for tensor in (*layer.reads, layer.result))
        key = (*chain, *(self.cuts[index] for index in chain), *places)
        if key not in self.known.windows:
            self.known.windows[key] = tuple(self.wanted(chain))
        return self.known.windows[key]

    def wanted(self, chain: Sequence[int]) -> Iterator[Wanted]:
        """The windows of a chain."""
        network, hw = self.network, self.hw
        if makes_parts(network, chain):
            yield from self._of_parts(chain)
            return
        first = network.layers[chain[0]]
        at_once = channels_at_once(first, self.cuts[chain[0]], hw)
        if len(chain) > 1 and any(map(self._needs_all, chain[1:])):
            at_once = first.output_image[2]
        for number, index in enumerate(chain):
            layer = network.layers[index]
            read, new, made = self._most_rows(index)
            if self._place(index, layer.source) is Place.DRAM:
                row = network.tensors[layer.source].elements // layer.input_image[0]
                yield self._wanted(Use.X, index, read * row, rows_overlapping(read, new) * row, layer.input_image[0] * row)
            height, _, channels = layer.output_image
            # What runs along makes all channels of a strip, or those that the layer before it has made.
            if number > 0 and (at_once == first.output_image[2] or isinstance(layer.op, tile.MatrixOp)):
                at_once = channels
            if layer.second is not None and self._place(index, layer.second) is Place.DRAM:
                of_image, (rows, width, _) = layer.second_rows(Span(0, min(made, height)))
                part = width * (at_once if in_bytes(hw, layer) else channels)
                needed = (self.cuts[index].images - 1) * rows + of_image.count
                yield self._wanted(Use.SECOND, index, needed * part, 2 * needed * part, rows * part)
            part = _of_channels(network, layer.result, layer, at_once)
            if number + 1 < len(chain):
                yield self._passed(index, chain[number + 1], part, height * part, at_once)
            elif self.places[layer.result] is Place.DRAM:
                yield self._wanted(Use.Y, index, made * part, 2 * made * part, height * part)

    def _of_parts(self, chain: Sequence[int]) -> Iterator[Wanted]:
        """The windows of layers that make parts of one result, which they share."""
        layers, cuts, index = [self.network.layers[one] for one in chain], [self.cuts[one] for one in chain], chain[0]
        strips = list(parts_strips(layers, cuts, self.images))
        images = cuts[0].images - 1

        def window(use: Use, tensor: int, rows: Iterable[Span], height: int) -> Wanted:
            row = self.network.tensors[tensor].elements // height
            least = (images * height + max(1, *(one.count for one in rows))) * row
            return self._wanted(use, index, least, 2 * least, height * row)

        if self.places[layers[0].source].in_dram:
            yield window(Use.X, layers[0].source, (one.read for one in strips), layers[0].input_image[0])
        made, height = [one.made for one in strips], layers[0].result_image[0]
        for layer in layers:
            if layer.second is not None and self.places[layer.second].in_dram:
                yield window(Use.SECOND, layer.second, made, height)
                break
        if self.places[layers[0].result] is Place.DRAM:
            yield window(Use.Y, layers[0].result, made, height)

    def _place(self, index: int, tensor: int) -> Place:
        """Where a layer finds an operand."""
        return place_for(self.network, self.places, index, tensor)

    def _needs_all(self, index: int) -> bool:
        """Whether a layer takes on nothing but whole strips of the one before."""
        return needs_all_channels(self.network.layers[index], self.network.layers[index - 1].result)

    def _passed(self, index: int, behind: int, row: int, image: int, channels: int) -> Wanted:
        """Room for what a layer passes on to the one behind it."""
        follower = self.network.layers[behind]
        there = self._passing(index, behind)
        if not there.waits:
            wait, overlap = self._follow(follower, index, channels), rows_overlapping(there.rows, there.rows - there.kept)
            return self._wanted(Use.Y, index, there.least * row, overlap * row, image, wait)
        # A new lap has rows of the one before only where the next layer reads some once more.
        copied = there.kept * row // self.hw.vector_length
        wanted = self._wanted(Use.Y, index, there.least * row, self.images * image, image, copied // COPIED_ALONG)
        return replace(wanted, lap=max(1, there.rows // there.strip))

    def _passing(self, index: int, behind: int) -> Passing:
        layers, cuts = (self.network.layers[index], self.network.layers[behind]), (self.cuts[index], self.cuts[behind])
        key = (index, behind, *((cut.images, cut.rows) for cut in cuts))
        if key not in self.known.passed:
            self.known.passed[key] = passing(layers[0], cuts[0], layers[1], cuts[1], self.images)
        return self.known.passed[key]

    def _most_rows(self, index: int) -> tuple[int, int, int]:
        cut = self.cuts[index]
        key = (index, cut.images, cut.rows)
        if key not in self.known.most:
            self.known.most[key] = _most_rows(self.network.layers[index], cut)
        return self.known.most[key]

    def _wanted(self, use: Use, index: int, least: int, overlap: int, image: int, wait: int | None = None) -> Wanted:
        """`wait` is given for strips that are read as they are made; others are moved, and what is read twice copied."""
        most, strips = self.images * image, self._strips(index)
        strip = -(-most // strips)
        if wait is None:
            kept = 0 if use is Use.Y else max(0, least - strip)
            wait = strip // self.hw.beat_elements + kept // self.hw.vector_length
        return Wanted(use, index, min(least, most), min(max(least, overlap), most), most, strips, wait)

    def _strips(self, index: int) -> int:
        cut, height = self.cuts[index], self.network.layers[index].output_image[0]
        return -(-self.images // cut.images) * len(Span(0, height).sizes(*cut.rows))

    def _follow(self, behind: Layer, index: int, channels: int) -> int:
        """Cycles in which the vector unit takes on a strip of layer `index`."""
        height, width, _ = behind.output_image
        return behind.vector_cost(self.hw, -(-self.images * height * width // self._strips(index)), channels).busy


def _of_channels(network: Network, tensor: int, layer: Layer, channels: int) -> int:
    """Elements of a row of a tensor like the result, with so many channels."""
    height, _, all_channels = layer.output_image
    return network.tensors[tensor].elements // height // all_channels * channels


def arena_requests(network: Network, images: int, hw: Hardware, order: Sequence[Sequence[int]]) -> dict[int, Request]:
    """
    The tensors between layers that are in DRAM, in bytes, for a chunk of `images`, and between which chains they live: what the
    last layer of a chain stores may not lie over what the first still loads.
    """
    places = network.places
    number = {index: chain for chain, members in enumerate(order) for index in members}
    return {
        layer.result: Request(
            network.tensors[layer.result].name,
            packed_bytes(images * network.tensors[layer.result].elements, hw.bits_input),
            number[index],
            max(number[reader] for reader in network.readers(layer.result)),
        )
        for index, layer in enumerate(network.layers)
        if places[layer.result].in_dram and layer.result != network.output
    }


def tensor_requests(
    network: Network, images: int, places: Sequence[Place], order: Sequence[Sequence[int]]
) -> dict[int, Request]:
    """The tensors that are on chip as a whole, for a chunk of `images`, and between which chains they live."""
    number = {index: chain for chain, members in enumerate(order) for index in members}
    born, dies = {network.input: 0}, {network.input: 0}
    for index, layer in enumerate(network.layers):
        born.setdefault(layer.result, number[index])
        for tensor in (*layer.reads, layer.result):
            dies[tensor] = number[index]
    return {
        index: Request(tensor.name, images * tensor.elements, born[index], dies[index])
        for index, tensor in enumerate(network.tensors)
        if places[index] is Place.CHIP
    }


def all_requests(cuts: Cuts, level: int) -> list[tuple[int | Key, Request]]:
    """The tensors on chip, by number, and the rooms of all chains, by use and layer, as large as `level` has them."""
    network, hw = cuts.network, cuts.hw
    order = chains(network, cuts.places)
    tensors = tensor_requests(network, cuts.images, cuts.places, order)
    requests: list[tuple[int | Key, Request]] = list(tensors.items())
    live = live_elements(hw, tensors.values(), len(order))
    for number, chain in enumerate(order):
        windows = cuts.windows(chain)
        sizes = sizes_of(hw, windows, hw.feature_elements - live[number], level)
        for one, size in zip(windows, sizes, strict=True):
            name = network.layers[one.layer].name
            requests.append(((one.use, one.layer), Request(name, size, number, number)))
    return requests


def plan_rooms(network: Network, hw: Hardware, images: int) -> tuple[tuple[int, ...], dict[Key, Room]]:
    """
    Addresses of the tensors on chip (0 for others), and rooms for the strips of others.

    Raises `ModelError`, naming the layers that have no room for theirs.
    """
    by_layer = {index: Cut.of(layer.op.cut) for index, layer in enumerate(network.layers)}
    cuts = Cuts(network, hw, images, by_layer, network.places)
    problems = list(_problems(cuts))
    if problems:
        raise ModelError(problems)
    for level in (2, 1, 0):
        keys, requests = zip(*all_requests(cuts, level), strict=True)
        allocation = allocate(requests, hw.vector_length)
        if allocation.peak <= hw.feature_elements:
            check_allocation(requests, allocation, hw.feature_elements, hw.vector_length)
            placed = {key: Room(*one) for key, *one in zip(keys, allocation.addresses, (r.size for r in requests), strict=True)}
            addresses = (placed[index].address if index in placed else 0 for index in range(len(network.tensors)))
            return tuple(addresses), {key: room for key, room in placed.items() if isinstance(key, tuple)}
    least = power_of_two_at_least(allocation.peak * hw.bits_input // 8)
    raise ModelError(
        f"'feature_memory': {allocation.peak} elements with gaps, needs at most {hw.feature_elements}; "
        f"raise it to {least} bytes"
    )


def live_elements(hw: Hardware, tensors: Iterable[Request], count: int) -> list[int]:
    """What the tensors on chip take while each of `count` chains is computed."""
    live = [0] * count
    for request in tensors:
        for number in request.steps:
            live[number] += align_up(request.size, hw.vector_length)
    return live


def sizes_of(hw: Hardware, windows: Sequence[Wanted], free: int, level: int) -> list[int]:
    """
    The rooms of a chain in `free` elements. Level 0: the least ones. 1: larger ones, step by step where an element more saves
    most cycles. 2: where there is room for all of a tensor, that.
    """
    sizes = [align_up(one.least, hw.vector_length) for one in windows]
    while level > 0:
        left = free - sum(sizes)
        steps = [
            ((one.waits(size) - one.waits(more)) / (align_up(more, hw.vector_length) - size), index, more)
            for index, (one, size) in enumerate(zip(windows, sizes, strict=True))
            for more in one.sizes
            if 0 < align_up(more, hw.vector_length) - size <= left
        ]
        saved, index, more = max(steps, default=(0, 0, 0))
        if saved <= 0:
            break
        sizes[index] = align_up(more, hw.vector_length)
    for index, one in enumerate(windows):
        most = align_up(one.most, hw.vector_length)
        if level > 1 and 0 < most - sizes[index] <= free - sum(sizes):
            sizes[index] = most
    return sizes


def _problems(cuts: Cuts) -> Iterator[str]:
    network, hw = cuts.network, cuts.hw
    order = chains(network, cuts.places)
    tensors = tensor_requests(network, cuts.images, cuts.places, order)
    live = live_elements(hw, tensors.values(), len(order))
    for held, chain in zip(live, order, strict=True):
        strips = sum(align_up(one.least, hw.vector_length) for one in cuts.windows(chain))
        needed = strips + held
        if needed > hw.feature_elements:
            size = power_of_two_at_least(needed * hw.bits_input // 8)
            yield (
                f"'{network.layers[chain[0]].name}': {needed} elements of feature memory at once, {strips} of them in strips, "
                f"needs at most {hw.feature_elements}; cut it into smaller strips or raise feature_memory to {size} bytes"
            )
