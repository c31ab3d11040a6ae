// RUN: DSF_ROUNDTRIP
// RUN: DSF_GENERIC_ROUNDTRIP

isa.program
  inputs [#engine.tensor<shape = [1, 2, 2, 3], bits = 8, frac = 4, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1, 10], bits = 32, frac = 8, base = output, offset = 0>]
  arena 64 bundles ["stem", "head"] softmax weights dense<[1, -2]> : tensor<2xi8> {
// CHECK:         isa.program inputs [#engine.tensor<shape = [1, 2, 2, 3], bits = 8, frac = 4, base = input, offset = 0>]
// CHECK-SAME:    outputs [#engine.tensor<shape = [1, 10], bits = 32, frac = 8, base = output, offset = 0>]
// CHECK-SAME:    arena 64 bundles ["stem", "head"] softmax weights dense<[1, -2]> : tensor<2xi8> {
// CHECK-GENERIC: arena_bytes = 64 : i64, bundles = ["stem", "head"], softmax, weights = dense<[1, -2]> : tensor<2xi8>}>

  isa.load wait(vector, matrix) signal(matrix) {base = input, rows = 2, row_elements = 6, row_stride = 6, dst = 16} cycles 5
  // CHECK:              isa.load wait(matrix, vector) signal(matrix) {base = input, rows = 2, row_elements = 6, row_stride = 6, dst = 16} cycles 5
  // CHECK-GENERIC:      "isa.load"() <{wait = 12 : i64, signal = 4 : i64, base = 2 : i64, offset = 0 : i64, rows = 2 : i64,
  // CHECK-GENERIC-SAME: cycles = 5 : i64}>

  isa.load_weights signal(matrix) {base = weights, offset = 0, bytes = 2, words = 1, groups = 1}
  // CHECK-NEXT: isa.load_weights signal(matrix) {base = weights, bytes = 2, words = 1, groups = 1}

  isa.matrix wait(load, weight) {src = 16777215, x_start = -3, pad_value = -128, tall = 1, bank_words = 0}
  // CHECK-NEXT:         isa.matrix wait(load, weight) {src = 16777215, x_start = -3, pad_value = -128, tall = 1}
  // CHECK-GENERIC:      "isa.matrix"()
  // CHECK-GENERIC-SAME: bank_words = 0 : i64

  isa.vector {function = average_pool, count_padding = 1}
  // CHECK-NEXT: isa.vector {function = average_pool, count_padding = 1}

  isa.vector {function = 5, kernel_rows = 1, channels = 4}
  // CHECK-NEXT:         isa.vector {function = copy, channels = 4}
  // CHECK-GENERIC:      "isa.vector"()
  // CHECK-GENERIC-SAME: kernel_rows = 1 : i64
  // CHECK-GENERIC-SAME: dst_channel_step = 1 : i64

  isa.vector {function = add, src_b = 9, multiplier_a = 1, multiplier_b = 3, constant = -4, right = 2, low = -8, high = 7}
  // CHECK-NEXT: isa.vector {function = add, right = 2, low = -8, high = 7, src_b = 9, multiplier_a = 1, multiplier_b = 3, constant = -4}

  isa.store attributes {note = "any"}
  // CHECK-NEXT: isa.store attributes {note = "any"}

  isa.end
  // CHECK-NEXT: isa.end
}

// -----

// What is run once is a program of its own.

isa.program
  inputs [#engine.tensor<shape = [1, 2, 2, 3], bits = 8, frac = 4, base = input, offset = 0>]
  outputs [#engine.tensor<shape = [1, 10], bits = 32, frac = 8, base = output, offset = 0>]
  arena 0 bundles [] weights dense<[1, -2]> : tensor<2xi8> {
// CHECK:         isa.program
// CHECK-NEXT:      isa.load_program {
// CHECK-NEXT:        isa.load_weights {base = weights, bytes = 2, words = 1, groups = 1} cycles 3
// CHECK-NEXT:        isa.end
// CHECK-NEXT:      }
// CHECK-NEXT:      isa.load {base = input
// CHECK-NEXT:      isa.end
// CHECK-GENERIC:   "isa.load_program"() ({
// CHECK-GENERIC:   "isa.end"() <{{.*}}
// CHECK-GENERIC:   }) : () -> ()
  isa.load_program {
    isa.load_weights {base = weights, bytes = 2, words = 1, groups = 1} cycles 3
    isa.end
  }
  isa.load {base = input, rows = 1, row_elements = 12}
  isa.end
}
