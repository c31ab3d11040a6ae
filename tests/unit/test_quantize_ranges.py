"""Scales from values: what "minmax", "percentile" and "mse" mean, against plain loops over all scales."""

import numpy as np
import pytest

from dsf.frontend.quantize.options import QuantizeOptions, power_of_two_at_least
from dsf.frontend.quantize.ranges import Quantizer, Values, weight_quantizer
from dsf.numerics import dequantize_linear, quantize_linear


def values_of(x, constants=()):
    values = Values(constants)
    values.limit(x)
    values.count(x)
    return values


def heavy_tailed(count=20_000):
    return np.random.default_rng(3).standard_t(3, size=count).astype(np.float32)


def squared_error(x, quantizer):
    return np.square(x - quantizer.round(x)).sum()


def test_quantize_linear_is_that_of_onnx():
    x = np.array([-1.25, -0.75, -0.25, 0.25, 0.75, 1e30, -1e30], dtype=np.float32)
    assert quantize_linear(x, 0.5, 3, -8, 7).tolist() == [1, 1, 3, 3, 5, 7, -8]  # -2.5, -1.5, -0.5, ... to the even one
    assert dequantize_linear([1, 3, 7], 0.5, 3).tolist() == [-1.0, 0.0, 2.0]


def test_divides_in_the_type_of_the_numbers():
    x = np.random.default_rng(0).normal(size=100_000).astype(np.float32)
    scale = np.float32(0.0123)
    expected = np.clip(np.rint(x / scale), -128, 127)
    assert np.array_equal(quantize_linear(x, np.float64(scale), 0, -128, 127), expected)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_minmax_holds_every_value(bits):
    x = heavy_tailed()
    quantizer = values_of(x).quantizer(bits, QuantizeOptions(ranges="minmax"))
    assert quantizer.scale == np.float32(np.abs(x).max() / (2 ** (bits - 1) - 1))
    assert np.abs(x - quantizer.round(x)).max() <= quantizer.scale / 2 * (1 + 1e-6)


def test_zero_points_use_all_integers_of_a_side():
    x = np.abs(heavy_tailed())
    quantizer = values_of(x).quantizer(8, QuantizeOptions(ranges="minmax", zero_points=True))
    assert quantizer.zero_point == -128
    assert quantizer.quantize(x).max() == 127
    assert quantizer.round(np.zeros(1, dtype=np.float32)) == 0


@pytest.mark.parametrize("zero_points", [False, True])
def test_percentile_leaves_the_outermost_values_out(zero_points):
    x = heavy_tailed()
    quantizer = values_of(x).quantizer(8, QuantizeOptions(ranges="percentile", percentile=99, zero_points=zero_points))
    bin_width = (x.max() - x.min()) / 2048
    low, high = np.percentile(x, [0.5, 99.5])
    least, most = quantizer.round(np.array([-1e9, 1e9]))
    step = float(quantizer.scale)
    if zero_points:
        assert abs(least - low) <= 2 * bin_width + step
        assert abs(most - high) <= 2 * bin_width + step
    else:
        assert abs(most - max(-low, high)) <= 2 * bin_width


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("scales", ["free", "power-of-two"])
def test_mse_is_the_least_of_all_scales(bits, scales):
    x = heavy_tailed()
    options = QuantizeOptions(scales=scales)
    chosen = squared_error(x, values_of(x).quantizer(bits, options))
    whole = np.abs(x).max() / (2 ** (bits - 1) - 1)
    if scales == "free":
        tried = [whole * part for part in np.linspace(1, 0.02, 200)]
    else:
        tried = [power_of_two_at_least(whole) / 2**less for less in range(8)]
    least = min(squared_error(x, Quantizer(bits, np.array(scale), np.array(0))) for scale in tried)
    assert chosen <= least * 1.02  # It saw bins, not values.


def test_powers_of_two_are_such():
    for bits in (2, 4, 8):
        for ranges in ("minmax", "percentile", "mse"):
            scale = float(
                values_of(heavy_tailed()).quantizer(bits, QuantizeOptions(ranges=ranges, scales="power-of-two")).scale
            )
            assert np.frexp(scale)[0] == 0.5


def test_least_power_of_two():
    assert [power_of_two_at_least(x) for x in (1.0, 1.01, 0.25, 0.3, 3)] == [1.0, 2.0, 0.25, 0.5, 4.0]


def test_constants_are_held():
    quantizer = values_of(np.zeros(3), constants=[5.0]).quantizer(8, QuantizeOptions(ranges="minmax"))
    assert quantizer.round(np.array([5.0])) == pytest.approx(5.0)


def test_a_tensor_of_zeros_has_a_scale():
    assert values_of(np.zeros(3, dtype=np.float32)).quantizer(8, QuantizeOptions()).scale == 1.0
    assert weight_quantizer(np.zeros((2, 3)), 0, 4, QuantizeOptions()).scale.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("scales", ["free", "power-of-two"])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_each_channel_of_weights_has_the_best_scale(bits, scales):
    weights = np.random.default_rng(5).normal(size=(3, 6, 4)) * np.array([1.0, 30.0, 0.01, 1.0]).reshape(1, 1, 4)
    options = QuantizeOptions(scales=scales)
    quantizer = weight_quantizer(weights, 2, bits, options)
    assert quantizer.scale.shape == (4,)
    for channel in range(4):
        row = weights[..., channel]
        alone = Quantizer(bits, quantizer.scale[channel], np.array(0))
        whole = np.abs(row).max() / (2 ** (bits - 1) - 1)
        start = whole if scales == "free" else power_of_two_at_least(whole)
        parts = 2.0 ** (-np.arange(113) / 16) if scales == "free" else 2.0 ** -np.arange(8)
        least = min(squared_error(row, Quantizer(bits, np.array(start * part), np.array(0))) for part in parts)
        assert squared_error(row, alone) == pytest.approx(least, rel=1e-5)
        assert np.array_equal(quantizer.quantize(weights)[..., channel], alone.quantize(row))


def test_minmax_of_weights_holds_all():
    weights = heavy_tailed(60).reshape(6, 10)
    one = weight_quantizer(weights, None, 8, QuantizeOptions(ranges="minmax"))
    assert one.scale == np.float32(np.abs(weights).max() / 127)
    each = weight_quantizer(weights, 0, 8, QuantizeOptions(ranges="minmax"))
    assert each.scale.tolist() == [np.float32(np.abs(row).max() / 127) for row in weights]
