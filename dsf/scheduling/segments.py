"""
A map from addresses to values, kept as disjoint segments of equal value.

Each operation takes time in proportion to the segments that it meets (and a short move of the list), so analyses that walk a
program stay close to linear.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Segments(Generic[T]):
    """Values by address; an address that nothing was assigned to has none."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        self._values: list[T] = []

    def copy(self) -> Segments[T]:
        """The same map, to change apart from this one."""
        made = Segments[T]()
        made._starts, made._stops, made._values = self._starts.copy(), self._stops.copy(), self._values.copy()
        return made

    def _touched(self, start: int, stop: int) -> slice:
        """The segments that meet [start, stop)."""
        first = max(0, bisect_right(self._starts, start) - 1)
        if first < len(self._starts) and self._stops[first] <= start:
            first += 1
        last = first
        while last < len(self._starts) and self._starts[last] < stop:
            last += 1
        return slice(first, last)

    def over(self, start: int, stop: int) -> list[tuple[int, int, T | None]]:
        """[start, stop) as consecutive pieces of one value each, `None` where there is none."""
        pieces: list[tuple[int, int, T | None]] = []
        if start >= stop:
            return pieces
        touched, position = self._touched(start, stop), start
        for index in range(touched.start, touched.stop):
            low, high = max(start, self._starts[index]), min(stop, self._stops[index])
            if position < low:
                pieces.append((position, low, None))
            pieces.append((low, high, self._values[index]))
            position = high
        if position < stop:
            pieces.append((position, stop, None))
        return pieces

    def assign(self, start: int, stop: int, value: T) -> None:
        """Gives all of [start, stop) one value."""
        if start < stop:
            self._put(start, stop, [(start, stop, value)])

    def update(self, start: int, stop: int, change: Callable[[T | None], T]) -> None:
        """Gives each piece of [start, stop) the value that `change` makes of its own."""
        if start < stop:
            self._put(start, stop, [(low, high, change(value)) for low, high, value in self.over(start, stop)])

    def _put(self, start: int, stop: int, pieces: list[tuple[int, int, T]]) -> None:
        touched = self._touched(start, stop)
        if touched.start < touched.stop:
            first, last = touched.start, touched.stop - 1
            if self._starts[first] < start:
                pieces = [(self._starts[first], start, self._values[first]), *pieces]
            if self._stops[last] > stop:
                pieces = [*pieces, (stop, self._stops[last], self._values[last])]
        self._starts[touched] = [low for low, _, _ in pieces]
        self._stops[touched] = [high for _, high, _ in pieces]
        self._values[touched] = [value for _, _, value in pieces]
