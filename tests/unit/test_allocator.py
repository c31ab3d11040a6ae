"""First-fit allocation: buffers that live at once never overlap, and memory is reused when they don't."""

from __future__ import annotations

import random

import pytest

from dsf.scheduling.allocator import Allocation, Request, allocate, check_allocation, live_at
from dsf.scheduling.pieces import Span
from dsf.scheduling.weights import Placer


def random_requests(rng: random.Random) -> list[Request]:
    steps = rng.randint(1, 20)
    requests: list[Request] = []
    for index in range(rng.randint(1, 40)):
        start = rng.randint(0, steps)
        requests.append(Request(f"buffer_{index}", rng.randint(0, 100), start, rng.randint(start, steps)))
    return requests


@pytest.mark.parametrize("seed", range(100))
def test_random_requests_do_not_overlap(seed: int):
    rng = random.Random(seed)
    requests, alignment = random_requests(rng), rng.choice((1, 8, 32))
    allocation = allocate(requests, alignment)
    occupied: dict[tuple[int, int], str] = {}
    for request, address in zip(requests, allocation.addresses, strict=True):
        assert address % alignment == 0
        assert address + request.size <= allocation.peak
        for step in range(request.start, request.stop + 1):
            for element in range(address, address + request.size):
                assert (step, element) not in occupied, (seed, request, occupied[step, element])
                occupied[step, element] = request.name
    check_allocation(requests, allocation, allocation.peak, alignment)


def test_chain_of_layers_takes_two_buffers():
    requests = [Request(f"layer_{i}", 64, i, i + 1) for i in range(10)]
    assert allocate(requests).peak == 128


def test_lower_peak_of_the_two_orders_is_taken():
    # By birth the long-lived small one lies between the two large ones; by size it comes last.
    requests = [Request("a", 10, 0, 0), Request("small", 1, 0, 9), Request("b", 20, 1, 1)]
    assert allocate(requests).peak == 21


def test_nothing_takes_nothing():
    assert allocate([]) == Allocation((), 0)


def test_overlap_is_found():
    requests = [Request("a", 10, 0, 3), Request("b", 10, 3, 5)]
    with pytest.raises(ValueError, match="'a' at 0 and 'b' at 5 overlap while both live"):
        check_allocation(requests, Allocation((0, 5), 15), 100)
    check_allocation([requests[0], Request("b", 10, 4, 5)], Allocation((0, 5), 15), 100)


@pytest.mark.parametrize("address", [-8, 3, 96])
def test_address_out_of_bounds_or_unaligned_is_found(address: int):
    with pytest.raises(ValueError, match=f"'a': at {address} of size 10, needs multiples of 8 within 100"):
        check_allocation([Request("a", 10, 0, 0)], Allocation((address,), 0), 100, 8)


def test_live_at():
    requests = [Request("a", 1, 0, 2), Request("b", 1, 2, 3), Request("c", 1, 3, 3)]
    assert [request.name for request in live_at(requests, 2)] == ["a", "b"]


def test_placer_takes_the_place_used_longest_ago():
    placer = Placer(10)
    first, second = placer.place(4), placer.place(4)
    assert (first, second) == (Span(0, 4), Span(4, 4))
    assert placer.place(4) is None
    assert first is not None and second is not None
    placer.release(first)
    assert placer.place(4) == Span(0, 4)
    placer.release(second)
    assert placer.place(3) == Span(4, 3)
    assert placer.place(3) == Span(7, 3)


def test_placer_knows_what_it_holds():
    """Nothing has no place: two stretches never begin at one address. What is not held is not released for another."""
    placer = Placer(10)
    with pytest.raises(AssertionError):
        placer.place(0)
    held = placer.place(4)
    assert held == Span(0, 4)
    with pytest.raises(ValueError, match="not in list"):
        placer.release(Span(0, 0))
    assert placer.place(7) is None
    placer.release(held)
    assert placer.place(7) is not None


@pytest.mark.parametrize("seed", range(50))
def test_placer_never_overlaps(seed: int):
    rng = random.Random(seed)
    placer, held = Placer(64), list[Span]()
    for _ in range(200):
        if held and rng.random() < 0.5:
            placer.release(held.pop(rng.randrange(len(held))))
            continue
        size = rng.randint(1, 20)
        placed = placer.place(size)
        taken = {element for span in held for element in range(span.first, span.stop)}
        if placed is None:
            gaps = (all(start + i not in taken for i in range(size)) for start in range(64 - size + 1))
            assert not any(gaps), (seed, size, held)
            continue
        assert placed.count == size and placed.stop <= 64
        assert taken.isdisjoint(range(placed.first, placed.stop)), (seed, placed, held)
        held.append(placed)
