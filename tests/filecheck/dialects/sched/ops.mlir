// RUN: DSF_ROUNDTRIP
// RUN: DSF_GENERIC_ROUNDTRIP

// A convolution of a 4x4x3 image with a residual addition of its own input, a pooling, and raw sums of a dense layer.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}

// CHECK: sched.program inputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a", "b"] softmax weights dense<0> : tensor<256xi8> {
sched.program inputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a", "b"] softmax weights dense<0> : tensor<256xi8> {
  // CHECK-NEXT:    %input = sched.buffer input "input" at 0 size 48
  // CHECK-GENERIC: %input = "sched.buffer"() <{space = #sched<space input>, label = "input", address = 0 : i64, size = 48 : i64, holds = 0 : i64, channels = 0 : i64, first = 0 : i64}> : () -> !sched.buffer
  %input = sched.buffer input "input" at 0 size 48
  %output = sched.buffer output "output" at 0 size 8
  %stream = sched.buffer weights "weights" at 0 size 256
  // CHECK:         %x = sched.buffer feature "input" at 0 size 48
  %x = sched.buffer feature "input" at 0 size 48
  %y = sched.buffer feature "a" at 48 size 48
  %z = sched.buffer feature "b" at 96 size 12
  %s = sched.buffer feature "b" at 112 size 8
  %u = sched.buffer feature "c" at 128 size 24
  // CHECK:         %w = sched.buffer weight "a" at 0 size 27
  %w = sched.buffer weight "a" at 0 size 27
  %v = sched.buffer weight "b" at 27 size 12
  // CHECK:         %p = sched.buffer parameter "a" at 0 size 1
  %p = sched.buffer parameter "a" at 0 size 1
  %q = sched.buffer parameter "b" at 1 size 1

  // CHECK:         %0 = sched.load %input[0] to %x[0] elements 48 cycles 3 beats 3
  // CHECK-GENERIC: %0 = "sched.load"(%input, %x) <{offset = 0 : i64, at = 0 : i64, elements = 48 : i64, cycles = 3 : i64, beats = 3 : i64, rows = 1 : i64, pitch = 0 : i64}> : (!sched.buffer, !sched.buffer) -> !sched.token
  %0 = sched.load %input[0] to %x[0] elements 48 cycles 3 beats 3
  // CHECK-NEXT:    %1 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1
  // CHECK-GENERIC: %1 = "sched.load_weights"(%stream, %p) <{offset = 0 : i64, bytes = 32 : i64, groups = 1 : i64, words = 1 : i64, at = 0 : i64, cycles = 0 : i64, beats = 0 : i64}>
  %1 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1
  %2 = sched.load_weights %stream[64] bytes 108 to %w groups 1 words 27
  %3 = sched.load_weights %stream[0] bytes 32 to %q groups 1 words 1
  %4 = sched.load_weights %stream[192] bytes 48 to %v groups 1 words 12
  // CHECK:         %5 = sched.matrix %x, %w, %p to %y tall <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127> add %x <shift = 1, low = 0, high = 127> after(%0, %2) cycles 54
  // CHECK-GENERIC: %5 = "sched.matrix"(%x, %w, %p, %y, %x, %0, %2) <{mode = #tile<mode tall>, piece = #sched.piece<input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]>, window = #tile.window<kernel = [3, 3], padding = [1, 1, 1, 1]>, requantize = #tile.requantize<low = 0, high = 127>, add = #tile.add<shift = 1, low = 0, high = 127>, cycles = 54 : i64, operandSegmentSizes = array<i32: 1, 1, 1, 1, 1, 2>, target = #tile.target<>, beats = 0 : i64}>
  %5 = sched.matrix %x, %w, %p to %y tall <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4], groups = [0, 1]> window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127> add %x <shift = 1, low = 0, high = 127> after(%0, %2) cycles 54
  // CHECK-NEXT:    %6 = sched.pool max %y to %z <input = [4, 4, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]> window <kernel = [2, 2], strides = [2, 2]> scale <low = -128, high = 127> after(%5)
  // CHECK-GENERIC: %6 = "sched.pool"(%y, %z, %5) <{kind = #bundle<pool_kind max>, piece =
  %6 = sched.pool max %y to %z <input = [4, 4, 3], output = [2, 2, 3], images = [0, 1], rows = [0, 2]> window <kernel = [2, 2], strides = [2, 2]> scale <low = -128, high = 127> after(%5)
  // CHECK-NEXT:    %7 = sched.matrix %z, %v, %q to %s wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> raw <bias_shift = 4> after(%4, %6)
  %7 = sched.matrix %z, %v, %q to %s wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> raw <bias_shift = 4> after(%4, %6)
  // A block of a grouped convolution: the second two of four groups, of one input and two output channels each.
  // CHECK-NEXT:    %8 = sched.matrix %z, %v, %q to %u wide <input = [1, 3, 4], output = [1, 3, 8], images = [0, 1], rows = [0, 1], inputs = [2, 2], outputs = [4, 4], convolutions = 2> window <kernel = [1, 1]> requantize <low = 0, high = 127> after(%4, %6)
  // CHECK-GENERIC: piece = #sched.piece<input = [1, 3, 4], output = [1, 3, 8], images = [0, 1], rows = [0, 1], inputs = [2, 2], outputs = [4, 4], convolutions = 2>
  %8 = sched.matrix %z, %v, %q to %u wide <input = [1, 3, 4], output = [1, 3, 8], images = [0, 1], rows = [0, 1], inputs = [2, 2], outputs = [4, 4], convolutions = 2> window <kernel = [1, 1]> requantize <low = 0, high = 127> after(%4, %6)
  // Depthwise: the second of two residues, for taps that are two columns apart.
  // CHECK-NEXT:    %9 = sched.matrix %z, %v, %q to %u depthwise_rows <input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], convolutions = 4, residue = 1> window <kernel = [1, 2], padding = [0, 0, 1, 1], dilation = [1, 2]> requantize <low = 0, high = 127> after(%4, %6)
  // CHECK-GENERIC: %9 = "sched.matrix"({{.*}}mode = #tile<mode depthwise_rows>, piece = #sched.piece<input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], convolutions = 4, residue = 1>
  %9 = sched.matrix %z, %v, %q to %u depthwise_rows <input = [1, 3, 4], output = [1, 3, 4], images = [0, 1], rows = [0, 1], convolutions = 4, residue = 1> window <kernel = [1, 2], padding = [0, 0, 1, 1], dilation = [1, 2]> requantize <low = 0, high = 127> after(%4, %6)
  // A phase of a transposed convolution: every other column of the result.
  // CHECK-NEXT:    %10 = sched.matrix %z, %v, %q to %u wide <input = [1, 1, 12], output = [1, 2, 2], images = [0, 1], rows = [0, 1]> target <first = [0, 1, 0], strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 127> after(%4, %6)
  // CHECK-GENERIC: target = #tile.target<first = [0, 1, 0], strides = [1, 2]>
  %10 = sched.matrix %z, %v, %q to %u wide <input = [1, 1, 12], output = [1, 2, 2], images = [0, 1], rows = [0, 1]> target <first = [0, 1, 0], strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 127> after(%4, %6)
  // Weights in ranges: six elements of each kernel row, the last column of two rows.
  // CHECK:         %r = sched.buffer weight "a" at 40 size 6
  %r = sched.buffer weight "a" at 40 size 6
  %11 = sched.load_weights %stream[128] bytes 32 to %r groups 2 words 4
  // CHECK:         %12 = sched.load_weights %stream[192] bytes 16 to %r at 4 groups 2 words 2
  // CHECK-GENERIC: %12 = "sched.load_weights"(%stream, %r) <{offset = 192 : i64, bytes = 16 : i64, at = 4 : i64, groups = 2 : i64, words = 2 : i64, cycles = 0 : i64, beats = 0 : i64}>
  %12 = sched.load_weights %stream[192] bytes 16 to %r at 4 groups 2 words 2
  // CHECK-NEXT:    %13 = sched.matrix %x, %r, %p to %y tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [1, 2], partial = 1, columns = [2, 1], run = [0, 4]> window <kernel = [2, 2]> requantize <low = 0, high = 127> after(%11)
  // CHECK-GENERIC: partial = 1, columns = [2, 1], run = [0, 4]>
  %13 = sched.matrix %x, %r, %p to %y tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [1, 2], partial = 1, columns = [2, 1], run = [0, 4]> window <kernel = [2, 2]> requantize <low = 0, high = 127> after(%11)
  // CHECK-NEXT:    %14 = sched.matrix %x, %r, %p to %y tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [1, 2], accumulate = 1, columns = [2, 1], run = [4, 2]> window <kernel = [2, 2]> requantize <low = 0, high = 127> after(%12)
  %14 = sched.matrix %x, %r, %p to %y tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [1, 2], accumulate = 1, columns = [2, 1], run = [4, 2]> window <kernel = [2, 2]> requantize <low = 0, high = 127> after(%12)
  // CHECK-NEXT:    %15 = sched.store %s[0] to %output[0] elements 8 after(%7)
  // CHECK-GENERIC: %15 = "sched.store"(%s, %output, %7) <{at = 0 : i64, offset = 0 : i64, elements = 8 : i64, rows = 1 : i64, pitch = 0 : i64, cycles = 0 : i64, beats = 0 : i64}>
  %15 = sched.store %s[0] to %output[0] elements 8 after(%7)
}

