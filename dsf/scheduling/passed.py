"""
What a layer passes on to the next one strip by strip, as it is made, so that the tensor is on chip as a window of rows only.

    place             who else reads it
    strips            nobody: it is nowhere as a whole
    dram_strips       others, from DRAM, where each strip is stored besides

The next layer reads it as its input, through its window, or adds it. Layers that pass on to each other are a chain. Where the
array takes on a strip it does so once the one behind it has been made, so that it never waits for the end of what it needs:

    A    1    2    3    4
    B              1    2    3    4
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Outer, Place
from dsf.hardware import Hardware
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.parts import makes_parts
from dsf.scheduling.pieces import Cut, Span, input_rows


def passed_to(network: Network, places: Sequence[Place], index: int) -> int | None:
    """The tensor whose strips a layer reads as the one before makes them, if there is one."""
    if index == 0:
        return None
    made = network.layers[index - 1].result
    return made if places[made].in_strips and made in network.layers[index].reads else None


def place_for(network: Network, places: Sequence[Place], index: int, tensor: int) -> Place:
    """Where a layer finds an operand: on chip, in DRAM, or in strips as they are made."""
    if tensor == passed_to(network, places, index):
        return Place.STRIPS
    return Place.DRAM if places[tensor].in_dram else places[tensor]


def waits_a_strip(layer: Layer) -> bool:
    """Whether a layer takes on a strip only once the next one has been made; the vector unit works beside the array at once."""
    return isinstance(layer.op, tile.MatrixOp)


def height_of(layer: Layer, tensor: int) -> int:
    """Rows of an image of an operand."""
    return layer.input_image[0] if tensor == layer.source else layer.second_rows(Span(0, 1))[1][0]


def rows_needed(layer: Layer, tensor: int, images: Span, rows: Span) -> Span:
    """The rows of an operand, counted through all images, that rows of each of some images need of it; as both operands too."""
    height, *_ = layer.input_image
    needed = [(input_rows(layer.window, rows, height), height)] if tensor == layer.source else []
    if tensor == layer.second:
        of_second, (height, *_) = layer.second_rows(rows)
        needed.append((of_second, height))
    firsts = [images.first * height + one.first for one, height in needed]
    stops = [(images.stop - 1) * height + one.stop for one, height in needed]
    return Span(min(firsts), max(stops) - min(firsts))


@dataclass(frozen=True)
class Made:
    """
    A strip of what is passed on, when it is made: its rows, counted through all images, the first row that is read together
    with any of them, and the first that is still to be read of rows before it, `None` if none is.
    """

    rows: Span
    together: int
    pending: int | None

    @property
    def there(self) -> Span:
        """All rows that are there with it."""
        first = min(self.together, self.rows.first if self.pending is None else self.pending)
        return Span(first, self.rows.stop - first)


@dataclass(frozen=True)
class Passing:
    """
    The strips of a tensor that is passed on, in order; `waits` if each is taken on only once the one behind it has been made.

    In their room they are behind each other, in laps, and a new lap begins with a strip: those rows of the lap before that are
    read together with it are copied. Where they go, and the strip too if the array makes it at once, nothing lies that is
    copied or still to be read.
    """

    strips: tuple[Made, ...]
    waits: bool

    @property
    def rows(self) -> int:
        """The most rows that are there at once."""
        return max(one.there.count for one in self.strips)

    @property
    def kept(self) -> int:
        """The most rows before a strip that are read together with it."""
        return max(one.rows.first - one.together for one in self.strips)

    @property
    def strip(self) -> int:
        """The most rows of a strip."""
        return max(one.rows.count for one in self.strips)

    @property
    def least(self) -> int:
        """Rows of the smallest room in which they can be laid out."""
        rows = self.rows
        while self.laps(rows) is None:
            rows += 1
        return rows

    def laps(self, rows: int) -> tuple[int, ...] | None:
        """The strips that begin laps, as few as possible, in a room of so many rows; `None` if it is too small."""
        count = len(self.strips)
        following: list[int | None] = [None] * count + [count]
        for number in reversed(range(count)):
            first = self.strips[number].together
            for other in range(number + 1, count + 1):
                if self.strips[other - 1].rows.stop - first > rows:
                    break
                if following[other] is not None and (other == count or self._can_begin(other, first)):
                    following[number] = other
        begins: list[int] = []
        number: int | None = 0
        while number is not None and number < count:
            begins.append(number)
            number = following[number]
        return None if number is None else tuple(begins)

    def _can_begin(self, number: int, first: int) -> bool:
        """Whether a strip can begin a lap after one whose first row is `first`."""
        strip = self.strips[number]
        kept, high = strip.rows.first - strip.together, strip.rows.stop - strip.together
        if kept > 0 and strip.together - first < (high if self.waits else kept):
            return False
        return strip.pending is None or strip.pending - first >= high


def passing(layer: Layer, cut: Cut, behind: Layer, cut_behind: Cut, images: int) -> Passing:
    """How strips of a layer are there until the next one has read them, in a chunk of `images`."""
    tensor, waits, some = layer.result, waits_a_strip(behind), Span(0, images)
    height = height_of(behind, tensor)
    waiting = deque(rows_needed(behind, tensor, *strip) for strip in cut_behind.strips(some, behind.output_image[0]))
    made: list[Made] = []
    before = 0
    for images_of, rows in cut.strips(some, height):
        strip = Span(images_of.first * height + rows.first, (images_of.count - 1) * height + rows.count)
        pending = waiting[0].first if waiting and waiting[0].stop <= strip.first else None
        made.append(Made(strip, first_with(waiting, strip), pending))
        there = before if waits else strip.stop
        while waiting and waiting[0].stop <= there:
            waiting.popleft()
        before = strip.stop
    return Passing(tuple(made), waits)


def first_with(waiting: Iterable[Span], strip: Span) -> int:
    """The first of the rows that are read together with any of a strip, by those that wait for it or for rows before it."""
    return next((min(needed.first, strip.first) for needed in waiting if needed.stop > strip.first), strip.first)


def chains(network: Network, places: Sequence[Place], along: Set[int] = frozenset()) -> list[list[int]]:
    """
    The layers in order; those that run along with the one before it, strip by strip, are in a list with it, and so are those
    that make parts of one result in DRAM.
    """
    made: list[list[int]] = []
    for index, layer in enumerate(network.layers):
        parts = index > 0 and layer.result == network.layers[index - 1].result and places[layer.result] is Place.DRAM
        if index in along or passed_to(network, places, index) is not None or parts:
            made[-1].append(index)
        else:
            made.append([index])
    return made


def needs_all_channels(layer: Layer, made: int) -> bool:
    """Whether a layer can't take on some channels of a strip of the tensor `made`, one load of weights after the other."""
    return isinstance(layer.op, tile.MatrixOp) or layer.source != made


