"""
`bundle.conv_transpose`: the core that enlarges images, as decoders and generators have it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from xdsl.dialects.builtin import I64, IntegerAttr
from xdsl.ir import SSAValue
from xdsl.irdl import irdl_op_definition, prop_def

from dsf.dialects.bundle_cores import CoreOp, sum_type
from dsf.dialects.bundle_types import QType, tensor_of
from dsf.dialects.constants import IntsAttr, integer, ints_attr
from dsf.dialects.conv_transpose import check_transposed_convolution, transposed_window_of
from dsf.dialects.shapes import shape
from dsf.geometry import Window
from dsf.transposed import TransposedWindow


@irdl_op_definition
class ConvTransposeOp(CoreOp):
    """
    Transposed convolution over NHWC with weights (KH, KW, CI / groups, CO), plus a bias per channel: each input element adds
    the kernel, times itself, to the output.

        y = bias
        y[n, oy, ox, co] += x[n, iy, ix, g * (CI/groups) + ci] * w[ky, kx, ci, co]    for all iy, ix, ky, kx, ci
        oy = iy * strides[0] - top + ky * dilation[0]        g = co // (CO / groups)
        ox = ix * strides[1] - left + kx * dilation[1]       where (oy, ox) is inside the output

    with padding [top, bottom, left, right], which takes rows and columns from the output, and output_padding, which adds some
    below and on the right:

        OH = (H - 1) * strides[0] + (KH - 1) * dilation[0] + 1 - top - bottom + output_padding[0]        OW likewise

    Padding, strides, dilation and output_padding are those of ONNX and PyTorch; their weights are (CI, CO / groups, KH, KW):

        parts = theirs.reshape(groups, CI // groups, CO // groups, KH, KW)
        w = parts.transpose(3, 4, 1, 0, 2).reshape(KH, KW, CI // groups, CO)

    ```
    %s = bundle.conv_transpose %x strides [2, 2] output_padding [1, 1] weights q<4, 3> dense<...>
        : tensor<1x8x8x8x!bundle.q<8, 4>> -> tensor<1x18x18x16x!bundle.q<24, 7>>
    ```
    """

    name = "bundle.conv_transpose"

    strides = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    padding = prop_def(IntsAttr, default_value=ints_attr((0, 0, 0, 0)))
    output_padding = prop_def(IntsAttr, default_value=ints_attr((0, 0)))
    dilation = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    groups = prop_def(IntegerAttr[I64], default_value=integer(1))

    assembly_format = (
        "$input (`strides` $strides^)? (`padding` $padding^)? (`output_padding` $output_padding^)? (`dilation` $dilation^)? "
        "(`groups` $groups^)? `weights` `q` `` $weights_type $weights (`scales` $scales^)? (`bias` `q` `` $bias_type^ $bias)? "
        "attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        weights: ArrayLike,
        weights_type: QType,
        *,
        bits_sum: int,
        scales: ArrayLike | None = None,
        bias: ArrayLike | None = None,
        bias_type: QType | None = None,
        strides: tuple[int, int] = (1, 1),
        padding: tuple[int, int, int, int] = (0, 0, 0, 0),
        output_padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
    ):
        constants = self.properties_of(weights, weights_type, scales, bias, bias_type)
        kernel_height, kernel_width, _, outputs = np.shape(weights)
        window = TransposedWindow(Window((kernel_height, kernel_width), strides, padding, dilation), output_padding)
        batch, height, width, _ = shape(input)
        q = sum_type(bits_sum, input, weights_type, scales, bias_type)
        super().__init__(
            operands=[input],
            properties={
                **constants,
                "strides": ints_attr(strides),
                "padding": ints_attr(padding),
                "output_padding": ints_attr(output_padding),
                "dilation": ints_attr(dilation),
                "groups": integer(groups),
            },
            result_types=[tensor_of((batch, *window.output_shape(height, width), outputs), q)],
        )

    @property
    def window(self) -> TransposedWindow:
        return transposed_window_of(self)

    def verify_(self) -> None:
        check_transposed_convolution(self)
        self.verify_constants()
