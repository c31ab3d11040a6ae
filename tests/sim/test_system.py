"""
The whole system: the C firmware, registers, DMA, the engine, interrupt, memory. Expected values come from the interpreter of
instructions; feature memory is compared with it whenever an instruction completes.

"""

from __future__ import annotations

import random
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from bundle_networks import Network
from core_programs import LOAD, MATRIX, STORE, network
from engines import EIGHT_BITS, FOUR_BITS, ONE_BIT, TWO_BITS
from instructions import array_steps
from networks import input_of, random_network

from benchmarks.seven_bundles import DEEPSOCFLOW_CYCLES, make_hardware, make_model
from dsf.codegen.files import tensor_bytes
from dsf.codegen.program import Program
from dsf.codegen.report import make_report
from dsf.compiler import compile_module
from dsf.dialects import bundle
from dsf.errors import EngineError, MismatchError
from dsf.hardware import Hardware
from dsf.isa.encoding import encode_instruction
from dsf.isa.registers import ARRAY, Counter, Port
from dsf.isa.table import BaseRegister
from dsf.nn.to_ir import to_ir
from dsf.numerics import Ints, quantize
from dsf.runtime import rtl
from dsf.runtime.expected import Expected, interpret
from dsf.runtime.rtl import Failure, Fault, RunTrace, Simulation, simulate, simulate_program
from dsf.scheduling.cut_rules import ModeOption
from dsf.transforms.dsf_pipeline import DsfPipelinePass

ENGINES = {"eight_bits": EIGHT_BITS, "four_bits": FOUR_BITS, "two_bits": TWO_BITS, "one_bit": ONE_BIT}
engines = pytest.mark.parametrize("hw", ENGINES.values(), ids=ENGINES.keys())
MAX_CYCLES = 2_000_000


