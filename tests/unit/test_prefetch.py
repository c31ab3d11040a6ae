"""How long the array waits for weights: against a simulation cycle by cycle."""

from __future__ import annotations

import random

import pytest

from dsf.scheduling.prefetch import Arriving, cycles_with_loads


def simulated(steps: list[tuple[int, int]], loads: list[Arriving], capacity: tuple[int, ...]) -> int:
    """
    The second of two walks through the steps. In each cycle the port works on one load, which begins only if all that came
    before and is still held leaves room; what is held leaves from the oldest on.
    """
    count = len(loads)
    walk = [(again * count + load, cycles) for again in (0, 1) for load, cycles in steps]
    last = {load: number for number, (load, _) in enumerate(walk)}
    now, step, left = 0, 0, walk[0][1]
    held: list[int] = []
    released: set[int] = set()
    arrived = port_left = 0
    first_walk = None
    while step < len(walk):
        if port_left == 0 and arrived < 2 * count:
            new, staying = loads[arrived % count], list(held)
            while True:
                used = [sum(loads[one % count].sizes[memory] for one in staying) for memory in range(len(capacity))]
                if all(size + taken <= most for size, taken, most in zip(new.sizes, used, capacity, strict=True)):
                    held, port_left = [*staying, arrived], new.cycles
                    break
                if staying[0] not in released:
                    break
                staying = staying[1:]
        load, _ = walk[step]
        computes = load < arrived
        now += 1
        if port_left > 0:
            port_left -= 1
            arrived += port_left == 0
        if computes:
            left -= 1
            while left == 0:
                if last[load] == step:
                    released.add(load)
                step += 1
                if step == len(steps) and first_walk is None:
                    first_walk = now
                if step == len(walk):
                    break
                load, left = walk[step]
    assert first_walk is not None
    return now - first_walk


@pytest.mark.parametrize("seed", range(200))
def test_waits(seed: int) -> None:
    rng = random.Random(seed)
    count, memories = rng.randint(1, 5), rng.randint(1, 2)
    loads = [Arriving(rng.randint(1, 20), tuple(rng.randint(1, 6) for _ in range(memories))) for _ in range(count)]
    if rng.random() < 0.5:
        # Load by load: two may have no room together.
        steps = [(number, rng.randint(1, 30)) for number in range(count)]
        capacity = tuple(max(one.sizes[memory] for one in loads) + rng.randint(0, 6) for memory in range(memories))
    else:
        steps = [(number, rng.randint(1, 9)) for _ in range(rng.randint(1, 3)) for number in range(count)]
        capacity = tuple(sum(one.sizes[memory] for one in loads) + rng.randint(0, 6) for memory in range(memories))
    assert cycles_with_loads(steps, loads, capacity) == simulated(steps, loads, capacity)


def test_two_loads_that_fit_together_are_hidden() -> None:
    steps = [(0, 100), (1, 100)]
    assert cycles_with_loads(steps, [Arriving(60, (8,))] * 2, (16,)) == 200
    assert cycles_with_loads(steps, [Arriving(60, (8,))] * 2, (15,)) == 320
    assert cycles_with_loads(steps, [Arriving(160, (8,))] * 2, (16,)) == 320
