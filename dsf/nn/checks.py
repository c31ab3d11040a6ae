"""Checks of what users pass to layers: collects every problem, one sentence each, before raising any."""

from __future__ import annotations

from typing import TypeGuard

from dsf.errors import ModelError

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

    def integer(self, name: str, value: object, low: int, high: int | None = None) -> None:
        """`value` must be an integer, `low` to `high`."""
        ok = is_int(value) and low <= value and (high is None or value <= high)
        limits = f"of at least {low}" if high is None else f"of {low} to {high}"
        self.need(ok, f"{name}={value!r}, needs an integer {limits}")

    def instance(self, name: str, value: object, kinds: type | tuple[type, ...], needs: str) -> bool:
        """`value` must be of one of `kinds`, which the message calls `needs`; returns whether it is."""
        return self.need(isinstance(value, kinds), f"{name}={value!r}, needs {needs}")

    def frac(self, name: str, value: object) -> None:
        """`value` must be a number of fractional bits; negative ones are steps larger than 1."""
        self.integer(name, value, -MAX_FRAC, MAX_FRAC)

    def flag(self, name: str, value: object) -> None:
        """`value` must be True or False."""
        self.need(isinstance(value, bool), f"{name}={value!r}, needs True or False")

    def pair(self, name: str, value: object, low: int = 1) -> None:
        """`value` must be two integers of at least `low`."""
        ok = _is_pair(value, low)
        self.need(ok, f"{name}={value!r}, needs an integer of at least {low} or a pair of them, (vertical, horizontal)")

    def padding(self, name: str, value: object) -> None:
        """`value` must be 'same', 'valid' or ((top, bottom), (left, right))."""
        ok = value in ("same", "valid") or (
            isinstance(value, tuple) and len(value) == 2 and all(_is_pair(side, 0) for side in value)  # pyright: ignore
        )
        self.need(ok, f"{name}={value!r}, needs 'same', 'valid' or ((top, bottom), (left, right)) of integers from 0")

    def raise_if_any(self) -> None:
        """Raises `ModelError` with all problems noted."""
        if self._found:
            raise ModelError(self._found)


def is_int(value: object) -> TypeGuard[int]:
    """An integer that is not a truth value."""
    return isinstance(value, int) and not isinstance(value, bool)


def as_pair(value: object) -> object:
    """One integer as a pair of it, lists as tuples; anything else as it is, for the checks to complain about."""
    if is_int(value):
        return (value, value)
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _is_pair(value: object, low: int) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(is_int(v) and v >= low for v in value)  # pyright: ignore
