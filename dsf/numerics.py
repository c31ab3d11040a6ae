"""
The arithmetic of DSF, in one place: rounding, saturation, requantisation, pooling.

Every interpreter, every test and every expected value of the hardware goes through these functions.
All of them work on numpy `int64` arrays and are exact; none of them uses floating point, except the
four that convert between real numbers and integers (`quantize`, `dequantize`, `quantize_linear`, `dequantize_linear`), and
the functions that tables are made of.

Notation: `q<bits, frac>` is a signed two's complement integer `i` that stands for `i * 2**-frac`. One bit is binary: `b`
stands for the integer `2b - 1`, -1 or +1, and 0 is not representable.
`rhe` is rounding to the nearest integer with ties to the even one (IEEE 754-2019, 4.3.1,
roundTiesToEven).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Largest right shift of the requantisers, before the leaky shift is added.
MAX_SHIFT = 47
#: Largest additional right shift of negative values: the slope of a leaky ReLU is `2**-leak`.
MAX_LEAK = 15
#: Bits of multipliers, unsigned: of additions and products, and by default of the requantisers, which may have more.
MULTIPLIER_BITS = 16
MAX_MULTIPLIER_BITS = 26
#: Most bits of a bias behind the point, in units of the sum: a multiplier moves the point behind them.
MAX_FRACTION = MULTIPLIER_BITS - 1
#: Bits of a product of a sum, with what is behind its point, and a multiplier: what is shifted right by more is 0.
PRODUCT_BITS = 62


def int_range(bits: int) -> tuple[int, int]:
    """Smallest and largest value of a signed `bits`-bit integer; of one bit, -1 and 1, between which there is nothing."""
    return (-1, 1) if bits == 1 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def fits(x: ArrayLike, bits: int) -> bool:
    """Whether every value of `x` is one of a `bits`-bit integer."""
    values = as_ints(x)
    low, high = int_range(bits)
    in_range = not values.size or (values.min() >= low and values.max() <= high)
    return bool(in_range and (bits > 1 or np.all(values != 0)))


def values_text(bits: int) -> str:
    """The values of a `bits`-bit integer, for messages."""
    low, high = int_range(bits)
    return f"{low} or {high}" if bits == 1 else f"{low} to {high}"


def to_element(x: ArrayLike, bits: int) -> Ints:
    """
    What feature memory keeps of results, which are clipped to `int_range(bits)`: themselves, but in one bit their sign, where
    0 counts as +1:

        y = x        y = +1 if x >= 0 else -1   (1 bit)
    """
    values = as_ints(x)
    return np.where(values < 0, -1, 1) if bits == 1 else values


def random_elements(generator: np.random.Generator, size: int | tuple[int, ...], bits: int) -> Ints:
    """Integers of `bits` bits, each value as likely as any other."""
    if bits == 1:
        return 2 * generator.integers(0, 1, size=size, endpoint=True) - 1
    low, high = int_range(bits)
    return generator.integers(low, high, size=size, endpoint=True)


def as_ints(x: ArrayLike) -> Ints:
    """`x` as `int64`, without rounding: a `ValueError` for a fraction, for what is no number, and beyond 64 bits."""
    array = np.asarray(x)
    if array.dtype.kind in "ib" or (array.dtype.kind == "u" and array.dtype.itemsize < 8):
        return array.astype(np.int64)
    if array.dtype.kind not in "uf":
        raise ValueError(f"as_ints: elements of type {array.dtype}, not integers")
    if array.size and not -(2.0**63) <= array.min() <= array.max() < 2.0**63:
        raise ValueError("as_ints: a value is not an integer of 64 bits")
    ints = array.astype(np.int64)
    if not np.array_equal(ints, array):
        raise ValueError("as_ints: a value is not an integer")
    return ints


def clip(x: ArrayLike, low: int, high: int) -> Ints:
    """Saturates `x` to `[low, high]`."""
    return np.clip(as_ints(x), low, high)


def shift_round_half_even(x: ArrayLike, shift: ArrayLike) -> Ints:
    """
    `rhe(x / 2**shift)` for `0 <= shift <= 62`, element by element.

    With `f = floor(x / 2**shift)` and remainder `r`, the result is `f + 1` when `r` is above one half, or is
    one half and `f` is odd; otherwise `f`.
    """
    x, shift = as_ints(x), as_ints(shift)
    if np.any(shift < 0) or np.any(shift > 62):
        raise ValueError("shift_round_half_even: the shift must lie in [0, 62]")
    floor = x >> shift
    twice_remainder = (x - (floor << shift)) << 1
    one = np.int64(1) << shift
    up = (twice_remainder > one) | ((twice_remainder == one) & ((floor & 1) == 1))
    return floor + up


def divide_round_half_even(numerator: ArrayLike, denominator: ArrayLike) -> Ints:
    """`rhe(numerator / denominator)` for a positive denominator, exactly."""
    numerator, denominator = as_ints(numerator), as_ints(denominator)
    if np.any(denominator <= 0):
        raise ValueError("divide_round_half_even: the denominator must be positive")
    floor = numerator // denominator
    twice_remainder = 2 * (numerator - floor * denominator)
    up = (twice_remainder > denominator) | ((twice_remainder == denominator) & ((floor & 1) == 1))
    return floor + up


def biased(acc: ArrayLike, bias: ArrayLike, bias_shift: int) -> tuple[Ints, int]:
    """
    (v, fraction): `acc + bias * 2**bias_shift`, exactly, as `v / 2**fraction`. The bias of a negative shift, at least
    `-MAX_FRACTION`, has that many bits behind the point, `fraction`; else it is 0.
    """
    fraction = max(-bias_shift, 0)
    return (as_ints(acc) << fraction) + (as_ints(bias) << max(bias_shift, 0)), fraction


def requantize(
    acc: ArrayLike,
    bias: ArrayLike,
    *,
    bias_shift: int,
    multiplier: ArrayLike,
    shift: ArrayLike,
    leak: int,
    low: int,
    high: int,
    zero_point: int = 0,
) -> Ints:
    """
    From accumulator to activation, with one rounding:

        v = acc + bias * 2**bias_shift
        y = clip(rhe(v * multiplier / 2**(shift + (leak if v < 0 else 0))) + zero_point, low, high)

    v is exact, also where `bias_shift` is negative: it then has bits behind the point. |v * multiplier| is at most 2**61 in
    units of the last of them.

    `bias`, `multiplier` and `shift` broadcast along the last axis (one value per output channel).
    `leak = 0` is the identity, `leak = k` a leaky ReLU of slope `2**-k`; a ReLU is `low = zero_point`, since rounding is
    monotonic and keeps 0. A gain above 1 is a `multiplier` above 1 with `shift = 0`.
    """
    value, fraction = biased(acc, bias, bias_shift)
    total_shift = as_ints(shift) + fraction + np.where(value < 0, leak, 0)
    rounded = shift_round_half_even(value * as_ints(multiplier), np.minimum(total_shift, PRODUCT_BITS))
    return clip(rounded + zero_point, low, high)


def raw(acc: ArrayLike, bias: ArrayLike, *, bias_shift: int) -> Ints:
    """A last layer's logits: `acc + bias * 2**bias_shift`, 32 bits, not rounded; what is behind the point is cut off."""
    value, fraction = biased(acc, bias, bias_shift)
    return value >> fraction


