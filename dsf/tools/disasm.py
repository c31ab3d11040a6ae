"""`dsf disasm`: a binary program as text."""

from __future__ import annotations

import argparse
from pathlib import Path

from dsf.codegen.program import read_program
from dsf.disk import writing
from dsf.errors import OutputError
from dsf.tools.command import Commands, new_command

_DISASM = """\
Prints a program as textual IR of the isa dialect, one instruction a line: the queues that it waits for
and signals, and the fields that differ from their default. docs/isa.md says what they mean. `dsf asm`
gives the same bytes back.
"""

_DISASM_EXAMPLES = """\
examples:
  dsf disasm build/digits/program.bin | less
  dsf disasm build/digits/program.bin -o digits.mlir
"""


def add(commands: Commands) -> None:
    parser = new_command(
        commands, "disasm", _disasm, summary="binary program to text", description=_DISASM, examples=_DISASM_EXAMPLES
    )
    parser.add_argument("program", type=Path, metavar="program.bin", help="a program; its weights.bin lies beside it")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to a file instead of printing")


def _disasm(chosen: argparse.Namespace) -> None:
    from dsf.sidecar import module_text

    module = read_program(chosen.program).to_module()
    if chosen.output is None:
        print(module_text(module), end="")
    else:
        with writing(chosen.output, OutputError):
            chosen.output.write_text(module_text(module, chosen.output.parent), encoding="utf-8")
