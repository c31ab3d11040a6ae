"""
How results are cut: every element is in one piece, any cut gives the same numbers, and what the compiler chooses is fast.
"""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from networks import input_of, random_hardware, random_network
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block as IrBlock
from xdsl.ir import Region

from benchmarks.layers import CASES, Layer
from benchmarks.seven_bundles import make_hardware
from dsf.codegen.program import Program
from dsf.compiler import compile_module, context, run_pass
from dsf.dialects import bundle, isa, tile
from dsf.dialects.engine import HardwareOp, hardware_of
from dsf.dialects.shapes import shape
from dsf.dialects.tile_cuts import Mode, Outer
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.runtime.execute import run
from dsf.scheduling.cut_rules import strips_of
from dsf.scheduling.pieces import Block, Cut, Span, channel_blocks
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.fxp_to_tile import FxpToTilePass
from dsf.transforms.sched_to_isa import SchedToIsaPass
from dsf.transforms.tile_to_sched import TileToSchedPass

CTX = context()
EIGHT_BITS = make_hardware(8)


def random_sizes(rng: random.Random, total: int) -> tuple[int, ...]:
    """Sizes of blocks of `total`, the last one for all that follow."""
    sizes: list[int] = []
    while sum(sizes) < total and (not sizes or rng.random() < 0.6):
        sizes.append(rng.randint(1, total - sum(sizes)))
    return tuple(sizes)


def random_cut(rng: random.Random, images: int, rows: int, groups: int, inputs: int) -> Cut:
    """One of a convolution that is not depthwise, over so many input channels."""
    strips = random_sizes(rng, rows)
    of_images = 1 if strips[0] < rows else rng.randint(1, images)
    modes = tuple(rng.choice((Mode.WIDE, Mode.TALL)) for _ in range(rng.randint(1, groups)))
    parts = random_sizes(rng, inputs) if rng.random() < 0.3 else (0,)
    return Cut(
        of_images, strips, random_sizes(rng, groups), modes, rng.choice(list(Outer)), inputs=parts, whole=rng.randint(0, 2)
    )


def one_block(groups: int) -> list[Block]:
    """Channel groups of one channel each."""
    return [Block(Span(0, 1), Span(0, groups))]


@pytest.mark.parametrize("seed", range(50))
def test_every_element_is_in_one_piece(seed: int) -> None:
    rng = random.Random(seed)
    images, rows, lanes = rng.randint(1, 4), rng.randint(1, 9), rng.randint(1, 4)
    convolutions, each, inputs = rng.choice((1, 1, 2, 6)), rng.randint(1, 9), rng.randint(1, 7)
    size = rng.randint(1, convolutions)
    blocks = channel_blocks(convolutions * inputs, convolutions * each, convolutions, size)
    cut = random_cut(rng, images, rows, blocks[0].channel_groups(lanes), inputs)
    if size > 1:
        cut = replace(cut, inputs=(0,))
    taken: list[int] = []
    seen = np.zeros((images, rows, convolutions * each), dtype=np.int64)
    for piece, mode, complete in cut.pieces(Span(0, images), rows, blocks, lanes):
        block = next(one for one in blocks if one.outputs == piece.block.outputs)
        # The parts of a reduction follow each other.
        assert piece.accumulate == bool(taken) and (len(taken) + piece.block.inputs.count < block.inputs.count) == piece.partial
        taken += range(piece.block.inputs.first, piece.block.inputs.stop)
        if piece.partial:
            assert not complete
            continue
        assert taken == list(range(block.inputs.first, block.inputs.stop)), (seed, cut, piece)
        taken.clear()
        part = seen[piece.images.first : piece.images.stop, piece.rows.first : piece.rows.stop]
        channels = piece.channels(lanes)
        part[..., channels.first : channels.stop] += 1
        assert complete == bool(part.all()), (seed, cut, piece)
        of_block = [
            load.groups for load in cut.loads(blocks, lanes) if load.block.outputs == block.outputs and not load.partial
        ]
        assert mode is cut.modes[min(of_block.index(piece.groups), len(cut.modes) - 1)], (seed, cut, piece)
    assert (seen == 1).all(), (seed, cut)
    assert Cut.of(cut.attribute) == cut


def test_order_of_pieces() -> None:
    """Strip by strip every other one goes backwards through the channel groups, so that modes change less often."""
    cut = Cut(1, (1, 3), (1, 2), (Mode.TALL, Mode.WIDE), Outer.STRIPS)
    order = [(piece.rows.first, piece.groups.first, mode) for piece, mode, _ in cut.pieces(Span(0, 1), 7, one_block(3), 1)]
    assert order == [
        (0, 0, Mode.TALL),
        (0, 1, Mode.WIDE),
        (1, 1, Mode.WIDE),
        (1, 0, Mode.TALL),
        (4, 0, Mode.TALL),
        (4, 1, Mode.WIDE),
    ]
    by_groups = Cut(1, (1, 3), (1, 2), (Mode.TALL, Mode.WIDE))
    order = [
        (piece.rows.first, piece.groups.first, mode) for piece, mode, _ in by_groups.pieces(Span(0, 1), 4, one_block(3), 1)
    ]
    assert order == [(0, 0, Mode.TALL), (1, 0, Mode.TALL), (0, 1, Mode.WIDE), (1, 1, Mode.WIDE)]


