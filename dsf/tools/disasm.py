"""`dsf disasm`: a binary program as text."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from dsf.codegen.program import read_program
from dsf.disk import writing
from dsf.errors import DsfError, OutputError
from dsf.tools.command import Commands, add_json, new_command, print_json

if TYPE_CHECKING:
    from dsf.codegen.program import Program

_DISASM = """\
Prints a program as textual IR of the isa dialect, one instruction a line: the queues that it waits for
and signals, the fields that differ from their default, the estimated cycles, the bundle and the nodes of
the source that it comes from, and as a comment its number and queue. docs/isa.md says what the fields
mean. `dsf asm` gives the same bytes back.
"""

_DISASM_EXAMPLES = """\
examples:
  dsf disasm build/digits | less
  dsf disasm build/digits/program.bin -o digits.mlir
  dsf disasm build/digits --json                      an object for each instruction
"""

#: An instruction in the text of a program.
_INSTRUCTION = re.compile(r"^ +isa\.(?!program|load_program)\w+.*$", re.MULTILINE)


def add(commands: Commands) -> None:
    parser = new_command(
        commands, "disasm", _disasm, summary="binary program to text", description=_DISASM, examples=_DISASM_EXAMPLES
    )
    parser.add_argument("program", type=Path, metavar="PATH", help="directory of a compile, or program.bin beside weights.bin")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to a file instead of printing")
    add_json(parser)


def _disasm(chosen: argparse.Namespace) -> None:
    from dsf.facts import program_facts
    from dsf.sidecar import module_text

    path: Path = chosen.program
    program = read_program(path / "program.bin" if path.is_dir() else path)
    if chosen.json:
        if chosen.output is not None:
            raise DsfError("'--output': with --json, needs text; redirect the output instead")
        print_json(program_facts(program))
    elif chosen.output is None:
        print(_numbered(module_text(program.to_module()), program), end="")
    else:
        with writing(chosen.output, OutputError):
            text = _numbered(module_text(program.to_module(), chosen.output.parent), program)
            chosen.output.write_text(text, encoding="utf-8")


def _numbered(text: str, program: Program) -> str:
    """The text of a program with a comment at each instruction: its number, and the queue that it goes to."""
    steps = iter([*enumerate(program.load_steps), *enumerate(program.steps)])

    def comment(found: re.Match[str]) -> str:
        index, step = next(steps)
        queue = step.instruction.instruction.queue
        return f"{found[0]}  // {index}{'' if queue is None else f', queue {queue.name.lower()}'}"

    return _INSTRUCTION.sub(comment, text)
