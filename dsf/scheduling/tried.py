"""
What was tried for each layer before it was cut, and what it would have cost: the choosers fill it in if they are given one.

`dsf.scheduling.explain` makes an explanation of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from dsf.dialects.tile_cuts import Mode
from dsf.scheduling.pieces import Cut


@dataclass(frozen=True)
class TriedCut:
    """A cut of a layer: cycles of the layer alone, and words of DRAM traffic."""

    cut: Cut
    cycles: int
    dram_words: int


@dataclass(frozen=True)
class TriedWay:
    """Groups of a convolution that are computed together, in which shapes of the array; `why_not` if that does not fit."""

    block: int
    modes: tuple[Mode, ...]
    cycles: int
    why_not: str | None = None


@dataclass(frozen=True)
class TriedChain:
    """
    Layers that might go on in one, strip by strip, with all that is not passed on in DRAM: cycles and words of DRAM traffic,
    `None` if there is no room for their strips or weights; and the cycles of the layers one after the other.
    """

    layers: tuple[int, ...]
    cycles: int | None
    dram_words: int | None
    apart: int


@dataclass(frozen=True)
class TriedChunk:
    """Images of a chunk, the elements of feature memory that their tensors take at once, and why it is them or not."""

    images: int
    elements: int
    why: str


@dataclass
class Tried:
    """
    Of the batch: all sizes of its chunks that were weighed, last that which was taken. By the number of the layer: all cuts,
    with that which was taken; all ways of a grouped convolution; what does not fit. Of the network: chains of layers.
    """

    chunks: list[TriedChunk] = field(default_factory=list[TriedChunk])
    cuts: dict[int, list[TriedCut]] = field(default_factory=dict[int, list[TriedCut]])
    taken: dict[int, Cut] = field(default_factory=dict[int, Cut])
    ways: dict[int, list[TriedWay]] = field(default_factory=dict[int, list[TriedWay]])
    notes: dict[int, list[str]] = field(default_factory=dict[int, list[str]])
    chains: list[TriedChain] = field(default_factory=list[TriedChain])
    #: The chains that were taken.
    fused: set[tuple[int, ...]] = field(default_factory=set[tuple[int, ...]])

    def note(self, layer: int, text: str) -> None:
        """Says once why something was not tried."""
        notes = self.notes.setdefault(layer, [])
        if text not in notes:
            notes.append(text)
