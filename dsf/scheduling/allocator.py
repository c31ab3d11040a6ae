"""
First-fit allocation of buffers whose lifetimes are known.

A buffer lives in the steps `start` to `stop`, both included; two buffers may share addresses only if no step is in both
lifetimes. Buffers are placed one after the other at the lowest address that is free during their life. Finding the
order that needs least memory is NP-hard (Garey and Johnson, SR2); two orders are tried and the lower peak is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from dsf.sizes import align_up


@dataclass(frozen=True)
class Request:
    """A buffer of `size` units that lives from step `start` to step `stop`, both included."""

    name: str
    size: int
    start: int
    stop: int

    @property
    def steps(self) -> range:
        """The steps in which it lives."""
        return range(self.start, self.stop + 1)


@dataclass(frozen=True)
class Allocation:
    """Addresses in the order of the requests, and the first address above all of them."""

    addresses: tuple[int, ...]
    peak: int


_ORDERS: tuple[Callable[[Request], tuple[int, ...]], ...] = (
    lambda request: (request.start, -request.size),
    lambda request: (-request.size, request.start),
)


def allocate(requests: Sequence[Request], alignment: int = 1) -> Allocation:
    """Addresses that are multiples of `alignment`, with the lower peak of the orders tried."""
    candidates = [_first_fit(requests, alignment, order) for order in _ORDERS]
    return min(candidates, key=lambda allocation: allocation.peak)


def _first_fit(requests: Sequence[Request], alignment: int, order: Callable[[Request], tuple[int, ...]]) -> Allocation:
    addresses = [0] * len(requests)
    # Placed buffers by the steps in which they live: few live at once, however many there are.
    living: dict[int, list[int]] = {}
    for index in sorted(range(len(requests)), key=lambda i: (*order(requests[i]), i)):
        request, address = requests[index], 0
        met = {other for step in request.steps for other in living.get(step, ())}
        for base, other in sorted((addresses[other], other) for other in met):
            if base - address >= request.size:
                break
            address = max(address, align_up(base + requests[other].size, alignment))
        addresses[index] = address
        for step in request.steps:
            living.setdefault(step, []).append(index)
    peak = max((address + request.size for address, request in zip(addresses, requests, strict=True)), default=0)
    return Allocation(tuple(addresses), peak)


def check_allocation(requests: Sequence[Request], allocation: Allocation, capacity: int, alignment: int = 1) -> None:
    """Raises `ValueError`, naming the buffers, if two that live at once overlap or one lies outside [0, capacity)."""
    living: dict[int, list[tuple[int, Request]]] = {}
    for request, address in zip(requests, allocation.addresses, strict=True):
        if address < 0 or address + request.size > capacity or address % alignment != 0:
            raise ValueError(
                f"'{request.name}': at {address} of size {request.size}, needs multiples of {alignment} within {capacity}"
            )
        for step in request.steps if request.size > 0 else ():
            living.setdefault(step, []).append((address, request))
    for at_once in living.values():
        by_address = sorted(at_once, key=lambda pair: pair[0])
        for (address, request), (base, other) in pairwise(by_address):
            if base < address + request.size:
                raise ValueError(f"'{request.name}' at {address} and '{other.name}' at {base} overlap while both live")


def live_at(requests: Sequence[Request], step: int) -> list[Request]:
    """The buffers that live in `step`."""
    return [request for request in requests if request.start <= step <= request.stop]
