"""
The estimates of small layers against the RTL: random ones, which wait for results, for kernel rows, for their input and for
each other, so that it shows in which cycle they do. Within 2 % or 20 cycles for each bundle, and for the whole run.
"""

from __future__ import annotations

import numpy as np
import pytest
from engines import EIGHT_BITS, TINY, WIDE
from test_estimates import Network

from dsf.codegen.program import Program
from dsf.compiler import compile_module
from dsf.dialects.shapes import shape
from dsf.hardware import Hardware
from dsf.numerics import random_elements
from dsf.proof import measure
from dsf.runtime.execute import run
from dsf.runtime.rtl import simulate_program


def draw(hw: Hardware, seed: int) -> Network:
    """A few layers of few channels over small images: depthwise, 1x1, others, with and without a residual, with strides."""
    rng = np.random.default_rng(seed)
    network = Network(hw, (int(rng.integers(1, 3)), *map(int, rng.integers(3, 9, 2)), int(rng.integers(1, 13))))
    network.conv(1, int(rng.integers(2, 20)))
    for _ in range(int(rng.integers(3, 7))):
        _, height, width, channels = shape(network.value)
        stride = int(rng.choice([1, 1, 2])) if min(height, width) > 2 else 1
        kernel, outputs = int(rng.choice([2, 3, 3, 4])), int(rng.integers(1, 40))
        match rng.choice(["depthwise", "depthwise added", "1x1", "conv", "added"]):
            case "depthwise":
                network.conv(kernel, channels, groups=channels, stride=stride)
            case "depthwise added":
                network.conv(3, channels, groups=channels, add=network.value)
            case "1x1":
                network.conv(1, outputs, stride=stride)
            case "conv":
                network.conv(kernel, outputs, stride=stride)
            case _:
                network.conv(int(rng.choice([1, 3])), channels, add=network.value)
    network.conv(1, 8, flatten=True)
    network.dense(6)
    return network


@pytest.mark.parametrize("seed", range(24))
def test_small_layers_take_what_was_estimated(seed: int) -> None:
    network = draw((WIDE, TINY, EIGHT_BITS)[seed % 3], seed)
    program = Program.from_module(compile_module(network.module()))
    x = random_elements(np.random.default_rng(seed), program.inputs[0].dimensions, network.hw.bits_input)
    simulation = simulate_program(program, [x])
    assert simulation.outputs[0] == run(program.to_module(), x).astype("<i4").tobytes(), seed
    measured = measure(program, simulation)
    for info in program.bundles:
        found = measured.bundles[info.name]
        assert info.cycles == pytest.approx(found, rel=0.02, abs=20), (seed, info.name)
    assert program.cycles == pytest.approx(simulation.cycles, rel=0.02, abs=20), seed
