"""
Random networks on random hardware, from the interpreters to the RTL: `python -m benchmarks.random_networks`.

Every network is compiled with every level compared with the one before, its weights resident if they fit and then loaded in
every run. Either way it is run twice on the simulated system without a reset: undisturbed, and with random stalls and memory
latency. Feature memory is compared after every instruction. Each engine takes a build of half a minute or more, so this is a
benchmark; the tests run a smaller set on fixed engines. The result goes to `benchmarks/results/random_networks.json`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from itertools import product
from pathlib import Path

from rich.progress import track

from dsf.codegen.program import Program
from dsf.compiler import compile_module
from dsf.hardware import Hardware
from dsf.runtime.expected import interpret
from dsf.runtime.rtl import simulate_program
from dsf.transforms.dsf_pipeline import DsfPipelinePass

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "benchmarks" / "results" / "random_networks.json"


def check_network(hw: Hardware, seed: int, *, resident: bool) -> int:
    """Compiles and runs one network; returns its cycles. Any difference is an exception."""
    from networks import input_of, random_network

    rng = random.Random(seed)
    module = random_network(rng, hw)
    inputs = [input_of(rng, module) for _ in range(2)]
    pipeline = DsfPipelinePass(resident_weights=resident)
    program = Program.from_module(compile_module(module, pipeline=pipeline, verify_each=True, verify_input=inputs[0]))
    expected = interpret(program, inputs)
    cycles = 0
    for stall, latency in ((0.0, 0), (rng.uniform(0.05, 0.6), rng.randrange(100))):
        result = simulate_program(program, inputs, seed=seed, expected=expected, stall=stall, latency=latency)
        if result.outputs != expected.outputs:
            raise AssertionError(f"seed {seed}: the output differs")
        cycles = cycles or result.cycles
    return cycles


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.random_networks", description=__doc__)
    parser.add_argument("--engines", type=int, default=8, help="how many engines to build")
    parser.add_argument("--networks", type=int, default=25, help="how many networks to run on each")
    parser.add_argument("--seed", type=int, default=0, help="of the first engine")
    chosen = parser.parse_args()
    # The generator is the tests'.
    sys.path.insert(0, str(ROOT / "tests"))
    from networks import random_hardware

    rows: list[dict[str, object]] = []
    for engine in range(chosen.seed, chosen.seed + chosen.engines):
        hw = random_hardware(random.Random(engine))
        seeds = range(1000 * engine, 1000 * engine + chosen.networks)
        cycles = {True: 0, False: 0}
        for seed, resident in product(track(seeds, f"engine {engine}: {hw.rows}x{hw.columns}"), cycles):
            cycles[resident] += check_network(hw, seed, resident=resident)
        parameters = {name: value for name, value in hw.to_dict().items() if value != getattr(Hardware(), name)}
        rows.append(
            {
                "engine": engine,
                "networks": len(seeds),
                "cycles_resident_weights": cycles[True],
                "cycles": cycles[False],
                "bit_exact": True,
                "hardware": parameters,
            }
        )
    command = (
        f"python -m benchmarks.random_networks --engines {chosen.engines} --networks {chosen.networks} --seed {chosen.seed}"
    )
    RESULT.write_text(json.dumps({"command": command, "engines": rows}, indent=2) + "\n")
    print(f"{len(rows) * chosen.networks} networks, bit-exact at every level; {RESULT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
