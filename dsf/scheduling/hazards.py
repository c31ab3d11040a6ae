"""
Which instructions must be complete before another may start, from the memory ranges that they read and write.

    read after write, write after read, write after write

Each memory maps addresses to who wrote them last and, for each queue, who read them last since then.
An earlier reader or writer of a queue needs no mention, because a queue completes in order. Within a queue that runs one
instruction at a time nothing can go wrong; MATRIX instructions overlap, but read before, and write after, those ahead of
them, so only reading what the one ahead writes is a hazard there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dsf.isa.table import Queue
from dsf.scheduling.segments import Segments
from dsf.scheduling.tokens import known_complete, overlaps


class Memory(Enum):
    """The memories on chip, and the arena in DRAM, where whole tensors are what is read and written."""

    FEATURE = "feature"
    WEIGHT = "weight"
    PARAMETER = "parameter"
    TABLE = "table"
    ARENA = "arena"


@dataclass(frozen=True)
class Access:
    """Reading or writing addresses `start` to `stop - 1` of a memory."""

    memory: Memory
    start: int
    stop: int
    writes: bool


@dataclass(frozen=True)
class Step:
    """An instruction as the analysis sees it."""

    queue: Queue
    accesses: tuple[Access, ...]


@dataclass(frozen=True)
class _Users:
    """Who used an address: the last writer, and for each queue the last reader since."""

    writer: int | None = None
    readers: tuple[tuple[Queue, int], ...] = ()


class Hazards:
    """The hazards of a program whose instructions are added in program order."""

    def __init__(self) -> None:
        self._memories: dict[Memory, Segments[_Users]] = {memory: Segments() for memory in Memory}
        self._queues: list[Queue] = []

    def add(self, step: Step) -> tuple[int, ...]:
        """The instructions that must be complete before `step` starts: the latest of each queue."""
        latest: dict[Queue, int] = {}
        for access in step.accesses:
            for producer in self._conflicts(step.queue, access):
                queue = self._queues[producer]
                latest[queue] = max(latest.get(queue, -1), producer)
        index = len(self._queues)
        self._queues.append(step.queue)
        # Reads first: an instruction that reads what it writes has read it before.
        for access in sorted(step.accesses, key=lambda access: access.writes):
            self._record(index, step.queue, access)
        return tuple(sorted(latest.values()))

    def _conflicts(self, queue: Queue, access: Access) -> list[int]:
        found: list[int] = []
        for _, _, users in self._memories[access.memory].over(access.start, access.stop):
            if users is None:
                continue
            if users.writer is not None:
                same_queue = self._queues[users.writer] is queue
                if not same_queue or (overlaps(queue) and not access.writes):
                    found.append(users.writer)
            if access.writes:
                found.extend(reader for reader_queue, reader in users.readers if reader_queue is not queue)
        return found

    def _record(self, index: int, queue: Queue, access: Access) -> None:
        def read(users: _Users | None) -> _Users:
            users = users or _Users()
            others = (pair for pair in users.readers if pair[0] is not queue)
            return _Users(users.writer, (*others, (queue, index)))

        segments = self._memories[access.memory]
        if access.writes:
            segments.assign(access.start, access.stop, _Users(writer=index))
        else:
            segments.update(access.start, access.stop, read)


def dependencies(steps: Sequence[Step]) -> list[tuple[int, ...]]:
    """For each instruction those that must be complete before it starts, the latest of each queue."""
    hazards = Hazards()
    return [hazards.add(step) for step in steps]


def uncovered(steps: Sequence[Step], waits: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Pairs (producer, consumer) of hazards that the waits of a program do not cover."""
    known = known_complete([step.queue for step in steps], waits)
    return [
        (producer, consumer)
        for consumer, producers in enumerate(dependencies(steps))
        for producer in producers
        if known[consumer][steps[producer].queue] < producer
    ]
