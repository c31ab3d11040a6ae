"""
The vectorised interpreter of the instructions against the loops of `dsf/isa/table.py`, one element at a time in plain
Python, on random small instructions.
"""

import copy
import random

import numpy as np
import pytest
from isa_loops import loop_depthwise, loop_load, loop_load_weights, loop_matrix, loop_store, loop_vector
from isa_machines import MACHINES, assert_same, filled

from dsf.dialects import isa
from dsf.hardware import VECTOR_TABLES, Hardware
from dsf.isa.checks import instruction_problems
from dsf.isa.table import ELEMENTWISE, POOLS, VECTOR, VectorFunction
from dsf.numerics import int_range
from dsf.runtime.interpreters import isa as semantics


def window(rng: random.Random, hw: Hardware, kernel: tuple[int, int], channels: int, dilation: int = 1) -> dict[str, int]:
    """A tensor of a few images, and a window with padding, strides and pads that moves over it."""
    height, width, images = rng.randint(1, 5), rng.randint(1, 5), rng.randint(1, 2)
    top, left = rng.randint(0, kernel[0] - 1), rng.randint(0, kernel[1] - 1)
    sy, sx = rng.randint(1, 2), rng.randint(1, 2)
    start = rng.randint(0, 40)
    low, high = int_range(hw.bits_input)
    # Each window holds at least one element: its first or its last tap lies inside.
    rows = max(1, min((height + top - 1) // sy + 1, 3))
    columns = max(1, min((width + left - 1) // sx + 1, 3))
    return {
        "src": (start - (top * width + left) * channels) % 2**24,
        "x_start": -left * channels,
        "x_step": sx * channels,
        "y_start": -top,
        "y_step": sy,
        "row_step": sy * width * channels,
        "image_step": height * width * channels,
        "row_elements": width * channels,
        "height": height,
        "pad_value": rng.randint(low, high),
        "columns": columns,
        "rows": rows,
        "images": images,
        "dst": 300,
    }


def random_matrix(rng: random.Random, hw: Hardware) -> dict[str, int]:
    kernel, channels = (rng.randint(1, 3), rng.randint(1, 3)), rng.randint(1, 5)
    runs = rng.choice([1, kernel[1]])
    run = channels if runs > 1 else kernel[1] * channels
    f = window(rng, hw, kernel, channels)
    groups, last = rng.randint(1, 3), rng.randint(1, hw.group_columns)
    out = (groups - 1) * hw.group_columns + last
    raw, tall = rng.random() < 0.25, rng.random() < 0.5
    per = hw.raw_elements if raw else 1
    width = f["row_elements"] // channels
    chunk = rng.randint(1, min(run, hw.reach))
    low, high = int_range(hw.bits_input)
    step = out * per + rng.randint(0, 2)
    f |= {
        "kernel_rows": kernel[0],
        "kernel_row_step": width * channels,
        "y_dilation": 1,
        "kernel_runs": runs,
        "run_step": channels,
        "run": run,
        "chunk": chunk,
        "chunks": -(-run // chunk),
        "last_chunk": run - (-(-run // chunk) - 1) * chunk,
        "pixels": f["images"] * f["rows"] * f["columns"],
        "dst_pixel_step": step,
        "dst_row_step": step * f["columns"] + 1,
        "dst_image_step": (step * f["columns"] + 1) * f["rows"],
        "channel_groups": groups,
        "last_group_lanes": last,
        "tall": int(tall),
        "raw": int(raw),
        "weight_bank": rng.randrange(hw.column_groups) if tall else 0,
        "weight_address": rng.randint(0, 3),
        "weight_words": kernel[0] * runs * run,
        "parameter_address": rng.randint(0, 3),
        "bias_shift": rng.randint(0, 6),
        "leak": rng.randint(0, 3),
        "zero_point": rng.choice([0, low, high]),
        "low": rng.choice([low, 0]),
        "high": high,
    }
    if tall and groups == 1 and hw.column_groups > 1 and rng.random() < 0.8:
        bank = f["weight_bank"]
        f["bank_words"] = rng.randint(-(-f["weight_words"] // (hw.column_groups - bank)), f["weight_words"])
    if not raw and rng.random() < 0.5:
        f |= {
            "residual": 1,
            "residual_src": rng.randint(0, 30),
            "residual_pixel_step": out,
            "residual_row_step": out * f["columns"],
            "residual_image_step": out * f["columns"] * f["rows"],
            "residual_multiplier_a": rng.randint(0, 300),
            "residual_multiplier_b": rng.randint(0, 300),
            "residual_offset": rng.randint(-300, 300),
            "residual_shift": rng.randint(0, 9),
            "residual_leak": rng.randint(0, 3),
            "residual_low": low,
            "residual_high": high,
        }
    return isa.MatrixOp(**f).fields


def random_depthwise(rng: random.Random, hw: Hardware) -> dict[str, int]:
    """Raw; any stride, and the array along the width."""
    kernel, stride = (rng.randint(1, 3), rng.randint(1, 5)), rng.randint(1, 3)
    groups, last = rng.randint(1, hw.column_groups + 1), rng.randint(1, hw.group_columns)
    channels = (groups - 1) * hw.group_columns + last
    f = window(rng, hw, kernel, channels)
    phases = min(stride, kernel[1])
    chunk = -(-kernel[1] // phases)
    step = channels * hw.raw_elements
    f |= {
        "x_step": stride * channels,
        "kernel_rows": kernel[0],
        "kernel_row_step": f["row_elements"],
        "y_dilation": 1,
        "kernel_runs": phases,
        "run_step": channels,
        "run": kernel[1],
        "chunk": chunk,
        "chunks": kernel[1] - (chunk - 1) * phases,
        "last_chunk": max(1, chunk - 1),
        "pixels": f["images"] * f["rows"] * f["columns"],
        "dst": f["image_step"] * f["images"] + 50,
        "dst_pixel_step": step,
        "dst_row_step": step * f["columns"],
        "dst_image_step": step * f["columns"] * f["rows"],
        "channel_groups": groups,
        "last_group_lanes": last,
        "depthwise": 1,
        "raw": 1,
        "weight_address": rng.randint(0, 3),
        "weight_words": kernel[0] * kernel[1],
        "parameter_address": rng.randint(0, 3),
        "bias_shift": rng.randint(0, 6),
    }
    return isa.MatrixOp(**f).fields


def random_vector(rng: random.Random, hw: Hardware) -> dict[str, int]:
    """Every function; fields that it does not use are left at their default."""
    function = rng.choice(list(VectorFunction))
    kernel = (rng.randint(1, 3), rng.randint(1, 3)) if function in POOLS else (1, 1)
    channels = rng.randint(1, 5)
    f = window(rng, hw, kernel, channels)
    low, high = int_range(hw.bits_input)
    if function in ELEMENTWISE and rng.random() < 0.3:
        # Some elements are outside the image.
        f |= {"x_start": -channels, "y_start": -1}
    apart = rng.randint(1, 3) if function in ELEMENTWISE else 1
    pixel = channels * apart + rng.randint(0, 2)
    pixels = f["columns"] * f["rows"] * f["images"]
    f |= {
        "function": function,
        "kernel_rows": kernel[0],
        "kernel_row_step": f["row_elements"],
        "kernel_columns": kernel[1],
        "kernel_column_step": channels,
        "dst_pixel_step": pixel,
        "dst_row_step": pixel * f["columns"],
        "dst_image_step": pixel * f["columns"] * f["rows"],
        "dst_channel_step": apart,
        "channels": channels,
        "count_padding": rng.randint(0, 1),
        "left": rng.randint(0, 3),
        "right": rng.randint(0, 3) if function in POOLS else rng.randint(0, 20),
        "leak": rng.randint(0, 3),
        "low": rng.choice([low, 0]),
        "high": high,
        "src_b": rng.randint(0, 40),
        "src_b_pixel_step": rng.choice([0, channels]),
        "src_b_row_step": rng.choice([0, channels * f["columns"]]),
        "src_b_image_step": rng.choice([0, channels * f["columns"] * f["rows"]]),
        "multiplier_a": rng.choice([1, 3, rng.randrange(1 << hw.bits_multiplier)]),
        "multiplier_b": rng.choice([0, 1, rng.randrange(1 << hw.bits_multiplier)]),
        "constant": rng.choice([0, rng.randint(-100000, 100000)]),
        "table_address": rng.randrange(VECTOR_TABLES),
        "zero_a": rng.randint(low, high),
        "zero_b": rng.choice([0, rng.randint(low, high)]),
    }
    assert f["dst"] + pixels * pixel <= hw.feature_elements
    unused = [field for field in VECTOR.fields if field.functions is not None and function not in field.functions]
    return isa.VectorOp(**f | {field.name: field.default for field in unused}).fields


def random_load(rng: random.Random, hw: Hardware) -> dict[str, int]:
    fields = {"base": rng.randrange(5), "offset": rng.randint(0, 50), "rows": rng.randint(1, 4)}
    fields |= {"row_elements": rng.randint(1, 40), "row_stride": rng.randint(0, 60)}
    return isa.LoadOp(**fields, dst=rng.randint(0, 99), dst_stride=rng.randint(0, 60)).fields


def random_store(rng: random.Random, hw: Hardware) -> dict[str, int]:
    fields = {"base": rng.randrange(5), "offset": rng.randint(0, 50), "rows": rng.randint(1, 4)}
    fields |= {"row_elements": rng.randint(1, 40), "row_stride": rng.randint(0, 60)}
    return isa.StoreOp(**fields, src=rng.randint(0, 99), src_stride=rng.randint(0, 60)).fields


def random_load_weights(rng: random.Random, hw: Hardware) -> dict[str, int]:
    groups, words, target = rng.randint(1, 5), rng.randint(1, 7), rng.randint(0, 2)
    address = rng.randint(0, 9)
    if target == 2:
        groups, words, bank = rng.randint(1, VECTOR_TABLES), 1, 0
        address, size = rng.randint(0, VECTOR_TABLES - groups), groups * hw.table_bytes
    elif target == 1:
        words, bank, size = 1, 0, groups * hw.group_columns * 8
    else:
        bank, size = rng.randrange(hw.column_groups), groups * words * hw.weight_slot_bits // 8
    fields = {"base": 1, "offset": rng.randint(0, 50), "bytes": size, "target": target, "bank": bank}
    return isa.LoadWeightsOp(**fields, address=address, words=words, groups=groups).fields


CASES = {
    "load": (random_load, loop_load, semantics.load),
    "store": (random_store, loop_store, semantics.store),
    "load_weights": (random_load_weights, loop_load_weights, semantics.load_weights),
    "matrix": (random_matrix, loop_matrix, semantics.matrix),
    "depthwise": (random_depthwise, loop_depthwise, semantics.matrix),
    "vector": (random_vector, loop_vector, semantics.vector),
}


@pytest.mark.parametrize("kind", MACHINES)
@pytest.mark.parametrize("name", CASES)
def test_against_the_table(name: str, kind: str):
    hardware = MACHINES[kind]
    draw, loop, vectorised = CASES[name]
    for seed in range(40 if name == "vector" else 12):
        fields = draw(random.Random(f"{name} {kind} {seed}"), hardware)
        assert instruction_problems("matrix" if name == "depthwise" else name, fields, hardware) == [], f"seed {seed}"
        got = filled(hardware, seed)
        want = copy.deepcopy(got)
        vectorised(got, fields)
        loop(want, fields)
        assert_same(got, want)
        written = (got.feature != filled(hardware, seed).feature).any()
        assert written or name not in ("matrix", "depthwise"), f"seed {seed} writes nothing"


def in_parts(f: dict[str, int]) -> list[dict[str, int]]:
    """A matrix instruction as several ones, a kernel row each, whose sums stay in the array."""
    words = f["weight_words"] // f["kernel_rows"]
    nothing = {"residual": 0, "raw": 0}
    return [
        f
        | {
            "src": (f["src"] + ky * f["kernel_row_step"]) % 2**24,
            "y_start": f["y_start"] + ky * f["y_dilation"],
            "kernel_rows": 1,
            "weight_words": words,
            "weight_address": f["weight_address"] + ky * words,
            "accumulate": int(ky > 0),
            "partial": int(ky < f["kernel_rows"] - 1),
        }
        | (nothing if ky < f["kernel_rows"] - 1 else {})
        for ky in range(f["kernel_rows"])
    ]


@pytest.mark.parametrize("kind", MACHINES)
def test_sums_that_stay_in_the_array(kind: str):
    """The parts of a reduction are what the table says, and together the whole."""
    hardware = MACHINES[kind]
    tried = 0
    for seed in range(400):
        whole = random_matrix(random.Random(f"parts {kind} {seed}"), hardware) | {"bank_words": 0}
        groups, pixels = (1, hardware.pixels_tall) if whole["tall"] else (hardware.column_groups, hardware.rows)
        if whole["kernel_rows"] == 1 or whole["pixels"] > pixels or whole["channel_groups"] > groups:
            continue
        tried += 1
        got, want, together = (filled(hardware, seed) for _ in range(3))
        for fields in in_parts(whole):
            assert instruction_problems("matrix", fields, hardware) == [], f"seed {seed}"
            semantics.matrix(got, fields)
            loop_matrix(want, fields)
            assert_same(got, want)
            channels = (fields["channel_groups"] - 1) * hardware.group_columns + fields["last_group_lanes"]
            assert (got.sums is None) == (want.sums is None) == (fields["partial"] == 0)
            if got.sums is not None and want.sums is not None:
                assert np.array_equal(got.sums, want.sums[:, :channels]), f"seed {seed}"
        semantics.matrix(together, whole)
        assert_same(got, together)
    assert tried >= 5


def test_blocks_of_positions(monkeypatch: pytest.MonkeyPatch):
    """A large layer is cut into blocks of positions; the sums don't depend on it."""
    hardware = MACHINES["8x8"]
    fields = random_matrix(random.Random(3), hardware)
    whole, cut = filled(hardware, 3), filled(hardware, 3)
    semantics.matrix(whole, fields)
    monkeypatch.setattr(semantics, "BLOCK", 1)
    semantics.matrix(cut, fields)
    assert_same(whole, cut)
