"""Functions of single numbers, one after the other: what is made of them is what they do."""

from __future__ import annotations

import random
from functools import reduce

import numpy as np
import pytest

from dsf.frontend.onnx.values import Pointwise, UnsupportedError

SLOPES = (0.0, 0.0, 0.25, 0.5, 1.0, 1.0, 2.0, -0.5, -1.0)
LIMITS = (None, None, -8.0, -3.0, -1.0, 0.0, 1.0, 2.5, 6.0)
X = np.concatenate([np.arange(-20, 20.5, 0.5), np.array([-1000.0, 1000.0])])


def drawn(rng: random.Random) -> tuple[float, float | None, float | None]:
    return rng.choice(SLOPES), rng.choice(LIMITS), rng.choice(LIMITS)


def apply(x: np.ndarray, slope: float, low: float | None, high: float | None) -> np.ndarray:
    """LeakyRelu, then Clip, whose upper limit wins."""
    x = np.where(x < 0, x * slope, x)
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def test_chains() -> None:
    """Up to four; the limits that the engine gets are in order, and only negative slopes of what is clipped are refused."""
    rng = random.Random(1)
    composed = constants = 0
    for case in range(4000):
        chain = [drawn(rng) for _ in range(rng.randint(1, 4))]
        try:
            made = reduce(Pointwise.then, (Pointwise(*one) for one in chain), Pointwise())
        except UnsupportedError:
            assert any(slope < 0 for slope, _, _ in chain[1:]), (case, chain)
            continue
        wanted = reduce(lambda x, one: apply(x, *one), chain, X)
        np.testing.assert_array_equal(made.apply(X), wanted, str((case, chain)))
        low, high = made.minimum, made.maximum
        assert low is None or high is None or low <= high, (case, chain)
        assert made.slope != 0 or ((low is None or low > 0) and (high is None or high >= 0)), (case, chain)
        composed += 1
        constants += len(np.unique(wanted)) == 1
    assert composed >= 3000
    assert constants >= 300


def test_a_negative_slope_of_what_is_clipped() -> None:
    with pytest.raises(UnsupportedError, match="a leaky ReLU of a negative slope of what is clipped, needs one of them"):
        Pointwise(maximum=2.0).then(Pointwise(-0.5))
