"""The order of the queues: tokens, deadlocks, and what can be said of all orders of a program."""

import random
from itertools import product

import pytest
from isa_machines import MATRIX, SMALL, load, run, store

from dsf.dialects import isa
from dsf.errors import BinaryError, EngineError
from dsf.isa.table import Queue
from dsf.runtime import queues
from dsf.runtime.queues import run_queues, token_problems


def test_tokens_order_the_queues():
    to_store, from_load = 1 << Queue.STORE, 1 << Queue.LOAD
    ops = [store(wait=from_load), load(), load(signal=to_store), load()]
    for seed in (None, *range(8)):
        order = run(*ops, seed=seed)
        assert order.index(0) > order.index(2), f"seed {seed}"
        assert order[-1] == 4
        assert [index for index in order if index in (1, 2, 3)] == [1, 2, 3]


def test_deadlock_names_both_queues():
    ops = [load(wait=1 << Queue.STORE, signal=1 << Queue.STORE), store(wait=1 << Queue.LOAD, signal=1 << Queue.LOAD)]
    with pytest.raises(EngineError, match=r"'instruction 0' .isa.load.: queue load waits for a token from store") as caught:
        run(*ops)
    assert "'instruction 1' (isa.store): queue store waits for a token from load" in caught.value.problems[1]


def test_deadlock_by_a_full_queue():
    """The token that the first store needs is behind more stores than the queue holds."""
    ops = [store(wait=1 << Queue.LOAD), *(store() for _ in range(SMALL.queue_depth)), load(signal=1 << Queue.STORE)]
    with pytest.raises(EngineError, match="this program deadlocks"):
        run(*ops)
    assert "this program deadlocks" in token_problems(ops, SMALL)[0]
    del ops[1]
    assert run(*ops)[0] == len(ops) - 1
    assert token_problems(ops, SMALL) == []


KINDS = {Queue.LOAD: load, Queue.STORE: store, Queue.MATRIX: lambda **masks: isa.MatrixOp(**MATRIX, **masks)}


def random_tokens(rng: random.Random, most: int) -> list[isa.InstructionOp]:
    """Instructions with random masks, and others behind, so that queues may be full."""
    masks = [1 << queue for queue in KINDS]
    waits, signals = [*masks, *rng.choice((1, 6, 20)) * [0]], [*masks, *rng.choice((0, 3, 20)) * [0]]
    drawn = rng.choices(list(KINDS), k=rng.randint(2, most))
    ops = [KINDS[queue](wait=rng.choice(waits), signal=rng.choice(signals)) for queue in drawn]
    ops += [store() for _ in range(rng.choice((0, SMALL.queue_depth)))]
    rng.shuffle(ops)
    return ops


@pytest.mark.parametrize("seed", range(8))
def test_deadlocks_and_tokens_left_are_those_of_every_order(seed: int):
    """A program that is found to end does so in every order, one that does not in none; with tokens left in all or none."""
    rng = random.Random(seed)
    found = [0, 0, 0]
    for _ in range(150):
        ops = random_tokens(rng, 6)
        problems = token_problems(ops, SMALL)
        kinds = [any(kind in problem for problem in problems) for kind in ("this program deadlocks", "tokens are left")]
        found = [count + one for count, one in zip(found, (*kinds, not problems), strict=True)]
        for order in (None, *range(6)):
            try:
                run_queues([*ops, isa.EndOp()], SMALL, lambda _: None, seed=order)
                error = ""
            except EngineError as caught:
                error = str(caught)
            assert ["this program deadlocks" in error, "tokens are left" in error] == kinds, (seed, problems)
    assert min(found) > 0, (seed, found)


def most_tokens(ops: list[isa.InstructionOp], depth: int) -> dict[tuple[Queue, Queue], int]:
    """How many tokens of each counter can wait, by all orders of a program."""
    of_queue = {queue: [index for index, op in enumerate(ops) if op.instruction.queue is queue] for queue in KINDS}
    most = {pair: 0 for pair in product(KINDS, repeat=2)}
    start = tuple(0 for _ in KINDS)
    seen, todo = {start}, [start]
    while todo:
        done = dict(zip(KINDS, todo.pop(), strict=True))
        complete = [ops[index] for queue, count in done.items() for index in of_queue[queue][:count]]
        tokens = {
            (a, b): sum(op.instruction.queue is a and op["signal"] >> b & 1 for op in complete)
            - sum(op.instruction.queue is b and op["wait"] >> a & 1 for op in complete)
            for a, b in most
        }
        most = {pair: max(count, tokens[pair]) for pair, count in most.items()}
        # The first instruction that its queue has no room for holds up all behind it.
        full = [of_queue[queue][done[queue] + depth] for queue in KINDS if len(of_queue[queue]) > done[queue] + depth]
        for queue in KINDS:
            head = next(iter(of_queue[queue][done[queue] :]), len(ops))
            if head < min([len(ops), *full]) and all(tokens[a, queue] > 0 for a in KINDS if ops[head]["wait"] >> a & 1):
                after = tuple(count + (one is queue) for one, count in done.items())
                if after not in seen:
                    seen.add(after)
                    todo.append(after)
    return most


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("limit", [1, 2])
def test_token_overflows_are_those_of_some_order(seed: int, limit: int, monkeypatch: pytest.MonkeyPatch):
    """With counters that hold few, on queues that hold what they and the units behind them do: for each pair of queues."""
    monkeypatch.setattr(queues, "MAX_TOKENS", limit)
    monkeypatch.setattr(queues, "IN_FLIGHT", 0)
    rng = random.Random(f"overflow {seed}")
    overflows = 0
    for _ in range(150):
        ops = random_tokens(rng, 9)
        problems = [problem for problem in token_problems(ops, SMALL) if "more than" in problem]
        expected = {pair for pair, count in most_tokens(ops, SMALL.queue_depth).items() if count > limit}
        names = {f"tokens from {a.name.lower()} to {b.name.lower()}," for a, b in expected}
        assert len(problems) == len(names) and all(any(name in one for one in problems) for name in names), (seed, problems)
        overflows += len(names)
    assert overflows > 0


def test_more_tokens_than_a_counter_holds():
    """LOAD may be through before STORE starts; not if it waits for STORE every now and then, or is held up by its queue."""
    many = [*(load(signal=1 << Queue.STORE) for _ in range(300)), *(store(wait=1 << Queue.LOAD) for _ in range(300))]
    (problem,) = token_problems(many, SMALL)
    assert problem.startswith("'instruction 255' (isa.load): more than 255 tokens from load to store, needs earlier waits")
    turns = [many[index // 2 + 300 * (index % 2)] for index in range(600)]
    assert token_problems(turns, SMALL) == []
    assert "tokens are left (300 from load to store)" in token_problems(many[:255] + many[:45], SMALL)[0]


def test_tokens_left():
    with pytest.raises(EngineError, match=r"tokens are left .2 from load to store., needs each signal"):
        run(load(signal=1 << Queue.STORE), load(signal=1 << Queue.STORE))


def test_token_overflow():
    with pytest.raises(EngineError, match="more than 255 tokens from load to store"):
        run(*(load(signal=1 << Queue.STORE) for _ in range(256)))


def test_missing_end():
    with pytest.raises(BinaryError, match=r"stops after 1 instructions, needs 'isa.end' last"):
        run_queues([load()], SMALL, lambda op: None)
