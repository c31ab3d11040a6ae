// RUN: DSF_VERIFY_DIAG

%x = sched.buffer feature "x" at -1 size 4
// CHECK: 'sched.buffer': address -1, needs at least 0; correct the address

// -----

%x = sched.buffer feature "x" at 0 size 0
// CHECK: 'sched.buffer': size 0, needs at least 1; correct the size

// -----

%x = sched.buffer dram "x" at 0 size 1
// CHECK: Expected `feature`, `weight`, `parameter`, `table`, `input`, `output`, `weights`, or `arena`

// -----

%x = sched.buffer feature "x" at 0 size 4
%t = sched.load %x[0] to %x[0] elements 4
// CHECK: 'sched.load': source is a buffer in feature, needs one in input or arena memory; name another buffer

// -----

%x = sched.buffer input "x" at 0 size 4
%y = "test.op"() : () -> !sched.buffer
%t = sched.load %x[0] to %y[0] elements 4
// CHECK: 'sched.load': target is not a sched.buffer, needs one; name the memory directly

// -----

%x = sched.buffer input "x" at 0 size 4
%y = sched.buffer feature "x" at 0 size 4
%t = sched.load %x[0] to %y[0] elements 0
// CHECK: 'sched.load': 0 elements, needs at least 1; drop the load

// -----

%x = sched.buffer output "x" at 0 size 4
%y = sched.buffer feature "x" at 0 size 4
%t = sched.store %y[0] to %x[0] elements 0
// CHECK: 'sched.store': 0 elements, needs at least 1; drop the store

// -----

%x = sched.buffer weights "x" at 0 size 4
%y = sched.buffer weight "x" at 0 size 4
%t = sched.load_weights %x[0] bytes 4 to %y groups 0 words 4
// CHECK: 'sched.load_weights': groups 0, needs at least 1; drop the load

// -----

%x = sched.buffer feature "x" at 0 size 4
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x wide <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]>
// CHECK: 'sched.matrix': both or none of requantize and raw, needs one of them; remove one, or add one

// -----

%x = sched.buffer feature "x" at 0 size 4
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x wide <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> raw <> add %x <low = 0, high = 1>
// CHECK: 'sched.matrix': raw sums with an addition, needs none; requantize instead

// -----

