"""
Modules that torch.ao.quantization has prepared, for quantisation-aware training or with observers, as modules that
torch.onnx.export can write: the same results, with fake quantisation by functions.

    y = (clamp(round(x / scale) + zero_point, least, most) - zero_point) * scale

Batch normalisations that are inside a layer (ConvBn2d) go into its weights before these are rounded, as they do in training.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any, cast

import onnx
import torch
from onnx import helper
from torch import Tensor, nn
from torch.ao.quantization import FakeQuantizeBase, ObserverBase
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights, fuse_linear_bn_weights

from dsf.errors import ModelError

#: Means, and what follows one that has a grid of its own.
_AVERAGES, _ROUNDED = {"AveragePool", "GlobalAveragePool", "ReduceMean"}, {"QuantizeLinear", "Clip"}
#: Integers of the types that exports have.
_UNSIGNED, _SIGNED = (0, 255), (-128, 127)


def is_prepared(module: nn.Module) -> bool:
    """Whether fake quantisation or observers of torch.ao.quantization are in a module."""
    return any(isinstance(one, FakeQuantizeBase | ObserverBase) for one in module.modules())


def exportable(module: nn.Module) -> nn.Module:
    """
    A copy of a prepared module that computes what it does in inference; of one with observers, what it computes once it is
    converted. Raises `ModelError` with every observer that has seen nothing.
    """
    made = copy.deepcopy(module).eval()
    problems = [problem for name, one in _quantisers(made) for problem in _problems(name, one)]
    if problems:
        raise ModelError(problems)
    for name, one in list(_named(made)):
        if name and _is_layer(one):
            made.set_submodule(name, _Layer(one))
    for name, one in list(_quantisers(made)):
        made.set_submodule(name, _rounding(one))
    return made


def average_on_grids(model: onnx.ModelProto) -> None:
    """
    In the export of a prepared module, gives means that other layers read and nothing rounds the grid of what they are taken
    of: eager modules do not observe poolings, and converted ones keep scale and zero point in them.
    """
    made_by = {name: node for node in model.graph.node for name in node.output}
    read_by: dict[str, set[str]] = {}
    for node in model.graph.node:
        for name in node.input:
            read_by.setdefault(name, set()).add(node.op_type)
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        nodes.append(node)
        before = made_by.get(node.input[0]) if node.op_type in _AVERAGES else None
        if before is None or before.op_type != "DequantizeLinear":
            continue
        (mean,) = node.output
        if mean not in read_by or read_by[mean] & _ROUNDED:
            continue
        node.output[0], integers = f"{mean}.mean", f"{mean}.integers"
        for kind, read, written in (
            ("QuantizeLinear", node.output[0], integers),
            ("DequantizeLinear", integers, mean),
        ):
            nodes.append(helper.make_node(kind, [read, *before.input[1:]], [written], name=f"{node.name}.{kind.lower()}"))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _named(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    yield from cast("Iterator[tuple[str, nn.Module]]", module.named_modules(remove_duplicate=False))


def _quantisers(module: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Fake quantisers and observers, but for the observers inside of those."""
    inside: tuple[str, ...] = ()
    # One may stand in several places.
    for name, one in _named(module):
        if isinstance(one, FakeQuantizeBase | ObserverBase) and not name.startswith(inside or "\0"):
            inside = (*inside, f"{name}.")
            yield name, one


def _problems(name: str, quantiser: nn.Module) -> Iterator[str]:
    observer = quantiser if isinstance(quantiser, ObserverBase) else getattr(quantiser, "activation_post_process", None)
    least = getattr(observer, "min_val", None)
    if isinstance(least, Tensor) and (least.numel() == 0 or not bool(torch.isfinite(least).all())):
        yield f"'{name}': an observer that has seen nothing, needs samples; call the prepared module on some"


