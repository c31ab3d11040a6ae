"""
Which instructions must be complete before another may start, from the memory ranges that they read and write.

    read after write, write after read, write after write

Each memory is a list of disjoint segments; a segment knows who wrote it last and, for each queue, who read it last since then.
An earlier reader or writer of a queue needs no mention, because a queue completes in order. Within a queue that runs one
instruction at a time nothing can go wrong; MATRIX instructions overlap, but read before, and write after, those ahead of
them, so only reading what the one ahead writes is a hazard there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from dsf.isa.table import Queue
from dsf.scheduling.tokens import known_complete, overlaps


class Memory(Enum):
    """The memories on chip."""

    FEATURE = "feature"
    WEIGHT = "weight"
    PARAMETER = "parameter"


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
class _Segment:
    start: int
    stop: int
    writer: int | None
    readers: tuple[tuple[Queue, int], ...]


class _Segments:
    """Disjoint segments of one memory, by address; what lies between them was never touched."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._segments: list[_Segment] = []

    def touched(self, start: int, stop: int) -> tuple[int, int]:
        """Indices of the segments that meet [start, stop), as a slice."""
        first = max(0, bisect_right(self._starts, start) - 1)
        if first < len(self._segments) and self._segments[first].stop <= start:
            first += 1
        last = first
        while last < len(self._segments) and self._segments[last].start < stop:
            last += 1
        return first, last

    def replace(self, first: int, last: int, segments: list[_Segment]) -> None:
        self._segments[first:last] = segments
        self._starts[first:last] = [segment.start for segment in segments]

    def between(self, first: int, last: int) -> list[_Segment]:
        return self._segments[first:last]


class Hazards:
    """The hazards of a program whose instructions are added in program order."""

    def __init__(self) -> None:
        self._memories = {memory: _Segments() for memory in Memory}
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
        segments = self._memories[access.memory]
        found: list[int] = []
        for segment in segments.between(*segments.touched(access.start, access.stop)):
            if segment.writer is not None:
                same_queue = self._queues[segment.writer] is queue
                if not same_queue or (overlaps(queue) and not access.writes):
                    found.append(segment.writer)
            if access.writes:
                found.extend(reader for reader_queue, reader in segment.readers if reader_queue is not queue)
        return found

    def _record(self, index: int, queue: Queue, access: Access) -> None:
        if access.start >= access.stop:
            return
        segments = self._memories[access.memory]
        first, last = segments.touched(access.start, access.stop)
        old = segments.between(first, last)
        new: list[_Segment] = []
        if old and old[0].start < access.start:
            new.append(replace(old[0], stop=access.start))
        if access.writes:
            new.append(_Segment(access.start, access.stop, index, ()))
        else:
            new.extend(_read(old, index, queue, access))
        if old and old[-1].stop > access.stop:
            new.append(replace(old[-1], start=access.stop))
        segments.replace(first, last, new)


def _read(old: Sequence[_Segment], index: int, queue: Queue, access: Access) -> list[_Segment]:
    """The segments of [access.start, access.stop) after a read."""
    new: list[_Segment] = []
    position = access.start
    for segment in old:
        start, stop = max(segment.start, access.start), min(segment.stop, access.stop)
        if position < start:
            new.append(_Segment(position, start, None, ((queue, index),)))
        readers = (*(pair for pair in segment.readers if pair[0] is not queue), (queue, index))
        new.append(_Segment(start, stop, segment.writer, readers))
        position = stop
    if position < access.stop:
        new.append(_Segment(position, access.stop, None, ((queue, index),)))
    return new


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
