"""Token masks: run with the engine's counters, in random orders, they keep every order that was asked for."""

from __future__ import annotations

import random
from collections import Counter, deque

import pytest

from dsf.errors import ModelError
from dsf.isa.table import Queue
from dsf.scheduling.tokens import Masks, known_complete, overlaps, reduce_waits, token_masks

L, W, M, V, S = Queue


def random_program(rng: random.Random, length: int) -> tuple[list[Queue], list[list[int]]]:
    """Queues and waits for earlier instructions."""
    queues = [rng.choice(list(Queue)) for _ in range(length)]
    waits = [rng.sample(range(index), min(index, rng.choice((0, 0, 1, 1, 2, 3)))) if index else [] for index in range(length)]
    return queues, waits


def execute(queues: list[Queue], masks: list[Masks], depth: int, rng: random.Random) -> list[tuple[str, int]]:
    """
    The engine's counters and queues, with instructions that take a random time: a list of starts and ends. MATRIX
    instructions overlap and end in order.
    """
    program = deque(enumerate(queues))
    fifos: dict[Queue, deque[int]] = {queue: deque() for queue in Queue}
    running: dict[Queue, deque[int]] = {queue: deque() for queue in Queue}
    tokens: Counter[tuple[Queue, Queue]] = Counter()
    events: list[tuple[str, int]] = []
    while True:
        while program and len(fifos[program[0][1]]) < depth:
            index, queue = program.popleft()
            fifos[queue].append(index)
        starts = [q for q in Queue if fifos[q] and (not running[q] or overlaps(q)) and _ready(masks, fifos[q][0], q, tokens)]
        choices = [("start", q) for q in starts] + [("end", q) for q in Queue if running[q]]
        if not choices:
            break
        kind, queue = rng.choice(choices)
        if kind == "start":
            index = fifos[queue].popleft()
            for producer in Queue:
                tokens[producer, queue] -= masks[index].wait >> producer & 1
            running[queue].append(index)
        else:
            index = running[queue].popleft()
            for consumer in Queue:
                tokens[queue, consumer] += masks[index].signal >> consumer & 1
        assert max(tokens.values(), default=0) <= 255
        events.append((kind, index))
    assert not program and not any(fifos.values()), "deadlock"
    assert not +tokens, "tokens are left"
    return events


def _ready(masks: list[Masks], index: int, queue: Queue, tokens: Counter[tuple[Queue, Queue]]) -> bool:
    return all(tokens[producer, queue] > 0 for producer in Queue if masks[index].wait >> producer & 1)


@pytest.mark.parametrize("seed", range(200))
def test_random_programs_keep_their_order(seed: int):
    rng = random.Random(seed)
    depth = rng.choice((1, 2, 4))
    queues, waits = random_program(rng, rng.randint(1, 60))
    masks = token_masks(queues, waits, depth)
    for _ in range(5):
        events = execute(queues, masks, depth, rng)
        position = {event: index for index, event in enumerate(events)}
        assert len(events) == 2 * len(queues)
        for consumer, producers in enumerate(waits):
            for producer in producers:
                assert position["end", producer] < position["start", consumer], (seed, producer, consumer)


@pytest.mark.parametrize("seed", range(50))
def test_every_reduced_wait_is_needed(seed: int):
    rng = random.Random(seed)
    queues, waits = random_program(rng, 30)
    reduced = [list(one) for one in reduce_waits(queues, waits)]
    for consumer, producers in enumerate(reduced):
        for producer in producers:
            without = [[w for w in one if (index, w) != (consumer, producer)] for index, one in enumerate(reduced)]
            known = known_complete(queues, without)
            assert known[consumer][queues[producer]] < producer, (seed, producer, consumer)


def test_only_the_latest_producer_of_a_queue():
    assert token_masks([L, L, M], [[], [], [0, 1]], 4) == [Masks(0, 0), Masks(0, 1 << M), Masks(1 << L, 0)]


def test_a_later_consumer_of_the_same_queue_need_not_wait_again():
    masks = token_masks([L, M, M], [[], [0], [0]], 4)
    assert masks[2] == Masks(0, 0)


def test_what_the_awaited_instruction_waited_for_is_known():
    masks = token_masks([W, M, V, S], [[], [0], [1], [0, 1, 2]], 4)
    assert [mask.wait for mask in masks] == [0, 1 << W, 1 << M, 1 << V]


def test_matrix_waits_for_the_matrix_before_it():
    assert token_masks([M, M], [[], [0]], 4) == [Masks(0, 1 << M), Masks(1 << M, 0)]


def test_other_queues_run_one_instruction_at_a_time():
    assert token_masks([V, V], [[], [0]], 4) == [Masks(0, 0), Masks(0, 0)]


def test_counters_that_could_overflow_are_an_error():
    queues = [L] * 300 + [M] * 300
    waits = [[] for _ in range(300)] + [[index] for index in range(300)]
    with pytest.raises(
        ModelError, match=r"'program': instruction 255 can leave 256 tokens from LOAD to MATRIX, needs at most 255"
    ):
        token_masks(queues, waits, 4)
    # The same dependencies in turns are fine: the dispatcher holds the producers back.
    turns = [queue for _ in range(300) for queue in (L, M)]
    assert len(token_masks(turns, [[index - 1] if index % 2 else [] for index in range(600)], 4)) == 600
