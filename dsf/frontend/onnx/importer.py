"""
An ONNX graph becomes a function of the `bundle` dialect, node by node.

Handlers, one for each operator, take a node and what its inputs are, and return what its outputs are (`values.py`); an
operation is written where a tensor's grid is known. A handler that can't raises `UnsupportedError`: the problem is noted with
the node's name, its results are unknown, and the walk goes on, so that all problems are found at once. Every operation has
the name of its node as location.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, BlockArgument, Operation, Region, SSAValue

from dsf.dialects.bundle import (
    AffineType,
    FunctionOp,
    Grid,
    grid_of,
    tensor_of,
)
from dsf.dialects.engine import HardwareOp
from dsf.errors import ModelError
from dsf.frontend.absorbed import absorbed_of, resolved
from dsf.frontend.onnx.engine_order import engine_order
from dsf.frontend.onnx.folding import FOLDS, fold
from dsf.frontend.onnx.graph import CODE_TYPES, Graph, GraphInput, Node
from dsf.frontend.onnx.host import behind_all, hosted
from dsf.frontend.onnx.moving import as_images, bordered
from dsf.frontend.onnx.rounding import core
from dsf.frontend.onnx.values import (
    MAX_ELEMENTS,
    Array,
    Constant,
    Host,
    Input,
    Padded,
    Pending,
    Places,
    Real,
    State,
    Sum,
    Unknown,
    UnsupportedError,
    Wire,
    row_major,
)
from dsf.hardware import Hardware
from dsf.input_steps import REAL_KINDS, InputStep
from dsf.transforms.locations import location_name, set_location

Handler = Callable[["Importer", Node, Sequence[State | None]], Sequence[State]]

#: Handlers by operator; the files of handlers fill it.
HANDLERS: dict[str, Handler] = {}

#: Bits of what stands for a result that is not known, or as many as the hardware has.
ANY_BITS = 8

#: Operators that take images with a margin of zeros as such: what pads them, and what stands between.
PADDING = {"Conv", "QuantizeLinear", "DequantizeLinear"}


#: Operators that read images, in the engine's order of axes: those that have another one are transposed before.
OF_IMAGES = {
    "Conv",
    "QLinearConv",
    "ConvInteger",
    "ConvTranspose",
    "MaxPool",
    "AveragePool",
    "GlobalMaxPool",
    "com.microsoft.QLinearAveragePool",
    "ReduceMax",
    "BatchNormalization",
    "Pad",
    "Resize",
}


#: Of these those that may take channels in another order into their weights, and otherwise transpose by themselves.
OF_CHANNELS = frozenset({"Conv", "QLinearConv", "ConvInteger"})


#: What ONNX's checker lets pass, such as operands of a wrong rank, ends in one of these.
MALFORMED = (IndexError, KeyError, ValueError, TypeError, OverflowError, ZeroDivisionError, MemoryError)


def malformed(failure: Exception) -> UnsupportedError:
    """What a handler says that can't read its node."""
    kind = f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__
    return UnsupportedError(
        f"operands or attributes that do not belong together ({kind})", "some that do", "export the model again"
    )


def is_known(node: Node) -> bool:
    """Whether there is such an operator, or it is computed if all its operands are known."""

    return node.op_type in HANDLERS or node.op_type in FOLDS


def no_handler(node: Node) -> UnsupportedError:
    """What is said of an operator that there is not."""
    change = "replace it, or compute it outside the network"
    return UnsupportedError(f"operator {node.op_type}", "an operator of docs/SUPPORTED.md", change)


def handles(*op_types: str) -> Callable[[Handler], Handler]:
    """Registers a handler for these operators."""

    def register(handler: Handler) -> Handler:
        for op_type in op_types:
            HANDLERS[op_type] = handler
        return handler

    return register


@dataclass(frozen=True)
class InputSpec:
    """
    The input of a network: its name, the places of its elements in the engine's tensor, what they stand for there, and what the
    processor computes of it before.
    """

    name: str
    places: Places
    grid: Grid
    kind: str
    offset: int
    steps: tuple[InputStep, ...] = ()

    @property
    def is_real(self) -> bool:
        """Whether the model takes real numbers, or what it makes such, and no integers on the grid."""
        return self.kind in REAL_KINDS or bool(self.steps)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.places.shape


