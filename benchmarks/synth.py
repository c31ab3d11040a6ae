"""
What the engine costs: `python -m benchmarks.synth` (`make synth`), an estimate by Yosys; also in `results/synth.json`.

`dsf_core` with everything in it, for Xilinx UltraScale+ (`synth_xilinx -family xcup -flatten`, not placed), in total and by
module; and a small one for Lattice ECP5, placed and routed by nextpnr, with its clock.

Yosys and nextpnr come from PyPI (the extra `synth`). Yosys does not pack adders or registers into the DSP blocks of
UltraScale+, as Vivado does: it counts them as lookup tables and flip-flops.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dsf import Hardware
from dsf.codegen.hardware_config import core_defines, core_parameters
from dsf.errors import ToolError
from dsf.resources import rtl_sources

RESULT = Path(__file__).parent / "results" / "synth.json"

#: DeepSoCFlow, 8 x 24 and 8 bits, in the same Yosys: without post-processing and DMA.
DEEPSOCFLOW = {"LUT": 23_325, "FF": 24_583, "DSP": 192, "BRAM36": 9}

#: What is counted: patterns of cell types, and how many of the resource such a cell takes.
XILINX = {
    "LUT": {r"LUT\d": 1, r"RAM32M16|RAM64M8": 8, r"RAM32M|RAM64M": 4, r"RAM\d+X1D": 2, r"SRL\w+": 1},
    "LUT as memory": {r"RAM32M16|RAM64M8": 8, r"RAM32M|RAM64M": 4, r"RAM\d+X1D": 2, r"SRL\w+": 1},
    "FF": {r"FD\w+": 1},
    "DSP": {r"DSP48E2": 1},
    "BRAM36": {r"RAMB36E2": 1, r"RAMB18E2": 0.5},
}

ARRAYS = {
    "8x24": Hardware(processing_elements=(8, 24), column_groups=3, bits_sum=32),
    "7x96": Hardware(processing_elements=(7, 96), column_groups=3, bits_sum=32),
    # For models of other tools, and with what makes their free scales and biases exact.
    "8x24 onnx": Hardware(processing_elements=(8, 24), column_groups=3, bits_sum=26, bits_bias=32),
    "8x24 exact": Hardware(
        processing_elements=(8, 24), column_groups=3, bits_sum=26, bits_bias=32, bits_multiplier=26, bits_fraction=10
    ),
}

#: A small array for place and route, with little memory: what is beside the array is what takes nextpnr's time.
SMALL = Hardware(
    processing_elements=(2, 4),
    column_groups=2,
    vector_length=8,
    bits_sum=20,
    bits_bias=16,
    axi_width=32,
    feature_memory=1 << 13,
    weight_memory=1 << 12,
    parameter_groups=16,
)


def stage(directory: Path, hw: Hardware) -> str:
    """Copies the RTL into `directory`, where Yosys has to run, and returns its command that reads `dsf_core` of `hw`."""
    sources = rtl_sources()
    for path in [*sources, *sources[0].parent.glob("*.svh")]:
        shutil.copy(path, directory)
    defines = " ".join(f"-D {name}" for name in ("SYNTHESIS", *core_defines(hw)))
    parameters = " ".join(f"-G {name}={value}" for name, value in core_parameters(hw).items())
    return f"read_slang --threads 1 {defines} --top dsf_core {parameters} {' '.join(path.name for path in sources)}"


def run_tool(directory: Path, tool: str, *arguments: str) -> str:
    """Runs one of the tools of the extra `synth` in `directory`; returns what it says. Raises `ToolError`."""
    executable = Path(sys.executable).parent / f"yowasp-{tool}"
    if not executable.is_file():
        raise ToolError(f"'{tool}': not installed, needs the extra 'synth'; pip install 'dsf[synth]'")
    answer = subprocess.run([executable, *arguments], cwd=directory, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise ToolError(f"'{tool}': ended with code {answer.returncode}\n{(answer.stdout + answer.stderr)[-4000:]}")
    return answer.stdout + answer.stderr


def run_yosys(directory: Path, commands: Sequence[str]) -> None:
    """Runs `commands`. Their files have plain names: Yosys from PyPI sees nothing but its directory."""
    (directory / "run.ys").write_text("\n".join(commands) + "\n")
    run_tool(directory, "yosys", "-q", "run.ys")


# By module.


def instances(texts: Iterable[str]) -> dict[str, str]:
    """Which module an instance is of, by its name: `u_ram` to `dsf_ram`."""
    pattern = re.compile(r"^ *(dsf_\w+)\s*(?:#\((?:[^;]*?)\)\s*)?(u_\w+) \(", re.MULTILINE)
    return {match[2]: match[1] for text in texts for match in pattern.finditer(text)}


def source_module(cell: Mapping[str, Any]) -> str | None:
    """The file that a cell's statement is in; None for what Yosys made up."""
    match = re.match(r"(dsf_\w+)\.sv:", cell.get("attributes", {}).get("src", ""))
    return match[1] if match else None


