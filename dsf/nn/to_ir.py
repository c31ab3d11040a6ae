"""
A `BundleModel` as a module of the `bundle` dialect: `engine.hardware`, and `@main` with one `bundle.bundle` per bundle.

Weights go in as they are, real numbers in float64; quantising them is part of the dialect's operations, and batch
normalisation is left to the pass fold-batch-norm. A model without weights yet has a module too, with zeros, by which
the hardware's limits are checked before anyone trains.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from torch import Tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dsf.constraints.check import problems_of
from dsf.dialects.bundle import (
    ActivationOp,
    AddOp,
    BundleOp,
    FlattenOp,
    FunctionOp,
    MultiplyOp,
    PoolOp,
    SoftmaxOp,
)
from dsf.dialects.bundle_conv_transpose import ConvTransposeOp
from dsf.dialects.bundle_cores import BatchNormOp, ConvOp, CoreOp, DenseOp
from dsf.dialects.bundle_moves import ConcatOp, PadOp, ResizeOp, SliceOp, TransposeOp
from dsf.dialects.bundle_types import PoolKind, QType, tensor_of
from dsf.dialects.engine import HardwareOp
from dsf.errors import ModelError
from dsf.geometry import Window
from dsf.nn.bundle import Node, QInput
from dsf.nn.cores import EPSILON, QCore, QDenseCore, channels_out
from dsf.nn.layers import QActivation, Rounding, rounding_of
from dsf.nn.modules import BundleModule, weight_shape
from dsf.nn.moves import QConcat, QPad, QResize, QSlice
from dsf.numerics import Floats

if TYPE_CHECKING:
    from dsf.nn.model import BundleModel


#: Weights of a layer that this program can hold; no engine's memory is as large.
MAX_WEIGHTS = 1 << 28


@dataclass(frozen=True)
class _Core:
    """The constants of one core: weights with the output channel last, bias, and what a batch normalisation takes; or none."""

    weights: Floats
    bias: Floats | None
    norm: dict[str, Floats] | None = None


def to_ir(model: BundleModel) -> ModuleOp:
    """The module of `model` with its present weights. Raises `ModelError` when weights are not finite."""
    _check_finite(model)
    return _module(model.input, model.nodes, (_constants(cast(BundleModule, one)) for one in model.bundles))


def hardware_problems(source: QInput, nodes: Sequence[Node]) -> list[str]:
    """Everything about a network that does not fit its hardware whatever the weights, one sentence each."""
    # Constants are whole in the IR, so that layers beyond all reason have to be refused before.
    counts = {bundle_name(place): prod(weight_shape(node)) for place, node in enumerate(nodes)}
    problems = [
        f"'{name}': {count} weights, needs at most {MAX_WEIGHTS}; use fewer channels or a smaller kernel"
        for name, count in counts.items()
        if count > MAX_WEIGHTS
    ]
    if problems:
        return problems
    module = _module(source, nodes, map(_zeros, nodes))
    found = problems_of(module, weights=False)
    # Operations and their results refer to each other, until Python looks for such garbage; their constants are large.
    for op in module.walk():
        op.properties.clear()
    return found


def bundle_name(place: int) -> str:
    """The name of a model's bundle in reports, messages and locations."""
    return f"bundle_{place}"


def _module(source: QInput, nodes: Sequence[Node], cores: Iterable[_Core]) -> ModuleOp:
    # The constants of one bundle after the other, which are large.
    block = Block(arg_types=[tensor_of(source.shape, QType.of(source.hw.bits_input, source.frac_bits))])
    values: dict[Node | None, SSAValue] = {None: block.args[0]}
    for place, (node, core) in enumerate(zip(nodes, cores, strict=True)):
        bundle = BundleOp(bundle_name(place), _layers(node, core, values))
        block.add_op(bundle)
        values[node] = bundle.output
    result = values[nodes[-1]]
    block.add_op(ReturnOp(result))
    main = FuncOp("main", ([block.args[0].type], [result.type]), Region(block))
    module = ModuleOp([HardwareOp.from_hardware(source.hw), main])
    module.verify()
    return module