@dataclass(frozen=True)
class OutputSpec:
    """
    The output of a network: where the elements of the model's tensor lie in the engine's, what its integers stand for, and
    what the processor computes of it.
    """

    name: str
    places: Places
    units: Array
    zero: int
    codes: bool
    offset: int
    steps: tuple[tuple[str, Callable[[Array], Array]], ...]


@dataclass(frozen=True)
class Imported:
    """
    A module of the `bundle` level, what goes in and comes out, what became of each node (name, operator, text), the nodes whose
    results it reads and those that do its work, and the model's tensors that the engine has too.
    """

    module: ModuleOp
    input: InputSpec
    output: OutputSpec
    placements: tuple[tuple[str, str, str], ...]
    reads: Mapping[str, tuple[str, ...]] = field(repr=False)
    into: Mapping[str, tuple[str, ...]] = field(repr=False)
    wires: Mapping[str, Wire] = field(repr=False)


@dataclass
class Importer:
    """
    One model on its way. Who looks for all problems may say which inputs are `stand_ins` for results of operators that were
    taken out, and what the `outputs` were. `rounded` are sums as the model means them and as the engine has them, and the grid
    of their results.
    """

    graph: Graph
    hardware: Hardware
    batch: int
    stand_ins: frozenset[str] = frozenset()
    outputs: tuple[str, ...] | None = None
    block: Block = field(default_factory=Block)
    states: dict[str, State] = field(default_factory=dict[str, State])
    problems: list[str] = field(default_factory=list[str])
    placements: dict[str, tuple[str, str]] = field(default_factory=dict[str, tuple[str, str]])
    into: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    rounded: list[tuple[Sum, Sum, Grid]] = field(default_factory=list[tuple[Sum, Sum, Grid]])
    input_spec: InputSpec | None = None
    _shapes: dict[str, tuple[int, ...]] | None = None

    @cached_property
    def behind_all(self) -> frozenset[str]:
        """The tensors from which nothing but operators of the processor leads to the output."""
        return behind_all(self.graph)

    @cached_property
    def read(self) -> frozenset[str]:
        """The tensors that something reads."""
        return frozenset((*self.graph.outputs, *(name for node in self.graph.nodes for name in node.inputs)))

    def run(self) -> Imported:
        """The whole network. Raises `ModelError` with everything that can't be expressed."""
        self.walk()
        if self.problems:
            raise ModelError(self.problems)
        return self.end()

    def walk(self) -> None:
        """Visits all nodes, and collects their problems."""
        self._begin()
        for node in self.graph.nodes:
            self._visit(node)
        for one in resolved(absorbed_of(self.graph.model), self.placements):
            self.placements[one.name] = (one.operator, one.becomes)
            self.into[one.name] = one.into

    def _begin(self) -> None:
        self.states |= {name: Constant(array) for name, array in self.graph.constants.items()}
        sources = [one for one in self.graph.inputs if one.name not in self.stand_ins]
        outputs = self.graph.outputs if self.outputs is None else self.outputs
        if len(sources) != 1:
            names = ", ".join(f"'{one.name}'" for one in sources) or "none"
            change = "make constants of the others, or split the model"
            self.problems.append(f"'{self.graph.name}': inputs {names}, needs one; {change}")
        if len(outputs) != 1:
            names = ", ".join(f"'{one}'" for one in outputs) or "none"
            self.problems.append(f"'{self.graph.name}': outputs {names}, needs one; keep the last of them, or split the model")
        for one in self.graph.inputs:
            self.states[one.name] = self._standing_in(self._closed(one.shape), codes=one.kind in CODE_TYPES)
        if sources and (sizes := self._sizes(sources[0])) is not None:
            self.states[sources[0].name] = Input(sources[0].name, row_major(sizes), sources[0].kind, sizes)

    def _closed(self, sizes: Sequence[int | None]) -> tuple[int, ...]:
        """Sizes of which those that are left open are the batch, and of images the largest that there are."""
        most = (self.batch, 1, *self.hardware.max_image_size)
        return tuple(size or (most[axis] if axis < len(most) else 1) for axis, size in enumerate(sizes))

    def _standing_in(self, sizes: tuple[int, ...], *, codes: bool = False) -> State:
        """What is taken for a tensor of this shape that nothing computes."""
        if not 2 <= len(sizes) <= 4 or math.prod(sizes) > MAX_ELEMENTS:
            return Unknown()
        return Wire.standing_in(sizes, AffineType.of(min(ANY_BITS, self.hardware.bits_input), 1.0, 0), codes=codes)

    def _sizes(self, source: GraphInput) -> tuple[int, ...] | None:
        """The shape of an input; `None`, and a problem, where that is not known or too large."""
        first, *others = source.shape or (None,)
        # Of one axis that is left open there is no telling how long it is.
        sizes = (self.batch if first is None and others else first, *others)
        fixed = tuple(one for one in sizes if one is not None and one >= 1)
        if len(fixed) < len(sizes):
            text = "x".join("?" if one is None else str(one) for one in source.shape) or "none"
            needs = "fixed sizes, but for a batch"
            self.problems.append(f"'{source.name}': an input of shape {text}, needs {needs}; export it with a fixed shape")
        elif math.prod(fixed) > MAX_ELEMENTS:
            needs = f"at most {MAX_ELEMENTS} elements"
            self.problems.append(f"'{source.name}': an input of {fixed}, needs {needs}; use smaller images")
        else:
            return fixed
        return None

    def _visit(self, node: Node) -> None:
        inputs = [None if name == "" else self.states.get(name, Unknown()) for name in node.inputs]
        outputs: Sequence[State] = [Unknown()] * len(node.outputs)
        self.placements[node.name] = (node.op_type, "")
        if any(isinstance(one, Unknown) for one in inputs):
            self.note(node, "behind a problem")
            if not is_known(node):
                self.problems.append(f"'{node.name}': {no_handler(node)}")
        else:
            try:
                outputs = self._results(node, inputs)
                self._note_maker(node, outputs)
            except (UnsupportedError, *MALFORMED) as failure:
                error = failure if isinstance(failure, UnsupportedError) else malformed(failure)
                self.problems.append(f"'{node.name}': {error}")
                self.note(node, "a problem")
                for one in inputs:
                    self._look_at(one, str(error))
                outputs = [self._stand_in(name) for name in node.outputs]
        for name, state in zip(node.outputs, [*outputs, *[Unknown()] * len(node.outputs)], strict=False):
            self.states[name] = state

    def _look_at(self, state: State | None, known: str = "") -> None:
        """Writes the core of a sum that nothing rounds, as what reads it has a problem, so that its other ones are found."""
        if isinstance(state, Sum):
            try:
                core(self, state)
            except (UnsupportedError, *MALFORMED) as failure:
                problem = str(failure if isinstance(failure, UnsupportedError) else malformed(failure))
                if problem != known:
                    self.problems.append(f"'{state.name}': {problem}")

    def look_at_outputs(self) -> None:
        """Writes what leaves a network with problems, so that its own are found."""
        for name in self.graph.outputs:
            state = self.states.get(name, Unknown())
            self._look_at(state.source if isinstance(state, Host) else state)

    def _note_maker(self, node: Node, outputs: Sequence[State]) -> None:
        """Whose operation makes the results of a node that has none of its own."""
        makers = [one.name for one in outputs if isinstance(one, Pending)]
        if node.op_type == "QuantizeLinear":
            wires = [one.value.owner for one in outputs if isinstance(one, Wire)]
            makers += [name for one in wires if isinstance(one, Operation) and (name := location_name(one)) is not None]
        if makers and node.name not in makers:
            self.into[node.name] = tuple(dict.fromkeys(makers))

    def _stand_in(self, name: str) -> State:
        """The result of an operator with a problem, if its shape is known."""
        if self._shapes is None:
            self._shapes = self.graph.shapes(self.batch)
        return self._standing_in(self._shapes.get(name, ()))

    def _results(self, node: Node, inputs: Sequence[State | None]) -> Sequence[State]:

        folded = fold(node, inputs)
        if folded is not None:
            self.note(node, "constant")
            return folded
        handler = self._handler(node)
        if node.op_type not in PADDING:
            inputs = [bordered(self, one, node.name) if isinstance(one, Padded) else one for one in inputs]
        if node.op_type in OF_IMAGES - OF_CHANNELS:
            inputs = [as_images(self, one, node.name) if isinstance(one, Wire) else one for one in inputs]
        return handler(self, node, inputs)

    def _handler(self, node: Node) -> Handler:
        if node.op_type not in HANDLERS:
            raise no_handler(node)
        return HANDLERS[node.op_type]

    def end(self) -> Imported:
        """The network, once all nodes were visited. Raises `ModelError` for a result that can't be returned."""
        name = self.graph.outputs[0]
        state = self.states.get(name, Unknown())
        try:
            value, output = self._output(name, state)
            if self.input_spec is None:
                raise UnsupportedError("an output that does not depend on the input", "one that does", "export the model again")
        except UnsupportedError as error:
            raise ModelError(f"'{name}': {error}") from error
        if isinstance(value, BlockArgument):
            value = self._copied(value, name)
        self.block.add_op(ReturnOp(value))
        signature = ([one.type for one in self.block.args], [value.type])
        module = ModuleOp([HardwareOp.from_hardware(self.hardware), FuncOp("main", signature, Region(self.block))])
        placements = tuple((name, *where) for name, where in self.placements.items())
        wires = {name: state for name, state in self.states.items() if isinstance(state, Wire)}
        makers = {tensor: node.name for node in self.graph.nodes for tensor in node.outputs if tensor}
        reads = {node.name: tuple(makers[one] for one in node.inputs if one in makers) for node in self.graph.nodes}
        return Imported(module, self.input_spec, output, placements, reads, self.into, wires)

    def _copied(self, value: SSAValue, name: str) -> SSAValue:
        """The input, by a table that changes nothing: of a network that computes nothing it is the result."""
        copy = FunctionOp(value, "leaky_relu", grid_of(value), (1.0,))
        self.insert(copy, name)
        return copy.output

    def _output(self, name: str, state: State) -> tuple[SSAValue, OutputSpec]:
        """What the function returns, and how to read it."""

        state = bordered(self, state, name) if isinstance(state, Padded) else state
        # A function at the end needs no grid: the processor computes it.
        host = hosted(self, state) if isinstance(state, Real | Host) else None
        if host is not None and isinstance(host.source, Wire):
            source, grid = host.source, host.source.grid
            units = np.array([grid.unit])
            return source.value, OutputSpec(name, source.places, units, grid.zero, source.codes, source.offset, host.steps)
        if host is not None and isinstance(host.source, Sum):
            made = core(self, host.source)
            return made.output, OutputSpec(name, host.source.places, made.units, 0, False, 0, host.steps)
        kind = type(state).__name__.lower()
        raise UnsupportedError(
            f"an output that is not quantised ({kind})",
            "a QuantizeLinear before it, or a convolution or dense layer",
            "add one",
        )

    # What handlers do.

    def note(self, node: Node, text: str) -> None:
        """Says what became of a node, for `dsf check`."""
        self.placements[node.name] = (node.op_type, text)

    def insert(self, op: Operation, name: str) -> None:
        set_location(op, name)
        self.block.add_op(op)

    def input_wire(self, state: Input, grid: Grid, offset: int, *, codes: bool) -> Wire:
        """The input as a tensor of the engine, on the grid that the model quantises it to."""
        if self.input_spec is None:
            (source,) = (one for one in self.graph.inputs if one.name == state.name)
            sizes, places = engine_order(self.graph, source.name, self._sizes(source) or ())
            argument = self.block.insert_arg(tensor_of(sizes, grid), 0)
            argument.name_hint = "input"
            self.input_spec = InputSpec(state.name, places, grid, state.kind, offset, state.steps)
        spec = self.input_spec
        if state.steps != spec.steps:
            change = "do the same with it before each QuantizeLinear"
            raise UnsupportedError("the input scaled or shifted in two ways before it is quantised", "one", change)
        if grid != spec.grid:
            raise UnsupportedError(
                f"the input quantised to {grid} and elsewhere to {spec.grid}", "one grid", "quantise the input once"
            )
        places = spec.places.reshape(-1)[state.places]
        return Wire(self.block.args[0], grid, places, codes, offset)
