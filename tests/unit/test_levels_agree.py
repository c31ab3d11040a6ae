"""
`fxp`, `tile`, `sched` and `isa` compute the same integers: random networks on random engines.

Half of the engines have memories so small that the network just fits, so that batches are cut into chunks, layers into
strips and weights into loads that take turns in memory; in the others weights often stay on chip from run to run. Instructions
run in random orders that the tokens admit, in several runs of a program that was loaded once.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter
from itertools import product

import numpy as np
import pytest
from bundle_networks import Network
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from networks import DRAWN_FUNCTIONS, input_of, random_hardware, random_network
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp

from dsf.compiler import run_pass
from dsf.dialects import bundle, fxp, sched
from dsf.dialects.bundle_group import LETTERS
from dsf.dialects.constants import dense_ints
from dsf.dialects.engine import HardwareOp
from dsf.dialects.shapes import shape
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.numerics import MAX_SHIFT, Ints
from dsf.runtime.execute import level_of, run, run_integers, run_program
from dsf.scheduling.depthwise import axis_of
from dsf.scheduling.network import IMAGES
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass
from dsf.transforms.fxp_to_tile import FxpToTilePass
from dsf.transforms.merge_columns import MergeColumnsPass
from dsf.transforms.sched_to_isa import SchedToIsaPass
from dsf.transforms.tile_to_sched import TileToSchedPass

#: Of inputs and weights: all of integers, and binary.
WIDTHS = [(1, 1), *product((2, 4, 8), (2, 4, 8))]
MEMORIES = ("feature_memory", "weight_memory", "parameter_groups")
#: Layers that integers do not have.
NOT_DRAWN = ("bundle.batch_norm", "bundle.softmax")
#: Into how many parts reductions are cut at most: programs of more do nothing else.
MOST_PARTS = 32
CTX = Context()


def random_options(rng: random.Random) -> FxpToTilePass:
    return FxpToTilePass(
        images=rng.choice((0, 0, 0, 1, 2)),
        rows=rng.choice((0, 0, 1, 2, 3)),
        groups=rng.choice((0, 0, 1, 2, 3)),
        block=rng.choice((0, 0, 1, 2, 5)),
        mode=rng.choice(("auto", "auto", "wide", "tall", "depthwise_rows", "depthwise_columns")),
    )


def set_hardware(module: ModuleOp, hw: Hardware) -> None:
    old = next(op for op in module.ops if isinstance(op, HardwareOp))
    new = HardwareOp.from_hardware(hw)
    module.body.block.insert_op_before(new, old)
    old.detach()
    old.erase()


def smallest(hw: Hardware, rng: random.Random, longest: int) -> Hardware:
    """`hw` with the smallest memories in which sums of so many products come in no more than `MOST_PARTS` parts."""
    words = max(4, -(-longest // MOST_PARTS))
    return dataclasses.replace(
        hw,
        feature_memory=4 * hw.word_bytes,
        weight_memory=words * hw.column_groups * hw.weight_slot_bits // 8,
        parameter_groups=1,
        queue_depth=rng.choice((2, 3, 4)),
    )


def tiled(module: ModuleOp, options: FxpToTilePass) -> tuple[ModuleOp, ModuleOp]:
    """The module at the levels `tile` and `sched`."""
    copy = module.clone()
    run_pass(CTX, copy, options)
    placed = copy.clone()
    run_pass(CTX, placed, TileToSchedPass())
    return copy, placed


def tiled_in_small_memories(module: ModuleOp, options: FxpToTilePass, rng: random.Random) -> tuple[ModuleOp, ModuleOp]:
    """The same for memories that are doubled as the messages ask for it, until the network fits."""
    products = [math.prod(op.weights.get_shape()[:3]) for op in module.walk() if isinstance(op, fxp.ConvOp)]
    hw = smallest(next(op for op in module.ops if isinstance(op, HardwareOp)).hardware, rng, max(products, default=0))
    while True:
        set_hardware(module, hw)
        try:
            return tiled(module, options)
        except ModelError as error:
            small = [name for name in MEMORIES if any(name in problem for problem in error.problems)]
            assert small, error.problems
            hw = dataclasses.replace(hw, **{name: 2 * getattr(hw, name) for name in small})


def check(
    seed: int, module: ModuleOp, x: Ints, rng: random.Random, *, small: bool, depthwise: Counter[str] | None = None
) -> ModuleOp:
    """
    Lowers a module of level `bundle` or `fxp` down to `isa`, and runs every level, programs on a second input too. With
    `depthwise`, what can be is computed so, and is counted.
    """
    if level_of(module) == "bundle":
        run_pass(CTX, module, CheckHardwarePass())
        run_pass(CTX, module, BundleToFxpPass())
    inputs = [x, input_of(rng, module)]
    wanted = [run(module, one) for one in inputs]
    expected = wanted[0]
    # What is to be computed depthwise stays so.
    merging = MergeColumnsPass(columns=1 if depthwise is not None else rng.choice((0, 1, 2, 2, 3, 5)))
    run_pass(CTX, module, merging)
    np.testing.assert_array_equal(run(module, x), expected, err_msg=f"fxp, seed {seed}, {merging}")
    options = random_options(rng)
    if depthwise is not None:
        options = dataclasses.replace(options, mode=rng.choice(("depthwise_rows", "depthwise_columns")))
    module, placed = tiled_in_small_memories(module, options, rng) if small else tiled(module, options)
    np.testing.assert_array_equal(run(module, x), expected, err_msg=f"tile, seed {seed}, {options}")
    placing = TileToSchedPass(resident_weights=rng.random() < 0.7)
    if placing == TileToSchedPass():
        module = placed
    else:
        run_pass(CTX, module, placing)
    for got, one in zip(run_program(module, inputs), wanted, strict=True):
        np.testing.assert_array_equal(got, one, err_msg=f"sched, seed {seed}, {options}, {placing}")
    if depthwise is not None:
        depthwise.update(depthwise_kinds(module))
    run_pass(CTX, module, SchedToIsaPass())
    orders = (None, rng.getrandbits(16), rng.getrandbits(16))
    for got, one in zip(run_program(module, [*inputs, x], orders), [*wanted, expected], strict=True):
        np.testing.assert_array_equal(got, one, err_msg=f"isa, seed {seed}, {options}, {placing}")
    return module


def case(seed: int, layers: int = 5, *, depthwise: bool = False, crop: int = 2) -> tuple[ModuleOp, Ints, random.Random]:
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng), layers=layers, depthwise=depthwise, crop=crop)
    return module, input_of(rng, module), rng


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate))
@given(st.integers(min_value=0, max_value=(1 << 32) - 1), st.booleans())
def test_drawn_networks(seed: int, small: bool) -> None:
    # The network follows from one number, which is all that a failure needs to print.
    module, x, rng = case(seed)
    check(seed, module, x, rng, small=small)


@pytest.mark.parametrize("first", range(0, 120, 20))
@pytest.mark.parametrize("small", [False, True])
def test_seeded_networks(first: int, small: bool) -> None:
    for seed in range(first, first + 20):
        module, x, rng = case(seed)
        check(seed, module, x, rng, small=small)


def test_transposed_convolutions_that_crop() -> None:
    """On small memories, by more than a kernel reaches: there are rows and columns of the image that no phase reads."""
    seen = Counter[str]()
    for seed in range(80):
        module, x, rng = case(seed, 1, crop=8)
        found = crops(module)
        if found:
            seen.update({name: 1 for name in found})
            check(seed, module, x, rng, small=True)
    assert min(seen[one] for one in ("rows", "columns", "both", "strided", "in groups")) >= 6, seen


def crops(module: ModuleOp) -> Counter[str]:
    """How many phases of transposed convolutions begin inside the image, and what those convolutions are like."""
    seen = Counter[str]()
    for op in module.walk():
        if not isinstance(op, bundle.ConvTransposeOp):
            continue
        _, height, width, _ = shape(op.input)
        for phase in op.window.phases(height, width):
            top, _, left, _ = phase.window.padding
            kinds = {"rows": top < 0, "columns": left < 0, "both": top < 0 and left < 0}
            if not phase.is_empty and (top < 0 or left < 0):
                kinds |= {"strided": max(op.window.window.strides) > 1, "in groups": op.groups.value.data > 1}
                seen.update(name for name, holds in kinds.items() if holds)
    return seen


@pytest.mark.parametrize("bits_bias", [8, 16, 32])
@pytest.mark.parametrize(("bits_input", "bits_weights"), WIDTHS)
def test_every_pair_of_widths(bits_input: int, bits_weights: int, bits_bias: int) -> None:
    """Also against real numbers. Each pair meets every width of sums. Some networks get scales that differ by channel."""
    for bits_sum in range(16 + (8, 16, 32).index(bits_bias), 33, 3):
        seed = bits_sum + 100 * bits_bias + 10_000 * bits_weights + 100_000 * bits_input
        rng = random.Random(seed)
        widths = {"bits_input": bits_input, "bits_weights": bits_weights, "bits_sum": bits_sum, "bits_bias": bits_bias}
        module = random_network(rng, random_hardware(rng, **widths), layers=3)
        x = input_of(rng, module)
        expected = run_integers(module, x)
        run_pass(CTX, module, CheckHardwarePass())
        run_pass(CTX, module, BundleToFxpPass())
        np.testing.assert_array_equal(run(module, x), expected, err_msg=f"fxp, seed {seed}")
        if rng.random() < 0.5:
            scale_channels(module, rng)
        check(seed, module, x, rng, small=rng.random() < 0.5)


@pytest.mark.parametrize("flatten", [False, True])
def test_strips_of_another_shape(flatten: bool) -> None:
    """What is computed behind a reshape does not begin with the first strips of the layer before it."""
    net = Network(Hardware(processing_elements=(4, 8)), (2, 6, 5, 4))
    net.conv(3, 4, flatten=flatten)
    if not flatten:
        net.add([bundle.ReshapeOp(net.value, (2, 2, 15, 4))])
    net.function("tanh")
    module = net.module()
    rng = random.Random(1)
    run_pass(CTX, module, CheckHardwarePass())
    run_pass(CTX, module, BundleToFxpPass())
    x = input_of(rng, module)
    expected = run(module, x)
    run_pass(CTX, module, FxpToTilePass(rows=1))
    run_pass(CTX, module, TileToSchedPass())
    np.testing.assert_array_equal(run(module, x), expected)


def test_zero_is_no_binary_input() -> None:
    """At any level."""
    rng = random.Random(0)
    module = random_network(rng, random_hardware(rng, bits_input=1, bits_weights=1))
    x = np.zeros_like(input_of(rng, module))
    for step in (CheckHardwarePass(), BundleToFxpPass(), FxpToTilePass(), TileToSchedPass(), SchedToIsaPass()):
        with pytest.raises(ModelError, match=r"'input': values 0 to 0, needs -1 or 1; quantise to 1 bits"):
            run(module, x)
        run_pass(CTX, module, step)
    with pytest.raises(ModelError, match=r"'input': values 0 to 0, needs -1 or 1; quantise to 1 bits"):
        run(module, x)


def scale_channels(module: ModuleOp, rng: random.Random) -> None:
    """Replaces the scale of every requantisation of an `fxp` module by one for each channel, a little smaller."""
    for op in [op for op in module.walk() if isinstance(op, fxp.RequantizeOp)]:
        channels = op.shift_array.size
        multiplier = np.array([rng.randrange(1 << 15, 1 << 16) for _ in range(channels)])
        shift = np.minimum(op.shift_array + [rng.randint(15, 17) for _ in range(channels)], MAX_SHIFT)
        op.properties |= {"multiplier": dense_ints(multiplier, 32), "shift": dense_ints(shift, 8)}
    module.verify()


def test_all_operations_are_drawn() -> None:
    """What the networks of the tests above consist of, several times each."""
    seen = Counter[str]()
    for seed in range(120):
        module, *_ = case(seed)
        for op in module.walk():
            seen[op.name] += 1
            if isinstance(op, bundle.MultiplyOp):
                seen["pixel"] += shape(op.a) != shape(op.b)
            if isinstance(op, bundle.FunctionOp):
                seen[str(op.kind.data)] += 1
    assert min(seen[kind] for kind in (*LETTERS, *DRAWN_FUNCTIONS, "pixel") if kind not in NOT_DRAWN) >= 2, seen


@pytest.mark.parametrize("first", range(0, 90, 30))
def test_depthwise_networks(first: int) -> None:
    """Along rows and columns of the image, with strides, dilation and residual additions, all of which have to occur."""
    seen = Counter[str]()
    for seed in range(first, first + 30):
        module, x, rng = case(seed, depthwise=True)
        check(seed, module, x, rng, small=seed % 3 == 0, depthwise=seen)
    assert min(seen[kind] for kind in ("rows", "columns", "residues", "phases", "residual", "raw")) >= 2, seen


def depthwise_kinds(module: ModuleOp) -> list[str]:
    """What the depthwise instructions of a program are like."""
    kinds: list[str] = []
    for op in module.walk():
        if isinstance(op, sched.MatrixOp) and op.mode.data.is_depthwise:
            axis = axis_of(op.window.window, op.mode.data)
            kinds.append("rows" if axis.index == 1 else "columns")
            marks = {"residues": op.piece.residue.data > 0, "phases": axis.taps.phases > 1}
            marks |= {"residual": op.residual is not None, "raw": op.raw is not None}
            kinds += [name for name, holds in marks.items() if holds]
    return kinds


def test_random_networks_merge_columns() -> None:
    """Merged columns occur in the tests above: with residual additions, poolings, strides and groups."""
    seen = Counter[str]()
    for seed in range(120):
        module, _, _ = case(seed)
        run_pass(CTX, module, CheckHardwarePass())
        run_pass(CTX, module, BundleToFxpPass())
        before = [op for op in module.walk() if isinstance(op, fxp.ConvOp)]
        kinds = {id(op): (op.window.strides[1] > 1, op.groups.value.data > 1) for op in before}
        run_pass(CTX, module, MergeColumnsPass(columns=2))
        left = {id(op) for op in module.walk() if isinstance(op, fxp.ConvOp)}
        for key in kinds.keys() - left:
            seen.update(name for name, holds in zip(("strided", "grouped"), kinds[key], strict=True) if holds)
        reshapes = [op for op in module.walk() if isinstance(op, fxp.ReshapeOp)]
        merged = [op.output for op in reshapes if isinstance(op.input.owner, fxp.RequantizeOp)]
        users = [use.operation for value in merged for use in value.uses]
        seen.update("added" for one in users if isinstance(one, fxp.AddOp))
        seen.update("pooled" for one in users if isinstance(one, fxp.PoolOp))
    assert min(seen[kind] for kind in ("strided", "grouped", "added", "pooled")) >= 3, seen


def test_small_memories_cut_networks() -> None:
    """The tests above are worth something if small memories lead to chunks and to weights loaded anew, large ones don't."""
    chunked = reloaded = resident = 0
    for seed in range(40):
        module, _, rng = case(seed)
        run_pass(CTX, module, CheckHardwarePass())
        run_pass(CTX, module, BundleToFxpPass())
        _, large = tiled(module, FxpToTilePass())
        module, placed = tiled_in_small_memories(module, FxpToTilePass(), rng)
        function = next(op for op in module.ops if isinstance(op, FuncOp))
        images = function.function_type.inputs.data[0].get_shape()[0]
        chunked += function.attributes[IMAGES].value.data < images
        program = next(op for op in placed.ops if isinstance(op, sched.ProgramOp))
        loads = [op.offset.value.data for op in program.instructions if isinstance(op, sched.LoadWeightsOp)]
        reloaded += len(loads) > len(set(loads))
        resident += any(isinstance(op, sched.LoadProgramOp) for op in large.walk())
        if chunked >= 5 and reloaded >= 3 and resident >= 20:
            return
    raise AssertionError(f"of 40 networks: {chunked} in chunks, {reloaded} with weights loaded anew, {resident} without")
