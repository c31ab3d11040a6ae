// RUN: dsf-opt %s -p sched-to-isa --split-input-file --verify-diagnostics | filecheck %s
// RUN: dsf-opt %s -p sched-to-isa --print-debuginfo --split-input-file --verify-diagnostics | filecheck %s --check-prefix=LOCATION

// Of the tokens those remain that say something new: what an instruction's queue waited for before, or what an awaited one
// waited for, need not be waited for again. The first window begins in padding, one row and one pixel before the tensor:
// x_start = -3, y_start = -1, src = 0 - 12 - 3 modulo 2**24. The second strip begins at row 2, so y_start = 1; on the wide array
// a tile is a line of it, and for the last line the third kernel row, of 9 weight words, is padding.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
// CHECK:       isa.program inputs [#engine.tensor<shape = [1, 4, 4, 3], {{.*}} softmax weights dense<0> : tensor<280xi8> attributes {dsf.cycles = 99 : i64} {
// CHECK-NEXT:    isa.load signal(matrix) {base = input, rows = 1, row_elements = 48, row_stride = 48, dst_stride = 48} cycles 3
// CHECK-NEXT:    isa.load_weights {base = weights, bytes = 64, target = 1, words = 1, groups = 2} cycles 0
// CHECK-NEXT:    isa.load_weights signal(matrix) {base = weights, offset = 64, bytes = 216, words = 27, groups = 2} cycles 0
// CHECK-NEXT:    isa.matrix wait(load, weight) {src = 16777201, x_start = -3, x_step = 3, y_start = -1, y_step = 1, row_step = 12, image_step = 48, row_elements = 12, height = 4, kernel_rows = 3, kernel_row_step = 12, y_dilation = 1, kernel_runs = 1, run = 9, chunk = 9, chunks = 1, last_chunk = 9, columns = 4, rows = 2, images = 1, dst = 48, dst_pixel_step = 5, dst_row_step = 20, dst_image_step = 80, pixels = 8, channel_groups = 2, last_group_lanes = 1, tall = 1, weight_words = 27, high = 127} cycles 54
// CHECK-NEXT:    isa.matrix signal(vector) {src = 9, {{.*}}y_start = 1, {{.*}}y_dilation = 1, skip_rows = 1, kernel_row_words = 9, {{.*}}dst = 88, {{.*}}pixels = 8, {{.*}}weight_words = 27, bias_shift = 2, leak = 3, low = -128, high = 127} cycles 54
// CHECK-NEXT:    isa.vector wait(matrix) signal(matrix) {function = average_pool, src = 48, x_step = 10, y_step = 2, row_step = 40, image_step = 80, row_elements = 20, height = 4, kernel_rows = 2, kernel_row_step = 20, kernel_columns = 2, kernel_column_step = 5, columns = 2, rows = 2, images = 1, dst = 128, dst_pixel_step = 5, dst_row_step = 10, dst_image_step = 20, channels = 5, count_padding = 1, left = 1, low = -128, high = 127} cycles 0
// The residual's steps are those of the result; a raw sum takes four elements.
// CHECK-NEXT:    isa.matrix wait(vector) signal(matrix) {src = 128, {{.*}}dst = 160, {{.*}}residual = 1, residual_src = 128, residual_pixel_step = 5, residual_row_step = 10, residual_image_step = 20, residual_multiplier_a = 1, residual_multiplier_b = 2, residual_shift = 1, residual_high = 127} cycles 0
// CHECK-NEXT:    isa.matrix wait(matrix) signal(store) {src = 160, {{.*}}dst = 192, dst_pixel_step = 8, dst_row_step = 8, dst_image_step = 8, {{.*}}raw = 1, {{.*}}bias_shift = 4} cycles 0
// CHECK-NEXT:    isa.store wait(matrix) {base = output, rows = 1, row_elements = 8, row_stride = 8, src = 192, src_stride = 8} cycles 0
// CHECK-NEXT:    isa.end
// LOCATION:      isa.matrix {{.*}} loc("a")
sched.program inputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a", "b"] softmax weights dense<0> : tensor<280xi8> attributes {dsf.cycles = 99 : i64} {
  %input = sched.buffer input "input" at 0 size 48
  %output = sched.buffer output "output" at 0 size 8
  %stream = sched.buffer weights "weights" at 0 size 280
  %x = sched.buffer feature "input" at 0 size 48
  %y = sched.buffer feature "a" at 48 size 80
  %z = sched.buffer feature "a" at 128 size 20
  %u = sched.buffer feature "b" at 160 size 20
  %s = sched.buffer feature "b" at 192 size 8
  %w = sched.buffer weight "a" at 0 size 27
  %p = sched.buffer parameter "a" at 0 size 2
  %0 = sched.load %input[0] to %x[0] elements 48 cycles 3 beats 3
  %1 = sched.load_weights %stream[0] bytes 64 to %p groups 2 words 1
  %2 = sched.load_weights %stream[64] bytes 216 to %w groups 2 words 27
  %3 = sched.matrix %x, %w, %p to %y tall <input = [4, 4, 3], output = [4, 4, 5], images = [0, 1], rows = [0, 2], groups = [0, 2]> window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127> after(%0, %1, %2) cycles 54 loc("a")
  %4 = sched.matrix %x, %w, %p to %y wide <input = [4, 4, 3], output = [4, 4, 5], images = [0, 1], rows = [2, 2], groups = [0, 2]> window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <bias_shift = 2, leak = 3, low = -128, high = 127> after(%0, %2) cycles 54 loc("a")
  %5 = sched.pool avg %y to %z <input = [4, 4, 5], output = [2, 2, 5], images = [0, 1], rows = [0, 2]> window <kernel = [2, 2], strides = [2, 2]> scale <count_padding = 1, left = 1, low = -128, high = 127> after(%3, %4)
  %6 = sched.matrix %z, %w, %p to %u wide <input = [2, 2, 5], output = [2, 2, 5], images = [0, 1], rows = [0, 2], groups = [0, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 127> add %z <multiplier_b = 2, shift = 1, low = 0, high = 127> after(%2, %5)
  %7 = sched.matrix %u, %w, %p to %s wide <input = [1, 1, 20], output = [1, 1, 2], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> raw <bias_shift = 4> after(%2, %6)
  %8 = sched.store %s[0] to %output[0] elements 8 after(%0, %7)
}

