"""
The instruction stream: one operation for each instruction of the engine, one property for each of its fields.

Everything here is generated from `dsf.isa.table`, which says what each instruction computes. An operation prints the queues
that it waits for and signals, then the fields that differ from their default (the table's, mostly 0):

    isa.load wait(matrix) signal(matrix) {base = input, rows = 1, row_elements = 192, row_stride = 192}
    isa.matrix wait(load, weight) signal(store) {src = 0, x_step = 3, ...} cycles 240

`cycles` is the compiler's estimate, for reports; it is no part of the binary. `isa.program` holds the instructions and
what is needed to run them, see `dsf.dialects.engine.ProgramOp`. What is run once, before the first run, is a program of its own
in it, with an end of its own:

    isa.load_program {
      isa.load_weights {base = weights, bytes = 64, words = 4, groups = 2}
      isa.end
    }

`dsf.isa.encoding` turns programs into bytes and back.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, ClassVar, Self, cast

from xdsl.dialects.builtin import I64, IntegerAttr, ModuleOp, i64
from xdsl.ir import Dialect, Operation
from xdsl.irdl import IRDLOperation, base, irdl_op_definition, opt_prop_def, prop_def, traits_def
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import NoTerminator
from xdsl.utils.exceptions import VerifyException

from dsf.dialects.constants import integer
from dsf.dialects.engine import HardwareOp
from dsf.dialects.engine import LoadProgramOp as EngineLoadProgramOp
from dsf.dialects.engine import ProgramOp as EngineProgramOp
from dsf.errors import BinaryError
from dsf.isa.encoding import field_problem, function_problems, operand_fields
from dsf.isa.table import (
    END,
    INSTRUCTIONS,
    LOAD,
    LOAD_WEIGHTS,
    MATRIX,
    STORE,
    VECTOR,
    BaseRegister,
    Instruction,
    Queue,
    VectorFunction,
)

MASKS = ("wait", "signal")

#: Fields that read better as words.
WORDS: Mapping[str, type[IntEnum]] = {"base": BaseRegister, "function": VectorFunction}


class InstructionOp(IRDLOperation, ABC):
    """
    An instruction. Fields that are not given take their default.

        isa.LoadOp(wait=1 << Queue.MATRIX, rows=1, row_elements=192, row_stride=192)
    """

    INSTRUCTION: ClassVar[Instruction]
    DEFAULTS: ClassVar[Mapping[str, IntegerAttr[I64]]]

    cycles = opt_prop_def(base(IntegerAttr[I64]))

    def __init__(self, *, cycles: int | None = None, **fields: int):
        unknown = fields.keys() - self.DEFAULTS.keys()
        if unknown:
            raise VerifyException(_unknown(self.name, sorted(unknown)[0], self.DEFAULTS))
        given = {name: integer(int(value)) for name, value in fields.items()}
        estimate = {} if cycles is None else {"cycles": integer(int(cycles))}
        super().__init__(properties={**self.DEFAULTS, **given, **estimate})

    @property
    def instruction(self) -> Instruction:
        return self.INSTRUCTION

    @property
    def fields(self) -> dict[str, int]:
        """The value of each field of the instruction, but for the opcode."""
        found = cast("dict[str, IntegerAttr[I64]]", self.properties)
        return {name: found[name].value.data for name in self.DEFAULTS}

    def __getitem__(self, field: str) -> int:
        """The value of a field."""
        attribute = self.properties[field]
        assert isinstance(attribute, IntegerAttr)
        return attribute.value.data

    @property
    def estimate(self) -> int | None:
        """The compiler's estimate of the cycles that the instruction takes, if it made one."""
        return None if self.cycles is None else self.cycles.value.data

    def verify_(self) -> None:
        name = self.INSTRUCTION.name
        problems = [field_problem(field, self[field.name]) for field in operand_fields(name)]
        found = [f"'{self.name}': {problem}" for problem in problems if problem is not None]
        found += [f"'{self.name}': {problem}" for problem in function_problems(name, self.fields)]
        if found:
            raise VerifyException("\n".join(found))
        if self.estimate is not None and self.estimate < 0:
            raise VerifyException(f"'{self.name}': cycles is {self.estimate}, needs at least 0")

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        fields: dict[str, int] = {}
        for mask in MASKS:
            if parser.parse_optional_keyword(mask) is not None:
                queues = parser.parse_comma_separated_list(parser.Delimiter.PAREN, lambda: _parse_word(parser, Queue))
                fields[mask] = sum({1 << queue for queue in queues})
        fields |= _parse_fields(parser, cls)
        cycles = parser.parse_integer(allow_boolean=False) if parser.parse_optional_keyword("cycles") is not None else None
        attributes = parser.parse_optional_attr_dict_with_keyword()
        op = cls(cycles=cycles, **fields)
        if attributes is not None:
            op.attributes |= attributes.data
        return op

    def print(self, printer: Printer) -> None:
        for mask in MASKS:
            queues = [queue.name.lower() for queue in Queue if self[mask] >> queue & 1]
            if queues:
                printer.print_string(f" {mask}({', '.join(queues)})")
        shown = [name for name, default in self.DEFAULTS.items() if name not in MASKS and self.properties[name] != default]
        if shown:
            printer.print_string(" {" + ", ".join(f"{name} = {_word(name, self[name])}" for name in shown) + "}")
        if self.estimate is not None:
            printer.print_string(f" cycles {self.estimate}")
        printer.print_op_attributes(self.attributes, print_keyword=True)


