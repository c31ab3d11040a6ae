"""
Locations that survive every pass.

Every operation of a bundle carries the bundle's name as its location, `loc("bundle_0")`, from the front end to the
instruction stream: errors, reports and comparisons name it. Where nodes of the source, a layer of an ONNX graph say, have names
of their own, they stand inside, one of them or all that an operation is made of:

    loc("bundle_0"("Relu_4"))        loc("bundle_0"(fused["Conv_3", "Relu_4"]))

xDSL's rewriter drops the location of what it replaces;
a pass that uses `walker` keeps it for every operation whose results replace old ones. Operations that a pattern inserts
besides those take it with `set_location`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from xdsl.dialects.builtin import ArrayAttr, FusedLoc, LocationAttr, NameLoc, NoneAttr, StringAttr, UnknownLoc
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


def source_names(op: Operation) -> tuple[str, ...]:
    """
    The names of the source's nodes that `op` comes from, or the nearest enclosing operation with a name does: those inside the
    bundle's, or where there are none that one. Empty if unknown.
    """
    owner: Operation | None = op
    while owner is not None:
        names = [name for outer in _names(owner.location) for name in _names_inside(outer)]
        if names:
            return tuple(dict.fromkeys(names))
        owner = owner.parent_op()
    return ()


def _names(location: Attribute) -> list[NameLoc]:
    return [one for one in _flatten(location) if isinstance(one, NameLoc)]


def _names_inside(location: NameLoc) -> list[str]:
    return [one.desc.data for one in _names(location.location)] or [location.desc.data]


def location_of(label: str, sources: Sequence[str] = ()) -> LocationAttr:
    """The location of what belongs to the bundle `label` and comes from the nodes `sources`."""
    inner = [NameLoc(StringAttr(name), NoneAttr()) for name in sources]
    if not inner or tuple(sources) == (label,):
        return NameLoc(StringAttr(label), NoneAttr())
    return NameLoc(StringAttr(label), inner[0] if len(inner) == 1 else FusedLoc(tuple(inner), NoneAttr()))


def set_bundle(op: Operation, label: str, source: Operation) -> None:
    """Gives `op` the location of what belongs to the bundle `label` and is made from the operation `source`."""
    op.location = location_of(label, source_names(source))


def fuse_locations(op: Operation, *sources: Operation) -> None:
    """Gives `op`, which is made from all of `sources`, their locations; it belongs to the bundle of the first one."""
    known = dict.fromkeys(one for source in sources for one in _flatten(source.location) if not isinstance(one, UnknownLoc))
    locations = list(known)
    if locations:
        op.location = cast(LocationAttr, locations[0]) if len(locations) == 1 else FusedLoc(tuple(locations), NoneAttr())


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