%x = sched.buffer feature "x" at 0 size 4
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 4
%t = "sched.matrix"(%x, %w, %p, %x, %x) <{mode = #tile<mode wide>, piece = #sched.piece<input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1]>, window = #tile.window<kernel = [1, 1]>, requantize = #tile.requantize<low = 0, high = 1>, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 0>}> : (!sched.buffer, !sched.buffer, !sched.buffer, !sched.buffer, !sched.buffer) -> !sched.token
// CHECK: 'sched.matrix': half an addition, needs 'add %residual <...>'; add the rest

// -----

%x = sched.buffer feature "x" at 0 size 4
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x wide <input = [4, 4, 4], output = [3, 2, 4], images = [0, 1], rows = [0, 1]> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': an output of 3x2, needs 3x3; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 4
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x wide <input = [3, 3, 4], output = [4, 3, 4], images = [0, 1], rows = [1, 2]> target <first = [0, 1, 0], strides = [2, 2]> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': a target up to 3x4x4, needs at most 4x3x4, the result's image; correct the target

// -----

%x = sched.buffer feature "x" at 0 size 4
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x wide <input = [3, 3, 4], output = [4, 4, 4], images = [0, 1], rows = [1, 2]> target <first = [0, 1, 0], strides = [2, 2]> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': rows up to 3, needs at most 2, those that there are; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 4
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x wide <input = [1, 1, 4], output = [4, 4, 4], images = [0, 1], rows = [1, 2]> target <strides = [2, 2]> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': 'window': spans 2x2 elements, needs a padded image at least as large and has 1x1; use a smaller kernel or padding='same'

// -----

%x = sched.buffer feature "x" at 0 size 4
%t = sched.pool max %x to %x <input = [1, 1, 4], output = [1, 1, 3], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> scale <low = 0, high = 1>
// CHECK: 'sched.pool': other channels in its result, needs the same; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 4
%t = sched.pool max %x to %x <input = [1, 1, 4], output = [1, 1, 4], images = [0, 0], rows = [0, 1]> window <kernel = [1, 1]> scale <low = 0, high = 1>
// CHECK: '#sched.piece': images [0, 0], needs the first and a count of at least 1; correct the list

// -----

%x = sched.buffer feature "x" at 0 size 4
%t = sched.pool max %x to %x <input = [1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> scale <low = 0, high = 1>
// CHECK: '#sched.piece': input [1, 4], needs height, width, channels; correct the list

// -----

%x = sched.buffer feature "x" at 0 size 4
%t = sched.pool max %x to %x <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [1, 1]> window <kernel = [1, 1]> scale <low = 0, high = 1>
// CHECK: 'sched.pool': rows up to 2, needs at most 1, those that there are; correct the piece

// -----

// What the whole program does wrong, all at once: a buffer outside its memory, and a store that does not wait for the load.

engine.hardware {feature_memory = 16384}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<[]> : tensor<0xi8> {
  %input = sched.buffer input "input" at 0 size 16
  %output = sched.buffer output "output" at 0 size 16
  %x = sched.buffer feature "x" at 16376 size 16
  %0 = sched.load %input[0] to %x[0] elements 16
  %1 = sched.store %x[0] to %output[4] elements 16
}
// CHECK:      'x': a buffer up to 16392 of feature memory, needs at most 16384; make it smaller, or the memory larger
// CHECK-NEXT: 'instruction 1' (sched.store): bytes up to 20 of buffer 'output', needs at most 16; correct the offset
// CHECK-NEXT: 'instruction 1' (sched.store): may run before 'instruction 0' (sched.load) is complete, whose memory it uses, needs its token; wait for it

// -----

// Two buffers that live at once overlap; a piece is larger than its buffer; nobody wrote what is read.

engine.hardware {}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<[]> : tensor<0xi8> {
  %input = sched.buffer input "input" at 0 size 16
  %output = sched.buffer output "output" at 0 size 16
  %x = sched.buffer feature "x" at 0 size 16
  %y = sched.buffer feature "y" at 8 size 16
  %0 = sched.load %input[0] to %x[0] elements 8
  %1 = sched.load %input[0] to %y[0] elements 16
  %2 = sched.load %input[8] to %x[8] elements 8
  %3 = sched.store %y[0] to %output[0] elements 8 after(%2)
  %4 = sched.store %y[12] to %output[0] elements 8 after(%2)
}
// CHECK:      'instruction 3' (sched.store): reads 'y' in feature memory 8 to 15, where 'x' was written last; move one of the buffers
// CHECK-NEXT: 'instruction 4' (sched.store): uses 20 to 27 as buffer 'y', needs 8 to 23; correct the piece

// -----

engine.hardware {}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<[]> : tensor<0xi8> {
  %output = sched.buffer output "output" at 0 size 16
  %x = sched.buffer feature "x" at 0 size 16
  %0 = sched.store %x[0] to %output[0] elements 8
}
// CHECK: 'instruction 0' (sched.store): reads 'x' in feature memory 0 to 7, where nothing was written; move one of the buffers

// -----

sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<[]> : tensor<0xi8> {
  %x = "test.op"() : () -> !sched.buffer
}
// CHECK: 'sched.program': holds 'test.op', needs sched.buffer and instructions; move it out

// -----

%x = sched.buffer input "x" at 0 size 4
%y = sched.buffer feature "x" at 0 size 4
sched.load_program {
  %t = sched.load %x[0] to %y[0] elements 4
}
// CHECK: 'sched.load_program': stands in 'builtin.module', needs to stand in 'sched.program'; move it there

// -----

sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<[]> : tensor<0xi8> {
  %input = sched.buffer input "input" at 0 size 16
  %x = sched.buffer feature "x" at 0 size 16
  sched.load_program {
    %0 = sched.load %input[0] to %x[0] elements 16
  }
}
// CHECK: 'sched.load_program': holds 'sched.load', needs sched.load_weights only; move it out

// -----

sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<[]> : tensor<0xi8> {
  sched.load_program {
  ^empty:
  }
  sched.load_program {
  ^empty:
  }
}
// CHECK: 'sched.program': 2 load programs, needs at most one; make them one

// -----

sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<[]> : tensor<0xi8> {
  %input = sched.buffer input "input" at 0 size 16
  %x = sched.buffer feature "x" at 0 size 16
  %0 = sched.load %input[0] to %x[0] elements 16
  sched.load_program {
  ^empty:
  }
}
// CHECK: 'sched.load_program': stands after instructions, needs to stand before them; move it up

// -----

// A run loads the weights of a second layer over those that are to stay.

engine.hardware {}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<256xi8> {
  %stream = sched.buffer weights "weights" at 0 size 256
  %v = sched.buffer weight "first" at 0 size 4
  %w = sched.buffer weight "second" at 2 size 4
  sched.load_program {
    %0 = sched.load_weights %stream[0] bytes 32 to %v groups 1 words 4
  }
  %1 = sched.load_weights %stream[64] bytes 32 to %w groups 1 words 4
}
// CHECK: 'instruction 0' (sched.load_weights): overwrites weight memory 2 to 3, where the load program keeps 'first' for all runs; move one of the buffers

// -----

engine.hardware {}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<32xi8> {
  %stream = sched.buffer weights "weights" at 0 size 32
  %v = sched.buffer weight "first" at 0 size 4
  sched.load_program {
    %0 = sched.load_weights %stream[4] bytes 32 to %v groups 1 words 4
  }
}
// CHECK: 'instruction 0 of the load program' (sched.load_weights): bytes up to 36 of buffer 'weights', needs at most 32; correct the offset

// -----

engine.hardware {}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<32xi8> {
  %stream = sched.buffer weights "weights" at 0 size 32
  %v = sched.buffer weight "first" at 0 size 4
  %0 = sched.load_weights %stream[0] bytes 24 to %v groups 1 words 4
}
// CHECK: 'instruction 0' (sched.load_weights): 24 bytes of the weight stream, needs 32 for what it fills; correct the bytes

// -----

// Tokens of the load program end with it.

engine.hardware {}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<32xi8> {
  %stream = sched.buffer weights "weights" at 0 size 32
  %v = sched.buffer weight "first" at 0 size 4
  sched.load_program {
    %0 = sched.load_weights %stream[0] bytes 32 to %v groups 1 words 4
  }
  %1 = sched.load_weights %stream[0] bytes 32 to %v groups 1 words 4 after(%0)
}
// CHECK: values used but not defined: [%0]

// -----

// Results leave while later windows are read: not into the place that they are computed from, but for a residual.

engine.hardware {}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<256xi8> {
  %input = sched.buffer input "input" at 0 size 16
  %stream = sched.buffer weights "weights" at 0 size 256
  %x = sched.buffer feature "x" at 0 size 16
  %y = sched.buffer feature "y" at 8 size 16
  %r = sched.buffer feature "r" at 32 size 16
  %w = sched.buffer weight "w" at 0 size 1
  %p = sched.buffer parameter "p" at 0 size 1
  %0 = sched.load %input[0] to %x[0] elements 16
  %1 = sched.load %input[0] to %r[0] elements 16
  %2 = sched.load_weights %stream[0] bytes 64 to %p groups 1 words 1
  %3 = sched.load_weights %stream[64] bytes 8 to %w groups 1 words 1
  %4 = sched.matrix %x, %w, %p to %r wide <input = [4, 4, 1], output = [4, 4, 1], images = [0, 1], rows = [0, 4]> window <kernel = [1, 1]> requantize <low = 0, high = 1> add %r <low = 0, high = 1> after(%1, %3)
  %5 = sched.matrix %x, %w, %p to %y wide <input = [4, 4, 1], output = [4, 4, 1], images = [0, 1], rows = [0, 4]> window <kernel = [1, 1]> requantize <low = 0, high = 1> after(%0, %3)
  %6 = sched.pool max %y to %y <input = [4, 4, 1], output = [4, 4, 1], images = [0, 1], rows = [0, 4]> window <kernel = [1, 1]> scale <low = 0, high = 1> after(%5)
}
// CHECK:      'instruction 5' (sched.matrix): writes 'y' over 'x', which it reads, needs places apart; move one of the buffers
// CHECK-NEXT: 'instruction 6' (sched.pool): writes 'y' over 'y', which it reads, needs places apart; move one of the buffers

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 1
%t = sched.matrix %x, %w, %p to %x wide <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1], inputs = [2]> window <kernel = [1, 1]> requantize <low = 0, high = 127>
// CHECK: '#sched.piece': inputs [2], needs the first and a count of at least 1; correct the list

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 1
%t = sched.matrix %x, %w, %p to %x wide <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1], outputs = [2, 0]> window <kernel = [1, 1]> requantize <low = 0, high = 127>
// CHECK: '#sched.piece': outputs [2, 0], needs the first and a count of at least 1; correct the list

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 1
%t = sched.matrix %x, %w, %p to %x wide <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1], inputs = [2, 3]> window <kernel = [1, 1]> requantize <low = 0, high = 127>
// CHECK: '#sched.piece': inputs up to 5, needs at most 4 channels; correct the list

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 1
%t = sched.matrix %x, %w, %p to %x wide <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1], outputs = [0, 3], convolutions = 2> window <kernel = [1, 1]> requantize <low = 0, high = 127>
// CHECK: '#sched.piece': 3 outputs in 2 convolutions, needs a multiple; correct the number

