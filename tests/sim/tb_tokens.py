"""The token counters under cocotb, against counters in Python. `test_tokens.py` builds them."""

from __future__ import annotations

import os
import random

import cocotb
from streams import Cycles

SEED = int(os.environ["DSF_SEED"])
QUEUES, LIMIT = 5, 255
ALL = range(QUEUES)


class Bench(Cycles):
    """Random heads, issues and completions; `count[p][c]` as the table of the instruction set defines it."""

    def __init__(self, dut) -> None:
        super().__init__(dut, "wait_i", "issue_i", "signal_i", "done_i")
        self.draw = random.Random(SEED)
        self.count = [[0] * QUEUES for _ in ALL]
        self.heads = [0] * QUEUES

    def pack(self, masks: list[int]) -> int:
        return sum(mask << (QUEUES * q) for q, mask in enumerate(masks))

    def can_issue(self, consumer: int) -> bool:
        return all(self.count[p][consumer] > 0 for p in ALL if self.heads[consumer] >> p & 1)

    async def cycle(self, issue: int, signals: list[int], done: int) -> int:
        """One cycle with these inputs; returns the queues whose signals overflowed."""
        dut = self.dut
        dut.wait_i.value, dut.issue_i.value = self.pack(self.heads), issue
        dut.signal_i.value, dut.done_i.value = self.pack(signals), done
        await self.wait(1)
        can = sum(self.can_issue(c) << c for c in ALL)
        missing = [sum((self.count[p][c] == 0) << p for p in ALL) & self.heads[c] for c in ALL]
        assert int(dut.can_issue_o.value) == can
        assert int(dut.missing_o.value) == self.pack(missing)
        assert int(dut.zero_o.value) == (not any(map(any, self.count)))
        overflow = 0
        for p in ALL:
            for c in ALL:
                give = done >> p & signals[p] >> c & 1
                take = issue >> c & self.heads[c] >> p & 1
                if give and not take and self.count[p][c] == LIMIT:
                    overflow |= 1 << p
                else:
                    self.count[p][c] += give - take
        assert int(dut.overflow_o.value) == overflow
        return overflow

    def random_mask(self) -> int:
        return self.draw.getrandbits(QUEUES) & self.draw.getrandbits(QUEUES)


@cocotb.test()
async def counts_like_the_model(dut) -> None:
    issued = 0
    async with Bench(dut) as bench:
        for _ in range(3000):
            issue = sum(1 << c for c in ALL if bench.can_issue(c) and bench.draw.random() < 0.6)
            await bench.cycle(issue, [bench.random_mask() for _ in ALL], bench.random_mask())
            issued += issue.bit_count()
            bench.heads = [bench.random_mask() if issue >> c & 1 else bench.heads[c] for c in ALL]
    assert issued > 1000


@cocotb.test()
async def overflow_is_seen(dut) -> None:
    """The 256th token of a pair overflows, unless one is taken in the same cycle."""
    signals = [0b00000, 0b00100, 0, 0, 0]
    async with Bench(dut) as bench:
        for _ in range(LIMIT):
            assert await bench.cycle(0, signals, 0b00010) == 0
        bench.heads[2] = 0b00010
        assert await bench.cycle(0b00100, signals, 0b00010) == 0
        bench.heads[2] = 0
        assert await bench.cycle(0, signals, 0b00010) == 0b00010
