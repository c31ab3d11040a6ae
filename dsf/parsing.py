"""
Parsing IR with positions: verifiers run long after parsing, and their messages should still name line and column.
"""

from __future__ import annotations

import re

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException, ParseError
from xdsl.utils.lexer import Input, Span

#: Characters of a line that a message shows before and after the place of the error: constants make lines of megabytes.
CONTEXT = 60
#: Characters of what is wrong: it may repeat a word of the input, whatever its length.
LONGEST = 1000

#: Comments, and strings up to where they should be closed. Possessive: on failure a string is not tried again piece by piece.
_STRINGS = re.compile(r'//[^\n]*|"(?:[^"\\\n\v\f]++|\\(?:["nt\\]|[0-9A-Fa-f]{2}))*+(?P<end>"?)')


class PositionParser(Parser):
    """
    A parser that remembers where each operation stands, and that turns what an attribute's constructor rejects into a
    `ParseError` at that operation.
    """

    def __init__(self, ctx: Context, text: str, name: str):
        _check_strings(text, name)
        super().__init__(ctx, text, name)
        self._text = text
        self._starts: dict[Operation, int] = {}

    def parse_module(self, allow_implicit_module: bool = True) -> ModuleOp:
        try:
            return super().parse_module(allow_implicit_module)
        except RecursionError:
            self.raise_error("this is nested too deeply, needs fewer levels; no module of DSF has as many")

    def parse_operation(self) -> Operation:
        start = self._current_token.span.start
        try:
            op = super().parse_operation()
        except ParseError:
            raise
        except (DiagnosticException, ValueError, NotImplementedError, AssertionError) as error:
            # The assertions are of xDSL's parser, on tokens that it did not expect.
            self.raise_error(" ".join(map(str, error.args)), start, self._current_token.span.end)
        self._starts[op] = start
        return op

    def position_of(self, op: Operation) -> tuple[int, int] | None:
        """Line and column, from 1, at which `op` was parsed; `None` for an operation that a pass made."""
        start = self._starts.get(op)
        if start is None:
            return None
        line_start = self._text.rfind("\n", 0, start) + 1
        return self._text.count("\n", 0, start) + 1, start - line_start + 1


def _check_strings(text: str, name: str) -> None:
    """
    Raises `ParseError` for a string that is not closed on its line. xDSL's lexer finds that out too, but in time exponential
    in the length of the string, and constants are long strings.
    """
    for found in _STRINGS.finditer(text):
        if found["end"] == "":
            place = Span(found.start(), found.start() + 1, Input(text, name))
            raise ParseError(place, "this string is not closed, or has a wrong escape, needs a '\"' on the same line")


def parse_error_text(error: ParseError) -> str:
    """
    A parser's message: place, what is wrong, what to do, the line with a mark below. Long lines are cut around the place.
    """
    span = error.span
    place = span.get_location()
    content = span.input.content
    text = content.decode(errors="replace") if isinstance(content, bytes) else content
    line_start = text.rfind("\n", 0, span.start) + 1
    line_end = text.find("\n", span.start)
    column = span.start - line_start
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    first, last = max(0, column - CONTEXT), column + CONTEXT
    before, after = "..." if first > 0 else "", "..." if last < len(line) else ""
    mark = " " * (len(before) + column - first) + "^" * max(1, min(span.len, len(line) - column, CONTEXT))
    shown = f"{before}{line[first:last]}{after}"
    message = error.msg if len(error.msg) <= LONGEST else f"{error.msg[:LONGEST]}..."
    if ", needs " not in message:
        message = f"{message.rstrip('.!')}, needs text as dsf-opt prints it; correct it at the mark"
    return f"{place.file}:{place.line}:{place.col}: {message}\n  {shown}\n  {mark}"
