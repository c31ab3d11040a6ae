"""The float64 meaning of random networks and the integers they are lowered to are the same, value for value."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from networks import input_of, networks_with_input, random_hardware, random_network
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from dsf.dominance import check_dominance
from dsf.numerics import Ints
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
