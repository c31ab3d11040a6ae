"""
`dsf`: the command line tool for compiled networks.

    dsf check MODEL         what an engine can't do of a network
    dsf compile MODEL       from a network to the files that the engine runs
    dsf estimate MODEL      what a network takes on an engine, without writing files
    dsf sim DIR             run a compiled network and compare with its expected output
    dsf report DIR          what it takes, layer by layer
    dsf zoo NAME            compile a network that DSF brings along
    dsf where DIR ...       where an instruction or a weight comes from
    dsf bisect DIR          which pass changes the result
    dsf disasm program.bin  binary program to text
    dsf asm program.mlir    text to binary program

Exit codes: 0 all went well, 1 the input is wrong or outputs differ, 2 the command line is wrong, 70 a fault of DSF.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence

from xdsl.utils.exceptions import DiagnosticException, ParseError

from dsf.errors import DsfError, FaultError
from dsf.faults import unexpected
from dsf.parsing import parse_error_text
from dsf.tools import asm, bisect, check, disasm, estimate, report, sim, where, zoo
from dsf.tools import compile as compile_
from dsf.tools.command import FORMATTER

_MAIN = """\
Networks on the engine: check, compile, run, inspect, convert.

A network is compiled by `dsf compile`, or from Python by model.export_inference(). Both write program.bin,
weights.bin, input.bin, expected.bin, config_firmware.h and report.json, and keep the network as model.mlir.
"""

_MAIN_EXAMPLES = """\
examples:
  dsf check model.onnx --hw config_hw.json               does it fit?
  dsf compile model.onnx --hw config_hw.json -o build/net
  dsf sim build/digits                 run it in the interpreter of instructions
  dsf sim build/digits --rtl           run it on the simulated engine
  dsf report build/digits              cycles, utilisation and memory of each bundle
  dsf where build/digits --instr 12    what is this instruction for?
  dsf bisect build/digits              which pass is wrong?
  dsf disasm build/digits              read the instructions

docs/tools.md shows them all in one session.

`dsf COMMAND --help` says more. `dsf-opt` runs compiler passes on textual IR, see `dsf-opt --help`.
"""

#: The subcommands, in the order of the help.
_COMMANDS = (check, compile_, zoo, estimate, sim, report, where, bisect, disasm, asm)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dsf", formatter_class=FORMATTER, description=_MAIN, epilog=_MAIN_EXAMPLES)
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for one in _COMMANDS:
        one.add(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the tool; returns its exit code."""
    chosen = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = chosen.command
    try:
        command(chosen)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except DsfError as error:
        return _say(error)
    except (ParseError, DiagnosticException) as error:
        text = parse_error_text(error) if isinstance(error, ParseError) else str(error)
        for line in text.splitlines():
            print(f"dsf: {line}", file=sys.stderr)
        return 1
    except OSError as error:
        name = error.filename or "output"
        print(f"dsf: '{name}': {error.strerror}, needs a file that can be read or written", file=sys.stderr)
        return 1
    except RecursionError:
        print("dsf: input: nested too deeply, needs fewer levels; no module of DSF has as many", file=sys.stderr)
        return 1
    except MemoryError as error:
        print(f"dsf: input: not enough memory ({error}), needs smaller tensors, or a larger machine", file=sys.stderr)
        return 1
    except Exception as error:  # What nothing else has a message for.
        if os.environ.get("DSF_TRACEBACK"):
            traceback.print_exc()
        return _say(unexpected(error))
    return 0


def _say(error: DsfError) -> int:
    """Prints all problems; returns the exit code."""
    if os.environ.get("DSF_TRACEBACK") and isinstance(error, FaultError):
        traceback.print_exception(error)
    for problem in error.problems:
        print(f"dsf: {problem}", file=sys.stderr)
    return 70 if isinstance(error, FaultError) else 1


if __name__ == "__main__":
    sys.exit(main())
