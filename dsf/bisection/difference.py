"""What two levels differ in first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from dsf.numerics import Ints


@dataclass(frozen=True)
class Elements:
    """The first element that differs, of `size`, of which `count` do: it is `has` and should be `needs`."""

    index: tuple[int, ...]
    has: int
    needs: int
    count: int
    size: int

    def __str__(self) -> str:
        return f"element {self.index} is {self.has}, needs {self.needs} as before; {self.count} of {self.size} differ"


@dataclass(frozen=True)
class Difference:
    """
    The first difference: after which step (a pass, or a file), in which operation and which part of its result, from which
    nodes of the source; `elements` if values differ, and a `text` of what else is known.
    """

    step: str
    operation: str | None = None
    sources: tuple[str, ...] = ()
    part: str | None = None
    elements: Elements | None = None
    text: str | None = None

    def __str__(self) -> str:
        """One sentence."""
        where = ", ".join([f"'{self.step}'", *([self.operation] if self.operation else [])])
        made_from = f" (from {', '.join(self.sources)})" if self.sources else ""
        part = f", {self.part}" if self.part else ""
        what = "; ".join(str(one) for one in (self.elements, self.text) if one is not None)
        return f"{where}{made_from}{part}: {what}"

    def to_dict(self) -> dict[str, Any]:
        """JSON types only."""
        elements = self.elements
        return {
            "step": self.step,
            "operation": self.operation,
            "sources": list(self.sources),
            "part": self.part,
            "element": None if elements is None else list(elements.index),
            "has": None if elements is None else elements.has,
            "needs": None if elements is None else elements.needs,
            "differ": None if elements is None else elements.count,
            "of": None if elements is None else elements.size,
            "text": self.text,
        }


def first_difference(got: Ints, needed: Ints, origin: tuple[int, ...] = ()) -> Elements | None:
    """
    The first element in which two arrays of the same size differ, in the order of the elements; its index is one of `got`, to
    which `origin` is added.
    """
    if got.size != needed.size:
        return Elements((), got.size, needed.size, 1, 1)
    differ = np.flatnonzero(got.reshape(-1) != needed.reshape(-1))
    if not differ.size:
        return None
    first = int(differ[0])
    index = tuple(int(one) for one in np.unravel_index(first, got.shape))
    moved = tuple(one + more for one, more in zip(index, origin, strict=True)) if origin else index
    return Elements(moved, int(got.reshape(-1)[first]), int(needed.reshape(-1)[first]), int(differ.size), got.size)
