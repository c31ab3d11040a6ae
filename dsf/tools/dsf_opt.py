"""
`dsf-opt`: runs passes on IR of any level; xDSL's driver with the dialects and passes of DSF.

What it adds to `xdsl-opt`: values must be defined before they are used; `--verify-each` executes the module before and after
every pass and compares; and what a user can cause (a typing error in the IR, an unknown pass, a module that does not fit the
hardware) is one message with its place, never a traceback.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import os
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, NoReturn

from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass, PassPipeline
from xdsl.printer import Printer
from xdsl.utils.arg_spec import ArgSpec, parse_pipeline
from xdsl.utils.exceptions import ArgSpecParseError, DiagnosticException, ParseError
from xdsl.xdsl_opt_main import xDSLOptMain

from dsf.dialects import get_all_dialects
from dsf.dominance import check_dominance
from dsf.errors import DsfError
from dsf.faults import culprit
from dsf.parsing import PositionParser, parse_error_text
from dsf.sidecar import move_out, resolve
from dsf.transforms import get_all_passes
from dsf.transforms.locations import location_name

EPILOG = """examples:
  dsf-opt model.mlir                                        parse, verify, print
  dsf-opt model.mlir -p fold-batch-norm,bundle-to-fxp       run two passes
  dsf-opt model.mlir -p 'fxp-to-tile{rows=2 mode="wide"}'     a pass with options
  dsf-opt model.mlir -p dsf-pipeline --verify-each          compile to instructions, comparing after each pass
  dsf-opt broken.mlir --split-input-file --verify-diagnostics --parsing-diagnostics    print errors, do not fail
