"""When tiles run, against an array and a drain that are stepped cycle by cycle, for instructions behind each other."""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass, field

import pytest

from dsf.array_timing import Before, Ran, Tile, Tiles, run


@dataclass
class Captured:
    """A tile in the array or in its buffer: from when on its results may leave, and how many have not."""

    ready: int
    left: int
    writes: int
    reads: bool
    ends: int | None


@dataclass
class Stepped:
    """
    The array, cycle by cycle. A slot starts in one cycle and is over `pattern` cycles later; the numbers are those of the RTL
    (dsf_matrix_issue, dsf_capture, dsf_drain).
    """

    buffers: int
    free: int = 0
    shape_free: int = 0
    last: int = -100
    pixels: int = 0
    credits: list[int] = field(default_factory=list[int])
    captured: deque[Captured] = field(default_factory=deque[Captured])
    #: Cycles in which the feeder reads.
    reads: set[int] = field(default_factory=set[int])
    drain_free: int = 0
    finished: list[int] = field(default_factory=list[int])
    cycle: int = 0

    def step(self) -> None:
        """The drain in one cycle."""
        now = self.cycle
        if self.captured and now >= max(self.captured[0].ready, self.drain_free):
            head = self.captured[0]
            if not head.reads or now not in self.reads:
                head.left -= 1
                self.drain_free = now + head.writes
                if head.left == 0:
                    self.captured.popleft()
                    self.credits.append(now + 2)
                    if head.ends is not None:
                        written = self.drain_free - 1 + head.ends
                        self.drain_free = written + 3
                        self.finished.append(written + 3)
        self.cycle += 1

    def slots(self, tile: Tile, late_reads: bool, start: int) -> tuple[int, int]:
        """The slots of a tile that starts in a cycle; returns its last step and its end."""
        step = 0
        for number, length in enumerate(tile.pattern * tile.repeats):
            last = number + 1 == len(tile.pattern) * tile.repeats
            step = max(start + tile.steps, self.last + self.pixels)
            late = step - start - tile.steps if last and late_reads else 0
            self.reads |= set(range(start + 4, start + 4 + (tile.reads or length)))
            start = max(start + late + (tile.reads or length), step if last else start + length)
        return step, start

    def compute(self, tiles: Tiles, accept: int) -> tuple[int, int, int]:
        """An instruction that is accepted in a cycle: its first and last step, and its end."""
        begin, first = max(self.free, accept + 3), 0
        if tiles.far == 0:
            begin = max(begin, self.shape_free)
        order = [tile for tile, count in tiles.tiles for _ in range(count)]
        for number in range(tiles.passes):
            groups = tiles.last_groups if number + 1 == tiles.passes else tiles.groups
            for index, tile in enumerate(order):
                while len(self.credits) == 0 or self.cycle < max(begin, self.credits[0]):
                    self.step()
                self.credits.pop(0)
                start = self.cycle
                first = first or start + 1
                self.last, begin = self.slots(tile, tiles.depthwise, start)
                self.pixels = tile.pixels
                ends = None
                if number + 1 == tiles.passes and index + 1 == len(order):
                    ends = 6 if tiles.raw else 14 if tiles.residual else 9
                ready = self.last + 13 + tiles.latency
                self.captured.append(Captured(ready, tile.pixels * groups, tiles.writes, tiles.residual, ends))
        self.free = begin
        self.shape_free = max(self.last + tiles.far, begin + 1) if tiles.far else 0
        return first, self.last, self.free


def draw(rng: random.Random, depthwise: bool, tall: bool) -> Tiles:
    def tile() -> Tile:
        pixels = rng.randint(1, 6)
        if depthwise:
            taps = [rng.randint(1, 3) for _ in range(rng.randint(1, 3))]
            return Tile(pixels, tuple(pixels - 1 + one for one in taps), rng.randint(1, 3), taps[-1])
        chunks = [rng.randint(1, 9)] * rng.randint(0, 2) + [rng.randint(1, 9)]
        return Tile(pixels, tuple(max(one, pixels) for one in chunks), rng.randint(1, 3), chunks[-1], pixels)

    raw = rng.random() < 0.2
    return Tiles(
        tiles=tuple((tile(), rng.randint(1, 12)) for _ in range(rng.randint(1, 3))),
        passes=rng.randint(1, 5),
        groups=rng.randint(1, 3),
        last_groups=rng.randint(1, 3),
        writes=rng.randint(1, 4) if raw else 1,
        residual=not raw and rng.random() < 0.5,
        raw=raw,
        depthwise=depthwise,
        latency=rng.randint(1, 3),
        buffers=4,
        ahead=1 << 20,
        far=rng.randint(1, 12) if tall else 0,
    )


@pytest.mark.parametrize("seed", range(150))
def test_instructions_behind_each_other(seed: int) -> None:
    """Each accepted when the one before has begun or later; what one keeps from leaving is known after it."""
    rng = random.Random(seed)
    stepped, before, cycle = Stepped(4, credits=[0] * 4), Before(), 0
    finished: list[int] = []
    for _ in range(rng.randint(1, 4)):
        depthwise = rng.random() < 0.4
        tiles = draw(rng, depthwise, not depthwise and rng.random() < 0.5)
        ran: Ran = run(tiles, before, cycle)
        finished[len(finished) - len(ran.before) :] = ran.before
        assert (ran.first, ran.last, ran.end) == stepped.compute(tiles, cycle), seed
        finished.append(ran.finish)
        before = ran.then
        cycle = max(before.earliest, ran.first + rng.choice((0, 5, 40, 400)))
    while stepped.captured:
        stepped.step()
    assert finished == stepped.finished, seed


def test_a_tile_waits_for_results_on_their_way() -> None:
    """Tiles of 4 cycles and 4 results: 4 of them are under way for 1 + 3 + 15 + 4 + 1 cycles, so each takes 6 on average."""
    tiles = Tiles(((Tile(4, (4,), 1, 4, 4), 400),), 1, 1, 1, 1, False, False, False, 2, 4, 64, 0)
    ran = run(tiles, Before(), 0)
    assert ran.end + 1 - ran.first == pytest.approx(400 * (4 + 15 + 3 + 2) / 4, abs=20)
