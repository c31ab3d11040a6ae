"""
The hardware's parameters as files: `config_hw.json` for DSF itself, `config_hw.svh` for whoever instantiates the core,
`config_hw.tcl` for the scripts of synthesis tools.

The parameters of `dsf_core` follow from `Hardware` here and nowhere else.
"""

from __future__ import annotations

import json
from pathlib import Path

from dsf.disk import write_all
from dsf.errors import HardwareError
from dsf.hardware import Hardware
from dsf.resources import rtl_sources

#: The macro that `dsf_reset.svh` looks for.
ASYNC_RESET = "DSF_ASYNC_RESET"


def core_parameters(hw: Hardware) -> dict[str, int]:
    """The parameters of the module `dsf_core`, by name."""
    return {
        "Pe": hw.pe_kind.parameter,
        "Rows": hw.rows,
        "Cols": hw.columns,
        "Groups": hw.column_groups,
        "XBits": hw.bits_input,
        "WBits": hw.bits_weights,
        "BBits": hw.bits_bias,
        "MBits": hw.bits_multiplier,
        "AccBits": hw.bits_sum,
        "FBits": hw.bits_fraction,
        "VecLen": hw.vector_length,
        "AxiWidth": hw.axi_width,
        "FeatureWords": hw.feature_words,
        "WeightWords": hw.weight_words,
        "ParamGroups": hw.parameter_groups,
        "QueueDepth": hw.queue_depth,
        "CaptureTiles": hw.capture_tiles,
        "WatchdogCycles": hw.watchdog_cycles,
    }


def core_defines(hw: Hardware) -> dict[str, str]:
    """The preprocessor macros that all RTL files are compiled with."""
    return {ASYNC_RESET: ""} if hw.reset == "async" else {}


def hardware_svh(hw: Hardware) -> str:
    """
    `config_hw.svh`: the parameters as macros, and as one list for `dsf_core #(`DSF_CORE_PARAMETERS)`.

    It depends on what `Hardware.hash` depends on, and on nothing else.
    """
    parameters = core_parameters(hw)
    width = max(map(len, parameters)) + len("DSF_PARAM_")
    lines = [
        "// The parameters of this engine. Written by Hardware.export(); do not edit.",
        "",
        "`ifndef DSF_CONFIG_HW_SVH",
        "`define DSF_CONFIG_HW_SVH",
        "",
        *(f"`define {'DSF_' + _upper(name):<{width}} {value}" for name, value in parameters.items()),
        "",
        "// Identifies the engine; programs compiled for another one are refused.",
        f"`define {'DSF_HASH':<{width}} 32'h{hw.hash:08x}",
        "",
        "`define DSF_CORE_PARAMETERS \\",
        ", \\\n".join(f"  .{name}(`DSF_{_upper(name)})" for name in parameters),
        "",
        "`endif",
        "",
    ]
    return "\n".join(lines)


def hardware_tcl(hw: Hardware) -> str:
    """`config_hw.tcl`: sources, parameters, macros, clock and hash as Tcl variables, for Vivado, Yosys and others."""
    parameters = " \\\n".join(f"  {name} {value}" for name, value in core_parameters(hw).items())
    sources = " \\\n".join(f"  {path.name}" for path in rtl_sources())
    return f"""\
# The engine '{hw.name}' for synthesis scripts. Written by Hardware.export(); do not edit.
#
# Set dsf_rtl_directory before sourcing this file if the RTL is not where the installed Python package has it.

if {{![info exists dsf_rtl_directory]}} {{
  set dsf_rtl_directory [exec python3 -c "from dsf.resources import hardware_directory; print(hardware_directory() / 'rtl')"]
}}

set dsf_name {hw.name}
set dsf_hash 0x{hw.hash:08x}
set dsf_core_top dsf_core
set dsf_clock_mhz {hw.frequency:g}
set dsf_clock_period_ns {1000 / hw.frequency:.4f}
set dsf_include_directories [list $dsf_rtl_directory]

# Macros for all files, as names.
set dsf_defines [list {" ".join(["SYNTHESIS", *core_defines(hw)])}]

# Parameters of dsf_core: name value ...
set dsf_parameters [list \\
{parameters} \\
]

# In compile order: packages first.
set dsf_source_names [list \\
{sources} \\
]
set dsf_sources {{}}
foreach dsf_source_name $dsf_source_names {{
  lappend dsf_sources [file join $dsf_rtl_directory $dsf_source_name]
}}
"""


def write_hardware_config(hw: Hardware, directory: Path) -> list[Path]:
    """Writes the three files into `directory`, which is made if need be; returns their paths. Raises `HardwareError`."""
    files = {
        "config_hw.json": json.dumps(hw.to_dict(), indent=2) + "\n",
        "config_hw.svh": hardware_svh(hw),
        "config_hw.tcl": hardware_tcl(hw),
    }
    return write_all(directory, files, HardwareError)


def _upper(name: str) -> str:
    """`WeightWords` to `WEIGHT_WORDS`, `XBits` to `X_BITS`."""
    return "".join(f"_{c}" if c.isupper() and i > 0 else c.upper() for i, c in enumerate(name))
