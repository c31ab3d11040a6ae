"""The arithmetic, against exact rational arithmetic."""

import math
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsf import numerics


def exact_rhe(value: Fraction) -> int:
    """Python rounds a Fraction half to even, exactly."""
    return round(value)


@given(st.integers(-(2**48), 2**48), st.integers(0, 62))
def test_shift_round_half_even(x: int, shift: int):
    assert numerics.shift_round_half_even(x, shift) == exact_rhe(Fraction(x, 2**shift))


@pytest.mark.parametrize(("x", "expected"), [(2, 0), (6, 2), (-2, 0), (-6, -2), (10, 2), (-10, -2), (7, 2), (5, 1)])
def test_shift_round_half_even_ties(x: int, expected: int):
    assert numerics.shift_round_half_even(x, 2) == expected


@pytest.mark.parametrize("shift", [-1, 63])
def test_shift_out_of_range(shift: int):
    with pytest.raises(ValueError, match="shift"):
        numerics.shift_round_half_even(1, shift)


@given(st.integers(-(2**40), 2**40), st.integers(1, 2**20))
def test_divide_round_half_even(x: int, d: int):
    assert numerics.divide_round_half_even(x, d) == exact_rhe(Fraction(x, d))


def test_divide_needs_positive_denominator():
    with pytest.raises(ValueError, match="positive"):
        numerics.divide_round_half_even(1, 0)


@given(
    acc=st.integers(-(2**30), 2**30),
    bias=st.integers(-(2**15), 2**15 - 1),
    bias_shift=st.integers(0, 8),
    multiplier=st.integers(1, 2**16 - 1),
    shift=st.integers(0, numerics.MAX_SHIFT),
    leak=st.integers(0, numerics.MAX_LEAK),
    relu=st.booleans(),
    zero=st.integers(-(2**15), 2**15 - 1),
)
def test_requantize(acc: int, bias: int, bias_shift: int, multiplier: int, shift: int, leak: int, relu: bool, zero: int):
    low, high = (0 if relu else -128), 127
    v = acc + bias * 2**bias_shift
    slope = Fraction(1, 2**leak) if v < 0 else Fraction(1)
    expected = min(max(exact_rhe(v * multiplier * slope / 2**shift) + zero, low), high)
    got = numerics.requantize(
        acc,
        bias,
        bias_shift=bias_shift,
        multiplier=multiplier,
        shift=shift,
        leak=leak,
        zero_point=zero,
        low=low,
        high=high,
    )
    assert got == expected


@given(
    acc=st.integers(-(2**23), 2**23 - 1),
    bias=st.integers(-(2**31), 2**31 - 1),
    fraction=st.integers(1, numerics.MAX_FRACTION),
    multiplier=st.integers(0, 2**26 - 1),
    shift=st.integers(0, numerics.MAX_SHIFT),
    leak=st.integers(0, numerics.MAX_LEAK),
)
def test_requantize_with_bits_behind_the_point(acc: int, bias: int, fraction: int, multiplier: int, shift: int, leak: int):
    """Sums of 24 bits and at most 12 behind the point times multipliers of 26 bits; with 16 there are fewer for these."""
    multiplier >>= max(fraction - 12, 0)
    bias >>= max(8 - fraction, 0)
    v = acc + Fraction(bias, 2**fraction)
    slope = Fraction(1, 2**leak) if v < 0 else Fraction(1)
    expected = min(max(exact_rhe(v * multiplier * slope / 2**shift), -128), 127)
    numbers = {"bias_shift": -fraction, "multiplier": multiplier, "shift": shift, "leak": leak, "low": -128, "high": 127}
    assert numerics.requantize(acc, bias, **numbers) == expected


def test_the_largest_shift_leaves_nothing():
    """Of the largest product there is, half at most: rounded to 0, as the engine does."""
    numbers = {"bias_shift": -15, "shift": 47, "leak": 15, "low": -128, "high": 127}
    for acc in (-(2**31), 2**31 - 1):
        assert numerics.requantize(acc, 0, multiplier=2**15 - 1, **numbers) == 0


@given(
    a=st.integers(-128, 127),
    b=st.integers(-128, 127),
    ma=st.integers(0, 2**16 - 1),
    mb=st.integers(0, 2**16 - 1),
    offset=st.integers(-(2**31), 2**31 - 1),
    shift=st.integers(0, numerics.MAX_SHIFT),
    leak=st.integers(0, numerics.MAX_LEAK),
)
def test_residual_add(a: int, b: int, ma: int, mb: int, offset: int, shift: int, leak: int):
    v = a * ma + b * mb + offset
    slope = Fraction(1, 2**leak) if v < 0 else Fraction(1)
    expected = min(max(exact_rhe(v * slope / 2**shift), -128), 127)
    got = numerics.residual_add(
        a, b, multiplier_a=ma, multiplier_b=mb, offset=offset, shift=shift, leak=leak, low=-128, high=127
    )
    assert got == expected


