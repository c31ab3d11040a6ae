"""
The graph of a model: symbolic tensors and bundles.

A bundle is what the engine does with one pass over the pixels, in this order:

    moves, core (convolution | transposed convolution | dense), activation, residual add or product, activation, pooling,
    activation, flatten, softmax

any of which may be left out. `QInput` and `Bundle(...)(x)` return symbolic tensors that know their shape, fraction and
producer; `BundleModel` follows the producers from output to input. Tensors are NHWC, (N, H, W, C), or (N, K).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from dsf.errors import ModelError
from dsf.geometry import Window, resolve_padding
from dsf.hardware import Hardware
from dsf.nn.checks import Problems
from dsf.nn.cores import QConvCore, QConvTransposeCore, QCore, QDenseCore
from dsf.nn.layers import (
    ACTIVATION_NAMES,
    ACTIVATIONS,
    QActivation,
    QAdd,
    QIdentity,
    QMul,
    QPool,
    Softmax,
    output_frac,
)
from dsf.nn.moves import MOVE_NAMES, MOVES, QConcat, QMove
from dsf.transposed import TransposedWindow, resolve_transposed

Shape = tuple[int, ...]


class QTensor:
    """
    A symbolic tensor: `shape` with the batch first, `frac_bits` fractional bits, the node that computes it (`None`: the input).
    """

    def __init__(self, shape: Shape, frac_bits: int, hw: Hardware, producer: Node | None = None):
        self.shape = shape
        self.frac_bits = frac_bits
        self.hw = hw
        self.producer = producer

    @property
    def final(self) -> str | None:
        """Why no other bundle may use this tensor; `None` if one may."""
        if self.producer is None:
            return None
        if self.producer.softmax:
            return "probabilities"
        return "raw sums, for lack of an activation" if self.producer.raw else None

    def __repr__(self) -> str:
        return f"QTensor(shape={self.shape}, frac_bits={self.frac_bits})"


class QInput(QTensor):
    """
    The input of a model: `input_shape` is (N, H, W, C) or (N, K), with the batch N that programs are compiled for.

    Real inputs are rounded to q<hw.bits_input, input_frac_bits>. Raises `ModelError`.
    """

    def __init__(self, input_shape: Shape, hw: Hardware, input_frac_bits: int):
        problems = Problems("QInput")
        sizes = tuple(input_shape) if isinstance(input_shape, (tuple, list)) else ()  # pyright: ignore[reportUnnecessaryIsInstance]
        problems.need(len(sizes) in (2, 4), f"input_shape={input_shape!r}, needs (N, H, W, C) or (N, K)")
        shape = tuple(problems.integer("a size in input_shape", size, 1) for size in sizes)
        problems.instance("hw", hw, Hardware, "a Hardware")
        frac = problems.frac("input_frac_bits", input_frac_bits)
        problems.raise_if_any()
        super().__init__(shape, frac, hw)


@dataclass(frozen=True)
class Add:
    """A residual add, or a product, with everything resolved: the other tensor, the activation of the result."""

    skip: QTensor
    activation: QActivation
    multiplies: bool = False

    @property
    def frac_bits(self) -> int:
        return self.activation.frac_bits


@dataclass(frozen=True)
class Pool:
    """A pooling with everything resolved."""

    type: str
    window: Window
    activation: QActivation

    @property
    def frac_bits(self) -> int:
        return self.activation.frac_bits


@dataclass(frozen=True, eq=False)
class Node:
    """
    One use of a bundle: its input, its layers with shapes and fractions resolved, and the shape that leaves it.

    `window` is the convolution's (`None`: dense); `activation` is `None` where the raw sums leave, or there is neither core nor
    activation. `add` may be a product. `moved_shape` is what `moves` make of the input, `core_shape` what the core makes of it.
    """

    bundle: Bundle
    source: QTensor
    moves: tuple[QMove, ...]
    moved_shape: Shape
    core: QCore | None
    window: Window | TransposedWindow | None
    core_shape: Shape
    activation: QActivation | None
    add: Add | None
    pool: Pool | None
    flatten: bool
    softmax: bool
    shape: Shape
    frac_bits: int

    @property
    def raw(self) -> bool:
        """Raw 32-bit sums leave this bundle."""
        return self.core is not None and self.activation is None

    @property
    def computes(self) -> bool:
        """Whether there is anything in it but a flattening, which is nothing to the engine."""
        return self.core is not None or bool(self.moves) or (self.activation, self.add, self.pool) != (None, None, None)

    @property
    def sum_frac(self) -> int:
        """Fraction of the core's sums, or without one of the input."""
        return self.source.frac_bits + (0 if self.core is None else self.core.weights_frac_bits)

    @property
    def shape_before_flatten(self) -> Shape:
        """Shape of the core's result, or of the pooling's."""
        if self.pool is None:
            return self.core_shape
        batch, height, width, channels = self.core_shape
        return (batch, *self.pool.window.output_shape(height, width), channels)

    @property
    def sources(self) -> tuple[QTensor, ...]:
        """Input and, if any, the tensors that are concatenated with it, and the one that is added."""
        return (self.source, *self.others, *(() if self.add is None else (self.add.skip,)))

    @property
    def others(self) -> tuple[QTensor, ...]:
        """The tensors that are concatenated with the input."""
        return tuple(other for one in self.moves if isinstance(one, QConcat) for other in one.others)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for the whole batch, padding included; of a transposed convolution what each input takes."""
        if self.core is None:
            return 0
        if isinstance(self.core, QConvTransposeCore):
            return math.prod(self.moved_shape) * math.prod(self.core.kernel_size) * self.core.filters // self.core.groups
        if isinstance(self.core, QConvCore):
            taps = math.prod(self.core.kernel_size) * self.moved_shape[3] // self.core.groups
        else:
            taps = self.moved_shape[1]
        return math.prod(self.core_shape) * taps


class Bundle:
    """
    A core with what follows it: `core` or `dense`; `pool=QAdd(x)` is accepted for `add=QAdd(x)`. `moves` come before it, one or
    a list. Without a core the others stand alone: `activation`, which otherwise is the core's, `add` or `mul`, `pool`, moves.

    Called on a tensor it returns the tensor that leaves it, once: a bundle has one set of weights. Raises `ModelError` with
    all problems of the bundle.
    """

    def __init__(
        self,
        core: QCore | None = None,
        dense: QDenseCore | None = None,
        add: QAdd | None = None,
        pool: QPool | QAdd | None = None,
        flatten: bool = False,
        softmax: bool = False,
        mul: QMul | None = None,
        activation: QActivation | None = None,
        moves: QMove | Sequence[QMove] = (),
    ):
        problems = Problems("Bundle")
        problems.need(core is None or dense is None, "has two cores, needs one; use two bundles")
        none = type(None)
        several = tuple(moves) if isinstance(moves, list | tuple) else (moves,)
        for one in several:
            problems.instance("a move", one, MOVES, f"one of {MOVE_NAMES}")
        has_core = core is not None or dense is not None
        parts = (core, dense, add, pool, mul, activation, *several)
        problems.need(
            flatten or any(one is not None for one in parts),
            "has nothing to do, needs a layer; give core=QConvCore(...), dense=QDenseCore(...), pool=, add=, activation= or "
            "moves=",
        )
        problems.need(
            not has_core or activation is None,
            "has a core and an activation of its own, needs the core's; give it to the core",
        )
        problems.instance("activation", activation, (*ACTIVATIONS, none), f"{ACTIVATION_NAMES} or None")
        problems.need(
            has_core or softmax is not True, "has a softmax and no core, needs its sums; give softmax=True to the bundle before"
        )
        kinds = (QConvCore, QConvTransposeCore, QDenseCore, none)
        problems.instance("core", core, kinds, "a QConvCore, a QConvTransposeCore or a QDenseCore")
        problems.instance("dense", dense, (QDenseCore, none), "a QDenseCore; a QConvCore goes into core=")
        problems.instance("add", add, (QAdd, none), "a QAdd")
        problems.instance("mul", mul, (QMul, none), "a QMul")
        problems.need(
            mul is None or (add is None and not isinstance(pool, QAdd)),
            "adds and multiplies, needs one of them; use two bundles",
        )
        problems.instance("pool", pool, (QPool, QAdd, none), "a QPool")
        problems.need(not (isinstance(pool, QAdd) and add is not None), "adds twice, needs one QAdd; leave out pool=QAdd(...)")
        problems.flag("flatten", flatten)
        problems.flag("softmax", softmax)
        problems.raise_if_any()
        self._core: QCore | None = core if core is not None else dense
        self._moves = cast("tuple[QMove, ...]", several)
        self._activation = activation
        self._add = pool if isinstance(pool, QAdd) else add if add is not None else mul
        self._pool = pool if isinstance(pool, QPool) else None
        self._flatten = flatten
        self._softmax = softmax
        self._used = False

    def __call__(self, x: QTensor) -> QTensor:
        where = self._label()
        if not isinstance(x, QTensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ModelError(
                f"'{where}': called on a {type(x).__name__}, needs a tensor that QInput or a Bundle returned; "
                "numbers go into the BundleModel"
            )
        if self._used:
            raise ModelError(f"'{where}': called twice, needs one call, for it has one set of weights; make a second Bundle")
        node = _resolve(self, x, Problems(where))
        self._used = True
        return QTensor(node.shape, node.frac_bits, x.hw, node)

    @property
    def parts(self) -> tuple[QCore | None, QAdd | QMul | None, QPool | None, bool, bool]:
        """Core, add or product, pool, flatten, softmax."""
        return self._core, self._add, self._pool, self._flatten, self._softmax

    @property
    def moves(self) -> tuple[QMove, ...]:
        """What comes before the core."""
        return self._moves

    @property
    def activation(self) -> QActivation | None:
        """That of a bundle without a core."""
        return self._activation

    def _label(self) -> str:
        core = self._core
        if core is None:
            kinds = (*self._moves, self._activation, self._add, self._pool)
            return f"Bundle({', '.join(type(one).__name__ for one in kinds if one is not None) or 'flatten'})"
        if isinstance(core, QDenseCore):
            return f"Bundle(QDenseCore(outputs={core.outputs}))"
        return f"Bundle({type(core).__name__}(filters={core.filters}, kernel_size={core.kernel_size}))"


def _resolve(bundle: Bundle, x: QTensor, problems: Problems) -> Node:
    core, add, pool, flatten, softmax = bundle.parts
    _check_tensor(problems, "its input", x, x.hw)
    moved = _moved_shape(bundle.moves, x, problems)
    given = bundle.activation if core is None else core.activation
    activation = None if isinstance(given, Softmax) else given
    softmax = softmax or isinstance(given, Softmax)
    if core is not None and core.bias_frac_bits is not None:
        # Raw sums are whole numbers of their unit.
        behind = 0 if activation is None else x.hw.bits_fraction
        most = x.frac_bits + core.weights_frac_bits + behind
        problems.need(
            core.bias_frac_bits <= most,
            f"bias_frac_bits={core.bias_frac_bits}, needs at most {most}, the input's {x.frac_bits} + the weights' "
            f"{core.weights_frac_bits}{f' + {behind} (bits_fraction)' if behind else ''}; lower it",
        )
    if core is not None and activation is None:
        problems.need(
            add is None and pool is None,
            "a QAdd, QMul or QPool follows a core without activation, needs rounded values; give the core "
            "activation=QIdentity(frac_bits=...) or QLeakyReLu(...), and the Bundle softmax=True for a softmax behind them",
        )
    window, shape = (None, moved) if core is None else _core_shape(core, moved, problems)
    problems.raise_if_any()

    core_shape = shape
    frac = x.frac_bits if core is None else x.frac_bits + core.weights_frac_bits
    frac = frac if activation is None else activation.frac_bits
    resolved_add = _resolve_add(add, shape, frac, x.hw, problems)
    frac = resolved_add.frac_bits if resolved_add is not None else frac
    resolved_pool, shape = _resolve_pool(pool, shape, frac, problems)
    frac = resolved_pool.frac_bits if resolved_pool is not None else frac
    problems.raise_if_any()
    if flatten:
        shape = (shape[0], math.prod(shape[1:]))
    after = (activation, resolved_add, resolved_pool, flatten, softmax, shape, frac)
    return Node(bundle, x, bundle.moves, moved, core, window, core_shape, *after)


def _moved_shape(moves: Sequence[QMove], x: QTensor, problems: Problems) -> Shape:
    """What moves make of the shape of their input."""
    shape = x.shape
    for one in moves:
        name = type(one).__name__
        if isinstance(one, QConcat):
            for other in one.others:
                _check_tensor(problems, "a tensor that QConcat takes", other, x.hw)
                problems.need(
                    other.frac_bits == x.frac_bits,
                    f"QConcat of tensors with {x.frac_bits} and {other.frac_bits} fractional bits, needs equal ones; put a "
                    "Bundle(activation=QIdentity(frac_bits=...)) before it",
                )
        elif not problems.need(
            len(shape) == 4, f"{name} on a tensor of shape {shape}, needs (N, H, W, C); move it before flatten"
        ):
            return shape
        shape = one.shape_of(shape, problems)
        problems.raise_if_any()
    return shape


def _check_tensor(problems: Problems, role: str, x: QTensor, hw: Hardware) -> None:
    if x.final is not None:
        problems.add(
            f"{role} is {x.final}, which only a model's last bundle may return, needs activations; give that bundle's core "
            "activation=QLeakyReLu(...) or QIdentity(frac_bits=...)"
        )
    problems.need(
        x.hw == hw, f"{role} was made for other hardware, needs one Hardware in a model; use the same hw in every QInput"
    )


def _core_shape(core: QCore, of: Shape, problems: Problems) -> tuple[Window | TransposedWindow | None, Shape]:
    if isinstance(core, QDenseCore):
        problems.need(
            len(of) == 2,
            f"a dense core on a tensor of shape {of}, needs (N, K); give the bundle before it flatten=True",
        )
        return None, (of[0], core.outputs)
    if not problems.need(len(of) == 4, f"a convolution on a tensor of shape {of}, needs (N, H, W, C); use a QDenseCore"):
        return None, of
    batch, height, width, channels = of
    problems.need(
        channels % core.groups == 0 and core.filters % core.groups == 0,
        f"groups={core.groups}, needs a divisor of its {channels} input channels and of its {core.filters} filters",
    )
    if isinstance(core, QConvTransposeCore):
        sizes = core.kernel_size, core.strides, core.dilation, core.output_padding
        window = resolve_transposed(core.padding, *sizes)
    else:
        padding = resolve_padding(core.padding, (height, width), core.kernel_size, core.strides, core.dilation)
        window = Window(core.kernel_size, core.strides, padding, core.dilation)
    return window, (batch, *_output_size(window, of, "kernel", problems), core.filters)


def _resolve_add(add: QAdd | QMul | None, shape: Shape, frac: int, hw: Hardware, problems: Problems) -> Add | None:
    if add is None:
        return None
    if isinstance(add, QMul):
        return _resolve_product(add, shape, frac, hw, problems)
    _check_tensor(problems, "the tensor that QAdd adds", add.x, hw)
    problems.need(
        add.x.shape == shape,
        f"QAdd adds a tensor of shape {add.x.shape} to the core's result of shape {shape}, needs equal shapes; "
        "give the core as many filters and the strides that make them equal, or put a 1x1 convolution on the other tensor",
    )
    return Add(add.x, add.activation or QIdentity(output_frac(None, add.frac_bits, frac)))


def _resolve_product(mul: QMul, shape: Shape, frac: int, hw: Hardware, problems: Problems) -> Add:
    _check_tensor(problems, "the tensor that QMul multiplies by", mul.x, hw)
    batch, *_, channels = shape
    fitting = [shape, (batch, 1, 1, channels), (batch, channels)] if len(shape) == 4 else [shape]
    problems.need(
        mul.x.shape in fitting,
        f"QMul multiplies a result of shape {shape} by a tensor of shape {mul.x.shape}, needs one of {fitting}; "
        "give the two as many channels",
    )
    return Add(mul.x, mul.activation or QIdentity(output_frac(None, mul.frac_bits, frac)), multiplies=True)


def _resolve_pool(pool: QPool | None, shape: Shape, frac: int, problems: Problems) -> tuple[Pool | None, Shape]:
    if pool is None:
        return None, shape
    if not problems.need(len(shape) == 4, f"QPool on a tensor of shape {shape}, needs (N, H, W, C); pool before flatten"):
        return None, shape
    batch, height, width, channels = shape
    size = (height, width) if pool.size == "global" else pool.size
    padding = (0, 0, 0, 0) if pool.size == "global" else resolve_padding(pool.padding, (height, width), size, pool.strides)
    window = Window(size, pool.strides, padding)
    top, bottom, left, right = padding
    problems.need(
        max(top, bottom) < size[0] and max(left, right) < size[1],
        f"QPool of size {size} has padding (top, bottom, left, right) = {padding}, needs less than the size, or a window "
        "would see padding only; use padding='same'",
    )
    resolved = Pool(pool.type, window, pool.activation or QIdentity(output_frac(None, pool.frac_bits, frac)))
    return resolved, (batch, *_output_size(window, shape, "pooling window", problems), channels)


def _output_size(window: Window | TransposedWindow, shape: Shape, what: str, problems: Problems) -> tuple[int, int]:
    try:
        return window.output_shape(shape[1], shape[2])
    except ModelError as error:
        problems.add(f"{what}: {error.problems[0].split(': ', 1)[1]}")
        return 1, 1
