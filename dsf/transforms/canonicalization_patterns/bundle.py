"""
Canonicalisation of the `bundle` dialect: activations that stand alone move into the rounding before them, where that
changes no result.
"""

from __future__ import annotations

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from dsf.dialects import bundle
from dsf.dialects.bundle_types import QType, q_of
from dsf.dialects.shapes import element

#: Layers that have a slope of their own.
MERGING = bundle.AddOp | bundle.MultiplyOp | bundle.PoolOp | bundle.ActivationOp


class DropIdentity(RewritePattern):
    """Quantising again to the same type, with slope 1, changes nothing."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: bundle.ActivationOp, rewriter: PatternRewriter) -> None:
        if _only_quantises(op) and op.input.type == op.output.type:
            rewriter.replace(op, (), (op.input,))


class MergeActivation(RewritePattern):
    """
    The activation after a layer of slope 1 becomes the slope of that layer, so that there is one rounding. That is
    the same function

    - where the layer's own rounding is exact: its type is fine and wide enough for every sum or maximum;
    - where it rounds to the same grid, and the activation is a ReLU or just clips, since
      `max(0, clip(rhe(v))) = clip(rhe(max(0, v)))`.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: bundle.ActivationOp, rewriter: PatternRewriter) -> None:
        layer = op.input.owner
        if not isinstance(layer, MERGING) or not op.input.has_one_use():
            return
        if layer.parent is not op.parent:
            return
        if not (_is_fixed_point(op) and _is_fixed_point(layer)):
            return
        if layer.negative_slope.value.data != 1 or not (_same_grid(op) or _is_exact(layer)):
            return
        merged = layer.clone()
        merged.negative_slope = op.negative_slope
        rewriter.insert(merged)
        output = rewriter.replace_value_with_new_type(merged.output, op.output.type)
        rewriter.replace(op, (), (output,))
        rewriter.erase(layer)


def _only_quantises(op: bundle.ActivationOp) -> bool:
    return op.negative_slope.value.data == 1 and _unlimited(op)


def _unlimited(op: Operation) -> bool:
    if not isinstance(op, bundle.ActivationOp | bundle.AddOp | bundle.MultiplyOp):
        return True
    return op.minimum is None and op.maximum is None


def _is_fixed_point(op: Operation) -> bool:
    """All operands and results are fixed-point numbers, whose scales are powers of two."""
    return all(isinstance(element(value), QType) for value in (*op.operands, *op.results)) and _unlimited(op)


def _same_grid(op: bundle.ActivationOp) -> bool:
    """The activation keeps the fraction, does not widen what is clipped already, and maps the grid onto itself."""
    x, y = q_of(op.input), q_of(op.output)
    return op.negative_slope.value.data in (0, 1) and x.frac == y.frac and y.bits.data <= x.bits.data


def _is_exact(layer: bundle.AddOp | bundle.MultiplyOp | bundle.PoolOp | bundle.ActivationOp) -> bool:
    """The layer's result type holds every value that it can compute."""
    if isinstance(layer, bundle.MultiplyOp):
        return False
    if isinstance(layer, bundle.AddOp):
        return _holds(q_of(layer.output), layer.a, layer.b, extra_bits=1)
    if isinstance(layer, bundle.PoolOp):
        return layer.kind.data is bundle.PoolKind.MAX and _holds(q_of(layer.output), layer.input)
    return _holds(q_of(layer.output), layer.input)


def _holds(result: QType, *values: SSAValue, extra_bits: int = 0) -> bool:
    frac = max(q_of(value).frac.data for value in values)
    integer_bits = max(q_of(value).bits.data - q_of(value).frac.data for value in values) + extra_bits
    return result.frac.data >= frac and result.bits.data - result.frac.data >= integer_bits
