"""
Channels of a strip that go on alone: where the last layer of a chain with weights is followed by poolings or tables only, each
of its loads of weights makes channels that these take on while the array makes the next ones.

    array     A 1    B 1    A 2    B 2          A, B: channels, each with a window of its own; 1, 2: strips
    vector           A 1    B 1    A 2

So the array never waits for the room of what it made last, though there is no room for two strips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dsf.dialects import tile
from dsf.dialects.tile_cuts import Outer, Place
from dsf.hardware import Hardware
from dsf.scheduling.network import Network
from dsf.scheduling.parts import makes_parts
from dsf.scheduling.pieces import Cut, Span
from dsf.scheduling.strips import Room


def split_layer(
    network: Network, hw: Hardware, places: Sequence[Place], cuts: Mapping[int, Cut], chain: Sequence[int]
) -> int | None:
    """The layer of a chain, as it is cut, whose loads make channels that go on alone; `None` if there is none."""
    matrices = [index for index in chain if isinstance(network.layers[index].op, tile.MatrixOp)]
    if not matrices or matrices[-1] == chain[-1] or makes_parts(network, chain):
        return None
    index = matrices[-1]
    layer, behind = network.layers[index], [network.layers[other] for other in chain if other > index]
    if not all(isinstance(other.op, tile.PoolOp | tile.LookupOp) for other in behind):
        return None
    shapes = all(other.output_image[2] == layer.output_image[2] for other in behind)
    cut = cuts[index]
    loads = cut.loads(layer.blocks, layer.lanes(hw))
    counts = [load.block.channels(load.groups, layer.lanes(hw)).count for load in loads]
    # Channels of whole vectors, and of whole beats in DRAM.
    whole = all(count % hw.vector_length == 0 and count * hw.bits_input % hw.axi_width == 0 for count in counts)
    # Where the shape of the array changes loads are not in the same order in all strips (`Cut.pieces`).
    alone = len(layer.blocks) == len(set(cut.modes)) == 1 and cut.inputs == (0,) and layer.result_image == layer.output_image
    strips = cut.outer is Outer.STRIPS and places[layer.result] is Place.STRIPS
    return index if strips and shapes and whole and alone and len(loads) > 1 else None


def room_of(room: Room, row: int, channels: Span, of: int) -> Room:
    """The part of a room for rows of `row` elements of `of` channels in which some of the channels have theirs."""
    rows = room.size // row
    return Room(room.address + rows * row * channels.first // of, rows * row * channels.count // of)
