"""
Transposed convolutions whose result or input does not fit feature memory: all levels give the same numbers, strip by strip.
`verify_each` runs every level on its interpreter; `sched` and `isa` find each word of memory as the instructions left it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from bundle_networks import Network

from dsf import Hardware
from dsf.codegen.program import Program
from dsf.compiler import compile_module
from dsf.errors import ModelError
from dsf.isa.table import BaseRegister


def hardware(**options: int) -> Hardware:
    small = Hardware(
        processing_elements=(2, 4),
        column_groups=2,
        vector_length=8,
        axi_width=32,
        bits_sum=24,
        max_image_size=(64, 64),
        feature_memory=1 << 12,
        weight_memory=1 << 12,
    )
    return replace(small, **options)


def compiled(network: Network) -> Program:
    return Program.from_module(compile_module(network.module(), verify_each=True))


def long_result() -> Network:
    """Only the result does not fit."""
    network = Network(hardware(), (1, 8, 8, 8))
    network.transposed((4, 4), 20, (2, 2), more=(1, 1))
    return network


def long_input() -> Network:
    """And here only the input."""
    network = Network(hardware(), (1, 10, 8, 64))
    network.transposed((2, 3), 3, (2, 1), more=(1, 0))
    return network


def both() -> Network:
    """Neither of them does."""
    network = Network(hardware(), (1, 10, 8, 64))
    network.transposed((2, 3), 16, (2, 2))
    return network


def added() -> Network:
    """The second operand lies in DRAM too; two images."""
    network = Network(hardware(), (2, 7, 6, 12))
    network.transposed((3, 3), 16, (2, 2), more=(1, 1), add=True)
    return network


def loads_for_each_strip() -> Network:
    """The weights of all phases are not on chip at once, nor are the parameters."""
    network = Network(hardware(weight_memory=1 << 11, parameter_groups=8), (1, 6, 6, 24))
    network.transposed((4, 4), 40, (2, 2), more=(1, 0))
    return network


def reductions_in_parts() -> Network:
    """Those of a phase, of 288 words, are longer than both banks."""
    network = Network(hardware(weight_memory=1 << 9), (1, 24, 2, 72))
    network.transposed((4, 2), 12, (2, 1))
    return network


def deep() -> Network:
    """One reads what the other has stored; in groups, and steps along one axis only."""
    network = Network(hardware(), (1, 12, 10, 8))
    network.transposed((2, 2), 16, (1, 2), more=(0, 1), groups=2)
    network.transposed((3, 1), 16, (3, 1), more=(2, 0), groups=16)
    return network


NETWORKS = [long_result, long_input, both, added, loads_for_each_strip, reductions_in_parts, deep]


@pytest.mark.parametrize("make", NETWORKS, ids=[make.__name__ for make in NETWORKS])
def test_levels_agree(make: Callable[[], Network]) -> None:
    network = make()
    program = compiled(network)
    matrices = [step.instruction for step in program.steps if step.instruction.name == "matrix"]
    assert any(one["partial"] for one in matrices) == (make is reductions_in_parts)
    stores = [step.instruction for step in program.steps if step.instruction.name == "store"]
    assert len(stores) > 1
    bases = {step.instruction["base"] for step in program.steps if step.instruction.name == "load"}
    assert (BaseRegister.ARENA in bases) == (make in (added, deep))


@pytest.mark.parametrize("seed", range(6))
def test_levels_agree_on_random_ones(seed: int) -> None:
    random = np.random.default_rng(seed)
    strides = int(random.integers(1, 4)), int(random.integers(1, 4))
    channels = int(random.integers(4, 20))
    network = Network(hardware(), (int(random.integers(1, 3)), *map(int, random.integers(4, 9, 2)), channels), seed)
    kernel = int(random.integers(1, 6)), int(random.integers(1, 6))
    more = int(random.integers(strides[0])), int(random.integers(strides[1]))
    network.transposed(kernel, 2 * int(random.integers(4, 13)), strides, more=more)
    network.transposed((2, 2), int(random.integers(1, 6)), (1, 2))
    compiled(network)


def test_an_input_strip_is_loaded_once() -> None:
    """All phases see it: what is loaded is the input, once."""
    program = compiled(both())
    loads = [step.instruction for step in program.steps if step.instruction.name == "load"]
    assert sum(one["rows"] * one["row_elements"] for one in loads) == 10 * 8 * 64


def test_a_row_that_does_not_fit_is_refused_by_name() -> None:
    network = Network(hardware(feature_memory=1 << 10), (1, 4, 16, 20))
    network.transposed((2, 2), 24, (2, 2))
    with pytest.raises(ModelError, match=r"^'bundle_0': \d+ elements of feature memory at once, for strips of one row, needs"):
        compile_module(network.module())