// -----

// The third group of five, of two input and three output channels: a run for each kernel column, from the group's channels on;
// the block of the fourth and fifth.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
// CHECK: isa.matrix {{.*}} {src = 16777170, x_start = -6, x_step = 10, y_start = -1, y_step = 1, row_step = 40, image_step = 160, row_elements = 40, height = 4, kernel_rows = 3, kernel_row_step = 40, y_dilation = 1, skip_rows = 1, kernel_row_words = 6, kernel_runs = 3, run_step = 10, run = 2, chunk = 2, chunks = 1, last_chunk = 2, columns = 4, rows = 4, images = 1, dst = 166, dst_pixel_step = 15, dst_row_step = 60, dst_image_step = 240, pixels = 16, channel_groups = 1, last_group_lanes = 3, weight_words = 18, high = 127}
// CHECK: isa.matrix {src = 16777172, x_start = -4, {{.*}}kernel_runs = 3, run_step = 10, run = 4, chunk = 4, {{.*}}dst = 169, {{.*}}channel_groups = 2, last_group_lanes = 2, tall = 1, weight_words = 36, high = 127}
sched.program inputs [#engine.tensor<shape = [1, 4, 4, 10], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 4, 4, 15], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<352xi8> {
  %input = sched.buffer input "input" at 0 size 160
  %stream = sched.buffer weights "weights" at 0 size 352
  %x = sched.buffer feature "input" at 0 size 160
  %y = sched.buffer feature "a" at 160 size 240
  %w = sched.buffer weight "a" at 0 size 36
  %p = sched.buffer parameter "a" at 0 size 2
  %0 = sched.load %input[0] to %x[0] elements 160
  %1 = sched.load_weights %stream[0] bytes 64 to %p groups 2 words 1
  %2 = sched.load_weights %stream[64] bytes 288 to %w groups 2 words 36
  %3 = sched.matrix %x, %w, %p to %y wide <input = [4, 4, 10], output = [4, 4, 15], images = [0, 1], rows = [0, 4], inputs = [4, 2], outputs = [6, 3]> window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127> after(%0, %2)
  %4 = sched.matrix %x, %w, %p to %y tall <input = [4, 4, 10], output = [4, 4, 15], images = [0, 1], rows = [0, 4], groups = [0, 2], inputs = [6, 4], outputs = [9, 6], convolutions = 2> window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127> after(%0, %2)
}

