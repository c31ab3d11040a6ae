"""
Rounded sums, every one that a channel can have: how many get another result than the model means, of all layers of the trained
networks in `tests/data/trained`. With the gain, the bias and the factor of the weights that the compiler chooses, for hardware
with 16 bits for gains and with more; and beside it with the nearest gain and bias of some widths.
`python -m benchmarks.every_sum` writes `benchmarks/results/every_sum.json`, and the table of `docs/quantization.md`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from dsf import Hardware, from_onnx
from dsf.dialects.bundle import AffineType
from dsf.frontend.onnx import rounding
from dsf.frontend.onnx.values import Pointwise, Sum
from dsf.numerics import int_range, scale_to_multiplier

RESULT = Path(__file__).parent / "results" / "every_sum.json"
FOLDER = Path(__file__).parents[1] / "tests" / "data" / "trained"
HARDWARE = Hardware(bits_bias=32)
#: With as many bits for gains and biases as there are.
EXACT = Hardware(bits_bias=32, bits_sum=26, bits_multiplier=26, bits_fraction=10)
#: Bits of the bias behind the unit of the sum, and of the gain; `None` are exact.
WIDTHS = ((0, 16), (4, 16), (None, 16), (None, 20), (None, 24), (None, 32), (8, None), (12, None))
FORMS = ("qonnx", "qdq")

Reals = NDArray[np.float64]
#: What an engine makes of the sums of a channel, before it is rounded.
Engine = Callable[[int, NDArray[np.int64]], Reals]


@dataclass(frozen=True)
class Rescaled:
    """A sum as the model means it, as the engine has it, and the grid of its results."""

    meant: Sum
    taken: Sum
    grid: AffineType


def limits(grid: AffineType, function: Pointwise) -> tuple[int, int]:
    """The least and the largest result, zero point subtracted."""
    low, high = (one - grid.zero for one in int_range(grid.bits.data))
    least = low if function.minimum is None else max(low, round(function.minimum / grid.unit))
    return least, high if function.maximum is None else min(high, round(function.maximum / grid.unit))


def rounded(value: Reals, grid: AffineType, function: Pointwise) -> Reals:
    """Real numbers in steps of a grid, through a function."""
    return np.clip(np.rint(np.where(value < 0, value * function.slope, value)), *limits(grid, function))


def wrong_results(one: Rescaled, engine: Engine | None = None) -> tuple[int, int]:
    """
    Of the sums that no clip decides, how many get another result from the engine, and how many there are. Raises
    `AssertionError` if one is 2 or more away.
    """
    wrong, total, meant, grid = 0, 0, one.meant, one.grid
    engine = chosen(one, HARDWARE) if engine is None else engine
    weights = meant.weights.reshape(-1, meant.bias.size)
    lowest, highest = (bound - meant.x_grid.zero for bound in int_range(meant.x_grid.bits.data))
    for channel in range(meant.bias.size):
        w, bias, gain = weights[:, channel], meant.bias[channel] / meant.scales[channel], meant.scales[channel] / grid.unit
        # What is below 0 is multiplied by the slope.
        slopes = (meant.function.slope or 1.0 if bound < 0 else 1.0 for bound in limits(grid, meant.function))
        least, most = (bound / slope / gain - bias for bound, slope in zip(limits(grid, meant.function), slopes, strict=True))
        first = max(int(np.minimum(w * lowest, w * highest).sum()), int(least - 2 / gain))
        last = min(int(np.maximum(w * lowest, w * highest).sum()), int(most + 2 / gain))
        sums = np.arange(first, last + 1)
        wanted = rounded((sums + bias) * gain, grid, meant.function)
        got = rounded(engine(channel, sums), grid, meant.function)
        assert np.abs(got - wanted).max(initial=0) <= 1
        wrong, total = wrong + int(np.count_nonzero(got != wanted)), total + len(sums)
    return wrong, total


def chosen(one: Rescaled, hardware: Hardware) -> Engine:
    """The engine with what the compiler chose."""
    multiplier, shift = scale_to_multiplier(one.taken.scales / one.grid.unit, hardware.bits_multiplier)
    bias = np.ldexp(np.rint(np.ldexp(one.taken.bias / one.taken.scales, one.taken.fraction)), -one.taken.fraction)
    before, after = (x.weights.reshape(-1, x.bias.size) for x in (one.meant, one.taken))

    def compute(channel: int, sums: NDArray[np.int64]) -> Reals:
        used = np.flatnonzero(before[:, channel])
        factor = int(after[used[0], channel] // before[used[0], channel]) if used.size else 1
        return (factor * sums + bias[channel]) * float(multiplier[channel]) / 2.0 ** int(shift[channel])

    return compute


def of_widths(one: Rescaled, bias_bits: int | None, gain_bits: int | None) -> Engine:
    """An engine with the nearest numbers of so many bits."""
    gains, bias = one.meant.scales / one.grid.unit, one.meant.bias / one.meant.scales
    if gain_bits is not None:
        _, exponent = np.frexp(gains)
        gains = np.ldexp(np.rint(np.ldexp(gains, gain_bits - exponent)), exponent - gain_bits)
    bias = bias if bias_bits is None else np.rint(bias * 2.0**bias_bits) / 2.0**bias_bits
    return lambda channel, sums: (sums + bias[channel]) * gains[channel]


def sums_of(form: str, wanted: Hardware = HARDWARE) -> list[Rescaled]:
    """Those of all networks in one of the forms that `tests/data/trained` has."""
    found: list[Rescaled] = []
    choose = rounding.in_fine_units

    def noted(meant: Sum, hardware: Hardware, grid: Any = None) -> Sum:
        taken = choose(meant, hardware, grid)
        if grid is not None:
            found.append(Rescaled(meant, taken, grid))
        return taken

    with patch.object(rounding, "in_fine_units", noted):
        for path in sorted(FOLDER.glob(f"*.{form}.onnx")):
            from_onnx(path, wanted)
    return found


def total(sums: list[Rescaled], engine: Callable[[Rescaled], Engine]) -> list[int]:
    """How many are wrong, and how many there are."""
    return [sum(counts) for counts in zip(*(wrong_results(one, engine(one)) for one in sums), strict=True)]


def measured() -> Iterator[dict[str, Any]]:
    sums = {form: sums_of(form) for form in FORMS}
    for bias_bits, gain_bits in WIDTHS:
        engine = partial(of_widths, bias_bits=bias_bits, gain_bits=gain_bits)
        counts = {form: total(some, engine) for form, some in sums.items()}
        yield {"chosen": False, "bias_bits": bias_bits, "gain_bits": gain_bits, **counts}
    for hardware in (HARDWARE, EXACT):
        widths = {"bias_bits": hardware.bits_fraction, "gain_bits": hardware.bits_multiplier}
        counts = {form: total(sums_of(form, hardware), partial(chosen, hardware=hardware)) for form in FORMS}
        yield {"chosen": True, **widths, **counts}


def main() -> None:
    from benchmarks import accuracy_tables

    RESULT.write_text(json.dumps(list(measured()), indent=2) + "\n")
    accuracy_tables.main()


if __name__ == "__main__":
    main()
