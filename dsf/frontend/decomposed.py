"""
Quantisation as PyTorch has it, with the limits of the integers, for torch.onnx.export.

    y = clamp(round(x / scale) + zero_point, quant_min, quant_max)

The exporter's own translations are a QuantizeLinear, which clips to what the type holds. That of `quantized_decomposed`, as
torch.export writes it, forgets narrower limits (0 to 127, or -127 to 127) and takes no tensors of zero points, and that of fake
quantisation refuses such limits; here a Clip of the integers follows.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

import torch
from onnx import TensorProto

Translation = Callable[..., Any]

#: Types of integers, and their limits.
_TYPES: dict[int, tuple[int, int]] = {TensorProto.UINT8: (0, 255), TensorProto.INT8: (-128, 127)}


def translations() -> Mapping[Callable[..., Any], Translation]:
    """What torch.onnx.export is to make of the operators that it would refuse, or lose something of."""
    # It registers the operators.
    importlib.import_module("torch.ao.quantization.fx._decomposed")
    ops: Any = torch.ops
    quantize, dequantize = ops.quantized_decomposed.quantize_per_tensor, ops.quantized_decomposed.dequantize_per_tensor
    fake = ops.aten.fake_quantize_per_tensor_affine
    there, back, of_tensor, of_channels = _translations()
    return {
        **dict.fromkeys((quantize.default, quantize.tensor, quantize.tensor2), there),
        **dict.fromkeys((dequantize.default, dequantize.tensor, dequantize.tensor2), back),
        **dict.fromkeys((fake.default, fake.tensor_qparams), of_tensor),
        ops.aten.fake_quantize_per_channel_affine.default: of_channels,
    }


def _translations() -> tuple[Translation, Translation, Translation, Translation]:
    """Of quantisation and back, and of fake quantisation with one scale and with one for each channel."""
    op: Any = importlib.import_module("onnxscript").opset18
    constant: Any = importlib.import_module("onnxscript.function_libs.torch_lib.ops.common").constant

    def clipped(codes: Any, low: int, high: int, kind: int) -> Any:
        if _TYPES.get(kind) == (low, high):
            return codes
        return op.Clip(codes, constant(low, dtype=kind), constant(high, dtype=kind))

    def number(value: Any, kind: int) -> Any:
        return constant(value, dtype=kind) if isinstance(value, int | float) else op.Cast(value, to=kind)

    def quantize_per_tensor(input: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: int) -> Any:
        codes = op.QuantizeLinear(input, number(scale, TensorProto.FLOAT), number(zero_point, dtype))
        return clipped(codes, quant_min, quant_max, int(dtype))

    def dequantize_per_tensor(
        input: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int, dtype: int, out_dtype: int | None = None
    ) -> Any:
        real = op.DequantizeLinear(input, number(scale, TensorProto.FLOAT), number(zero_point, dtype))
        return real if out_dtype in (None, -1) else op.Cast(real, to=out_dtype)

    def fake_quantize(self: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int) -> Any:
        kind = _type_of(quant_min, quant_max)
        numbers = number(scale, TensorProto.FLOAT), number(zero_point, kind)
        return op.DequantizeLinear(clipped(op.QuantizeLinear(self, *numbers), quant_min, quant_max, kind), *numbers)

    def fake_quantize_channels(self: Any, scale: Any, zero_point: Any, axis: int, quant_min: int, quant_max: int) -> Any:
        kind = _type_of(quant_min, quant_max)
        numbers = number(scale, TensorProto.FLOAT), number(zero_point, kind)
        codes = clipped(op.QuantizeLinear(self, *numbers, axis=axis), quant_min, quant_max, kind)
        return op.DequantizeLinear(codes, *numbers, axis=axis)

    return quantize_per_tensor, dequantize_per_tensor, fake_quantize, fake_quantize_channels


def _type_of(low: int, high: int) -> int:
    """The type that holds integers between these limits. Raises `NotImplementedError` if 8 bits don't."""
    for kind, (least, most) in _TYPES.items():
        if least <= low and high <= most:
            return kind
    raise NotImplementedError(f"fake quantisation to {low} to {high} has more than 8 bits")
