// RUN: dsf-opt %s -p merge-columns --verify-each --split-input-file | filecheck %s
// RUN: dsf-opt %s -p 'merge-columns{columns=2}' --verify-each --split-input-file | filecheck %s --check-prefix=TWO
// RUN: dsf-opt %s -p 'merge-columns{columns=1}' --split-input-file | filecheck %s --check-prefix=ONE
// RUN: dsf-opt %s -p merge-columns --print-debuginfo --split-input-file | filecheck %s --check-prefix=LOCATION
// RUN: not dsf-opt %s -p 'merge-columns{columns=9}' 2>&1 | filecheck %s --check-prefix=MANY
// MANY: 'columns': 9, needs an integer from 0 (the compiler chooses) to 8; change the option

// Depthwise, eight channels: two output columns of three taps are one of four taps over twice as many channels, with zeros where
// a column has no tap. What the zeros multiply, 16 * 16 * 8 * (3 * 4 * 8 - 3 * 3), is nobody's work.

engine.hardware {processing_elements = [4, 64], column_groups = 4, vector_length = 32}
// CHECK:       func.func @main(%x: tensor<1x16x16x8xi8>) -> tensor<1x16x16x8xi8> attributes {dsf.input_frac = 4 : i64, dsf.zero_macs = {depthwise = 178176 : i64}} {
// CHECK-NEXT:    %0 = fxp.conv %x strides [1, 2] padding [1, 1, 1, 1] weights {{.*}} : tensor<3x4x8x16xi8> : tensor<1x16x16x8xi8> -> tensor<1x16x8x16xi32>
// CHECK-NEXT:    %1 = fxp.requantize %0 bias dense<[0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]> : tensor<16xi32> bias_shift 2 multiplier dense<1> : tensor<16xi32> shift dense<3> : tensor<16xi8> leak 1 clip -128 to 127 : tensor<1x16x8x16xi32> -> tensor<1x16x8x16xi8>
// CHECK-NEXT:    %2 = fxp.reshape %1 : tensor<1x16x8x16xi8> -> tensor<1x16x16x8xi8>
// CHECK-NEXT:    func.return %2
// ONE-NOT:       dsf.zero_macs
// ONE:           fxp.conv %x padding [1, 1, 1, 1] groups 8
// LOCATION:      fxp.conv {{.*}} loc("depthwise")
// LOCATION-NEXT: fxp.requantize {{.*}} loc("depthwise")
// LOCATION-NEXT: fxp.reshape {{.*}} loc("depthwise")
func.func @main(%x: tensor<1x16x16x8xi8>) -> tensor<1x16x16x8xi8> attributes {dsf.input_frac = 4 : i64} {
  %0 = fxp.conv %x padding [1, 1, 1, 1] groups 8 weights dense<3> : tensor<3x3x1x8xi8> : tensor<1x16x16x8xi8> -> tensor<1x16x16x8xi32> loc("depthwise")
  %1 = fxp.requantize %0 bias dense<[0, 1, 2, 3, 4, 5, 6, 7]> : tensor<8xi32> bias_shift 2 multiplier dense<1> : tensor<8xi32> shift dense<3> : tensor<8xi8> leak 1 clip -128 to 127 : tensor<1x16x16x8xi32> -> tensor<1x16x16x8xi8> loc("depthwise")
  func.return %1 : tensor<1x16x16x8xi8>
}

// -----

// Padding at the right is what the last of the merged columns needs. A padding value that is not 0 meets the zeros as well.

engine.hardware {processing_elements = [4, 64], column_groups = 4, vector_length = 32}
// TWO:      fxp.conv %x strides [2, 6] padding [1, 0, 1, 1] pad_value 5 weights {{.*}} : tensor<2x5x3x8xi8> : tensor<1x4x9x3xi8> -> tensor<1x2x2x8xi32>
// TWO-NEXT: fxp.requantize
// TWO-NEXT: fxp.reshape {{.*}} : tensor<1x2x2x8xi8> -> tensor<1x2x4x4xi8>
func.func @main(%x: tensor<1x4x9x3xi8>) -> tensor<1x2x4x4xi8> {
  %0 = fxp.conv %x strides [2, 3] padding [1, 0, 1, 2] pad_value 5 weights dense<7> : tensor<2x2x3x4xi8> : tensor<1x4x9x3xi8> -> tensor<1x2x4x4xi32> loc("strided")
  %1 = fxp.requantize %0 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x2x4x4xi32> -> tensor<1x2x4x4xi8> loc("strided")
  func.return %1 : tensor<1x2x4x4xi8>
}

