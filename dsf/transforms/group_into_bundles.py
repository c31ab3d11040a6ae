"""
`group-into-bundles`: a flat graph of layers, as an importer writes it, becomes a sequence of bundles.

A layer joins the bundle of its operand while the order of a bundle allows it (`bundle_group.ORDER`) and nothing else uses
that operand; an add joins the later one of its two. A bundle takes the place of its last layer, so that everything it uses
comes before it. Layers that are in a bundle already stay as they are. No result changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from dsf.dialects import bundle
from dsf.dialects.bundle_group import LETTERS, in_order
from dsf.transforms.locations import location_name


def chains(block: Block) -> list[list[Operation]]:
    """The layers of `block` that stand outside bundles, as one list for each bundle to be."""
    found: list[list[Operation]] = []
    chain_of: dict[SSAValue, list[Operation]] = {}
    positions: dict[Operation, int] = {}
    for op in block.ops:
        positions[op] = len(positions)
        if op.name not in LETTERS:
            continue
        chain = _chain_to_join(op, chain_of, positions)
        if chain is None:
            chain = list[Operation]()
            found.append(chain)
        chain.append(op)
        chain_of[op.results[0]] = chain
    return found


def _chain_to_join(
    op: Operation, chain_of: dict[SSAValue, list[Operation]], positions: dict[Operation, int]
) -> list[Operation] | None:
    """The chain whose last result `op` may continue: of the latest operand, if there are several."""
    candidates = [
        chain_of[value]
        for value in op.operands
        if value in chain_of and value.has_one_use() and in_order([*chain_of[value], op])
    ]
    if not candidates:
        return None
    return max(candidates, key=lambda chain: positions[chain[-1]])


def _labels(chain_list: Iterable[list[Operation]], taken: set[str]) -> list[str]:
    """The name of each chain: that of its first layer's location, or its number; unique."""
    labels: list[str] = []
    for index, chain in enumerate(chain_list):
        wanted = location_name(chain[0]) or f"bundle_{index}"
        label, copy = wanted, 1
        while label in taken:
            label, copy = f"{wanted}_{copy}", copy + 1
        taken.add(label)
        labels.append(label)
    return labels


def named_chains(module: ModuleOp) -> list[tuple[str, list[Operation]]]:
    """The bundles to be of a module, in order: their names, and the layers of each."""
    taken = {one.label.data for one in module.walk() if isinstance(one, bundle.BundleOp)}
    functions = (op for op in module.walk() if isinstance(op, func.FuncOp))
    found = [chain for function in functions for block in function.body.blocks for chain in chains(block)]
    return list(zip(_labels(found, taken), found, strict=True))


def _wrap(chain: list[Operation], label: str) -> None:
    last = chain[-1]
    result = last.results[0]
    anchor = last.next_op
    block = last.parent
    assert block is not None
    for op in chain:
        op.detach()
    group = bundle.BundleOp(label, chain)
    Rewriter.insert_op(group, InsertPoint(block, anchor))
    group.output.name_hint = result.name_hint
    result.replace_uses_with_if(group.output, lambda use: use.operation.parent is not group.body.block)


@dataclass(frozen=True)
class GroupIntoBundlesPass(ModulePass):
    """Group layers into bundles, the passes of the engine."""

    name = "group-into-bundles"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for label, chain in named_chains(op):
            _wrap(chain, label)
