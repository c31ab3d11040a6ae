"""Faults planted in passes, in files of IR and in binaries: the bisection names the step, the operation and the element."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from networks import input_of, random_hardware, random_network
from test_levels_agree import CTX, random_options, tiled_in_small_memories
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from dsf.bisection.difference import Difference
from dsf.bisection.levels import Bisection, levels_of_files, levels_of_passes
from dsf.codegen.program import Program
from dsf.compiler import compile_module, parse_module, random_input, run_pass
from dsf.dialects import fxp, isa, sched, tile
from dsf.dialects.constants import dense_ints, ints_of
from dsf.dialects.isa import program_of
from dsf.dialects.shapes import shape
from dsf.errors import BinaryError
from dsf.geometry import Window
from dsf.runtime.execute import run_integers
from dsf.transforms.bundle_to_fxp import BundleToFxpPass
from dsf.transforms.check_hardware import CheckHardwarePass
from dsf.transforms.dsf_pipeline import DsfPipelinePass
from dsf.transforms.locations import location_name
from dsf.transforms.sched_to_isa import SchedToIsaPass
from dsf.transforms.tile_to_sched import TileToSchedPass

DATA = Path(__file__).parents[1] / "data"

#: Changes an operation; says whether it could.
Fault = Callable[[Operation, random.Random], bool]


@dataclass(frozen=True)
class Planted(ModulePass):
    """A pass with a fault: it changes an operation that the right one made."""

    right: ModulePass
    plant: Callable[[ModuleOp], None]
    name = ""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        self.right.apply(ctx, op)
        self.plant(op)


def bisect(module: ModuleOp, x: np.ndarray, passes: list[ModulePass]) -> Bisection:
    bisection = Bisection(x)
    bisection.run(levels_of_passes(module, passes))
    return bisection


def with_fault(pass_name: str, plant: Callable[[ModuleOp], None], **options: object) -> list[ModulePass]:
    """The pipeline, with a fault after one of its passes."""
    passes: list[ModulePass] = []
    for one in DsfPipelinePass(**options).passes():
        faulty = Planted(one, plant)
        object.__setattr__(faulty, "name", one.name)
        passes.append(faulty if one.name == pass_name else one)
    return passes


# Faults.


def number(op: Operation, name: str) -> int:
    attribute = op.properties[name]
    assert isinstance(attribute, IntegerAttr)
    return attribute.value.data


def set_number(op: Operation, name: str, value: int) -> None:
    op.properties[name] = IntegerAttr(value, i64)


def shift(op: Operation, rng: random.Random) -> bool:
    """A channel is shifted one bit further."""
    if not isinstance(op, fxp.RequantizeOp):
        return False
    shifts = ints_of(op.shift).copy()
    shifts[rng.randrange(shifts.size)] += 1
    op.shift = dense_ints(shifts, 8)
    return True


def bias(op: Operation, rng: random.Random) -> bool:
    """A channel's bias is one more."""
    if not isinstance(op, (fxp.RequantizeOp, fxp.RawOp)):
        return False
    biases = ints_of(op.bias).copy()
    biases[rng.randrange(biases.size)] += 1
    op.bias = dense_ints(biases, 32)
    return True


def weight(op: Operation, rng: random.Random) -> bool:
    """A weight changes its lowest bit."""
    if not isinstance(op, fxp.ConvOp):
        return False
    weights = ints_of(op.weights).copy()
    bits = op.weights.get_element_type().bitwidth
    place = tuple(rng.randrange(size) for size in weights.shape)
    weights[place] = -weights[place] if bits == 1 else weights[place] ^ 1
    op.weights = dense_ints(weights, bits)
    return True


def moved(window: Window) -> Window | None:
    """A window that begins a row too late, or too early."""
    top, bottom, *sides = window.padding
    if top > 0:
        return replace(window, padding=(top - 1, bottom + 1, *sides))
    return replace(window, padding=(top + 1, bottom - 1, *sides)) if bottom > 0 else None


def halo(op: Operation, rng: random.Random) -> bool:
    """The window of an operation begins at another row."""
    if not isinstance(op, (tile.MatrixOp, tile.PoolOp, sched.MatrixOp, sched.PoolOp)):
        return False
    window = moved(op.window.window)
    if window is None:
        return False
    op.window = tile.WindowAttr.from_window(window, op.window.pad_value.data)
    return True


