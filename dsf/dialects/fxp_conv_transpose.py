"""
`fxp.conv_transpose`: the exact sum of a transposed convolution.
"""

from __future__ import annotations

from xdsl.dialects.builtin import I64, DenseIntOrFPElementsAttr, IntegerAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.irdl import IRDLOperation, irdl_op_definition, operand_def, prop_def, result_def, traits_def
from xdsl.traits import Pure

from dsf.dialects.constants import DenseAttr, IntsAttr, integer, ints_attr
from dsf.dialects.conv_transpose import check_transposed_convolution, transposed_window_of
from dsf.dialects.integers import check_between, check_integers, check_weights, integers, width
from dsf.dialects.shapes import shape
from dsf.numerics import int_range
from dsf.transposed import TransposedWindow


@irdl_op_definition
class ConvTransposeOp(IRDLOperation):
    """
    The exact sum of a transposed convolution, as in `bundle.conv_transpose` without the bias, of the elements less
    `zero_point`. How many taps reach a position differs from one to the next, so that no bias could stand for a zero point.

    ```
    %s = fxp.conv_transpose %x strides [2, 2] output_padding [1, 1] weights dense<...> : tensor<3x3x8x16xi4>
           : tensor<1x8x8x8xi8> -> tensor<1x18x18x16xi24>
    ```
    """

    name = "fxp.conv_transpose"

    input = operand_def(TensorType)
    output = result_def(TensorType)
    weights = prop_def(DenseIntOrFPElementsAttr)
    strides = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    padding = prop_def(IntsAttr, default_value=ints_attr((0, 0, 0, 0)))
    output_padding = prop_def(IntsAttr, default_value=ints_attr((0, 0)))
    dilation = prop_def(IntsAttr, default_value=ints_attr((1, 1)))
    groups = prop_def(IntegerAttr[I64], default_value=integer(1))
    zero_point = prop_def(IntegerAttr[I64], default_value=integer(0))

    traits = traits_def(Pure())

    assembly_format = (
        "$input (`strides` $strides^)? (`padding` $padding^)? (`output_padding` $output_padding^)? (`dilation` $dilation^)? "
        "(`groups` $groups^)? (`zero_point` $zero_point^)? `weights` $weights attr-dict `:` type($input) `->` type($output)"
    )

    def __init__(
        self,
        input: SSAValue,
        weights: DenseAttr,
        window: TransposedWindow,
        *,
        bits_sum: int,
        groups: int = 1,
        zero_point: int = 0,
    ):
        """`weights` is (KH, KW, CI / groups, CO) of `i<bits_weights>`; the kernel of the window is (KH, KW)."""
        batch, height, image_width, _ = shape(input)
        sizes = (batch, *window.output_shape(height, image_width), weights.get_shape()[-1])
        super().__init__(
            operands=[input],
            properties={
                "weights": weights,
                "strides": ints_attr(window.window.strides),
                "padding": ints_attr(window.window.padding),
                "output_padding": ints_attr(window.output_padding),
                "dilation": ints_attr(window.window.dilation),
                "groups": integer(groups),
                "zero_point": integer(zero_point),
            },
            result_types=[integers(sizes, bits_sum)],
        )

    @property
    def window(self) -> TransposedWindow:
        return transposed_window_of(self)

    def verify_(self) -> None:
        check_integers(self, self.input, self.output)
        check_weights(self, self.weights)
        check_transposed_convolution(self)
        check_between(self, *int_range(width(self.input)), zero_point=self.zero_point)
