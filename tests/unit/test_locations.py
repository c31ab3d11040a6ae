"""Locations survive rewriting, and the name of an operation's bundle is found."""

from xdsl.dialects import test
from xdsl.dialects.arith import AddiOp, ConstantOp
from xdsl.dialects.builtin import FusedLoc, ModuleOp, NameLoc, NoneAttr, StringAttr, UnknownLoc, i32
from xdsl.ir import Block, Region
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern

from dsf.transforms.locations import location_name, set_location, walker


class TwiceToSum(RewritePattern):
    """`x + x` becomes `(x + 0) + x`."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: AddiOp, rewriter: PatternRewriter):
        zero = ConstantOp.from_int_and_width(0, 32)
        inner = AddiOp(op.lhs, zero)
        rewriter.replace(op, [zero, inner, AddiOp(inner, op.rhs)])


def module_with_sum() -> tuple[ModuleOp, AddiOp]:
    one = ConstantOp.from_int_and_width(1, i32)
    total = AddiOp(one, one)
    set_location(total, "bundle_3")
    return ModuleOp([one, total]), total


def test_walker_keeps_what_xdsl_drops():
    module, _ = module_with_sum()
    walker(TwiceToSum(), apply_recursively=False).rewrite_module(module)
    assert location_name(list(module.ops)[-1]) == "bundle_3"
    module, _ = module_with_sum()
    PatternRewriteWalker(TwiceToSum(), apply_recursively=False).rewrite_module(module)
    assert isinstance(list(module.ops)[-1].location, UnknownLoc)


def test_name_comes_from_around():
    inner = test.TestOp()
    outer = test.TestOp(regions=[Region(Block([inner]))])
    assert location_name(inner) is None
    set_location(outer, "outer")
    assert location_name(inner) == "outer"
    inner.location = FusedLoc([UnknownLoc(), NameLoc(StringAttr("inner"), NoneAttr())], NoneAttr())
    assert location_name(inner) == "inner"
    other = test.TestOp()
    set_location(other, inner)
    assert location_name(other) == "inner"
