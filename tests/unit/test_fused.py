"""Chains of layers that go on strip by strip: drawn networks that pass on whatever can be, in strips of any height."""

from __future__ import annotations

import dataclasses
import random
from collections import Counter

import numpy as np
import pytest
from bundle_networks import Network
from test_levels_agree import MEMORIES, set_hardware
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from dsf.compiler import context, run_pass
from dsf.dialects import tile
from dsf.dialects.records import ints
from dsf.dialects.shapes import shape
from dsf.dialects.tile_cuts import Mode, Outer, Place
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.numerics import random_elements
from dsf.runtime.execute import input_shape, run, run_program
from dsf.scheduling.explain import explain, explanation_lines
from dsf.scheduling.fusion import can_pass, shortest, with_passed
from dsf.scheduling.network import function_of, network_of
from dsf.scheduling.passed import chains, passed_to
from dsf.scheduling.pieces import Cut
from dsf.scheduling.split import split_layer
from dsf.transforms.dsf_pipeline import DsfPipelinePass

CTX = context()
HARDWARE = Hardware(
    processing_elements=(4, 8),
    column_groups=2,
    vector_length=16,
    axi_width=64,
    feature_memory=1 << 11,
    weight_memory=1 << 12,
    parameter_groups=32,
    bits_sum=24,
    bits_bias=32,
)


def drawn(rng: random.Random, hw: Hardware) -> ModuleOp:
    """Convolutions of 1x1 and 3x3, depthwise ones among them, with strides, poolings, and additions of what was made before."""
    network = Network(hw, (rng.choice((1, 1, 2, 3)), rng.randint(6, 14), rng.randint(5, 12), rng.randint(3, 8)))
    made: list[SSAValue] = [network.conv(rng.choice((1, 3)), 8)]
    for _ in range(rng.randint(2, 6)):
        _, height, width, channels = shape(network.value)
        if rng.random() < 0.3:
            # A projection that is added by the next one.
            before, other = network.value, network.conv(1, 12)
            network.value = made[-1] if shape(made[-1])[1:3] == shape(other)[1:3] else before
            network.conv(rng.choice((1, 3)), 12, add=other)
        elif rng.random() < 0.2 and min(height, width) > 4:
            # Loads of its weights make channels of whole vectors, which can be pooled alone.
            network.conv(rng.choice((1, 3)), 32, pool=True)
        else:
            alike = [value for value in made if shape(value)[1:3] == (height, width)]
            add = rng.choice(alike) if alike and rng.random() < 0.4 else None
            outputs = shape(add)[3] if add is not None else rng.choice((4, 8, 12))
            depthwise = rng.random() < 0.5 and outputs == channels
            strided = add is None and min(height, width) > 4 and rng.random() < 0.3
            network.conv(
                rng.choice((1, 3, 3, 5)),
                outputs,
                add=add,
                groups=channels if depthwise else 1,
                pool=strided and rng.random() < 0.5,
                stride=2 if strided and rng.random() < 0.5 else 1,
            )
        made.append(network.value)
    return network.module()


def pass_on(module: ModuleOp, rng: random.Random, hw: Hardware) -> Counter[str]:
    """Changes places and cuts of a module of level `tile`, and says what chains it has then."""
    function = function_of(module)
    network = network_of(function, hw)
    function.attributes["tile.input_place"] = tile.PlaceAttr(Place.DRAM)
    places = [Place.STRIPS if place is Place.STRIPS else Place.DRAM for place in network.places]
    able = [index for index in range(len(network.layers) - 1) if can_pass(network, places, index)]
    places = with_passed(network, places, [index for index in able if rng.random() < 0.8])
    ends = 0
    for layer in network.layers:
        _, height, *_ = shape(layer.op.y)
        rows = [rng.randint(1, height) for _ in range(rng.randint(1, 3))]
        while sum(rows) > height:
            rows.pop()
        cut = layer.op.cut
        images = cut.images.data if ints(cut.rows)[0] == height and rng.random() < 0.5 else 1
        sizes = {"images": images, "rows": tuple(rows) if images == 1 and rows else height}
        if isinstance(layer.op, tile.MatrixOp):
            modes = tuple(one.data for one in cut.mode)
            sizes |= {"groups": ints(cut.groups), "mode": modes, "block": cut.block.data, "outer": Outer.STRIPS}
            if layer.output_image[2] == 32 and not layer.is_depthwise:
                sizes |= {"groups": 4, "mode": rng.choice((Mode.WIDE, Mode.TALL))}
            if images == cut.block.data == 1 and not layer.is_depthwise and rng.random() < 0.3:
                sizes |= {"ends": _ends(rng, rows or [height], layer.output_image)}
                ends += 1
        layer.op.cut = tile.CutAttr.of(**sizes, place=places[layer.result])
    seen = Counter[str](ends=ends)
    cuts = {index: Cut.of(layer.op.cut) for index, layer in enumerate(network.layers)}
    for chain in chains(network, places):
        seen["three"] += len(chain) > 2
        seen["split"] += split_layer(network, hw, places, cuts, chain) is not None
        for index in chain[1:]:
            layer, before, tensor = network.layers[index], network.layers[index - 1], passed_to(network, places, index)
            assert tensor is not None
            seen["second"] += layer.second == tensor
            seen["both"] += layer.reads == (tensor, tensor)
            seen["halo"] += layer.source == tensor and layer.window.kernel[0] > layer.window.strides[0]
            seen["stride"] += layer.source == tensor and layer.window.strides[0] > 1
            seen["depthwise"] += layer.is_depthwise
            seen["dram"] += places[tensor] is Place.DRAM_STRIPS
            seen["behind pool"] += isinstance(before.op, tile.PoolOp)
            seen["pool"] += isinstance(layer.op, tile.PoolOp)
    return seen


