"""
What instructions leave each other of the ports of feature memory, for the timeline: shares of the cycles, in stretches of time.

Of the instructions before the one in question it is known when they run. Those behind it run as far from it as they did in the
walk before: so what is late for a reason that lies earlier moves all of them, and one walk more settles much of a program.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from math import inf
from typing import NamedTuple

from dsf.cost import Cost

#: Stretches into which an instruction is divided at most; of more of them the average will do.
MOST_STRETCHES = 32


class Stretch(NamedTuple):
    """Cycles [first, stop) in which an instruction has a share of a port; if `slot` is set, the beginning of each so many."""

    first: int
    stop: int
    share: float
    slot: int = 0

    def moved(self, cycles: int) -> Stretch:
        """The same, that many cycles later."""
        first, stop, share, slot = self
        return Stretch(first + cycles, stop + cycles, share, slot)


def stretch_of(accesses: float, first: int, stop: int) -> Stretch:
    """The stretch in which an instruction has so many accesses."""
    return Stretch(first, stop, min(1.0, accesses / max(1, stop - first)))


def reads_of_tiles(cost: Cost, first: int, stop: int) -> list[Stretch]:
    """
    The reads of a MATRIX instruction in cycles [first, stop): tiles of fewer pixels, as a pass may end with, read less often.
    Those for a residual are anywhere.
    """
    tiles = cost.tiles
    if tiles is None or cost.yields or tiles.passes * len(tiles.tiles) > MOST_STRETCHES:
        return [Stretch(first, stop, cost.reads / max(1, stop - first), cost.slot)]
    runs: list[tuple[int, int]] = []
    for tile, count in tiles.tiles * tiles.passes:
        cycles, reads = tile.cycles * count, tile.pixels * tile.slots * count
        if runs and runs[-1][0] * reads == runs[-1][1] * cycles:
            cycles, reads = cycles + runs[-1][0], reads + runs.pop()[1]
        runs.append((cycles, reads))
    # Where tiles wait they take longer.
    longer = (stop - first) / sum(cycles for cycles, _ in runs)
    anywhere = max(0, cost.reads - sum(reads for _, reads in runs)) / max(1, stop - first)
    found: list[Stretch] = []
    done, begin = 0, first
    for cycles, reads in runs:
        done += cycles
        end = first + round(done * longer)
        found.append(Stretch(begin, end, min(1.0, reads / (cycles * longer) + anywhere), cost.slot))
        begin = end
    return found


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
    heads = [next(one, None) for one in rest]
    while any(heads):
        if heads.count(None) == len(heads) - 1:
            # The others are done.
            for head, others in zip(heads, rest, strict=True):
                if head is not None:
                    yield head
                    yield from others
            return
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
    those of an instruction at this port, of which at most `under_way` wait for each other; None: any number. `lag` is how much
    later than its busy cycles they are.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        accesses: Callable[[Cost], int],
        under_way: int | None = None,
        lag: Callable[[Cost], int] = lambda _: 0,
    ):
        self._lines = lines
        self._accesses = accesses
        self._under_way = under_way
        self._lag = lag

    def speeds(self, start: int, cost: Cost, shift: int) -> Iterator[tuple[int, int, float]]:
        """Cycles from a first one on and before another, and how fast an instruction gets on in them, of 1."""
        wanted, lag = self._accesses(cost) / cost.busy, self._lag(cost)
        if wanted > 0:
            for other in together(self._lines, start + lag, shift):
                speed = min(1.0, self._usable(1 - other.share, other.slot, wanted) / wanted)
                yield other.first - lag, other.stop - lag, speed

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


#: In how many parts it is known when an instruction of the vector unit gets on; the last of them is an average.
PARTS = 8
#: How much slower or faster it may get on within a part.
ALIKE = 0.1

#: When so many of an instruction's busy cycles are left; between two of them it gets on evenly.
Pace = list[tuple[float, float]]


def parts_of(pace: Pace, start: int, stop: int) -> list[tuple[int, int, float]]:
    """
    The parts of an instruction that runs at that pace from `start` to before `stop`: cycles [first, last) and what share of its
    work it does in them. There are always `PARTS`, of which some may have no cycles.
    """
    work = pace[0][1] if pace and pace[0][1] > 0 else 1.0
    points = [*pace, (float(stop), 0.0)] if pace else [(float(start), work), (float(stop), 0.0)]
    ends, speed = [points[0]], inf
    for (before, more), (after, less) in pairwise(points):
        if after <= before:
            continue
        now = (more - less) / (after - before)
        if len(ends) > 1 and (abs(now - speed) <= ALIKE or len(ends) > PARTS):
            ends[-1] = (after, less)
        else:
            ends.append((after, less))
            speed = now
    found = [(round(one[0]), round(other[0]), (one[1] - other[1]) / work) for one, other in pairwise(ends)]
    return [*found, *[(stop, stop, 0.0)] * (PARTS - len(found))]


def cycles_at(ports: Sequence[Port], start: int, cost: Cost, shift: int, pace: Pace | None = None) -> int:
    """
    What the busy cycles of an instruction that starts at `start` become, which is as fast as the slowest port lets it. `pace`,
    if given, receives how it gets on, but for its end.
    """
    if cost.busy == 0 or not ports:
        return cost.busy
    if len(ports) == 1:
        return _cycles_at_one(ports[0].speeds(start, cost, shift), start, cost.busy)
    rest = [port.speeds(start, cost, shift) for port in ports]
    heads = [next(one, None) for one in rest]
    now, left = float(start), float(cost.busy)
    while any(heads):
        if pace is not None:
            pace.append((now, left))
        for number, one in enumerate(heads):
            while one is not None and one[1] <= now:
                one = heads[number] = next(rest[number], None)
        found = [one for one in heads if one is not None]
        active = [one for one in found if one[0] <= now]
        end = min((one[1] if one in active else one[0] for one in found), default=now)
        speed = min((one[2] for one in active), default=1.0)
        if left <= speed * (end - now):
            return round(now + left / speed) - start
        left -= speed * (end - now)
        now = float(end)
    if pace is not None:
        pace.append((now, left))
    return round(now + left) - start


def _cycles_at_one(speeds: Iterable[tuple[int, int, float]], start: int, busy: int) -> int:
    """The same at one port, of which it is known how fast the instruction gets on there."""
    now, left = float(start), float(busy)
    for first, stop, speed in speeds:
        if stop <= now:
            continue
        if first > now:
            if left <= first - now:
                break
            left, now = left - (first - now), float(first)
        if left <= speed * (stop - now):
            return round(now + left / speed) - start
        left, now = left - speed * (stop - now), float(stop)
    return round(now + left) - start
