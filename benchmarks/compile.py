"""
How long the compiler takes for networks of the zoo: `python -m benchmarks.compile`, or `make bench-compile`.

Each network is compiled by `dsf zoo` in a process of its own, from Python to all files but `expected.bin`, for an engine of
8 x 96 elements, whose feature memory their activations do not fit. `seconds` are those of the clock, the start of Python
included; `cpu_seconds` are those of all cores, which other work on the machine does not lengthen; `peak_mb` is the largest that
the process gets, `passes` has the seconds of each. The result goes to `results/compile.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dsf import Hardware, zoo

RESULT = Path(__file__).parent / "results" / "compile.json"
#: ResNet-50 is to take no more than this, on two cores.
SECONDS, PEAK_MB = 20, 2000


def make_hardware(name: str) -> Hardware:
    """An engine on chip memories of 768 KB."""
    return Hardware(
        processing_elements=(8, 96),
        column_groups=3,
        feature_memory=256 << 10,
        weight_memory=512 << 10,
        parameter_groups=1024,
        **zoo.network(name).limits,
    )


def measure(name: str) -> dict[str, Any]:
    """A network, compiled in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        make_hardware(name).export(folder)
        arguments = ["zoo", name, "--hw", f"{folder}/config_hw.json", "-o", f"{folder}/net", "--timing"]
        begin = time.perf_counter()
        child = subprocess.Popen([sys.executable, "-m", "dsf.tools.dsf", *arguments], stderr=subprocess.PIPE, text=True)
        assert child.stderr is not None
        steps = re.findall(r"^ +(.+): ([\d.]+) s$", child.stderr.read(), re.MULTILINE)
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
    if status != 0:
        raise SystemExit(f"{name}: dsf zoo ended with status {status}")
    return {
        "name": name,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
        "peak_mb": used.ru_maxrss // 1024,
        "passes": {step: float(took) for step, took in steps},
        "command": f"python -m benchmarks.compile --networks {name}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compile", description=__doc__.split("\n\n")[0])
    parser.add_argument("--networks", nargs="*", choices=zoo.NETWORKS, default=list(zoo.NETWORKS))
    chosen = parser.parse_args()
    old: list[dict[str, Any]] = json.loads(RESULT.read_text()) if RESULT.is_file() else []
    by_name = {row["name"]: row for row in old}
    for name in chosen.networks:
        by_name[name] = row = measure(name)
        print(f"{name}: {row['seconds']} s, {row['cpu_seconds']} s of all cores, {row['peak_mb']} MB")
    RESULT.write_text(json.dumps([by_name[name] for name in zoo.NETWORKS if name in by_name], indent=2) + "\n")
    print(f"written to {RESULT.relative_to(RESULT.parents[2])}; aim for resnet50: {SECONDS} s and {PEAK_MB} MB")


if __name__ == "__main__":
    main()
