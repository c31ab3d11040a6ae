"""How a network is laid out in the engine's memories and in time: what the passes from `tile` to `isa` share."""