// -----

// Depthwise. Along the rows of the image: the odd columns of the second row, whose taps are two columns of 10 channels apart, so
// that x_step = run_step = 20; along its columns, where a row is 80 elements, the rows 1, 4, ... of three residues, and x is
// x_start = (0 + 1 - 3) * 80. The second time only channels 4 to 9, the residual alike.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
// CHECK: isa.matrix {{.*}} {src = 16777206, x_start = -10, x_step = 20, y_step = 1, row_step = 80, image_step = 320, row_elements = 80, height = 4, kernel_rows = 3, kernel_row_step = 80, y_dilation = 1, kernel_runs = 1, run_step = 20, run = 3, chunk = 3, chunks = 1, last_chunk = 2, columns = 4, rows = 1, images = 1, dst = 410, dst_pixel_step = 20, dst_row_step = 80, dst_image_step = 320, pixels = 4, channel_groups = 3, last_group_lanes = 2, depthwise = 1, weight_words = 9, high = 127}
// CHECK: isa.matrix {{.*}}{src = 16777050, x_start = -156, x_step = 240, y_start = -1, y_step = 1, row_step = 10, image_step = 320, row_elements = 320, height = 8, kernel_rows = 3, kernel_row_step = 10, y_dilation = 1, skip_rows = 1, kernel_row_words = 3, kernel_runs = 1, run_step = 240, run = 3, chunk = 3, chunks = 1, last_chunk = 2, columns = 1, rows = 8, images = 1, dst = 404, dst_pixel_step = 240, dst_row_step = 10, dst_image_step = 320, pixels = 8, channel_groups = 2, last_group_lanes = 2, depthwise = 1, weight_words = 9, high = 127, residual = 1, residual_src = 84, residual_pixel_step = 240, residual_row_step = 10, residual_image_step = 320, residual_multiplier_a = 1, residual_multiplier_b = 1, residual_high = 127}
sched.program inputs [#engine.tensor<shape = [1, 4, 8, 10], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 4, 8, 10], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<256xi8> {
  %input = sched.buffer input "input" at 0 size 320
  %stream = sched.buffer weights "weights" at 0 size 256
  %x = sched.buffer feature "input" at 0 size 320
  %y = sched.buffer feature "a" at 320 size 320
  %w = sched.buffer weight "a" at 0 size 18
  %p = sched.buffer parameter "a" at 0 size 3
  %0 = sched.load %input[0] to %x[0] elements 320
  %1 = sched.load_weights %stream[0] bytes 96 to %p groups 3 words 1
  %2 = sched.load_weights %stream[128] bytes 108 to %w groups 3 words 9
  %3 = sched.matrix %x, %w, %p to %y depthwise_rows <input = [4, 8, 10], output = [4, 8, 10], images = [0, 1], rows = [1, 1], groups = [0, 3], convolutions = 10, residue = 1> window <kernel = [3, 3], padding = [1, 1, 2, 2], dilation = [1, 2]> requantize <low = 0, high = 127> after(%0, %2)
  %4 = sched.matrix %x, %w, %p to %y depthwise_columns <input = [4, 8, 10], output = [4, 8, 10], images = [0, 1], rows = [0, 4], groups = [1, 2], convolutions = 10, residue = 1> window <kernel = [3, 3], padding = [3, 3, 1, 1], dilation = [3, 1]> requantize <low = 0, high = 127> add %x <low = 0, high = 127> after(%0, %2)
}