// -----

%x = sched.buffer feature "x" at 0 size 16
%t = sched.pool max %x to %x <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1], inputs = [0, 2], outputs = [2, 2]> window <kernel = [1, 1]> scale <low = 0, high = 127>
// CHECK: 'sched.pool': other channels in its result, needs the same; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 1
%t = sched.matrix %x, %w, %p to %x depthwise_rows <input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], convolutions = 2> window <kernel = [1, 2], padding = [0, 0, 1, 1], dilation = [1, 2]> requantize <low = 0, high = 127>
// CHECK: 'sched.matrix': 4 inputs to 4 outputs in 2 convolutions, depthwise, needs as many convolutions as channels; make it wide or tall

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 1
%t = sched.matrix %x, %w, %p to %x depthwise_rows <input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], convolutions = 4, residue = 2> window <kernel = [1, 2], padding = [0, 0, 1, 1], dilation = [1, 2]> requantize <low = 0, high = 127>
// CHECK: 'sched.matrix': residue 2 of a line, needs at most 1; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 1
%t = sched.matrix %x, %w, %p to %x tall <input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], residue = 1> window <kernel = [1, 2], padding = [0, 0, 1, 1], dilation = [1, 2]> requantize <low = 0, high = 127>
// CHECK: 'sched.matrix': residue 1 of a line, needs at most 0; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.elementwise #tile.add<low = -2, high = 1> %t, %x to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.elementwise': first operand is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.elementwise #tile.add<low = -2, high = 1> %x, %t to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.elementwise': second operand is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.elementwise #tile.add<low = -2, high = 1> %x, %x to %t <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.elementwise': result is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.elementwise #tile.add<low = -2, high = 1> %x, %x to %x <input = [2, 2, 3], output = [2, 2, 4], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.elementwise': other channels in its result, needs the same; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.elementwise #tile.add<low = -2, high = 1> %x, %x to %x <input = [2, 2, 3], output = [2, 3, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.elementwise': an image of [2, 2, 3] to one of [2, 3, 3], needs equal ones; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.lookup %t, %t to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.lookup': input is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.lookup %x, %x to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.lookup': table is a buffer in feature, needs one in table memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.lookup %x, %t to %t <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.lookup': result is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.lookup %x, %t to %x <input = [2, 2, 3], output = [2, 3, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.lookup': an image of [2, 2, 3] to one of [2, 3, 3], needs equal ones; correct the piece