def memory_module(name: str, modules: Mapping[str, str]) -> str | None:
    """The module that instantiates the RAM that a cell of this hierarchical name is part of."""
    path = [part for part in name.split(".") if part in modules]
    return modules[path[-2]] if len(path) > 1 and path[-1] == "u_ram" else None


def outputs(cell: Mapping[str, Any]) -> list[int]:
    """The nets that a cell drives."""
    directions = cell["port_directions"]
    return [bit for port, bits in cell["connections"].items() if directions.get(port) == "output" for bit in bits]


def owners(cells: Mapping[str, Mapping[str, Any]], modules: Mapping[str, str]) -> dict[str, str]:
    """
    The module of each cell. Mapping to lookup tables forgets where they came from: a lookup table counts where what it leads to
    first does, a flip-flop, an adder, a memory or a DSP block.
    """
    known = {name: source_module(cell) or memory_module(name, modules) for name, cell in cells.items()}
    readers: dict[int, list[str]] = {}
    for name, cell in cells.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"].get(port) != "output":
                for bit in bits:
                    readers.setdefault(bit, []).append(name)

    found = {name: module for name, module in known.items() if module is not None}
    waiting = [name for name in cells if name not in found]
    while waiting:
        before = len(waiting)
        nearest: dict[str, str] = {}
        for name in waiting:
            readers_of = (one for bit in outputs(cells[name]) for one in readers.get(bit, ()))
            module = next((found[one] for one in readers_of if one in found), None)
            if module is not None:
                nearest[name] = module
        found |= nearest
        waiting = [name for name in waiting if name not in found]
        if len(waiting) == before:
            break
    return found | dict.fromkeys(waiting, "dsf_core")


def resources(types: Mapping[str, int]) -> dict[str, float]:
    """Resources that a number of cells of each type takes."""
    return {
        resource: sum(
            size * count for pattern, size in patterns.items() for kind, count in types.items() if re.fullmatch(pattern, kind)
        )
        for resource, patterns in XILINX.items()
    }


