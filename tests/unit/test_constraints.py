"""What the engine can't do is found, all of it at once, and the limits are met exactly."""

from __future__ import annotations

import random

import numpy as np
import pytest
from networks import input_of, random_hardware, random_network
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region

from dsf.constraints.check import CONSTRAINTS, problems_of
from dsf.dialects import bundle
from dsf.dialects.bundle import QType, tensor_of
from dsf.dialects.bundle_types import PoolKind
from dsf.dialects.engine import HardwareOp
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.runtime.execute import run
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass


def dense(weights: np.ndarray, bias: np.ndarray | None, hardware: Hardware) -> ModuleOp:
    """One raw dense layer: input q<8, 4>, weights q<8, 0>, bias q<16, 2>."""
    block = Block(arg_types=[tensor_of((1, weights.shape[0]), QType.of(8, 4))])
    bias_type = None if bias is None else QType.of(16, 2)
    core = bundle.DenseOp(block.args[0], weights, QType.of(8, 0), bits_sum=hardware.bits_sum, bias=bias, bias_type=bias_type)
    layers: list[Operation] = [bundle.BundleOp("fc", [core])]
    block.add_ops([*layers, func.ReturnOp(layers[0].results[0])])
    signature = FunctionType.from_lists([block.args[0].type], [core.output.type])
    return ModuleOp([HardwareOp.from_hardware(hardware), func.FuncOp("main", signature, Region(block))])


def test_every_constraint_says_what_it_is() -> None:
    for constraint in CONSTRAINTS:
        assert constraint.__doc__, constraint.__name__


def test_accumulator_proof_is_tight() -> None:
    """-128 * -127 + 127 * -1 + ... : the bound of 128 * sum|w| + |b| against a sum of 16 bits, one step either side."""
    hardware = Hardware(bits_sum=16)
    fits = np.array([[100.0], [-127.0], [28.0]])
    assert 128 * 255 <= (1 << 15) - 1
    assert problems_of(dense(fits, None, hardware)) == []
    (problem,) = problems_of(dense(fits + np.array([[1.0], [0.0], [0.0]]), None, hardware))
    assert problem == (
        "'fc': sums of up to 32768 (channel 0) in 16 bits, needs 17 bits; use Hardware(bits_sum=17) or smaller weights"
    )


def test_accumulator_proof_counts_the_bias() -> None:
    """The bias 31.75 is 127 on its grid and 508 on that of the sum: 128 * 252 + 508 = 32764 fits, 1 / 4 more does not."""
    hardware = Hardware(bits_sum=16)
    weights = np.array([[126.0], [126.0]])
    assert problems_of(dense(weights, np.array([31.75]), hardware)) == []
    (problem,) = problems_of(dense(weights, np.array([32.0]), hardware))
    assert "sums of up to 32768" in problem


def test_accumulator_beyond_32_bits_asks_for_another_model() -> None:
    hardware = Hardware(bits_sum=32)
    block = Block(arg_types=[tensor_of((1, 4096), QType.of(16, 0))])
    core = bundle.DenseOp(block.args[0], np.full((4096, 1), 127.0), QType.of(8, 0), bits_sum=32)
    block.add_ops([core, func.ReturnOp(core.output)])
    signature = FunctionType.from_lists([block.args[0].type], [core.output.type])
    module = ModuleOp([HardwareOp.from_hardware(hardware), func.FuncOp("main", signature, Region(block))])
    assert any("needs 35 bits; use fewer or smaller weights" in problem for problem in problems_of(module))


def test_largest_pool_window() -> None:
    """The vector unit counts a window's rows and columns in 16 bits together, 255x255 or 4095x15."""
    hardware = Hardware(max_image_size=(4095, 256))

    def pooled(size: tuple[int, int]) -> ModuleOp:
        block = Block(arg_types=[tensor_of((1, *size, 1), QType.of(8, 4))])
        pool = bundle.PoolOp(block.args[0], PoolKind.AVG, size, QType.of(8, 4), strides=(1, 1))
        layer = bundle.BundleOp("global_pool", [pool])
        block.add_ops([layer, func.ReturnOp(layer.results[0])])
        signature = FunctionType.from_lists([block.args[0].type], [pool.output.type])
        return ModuleOp([HardwareOp.from_hardware(hardware), func.FuncOp("main", signature, Region(block))])

    for size in ((255, 255), (511, 127), (4095, 15)):
        assert problems_of(pooled(size)) == []
    for size in ((256, 255), (256, 128), (4095, 16)):
        (problem,) = problems_of(pooled(size))
        rows, columns = size
        assert problem == (
            f"'global_pool': a window of {rows}x{columns}, 17 bits for rows and columns, needs at most 16 "
            "(as 255x255 has); pool in two steps"
        )


def test_pass_raises_every_problem_at_once() -> None:
    hardware = Hardware(bits_sum=16, bits_bias=8, max_channels_out=2)
    module = dense(np.full((3, 3), 127.0), np.zeros(3), hardware)
    with pytest.raises(ModelError) as raised:
        CheckHardwarePass().apply(Context(), module)
    problems = raised.value.problems
    assert len(problems) == 3
    assert all(problem.startswith("'fc': ") and ", needs " in problem and "; " in problem for problem in problems)


@pytest.mark.parametrize("seed", range(10))
def test_accepted_networks_never_overflow(seed: int) -> None:
    """The interpreter raises for a sum outside its type; extreme inputs are where that would be."""
    rng = random.Random(1000 + seed)
    module = random_network(rng, random_hardware(rng))
    BundleToFxpPass().apply(Context(), module)
    x = input_of(rng, module)
    for value in (x.min(), x.max()):
        run(module, np.full_like(x, value))
