"""
What an ONNX tensor is on the way into the `bundle` level.

A tensor of the model is a constant, or lies in a tensor of the engine (`Wire`), or is a sum that waits for its rounding
(`Sum`, `Addition`, `Pointwise`): an operator in floating point becomes an operation only where a QuantizeLinear says to what
grid its result goes. The engine has (N, H, W, C) where ONNX has (N, C, H, W); so `places` says for every element of the ONNX
tensor where it lies in the engine's, counted row-major. Reshapes and transposes change `places`, and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Block, SSAValue

from dsf.dialects.bundle import Grid, tensor_of
from dsf.dialects.shapes import shape
from dsf.frontend.reading import MAX_ELEMENTS
from dsf.geometry import Window
from dsf.input_steps import REAL_KINDS, InputStep
from dsf.numerics import FUNCTIONS, Floats, Ints, apply_function
from dsf.transposed import TransposedWindow

Places = NDArray[np.int64]
Array = NDArray[Any]

#: Bits of the weights, 1 or -1, of a channel that is only scaled.
UNIT_BITS = 2


class UnsupportedError(Exception):
    """What an operator has, what is needed, and what to change."""

    def __init__(self, has: str, needs: str, change: str):
        super().__init__(f"{has}, needs {needs}; {change}")


@dataclass(frozen=True)
class Constant:
    """A tensor that is known."""

    array: Array


@dataclass(frozen=True)
class QuantisedConstant:
    """
    Real numbers `codes * scale`, zero point subtracted. `scale` has one number, or one for each index of `axis`.
    """

    codes: Ints
    scale: Floats
    axis: int | None
    bits: int

    @property
    def scales(self) -> Floats:
        """The scale in a shape that broadcasts against the codes."""
        if self.axis is None:
            return self.scale.reshape(())
        shape = [1] * self.codes.ndim
        shape[self.axis] = -1
        return self.scale.reshape(shape)

    @property
    def array(self) -> Floats:
        return self.codes * self.scales


@dataclass(frozen=True)
class Wire:
    """
    A tensor of the engine. As codes it is the integers that ONNX has, which are `offset` larger than the engine's (128 for
    uint8); otherwise the real numbers that they stand for. A stand-in is for the result of an operator that has a problem, so
    that those behind it are looked at too: its grid is any that is wanted.
    """

    value: SSAValue
    grid: Grid
    places: Places
    codes: bool = False
    offset: int = 0
    stand_in: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.places.shape

    @staticmethod
    def standing_in(sizes: tuple[int, ...], grid: Grid, *, codes: bool = False, offset: int = 0) -> Wire:
        """A tensor of this shape that no operation makes, in the engine's order."""
        images = {4: (0, 2, 3, 1), 3: (0, 2, 1)}.get(len(sizes), tuple(range(len(sizes))))
        moved = tuple(sizes[axis] for axis in images)
        engine = (moved[0], 1, *moved[1:]) if len(moved) == 3 else moved
        argument = Block(arg_types=[tensor_of(engine, grid)]).args[0]
        places = row_major(moved).transpose(np.argsort(images))
        return Wire(argument, grid, places, codes, offset, stand_in=True)

    def on_grid(self, grid: Grid, *, codes: bool, offset: int) -> Wire:
        """A stand-in, on another grid."""
        argument = Block(arg_types=[tensor_of(shape(self.value), grid)]).args[0]
        return replace(self, value=argument, grid=grid, codes=codes, offset=offset)


@dataclass(frozen=True)
class Part:
    """Of each image as many rows, columns and channels as `size` says, from `first` on."""

    first: tuple[int, int, int]
    size: tuple[int, int, int]


@dataclass(frozen=True)
class Border:
    """Rows and columns of one number around images: top, bottom, left, right."""

    padding: tuple[int, int, int, int]
    value: float


@dataclass(frozen=True)
class Enlargement:
    """Images whose rows and columns are repeated."""

    factors: tuple[int, int]


#: What is done with the images of a tensor of the engine without computing; a window is that of a max pooling.
Move = Window | Part | Border | Enlargement


@dataclass(frozen=True)
class Padded:
    """A tensor of images with a margin of zeros (top, bottom, left, right), which the convolution after it pads with."""

    wire: Wire
    margin: tuple[int, int, int, int]

    @property
    def shape(self) -> tuple[int, ...]:
        batch, channels, *image = self.wire.shape
        top, bottom, left, right = self.margin
        borders = (top + bottom, left + right)[-len(image) :]
        return (batch, channels, *(size + more for size, more in zip(image, borders, strict=True)))

    @property
    def places(self) -> Places:
        """Those of its elements once the margin is there."""
        *_, height, width = (1, *self.shape[2:])
        return places_of_images((self.shape[0], height, width, self.shape[1]), len(self.shape))


