"""
Operations of the `fxp` dialect that move elements and compute nothing: parts of tensors, and tensors made of others. Tensors
are (N, H, W, C); all images of a batch are treated alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import I64, IntegerAttr, TensorType
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

from dsf.dialects.constants import IntsAttr, integer, ints_attr
from dsf.dialects.integers import check_between, check_integers, integers, width
from dsf.dialects.moves import TransposedOp, check_concat, check_padded, check_resized, check_slice, check_transposed
from dsf.dialects.shapes import shape
from dsf.numerics import int_range


@irdl_op_definition
class ConcatOp(IRDLOperation):
    """
    The channels of several tensors, or the numbers of rows (N, K), one after the other.

    ```
    %y = fxp.concat %a, %b : tensor<1x4x4x3xi8>, tensor<1x4x4x5xi8> -> tensor<1x4x4x8xi8>
    ```
    """

    name = "fxp.concat"

    inputs = var_operand_def(TensorType)
    output = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$inputs attr-dict `:` type($inputs) `->` type($output)"

    def __init__(self, inputs: Sequence[SSAValue]):
        *sizes, _ = shape(inputs[0])
        channels = sum(shape(value)[-1] for value in inputs)
        super().__init__(operands=[inputs], result_types=[integers((*sizes, channels), width(inputs[0]))])

    def verify_(self) -> None:
        check_integers(self, *self.inputs, self.output)
        check_concat(self, self.inputs)


@irdl_op_definition
class SliceOp(IRDLOperation):
    """
    A part of each image: (rows, columns, channels) of `size`, from `first` on.

        y[n, i, j, k] = x[n, first[0] + i, first[1] + j, first[2] + k]

    ```
    %y = fxp.slice %x first [0, 0, 3] size [4, 4, 5] : tensor<1x4x4x8xi8> -> tensor<1x4x4x5xi8>
    ```
    """

    name = "fxp.slice"

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
            result_types=[integers((shape(input)[0], *size), width(input))],
        )

    @property
    def starts(self) -> tuple[int, ...]:
        return tuple(map(int, self.first.get_values()))

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(map(int, self.size.get_values()))

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_slice(self, self.input, self.starts, self.sizes)


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
class PadOp(IRDLOperation):
    """
    Images with a border of `value`: `padding` rows and columns at top, bottom, left, right.

    ```
    %y = fxp.pad %x padding [1, 1, 0, 2] value -128 : tensor<1x4x4x8xi8> -> tensor<1x6x6x8xi8>
    ```
    """

    name = "fxp.pad"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    padding = prop_def(IntsAttr)
    value = prop_def(IntegerAttr[I64], default_value=integer(0))

    traits = traits_def(Pure())

    assembly_format = "$input `padding` $padding (`value` $value^)? attr-dict `:` type($input) `->` type($output)"

    def __init__(self, input: SSAValue, padding: tuple[int, int, int, int], value: int = 0):
        batch, height, image_width, channels = shape(input)
        top, bottom, left, right = padding
        sizes = (batch, height + top + bottom, image_width + left + right, channels)
        super().__init__(
            operands=[input],
            properties={"padding": ints_attr(padding), "value": integer(value)},
            result_types=[integers(sizes, width(input))],
        )

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_padded(self, self.input, self.padding)
        check_between(self, *int_range(width(self.input)), value=self.value)


@irdl_op_definition
class ResizeOp(IRDLOperation):
    """
    Images enlarged by whole numbers, (vertical, horizontal), to the nearest element:

        y[n, i, j, k] = x[n, i // factors[0], j // factors[1], k]

    ```
    %y = fxp.resize %x factors [2, 2] : tensor<1x4x4x8xi8> -> tensor<1x8x8x8xi8>
    ```
    """

    name = "fxp.resize"

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
            result_types=[integers(sizes, width(input))],
        )

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_resized(self, self.input, self.factors)