def _word(name: str, value: int) -> str:
    words = {word.value: word.name.lower() for word in WORDS.get(name, ())}
    return words.get(value, str(value))


def _parse_word(parser: Parser, words: type[IntEnum]) -> int:
    return words[parser.parse_keyword_in([word.name.lower() for word in words]).upper()].value


def _parse_fields(parser: Parser, cls: type[InstructionOp]) -> dict[str, int]:
    fields: dict[str, int] = {}

    def parse_field() -> None:
        start = parser.pos
        name = parser.parse_identifier("the name of a field")
        if name not in cls.DEFAULTS or name in MASKS:
            parser.raise_error(_unknown(cls.name, name, cls.DEFAULTS), start, parser.pos)
        if name in fields:
            parser.raise_error(f"'{cls.name}': {name} is given twice, needs to be given once", start, parser.pos)
        parser.parse_punctuation("=")
        value = parser.parse_optional_integer(allow_boolean=False)
        words = WORDS.get(name)
        if value is None and words is not None:
            value = _parse_word(parser, words)
        fields[name] = parser.parse_integer(allow_boolean=False) if value is None else value

    parser.parse_optional_comma_separated_list(parser.Delimiter.BRACES, parse_field)
    return fields


def _unknown(op: str, field: str, known: Mapping[str, Any]) -> str:
    names = ", ".join(name for name in known if name not in MASKS)
    return f"'{op}': field {field} is unknown, needs one of: {names or 'none, it has no fields'}"


@irdl_op_definition
class LoadProgramOp(EngineLoadProgramOp):
    """
    What is run once, before the first run: instructions in the order in which the engine reads them, the last one `isa.end`.
    Input and output have no place then.
    """

    name = "isa.load_program"

    @property
    def instructions(self) -> list[InstructionOp]:
        return [op for op in self.body.block.ops if isinstance(op, InstructionOp)]

    def verify_(self) -> None:
        super().verify_()
        _verify_stream(self.name, list(self.body.block.ops))
        for op in self.instructions:
            base = op.fields.get("base")
            if base in (BaseRegister.INPUT, BaseRegister.OUTPUT):
                raise VerifyException(
                    f"'{self.name}': '{op.name}' uses base {BaseRegister(base).name.lower()}, which is set for each run, needs "
                    "another; move it to the run"
                )


