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
program, the walk is repeated: of the instructions behind one it is known how far from it they ran in the walk before. So what
is late moves all that is behind it, and a long program settles about as soon as a short one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from dsf.array_timing import WRITE_TO_DONE, Before, Ran, Tiles, run
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
from dsf.scheduling.ports import Line, Pace, Port, Stretch, cycles_at, parts_of, reads_of, reads_of_tiles, stretch_of


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


class Times(NamedTuple):
    """
    Cycles, from the first beat of the program on; `busy` are those of the cost, and those of waiting for a port, from `first`
    on. `last` is the last step of a MATRIX instruction, `late` by how much its completion is later than could be known before
    the next one ran. `taken` is when the dispatcher has all beats of the instruction. It writes feature memory from the first
    cycle of `writes` on, and before the other. `stopped` are the cycles in which MATRIX let STORE read.
    """

    start: int
    first: int
    last: int
    finish: int
    busy: int
    taken: int
    writes: tuple[int, int]
    late: int = 0
    stopped: int = 0

    @property
    def reads(self) -> tuple[int, int]:
        """From the first cycle on, and before the other, it reads feature memory."""
        return self.first, self.first + self.busy


#: Walks at most; a dozen or two are enough, but for instructions that make room for each other in turn, from walk to walk.
WALKS = 64


class _Bus:
    """
    The bus that LOAD and the fetch of instructions read from, a beat a cycle: bursts in the order in which they are asked for.
    Instructions are fetched ahead, a burst whenever there is room for it: when those before it have been taken, as in the walk
    before. A LOAD asks for its first beats at once.
    """

    def __init__(self, tasks: Sequence[Task], before: Sequence[Times], times: Sequence[Times]):
        """`times` are those of this walk so far."""
        self._before, self._times = before, times
        beats = list(accumulate(task.beats for task in tasks)) if before else []
        self._bursts = [min(FETCH_BURST, beats[-1] - first) for first in range(0, beats[-1], FETCH_BURST)] if beats else []
        #: The instruction that has to be taken before a burst is asked for, and how many of its beats need not be; None: none.
        self._behind: list[tuple[int, int] | None] = []
        for last in accumulate(self._bursts):
            index = bisect_left(beats, last - FETCH_AHEAD)
            self._behind.append((index, beats[index] - (last - FETCH_AHEAD)) if last > FETCH_AHEAD else None)
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
        while len(self._fetched) < len(self._bursts) and self._asked(len(self._fetched)) <= until:
            self._fetch_next()
        return len(self._fetched) > before

    def _asked(self, burst: int) -> int:
        """When a burst is asked for."""
        behind, known = self._behind[burst], len(self._times)
        if behind is None:
            return FETCH_START
        index, more = behind
        if index < known:
            return self._times[index].taken - more - FETCH_LEAD
        shift = self._times[-1].taken - self._before[known - 1].taken if known > 0 else 0
        return self._before[index].taken + shift - more - FETCH_LEAD

    def _fetch_next(self) -> None:
        burst = len(self._fetched)
        self._free = max(self._free, self._asked(burst)) + self._bursts[burst]
        self._fetched.append(self._free)


def _reads(cost: Cost) -> int:
    return cost.reads


def _writes(cost: Cost) -> int:
    return cost.writes


def _write_lag(cost: Cost) -> int:
    """How much later than its reads VECTOR writes."""
    return max(0, cost.drain - WRITE_TO_DONE)


