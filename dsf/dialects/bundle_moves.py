"""
Layers of the `bundle` dialect that move elements and compute nothing: parts of tensors, and tensors made of others, all of one
type. Tensors are (N, H, W, C); all images of a batch are treated alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from xdsl.dialects.builtin import Float64Type, FloatAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from dsf.dialects.bundle_cores import check_q
from dsf.dialects.bundle_types import grid_of, tensor_of
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
from dsf.dialects.shapes import as_text, check_rank, element, need, shape


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


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """
    The same elements of each image, row-major, in another shape, (N, H, W, C) or (N, K). Free: tensors lie in memory without
    gaps.

    ```
    %y = bundle.reshape %x : tensor<1x8x8x6x!bundle.q<8, 4>> -> tensor<1x64x2x3x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.reshape"

    input = operand_def(TensorType)
    output = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$input attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, sizes: Sequence[int]):
        super().__init__(operands=[input], result_types=[tensor_of(tuple(sizes), grid_of(input))])

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        for value, what in ((self.input, "input"), (self.output, "result")):
            check_rank(self, value, (2, 4), what)
        before, after = shape(self.input), shape(self.output)
        has = f"a change of shape from {as_text(before)} to {as_text(after)}"
        same = before[0] == after[0] and math.prod(before) == math.prod(after)
        need(same, self, has, "as many elements of as many images", "correct the result type")
        has = f"a change of type from {element(self.input)} to {element(self.output)}"
        need(element(self.input) == element(self.output), self, has, "the same type", "quantise in an activation")
