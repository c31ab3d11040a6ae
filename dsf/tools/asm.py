"""`dsf asm`: the text of a program as a binary."""

from __future__ import annotations

import argparse
from pathlib import Path

from dsf.codegen.program import HEADER_BYTES, WEIGHTS_NAME, Program
from dsf.disk import write_all
from dsf.errors import OutputError
from dsf.tools.command import Commands, add_json, new_command, print_json

_ASM = """\
Turns a module with engine.hardware and isa.program, as `dsf disasm` or `dsf-opt -p dsf-pipeline` print
it, into a program and the weights.bin beside it.
"""

_ASM_EXAMPLES = """\
example:
  dsf asm digits.mlir -o build/edited/program.bin
"""


def add(commands: Commands) -> None:
    parser = new_command(commands, "asm", _asm, summary="text to binary program", description=_ASM, examples=_ASM_EXAMPLES)
    parser.add_argument("text", type=Path, metavar="FILE.mlir", help="textual IR at the isa level")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="program.bin", help="the program to write")
    add_json(parser)


def _asm(chosen: argparse.Namespace) -> None:
    from dsf.compiler import check, parse_module

    module = parse_module(chosen.text)
    check(module)
    program = Program.from_module(module)
    output: Path = chosen.output
    if output.name == WEIGHTS_NAME:
        raise OutputError(f"'{output}': the name of the weights beside the program, needs another name; write to program.bin")
    write_all(output.parent, {output.name: program.to_bytes(), WEIGHTS_NAME: program.weights}, OutputError)
    if chosen.json:
        counts = {"load_instructions": len(program.load_steps), "instructions": len(program.steps)}
        size = HEADER_BYTES + len(program.load_stream) + len(program.stream)
        print_json({"program": str(output), **counts, "bytes": size, "weight_bytes": len(program.weights)})
        return
    load = f"{len(program.load_steps)} instructions of the load program and " if program.load_steps else ""
    sizes = " + ".join(str(size) for size in (HEADER_BYTES, len(program.load_stream), len(program.stream)) if size > 0)
    print(f"{output}: {load}{len(program.steps)} instructions, {sizes} bytes")