class _Ports:
    """
    Both ports of feature memory, and the bus that LOAD reads from, in one walk. `times` are its own so far, `before` is the
    walk before.
    """

    def __init__(self, tasks: Sequence[Task], times: Sequence[Times], before: Walk | None):
        lines = {} if before is None else before.ports.lines
        names = ("matrix reads", "matrix reads beside store", "matrix writes", "vector reads", "vector writes", "store reads")
        self.lines = {name: Line(lines.get(name)) for name in names}
        writes, reads = self.lines["matrix writes"], self.lines["matrix reads"]
        beside = self.lines["matrix reads beside store"], self.lines["vector reads"]
        self._of = {
            Queue.LOAD: [Port([writes, self.lines["vector writes"]], _writes)],
            Queue.VECTOR: [Port([reads], _reads), Port([writes], _writes, lag=_write_lag)],
            Queue.STORE: [Port(beside, _reads, STORE_READS)],
        }
        self._before: Sequence[Times] = [] if before is None else before.times
        #: How the last VECTOR instruction gets on.
        self._pace: Pace = []
        #: Of MATRIX instructions what the array found when they ran last, and how they ran; and their reads.
        self._ran: dict[int, tuple[Before, int, Ran]] = {} if before is None else before.ports._ran
        self._reads: dict[int, tuple[int, int, list[Stretch]]] = {} if before is None else before.ports._reads
        self.bus = _Bus(tasks, self._before, times)

    def _shift(self, index: int, start: int) -> int:
        """By how much a task starts later than in the walk before."""
        return start - self._before[index].start if self._before else 0

    def cycles(self, index: int, start: int, task: Task) -> int:
        """What the busy cycles of task `index` become if it starts at `start`: those at the ports that it waits for."""
        cost, shift = task.cost, self._shift(index, start)
        if task.queue is Queue.MATRIX:
            return cost.busy + self.waits(index, start, start + cost.fill, task)
        self._pace.clear()
        return cycles_at(self._of.get(task.queue, ()), start, cost, shift, self._pace if task.queue is Queue.VECTOR else None)

    def waits(self, index: int, start: int, first: int, task: Task) -> int:
        """
        How long MATRIX task `index` lets STORE read if its first step comes at `first`, beside the cycles in which it waits for
        results to leave. That makes room for STORE, which then reads sooner: so from walk to walk it goes half of the way.
        """
        cost = task.cost
        if cost.yields == 0:
            return 0
        cycles = max(1, self._before[index].busy if self._before else cost.busy)
        reads, beside = reads_of(self.lines["store reads"], first, first + cycles, self._shift(index, start))
        stopped = max(0, round(min(cost.yields, reads) - (cost.busy - cost.reads) * beside / cycles))
        if not self._before:
            return stopped
        before = self._before[index].stopped
        return before if abs(stopped - before) <= 1 else (stopped + before) // 2

    def late(self, index: int) -> int:
        """By how much MATRIX task `index` is complete later because of what the next one reads."""
        return self._before[index].late if self._before else 0

    def run(self, index: int, tiles: Tiles, array: Before, cycle: int) -> Ran:
        """When MATRIX task `index` runs: as in the walk before if it finds the array alike."""
        known = self._ran.get(index)
        if known is not None and known[1] - known[0].at == cycle - array.at and known[0].is_like(array):
            return known[2].moved(cycle - known[1])
        ran = run(tiles, array, cycle)
        self._ran[index] = array, cycle, ran
        return ran

    def _reads_of_tiles(self, index: int, cost: Cost, first: int, stop: int) -> list[Stretch]:
        """When MATRIX task `index` reads: as in the walk before if it takes as long."""
        known = self._reads.get(index)
        if known is not None and known[1] - known[0] == stop - first:
            return [one.moved(first - known[0]) for one in known[2]]
        stretches = reads_of_tiles(cost, first, stop)
        self._reads[index] = first, stop, stretches
        return stretches

    def add(self, index: int, task: Task, times: Times) -> None:
        """Notes what an instruction does at the ports."""
        cost, (first, stop) = task.cost, times.reads
        if task.queue is Queue.STORE and cost.reads > 0:
            self.lines["store reads"].add(stretch_of(cost.reads, first, stop))
        if task.queue is Queue.VECTOR and cost.busy > 0:
            lag = times.writes[0] - first
            for begin, end, share in parts_of(self._pace, first, stop):
                self.lines["vector reads"].add(stretch_of(cost.reads * share, begin, end))
                self.lines["vector writes"].add(stretch_of(cost.writes * share, begin + lag, end + lag))
        if task.queue is Queue.MATRIX and cost.busy > 0:
            # Cycles in which STORE reads between tiles are none for VECTOR.
            stretches = self._reads_of_tiles(index, cost, first, stop)
            for one in stretches:
                self.lines["matrix reads"].add(one)
            if cost.yields:
                stretches = [Stretch(first, stop, cost.reads / (cost.busy + cost.yields), cost.slot)]
            for one in stretches:
                self.lines["matrix reads beside store"].add(one)
            self.lines["matrix writes"].add(stretch_of(cost.writes, *times.writes))


@dataclass(frozen=True)
class Walk:
    """A walk through a program: when each task runs, and what they do at the ports."""

    times: list[Times]
    ports: _Ports


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
    now = walk(tasks, queue_depth, None)
    last: list[Times] = []
    for _ in range(WALKS - 1):
        before, now = now, walk(tasks, queue_depth, now)
        if now.times in (before.times, last):
            break
        last = before.times
    return now.times


def walk(tasks: Sequence[Task], queue_depth: int, before: Walk | None) -> Walk:
    """One walk through a program, which knows what the walk before has found of instructions behind each."""
    units = {queue: _Unit() for queue in Queue}
    times: list[Times] = []
    ports = _Ports(tasks, times, before)
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
            ports.add(index, task, times[-1])
            continue
        busy, first = ports.cycles(index, start, task), start + task.cost.fill
        if task.queue is Queue.LOAD:
            first, stop = ports.bus.loaded(asked, task.cost.beats)
            busy = max(busy, stop - start)
        last = start + task.cost.fill + busy - 1
        finish = max(start + task.cost.latency - task.cost.busy + busy, unit.finish)
        unit.free = start + busy + task.cost.gap
        unit.finish = finish
        stopped = busy - task.cost.busy if task.queue is Queue.MATRIX else 0
        lag = _write_lag(task.cost) if task.queue is Queue.VECTOR else 0
        times.append(Times(start, first, last, finish, busy, taken, (first + lag, first + busy + lag), stopped=stopped))
        ports.add(index, task, times[-1])
    return Walk(times, ports)


def _compute(
    unit: _Unit, index: int, start: int, task: Task, tiles: Tiles, times: list[Times], ports: _Ports, taken: int
) -> Times:
    """A MATRIX instruction that is accepted at `start`, after those before it."""
    ran = ports.run(index, tiles, unit.array, start)
    for number, finish in enumerate(ran.before, start=len(unit.computed) - len(ran.before)):
        before, known = unit.computed[number]
        times[before] = times[before]._replace(late=finish - known)
    waits = ports.waits(index, start, ran.first, task)
    unit.array = ran.then.moved(waits)
    unit.free = unit.array.earliest
    unit.finish = ran.finish + waits
    unit.computed.append((index, unit.finish))
    writes = ran.write, ran.finish - WRITE_TO_DONE + 1 + waits
    finish, busy = unit.finish + ports.late(index), ran.end + 1 - ran.first + waits
    return Times(start, ran.first, ran.last + waits, finish, busy, taken, writes, stopped=waits)
