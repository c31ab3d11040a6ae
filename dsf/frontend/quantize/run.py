"""
Runs a float or QDQ graph on arrays: onnx's reference evaluator, which says what ONNX means, with convolutions by PyTorch,
poolings that are not loops in Python, transposed convolutions in groups, and pads that crop.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops.op_average_pool import AveragePool_19
from onnx.reference.ops.op_conv import Conv
from onnx.reference.ops.op_conv_transpose import ConvTranspose
from onnx.reference.ops.op_max_pool import MaxPool
from onnx.reference.ops.op_pad import Pad_18

from dsf.errors import ModelError
from dsf.geometry import Window, span
from dsf.runtime.interpreters.convolution import convolve_transposed_reals

Array = NDArray[Any]


class Runner:
    """A model whose every tensor can be looked at."""

    def __init__(self, model: onnx.ModelProto):
        self._evaluator = ReferenceEvaluator(model, new_ops=[_Conv, _MaxPool, _AveragePool, _ConvTranspose, _Pad])
        self._name = model.graph.name

    def __call__(self, feeds: dict[str, Any]) -> dict[str, Array]:
        """All tensors by name, constants among them. Raises `ModelError` if an operator fails on these inputs."""
        try:
            with np.errstate(all="ignore"):  # Who uses the results looks for infinities.
                results = cast(Any, self._evaluator).run(None, feeds, intermediate=True)
        except Exception as failure:  # Whatever an operator's implementation raises.
            raise ModelError(
                f"'{self._name}': fails on the calibration data ({str(failure)[:200]}), needs a model that ONNX can run; check "
                "it with onnxruntime"
            ) from failure
        return cast("dict[str, Array]", results)


def _node(operator: str, attributes: dict[str, Any]) -> Any:
    """What the importer, which itself asks what is quantised already, knows an operator with these attributes as."""
    from dsf.frontend.onnx.graph import Node

    return Node("", operator, (), (), {name: value for name, value in attributes.items() if value is not None})


def _images(x: Array) -> Array:
    """(N, C, L) with one row."""
    return x if x.ndim == 4 else x[:, :, None]


def _like(x: Array, images: Array) -> Array:
    """Images without rows where `x` has none."""
    return images if x.ndim == 4 else images[:, :, 0]


def _windows(x: Array, window: Window, padding: float) -> Array:
    """The windows of a pooling over (batch, channels, rows, columns): (batch, channels, *positions, *taps)."""
    top, bottom, left, right = window.padding
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), constant_values=padding)
    spans = [span(one, step) for one, step in zip(window.kernel, window.dilation, strict=True)]
    view = sliding_window_view(padded, spans, axis=(2, 3))
    (down, right), (apart_down, apart_right) = window.strides, window.dilation
    return view[:, :, ::down, ::right, ::apart_down, ::apart_right]


class _Conv(Conv):
    """The reference copies every window, group by group."""

    def _run(self, x: Array, w: Array, b: Array | None = None, group: int | None = None, **attributes: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        # Loaded where something is computed.
        import torch
        import torch.nn.functional as F

        from dsf.frontend.onnx.linear import convolution_window

        if x.ndim not in (3, 4) or x.dtype != np.float32:
            return cast(Any, super())._run(x, w, b, group=group, **attributes)
        window = convolution_window(_node("Conv", attributes), x.shape[2:], w.shape[2:])
        top, bottom, left, right = window.padding
        padded = np.pad(_images(x), ((0, 0), (0, 0), (top, bottom), (left, right)))
        bias = None if b is None else torch.tensor(b)
        places = {"stride": window.strides, "dilation": window.dilation, "groups": int(group or 1)}
        sums = cast(Any, F).conv2d(torch.tensor(padded), torch.tensor(_images(w)), bias, **places).numpy()
        return (_like(x, sums),)


class _MaxPool(MaxPool):
    """The reference has loops in Python, and too many windows with ceil_mode."""

    def _run(self, x: Array, **attributes: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        from dsf.frontend.onnx.pooling import pooling_windows

        if len(self.output) > 1 or x.ndim not in (3, 4) or x.dtype.kind != "f":
            return cast(Any, super())._run(x, **attributes)
        _, window = pooling_windows(_node("MaxPool", attributes), x.shape[2:])
        return (_like(x, _windows(_images(x), window, -np.inf).max(axis=(-2, -1))),)


class _AveragePool(AveragePool_19):
    def _run(self, x: Array, **attributes: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        from dsf.frontend.onnx.pooling import pooling_windows

        if x.ndim not in (3, 4):
            return cast(Any, super())._run(x, **attributes)
        declared, window = pooling_windows(_node("AveragePool", attributes), x.shape[2:])
        images = _images(x)
        # Padding counts or not; what is beyond it, for the last windows with ceil_mode, never does.
        top, bottom, left, right = declared.padding
        counts = np.ones((1, 1, *images.shape[2:]))
        if attributes.get("count_include_pad"):
            counts = np.ones((1, 1, images.shape[2] + top + bottom, images.shape[3] + left + right))
            rest = tuple(all_of - one for all_of, one in zip(window.padding, declared.padding, strict=True))
            number = _windows(counts, replace(window, padding=cast(Any, rest)), 0.0).sum(axis=(-2, -1))
        else:
            number = _windows(counts, window, 0.0).sum(axis=(-2, -1))
        sums = _windows(images, window, 0.0).sum(axis=(-2, -1), dtype=np.float64)
        return (_like(x, (sums / number).astype(x.dtype)),)


class _ConvTranspose(ConvTranspose):
    """The reference has no groups."""

    def _run(self, x: Array, w: Array, b: Array | None = None, group: int | None = None, **attributes: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        from dsf.frontend.onnx.transposed_window import transposed_window

        if x.ndim not in (3, 4):
            return cast(Any, super())._run(x, w, b, group=group, **attributes)
        groups = int(group or 1)
        window = transposed_window(_node("ConvTranspose", attributes), x.shape[2:], w.shape[2:])
        inner, outer, *kernel = _images(w).shape
        parts = w.reshape(groups, inner // groups, outer, *kernel).transpose(3, 4, 1, 0, 2)
        weights = parts.reshape(*kernel, inner // groups, groups * outer).astype(np.float64)
        y = convolve_transposed_reals(_images(x).transpose(0, 2, 3, 1).astype(np.float64), weights, window, groups=groups)
        return (_like(x, (y if b is None else y + b).transpose(0, 3, 1, 2).astype(np.float32)),)


class _Pad(Pad_18):
    """The reference can't crop."""

    def _run(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, data: Array, pads: Array, constant_value: Any = None, axes: Any = None, mode: str | None = None
    ) -> Any:
        over = list(range(data.ndim)) if axes is None else [int(axis) % data.ndim for axis in np.reshape(axes, -1)]
        index = [slice(None)] * data.ndim
        for axis, before, after in zip(over, pads[: len(over)].tolist(), pads[len(over) :].tolist(), strict=True):
            index[axis] = slice(max(-before, 0), data.shape[axis] - max(-after, 0))
        return cast(Any, super())._run(data[tuple(index)], np.maximum(pads, 0), constant_value, axes, mode)


_Pad.__name__ = "Pad"
_ConvTranspose.__name__ = "ConvTranspose"
_Conv.__name__ = "Conv"
_AveragePool.__name__ = "AveragePool"
_MaxPool.__name__ = "MaxPool"
