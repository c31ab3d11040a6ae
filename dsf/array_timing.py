"""
When the tiles of MATRIX instructions are computed and leave the array: the recurrences of the RTL (dsf_matrix_seq,
dsf_matrix_issue, dsf_capture, dsf_drain).

A tile is a sequence of slots. With CT tile buffers and L cycles from a tile's last step until its first result may leave,

    start(i)  >= end(i-1), freed(i-CT), and its kernel rows are known
    last(i)    = max(start of the last slot + its steps, last(i-1) + pixels(i-1))
    end(i)     = max(start of the last slot + its pixels, last(i))
    leave(i)   = max(last(i) + L, the cycle after the last result of tile i-1)
    freed(i)   = last result(i) + 2

A result leaves each cycle, raw ones some cycles apart, those with a residual only in cycles in which the feeder does not
read. So short tiles wait for results that are still on their way: CT of them take at least L cycles and their results. The next
instruction's results leave when the last of this one's is written, as the settings of the epilogue are those of one
instruction. These times are exact but for what waits for STORE (`dsf.scheduling.timeline`).

Results with a residual are late where the next instruction reads: when they have left is known when that one has run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

#: From the cycle in which an instruction is accepted to the start of its first tile, and to that of the search for kernel rows.
ACCEPT_TO_START = 3
ACCEPT_TO_SEARCH = 2
#: From the cycle in which a tile's kernel rows are known to its start, and to the next tile's search.
ROWS_TO_START = 2
ROWS_TO_SEARCH = 1
#: From a tile's last step to its first result, beside the latency of a PE.
STEP_TO_RESULT = 13
#: From a tile's last result to a start that uses its buffer.
RESULT_TO_START = 2
#: From an instruction's last result to its last write: plain, with a residual; raw ones, beside their writes.
RESULT_TO_WRITE = 9
RESIDUAL_TO_WRITE = 14
RAW_TO_WRITE = 5
#: From the last write to the first result of the next instruction, and to its completion.
WRITE_TO_RESULT = 3
WRITE_TO_DONE = 3
#: Instructions that the drain holds, and the one that it has not taken yet.
DRAIN_QUEUE = 4
#: From the last write of an instruction to the acceptance of one that finds room because of it.
WRITE_TO_ACCEPT = 2
#: From the start of a slot until the one after the next may be unrolled, and from an instruction's copy, the cycle in which it
#: begins to be unrolled, to the acceptance of the next.
START_TO_UNROLL = 1
COPY_TO_ACCEPT = 1
#: From the start of a slot to its first read.
START_TO_READ = 4


@dataclass(frozen=True)
class Tile:
    """
    A tile of `pixels` positions: slots of `pattern` cycles, `repeats` times. The last has `steps` steps; each reads in its
    first `reads` cycles (0: in all), and depthwise waits with its reads too. `search` are cycles until its kernel rows are
    known, 0 where none may be skipped.
    """

    pixels: int
    pattern: tuple[int, ...]
    repeats: int
    steps: int
    reads: int = 0
    search: int = 0

    @cached_property
    def cycles(self) -> int:
        return self.repeats * sum(self.pattern)

    @property
    def slots(self) -> int:
        return self.repeats * len(self.pattern)

    @property
    def last(self) -> int:
        """Where its last slot starts."""
        return self.cycles - self.pattern[-1]

    def before_last(self, slots: int) -> int | None:
        """Where the slot so many before that starts, if there is one."""
        if slots >= self.slots:
            return None
        return self.last - sum(self.pattern[(-2 - one) % len(self.pattern)] for one in range(slots))

    def reads_from(self, start: int) -> Iterator[tuple[int, int]]:
        """The stretches of cycles, from a start on, in which it reads."""
        for cycles in self.pattern * self.repeats:
            yield start + START_TO_READ, start + START_TO_READ + (self.reads or cycles)
            start += cycles


@dataclass(frozen=True, eq=False)
class Tiles:
    """
    The tiles of a MATRIX instruction: those of a pass, each with how many like it follow, in `passes` passes over `groups`
    channel groups, over `last_groups` in the last one. A result takes `writes` cycles. `latency` is that of a PE, `buffers` how
    many tiles are captured, `ahead` for how many positions are held beside those of the current tile, `far` the cycles from a
    tile's last step until it has entered the last channel group, if the array is tall, else 0.
    """

    tiles: tuple[tuple[Tile, int], ...]
    passes: int
    groups: int
    last_groups: int
    writes: int
    residual: bool
    raw: bool
    depthwise: bool
    latency: int
    buffers: int
    ahead: int
    far: int

    @property
    def first(self) -> Tile:
        return self.tiles[0][0]

    @property
    def positions(self) -> int:
        return self.passes * sum(tile.pixels * count for tile, count in self.tiles)

    @property
    def skips(self) -> bool:
        return self.first.search > 0


@dataclass(frozen=True)
class Results:
    """
    Those of a tile, which may leave from cycle `ready` on: `count` of them, `writes` cycles apart; where `reads`, in cycles in
    which the feeder does not read. `written` is how long after the last one the last write comes, 0 if the instruction goes on.
    """

    ready: int
    count: int
    writes: int
    reads: bool
    written: int = 0

    def moved(self, cycles: int) -> Results:
        return Results(self.ready + cycles, self.count, self.writes, self.reads, self.written)


class Pending(NamedTuple):
    """Results that have not left, those before them, from `leaves` on free tile buffers, and tiles that keep them from it."""

    leaves: int
    buffers: tuple[int, ...]
    waiting: tuple[Results, ...]
    reading: tuple[tuple[int, Tile], ...]

    def moved(self, cycles: int) -> Pending:
        """The same, that many cycles later."""
        return Pending(
            self.leaves + cycles,
            tuple(one + cycles for one in self.buffers),
            tuple(one.moved(cycles) for one in self.waiting),
            tuple((start + cycles, tile) for start, tile in self.reading),
        )


class Before(NamedTuple):
    """
    What the instructions before have left, counted from cycle `at` on: cycles from which on the next one may be accepted and
    unrolled (`copied`), its first tile start, its first last step come, its first result leave, each if nothing else keeps it;
    cycles in which their last two slots started (`earlier`, `started`), and from which on tile buffers are free, in order.
    `far` is the start of a tile that changes the shape from tall; `writes` are the last writes of the instructions before, the
    latest last. `pending` are results that have not left and tiles that keep them from it: if the next instruction reads before
    they have, which the rest does not know.
    """

    accepted: int = 0
    copied: int = 0
    earlier: int = 0
    started: int = 0
    free: int = 0
    stepped: int = 0
    result: int = 0
    far: int = 0
    buffers: tuple[int, ...] = ()
    writes: tuple[int, ...] = (-1,) * DRAIN_QUEUE
    pending: Pending | None = None
    at: int = 0

    @property
    def earliest(self) -> int:
        """From when on the next instruction may be accepted."""
        return self.at + max(self.accepted, self.writes[0] + WRITE_TO_ACCEPT)

    def after(self, cycle: int) -> Before:
        """The same as seen by one that is accepted in this cycle: counted from it, and without what can't matter."""
        start, since, pending = ACCEPT_TO_START, cycle - self.at, self.pending
        if pending is not None and self.writes[-1] < since + start + START_TO_READ:
            pending = None

        def rest(value: int, least: int) -> int:
            return max(value - since, least)

        return Before(
            0,
            rest(self.copied, 1),
            rest(self.earlier, 1),
            rest(self.started, 1),
            rest(self.free, start),
            rest(self.stepped, start),
            rest(self.result, start),
            rest(self.far, start),
            tuple(rest(one, start) for one in self.buffers),
            tuple(rest(one, -WRITE_TO_ACCEPT) for one in self.writes),
            None if pending is None else pending.moved(-since),
        )

    def moved(self, cycles: int) -> Before:
        """The same, that many cycles later."""
        return self if cycles == 0 else self._replace(at=self.at + cycles)

    def is_like(self, other: Before) -> bool:
        """Whether it is another one at another time."""
        return self[:-1] == other[:-1]


