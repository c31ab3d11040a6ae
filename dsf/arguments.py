"""Numbers that users pass: integers of any library are as good as Python's, truth values and fractions are none."""

from __future__ import annotations

import numbers
import operator
from typing import SupportsIndex, cast


def as_int(value: object) -> int | None:
    """An integer of any type, NumPy's too, as Python's; `None` for anything else, truth values included."""
    # NumPy's truth values are no integers either, but say so only by an error.
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def is_real(value: object) -> bool:
    """A real number of any type; a truth value is none."""
    return not isinstance(value, bool) and isinstance(value, numbers.Real)


def plain(value: object) -> object:
    """`value` with its integers as Python's and its lists as tuples, at any depth; anything else as it is."""
    integer = as_int(value)
    if integer is not None:
        return integer
    if isinstance(value, (tuple, list)):
        return tuple(map(plain, cast("tuple[object, ...] | list[object]", value)))
    return value


def as_pair(value: object) -> tuple[int, int] | None:
    """A tuple or list of two integers, as Python's; `None` for anything else."""
    match plain(value):
        case (int(first), int(second)) if type(first) is int and type(second) is int:
            return first, second
        case _:
            return None
