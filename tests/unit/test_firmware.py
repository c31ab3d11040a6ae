"""
The C firmware without the engine: it compiles everywhere without a warning, its errors are the engine's, and what an inference
costs the processor does not depend on the network.

`firmware_probe.c` plays the engine: registers that answer after a given number of reads.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dsf.codegen.files import write_files
from dsf.compiler import compile_module, parse_module
from dsf.isa.registers import BY_NAME, Counter
from dsf.isa.table import ErrorCode
from dsf.resources import firmware_directory

FIRMWARE = firmware_directory()
PROBE = Path(__file__).parents[1] / "data" / "firmware_probe.c"
NETWORK = Path(__file__).parents[1] / "data" / "small_network.mlir"
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wshadow", "-Wconversion"]

COMPILERS = {
    "host": ["gcc"],
    "rv32imac": ["riscv64-unknown-elf-gcc", "-march=rv32imac", "-mabi=ilp32", "-ffreestanding", "-nostdlib"],
    "aarch64": ["aarch64-linux-gnu-gcc"],
}


def compiler(target: str) -> list[str]:
    """The command for a target; skips the test where it is not installed."""
    command = COMPILERS[target]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    return [*command, *WARNINGS, f"-I{FIRMWARE}"]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the config_firmware.h of a network."""
    folder = tmp_path_factory.mktemp("network")
    write_files(compile_module(parse_module(NETWORK)), folder)
    return folder


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    executable = tmp_path_factory.mktemp("probe") / "probe"
    command = [*compiler("host"), "-O2", str(FIRMWARE / "dsf.c"), str(PROBE), "-o", str(executable)]
    subprocess.run(command, check=True)
    return executable


def ask(probe: Path, *arguments: object) -> list[str]:
    """The lines that the probe prints."""
    return subprocess.run([probe, *map(str, arguments)], check=True, capture_output=True, text=True).stdout.splitlines()


@pytest.mark.parametrize("target", COMPILERS)
@pytest.mark.parametrize("access", ["mmio", "hooks"])
@pytest.mark.parametrize("level", ["-O0", "-Os", "-O3"])
def test_compiles_without_a_warning(target: str, access: str, level: str, tmp_path: Path):
    define = ["-DDSF_MMIO"] if access == "mmio" else []
    subprocess.run([*compiler(target), level, *define, "-c", FIRMWARE / "dsf.c", "-o", tmp_path / "dsf.o"], check=True)


@pytest.mark.parametrize("target", COMPILERS)
def test_example_links(target: str, network: Path, tmp_path: Path):
    """The bare-metal one against nothing but what the compiler brings: no library, no heap."""
    sources = [FIRMWARE / "dsf.c", FIRMWARE / "example" / "main.c"]
    bare = ["-Wl,--entry=main", "-Wl,--no-warn-rwx-segments", "-lgcc"] if target == "rv32imac" else []
    command = [*compiler(target), "-O2", "-DDSF_MMIO", f"-I{network}", *sources, *bare, "-o", tmp_path / "example"]
    subprocess.run(command, check=True)


CONSOLE = """
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>
#define PUT(character) (void)putchar(character)
#define main example_main
#include "example/main.c"
#undef main

int main(void)
{
    volatile uint32_t *registers = mmap((void *)REGISTERS, 4096, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    registers[DSF_REG_ID / 4] = DSF_ID_VALUE;
    registers[DSF_REG_VERSION / 4] = DSF_VERSION_VALUE;
    registers[DSF_REG_BEAT_BYTES / 4] = 16;
    registers[DSF_REG_CYCLES_HI / 4] = 1;
    for (uint32_t i = 0; i < DSF_NUM_COUNTERS; i++)
        registers[DSF_REG_COUNT_MATRIX_STEPS / 4 + i] = 100 + i;
    registers[DSF_REG_COUNT_IDLE / 4] = 0;
    if (dsf_init(&engine, &platform) != DSF_OK)
        return 1;
    print_counters(&engine);
    return 0;
}
"""


def test_example_prints_counters(network: Path, tmp_path: Path):
    source = tmp_path / "console.c"
    source.write_text(CONSOLE)
    flags = ["-DDSF_MMIO", f"-I{network}", source, FIRMWARE / "dsf.c", "-o", tmp_path / "console"]
    subprocess.run([*compiler("host"), *flags], check=True)
    printed = subprocess.run([tmp_path / "console"], check=True, capture_output=True, text=True).stdout.splitlines()
    stalls = "pixels 105, drain 106, matrix 107, vector 108, output 109, load 110, weights 111"
    assert printed == [
        f"cycles 4294967296: busy 100, {stalls}, idle 0",
        "bytes: instructions 1616, features 1632, weights 1648, output 1664",
    ]


