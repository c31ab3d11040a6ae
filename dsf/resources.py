"""Where the files that are not Python live: in the repository, or inside the installed wheel."""

from __future__ import annotations

from pathlib import Path


def hardware_directory() -> Path:
    """The folder that holds `rtl/`, `sim/` and the back-end scripts."""
    package = Path(__file__).resolve().parent
    installed = package / "_hardware"
    return installed if installed.is_dir() else package.parent / "hardware"


def rtl_sources() -> list[Path]:
    """The SystemVerilog files of the engine, packages first, otherwise by name."""
    files = sorted((hardware_directory() / "rtl").glob("*.sv"))
    return sorted(files, key=lambda path: not path.stem.endswith("_pkg"))


def firmware_directory() -> Path:
    """The folder that holds the C firmware."""
    return Path(__file__).resolve().parent / "runtime" / "firmware"