@given(
    a=st.integers(-128, 127),
    b=st.integers(-128, 127),
    zeros=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
    multiplier=st.integers(0, 2**16 - 1),
    offset=st.integers(-(2**31), 2**31 - 1),
    shift=st.integers(0, numerics.MAX_SHIFT),
    leak=st.integers(0, numerics.MAX_LEAK),
    relu=st.booleans(),
)
def test_multiply(a: int, b: int, zeros: tuple[int, int], multiplier: int, offset: int, shift: int, leak: int, relu: bool):
    v, low = (a - zeros[0]) * (b - zeros[1]) * multiplier + offset, (0 if relu else -128)
    slope = Fraction(1, 2**leak) if v < 0 else Fraction(1)
    expected = min(max(exact_rhe(v * slope / 2**shift), low), 127)
    terms = {"zero_a": zeros[0], "zero_b": zeros[1], "multiplier": multiplier, "offset": offset}
    assert numerics.multiply(a, b, **terms, shift=shift, leak=leak, low=low, high=127) == expected


def test_multiply_of_extremes():
    """The largest magnitudes, and ties to even of either sign."""
    scale = {"zero_a": 0, "zero_b": 0, "multiplier": 1, "offset": 0, "shift": 1, "leak": 0}
    scale |= {"low": -(1 << 15), "high": (1 << 15) - 1}
    assert numerics.multiply([-128, -128, 127, 3, -3, 5, -5], [-128, 127, 127, 1, 1, 1, 1], **scale).tolist() == [
        8192, -8128, 8064, 2, -2, 2, -2
    ]  # fmt: skip


def test_lookup():
    table = [10, 11, 12, 13]
    assert numerics.lookup([[-2, 1], [0, -1]], table, 2).tolist() == [[10, 13], [12, 11]]


@given(
    acc=st.integers(-(2**19), 2**19),
    count=st.integers(1, 4096),
    left=st.integers(0, 7),
    right=st.integers(0, 8),
    leak=st.integers(0, numerics.MAX_LEAK),
)
def test_pool_scale(acc: int, count: int, left: int, right: int, leak: int):
    slope = Fraction(1, 2**leak) if acc < 0 else Fraction(1)
    expected = min(max(exact_rhe(Fraction(acc, count) * 2**left * slope / 2**right), -128), 127)
    assert numerics.pool_scale(acc, count, left=left, right=right, leak=leak, low=-128, high=127) == expected


def test_raw():
    assert numerics.raw(100, -3, bias_shift=4) == 52
    # What is behind the point is cut off.
    assert numerics.raw([100, -100], [-3, 5], bias_shift=-2).tolist() == [99, -99]


@pytest.mark.parametrize(("x", "expected"), [(0.5, 8), (0.03125, 0), (0.09375, 2), (100.0, 127), (-100.0, -128)])
def test_quantize(x: float, expected: int):
    assert numerics.quantize(x, 8, 4) == expected


@given(st.integers(-128, 127), st.integers(-8, 20))
def test_dequantize_inverts_quantize(x: int, frac: int):
    assert numerics.quantize(numerics.dequantize(x, frac), 8, frac) == x


def test_as_ints_rejects_fractions():
    with pytest.raises(ValueError, match="not an integer"):
        numerics.as_ints([0.5])


def test_accumulator_bound_is_reached():
    weights = np.array([[1, -2], [-3, 4]])
    bound = numerics.accumulator_bound(weights, np.array([5, -6]), 2, 8)
    assert bound.tolist() == [128 * 4 + 20, 128 * 6 + 24]
    # A fraction counts as a whole.
    bound = numerics.accumulator_bound(weights, np.array([5, -8]), -2, 8)
    assert bound.tolist() == [128 * 4 + 2, 128 * 6 + 2]


def test_a_zero_point_is_folded_into_a_bias_with_bits_behind_the_point():
    weights = np.array([[1, -2], [-3, 4]])
    for shift, folded in ((3, (5 * 8 - 20, -6 * 8 + 20)), (-3, (5 - 20 * 8, -6 + 20 * 8))):
        bias, left = numerics.fold_zero_point([5, -6], shift, weights, -10)
        assert (bias.tolist(), left) == (list(folded), min(shift, 0))