def times(x: Array, factor: float) -> Array:
    """A product, infinite if it is too large for a float; 0 times what is infinite is 0, as it is of any other number."""
    with np.errstate(over="ignore"):
        return x * factor if factor else np.zeros_like(x)


@dataclass(frozen=True)
class Pointwise:
    """
    The function of one number that a pending tensor is put through before it is rounded: slope, then limits. The lower one is
    never above the upper one, which wins as in ONNX; what a slope of 0 makes of a lower limit is not said twice.
    """

    slope: float = 1.0
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        if self.maximum is not None and self._least > self.maximum:
            # One number, whatever comes in.
            self._set(1.0, self.maximum)
        elif self.slope <= 0 and self.minimum is not None and self.minimum <= 0:
            self._set(self.slope, None)

    def _set(self, slope: float, minimum: float | None) -> None:
        object.__setattr__(self, "slope", slope)
        object.__setattr__(self, "minimum", minimum)

    @property
    def _least(self) -> float:
        """No result is less, but for what the upper limit does."""
        least = -math.inf if self.minimum is None else self.minimum
        return least if self.slope > 0 else max(least, 0.0)

    @property
    def is_identity(self) -> bool:
        return self == Pointwise()

    def apply(self, x: Array) -> Array:
        """The function of real numbers."""
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return np.clip(np.where(x < 0, times(x, self.slope), x), low, high)

    def then(self, after: Pointwise) -> Pointwise:
        """This function, then another one. Raises `UnsupportedError` for a negative slope of what is clipped."""
        return self._rectified(after.slope)._limited(after.minimum, after.maximum)

    def _limited(self, low: float | None, high: float | None) -> Pointwise:
        """This function, then a clip."""
        if low is not None and self.maximum is not None and low > self.maximum:
            only = low if high is None else min(low, high)
            return Pointwise(1.0, only, only)
        least = [one for one in (self.minimum, low) if one is not None]
        most = [one for one in (self.maximum, high) if one is not None]
        return replace(self, minimum=max(least, default=None), maximum=min(most, default=None))

    def _rectified(self, slope: float) -> Pointwise:
        """This function, then a leaky ReLU: one that rises takes the limits with it."""
        if slope == 1 or self._least >= 0:
            return self
        constant = self.minimum is not None and self.minimum == self.maximum
        if slope < 0 and not constant and (self.minimum, self.maximum) != (None, None):
            raise UnsupportedError("a leaky ReLU of a negative slope of what is clipped", "one of them", "drop the other one")
        low, high = (one * slope if one is not None and one < 0 else one for one in (self.minimum, self.maximum))
        return Pointwise(1.0 if constant else self.slope * slope, low, high)


@dataclass(frozen=True)
class Pending:
    """
    Real numbers that wait for their rounding. `places` are those in the engine's tensor once there is one; `moves` come after
    it.
    """

    places: Places
    shape_of_engine: tuple[int, ...]
    name: str
    function: Pointwise = field(default=Pointwise(), kw_only=True)
    moves: tuple[Move, ...] = field(default=(), kw_only=True)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.places.shape


@dataclass(frozen=True)
class Sum(Pending):
    """
    What a core computes: `bias + scales * (sum of (x - zero) * weights)` per output channel, `x` being integers. Weights are
    (KH, KW, CI / groups, CO) with a window, (K, CO) without one. The engine takes the bias in units of `scales / 2**fraction`.
    What x has of real numbers may be digits, columns whose weights are `digits`, less what is finer than the lowest.
    """

    x: SSAValue
    x_grid: Grid
    weights: Ints
    bits: int
    scales: Floats
    bias: Floats
    window: Window | TransposedWindow | None
    groups: int = 1
    fraction: int = 0
    digits: tuple[int, ...] = ()


@dataclass(frozen=True)
class Addition(Pending):
    """The sum of two tensors of the engine."""

    a: Wire
    b: Wire


@dataclass(frozen=True)
class Product(Pending):
    """The product of two tensors of the engine; `b` may have one pixel for each image of `a`."""

    a: Wire
    b: Wire


@dataclass(frozen=True)
class Named:
    """A function of `dsf.numerics.FUNCTIONS`."""

    kind: str
    parameters: tuple[float, ...] = ()

    def apply(self, x: Array) -> Array:
        return apply_function(self.kind, x, self.parameters)

    @property
    def turns(self) -> tuple[float, ...] | None:
        """Where it begins to rise or to fall, if that is known."""
        function = FUNCTIONS[self.kind]
        return function.turns(*(self.parameters or function.parameters))


@dataclass(frozen=True)
class Affine:
    """`x * factor + offset`."""

    factor: float
    offset: float

    def apply(self, x: Array) -> Array:
        return times(x, self.factor) + self.offset


Step = Named | Affine | Pointwise


def composed(steps: Sequence[Step], x: Array) -> Array:
    """Functions one after the other of real numbers: infinite at a pole, and a number wherever what is behind it is one."""
    for one in steps:
        x = one.apply(x)
    return x