def table(op: Operation, rng: random.Random) -> bool:
    """Each entry of a lookup table is one less or more."""
    if not isinstance(op, fxp.TableOp):
        return False
    bits = op.table.get_element_type().bitwidth
    entries = ints_of(op.table)
    op.table = dense_ints(-entries if bits == 1 else entries ^ 1, bits)
    return True


def clip(op: Operation, rng: random.Random) -> bool:
    """A product or a sum of tensors is always its least value."""
    if not isinstance(op, (fxp.MultiplyOp, fxp.AddOp)):
        return False
    set_number(op, "high", number(op, "low"))
    return True


def other_input(op: Operation, rng: random.Random) -> bool:
    """An instruction reads another tensor of the same size."""
    if not isinstance(op, (sched.MatrixOp, sched.PoolOp)):
        return False
    x = sched.buffer_of(op.x)
    fit = [one for one in op.parent.ops if isinstance(one, sched.BufferOp) and (one.space, one.size) == (x.space, x.size)]
    others = [one for one in fit if one is not x and one is not sched.buffer_of(op.y)]
    if not others:
        return False
    op.operands[0] = rng.choice(others).buffer
    return True


def load_offset(op: Operation, rng: random.Random) -> bool:
    """The input is loaded from a byte further on."""
    if not isinstance(op, sched.LoadOp) or number(op, "offset") == 0:
        return False
    set_number(op, "offset", number(op, "offset") - 1)
    return True


def weights_offset(op: Operation, rng: random.Random) -> bool:
    """Weights or parameters are loaded from elsewhere."""
    if not isinstance(op, sched.LoadWeightsOp) or number(op, "offset") < 64:
        return False
    set_number(op, "offset", number(op, "offset") - 64)
    return True


def field(name: str, *kinds: type[Operation]) -> Fault:
    """A field of an instruction gets another lowest bit."""

    def fault(op: Operation, rng: random.Random) -> bool:
        if not isinstance(op, kinds):
            return False
        set_number(op, name, number(op, name) ^ 1)
        return True

    fault.__name__ = name
    return fault


def token(op: Operation, rng: random.Random) -> bool:
    """An instruction does not wait for one of those that it should."""
    if not isinstance(op, isa.InstructionOp) or op["wait"] == 0:
        return False
    bit = rng.choice([bit for bit in range(5) if op["wait"] >> bit & 1])
    set_number(op, "wait", op["wait"] & ~(1 << bit))
    return True


MATRIX, VECTOR = isa.MatrixOp, isa.VectorOp
FAULTS: list[tuple[str, Fault]] = [
    ("bundle-to-fxp", shift),
    ("bundle-to-fxp", bias),
    ("bundle-to-fxp", weight),
    ("bundle-to-fxp", table),
    ("bundle-to-fxp", clip),
    ("fxp-to-tile", halo),
    ("tile-to-sched", halo),
    ("tile-to-sched", other_input),
    ("tile-to-sched", load_offset),
    ("tile-to-sched", weights_offset),
    ("sched-to-isa", field("dst", MATRIX, VECTOR)),
    ("sched-to-isa", field("src", MATRIX, VECTOR, isa.StoreOp)),
    ("sched-to-isa", field("low", MATRIX, VECTOR)),
    ("sched-to-isa", field("bias_shift", MATRIX)),
    ("sched-to-isa", field("address", isa.LoadWeightsOp)),
    ("sched-to-isa", field("offset", isa.LoadOp, isa.LoadWeightsOp, isa.StoreOp)),
    ("sched-to-isa", token),
]


@pytest.mark.parametrize(("step", "fault"), FAULTS, ids=lambda value: getattr(value, "__name__", value))
def test_planted_faults(step: str, fault: Fault):
    """In random networks, at a random operation: it is named, or the fault does not show in the result."""
    found = 0
    for seed in range(16):
        print("seed", seed)
        rng = random.Random(seed)
        module = random_network(rng, random_hardware(rng), layers=3)
        x = input_of(rng, module)
        planted: list[Operation] = []

        def plant(changed: ModuleOp, rng: random.Random = rng, planted: list[Operation] = planted) -> None:
            ops = list(changed.walk())
            rng.shuffle(ops)
            planted += [next((op for op in ops if fault(op, rng)), changed)]

        passes = with_fault(step, plant, resident_weights=bool(seed % 2))
        bisection = bisect(module, x, passes)
        difference = bisection.difference
        if isinstance(planted[0], ModuleOp):
            assert difference is None
            continue
        if difference is None:
            continue
        check_named(difference, step, planted[0])
        found += 1
    assert found


