"""
`tile-to-sched`: pieces become instructions with a place in memory and in the program.

Tensors get addresses in feature memory (`dsf.scheduling.features`), weights a place in the weight stream and on chip
(`weights`), instructions their order (`order`), and every hazard between them a token (`hazards`). The function becomes a
`sched.program` of the same name of bundles; the numbers stay the same.

Where all weights and parameters of a network fit on chip at once, they are loaded by a `sched.load_program`, once for any
number of runs; and so are its tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from dsf.dialects import sched, tile
from dsf.dialects.constants import integer
from dsf.dialects.engine import BUNDLE_CYCLES, BUNDLE_MACS, CYCLES, LOAD_CYCLES, TensorAttr, hardware_of
from dsf.dialects.fxp import (
    INPUT_FRAC,
    INPUT_SCALES,
    INPUT_ZERO_POINT,
    OUTPUT_FRAC,
    OUTPUT_SCALES,
    OUTPUT_ZERO_POINT,
    SOFTMAX,
    zero_macs,
)
from dsf.dialects.integers import RAW_BITS, width
from dsf.dialects.shapes import shape
from dsf.dialects.tile_cuts import Mode, Outer, Place
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.isa.table import BaseRegister
from dsf.scheduling.cut_rules import TilingOptions, matrix_layers, most_groups, pixels_at_once, ranges_able, weight_problems
from dsf.scheduling.emit import Emitter
from dsf.scheduling.estimate import bundle_macs, estimate_load, estimate_program
from dsf.scheduling.features import MAX_IMAGES, plan_features
from dsf.scheduling.hazards import Memory
from dsf.scheduling.network import IMAGES, Layer, Network, function_of, network_of
from dsf.scheduling.order import order_network
from dsf.scheduling.parts import makes_parts
from dsf.scheduling.passed import chains, passing_problems
from dsf.scheduling.pieces import Cut, Span
from dsf.scheduling.ranges import check_ranges
from dsf.scheduling.weights import WEIGHT_MEMORIES, WeightStream, capacity_of, pack_network


def _attribute(function: func.FuncOp, name: str, default: int) -> int:
    value = function.attributes.get(name)
    return value.value.data if isinstance(value, IntegerAttr) else default


def _descriptor(function: func.FuncOp, value: SSAValue, hw: Hardware, names: Sequence[str], base: BaseRegister) -> TensorAttr:
    """
    How a tensor lies in DRAM: elements as wide as the engine's, or raw sums. `names` are the function's attributes that say
    what they stand for: fraction, scales, zero point.
    """
    bits = RAW_BITS if width(value) == RAW_BITS else hw.bits_input
    frac, scales, zero_point = names
    numbers = function.attributes.get(scales)
    return TensorAttr(
        shape(value),
        bits,
        _attribute(function, frac, 0),
        base,
        scales=tuple(numbers.get_values()) if isinstance(numbers, DenseArrayBase) else (),  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
        zero_point=_attribute(function, zero_point, 0),
    )


_INPUT = (INPUT_FRAC, INPUT_SCALES, INPUT_ZERO_POINT)
_OUTPUT = (OUTPUT_FRAC, OUTPUT_SCALES, OUTPUT_ZERO_POINT)


def _goes_back_to_loads(layer: Layer, hw: Hardware) -> bool:
    """Whether a layer uses each of several loads of weights for one strip after the other."""
    cut = Cut.of(layer.op.cut)
    strips = list(cut.strips(Span(0, shape(layer.op.y)[0]), layer.output_image[0]))
    return cut.outer is Outer.STRIPS and len(strips) > 1 and len(cut.loads(layer.blocks, hw.group_columns)) > 1


def _check_blocks(network: Network, hw: Hardware) -> None:
    """What a grouped convolution is cut into can be computed: depthwise, or in blocks with weights of 0."""
    problems: list[str] = []
    for layer in matrix_layers(network):
        cut = Cut.of(layer.op.cut)
        groups, most = max(load.groups.count for load in cut.loads(layer.blocks, hw.group_columns)), most_groups(layer, hw)
        if groups > most:
            problems.append(
                f"'{layer.name}': a cut of {groups} channel groups, depthwise, needs at most {most}, as many as a read feeds; "
                "cut into fewer groups"
            )
        if hw.bits_weights == 1 and cut.block > 1 and not layer.is_depthwise:
            problems.append(
                f"'{layer.name}': a block of {cut.block} groups with weights of 0 between them, needs 1 group for binary "
                "weights; make the block smaller"
            )
        problems += _parts_problems(layer, cut, hw)
        problems += _ranges_problems(layer, cut, hw)
    if problems:
        raise ModelError(problems)


def _parts_problems(layer: Layer, cut: Cut, hw: Hardware) -> list[str]:
    """Where a reduction is cut, a strip is a tile of the array and a load one pass, since the sums stay in the array."""
    _, width, _ = layer.output_image
    pixels = cut.images * max(cut.rows) * width
    problems: list[str] = []
    for load in cut.loads(layer.blocks, hw.group_columns):
        if load.partial:
            passes = 1 if load.mode is Mode.TALL else hw.column_groups
            for has, most, what in (
                (pixels, pixels_at_once(hw, load.mode), "positions of a strip"),
                (load.groups.count, passes, "channel groups of a load"),
            ):
                if has > most:
                    problems.append(
                        f"'{layer.name}': {has} {what}, {load.mode} with the reduction in parts, needs at most {most}; "
                        "cut into smaller pieces"
                    )
    return list(dict.fromkeys(problems))


def _ranges_problems(layer: Layer, cut: Cut, hw: Hardware) -> list[str]:
    """Where weights come in ranges, each kernel row has a bank, and what is computed range by range is a tile of the array."""
    if cut.ranges == (0,):
        return []
    has = f"'{layer.name}': weights in ranges"
    if not ranges_able(layer, hw):
        kernel_rows = layer.window.kernel[0]
        return [
            f"{has} for {kernel_rows} kernel rows, needs {hw.column_groups}, one for each column group; "
            "load the weights of a channel group at once"
        ]
    problems: list[str] = []
    words = sum(cut.ranges) + (cut.ranges[0] if layer.groups(hw) > 1 else 0)
    if words > hw.weight_words:
        what = "words of each bank together, with the first range of the next channel group"
        problems.append(f"{has} of {words} {what}, needs at most {hw.weight_words}; make the first range smaller")
    pixels = max(cut.ends[0] * cut.ends[1], cut.ends[2] * cut.ends[3])
    if pixels > hw.pixels_tall:
        problems.append(f"{has}, {pixels} positions of a tile, needs at most {hw.pixels_tall}; make the ends smaller")
    return problems


def _check_loads(network: Network, hw: Hardware, stream: WeightStream) -> None:
    """Every load must fit its memory alone."""
    problems = [problem for layer in matrix_layers(network) for problem in weight_problems(layer, hw, TilingOptions())]
    if problems:
        raise ModelError(problems)
    names = {
        Memory.WEIGHT: ("words of each weight bank", "weight_memory"),
        Memory.PARAMETER: ("parameter groups", "parameter_groups"),
    }
    for stretches in stream.stretches.values():
        for stretch in stretches:
            # A table always fits.
            most, (what, parameter) = capacity_of(stretch.memory, hw), names.get(stretch.memory, ("tables", ""))
            if stretch.size > most:
                name = network.layers[stretch.layer].name
                problems.append(
                    f"'{name}': a cut of {stretch.groups} channel groups takes {stretch.size} {what}, "
                    f"needs at most {most}; cut into fewer groups or raise {parameter}"
                )
    for index, layer in enumerate(network.layers):
        # Parts of a result in DRAM have loads for each strip.
        in_dram = network.places[layer.result] is Place.DRAM and not layer.fills_result
        if isinstance(layer.op, tile.MatrixOp) and not in_dram and _goes_back_to_loads(layer, hw):
            problems += [
                f"'{layer.name}': several loads for each strip, needs all weights on chip, {stream.needs(memory)} {what} "
                f"and has {capacity_of(memory, hw)}; cut it with outer = groups or raise {parameter}"
                for memory, (what, parameter) in names.items()
                if not stream.fits(memory, hw) and not stream.layers_fit((index,), memory, hw)
            ]
    for chain in chains(network, network.places):
        matrices = [index for index in chain if isinstance(network.layers[index].op, tile.MatrixOp)]
        if len(matrices) > 1 and not makes_parts(network, chain):
            names_of_chain = ", ".join(network.layers[index].name for index in matrices)
            problems += [
                f"'{network.layers[matrices[0]].name}': strips that go on from layer to layer, {names_of_chain}, needs all of "
                f"their weights on chip, and has {capacity_of(memory, hw)} {what}; change the places or raise {parameter}"
                for memory, (what, parameter) in names.items()
                if not stream.fits(memory, hw) and not stream.layers_fit(matrices, memory, hw)
            ]
    if problems:
        raise ModelError(problems)


def _resident(stream: WeightStream, hw: Hardware) -> frozenset[Memory]:
    """The memories that hold all that a network needs: weights and parameters only together, as they are loaded in turn."""
    fitting = frozenset(memory for memory in WEIGHT_MEMORIES if stream.fits(memory, hw))
    weights = {Memory.WEIGHT, Memory.PARAMETER}
    return fitting if weights <= fitting else fitting - weights


def schedule(function: func.FuncOp, hw: Hardware, *, resident_weights: bool) -> sched.ProgramOp:
    """
    The program of a function of `tile` operations; with `resident_weights` they are loaded once for all runs if they fit.
    Raises `ModelError`, listing all that does not fit.
    """
    network = network_of(function, hw)
    check_ranges(network, hw)
    images = min(_attribute(function, IMAGES, network.images), network.images)
    if not 1 <= images <= MAX_IMAGES:
        raise ModelError(f"'{IMAGES}': {images}, needs 1 to {MAX_IMAGES}; correct the attribute of the function")
    _check_blocks(network, hw)
    problems = list(passing_problems(network, hw))
    if problems:
        raise ModelError(problems)
    stream = pack_network(network, hw)
    _check_loads(network, hw, stream)
    plan = plan_features(network, hw, images)
    order = order_network(network, hw, plan, stream)
    resident = _resident(stream, hw) if resident_weights else frozenset[Memory]()
    emitted = Emitter(network, hw, plan, stream, order, resident=resident).emit()
    names = list(dict.fromkeys(layer.name for layer in network.layers))
    returned = function.body.block.last_op
    assert returned is not None
    program = sched.ProgramOp(
        [_descriptor(function, function.body.block.args[0], hw, _INPUT, BaseRegister.INPUT)],
        [_descriptor(function, returned.operands[0], hw, _OUTPUT, BaseRegister.OUTPUT)],
        stream.data,
        emitted.arena_bytes,
        names,
        emitted.ops,
        softmax=SOFTMAX in function.attributes,
    )
    estimate = estimate_program(program.instructions, emitted.tasks, names, hw)
    program.attributes[CYCLES] = integer(estimate.cycles)
    if emitted.load_tasks:
        program.attributes[LOAD_CYCLES] = integer(estimate_load(emitted.load_tasks, hw))
    program.attributes[BUNDLE_CYCLES] = DenseArrayBase.from_list(i64, estimate.bundles)
    macs, zeros = bundle_macs(program.instructions, names, hw), zero_macs(function)
    asked_for = [count - zeros.get(name, 0) for name, count in zip(names, macs, strict=True)]
    program.attributes[BUNDLE_MACS] = DenseArrayBase.from_list(i64, asked_for)
    return program


@dataclass(frozen=True)
class TileToSchedPass(ModulePass):
    """
    Place tensors, weights and instructions on the engine; the numbers stay the same.

    With `resident_weights`, weights and parameters that fit on chip all at once are loaded once for all runs; without, or if
    they do not fit, in every run, which leaves nothing on chip that another program on the same engine could spoil.
    """

    name = "tile-to-sched"

    resident_weights: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = function_of(op)
        program = schedule(function, hardware_of(op), resident_weights=self.resident_weights)
        block = function.parent
        assert block is not None
        block.insert_op_before(program, function)
        function.detach()
        function.erase()
