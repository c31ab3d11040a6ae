"""Passes on the `bundle` level keep every result: grouping of flat networks, and activations that merge into roundings."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import input_of, random_hardware, random_network
from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import FunctionType, ModuleOp
from xdsl.ir import Block, Operation, Region
from xdsl.rewriter import InsertPoint, Rewriter
from xdsl.transforms.canonicalize import CanonicalizePass

from dsf.constraints.check import problems_of
from dsf.dialects import bundle
from dsf.dialects.bundle import PoolKind, QType, tensor_of
from dsf.dominance import check_dominance
from dsf.runtime.execute import run
from dsf.transforms.group_into_bundles import GroupIntoBundlesPass

TYPES = st.builds(QType.of, st.integers(3, 8), st.integers(-1, 4))
SLOPES = st.sampled_from((1.0, 0.0, 0.25))


def ungroup(module: ModuleOp) -> None:
    """Takes every layer out of its bundle."""
    for group in [op for op in module.walk() if isinstance(op, bundle.BundleOp)]:
        result = group.yielded
        for layer in group.layers:
            layer.detach()
            Rewriter.insert_op(layer, InsertPoint.before(group))
        group.output.replace_all_uses_with(result)
        Rewriter.erase_op(group)


@pytest.mark.parametrize("seed", range(20))
def test_flat_networks_are_grouped_again(seed: int) -> None:
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng), layers=6)
    x = input_of(rng, module)
    expected = run(module, x)
    ungroup(module)
    assert not any(isinstance(op, bundle.BundleOp) for op in module.walk())
    GroupIntoBundlesPass().apply(Context(), module)
    module.verify()
    check_dominance(module)
    function = next(op for op in module.ops if isinstance(op, func.FuncOp))
    assert all(isinstance(op, bundle.BundleOp | func.ReturnOp) for op in function.body.block.ops)
    assert problems_of(module) == []
    np.testing.assert_array_equal(run(module, x), expected)


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(("add", "max", "avg", "activation")), types=st.tuples(TYPES, TYPES, TYPES), slope=SLOPES)
def test_merged_activations_compute_the_same(kind: str, types: tuple[QType, QType, QType], slope: float) -> None:
    """On every pair of inputs, whether they merge or not; types that hold every sum exactly are among those drawn."""
    x_type, middle, result = types
    values = np.arange(-(1 << (x_type.bits.data - 1)), 1 << (x_type.bits.data - 1))
    x = np.stack(np.meshgrid(values, values), axis=-1).reshape(1, -1, 2, 1)
    block = Block(arg_types=[tensor_of(x.shape, x_type)])
    value = block.args[0]
    layer: Operation
    match kind:
        case "add":
            layer = bundle.AddOp(value, value, QType.of(middle.bits.data + 2, middle.frac.data))
        case "activation":
            layer = bundle.ActivationOp(value, middle)
        case _:
            layer = bundle.PoolOp(value, PoolKind(kind), (1, 2), middle)
    activation = bundle.ActivationOp(layer.results[0], result, slope)
    block.add_ops([layer, activation, func.ReturnOp(activation.output)])
    signature = FunctionType.from_lists([value.type], [activation.output.type])
    module = ModuleOp([func.FuncOp("main", signature, Region(block))])
    expected = run(module, x)
    CanonicalizePass().apply(Context(), module)
    module.verify()
    if any(isinstance(op, bundle.AddOp | bundle.PoolOp | bundle.ActivationOp) for op in module.walk()):
        np.testing.assert_array_equal(run(module, x), expected)
    else:
        np.testing.assert_array_equal(x, expected)
