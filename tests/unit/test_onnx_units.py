"""By which factors of the weights biases become whole numbers and gains multipliers of 16 bits, and what limits them."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from xdsl.ir import Block

from benchmarks.every_sum import EXACT, Rescaled, chosen, wrong_results
from dsf.dialects.bundle import AffineType, tensor_of
from dsf.frontend.onnx.rounding import core
from dsf.frontend.onnx.thresholds import other_results
from dsf.frontend.onnx.units import in_fine_units, unit_factors
from dsf.frontend.onnx.values import Pointwise, Sum, UnsupportedError, row_major
from dsf.hardware import Hardware
from dsf.numerics import int_range, scale_to_multiplier

WIDE = Hardware(bits_bias=32, bits_sum=32)


def dense(weights: list[list[int]], bias: list[float], zero_point: int = 0) -> Sum:
    """A dense layer of scales 1/4, weights (K, CO)."""
    codes = np.array(weights)
    grid = AffineType.of(8, 0.5, zero_point)
    x = Block(arg_types=[tensor_of((1, len(codes)), grid)]).args[0]
    sizes = (1, codes.shape[1])
    scales = np.full(codes.shape[1], 0.25)
    return Sum(
        row_major(sizes),
        sizes,
        "dense",
        x=x,
        x_grid=grid,
        weights=codes,
        bits=4,
        scales=scales,
        bias=np.array(bias),
        window=None,
    )


def test_a_bias_gets_units_that_it_is_a_whole_number_of() -> None:
    """In units of 1/4: 1, 1/2, -3 1/3 and 0.3; the largest factor of weights up to 7 is 18."""
    pending = dense([[7, 7, -7, 1], [-1, 0, 2, 7]], [0.25, 0.125, -2.5 / 3, 0.075])
    assert unit_factors(pending, WIDE).tolist() == [1, 2, 3, 10]
    finer = in_fine_units(pending, WIDE)
    assert finer.weights.tolist() == [[7, 14, -21, 10], [-1, 0, 6, 70]]
    assert np.allclose(finer.bias / finer.scales, [1, 1, -10, 3])
    assert np.allclose(finer.weights * finer.scales, pending.weights * pending.scales)
    assert finer.bits == 8


def test_whole_numbers_stay_as_they_are() -> None:
    """Also where their scale was rounded to float32."""
    pending = dense([[3, 7]], [0.25 * (1 + 2.0**-24), 2.0**14 * (1 - 2.0**-24)])
    assert in_fine_units(pending, WIDE) is pending


def test_a_gain_gets_units_that_the_multiplier_has() -> None:
    """Gains of 1/81 and 1/3, for weights of 1, which 16 bits miss by up to 2**-17 of them; a power of two they have."""
    pending = replace(dense([[1, 1, 1]] * 81, [0.0] * 3), scales=np.array([1 / 81, 1 / 3, 1 / 64]))
    grid = AffineType.of(8, 1.0, 0)
    factors = unit_factors(pending, WIDE, grid)
    assert factors[2] == 1

    def error(gains: np.ndarray) -> np.ndarray:
        multiplier, shift = scale_to_multiplier(gains)
        return np.abs(np.ldexp(multiplier.astype(float), -shift) / gains - 1)

    assert np.all(error(pending.scales)[:2] > 2.0**-18)
    assert np.all(error(pending.scales / factors) < 2.0**-20)


@pytest.mark.parametrize("most", [127, 7, 1], ids=["8 bits", "4 bits", "2 bits"])
@pytest.mark.parametrize(
    "function",
    [Pointwise(), Pointwise(0.0), Pointwise(0.25), Pointwise(minimum=-1.5, maximum=2.5)],
    ids=["no function", "relu", "leaky", "clip"],
)
def test_most_sums_get_the_right_result(most: int, function: Pointwise) -> None:
    """Where weights have room for a factor; else about as many are wrong as with the nearest numbers."""
    rng = np.random.default_rng(most)
    weights = rng.integers(-most, most + 1, (40, 12))
    weights[0] = most
    pending = replace(dense(weights.tolist(), [0.0] * 12, -3), function=function)
    # The largest sums have the largest results.
    grid, sums = AffineType.of(8, 0.031, -5), 74 * np.sqrt(40) * most
    pending = replace(pending, scales=rng.uniform(0.8, 1.2, 12) * grid.unit * 128 / sums, bias=rng.normal(size=12) * 0.5)
    nearest = replace(pending, bias=np.rint(pending.bias / pending.scales) * pending.scales)
    better = in_fine_units(pending, WIDE, grid)
    (before, _), (after, _) = (wrong_results(Rescaled(pending, one, grid)) for one in (nearest, better))
    assert after <= {127: 1.15, 7: 0.05, 1: 0}[most] * before
    assert other_results(pending, better, WIDE, grid)[0] == after
    # With more bits of gains and biases, all sums do.
    exact = Rescaled(pending, in_fine_units(pending, EXACT, grid), grid)
    assert exact.taken.fraction == EXACT.bits_fraction
    assert wrong_results(exact, chosen(exact, EXACT))[0] == other_results(pending, exact.taken, EXACT, grid)[0] == 0


def test_what_the_engine_has_stays_as_it_is() -> None:
    """Gains that are powers of two or have 16 bits, and whole biases."""
    pending = replace(dense([[7, 3], [-1, 2]], [0.0, 0.0]), scales=np.array([2.0**-5, 40001 * 2.0**-22]))
    pending = replace(pending, bias=pending.scales * [3, -7])
    assert in_fine_units(pending, WIDE, AffineType.of(8, 1.0, 4)) is pending


def test_a_bias_stays_within_the_hardware() -> None:
    """Of 8 bits: 127.4 units can't become 128."""
    pending = replace(dense([[127], [3]], [127.4 * 0.0137]), scales=np.array([0.0137]))
    chosen = in_fine_units(pending, Hardware(bits_bias=8, bits_sum=32), AffineType.of(8, 1.0, 0))
    assert np.rint(chosen.bias / chosen.scales) <= 127


