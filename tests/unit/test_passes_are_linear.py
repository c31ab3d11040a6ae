"""
No step of the compiler takes much more than in proportion to the length of the network.

Chains of n, 2n and 4n bundles are compiled, and the lines of Python that each step executes are counted: the same number on
every machine. What grows as fast as the network adds twice as many lines from 2n to 4n as from n to 2n; the square of it adds
four times as many, however small its part is of the whole.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
from xdsl.dialects.builtin import ModuleOp

from dsf.codegen.files import write_files
from dsf.compiler import check, context
from dsf.parsing import PositionParser
from dsf.recorded import keep_provenance
from dsf.runtime.execute import level_of
from dsf.transforms.dsf_pipeline import DsfPipelinePass

#: Bundles of the shortest chain.
SHORTEST = 8
#: What the second addition of lines may be of the first, at most: 2, and something for what varies along a chain.
MOST = 2 * 1.1

HARDWARE = "processing_elements = [2, 4], column_groups = 2, vector_length = 8, axi_width = 64"
#: By name: memories on which tensors and weights are on chip, or weights are loaded anew, or tensors are in DRAM too.
MEMORIES = {
    "on chip": "feature_memory = 65536, weight_memory = 1048576",
    "weights streamed": "feature_memory = 8192, weight_memory = 4096",
    "strips": "feature_memory = 1024, weight_memory = 4096",
}


def network(bundles: int, memories: str) -> str:
    """3x3 convolutions of one image after the other; of four, the last one has an addition and a pooling besides."""
    image, sums = "tensor<1x8x8x8x!bundle.q<8, 4>>", "tensor<1x8x8x8x!bundle.q<32, 11>>"
    lines, x, skip = list[str](), "%x", "%x"
    for number in range(bundles):
        weights = "weights q<8, 7> dense<0.125> : tensor<3x3x8x8xf64>"
        lines.append(f"%s{number} = bundle.conv {x} padding [1, 1, 1, 1] {weights} : {image} -> {sums}")
        lines.append(f"%a{number} = bundle.activation %s{number} negative_slope 0.0 : {sums} -> {image}")
        x = f"%a{number}"
        if number % 4 == 3:
            lines.append(f"%b{number} = bundle.add {x}, {skip} : {image}, {image} -> {image}")
            window = "size [3, 3] strides [1, 1] padding [1, 1, 1, 1]"
            lines.append(f"%p{number} = bundle.pool max %b{number} {window} : {image} -> {image}")
            x = skip = f"%p{number}"
    body = "\n".join(lines)
    return (
        f"engine.hardware {{{HARDWARE}, {memories}}}\n"
        f"func.func @main(%x: {image}) -> {image} {{\n{body}\nfunc.return {x} : {image}\n}}"
    )


@dataclass
class Lines:
    """How many lines of a function are executed."""

    code: CodeType
    count: int = 0

    def trace(self, frame: FrameType, event: str, _: object) -> Any:
        self.count += event == "line"
        return self.trace


def lines_of(what: Callable[[], Any]) -> tuple[Any, Counter[str]]:
    """What a call returns, and the lines that it executes, by function."""
    # By the identity of a function's code, whose hash takes long.
    found: dict[int, Lines] = {}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        code = frame.f_code
        if id(code) not in found:
            found[id(code)] = Lines(code)
        return found[id(code)].trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        made = what()
    finally:
        sys.settrace(before)
    counts: Counter[str] = Counter()
    for one in found.values():
        counts[f"{one.code.co_filename}:{one.code.co_firstlineno} {one.code.co_name}"] += one.count
    return made, counts


def steps_of(bundles: int, memories: str, folder: Path) -> dict[str, Counter[str]]:
    """The lines of each step of a compile."""
    ctx = context()
    module, parsing = lines_of(PositionParser(ctx, network(bundles, memories), "chain").parse_module)
    steps = {"parsing": parsing, "verification": Counter[str]()}
    levels: dict[str, ModuleOp] = {}
    for one in DsfPipelinePass().passes():
        _, steps[one.name] = lines_of(lambda one=one: one.apply(ctx, module))
        steps["verification"] += lines_of(lambda: check(module))[1]
        levels[level_of(module)] = module.clone()
    _, steps["files"] = lines_of(lambda: write_files(module, folder))
    _, steps["provenance"] = lines_of(lambda: keep_provenance(folder, levels))
    return steps


@pytest.mark.parametrize("memories", MEMORIES)
def test_steps_are_linear(memories: str, tmp_path: Path):
    # What is found once for all compiles.
    steps_of(SHORTEST // 2, MEMORIES[memories], tmp_path)
    one, two, four = (steps_of(times * SHORTEST, MEMORIES[memories], tmp_path) for times in (1, 2, 4))
    problems: list[str] = []
    for name in one:
        first = two[name].total() - one[name].total()
        second = four[name].total() - two[name].total()
        if second > MOST * first:
            worst = sorted(four[name], key=lambda key: four[name][key] + 2 * one[name][key] - 3 * two[name][key])[:-4:-1]
            problems.append(f"{name}: {first} more lines, then {second}; most of it in {', '.join(worst)}")
    assert not problems, "\n".join(problems)