// -----

// Loads into both memories of a second kind: addresses of weights count words of all banks, those of parameters groups.

engine.hardware {bits_input = 4, bits_weights = 4}
// CHECK: isa.load {base = input, offset = 8, rows = 1, row_elements = 15, row_stride = 8, dst = 16, dst_stride = 15} cycles 0
// CHECK: isa.load_weights {base = weights, offset = 68, bytes = 24, address = 7, words = 3, groups = 2} cycles 0
// CHECK: isa.load_weights {base = weights, offset = 4, bytes = 64, target = 1, address = 5, words = 1, groups = 1} cycles 0
sched.program inputs [#engine.tensor<shape = [2, 16], bits = 4, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1], bits = 4, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<256xi8> {
  %input = sched.buffer input "input" at 0 size 16
  %stream = sched.buffer weights "weights" at 4 size 252
  %x = sched.buffer feature "x" at 10 size 32
  %w = sched.buffer weight "x" at 7 size 3
  %p = sched.buffer parameter "x" at 5 size 1
  %0 = sched.load %input[8] to %x[6] elements 15
  %1 = sched.load_weights %stream[64] bytes 24 to %w groups 2 words 3
  %2 = sched.load_weights %stream[0] bytes 64 to %p groups 1 words 1
}

// -----

// What the fields of an instruction can't hold, or this engine can't do: each layer and field once, whatever its pieces.

engine.hardware {}
sched.program inputs [#engine.tensor<shape = [1, 301, 300, 1], bits = 8, frac = 0, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 1, 1, 1], bits = 8, frac = 0, base = output, offset = 0>] arena 0 bundles [] weights dense<0> : tensor<1xi8> {
  %input = sched.buffer input "input" at 0 size 90300
  %x = sched.buffer feature "x" at 0 size 90300
  %y = sched.buffer feature "y" at 90304 size 2
  %z = sched.buffer feature "z" at 90306 size 600
  %0 = sched.load %input[0] to %x[0] elements 90300
  %1 = sched.pool max %x to %y <input = [300, 300, 1], output = [1, 1, 1], images = [0, 1], rows = [0, 1]> window <kernel = [300, 300]> scale <low = -128, high = 127> after(%0) loc("window")
  %2 = sched.pool max %x to %z <input = [301, 300, 1], output = [2, 300, 1], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1], strides = [300, 1]> scale <low = -128, high = 127> after(%0) loc("stride")
  %3 = sched.pool max %x to %z <input = [301, 300, 1], output = [2, 300, 1], images = [0, 1], rows = [1, 1]> window <kernel = [1, 1], strides = [300, 1]> scale <low = -128, high = 127> after(%0) loc("stride")
  %4 = sched.pool max %x to %y <input = [1, 1, 1], output = [1, 1, 1], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> scale <low = -128, high = 128> after(%0) loc("clip")
}
// CHECK:      'window': in its vector instruction kernel_rows and kernel_columns have 18 bits together, needs at most 16; change the layer
// CHECK-NEXT: 'stride': in its vector instruction y_step is 300, needs 0 to 255; change the layer
// CHECK-NEXT: 'clip': in its vector instruction high is 128, needs -128 to 127, what feature memory holds; change the layer
// CHECK-NOT:  in its

// -----