// -----

// A table beyond the engine's two, and one that nothing was loaded into.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 64, bits_input = 2, bits_weights = 2, feature_memory = 1024, weight_memory = 1024}

sched.program inputs [#engine.tensor<shape = [1, 2, 2, 3], bits = 2, frac = 1, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 2, 2, 3], bits = 2, frac = 1, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<64xi8> {
  %input = sched.buffer input "input" at 0 size 3
  %x = sched.buffer feature "input" at 0 size 12
  %y = sched.buffer feature "a" at 16 size 12
  %t = sched.buffer table "tables" at 1 size 2
  %0 = sched.load %input[0] to %x[0] elements 12
  %1 = sched.lookup %x, %t to %y <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]> after(%0)
}
// CHECK:      'tables': a buffer up to 3 of table memory, needs at most 2; make it smaller, or the memory larger
// CHECK-NEXT: 'instruction 1' (sched.lookup): reads 'tables' in table memory 1 to 1, where nothing was written; move one of the buffers

// -----

%x = sched.buffer weight "x" at 0 size 16 holds 4
// CHECK: 'sched.buffer': a strip in weight memory, needs feature memory; remove holds and channels

// -----

%x = sched.buffer feature "x" at 0 size 16 holds 4 channels -2 first 0
// CHECK: 'sched.buffer': channels -2, needs at least 0; correct the number