class Ran(NamedTuple):
    """
    When an instruction ran: cycles of its first and its last step, of its last slot, of its first write, and of its completion,
    if the next one does not keep its results from leaving; `before` are the completions of those before it whose results had
    not left when it started. `then` is what it leaves.
    """

    first: int
    last: int
    end: int
    write: int
    finish: int
    before: tuple[int, ...]
    then: Before

    def moved(self, cycles: int) -> Ran:
        """The same, that many cycles later."""
        first, last, end, write, finish, before, then = self
        completed = tuple(one + cycles for one in before) if before else before
        moved = first + cycles, last + cycles, end + cycles, write + cycles, finish + cycles
        return Ran(*moved, completed, then.moved(cycles))


def run(tiles: Tiles, before: Before, cycle: int) -> Ran:
    """When an instruction runs that is accepted in `cycle`."""
    return _run(tiles, before.after(cycle)).moved(cycle)


@lru_cache(maxsize=1 << 14)
def _run(tiles: Tiles, before: Before) -> Ran:
    """The same for cycle 0."""
    return _Run(tiles, before).result()


class _Drain:
    """Results on their way from the array; see `Pending`."""

    def __init__(self, pending: Pending, most: int):
        self.leaves = pending.leaves
        self.buffers = deque(pending.buffers)
        self.waiting = deque(pending.waiting)
        self.reading = deque(pending.reading, most + 1)
        self._most = most
        #: Last writes of instructions whose results all have left.
        self.written: list[int] = []

    def buffer(self) -> int:
        """From when on a tile buffer is free, which is then used."""
        if len(self.buffers) + len(self.waiting) < self._most:
            return 0
        if not self.buffers:
            self._leave()
        return self.buffers.popleft()

    def add(self, results: Results) -> None:
        """Those of a tile. When they leave is known once it is known what the feeder reads meanwhile."""
        self.waiting.append(results)
        if not results.reads and len(self.waiting) == 1:
            self._leave()

    def end(self, latency: int) -> None:
        """No more results of this instruction; its last write comes so much later than the last of them."""
        if self.waiting:
            self.waiting.append(replace(self.waiting.pop(), written=latency))
        else:
            self._write(self.leaves - 1 + latency)

    def pending(self) -> Pending:
        return Pending(self.leaves, tuple(self.buffers), tuple(self.waiting), tuple(self.reading))

    def left(self) -> _Drain:
        """The same when all results have left, nothing else being read."""
        after = _Drain(self.pending(), self._most)
        after.written = list(self.written)
        while after.waiting:
            after._leave()
        return after

    def state(self, now: int) -> tuple[object, ...]:
        """All that matters from cycle `now` on, counted from it."""
        pending = self.pending().moved(-now)
        return pending.leaves, pending.buffers, pending.waiting, pending.reading

    def move(self, cycles: int) -> None:
        """All is so much later."""
        moved = self.pending().moved(cycles)
        self.leaves, self.buffers, self.waiting = moved.leaves, deque(moved.buffers), deque(moved.waiting)
        self.reading = deque(moved.reading, self.reading.maxlen)

    def _leave(self) -> None:
        """The results of the oldest tile leave."""
        results = self.waiting.popleft()
        now = max(results.ready, self.leaves)
        last = self._last_between_reads(now, results.count) if results.reads else now + (results.count - 1) * results.writes
        self.leaves = last + results.writes
        self.buffers.append(last + RESULT_TO_START)
        if results.written:
            # Raw ones are written over some cycles, in which none leaves.
            self._write(self.leaves - 1 + results.written)

    def _write(self, cycle: int) -> None:
        """The last write of an instruction."""
        self.written.append(cycle)
        self.leaves = cycle + WRITE_TO_RESULT

    def _last_between_reads(self, now: int, left: int) -> int:
        """When the last of `left` results leaves, a cycle each from `now` on, but for those in which the feeder reads."""
        for start, tile in self.reading:
            if start + tile.cycles + START_TO_READ <= now:
                continue
            for first, stop in tile.reads_from(start):
                if left <= first - now:
                    return now + left - 1
                left -= max(0, first - now)
                now = max(now, stop)
        return now + left - 1