"""

if TYPE_CHECKING:
    from dsf.compiler import LevelComparison


class UsageError(Exception):
    """The command line is wrong: one line, exit code 2."""


class DsfOptMain(xDSLOptMain):
    """
    An installed DSF is registered by its entry point already, and registering a dialect twice raises, so each hook adds only
    what is missing.
    """

    version_format = "dsf-opt on xdsl {xdsl_version}"
    parser: PositionParser | None = None

    # Registration.

    def register_all_dialects(self) -> None:
        super().register_all_dialects()
        known = set(self.ctx.registered_dialect_names)
        for name, factory in get_all_dialects().items():
            if name not in known:
                self.ctx.register_dialect(name, factory)

    def register_all_passes(self) -> None:
        super().register_all_passes()
        for name, factory in get_all_passes().items():
            self.register_pass(name, factory)

    def register_all_frontends(self) -> None:
        def parse_mlir(stream: IO[bytes]) -> ModuleOp:
            text = resolve(stream.read().decode(), Path(self.args.input_file or "stdin").parent)
            self.parser = PositionParser(self.ctx, text, self.get_input_name())
            return self.parser.parse_module(not self.args.no_implicit_module)

        self.available_frontends["mlir"] = parse_mlir

    def register_all_arguments(self, arg_parser: argparse.ArgumentParser) -> None:
        super().register_all_arguments(arg_parser)
        arg_parser.prog = "dsf-opt"
        arg_parser.formatter_class = argparse.RawDescriptionHelpFormatter
        arg_parser.epilog = f"passes of DSF: {', '.join(get_all_passes())}\n\n{EPILOG}"
        arg_parser.add_argument(
            "--verify-each",
            action="store_true",
            help="execute the module before the first pass and after each, and compare: any difference is an error",
        )
        arg_parser.add_argument(
            "--verify-input",
            type=Path,
            metavar="X.npy",
            help="integers that --verify-each feeds to the module; without it they are drawn at random, always the same",
        )
        arg_parser.add_argument("--traceback", action="store_true", help="show where in the compiler an error was raised")

    # Passes.

    def setup_pipeline(self) -> None:
        self.pipeline = PassPipeline(tuple(one for spec in self._specs() for one in self._passes(spec)))

    def _specs(self) -> list[ArgSpec]:
        try:
            return list(parse_pipeline(self.args.passes))
        except ArgSpecParseError as error:
            raise UsageError(str(error)) from error

    def _passes(self, spec: ArgSpec) -> tuple[ModulePass, ...]:
        """The pass of `spec`; a pipeline is replaced by its passes, so that each of them is checked."""
        factory = self.available_passes.get(spec.name)
        if factory is None:
            close = difflib.get_close_matches(spec.name, self.available_passes, 3)
            known = ", ".join(close or get_all_passes())
            raise UsageError(f"'{spec.name}': unknown pass, needs a known one; did you mean one of: {known}?")
        try:
            one = factory().from_spec(spec)
        except DsfError as error:
            raise UsageError("\n".join(f"'{spec.name}': {problem}" for problem in error.problems)) from error
        except (ValueError, TypeError) as error:
            raise UsageError(f"'{spec.name}': {error}") from error
        from dsf.transforms.dsf_pipeline import DsfPipelinePass

        return one.passes() if isinstance(one, DsfPipelinePass) else (one,)

    def apply_passes(self, prog: ModuleOp) -> None:
        self._check(prog)
        comparison = self._comparison(prog)
        for index, one in enumerate(self.pipeline.passes):
            start = time.perf_counter()
            one.apply(self.ctx, prog)
            if self.args.time_passes:
                print(f"{one.name}: {time.perf_counter() - start:.3f} s", file=sys.stderr)
            self._check(prog)
            if comparison is not None:
                comparison.check(prog, one.name)
            if self.args.print_between_passes and index + 1 < len(self.pipeline.passes):
                print(f"// IR after {one.name}:")
                Printer(stream=sys.stdout).print_op(prog)
                print("\n")

    def _comparison(self, module: ModuleOp) -> LevelComparison | None:
        if not self.args.verify_each:
            return None
        from dsf.compiler import LevelComparison

        return LevelComparison.begin(module, self.args.verify_input)

    def _check(self, module: ModuleOp) -> None:
        if self.args.disable_verify:
            return
        module.verify()
        check_dominance(module)

    # Input, output and messages.

    def prepare_input(self) -> tuple[list[tuple[IO[bytes], int]], str]:
        try:
            return super().prepare_input()
        except ValueError as error:
            raise UsageError(f"'{self.get_input_name()}': {error}, needs .mlir; rename it or pass -f mlir") from error

    def run(self) -> None:
        """Processes every chunk of the input. Raises what goes wrong, unless the diagnostics flags ask to print it."""
        chunks, extension = self.prepare_input()
        output = self.prepare_output()
        try:
            for index, (chunk, offset) in enumerate(chunks):
                if index > 0:
                    output.write("// -----\n")
                self._run_chunk(chunk, extension, offset, output)
                output.flush()
        finally:
            if output is not sys.stdout:
                output.close()

    def _run_chunk(self, chunk: IO[bytes], extension: str, offset: int, output: IO[str]) -> None:
        module: ModuleOp | None = None
        try:
            module = self.parse_chunk(chunk, extension, offset)
            if module is not None:
                self.apply_passes(module)
                output.write(self._text_of(module))
        except ParseError as error:
            error.span = dataclasses.replace(error.span, line_offset=offset)
            if not self.args.parsing_diagnostics:
                raise
            print(parse_error_text(error))
        except (DiagnosticException, DsfError) as error:
            message = self._located(error, module, offset)
            if not self.args.verify_diagnostics:
                raise DiagnosticException(message) from error
            print(message)
        finally:
            chunk.close()

    def _text_of(self, module: ModuleOp) -> str:
        """The output; large constants move to files beside it if it goes to a file."""
        text = self.output_resulting_program(module)
        return text if self.args.output_file is None else move_out(text, Path(self.args.output_file).parent)

    def _located(self, error: Exception, module: ModuleOp | None, offset: int) -> str:
        """The problems, one a line, after the place of the operation to blame if a verifier raised them."""
        lines = str(error).splitlines() or [type(error).__name__]
        blamed = culprit(error, module) if module is not None else None
        if blamed is None:
            return "\n".join(lines)
        place = ""
        if self.parser is not None and (position := self.parser.position_of(blamed)) is not None:
            place = f"{self.get_input_name()}:{position[0] + offset}:{position[1]}: "
        elif (name := location_name(blamed)) is not None:
            place = f"in {name}: "
        named = f"'{blamed.name}'" in lines[0] or blamed.name in lines[0]
        return "\n".join([f"{place}{'' if named else repr(blamed.name) + ': '}{lines[0]}", *lines[1:]])


def _fail(message: str, code: int) -> NoReturn:
    for line in message.splitlines() or ["error"]:
        print(f"dsf-opt: {line}", file=sys.stderr)
    sys.exit(code)


def main(arguments: Sequence[str] | None = None) -> None:
    """Exit codes: 0 all went well, 1 the input is wrong, 2 the command line is wrong, 70 a fault of the compiler."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        _run(arguments)
    except BrokenPipeError:
        # The reader of our output has seen enough (`dsf-opt ... | head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _run(arguments: Sequence[str]) -> None:
    show = "--traceback" in arguments
    try:
        DsfOptMain("Runs passes on IR of DSF, of any level, and prints the result.", arguments).run()
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except Exception as error:
        if show:
            traceback.print_exc()
        match error:
            case UsageError():
                _fail(str(error), 2)
            case ParseError():
                _fail(parse_error_text(error), 1)
            case DiagnosticException() | DsfError():
                _fail(str(error), 1)
            case MemoryError():
                _fail(f"not enough memory ({error}), needs smaller tensors", 1)
            case OSError():
                # A file that is open already has no name in what goes wrong then.
                name = error.filename or "output"
                _fail(f"'{name}': {error.strerror}, needs a file that can be read or written", 1)
            case RecursionError():
                _fail("input: nested too deeply, needs fewer levels; no module of DSF has as many", 1)
            case UnicodeDecodeError():
                _fail("input: not UTF-8 text, needs textual IR; 'dsf disasm' reads binary programs", 1)
            case _:
                kind = type(error).__name__
                _fail(f"fault of the compiler: {kind}: {error}; run again with --traceback and report it", 70)


if __name__ == "__main__":
    main()
