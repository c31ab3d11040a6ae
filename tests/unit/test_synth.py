"""`benchmarks.synth`: Yosys reads the core, and each cell is counted once, where it belongs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.synth import SMALL, by_module, critical_path, instances, placed, resources, run_tool, run_yosys, stage
from dsf.errors import ToolError
from dsf.resources import rtl_sources


def cell(kind: str, source: str = "", **connections: int) -> dict[str, Any]:
    """A cell of a netlist; the connection O is its output."""
    return {
        "type": kind,
        "attributes": {"src": source} if source else {},
        "port_directions": {port: "output" if port == "O" else "input" for port in connections},
        "connections": {port: [bit] for port, bit in connections.items()},
    }


def test_yosys_reads_the_core(tmp_path: Path) -> None:
    run_yosys(tmp_path, [stage(tmp_path, SMALL), "hierarchy -check -top dsf_core"])


def test_instances_of_the_rtl() -> None:
    modules = instances(path.read_text() for path in rtl_sources())
    assert modules["u_ram"] == "dsf_ram" and modules["u_array"] == "dsf_array" and modules["u_param_mem"] == "dsf_param_mem"


def test_each_cell_counts_once_where_it_belongs() -> None:
    cells = {
        "ff": cell("FDRE", "dsf_pe.sv:50.3|/share/ff_map.v:1.1", D=3, O=4),
        "lut_of_ff": cell("LUT2", I0=2, O=3),
        "lut_of_lut": cell("LUT6", I0=1, O=2),
        "u_a.u_b.u_ram.mem.0.0": cell("RAMB18E2", "/share/brams.v:1.1", I=4, O=5),
        "address": cell("LUT3", I0=6, O=4),
        "leads_nowhere": cell("LUT4", I0=6, O=9),
        "adder": cell("CARRY4", "dsf_drain.sv:1.1", I=7, O=8),
    }
    parts = by_module({"modules": {"dsf_core": {"cells": cells}}}, {"u_a": "dsf_a", "u_b": "dsf_b", "u_ram": "dsf_ram"})
    assert {name: used["LUT"] for name, used in parts.items()} == {"total": 4, "dsf_pe": 2, "dsf_b": 1, "dsf_core": 1}
    assert (parts["dsf_pe"]["FF"], parts["dsf_b"]["BRAM36"]) == (1, 0.5)
    for resource, total in parts["total"].items():
        assert sum(used[resource] for name, used in parts.items() if name != "total") == total


def test_memories_are_lookup_tables_too() -> None:
    used = resources({"LUT6": 10, "RAM32M16": 2, "SRL16E": 3, "FDRE": 4, "FDSE": 1, "RAMB36E2": 2, "DSP48E2": 7})
    assert used == {"LUT": 29, "LUT as memory": 19, "FF": 5, "DSP": 7, "BRAM36": 2}


def test_a_path_reads_step_by_step() -> None:
    step = {"type": "routing", "delay": 1.234, "to": {"cell": "u_x.q_q", "port": "D"}}
    assert critical_path([step]) == ["1.23 ns routing to u_x.q_q.D"]


def test_what_a_report_of_nextpnr_says() -> None:
    """An excerpt of one: `dsf_tokens` on an ECP5."""
    flip_flop = {"cell": "count_q_TRELLIS_FF_Q", "loc": [37, 11], "port": "Q"}
    carry = {"cell": "count_q_CCU2C$CCU2_COMB0", "loc": [38, 8], "port": "A"}
    source = {"net": "count_q[0]", "sources": ["dsf_tokens.sv:38.29"]}
    path = [
        {"delay": 0.5249999761581421, "from": flip_flop, "to": flip_flop, "type": "clk-to-q"},
        {"delay": 1.6380000114440918, "from": flip_flop, **source, "to": carry, "type": "routing"},
    ]
    ends = ("<async>", "posedge clk_i"), ("posedge clk_i", "posedge clk_i"), ("posedge clk_i", "<async>")
    report = {
        "critical_paths": [{"from": begin, "path": path if begin == end else [], "to": end} for begin, end in ends],
        "fmax": {"clk_i": {"achieved": 209.68756103515625, "constraint": 12}},
        "utilization": {
            "DP16KD": {"available": 208, "used": 0},
            "TRELLIS_COMB": {"available": 83640, "used": 1073},
            "TRELLIS_FF": {"available": 83640, "used": 225},
        },
    }
    assert placed(report) == {
        "mhz": 209.7,
        "used": {"TRELLIS_COMB": 1073, "TRELLIS_FF": 225},
        "critical_path": ["0.52 ns clk-to-q to count_q_TRELLIS_FF_Q.Q", "1.64 ns routing to count_q_CCU2C$CCU2_COMB0.A"],
    }


def test_failing_and_missing_tools(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"'no-such-tool': not installed, needs the extra 'synth'"):
        run_tool(tmp_path, "no-such-tool")
    with pytest.raises(ToolError, match=r"'yosys': ended with code 1\n(.*\n)*.*no_such_command"):
        run_yosys(tmp_path, ["no_such_command"])
