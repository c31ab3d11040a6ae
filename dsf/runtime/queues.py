"""
In what order instructions run: a dispatcher, five queues and token counters.

The dispatcher reads the program in order and puts each instruction into its queue, which holds `queue_depth`; a full queue
blocks it. The head of a queue runs when, for each queue of its `wait` mask, the counter of tokens from there is above zero.
Instructions take effect one at a time here, in any order that the tokens admit: `seed` chooses one at random. A program
whose hazards are all covered by tokens gives the same result in every order.

    wait(p -> q) -= 1 at the start of an instruction of q;  signal: count(q -> c) += 1 at its end
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dsf.dialects.engine import instruction_name
from dsf.dialects.isa import InstructionOp
from dsf.errors import BinaryError, DsfError, EngineError
from dsf.hardware import Hardware
from dsf.isa.checks import instruction_problems
from dsf.isa.table import END, MAX_TOKENS, Queue
from dsf.scheduling.tokens import IN_FLIGHT, Masks, counter_bounds

Execute = Callable[[InstructionOp], object]
Indexed = tuple[int, InstructionOp]


@dataclass
class _State:
    """Instructions that have not started, and the tokens (producer, consumer) that wait to be taken."""

    program: deque[Indexed]
    queues: dict[Queue, deque[Indexed]] = field(default_factory=lambda: {queue: deque() for queue in Queue})
    tokens: Counter[tuple[Queue, Queue]] = field(default_factory=lambda: Counter[tuple[Queue, Queue]]())

    def dispatch(self, depth: int) -> None:
        """Fills the queues with instructions in program order, until one is full or the program ends."""
        while self.program:
            queue = self.program[0][1].instruction.queue
            if queue is None or len(self.queues[queue]) >= depth:
                return
            self.queues[queue].append(self.program.popleft())

    def missing(self, queue: Queue) -> list[Queue]:
        """The queues whose token the head of `queue` lacks."""
        _, op = self.queues[queue][0]
        return [producer for producer in Queue if op["wait"] >> producer & 1 and not self.tokens[producer, queue]]

    def waiting(self) -> list[Queue]:
        return [queue for queue in Queue if self.queues[queue]]

    def take(self, queue: Queue, op: InstructionOp) -> None:
        """Takes the tokens that an instruction of `queue` waits for."""
        for producer in Queue:
            if op["wait"] >> producer & 1:
                self.tokens[producer, queue] -= 1

    def give(self, queue: Queue, op: InstructionOp) -> None:
        """Gives the tokens of an instruction of `queue` that is complete."""
        for consumer in Queue:
            if op["signal"] >> consumer & 1:
                self.tokens[queue, consumer] += 1


def run_queues(
    instructions: Sequence[InstructionOp], hardware: Hardware, execute: Execute, *, seed: int | None = None
) -> list[int]:
    """
    Runs a program; returns the numbers of its instructions in the order in which they took effect.

    Raises `EngineError` for what stops the engine: an illegal instruction, an address outside a memory, queues that wait
    for each other, too many or left over tokens. Raises `BinaryError` for a program without `end`.
    """
    state = _State(deque(enumerate(instructions)))
    chooser = random.Random(seed)
    order: list[int] = []
    turn = 0
    while True:
        state.dispatch(hardware.queue_depth)
        waiting = state.waiting()
        if not waiting:
            break
        ready = [queue for queue in waiting if not state.missing(queue)]
        if not ready:
            raise EngineError(_deadlock(state, waiting))
        queue = _next_in_turn(ready, turn) if seed is None else chooser.choice(ready)
        turn = queue + 1
        order.append(_run_head(state, queue, hardware, execute))
    if not state.program or state.program[0][1].instruction is not END:
        raise BinaryError(f"'program': stops after {len(order)} instructions, needs 'isa.end' last; it is truncated")
    if left := _left(state):
        raise EngineError(left)
    return [*order, state.program[0][0]]


def token_problems(instructions: Sequence[InstructionOp], hardware: Hardware) -> list[str]:
    """
    What is wrong with the tokens of a program, in whatever order its queues run and however long instructions take:

    - queues that wait for a token that never comes, if queues hold `queue_depth` instructions; the more they hold, the fewer;
    - counters that pass `MAX_TOKENS` in some order, if queues hold `queue_depth + IN_FLIGHT`;
    - tokens that are left at the end of a program that gets there.

    One order of the queues proves the first and the last for all. A token is taken by one queue only, and room in a queue by
    the dispatcher only, each in the order of the program; so whatever is done first takes nothing from what else can be done,
    and all orders get equally far. For the tokens that wait for a queue the worst order is that in which it does something only
    when no other queue can: for any number of its instructions, the others are then as far as they can be.
    """
    state = _State(deque(enumerate(instructions)))
    for _ in _walk(state, hardware.queue_depth):
        pass
    waiting = state.waiting()
    stuck = _deadlock(state, waiting) if waiting else _left(state)
    return stuck + _overflows(instructions, hardware.queue_depth)


def _walk(state: _State, depth: int, last: Queue | None = None) -> Iterator[tuple[Queue, int, InstructionOp]]:
    """All instructions that can be done, those of `last` when no other can; each when it has given its tokens."""
    while True:
        state.dispatch(depth)
        ready = [queue for queue in state.waiting() if not state.missing(queue)]
        if not ready:
            return
        for queue in [queue for queue in ready if queue is not last] or ready:
            index, op = state.queues[queue].popleft()
            state.take(queue, op)
            state.give(queue, op)
            yield queue, index, op


def _overflows(instructions: Sequence[InstructionOp], queue_depth: int) -> list[str]:
    """The first instruction that makes each counter pass its largest value, in the worst order for it."""
    masks = [(op.instruction.queue, Masks(op["wait"], op["signal"])) for op in instructions if op.instruction.queue is not None]
    queues = [queue for queue, _ in masks]
    bounds = counter_bounds(queues, [mask for _, mask in masks], queue_depth)
    suspects = {consumer for _, _, consumer, waiting in bounds if waiting > MAX_TOKENS}
    found: dict[tuple[Queue, Queue], str] = {}
    for consumer in sorted(suspects):
        state = _State(deque(enumerate(instructions)))
        for queue, index, op in _walk(state, queue_depth + IN_FLIGHT, consumer):
            if state.tokens[queue, consumer] > MAX_TOKENS:
                found.setdefault((queue, consumer), _overflow(op, index, queue, consumer))
    return list(found.values())


def _next_in_turn(ready: Sequence[Queue], turn: int) -> Queue:
    return min(ready, key=lambda queue: (queue - turn) % len(Queue))


def _run_head(state: _State, queue: Queue, hardware: Hardware, execute: Execute) -> int:
    index, op = state.queues[queue].popleft()
    state.take(queue, op)
    problems = instruction_problems(op.instruction.name, op.fields, hardware)
    if problems:
        raise EngineError([f"{instruction_name(op, index)}: {problem}" for problem in problems])
    try:
        execute(op)
    except DsfError as error:
        raise EngineError([f"{instruction_name(op, index)}: {problem}" for problem in error.problems]) from error
    state.give(queue, op)
    for consumer in Queue:
        if state.tokens[queue, consumer] > MAX_TOKENS:
            raise EngineError(_overflow(op, index, queue, consumer))
    return index


def _overflow(op: InstructionOp, index: int, queue: Queue, consumer: Queue) -> str:
    names = f"{queue.name.lower()} to {consumer.name.lower()}"
    return f"{instruction_name(op, index)}: more than {MAX_TOKENS} tokens from {names}, needs earlier waits"


def _left(state: _State) -> list[str]:
    """The tokens that nothing takes, of a program at its end."""
    left = sorted((+state.tokens).items())
    pairs = ", ".join(f"{count} from {a.name.lower()} to {b.name.lower()}" for (a, b), count in left)
    return [f"'isa.end': tokens are left ({pairs}), needs each signal to be waited for"] if left else []


def _deadlock(state: _State, waiting: Sequence[Queue]) -> list[str]:
    problems: list[str] = []
    for queue in waiting:
        index, op = state.queues[queue][0]
        missing = " and ".join(producer.name.lower() for producer in state.missing(queue))
        problems.append(
            f"{instruction_name(op, index)}: queue {queue.name.lower()} waits for a token from {missing} that never comes, "
            "needs an instruction that signals it and can start; this program deadlocks"
        )
    return problems