def residual_add(
    a: ArrayLike,
    b: ArrayLike,
    *,
    multiplier_a: int,
    multiplier_b: int,
    offset: int,
    shift: int,
    leak: int,
    low: int,
    high: int,
) -> Ints:
    """
    Element-wise sum of two quantised tensors, with one rounding:

        v = a * multiplier_a + b * multiplier_b + offset
        y = clip(rhe(v / 2**(shift + (leak if v < 0 else 0))), low, high)
    """
    value = as_ints(a) * multiplier_a + as_ints(b) * multiplier_b + offset
    total_shift = shift + np.where(value < 0, leak, 0)
    return clip(shift_round_half_even(value, total_shift), low, high)


def multiply(
    a: ArrayLike,
    b: ArrayLike,
    *,
    zero_a: int,
    zero_b: int,
    multiplier: int,
    offset: int,
    shift: int,
    leak: int,
    low: int,
    high: int,
) -> Ints:
    """
    Element-wise product of two quantised tensors, with one rounding:

        v = (a - zero_a) * (b - zero_b) * multiplier + offset
        y = clip(rhe(v / 2**(shift + (leak if v < 0 else 0))), low, high)

    For scales that are powers of two `zero_a`, `zero_b` and `offset` are 0, `multiplier` is 1 and `shift` is
    `a_frac + b_frac - y_frac`, or where that is negative `multiplier` is `2**-shift` and `shift` 0. A zero point of the result
    is `offset = zero * 2**shift`.
    """
    value = (as_ints(a) - zero_a) * (as_ints(b) - zero_b) * multiplier + offset
    total_shift = shift + np.where(value < 0, leak, 0)
    return clip(shift_round_half_even(value, total_shift), low, high)


