"""
Moves of a bundle, as descriptions: what puts elements into other places, or tensors together, and computes nothing.

They come first in a bundle, on tensors (N, H, W, C), or for a concatenation (N, K) too; fractions stay as they are.
`dsf.nn.modules` computes with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from dsf.arguments import as_int, as_pair, is_real
from dsf.geometry import resolve_padding
from dsf.nn.checks import Problems, normalise

if TYPE_CHECKING:
    from dsf.nn.bundle import QTensor

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class QConcat:
    """The channels of the bundle's input, then those of the tensors `others`, which have its size and its fraction."""

    others: tuple[QTensor, ...]

    def __init__(self, *others: QTensor):
        # Imported here, not above: bundles have moves.
        from dsf.nn.bundle import QTensor

        object.__setattr__(self, "others", others)
        problems = Problems("QConcat")
        problems.need(bool(others), "no tensor, needs those that stand behind the bundle's input; pass them")
        for one in others:
            problems.instance("a tensor", one, QTensor, "one that QInput or a Bundle returned; pass that")
        problems.raise_if_any()

    def shape_of(self, shape: Shape, problems: Problems) -> Shape:
        """The shape of the result."""
        shapes = [one.shape for one in self.others]
        has = f"QConcat of shapes {', '.join(map(str, (shape, *shapes)))}"
        equal = all(one[:-1] == shape[:-1] for one in shapes)
        problems.need(equal, f"{has}, needs equal sizes but for the channels; crop or pad them")
        return (*shape[:-1], shape[-1] + sum(one[-1] for one in shapes))


@dataclass(frozen=True)
class QSlice:
    """A part of each image: (rows, columns, channels) of `size`, from `first` on. Raises `ModelError`."""

    first: tuple[int, int, int]
    size: tuple[int, int, int]

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QSlice")
        for name, low in (("first", 0), ("size", 1)):
            _three(problems, name, getattr(self, name), low)
        problems.raise_if_any()

    def shape_of(self, shape: Shape, problems: Problems) -> Shape:
        """The shape of the result."""
        inside = all(first + count <= whole for first, count, whole in zip(self.first, self.size, shape[1:], strict=True))
        problems.need(
            inside,
            f"QSlice of {self.size} from {self.first} on, needs rows, columns and channels inside {shape[1:]}; make it smaller",
        )
        return (shape[0], *self.size)


@dataclass(frozen=True)
class QPad:
    """A border around images: `padding` is ((top, bottom), (left, right)), `value` its number, which is rounded to the grid."""

    padding: tuple[tuple[int, int], tuple[int, int]]
    value: float = 0.0

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QPad")
        sides = [as_pair(side) for side in cast("tuple[object, ...]", self.padding)] if isinstance(self.padding, tuple) else []  # pyright: ignore[reportUnnecessaryIsInstance]
        ok = len(sides) == 2 and all(side is not None and min(side) >= 0 for side in sides)
        problems.need(ok, f"padding={self.padding!r}, needs ((top, bottom), (left, right)) of integers of at least 0")
        finite = is_real(self.value) and math.isfinite(self.value)
        problems.need(finite, f"value={self.value!r}, needs a finite number")
        problems.raise_if_any()

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Top, bottom, left, right."""
        return resolve_padding(self.padding, (1, 1), (1, 1), (1, 1))

    def shape_of(self, shape: Shape, problems: Problems) -> Shape:
        """The shape of the result."""
        (top, bottom), (left, right) = self.padding
        return shape[0], shape[1] + top + bottom, shape[2] + left + right, shape[3]


@dataclass(frozen=True)
class QResize:
    """Images enlarged by whole numbers `factors`, (vertical, horizontal) or one for both, to the nearest element."""

    factors: tuple[int, int]

    def __post_init__(self) -> None:
        normalise(self, "factors")
        problems = Problems("QResize")
        problems.pair("factors", self.factors)
        problems.raise_if_any()

    def shape_of(self, shape: Shape, problems: Problems) -> Shape:
        """The shape of the result."""
        return shape[0], shape[1] * self.factors[0], shape[2] * self.factors[1], shape[3]


@dataclass(frozen=True)
class QTranspose:
    """Images with exchanged axes: axis m of (rows, columns, channels) is axis `permutation[m]` of the input."""

    permutation: tuple[int, int, int]

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QTranspose")
        _three(problems, "permutation", self.permutation, 0)
        problems.raise_if_any()
        problems.need(
            sorted(self.permutation) == [0, 1, 2],
            f"permutation={self.permutation!r}, needs 0 (rows), 1 (columns) and 2 (channels) in any order",
        )
        problems.raise_if_any()

    def shape_of(self, shape: Shape, problems: Problems) -> Shape:
        """The shape of the result."""
        return (shape[0], *(shape[1 + axis] for axis in self.permutation))


QMove: TypeAlias = QConcat | QSlice | QPad | QResize | QTranspose
#: What may be a move, for checks and their messages.
MOVES = (QConcat, QSlice, QPad, QResize, QTranspose)
MOVE_NAMES = ", ".join(one.__name__ for one in MOVES)


def _three(problems: Problems, name: str, value: Any, low: int) -> None:
    """`value` must be three integers of at least `low`: rows, columns, channels."""
    numbers = [as_int(one) for one in cast("tuple[object, ...]", value)] if isinstance(value, tuple) else []
    ok = len(numbers) == 3 and all(one is not None and one >= low for one in numbers)
    problems.need(ok, f"{name}={value!r}, needs three integers of at least {low}: rows, columns, channels")