@irdl_op_definition
class ProgramOp(EngineProgramOp):
    """
    A program: instructions in the order in which the engine reads them, the last one `isa.end`. The first operation may be
    an `isa.load_program`.
    """

    name = "isa.program"

    traits = traits_def(NoTerminator())

    @property
    def instructions(self) -> list[InstructionOp]:
        """The instructions of a run."""
        return [op for op in self.body.block.ops if isinstance(op, InstructionOp)]

    @property
    def load_program(self) -> LoadProgramOp | None:
        first = self.body.block.first_op
        return first if isinstance(first, LoadProgramOp) else None

    def verify_(self) -> None:
        super().verify_()
        ops = list(self.body.block.ops)
        run = ops if self.load_program is None else ops[1:]
        if any(isinstance(op, LoadProgramOp) for op in run):
            raise VerifyException(f"'{LoadProgramOp.name}': stands after instructions, needs to stand before them; move it up")
        _verify_stream(self.name, run)
        self._verify_tokens()

    def _verify_tokens(self) -> None:
        """Tokens that come, fit their counters and are taken on the engine that the module is for, whatever the order."""
        # The queues work on this dialect's operations.
        from dsf.runtime.queues import token_problems

        module = self.parent_op()
        engines = [op for op in module.regions[0].block.ops if isinstance(op, HardwareOp)] if module is not None else []
        if len(engines) == 1:
            load = [] if self.load_program is None else token_problems(self.load_program.instructions, engines[0].hardware)
            problems = [*load, *token_problems(self.instructions, engines[0].hardware)]
            if problems:
                raise VerifyException("\n".join(problems))


def _verify_stream(program: str, ops: Sequence[Operation]) -> None:
    """Whether operations are what the engine can read."""
    for op in ops:
        if not isinstance(op, InstructionOp):
            raise VerifyException(f"'{program}': holds '{op.name}', needs instructions of the isa dialect only")
        last = op is ops[-1]
        if last != (op.INSTRUCTION is END):
            what = "ends with" if last else "goes on after"
            raise VerifyException(f"'{program}': {what} '{op.name}', needs 'isa.end' last and nowhere else")
    if not ops:
        raise VerifyException(f"'{program}': no instructions, needs at least 'isa.end'")


def _define(instruction: Instruction) -> type[InstructionOp]:
    """The operation class of an instruction."""
    fields = operand_fields(instruction.name)
    defaults = {field.name: IntegerAttr(field.default, i64) for field in fields}
    words = [part.capitalize() for part in instruction.name.split("_")]
    body: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": instruction.doc,
        "name": f"isa.{instruction.name}",
        "INSTRUCTION": instruction,
        "DEFAULTS": defaults,
        "__annotations__": {"INSTRUCTION": ClassVar, "DEFAULTS": ClassVar},
        **{name: prop_def(base(IntegerAttr[I64]), default_value=value) for name, value in defaults.items()},
    }
    return irdl_op_definition(type(f"{''.join(words)}Op", (InstructionOp,), body))


LoadOp = _define(LOAD)
LoadWeightsOp = _define(LOAD_WEIGHTS)
MatrixOp = _define(MATRIX)
VectorOp = _define(VECTOR)
StoreOp = _define(STORE)
EndOp = _define(END)

#: The operation of each instruction, by the instruction's name.
OPERATIONS: Mapping[str, type[InstructionOp]] = {
    op.INSTRUCTION.name: op for op in (LoadOp, LoadWeightsOp, MatrixOp, VectorOp, StoreOp, EndOp)
}
assert list(OPERATIONS) == [instruction.name for instruction in INSTRUCTIONS]


def program_of(module: ModuleOp) -> ProgramOp:
    """The program of a module at the `isa` level. Raises `BinaryError` if it does not hold exactly one."""
    programs = [op for op in module.ops if isinstance(op, ProgramOp)]
    if len(programs) != 1:
        raise BinaryError(f"'builtin.module': has {len(programs)} isa.program operations, needs one; compile with dsf-pipeline")
    return programs[0]


Isa = Dialect("isa", [ProgramOp, LoadProgramOp, *OPERATIONS.values()], [])