def lookup(a: ArrayLike, table: ArrayLike, bits: int) -> Ints:
    """
    Any function of one element of `bits` bits, by its table (2**bits):

        y = table[a + 2**(bits - 1)]
    """
    return as_ints(table)[as_ints(a) - int_range(bits)[0]]


def pool_scale(
    acc: ArrayLike,
    count: ArrayLike,
    *,
    left: int,
    right: int,
    leak: int,
    low: int,
    high: int,
) -> Ints:
    """
    The end of a pooling window, with one exact division:

        y = clip(rhe(acc * 2**left / (count * 2**(right + (leak if acc < 0 else 0)))), low, high)

    `acc` is the window's sum and `count` its number of elements (average), or its maximum and 1 (maximum).
    """
    acc, count = as_ints(acc), as_ints(count)
    denominator = count << (right + np.where(acc < 0, leak, 0))
    return clip(divide_round_half_even(acc << left, denominator), low, high)


def quantize(x: ArrayLike, bits: int, frac: int) -> Ints:
    """
    Real numbers to `q<bits, frac>`: `clip(rhe(x * 2**frac))`, but to one bit the sign of `x`, +1 for 0. Scaling by a power of
    two is exact in float64.
    """
    real = np.asarray(x, dtype=np.float64)
    if bits == 1:
        return np.where(real < 0, -1, 1).astype(np.int64)
    low, high = int_range(bits)
    scaled = np.rint(np.ldexp(real, frac))
    return np.clip(scaled, low, high).astype(np.int64)


def dequantize(x: ArrayLike, frac: int) -> Floats:
    """`q<_, frac>` to real numbers, exactly: `x * 2**-frac`."""
    return np.ldexp(as_ints(x).astype(np.float64), -frac)


def quantize_linear(x: ArrayLike, scale: ArrayLike, zero_point: ArrayLike, low: int, high: int) -> Ints:
    """
    Real numbers to integers of any scale: `clip(rhe(x / scale) + zero_point, low, high)`, which is ONNX's QuantizeLinear.
    `scale` and `zero_point` broadcast; the division is one of `x`'s type, float64 for what is no array.
    """
    real = np.asarray(x)
    quotient = np.rint(real / np.asarray(scale, dtype=real.dtype if real.dtype.kind == "f" else np.float64))
    return (np.clip(quotient, -(2.0**62), 2.0**62).astype(np.int64) + as_ints(zero_point)).clip(low, high)


def dequantize_linear(x: ArrayLike, scale: ArrayLike, zero_point: ArrayLike) -> Floats:
    """What integers of a scale stand for: `(x - zero_point) * scale`, in float64."""
    return (as_ints(x) - as_ints(zero_point)) * np.asarray(scale, dtype=np.float64)


def on_grid(x: Floats, scale: Floats, low: int, high: int) -> Floats:
    """Real numbers as integers of a scale say them, `clip(rhe(x / scale), low, high) * scale`, without a zero point."""
    codes = np.rint(x / scale)
    np.clip(codes, low, high, out=codes)
    codes *= scale
    return codes


def scale_to_multiplier(scale: ArrayLike, bits: int = MULTIPLIER_BITS) -> tuple[Ints, Ints]:
    """
    (multiplier, shift) with `multiplier / 2**shift` nearest to a positive `scale`, element by element, of `bits` bits:

        2**(bits - 1) <= multiplier < 2**bits        shift = bits - 1 - floor(log2(scale))

    A scale below `2**(bits - 1 - MAX_SHIFT)`, 2**-32 of 16 bits, has the shift `MAX_SHIFT` and a smaller multiplier, perhaps 0.
    A scale of `2**bits` or more has no shift of at least 0, and is a `ValueError`.

    Source: Jacob et al. (arXiv 1712.05877), section 2.2, with 16 bits for 32.
    """
    scales = np.asarray(scale, dtype=np.float64)
    if not bool(np.all(np.isfinite(scales) & (scales > 0))):
        raise ValueError("scale_to_multiplier: a scale is not a positive number")
    _, exponent = np.frexp(scales)
    shift = np.minimum(bits - exponent, MAX_SHIFT)
    multiplier = np.rint(np.ldexp(scales, shift))
    # Rounded up to the next power of two.
    over = multiplier >= 1 << bits
    multiplier, shift = np.where(over, multiplier / 2, multiplier), shift - over
    if np.any(shift < 0):
        raise ValueError(f"scale_to_multiplier: a scale of {scales.max()}, needs less than 2**{bits}")
    return multiplier.astype(np.int64), shift.astype(np.int64)


