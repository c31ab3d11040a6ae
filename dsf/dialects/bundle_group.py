"""
`bundle.bundle`, which names a group of layers: what the engine does in one pass, and one row of every report.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import StringAttr, TensorType
from xdsl.dialects.utils import AbstractYieldOperation
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    prop_def,
    region_def,
    result_def,
    traits_def,
)
from xdsl.traits import HasParent, IsTerminator, Pure, RecursiveMemoryEffect
from xdsl.utils.exceptions import VerifyException

from dsf.transforms.locations import set_bundle

#: A letter for each kind of layer, and the order of a bundle in these letters.
LETTERS = {
    "bundle.conv": "c",
    "bundle.conv_transpose": "c",
    "bundle.dense": "c",
    "bundle.batch_norm": "n",
    "bundle.activation": "a",
    "bundle.function": "t",
    "bundle.add": "+",
    "bundle.multiply": "*",
    "bundle.pool": "p",
    "bundle.concat": "m",
    "bundle.slice": "m",
    "bundle.pad": "m",
    "bundle.resize": "m",
    "bundle.transpose": "m",
    "bundle.reshape": "m",
    "bundle.flatten": "f",
    "bundle.softmax": "s",
}
ORDER = re.compile(r"m*(cn?)?a?t?([+*]a?t?)?(pa?t?)?m*f?s?")
ORDER_TEXT = (
    "the order moves, core, batch_norm, activation, function, add or multiply, activation, function, pool, activation, "
    "function, moves (concat, slice, pad, resize, transpose, reshape), flatten, softmax"
)


def in_order(layers: Sequence[Operation]) -> bool:
    """Whether these layers, one after the other, may form a bundle."""
    letters = "".join(LETTERS.get(op.name, "?") for op in layers)
    return ORDER.fullmatch(letters) is not None


@irdl_op_definition
class YieldOp(AbstractYieldOperation[Attribute]):
    """The result of a bundle: that of its last layer."""

    name = "bundle.yield"

    traits = lazy_traits_def(lambda: (IsTerminator(), HasParent(BundleOp), Pure()))


@irdl_op_definition
class BundleOp(IRDLOperation):
    """
    A chain of layers, each using the result of the one before; the name is the location of all of them.

    ```
    %y = bundle.bundle "bundle_0" -> tensor<1x8x!bundle.q<8, 4>> {
      %s = bundle.dense ...
      %a = bundle.activation %s ...
      bundle.yield %a : tensor<1x8x!bundle.q<8, 4>>
    }
    ```
    """

    name = "bundle.bundle"

    label = prop_def(StringAttr)
    output = result_def(TensorType)
    body = region_def("single_block")

    traits = traits_def(RecursiveMemoryEffect())

    assembly_format = "$label `->` type($output) $body attr-dict"

    def __init__(self, label: str, layers: Sequence[Operation]):
        """
        A bundle of detached `layers`; adds the yield of the last one's result, and sets all locations, in which the names that
        layers had before stay.
        """
        result = layers[-1].results[0]
        body = Region(Block([*layers, YieldOp(result)]))
        super().__init__(properties={"label": StringAttr(label)}, result_types=[result.type], regions=[body])
        for op in self.walk():
            set_bundle(op, label, op)

    @property
    def layers(self) -> tuple[Operation, ...]:
        return tuple(op for op in self.body.block.ops if not isinstance(op, YieldOp))

    @property
    def yielded(self) -> SSAValue:
        terminator = self.body.block.last_op
        assert isinstance(terminator, YieldOp)
        return terminator.arguments[0]

    def verify_(self) -> None:
        for problem in self._problems():
            raise VerifyException(problem)

    def _problems(self) -> Iterator[str]:
        label = self.label.data
        layers = self.layers
        terminator = self.body.block.last_op
        if not layers or not isinstance(terminator, YieldOp) or len(terminator.arguments) != 1:
            yield f"'{label}': no layer or no yield of one value, needs both; add them"
            return
        if not in_order(layers):
            kinds = ", ".join(op.name.removeprefix("bundle.") for op in layers)
            yield f"'{label}': {kinds}, needs {ORDER_TEXT}; split the bundle"
        for before, after in zip(layers, (*layers[1:], terminator), strict=True):
            if not any(operand is before.results[0] for operand in after.operands):
                yield f"'{label}': {after.name} without the result of {before.name}, needs a chain of layers; split the bundle"
        if self.output.type != self.yielded.type:
            yield f"'{label}': yields {self.yielded.type}, needs {self.output.type}; correct the result type"
