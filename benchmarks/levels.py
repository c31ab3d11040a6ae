"""
Whether all levels compute the same for the networks of ImageNet: `python -m benchmarks.levels`, part of `make bench-compile`.

Each network is compiled as in `benchmarks.compile`, and its module executed before and after each pass on one random image, in
integers of its whole size: from real numbers at the level `bundle` down to instructions, in the usual and in random orders of
the queues. Every bundle has to have the same integers at all levels that have tensors, and the output at all of them. (Those
of MLPerf Tiny are compared like that in `tests/sim/test_tiny_networks.py`.)

`seconds` are those of all of it, `isa_seconds` those of one run of the instructions; `peak_mb` is the largest that the process
gets. The result goes to `results/levels.json`.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.compile import make_hardware
from dsf import zoo
from dsf.compiler import compile_module, random_input
from dsf.errors import DsfError
from dsf.nn.to_ir import to_ir
from dsf.runtime.execute import run_program

RESULT = Path(__file__).parent / "results" / "levels.json"
DEFAULT = ("alexnet", "vgg16", "resnet18", "resnet50_v1", "resnet50", "mobilenetv2")
#: A run of the instructions of ResNet-50 is to take no more than this.
SECONDS = 120


def measure(name: str) -> dict[str, Any]:
    """A network, executed at all levels. Raises `MismatchError` where two of them differ."""
    begin = time.perf_counter()
    module = to_ir(zoo.build(name, make_hardware(name)))
    x = random_input(module)
    passes: list[str] = []
    compiled = compile_module(module, verify_each=True, verify_input=x, timing=lambda one, _: passes.append(one))
    seconds, begin = time.perf_counter() - begin, time.perf_counter()
    run_program(compiled, [x])
    return {
        "name": name,
        "agree_after": passes,
        "seconds": round(seconds, 1),
        "isa_seconds": round(time.perf_counter() - begin, 1),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "command": f"python -m benchmarks.levels --networks {name}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.levels", description=__doc__.split("\n\n")[0])
    parser.add_argument("--networks", nargs="*", choices=zoo.NETWORKS, default=list(DEFAULT))
    chosen = parser.parse_args()
    for name in chosen.networks:
        # A process of its own, for its peak.
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            try:
                row = pool.submit(measure, name).result()
            except DsfError as error:
                raise SystemExit(f"{name}: {error}") from error
        print(f"{name}: all levels agree; {row['seconds']} s, instructions {row['isa_seconds']} s, {row['peak_mb']} MB")
        write_result(row)
    print(f"written to {RESULT.relative_to(RESULT.parents[2])}; aim for the instructions of resnet50: {SECONDS} s")


def write_result(row: dict[str, Any]) -> None:
    """Puts a row into the file of results, in place of that of the same network."""
    old: list[dict[str, Any]] = json.loads(RESULT.read_text()) if RESULT.is_file() else []
    by_name = {one["name"]: one for one in [*old, row]}
    RESULT.write_text(json.dumps([by_name[name] for name in zoo.NETWORKS if name in by_name], indent=2) + "\n")


if __name__ == "__main__":
    main()
