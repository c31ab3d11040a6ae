"""The processing elements (`dsf_pe`): every kind behind the same ports, and the latencies that the compiler reckons with."""

from __future__ import annotations

import json
import re

import pytest
from rtl_bench import RTL, rtl

from dsf.hardware import PE_KINDS
from dsf.runtime.verilator import Design, build_cocotb, lint, run_cocotb

SOURCES = rtl("dsf_pe_integer", "dsf_pe_binary", "dsf_pe")
PARAMETERS = {
    "integer": {"XBits": 8, "WBits": 8, "AccBits": 32},
    "integer, narrow": {"XBits": 4, "WBits": 2, "AccBits": 16},
    "binary": {"XBits": 2, "WBits": 1, "AccBits": 16},
}
KINDS = {name: {"Pe": PE_KINDS[name.split(",")[0]].parameter, **others} for name, others in PARAMETERS.items()}


@pytest.mark.parametrize("parameters", KINDS.values(), ids=KINDS.keys())
def test_pe(parameters: dict[str, int]) -> None:
    executable = build_cocotb("dsf_pe", SOURCES, parameters, includes=[RTL])
    run_cocotb(executable, "tb_pe", environment={"DSF_PARAMETERS": json.dumps(parameters), "DSF_SEED": "1"})


@pytest.mark.parametrize("parameters", KINDS.values(), ids=KINDS.keys())
def test_lint(parameters: dict[str, int]) -> None:
    assert lint(Design("dsf_pe", SOURCES, parameters)) == ""


def test_every_kind_of_the_rtl_is_known() -> None:
    """Verilator computes the latency of each kind, and compares it with that of `dsf.hardware`."""
    text = (RTL / "dsf_pkg.sv").read_text()
    numbers = {name.lower(): int(number) for name, number in re.findall(r"int unsigned Pe(\w+) += (\d+);", text)}
    assert numbers == {name: kind.parameter for name, kind in PE_KINDS.items()}


@pytest.mark.parametrize("name", PE_KINDS)
@pytest.mark.parametrize("change", [0, 1])
def test_latency_is_that_of_the_rtl(name: str, change: int, tmp_path) -> None:
    kind = PE_KINDS[name]
    top = tmp_path / "top.sv"
    top.write_text(
        f"module top;\n  if (dsf_pkg::pe_latency({kind.parameter}) != {kind.latency + change}) begin : gen_check\n"
        '    $error("latency");\n  end\nendmodule\n'
    )
    assert ("latency" in lint(Design("top", [*rtl(), top], {}))) == bool(change)
