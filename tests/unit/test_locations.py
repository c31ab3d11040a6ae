"""Locations survive rewriting, and the name of an operation's bundle is found."""

import random
from pathlib import Path

import pytest
from networks import random_hardware, random_network
from xdsl.dialects import test
from xdsl.dialects.arith import AddiOp, ConstantOp
from xdsl.dialects.builtin import FusedLoc, ModuleOp, NameLoc, NoneAttr, StringAttr, UnknownLoc, i32
from xdsl.ir import Block, Region
from xdsl.pattern_rewriter import PatternRewriter, PatternRewriteWalker, RewritePattern, op_type_rewrite_pattern

from dsf.codegen.program import Program
from dsf.compiler import compile_module, context, parse_module, run_pass
from dsf.dialects import fxp, isa, sched, tile
from dsf.dialects.bundle import BundleOp
from dsf.dialects.isa import program_of
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.locations import fuse_locations, location_name, location_of, set_location, source_names, walker


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


def test_sources_stand_inside_a_bundle():
    inner = test.TestOp()
    outer = test.TestOp(regions=[Region(Block([inner]))])
    assert source_names(inner) == ()
    for sources, names in (
        ((), ("b",)),
        (("b",), ("b",)),
        (("x",), ("x",)),
        (("x", "y"), ("x", "y")),
        (("b", "x"), ("b", "x")),
    ):
        outer.location = location_of("b", sources)
        assert (location_name(outer), source_names(outer)) == ("b", names)
        assert (location_name(inner), source_names(inner)) == ("b", names)


def test_fused_operations_have_all_sources():
    def made_of(*locations):
        sources, op = [test.TestOp() for _ in locations], test.TestOp()
        for source, location in zip(sources, locations, strict=True):
            source.location = location
        fuse_locations(op, *sources)
        return op

    unknown, x, y = UnknownLoc(), location_of("b", ["x"]), location_of("c", ["y"])
    assert made_of(unknown, unknown).location == unknown
    assert made_of(unknown, x, x).location == x
    assert (location_name(made_of(y, x, unknown)), source_names(made_of(y, x, unknown))) == ("c", ("y", "x"))
    assert source_names(made_of(made_of(y, x).location, location_of("z"), x)) == ("y", "x", "z")


FLAT = Path(__file__).parents[1] / "data" / "flat_graph.mlir"


def test_nodes_of_a_graph_stay_named_to_the_end(tmp_path: Path):
    """A flat graph, as an importer writes it: instructions name its nodes, at every level as text, and as a binary program."""
    compiled = compile_module(parse_module(FLAT), emit_ir=tmp_path / "ir")
    for module in (compiled, parse_module(tmp_path / "ir" / "9-sched-to-isa.mlir")):
        program = Program.from_module(module)
        again = Program.from_bytes(program.to_bytes(), program.weights)
        assert again == program
        for one in (program_of(module), again.program_op()):
            found = {
                (op.name, location_name(op), source_names(op)) for op in one.walk() if op.name in ("isa.matrix", "isa.vector")
            }
            assert found == {
                ("isa.matrix", "Conv_0", ("Conv_0", "Relu_1")),
                ("isa.matrix", "Conv_2", ("Add_4", "Conv_2", "Relu_3")),
                ("isa.vector", "Conv_2", ("Pool_5",)),
            }


@pytest.mark.parametrize("seed", range(20))
def test_every_instruction_has_a_source(seed: int):
    """After each pass, every operation of `@main`, or of the program, but its end."""
    print("seed", seed)
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng))
    names = {op.label.data for op in module.walk() if isinstance(op, BundleOp)}
    ctx = context()
    for one in DsfPipelinePass(resident_weights=bool(seed % 2)).passes():
        run_pass(ctx, module, one)
        for op in module.walk():
            if isinstance(op, (isa.InstructionOp, sched.InstructionOp, tile.MatrixOp, tile.PoolOp, fxp.ConvOp, fxp.PoolOp)):
                assert isinstance(op, isa.EndOp) or location_name(op) in names, (one.name, op)
