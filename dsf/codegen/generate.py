"""
Writes what is generated from the tables of instructions and registers, and from constraints:
`python -m dsf.codegen.generate [--check]`.

With `--check` nothing is written; a file that is not what would be written is an error, exit code 1.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dsf.codegen.isa_doc import isa_page
from dsf.codegen.isa_header import isa_header
from dsf.codegen.registers import registers_header, registers_package, registers_page
from dsf.codegen.supported_doc import supported_page
from dsf.codegen.sv_package import isa_package

ROOT = Path(__file__).resolve().parents[2]

#: The generated files, by their path in the repository.
GENERATED: Mapping[str, Callable[[], str]] = {
    "hardware/rtl/dsf_isa_pkg.sv": isa_package,
    "hardware/rtl/dsf_regs_pkg.sv": registers_package,
    "dsf/runtime/firmware/dsf_isa.h": isa_header,
    "dsf/runtime/firmware/dsf_regs.h": registers_header,
    "docs/isa.md": isa_page,
    "docs/registers.md": registers_page,
    "docs/SUPPORTED.md": supported_page,
}


def stale(root: Path = ROOT) -> list[str]:
    """The generated files that are missing or differ from what would be written."""
    return [path for path, text in GENERATED.items() if not _holds(root / path, text())]


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


def write(root: Path = ROOT) -> list[str]:
    """Writes the files that are stale; returns their paths."""
    paths = stale(root)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(GENERATED[path]())
    return paths


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(prog="python -m dsf.codegen.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is not up to date")
    check = parser.parse_args(arguments).check
    paths = stale(root) if check else write(root)
    for path in paths:
        print(f"'{path}': not what the tables say, needs `python -m dsf.codegen.generate`" if check else f"wrote {path}")
    return 1 if check and paths else 0


if __name__ == "__main__":
    sys.exit(main())
