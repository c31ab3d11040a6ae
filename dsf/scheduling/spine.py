"""
What a program is made of before it has tokens and addresses of weights: the spine, which is the steps of computing in order,
and the loads that go in between.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsf.dialects.tile_cuts import Mode
from dsf.scheduling.pieces import Piece, Span
from dsf.scheduling.strips import Held
from dsf.scheduling.weights import Stretch


@dataclass(frozen=True)
class Work:
    """
    One step of the spine: a piece of a layer for a chunk, and the shape of the array for it. `x`, `second` and `y` are where
    its operands and its result lie. `loads` are the numbers of its parameters and weights, or of its table, among the weight
    loads, and `inputs` is how many feature loads it needs, counted from the first.
    """

    chunk: int
    layer: int
    piece: Piece
    mode: Mode
    x: Held
    y: Held
    second: Held | None
    loads: tuple[int, ...]
    inputs: int
    #: Elements of the chunk's output that are complete after it, where it is on chip as a whole; 0 if it makes none.
    output: int = 0
    #: The rows of the result that go to DRAM after it; none if it is not complete, or stays on chip.
    stored: Span | None = None


@dataclass(frozen=True)
class Copy:
    """One step of the spine: `rows` of a lap, for layer `layer`, are copied to the next one. Rows are of `image`."""

    chunk: int
    layer: int
    before: Held
    after: Held
    image: tuple[int, int, int]
    rows: Span
    inputs: int


Step = Work | Copy


@dataclass(frozen=True)
class WeightLoad:
    """A load of weights or parameters; `last` is the last step of the spine that uses it, `None` if it stays for good."""

    stretch: Stretch
    last: int | None


@dataclass(frozen=True)
class FeatureLoad:
    """
    Elements of a tensor that go from DRAM to `held`, all of one stretch or, where `held` has only some channels, those of some
    pixels; `part` counts what is moved. `earliest` is the step of the spine before which it may not stand.
    """

    chunk: int
    layer: int
    held: Held
    part: Span
    earliest: int


@dataclass(frozen=True)
class Order:
    """The spine, and the loads in the order of their queues."""

    spine: tuple[Step, ...]
    weights: tuple[WeightLoad, ...]
    inputs: tuple[FeatureLoad, ...]
