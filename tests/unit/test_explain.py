"""Why a layer is cut as it is: what is shown is what the compiler tried, at the cost by which it chose."""

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from networks import random_hardware, random_network
from xdsl.dialects.builtin import ModuleOp

from dsf.compiler import context, parse_module, run_pass
from dsf.dialects import tile
from dsf.dialects.records import ints
from dsf.runtime.execute import level_of
from dsf.scheduling.explain import BEST, explain, explanation_lines
from dsf.scheduling.pieces import Span
from dsf.tools.dsf import main
from dsf.transforms.dsf_pipeline import DsfPipelinePass

DATA = Path(__file__).parents[1] / "data"
NETWORK = DATA / "small_network.mlir"


def cut_by_the_compiler(module: ModuleOp, pipeline: DsfPipelinePass) -> list[tile.MatrixOp | tile.VectorOp]:
    lowered, ctx = module.clone(), context()
    for one in pipeline.passes():
        if level_of(lowered) == "tile":
            break
        run_pass(ctx, lowered, one)
    return [op for op in lowered.walk() if isinstance(op, (tile.MatrixOp, tile.VectorOp))]


@pytest.mark.parametrize("seed", range(20))
def test_what_is_taken_is_the_best(seed: int):
    """And it is what the compiler takes; the module is left as it is."""
    print("seed", seed)
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng), depthwise=seed % 3 == 0)
    text, pipeline = str(module), DsfPipelinePass(rows=seed % 2)
    layers = explain(module, pipeline)
    assert str(module) == text
    ops = cut_by_the_compiler(module, pipeline)
    assert len(ops) == len(layers)
    for op, layer in zip(ops, layers, strict=True):
        taken, cut = layer["taken"], op.cut
        assert taken["strips"] == list(Span(0, op.y.type.get_shape()[1]).sizes(*ints(cut.rows)))
        assert taken["images"] == cut.images.data
        if isinstance(op, tile.MatrixOp):
            assert taken["groups"] == list(ints(cut.groups)) and taken["block"] == cut.block.data
            assert (taken["order"], taken["mode"].split("+")[0]) == (cut.outer.data, cut.mode.data[0].data)
        check_best(layer)


def check_best(layer: dict) -> None:
    best = layer["best"]
    if not best:
        # A pooling that follows the strips of the layer before has no choice.
        assert layer["tried"] == 0 and layer["not_tried"][0].startswith("other strips: ")
        return
    assert len(best) == min(BEST, layer["tried"])
    assert [one["why"] for one in best].count("taken") == 1 and best[0]["why"] == "taken"
    assert best[0].items() >= layer["taken"].items()
    for before, one in pairwise(best):
        assert before["cycles"] <= one["cycles"]
        more = one["cycles"] - best[0]["cycles"]
        assert one["why"].startswith(f"{more:,} cycles more" if more else "as many cycles, ")


def grouped(tmp_path: Path, memory: int) -> dict:
    """A grouped convolution on an engine with 2 banks of words of 4 bytes."""
    text = (DATA / "grouped_layer.mlir").read_text()
    (tmp_path / "x.mlir").write_text(text.replace("weight_memory = 512", f"weight_memory = {memory}"))
    (layer,) = explain(parse_module(tmp_path / "x.mlir"), DsfPipelinePass())
    return layer


def test_what_does_not_fit(tmp_path: Path):
    """A channel group of n of the 4 groups takes 9 * 4 * n words; a bank has 64, so only n = 1 fits, and no two loads of it."""
    layer = grouped(tmp_path, 64 * 2 * 4)
    whys = {way["block"]: way["why"] for way in layer["ways"]}
    assert whys == {
        1: "taken",
        2: "needs 72 words of each weight bank, has 64",
        4: "needs 144 words of each weight bank, has 64",
    }
    # 4 groups of 8 channels: 2 channel groups in 2 banks each.
    needs = "144 words of each weight bank and 8 parameter groups, and has 64 and"
    assert layer["not_tried"][0].startswith(f"strip by strip: needs all weights on chip at once, {needs}")
    lines = list(explanation_lines([layer]))
    assert any("groups in blocks, 2 at once: needs 72 words of each weight bank, has 64" in line for line in lines)
    assert any(line.startswith("  not tried: strip by strip: needs") for line in lines)


def test_what_fits_with_more_memory(tmp_path: Path):
    layer = grouped(tmp_path, 1024 * 2 * 4)
    assert {way["block"] for way in layer["ways"]} == {1, 2, 4}
    assert [way["why"] for way in layer["ways"]].count("taken") == 1
    assert all(way["why"] == "taken" or way["why"].endswith(" cycles more") for way in layer["ways"])
    assert layer["not_tried"] == []


def test_command(capsys: pytest.CaptureFixture[str]):
    assert main(["estimate", str(NETWORK), "--explain", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["explanation"] == explain(parse_module(NETWORK), DsfPipelinePass())
    assert [one["bundle"] for one in found["explanation"]] == ["bundle_0", "bundle_0", "bundle_1"]
    assert main(["estimate", str(NETWORK), "--explain"]) == 0
    out = capsys.readouterr().out
    assert "bundle_0, tile.matrix: 2 ways to cut it were tried" in out
    assert "wide, load by load, strips of 4 rows of 2 images, loads of 1 channel groups: taken" in out
