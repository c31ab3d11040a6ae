"""Hazards against all pairs of instructions, and what the verifier of programs finds."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from test_levels_agree import CTX, case, tiled, tiled_in_small_memories
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue
from xdsl.utils.exceptions import VerifyException

from dsf.compiler import random_input, run_pass
from dsf.dialects import sched
from dsf.dialects.constants import integer
from dsf.dialects.engine import hardware_of
from dsf.hardware import Hardware
from dsf.isa.table import Queue
from dsf.runtime.execute import run
from dsf.scheduling.accesses import step_of
from dsf.scheduling.hazards import Access, Memory, Step, dependencies, uncovered
from dsf.scheduling.segments import Segments
from dsf.scheduling.tokens import known_complete, overlaps, reduce_waits
from dsf.scheduling.verify import problems_of_program
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass
from dsf.transforms.fxp_to_tile import FxpToTilePass
from dsf.transforms.tile_to_sched import TileToSchedPass


def random_steps(rng: random.Random) -> list[Step]:
    def access() -> Access:
        start = rng.randint(0, 30)
        return Access(rng.choice(list(Memory)), start, start + rng.randint(0, 12), rng.random() < 0.5)

    return [Step(rng.choice(list(Queue)), tuple(access() for _ in range(rng.randint(1, 3)))) for _ in range(rng.randint(1, 40))]


def is_hazard(first: Step, second: Step) -> bool:
    """Whether the order of two instructions matters and their queues do not keep it; the definition, pair by pair."""
    for a in first.accesses:
        for b in second.accesses:
            meet = a.memory is b.memory and max(a.start, b.start) < min(a.stop, b.stop)
            if not meet or not (a.writes or b.writes):
                continue
            if first.queue is not second.queue:
                return True
            if overlaps(first.queue) and a.writes and not b.writes:
                return True
    return False


@pytest.mark.parametrize("seed", range(200))
def test_dependencies_cover_all_pairs(seed: int):
    steps = random_steps(random.Random(seed))
    found = dependencies(steps)
    queues = [step.queue for step in steps]
    known = known_complete(queues, found)
    for second in range(len(steps)):
        for first in range(second):
            if is_hazard(steps[first], steps[second]):
                assert known[second][queues[first]] >= first, (seed, first, second)
    # And nothing is waited for without a reason: each is a hazard itself.
    for consumer, producers in enumerate(found):
        assert len({queues[producer] for producer in producers}) == len(producers)
        assert all(is_hazard(steps[producer], steps[consumer]) for producer in producers), (seed, consumer, producers)
    assert uncovered(steps, reduce_waits(queues, found)) == []


@pytest.mark.parametrize("seed", range(50))
def test_segments_against_a_list(seed: int):
    rng = random.Random(seed)
    segments, plain = Segments[int](), [None] * 60
    for value in range(60):
        start = rng.randint(0, 50)
        stop = start + rng.randint(0, 9)
        if rng.random() < 0.5:
            segments.assign(start, stop, value)
            plain[start:stop] = [value] * (stop - start)
        else:
            segments.update(start, stop, lambda old, new=value: new if old is None else old + 100)
            plain[start:stop] = [value if old is None else old + 100 for old in plain[start:stop]]
        pieces = segments.over(0, 60)
        assert [old for low, high, old in pieces for _ in range(low, high)] == plain
        assert [low for low, _, _ in pieces[1:]] == [high for _, high, _ in pieces[:-1]]


def scheduled(seed: int, *, resident: bool = False) -> tuple[sched.ProgramOp, Hardware]:
    module, _, rng = case(seed)
    run_pass(CTX, module, CheckHardwarePass())
    run_pass(CTX, module, BundleToFxpPass())
    if resident:
        _, module = tiled(module, FxpToTilePass())
    else:
        module, _ = tiled_in_small_memories(module, FxpToTilePass(), rng)
        run_pass(CTX, module, TileToSchedPass(resident_weights=False))
    return next(op for op in module.ops if isinstance(op, sched.ProgramOp)), hardware_of(module)


@pytest.mark.parametrize("seed", range(8))
def test_a_missing_token_is_found(seed: int):
    """Each token that a program needs is taken away in turn."""
    program, hw = scheduled(seed)
    instructions = program.instructions
    assert problems_of_program(program, hw) == []
    numbers = {op: index for index, op in enumerate(instructions)}
    steps = [step_of(op, hw) for op in instructions]
    waits = [[numbers[producer] for producer in op.producers] for op in instructions]
    needed = [list(one) for one in reduce_waits([step.queue for step in steps], waits)]
    assert uncovered(steps, needed) == []
    for consumer, producers in enumerate(needed):
        for producer in producers:
            without = [[w for w in one if (index, w) != (consumer, producer)] for index, one in enumerate(needed)]
            assert uncovered(steps, without), (seed, producer, consumer)


def test_an_instruction_without_its_tokens_is_named():
    program, hw = scheduled(0)
    store = next(op for op in program.instructions if isinstance(op, sched.StoreOp))
    store.operands = [store.source, store.target]
    (problem, *_) = problems_of_program(program, hw)
    assert "(sched.store of bundle_" in problem
    assert "is complete, whose memory it uses, needs its token; wait for it" in problem


def feature_buffers(program: sched.ProgramOp) -> list[sched.BufferOp]:
    buffers = [op for op in program.body.block.ops if isinstance(op, sched.BufferOp)]
    return [op for op in buffers if op.space.data is sched.Space.FEATURE]


def test_a_buffer_outside_its_memory_is_found():
    program, hw = scheduled(1)
    feature_buffers(program)[-1].address = integer(hw.feature_elements)
    assert any(f"of feature memory, needs at most {hw.feature_elements}" in one for one in problems_of_program(program, hw))
    with pytest.raises(VerifyException, match="of feature memory, needs at most"):
        program.verify()


def test_live_buffers_that_overlap_are_found():
    program, hw = scheduled(2)
    for op in program.instructions:
        if isinstance(op, (sched.MatrixOp, sched.PoolOp)):
            x, y = sched.buffer_of(op.x), sched.buffer_of(op.y)
            y.address = x.address
            break
    assert any("which it reads, needs places apart; move one of the buffers" in one for one in problems_of_program(program, hw))


def strangers(program: sched.ProgramOp) -> tuple[sched.BufferOp, sched.BufferOp] | None:
    """A buffer that is made and later read, and one that is made meanwhile, by instructions that do not read the first."""
    computing = [op for op in program.instructions if isinstance(op, (sched.MatrixOp, sched.PoolOp))]
    reads = [[sched.buffer_of(op.x), *(sched.buffer_of(one) for one in _second(op))] for op in computing]
    makes = [sched.buffer_of(op.y) for op in computing]
    for last, between, first in product(reversed(range(len(computing))), repeat=3):
        held, other = makes[first], makes[between]
        if first < between < last and held in reads[last] and held is not other:
            apart = all(held not in read for read, made in zip(reads, makes, strict=True) if made is other)
            if apart and all(other not in read for read, made in zip(reads, makes, strict=True) if made is held):
                return held, other
    return None


def _second(op: sched.MatrixOp | sched.PoolOp) -> list[SSAValue]:
    return [op.residual] if isinstance(op, sched.MatrixOp) and op.residual is not None else []


def test_a_live_buffer_that_a_stranger_overwrites_is_found():
    """Unless it is written where nothing is read any more: then the program still computes the same."""
    read = 0
    for seed in range(20):
        program, hw = scheduled(seed)
        pair = strangers(program)
        if pair is None:
            continue
        held, other = pair
        module = program.get_toplevel_object()
        assert isinstance(module, ModuleOp)
        before, other.address = other.address, held.address
        problems = problems_of_program(program, hw)
        if not problems:
            x = random_input(module)
            result = run(module, x)
            other.address = before
            assert np.array_equal(run(module, x), result), seed
        text = f"where '{other.label.data}' was written last"
        read += any(f"reads '{held.label.data}' in feature memory" in one and text in one for one in problems)
    assert read >= 2


def test_instructions_that_wait_for_each_other_are_found():
    program, hw = scheduled(0)
    first, *_, last = program.instructions
    last.wait_for([first.token])
    assert problems_of_program(program, hw) == []
    first.wait_for([last.token])
    (problem,) = problems_of_program(program, hw)
    assert problem == "'sched.program': an instruction waits for a later one, needs earlier ones; reorder them"
    with pytest.raises(VerifyException, match="waits for a later one"):
        program.verify()


def test_a_piece_outside_its_buffer_is_found():
    program, hw = scheduled(3)
    op = next(op for op in program.instructions if isinstance(op, sched.LoadOp))
    op.at = integer(sched.buffer_of(op.target).size.value.data)
    assert any("needs" in one and "correct the piece" in one for one in problems_of_program(program, hw))


def test_a_transfer_outside_dram_is_found():
    program, hw = scheduled(4)
    op = next(op for op in program.instructions if isinstance(op, sched.LoadWeightsOp))
    op.offset = integer(len(program.weight_bytes))
    assert any("of buffer 'weights', needs at most" in one for one in problems_of_program(program, hw))


# Load programs.


def test_resident_weights_stay():
    """A run that writes over them is found, even if it wrote what it then reads."""
    program, hw = scheduled(4, resident=True)
    assert program.load_program is not None and problems_of_program(program, hw) == []
    load, run = program.load_program.instructions[-1], program.instructions[0]
    again = load.clone()
    program.body.block.insert_op_before(again, run)
    (problem, *_) = problems_of_program(program, hw)
    label = sched.buffer_of(load.target).label.data
    assert f"'instruction 0' (sched.load_weights of {label}): overwrites" in problem
    assert f"where the load program keeps '{label}' for all runs; move one of the buffers" in problem


def test_buffers_of_the_load_program_are_checked():
    program, hw = scheduled(4, resident=True)
    load = program.load_program.instructions[0]
    load.offset = integer(len(program.weight_bytes))
    (problem,) = problems_of_program(program, hw)
    label = sched.buffer_of(load.target).label.data
    assert problem.startswith(f"'instruction 0 of the load program' (sched.load_weights of {label}): bytes up to")


def test_no_waits_across_programs():
    """Not even where the value could be named."""
    for in_load in (False, True):
        program, hw = scheduled(4, resident=True)
        load, run = program.load_program.instructions[0], program.instructions[-1]
        waiting, other = (load, run) if in_load else (run, load)
        waiting.wait_for([other.token])
        assert any("waits for one of another program" in problem for problem in problems_of_program(program, hw))
        with pytest.raises(VerifyException, match="waits for one of another program"):
            program.verify()
