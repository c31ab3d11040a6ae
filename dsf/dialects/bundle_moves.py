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
    var_operand_def,
)
from xdsl.traits import Pure

from dsf.dialects.bundle_cores import check_q
from dsf.dialects.bundle_types import grid_of, tensor_of
from dsf.dialects.constants import IntsAttr, ints_attr, real
from dsf.dialects.moves import TransposedOp, check_concat, check_padded, check_resized, check_slice, check_transposed
from dsf.dialects.shapes import need, shape


@irdl_op_definition
class ConcatOp(IRDLOperation):
    """
    The channels of several tensors, or the numbers of rows (N, K), one after the other.

    ```
    %y = bundle.concat %a, %b
        : tensor<1x4x4x3x!bundle.q<8, 4>>, tensor<1x4x4x5x!bundle.q<8, 4>> -> tensor<1x4x4x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.concat"

    inputs = var_operand_def(TensorType)
    output = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$inputs attr-dict `:` type($inputs) `->` type($output)"

    def __init__(self, inputs: Sequence[SSAValue]):
        *sizes, _ = shape(inputs[0])
        channels = sum(shape(value)[-1] for value in inputs)
        super().__init__(operands=[inputs], result_types=[tensor_of((*sizes, channels), grid_of(inputs[0]))])

    def verify_(self) -> None:
        check_q(self, *self.inputs, self.output)
        check_concat(self, self.inputs)


@irdl_op_definition
class SliceOp(IRDLOperation):
    """
    A part of each image: (rows, columns, channels) of `size`, from `first` on.

        y[n, i, j, k] = x[n, first[0] + i, first[1] + j, first[2] + k]

    ```
    %y = bundle.slice %x first [0, 0, 3] size [4, 4, 5] : tensor<1x4x4x8x!bundle.q<8, 4>> -> tensor<1x4x4x5x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.slice"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    first = prop_def(IntsAttr)
    size = prop_def(IntsAttr)

    traits = traits_def(Pure())

    assembly_format = "$input `first` $first `size` $size attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, first: Sequence[int], size: Sequence[int]):
        super().__init__(
            operands=[input],
            properties={"first": ints_attr(first), "size": ints_attr(size)},
            result_types=[tensor_of((shape(input)[0], *size), grid_of(input))],
        )

    @property
    def starts(self) -> tuple[int, ...]:
        return tuple(map(int, self.first.get_values()))

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(map(int, self.size.get_values()))

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_slice(self, self.input, self.starts, self.sizes)


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
class PadOp(IRDLOperation):
    """
    Images with a border of `quantize(value)`: `padding` rows and columns at top, bottom, left, right.

    ```
    %y = bundle.pad %x padding [1, 1, 0, 2] value -8.000000e+00
        : tensor<1x4x4x8x!bundle.q<8, 4>> -> tensor<1x6x6x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.pad"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    padding = prop_def(IntsAttr)
    value = prop_def(FloatAttr[Float64Type], default_value=real(0.0))

    traits = traits_def(Pure())

    assembly_format = "$input `padding` $padding (`value` $value^)? attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, padding: tuple[int, int, int, int], value: float = 0.0):
        batch, height, image_width, channels = shape(input)
        top, bottom, left, right = padding
        sizes = (batch, height + top + bottom, image_width + left + right, channels)
        super().__init__(
            operands=[input],
            properties={"padding": ints_attr(padding), "value": real(value)},
            result_types=[tensor_of(sizes, grid_of(input))],
        )

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_padded(self, self.input, self.padding)
        value = self.value.value.data
        need(math.isfinite(value), self, f"value {value}", "a finite number", "correct it")


@irdl_op_definition
class ResizeOp(IRDLOperation):
    """
    Images enlarged by whole numbers, (vertical, horizontal), to the nearest element:

        y[n, i, j, k] = x[n, i // factors[0], j // factors[1], k]

    ```
    %y = bundle.resize %x factors [2, 2] : tensor<1x4x4x8x!bundle.q<8, 4>> -> tensor<1x8x8x8x!bundle.q<8, 4>>
    ```
    """

    name = "bundle.resize"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    factors = prop_def(IntsAttr)

    traits = traits_def(Pure())

    assembly_format = "$input `factors` $factors attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, factors: tuple[int, int]):
        batch, height, image_width, channels = shape(input)
        sizes = (batch, height * factors[0], image_width * factors[1], channels)
        super().__init__(
            operands=[input],
            properties={"factors": ints_attr(factors)},
            result_types=[tensor_of(sizes, grid_of(input))],
        )

    def verify_(self) -> None:
        check_q(self, self.input, self.output)
        check_resized(self, self.input, self.factors)
