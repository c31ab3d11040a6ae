"""
`{name = value, ...}` with plain values, the readable form of a set of parameters.

An attribute dictionary prints its types (`{rows = 8 : i64}`); these dictionaries need none: a value is an integer (an
`i64`), a real number (an `f64`), a string, or a list of integers (`array<i64: ...>`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from xdsl.dialects.builtin import DenseArrayBase, DictionaryAttr, FloatAttr, IntegerAttr, IntegerType, StringAttr, f64, i64
from xdsl.ir import Attribute
from xdsl.irdl import IRDLOperation
from xdsl.irdl.declarative_assembly_format import (
    AttributeVariable,
    CustomDirective,
    ParsingState,
    PrintingState,
    irdl_custom_directive,
)
from xdsl.parser import AttrParser, Parser
from xdsl.printer import Printer

Plain = int | float | str | list[int]


def to_attribute(value: Plain | tuple[int, ...]) -> Attribute:
    """The attribute of a plain value."""
    if isinstance(value, str):
        return StringAttr(value)
    if isinstance(value, float):
        return FloatAttr(value, f64)
    if isinstance(value, (list, tuple)):
        return DenseArrayBase.from_list(i64, list(value))
    return IntegerAttr(value, i64)


def from_attribute(attribute: Attribute) -> Plain | None:
    """The inverse of `to_attribute`; `None` if the attribute is not of these kinds."""
    match attribute:
        case StringAttr():
            return attribute.data
        case FloatAttr():
            return attribute.value.data
        case IntegerAttr():
            return attribute.value.data
        case DenseArrayBase():
            return list(cast(DenseArrayBase[IntegerType], attribute).get_values())
        case _:
            return None


def to_dictionary(values: Mapping[str, Plain]) -> DictionaryAttr:
    """A dictionary attribute of plain values."""
    return DictionaryAttr({name: to_attribute(value) for name, value in values.items()})


def parse_value(parser: AttrParser) -> Plain:
    """Parses an integer, a real number, a string or a list of integers."""
    text = parser.parse_optional_str_literal()
    if text is not None:
        return text
    number = parser.parse_optional_number()
    if number is not None:
        return number
    numbers = parser.parse_optional_comma_separated_list(parser.Delimiter.SQUARE, parser.parse_integer)
    if numbers is None:
        parser.raise_error("needs a number, a string or a list of integers like [8, 24]")
    return numbers


def parse_fields(parser: AttrParser) -> dict[str, Plain]:
    """Parses `{name = value, ...}`; a name that comes twice is an error."""
    fields: dict[str, Plain] = {}

    def parse_field() -> None:
        position = parser.pos
        name = parser.parse_identifier("a parameter's name")
        if name in fields:
            parser.raise_error(f"'{name}' is given twice, needs to be given once", position, parser.pos)
        parser.parse_punctuation("=")
        fields[name] = parse_value(parser)

    parser.parse_comma_separated_list(parser.Delimiter.BRACES, parse_field)
    return fields


def format_value(value: Plain) -> str:
    """The text that `parse_value` reads."""
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, float):
        text = repr(value)
        return text if "." in text or "inf" in text or "nan" in text else f"{float(value):.17e}"
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


@irdl_custom_directive
class Fields(CustomDirective):
    """`custom<Fields>($dictionary)`: a dictionary property of plain values."""

    dictionary: AttributeVariable

    def parse(self, parser: Parser, state: ParsingState) -> None:
        self.dictionary.set(state, to_dictionary(parse_fields(parser)))

    def print(self, printer: Printer, state: PrintingState, op: IRDLOperation) -> None:
        state.print_whitespace(printer)
        dictionary = cast(DictionaryAttr, self.dictionary.get(op))
        with printer.in_braces():
            for index, (name, attribute) in enumerate(dictionary.data.items()):
                value = from_attribute(attribute)
                printer.print_string(f"{', ' if index > 0 else ''}{name} = ")
                printer.print_attribute(attribute) if value is None else printer.print_string(format_value(value))
