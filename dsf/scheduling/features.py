"""
Where a network's tensors lie in feature memory, and how many images of the batch are there at once.

A chunk of the batch runs through all layers before the next one starts; every chunk uses the same addresses. The input of
the next chunk is loaded while this one computes, as far as there is room; in this order of preference:

    double   two places for inputs, used in turn: the next input may be loaded at any time
    single   one place for inputs that nothing else uses: as soon as this chunk's input has been used
    tight    the input's place serves other tensors as well: as soon as those have been used

What the vector unit computes in strips, such as a pooling, runs along with the layer before it, if there is room for its
result meanwhile. Where not even the fewest images fit, some tensors are in DRAM (`dsf.scheduling.rooms`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dsf.dialects.records import ints
from dsf.dialects.shapes import shape
from dsf.dialects.tile_cuts import Place
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.isa.table import MATRIX
from dsf.scheduling.allocator import Request, allocate, check_allocation, live_at
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.passed import chains
from dsf.scheduling.rooms import Use, plan_rooms
from dsf.scheduling.strips import Room
from dsf.scheduling.tried import Tried, TriedChunk
from dsf.sizes import align_up, power_of_two_at_least

#: Images of a chunk: what the instructions can count.
MAX_IMAGES = MATRIX.field("images").high


@dataclass(frozen=True)
class FeaturePlan:
    """
    Addresses of the tensors that are on chip as a whole, in elements. `inputs` are those of the inputs of even and odd chunks.
    `along` are the layers that run along with the one before them. `places` says where each tensor lies; a layer has `rooms`
    for strips of those that are not on chip.
    """

    images: int
    addresses: tuple[int, ...]
    inputs: tuple[int, int]
    along: frozenset[int] = frozenset()
    places: tuple[Place, ...] = ()
    rooms: Mapping[tuple[Use, int], Room] = field(default_factory=dict[tuple[Use, int], Room])

    def chains(self, network: Network) -> list[list[int]]:
        """The layers in order; those that run along with the one before it, strip by strip, are in a list with it."""
        return chains(network, self.places, self.along)


def _whole(request: Request, last: int) -> Request:
    return Request(request.name, request.size, 0, last)


def _double(requests: list[Request], index: int, last: int) -> list[Request]:
    both = list(requests)
    both[index] = _whole(requests[index], last)
    return [*both, _whole(requests[index], last)]


def _single(requests: list[Request], index: int, last: int) -> list[Request]:
    one = list(requests)
    one[index] = _whole(requests[index], last)
    return one


def _tight(requests: list[Request], index: int, last: int) -> list[Request]:
    return requests


Variant = Callable[[list[Request], int, int], list[Request]]
VARIANTS: tuple[Variant, ...] = (_double, _single, _tight)


def _wanted(network: Network, images: int, variant: Variant, along: frozenset[int] = frozenset()) -> list[Request]:
    """What chunks of `images` ask of feature memory: the tensors of the network, in their order, and at most a second input."""
    return variant(network.requests(images, along), network.input, max(0, len(network.layers) - 1))


def _try(
    network: Network, hw: Hardware, images: int, variant: Variant, along: frozenset[int] = frozenset()
) -> FeaturePlan | None:
    wanted = _wanted(network, images, variant, along)
    allocation = allocate(wanted, hw.vector_length)
    if allocation.peak > hw.feature_elements:
        return None
    check_allocation(wanted, allocation, hw.feature_elements, hw.vector_length)
    addresses = allocation.addresses[: len(network.tensors)]
    first, second = addresses[network.input], allocation.addresses[-1] if variant is _double else addresses[network.input]
    return FeaturePlan(images, addresses, (first, second), along, network.places)


def _along(network: Network, hw: Hardware, plan: FeaturePlan, variant: Variant) -> FeaturePlan:
    """The plan with as many layers along with the one before them as there is room for, the first ones first."""
    able = [follower for follower in map(network.follower_of, range(len(network.layers))) if follower is not None]
    wanted = [index for index in able if _in_strips(network.layers[index], plan.images)]
    return _with_along(network, hw, plan, variant, wanted)


def _in_strips(layer: Layer, images: int) -> bool:
    cut, (_, height, *_) = layer.op.cut, shape(layer.op.y)
    return cut.images.data < images or ints(cut.rows)[0] < height


def _with_along(network: Network, hw: Hardware, plan: FeaturePlan, variant: Variant, wanted: Sequence[int]) -> FeaturePlan:
    """The plan with what there is room for of the layers `wanted`: all at once if that goes, else one half after the other."""
    if not wanted:
        return plan
    made = _try(network, hw, plan.images, variant, plan.along | set(wanted))
    if made is not None or len(wanted) == 1:
        return made or plan
    middle = len(wanted) // 2
    for half in (wanted[:middle], wanted[middle:]):
        plan = _with_along(network, hw, plan, variant, half)
    return plan


def plan_features(network: Network, hw: Hardware, images: int) -> FeaturePlan:
    """The addresses for chunks of `images`. Raises `ModelError`, naming each layer that does not fit."""
    _check_bytes(network, hw, images)
    if any(place is not Place.CHIP for place in network.places):
        return plan_strips(network, hw, images)
    variants = VARIANTS if images < network.images else (_tight,)
    for variant in variants:
        plan = _try(network, hw, images, variant)
        if plan is not None:
            return _along(network, hw, plan, variant)
    raise ModelError(problems_of_features(network, hw, images))


def plan_strips(network: Network, hw: Hardware, images: int) -> FeaturePlan:
    """The same where some tensors are in DRAM. Raises `ModelError` for a layer that has no room for its strips."""
    addresses, rooms = plan_rooms(network, hw, images)
    first = addresses[network.input]
    return FeaturePlan(images, addresses, (first, first), frozenset(), network.places, rooms)


def problems_of_features(network: Network, hw: Hardware, images: int) -> list[str]:
    """Why `images` do not fit: the layers whose tensors exceed the memory, or else the sum of it all."""
    requests = network.requests(images)
    problems: list[str] = []
    for index, layer in enumerate(network.layers):
        live = live_at(requests, index)
        needed = sum(align_up(request.size, hw.vector_length) for request in live)
        if needed > hw.feature_elements:
            held = ", ".join(f"{request.name} {request.size}" for request in live)
            size = power_of_two_at_least(needed * hw.bits_input // 8)
            problems.append(
                f"'{layer.name}': {needed} elements of feature memory at once ({held}), needs at most {hw.feature_elements}; "
                f"raise feature_memory to {size} bytes or use smaller images or fewer channels"
            )
    if problems:
        return problems
    peak = allocate(requests, hw.vector_length).peak
    return [
        f"'feature_memory': {peak} elements with gaps, needs at most {hw.feature_elements}; "
        f"raise it to {power_of_two_at_least(peak * hw.bits_input // 8)} bytes"
    ]


def least_images(network: Network, hw: Hardware) -> int:
    """The least number of images whose input and output begin and end at bytes in DRAM."""
    images = 1
    sizes = [network.tensors[index].elements * hw.bits_input for index in (network.input, network.output)]
    while any(images * size % 8 for size in sizes):
        images *= 2
    return images


def _check_bytes(network: Network, hw: Hardware, images: int) -> None:
    least = least_images(network, hw)
    if images < network.images and images % least != 0:
        raise ModelError(
            f"'tile.images': {images} images of {hw.bits_input}-bit elements do not end at a byte in DRAM, "
            f"needs a multiple of {least}; change the chunk of the batch"
        )


def choose_images(network: Network, hw: Hardware, wanted: int = 0, tried: Tried | None = None) -> int:
    """
    Images of a chunk: `wanted`, made a number whose tensors end at bytes, or for 0 the largest chunk that fits; a smaller one
    where that lets the next input be loaded meanwhile. Chunks are made equal. If not even the smallest one fits it is that.
    `tried`, if given, receives the sizes that came into question.
    """
    least, whole = least_images(network, hw), network.images

    def weighed(images: int, why: str, variant: Variant = _tight) -> int:
        if tried is not None:
            elements = allocate(_wanted(network, images, variant), hw.vector_length).peak
            tried.chunks.append(TriedChunk(images, elements, why))
        return images

    if wanted > 0:
        return weighed(min(whole, align_up(wanted, least), MAX_IMAGES // least * least), f"taken: the option asks for {wanted}")
    if whole <= MAX_IMAGES and _try(network, hw, whole, _tight) is not None:
        return weighed(whole, "taken: the whole batch")
    has = f"there are {hw.feature_elements:,}"
    weighed(whole, has if whole <= MAX_IMAGES else f"an instruction counts up to {MAX_IMAGES}")
    most = _largest(network, hw, least, _tight)
    if most == 0:
        return weighed(min(least, whole), f"taken: the fewest, with some tensors in DRAM, as {has}")
    double = _largest(network, hw, least, _double)
    best, variant = (double, _double) if 2 * double >= most else (most, _tight)
    count = -(-whole // best)
    # Equal chunks that end at bytes; they are no larger than `best`, which is a multiple too.
    equal = min(best, align_up(-(-whole // count), least))
    if most > best:
        weighed(most, "the most that fit, but without room for the next input meanwhile")
    if best > double > 0:
        weighed(double, "the most with room for the next input meanwhile, but less than half of what fits without", _double)
    if best > equal:
        weighed(best, f"{count} chunks too, the last one smaller", variant)
    room = "with" if variant is _double else "without"
    return weighed(equal, f"taken: {count} equal chunks, {room} room for the next input meanwhile", variant)


def fits(network: Network, hw: Hardware, images: int) -> bool:
    """Whether all tensors of a chunk of `images` are on chip when they are needed."""
    return _try(network, hw, images, _tight) is not None


def _largest(network: Network, hw: Hardware, least: int, variant: Variant) -> int:
    """The largest multiple of `least` that fits, by bisection; 0 if none does."""
    low, high = 0, min(MAX_IMAGES, network.images) // least
    while low < high:
        middle = (low + high + 1) // 2
        if _try(network, hw, middle * least, variant) is None:
            high = middle - 1
        else:
            low = middle
    return low * least