@pytest.mark.parametrize(("bound", "bits"), [(0, 1), (1, 2), (127, 8), (128, 9)])
def test_bits_for(bound: int, bits: int):
    assert numerics.bits_for(bound) == bits


def test_one_bit_is_minus_or_plus_one():
    """A sign, and +1 for 0, real or integer; 0 itself is no value of one bit."""
    assert numerics.int_range(1) == (-1, 1)
    assert numerics.quantize([0.0, -0.0, 0.4, -0.4, 100.0, -100.0], 1, 3).tolist() == [1, 1, 1, -1, 1, -1]
    assert numerics.to_element([0, 1, -1], 1).tolist() == [1, 1, -1]
    assert numerics.to_element([0, 1, -1, 7], 4).tolist() == [0, 1, -1, 7]
    assert numerics.accumulator_bound(np.array([[1, -1], [-1, -1]]), np.array([5, 0]), 0, 1).tolist() == [7, 2]


@pytest.mark.parametrize(
    ("x", "bits", "fits"),
    [([], 1, True), ([1, -1], 1, True), ([1, 0], 1, False), ([2], 1, False), ([1, -2], 2, True), ([0, 2], 2, False)],
)
def test_fits(x: list[int], bits: int, fits: bool):
    assert numerics.fits(x, bits) == fits


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_random_elements_are_all_values(bits: int):
    low, high = numerics.int_range(bits)
    drawn = numerics.random_elements(np.random.default_rng(0), 1000, bits)
    assert set(drawn.tolist()) == ({-1, 1} if bits == 1 else set(range(low, high + 1)))


@given(scale=st.floats(2.0**-47, 65535.0), bits=st.sampled_from([16, 17, 26]))
def test_scale_to_multiplier(scale: float, bits: int):
    """Nearest of the multipliers with 16 bits, or more, and a leading one; small scales have the largest shift there is."""
    multiplier, shift = (int(one) for one in numerics.scale_to_multiplier(scale, bits))
    assert 0 <= shift <= numerics.MAX_SHIFT
    assert multiplier < 1 << bits
    assert multiplier >= 1 << (bits - 1) or shift == numerics.MAX_SHIFT
    assert abs(Fraction(multiplier, 2**shift) - Fraction(scale)) <= Fraction(1, 2 ** (shift + 1))


def test_scales_that_are_no_multipliers():
    """A power of two is exact, what rounds up to one too; what is too large or no positive number is refused."""
    assert [int(one) for one in numerics.scale_to_multiplier(0.25)] == [1 << 15, 17]
    assert [int(one) for one in numerics.scale_to_multiplier(1 - 2.0**-20)] == [1 << 15, 15]
    with pytest.raises(ValueError, match=r"needs less than 2\*\*16"):
        numerics.scale_to_multiplier([1.0, 65536.0])
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="not a positive number"):
            numerics.scale_to_multiplier(wrong)


@given(x=st.floats(-1e6, 1e6), scale=st.floats(2.0**-20, 1e3), zero_point=st.integers(-128, 127), bits=st.integers(2, 8))
def test_affine_grid(x: float, scale: float, zero_point: int, bits: int):
    low, high = numerics.int_range(bits)
    expected = min(max(exact_rhe(Fraction(x / scale)) + zero_point, low), high)
    got = numerics.quantize_linear(x, scale, zero_point, low, high)
    assert got == expected
    assert numerics.dequantize_linear(got, scale, zero_point) == (expected - zero_point) * scale


