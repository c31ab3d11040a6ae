"""
Operations of the `fxp` dialect that move elements and compute nothing: parts of tensors, and tensors made of others. Tensors
are (N, H, W, C); all images of a batch are treated alike.
"""

from __future__ import annotations

from xdsl.dialects.builtin import I64, IntegerAttr
from xdsl.ir import SSAValue
from xdsl.irdl import (
    irdl_op_definition,
    prop_def,
)

from dsf.dialects.constants import integer
from dsf.dialects.integers import check_between, check_integers, width
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
from dsf.numerics import int_range


@irdl_op_definition
class ConcatOp(ConcatenatedOp):
    """
    The channels of several tensors, or the numbers of rows (N, K), one after the other.

    ```
    %y = fxp.concat %a, %b : tensor<1x4x4x3xi8>, tensor<1x4x4x5xi8> -> tensor<1x4x4x8xi8>
    ```
    """

    name = "fxp.concat"

    def verify_(self) -> None:
        check_integers(self, *self.inputs, self.output)
        check_concat(self)


@irdl_op_definition
class SliceOp(SlicedOp):
    """
    A part of each image: (rows, columns, channels) of `size`, from `first` on.

        y[n, i, j, k] = x[n, first[0] + i, first[1] + j, first[2] + k]

    ```
    %y = fxp.slice %x first [0, 0, 3] size [4, 4, 5] : tensor<1x4x4x8xi8> -> tensor<1x4x4x5xi8>
    ```
    """

    name = "fxp.slice"

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_slice(self)


@irdl_op_definition
class TransposeOp(TransposedOp):
    """
    Images with exchanged axes (`TransposedOp`).

    ```
    %y = fxp.transpose %x permutation [0, 2, 1]
        : tensor<1x1x4x8xi8> -> tensor<1x1x8x4xi8>
    ```
    """

    name = "fxp.transpose"

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_transposed(self)


@irdl_op_definition
class PadOp(PaddedOp):
    """
    Images with a border of `value`: `padding` rows and columns at top, bottom, left, right.

    ```
    %y = fxp.pad %x padding [1, 1, 0, 2] value -128 : tensor<1x4x4x8xi8> -> tensor<1x6x6x8xi8>
    ```
    """

    name = "fxp.pad"

    value = prop_def(IntegerAttr[I64], default_value=integer(0))

    def __init__(self, input: SSAValue, padding: tuple[int, int, int, int], value: int = 0):
        super().__init__(input, padding, integer(value))

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_padded(self)
        check_between(self, *int_range(width(self.input)), value=self.value)


@irdl_op_definition
class ResizeOp(ResizedOp):
    """
    Images enlarged by whole numbers, (vertical, horizontal), to the nearest element:

        y[n, i, j, k] = x[n, i // factors[0], j // factors[1], k]

    ```
    %y = fxp.resize %x factors [2, 2] : tensor<1x4x4x8xi8> -> tensor<1x8x8x8xi8>
    ```
    """

    name = "fxp.resize"

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_resized(self)