def accumulator_bound(weights: ArrayLike, bias: ArrayLike | None, bias_shift: int, input_bits: int) -> Ints:
    """
    Per output channel, the largest magnitude that `acc + bias` can reach at any time of the sum:
    `max|x| * sum|w| + |bias * 2**bias_shift|`, with `max|x| = 2**(input_bits - 1)`, a fraction rounded up.

    `weights` has the output channel last, as in `(KH, KW, CI, CO)`.
    """
    w = np.abs(as_ints(weights))
    bound = (1 << (input_bits - 1)) * w.reshape(-1, w.shape[-1]).sum(axis=0)
    if bias is not None:
        magnitude, fraction = biased(0, np.abs(as_ints(bias)), bias_shift)
        bound = bound - (-magnitude >> fraction)
    return bound


def fold_zero_point(bias: ArrayLike, bias_shift: int, weights: ArrayLike, zero_point: int) -> tuple[Ints, int]:
    """
    (bias, left shift) of sums of elements as they are, in place of those of sums of elements less `zero_point`:
    `bias * 2**bias_shift - zero_point * sum(w)`, with as many bits behind the point. Without a zero point they stay.

    `weights` has the output channel last; what is outside the image has to be `zero_point`.
    """
    b, w = as_ints(bias), as_ints(weights)
    if zero_point == 0:
        return b, bias_shift
    folded, fraction = biased(-zero_point * w.reshape(-1, w.shape[-1]).sum(axis=0), b, bias_shift)
    return folded, -fraction


def bits_for(bound: int) -> int:
    """Width of the smallest signed integer that holds `-bound` and `bound`."""
    return int(bound).bit_length() + 1


def bits_of(x: ArrayLike) -> int:
    """Width of the smallest signed integer that holds every value of `x`."""
    values = as_ints(x)
    return int(np.maximum(values, ~values).max()).bit_length() + 1


def fold_batch_norm(
    weights: ArrayLike,
    bias: ArrayLike | None,
    *,
    gamma: ArrayLike,
    beta: ArrayLike,
    mean: ArrayLike,
    variance: ArrayLike,
    epsilon: float,
) -> tuple[Floats, Floats]:
    """
    Weights (output channel last) and bias of a core whose sum is normalised, in float64 and in this order:

        scale = gamma / sqrt(variance + epsilon)
        w' = w * scale        b' = beta + (b - mean) * scale

    Source: Ioffe and Szegedy, Batch Normalization (arXiv 1502.03167), algorithm 2.
    """
    w, g, m, v, offset = (np.asarray(one, dtype=np.float64) for one in (weights, gamma, mean, variance, beta))
    b = np.float64(0) if bias is None else np.asarray(bias, dtype=np.float64)
    scale = g / np.sqrt(v + epsilon)
    return w * scale, offset + (b - m) * scale


Turns = Callable[..., tuple[float, ...] | None]


def _at(*points: float) -> Turns:
    """Turns that parameters do not move."""
    return lambda *_: points


def _unknown(*_: float) -> None:
    """Turns of a function that has many, or steps down."""


#: Of a function that rises everywhere, or falls.
NOWHERE = _at()


@dataclass(frozen=True)
class Function:
    """
    A function of real numbers, in float64, and the parameters that it takes after them, by default. `turns` are the numbers at
    which it begins to rise or to fall, none if it does one of both everywhere; `None` if it has other steps, or nobody knows.
    """

    compute: Callable[..., Floats]
    parameters: tuple[float, ...] = ()
    turns: Turns = NOWHERE


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def _hard_sigmoid(x: Floats, slope: float, offset: float) -> Floats:
    return np.clip(x * slope + offset, 0, 1)


def _swish(x: Floats, alpha: float) -> Floats:
    return x * _sigmoid(alpha * x)


def _hard_swish(x: Floats) -> Floats:
    return x * np.clip(x + 3, 0, 6) / 6


def _leaky_relu(x: Floats, slope: float) -> Floats:
    return np.where(x < 0, x * slope, x)


def _erf(x: Floats) -> Floats:
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def _gelu(x: Floats, approximate: float) -> Floats:
    if approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


def _softplus(x: Floats) -> Floats:
    return np.logaddexp(x, 0)


def _elu(x: Floats, alpha: float) -> Floats:
    return np.where(x < 0, alpha * np.expm1(x), x)


def _celu(x: Floats, alpha: float) -> Floats:
    return np.where(x < 0, alpha * np.expm1(x / alpha), x)


def _selu(x: Floats, alpha: float, gamma: float) -> Floats:
    return gamma * _elu(x, alpha)


