"""
From "this must be complete before that starts" to the token masks of instructions.

There is one counter for each ordered pair of queues, so the k-th wait of queue c on queue p takes the k-th token that p
gives to c. Waits are therefore kept only where they are news: an instruction *knows* that another is complete if an
instruction before it in its queue knew it, if one that it waits for knew it at its start, or if its queue runs one
instruction at a time. MATRIX is the queue whose instructions overlap (they still complete in order).

What an instruction knows is a vector clock (Mattern, Virtual Time and Global States of Distributed Systems, 1989): for each
queue the latest instruction known to be complete, and with it all before it in that queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dsf.errors import ModelError
from dsf.isa.table import MAX_TOKENS, Queue

#: Instructions of a queue that may have left its FIFO without having started: in the dispatcher and in the unit.
IN_FLIGHT = 6

Clock = tuple[int, ...]
_NOTHING: Clock = (-1,) * len(Queue)


def overlaps(queue: Queue) -> bool:
    """Whether an instruction of `queue` may start before the one ahead of it is complete."""
    return queue is Queue.MATRIX


def _merge(a: Clock, b: Clock) -> Clock:
    return tuple(map(max, a, b))


def _with(clock: Clock, queue: Queue, index: int) -> Clock:
    return tuple(index if q == queue and index > known else known for q, known in enumerate(clock))


class Clocks:
    """What each instruction of a program knows when it starts; instructions are added in program order."""

    def __init__(self) -> None:
        self._queues: list[Queue] = []
        self._clocks: list[Clock] = []
        self._latest: dict[Queue, int] = {}

    def before(self, queue: Queue) -> Clock:
        """What the next instruction of `queue` knows without waiting for anything."""
        latest = self._latest.get(queue)
        if latest is None:
            return _NOTHING
        clock = self._clocks[latest]
        return clock if overlaps(queue) else _with(clock, queue, latest)

    def after(self, clock: Clock, producer: int) -> Clock:
        """`clock` with what is known once `producer` is complete."""
        return _with(_merge(clock, self._clocks[producer]), self._queues[producer], producer)

    def add(self, queue: Queue, clock: Clock) -> None:
        self._latest[queue] = len(self._queues)
        self._queues.append(queue)
        self._clocks.append(clock)

    def knows(self, clock: Clock, producer: int) -> bool:
        return clock[self._queues[producer]] >= producer


def known_complete(queues: Sequence[Queue], waits: Sequence[Iterable[int]]) -> list[Clock]:
    """For each instruction what it knows at its start, given the instructions that it waits for."""
    clocks, known = Clocks(), list[Clock]()
    for queue, producers in zip(queues, waits, strict=True):
        clock = clocks.before(queue)
        for producer in producers:
            clock = clocks.after(clock, producer)
        clocks.add(queue, clock)
        known.append(clock)
    return known


def reduce_waits(queues: Sequence[Queue], waits: Sequence[Iterable[int]]) -> list[tuple[int, ...]]:
    """The waits that are needed: those that say what an instruction would not know otherwise, latest first."""
    clocks, reduced = Clocks(), list[tuple[int, ...]]()
    for queue, producers in zip(queues, waits, strict=True):
        clock, kept = clocks.before(queue), list[int]()
        for producer in sorted(set(producers), reverse=True):
            if not clocks.knows(clock, producer):
                clock = clocks.after(clock, producer)
                kept.append(producer)
        clocks.add(queue, clock)
        reduced.append(tuple(kept))
    return reduced


@dataclass(frozen=True)
class Masks:
    """The `wait` and `signal` fields of an instruction."""

    wait: int
    signal: int


def token_masks(queues: Sequence[Queue], waits: Sequence[Iterable[int]], queue_depth: int) -> list[Masks]:
    """
    The masks of a program's instructions. `waits` names, for each, earlier instructions that must be complete.

    Raises `ModelError` if a counter could pass its largest value, with queues of `queue_depth` instructions.
    """
    reduced = reduce_waits(queues, waits)
    wait, signal = [0] * len(queues), [0] * len(queues)
    for consumer, producers in enumerate(reduced):
        for producer in producers:
            wait[consumer] |= 1 << queues[producer]
            signal[producer] |= 1 << queues[consumer]
    masks = [Masks(*pair) for pair in zip(wait, signal, strict=True)]
    _check_counters(queues, masks, queue_depth)
    return masks


def counter_bounds(
    queues: Sequence[Queue], masks: Sequence[Masks], queue_depth: int
) -> Iterator[tuple[int, Queue, Queue, int]]:
    """
    For each token of a program: the instruction that gives it, the queues from and to, and how many wait then at most.

    An instruction is dispatched after all before it in the program, of which at most `queue_depth + IN_FLIGHT` of another
    queue have not started: that bounds the tokens that can wait when it gives one.
    """
    given: dict[tuple[int, int], int] = {}
    taken: dict[tuple[int, int], int] = {}
    for index, (queue, mask) in enumerate(zip(queues, masks, strict=True)):
        for other in Queue:
            if mask.wait >> other & 1:
                taken[other, queue] = taken.get((other, queue), 0) + 1
            if mask.signal >> other & 1:
                given[queue, other] = given.get((queue, other), 0) + 1
                late = min(taken.get((queue, other), 0), queue_depth + IN_FLIGHT)
                yield index, queue, other, given[queue, other] - taken.get((queue, other), 0) + late


def _check_counters(queues: Sequence[Queue], masks: Sequence[Masks], queue_depth: int) -> None:
    for index, queue, other, waiting in counter_bounds(queues, masks, queue_depth):
        if waiting > MAX_TOKENS:
            raise ModelError(
                f"'program': instruction {index} can leave {waiting} tokens from {queue.name} to {other.name}, "
                f"needs at most {MAX_TOKENS}; cut the network into fewer pieces"
            )