// The load program has an end of its own, and nothing waits for it.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
// CHECK:         isa.program {{.*}} attributes {dsf.load_cycles = 40 : i64} {
// CHECK-NEXT:      isa.load_program {
// CHECK-NEXT:        isa.load_weights {base = weights, bytes = 32, target = 1, words = 1, groups = 1} cycles 4
// CHECK-NEXT:        isa.load_weights {base = weights, offset = 64, bytes = 48, words = 12, groups = 1} cycles 0
// CHECK-NEXT:        isa.end
// CHECK-NEXT:      }
// CHECK-NEXT:      isa.load signal(matrix) {base = input
// CHECK-NEXT:      isa.matrix wait(load) signal(store)
// CHECK-NEXT:      isa.store wait(matrix)
// CHECK-NEXT:      isa.end
// LOCATION:        isa.load_program
// LOCATION-NEXT:   isa.load_weights {{.*}} loc("a")
sched.program inputs [#engine.tensor<shape = [1, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<128xi8> attributes {dsf.load_cycles = 40 : i64} {
  %input = sched.buffer input "input" at 0 size 12
  %output = sched.buffer output "output" at 0 size 8
  %stream = sched.buffer weights "weights" at 0 size 128
  %x = sched.buffer feature "input" at 0 size 12
  %y = sched.buffer feature "a" at 16 size 8
  %w = sched.buffer weight "a" at 0 size 12
  %p = sched.buffer parameter "a" at 0 size 1
  sched.load_program {
    %0 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1 cycles 4 beats 4 loc("a")
    %1 = sched.load_weights %stream[64] bytes 48 to %w groups 1 words 12 loc("a")
  }
  %2 = sched.load %input[0] to %x[0] elements 12
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> raw <> after(%2)
  %4 = sched.store %y[0] to %output[0] elements 8 after(%3)
}

// -----

// A reduction in parts, whose sums stay in the array, and one whose words, tall, go on from bank to bank.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128}
// CHECK:      isa.matrix {{.*}} {x_step = 12, {{.*}}run = 8, {{.*}}last_group_lanes = 2, partial = 1, weight_words = 8}
// CHECK:      isa.matrix {{.*}} {src = 8, x_start = 8, {{.*}}run = 4, {{.*}}last_group_lanes = 2, accumulate = 1, raw = 1, weight_address = 8, weight_words = 4}
// CHECK:      isa.matrix {{.*}}last_group_lanes = 2, tall = 1, raw = 1, weight_words = 12, bank_words = 6}
sched.program inputs [#engine.tensor<shape = [1, 12], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<192xi8> {
  %input = sched.buffer input "input" at 0 size 12
  %output = sched.buffer output "output" at 0 size 8
  %stream = sched.buffer weights "weights" at 0 size 192
  %x = sched.buffer feature "input" at 0 size 12
  %y = sched.buffer feature "a" at 16 size 8
  %z = sched.buffer feature "b" at 32 size 8
  %v = sched.buffer weight "a" at 0 size 8
  %w = sched.buffer weight "a" at 8 size 4
  %b = sched.buffer weight "b" at 0 size 6
  %p = sched.buffer parameter "a" at 0 size 1
  %0 = sched.load %input[0] to %x[0] elements 12
  %1 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1
  %2 = sched.load_weights %stream[64] bytes 32 to %v groups 1 words 8
  %3 = sched.load_weights %stream[128] bytes 16 to %w groups 1 words 4
  %4 = sched.matrix %x, %v, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1], inputs = [0, 8], partial = 1> window <kernel = [1, 1]> raw <> after(%0, %2)
  %5 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1], inputs = [8, 4], accumulate = 1> window <kernel = [1, 1]> raw <> after(%3)
  %6 = sched.load_weights %stream[64] bytes 48 to %b groups 2 words 6 after(%4)
  %7 = sched.matrix %x, %b, %p to %z tall <input = [1, 1, 12], output = [1, 1, 2], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> raw <> after(%6)
  %8 = sched.store %y[0] to %output[0] elements 8 after(%7)
}

// -----

engine.hardware {}
// CHECK: 'builtin.module': no sched.program, needs one; run tile-to-sched first

// -----

