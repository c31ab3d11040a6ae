"""
Why the batch and each layer are cut as they are: the best alternatives that the compiler weighed, and what they lack.

Nothing is enumerated here. The choosers (`features`, `cuts`, `places`, `blocks`) say what they tried, with the cost by which
they chose: of a layer its cycles alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import groupby
from typing import Any

from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.kept import LEVEL
from dsf.compiler import context, run_pass
from dsf.dialects import tile
from dsf.runtime.execute import level_of
from dsf.scheduling.network import Layer, Network
from dsf.scheduling.pieces import Cut, Span
from dsf.scheduling.tried import Tried, TriedCut, TriedWay
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.fxp_to_tile import FxpToTilePass

#: Alternatives that are shown of each layer.
BEST = 5

Facts = dict[str, Any]


def explain(module: ModuleOp, pipeline: DsfPipelinePass) -> Facts:
    """
    Of a module of the level `bundle` or `fxp`, which is left as it is: the `batch`, and an entry for each of its `layers`; JSON
    types only. Raises `ModelError` for what does not fit.
    """
    lowered, ctx, tried = module.clone(), context(), Tried()
    for one in pipeline.passes(level_of(lowered)):
        if isinstance(one, FxpToTilePass) and level_of(lowered) == LEVEL:
            network = one.cut(lowered, tried)
            layers = [_layer(network, index, tried) for index in range(len(network.layers))]
            return {"batch": _batch(network, tried), "layers": layers}
        run_pass(ctx, lowered, one)
    raise AssertionError("a pipeline without fxp-to-tile")


def _batch(network: Network, tried: Tried) -> Facts:
    return {"images": network.images, "taken": tried.chunks[-1].images, "tried": [asdict(chunk) for chunk in tried.chunks]}


def _layer(network: Network, index: int, tried: Tried) -> Facts:
    layer, taken = network.layers[index], tried.taken[index]
    costs: dict[Cut, TriedCut] = {}
    for one in tried.cuts[index]:
        costs.setdefault(_normal(one.cut, layer), one)
    chosen = costs.get(_normal(taken, layer))
    # The one that was taken is the first of those with the fewest cycles; what is not chosen by cost has no alternatives.
    shown = [] if chosen is None else sorted(costs.values(), key=lambda one: (one.cycles, one is not chosen))[:BEST]
    return {
        "bundle": layer.name,
        "operation": layer.op.name,
        "tried": len(costs),
        "taken": _cut(taken, layer),
        "best": [{**_cut(one.cut, layer), **_cost(one), "why": _why(one, chosen)} for one in shown if chosen is not None],
        "together": list(_together(network, index, tried)),
        "ways": list(_ways(tried.ways.get(index, []), taken)),
        "not_tried": list(_not_tried(network, index, tried)),
    }


def _normal(cut: Cut, layer: Layer) -> Cut:
    """A cut with the sizes of all strips: some of those that are tried are the same."""
    rows = Span(0, layer.output_image[0]).sizes(*cut.rows)
    return Cut(cut.images, rows, cut.groups, cut.modes, cut.outer, cut.block)


def _cost(one: TriedCut) -> Facts:
    return {"cycles": one.cycles, "dram_words": one.dram_words}


def _cut(cut: Cut, layer: Layer) -> Facts:
    facts: Facts = {"images": cut.images, "strips": list(_normal(cut, layer).rows)}
    if isinstance(layer.op, tile.MatrixOp):
        modes = "+".join(dict.fromkeys(str(mode) for mode in cut.modes))
        facts |= {"mode": modes, "order": str(cut.outer), "groups": list(cut.groups), "block": cut.block}
    return facts


def _why(one: TriedCut, taken: TriedCut) -> str:
    """Why a cut was not taken."""
    if one is taken:
        return "taken"
    if one.cycles > taken.cycles:
        return f"{one.cycles - taken.cycles:,} cycles more"
    if one.dram_words > taken.dram_words:
        return f"as many cycles, {one.dram_words - taken.dram_words:,} DRAM words more"
    return "as many cycles, tried later"


def _ways(ways: list[TriedWay], taken: Cut) -> Iterator[Facts]:
    """How a grouped convolution might be computed; of others there is one way."""
    if len(ways) < 2:
        return
    fitting = sorted((way for way in ways if way.why_not is None), key=lambda way: way.cycles)
    least = fitting[0].cycles
    for way in (*fitting[:BEST], *[way for way in ways if way.why_not is not None][:BEST]):
        mode = "depthwise" if way.modes[0].is_depthwise else "in blocks"
        is_taken = way.block == taken.block and way.modes[0].is_depthwise == taken.modes[0].is_depthwise
        why = way.why_not or ("taken" if is_taken else f"{way.cycles - least:,} cycles more")
        yield {"way": mode, "block": way.block, "cycles": None if way.why_not else way.cycles, "why": why}


def _together(network: Network, index: int, tried: Tried) -> Iterator[Facts]:
    """The chains that a layer might begin, in which others go on with each of its strips."""
    for chain in (chain for chain in tried.chains if chain.layers[0] == index):
        taken = chain.layers in tried.fused
        if chain.cycles is None:
            why = "no room for their strips and all of their weights"
        elif taken:
            why = f"taken, {chain.apart - chain.cycles:,} cycles fewer than apart"
        elif chain.cycles >= chain.apart:
            why = f"{chain.cycles - chain.apart:,} cycles more than apart"
        else:
            why = f"{chain.apart - chain.cycles:,} cycles fewer than apart, but other chains save more"
        names = list(dict.fromkeys(network.layers[other].name for other in chain.layers[1:]))
        yield {"layers": names, "cycles": chain.cycles, "dram_words": chain.dram_words, "apart": chain.apart, "why": why}


def _not_tried(network: Network, index: int, tried: Tried) -> Iterator[str]:
    """What did not come into question, and why."""
    if index > 0 and network.follower_of(index - 1) is not None and not tried.cuts[index]:
        yield "other strips: it pools each strip of the layer before while the next is computed"
    elif not tried.cuts[index] and any(index in chain[1:] for chain in tried.fused):
        yield "other strips: it goes on with those of the layer before"
    yield from tried.notes[index]


def explanation_lines(explanation: Facts) -> Iterator[str]:
    """An explanation as text."""
    batch = explanation["batch"]
    # Of one image there are no chunks.
    if batch["images"] > 1:
        yield f"batch of {batch['images']} images, in chunks of {batch['taken']}"
        for one in reversed(batch["tried"]):
            images = f"{one['images']:>12,} image{'s' if one['images'] > 1 else ' '}"
            yield f"{images} {one['elements']:>10,} elements of feature memory  {one['why']}"
    for layer in explanation["layers"]:
        yield f"{layer['bundle']}, {layer['operation']}: {layer['tried']} ways to cut it were tried"
        for one in layer["best"] or [{**layer["taken"], "why": "taken"}]:
            cost = f"{one['cycles']:>12,} cycles {one['dram_words']:>10,} DRAM words  " if "cycles" in one else "  "
            yield f"{cost}{_cut_text(one)}: {one['why']}"
        for way in layer["ways"]:
            cycles = f"{way['cycles']:>12,} cycles  " if way["cycles"] is not None else " " * 14
            yield f"{cycles}groups {way['way']}, {way['block']} at once: {way['why']}"
        for chain in layer["together"]:
            with_room = chain["cycles"] is not None
            cost = f"{chain['cycles']:>12,} cycles {chain['dram_words']:>10,} DRAM words  " if with_room else " " * 14
            yield f"{cost}with {', '.join(chain['layers'])}, strip by strip: {chain['why']}"
        for text in layer["not_tried"]:
            yield f"  not tried: {text}"


def _cut_text(one: Facts) -> str:
    strips = f"strips of {_sizes(one['strips'])} rows" + (f" of {one['images']} images" if one["images"] > 1 else "")
    if "mode" not in one:
        return strips
    order = "strip by strip" if one["order"] == "strips" else "load by load"
    block = f", blocks of {one['block']} groups" if one["block"] > 1 else ""
    return f"{one['mode']}, {order}, {strips}, loads of {_sizes(one['groups'])} channel groups{block}"


def _sizes(sizes: list[int]) -> str:
    """Numbers of which several follow each other: 2, 3 x 8, 1."""
    runs = ((size, len(list(same))) for size, same in groupby(sizes))
    return ", ".join(str(size) if count == 1 else f"{count} x {size}" for size, count in runs)
