# The engine in standard cells, by a Yosys that has Tcl and the slang plugin.
#
#   yosys -c yosys.tcl -- CONFIG_HW_TCL LIBERTY [DIRECTORY]
#
# CONFIG_HW_TCL is written by Hardware.export(), LIBERTY is your library's file for one corner. Netlist and statistics go to
# DIRECTORY (build). Memories: replace dsf_ram.sv by a file that instantiates your memory compiler's macros; as it is, they become
# flip-flops. Without such a Yosys: python -m benchmarks.synth --liberty LIBERTY.

if {[llength $argv] < 2} {
  error "yosys.tcl: [llength $argv] arguments, needs CONFIG_HW_TCL and LIBERTY; see the head of this file"
}
lassign $argv config liberty directory
if {$directory eq ""} {
  set directory build
}
source $config
file mkdir $directory

yosys plugin -i slang
set arguments {}
foreach define $dsf_defines {
  lappend arguments -D $define
}
foreach include $dsf_include_directories {
  lappend arguments -I $include
}
foreach {name value} $dsf_parameters {
  lappend arguments -G $name=$value
}
yosys read_slang {*}$arguments --top $dsf_core_top {*}$dsf_sources

yosys synth -flatten -top $dsf_core_top
yosys dfflibmap -liberty $liberty
# The clock's period in picoseconds.
yosys abc -liberty $liberty -D [expr {int(1000 * $dsf_clock_period_ns)}]
yosys opt_clean -purge
yosys tee -o [file join $directory statistics.txt] stat -liberty $liberty
yosys write_verilog -noattr [file join $directory dsf_core.v]