// Functions of single elements: the second half of a sum's rows, a product with a pixel for each image, and a table, the second
// of the engine's.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 64, bits_input = 2, bits_weights = 2, feature_memory = 1024, weight_memory = 1024}
// CHECK:      isa.load_weights signal(vector) {base = weights, bytes = 8, target = 2, address = 1, words = 1, groups = 1} cycles 0
// CHECK-NEXT: isa.vector wait(load) {function = add, src = 24, x_step = 3, y_start = 2, y_step = 1, row_step = 12, image_step = 48, row_elements = 12, height = 4, columns = 4, rows = 2, images = 1, dst = 120, dst_pixel_step = 3, dst_row_step = 12, dst_image_step = 48, channels = 3, right = 2, leak = 1, low = -2, high = 1, src_b = 24, src_b_pixel_step = 3, src_b_row_step = 12, src_b_image_step = 48, multiplier_a = 1, multiplier_b = 3, constant = -4} cycles 0
// CHECK-NEXT: isa.vector wait(weight) {function = table, x_step = 3, y_step = 1, row_step = 12, image_step = 48, row_elements = 12, height = 4, columns = 4, rows = 4, images = 1, dst = 96, dst_pixel_step = 3, dst_row_step = 12, dst_image_step = 48, channels = 3, table_address = 1} cycles 0
// CHECK-NEXT: isa.vector {function = multiply, {{.*}}dst = 144, {{.*}}right = 3, leak = 2, low = -2, high = 1, src_b = 96, src_b_image_step = 3, multiplier_a = 5, constant = 6, zero_a = 1, zero_b = -1} cycles 0
sched.program inputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 2, frac = 1, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 2, frac = 1, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<64xi8> {
  %input = sched.buffer input "input" at 0 size 12
  %stream = sched.buffer weights "weights" at 0 size 64
  %x = sched.buffer feature "input" at 0 size 48
  %y = sched.buffer feature "a" at 96 size 48
  %z = sched.buffer feature "b" at 144 size 48
  %table = sched.buffer table "a" at 1 size 1
  %0 = sched.load %input[0] to %x[0] elements 48
  %1 = sched.load_weights %stream[0] bytes 8 to %table groups 1 words 1
  %2 = sched.elementwise #tile.add<multiplier_b = 3, offset = -4, shift = 2, leak = 1, low = -2, high = 1> %x, %x to %y <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [2, 2]> after(%0)
  %3 = sched.lookup %x, %table to %y <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> after(%1)
  %4 = sched.elementwise #tile.multiply<zero_a = 1, zero_b = -1, multiplier = 5, offset = 6, shift = 3, leak = 2, low = -2, high = 1> %x, %y to %z <input = [4, 4, 3], output = [4, 4, 3], images = [0, 1], rows = [0, 4]> pixel
}

// -----

// The second row of a part that begins a row and a column before the image, and goes to every second row and
// column.

engine.hardware {bits_input = 4, bits_weights = 4, feature_memory = 1024}
// CHECK: isa.vector wait(load) {function = copy, src = 25, x_start = -2, x_step = 3, y_step = 1, row_step = 12, image_step = 48, row_elements = 12, height = 4, pad_value = -8, columns = 2, rows = 1, images = 1, dst = 278, dst_pixel_step = 10, dst_row_step = 60, dst_image_step = 120, channels = 2, low = -8, high = 7} cycles 0
sched.program inputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 4, frac = 1, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 4, frac = 1, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<64xi8> {
  %input = sched.buffer input "input" at 0 size 24
  %x = sched.buffer feature "input" at 27 size 48
  %y = sched.buffer feature "a" at 200 size 120
  %0 = sched.load %input[0] to %x[0] elements 48
  %1 = sched.move %x to %y <input = [4, 4, 3], output = [4, 6, 5], images = [0, 1], rows = [1, 1]> part <first = [-1, -1, 1], size = [2, 2, 2], pad_value = -8> target <first = [0, 3, 3], strides = [2, 2]> after(%0)
}

// -----

