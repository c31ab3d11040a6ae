"""The instruction set: its field table, and its binary encoding."""
