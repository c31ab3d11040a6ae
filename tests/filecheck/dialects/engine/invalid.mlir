// RUN: DSF_VERIFY_DIAG

engine.hardware {bits_input = 7, bits_weights = 3}
// CHECK:      invalid.mlir:3:1: 'engine.hardware': 'bits_input': 7, needs 2, 4 or 8
// CHECK-NEXT: 'bits_weights': 3, needs 2, 4 or 8

// -----

engine.hardware {bit_input = 8}
// CHECK: 'bit_input' in engine.hardware is unknown, needs one of: axi_width, bits_bias, bits_fraction, bits_input,

// -----

engine.hardware {axi_width = 64, axi_width = 128}
// CHECK: 'axi_width' is given twice, needs to be given once

// -----

engine.hardware {axi_width = wide}
// CHECK: needs a number, a string or a list of integers like [8, 24]

// -----

"engine.hardware"() <{parameters = {axi_width = #engine.tensor<shape = [1], bits = 8, frac = 0, base = input, offset = 0>}}> : () -> ()
// CHECK: 'axi_width' in engine.hardware is #engine.tensor<{{.*}}>, needs a number, a string or a list of integers

// -----

"test.op"() {tensor = #engine.tensor<shape = [8, 0], bits = 8, frac = 0, base = input, offset = 0>} : () -> ()
// CHECK: '#engine.tensor': shape [8, 0], needs sizes of at least 1

// -----

"test.op"() {tensor = #engine.tensor<shape = [8], bits = 3, frac = 0, base = input, offset = 0>} : () -> ()
// CHECK: '#engine.tensor': bits 3, needs one of 1, 2, 4, 8, 16, 32

// -----

"test.op"() {tensor = #engine.tensor<shape = [8], bits = 8, frac = 0, base = nowhere, offset = 0>} : () -> ()
// CHECK: '#engine.tensor': base nowhere, needs one of program, weights, input, output, arena

// -----

"test.op"() {tensor = #engine.tensor<shape = [8], bits = 8, frac = 0, base = input, offset = -1>} : () -> ()
// CHECK: '#engine.tensor': offset -1, needs at least 0

// -----

"test.op"() {tensor = #engine.tensor<shape = [65536, 65536], bits = 8, frac = 0, base = input, offset = 1>} : () -> ()
// CHECK: '#engine.tensor': reaches byte 4294967297, needs at most 4294967296

// -----

"test.op"() {tensor = #engine.tensor<shape = [8], bits = 8, frac = 129, base = input, offset = 0>} : () -> ()
// CHECK: '#engine.tensor': frac 129, needs -128 to 128

// -----

"test.op"() {tensor = #engine.tensor<shape = [2, 8], bits = 8, frac = 0, scales = [0.5, 0.25], zero_point = 0, base = input, offset = 0>} : () -> ()
// CHECK: '#engine.tensor': 2 scales, needs one, or one for each of 8 channels

// -----

"test.op"() {tensor = #engine.tensor<shape = [8], bits = 8, frac = 0, scales = [-0.5], zero_point = 0, base = input, offset = 0>} : () -> ()
// CHECK: '#engine.tensor': scales [-0.5], needs positive numbers
