// RUN: DSF_VERIFY_DIAG

isa.load {rows = 65536, dst = -1}
// CHECK:      invalid.mlir:3:1: 'isa.load': rows is 65536, needs 0 to 65535
// CHECK-NEXT: 'isa.load': dst is -1, needs 0 to 16777215

// -----

isa.vector {function = 6, dst_channel_step = 70000}
// CHECK:      'isa.vector': function is 6, needs 0 to 5
// CHECK-NEXT: 'isa.vector': dst_channel_step is 70000, needs 0 to 65535

// -----

isa.vector {function = table, kernel_columns = 2, high = 127, constant = 1}
// CHECK:      'isa.vector': kernel_columns is 2, needs 1, since table does not use it
// CHECK-NEXT: 'isa.vector': high is 127, needs 0, since table does not use it
// CHECK-NEXT: 'isa.vector': constant is 1, needs 0, since table does not use it

// -----

isa.load_weights {target = 3}
// CHECK: 'isa.load_weights': target is 3, needs 0 to 2

// -----

isa.matrix {weight_bnak = 1}
// CHECK: 'isa.matrix': field weight_bnak is unknown, needs one of: src, x_start,

// -----

isa.end {rows = 1}
// CHECK: 'isa.end': field rows is unknown, needs one of: none, it has no fields

// -----

isa.store {src = 1, src = 2}
// CHECK: 'isa.store': src is given twice, needs to be given once

// -----

isa.load wait(loads)
// CHECK: Expected one of 'load', 'matrix', 'store', 'vector', 'weight'

// -----

isa.load {base = flash}
// CHECK: Expected one of 'arena', 'input', 'output', 'program', 'weights'

// -----

isa.load {rows = 1} cycles -4
// CHECK: 'isa.load': cycles is -4, needs at least 0

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load
}
// CHECK: 'isa.program': ends with 'isa.load', needs 'isa.end' last and nowhere else

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.end
  isa.end
}
// CHECK: 'isa.program': goes on after 'isa.end', needs 'isa.end' last and nowhere else

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
^empty:
}
// CHECK: 'isa.program': no instructions, needs at least 'isa.end'

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  "test.op"() : () -> ()
  isa.end
}
// CHECK: 'isa.program': holds 'test.op', needs instructions of the isa dialect only

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.end
}
// CHECK: 'isa.program': an input with base output, needs base input

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>] outputs []
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.end
}
// CHECK: 'isa.program': no outputs, needs at least one #engine.tensor

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena -8 bundles [] weights dense<> : tensor<0xi8> {
  isa.end
}
// CHECK: 'isa.program': arena -8, needs a size in bytes of at least 0

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<1> : tensor<4xi16> {
  isa.end
}
// CHECK: 'isa.program': weights of type tensor<4xi16>, needs tensor<Nxi8>, the bytes of the weight stream

// -----

isa.load_program {
  isa.end
}
// CHECK: 'isa.load_program': stands in 'builtin.module', needs to stand in 'isa.program'; move it there

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load_program {
    isa.load_weights {base = weights, bytes = 2, words = 1, groups = 1}
  }
  isa.end
}
// CHECK: 'isa.load_program': ends with 'isa.load_weights', needs 'isa.end' last and nowhere else

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load_program {
    isa.load {base = input, rows = 1, row_elements = 1}
    isa.end
  }
  isa.end
}
// CHECK: 'isa.load_program': 'isa.load' uses base input, which is set for each run, needs another; move it to the run

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load {base = input, rows = 1, row_elements = 1}
  isa.load_program {
    isa.end
  }
  isa.end
}
// CHECK: 'isa.load_program': stands after instructions, needs to stand before them; move it up

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load_program {
    isa.end
  }
  isa.load_program {
    isa.end
  }
  isa.end
}
// CHECK: 'isa.program': 2 load programs, needs at most one; make them one

// -----

isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load_program {
    isa.end
  }
}
// CHECK: 'isa.program': no instructions, needs at least 'isa.end'

// -----

// Two queues wait for each other.
engine.hardware {processing_elements = [1, 1]}
isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load wait(store) signal(store) {base = input, rows = 1, row_elements = 1}
  isa.store wait(load) signal(load) {base = output, rows = 1, row_elements = 1}
  isa.end
}
// CHECK:      'instruction 0' (isa.load): queue load waits for a token from store that never comes
// CHECK-NEXT: 'instruction 1' (isa.store): queue store waits for a token from load that never comes

// -----

// The LOAD whose token the first STORE needs is behind more of them than their queue holds.
engine.hardware {processing_elements = [1, 1], queue_depth = 2}
isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.store wait(load) {base = output, rows = 1, row_elements = 1}
  isa.store {base = output, rows = 1, row_elements = 1}
  isa.store {base = output, rows = 1, row_elements = 1}
  isa.load signal(store) {base = input, rows = 1, row_elements = 1}
  isa.end
}
// CHECK: 'instruction 0' (isa.store): queue store waits for a token from load that never comes

// -----

engine.hardware {processing_elements = [1, 1]}
isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load_program {
    isa.load_weights wait(matrix) {base = weights, bytes = 64, words = 4, groups = 2}
    isa.end
  }
  isa.end
}
// CHECK: 'instruction 0 of the load program' (isa.load_weights): queue weight waits for a token from matrix that never comes

// -----

// Nothing takes the token.
engine.hardware {processing_elements = [1, 1]}
isa.program inputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1], bits = 8, frac = 0, base = output, offset = 0>]
  arena 0 bundles [] weights dense<> : tensor<0xi8> {
  isa.load signal(store) {base = input, rows = 1, row_elements = 1}
  isa.end
}
// CHECK: 'isa.end': tokens are left (1 from load to store), needs each signal to be waited for
