"""
When each instruction of a program runs: a simulation of the dispatcher, the queues and their tokens.

    dispatch(i) = dispatch(i-1) + cycles of the instruction in the dispatcher, once its queue has room
    start(i)    = dispatched, its queue's unit is free, and all that it waits for is complete
    finish(i)   = start(i) + latency, and not before the one ahead of it in its queue

Instructions wait for earlier ones only, so one walk in program order is the whole simulation, and a program cannot
deadlock: the first instruction that is not complete heads its queue, and all that it waits for is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dsf.cost import TOKEN_LATENCY, Cost
from dsf.isa.table import Queue


@dataclass(frozen=True)
class Task:
    """An instruction: its queue, the tasks that it waits for, its cost, and the cycles that dispatching it takes."""

    queue: Queue
    waits: tuple[int, ...]
    cost: Cost
    dispatch: int


@dataclass(frozen=True)
class Times:
    """Cycles, from the first beat of the program on."""

    start: int
    finish: int


class _Unit:
    """A queue and its unit."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.free = 0
        self.finish = 0


def simulate(tasks: Sequence[Task], queue_depth: int) -> list[Times]:
    """Start and finish of each task, with queues of `queue_depth` instructions."""
    units = {queue: _Unit() for queue in Queue}
    times: list[Times] = []
    dispatched = 0
    for task in tasks:
        unit = units[task.queue]
        room = unit.starts[-queue_depth] if len(unit.starts) >= queue_depth else 0
        dispatched = max(dispatched + task.dispatch, room)
        ready = max((times[producer].finish + TOKEN_LATENCY for producer in task.waits), default=0)
        start = max(dispatched + 1, unit.free, ready)
        finish = max(start + task.cost.latency, unit.finish)
        unit.free = start + task.cost.busy + task.cost.gap
        unit.finish = finish
        unit.starts.append(start)
        times.append(Times(start, finish))
    return times