// Weights in ranges: six elements of each kernel row, each row in its bank from word 40 on, for the last column of two rows. The
// first four elements are x = 6 to 9, one word after the other; the last two come to word 44.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024}
// CHECK:      isa.load_weights {{.*}}{base = weights, offset = 128, bytes = 32, address = 40, words = 4, groups = 2}
// CHECK-NEXT: isa.load_weights {{.*}}{base = weights, offset = 192, bytes = 16, address = 44, words = 2, groups = 2}
// CHECK-NEXT: isa.matrix {{.*}}{src = 18, x_start = 6, x_step = 3, y_start = 1, {{.*}}run = 4, chunk = 4, {{.*}}last_chunk = 4, columns = 1, rows = 2, {{.*}}dst = 63, {{.*}}pixels = 2, {{.*}}tall = 1, partial = 1, weight_address = 40, weight_words = 8, bank_words = 4
// CHECK-NEXT: isa.matrix {{.*}}{src = 22, x_start = 10, {{.*}}run = 2, {{.*}}columns = 1, rows = 2, {{.*}}dst = 63, {{.*}}accumulate = 1, weight_address = 44, weight_words = 4, bank_words = 2
sched.program inputs [#engine.tensor<shape = [1, 4, 4, 3], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 2], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a"] weights dense<0> : tensor<256xi8> {
  %input = sched.buffer input "input" at 0 size 48
  %stream = sched.buffer weights "weights" at 0 size 256
  %x = sched.buffer feature "input" at 0 size 48
  %y = sched.buffer feature "a" at 48 size 48
  %r = sched.buffer weight "a" at 40 size 6
  %p = sched.buffer parameter "a" at 0 size 1
  %0 = sched.load %input[0] to %x[0] elements 48
  %1 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1
  %2 = sched.load_weights %stream[128] bytes 32 to %r groups 2 words 4
  %3 = sched.load_weights %stream[192] bytes 16 to %r at 4 groups 2 words 2
  %4 = sched.matrix %x, %r, %p to %y tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [1, 2], partial = 1, columns = [2, 1], run = [0, 4]> window <kernel = [2, 2]> requantize <low = 0, high = 127> after(%0, %2)
  %5 = sched.matrix %x, %r, %p to %y tall <input = [4, 4, 3], output = [3, 3, 3], images = [0, 1], rows = [1, 2], accumulate = 1, columns = [2, 1], run = [4, 2]> window <kernel = [2, 2]> requantize <low = 0, high = 127> after(%1, %3)
}

// -----

// A bias is shifted left from the last bit behind the point of a sum on, of which this engine has 5.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 1024, weight_memory = 1024, bits_sum = 24, bits_fraction = 5}
// CHECK:       isa.matrix {{.*}}bias_shift = 1, high = 127}
// CHECK-NEXT:  isa.matrix {{.*}}raw = 1, {{.*}}bias_shift = 7}
sched.program inputs [#engine.tensor<shape = [1, 1, 1, 4], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [1, 4], bits = 32, frac = 8, base = output, offset = 0>] arena 0 bundles ["a", "b"] weights dense<0> : tensor<72xi8> {
  %input = sched.buffer input "input" at 0 size 4
  %output = sched.buffer output "output" at 0 size 16
  %stream = sched.buffer weights "weights" at 0 size 72
  %x = sched.buffer feature "input" at 0 size 4
  %y = sched.buffer feature "a" at 16 size 4
  %s = sched.buffer feature "b" at 32 size 16
  %w = sched.buffer weight "a" at 0 size 4
  %p = sched.buffer parameter "a" at 0 size 1
  %0 = sched.load %input[0] to %x[0] elements 4
  %1 = sched.load_weights %stream[0] bytes 32 to %p groups 1 words 1
  %2 = sched.load_weights %stream[32] bytes 16 to %w groups 1 words 4
  %3 = sched.matrix %x, %w, %p to %y wide <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> requantize <bias_shift = -4, low = 0, high = 127> after(%0, %1, %2)
  %4 = sched.matrix %y, %w, %p to %s wide <input = [1, 1, 4], output = [1, 1, 4], images = [0, 1], rows = [0, 1]> window <kernel = [1, 1]> raw <bias_shift = 2> after(%2, %3)
  %5 = sched.store %s[0] to %output[0] elements 16 after(%0, %4)
}