def check_named(difference: Difference, step: str, op: Operation) -> None:
    assert difference.step == step == str(difference).split("'")[1]
    if difference.operation is None:
        # The verifier, or the engine, has found it.
        assert difference.elements is None and difference.text
        return
    assert f"'{op.name}' of '{location_name(op)}'" in difference.operation
    if difference.elements is not None:
        assert difference.elements.has != difference.elements.needs
        assert 1 <= difference.elements.count <= difference.elements.size


# The element, exactly.


def small() -> tuple[ModuleOp, np.ndarray]:
    module = parse_module(DATA / "small_network.mlir")
    return module, random_input(module, seed=3)


def first_of(changed: ModuleOp, kind: type[Operation], name: str | None = None) -> Operation:
    return next(op for op in changed.walk() if isinstance(op, kind) and name in (None, location_name(op)))


def test_right_passes_agree():
    module, x = small()
    bisection = bisect(module, x, list(DsfPipelinePass().passes()))
    assert bisection.difference is None
    assert bisection.steps == ["input", *(one.name for one in DsfPipelinePass().passes())]


def test_the_element_of_a_wrong_shift():
    module, x = small()

    def plant(changed: ModuleOp) -> None:
        op = first_of(changed, fxp.RequantizeOp)
        op.shift = dense_ints(ints_of(op.shift) + np.array([0, 0, 1, 0]), 8)

    # By hand: the sums of the first convolution, in numpy, and both roundings.
    fxp_module = module.clone()
    for one in DsfPipelinePass().passes()[:4]:
        one.apply(Context(), fxp_module)
    op = first_of(fxp_module, fxp.RequantizeOp)
    captured = {}
    run_integers(fxp_module, x, captured)
    difference = bisect(module, x, with_fault("bundle-to-fxp", plant)).difference
    assert difference is not None and difference.elements is not None
    assert difference.operation == "'fxp.requantize' of 'bundle_0'"
    assert difference.elements.index[3] == 2 and difference.elements.size == np.prod(shape(op.output))
    assert abs(2 * difference.elements.has - difference.elements.needs) <= 1


def test_the_piece_of_a_wrong_halo():
    module, x = small()

    def plant(changed: ModuleOp) -> None:
        halo(first_of(changed, tile.MatrixOp, "bundle_0"), random.Random(0))

    difference = bisect(module, x, with_fault("fxp-to-tile", plant, rows=2, images=1)).difference
    assert difference is not None and difference.elements is not None
    assert difference.operation == "'tile.matrix' of 'bundle_0'"
    assert difference.part is not None and difference.part.startswith("image 0, rows 0 to 1, channels 0 to 7")
    assert difference.elements.index[0] == 0 and difference.elements.index[1] < 2


def test_what_the_verifier_finds():
    """An instruction that writes outside its buffer: the step left what is no module, and the text says why."""
    module, x = small()

    def plant(changed: ModuleOp) -> None:
        op = first_of(changed, sched.LoadOp)
        set_number(op, "at", number(op, "at") ^ 1)

    difference = bisect(module, x, with_fault("tile-to-sched", plant)).difference
    assert difference is not None and difference.text is not None and difference.operation is None
    assert difference.step == "tile-to-sched"
    assert difference.text.startswith("leaves what is no module: 'instruction 0' (sched.load of bundle_0): uses 193 to 256")


def test_who_wrote_what_is_read():
    """An instruction that reads the wrong tensor: it is told whose that is."""
    module = parse_module(DATA / "flat_graph.mlir")
    x = random_input(module, seed=1)

    def plant(changed: ModuleOp) -> None:
        buffers = [op for op in changed.walk() if isinstance(op, sched.BufferOp) and op.space.data == "feature"]
        for index, op in enumerate(buffers):
            set_number(op, "address", 256 * index)
        (read,) = (op for op in buffers if op.label.data == "input")
        first_of(changed, sched.MatrixOp, "Conv_2").operands[0] = read.buffer

    difference = bisect(module, x, with_fault("tile-to-sched", plant)).difference
    assert difference is not None and difference.text is not None
    assert (difference.operation, difference.sources) == ("'sched.matrix' of 'Conv_2'", ("Add_4", "Conv_2", "Relu_3"))
    assert difference.text.startswith("this is of the input that it reads, element")
    assert difference.text.endswith(", last written by 'sched.load' of 'Conv_0'")


