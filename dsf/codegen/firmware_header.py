"""
`config_firmware.h`: what the C firmware needs to know of a compiled network.

The memory map is a proposal: regions one after the other from one base address, each on a 4 KB boundary, which no burst of
the bus crosses. `program.bin` and `weights.bin` go there as they are; `DSF_NETWORK_AT` is the `struct dsf_network` for it. The
program names DRAM by base register only, so any other place for a region serves as well.
"""

from __future__ import annotations

from dsf.codegen.program import HEADER_BYTES, Program
from dsf.codegen.report import Report
from dsf.dialects.engine import TensorAttr
from dsf.isa.table import BaseRegister
from dsf.sizes import align_up

ALIGNMENT = 4096

_TYPES = """\
/* A tensor of integers i, packed from byte `offset` after its base register on. In channel c, i stands for
 * (i - zero_point) * scale[c % scales]. Where there is one scale, and it is 2^-frac, zero_point is 0; else frac is 0. */
typedef struct {
    uint32_t offset;
    uint32_t bytes;
    uint32_t elements;
    int16_t bits;
    int16_t frac;
    uint16_t dimensions;
    uint16_t shape[4];
    int16_t zero_point;
    uint16_t scales;
    const float *scale;
} dsf_tensor_t;

/* A layer group of the network: multiplications, and cycles that the compiler expects (0: unknown). */
typedef struct {
    const char *name;
    uint64_t macs;
    uint32_t cycles;
} dsf_bundle_t;
"""


_NETWORK = """\
/* The network for dsf_load, its files laid out as above from bus address `memory` on. */
#define DSF_NETWORK_AT(memory) { \\
    .hash = DSF_HARDWARE_HASH, \\
    .program = (memory) + DSF_PROGRAM_OFFSET + DSF_PROGRAM_FILE_OFFSET, \\
    .program_bytes = DSF_PROGRAM_BYTES, \\
    .load_program = (memory) + DSF_PROGRAM_OFFSET + DSF_LOAD_PROGRAM_FILE_OFFSET, \\
    .load_program_bytes = DSF_LOAD_PROGRAM_BYTES, \\
    .weights = (memory) + DSF_WEIGHTS_OFFSET, \\
    .arena = (memory) + DSF_ARENA_OFFSET, \\
    .input_bytes = DSF_INPUT_BYTES, \\
    .output_bytes = DSF_OUTPUT_BYTES, \\
}
"""


def region_sizes(program: Program) -> dict[BaseRegister, int]:
    """Bytes behind each base register."""
    return {
        BaseRegister.PROGRAM: len(program.stream),
        BaseRegister.WEIGHTS: len(program.weights),
        BaseRegister.INPUT: program.input_bytes,
        BaseRegister.OUTPUT: program.output_bytes,
        BaseRegister.ARENA: program.arena_bytes,
    }


def firmware_header(program: Program, report: Report) -> str:
    """The text of `config_firmware.h`."""
    hardware = program.hardware
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0",
        " *",
        f" * The network '{report['name']}' for the firmware. Written by DSF with program.bin and weights.bin; do not edit.",
        " */",
        "",
        "#ifndef DSF_CONFIG_FIRMWARE_H",
        "#define DSF_CONFIG_FIRMWARE_H",
        "",
        "#include <stdint.h>",
        "",
        _TYPES,
        f"#define DSF_HARDWARE_HASH 0x{hardware.hash:08X}u",
        f"#define DSF_FREQUENCY_HZ {round(hardware.frequency * 1_000_000)}u",
        f"#define DSF_INSTRUCTIONS {len(program.steps)}u",
        f"#define DSF_BATCH {program.inputs[0].dimensions[0]}u",
        f"#define DSF_SOFTMAX {int(program.softmax)}",
        f"#define DSF_EXPECTED_CYCLES {program.cycles or 0}u",
        f"#define DSF_EXPECTED_LOAD_CYCLES {program.load_cycles or 0}u",
        "",
        *_programs(program),
        "",
        "/* Memory map: bytes behind each base register, and where program.bin, weights.bin and the rest may lie",
        " * after one base address. */",
        *_memory_map(program),
        "",
        _NETWORK,
        *_tensors("INPUT", "dsf_inputs", program.inputs),
        *_tensors("OUTPUT", "dsf_outputs", program.outputs),
        *_bundles(report),
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _programs(program: Program) -> list[str]:
    load = len(program.load_stream)
    how = "dsf_load runs the load program, which loads them for all runs." if load else "they come with each run."
    return [
        f"/* Where the instructions begin in program.bin. Weights: {how} */",
        f"#define DSF_LOAD_PROGRAM_FILE_OFFSET {HEADER_BYTES}u",
        f"#define DSF_LOAD_PROGRAM_BYTES {load}u",
        f"#define DSF_PROGRAM_FILE_OFFSET {HEADER_BYTES + load}u",
    ]


def _memory_map(program: Program) -> list[str]:
    lines: list[str] = []
    offset = 0
    for base, size in region_sizes(program).items():
        lines.append(f"#define DSF_{base.name}_BYTES {size}u")
        lines.append(f"#define DSF_{base.name}_OFFSET 0x{offset:08X}u")
        room = len(program.to_bytes()) if base is BaseRegister.PROGRAM else size
        offset += align_up(room, ALIGNMENT)
    return [*lines, f"#define DSF_MEMORY_BYTES 0x{offset:08X}u"]


def _tensors(prefix: str, name: str, tensors: tuple[TensorAttr, ...]) -> list[str]:
    scales = [f"{name}_scale_{place}" for place in range(len(tensors))]
    lists = [
        f"static const float {scale}[] = {{{', '.join(_float(one) for one in scales_of(tensor))}}};"
        for scale, tensor in zip(scales, tensors, strict=True)
    ]
    rows = [f"    {_tensor(tensor, scale)}," for tensor, scale in zip(tensors, scales, strict=True)]
    count = f"DSF_{prefix}_TENSORS"
    table = [f"static const dsf_tensor_t {name}[{count}] = {{", *rows, "};"]
    return [f"#define {count} {len(tensors)}u", *lists, *table, ""]


def scales_of(tensor: TensorAttr) -> tuple[float, ...]:
    """The scales of a tensor, of which there is at least one."""
    return tensor.free_scales or (2.0**-tensor.frac.data,)


def _float(value: float) -> str:
    """A number of C, to the 9 digits that tell float32s apart."""
    text = f"{value:.9g}"
    return f"{text}f" if set(text) & set(".e") else f"{text}.0f"


def _tensor(tensor: TensorAttr, scale: str) -> str:
    shape = tensor.dimensions
    numbers = [tensor.offset.data, tensor.bytes, tensor.elements, tensor.bits.data, tensor.frac.data, len(shape)]
    free = f"{tensor.zero_point.data}, {len(scales_of(tensor))}, {scale}"
    return f"{{{', '.join(map(str, numbers))}, {{{', '.join(map(str, shape))}}}, {free}}}"


def _bundles(report: Report) -> list[str]:
    bundles = report["bundles"]
    if not bundles:
        return ["#define DSF_BUNDLES 0u", ""]
    rows = [f'    {{"{_escaped(one["name"])}", {one["macs"]}u, {one["cycles"] or 0}u}},' for one in bundles]
    lines = [f"#define DSF_BUNDLES {len(bundles)}u", "static const dsf_bundle_t dsf_bundles[DSF_BUNDLES] = {"]
    return [*lines, *rows, "};", ""]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
