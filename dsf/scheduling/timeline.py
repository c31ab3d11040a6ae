"""
When each instruction of a program runs: a simulation of the dispatcher, the queues and their tokens.

    dispatch(i) = dispatch(i-1) + cycles of the instruction in the dispatcher, once its queue has room
    start(i)    = dispatched, its queue's unit is free, and all that it waits for is complete
    finish(i)   = start(i) + latency, and not before the one ahead of it in its queue

Instructions wait for earlier ones only, so one walk in program order is the whole simulation, and a program cannot
deadlock: the first instruction that is not complete heads its queue, and all that it waits for is complete.

Instructions come over the bus that LOAD reads from, and are fetched ahead. VECTOR and STORE read feature memory when MATRIX
does not, and LOAD writes it when MATRIX does not (docs/port-budget.md), so they take longer beside it; depthwise, MATRIX lets
STORE read between tiles, and takes longer beside that. As those of MATRIX that run beside them may stand behind them in the
program, the walk is repeated with the times of the one before.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from dsf.array_timing import WRITE_TO_DONE, Before, Tiles, run
from dsf.cost import (
    FETCH_AHEAD,
    FETCH_BURST,
    FETCH_LEAD,
    FETCH_START,
    LOAD_AHEAD,
    LOAD_FILL,
    STORE_READS,
    TOKEN_LATENCY,
    Cost,
)
from dsf.isa.table import Queue


@dataclass(frozen=True)
class Task:
    """
    An instruction: its queue, the tasks that it waits for, its cost, the cycles that dispatching it takes, and its beats in the
    instruction stream.
    """

    queue: Queue
    waits: tuple[int, ...]
    cost: Cost
    dispatch: int
    beats: int = 0


@dataclass(frozen=True)
class Times:
    """
    Cycles, from the first beat of the program on; `busy` are those of the cost, and those of waiting for a port, from `first`
    on. `last` is the last step of a MATRIX instruction, `late` by how much its completion is later than could be known before
    the next one ran. `taken` is when the dispatcher has all beats of the instruction. It writes feature memory from the first
    cycle of `writes` on, and before the other.
    """

    start: int
    first: int
    last: int
    finish: int
    busy: int
    taken: int
    writes: tuple[int, int]
    late: int = 0

    @property
    def reads(self) -> tuple[int, int]:
        """From the first cycle on, and before the other, it reads feature memory."""
        return self.first, self.first + self.busy


#: Walks at most. Each has one instruction more right than the one before, in the order of time; a few are enough.
WALKS = 64
#: A share of a port that is none: what is left of sums of shares that cancel.
LEAST_SHARE = 1e-9


@dataclass(frozen=True)
class _Stretch:
    """Cycles [first, stop) in which an instruction has a share of a port; if `slot` is set, the beginning of each so many."""

    first: int
    stop: int
    share: float
    slot: int = 0


def _merged(one: Sequence[_Stretch], other: Sequence[_Stretch]) -> list[_Stretch]:
    """Both, each of which has no two at once, as stretches with what they have together."""
    if not one or not other:
        return [*one, *other]
    changes: dict[int, float] = defaultdict(float)
    for stretch in (*one, *other):
        changes[stretch.first] += stretch.share
        changes[stretch.stop] -= stretch.share
    merged: list[_Stretch] = []
    share, first = 0.0, 0
    for cycle in sorted(changes):
        if share > LEAST_SHARE:
            merged.append(_Stretch(first, cycle, min(1.0, share), _slot(one, first)))
        share += changes[cycle]
        first = cycle
    return merged


def _slot(stretches: Sequence[_Stretch], cycle: int) -> int:
    """That of the stretch that the cycle lies in."""
    index = bisect_right(stretches, cycle, key=lambda one: one.first) - 1
    return stretches[index].slot if index >= 0 and cycle < stretches[index].stop else 0


class _Port:
    """
    The read or the write port of feature memory, of which others leave a share of the cycles. `accesses` are those of an
    instruction at this port, of which at most `under_way` wait for each other; None: any number.
    """

    def __init__(self, others: Sequence[_Stretch], accesses: Callable[[Cost], int], under_way: int | None = None):
        self._others = others
        self._firsts = [one.first for one in others]
        self._accesses = accesses
        self._under_way = under_way

    def cycles(self, start: int, cost: Cost) -> int:
        """What the busy cycles of an instruction that starts at `start` become."""
        accesses = self._accesses(cost)
        if accesses == 0:
            return cost.busy
        wanted, left, now = accesses / cost.busy, float(cost.busy), float(start)
        for index in range(max(0, bisect_right(self._firsts, start) - 1), len(self._others)):
            other = self._others[index]
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


def _reads(cost: Cost) -> int:
    return cost.reads


def _writes(cost: Cost) -> int:
    return cost.writes


def _reads_beside_store(cost: Cost) -> float:
    """The share of the cycles that MATRIX leaves to STORE none of, which it lets read between tiles."""
    return cost.reads / (cost.busy + cost.yields)


class _Others:
    """Stretches of MATRIX and VECTOR at the ports of feature memory, as they were in the walk before."""

    def __init__(self, tasks: Sequence[Task], times: Sequence[Times]):
        matrix, vector = ([*self._of(queue, tasks, times)] for queue in (Queue.MATRIX, Queue.VECTOR))
        # Cycles in which STORE reads between tiles are none for VECTOR.
        self.matrix_reads = [_Stretch(*one.reads, task.cost.reads / one.busy, task.cost.slot) for task, one in matrix]
        self.matrix_writes = [_Stretch(*one.writes, _share(task.cost.writes, one.writes)) for task, one in matrix]
        store = [_Stretch(*one.reads, _reads_beside_store(task.cost), task.cost.slot) for task, one in matrix]
        self.reads = _merged(store, [_Stretch(*one.reads, _share(task.cost.reads, one.reads)) for task, one in vector])
        vector_writes = [_Stretch(*one.writes, _share(task.cost.writes, one.writes)) for task, one in vector]
        self.writes = _merged(self.matrix_writes, vector_writes)

    @staticmethod
    def _of(queue: Queue, tasks: Sequence[Task], times: Sequence[Times]) -> Iterable[tuple[Task, Times]]:
        both = zip(tasks, times, strict=True)
        return ((task, one) for task, one in both if task.queue is queue and task.cost.busy > 0)


def _share(accesses: int, cycles: tuple[int, int]) -> float:
    """Of accesses in cycles from the first on and before the other."""
    return min(1.0, accesses / max(1, cycles[1] - cycles[0]))


class _Stores:
    """What STORE reads of feature memory, as it did in the walk before: stretches of time with so many reads."""

    def __init__(self, tasks: Sequence[Task], times: Sequence[Times]):
        stores = [(task.cost, one) for task, one in zip(tasks, times, strict=True) if task.queue is Queue.STORE]
        self._stretches = [(one.start, one.start + one.busy, cost.reads) for cost, one in stores if cost.reads > 0]

    def reads(self, first: int, last: int) -> tuple[float, int]:
        """Those between two cycles, and in how many of these there are any."""
        index = bisect_right(self._stretches, first, key=lambda stretch: stretch[1])
        total, cycles = 0.0, 0
        for begin, end, reads in self._stretches[index:]:
            if begin >= last:
                break
            both = min(end, last) - max(begin, first)
            total, cycles = total + reads * both / (end - begin), cycles + both
        return total, min(cycles, last - first)


class _Bus:
    """
    The bus that LOAD and the fetch of instructions read from, a beat a cycle: bursts in the order in which they are asked for.
    Instructions are fetched ahead, a burst whenever there is room for it: when those before it have been taken, as in the walk
    before. A LOAD asks for its first beats at once.
    """

    def __init__(self, tasks: Sequence[Task], times: Sequence[Times]):
        beats = list(accumulate(task.beats for task in tasks))
        self._bursts = [min(FETCH_BURST, beats[-1] - first) for first in range(0, beats[-1], FETCH_BURST)] if beats else []
        self._asked = [FETCH_START] * len(self._bursts)
        for burst, last in enumerate(accumulate(self._bursts)):
            if last > FETCH_AHEAD:
                index = bisect_left(beats, last - FETCH_AHEAD)
                self._asked[burst] = times[index].taken - (beats[index] - (last - FETCH_AHEAD)) - FETCH_LEAD
        #: When the last beat of each burst that has been fetched is there.
        self._fetched: list[int] = []
        self._free = FETCH_START

    def loaded(self, asked: int, beats: int) -> tuple[int, int]:
        """When the first beat of a LOAD is there that asks for them in cycle `asked`, and when all are."""
        self._fetch(asked)
        first = max(self._free, asked)
        self._free = first + beats
        while self._fetch(max(asked + beats // FETCH_BURST, self._free - LOAD_AHEAD)):
            pass
        return first, self._free

    def fetched(self, beats: int) -> int:
        """When the dispatcher can have so many beats of the program."""
        if not self._bursts:
            return 0
        burst = (beats - 1) // FETCH_BURST
        while len(self._fetched) <= burst:
            self._fetch_next()
        left = self._bursts[burst] - (beats - burst * FETCH_BURST)
        return self._fetched[burst] - left - FETCH_START

    def _fetch(self, until: int) -> bool:
        """Fetches what has been asked for by then; returns whether that was anything."""
        before = len(self._fetched)
        while len(self._fetched) < len(self._asked) and self._asked[len(self._fetched)] <= until:
            self._fetch_next()
        return len(self._fetched) > before

    def _fetch_next(self) -> None:
        burst = len(self._fetched)
        self._free = max(self._free, self._asked[burst]) + self._bursts[burst]
        self._fetched.append(self._free)


class _Ports:
    """Both ports of feature memory, and that of the bus which LOAD reads from, as they were in the walk before."""

    def __init__(self, tasks: Sequence[Task] = (), times: Sequence[Times] = ()):
        others = _Others(tasks, times)
        self._of = {
            Queue.LOAD: [_Port(others.writes, _writes)],
            Queue.VECTOR: [_Port(others.matrix_reads, _reads), _Port(others.matrix_writes, _writes)],
            Queue.STORE: [_Port(others.reads, _reads, STORE_READS)],
        }
        self._stores = _Stores(tasks, times)
        self.bus = _Bus(tasks, times)
        self._before = {index: one.busy for index, one in enumerate(times)}
        self._late = {index: one.late for index, one in enumerate(times) if one.late}

    def cycles(self, index: int, start: int, task: Task) -> int:
        """What the busy cycles of task `index` become if it starts at `start`: those at the port that it waits for longer."""
        cost = task.cost
        if task.queue is Queue.MATRIX:
            return cost.busy + self.waits(index, start + cost.fill, task)
        return max((port.cycles(start, cost) for port in self._of.get(task.queue, ())), default=cost.busy)

    def waits(self, index: int, first: int, task: Task) -> int:
        """
        How long MATRIX task `index` lets STORE read if its first step comes at `first`, beside the cycles in which it waits for
        results to leave.
        """
        cost = task.cost
        if cost.yields == 0:
            return 0
        before = max(1, self._before.get(index, cost.busy))
        reads, cycles = self._stores.reads(first, first + before)
        return max(0, round(min(cost.yields, reads) - (cost.busy - cost.reads) * cycles / before))

    def late(self, index: int) -> int:
        """By how much MATRIX task `index` is complete later because of what the next one reads."""
        return self._late.get(index, 0)


class _Unit:
    """A queue and its unit."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.free = 0
        self.finish = 0
        #: What MATRIX instructions have left in the array; the number of each, and its completion as the next one finds it.
        self.array = Before()
        self.computed: list[tuple[int, int]] = []


