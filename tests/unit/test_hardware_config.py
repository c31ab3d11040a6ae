"""The files of Hardware.export(): read back, and understood by the tools they are for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dsf.codegen.hardware_config import core_parameters, hardware_svh, hardware_tcl
from dsf.errors import HardwareError
from dsf.hardware import Hardware
from dsf.resources import hardware_directory, rtl_sources
from dsf.runtime.verilator import Design, lint

HW = Hardware(processing_elements=(4, 8), column_groups=2, frequency=150, reset="async", name="camera", axi_width=64)

TOP = """
`include "config_hw.svh"
module top;
  if (`DSF_HASH != 32'h{hash:08x}) begin : gen_hash
    $error("hash");
  end
  if (`DSF_ROWS != 4 || `DSF_X_BITS != 8 || `DSF_AXI_WIDTH != 64) begin : gen_macros
    $error("macros");
  end
  child #(`DSF_CORE_PARAMETERS) u_child ();
endmodule
"""

CHILD = """
module child #({parameters}) ();
  if ({sum} != {expected}) begin : gen_list
    $error("list of parameters");
  end
endmodule
"""


def test_export_writes_three_files_that_are_always_the_same(tmp_path: Path) -> None:
    paths = HW.export(tmp_path / "new" / "folder")
    assert [path.name for path in paths] == ["config_hw.json", "config_hw.svh", "config_hw.tcl"]
    assert Hardware.from_json(paths[0]) == HW
    first = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in HW.export(tmp_path)] == first


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HardwareError, match="Not a directory, needs a place that can be written"):
        HW.export(tmp_path / "file" / "below")


def test_svh_holds_what_the_hash_holds() -> None:
    """Frequency and name are not in it, so one build serves all of them."""
    other = Hardware.from_dict(HW.to_dict() | {"name": "drone", "frequency": 300})
    assert hardware_svh(other) == hardware_svh(HW)


def test_svh_configures_a_module(tmp_path: Path) -> None:
    HW.export(tmp_path)
    parameters = core_parameters(HW)
    (tmp_path / "top.sv").write_text(TOP.format(hash=HW.hash))
    child = CHILD.format(
        parameters=", ".join(f"parameter int unsigned {name} = 0" for name in parameters),
        sum=" + ".join(parameters),
        expected=sum(parameters.values()),
    )
    (tmp_path / "child.sv").write_text(child)
    assert lint(Design("top", [tmp_path / "top.sv", tmp_path / "child.sv"])) == ""
    (tmp_path / "top.sv").write_text(TOP.format(hash=HW.hash ^ 1))
    assert "hash" in lint(Design("top", [tmp_path / "top.sv", tmp_path / "child.sv"]))


def tcl_values(text: str, *names: str) -> list[str]:
    """Runs a Tcl script and returns the values of some variables."""
    tcl = pytest.importorskip("tkinter").Tcl()
    tcl.eval(text)
    return [tcl.eval(f"set {name}") for name in names]


def test_tcl_is_tcl() -> None:
    directory = hardware_directory() / "rtl"
    script = f"set dsf_rtl_directory {{{directory}}}\n{hardware_tcl(HW)}"
    names = ("dsf_sources", "dsf_parameters", "dsf_defines", "dsf_clock_period_ns", "dsf_hash", "dsf_name")
    sources, parameters, defines, period, hash_, name = tcl_values(script, *names)
    assert sources.split() == [str(path) for path in rtl_sources()]
    pairs = parameters.split()
    assert dict(zip(pairs[::2], map(int, pairs[1::2]), strict=True)) == core_parameters(HW)
    assert defines.split() == ["SYNTHESIS", "DSF_ASYNC_RESET"]
    assert (float(period), int(hash_, 16), name) == (pytest.approx(1000 / 150, abs=1e-4), HW.hash, "camera")


def test_tcl_finds_the_rtl_of_the_installed_package(tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\nexec echo {hardware_directory() / 'rtl'}\n")
    python.chmod(0o755)
    script = f"set env(PATH) {{{tmp_path}:{Path(shutil.which('sh') or '/bin/sh').parent}}}\n{hardware_tcl(HW)}"
    assert tcl_values(script, "dsf_rtl_directory") == [str(hardware_directory() / "rtl")]
