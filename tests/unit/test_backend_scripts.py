"""The scripts for a user's own tools, `hardware/fpga` and `hardware/asic`, run in Tcl with stand-ins for the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsf.codegen.hardware_config import core_parameters
from dsf.hardware import Hardware
from dsf.resources import hardware_directory, rtl_sources

HW = Hardware(processing_elements=(4, 8), column_groups=2, frequency=150, reset="async")

VIVADO = (
    "read_verilog",
    "synth_design",
    "create_clock",
    "get_ports",
    "report_utilization",
    "opt_design",
    "place_design",
    "route_design",
    "report_timing_summary",
)


def commands(script: str, tools: tuple[str, ...], arguments: list[str], tmp_path: Path) -> list[list[str]]:
    """Runs a script with `arguments`; the calls of `tools`, in order, each with its arguments."""
    tcl = pytest.importorskip("tkinter").Tcl()
    calls: list[list[str]] = []
    for tool in tools:
        tcl.createcommand(tool, lambda *words, tool=tool: calls.append([tool, *words]) or "")
    tcl.setvar("argv", tuple(arguments))
    tcl.setvar("dsf_rtl_directory", str(hardware_directory() / "rtl"))
    tcl.eval(f"cd {{{tmp_path}}}")
    tcl.eval(f"source {{{hardware_directory() / script}}}")
    return calls


def test_vivado(tmp_path: Path) -> None:
    HW.export(tmp_path)
    calls = commands("fpga/vivado.tcl", VIVADO, ["config_hw.tcl", "xczu3eg-sbva484-1-e", "out"], tmp_path)
    by_name = {name: words for name, *words in calls}
    assert by_name["read_verilog"][1].split() == [str(path) for path in rtl_sources()]
    synth = by_name["synth_design"]
    options = dict(zip(synth[::2], synth[1::2], strict=True))
    assert (options["-top"], options["-part"]) == ("dsf_core", "xczu3eg-sbva484-1-e")
    assert options["-generic"].split() == [f"{name}={value}" for name, value in core_parameters(HW).items()]
    assert options["-verilog_define"].split() == ["SYNTHESIS", "DSF_ASYNC_RESET"]
    assert float(by_name["create_clock"][3]) == pytest.approx(1000 / 150, abs=1e-4)
    assert by_name["report_timing_summary"] == ["-file", "out/timing.txt"]
    assert (tmp_path / "out").is_dir()


def test_yosys(tmp_path: Path) -> None:
    HW.export(tmp_path)
    calls = [words for _, *words in commands("asic/yosys.tcl", ("yosys",), ["config_hw.tcl", "cells.lib"], tmp_path)]
    read = next(words for words in calls if words[0] == "read_slang")
    assert read[-len(rtl_sources()) :] == [str(path) for path in rtl_sources()]
    assert {f"{name}={value}" for name, value in core_parameters(HW).items()} <= set(read)
    assert ["abc", "-liberty", "cells.lib", "-D", "6666"] in calls
    assert calls[-1] == ["write_verilog", "-noattr", "build/dsf_core.v"]


@pytest.mark.parametrize(("script", "tools"), [("fpga/vivado.tcl", VIVADO), ("asic/yosys.tcl", ("yosys",))])
def test_missing_arguments(script: str, tools: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(Exception, match="1 arguments, needs CONFIG_HW_TCL and"):
        commands(script, tools, ["config_hw.tcl"], tmp_path)
