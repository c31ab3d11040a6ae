"""
A `BundleModel` as a module of the `bundle` dialect: `engine.hardware`, and `@main` with one `bundle.bundle` per bundle.

Weights go in as they are, real numbers in float64; quantising them is part of the dialect's operations, and batch
normalisation is left to the pass fold-batch-norm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np
from torch import Tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue

from dsf.dialects.bundle import ActivationOp, AddOp, BundleOp, FlattenOp, PoolOp, SoftmaxOp
from dsf.dialects.bundle_cores import BatchNormOp, ConvOp, CoreOp, DenseOp
from dsf.dialects.bundle_types import PoolKind, QType, tensor_of
from dsf.dialects.engine import HardwareOp
from dsf.errors import ModelError
from dsf.nn.bundle import Node
from dsf.nn.cores import EPSILON, QConvCore
from dsf.nn.modules import BundleModule
from dsf.numerics import Floats

if TYPE_CHECKING:
    from dsf.nn.model import BundleModel


def to_ir(model: BundleModel) -> ModuleOp:
    """The module of `model` with its present weights. Raises `ModelError` when weights are not finite."""
    _check_finite(model)
    block = Block(arg_types=[tensor_of(model.input.shape, QType.of(model.hw.bits_input, model.input.frac_bits))])
    values: dict[Node | None, SSAValue] = {None: block.args[0]}
    for name, node, module in zip(model.names, model.nodes, model.bundles, strict=True):
        bundle = BundleOp(name, _layers(node, cast(BundleModule, module), values))
        block.add_op(bundle)
        values[node] = bundle.output
    result = values[model.nodes[-1]]
    block.add_op(ReturnOp(result))
    main = FuncOp("main", ([block.args[0].type], [result.type]), Region(block))
    module = ModuleOp([HardwareOp.from_hardware(model.hw), main])
    module.verify()
    return module


def _layers(node: Node, module: BundleModule, values: dict[Node | None, SSAValue]) -> list[Operation]:
    """The operations of one bundle, each on the result of the one before."""
    bits = node.source.hw.bits_input
    layers: list[Operation] = _core(node, module, values[node.source.producer])

    def last() -> SSAValue:
        return layers[-1].results[0]

    if node.activation is not None:
        layers.append(ActivationOp(last(), QType.of(bits, node.activation.frac_bits), node.activation.negative_slope))
    if node.add is not None:
        skip = values[node.add.skip.producer]
        layers.append(AddOp(last(), skip, QType.of(bits, node.add.frac_bits), node.add.negative_slope))
    if node.pool is not None:
        window = node.pool.window
        layers.append(
            PoolOp(
                last(),
                PoolKind(node.pool.type),
                window.kernel,
                QType.of(bits, node.pool.frac_bits),
                strides=window.strides,
                padding=window.padding,
                negative_slope=node.pool.negative_slope,
            )
        )
    if node.flatten and len(node.shape_before_flatten) == 4:
        layers.append(FlattenOp(last()))
    if node.softmax:
        layers.append(SoftmaxOp(last()))
    return layers


def _core(node: Node, module: BundleModule, x: SSAValue) -> list[Operation]:
    core, hw = node.core, node.source.hw
    bias_type = None if core.bias_frac_bits is None else QType.of(hw.bits_bias, core.bias_frac_bits)
    has_bias = module.bias is not None
    constants: dict[str, Any] = {
        "weights": _output_last(module.weight),
        "weights_type": QType.of(hw.bits_weights, core.weights_frac_bits),
        "bias": _floats(module.bias) if module.bias is not None else None,
        "bias_type": bias_type if has_bias else None,
        "bits_sum": hw.bits_sum,
    }
    op: CoreOp
    if isinstance(core, QConvCore):
        assert node.window is not None
        window = node.window
        op = ConvOp(
            x,
            **constants,
            strides=window.strides,
            padding=window.padding,
            dilation=window.dilation,
            groups=core.groups,
        )
    else:
        op = DenseOp(x, **constants)
    if not core.batch_norm:
        return [op]
    norm = BatchNormOp(
        op.output,
        gamma=_floats(module.gamma),
        beta=_floats(module.beta),
        mean=_floats(module.running_mean),
        variance=_floats(module.running_variance),
        epsilon=EPSILON,
        bias_type=bias_type,
    )
    return [op, norm]


def _floats(tensor: Tensor) -> Floats:
    return cast(Floats, tensor.detach().cpu().double().numpy())


def _output_last(weight: Tensor) -> Floats:
    """(CO, CI, KH, KW) to (KH, KW, CI, CO), and (outputs, inputs) to (inputs, outputs)."""
    array = _floats(weight)
    return np.ascontiguousarray(array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T)


def _check_finite(model: BundleModel) -> None:
    names = [name for name, tensor in model.state_dict().items() if not bool(tensor.isfinite().all())]
    if names:
        raise ModelError(
            [f"'{name}': holds numbers that are not finite, needs finite ones; train with a lower lr" for name in names]
        )
