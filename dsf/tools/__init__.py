"""The command line: `dsf` and `dsf-opt`."""