@dataclass(frozen=True)
class Function(Pending):
    """
    Functions of each element of a tensor of the engine, one after the other, before that of what waits; of sums it is one
    whose turns are known, perhaps behind a slope and limits (`stepwise.py`).
    """

    wire: Wire | Sum
    steps: tuple[Step, ...]

    @property
    def kind(self) -> str:
        """What it is called."""
        return " of ".join(one.kind for one in reversed(self.steps) if isinstance(one, Named))

    def apply(self, x: Array) -> Array:
        """The functions of real numbers."""
        return composed(self.steps, x)


@dataclass(frozen=True)
class Rounded(Pending):
    """A tensor of the engine, put through a function."""

    wire: Wire


@dataclass(frozen=True)
class Joined(Pending):
    """
    Tensors of several grids, or that wait for theirs, one after the other along an axis of the engine's tensor: rows (1),
    columns (2) or channels (3) of images, or of rows the numbers (0). What it is put through, its parts are.
    """

    parts: tuple[Real, ...]
    axis: int


@dataclass(frozen=True)
class Apart(Pending):
    """The sum of tensors that wait for their rounding, of which at each place one at most is not 0: no sum needs a rounding."""

    parts: tuple[Real, ...]


@dataclass(frozen=True)
class Mean(Pending):
    """
    Means over windows, of fewer elements at the edge of the image: `sums` writes what the array computes, in parts with as many
    elements each; `window` is the engine's own pooling, on the grid of `wire`, if that is the same.
    """

    wire: Wire
    window: Window | None
    sums: Callable[[], Sum | Joined]


@dataclass(frozen=True)
class Input:
    """
    An input of the model, of `sizes`, before it is known on what grid it is; `places` are those of its elements in it. The
    processor computes `steps` of it, then it is perhaps clipped.
    """

    name: str
    places: Places
    kind: str
    sizes: tuple[int, ...]
    function: Pointwise = Pointwise()
    steps: tuple[InputStep, ...] = ()

    @property
    def is_real(self) -> bool:
        """Whether it is real numbers that are quantised, and no integers that were before."""
        return self.kind in REAL_KINDS or bool(self.steps)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.places.shape


@dataclass(frozen=True)
class Sign:
    """Whether each element of a real tensor is 0 or more; +1 and -1 of that before a scale says what they stand for."""

    x: Real | Input

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape


@dataclass(frozen=True)
class Host:
    """What the processor computes of the network's result: `steps`, one after the other, in floating point."""

    source: Wire | Sum
    steps: tuple[tuple[str, Callable[[Array], Array]], ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Unknown:
    """The result of an operator that has a problem; what uses it has none of its own."""


Real = Wire | Sum | Addition | Product | Function | Rounded | Joined | Apart | Mean
State = Constant | QuantisedConstant | Real | Padded | Input | Sign | Host | Unknown


@lru_cache(maxsize=256)
def row_major(sizes: tuple[int, ...]) -> Places:
    """Places of a tensor that lies as it is. Raises `UnsupportedError` for one that is too large to be looked at."""
    if math.prod(sizes) > MAX_ELEMENTS:
        has = f"a tensor of {'x'.join(map(str, sizes))}"
        raise UnsupportedError(has, f"at most {MAX_ELEMENTS} elements", "use smaller images or fewer channels")
    return np.arange(math.prod(sizes), dtype=np.int64).reshape(sizes)


@lru_cache(maxsize=256)
def channels_first(sizes: tuple[int, ...]) -> Places:
    """Places of an ONNX tensor (N, C, H, W) in one of the engine, (N, H, W, C)."""
    return np.ascontiguousarray(row_major(sizes).transpose(0, 3, 1, 2))


def is_in_order(places: Places) -> bool:
    """Whether elements follow each other as in memory."""
    return bool(np.array_equal(places.reshape(-1), row_major((places.size,))))


def sizes_of(x: Real) -> tuple[int, ...]:
    """The shape of the engine's tensor, perhaps of one that is still to be made."""
    return shape(x.value) if isinstance(x, Wire) else x.shape_of_engine


def is_images(x: Real) -> bool:
    """Whether a tensor (N, C, H, W) or (N, C, L) is all of the engine's (N, H, W, C), as convolutions leave it."""
    sizes = sizes_of(x)
    if len(x.shape) not in (3, 4) or len(sizes) != 4:
        return False
    places = x.places if len(x.shape) == 4 else x.places[:, :, None, :]
    last = places.transpose(0, 2, 3, 1)
    return last.shape == sizes and is_in_order(last)


def places_of_images(sizes: tuple[int, ...], rank: int) -> Places:
    """Places of an ONNX tensor (N, C, H, W), or of rank 3 (N, C, L), in the engine's (N, H, W, C)."""
    places = channels_first(sizes)
    return places if rank == 4 else places[:, :, 0, :]
