"""lit's configuration: run with `lit tests/filecheck`, or by `pytest` through `tests/test_filecheck.py`."""

import os
import sys
from pathlib import Path

import lit.formats

config = config  # noqa: F821  (lit defines it)
config.name = "dsf"
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.test_source_root, "..", "..", "build", "lit")
config.suffixes = [".mlir", ".test"]
config.test_format = lit.formats.ShTest(execute_external=False)

# lit runs tests in an empty environment: hand on what Python needs, and find filecheck beside this Python.
root = Path(config.test_source_root).parent.parent
config.environment["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])
config.environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))

PYTHON = sys.executable
DSF_OPT = f"{PYTHON} -m dsf.tools.dsf_opt"
ROUNDTRIP = f"{DSF_OPT} %s --print-op-generic --split-input-file | {DSF_OPT} --split-input-file | filecheck %s"
GENERIC = f"{DSF_OPT} %s --print-op-generic --split-input-file | filecheck %s --check-prefix=CHECK-GENERIC"
DIAGNOSTICS = f"{DSF_OPT} %s --split-input-file --verify-diagnostics --parsing-diagnostics | filecheck %s"
config.substitutions += [
    # Text to generic form, back, and to text again.
    ("DSF_ROUNDTRIP", ROUNDTRIP),
    ("DSF_GENERIC_ROUNDTRIP", GENERIC),
    # Every chunk's error, in order.
    ("DSF_VERIFY_DIAG", DIAGNOSTICS),
    (r"(?<![/\w.-])dsf-opt\b", DSF_OPT),
    # The command line tool; not the package, a path or a dialect's name.
    (r"(?<![/\w.-])dsf (?=(sim|disasm|asm|report|--)\b)", f"{PYTHON} -m dsf.tools.dsf "),
]
