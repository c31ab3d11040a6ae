"""
What a bundle does after its core, as descriptions: activations, residual add, pooling.

    y = quantize(act(v)),  act(v) = v if v >= 0 else negative_slope * v

with `v` the exact sum, residual sum, maximum or average: one rounding, the activation inside it (`dsf.numerics`).
Descriptions are immutable and hold no weights; `dsf.nn.modules` computes with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from dsf.arguments import is_real
from dsf.nn.checks import Problems, normalise
from dsf.numerics import MAX_LEAK

if TYPE_CHECKING:
    from dsf.nn.bundle import QTensor

#: Slopes of a leaky ReLU that are shifts: 0 (a ReLU) and `2**-k`.
_SLOPES = (0.0, *(2.0**-k for k in range(MAX_LEAK + 1)))


@dataclass(frozen=True)
class QLeakyReLu:
    """
    Leaky ReLU, then rounding to `frac_bits` fractional bits. A `negative_slope` of 0 (ReLU) or `2**-k`, k = 0 to 15, is part
    of one rounding; any other is looked up: of what was rounded to `frac_bits` before, as `QFunction`.

    Raises `ModelError` for what is no finite number.
    """

    negative_slope: float
    frac_bits: int

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QLeakyReLu")
        problems.need(
            is_real(self.negative_slope) and math.isfinite(self.negative_slope),
            f"negative_slope={self.negative_slope!r}, needs a finite number, such as 0.125; powers of two cost least",
        )
        problems.frac("frac_bits", self.frac_bits)
        problems.raise_if_any()
        object.__setattr__(self, "negative_slope", float(self.negative_slope))


@dataclass(frozen=True)
class QClip:
    """
    `min(max(x, minimum), maximum)`, then rounding to `frac_bits` fractional bits: limits of the rounding, which cost nothing.
    `None` is no limit at that side.
    """

    minimum: float | None
    maximum: float | None
    frac_bits: int

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QClip")
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        for name, limit in limits.items():
            ok = limit is None or (is_real(limit) and math.isfinite(limit))
            problems.need(ok, f"{name}={limit!r}, needs a finite number or None")
        problems.frac("frac_bits", self.frac_bits)
        problems.raise_if_any()
        low, high = self.minimum, self.maximum
        problems.need(
            low is None or high is None or low <= high,
            f"minimum={low} above maximum={high}, needs it the other way; exchange them",
        )
        problems.raise_if_any()

    @property
    def negative_slope(self) -> float:
        """Of the identity."""
        return 1.0


#: The spelling of PyTorch.
QLeakyReLU = QLeakyReLu


@dataclass(frozen=True)
class QIdentity:
    """No function, only rounding to `frac_bits` fractional bits."""

    frac_bits: int

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QIdentity")
        problems.frac("frac_bits", self.frac_bits)
        problems.raise_if_any()

    @property
    def negative_slope(self) -> float:
        """Of the identity, seen as a leaky ReLU."""
        return 1.0


@dataclass(frozen=True)
class Softmax:
    """
    The last layer's: the core leaves as raw 32-bit logits, and the host computes `exp(v) / sum(exp(v))` over the channels.

    Training sees the logits (`BundleModel.forward`), `predict` gives the probabilities.
    """


@dataclass(frozen=True)
class QReLU6:
    """`min(max(x, 0), 6)`, then rounding to `frac_bits` fractional bits: a clip of the rounding, which costs nothing."""

    frac_bits: int

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QReLU6")
        problems.frac("frac_bits", self.frac_bits)
        problems.raise_if_any()

    @property
    def negative_slope(self) -> float:
        """Of a ReLU."""
        return 0.0


@dataclass(frozen=True, kw_only=True)
class QFunction:
    """
    A function that the engine looks up: of what is rounded to `input_frac_bits` fractional bits before, and its result to
    `frac_bits`. Subclasses say which of `dsf.numerics.FUNCTIONS`.
    """

    KIND: ClassVar[str]

    frac_bits: int
    input_frac_bits: int

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems(type(self).__name__)
        for name in ("frac_bits", "input_frac_bits"):
            problems.frac(name, getattr(self, name))
        problems.raise_if_any()

    @property
    def negative_slope(self) -> float:
        """Of the rounding before, which is the identity."""
        return 1.0


class QSigmoid(QFunction):
    """`1 / (1 + exp(-x))`."""

    KIND = "sigmoid"


class QTanh(QFunction):
    """The hyperbolic tangent."""

    KIND = "tanh"


class QExp(QFunction):
    """`exp(x)`."""

    KIND = "exp"


class QGelu(QFunction):
    """`x * (1 + erf(x / sqrt(2))) / 2`."""

    KIND = "gelu"


class QSwish(QFunction):
    """`x * sigmoid(x)`, also called SiLU."""

    KIND = "swish"


class QHardSigmoid(QFunction):
    """`min(max(x / 6 + 1 / 2, 0), 1)`."""

    KIND = "hard_sigmoid"


class QHardSwish(QFunction):
    """`x * min(max(x + 3, 0), 6) / 6`."""

    KIND = "hard_swish"


#: Activations that are looked up, by the name that files have for them.
FUNCTIONS: dict[str, type[QFunction]] = {
    one.KIND: one for one in (QSigmoid, QTanh, QExp, QGelu, QSwish, QHardSigmoid, QHardSwish)
}

QActivation: TypeAlias = QLeakyReLu | QIdentity | QReLU6 | QClip | QFunction
#: What may be an activation, for checks and their messages.
ACTIVATIONS = (QLeakyReLu, QIdentity, QReLU6, QClip, QFunction)
ACTIVATION_NAMES = f"QLeakyReLu, QIdentity, QReLU6, QClip, {', '.join(one.__name__ for one in FUNCTIONS.values())}"


@dataclass(frozen=True)
class Rounding:
    """
    What an activation is on the engine: a rounding to `frac_bits` with a slope that is a shift, or 0, and limits, then a
    function that is looked up (one of `dsf.numerics.FUNCTIONS` and its parameters), if any.
    """

    frac_bits: int
    slope: float
    minimum: float | None = None
    maximum: float | None = None
    function: tuple[str, tuple[float, ...]] | None = None


def rounding_of(activation: QActivation) -> Rounding:
    """How an activation is computed."""
    match activation:
        case QFunction():
            return Rounding(activation.input_frac_bits, 1.0, function=(activation.KIND, ()))
        case QLeakyReLu() if activation.negative_slope not in _SLOPES:
            return Rounding(activation.frac_bits, 1.0, function=("leaky_relu", (activation.negative_slope,)))
        case QReLU6():
            return Rounding(activation.frac_bits, 0.0, maximum=6.0)
        case QClip():
            return Rounding(activation.frac_bits, 1.0, activation.minimum, activation.maximum)
        case _:
            return Rounding(activation.frac_bits, activation.negative_slope)


@dataclass(frozen=True, eq=False)
class QAdd:
    """
    Residual add: `quantize(act(a + x))`, with `a` the core's activation and `x` an earlier tensor of the same shape.

    The result has the fraction of `activation`, else `frac_bits`, else that of the core's activation.
    """

    x: QTensor
    activation: QActivation | None = None
    frac_bits: int | None = None

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QAdd")
        # Imported here, not above: bundles are made of layers.
        from dsf.nn.bundle import QTensor

        problems.instance("x", self.x, QTensor, "a tensor that QInput or a Bundle returned; pass that")
        _check_output(problems, self.activation, self.frac_bits)
        problems.raise_if_any()


@dataclass(frozen=True, eq=False)
class QMul:
    """
    Product with an earlier tensor: `quantize(act(a * x))`, with `a` what comes before it in the bundle. `x` has its shape, or
    is (N, C) or (N, 1, 1, C) for images (N, H, W, C): one factor for each channel of an image, as in squeeze and excite.

    The result has the fraction of `activation`, else `frac_bits`, else that of `a`.
    """

    x: QTensor
    activation: QActivation | None = None
    frac_bits: int | None = None

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QMul")
        # Imported here, not above: bundles are made of layers.
        from dsf.nn.bundle import QTensor

        problems.instance("x", self.x, QTensor, "a tensor that QInput or a Bundle returned; pass that")
        _check_output(problems, self.activation, self.frac_bits)
        problems.raise_if_any()


@dataclass(frozen=True)
class QPool:
    """
    Maximum or average pooling: `quantize(act(pool(x)))`; `size` and `strides` are (vertical, horizontal) or one integer. The
    size 'global' is that of the image.

    Padding is never the maximum, and an average counts only the elements inside the image (TensorFlow's 'same'). The result
    has the fraction of `activation`, else `frac_bits`, else that of its input. Raises `ModelError`.
    """

    type: Literal["max", "avg"]
    size: tuple[int, int] | Literal["global"]
    strides: tuple[int, int] = (1, 1)
    padding: str | tuple[tuple[int, int], tuple[int, int]] = "same"
    frac_bits: int | None = None
    activation: QActivation | None = None

    def __post_init__(self) -> None:
        normalise(self, "size", "strides")
        problems = Problems("QPool")
        ok = isinstance(self.type, str) and self.type in ("max", "avg")  # pyright: ignore[reportUnnecessaryIsInstance, reportUnnecessaryContains]
        problems.need(ok, f"type={self.type!r}, needs 'max' or 'avg'")
        if self.size != "global":
            problems.pair("size", self.size)
        problems.pair("strides", self.strides)
        problems.padding("padding", self.padding)
        _check_output(problems, self.activation, self.frac_bits)
        problems.raise_if_any()


def output_frac(activation: QActivation | None, frac_bits: int | None, default: int) -> int:
    """Fraction of an add's or a pooling's result."""
    if activation is not None:
        return activation.frac_bits
    return default if frac_bits is None else frac_bits


def _check_output(problems: Problems, activation: Any, frac_bits: int | None) -> None:
    if frac_bits is not None:
        problems.frac("frac_bits", frac_bits)
    if activation is None:
        return
    ok = problems.need(
        isinstance(activation, ACTIVATIONS),
        f"activation={activation!r}, needs {ACTIVATION_NAMES} or None; a softmax is the argument softmax=True of the Bundle",
    )
    if ok and frac_bits is not None:
        problems.need(
            frac_bits == activation.frac_bits,
            f"frac_bits={frac_bits} and its activation's {activation.frac_bits} differ, needs one of them; leave frac_bits out",
        )
