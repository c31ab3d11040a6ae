"""The float64 meaning of random networks and the integers they are lowered to are the same, value for value."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from networks import input_of, networks_with_input, random_hardware, random_network
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Region

from dsf.dialects import bundle
from dsf.dialects.engine import HardwareOp
from dsf.dominance import check_dominance
from dsf.hardware import Hardware
from dsf.numerics import FUNCTIONS, Ints, int_range
from dsf.runtime.execute import run
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass


def check(module: ModuleOp, x: Ints) -> None:
    expected = run(module, x)
    CheckHardwarePass().apply(Context(), module)
    BundleToFxpPass().apply(Context(), module)
    module.verify()
    check_dominance(module)
    np.testing.assert_array_equal(run(module, x), expected)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks_with_input())
def test_drawn_networks(case: tuple[ModuleOp, Ints]) -> None:
    check(*case)


@pytest.mark.parametrize("seed", range(50))
def test_seeded_networks(seed: int) -> None:
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng), layers=6)
    check(module, input_of(rng, module))


@pytest.mark.parametrize("seed", range(30))
def test_products_and_functions_with_free_scales(seed: int) -> None:
    """The product of all values of a type with a function of them, of another type, and a function of that."""
    rng = random.Random(seed)
    bits = rng.choice((2, 4, 8))

    def grid() -> bundle.Grid:
        if rng.random() < 0.2:
            return bundle.QType.of(bits, rng.randint(0, 5))
        low, high = int_range(bits)
        return bundle.AffineType.of(bits, math.exp(rng.uniform(-6, 0)), rng.choice((low, 0, rng.randint(low, high))))

    low, high = int_range(bits)
    values = np.arange(low, high + 1)
    block = Block(arg_types=[bundle.tensor_of((1, values.size), grid())])
    x = block.args[0]
    gate = bundle.FunctionOp(x, rng.choice(list(FUNCTIONS)), grid())
    limit = rng.choice((None, rng.uniform(0, 4)))
    product = bundle.MultiplyOp(x, gate.output, grid(), rng.choice((0.0, 1.0)), maximum=limit)
    function = bundle.FunctionOp(product.output, rng.choice(list(FUNCTIONS)), grid())
    block.add_ops([gate, product, function, func.ReturnOp(function.output)])
    signature = FunctionType.from_lists([x.type], [function.output.type])
    hardware = HardwareOp.from_hardware(Hardware(bits_input=bits))
    module = ModuleOp([hardware, func.FuncOp("main", signature, Region(block))])
    check(module, values[None])