// -----

%x = sched.buffer feature "x" at 0 size 16
%d = sched.buffer arena "x" at 0 size 16
%t = sched.load %d [0] to %x [0] elements 4 rows 4 pitch 0
// CHECK: 'sched.load': rows without a pitch, or a pitch for one row, needs rows with a pitch; correct them

// -----

%x = sched.buffer feature "x" at 0 size 16
%d = sched.buffer arena "x" at 0 size 16
%t = sched.store %x [0] to %d [0] elements 4 rows 0 pitch 8
// CHECK: 'sched.store': 0 rows, needs at least 1; drop the store

// -----

// A load from the arena, whose second row nothing has stored, and which waits for no store.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
sched.program inputs [#engine.tensor<shape = [1, 1, 1, 16], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 1, 1, 16], bits = 8, frac = 4, base = output, offset = 0>] arena 64 bundles ["a"] weights dense<0> : tensor<256xi8> {
  %input = sched.buffer input "input" at 0 size 16
  %a = sched.buffer arena "a" at 0 size 32
  %x = sched.buffer feature "input" at 0 size 16
  %y = sched.buffer feature "a" at 16 size 16
  %0 = sched.load %input [0] to %x [0] elements 16
  %1 = sched.store %x [0] to %a [0] elements 16 after(%0)
  %2 = sched.load %a [0] to %y [0] elements 8 rows 2 pitch 16
}
// CHECK: 'instruction 2' (sched.load): loads 'a' from the arena, where nothing was written; store it first, or move one of the buffers
// CHECK: 'instruction 2' (sched.load): may run before 'instruction 1' (sched.store) is complete, whose memory it uses, needs its token; wait for it

// -----

// The place of a tensor in the arena is taken by another one.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
sched.program inputs [#engine.tensor<shape = [1, 1, 1, 16], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 1, 1, 16], bits = 8, frac = 4, base = output, offset = 0>] arena 24 bundles ["a"] weights dense<0> : tensor<256xi8> {
  %input = sched.buffer input "input" at 0 size 16
  %a = sched.buffer arena "a" at 0 size 16
  %b = sched.buffer arena "b" at 8 size 16
  %x = sched.buffer feature "input" at 0 size 16
  %y = sched.buffer feature "a" at 16 size 16
  %0 = sched.load %input [0] to %x [0] elements 16
  %1 = sched.store %x [0] to %a [0] elements 16 after(%0)
  %2 = sched.store %x [0] to %b [0] elements 16
  %3 = sched.load %a [0] to %y [0] elements 16 after(%2)
  %4 = sched.store %x [0] to %b [8] elements 16
}
// CHECK: 'instruction 3' (sched.load): loads 'a' from the arena, where 'b' was written last; store it first, or move one of the buffers
// CHECK: 'instruction 4' (sched.store): bytes up to 24 of buffer 'b', needs at most 16; correct the offset

// -----

