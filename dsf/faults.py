"""
Faults of DSF itself: a pass that stops, or leaves a module that does not verify. Each ends in one message that says so, which
pass it was, which operation and where it comes from, and where the module lies that shows it.
"""

from __future__ import annotations

import contextlib
import tempfile
import traceback
from io import StringIO
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

from dsf.dominance import DominanceException
from dsf.errors import FaultError
from dsf.transforms.locations import location_name

#: What a message has of a text that may be long.
LONGEST = 300


def culprit(error: Exception, module: ModuleOp) -> Operation | None:
    """The operation that a verifier's error is about: the first that does not verify by itself."""
    if isinstance(error, DominanceException):
        return error.op
    if not isinstance(error, VerifyException):
        return None
    for op in module.walk():
        try:
            op.verify(verify_nested_ops=False)
        except VerifyException:
            return op
    return None


def fault_of_pass(name: str, module: ModuleOp, error: Exception, folder: Path | None) -> FaultError:
    """
    What to say of a pass that stops with an error, or leaves a module that does not verify. The module goes into `folder`, or a
    new one.
    """
    file = _keep(module, name, folder)
    shown = "the module could not be written" if file is None else f"{file} is the module as the pass left it"
    op = culprit(error, module)
    if op is None and not isinstance(error, VerifyException):
        has, needs = f"stops with {_text(error)}", "to end"
    else:
        kind = "an operation" if op is None else f"'{op.name}' of '{location_name(op) or 'no known node'}'"
        has, needs = f"leaves {kind} that does not verify ({_line(str(error))})", "one that does"
    return FaultError(f"'{name}': {has}, needs {needs}; this is a fault of DSF, not of the network: report it, {shown}")


def unexpected(error: Exception) -> FaultError:
    """What to say of an error that nothing else has a message for."""
    has = f"stops with {_text(error)}"
    change = "this is a fault of DSF: report it with what was given to it; DSF_TRACEBACK=1 shows where it comes from"
    return FaultError(f"'dsf': {has}, needs to end; {change}")


def _text(error: Exception) -> str:
    """An error, and the line of DSF that raised it or called what did."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(__file__).parent in Path(frame.filename).parents]
    place = f" in {'/'.join(Path(ours[-1].filename).parts[-2:])}, line {ours[-1].lineno}" if ours else ""
    return f"{type(error).__name__}: {_line(str(error))}{place}"


def _line(text: str) -> str:
    """The first line, not too long."""
    lines = text.strip().splitlines() or [""]
    return lines[0] if len(lines[0]) <= LONGEST else f"{lines[0][:LONGEST]}..."


def _keep(module: ModuleOp, name: str, folder: Path | None) -> Path | None:
    """Writes a module that may be wrong in any way; where it went, unless it could not be written."""
    stream = StringIO()
    with contextlib.suppress(Exception):
        Printer(stream=stream, print_generic_format=True).print_op(module)
        directory = folder or Path(tempfile.mkdtemp(prefix="dsf-fault-"))
        directory.mkdir(parents=True, exist_ok=True)
        file = directory / f"fault-{name}.mlir"
        file.write_text(stream.getvalue(), encoding="utf-8")
        return file
    return None
