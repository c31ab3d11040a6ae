"""Depthwise convolutions in whole programs, on the whole system: every element, and the cycles that the cost model gives."""

from __future__ import annotations

from itertools import product

import pytest
from core_programs import STORE
from depthwise_programs import DepthwiseProgram, network
from engines import EIGHT_BITS, WIDE

from dsf.cost import DepthwiseWork, Taps, depthwise_cost
from dsf.hardware import Hardware
from dsf.kernel_rows import Lines
from dsf.runtime.rtl import simulate

ENGINES = {"eight_bits": EIGHT_BITS, "wide": WIDE}


@pytest.mark.parametrize("hw", ENGINES.values(), ids=ENGINES.keys())
@pytest.mark.parametrize("seed", range(6))
def test_networks(hw: Hardware, seed: int) -> None:
    """Twice without a reset, without and with stalls."""
    print(f"seed {seed}")
    one = network(hw, seed)
    for stall in (0.0, 0.4):
        result = simulate(hw, one.program, one.weights, one.input, len(one.output), stall=stall, seed=seed, runs=2)
        assert result.outputs == (one.output, one.output)
        assert [run.name for run in result.instructions] == list(one.instructions[:-1])


#: Size, channels, kernel, stride.
LAYERS = (
    ((8, 8), 24, (3, 3), 1),
    ((1, 8), 24, (3, 3), 1),
    ((16, 16), 60, (3, 3), 1),
    ((13, 11), 20, (3, 3), 1),
    ((13, 11), 41, (5, 5), 1),
    ((16, 16), 48, (3, 3), 2),
    ((17, 16), 24, (5, 3), 3),
    ((12, 12), 24, (1, 1), 1),
    ((3, 5), 8, (2, 2), 1),
)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("skips", [False, True])
@pytest.mark.parametrize(
    ("layer", "residual"),
    [(layer, residual) for layer, residual in product(LAYERS, (False, True)) if layer[3] == 1 or not residual],
)
def test_cycles(
    layer: tuple[tuple[int, int], int, tuple[int, int], int], residual: bool, skips: bool, transposed: bool
) -> None:
    """Where there is a residual the output has the size of the input."""
    hw, (size, channels, kernel, stride) = EIGHT_BITS, layer
    program = DepthwiseProgram(hw, 1, size, channels, images=1)
    program.add_depthwise(kernel, (stride, stride), transposed=transposed, residual=residual, skips=skips, signal=STORE)
    along, across = (0, 1) if transposed else (1, 0)
    outputs = program.x.shape[1:3]
    taps = Taps(kernel[across], kernel[along], stride)
    rows, above = kernel[across], (kernel[across] - 1) // 2
    lines = Lines(outputs[along], outputs[across], 1, rows, -above, stride, 1, size[across])
    groups = -(-channels // hw.group_columns)
    work = DepthwiseWork(
        taps,
        lines.columns,
        lines.rows,
        groups,
        residual=residual,
        padded=lines if skips else None,
    )
    one = program.finish()
    result = simulate(hw, one.program, one.weights, one.input, len(one.output))
    assert result.outputs == (one.output,)
    (matrix,) = (run for run in result.instructions if run.name == "matrix")
    cycles, cost = matrix.finish - matrix.start, depthwise_cost(hw, work)
    assert abs(cycles - cost.latency) <= 6, f"{cycles} cycles, estimated {cost}"
