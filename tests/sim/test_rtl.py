"""Simulation as a function, `dsf.runtime.rtl.simulate`: what it is given, what it says."""

from __future__ import annotations

import pytest
from core_programs import network
from engines import WIDE

from dsf.errors import EngineError
from dsf.isa.encoding import encode_instruction
from dsf.isa.table import BaseRegister, Queue
from dsf.runtime.rtl import Failure, simulate


def rows(name: str, elements: int, **fields: int) -> bytes:
    local = "dst" if name == "load" else "src"
    base = BaseRegister.INPUT if name == "load" else BaseRegister.OUTPUT
    return encode_instruction(name, **({"base": base, "rows": 1, "row_elements": elements, local: 3} | fields))


COPY = rows("load", 40, signal=1 << Queue.STORE) + rows("store", 40, wait=1 << Queue.LOAD) + encode_instruction("end")


def test_inputs_of_several_runs() -> None:
    """Each run has its own input and output; progress is reported after each."""
    inputs = [bytes(range(k, k + 40)) for k in range(3)]
    done: list[int] = []
    result = simulate(WIDE, COPY, b"", inputs, 40, runs=3, on_run=done.append)
    assert list(result.outputs) == inputs
    assert done == [0, 1, 2]
    with pytest.raises(ValueError, match="2 inputs of \\[39, 40\\] bytes for 3 runs"):
        simulate(WIDE, COPY, b"", [bytes(40), bytes(39)], 40, runs=3)


def test_trace() -> None:
    """The first beat of input to the last of output; a memory latency delays it all."""
    quick, slow = (simulate(WIDE, COPY, b"", bytes(40), 40, latency=latency) for latency in (0, 64))
    load, store = quick.instructions
    assert (load.queue, store.queue) == (Queue.LOAD, Queue.STORE)
    assert None not in (load.start, load.finish, store.start, store.finish)
    assert load.start < load.finish < store.start < store.finish <= quick.runs[0].done
    assert quick.cycles == quick.runs[0].last_output - quick.runs[0].first_input + 1
    assert 60 <= slow.runs[0].done - quick.runs[0].done <= 140
    whole = network(WIDE, 1, tall=0)
    for one in simulate(WIDE, whole.program, whole.weights, whole.input, len(whole.output)).instructions:
        if one.queue is Queue.MATRIX:
            assert one.start < one.first_step <= one.last_step < one.finish
        else:
            assert one.first_step is None


def test_stores_are_seen_by_later_loads() -> None:
    """Through the arena, even if the DMA is slow."""
    arena = {"base": BaseRegister.ARENA, "offset": 8}
    program = (
        rows("load", 40, signal=1 << Queue.STORE)
        + rows("store", 40, wait=1 << Queue.LOAD, signal=1 << Queue.LOAD, **arena)
        + rows("load", 40, wait=1 << Queue.STORE, signal=1 << Queue.STORE, dst=100, **arena)
        + rows("store", 40, wait=1 << Queue.LOAD, src=100)
        + encode_instruction("end")
    )
    data = bytes(range(100, 140))
    for stall in (0.0, 0.6):
        assert simulate(WIDE, program, b"", data, 40, 48, stall=stall, latency=20, seed=3).outputs == (data,)


def test_load_program() -> None:
    """It runs once, and what it leaves on chip is there in every run, also after one that was aborted."""
    data = bytes(range(50, 90))
    load = rows("load", 40, base=BaseRegister.WEIGHTS) + encode_instruction("end")
    run = rows("store", 40) + encode_instruction("end")
    for stall in (0.0, 0.4):
        result = simulate(
            WIDE, run, data, b"", 40, load_program=load, runs=3, aborts={1: 0}, stall=stall, latency=30, seed=2, check=False
        )
        assert result.outputs == (data, data)
        assert [failure and failure.name for failure in result.failures] == [None, "ABORTED", None]
        assert [len(one.instructions) for one in result.runs] == [1, 1, 1]
        assert [one.load_cycles is not None for one in result.runs] == [True, False, False]
    with pytest.raises(EngineError, match=r"'instruction 0 of the load program' \(load\): the engine stopped with TRUNCATED"):
        simulate(WIDE, run, data, b"", 40, load_program=load[:-32])


ERRORS = {
    "'instruction 1' \\(illegal\\): the engine stopped with ILLEGAL_OPCODE": rows("load", 1) + bytes(32),
    "'instruction 0' \\(load\\): the engine stopped with TRUNCATED": rows("load", 1),
    "'instruction 0' \\(load\\): the engine stopped with ADDRESS": rows("load", 40, dst=8190) + COPY,
    "'instruction 1' \\(store\\).*queue STORE waits for a token of VECTOR": rows("load", 1)
    + rows("store", 1, wait=1 << Queue.VECTOR)
    + encode_instruction("end"),
    "'simulation': .* READ_ERROR, memory answered with DECERR on the port for features": rows("load", 41) + COPY,
    "'simulation': .* WRITE_ERROR, memory answered with DECERR on the port for output": rows(
        "load", 40, signal=1 << Queue.STORE
    )
    + rows("store", 40, offset=8, wait=1 << Queue.LOAD)
    + encode_instruction("end"),
}


@pytest.mark.parametrize(("message", "program"), ERRORS.items(), ids=range(len(ERRORS)))
def test_errors_are_sentences(message: str, program: bytes) -> None:
    with pytest.raises(EngineError, match=message):
        simulate(WIDE, program, b"", bytes(40), 40)


def test_errors_can_be_returned() -> None:
    result = simulate(WIDE, rows("load", 1) + bytes(32), b"", bytes(40), 40, check=False)
    assert (result.failures, result.outputs) == ((Failure("ILLEGAL_OPCODE", 1),), ())


def test_a_run_that_takes_too_long_is_ended() -> None:
    """Once the firmware has looked often enough."""
    with pytest.raises(EngineError, match="too many cycles, needs a larger max_cycles"):
        simulate(WIDE, COPY, b"", bytes(40), 40, latency=5000, max_cycles=20)
