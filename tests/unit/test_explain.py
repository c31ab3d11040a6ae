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
ONE_IMAGE = {"images": 1, "taken": 1, "tried": []}


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
    explanation = explain(module, pipeline)
    layers = explanation["layers"]
    assert str(module) == text
    ops = cut_by_the_compiler(module, pipeline)
    assert len(ops) == len(layers)
    for op, layer in zip(ops, layers, strict=True):
        taken, cut = layer["taken"], op.cut
        rows = op.image[0] if isinstance(op, tile.CopyOp | tile.MatrixOp) else op.y.type.get_shape()[1]
        assert taken["strips"] == list(Span(0, rows).sizes(*ints(cut.rows)))
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
    (layer,) = explain(parse_module(tmp_path / "x.mlir"), DsfPipelinePass())["layers"]
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
    lines = list(explanation_lines({"batch": ONE_IMAGE, "layers": [layer]}))
    assert any("groups in blocks, 2 at once: needs 72 words of each weight bank, has 64" in line for line in lines)
    assert any(line.startswith("  not tried: strip by strip: needs") for line in lines)


def test_what_fits_with_more_memory(tmp_path: Path):
    layer = grouped(tmp_path, 1024 * 2 * 4)
    assert {way["block"] for way in layer["ways"]} == {1, 2, 4}
    assert [way["why"] for way in layer["ways"]].count("taken") == 1
    assert all(way["why"] == "taken" or way["why"].endswith(" cycles more") for way in layer["ways"])
    assert layer["not_tried"] == []


#: A 1x1 convolution: an image is 64 elements, and its result 8 for each channel.
ONE_LAYER = """
engine.hardware {{processing_elements = [1, 2], vector_length = 8, axi_width = 64, feature_memory = {memory}}}
func.func @main(%x: tensor<{images}x2x4x8x!bundle.q<8, 4>>) -> tensor<{images}x2x4x{channels}x!bundle.q<8, 4>> {{
  %s = bundle.conv %x weights q<8, 7> dense<0.5> : tensor<1x1x8x{channels}xf64> : tensor<{images}x2x4x8x!bundle.q<8, 4>> -> tensor<{images}x2x4x{channels}x!bundle.q<32, 11>>
  %a = bundle.activation %s : tensor<{images}x2x4x{channels}x!bundle.q<32, 11>> -> tensor<{images}x2x4x{channels}x!bundle.q<8, 4>>
  func.return %a : tensor<{images}x2x4x{channels}x!bundle.q<8, 4>>
}}
"""  # noqa: E501

#: Images, bytes of feature memory, channels; and the sizes of chunks that come into question, last that which is taken.
CHUNKS = [
    (8, 1024, 8, [(8, 1024, "taken: the whole batch")]),
    (
        8,
        512,
        8,
        [
            (8, 1024, "there are 512"),
            (4, 512, "the most that fit, but without room for the next input meanwhile"),
            (2, 384, "taken: 4 equal chunks, with room for the next input meanwhile"),
        ],
    ),
    (
        12,
        1024,
        8,
        [
            (12, 1536, "there are 1,024"),
            (8, 1024, "the most that fit, but without room for the next input meanwhile"),
            (5, 960, "3 chunks too, the last one smaller"),
            (4, 768, "taken: 3 equal chunks, with room for the next input meanwhile"),
        ],
    ),
    (
        9,
        256,
        1,
        [
            (9, 648, "there are 256"),
            (1, 136, "the most with room for the next input meanwhile, but less than half of what fits without"),
            (3, 216, "taken: 3 equal chunks, without room for the next input meanwhile"),
        ],
    ),
    (9, 64, 8, [(9, 1152, "there are 64"), (1, 128, "taken: the fewest, with some tensors in DRAM, as there are 64")]),
    (
        5000,
        1 << 20,
        1,
        [
            (5000, 360000, "an instruction counts up to 4095"),
            (4095, 556920, "2 chunks too, the last one smaller"),
            (2500, 340000, "taken: 2 equal chunks, with room for the next input meanwhile"),
        ],
    ),
]


@pytest.mark.parametrize(("images", "memory", "channels", "chunks"), CHUNKS)
def test_why_a_chunk_of_the_batch(tmp_path: Path, images: int, memory: int, channels: int, chunks: list):
    (tmp_path / "x.mlir").write_text(ONE_LAYER.format(images=images, memory=memory, channels=channels))
    module = parse_module(tmp_path / "x.mlir")
    explanation = explain(module, DsfPipelinePass())
    batch = explanation["batch"]
    assert [(one["images"], one["elements"], one["why"]) for one in batch["tried"]] == chunks
    assert (batch["images"], batch["taken"]) == (images, chunks[-1][0])
    first, *lines = explanation_lines(explanation)
    assert first == f"batch of {images} images, in chunks of {chunks[-1][0]}"
    for (_, elements, why), text in zip(chunks[::-1], lines, strict=False):
        assert text.endswith(f" {elements:,} elements of feature memory  {why}")


def test_the_option_for_chunks(tmp_path: Path):
    (tmp_path / "x.mlir").write_text(ONE_LAYER.format(images=8, memory=1024, channels=8))
    batch = explain(parse_module(tmp_path / "x.mlir"), DsfPipelinePass(images=3))["batch"]
    assert batch["tried"] == [{"images": 3, "elements": 384, "why": "taken: the option asks for 3"}]


def test_command(capsys: pytest.CaptureFixture[str]):
    assert main(["estimate", str(NETWORK), "--explain", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["explanation"] == explain(parse_module(NETWORK), DsfPipelinePass())
    assert [one["bundle"] for one in found["explanation"]["layers"]] == ["bundle_0", "bundle_0", "bundle_1"]
    assert main(["estimate", str(NETWORK), "--explain"]) == 0
    out = capsys.readouterr().out
    assert "bundle_0, tile.matrix: 2 ways to cut it were tried" in out
    assert "wide, load by load, strips of 4 rows of 2 images, loads of 1 channel groups: taken" in out
