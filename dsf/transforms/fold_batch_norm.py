"""
`fold-batch-norm`: batch normalisations disappear into the weights and biases of their cores.

    scale = gamma / sqrt(variance + epsilon)
    w' = w * scale        b' = beta + (b - mean) * scale

in float64 (`dsf.numerics.fold_batch_norm`), which is how the operation is defined: no result changes.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from dsf.dialects import bundle
from dsf.dialects.constants import dense_reals
from dsf.transforms.locations import fuse_locations, walker


class FoldIntoCore(RewritePattern):
    """The core takes the folded constants, and the normalisation its sum."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: bundle.BatchNormOp, rewriter: PatternRewriter) -> None:
        core = op.core
        weights, bias = op.folded()
        core.weights, core.bias, core.bias_type = dense_reals(weights), dense_reals(bias), op.folded_bias_type
        fuse_locations(core, core, op)
        rewriter.notify_op_modified(core)
        # A fine bias makes the sum finer.
        rewriter.replace(op, (), (rewriter.replace_value_with_new_type(core.output, op.output.type),))


@dataclass(frozen=True)
class FoldBatchNormPass(ModulePass):
    """Fold batch normalisations into the weights and biases before them."""

    name = "fold-batch-norm"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        walker(FoldIntoCore()).rewrite_module(op)
