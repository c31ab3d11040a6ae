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

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from dsf.cost import FETCH_AHEAD, FETCH_BURST, LOAD_FILL, STORE_READS, TOKEN_LATENCY, Cost
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
    Cycles, from the first beat of the program on; `busy` are those of the cost, and those of waiting for a port. `taken` is
    when the dispatcher has all beats of the instruction.
    """

    start: int
    finish: int
    busy: int
    taken: int


#: Walks at most. Each has one instruction more right than the one before, in the order of time; a few are enough.
WALKS = 64


class _Port:
    """
    What MATRIX leaves of the read or the write port of feature memory: stretches of time in which it leaves a share of the
    cycles, `left` of its cost and its cycles. `accesses` are those of an instruction at this port, of which at most `under_way`
    wait for each other; None: any number.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        times: Sequence[Times],
        accesses: Callable[[Cost], int],
        left: Callable[[Cost, int], float],
        under_way: int | None = None,
    ):
        self._accesses = accesses
        self._under_way = under_way
        self._firsts: list[int] = []
        self._stretches: list[tuple[int, float, int]] = []
        for task, one in zip(tasks, times, strict=True):
            if task.queue is Queue.MATRIX and task.cost.busy > 0:
                first = one.start + task.cost.fill
                self._firsts.append(first)
                self._stretches.append((first + one.busy, left(task.cost, one.busy), task.cost.slot))

    def cycles(self, start: int, cost: Cost) -> int:
        """What the busy cycles of an instruction that starts at `start` become."""
        accesses = self._accesses(cost)
        if accesses == 0:
            return cost.busy
        wanted, left, now = accesses / cost.busy, float(cost.busy), float(start)
        for index in range(max(0, bisect_right(self._firsts, start) - 1), len(self._firsts)):
            first, (last, share, slot) = self._firsts[index], self._stretches[index]
            if now + left <= first:
                break
            left -= max(0.0, first - now)
            now = max(now, first)
            speed = min(1.0, self._usable(share, slot, wanted) / wanted)
            if left <= speed * (last - now):
                return round(now + left / speed) - start
            left -= speed * max(0.0, last - now)
            now = max(now, last)
        return round(now + left) - start

    def _usable(self, share: float, slot: int, wanted: float) -> float:
        """
        The share of the cycles that one can use who wants `wanted` of them, if MATRIX leaves `share`, at the end of each slot:
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


def _reads_left(cost: Cost, busy: int) -> float:
    """Cycles in which STORE reads between tiles are none for others."""
    return (cost.busy - cost.reads) / busy


def _reads_left_to_store(cost: Cost, _: int) -> float:
    return (cost.busy - cost.reads + cost.yields) / (cost.busy + cost.yields)


def _writes_left(cost: Cost, busy: int) -> float:
    return 1 - cost.writes / busy


class _Stores:
    """What STORE reads of feature memory, as it did in the walk before: stretches of time with so many reads."""

    def __init__(self, tasks: Sequence[Task], times: Sequence[Times]):
        stores = [(task.cost, one) for task, one in zip(tasks, times, strict=True) if task.queue is Queue.STORE]
        self._stretches = [(one.start, one.start + one.busy, cost.reads) for cost, one in stores if cost.reads > 0]

    def reads(self, first: int, last: int) -> float:
        """Those between two cycles."""
        index = bisect_right(self._stretches, first, key=lambda stretch: stretch[1])
        total = 0.0
        for begin, end, reads in self._stretches[index:]:
            if begin >= last:
                break
            total += reads * (min(end, last) - max(begin, first)) / (end - begin)
        return total


class _Fetch:
    """Beats of the program that have been fetched, as in the walk before."""

    def __init__(self, tasks: Sequence[Task], times: Sequence[Times]):
        self._taken = [one.taken for one in times]
        self._beats = list(accumulate(task.beats for task in tasks))

    def beats(self, cycle: int) -> int:
        """Those until `cycle`: a burst before anything else moves, then as many as there is room for."""
        if not self._taken:
            return 0
        index = bisect_right(self._taken, cycle)
        ahead = FETCH_AHEAD + (self._beats[index - 1] if index > 0 else 0)
        return min(self._beats[-1], ahead, max(FETCH_BURST, cycle))


class _Ports:
    """Both ports of feature memory, and that of the bus which LOAD reads from, as they were in the walk before."""

    def __init__(self, tasks: Sequence[Task] = (), times: Sequence[Times] = ()):
        writes = _Port(tasks, times, _writes, _writes_left)
        self._of_store = (_Port(tasks, times, _reads, _reads_left_to_store, STORE_READS), writes)
        self._of_others = (_Port(tasks, times, _reads, _reads_left), writes)
        self._stores = _Stores(tasks, times)
        self._fetch = _Fetch(tasks, times)
        self._before = {index: one.busy for index, one in enumerate(times)}

    def cycles(self, index: int, start: int, task: Task) -> int:
        """What the busy cycles of task `index` become if it starts at `start`: those at the port that it waits for longer."""
        cost = task.cost
        if task.queue is Queue.MATRIX:
            if cost.yields == 0:
                return cost.busy
            first = start + cost.fill
            return cost.busy + round(min(cost.yields, self._stores.reads(first, first + self._before.get(index, cost.busy))))
        ports = self._of_store if task.queue is Queue.STORE else self._of_others
        busy = max(port.cycles(start, cost) for port in ports)
        if task.queue is Queue.LOAD:
            end = start + self._before.get(index, cost.busy)
            # Their bursts take turns.
            fetched = min(cost.beats, self._fetch.beats(end) - self._fetch.beats(start))
            busy = max(busy, cost.busy + fetched)
        return busy


class _Unit:
    """A queue and its unit."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.free = 0
        self.finish = 0


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
    dispatched = 0
    for index, task in enumerate(tasks):
        unit = units[task.queue]
        room = unit.starts[-queue_depth] if len(unit.starts) >= queue_depth else 0
        taken = dispatched + task.dispatch
        dispatched = max(taken, room)
        fill = LOAD_FILL if task.queue in (Queue.LOAD, Queue.WEIGHT) else 0
        ready = max((times[producer].finish + TOKEN_LATENCY + fill for producer in task.waits), default=0)
        start = max(dispatched + 1, unit.free, ready)
        busy = ports.cycles(index, start, task)
        finish = max(start + task.cost.latency - task.cost.busy + busy, unit.finish)
        unit.free = start + busy + task.cost.gap
        unit.finish = finish
        unit.starts.append(start)
        times.append(Times(start, finish, busy, taken))
    return times
