"""
How long the array takes for the pieces of a layer if it has to wait for their weights.

    arrived(load)  = max(arrived(load - 1), released(all that it has no room beside)) + cycles of the load
    end(step)      = max(end(step - 1), arrived(load of the step)) + cycles of the step
    released(load) = end(last step that uses it)

The layer before is taken to be like this one, as most are: the steps are walked twice, and the second time counts.

Where the weights of a load come in ranges each of these has its place, and so what it has to wait for is known:

    arrived(range) = max(arrived(range - 1), released(ranges of the load before that lie there) + latency) + cycles of the range
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsf.scheduling.pieces import Span


@dataclass(frozen=True)
class Arriving:
    """A load of weights: the cycles it takes, and what it takes of each memory."""

    cycles: int
    sizes: tuple[int, ...]


def cycles_with_loads(steps: Sequence[tuple[int, int]], loads: Sequence[Arriving], capacity: tuple[int, ...]) -> int:
    """
    Cycles of steps, each the number of the load that it uses and the cycles that it computes. Loads begin in order, each as
    soon as there is room; those that are used at once have room together, as the caller has checked.
    """
    count = len(loads)
    last = {load: number for number, (load, _) in enumerate(steps)}
    arrived: list[int] = []
    released = [0] * (2 * count)
    end = port = oldest = 0
    ends: list[int] = []
    #: What the loads from the oldest on take of each memory.
    held: list[int] = [0] * len(capacity)
    for first in (0, count):
        for number, (load, cycles) in enumerate(steps):
            while len(arrived) <= first + load:
                new = loads[len(arrived) % count]
                while oldest < len(arrived) and not _fit(held, new.sizes, capacity):
                    held = [one - less for one, less in zip(held, loads[oldest % count].sizes, strict=True)]
                    port, oldest = max(port, released[oldest]), oldest + 1
                held = [one + more for one, more in zip(held, new.sizes, strict=True)]
                port += new.cycles
                arrived.append(port)
            end = max(end, arrived[first + load]) + cycles
            if last[load] == number:
                released[first + load] = end
        ends.append(end)
    return ends[1] - ends[0]


def _fit(held: Sequence[int], more: Sequence[int], capacity: Sequence[int]) -> bool:
    """Whether there is room for more in each memory."""
    return all(one + other <= most for one, other, most in zip(held, more, capacity, strict=True))


@dataclass(frozen=True)
class Ranges:
    """The weights of a load, in ranges in the order in which they arrive: the places of these, and the cycles they take."""

    places: tuple[Span, ...]
    cycles: tuple[int, ...]


def cycles_in_ranges(loads: Sequence[tuple[Ranges, Sequence[tuple[int | None, int]]]], latency: int) -> int:
    """
    Cycles of the steps of loads whose weights come in ranges, load by load: each step the number of the range that it uses,
    `None` if all, and the cycles that it computes. A load begins `latency` cycles after the last step that uses its place.
    """
    end = port = 0
    before: list[tuple[Span, int]] = []
    ends: list[int] = []
    for _ in range(2):
        for ranges, steps in loads:
            arrived: list[int] = []
            for place, cycles in zip(ranges.places, ranges.cycles, strict=True):
                freed = (at + latency for other, at in before if other.first < place.stop and place.first < other.stop)
                port = max(port, *freed, 0) + cycles
                arrived.append(port)
            released = [0] * len(arrived)
            for number, cycles in steps:
                used = range(len(arrived)) if number is None else (number,)
                end = max(end, *(arrived[one] for one in used)) + cycles
                for one in used:
                    released[one] = end
            before = list(zip(ranges.places, released, strict=True))
        ends.append(end)
    return ends[1] - ends[0]