def test_header_is_cpp(tmp_path: Path):
    if shutil.which("g++") is None:
        pytest.skip("g++ is not installed")
    source = tmp_path / "probe.cpp"
    source.write_text('#include "dsf.h"\nint main() { return dsf_error_name(DSF_OK)[0]; }\n')
    subprocess.run(["g++", "-Wall", "-Wextra", "-Werror", f"-I{FIRMWARE}", "-c", source, "-o", tmp_path / "o"], check=True)


def test_library_has_no_data_and_calls_nobody(tmp_path: Path):
    """All state is the caller's, and nothing of a C library is needed."""
    target = tmp_path / "dsf.o"
    subprocess.run([*compiler("host"), "-O2", "-c", FIRMWARE / "dsf.c", "-o", target], check=True)
    symbols = subprocess.run(["nm", target], check=True, capture_output=True, text=True).stdout.splitlines()
    kinds = {line.split()[-1]: line.split()[-2] for line in symbols}
    assert {name for name, kind in kinds.items() if kind in "dDbBCU" and not name.startswith("_GLOBAL_")} == set()


def test_error_names(probe: Path):
    """Each code of the engine has its name and its number, and so has each of the firmware's own."""
    names = ask(probe, "names")
    for code in ErrorCode:
        assert names[code] == ("OK" if code is ErrorCode.NONE else code.name)
    header = (FIRMWARE / "dsf.h").read_text()
    body = header[header.index("enum dsf_result {") : header.index("struct dsf_platform {")]
    listed = re.findall(r"^    DSF_(\w+)(?: =|,| )", body, re.MULTILINE)
    assert [name for name in names if name != "UNKNOWN"] == listed
    assert names[len(ErrorCode) : 16] == ["UNKNOWN"] * (16 - len(ErrorCode))


@pytest.mark.parametrize("frac", [0, 7, 20, -3])
def test_softmax(probe: Path, frac: int):
    random = np.random.default_rng(frac + 100)
    spread = 2.0 ** (frac + 3)
    vectors = [random.integers(-spread, spread + 1, size=n) for n in (1, 2, 10, 1000)]
    vectors += [np.array([-(1 << 31), (1 << 31) - 1, 0]), np.zeros(7, dtype=np.int64), np.array([(1 << 31) - 1] * 3)]
    for x in vectors:
        got = np.array(ask(probe, "softmax", frac, *x), dtype=np.float64)
        scaled = np.ldexp(x.astype(np.float64), -frac)
        exact = np.exp(scaled - scaled.max())
        np.testing.assert_allclose(got, exact / exact.sum(), rtol=0, atol=1e-6)


def test_life_of_an_engine(probe: Path):
    """Every result that needs no program, in both ways of waiting; the probe checks and says where it failed."""
    assert ask(probe, "life") == ["ok"]


def test_counters(probe: Path):
    """Each counter of the table has its place in the struct; beats are bytes there."""
    found = {name: int(value) for name, value in (line.split() for line in ask(probe, "counters"))}
    names = {Counter.MATRIX_STEPS: "busy"}
    names |= {one: one.name.lower().replace("beats", "bytes") for one in Counter if one not in names}
    values = {one: (1 << 31) + BY_NAME[f"COUNT_{one.name}"].offset for one in Counter}
    expected = {names[one]: value * (32 if "BEATS" in one.name else 1) for one, value in values.items()}
    assert found == {"cycles": 6 << 32 | 5, **expected}


@pytest.mark.parametrize("interrupts", [0, 1])
def test_register_accesses_of_an_inference(probe: Path, interrupts: int):
    """Two addresses, start, and how it ended: the same after any number of runs of any length."""
    (line,) = set(ask(probe, "accesses", interrupts, 5))
    assert line == ("8" if interrupts else "6")


def test_instructions_of_an_inference(probe: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Counted by valgrind, with the probe's side of the accesses, for a small and for a large network."""
    if shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    counts = [_count(probe, tmp_path / str(size), size) for size in (10, 1_000_000)]
    with capsys.disabled():
        print(f"\nfirmware: 8 register accesses, {counts[0]} instructions per inference")
    assert counts[0] == counts[1] < 500


def _count(probe: Path, directory: Path, size: int) -> int:
    directory.mkdir()
    tool = ["valgrind", "--tool=callgrind", "--toggle-collect=dsf_run", f"--callgrind-out-file={directory}/out"]
    subprocess.run([*tool, probe, "once", str(size)], check=True, capture_output=True)
    totals = re.findall(r"^(?:totals|summary): (\d+)", (directory / "out").read_text(), re.MULTILINE)
    return int(totals[0])