def passing_problems(network: Network, hw: Hardware) -> Iterator[str]:
    """Where the places of tensors ask for what the layers, as they are cut, do not allow."""
    problems = list(_of_places(network))
    yield from problems or _of_channels(network, hw)


def _of_places(network: Network) -> Iterator[str]:
    for index, layer in enumerate(network.layers):
        place, made = network.places[layer.result], layer.result
        if not place.in_strips:
            continue
        readers, alone = list(network.readers(made)), place is Place.STRIPS
        if index + 1 not in readers or (alone and (readers != [index + 1] or made == network.output)):
            needs = "the next one to read it, and nothing else" if alone else "the next one to read it"
            yield f"'{layer.name}': a result whose place is {place}, needs {needs}; change the place"
            continue
        behind = network.layers[index + 1]
        if isinstance(behind.op, tile.CopyOp) or (behind.is_pixel and behind.second == made):
            yield (
                f"'{behind.name}': a copy of what is there in strips only, needs it on chip or in DRAM; "
                "change the place of its input"
            )
        elif made == behind.source and _sees_others(behind, layer, all_of_it=needs_all_channels(behind, made)):
            image, has = ("x".join(map(str, one)) for one in (layer.output_image, behind.input_image))
            yield (
                f"'{behind.name}': images of {has}, of what is made in strips of images of {image}, needs the same images; "
                "change the place of its input"
            )


def _sees_others(behind: Layer, layer: Layer, *, all_of_it: bool) -> bool:
    """Whether a layer works on images of another shape than the one before made, which a reshape is between."""
    made, seen = layer.output_image, behind.input_image
    return made != seen if all_of_it else made[0] != seen[0] and layer.fills_result


def _of_channels(network: Network, hw: Hardware) -> Iterator[str]:
    """Layers that make some channels of all strips before the others, where a layer behind them needs all of a strip."""
    for chain in chains(network, network.places):
        wanting = (index for index in chain[1:] if needs_all_channels(network.layers[index], network.layers[index - 1].result))
        first = None if makes_parts(network, chain) else next(wanting, None)
        for index in chain if first is not None else ():
            layer = network.layers[index]
            loads = _loads_for_all_strips(layer, hw)
            if first is not None and loads > 1:
                yield (
                    f"'{layer.name}': {loads} loads of weights, one after the other for all strips, of which "
                    f"'{network.layers[first].name}' needs all channels at once, needs outer = strips; change the cut, or the "
                    "places"
                )


def _loads_for_all_strips(layer: Layer, hw: Hardware) -> int:
    """The loads of weights of a layer if it goes through all strips for each; else 1."""
    cut = Cut.of(layer.op.cut)
    if not isinstance(layer.op, tile.MatrixOp) or cut.outer is Outer.STRIPS:
        return 1
    return len({(load.block.outputs, load.groups) for load in cut.loads(layer.blocks, layer.lanes(hw))})
