"""
Strips of tensors in feature memory: the buffers that a window over the rows of a tensor slides through.

A tensor that is not on chip as a whole has room there for a few strips. The rows in it, one behind the other, are a lap. As the
window moves on rows are appended, until the room ends. Then a new lap begins at its start: with the rows that both laps need,
copied, and behind them with new ones. For what is passed on from layer to layer it is planned where laps begin
(`dsf.scheduling.passed`).

    room    |  0  1  2  3  4  5  6  7 |        window of 3 rows, one further each time
    lap     |  0  1  2  3  4  5  6  7 |
    next    |  6  7  8 ...                     6 and 7 are copied

Rows are counted through all images of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass, field

from dsf.scheduling.pieces import Span


@dataclass(frozen=True)
class Room:
    """A stretch of feature memory, in elements."""

    address: int
    size: int


@dataclass(frozen=True)
class Held:
    """
    A buffer of feature memory: `size` elements from `address` on, which begin with element `holds` of a tensor, all channels of
    it or some. `number` tells laps apart, and chunks of the batch.
    """

    tensor: int
    address: int
    size: int
    holds: int = 0
    channels: Span | None = None
    number: int = 0


@dataclass(frozen=True)
class Slide:
    """
    What it takes to have a window's rows in `held`: rows `kept` of the lap `before` are copied, and `missing` ones come from
    elsewhere.
    """

    held: Held
    missing: Span
    before: Held | None = None
    kept: Span = field(default=Span(0, 0))


class Sliding:
    """
    A window that slides over the rows of a tensor, each of `row` elements, through `room`. A lap ends with the room, or where
    a row of `begins` is the next that is missing.
    """

    def __init__(self, tensor: int, room: Room, row: int, channels: Span | None = None, begins: Set[int] = frozenset()):
        self.tensor, self.room, self.row, self.channels, self.begins = tensor, room, row, channels, begins
        self._lap: Held | None = None
        self._rows = Span(0, 0)
        #: The lap before, and the first row that is in this one only.
        self._before: Held | None = None
        self._new = 0

    @property
    def held(self) -> Held:
        """The lap."""
        assert self._lap is not None
        return self._lap

    def lap_of(self, rows: Span) -> Held:
        """The lap that rows are in which were read or made together: this one, or the one before."""
        older = self._before is not None and rows.first < self._new and rows.stop <= self._new
        return self._before if self._before is not None and older else self.held

    def slide(self, rows: Span, number: int, last_use: Callable[[int, int], int] | None = None) -> Slide:
        """
        Moves the window to `rows`. A new lap is given `number`; one that needs nothing of the lap before begins at either end
        of the room, where `last_use` of the addresses is longer ago, or without that at its start.
        """
        if self._lap is not None and self._rows.first <= rows.first <= self._rows.stop:
            missing = Span(self._rows.stop, max(0, rows.stop - self._rows.stop))
            begins = missing.count > 0 and missing.first in self.begins
            if not begins and (rows.stop - self._rows.first) * self.row <= self._lap.size:
                self._rows = Span(self._rows.first, max(self._rows.stop, rows.stop) - self._rows.first)
                return Slide(self._lap, missing)
            kept = Span(rows.first, self._rows.stop - rows.first)
            # Rows are copied to where none of them lies.
            if self._lap.address + (rows.first - self._rows.first) * self.row >= self.room.address + kept.count * self.row:
                before = self._lap
                return Slide(self._begin(rows, number, self.room.address, missing.first), missing, before, kept)
        return Slide(self._begin(rows, number, self._start(rows.count * self.row, last_use), rows.first), rows)

    def _begin(self, rows: Span, number: int, address: int, new: int) -> Held:
        self._before, self._new = self._lap, new
        size = self.room.address + self.room.size - address
        self._lap, self._rows = Held(self.tensor, address, size, rows.first * self.row, self.channels, number), rows
        return self._lap

    def _start(self, size: int, last_use: Callable[[int, int], int] | None) -> int:
        first, last = self.room.address, self.room.address + self.room.size - size
        if last_use is None or last < first + size:
            return first
        return min((first, last), key=lambda address: last_use(address, address + size))