def simulate(tasks: Sequence[Task], queue_depth: int) -> list[Times]:
    """Start and finish of each task, with queues of `queue_depth` instructions."""
    times = _walk(tasks, queue_depth, _Ports())
    for _ in range(WALKS - 1):
        before, times = times, _walk(tasks, queue_depth, _Ports(tasks, times))
        if times == before:
            break
    return times


def _walk(tasks: Sequence[Task], queue_depth: int, ports: _Ports) -> list[Times]:
    units = {queue: _Unit() for queue in Queue}
    times: list[Times] = []
    dispatched = beats = 0
    for index, task in enumerate(tasks):
        unit = units[task.queue]
        room = unit.starts[-queue_depth] if len(unit.starts) >= queue_depth else 0
        beats += task.beats
        taken = max(dispatched + task.dispatch, ports.bus.fetched(beats) if task.beats else 0)
        dispatched = max(taken, room)
        fill = LOAD_FILL if task.queue in (Queue.LOAD, Queue.WEIGHT) else 0
        ready = max((times[producer].finish + TOKEN_LATENCY + fill for producer in task.waits), default=0)
        asked = max(dispatched + 1, ready)
        start = max(asked, unit.free)
        unit.starts.append(start)
        tiles = task.cost.tiles
        if tiles is not None:
            times.append(_compute(unit, index, start, task, tiles, times, ports, taken))
            continue
        busy, first = ports.cycles(index, start, task), start + task.cost.fill
        if task.queue is Queue.LOAD:
            first, stop = ports.bus.loaded(asked, task.cost.beats)
            busy = max(busy, stop - start)
        last = start + task.cost.fill + busy - 1
        finish = max(start + task.cost.latency - task.cost.busy + busy, unit.finish)
        unit.free = start + busy + task.cost.gap
        unit.finish = finish
        times.append(Times(start, first, last, finish, busy, taken, (first, first + busy)))
    return times


def _compute(
    unit: _Unit, index: int, start: int, task: Task, tiles: Tiles, times: list[Times], ports: _Ports, taken: int
) -> Times:
    """A MATRIX instruction that is accepted at `start`, after those before it."""
    ran = run(tiles, unit.array, start)
    for number, finish in enumerate(ran.before, start=len(unit.computed) - len(ran.before)):
        before, known = unit.computed[number]
        times[before] = replace(times[before], late=finish - known)
    waits = ports.waits(index, ran.first, task)
    unit.array = ran.then.moved(waits)
    unit.free = unit.array.earliest
    unit.finish = ran.finish + waits
    unit.computed.append((index, unit.finish))
    writes = ran.write, ran.finish - WRITE_TO_DONE + 1 + waits
    finish, busy = unit.finish + ports.late(index), ran.end + 1 - ran.first + waits
    return Times(start, ran.first, ran.last + waits, finish, busy, taken, writes)
