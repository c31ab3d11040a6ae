"""
Runs a float or QDQ graph on arrays: onnx's reference evaluator, which says what ONNX means, with convolutions by PyTorch,
poolings that are not loops in Python, transposed convolutions in groups, and pads that crop.
"""

from __future__ import annotations

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


def _windows(x: Array, kernel: list[int], pads: list[int], strides: list[int], padding: float) -> Array:
    """The windows of a pooling: (batch, channels, *positions, *taps)."""
    n = len(kernel)
    padded = np.pad(x, [(0, 0), (0, 0), *zip(pads[:n], pads[n:], strict=True)], constant_values=padding)
    windows = sliding_window_view(padded, kernel, axis=tuple(range(2, 2 + n)))
    return windows[(slice(None), slice(None), *(slice(None, None, stride) for stride in strides))]


def _is_plain(auto_pad: str | None, ceil_mode: int | None, dilations: list[int] | None) -> bool:
    """Whether a pooling's windows are where its pads say; the others are rare, and left to the reference."""
    return auto_pad in (None, "NOTSET") and not ceil_mode and max(dilations or [1]) == 1


class _Conv(Conv):
    """The reference copies every window, group by group."""

    def _run(self, x: Array, w: Array, b: Array | None = None, group: int | None = None, **attributes: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        # Loaded where something is computed; and the importer itself asks what is quantised already.
        import torch
        import torch.nn.functional as F

        from dsf.frontend.onnx.graph import Node
        from dsf.frontend.onnx.linear import convolution_window

        if x.ndim not in (3, 4) or x.dtype != np.float32:
            return cast(Any, super())._run(x, w, b, group=group, **attributes)
        given = {name: value for name, value in attributes.items() if value is not None}
        window = convolution_window(Node("", "Conv", (), (), given), x.shape[2:], w.shape[2:])
        top, bottom, left, right = window.padding
        images, taps = (x, w) if x.ndim == 4 else (x[:, :, None], w[:, :, None])
        padded = np.pad(images, ((0, 0), (0, 0), (top, bottom), (left, right)))
        bias = None if b is None else torch.tensor(b)
        places = {"stride": window.strides, "dilation": window.dilation, "groups": int(group or 1)}
        sums = cast(Any, F).conv2d(torch.tensor(padded), torch.tensor(taps), bias, **places).numpy()
        return (sums if x.ndim == 4 else sums[:, :, 0],)


class _MaxPool(MaxPool):
    def _run(  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
        self,
        x: Array,
        auto_pad: str | None = None,
        ceil_mode: int | None = None,
        dilations: list[int] | None = None,
        kernel_shape: list[int] | None = None,
        pads: list[int] | None = None,
        storage_order: int | None = None,
        strides: list[int] | None = None,
    ) -> Any:
        if len(self.output) > 1 or not _is_plain(auto_pad, ceil_mode, dilations) or x.dtype.kind != "f":
            return cast(Any, super())._run(x, auto_pad, ceil_mode, dilations, kernel_shape, pads, storage_order, strides)
        kernel = list(kernel_shape or [])
        n = len(kernel)
        windows = _windows(x, kernel, pads or [0] * 2 * n, strides or [1] * n, -np.inf)
        return (windows.max(axis=tuple(range(-n, 0))),)


class _AveragePool(AveragePool_19):
    def _run(  # pyright: ignore[reportIncompatibleMethodOverride, reportIncompatibleVariableOverride]
        self,
        x: Array,
        auto_pad: str | None = None,
        ceil_mode: int | None = None,
        dilations: list[int] | None = None,
        kernel_shape: list[int] | None = None,
        pads: list[int] | None = None,
        strides: list[int] | None = None,
        count_include_pad: int | None = None,
    ) -> Any:
        if not _is_plain(auto_pad, ceil_mode, dilations):
            return cast(Any, super())._run(x, auto_pad, ceil_mode, dilations, kernel_shape, pads, strides, count_include_pad)
        kernel = list(kernel_shape or [])
        n = len(kernel)
        taps = tuple(range(-n, 0))
        where = pads or [0] * 2 * n, strides or [1] * n
        inside = _windows(np.ones((1, 1, *x.shape[2:])), kernel, *where, 1.0 if count_include_pad else 0.0)
        sums = _windows(x, kernel, *where, 0.0).sum(axis=taps, dtype=np.float64)
        return ((sums / inside.sum(axis=taps)).astype(x.dtype),)


class _ConvTranspose(ConvTranspose):
    """The reference has no groups."""

    def _run(self, x: Array, w: Array, b: Array | None = None, group: int | None = None, **attributes: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        # The importer itself asks what is quantised already.
        from dsf.frontend.onnx.graph import Node
        from dsf.frontend.onnx.transposed_window import transposed_window

        groups, rank = int(group or 1), x.ndim
        if rank not in (3, 4):
            return cast(Any, super())._run(x, w, b, group=group, **attributes)
        given = {name: value for name, value in attributes.items() if value is not None}
        window = transposed_window(Node("", "ConvTranspose", (), (), given), x.shape[2:], w.shape[2:])
        if rank == 3:
            x, w = x[:, :, None], w[:, :, None]
        inner, outer, *kernel = w.shape
        parts = w.reshape(groups, inner // groups, outer, *kernel).transpose(3, 4, 1, 0, 2)
        weights = parts.reshape(*kernel, inner // groups, groups * outer).astype(np.float64)
        y = convolve_transposed_reals(x.transpose(0, 2, 3, 1).astype(np.float64), weights, window, groups=groups)
        sums = (y if b is None else y + b).transpose(0, 3, 1, 2).astype(np.float32)
        return (sums if rank == 4 else sums[:, :, 0],)


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