def _mish(x: Floats) -> Floats:
    return x * np.tanh(_softplus(x))


def _softsign(x: Floats) -> Floats:
    return x / (1 + np.abs(x))


def _thresholded_relu(x: Floats, alpha: float) -> Floats:
    return np.where(x > alpha, x, 0)


def _shrink(x: Floats, bias: float, limit: float) -> Floats:
    return np.where(x < -limit, x + bias, np.where(x > limit, x - bias, 0))


def _turns_of_swish(alpha: float) -> tuple[float, ...]:
    return (-1.2784645427610738 / alpha,) if alpha else ()


def _turns_of_gelu(approximate: float) -> tuple[float, ...]:
    return (-0.7524614220710162,) if approximate else (-0.7517915246935645,)


def _turns_of_threshold(alpha: float) -> tuple[float, ...] | None:
    return () if alpha >= 0 else None


#: Pointwise functions that the engine looks up. Sources: the operators of ONNX of the same names, whose defaults may differ;
#: `hard_sigmoid` and `hard_swish` by default as in Howard et al. (arXiv 1905.02244), `gelu` in Hendrycks and Gimpel (arXiv
#: 1606.08415), with the error function, or unless its parameter is 0 approximated by tanh, as there; `shrink` has a bias, then
#: its limit.
FUNCTIONS: dict[str, Function] = {
    "sigmoid": Function(_sigmoid),
    "tanh": Function(np.tanh),
    "exp": Function(np.exp),
    "gelu": Function(_gelu, (0.0,), _turns_of_gelu),
    "swish": Function(_swish, (1.0,), _turns_of_swish),
    "hard_sigmoid": Function(_hard_sigmoid, (1 / 6, 0.5)),
    "hard_swish": Function(_hard_swish, turns=_at(-1.5)),
    "leaky_relu": Function(_leaky_relu, (0.01,), _at(0.0)),
    "mish": Function(_mish, turns=_at(-1.1924312145154952)),
    "softplus": Function(_softplus),
    "softsign": Function(_softsign),
    "elu": Function(_elu, (1.0,), _at(0.0)),
    "selu": Function(_selu, (1.6732632423543772, 1.0507009873554805), _at(0.0)),
    "celu": Function(_celu, (1.0,), _at(0.0)),
    "thresholded_relu": Function(_thresholded_relu, (1.0,), _turns_of_threshold),
    "shrink": Function(_shrink, (0.0, 0.5), _unknown),
    "abs": Function(np.abs, turns=_at(0.0)),
    "erf": Function(_erf),
    "log": Function(np.log, turns=_unknown),
    "sqrt": Function(np.sqrt),
    "reciprocal": Function(np.reciprocal, turns=_unknown),
    "pow": Function(np.power, (2.0,), _unknown),
    "sign": Function(np.sign),
    "floor": Function(np.floor),
    "ceil": Function(np.ceil),
    "round": Function(np.rint),
    "sin": Function(np.sin, turns=_unknown),
    "cos": Function(np.cos, turns=_unknown),
    "tan": Function(np.tan, turns=_unknown),
    "asin": Function(np.arcsin, turns=_unknown),
    "acos": Function(np.arccos, turns=_unknown),
    "atan": Function(np.arctan),
    "sinh": Function(np.sinh),
    "cosh": Function(np.cosh, turns=_at(0.0)),
    "asinh": Function(np.arcsinh),
    "acosh": Function(np.arccosh, turns=_unknown),
    "atanh": Function(np.arctanh, turns=_unknown),
}


def apply_function(name: str, x: ArrayLike, parameters: Sequence[float] = ()) -> Floats:
    """`FUNCTIONS[name]` of real numbers; what is too large for a float is infinite, and where there is no result it is 0."""
    function = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        y = function.compute(np.asarray(x, dtype=np.float64), *(parameters or function.parameters))
    return np.where(np.isnan(y), 0.0, y)


def table_bits(bits: int) -> int:
    """The bits of the values that a table for elements of `bits` bits has entries for; one bit is looked up as two are."""
    return max(2, bits)


def table(
    function: Callable[[Floats], Floats],
    bits: int,
    to_reals: Callable[[Ints], Floats],
    to_integers: Callable[[Floats], Ints],
) -> Ints:
    """
    The table, for `lookup`, of a function of elements of `bits` bits. `to_reals` and `to_integers` say what integers of its
    argument and of its result stand for:

        table[i] = to_integers(function(to_reals(i - 2**(bits - 1))))
    """
    low, high = int_range(table_bits(bits))
    return to_integers(function(to_reals(np.arange(low, high + 1, dtype=np.int64))))