def _ends(rng: random.Random, rows: list[int], image: tuple[int, int, int]) -> tuple[int, ...]:
    """What lies apart in the first of some strips, and in the last one: rows and columns of each."""
    height, width, _ = image
    *before, strip = rows
    last = (height - sum(before) - 1) % strip + 1
    return rng.randint(1, rows[0]), rng.randint(1, width), rng.randint(1, last), rng.randint(1, width)


def passed_on(seed: int) -> tuple[ModuleOp, ModuleOp, Counter[str], random.Random]:
    """A drawn network, the same at level `tile` with other places and cuts, and what chains it has."""
    rng = random.Random(seed)
    module = drawn(rng, HARDWARE)
    tiled = module.clone()
    for one in DsfPipelinePass().passes()[:-2]:
        run_pass(CTX, tiled, one)
    return module, tiled, pass_on(tiled, rng, HARDWARE), rng


def placed(module: ModuleOp, placing: ModulePass) -> ModuleOp:
    """The program of a module, on hardware with memories that are doubled until it fits."""
    hw = HARDWARE
    while True:
        copy = module.clone()
        try:
            run_pass(CTX, copy, placing)
            return copy
        except ModelError as error:
            enlarged = next((name for name in MEMORIES if name in str(error)), None)
            if enlarged is None:
                raise
            hw = dataclasses.replace(hw, **{enlarged: 2 * getattr(hw, enlarged)})
            set_hardware(module, hw)


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_every_level_agrees(first: int) -> None:
    """With any strips of any chains; instructions run in orders that the tokens admit."""
    for seed in range(first, first + 10):
        module, tiled, _, rng = passed_on(seed)
        sizes, bits = input_shape(module)
        x = random_elements(np.random.default_rng(seed), sizes, bits)
        expected = run(module, x)
        np.testing.assert_array_equal(run(tiled, x).reshape(expected.shape), expected, err_msg=f"tile, seed {seed}")
        *_, placing, encoding = DsfPipelinePass(resident_weights=rng.random() < 0.5).passes()
        program = placed(tiled, placing)
        np.testing.assert_array_equal(run(program, x, seed=1).reshape(expected.shape), expected, err_msg=f"sched, seed {seed}")
        run_pass(CTX, program, encoding)
        for got in run_program(program, [x, x], (None, seed)):
            np.testing.assert_array_equal(got.reshape(expected.shape), expected, err_msg=f"isa, seed {seed}")


def test_all_kinds_of_chains_are_drawn() -> None:
    """What the test above is worth."""
    seen = Counter[str]()
    kinds = ("three", "second", "both", "halo", "stride", "depthwise", "dram", "behind pool", "pool", "split", "ends")
    for seed in range(40):
        seen += passed_on(seed)[2]
        if all(seen[kind] >= 2 for kind in kinds):
            return
    raise AssertionError(f"some kinds are not among 40 networks: {seen}")