class _Rounding(nn.Module):
    """Numbers rounded to a grid, with a scale for each index of `axis`, or one."""

    def __init__(self, scale: Tensor, zero_point: Tensor, limits: tuple[int, int], axis: int | None):
        super().__init__()
        self.limits, self.axis = limits, axis
        self.scale, self.zero_point = scale.detach().float(), zero_point.detach().to(torch.int32)

    def forward(self, x: Tensor) -> Tensor:
        if self.axis is None:
            scale, zero = float(self.scale.item()), int(self.zero_point.item())
            return torch.fake_quantize_per_tensor_affine(x, scale, zero, *self.limits)
        return torch.fake_quantize_per_channel_affine(x, self.scale, self.zero_point, self.axis, *self.limits)


def _rounding(quantiser: nn.Module) -> nn.Module:
    """What a fake quantiser or an observer stands for; nothing where it is switched off or only looks on."""
    one = cast(Any, quantiser)
    is_fake = isinstance(quantiser, FakeQuantizeBase)
    if is_fake and not bool(one.fake_quant_enabled.item()):
        return nn.Identity()
    observer = one.activation_post_process if is_fake else one
    if not hasattr(observer, "quant_min") or observer.dtype not in (torch.quint8, torch.qint8, torch.uint8, torch.int8):
        return nn.Identity()
    scale, zero_point = (one.scale, one.zero_point) if is_fake else one.calculate_qparams()
    axis = int(one.ch_axis) if torch.numel(scale) > 1 or "channel" in str(one.qscheme) else None
    # Fake quantisation clips to its observer's limits, which may be a reduced range, a converted module to those of the type.
    whole = _UNSIGNED if observer.dtype in (torch.quint8, torch.uint8) else _SIGNED
    limits = (int(observer.quant_min), int(observer.quant_max)) if is_fake else whole
    return _Rounding(scale, zero_point, limits, axis)


def _is_layer(module: nn.Module) -> bool:
    """Whether a module has weights that are rounded: in training by themselves, else when it is converted."""
    return hasattr(module, "weight_fake_quant") or (
        type(module) in (nn.Conv1d, nn.Conv2d, nn.Linear) and getattr(module, "qconfig", None) is not None
    )


class _Layer(nn.Module):
    """A convolution or dense layer with rounded weights, the batch normalisation and the ReLU that were inside of it."""

    def __init__(self, layer: Any):
        super().__init__()
        weight, bias = layer.weight.detach(), None if layer.bias is None else layer.bias.detach()
        is_dense = isinstance(layer, nn.Linear)
        norm = getattr(layer, "bn", None)
        if isinstance(norm, nn.modules.batchnorm._BatchNorm):  # pyright: ignore[reportPrivateUsage]
            fuse = fuse_linear_bn_weights if is_dense else fuse_conv_bn_weights
            numbers = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
            weight, bias = cast(Any, fuse)(weight, bias, *numbers)
        rounding = _rounding(_weight_quantiser(layer, weight))
        self.round = rounding
        self.weight = nn.Parameter(rounding(weight).detach(), requires_grad=False)
        self.bias = None if bias is None else nn.Parameter(bias.detach(), requires_grad=False)
        self.is_rectified = "ReLU" in type(layer).__name__
        compute = functional.linear if is_dense else layer._conv_forward
        self.compute: Callable[[Tensor, Tensor, Tensor | None], Tensor] = compute
        if isinstance(after := getattr(layer, "activation_post_process", None), nn.Module):
            self.activation_post_process = after

    def forward(self, x: Tensor) -> Tensor:
        y = self.compute(x, self.round(self.weight), self.bias)
        y = functional.relu(y) if self.is_rectified else y
        after = getattr(self, "activation_post_process", None)
        return y if after is None else after(y)


def _weight_quantiser(layer: Any, weight: Tensor) -> nn.Module:
    """The fake quantiser of a layer's weights, or an observer that has seen them."""
    if hasattr(layer, "weight_fake_quant"):
        return layer.weight_fake_quant
    observer = layer.qconfig.weight()
    observer(weight)
    return observer
