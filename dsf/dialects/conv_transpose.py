"""What the transposed convolutions of the dialects `bundle` and `fxp` share: where their taps lie, and the checks of it."""

from __future__ import annotations

from typing import Any, Protocol, cast

from xdsl.ir import SSAValue
from xdsl.irdl import IRDLOperation

from dsf.dialects.constants import DenseAttr, IntsAttr, pair, quad
from dsf.dialects.shapes import check_convolution, check_lists, need
from dsf.geometry import Window
from dsf.transposed import TransposedWindow


class _Transposed(Protocol):
    """The properties that say it, and that both have by these names."""

    @property
    def input(self) -> SSAValue[Any]: ...
    @property
    def weights(self) -> DenseAttr: ...
    @property
    def strides(self) -> IntsAttr: ...
    @property
    def padding(self) -> IntsAttr: ...
    @property
    def output_padding(self) -> IntsAttr: ...
    @property
    def dilation(self) -> IntsAttr: ...
    @property
    def groups(self) -> Any: ...


def transposed_window_of(op: _Transposed) -> TransposedWindow:
    """The window of a transposed convolution."""
    kernel_height, kernel_width, *_ = op.weights.get_shape()
    window = Window((kernel_height, kernel_width), pair(op.strides), quad(op.padding), pair(op.dilation))
    return TransposedWindow(window, pair(op.output_padding))


def check_transposed_convolution(op: _Transposed) -> None:
    """Lists of their lengths, weights of rank 4, and a result of the size that the window gives. Raises `VerifyException`."""
    this = cast(IRDLOperation, op)
    lists = {"strides": op.strides, "padding": op.padding, "dilation": op.dilation}
    check_lists(this, **lists, output_padding=op.output_padding)
    rank = len(op.weights.get_shape())
    need(rank == 4, this, f"weights of rank {rank}", "(KH, KW, CI / groups, CO)", "reshape the weights")
    check_convolution(this, op.input, op.weights, transposed_window_of(op), op.groups.value.data)
