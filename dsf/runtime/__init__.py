"""Running programs: interpreters of every IR level, and the simulated engine."""
