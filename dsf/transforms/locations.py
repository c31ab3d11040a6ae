"""
Locations that survive every pass.

Every operation of a bundle carries the bundle's name as its location, `loc("bundle_0")`, from the front end to the
instruction stream: errors, reports and comparisons name it. xDSL's rewriter drops the location of what it replaces;
a pass that uses `walker` keeps it for every operation whose results replace old ones. Operations that a pattern inserts
besides those take it with `set_location`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdsl.dialects.builtin import ArrayAttr, FusedLoc, NameLoc, NoneAttr, StringAttr, UnknownLoc
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.pattern_rewriter import PatternRewriterListener, PatternRewriteWalker, RewritePattern
from xdsl.utils.hints import isa


def location_name(op: Operation) -> str | None:
    """The bundle that `op` comes from, or the nearest enclosing operation with a name does; `None` if unknown."""
    owner: Operation | None = op
    while owner is not None:
        for location in _flatten(owner.location):
            if isinstance(location, NameLoc):
                return location.desc.data
        owner = owner.parent_op()
    return None


def _flatten(location: Attribute) -> Iterator[Attribute]:
    if not isinstance(location, FusedLoc):
        yield location
        return
    assert isa(location.locations, ArrayAttr[Attribute])
    for one in location.locations:
        yield from _flatten(one)


def set_location(op: Operation, source: str | Operation) -> None:
    """Gives `op` the location of another operation, or a name."""
    op.location = source.location if isinstance(source, Operation) else NameLoc(StringAttr(source), NoneAttr())


def keep_location(old: Operation, new: Sequence[SSAValue | None]) -> None:
    """A listener of `PatternRewriter.replace`: the operations of the new results inherit a missing location."""
    for value in new:
        if isinstance(value, OpResult) and isinstance(value.owner.location, UnknownLoc):
            value.owner.location = old.location


def walker(pattern: RewritePattern, *, apply_recursively: bool = True, walk_reverse: bool = False) -> PatternRewriteWalker:
    """A `PatternRewriteWalker` that keeps locations."""
    return PatternRewriteWalker(
        pattern,
        apply_recursively=apply_recursively,
        walk_reverse=walk_reverse,
        listener=PatternRewriterListener(operation_replacement_handler=[keep_location]),
    )
