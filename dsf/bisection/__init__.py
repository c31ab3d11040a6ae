"""
Finding the pass that changes a result: every level of a network is executed on one input, and compared with the one before.

| file | what it compares |
|---|---|
| `functions` | levels that have tensors (`bundle`, `fxp`, `tile`), operation by operation |
| `placement` | `tile` with `sched`: what each instruction reads and makes, with the tensors that it is of |
| `programs` | programs, instruction by instruction: all memories after each; then other orders that the tokens admit |
| `levels` | where the levels come from: passes, or files of IR; and all of it together |
"""