// -----

// Weights that are loaded once, before all runs, which read them without a token.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}

// CHECK:      sched.program {{.*}} attributes {dsf.cycles = 80 : i64, dsf.load_cycles = 40 : i64} {
sched.program inputs [#engine.tensor<shape = [1, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<128xi8> attributes {dsf.cycles = 80 : i64, dsf.load_cycles = 40 : i64} {
  %input = sched.buffer input "input" at 0 size 12
  %output = sched.buffer output "output" at 0 size 8
  %stream = sched.buffer weights "weights" at 0 size 128
  %x = sched.buffer feature "input" at 0 size 12
  %y = sched.buffer feature "a" at 16 size 8
  %w = sched.buffer weight "a" at 0 size 12
  %p = sched.buffer parameter "a" at 0 size 1
  // CHECK:         sched.load_program {
  // CHECK-NEXT:      %0 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1 cycles 4 beats 4
  // CHECK-NEXT:      %1 = sched.load_weights %stream[64] bytes 48 to %w groups 1 words 12
  // CHECK-NEXT:    }
  // CHECK-GENERIC: "sched.load_program"() ({
  // CHECK-GENERIC-NEXT: %0 = "sched.load_weights"(%stream, %p)
  sched.load_program {
    %0 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1 cycles 4 beats 4
    %1 = sched.load_weights %stream[64] bytes 48 to %w groups 1 words 12
  }
  // CHECK-NEXT:    %2 = sched.load %input[0] to %x[0] elements 12
  %2 = sched.load %input[0] to %x[0] elements 12
  // CHECK-NEXT:    %3 = sched.matrix %x, %w, %p to %y wide {{.*}} raw <> after(%2)
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> raw <> after(%2)
  %4 = sched.store %y[0] to %output[0] elements 8 after(%3)
}

