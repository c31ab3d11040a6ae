"""The wheel carries what is not Python, and the commands."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_wheel_carries_rtl_firmware_and_commands(tmp_path: Path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = (archive.read(name).decode() for name in names if name.endswith("entry_points.txt"))
    for path in (ROOT / "hardware" / "rtl").iterdir():
        assert f"dsf/_hardware/rtl/{path.name}" in names
    for path in (ROOT / "hardware" / "sim").iterdir():
        assert f"dsf/_hardware/sim/{path.name}" in names
    assert "dsf/runtime/firmware/dsf_isa.h" in names
    assert "dsf = dsf.tools.dsf:main" in entry_points
    assert "dsf-opt = dsf.tools.dsf_opt:main" in entry_points
