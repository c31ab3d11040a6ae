"""
What a bundle does after its core, as descriptions: activations, residual add, pooling.

    y = quantize(act(v)),  act(v) = v if v >= 0 else negative_slope * v

with `v` the exact sum, residual sum, maximum or average: one rounding, the activation inside it (`dsf.numerics`).
Descriptions are immutable and hold no weights; `dsf.nn.modules` computes with them.
"""

from __future__ import annotations

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
    Leaky ReLU, then rounding to `frac_bits` fractional bits. `negative_slope` is 0 (ReLU) or `2**-k`, k = 0 to 15.

    Raises `ModelError` for other slopes.
    """

    negative_slope: float
    frac_bits: int

    def __post_init__(self) -> None:
        normalise(self)
        problems = Problems("QLeakyReLu")
        problems.need(
            is_real(self.negative_slope) and self.negative_slope in _SLOPES,
            f"negative_slope={self.negative_slope!r}, needs 0 or a power of two from 1 down to 2**-{MAX_LEAK}; "
            "use the nearest one, such as 0.125",
        )
        problems.frac("frac_bits", self.frac_bits)
        problems.raise_if_any()
        object.__setattr__(self, "negative_slope", float(self.negative_slope))


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

QActivation: TypeAlias = QLeakyReLu | QIdentity | QReLU6 | QFunction
#: What may be an activation, for checks and their messages.
ACTIVATIONS = (QLeakyReLu, QIdentity, QReLU6, QFunction)
ACTIVATION_NAMES = f"QLeakyReLu, QIdentity, QReLU6, {', '.join(one.__name__ for one in FUNCTIONS.values())}"


def rounded_frac(activation: QActivation) -> int:
    """Fraction bits of the rounding that an activation has inside or, of a function that is looked up, before it."""
    return activation.input_frac_bits if isinstance(activation, QFunction) else activation.frac_bits


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