// A strip that does not hold the rows that a pooling reads.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
sched.program inputs [#engine.tensor<shape = [1, 4, 4, 2], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 4, 4, 2], bits = 8, frac = 4, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<256xi8> {
  %input = sched.buffer input "input" at 0 size 32
  %x = sched.buffer feature "x" at 64 size 16 holds 8
  %y = sched.buffer feature "y" at 16 size 16
  %0 = sched.load %input [8] to %x [0] elements 16
  %1 = sched.pool max %x to %y <input = [4, 4, 2], output = [4, 4, 2], images = [0, 1], rows = [0, 2]> window <kernel = [1, 1]> scale <low = 0, high = 127> after(%0)
}
// CHECK: 'instruction 1' (sched.pool): uses 56 to 71 as buffer 'x', needs 64 to 79; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.copy %t to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.copy': source is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.copy %x to %t <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.copy': target is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%0 = sched.copy %x to %x <input = [2, 2, 3], output = [2, 3, 3], images = [0, 1], rows = [0, 2]>
// CHECK: 'sched.copy': an image of [2, 2, 3] to one of [2, 3, 3], needs equal ones; correct the piece

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128}
sched.program inputs [#engine.tensor<shape = [5, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [5, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<128xi8> {
  %input = sched.buffer input "input" at 0 size 60
  %stream = sched.buffer weights "weights" at 0 size 128
  %x = sched.buffer feature "input" at 0 size 60
  %y = sched.buffer feature "a" at 64 size 120
  %w = sched.buffer weight "a" at 0 size 12
  %p = sched.buffer parameter "a" at 0 size 3
  %0 = sched.load %input[0] to %x[0] elements 60
  %1 = sched.load_weights %stream[0] bytes 96 to %p groups 3 words 1
  %2 = sched.load_weights %stream[0] bytes 96 to %w groups 4 words 6
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1], inputs = [0, 6], accumulate = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
}
// CHECK: 'instruction 3' (sched.matrix): accumulates without partial sums before it, needs parts of a reduction that follow each other; reorder them

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128}
sched.program inputs [#engine.tensor<shape = [5, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [5, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<128xi8> {
  %input = sched.buffer input "input" at 0 size 60
  %stream = sched.buffer weights "weights" at 0 size 128
  %x = sched.buffer feature "input" at 0 size 60
  %y = sched.buffer feature "a" at 64 size 120
  %w = sched.buffer weight "a" at 0 size 12
  %p = sched.buffer parameter "a" at 0 size 3
  %0 = sched.load %input[0] to %x[0] elements 60
  %1 = sched.load_weights %stream[0] bytes 96 to %p groups 3 words 1
  %2 = sched.load_weights %stream[0] bytes 96 to %w groups 4 words 6
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1], inputs = [0, 6], partial = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
  %4 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1], inputs = [6, 6]> window <kernel = [1, 1]> raw <> after(%0, %2)
}
// CHECK: 'instruction 4' (sched.matrix): drops the partial sums before it, needs parts of a reduction that follow each other; reorder them

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128}
sched.program inputs [#engine.tensor<shape = [5, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [5, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<128xi8> {
  %input = sched.buffer input "input" at 0 size 60
  %stream = sched.buffer weights "weights" at 0 size 128
  %x = sched.buffer feature "input" at 0 size 60
  %y = sched.buffer feature "a" at 64 size 120
  %w = sched.buffer weight "a" at 0 size 12
  %p = sched.buffer parameter "a" at 0 size 3
  %0 = sched.load %input[0] to %x[0] elements 60
  %1 = sched.load_weights %stream[0] bytes 96 to %p groups 3 words 1
  %2 = sched.load_weights %stream[0] bytes 96 to %w groups 4 words 6
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1], inputs = [0, 6], partial = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
  %4 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [1, 1], rows = [0, 1], inputs = [6, 6], accumulate = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
}
// CHECK: 'instruction 4' (sched.matrix): goes on with the sums of another piece, needs the same one; reorder the parts

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128}
sched.program inputs [#engine.tensor<shape = [5, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [5, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<128xi8> {
  %input = sched.buffer input "input" at 0 size 60
  %stream = sched.buffer weights "weights" at 0 size 128
  %x = sched.buffer feature "input" at 0 size 60
  %y = sched.buffer feature "a" at 64 size 120
  %w = sched.buffer weight "a" at 0 size 12
  %p = sched.buffer parameter "a" at 0 size 3
  %0 = sched.load %input[0] to %x[0] elements 60
  %1 = sched.load_weights %stream[0] bytes 96 to %p groups 3 words 1
  %2 = sched.load_weights %stream[0] bytes 96 to %w groups 4 words 6
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1], inputs = [0, 6], partial = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
}
// CHECK: 'sched.program': ends with partial sums, needs the last part of their reduction; add it

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128}
sched.program inputs [#engine.tensor<shape = [5, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [5, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<128xi8> {
  %input = sched.buffer input "input" at 0 size 60
  %stream = sched.buffer weights "weights" at 0 size 128
  %x = sched.buffer feature "input" at 0 size 60
  %y = sched.buffer feature "a" at 64 size 120
  %w = sched.buffer weight "a" at 0 size 12
  %p = sched.buffer parameter "a" at 0 size 3
  %0 = sched.load %input[0] to %x[0] elements 60
  %1 = sched.load_weights %stream[0] bytes 96 to %p groups 3 words 1
  %2 = sched.load_weights %stream[0] bytes 96 to %w groups 4 words 6
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 5], rows = [0, 1], inputs = [0, 6], partial = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
  %4 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 5], rows = [0, 1], inputs = [6, 6], accumulate = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
}
// CHECK: 'instruction 3' (sched.matrix): a part of a reduction for 5 positions, needs at most 4; make the piece smaller

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128}
sched.program inputs [#engine.tensor<shape = [5, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [5, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<128xi8> {
  %input = sched.buffer input "input" at 0 size 60
  %stream = sched.buffer weights "weights" at 0 size 128
  %x = sched.buffer feature "input" at 0 size 60
  %y = sched.buffer feature "a" at 64 size 120
  %w = sched.buffer weight "a" at 0 size 12
  %p = sched.buffer parameter "a" at 0 size 3
  %0 = sched.load %input[0] to %x[0] elements 60
  %1 = sched.load_weights %stream[0] bytes 96 to %p groups 3 words 1
  %2 = sched.load_weights %stream[0] bytes 96 to %w groups 4 words 6
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 12], images = [0, 1], rows = [0, 1], groups = [0, 3], inputs = [0, 6], partial = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
  %4 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 12], images = [0, 1], rows = [0, 1], groups = [0, 3], inputs = [6, 6], accumulate = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
}
// CHECK: 'instruction 3' (sched.matrix): a part of a reduction for 3 channel groups, needs at most 2; make the piece smaller

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "w" at 0 size 16
%p = sched.buffer parameter "p" at 0 size 1
%t = sched.matrix %x, %w, %p to %x depthwise_rows <input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], convolutions = 4, partial = 1> window <kernel = [1, 2], padding = [0, 0, 1, 0]> raw <>
// CHECK: 'sched.matrix': a part of a reduction, depthwise, needs all of it; make it wide or tall

