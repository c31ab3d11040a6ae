"""Strips that are passed on are in their room from when they are made until they are read, in any sequence of strips."""

from __future__ import annotations

import random
from collections import deque

import pytest

from dsf.scheduling.passed import Made, Passing, first_with
from dsf.scheduling.pieces import Span
from dsf.scheduling.strips import Held, Room, Sliding


def drawn(rng: random.Random) -> tuple[Passing, list[Span]]:
    """Strips of some rows, and the windows that read them, each of which begins no earlier than the one before."""
    rows, waits = rng.randint(4, 40), rng.random() < 0.5
    strips = [Span(0, rows)] if rng.random() < 0.1 else list(Span(0, rows).blocks(*(rng.randint(1, 5) for _ in range(3))))
    height, step = rng.randint(1, 6), rng.randint(1, 4)
    windows = [Span(first, min(height, rows - first)) for first in range(0, rows, step)]
    waiting, made, before = deque(windows), list[Made](), 0
    for strip in strips:
        pending = waiting[0].first if waiting and waiting[0].stop <= strip.first else None
        made.append(Made(strip, first_with(waiting, strip), pending))
        while waiting and waiting[0].stop <= (before if waits else strip.stop):
            waiting.popleft()
        before = strip.stop
    return Passing(tuple(made), waits), windows


@pytest.mark.parametrize("seed", range(200))
def test_rows_are_there_when_they_are_read(seed: int) -> None:
    """Against a memory of single rows, in the smallest room and in larger ones."""
    rng = random.Random(seed)
    passing, windows = drawn(rng)
    room = passing.least + rng.choice((0, 0, 1, 3))
    laps = passing.laps(room)
    assert laps is not None and laps[0] == 0
    sliding = Sliding(0, Room(0, room), 1, begins=frozenset(passing.strips[number].rows.first for number in laps))
    memory: dict[int, int] = {}
    waiting, before = deque(windows), 0

    def place(held: Held, row: int) -> int:
        return held.address - held.holds + row

    for number, strip in enumerate(passing.strips):
        slide = sliding.slide(Span(strip.together, strip.rows.stop - strip.together), number)
        assert slide.missing == strip.rows, seed
        if slide.before is not None:
            source = {
                place(slide.held, row): memory[place(slide.before, row)] for row in range(strip.together, strip.rows.first)
            }
            memory |= source
        memory |= {place(slide.held, row): row for row in range(strip.rows.first, strip.rows.stop)}
        assert max(memory) < room, seed
        there = before if passing.waits else strip.rows.stop
        while waiting and waiting[0].stop <= there:
            window = waiting.popleft()
            held = sliding.lap_of(window)
            assert [memory[place(held, row)] for row in range(window.first, window.stop)] == [
                *range(window.first, window.stop)
            ], (seed, number)
        before = strip.rows.stop
    for window in waiting:
        held = sliding.lap_of(window)
        assert [memory[place(held, row)] for row in range(window.first, window.stop)] == [*range(window.first, window.stop)]


def test_the_smallest_room_of_three_rows_of_a_convolution() -> None:
    """
    Rows one by one for windows of five, three further each time, of which each is read a row later: six at once, and two that
    the next lap needs are copied to where none of them lies.
    """
    windows = deque(Span(first, 5) for first in range(0, 60, 3))
    made: list[Made] = []
    for row in range(62):
        strip = Span(row, 1)
        pending = windows[0].first if windows and windows[0].stop <= row else None
        made.append(Made(strip, first_with(windows, strip), pending))
        while windows and windows[0].stop <= row:
            windows.popleft()
    passing = Passing(tuple(made), waits=True)
    assert (passing.rows, passing.least) == (6, 8)
    assert passing.laps(7) is None