class _Run:
    """The recurrence over the tiles of an instruction that is accepted in cycle 0."""

    def __init__(self, tiles: Tiles, before: Before):
        self.tiles = tiles
        self.before = before
        self.free, self.stepped = before.free, before.stepped
        self.earlier, self.started = before.earlier, before.started
        self.drain = _Drain(before.pending or Pending(before.result, before.buffers, (), ()), tiles.buffers)
        #: When the kernel rows of the tile before became known, and when its last slot was unrolled.
        self.known = ACCEPT_TO_SEARCH - ROWS_TO_SEARCH
        self.unrolled = self.copied = max(1, before.copied)
        self.first: int | None = None
        self.last = 0
        #: When the first result leaves, at the earliest.
        self.ready = 0
        self.last_slots: deque[int] = deque(maxlen=max(1, tiles.ahead // tiles.first.pixels))

    def result(self) -> Ran:
        tiles = self.tiles
        state: tuple[object, ...] = ()
        for done in range(1, tiles.passes):
            begin = self.free
            self._pass(tiles.groups)
            state, before = self._state(), state
            if state == before:
                self._skip((tiles.passes - 1 - done) * (self.free - begin))
                break
        self._pass(tiles.last_groups)
        return self._ended()

    def _ended(self) -> Ran:
        tiles, before, drain = self.tiles, self.before, self.drain
        latency = RAW_TO_WRITE + 1 if tiles.raw else RESIDUAL_TO_WRITE if tiles.residual else RESULT_TO_WRITE
        drain.end(latency)
        left = drain.left()
        *others, written = left.written
        held = self.last_slots.maxlen
        walked = self.last_slots[0] if len(self.last_slots) == held and tiles.positions > tiles.ahead else tiles.positions + 1
        assert self.first is not None
        then = Before(
            accepted=max(self.copied + COPY_TO_ACCEPT, walked, self.known + 1 if tiles.skips else 0),
            copied=self.unrolled,
            earlier=self.earlier,
            started=self.started,
            free=self.free,
            stepped=self.stepped,
            result=left.leaves,
            far=max(self.last + tiles.far, self.free + 1) if tiles.far else 0,
            buffers=tuple(left.buffers),
            writes=(*before.writes[1:], written),
            pending=drain.pending() if drain.waiting else None,
        )
        completed = tuple(one + WRITE_TO_DONE for one in others)
        return Ran(self.first, self.last, self.free, self.ready + latency, written + WRITE_TO_DONE, completed, then)

    def _pass(self, groups: int) -> None:
        for tile, count in self.tiles.tiles:
            state: tuple[object, ...] = ()
            for done in range(1, count + 1):
                begin = self.free
                self._tile(tile, groups)
                state, before = self._state(), state
                if state == before:
                    self._skip((count - done) * (self.free - begin))
                    break

    def _state(self) -> tuple[object, ...]:
        """What the rest depends on, from the end of the tile before on."""
        now = self.free
        return (
            self.stepped - now,
            self.earlier - now,
            self.started - now,
            self.known - now,
            self.unrolled - now,
            tuple(one - now for one in self.last_slots),
            *self.drain.state(now),
        )

    def _skip(self, cycles: int) -> None:
        """What goes on as it did takes so many cycles more."""
        self.free += cycles
        self.stepped += cycles
        self.earlier += cycles
        self.started += cycles
        self.known += cycles
        self.unrolled += cycles
        self.last += cycles
        self.last_slots = deque((one + cycles for one in self.last_slots), self.last_slots.maxlen)
        self.drain.move(cycles)

    def _tile(self, tile: Tile, groups: int) -> None:
        tiles, drain = self.tiles, self.drain
        start = max(self.free, drain.buffer())
        if self.first is None:
            start = max(start, self.unrolled + ROWS_TO_START, 0 if tiles.far else self.before.far)
        if tile.search:
            self.known = max(self.unrolled, self.known + ROWS_TO_SEARCH + tile.search)
            start = max(start, self.known + ROWS_TO_START)
        if self.first is None:
            self.first = start + 1
        # The slots before the last one, the latest first.
        inside = [start + one for one in map(tile.before_last, (1, 2)) if one is not None]
        before, earlier, *_ = (*inside, self.started, self.earlier)
        self.unrolled = max(earlier + START_TO_UNROLL, self.known + 1 if tile.search else self.unrolled + 1)
        self.earlier, self.started = before, start + tile.last
        self.last = max(self.started + tile.steps, self.stepped)
        late = self.last - self.started - tile.steps
        reads = late + tile.pattern[-1] if tiles.depthwise else tile.pixels
        self.free = max(self.started + reads, self.last)
        self.stepped = self.last + tile.pixels
        self.last_slots.append(self.started)
        drain.reading.append((start, tile))
        ready = self.last + STEP_TO_RESULT + tiles.latency
        self.ready = self.ready or max(ready, drain.leaves)
        drain.add(Results(ready, tile.pixels * groups, tiles.writes, tiles.residual))