// -----

%x = sched.buffer feature "x" at 0 size 16
%w = sched.buffer weight "w" at 0 size 16
%p = sched.buffer parameter "p" at 0 size 1
%t = sched.matrix %x, %w, %p to %x wide <input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], partial = 1> window <kernel = [1, 1]> requantize <low = 0, high = 1> add %x <low = 0, high = 1>
// CHECK: 'sched.matrix': an addition to partial sums, needs one with all sums; add in the last part

// -----

%x = sched.buffer feature "x" at 0 size 16
%t = sched.pool max %x to %x <input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], partial = 1> window <kernel = [1, 1]> scale <low = 0, high = 1>
// CHECK: 'sched.pool': partial sums, needs none; compute all of a window at once

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.move %t to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]> part <size = [2, 2, 3]> target <>
// CHECK: 'sched.move': input is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.move %x to %t <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]> part <size = [2, 2, 3]> target <>
// CHECK: 'sched.move': result is a buffer in table, needs one in feature memory; name another buffer

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.move %x to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]> part <size = [2, 2, 4]> target <>
// CHECK: 'sched.move': channels 0 to 3, needs those of 3 that there are; correct the part

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.move %x to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]> part <size = [2, 2, 3]> target <first = [1, 0, 0]>
// CHECK: 'sched.move': a target up to 3x2x3, needs at most 2x2x3, the result's image; correct the target

// -----

%x = sched.buffer feature "x" at 0 size 12
%t = sched.buffer table "t" at 0 size 1
%0 = sched.move %x to %x <input = [2, 2, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]> part <size = [1, 2, 3]> target <>
// CHECK: 'sched.move': rows up to 2, needs at most 1, those that there are; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 4
%w = sched.buffer weight "x" at 0 size 4
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x wide <input = [2, 2, 4], output = [2, 4, 2], images = [0, 1], rows = [0, 2]> target <axes = [0, 2, 1]> window <kernel = [1, 1]> raw <>
// CHECK: 'sched.matrix': axes [0, 2, 1], needs [0, 1, 2]; transpose in a move

// -----