def test_functions_of_tables():
    """Values that are known: at 0, at the ends, and where a slope begins."""
    x = np.array([-4.0, -3.0, 0.0, 1.0, 3.0])
    expected = {
        "sigmoid": [1 / (1 + math.exp(4)), 1 / (1 + math.exp(3)), 0.5, 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(-3))],
        "tanh": [math.tanh(v) for v in x],
        "exp": [math.exp(v) for v in x],
        "gelu": [v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x],
        "swish": [v / (1 + math.exp(-v)) for v in x],
        "hard_sigmoid": [0, 0, 0.5, 4 / 6, 1],
        "hard_swish": [0, 0, 0, 4 / 6, 3],
        "leaky_relu": [-0.04, -0.03, 0, 1, 3],
        "mish": [v * math.tanh(math.log(1 + math.exp(v))) for v in x],
        "softplus": [math.log(1 + math.exp(v)) for v in x],
        "softsign": [-0.8, -0.75, 0, 0.5, 0.75],
        "elu": [math.exp(-4) - 1, math.exp(-3) - 1, 0, 1, 3],
        "selu": [1.0507009873554805 * (v if v >= 0 else 1.6732632423543772 * (math.exp(v) - 1)) for v in x],
        "celu": [math.exp(-4) - 1, math.exp(-3) - 1, 0, 1, 3],
        "thresholded_relu": [0, 0, 0, 0, 3],
        "shrink": [-4, -3, 0, 1, 3],
        "abs": [4, 3, 0, 1, 3],
        "erf": [math.erf(v) for v in x],
        "log": [0, 0, -math.inf, 0, math.log(3)],
        "sqrt": [0, 0, 0, 1, math.sqrt(3)],
        "reciprocal": [-0.25, -1 / 3, math.inf, 1, 1 / 3],
        "pow": [16, 9, 0, 1, 9],
        "sign": [-1, -1, 0, 1, 1],
        "floor": x,
        "ceil": x,
        "round": x,
        "sin": [math.sin(v) for v in x],
        "cos": [math.cos(v) for v in x],
        "tan": [math.tan(v) for v in x],
        "asin": [0, 0, 0, math.pi / 2, 0],
        "acos": [0, 0, math.pi / 2, 0, 0],
        "atan": [math.atan(v) for v in x],
        "sinh": [math.sinh(v) for v in x],
        "cosh": [math.cosh(v) for v in x],
        "asinh": [math.asinh(v) for v in x],
        "acosh": [0, 0, 0, 0, math.acosh(3)],
        "atanh": [0, 0, 0, math.inf, 0],
    }
    assert expected.keys() == numerics.FUNCTIONS.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(numerics.apply_function(name, x), values, rtol=1e-12, atol=1e-15, err_msg=name)
    assert numerics.apply_function("leaky_relu", -2.0, [0.3]) == -0.6
    by_tanh = [v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))) for v in x]
    np.testing.assert_allclose(numerics.apply_function("gelu", x, [1.0]), by_tanh, rtol=1e-12, atol=1e-15)
    assert numerics.apply_function("hard_sigmoid", [-1.0, 1.0], [0.25, 0.5]).tolist() == [0.25, 0.75]
    assert numerics.apply_function("exp", 1000.0) == math.inf
    assert numerics.apply_function("swish", [-1.0], [1.702]).tolist() == [-1 / (1 + math.exp(1.702))]
    assert numerics.apply_function("elu", [-1.0], [0.5]).tolist() == [0.5 * math.expm1(-1)]
    assert numerics.apply_function("celu", [-1.0], [0.5]).tolist() == [0.5 * math.expm1(-2)]
    assert numerics.apply_function("shrink", [-2.0, 1.5, 2.0], [0.5, 1.5]).tolist() == [-1.5, 0, 1.5]
    assert numerics.apply_function("pow", [4.0, -4.0], [0.5]).tolist() == [2, 0]
    halves = np.array([-1.5, -0.5, 0.5, 2.5])
    for name, expected in (("floor", np.floor), ("ceil", np.ceil), ("round", np.rint)):
        assert numerics.apply_function(name, halves).tolist() == expected(halves).tolist()


#: Parameters besides those by default, among them such as turn a function around.
OTHERS = {
    "gelu": [(1.0,)],
    "swish": [(-0.7,), (0.0,)],
    "hard_sigmoid": [(-0.3, 0.2)],
    "leaky_relu": [(-0.2,)],
    "elu": [(-0.5,)],
    "selu": [(-0.5, 1.5)],
    "celu": [(2.0,)],
    "thresholded_relu": [(0.0,), (-1.0,)],
}


def test_turns_of_functions():
    """Between two of them a function rises or falls; so does each with steps, of which none is down."""
    known = 0
    for name, function in numerics.FUNCTIONS.items():
        for parameters in ((), *OTHERS.get(name, [])):
            turns = function.turns(*(parameters or function.parameters))
            if turns is None:
                continue
            known += 1
            for low, high in pairwise((-30.0, *sorted(turns), 30.0)):
                steps = np.diff(numerics.apply_function(name, np.linspace(low, high, 10001), parameters))
                assert (steps >= -1e-15).all() or (steps <= 1e-15).all(), (name, parameters, low, high)
    assert known == 35


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_table(bits: int):
    """For each value of an element its function, which `lookup` finds; of one bit as of two."""
    table = numerics.table(np.tanh, bits, lambda x: numerics.dequantize(x, 3), lambda y: numerics.quantize(y, 8, 6))
    assert table.shape == (1 << max(2, bits),)
    low, high = numerics.int_range(bits)
    for value in (low, *range(low + 1, high), high):
        expected = min(127, round(64 * math.tanh(value / 8)))
        assert numerics.lookup(value, table, max(2, bits)) == expected
