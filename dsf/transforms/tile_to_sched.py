"""
`tile-to-sched`: pieces become instructions with a place in memory and in the program.

Tensors get addresses in feature memory (`dsf.scheduling.features`), weights a place in the weight stream and on chip
(`weights`), instructions their order (`order`), and every hazard between them a token (`hazards`). The function becomes a
`sched.program` of the same name of bundles; the numbers stay the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import DenseArrayBase, IntegerAttr, ModuleOp, i64
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from dsf.dialects import sched
from dsf.dialects.constants import integer
from dsf.dialects.engine import BUNDLE_CYCLES, CYCLES, TensorAttr, hardware_of
from dsf.dialects.fxp import INPUT_FRAC, OUTPUT_FRAC, SOFTMAX
from dsf.dialects.integers import RAW_BITS, width
from dsf.dialects.shapes import shape
from dsf.errors import ModelError
from dsf.hardware import Hardware
from dsf.isa.table import BaseRegister
from dsf.scheduling.cuts import matrix_layers, weight_problems
from dsf.scheduling.emit import Emitter
from dsf.scheduling.estimate import estimate_program
from dsf.scheduling.features import MAX_IMAGES, plan_features
from dsf.scheduling.hazards import Memory
from dsf.scheduling.network import IMAGES, Network, function_of, network_of
from dsf.scheduling.order import order_network
from dsf.scheduling.ranges import check_ranges
from dsf.scheduling.weights import WeightStream, pack_network


def _attribute(function: func.FuncOp, name: str, default: int) -> int:
    value = function.attributes.get(name)
    return value.value.data if isinstance(value, IntegerAttr) else default


def _descriptor(function: func.FuncOp, value: SSAValue, hw: Hardware, frac: str, base: BaseRegister) -> TensorAttr:
    """How a tensor lies in DRAM: elements as wide as the engine's, or raw sums."""
    bits = RAW_BITS if width(value) == RAW_BITS else hw.bits_input
    return TensorAttr(shape(value), bits, _attribute(function, frac, 0), base)


def _check_loads(network: Network, hw: Hardware, stream: WeightStream) -> None:
    """Every load must fit its memory alone."""
    problems = [problem for layer in matrix_layers(network) for problem in weight_problems(layer, hw)]
    if problems:
        raise ModelError(problems)
    capacity = {
        Memory.WEIGHT: (hw.weight_words, "words of each weight bank", "weight_memory"),
        Memory.PARAMETER: (hw.parameter_groups, "parameter groups", "parameter_groups"),
    }
    for pair in stream.stretches.values():
        for stretch in pair:
            most, what, parameter = capacity[stretch.memory]
            if stretch.size > most:
                name = network.layers[stretch.layer].name
                problems.append(
                    f"'{name}': a cut of {stretch.groups.count} channel groups takes {stretch.size} {what}, "
                    f"needs at most {most}; cut into fewer groups or raise {parameter}"
                )
    if problems:
        raise ModelError(problems)


def schedule(function: func.FuncOp, hw: Hardware) -> sched.ProgramOp:
    """The program of a function of `tile` operations. Raises `ModelError`, listing all that does not fit."""
    network = network_of(function, hw)
    check_ranges(network, hw)
    images = min(_attribute(function, IMAGES, network.images), network.images)
    if not 1 <= images <= MAX_IMAGES:
        raise ModelError(f"'{IMAGES}': {images}, needs 1 to {MAX_IMAGES}; correct the attribute of the function")
    stream = pack_network(network, hw)
    _check_loads(network, hw, stream)
    plan = plan_features(network, hw, images)
    order = order_network(network, hw, plan, stream)
    emitted = Emitter(network, hw, plan, stream, order).emit()
    names = list(dict.fromkeys(layer.name for layer in network.layers))
    returned = function.body.block.last_op
    assert returned is not None
    program = sched.ProgramOp(
        [_descriptor(function, function.body.block.args[0], hw, INPUT_FRAC, BaseRegister.INPUT)],
        [_descriptor(function, returned.operands[0], hw, OUTPUT_FRAC, BaseRegister.OUTPUT)],
        stream.data,
        0,
        names,
        emitted.ops,
        softmax=SOFTMAX in function.attributes,
    )
    estimate = estimate_program(program.instructions, emitted.tasks, names, hw)
    program.attributes[CYCLES] = integer(estimate.cycles)
    program.attributes[BUNDLE_CYCLES] = DenseArrayBase.from_list(i64, estimate.bundles)
    return program


@dataclass(frozen=True)
class TileToSchedPass(ModulePass):
    """Place tensors, weights and instructions on the engine; the numbers stay the same."""

    name = "tile-to-sched"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        function = function_of(op)
        program = schedule(function, hardware_of(op))
        block = function.parent
        assert block is not None
        block.insert_op_before(program, function)
        function.detach()
        function.erase()
