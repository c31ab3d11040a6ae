"""
Numbers that nothing has rounded, as digits: integers that the engine's tensors hold, and whose weights its weights are.

    number = unit * (sum over digits of step * digit),   step = sum of the weights of the digit's columns

The lowest step is 1, and each further one is as large as what the digits below it reach on both sides of 0 allows. A step that
is larger than a weight has several columns, copies of the same digit. Of 8 bits there are two digits, 254 * high + low; of
fewer bits more of them, and what they all reach is less, since a kernel has only so many columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsf.dialects.bundle import Grid
from dsf.dialects.shapes import shape
from dsf.frontend.onnx.values import Sum, UnsupportedError
from dsf.geometry import Window
from dsf.hardware import Hardware
from dsf.numerics import Floats, Ints, int_range

#: Columns that the digits of a number have together: more than one even if they do not fit the hardware, which is then said.
LEAST_COLUMNS, MOST_COLUMNS = 2, 9
#: Bits that numbers should have beyond those of a tensor.
MORE_BITS = 7
#: In units, the least step of a result: it then differs from the one that the model means only near half-way between two.
LEAST_STEP = 4


@dataclass(frozen=True)
class Digits:
    """
    The steps of digits, lowest first, of which each has equal weights in so many `columns`; and the largest number, in units,
    all of whose digits are at most `most`.
    """

    steps: tuple[int, ...]
    columns: tuple[int, ...]
    most: int
    largest: int

    @staticmethod
    def of_hardware(hardware: Hardware, width: int = 1, numbers: int = 1) -> Digits:
        """Those of so many numbers for each pixel, whose columns stand beside each other, of images of so many columns."""
        heaviest, most = int_range(hardware.bits_weights)[1], int_range(hardware.bits_input)[1]
        steps, columns, largest = [1], [1], most
        fitting = min(hardware.max_kernel_size[1], hardware.max_image_size[1] // width) // numbers
        room = int(np.clip(fitting, LEAST_COLUMNS, MOST_COLUMNS)) - 1
        while room and largest < most << MORE_BITS:
            step = min(2 * largest + 1, room * heaviest)
            if step > heaviest:
                step -= step % heaviest
            if step <= steps[-1]:
                break
            steps.append(step)
            columns.append(-(-step // heaviest))
            room -= columns[-1]
            largest = step * most + (step - 1) // 2
        return Digits(tuple(steps), tuple(columns), most, largest)

    @property
    def weights(self) -> tuple[int, ...]:
        """Those of all columns, of the lowest digit first."""
        pairs = zip(self.steps, self.columns, strict=True)
        return tuple(step // count for step, count in pairs for _ in range(count))

    def of(self, values: Floats, unit: float) -> list[Ints]:
        """The digits, lowest first, of real numbers of at most `largest` units."""
        left: Ints = np.rint(values / unit).astype(np.int64)
        found: list[Ints] = []
        for step in reversed(self.steps):
            digit = np.rint(left / step).astype(np.int64)
            found.append(digit)
            left = left - step * digit
        return found[::-1]


def check_digits(pending: Sum, hardware: Hardware, grid: Grid | None) -> None:
    """
    Raises `UnsupportedError` for a sum of digits that goes to a grid as fine as they are, or for which kernel or image are too
    large with their columns.
    """
    if not pending.digits:
        return
    # Where more numbers than one are added, so are their units.
    numbers = np.abs(pending.weights).reshape(-1, pending.scales.size).sum(axis=0) / sum(pending.digits)
    unit = float((pending.scales * numbers).max())
    if grid is not None and grid.unit < LEAST_STEP * unit:
        has = f"results in steps of {grid.unit:.3g} of what tables have in steps of {unit:.3g} ('{pending.name}')"
        needs = f"at least {LEAST_STEP * unit:.3g}, or a QuantizeLinear and DequantizeLinear before it"
        raise UnsupportedError(has, needs, "quantise there, or limit what is large")
    assert isinstance(pending.window, Window)
    for what, size, option in (
        ("a kernel", pending.window.kernel, "max_kernel_size"),
        ("an input image", shape(pending.x)[1:3], "max_image_size"),
    ):
        most: tuple[int, int] = getattr(hardware, option)
        if size[0] > most[0] or size[1] > most[1]:
            columns = f"{len(pending.digits)} columns for each number that is not quantised ('{pending.name}')"
            needs = f"at most {most[0]}x{most[1]}, or a QuantizeLinear and DequantizeLinear before it"
            larger = f"Hardware({option}=({max(size[0], most[0])}, {max(size[1], most[1])}))"
            raise UnsupportedError(f"{what} of {size[0]}x{size[1]}, with {columns}", needs, f"quantise there, or use {larger}")
