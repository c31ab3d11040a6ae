"""
Attributes that are records of numbers: `#tile.cut<images = 1, rows = 4, groups = 3, mode = wide>`.

A subclass of `RecordAttr` lists its fields as parameters of the types `IntAttr` (prints `7`), an `EnumAttribute` (prints its
bare word), or an `ArrayAttr` of one of them (prints `[1, 2]`). The order is free when read; fields with a default may be left
out and are not printed then. A list whose rule says `series` has at least one value, and one alone stands without brackets.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from xdsl.dialects.builtin import ArrayAttr, IntAttr
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, ParametrizedAttribute
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException

# To a type checker they are the same.
if TYPE_CHECKING:
    from functools import cached_property as kept  # pyright: ignore[reportUnusedImport]
else:

    class kept(property):
        """`cached_property` for attributes, in which xDSL takes nothing but properties."""

        def __set_name__(self, owner, name):
            self._name = f"_kept_{name}"

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            found = instance.__dict__
            if self._name not in found:
                found[self._name] = self.fget(instance)
            return found[self._name]


Value = int | Enum | Sequence[int] | Sequence[Enum]
Record = TypeVar("Record", bound="RecordAttr")


@dataclass(frozen=True)
class Rule:
    """
    What a field, or each number of it, may be; what it is when left out (`None`: it may not be); the enumeration that it is;
    whether it is a list in which one value may stand without brackets.
    """

    low: int | None = None
    high: int | None = None
    default: Value | None = None
    word: type[EnumAttribute[Any]] | None = None
    series: bool = False

    def admits(self, value: int) -> bool:
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    @property
    def range(self) -> str:
        if self.low is None:
            return f"at most {self.high}"
        return f"at least {self.low}" if self.high is None else f"{self.low} to {self.high}"


class RecordAttr(ParametrizedAttribute, ABC):
    """A record of named numbers. `RULES` has the rules of those fields that have any."""

    RULES: ClassVar[Mapping[str, Rule]] = {}

    @classmethod
    def _rule(cls, name: str) -> Rule:
        return cls.RULES.get(name, Rule())

    @classmethod
    def of(cls: type[Record], **values: Value) -> Record:
        """The attribute with these values; an unknown or missing name is a `ValueError`."""
        unknown = values.keys() - set(cls.field_names())
        if unknown:
            known = ", ".join(cls.field_names())
            raise ValueError(f"'#{cls.name}' has no field {', '.join(sorted(unknown))}, needs one of {known}")
        return cls.new(cls._complete({name: cls._to_attribute(name, value) for name, value in values.items()}))

    @classmethod
    def _complete(cls, values: Mapping[str, Attribute]) -> list[Attribute]:
        """All fields in order, with defaults for those that are left out."""
        complete: list[Attribute] = []
        for name in cls.field_names():
            default = cls._rule(name).default
            if name not in values and default is None:
                raise ValueError(f"'#{cls.name}' has no value for '{name}', needs one; add it")
            complete.append(values[name] if name in values else cls._to_attribute(name, cast(Value, default)))
        return complete

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        return tuple(name for name, _ in cls.get_irdl_definition().parameters)

    @classmethod
    def _to_attribute(cls, name: str, value: Value) -> Attribute:
        rule = cls._rule(name)

        def to_one(one: int | Enum) -> Attribute:
            return IntAttr(int(cast(int, one))) if rule.word is None else rule.word(cast(Any, one))

        if isinstance(value, (int, Enum)):
            return ArrayAttr([to_one(value)]) if rule.series else to_one(value)
        return ArrayAttr(to_one(one) for one in value)

    def verify(self) -> None:
        for name, attribute in zip(self.field_names(), self.parameters, strict=True):
            rule = self._rule(name)
            wrong = [value for value in _numbers(attribute) if not rule.admits(value)]
            if wrong:
                raise VerifyException(f"'#{self.name}': {name} {wrong[0]}, needs {rule.range}; correct it")
            if rule.series and attribute == ArrayAttr[Attribute]([]):
                raise VerifyException(f"'#{self.name}': {name} [], needs at least one value; add it")

    @classmethod
    def parse_parameters(cls, parser: AttrParser) -> Sequence[Attribute]:
        values: dict[str, Attribute] = {}

        def parse_field() -> None:
            name = parser.parse_identifier()
            if name not in cls.field_names():
                parser.raise_error(f"'#{cls.name}' has no field '{name}', needs one of {', '.join(cls.field_names())}")
            if name in values:
                parser.raise_error(f"'#{cls.name}' has '{name}' twice, needs it once; remove one")
            parser.parse_punctuation("=")
            values[name] = cls._parse_value(parser, name)

        parser.parse_comma_separated_list(parser.Delimiter.ANGLE, parse_field)
        try:
            return cls._complete(values)
        except ValueError as error:
            parser.raise_error(str(error))

    @classmethod
    def _parse_value(cls, parser: AttrParser, name: str) -> Attribute:
        rule = cls._rule(name)

        def parse_one() -> Attribute:
            if rule.word is not None:
                return rule.word(parser.parse_str_enum(rule.word.enum_type))
            return IntAttr(parser.parse_integer(allow_boolean=False))

        if rule.word is None or rule.series:
            several = parser.parse_optional_comma_separated_list(parser.Delimiter.SQUARE, parse_one)
            if several is not None:
                return ArrayAttr(several)
        one = parse_one()
        return ArrayAttr([one]) if rule.series else one

    def print_parameters(self, printer: Printer) -> None:
        fields = [
            f"{name} = {_text(attribute, self._rule(name))}"
            for name, attribute in zip(self.field_names(), self.parameters, strict=True)
            if not self._is_default(name, attribute)
        ]
        printer.print_string(f"<{', '.join(fields)}>")

    def _is_default(self, name: str, attribute: Attribute) -> bool:
        default = self._rule(name).default
        return default is not None and attribute == self._to_attribute(name, default)


def ints(attribute: ArrayAttr[IntAttr]) -> tuple[int, ...]:
    """The numbers of a list field."""
    return tuple(one.data for one in attribute)


def _numbers(attribute: Attribute) -> tuple[int, ...]:
    if isinstance(attribute, IntAttr):
        return (cast("IntAttr[int]", attribute).data,)
    if isinstance(attribute, ArrayAttr):
        several = cast(ArrayAttr[Attribute], attribute)
        return tuple(number for one in several for number in _numbers(one))
    return ()


def _text(attribute: Attribute, rule: Rule) -> str:
    if isinstance(attribute, ArrayAttr):
        words = [_text(one, rule) for one in cast(ArrayAttr[Attribute], attribute)]
        return words[0] if rule.series and len(words) == 1 else f"[{', '.join(words)}]"
    if isinstance(attribute, EnumAttribute):
        return str(cast(EnumAttribute[Any], attribute).data)
    return str(_numbers(attribute)[0])
