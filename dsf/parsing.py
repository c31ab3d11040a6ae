"""
Parsing IR with positions: verifiers run long after parsing, and their messages should still name line and column.
"""

from __future__ import annotations

from xdsl.context import Context
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.utils.exceptions import DiagnosticException, ParseError


class PositionParser(Parser):
    """
    A parser that remembers where each operation stands, and that turns what an attribute's constructor rejects into a
    `ParseError` at that operation.
    """

    def __init__(self, ctx: Context, text: str, name: str):
        super().__init__(ctx, text, name)
        self._text = text
        self._starts: dict[Operation, int] = {}

    def parse_operation(self) -> Operation:
        start = self._current_token.span.start
        try:
            op = super().parse_operation()
        except ParseError:
            raise
        except (DiagnosticException, ValueError, NotImplementedError) as error:
            self.raise_error(str(error), start, self._current_token.span.end)
        self._starts[op] = start
        return op

    def position_of(self, op: Operation) -> tuple[int, int] | None:
        """Line and column, from 1, at which `op` was parsed; `None` for an operation that a pass made."""
        start = self._starts.get(op)
        if start is None:
            return None
        line_start = self._text.rfind("\n", 0, start) + 1
        return self._text.count("\n", 0, start) + 1, start - line_start + 1