@pytest.fixture(autouse=True)
def one_build_with_and_without_waves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that can write waves serves all tests of this engine."""
    build = rtl.build_core
    monkeypatch.setattr(rtl, "build_core", lambda hw, *, wave=False: build(hw, wave=wave or hw == TWO_BITS))


def run(program: Program, inputs: list[Ints], **options) -> Simulation:
    options.setdefault("max_cycles", MAX_CYCLES)
    return simulate_program(program, inputs, **options)


@lru_cache(maxsize=4)
def compiled(
    hw: Hardware, seed: int, runs: int = 3, *, resident: bool = False, mode: ModeOption = "auto"
) -> tuple[Program, list[Ints], Expected]:
    """
    A random network, its weights loaded in every run or once, inputs, and what has to come out; with a depthwise `mode`, one of
    convolutions in this mode.
    """
    rng = random.Random(seed)
    module = random_network(rng, hw, depthwise=mode != "auto")
    inputs = [input_of(rng, module) for _ in range(runs)]
    program = Program.from_module(compile_module(module, pipeline=DsfPipelinePass(resident_weights=resident, mode=mode)))
    assert bool(program.load_steps) == resident
    return program, inputs, interpret(program, inputs)


@engines
@pytest.mark.parametrize("seed", (100, 101, 103, 104, 105, 110))
@pytest.mark.parametrize("resident", [False, True])
def test_random_networks(hw: Hardware, seed: int, resident: bool) -> None:
    """Undisturbed, and with random latency and stalls; waiting for the interrupt, and polling."""
    print(f"seed {seed}")
    program, inputs, expected = compiled(hw, seed, resident=resident)
    latency = random.Random(seed).randrange(100)
    for options in ({}, {"stall": 0.3, "latency": latency}, {"latency": latency, "interrupts": False}):
        result = run(program, inputs, seed=seed, expected=expected, **options)
        assert result.outputs == expected.outputs
        assert [one.load_cycles is not None for one in result.runs] == [resident, False, False]
        if options.get("interrupts", True) and "stall" not in options:
            assert {one.accesses for one in result.runs} == {8}
        for one in result.runs:
            check_counters(program, one)
            if "stall" not in options:
                # Buffers begin at whole beats.
                moved = make_report(program, "network")["port_bytes"]
                assert one.counted is not None and list(one.counted.port_bytes.values()) == list(moved.values())


def check_counters(program: Program, run: RunTrace) -> None:
    """What the firmware reads is what memory has seen and the program does, and is shared out among instructions."""
    assert run.counted is not None
    array = run.counted.array
    assert run.counted.port_bytes == {port: beats * program.hardware.beat_bytes for port, beats in run.beats.items()}
    assert sum(array.values()) == run.counted.cycles
    matrix = [one for one in run.instructions if one.name == "matrix"]
    steps = [array_steps(program.steps[one.index].instruction, program.hardware) for one in matrix]
    assert [one.array[Counter.MATRIX_STEPS] for one in matrix] == steps
    shares = [*(one.array for one in matrix), run.tail]
    assert {counter: sum(share[counter] for share in shares) for counter in ARRAY} == array
    ends = [one.last_step for one in matrix]
    for one, (before, end) in zip(matrix[1:], pairwise(ends), strict=True):
        assert before is not None and end is not None
        assert sum(one.array.values()) == end - before


@engines
@pytest.mark.parametrize("mode", ["depthwise_rows", "depthwise_columns"])
@pytest.mark.parametrize("seed", (201, 202, 205))
def test_random_depthwise_networks(hw: Hardware, seed: int, mode: ModeOption) -> None:
    """Along either axis of the image, with strides and dilation."""
    print(f"seed {seed}")
    program, inputs, expected = compiled(hw, seed, mode=mode)
    assert any(step.instruction.name == "matrix" and step.instruction["depthwise"] for step in program.steps)
    for options in ({}, {"stall": 0.3, "latency": random.Random(seed).randrange(100)}):
        result = run(program, inputs, seed=seed, expected=expected, **options)
        assert result.outputs == expected.outputs
        for one in result.runs:
            check_counters(program, one)


@engines
@pytest.mark.parametrize("seed", range(3))
def test_networks_by_hand(hw: Hardware, seed: int) -> None:
    """Programs that no compiler made, with what numpy loops give."""
    one = network(hw, seed, tall=seed % 2)
    for stall in (0.0, 0.4):
        result = simulate(hw, one.program, one.weights, one.input, len(one.output), stall=stall, seed=seed, runs=2)
        assert result.outputs == (one.output, one.output)
        assert [step.name for step in result.instructions] == list(one.instructions[:-1])


def test_sums_with_a_pixel_and_other_shapes() -> None:
    """A pixel is added to each image, and rows, columns and channels change their places between two layers."""
    net = Network(EIGHT_BITS, (2, 6, 5, 4))
    images = net.conv(3, 6)
    pixel = net.average()
    net.value = images
    net.sum(pixel)
    other = bundle.ReshapeOp(net.value, (2, 5, 6, 6))
    net.add([other, bundle.TransposeOp(other.output, (1, 2, 0))])
    net.conv(3, 4)
    program = Program.from_module(compile_module(net.module()))
    x = np.random.default_rng(5).integers(-128, 128, (2, 6, 5, 4))
    expected = interpret(program, [x])
    for seed in range(2):
        assert run(program, [x], expected=expected, stall=0.3 * seed, seed=seed).outputs == expected.outputs


@pytest.mark.parametrize("bits", [4, 8])
def test_seven_bundles(bits: int, capsys: pytest.CaptureFixture[str]) -> None:
    model = make_model(make_hardware(bits))
    x = quantize(np.asarray(model.random_input), bits, model.input.frac_bits)
    program = Program.from_module(compile_module(to_ir(model)))
    expected = interpret(program, [x])
    result = run(program, [x], expected=expected)
    assert result.outputs == expected.outputs
    with capsys.disabled():
        print(f"\nseven bundles, {bits} bits: {result.cycles:,} cycles, {result.runs[0].accesses} register accesses")
    assert result.cycles < 6_400 < DEEPSOCFLOW_CYCLES
    for seed in range(3):
        assert run(program, [x], expected=expected, stall=0.3, latency=20 * seed, seed=seed).outputs == expected.outputs


def test_difference_in_feature_memory_is_found() -> None:
    """Even if it is one element that the expectation has wrong, and not in the last layer."""
    program, inputs, expected = compiled(TWO_BITS, 100)
    first = next(i for i, step in enumerate(program.steps) if step.instruction.name == "matrix")
    before = sum(count for ranges in expected.ranges[:first] for _, count in ranges)
    elements = list(expected.elements)
    wrong = bytearray(elements[1])
    wrong[before + 3] ^= 1
    elements[1] = bytes(wrong)
    broken = Expected(expected.labels, expected.ranges, tuple(elements), expected.outputs)
    with pytest.raises(MismatchError, match=rf"instruction {first} \(matrix\): element 3, .* run 1"):
        run(program, inputs, expected=broken)


def test_wave(tmp_path: Path) -> None:
    """Only when asked for."""
    program, inputs, expected = compiled(TWO_BITS, 100)
    assert run(program, inputs[:1], wave=tmp_path / "x.vcd").outputs == expected.outputs[:1]
    with (tmp_path / "x.vcd").open() as stream:
        assert any("u_top" in line for line in stream)


# Faults: a bad run in the middle, which has a name, and good ones around it.


def bad_run(
    hw: Hardware, name: str, *, stall: float = 0.0, resident: bool = False, loads: tuple[int, ...] = (0,), **options
) -> Failure:
    """
    Runs 0 and 2 are good, run 1 fails with `name`. `resident` weights are loaded before the runs `loads`.
    """
    program, inputs, expected = compiled(hw, 110, resident=resident)
    result = run(program, inputs, expected=expected, check=False, stall=stall, seed=7, **options)
    good, failure, again = result.failures
    assert (good, again) == (None, None)
    assert result.outputs == (expected.outputs[0], expected.outputs[2])
    loaded = [index for index, one in enumerate(result.runs) if one.load_cycles is not None]
    assert loaded == (list(loads) if resident else [])
    assert failure is not None and failure.name == name
    return failure


@engines
@pytest.mark.parametrize("port", [port for port in Port if port is not Port.NONE])
@pytest.mark.parametrize("response", ["SLVERR", "DECERR"])
@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_bus_errors(hw: Hardware, port: Port, response: str, stall: float) -> None:
    name = "WRITE_ERROR" if port is Port.OUTPUT else "READ_ERROR"
    failure = bad_run(hw, name, faults=[Fault(port, 0, response, run=1)], stall=stall)
    assert (failure.port, failure.response) == (port, response)


@engines
@pytest.mark.parametrize("part", [0, 0.01, 0.3, 0.7])
@pytest.mark.parametrize("stall", [0.0, 0.3])
@pytest.mark.parametrize("resident", [False, True])
def test_abort(hw: Hardware, part: float, stall: float, resident: bool) -> None:
    """After a part of what a run takes without stalls; resident weights are still there."""
    program, inputs, _ = compiled(hw, 110, resident=resident)
    done = run(program, inputs[:1]).runs[0].done
    assert done is not None
    bad_run(hw, "ABORTED", aborts={1: int(part * done)}, stall=stall, resident=resident)


@engines
@pytest.mark.parametrize("part", [0, 0.2, 0.6])
@pytest.mark.parametrize("interrupts", [True, False])
@pytest.mark.parametrize("resident", [False, True])
def test_reset(hw: Hardware, part: float, interrupts: bool, resident: bool) -> None:
    """After a part of a run: the firmware says so, whether or not it hopes for an interrupt; loaded again, all is well."""
    program, inputs, _ = compiled(hw, 110, resident=resident)
    done = run(program, inputs[:1]).runs[0].done
    assert done is not None
    options = {"interrupts": interrupts, "max_cycles": 20_000}
    bad_run(hw, "LOST", resets={1: 1 + int(part * done)}, resident=resident, loads=(0, 2), **options)


@engines
@pytest.mark.parametrize("stall", [0.0, 0.3])
def test_bus_errors_with_resident_weights(hw: Hardware, stall: float) -> None:
    """A run that fails leaves them alone."""
    for port in (Port.INSTRUCTIONS, Port.FEATURES, Port.OUTPUT):
        name = "WRITE_ERROR" if port is Port.OUTPUT else "READ_ERROR"
        bad_run(hw, name, faults=[Fault(port, 0, run=1)], stall=stall, resident=True)


@engines
def test_weights_that_can_not_be_loaded(hw: Hardware) -> None:
    """An error of the load program is one of dsf_load; the next run loads again."""
    program, inputs, expected = compiled(hw, 110, resident=True)
    faults = [Fault(Port.WEIGHTS, 0)]
    result = run(program, inputs, expected=expected, check=False, faults=faults)
    assert result.failures == (Failure("READ_ERROR", 0, Port.WEIGHTS, "SLVERR", loading=True), None, None)
    assert result.outputs == expected.outputs[1:]
    assert [one.load_cycles is not None for one in result.runs] == [False, True, False]
    with pytest.raises(EngineError, match="READ_ERROR, memory answered with SLVERR on the port for weights"):
        run(program, inputs, faults=faults)


def test_timeout() -> None:
    """Memory that takes longer than the firmware waits: named, aborted, and the next run may take its time."""
    program, inputs, _ = compiled(TWO_BITS, 110)
    result = run(program, inputs[:1], latency=5000, max_cycles=1000, check=False)
    assert [one.name for one in result.failures if one] == ["TIMEOUT"]
    with pytest.raises(EngineError, match="needs a larger max_cycles"):
        run(program, inputs[:1], latency=5000, max_cycles=1000)


def test_hash_mismatch() -> None:
    program, inputs, _ = compiled(TWO_BITS, 110)
    result = run(program, inputs, program_hash=program.hardware.hash ^ 1, check=False)
    assert [one.name for one in result.failures if one] == ["HASH_MISMATCH"] * 3
    assert result.outputs == () and not any(step.start for one in result.runs for step in one.instructions)
    with pytest.raises(EngineError, match=r"other hardware .*compile again"):
        run(program, inputs, program_hash=1)


@pytest.mark.parametrize("base", [BaseRegister.WEIGHTS, BaseRegister.PROGRAM])
def test_region_over_the_end_of_the_address_space(base: BaseRegister) -> None:
    """Beyond 64 bits there is nothing, not address 0."""
    program, inputs, _ = compiled(TWO_BITS, 110)
    result = run(program, inputs[:1], addresses={base: (1 << 64) - 8}, check=False)
    port = Port.WEIGHTS if base is BaseRegister.WEIGHTS else Port.INSTRUCTIONS
    assert result.failures == (Failure("ADDRESS", port=port),)


@pytest.mark.parametrize("base", [BaseRegister.WEIGHTS, BaseRegister.INPUT, BaseRegister.OUTPUT])
def test_region_that_is_too_small(base: BaseRegister) -> None:
    """What lies beside a region is nobody's: DECERR."""
    program, inputs, _ = compiled(TWO_BITS, 110)
    data = {BaseRegister.WEIGHTS: program.weights, BaseRegister.INPUT: tensor_bytes(program.inputs[0], inputs[0])}
    short = {one: content[: len(content) // 2 - 8] if one is base else content for one, content in data.items()}
    output_bytes = program.output_bytes - (base is BaseRegister.OUTPUT)
    weights, x = short[BaseRegister.WEIGHTS], short[BaseRegister.INPUT]
    result = simulate(program.hardware, program.stream, weights, x, output_bytes, program.arena_bytes, check=False)
    (failure,) = result.failures
    assert failure is not None and failure.response == "DECERR"
    assert failure.name == ("WRITE_ERROR" if base is BaseRegister.OUTPUT else "READ_ERROR")


def ended_by(hw: Hardware, *code: bytes) -> Failure:
    """How a program ends that has to end with an error."""
    (failure,) = simulate(hw, b"".join(code), b"", bytes(64), 64, check=False, max_cycles=200_000).failures
    assert failure is not None
    return failure


END = encode_instruction("end")


@engines
def test_bad_programs(hw: Hardware) -> None:
    load = {"base": BaseRegister.INPUT, "rows": 1, "row_elements": 4, "dst": 0, "row_stride": 0, "dst_stride": 4}
    good = encode_instruction("load", **load)
    beyond = encode_instruction("load", **{**load, "dst": hw.feature_elements})
    waits = encode_instruction("load", **load, wait=MATRIX)
    assert ended_by(hw, good, beyond, END) == Failure("ADDRESS", 1)
    assert ended_by(hw, good, good) == Failure("TRUNCATED", 1)
    assert ended_by(hw, good, bytes(32), END) == Failure("ILLEGAL_OPCODE", 1)
    assert ended_by(hw, encode_instruction("load", **load, signal=STORE), END).name == "TOKENS_LEFT"
    assert ended_by(hw, good, waits, END) == Failure("WATCHDOG", 1, queue=0, tokens=MATRIX)
    with pytest.raises(EngineError, match=r"'instruction 0' \(load\): .* WATCHDOG: queue LOAD waits for a token of LOAD"):
        simulate(hw, encode_instruction("load", **load, wait=LOAD) + END, b"", bytes(64), 0)
    with pytest.raises(EngineError, match=r"'instruction 1' \(load\): the engine stopped with ADDRESS"):
        simulate(hw, good + beyond + END, b"", bytes(64), 0)
