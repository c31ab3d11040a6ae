"""
What a whole program and each of its bundles will take, from the simulated timeline.

A bundle's cycles count from the first step of its MATRIX instructions, or of VECTOR where it has no others, to the last of
either, anew for each chunk of the batch: the same can be measured in the engine's trace. What the vector unit does before that,
such as a copy, it does beside the bundle before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dsf.cost import ENDS, LOAD_PROGRAM_OVERHEAD
from dsf.dialects import sched
from dsf.hardware import Hardware
from dsf.isa.table import Queue
from dsf.scheduling.depthwise import axis_of
from dsf.scheduling.timeline import Task, Times, simulate
from dsf.transforms.locations import location_name


def estimate_load(tasks: Sequence[Task], hw: Hardware) -> int:
    """Cycles of a load program, from the first beat of its first instruction to the completion of its last."""
    return max(one.finish for one in simulate(tasks, hw.queue_depth)) + LOAD_PROGRAM_OVERHEAD


@dataclass(frozen=True)
class Interval:
    """Steps of one instruction of a bundle, of the array or of the vector unit: the cycles [first, last)."""

    bundle: str
    first: int
    last: int
    array: bool

    def with_next(self, other: Interval) -> Interval:
        """What both take, the other one being the next of the bundle."""
        firsts = [one.first for one in (self, other) if one.array] or [self.first, other.first]
        return Interval(self.bundle, min(firsts), max(self.last, other.last), self.array or other.array)


def bundle_cycles(intervals: Iterable[Interval]) -> dict[str, int]:
    """
    Cycles of each bundle. `intervals` are those of the MATRIX and VECTOR instructions in program order; consecutive
    ones of a bundle are one stretch, and a bundle's stretches add up.
    """
    cycles: dict[str, int] = {}
    stretch: Interval | None = None
    for interval in intervals:
        if stretch is not None and stretch.bundle == interval.bundle:
            stretch = stretch.with_next(interval)
            continue
        if stretch is not None:
            cycles[stretch.bundle] = cycles.get(stretch.bundle, 0) + stretch.last - stretch.first
        stretch = interval
    if stretch is not None:
        cycles[stretch.bundle] = cycles.get(stretch.bundle, 0) + stretch.last - stretch.first
    return cycles


@dataclass(frozen=True)
class Estimate:
    """Cycles of a run, from the first input beat to the last output beat, and of each bundle, in the order of the names."""

    cycles: int
    bundles: tuple[int, ...]


def bundle_macs(instructions: Sequence[sched.InstructionOp], names: Sequence[str], hw: Hardware) -> list[int]:
    """Multiplications of each bundle, those with padding included, not those by 0 between groups of a convolution."""
    macs = dict.fromkeys(names, 0)
    for op in instructions:
        if isinstance(op, sched.MatrixOp):
            macs[location_name(op) or ""] += _macs(op, hw)
    return list(macs.values())


def _macs(op: sched.MatrixOp, hw: Hardware) -> int:
    piece, block, width = op.piece.piece, op.piece.block, op.piece.piece.width(op.image[1])
    rows, columns = op.window.window.kernel
    run = columns * block.inputs.count if piece.run is None else piece.run.count
    taps = rows * run // block.convolutions
    positions = piece.images.count * piece.rows.count * width
    if op.mode.data.is_depthwise:
        axis = axis_of(op.window.window, op.mode.data)
        positions = piece.images.count * axis.across(piece, width) * axis.count(axis.along(piece, width), op.piece.residue.data)
    return positions * piece.channels(hw.group_columns).count * taps


def estimate_program(
    instructions: Sequence[sched.InstructionOp], tasks: Sequence[Task], names: Sequence[str], hw: Hardware
) -> Estimate:
    """Simulates the program and sums up by bundle, the location of each instruction."""
    times = simulate(tasks, hw.queue_depth)
    cycles = bundle_cycles(_intervals(tasks, times, [location_name(op) or "" for op in instructions]))
    begin = min((one.first for one, task in zip(times, tasks, strict=True) if task.queue is Queue.LOAD), default=0)
    end = max((one.finish for one in times), default=0)
    return Estimate(end - begin + ENDS, tuple(cycles.get(name, 0) for name in names))


def _intervals(tasks: Sequence[Task], times: Sequence[Times], owners: Sequence[str]) -> Iterable[Interval]:
    """Of MATRIX from the first to the last step, of VECTOR, which has no steps that can be seen, from start to completion."""
    for task, one, owner in zip(tasks, times, owners, strict=True):
        if task.queue is Queue.MATRIX:
            yield Interval(owner, one.first, one.last + 1, array=True)
        elif task.queue is Queue.VECTOR:
            yield Interval(owner, one.start, one.finish, array=False)
