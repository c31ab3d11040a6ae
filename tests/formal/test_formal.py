"""
The proofs of `hardware/formal`, by SymbiYosys; and for each property file faults in the RTL that it has to find.

A proof is by k-induction, for any input and any length of time. `make formal` runs these tests alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dsf.resources import hardware_directory

PROOFS = ("dsf_fifo", "dsf_read_arbiter", "dsf_skid", "dsf_stream_resize", "dsf_tokens")

#: Faults: the module, what its source says, what it says instead, and a property that then fails.
FAULTS = {
    "takes beats when full": ("dsf_fifo", "count_q != Full;", "1'b1;", "occupancy"),
    "replaces a head that waits": ("dsf_fifo", "(!head_valid_q || out_ready_i)", "1'b1", "stability"),
    "wraps a slot late": ("dsf_fifo", "(wr_ptr_q == Last)", "(wr_ptr_q == Last + 1'b1)", "pointers"),
    "forgets the head when empty": ("dsf_fifo", "!head_valid_q && count_q == '0", "count_q == '0", "empty"),
    "exchanges two beats": ("dsf_skid", "spare_valid_q ? spare_data_q : in_data_i", "in_data_i", "data_and_order"),
    "loses the spare": ("dsf_skid", "spare_valid_q || in_valid_i", "in_valid_i", "offers"),
    "moves without being asked": ("dsf_skid", "!out_valid_q || out_ready_i", "1'b1", "stability"),
    "highest piece first": (
        "dsf_stream_resize",
        "{in_data_i, data_q[OutWidth-1:InWidth]}",
        "{data_q[OutWidth-InWidth-1:0], in_data_i}",
        "shifted",
    ),
    "keeps pieces of a cleared beat": (
        "dsf_stream_resize",
        "        valid_q <= 1'b0;\n        have_q  <= '0;",
        "        valid_q <= 1'b0;",
        "counted",
    ),
    "joins two packets": (
        "dsf_stream_resize",
        "(have_q == Complete || in_last_i) ? '0",
        "(have_q == Complete) ? '0",
        "counted",
    ),
    "takes a token too many": ("dsf_tokens", "some_q  <= count_q != CountBits'(1)", "some_q  <= 1'b1", "missing"),
    "a token given and taken counts": ("dsf_tokens", "give[p][c] && !take[p][c]", "give[p][c]", "count"),
    "waits for the wrong queue": ("dsf_tokens", "issue_i[c] && wait_i[c][p]", "issue_i[c] && wait_i[p][c]", "count"),
    "hides an overflow": ("dsf_tokens", "|(give[p] & ~take[p] & full[p])", "|(give[p] & take[p] & full[p])", "overflow"),
    "always prefers reader 1": (
        "dsf_read_arbiter",
        "(arvalid_i[!choice_q] ? !choice_q : choice_q)",
        "arvalid_i[1]",
        "turn",
    ),
    "changes its mind": ("dsf_read_arbiter", "locked_q <= !m_axi_arready;", "locked_q <= 1'b0;", "stability"),
    "sends data to both": ("dsf_read_arbiter", "m_axi_rvalid && m_axi_rid[0] == 1'(i)", "m_axi_rvalid", "data"),
}


def run_sby(block: str, hardware: Path, directory: Path, tasks: list[str]) -> tuple[int, str]:
    """Runs `tasks` of the proof of `block` (none: all but `find`) on a copy of the hardware; the exit code and the log."""
    tools = Path(sys.executable).parent
    command = [str(tools / "yowasp-sby"), "--prefix", str(directory / block), "-f", f"{block}.sby", *tasks]
    for option, tool in (("yosys", "yosys"), ("smtbmc", "yosys-smtbmc"), ("witness", "yosys-witness")):
        command += [f"--{option}", f"yowasp-{tool}"]
    environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    answer = subprocess.run(
        command, cwd=hardware / "formal", env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    return answer.returncode, answer.stdout + answer.stderr


def proof_tasks(block: str) -> list[str]:
    """The tasks of a proof: the lines of its section, but for the one that looks for counterexamples."""
    section = re.search(r"\[tasks\]\n(.*?)\n\n", (hardware_directory() / "formal" / f"{block}.sby").read_text(), re.DOTALL)
    assert section is not None
    return [task for task in section[1].splitlines() if not task.startswith("find ")]


def test_every_property_file_has_a_proof_and_faults() -> None:
    files = {path.stem.removesuffix("_formal") for path in (hardware_directory() / "formal").glob("*_formal.sv")}
    assert files == set(PROOFS) == {block for block, *_ in FAULTS.values()}


@pytest.mark.parametrize("block", PROOFS)
def test_proof(block: str, tmp_path: Path) -> None:
    tasks = proof_tasks(block)
    code, log = run_sby(block, hardware_directory(), tmp_path, tasks)
    assert code == 0, log[-4000:]
    assert len(re.findall(r"DONE \(PASS", log)) == len(tasks)
    assert len(re.findall(r"summary: +successful proof by k-induction", log)) == len(tasks)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_fault_is_found(fault: tuple[str, str, str, str], tmp_path: Path) -> None:
    block, text, faulty, property_name = fault
    for folder in ("rtl", "formal"):
        shutil.copytree(hardware_directory() / folder, tmp_path / folder)
    source = tmp_path / "rtl" / f"{block}.sv"
    assert source.read_text().count(text) >= 1, f"{source.name} no longer says {text!r}"
    source.write_text(source.read_text().replace(text, faulty, 1))
    code, log = run_sby(block, tmp_path, tmp_path, ["find"])
    assert code == 2 and "DONE (FAIL" in log, log[-4000:]
    failed = re.findall(r"Assert failed in \S+ \S*?(\w+)$", log, re.MULTILINE)
    assert property_name in failed, failed
