"""
What instructions leave each other of the ports of feature memory, for the timeline: shares of the cycles, in stretches of time.

Of the instructions before the one in question it is known when they run. Those behind it run as far from it as they did in the
walk before: so what is late for a reason that lies earlier moves all of them, and one walk more settles much of a program.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from dsf.cost import Cost


@dataclass(frozen=True)
class Stretch:
    """Cycles [first, stop) in which an instruction has a share of a port; if `slot` is set, the beginning of each so many."""

    first: int
    stop: int
    share: float
    slot: int = 0


def stretch_of(accesses: int, first: int, stop: int) -> Stretch:
    """The stretch in which an instruction has so many accesses."""
    return Stretch(first, stop, min(1.0, accesses / max(1, stop - first)))


class Line:
    """The stretches of a unit at a port, one after the other: those of this walk so far, and of the walk before."""

    def __init__(self, before: Line | None = None):
        self._before = [] if before is None else before._now
        self._now: list[Stretch] = []
        self._stops: list[int] = []

    def add(self, stretch: Stretch) -> None:
        self._now.append(stretch)
        self._stops.append(stretch.stop)

    def over(self, cycle: int, shift: int) -> Iterator[Stretch]:
        """Those that are not over at a cycle, the ones behind the instruction in question moved by `shift` cycles."""
        for index in range(bisect_right(self._stops, cycle), len(self._now)):
            yield self._now[index]
        last = self._stops[-1] if self._stops else 0
        for index in range(len(self._now), len(self._before)):
            one = self._before[index]
            first, stop = max(last, one.first + shift), one.stop + shift
            if stop > max(cycle, first):
                yield Stretch(first, stop, one.share, one.slot)


def together(lines: Sequence[Line], cycle: int, shift: int) -> Iterator[Stretch]:
    """What several units have of a port from a cycle on, in stretches in which that stays the same."""
    rest = [line.over(cycle, shift) for line in lines]
    if len(rest) == 1:
        yield from rest[0]
        return
    heads = [next(one, None) for one in rest]
    while any(heads):
        active = [one for one in heads if one is not None and one.first <= cycle]
        ends = [one.stop for one in active] + [one.first for one in heads if one is not None and one.first > cycle]
        stop = min(ends)
        if active:
            yield Stretch(cycle, stop, min(1.0, sum(one.share for one in active)), max(one.slot for one in active))
        cycle = stop
        for number, one in enumerate(heads):
            while one is not None and one.stop <= cycle:
                one = heads[number] = next(rest[number], None)


class Port:
    """
    The read or the write port of feature memory, of which the units of `lines` leave a share of the cycles. `accesses` are
    those of an instruction at this port, of which at most `under_way` wait for each other; None: any number.
    """

    def __init__(self, lines: Sequence[Line], accesses: Callable[[Cost], int], under_way: int | None = None):
        self._lines = lines
        self._accesses = accesses
        self._under_way = under_way

    def cycles(self, start: int, cost: Cost, shift: int) -> int:
        """What the busy cycles of an instruction that starts at `start` become."""
        accesses = self._accesses(cost)
        if accesses == 0:
            return cost.busy
        wanted, left, now = accesses / cost.busy, float(cost.busy), float(start)
        for other in together(self._lines, start, shift):
            if now + left <= other.first:
                break
            left -= max(0.0, other.first - now)
            now = max(now, other.first)
            speed = min(1.0, self._usable(1 - other.share, other.slot, wanted) / wanted)
            if left <= speed * (other.stop - now):
                return round(now + left / speed) - start
            left -= speed * max(0.0, other.stop - now)
            now = max(now, other.stop)
        return round(now + left) - start

    def _usable(self, share: float, slot: int, wanted: float) -> float:
        """
        The share of the cycles that one can use who wants `wanted` of them, if others leave `share`, at the end of each slot:
        as many at once as may be under way, and then one whenever a beat leaves.
        """
        free = slot * share
        if self._under_way is None or free <= self._under_way:
            return share
        return (self._under_way + (free - self._under_way) * wanted) / slot


def reads_of(line: Line, first: int, last: int, shift: int) -> tuple[float, int]:
    """Accesses of a unit between two cycles, and in how many of these there are any."""
    total, cycles = 0.0, 0
    for one in line.over(first, shift):
        if one.first >= last:
            break
        both = min(one.stop, last) - max(one.first, first)
        total, cycles = total + one.share * both, cycles + both
    return total, cycles