def _layers(node: Node, constants: _Core, values: dict[Node | None, SSAValue]) -> list[Operation]:
    """The operations of one bundle, each on the result of the one before."""
    bits = node.source.hw.bits_input
    layers: list[Operation] = _moves(node, values)
    if node.core is not None:
        layers += _core(node, node.core, constants, layers[-1].results[0] if layers else values[node.source.producer])

    def last() -> SSAValue:
        return layers[-1].results[0] if layers else values[node.source.producer]

    def look_up(activation: QActivation) -> None:
        function = rounding_of(activation).function
        if function is not None:
            kind, parameters = function
            layers.append(FunctionOp(last(), kind, QType.of(bits, activation.frac_bits), parameters))

    def type_of(how: Rounding) -> QType:
        """Of what is rounded, before a function is looked up."""
        return QType.of(bits, how.frac_bits)

    if node.activation is not None:
        how = rounding_of(node.activation)
        layers.append(ActivationOp(last(), type_of(how), how.slope, minimum=how.minimum, maximum=how.maximum))
        look_up(node.activation)
    if node.add is not None:
        how, kind = rounding_of(node.add.activation), MultiplyOp if node.add.multiplies else AddOp
        skip = values[node.add.skip.producer]
        layers.append(kind(last(), skip, type_of(how), how.slope, minimum=how.minimum, maximum=how.maximum))
        look_up(node.add.activation)
    if node.pool is not None:
        window, how = node.pool.window, rounding_of(node.pool.activation)
        layers.append(
            PoolOp(
                last(),
                PoolKind(node.pool.type),
                window.kernel,
                type_of(how),
                strides=window.strides,
                padding=window.padding,
                negative_slope=how.slope,
            )
        )
        if (how.minimum, how.maximum) != (None, None):
            # What is rounded already, on the same grid: a clip.
            layers.append(ActivationOp(last(), type_of(how), minimum=how.minimum, maximum=how.maximum))
        look_up(node.pool.activation)
    if node.flatten and len(node.shape_before_flatten) == 4:
        layers.append(FlattenOp(last()))
    if node.softmax:
        layers.append(SoftmaxOp(last()))
    return layers


def _moves(node: Node, values: dict[Node | None, SSAValue]) -> list[Operation]:
    """What moves the input of a bundle, one operation after the other."""
    x, made = values[node.source.producer], list[Operation]()
    for one in node.moves:
        match one:
            case QConcat():
                op: Operation = ConcatOp([x, *(values[other.producer] for other in one.others)])
            case QSlice():
                op = SliceOp(x, one.first, one.size)
            case QPad():
                op = PadOp(x, one.sides, one.value)
            case QResize():
                op = ResizeOp(x, one.factors)
            case _:
                op = TransposeOp(x, one.permutation)
        made.append(op)
        x = op.results[0]
    return made


def _core(node: Node, core: QCore, constants: _Core, x: SSAValue) -> list[Operation]:
    hw = node.source.hw
    bias_type = None if core.bias_frac_bits is None else QType.of(hw.bits_bias, core.bias_frac_bits)
    arguments: dict[str, Any] = {
        "weights": constants.weights,
        "weights_type": QType.of(hw.bits_weights, core.weights_frac_bits),
        "bias": constants.bias,
        "bias_type": None if constants.bias is None else bias_type,
        "bits_sum": hw.bits_sum,
    }
    op: CoreOp
    if isinstance(core, QDenseCore):
        op = DenseOp(x, **arguments)
    else:
        assert node.window is not None
        window = node.window if isinstance(node.window, Window) else node.window.window
        arguments |= {"strides": window.strides, "padding": window.padding, "dilation": window.dilation, "groups": core.groups}
        if isinstance(node.window, Window):
            op = ConvOp(x, **arguments)
        else:
            op = ConvTransposeOp(x, **arguments, output_padding=node.window.output_padding)
    if constants.norm is None:
        return [op]
    return [op, BatchNormOp(op.output, **cast(Any, constants.norm), epsilon=EPSILON, bias_type=bias_type)]


def _constants(module: BundleModule) -> _Core:
    if module.weight is None or module.node.core is None:
        return _Core(np.zeros(0), None)
    weights = _output_last(module.weight)
    if not module.node.core.batch_norm:
        return _Core(weights, None if module.bias is None else _floats(module.bias))
    norm = {"gamma": module.gamma, "beta": module.beta, "mean": module.running_mean, "variance": module.running_variance}
    return _Core(weights, None, {name: _floats(tensor) for name, tensor in norm.items()})


def _zeros(node: Node) -> _Core:
    """As after folding: a bias instead of a batch normalisation."""
    if node.core is None:
        return _Core(np.zeros(0), None)
    bias = None if node.core.bias_frac_bits is None else np.zeros(channels_out(node.core))
    outputs, *inputs = weight_shape(node)
    return _Core(np.zeros((*inputs[1:], inputs[0], outputs)), bias)


def _floats(tensor: Tensor) -> Floats:
    return cast(Floats, tensor.detach().cpu().double().numpy())


def _output_last(weight: Tensor) -> Floats:
    """(CO, CI, KH, KW) to (KH, KW, CI, CO), and (outputs, inputs) to (inputs, outputs)."""
    order = (2, 3, 1, 0) if weight.ndim == 4 else (1, 0)
    return np.ascontiguousarray(weight.detach().cpu().permute(order).numpy(), dtype=np.float64)


def _check_finite(model: BundleModel) -> None:
    lowest = {name: float(tensor.min()) for name, tensor in model.state_dict().items() if name.endswith("running_variance")}
    problems = [
        f"'{name}': a variance of {value}, needs at least 0; normalise real batches"
        for name, value in lowest.items()
        if value < 0
    ]
    if problems:
        raise ModelError(problems)
    names = [name for name, tensor in model.state_dict().items() if not bool(tensor.isfinite().all())]
    if names:
        raise ModelError(
            [f"'{name}': holds numbers that are not finite, needs finite ones; train with a lower lr" for name in names]
        )