@pytest.mark.parametrize("seed", range(40))
def test_any_cut_gives_the_same_numbers(seed: int) -> None:
    """Random networks, with cuts that the compiler would not choose."""
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng), layers=3)
    x = input_of(rng, module)
    run_pass(CTX, module, CheckHardwarePass())
    run_pass(CTX, module, BundleToFxpPass())
    expected = run(module, x)
    run_pass(CTX, module, FxpToTilePass())
    lanes = hardware_of(module).group_columns
    chosen = {op: op.cut for op in module.walk() if isinstance(op, tile.MatrixOp | tile.PoolOp)}
    for op in chosen:
        images, rows, _, channels = shape(op.y)
        rows = op.image[0] if isinstance(op, tile.MatrixOp) else rows
        cut = random_cut(rng, images, rows, -(-channels // lanes), shape(op.x)[3])
        if isinstance(op, tile.PoolOp):
            op.cut = Cut(cut.images, cut.rows).attribute
            continue
        # Of convolutions in groups, blocks and depthwise modes stay as chosen: they have tests of their own.
        was = Cut.of(op.cut)
        grouped = op.groups.value.data > 1
        op.cut = (replace(cut, modes=was.modes, block=was.block, inputs=(0,)) if grouped else cut).attribute
    module.verify()
    np.testing.assert_array_equal(run(module, x), expected, err_msg=f"tile, seed {seed}")
    try:
        run_pass(CTX, module, TileToSchedPass())
    except ModelError:
        # Weights do not fit in these loads: those that were chosen always do.
        for op, cut in chosen.items():
            op.cut = cut
        run_pass(CTX, module, TileToSchedPass())
    np.testing.assert_array_equal(run(module, x), expected, err_msg=f"sched, seed {seed}")
    run_pass(CTX, module, SchedToIsaPass())
    np.testing.assert_array_equal(run(module, x), expected, err_msg=f"isa, seed {seed}")
    order = rng.getrandbits(16)
    np.testing.assert_array_equal(run(module, x, seed=order), expected, err_msg=f"isa, seed {seed}, order {order}")


#: Banks of 128 words.
SMALL = Hardware(
    processing_elements=(4, 8), column_groups=2, vector_length=16, axi_width=64, feature_memory=1 << 13, weight_memory=1 << 10
)


@pytest.mark.parametrize(
    ("layer", "how"),
    [
        (Layer((600, 20)), "in parts"),
        (Layer((600, 20), batch=9), "in parts"),
        (Layer((200, 20)), "in parts"),
        (Layer((60, 20), batch=2), "whole"),
        (Layer((20, 12), 3, (9, 9)), "in banks"),
        (Layer((60, 12), 3, (5, 8)), "in parts"),
        (Layer((60, 20), 3, (5, 4), stride=2), "in parts"),
    ],
    ids=str,
)
def test_reductions_longer_than_a_bank(layer: Layer, how: str) -> None:
    """All levels compute the same; a reduction is whole, goes through several banks, or is in parts."""
    program = Program.from_module(compile_module(layer.module(SMALL), pipeline=DsfPipelinePass(), verify_each=True))
    fields = [op.fields for op in program.to_module().walk() if isinstance(op, isa.MatrixOp)]
    ways = {"in parts" if f["partial"] or f["accumulate"] else "in banks" if f["bank_words"] else "whole" for f in fields}
    assert ways == {how}


THREE_BANKS = replace(SMALL, processing_elements=(4, 12), column_groups=3, weight_memory=1536)


@pytest.mark.parametrize(("kernel", "rows", "first"), [(3, 1, 1), (3, 2, 1), (5, 1, 0)])
def test_reductions_through_banks_skip_padding(kernel: int, rows: int, first: int) -> None:
    """
    A strip that touches padding does without kernel rows there: at the bottom, and at the top if the other ones begin with a
    bank.
    """
    module = Layer((300 // kernel**2, 12), kernel, (8, 9)).module(THREE_BANKS)
    pipeline = DsfPipelinePass(rows=rows, mode="tall", groups=1)
    program = Program.from_module(compile_module(module, pipeline=pipeline, verify_each=True))
    fields = [op.fields for op in program.to_module().walk() if isinstance(op, isa.MatrixOp)]
    assert all(f["bank_words"] for f in fields)
    strips = [(f["weight_bank"], f["kernel_rows"]) for f in fields]
    missing = max(0, kernel // 2 - rows + 1)
    assert (0, kernel) in strips
    assert min(count for _, count in strips) == kernel - missing
    assert {bank for bank, _ in strips} == {0, first if missing else 0}


def cropping(kernel: int, top: int, hardware: Hardware) -> ModuleOp:
    """A transposed convolution whose padding takes `top` rows of what it makes of 16 x 3 x 16 elements."""
    draw = np.random.default_rng(top)
    block = IrBlock(arg_types=[bundle.tensor_of((1, 16, 3, 16), bundle.QType.of(8, 4))])
    weights = draw.integers(-1, 2, (kernel, 1, 16, 4))
    core = bundle.ConvTransposeOp(block.args[0], weights, bundle.QType.of(8, 0), bits_sum=32, padding=(top, 0, 0, 0))
    activation = bundle.ActivationOp(core.output, bundle.QType.of(8, 1), 1.0)
    block.add_ops([core, activation, func.ReturnOp(activation.output)])
    function = func.FuncOp("main", ([block.args[0].type], [activation.output.type]), Region(block))
    return ModuleOp([HardwareOp.from_hardware(hardware), function])


@pytest.mark.parametrize("top", [0, 6, 7, 8, 13, 20])
def test_strips_of_transposed_convolutions_that_crop(top: int) -> None:
    """Their phases begin inside the image: no padding above that a strip could have for itself. All levels agree."""
    module = cropping(7, top, replace(THREE_BANKS, feature_memory=512))
    x = input_of(random.Random(top), module)
    compile_module(module, verify_each=True, verify_input=x)


def test_no_strip_without_rows() -> None:
    assert strips_of(8, 2, 3, 1) == (2, 3, 2, 1)
    with pytest.raises(AssertionError):
        strips_of(8, -2, 3, 1)


def test_lines_longer_than_a_tile_have_whole_reductions() -> None:
    module = Layer((60, 12), 3, (5, 9)).module(SMALL)
    with pytest.raises(ModelError, match="'layer': 540 weights per output channel, needs at most 256 in 1024 bytes"):
        compile_module(module, pipeline=DsfPipelinePass())
    # Tall, a tile has 8 positions; wide only 4.
    with pytest.raises(ModelError, match="'layer': 540 weights for an output channel, needs at most 128, the words"):
        compile_module(Layer((60, 12), 3, (5, 8)).module(SMALL), pipeline=DsfPipelinePass(mode="wide"))


def test_last_weights_come_in_parts() -> None:
    """They are computed with as they arrive: little is left after the last of them."""
    for name in ("dense_b1", "dense_b8"):
        module = CASES[name].module(EIGHT_BITS)
        port = 512 * 128 // EIGHT_BITS.beat_bytes + 128
        assert cycles_of(module, DsfPipelinePass(resident_weights=False)) <= 1.06 * port
        cut = cut_of(name)
        assert list(cut.inputs) == sorted(cut.inputs, reverse=True) and cut.whole > 0


@pytest.mark.parametrize(
    ("name", "resident", "limit"),
    [
        ("conv1x1", True, 1.01),
        ("conv3x3s2", True, 1.01),
        ("dense_b8", False, 1.01),
        # 3518 cycles to 3456.
        ("dense_b8", True, 1.02),
    ],
)
def test_what_is_chosen_is_the_fastest(name: str, resident: bool, limit: float) -> None:
    """
    By the estimate for the whole program, which knows the order of instructions, no fixed choice is faster by 1 %. A dense
    layer is cut for weights that come while it computes, also if they are resident in the end; that costs at most 2 %.
    """
    module = CASES[name].module(EIGHT_BITS)
    chosen = cycles_of(module, DsfPipelinePass(resident_weights=resident))
    for mode in ("wide", "tall"):
        for rows in (0, 1, 2, 4, 16):
            for groups in (0, 1, 3, 6):
                fixed = cycles_of(module, DsfPipelinePass(rows=rows, groups=groups, mode=mode, resident_weights=resident))
                assert chosen <= limit * fixed, (mode, rows, groups)


def cycles_of(module: ModuleOp, pipeline: DsfPipelinePass) -> int:
    cycles = Program.from_module(compile_module(module, pipeline=pipeline)).cycles
    assert cycles is not None
    return cycles


def test_both_shapes_for_one_layer() -> None:
    """64 channels are two passes of 24 in the wide array, and two groups of 8 that it would leave two thirds idle for."""
    cut = cut_of("conv3x3s2")
    modes = [load.mode for load in cut.loads([Block(Span(0, 32), Span(0, 64))], 8) for _ in range(load.groups.count)]
    assert modes.count(Mode.TALL) == 2
    assert modes.count(Mode.WIDE) == 6


def test_first_strip_and_last_strip_are_small() -> None:
    """Nothing hides the load of the one and the store of the other."""
    cut = cut_of("conv3x3s2")
    strips = [rows.count for _, rows in cut.strips(Span(0, 1), 16)]
    assert max(strips[0], strips[-1]) < 16 // 4


def cut_of(name: str) -> Cut:
    module = CASES[name].module(EIGHT_BITS)
    for one in DsfPipelinePass().passes():
        run_pass(CTX, module, one)
        if one.name == "fxp-to-tile":
            break
    return next(Cut.of(op.cut) for op in module.walk() if isinstance(op, tile.MatrixOp))
