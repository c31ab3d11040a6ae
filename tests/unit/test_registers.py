"""The register table: its own rules, and that what is generated from it is up to date and agrees with it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from dsf.codegen.registers import registers_header, registers_package, registers_page
from dsf.isa.registers import ADDRESS_BITS, BY_NAME, NUM_BASES, REGISTERS, Counter

ROOT = Path(__file__).parents[2]


def test_offsets_are_words_and_unique() -> None:
    offsets = [register.offset for register in REGISTERS]
    assert len(set(offsets)) == len(offsets)
    assert all(offset % 4 == 0 and 0 <= offset < 1 << ADDRESS_BITS for offset in offsets)


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(REGISTERS)


def test_fields_do_not_overlap() -> None:
    for register in REGISTERS:
        taken = 0
        for bits in register.fields:
            mask = ((1 << bits.bits) - 1) << bits.low
            assert mask < 1 << 32 and taken & mask == 0, f"{register.name}.{bits.name}"
            taken |= mask


def test_bases_and_counters_lie_in_a_row() -> None:
    assert [BY_NAME[f"BASE{i}_LO"].offset for i in range(NUM_BASES)] == [0x40 + 8 * i for i in range(NUM_BASES)]
    assert [BY_NAME[f"COUNT_{c.name}"].offset for c in Counter] == [0x88 + 4 * c for c in Counter]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("hardware/rtl/dsf_regs_pkg.sv", registers_package()),
        ("dsf/runtime/firmware/dsf_regs.h", registers_header()),
        ("docs/registers.md", registers_page()),
    ],
)
def test_generated_files_are_up_to_date(path: str, text: str) -> None:
    assert (ROOT / path).read_text() == text, f"{path}: older than its table, needs `python -m dsf.codegen.generate`"


def test_page_names_every_register_and_field() -> None:
    rows = re.findall(r"^\| 0x([0-9A-F]{3}) \| (\w+) \|", registers_page(), re.MULTILINE)
    assert rows == [(f"{register.offset:03X}", register.name) for register in REGISTERS]
    assert all(
        f"| {r.name} | " in registers_page() and f" | {b.name} | " in registers_page() for r in REGISTERS for b in r.fields
    )


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_header_is_strict_c99_and_has_the_table_s_values(tmp_path: Path) -> None:
    """Compiled and run: the macros give what the table says."""
    values = [(f"DSF_REG_{r.name}", r.offset) for r in REGISTERS if not r.name.startswith("BASE")]
    values += [
        (f"DSF_REG_BASE_{half}({i})", BY_NAME[f"BASE{i}_{half}"].offset) for half in ("LO", "HI") for i in range(NUM_BASES)
    ]
    for register in REGISTERS:
        for bits in register.fields:
            name, mask = f"DSF_{register.name}_{bits.name.upper()}", (1 << bits.bits) - 1
            values.append(
                (name, mask << bits.low) if bits.bits == 1 else (f"{name}(0xA5C3F096u)", 0xA5C3F096 >> bits.low & mask)
            )
    checks = "\n".join(f'  if (({name}) != {value}u) {{ puts("{name}"); bad = 1; }}' for name, value in values)
    source = tmp_path / "check.c"
    source.write_text(
        f'#include <stdio.h>\n#include "dsf_regs.h"\nint main(void) {{\n  int bad = 0;\n{checks}\n  return bad;\n}}\n'
    )
    (tmp_path / "dsf_regs.h").write_text(registers_header())
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    subprocess.run(["cc", *flags, str(source), "-o", str(tmp_path / "check")], check=True)
    answer = subprocess.run([str(tmp_path / "check")], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