def test_fields_that_are_wrong_are_named():
    module, x = small()

    def plant(changed: ModuleOp) -> None:
        op = first_of(changed, isa.MatrixOp, "bundle_1")
        set_number(op, "bias_shift", op["bias_shift"] + 1)

    difference = bisect(module, x, with_fault("sched-to-isa", plant)).difference
    assert difference is not None and difference.operation is not None and difference.text is not None
    assert difference.operation.endswith("'isa.matrix' of 'bundle_1'")
    program = Program.from_module(compile_module(module))
    index = int(difference.operation.split()[1])
    right = program.steps[index].instruction["bias_shift"]
    assert f"field bias_shift is {right + 1}, needs {right}" in difference.text


def test_a_missing_token_is_named():
    module, x = small()
    program = program_of(compile_module(module))
    waiting = next(i for i, op in enumerate(program.instructions) if op["wait"])
    signalling = next(i for i, op in enumerate(program.instructions) if op["signal"])
    assert signalling < waiting

    def plant(changed: ModuleOp) -> None:
        instructions = list(program_of(changed).instructions)
        set_number(instructions[signalling], "signal", 0)
        set_number(instructions[waiting], "wait", 0)

    difference = bisect(module, x, with_fault("sched-to-isa", plant)).difference
    assert difference is not None and difference.operation is not None and difference.text is not None
    name = program.instructions[signalling].name
    assert difference.operation == f"instruction {signalling} of a run, '{name}' of 'bundle_0'"
    assert difference.text.startswith("signals none, needs matrix; ")


def test_a_token_that_nobody_takes_is_named():
    module, x = small()

    def plant(changed: ModuleOp) -> None:
        set_number(next(op for op in program_of(changed).instructions if op["wait"]), "wait", 0)

    difference = bisect(module, x, with_fault("sched-to-isa", plant)).difference
    assert difference is not None and difference.text is not None
    assert "tokens are left (1 from load to matrix), needs each signal to be waited for" in difference.text


# Files.


def test_files_that_were_changed_by_hand(tmp_path: Path):
    module, x = small()
    compile_module(module, emit_ir=tmp_path)
    bisection = Bisection(x)
    bisection.run(levels_of_files(tmp_path))
    assert bisection.difference is None and bisection.steps[0] == "input" and len(bisection.steps) == 10
    path = tmp_path / "8-tile-to-sched.mlir"
    path.write_text(path.read_text().replace("high = 127", "high = 100", 1))
    bisection = Bisection(x)
    bisection.run(levels_of_files(tmp_path))
    assert bisection.difference is not None
    assert (bisection.difference.step, bisection.steps[-1]) == ("tile-to-sched", "tile-to-sched")
    path.write_text(path.read_text().replace("at 0 size", "at 1 size", 1))
    bisection = Bisection(x)
    bisection.run(levels_of_files(tmp_path))
    assert bisection.difference is not None and bisection.difference.step == "tile-to-sched"


def test_no_files(tmp_path: Path):
    with pytest.raises(BinaryError, match=r"no files 0-input\.mlir and so on"):
        list(levels_of_files(tmp_path))


def test_binaries_that_were_changed():
    module, x = small()
    bisection = bisect(module, x, list(DsfPipelinePass().passes()))
    program = Program.from_module(compile_module(module))
    bisection.add_binary(program, "program.bin")
    assert bisection.difference is None and bisection.steps[-1] == "program.bin"
    weights = bytearray(program.weights)
    weights[64] ^= 1
    bisection.add_binary(replace(program, weights=bytes(weights)), "program.bin")
    assert bisection.difference is not None and bisection.difference.operation is not None
    assert "of the load program, 'isa.load_weights' of 'bundle_0'" in bisection.difference.operation


# Networks that do not fit.


@pytest.mark.parametrize("seed", range(6))
def test_right_passes_agree_in_small_memories(seed: int):
    """Tensors in DRAM, strips that slide through feature memory, copies: nothing is wrong, and nothing is said to be."""
    print("seed", seed)
    rng = random.Random(seed)
    module = random_network(rng, random_hardware(rng), layers=4)
    x = input_of(rng, module)
    for one in (CheckHardwarePass(), BundleToFxpPass()):
        run_pass(CTX, module, one)
    tiled, _ = tiled_in_small_memories(module, random_options(rng), rng)
    bisection = bisect(tiled, x, [TileToSchedPass(resident_weights=seed % 2 == 0), SchedToIsaPass()])
    assert bisection.difference is None
    assert bisection.steps == ["input", "tile-to-sched", "sched-to-isa"]
