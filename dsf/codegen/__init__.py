"""From the `isa` dialect and the hardware's parameters to files."""