// -----

// Functions of single elements, and a table that is loaded for one of them.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 64, bits_input = 2, bits_weights = 2, feature_memory = 1024, weight_memory = 1024}

sched.program inputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 2, frac = 1, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 2, frac = 1, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<64xi8> {
  %input = sched.buffer input "input" at 0 size 12
  %output = sched.buffer output "output" at 0 size 12
  %stream = sched.buffer weights "weights" at 0 size 64
  %x = sched.buffer feature "input" at 0 size 48
  %y = sched.buffer feature "a" at 48 size 48
  %z = sched.buffer feature "a" at 96 size 48
  // CHECK:         %table = sched.buffer table "a" at 1 size 1
  // CHECK-GENERIC: %table = "sched.buffer"() <{space = #sched<space table>, label = "a", address = 1 : i64, size = 1 : i64, holds = 0 : i64, channels = 0 : i64, first = 0 : i64}> : () -> !sched.buffer
  %table = sched.buffer table "a" at 1 size 1
  %0 = sched.load %input[0] to %x[0] elements 48
  // CHECK:         %1 = sched.load_weights %stream[0] bytes 8 to %table groups 1 words 1
  %1 = sched.load_weights %stream[0] bytes 8 to %table groups 1 words 1
  // CHECK-NEXT:    %2 = sched.elementwise #tile.add<shift = 1, low = -2, high = 1> %x, %x to %y <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> after(%0) cycles 5
  // CHECK-GENERIC: %2 = "sched.elementwise"(%x, %x, %y, %0) <{function = #tile.add<shift = 1, low = -2, high = 1>, piece = #sched.piece<input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]>, cycles = 5 : i64, beats = 0 : i64}>
  %2 = sched.elementwise #tile.add<shift = 1, low = -2, high = 1> %x, %x to %y <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> after(%0) cycles 5
  // CHECK-NEXT:    %3 = sched.lookup %y, %table to %z <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> after(%1) cycles 4
  // CHECK-GENERIC: %3 = "sched.lookup"(%y, %table, %z, %1) <{piece = #sched.piece<input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]>, cycles = 4 : i64, beats = 0 : i64}>
  %3 = sched.lookup %y, %table to %z <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> after(%1) cycles 4
  // The first pixel of a tensor, for all of an image.
  // CHECK-NEXT:    %4 = sched.elementwise #tile.multiply<low = -2, high = 1> %x, %z to %y <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> pixel
  // CHECK-GENERIC: %4 = "sched.elementwise"(%x, %z, %y) <{{.*}}pixel
  %4 = sched.elementwise #tile.multiply<low = -2, high = 1> %x, %z to %y <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> pixel
  %5 = sched.store %y[0] to %output[0] elements 48 after(%4)
}

// -----

// Strips of a tensor in the arena: rows of all channels, and of some of them.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}