%x = sched.buffer feature "x" at 0 size 12
%0 = sched.move %x to %x <input = [2, 2, 3], output = [3, 2, 3], images = [0, 1], rows = [0, 2]> part <size = [2, 2, 3]> target <axes = [2, 1, 0]>
// CHECK: 'sched.move': 2x2x3 to axes [2, 1, 0] of 3x2x3, needs its sizes; correct the target

// -----

%x = sched.buffer weights "x" at 0 size 4
%y = sched.buffer weight "x" at 0 size 4
%t = sched.load_weights %x[0] bytes 4 to %y at -1 groups 1 words 1
// CHECK: 'sched.load_weights': word -1 of the buffer, needs at least 0; correct the number

// -----

%x = sched.buffer weights "x" at 0 size 4
%y = sched.buffer parameter "x" at 0 size 4
%t = sched.load_weights %x[0] bytes 4 to %y at 1 groups 1 words 1
// CHECK: 'sched.load_weights': word 1 of a buffer in parameter memory, needs 0; load all of the buffer at once

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 6
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [0, 1], columns = [2, 2]> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': columns up to 4, needs at most 3, those that there are; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 6
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [0, 1], columns = [2]> window <kernel = [2, 2]> raw <>
// CHECK: '#sched.piece': columns [2], needs the first and a count of at least 1, or nothing; correct the list

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 6
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [0, 1], run = [2, 0]> window <kernel = [2, 2]> raw <>
// CHECK: '#sched.piece': run [2, 0], needs the first and a count of at least 1, or nothing; correct the list

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 6
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [0, 1], run = [4, 3], partial = 1> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': elements of a kernel row up to 7, needs at most 6, those that there are; correct the piece

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 6
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x tall <input = [4, 4, 3], output = [3, 2, 3], images = [0, 1], rows = [0, 1], run = [0, 2], partial = 1> window <kernel = [2, 2], dilation = [1, 2]> raw <>
// CHECK: 'sched.matrix': a part of kernel rows of several runs, needs rows of one run; compute all of them at once

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 12
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [0, 1], run = [0, 2], partial = 1> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': a part of kernel rows with 12 words of weights in each bank, needs 6, a kernel row; correct the buffer, or make it tall with 1 channel group

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 6
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x wide <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [0, 1], run = [0, 2], partial = 1> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': a part of kernel rows with 6 words of weights in each bank, needs 6, a kernel row; correct the buffer, or make it tall with 1 channel group

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 6
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x depthwise_rows <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [0, 1], convolutions = 3, columns = [0, 2]> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': columns of a piece, depthwise, needs all of them; make it wide or tall

// -----

%x = sched.buffer feature "x" at 0 size 48
%w = sched.buffer weight "x" at 0 size 6
%p = sched.buffer parameter "x" at 0 size 4
%t = sched.matrix %x, %w, %p to %x tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [0, 1], run = [0, 2]> window <kernel = [2, 2]> raw <>
// CHECK: 'sched.matrix': a part of kernel rows alone, needs partial sums, or sums that go on; compute the other parts

// -----

// A kernel row more than there are banks.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
sched.program inputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 16], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<256xi8> {
  %stream = sched.buffer weights "weights" at 0 size 256
  %input = sched.buffer input "input" at 0 size 16
  %x = sched.buffer feature "x" at 0 size 16
  %y = sched.buffer feature "y" at 16 size 8
  %w = sched.buffer weight "w" at 0 size 2
  %p = sched.buffer parameter "p" at 0 size 1
  %0 = sched.load %input[0] to %x[0] elements 16
  %1 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1
  %2 = sched.load_weights %stream[64] bytes 16 to %w groups 2 words 2
  %3 = sched.matrix %x, %w, %p to %y tall <input = [4, 2, 2], output = [2, 2, 2], images = [0, 1], rows = [0, 2], partial = 1, run = [0, 1]> window <kernel = [3, 1]> requantize <low = 0, high = 1> after(%0, %2)
  %4 = sched.matrix %x, %w, %p to %y tall <input = [4, 2, 2], output = [2, 2, 2], images = [0, 1], rows = [0, 2], accumulate = 1, run = [1, 1]> window <kernel = [3, 1]> requantize <low = 0, high = 1> after(%1)
}
// CHECK: 'instruction 3' (sched.matrix): a part of 3 kernel rows, needs at most 2, each in a bank; load all weights at once