@pytest.mark.parametrize("seed", range(50))
def test_the_shortest_path(seed: int) -> None:
    """Against all ways to divide some units into segments."""
    rng = random.Random(seed)
    count = rng.randint(1, 7)
    costs = {(first, last): rng.randint(1, 20) for last in range(count) for first in range(last + 1)}
    for first, last in list(costs):
        # What can't be a segment can't be the end of a larger one.
        if first < last and rng.random() < 0.2:
            costs = {key: cost for key, cost in costs.items() if not (key[0] <= first and key[1] == last)}
    found = shortest(count, lambda first, last: (costs[first, last], (first, last)) if (first, last) in costs else None)
    assert [one.choice for one in found] == [(one.first, one.last) for one in found]
    assert [0, *(one.last + 1 for one in found)] == [*(one.first for one in found), count]

    def least(end: int) -> int:
        return min((least(first) + costs[first, end - 1] for first in range(end) if (first, end - 1) in costs), default=0)

    assert sum(costs[one.choice] for one in found) == least(count)


def test_chains_that_are_taken_cost_less() -> None:
    """What is explained is what is compiled: of the chains that were tried, those are taken that the places show."""
    network = Network(HARDWARE, (1, 16, 16, 8))
    first = network.conv(3, 16)
    inner = network.conv(1, 8)
    network.value = first
    before = network.conv(1, 24)
    network.value = inner
    network.conv(1, 24, add=before)
    network.conv(3, 8)
    module = network.module()
    layers = explain(module, DsfPipelinePass())["layers"]
    tried = [(number, chain) for number, layer in enumerate(layers) for chain in layer["together"]]
    taken = [(number, chain) for number, chain in tried if chain["why"].startswith("taken")]
    assert taken and len(tried) > len(taken)
    assert all(chain["cycles"] < chain["apart"] for _, chain in taken)
    lines = "\n".join(explanation_lines({"batch": {"images": 1, "taken": 1, "tried": []}, "layers": layers}))
    assert lines.count("strip by strip: taken, ") == len(taken)
    for one in DsfPipelinePass().passes()[:-2]:
        run_pass(CTX, module, one)
    passed = [place.in_strips for place in network_of(function_of(module), HARDWARE).places[1:]]
    in_chains = {number + further for number, chain in taken for further in range(len(chain["layers"]))}
    assert [number for number, one in enumerate(passed) if one] == sorted(in_chains)


def check_program(module: ModuleOp) -> None:
    """The scheduled program of a module, as the compiler makes it, computes what the module does."""
    x = random_elements(np.random.default_rng(0), *input_shape(module))
    expected = run(module, x)
    for one in DsfPipelinePass().passes()[:-1]:
        run_pass(CTX, module, one)
    np.testing.assert_array_equal(run(module, x).reshape(expected.shape), expected)


@pytest.mark.parametrize(("size", "outputs", "memory"), [((24, 20), (8, 48), 1 << 14), ((16, 15), (16, 80), 1 << 14)])
def test_loads_in_turned_order_complete_a_strip_together(size: tuple[int, int], outputs: tuple[int, int], memory: int) -> None:
    """Where loads have several shapes of the array, those of every other strip are turned around: no channels go on alone."""
    hw = dataclasses.replace(
        HARDWARE, processing_elements=(4, 32), column_groups=4, feature_memory=memory, weight_memory=1 << 16
    )
    network = Network(hw, (1, *size, 8))
    network.conv(3, outputs[0])
    network.conv(3, outputs[1], pool=True)
    check_program(network.module())


def test_a_tensor_without_an_address_makes_room_where_it_lives() -> None:
    """Behind a transposed convolution whose result is on chip chains have other numbers than before it was."""
    rng = random.Random(254)
    memory = 1 << rng.choice((11, 12, 13))
    network = Network(dataclasses.replace(HARDWARE, feature_memory=memory), (1, rng.randint(5, 12), rng.randint(5, 12), 8))
    network.conv(3, 8)
    for _ in range(rng.randint(2, 4)):
        if rng.random() < 0.4 and shape(network.value)[1] < 14:
            network.transposed((rng.choice((2, 3)),) * 2, 8, (2, 2))
        else:
            network.conv(rng.choice((1, 3)), 8, stride=rng.choice((1, 1, 2)))
    check_program(network.module())


def test_rows_that_are_no_pixel_of_an_instruction_are_copied_pixel_by_pixel() -> None:
    """A row of 1024 pixels of 64 channels has an element more than a field of VECTOR can say."""
    hw = dataclasses.replace(
        HARDWARE,
        processing_elements=(4, 32),
        column_groups=4,
        axi_width=128,
        feature_memory=1 << 19,
        weight_memory=1 << 18,
        parameter_groups=64,
        max_image_size=(64, 4095),
    )
    network = Network(hw, (1, 8, 1024, 64))
    network.conv(3, 64)
    network.conv(3, 8)
    module = network.module()
    for one in DsfPipelinePass().passes():
        run_pass(CTX, module, one)
