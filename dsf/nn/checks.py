"""Checks of what users pass to layers: collects every problem, one sentence each, before raising any."""

from __future__ import annotations

import dataclasses
from typing import Any, cast

from dsf.arguments import as_int, as_pair, plain
from dsf.errors import ModelError

#: Sizes beyond this can't be meant: products of a few of them still fit 64 bits.
MAX_SIZE = (1 << 31) - 1
#: Fractions beyond this can't be meant: an accumulator has at most 32 bits and a shift is at most 47.
MAX_FRAC = 32


class Problems:
    """The problems of one layer. `where` opens each sentence."""

    def __init__(self, where: str):
        self._where = where
        self._found: list[str] = []

    def add(self, sentence: str) -> None:
        """Notes one problem; the sentence goes on from the layer's name."""
        self._found.append(f"'{self._where}': {sentence}")

    def need(self, ok: bool, sentence: str) -> bool:
        """Notes a problem unless `ok`; returns `ok`."""
        if not ok:
            self.add(sentence)
        return ok

    def integer(self, name: str, value: object, low: int, high: int | None = None) -> int:
        """`value` must be an integer, `low` to `high`; returns it as Python's, or `low` if it is none."""
        integer, most = as_int(value), MAX_SIZE if high is None else high
        ok = integer is not None and low <= integer <= most
        self.need(ok, f"{name}={value!r}, needs an integer {_limits(low, high, integer)}")
        return low if integer is None else integer

    def instance(self, name: str, value: object, kinds: type | tuple[type, ...], needs: str) -> bool:
        """`value` must be of one of `kinds`, which the message calls `needs`; returns whether it is."""
        return self.need(isinstance(value, kinds), f"{name}={value!r}, needs {needs}")

    def frac(self, name: str, value: object) -> int:
        """`value` must be a number of fractional bits; negative ones are steps larger than 1. Returns it as `integer`."""
        return self.integer(name, value, -MAX_FRAC, MAX_FRAC)

    def flag(self, name: str, value: object) -> None:
        """`value` must be True or False."""
        self.need(isinstance(value, bool), f"{name}={value!r}, needs True or False")

    def pair(self, name: str, value: object, low: int = 1) -> None:
        """`value` must be two integers of at least `low`."""
        pair = as_pair(value)
        ok = pair is not None and low <= min(pair) <= max(pair) <= MAX_SIZE
        limits = _limits(low, None, None if pair is None else max(pair))
        self.need(ok, f"{name}={value!r}, needs an integer {limits} or a pair of them, (vertical, horizontal)")

    def padding(self, name: str, value: object) -> None:
        """`value` must be 'same', 'valid' or ((top, bottom), (left, right))."""
        sides = [as_pair(side) for side in cast("tuple[object, ...]", value)] if isinstance(value, tuple) else []
        numbers = [number for side in sides if side is not None for number in side]
        ok = (isinstance(value, str) and value in ("same", "valid")) or (len(sides) == 2 and len(numbers) == 4)
        ok = ok and 0 <= min(numbers, default=0) <= max(numbers, default=0) <= MAX_SIZE
        needs = f"'same', 'valid' or ((top, bottom), (left, right)) of integers from 0 to {MAX_SIZE}"
        self.need(ok, f"{name}={value!r}, needs {needs}")

    def raise_if_any(self) -> None:
        """Raises `ModelError` with all problems noted."""
        if self._found:
            raise ModelError(self._found)


def _limits(low: int, high: int | None, value: int | None) -> str:
    """The limits of a number; the upper one of sizes is of interest only to a value beyond it."""
    if high is None and (value is None or value <= MAX_SIZE):
        return f"of at least {low}"
    return f"of {low} to {MAX_SIZE if high is None else high}"


def normalise(layer: Any, *pairs: str) -> None:
    """
    Makes the arguments of a frozen layer plain: integers of any library Python's, lists tuples, and one integer in `pairs` a
    pair of it. What is no such thing stays, for the checks to complain about.
    """
    for one in dataclasses.fields(layer):
        value = plain(getattr(layer, one.name))
        integer = as_int(value)
        object.__setattr__(layer, one.name, (integer, integer) if one.name in pairs and integer is not None else value)
