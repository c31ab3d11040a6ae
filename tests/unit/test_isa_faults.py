"""What stops the engine: fields beyond their limits, places that are not there, sums that the accumulator does not hold."""

import numpy as np
import pytest
from isa_machines import MATRIX, SMALL, filled, load, run, store

from dsf.dialects import isa
from dsf.errors import EngineError
from dsf.hardware import Hardware
from dsf.isa.table import VectorFunction
from dsf.runtime.interpreters import isa as semantics
from dsf.runtime.machine import Machine

LONG = {"tall": 1, "run": 7, "chunk": 7, "last_chunk": 7, "weight_words": 7, "bank_words": 3}
SKIPPING = {"skip_rows": 1, "kernel_row_words": 1}
DEPTHWISE = {"depthwise": 1, "kernel_runs": 2, "run": 3, "chunk": 2, "weight_words": 3}


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (lambda: load(rows=0), "rows is 0, needs at least 1"),
        (lambda: load(dst=4095), "dst reaches element 4102 of feature memory, needs at most 4095"),
        (lambda: store(src=4000, rows=3, src_stride=100), "src reaches element 4207 of feature memory"),
        (lambda: load(offset=2999), "reads input up to byte 3007, needs at most its 3000 bytes"),
        (lambda: load(base=7), "reads base register 7, needs one of 0 to 4"),
        (lambda: isa.MatrixOp(**MATRIX | {"pixels": 2}), "pixels is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | {"chunk": 0}), "chunk is 0, needs at least 1"),
        (lambda: isa.MatrixOp(**MATRIX | {"run": 99, "chunk": 99}), "chunk is 99, needs at most 17, what one read brings"),
        (lambda: isa.MatrixOp(**MATRIX | {"chunks": 2}), "chunks is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | {"weight_bank": 1}), "weight_bank is 1, needs 0 unless tall"),
        (lambda: isa.MatrixOp(**MATRIX | {"weight_bank": 3, "tall": 1}), "weight_bank is 3, needs at most 2"),
        (lambda: isa.MatrixOp(**MATRIX | {"last_group_lanes": 3}), "last_group_lanes is 3, needs at most 2"),
        (lambda: isa.MatrixOp(**MATRIX | {"weight_address": 682}), "uses weights up to word 682, needs at most 681"),
        (lambda: isa.MatrixOp(**MATRIX | {"parameter_address": 4000}), "uses parameters up to group 4000"),
        (lambda: isa.MatrixOp(**MATRIX | {"depthwise": 1, "tall": 1}), "tall is 1, needs 0"),
        (lambda: isa.MatrixOp(**MATRIX | {"depthwise": 1, "kernel_runs": 2}), "kernel_runs is 2, needs at most 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"chunk": 3}), "chunk is 3, needs 2"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"chunks": 2}), "chunks is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"last_chunk": 2}), "last_chunk is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"weight_words": 6}), "weight_words is 6, needs 3"),
        (lambda: isa.MatrixOp(**MATRIX | SKIPPING | {"pad_value": -1}), "pad_value is -1, needs 0 where skip_rows is 1"),
        (lambda: isa.MatrixOp(**MATRIX | SKIPPING | {"kernel_row_words": 3}), "kernel_row_words is 3, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | SKIPPING), "kernel_row_words is 1, needs 3"),
        (lambda: isa.MatrixOp(**MATRIX | SKIPPING | {"skip_rows": 0}), "kernel_row_words is 1, needs 0"),
        (lambda: isa.MatrixOp(**MATRIX | {"raw": 1, "residual": 1}), "residual is 1, needs 0 where raw is 1"),
        (lambda: isa.MatrixOp(**MATRIX | {"accumulate": 1}), "accumulates, needs a partial matrix instruction before it"),
        (lambda: isa.MatrixOp(**MATRIX | {"partial": 1, "residual": 1}), "residual is 1, needs 0 where partial is 1"),
        (lambda: isa.MatrixOp(**MATRIX | DEPTHWISE | {"partial": 1}), "depthwise is 1, needs 0"),
        (lambda: isa.MatrixOp(**MATRIX | {"partial": 1, "columns": 3, "pixels": 3}), "pixels is 3, needs at most 2 where sums"),
        (lambda: isa.MatrixOp(**MATRIX | {"partial": 1, "channel_groups": 4}), "channel_groups is 4, needs at most 3 where"),
        (lambda: isa.MatrixOp(**MATRIX | {"bank_words": 1}), "tall is 0, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | {"channel_groups": 2}), "channel_groups is 2, needs 1"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | SKIPPING | {"kernel_row_words": 7}), "skip_rows is 1, needs 0"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | {"bank_words": 2}), "bank_words is 2, needs at least 3: 7 in all banks"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | {"weight_bank": 1}), "needs at least 4: 7 in the banks from 1 on"),
        (lambda: isa.MatrixOp(**MATRIX | LONG | {"weight_address": 680}), "uses weights up to word 682, needs at most 681"),
        (lambda: isa.MatrixOp(**MATRIX | {"src": 5000}), "reads element 5000 of feature memory, needs at most 4095"),
        (lambda: isa.MatrixOp(**MATRIX | {"zero_point": 128}), "zero_point is 128, needs -128 to 127"),
        (lambda: isa.MatrixOp(**MATRIX | {"low": 200, "high": 200}), "low is 200, needs -128 to 127"),
        (lambda: isa.MatrixOp(**MATRIX | {"residual": 1, "residual_high": 128}), "residual_high is 128, needs -128 to 127"),
        (lambda: isa.MatrixOp(**MATRIX | {"pad_value": -129}), "pad_value is -129, needs -128 to 127"),
        (lambda: isa.VectorOp(function=6), "function is 6, needs one of max_pool, average_pool"),
        (lambda: isa.VectorOp(dst_channel_step=0), "dst_channel_step is 0, needs at least 1"),
        (lambda: isa.VectorOp(src_b=3), "src_b is 3, needs 0, since max_pool does not use it"),
        (lambda: isa.VectorOp(function=VectorFunction.ADD, right=48), "right is 48, needs at most 47"),
        (lambda: isa.VectorOp(function=VectorFunction.TABLE, table_address=2), "table_address is 2, needs at most 1"),
        (lambda: isa.VectorOp(kernel_rows=256, kernel_columns=128), "have 17 bits together, needs at most 16"),
        (lambda: isa.VectorOp(pad_value=128), "pad_value is 128, needs -128 to 127"),
        (lambda: isa.VectorOp(function=VectorFunction.MULTIPLY, zero_a=128), "zero_a is 128, needs -128 to 127"),
        (lambda: isa.VectorOp(function=VectorFunction.MULTIPLY, zero_b=-129), "zero_b is -129, needs -128 to 127"),
        (lambda: isa.VectorOp(high=128), "high is 128, needs -128 to 127"),
        (lambda: isa.LoadWeightsOp(target=2, groups=1, words=1, bytes=8), "bytes is 8, needs 256"),
        (lambda: isa.LoadWeightsOp(target=2, groups=1, words=2, bytes=256), "words is 2, needs 1"),
        (lambda: isa.LoadWeightsOp(target=2, groups=2, words=1, bytes=512, address=1), "fills up to table 2, needs at most 1"),
        (lambda: isa.LoadWeightsOp(groups=1, words=1, bank=3), "bank is 3, needs at most 2"),
        (lambda: isa.LoadWeightsOp(groups=1, words=1, bytes=5), "bytes is 5, needs 2"),
        (lambda: isa.LoadWeightsOp(groups=1, words=683, bytes=1366), "fills up to weight word 682, needs at most 681"),
    ],
)  # fmt: skip
def test_stops_the_engine(op, message: str):
    with pytest.raises(EngineError, match=f"'instruction 0' .isa.*{message}"):
        run(op())


def test_partial_sums_are_gone_on_with():
    hardware = SMALL
    whole = isa.MatrixOp(**MATRIX | {"partial": 1}).fields
    for second, message in (
        ({}, "does not accumulate, needs to after a partial matrix instruction"),
        (
            {"accumulate": 1, "columns": 2, "pixels": 2},
            r"accumulates sums of shape \(2, 1\), needs \(1, 1\), those in the array",
        ),
    ):
        machine = Machine(hardware)
        semantics.matrix(machine, whole)
        with pytest.raises(EngineError, match=message):
            semantics.matrix(machine, isa.MatrixOp(**MATRIX | second).fields)


def test_accumulator_is_checked():
    hardware = Hardware(processing_elements=(2, 6), bits_sum=16, axi_width=32)
    machine = Machine(hardware)
    machine.feature[:], machine.weights[:] = -128, -128
    fields = isa.MatrixOp(**MATRIX | {"run": 16, "chunk": 16, "last_chunk": 16, "row_elements": 16, "weight_words": 16}).fields
    with pytest.raises(EngineError, match="sums up to 262144, needs -32768 to 32767"):
        semantics.matrix(machine, fields)


@pytest.mark.parametrize("raw", [0, 1])
def test_accumulator_is_checked_with_its_bias(raw: int):
    """The engine adds the bias in the accumulator: both fit alone, their sum does not."""
    hardware = Hardware(processing_elements=(2, 6), bits_sum=16, axi_width=32)
    machine = Machine(hardware)
    machine.feature[:], machine.weights[:], machine.bias[:] = 127, 127, 16638
    fields = isa.MatrixOp(**MATRIX | {"raw": raw, "dst": 100}).fields
    semantics.matrix(machine, fields)
    machine.bias[:] = -48897
    semantics.matrix(machine, fields)
    machine.bias[:] = 16638
    with pytest.raises(EngineError, match="sums up to 49405, needs -32768 to 32767"):
        semantics.matrix(machine, fields | {"bias_shift": 1})
    machine.bias[0, 1] = 16639
    with pytest.raises(EngineError, match="sums up to 32768, needs -32768 to 32767"):
        semantics.matrix(machine, fields | {"last_group_lanes": 2})
    semantics.matrix(machine, fields)


def test_second_operand_is_not_read_without_a_multiplier():
    """ADD with `multiplier_b` 0 is a function of one element, wherever `src_b` points."""
    machine = filled(SMALL, 1)
    before = machine.feature.copy()
    fields = {"function": VectorFunction.ADD, "columns": 1, "rows": 1, "images": 1, "channels": 8, "height": 1}
    fields |= {"row_elements": 8, "src_b": 1 << 23, "multiplier_a": 1, "low": 0, "high": 127, "dst": 100}
    semantics.vector(machine, isa.VectorOp(**fields).fields)
    np.testing.assert_array_equal(machine.feature[100:108], np.maximum(before[:8], 0))
    with pytest.raises(EngineError, match="reads element 8388615 of feature memory"):
        semantics.vector(machine, isa.VectorOp(**fields | {"multiplier_b": 1}).fields)


def test_empty_window():
    machine = Machine(SMALL)
    fields = isa.VectorOp(columns=1, rows=1, images=1, channels=1, kernel_rows=1, kernel_columns=1, height=0).fields
    with pytest.raises(EngineError, match="output position 0 has no element in its window"):
        semantics.vector(machine, fields)
