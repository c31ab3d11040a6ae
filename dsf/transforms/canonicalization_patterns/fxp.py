"""Canonicalisation of the `fxp` dialect: reshapes meet, so that a flatten before a dense layer leaves one of them."""

from __future__ import annotations

from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from dsf.dialects import fxp
from dsf.dialects.shapes import shape
from dsf.transforms.locations import fuse_locations


class DropIdentityReshape(RewritePattern):
    """A reshape to the same shape is its operand."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: fxp.ReshapeOp, rewriter: PatternRewriter) -> None:
        if op.input.type == op.output.type:
            rewriter.replace(op, (), (op.input,))


class MergeReshapes(RewritePattern):
    """A reshape of a reshape is one reshape."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: fxp.ReshapeOp, rewriter: PatternRewriter) -> None:
        first = op.input.owner
        if not isinstance(first, fxp.ReshapeOp):
            return
        merged = fxp.ReshapeOp(first.input, shape(op.output))
        fuse_locations(merged, op, first)
        rewriter.replace(op, merged)