// -----

// Two columns of a layer that fills the array are no faster.

engine.hardware {processing_elements = [4, 64], column_groups = 4, vector_length = 32}
// CHECK:     fxp.conv %x padding [1, 1, 1, 1] weights dense<1> : tensor<3x3x16x16xi8>
// TWO:       fxp.conv %x strides [1, 2] padding [1, 1, 1, 1] weights {{.*}} : tensor<3x4x16x32xi8>
func.func @main(%x: tensor<1x16x16x16xi8>) -> tensor<1x16x16x16xi8> {
  %0 = fxp.conv %x padding [1, 1, 1, 1] weights dense<1> : tensor<3x3x16x16xi8> : tensor<1x16x16x16xi8> -> tensor<1x16x16x16xi32>
  %1 = fxp.requantize %0 bias dense<1> : tensor<16xi32> multiplier dense<1> : tensor<16xi32> shift dense<3> : tensor<16xi8> clip -128 to 127 : tensor<1x16x16x16xi32> -> tensor<1x16x16x16xi8>
  func.return %1 : tensor<1x16x16x16xi8>
}

// -----

// What can't be merged stays as it is, whatever is asked for: dilated kernels, odd widths, raw sums.

engine.hardware {processing_elements = [4, 64], column_groups = 4, vector_length = 32}
// TWO:      fxp.conv %x dilation [1, 2] weights dense<1> : tensor<1x2x4x4xi8>
// TWO:      fxp.conv %{{.*}} weights dense<1> : tensor<1x2x4x4xi8>
// TWO-NEXT: fxp.requantize
// TWO-NEXT: fxp.conv %{{.*}} weights dense<1> : tensor<1x2x4x4xi8>
// TWO-NEXT: fxp.raw
func.func @main(%x: tensor<1x4x6x4xi8>) -> tensor<1x4x2x4xi32> {
  %0 = fxp.conv %x dilation [1, 2] weights dense<1> : tensor<1x2x4x4xi8> : tensor<1x4x6x4xi8> -> tensor<1x4x4x4xi32>
  %1 = fxp.requantize %0 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x4x4x4xi32> -> tensor<1x4x4x4xi8>
  %2 = fxp.conv %1 weights dense<1> : tensor<1x2x4x4xi8> : tensor<1x4x4x4xi8> -> tensor<1x4x3x4xi32>
  %3 = fxp.requantize %2 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x4x3x4xi32> -> tensor<1x4x3x4xi8>
  %4 = fxp.conv %3 weights dense<1> : tensor<1x2x4x4xi8> : tensor<1x4x3x4xi8> -> tensor<1x4x2x4xi32>
  %5 = fxp.raw %4 bias dense<1> : tensor<4xi32> : tensor<1x4x2x4xi32> -> tensor<1x4x2x4xi32>
  func.return %5 : tensor<1x4x2x4xi32>
}

// -----

// A binary weight is never 0.

engine.hardware {processing_elements = [4, 64], column_groups = 4, vector_length = 128, bits_input = 1, bits_weights = 1}
// TWO:      fxp.conv %x weights dense<true> : tensor<1x2x4x4xi1>
func.func @main(%x: tensor<1x4x5x4xi1>) -> tensor<1x4x4x4xi1> {
  %0 = fxp.conv %x weights dense<true> : tensor<1x2x4x4xi1> : tensor<1x4x5x4xi1> -> tensor<1x4x4x4xi32>
  %1 = fxp.requantize %0 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> clip -1 to 1 : tensor<1x4x4x4xi32> -> tensor<1x4x4x4xi1>
  func.return %1 : tensor<1x4x4x4xi1>
}
