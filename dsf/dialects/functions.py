"""What a function must be to describe a network, at every level that has functions: one tensor in, one out, a straight line."""

from __future__ import annotations

from xdsl.dialects import func
from xdsl.dialects.builtin import TensorType

from dsf.dialects.shapes import as_text


def function_problems(function: func.FuncOp) -> list[str]:
    """Why a function describes no network; empty if it does."""
    name = f"'{function.sym_name.data}'"
    inputs, outputs = function.function_type.inputs.data, function.function_type.outputs.data
    problems: list[str] = []
    if len(inputs) != 1 or len(outputs) != 1:
        problems.append(f"{name}: {len(inputs)} inputs and {len(outputs)} outputs, needs one of each; cut the network")
    for what, kinds in (("argument", inputs), ("result", outputs)):
        for kind in kinds:
            if not isinstance(kind, TensorType):
                problems.append(f"{name}: {what} of type {kind}, needs a tensor; correct the type")
            elif min(kind.get_shape(), default=0) < 1:
                has = f"{what} of shape {as_text(kind.get_shape())}"
                problems.append(f"{name}: {has}, needs static sizes of at least 1; fix the shape")
    blocks = len(function.body.blocks)
    if blocks != 1:
        problems.append(f"{name}: {blocks} blocks, needs one, the network's operations in order; define it without branches")
    elif not isinstance(function.body.block.last_op, func.ReturnOp):
        problems.append(f"{name}: no func.return at its end, needs one; return the last layer's result")
    return problems
