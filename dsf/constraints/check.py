"""
What the engine can do, as one function per constraint: its docstring is the rule, its result what breaks it.

A constraint takes a layer (an operation of the `bundle` dialect) and the hardware, and yields sentences of the form
`'<bundle>': <what it has>, needs <what>; <what to change>`. `problems_of` collects those of a whole module, so that the
user sees all of them at once. They are in the files of this folder by what they are about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from dsf.constraints.layers import Problems
from dsf.constraints.scales import alignment, free_scale, one_grid, product, rescaling, slope_of_free_scale
from dsf.constraints.sizes import (
    addresses,
    channels,
    image_size,
    instruction_fields,
    kernel_size,
    pool_window,
    weight_memory,
    whole_bytes,
)
from dsf.constraints.structure import (
    batch_norm_folded,
    known_layer,
    one_network,
    result_is_used,
    softmax_is_last,
    sum_is_quantised,
)
from dsf.constraints.widths import accumulator, bias_shift, folded_bias, sign, widths
from dsf.dialects.engine import hardware_of
from dsf.hardware import Hardware

Constraint = Callable[[Operation, Hardware], Problems]


#: Those of single layers, whatever comes before and after them.
LAYER_CONSTRAINTS: tuple[Constraint, ...] = (
    kernel_size,
    channels,
    image_size,
    weight_memory,
    instruction_fields,
    pool_window,
    widths,
    accumulator,
    folded_bias,
    free_scale,
)


#: All of them, in the order in which their problems are listed for one operation.
CONSTRAINTS: tuple[Constraint, ...] = (
    one_network,
    known_layer,
    sum_is_quantised,
    result_is_used,
    softmax_is_last,
    batch_norm_folded,
    kernel_size,
    channels,
    image_size,
    weight_memory,
    instruction_fields,
    pool_window,
    whole_bytes,
    addresses,
    widths,
    sign,
    accumulator,
    folded_bias,
    bias_shift,
    rescaling,
    alignment,
    free_scale,
    one_grid,
    slope_of_free_scale,
    product,
)


#: Those that read the values of weights.
OF_WEIGHTS: tuple[Constraint, ...] = (accumulator,)


def problems_of_layers(layers: Iterable[Operation], hardware: Hardware) -> list[str]:
    """What the engine can't do of layers that are not a whole network yet: their sizes, widths and scales."""
    found = [problem for op in layers for constraint in LAYER_CONSTRAINTS for problem in constraint(op, hardware)]
    return list(dict.fromkeys(found))


def problems_of(module: ModuleOp, *, weights: bool = True) -> list[str]:
    """
    Everything in a module of the `bundle` level that its `engine.hardware` can't do, in program order, each once; without
    `weights` only what holds whatever they are.

    Raises `ModelError` if the module names no hardware.
    """
    hardware = hardware_of(module)
    constraints = [one for one in CONSTRAINTS if weights or one not in OF_WEIGHTS]
    found = [problem for op in module.walk() for constraint in constraints for problem in constraint(op, hardware)]
    return list(dict.fromkeys(found))
