"""Small engines with random contents, and short programs on them: what tests of the instructions' interpreter run."""

from __future__ import annotations

import numpy as np

from dsf.dialects import isa
from dsf.hardware import Hardware
from dsf.isa.table import BaseRegister
from dsf.numerics import int_range
from dsf.runtime.interpreters import isa as semantics
from dsf.runtime.machine import Machine
from dsf.runtime.queues import run_queues

MACHINES = {
    "8x8": Hardware(processing_elements=(2, 6), column_groups=3, axi_width=32, feature_memory=1 << 12, weight_memory=1 << 12),
    "4x2": Hardware(
        processing_elements=(3, 5),
        bits_input=4,
        bits_weights=2,
        bits_multiplier=20,
        bits_fraction=5,
        axi_width=32,
        feature_memory=1 << 11,
        weight_memory=1 << 11,
    ),
    "2x24": Hardware(
        processing_elements=(2, 24),
        column_groups=3,
        axi_width=32,
        feature_memory=1 << 12,
        weight_memory=1 << 12,
        vector_length=16,
    ),
    "2x4": Hardware(
        processing_elements=(1, 4), column_groups=2, bits_input=2, bits_weights=4, axi_width=32, feature_memory=1 << 10
    ),
}


SMALL = MACHINES["8x8"]
#: The fields of a MATRIX of one product.
MATRIX = {
    "x_step": 1, "row_elements": 8, "height": 1, "kernel_rows": 1, "kernel_runs": 1, "run": 1, "chunk": 1, "chunks": 1,
    "last_chunk": 1, "columns": 1, "rows": 1, "images": 1, "pixels": 1, "channel_groups": 1, "last_group_lanes": 1,
    "weight_words": 1, "low": -128, "high": 127,
}  # fmt: skip


def filled(hardware: Hardware, seed: int) -> Machine:
    """A machine with random contents everywhere."""
    rng = np.random.default_rng(seed)
    machine = Machine(hardware)
    low, high = int_range(hardware.bits_input)
    machine.feature[:] = rng.integers(low, high + 1, machine.feature.shape)
    machine.tables[:] = rng.integers(low, high + 1, machine.tables.shape)
    low, high = int_range(hardware.bits_weights)
    machine.weights[:] = rng.integers(low, high + 1, machine.weights.shape)
    machine.bias[:] = rng.integers(-500, 500, machine.bias.shape)
    machine.multiplier[:] = rng.integers(1, 1 << hardware.bits_multiplier, machine.multiplier.shape)
    machine.shift[:] = rng.integers(12, 28, machine.shift.shape)
    for base in BaseRegister:
        machine.dram[base] = rng.integers(0, 256, 3000, dtype=np.uint8)
    return machine


def assert_same(a: Machine, b: Machine) -> None:
    for name in ("feature", "weights", "bias", "multiplier", "shift", "tables"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)
    for base in BaseRegister:
        np.testing.assert_array_equal(a.dram[base], b.dram[base], err_msg=base.name)


def run(*ops: isa.InstructionOp, seed: int | None = None, hardware: Hardware = SMALL) -> list[int]:
    machine = filled(hardware, 0)
    table = {isa.LoadOp: semantics.load, isa.StoreOp: semantics.store, isa.MatrixOp: semantics.matrix}
    return run_queues([*ops, isa.EndOp()], hardware, lambda op: table[type(op)](machine, op.fields), seed=seed)


def load(**fields: int) -> isa.InstructionOp:
    return isa.LoadOp(**{"base": BaseRegister.INPUT, "rows": 1, "row_elements": 8, **fields})


def store(**fields: int) -> isa.InstructionOp:
    return isa.StoreOp(**{"base": BaseRegister.OUTPUT, "rows": 1, "row_elements": 8, **fields})