def by_module(netlist: Mapping[str, Any], modules: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Resources of each module of a flat netlist, largest first; `total` is all of them."""
    cells = netlist["modules"]["dsf_core"]["cells"]
    owner = owners(cells, modules)
    types: dict[str, Counter[str]] = {}
    for name, cell in cells.items():
        types.setdefault(owner[name], Counter())[cell["type"]] += 1
    total: Counter[str] = Counter()
    for one in types.values():
        total += one
    parts = {name: resources(one) for name, one in types.items()}
    ordered = sorted((item for item in parts.items() if any(item[1].values())), key=lambda item: -item[1]["LUT"])
    return {"total": resources(total), **dict(ordered)}


# Measurements.


def xilinx(name: str) -> dict[str, Any]:
    """Resources of `ARRAYS[name]` on UltraScale+."""
    with tempfile.TemporaryDirectory(prefix="dsf-") as temporary:
        directory = Path(temporary)
        read = stage(directory, ARRAYS[name])
        synth = "synth_xilinx -family xcup -noiopad -noclkbuf -flatten -top dsf_core"
        run_yosys(directory, [read, synth, "write_json netlist.json"])
        netlist = json.loads((directory / "netlist.json").read_text())
    modules = by_module(netlist, instances(path.read_text() for path in rtl_sources()))
    return {"hardware": name, "command": synth, "parameters": core_parameters(ARRAYS[name]), "modules": modules}


def ecp5() -> dict[str, Any]:
    """Resources and clock of `SMALL` on an ECP5-85F, placed and routed."""
    options = (
        "--85k",
        "--package",
        "CABGA756",
        "--speed",
        "6",
        "--out-of-context",
        # The better of 1 and 2: docs/synthesis.md has both.
        "--seed",
        "2",
        "--timing-allow-fail",
        "--router",
        "router2",
    )
    with tempfile.TemporaryDirectory(prefix="dsf-") as temporary:
        directory = Path(temporary)
        synth = "synth_ecp5 -top dsf_core -json netlist.json"
        run_yosys(directory, [stage(directory, SMALL), synth])
        run_tool(directory, "nextpnr-ecp5", "--json", "netlist.json", *options, "--report", "report.json", "-q")
        report = json.loads((directory / "report.json").read_text())
    rows, columns = SMALL.processing_elements
    return {
        "hardware": f"{rows}x{columns}",
        "command": f"{synth}; nextpnr-ecp5 {' '.join(options)}",
        "parameters": core_parameters(SMALL),
        **placed(report),
    }


def placed(report: Mapping[str, Any]) -> dict[str, Any]:
    """The clock, the cells and the slowest path from register to register of a report of nextpnr with one clock."""
    (clock,) = report["fmax"].values()
    used = {cell: value["used"] for cell, value in report["utilization"].items() if value["used"] > 0}
    (path,) = (
        one["path"] for one in report["critical_paths"] if one["from"].startswith("posedge") and one["from"] == one["to"]
    )
    return {"mhz": round(clock["achieved"], 1), "used": used, "critical_path": critical_path(path)}


def critical_path(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """A path of nextpnr's report, a line for each step: its delay, and where it leads."""
    return [f"{step['delay']:.2f} ns {step['type']} to {step['to']['cell']}.{step['to']['port']}" for step in steps]


def table(result: Mapping[str, Any]) -> Table:
    """The modules of one result of `xilinx`."""
    view = Table("module", *XILINX, title=f"dsf_core {result['hardware']}, UltraScale+")
    for name, used in result["modules"].items():
        view.add_row(name, *(f"{used[resource]:,g}" for resource in XILINX), end_section=name == "total")
    return view


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.synth", description=__doc__)
    parser.add_argument("--arrays", nargs="*", choices=ARRAYS, default=list(ARRAYS), help="which to synthesise for UltraScale+")
    parser.add_argument("--no-ecp5", action="store_true", help="no place and route")
    chosen = parser.parse_args()
    console = Console(width=120)
    old = json.loads(RESULT.read_text()) if RESULT.is_file() else {}
    known = {one["hardware"]: one for one in old.get("xcup", [])}
    results = old | {"yosys": run_tool(Path.cwd(), "yosys", "--version").strip(), "deepsocflow_8x24": DEEPSOCFLOW}
    for name in chosen.arrays:
        known[name] = xilinx(name)
        console.print(table(known[name]))
    results["xcup"] = [known[name] for name in ARRAYS if name in known]
    if not chosen.no_ecp5:
        results["ecp5"] = ecp5()
        print(f"ECP5, {results['ecp5']['hardware']}: {results['ecp5']['mhz']} MHz, {results['ecp5']['used']}")
    RESULT.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
