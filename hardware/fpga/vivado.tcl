# The engine alone in Vivado, out of context: what it takes, and the clock it reaches.
#
#   vivado -mode batch -source vivado.tcl -tclargs CONFIG_HW_TCL PART [DIRECTORY]
#
# CONFIG_HW_TCL is written by Hardware.export(), PART is your device, such as xczu3eg-sbva484-1-e. Reports go to DIRECTORY
# (build). A design with a processor instantiates dsf_top instead, see docs/board.md.

if {[llength $argv] < 2} {
  error "vivado.tcl: [llength $argv] arguments, needs CONFIG_HW_TCL and PART; see the head of this file"
}
lassign $argv config part directory
if {$directory eq ""} {
  set directory build
}
source $config
file mkdir $directory

read_verilog -sv $dsf_sources
set generics [lmap {name value} $dsf_parameters {string cat $name = $value}]
synth_design -top $dsf_core_top -part $part -mode out_of_context -flatten_hierarchy rebuilt \
  -include_dirs $dsf_include_directories -verilog_define $dsf_defines -generic $generics
create_clock -name clk -period $dsf_clock_period_ns [get_ports clk_i]
report_utilization -hierarchical -file [file join $directory utilization_synthesis.txt]

opt_design
place_design
route_design
report_utilization -hierarchical -file [file join $directory utilization.txt]
report_timing_summary -file [file join $directory timing.txt]
