"""
Layers of the `bundle` dialect that move elements and compute nothing: parts of tensors, and tensors made of others, all of one
type. Tensors are (N, H, W, C); all images of a batch are treated alike.
"""

from __future__ import annotations

import math

from xdsl.dialects.builtin import Float64Type, FloatAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    prop_def,
)

from dsf.dialects.bundle_cores import check_q
from dsf.dialects.constants import real
from dsf.dialects.moves import (
    ConcatenatedOp,
    PaddedOp,
    ResizedOp,
    SlicedOp,
    TransposedOp,
    check_concat,
    check_padded,
    check_resized,
    check_slice,
    check_transposed,
)
from dsf.dialects.shapes import need


@irdl_op_definition
class ConcatOp(ConcatenatedOp):
    """
    The channels of several tensors, or the numbers of rows (N, K), one after the other.

    ```
    %y = bundle.concat %a, %b
        : tensor<1x4x4x3x!bundle.q<8, 4>>, tensor<1x4x4x5x!bundle.q<8, 4>> -> tensor<1x4x4x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.concat"

    def verify_(self) -> None:
        check_q(self, *self.inputs, self.output)
        check_concat(self)


@irdl_op_definition
class SliceOp(SlicedOp):
    """
    A part of each image: (rows, columns, channels) of `size`, from `first` on.

        y[n, i, j, k] = x[n, first[0] + i, first[1] + j, first[2] + k]

    ```
    %y = bundle.slice %x first [0, 0, 3] size [4, 4, 5] : tensor<1x4x4x8x!bundle.q<8, 4>> -> tensor<1x4x4x5x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.slice"

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_slice(self)


@irdl_op_definition
class TransposeOp(TransposedOp):
    """
    Images with exchanged axes (`TransposedOp`).

    ```
    %y = bundle.transpose %x permutation [0, 2, 1]
        : tensor<1x1x4x8x!bundle.q<8, 4>> -> tensor<1x1x8x4x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.transpose"

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_transposed(self)


@irdl_op_definition
class PadOp(PaddedOp):
    """
    Images with a border of `quantize(value)`: `padding` rows and columns at top, bottom, left, right.

    ```
    %y = bundle.pad %x padding [1, 1, 0, 2] value -8.000000e+00
        : tensor<1x4x4x8x!bundle.q<8, 4>> -> tensor<1x6x6x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.pad"

    value = prop_def(FloatAttr[Float64Type], default_value=real(0.0))

    def __init__(self, input: SSAValue, padding: tuple[int, int, int, int], value: float = 0.0):
        super().__init__(input, padding, real(value))

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_padded(self)
        value = self.value.value.data
        need(math.isfinite(value), self, f"value {value}", "a finite number", "correct it")


@irdl_op_definition
class ResizeOp(ResizedOp):
    """
    Images enlarged by whole numbers, (vertical, horizontal), to the nearest element:

        y[n, i, j, k] = x[n, i // factors[0], j // factors[1], k]

    ```
    %y = bundle.resize %x factors [2, 2] : tensor<1x4x4x8x!bundle.q<8, 4>> -> tensor<1x8x8x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.resize"

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_resized(self)