// CHECK: sched.program {{.*}} arena 64 bundles
sched.program inputs [#engine.tensor<shape = [1, 4, 4, 4], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 4, 4, 4], bits = 8, frac = 8, base = output, offset = 0>] arena 64 bundles ["a"] weights dense<0> : tensor<256xi8> {
  %input = sched.buffer input "input" at 0 size 64
  %output = sched.buffer output "output" at 0 size 64
  %dram = sched.buffer arena "a" at 0 size 64
  %x = sched.buffer feature "input" at 0 size 64
  // CHECK:         %s = sched.buffer feature "a" at 64 size 32 holds 16 channels 2 first 2
  // CHECK-GENERIC: %s = "sched.buffer"() <{space = #sched<space feature>, label = "a", address = 64 : i64, size = 32 : i64, holds = 16 : i64, channels = 2 : i64, first = 2 : i64}>
  %s = sched.buffer feature "a" at 64 size 32 holds 16 channels 2 first 2
  %z = sched.buffer feature "a" at 160 size 16 holds 16 channels 2 first 2
  // CHECK:         %r = sched.buffer feature "a" at 96 size 32 holds 32
  %r = sched.buffer feature "a" at 96 size 32 holds 32
  %q = sched.buffer feature "a" at 192 size 16 holds 48
  %0 = sched.load %input[0] to %x[0] elements 64
  %1 = sched.store %x[0] to %dram[0] elements 64 after(%0)
  // CHECK:         %2 = sched.load %dram[34] to %s[0] elements 2 rows 8 pitch 4 after(%1)
  // CHECK-GENERIC: %2 = "sched.load"(%dram, %s, %1) <{offset = 34 : i64, at = 0 : i64, elements = 2 : i64, rows = 8 : i64, pitch = 4 : i64
  %2 = sched.load %dram[34] to %s[0] elements 2 rows 8 pitch 4 after(%1)
  // CHECK-NEXT:    %3 = sched.load %dram[32] to %r[0] elements 32 after(%1)
  %3 = sched.load %dram[32] to %r[0] elements 32 after(%1)
  // CHECK-NEXT:    %4 = sched.pool max %s to %z <input = [4, 4, 4], output = [4, 4, 4], images = [0, 1], rows = [2, 2], inputs = [2, 2], outputs = [2, 2]>
  %4 = sched.pool max %s to %z <input = [4, 4, 4], output = [4, 4, 4], images = [0, 1], rows = [2, 2], inputs = [2, 2], outputs = [2, 2]> window <kernel = [1, 1], strides = [1, 1]> scale <low = -128, high = 127> after(%2)
  // CHECK-NEXT:    %5 = sched.copy %r to %q <input = [4, 4, 4], output = [4, 4, 4], images = [0, 1], rows = [3, 1]> after(%3) cycles 4
  // CHECK-GENERIC: %5 = "sched.copy"(%r, %q, %3) <{piece = #sched.piece<input = [4, 4, 4], output = [4, 4, 4], images = [0, 1], rows = [3, 1]>, cycles = 4 : i64, beats = 0 : i64}>
  %5 = sched.copy %r to %q <input = [4, 4, 4], output = [4, 4, 4], images = [0, 1], rows = [3, 1]> after(%3) cycles 4
  // CHECK-NEXT:    %6 = sched.store %z[0] to %output[34] elements 2 rows 8 pitch 4 after(%4)
  // CHECK-GENERIC: %6 = "sched.store"(%z, %output, %4) <{at = 0 : i64, offset = 34 : i64, elements = 2 : i64, rows = 8 : i64, pitch = 4 : i64
  %6 = sched.store %z[0] to %output[34] elements 2 rows 8 pitch 4 after(%4)
}

// -----

// A copy of a part of the images: every second row of another tensor.
%x = sched.buffer feature "x" at 0 size 48
%y = sched.buffer feature "y" at 48 size 80
%0 = sched.move %x to %y <input = [4, 4, 3], output = [4, 4, 5], images = [0, 1], rows = [0, 2]> part <first = [-1, 0, 1], size = [2, 4, 2], pad_value = -8> target <first = [0, 0, 3], strides = [2, 1]> cycles 8
// CHECK:         %0 = sched.move %x to %y <input = [4, 4, 3], output = [4, 4, 5], images = [0, 1], rows = [0, 2]> part <first = [-1, 0, 1], size = [2, 4, 2], pad_value = -8> target <first = [0, 0, 3], strides = [2, 1]> cycles 8
// CHECK-GENERIC: %0 = "sched.move"(%x, %y) <{piece = #sched.piece<input = [4, 4, 3], output = [4, 4, 5], images = [0, 1], rows = [0, 2]>, part = #tile.part<first = [-1, 0, 1], size = [2, 4, 2], pad_value = -8>, target = #tile.target<first = [0, 0, 3], strides = [2, 1]>, cycles = 8 : i64, beats = 0 : i64}>
