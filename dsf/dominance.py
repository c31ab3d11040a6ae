"""
The check that every value is defined before it is used, which `Operation.verify` does not make.

A use is dominated by a definition in the same block before it, or in a block that dominates the one with the use; a use in
a nested region counts as one at the operation that holds the region.
"""

from __future__ import annotations

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, BlockArgument, Operation, OpResult, Region, SSAValue
from xdsl.irdl.dominance import DominanceInfo
from xdsl.utils.exceptions import VerifyException

from dsf.transforms.locations import location_name


class DominanceException(VerifyException):
    """`op` uses a value before its definition."""

    def __init__(self, message: str, op: Operation):
        super().__init__(message)
        self.op = op


def check_dominance(module: ModuleOp) -> None:
    """Raises `DominanceException`, naming the first operation that uses a value before its definition."""
    positions: dict[Block, dict[Operation, int]] = {}
    for user in module.walk():
        for index, operand in enumerate(user.operands):
            if not _dominates(operand, user, positions):
                raise DominanceException(_message(user, index, operand), user)


def _message(user: Operation, index: int, operand: SSAValue) -> str:
    place = location_name(user)
    where = f"'{user.name}'" if place is None else f"'{user.name}' of {place}"
    name = f" (%{operand.name_hint})" if operand.name_hint is not None else ""
    return f"{where}: operand {index}{name} is used before its definition, needs the definition first; move it up"


def _dominates(value: SSAValue, user: Operation, positions: dict[Block, dict[Operation, int]]) -> bool:
    definition = value.op if isinstance(value, OpResult) else None
    block = value.block if isinstance(value, BlockArgument) else definition.parent_block() if definition is not None else None
    region = block.parent_region() if block is not None else None
    if block is None or region is None:
        return False
    ancestor = _ancestor_in(region, user)
    place = ancestor.parent_block() if ancestor is not None else None
    if ancestor is None or place is None:
        return False
    if place is not block:
        return DominanceInfo(region).strictly_dominates(block, place)
    if definition is None:
        return True
    # Numbered once for each block: a walk for each use would take quadratic time on long programs.
    if block not in positions:
        positions[block] = {op: position for position, op in enumerate(block.ops)}
    return positions[block][definition] < positions[block][ancestor]


def _ancestor_in(region: Region, op: Operation) -> Operation | None:
    """`op`, or the operation around it that lies directly in `region`."""
    ancestor: Operation | None = op
    while ancestor is not None and ancestor.parent_region() is not region:
        ancestor = ancestor.parent_op()
    return ancestor