@pytest.mark.parametrize(("bias", "fraction"), [(0.3, 10), (2.0**23 + 0.3, 7), (2.0**30 + 0.3, 0)])
def test_a_bias_has_the_bits_behind_the_point_that_it_has_room_for(bias: float, fraction: int) -> None:
    """Of 32 bits, in units of a sum of 0.0137."""
    pending = replace(dense([[127], [3]], [bias * 0.0137]), scales=np.array([0.0137]))
    taken = in_fine_units(pending, EXACT, AffineType.of(8, 1.0, 0))
    assert taken.fraction == fraction
    units = taken.bias / taken.scales * 2.0**fraction
    assert abs(units - np.rint(units)) < 1e-3 and abs(units) < 2.0**31


def test_gains_at_the_end_of_a_multiplier() -> None:
    """Of those beside the nearest one the engine has all, though 65537 has 17 bits."""
    scales = np.array([65535.6 * 2.0**-24, 65534.7 * 2.0**-24, 32768.3 * 2.0**-24])
    pending = replace(dense([[127, 127, 127], [3, -7, 5]], [0.1, 0.2, 0.3]), scales=scales)
    taken = in_fine_units(pending, WIDE, AffineType.of(8, 1.0, 0))
    multiplier, shift = scale_to_multiplier(taken.scales)
    assert np.array_equal(np.ldexp(multiplier.astype(float), -shift), taken.scales)


def test_weights_of_all_bits_stay_as_they_are() -> None:
    pending = dense([[127, -128, 64]], [0.1, 0.1, 0.1])
    assert in_fine_units(pending, WIDE) is pending


@pytest.mark.parametrize(
    ("hardware", "zero_point", "most"),
    [
        (Hardware(bits_bias=8, bits_sum=32), 0, 12),
        (Hardware(bits_bias=8, bits_sum=32), -1, 2),
        (Hardware(bits_bias=32, bits_sum=16), 0, 5),
        (Hardware(bits_bias=32, bits_sum=32, bits_weights=4), 0, 1),
    ],
    ids=["bias", "bias with a zero point", "sum", "weights"],
)
def test_factors_that_the_hardware_does_not_hold(hardware: Hardware, zero_point: int, most: int) -> None:
    """A bias of 10 1/19 units, which no factor up to 18 makes whole."""
    pending = dense([[7]] * 6, [0.25 * (10 + 1 / 19)], zero_point)
    (factor,) = unit_factors(pending, hardware).tolist()
    assert factor <= most
    assert unit_factors(pending, WIDE)[0] == 18
    finer = in_fine_units(pending, hardware)
    bias = np.rint(finer.bias / finer.scales) - zero_point * finer.weights.sum(axis=0)
    assert np.all(np.abs(bias) <= int_range(hardware.bits_bias)[1])
    assert np.all(128 * np.abs(finer.weights).sum(axis=0) + np.abs(bias) <= int_range(hardware.bits_sum)[1])


def test_weights_that_their_type_does_not_have() -> None:
    """Refused, where rounding would clip them."""
    with pytest.raises(
        UnsupportedError, match="weights of -3 to 8 as integers of 4 bits, needs -8 to 7; quantise them to such"
    ):
        core(SimpleNamespace(hardware=WIDE), dense([[8], [-3]], [0.0]))
