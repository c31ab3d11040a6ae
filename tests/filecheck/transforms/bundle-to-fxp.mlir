// RUN: dsf-opt %s -p bundle-to-fxp --verify-each --split-input-file | filecheck %s
// RUN: dsf-opt %s -p bundle-to-fxp --print-debuginfo --split-input-file | filecheck %s --check-prefix=LOCATION

// Convolution, leaky ReLU (slope 1/8 is a further shift of 3), residual add of operands with 4 and 5 fraction bits, average with
// two more fraction bits, flatten. The bias, 5 = 0.625 * 2**3, is shifted left to the sum's 7 fraction bits.

engine.hardware {bits_sum = 24, bits_weights = 4}

// CHECK:       func.func @main(%x: tensor<1x4x4x1xi8>) -> tensor<1x4xi8> attributes {dsf.input_frac = 5 : i64, dsf.output_frac = 6 : i64} {
// CHECK-NEXT:    %0 = fxp.conv %x padding [1, 1, 1, 1] weights dense<-4> : tensor<3x3x1x1xi4> : tensor<1x4x4x1xi8> -> tensor<1x4x4x1xi24>
// CHECK-NEXT:    %1 = fxp.requantize %0 bias dense<5> : tensor<1xi32> bias_shift 4 multiplier dense<1> : tensor<1xi32> shift dense<3> : tensor<1xi8> leak 3 clip -128 to 127 : tensor<1x4x4x1xi24> -> tensor<1x4x4x1xi8>
// CHECK-NEXT:    %2 = fxp.add %1, %x multiplier_a 2 shift 1 clip 0 to 127 : tensor<1x4x4x1xi8>, tensor<1x4x4x1xi8> -> tensor<1x4x4x1xi8>
// CHECK-NEXT:    %3 = fxp.pool avg %2 size [2, 2] strides [2, 2] left 2 clip -128 to 127 : tensor<1x4x4x1xi8> -> tensor<1x2x2x1xi8>
// CHECK-NEXT:    %4 = fxp.reshape %3 : tensor<1x2x2x1xi8> -> tensor<1x4xi8>
// CHECK-NEXT:    func.return %4 : tensor<1x4xi8>
// LOCATION:      fxp.conv {{.*}} loc("first")
// LOCATION-NEXT: fxp.requantize {{.*}} loc("first")
// LOCATION-NEXT: fxp.add {{.*}} loc("first")
// LOCATION-NEXT: fxp.pool {{.*}} loc("first")
// LOCATION-NEXT: fxp.reshape {{.*}} loc("first")
func.func @main(%x: tensor<1x4x4x1x!bundle.q<8, 5>>) -> tensor<1x4x!bundle.q<8, 6>> {
  %y = bundle.bundle "first" -> tensor<1x4x!bundle.q<8, 6>> {
    %s = bundle.conv %x padding [1, 1, 1, 1] weights q<4, 2> dense<-1.0> : tensor<3x3x1x1xf64> bias q<16, 3> dense<0.625> : tensor<1xf64> : tensor<1x4x4x1x!bundle.q<8, 5>> -> tensor<1x4x4x1x!bundle.q<24, 7>>
    %a = bundle.activation %s negative_slope 0.125 : tensor<1x4x4x1x!bundle.q<24, 7>> -> tensor<1x4x4x1x!bundle.q<8, 4>>
    %b = bundle.add %a, %x negative_slope 0.0 : tensor<1x4x4x1x!bundle.q<8, 4>>, tensor<1x4x4x1x!bundle.q<8, 5>> -> tensor<1x4x4x1x!bundle.q<8, 4>>
    %p = bundle.pool avg %b size [2, 2] strides [2, 2] : tensor<1x4x4x1x!bundle.q<8, 4>> -> tensor<1x2x2x1x!bundle.q<8, 6>>
    %f = bundle.flatten %p : tensor<1x2x2x1x!bundle.q<8, 6>> -> tensor<1x4x!bundle.q<8, 6>>
    bundle.yield %f : tensor<1x4x!bundle.q<8, 6>>
  }
  func.return %y : tensor<1x4x!bundle.q<8, 6>>
}

// -----

// A bias that is finer than the sum by two bits, 0.625 = 320 * 2**-9: nothing else changes.

engine.hardware {bits_sum = 24, bits_fraction = 2}

// CHECK:         %0 = fxp.conv %x weights dense<-4> : tensor<3x3x1x1xi8> : tensor<1x4x4x1xi8> -> tensor<1x2x2x1xi24>
// CHECK-NEXT:    %1 = fxp.requantize %0 bias dense<320> : tensor<1xi32> bias_shift -2 multiplier dense<1> : tensor<1xi32> shift dense<3> : tensor<1xi8> clip -128 to 127 : tensor<1x2x2x1xi24> -> tensor<1x2x2x1xi8>
func.func @main(%x: tensor<1x4x4x1x!bundle.q<8, 5>>) -> tensor<1x2x2x1x!bundle.q<8, 4>> {
  %s = bundle.conv %x weights q<4, 2> dense<-1.0> : tensor<3x3x1x1xf64> bias q<16, 9> dense<0.625> : tensor<1xf64> : tensor<1x4x4x1x!bundle.q<8, 5>> -> tensor<1x2x2x1x!bundle.q<26, 9>>
  %a = bundle.activation %s : tensor<1x2x2x1x!bundle.q<26, 9>> -> tensor<1x2x2x1x!bundle.q<8, 4>>
  func.return %a : tensor<1x2x2x1x!bundle.q<8, 4>>
}

// -----

// The same with free scales: a bias of 5.25 has with the zero point 113.25 = 1812 * 2**-4, and the gain 0.1 becomes
// 838861 / 2**23 where the hardware has 20 bits for it.

engine.hardware {bits_sum = 24, bits_bias = 32, bits_multiplier = 20, bits_fraction = 6}

// CHECK:         %0 = fxp.conv %x padding [1, 1, 1, 1] pad_value -3
// CHECK-NEXT:    %1 = fxp.requantize %0 bias dense<1812> : tensor<1xi32> bias_shift -4 multiplier dense<838861> : tensor<1xi32> shift dense<23> : tensor<1xi8> zero_point -100 clip -100 to 127 : tensor<1x4x4x1xi24> -> tensor<1x4x4x1xi8>
func.func @main(%x: tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>>) -> tensor<1x4x4x1x!bundle.affine<8, 0.1, -100>> {
  %s = bundle.conv %x padding [1, 1, 1, 1] weights q<8, 0> dense<4.0> : tensor<3x3x1x1xf64> scales dense<0.02> : tensor<1xf64> bias q<32, 4> dense<5.25> : tensor<1xf64> : tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>> -> tensor<1x4x4x1x!bundle.sum<28>>
  %a = bundle.activation %s negative_slope 0.0 : tensor<1x4x4x1x!bundle.sum<28>> -> tensor<1x4x4x1x!bundle.affine<8, 0.1, -100>>
  func.return %a : tensor<1x4x4x1x!bundle.affine<8, 0.1, -100>>
}

// -----

// An addition with multipliers of 20 bits: 0.1 / 0.4 and 0.5 / 0.4 of 2**19, and all zero points in the offset,
// 7 * 2**19 + 100 * 131072 + 3 * 655360.

engine.hardware {bits_sum = 24, bits_multiplier = 20}

// CHECK:       fxp.add {{.*}} multiplier_a 131072 multiplier_b 655360 offset 18743296 shift 19 clip -128 to 127
func.func @main(%x: tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>>) -> tensor<1x4x4x1x!bundle.affine<8, 0.4, 7>> {
  %a = bundle.function tanh %x : tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>> -> tensor<1x4x4x1x!bundle.affine<8, 0.1, -100>>
  %b = bundle.add %a, %x : tensor<1x4x4x1x!bundle.affine<8, 0.1, -100>>, tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>> -> tensor<1x4x4x1x!bundle.affine<8, 0.4, 7>>
  func.return %b : tensor<1x4x4x1x!bundle.affine<8, 0.4, 7>>
}

// -----

// A flatten and a dense layer meet in one reshape; a result with more fraction bits than the sum takes a multiplier. The last
// layer's sum leaves raw, and the softmax is the host's.

engine.hardware {bits_sum = 24}

// CHECK:       func.func @main(%x: tensor<1x2x2x1xi8>) -> tensor<1x2xi32> attributes {dsf.input_frac = 0 : i64, dsf.softmax, dsf.output_frac = 5 : i64} {
// CHECK-NEXT:    %0 = fxp.reshape %x : tensor<1x2x2x1xi8> -> tensor<1x1x1x4xi8>
// CHECK-NEXT:    %1 = fxp.conv %0 weights dense<3> : tensor<1x1x4x4xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi24>
// CHECK-NEXT:    %2 = fxp.requantize %1 bias dense<0> : tensor<4xi32> multiplier dense<8> : tensor<4xi32> shift dense<0> : tensor<4xi8> clip 0 to 63 : tensor<1x1x1x4xi24> -> tensor<1x1x1x4xi8>
// CHECK-NEXT:    %3 = fxp.conv %2 weights dense<1> : tensor<1x1x4x2xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x2xi24>
// CHECK-NEXT:    %4 = fxp.raw %3 bias dense<[-8, 24]> : tensor<2xi32> bias_shift 1 : tensor<1x1x1x2xi24> -> tensor<1x1x1x2xi32>
// CHECK-NEXT:    %5 = fxp.reshape %4 : tensor<1x1x1x2xi32> -> tensor<1x2xi32>
// CHECK-NEXT:    func.return %5 : tensor<1x2xi32>
func.func @main(%x: tensor<1x2x2x1x!bundle.q<8, 0>>) -> tensor<1x2xf64> {
  %f = bundle.flatten %x : tensor<1x2x2x1x!bundle.q<8, 0>> -> tensor<1x4x!bundle.q<8, 0>>
  %s = bundle.dense %f weights q<8, 2> dense<0.75> : tensor<4x4xf64> : tensor<1x4x!bundle.q<8, 0>> -> tensor<1x4x!bundle.q<24, 2>>
  %a = bundle.activation %s negative_slope 0.0 : tensor<1x4x!bundle.q<24, 2>> -> tensor<1x4x!bundle.q<7, 5>>
  %t = bundle.dense %a weights q<8, 0> dense<1.0> : tensor<4x2xf64> bias q<16, 4> dense<[-0.5, 1.5]> : tensor<2xf64> : tensor<1x4x!bundle.q<7, 5>> -> tensor<1x2x!bundle.q<24, 5>>
  %p = bundle.softmax %t : tensor<1x2x!bundle.q<24, 5>> -> tensor<1x2xf64>
  func.return %p : tensor<1x2xf64>
}

// -----

// An activation of rounded values is a pooling of one element; an add of vectors works on images of one pixel.

engine.hardware {}

// CHECK:       func.func @main(%x: tensor<2x3xi8>) -> tensor<2x3xi8>
// CHECK-NEXT:    %0 = fxp.reshape %x : tensor<2x3xi8> -> tensor<2x1x1x3xi8>
// CHECK-NEXT:    %1 = fxp.pool max %0 size [1, 1] right 1 leak 2 clip -128 to 127 : tensor<2x1x1x3xi8> -> tensor<2x1x1x3xi8>
// CHECK-NEXT:    %2 = fxp.reshape %x : tensor<2x3xi8> -> tensor<2x1x1x3xi8>
// CHECK-NEXT:    %3 = fxp.add %1, %2 multiplier_a 2 clip -128 to 127 : tensor<2x1x1x3xi8>, tensor<2x1x1x3xi8> -> tensor<2x1x1x3xi8>
// CHECK-NEXT:    %4 = fxp.reshape %3 : tensor<2x1x1x3xi8> -> tensor<2x3xi8>
func.func @main(%x: tensor<2x3x!bundle.q<8, 4>>) -> tensor<2x3x!bundle.q<8, 4>> {
  %a = bundle.activation %x negative_slope 0.25 : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 3>>
  %b = bundle.add %a, %x : tensor<2x3x!bundle.q<8, 3>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 4>>
  func.return %b : tensor<2x3x!bundle.q<8, 4>>
}

// -----

// One bit is a sign: neither a slope nor a rescaling changes it, and no right shift rounds it to 0. An average of 9 elements is
// scaled up by 16 for the same reason. Weights are bits b for 2b - 1: the weight -0.5 is false.

engine.hardware {bits_input = 1, bits_weights = 1, bits_sum = 16}

// CHECK:       func.func @main(%x: tensor<1x4x4x1xi1>) -> tensor<1x2x2x1xi1> attributes {dsf.input_frac = 0 : i64, dsf.output_frac = -2 : i64} {
// CHECK-NEXT:    %0 = fxp.conv %x padding [1, 1, 1, 1] weights dense<false> : tensor<3x3x1x1xi1> : tensor<1x4x4x1xi1> -> tensor<1x4x4x1xi16>
// CHECK-NEXT:    %1 = fxp.requantize %0 bias dense<-2> : tensor<1xi32> multiplier dense<1> : tensor<1xi32> shift dense<0> : tensor<1xi8> clip -1 to 1 : tensor<1x4x4x1xi16> -> tensor<1x4x4x1xi1>
// CHECK-NEXT:    %2 = fxp.add %1, %x multiplier_a 4 clip -1 to 1 : tensor<1x4x4x1xi1>, tensor<1x4x4x1xi1> -> tensor<1x4x4x1xi1>
// CHECK-NEXT:    %3 = fxp.pool avg %2 size [3, 3] left 4 clip -1 to 1 : tensor<1x4x4x1xi1> -> tensor<1x2x2x1xi1>
// CHECK-NEXT:    func.return %3 : tensor<1x2x2x1xi1>
func.func @main(%x: tensor<1x4x4x1x!bundle.q<1, 0>>) -> tensor<1x2x2x1x!bundle.q<1, -2>> {
  %s = bundle.conv %x padding [1, 1, 1, 1] weights q<1, 1> dense<-0.5> : tensor<3x3x1x1xf64> bias q<16, 1> dense<-1.0> : tensor<1xf64> : tensor<1x4x4x1x!bundle.q<1, 0>> -> tensor<1x4x4x1x!bundle.q<16, 1>>
  %a = bundle.activation %s negative_slope 0.125 : tensor<1x4x4x1x!bundle.q<16, 1>> -> tensor<1x4x4x1x!bundle.q<1, -2>>
  %b = bundle.add %a, %x negative_slope 0.5 : tensor<1x4x4x1x!bundle.q<1, -2>>, tensor<1x4x4x1x!bundle.q<1, 0>> -> tensor<1x4x4x1x!bundle.q<1, -2>>
  %p = bundle.pool avg %b size [3, 3] : tensor<1x4x4x1x!bundle.q<1, -2>> -> tensor<1x2x2x1x!bundle.q<1, -2>>
  func.return %p : tensor<1x2x2x1x!bundle.q<1, -2>>
}

// -----

// Free scales. The input's zero point of -3 is the padding, and the bias is 5 + 3 * sum(w). The gain 0.5 * 0.02 / 0.1 is
// 52429 / 2**19. The clip of a ReLU6 begins at the result's zero point and ends 60 above it. In the add both multipliers have
// the shift of the larger one, 0.5 / 0.4, and all zero points are in the offset: 7 * 2**15 + 100 * 8192 + 3 * 40960.

engine.hardware {bits_sum = 24, bits_bias = 32}

// CHECK:       func.func @main(%x: tensor<1x4x4x1xi8>) -> tensor<1x4x4x1xi8> attributes {dsf.input_frac = 0 : i64, dsf.input_scales = array<f64: 5.000000e-01>, dsf.input_zero_point = -3 : i64, dsf.output_frac = 0 : i64, dsf.output_scales = array<f64: 4.000000e-01>, dsf.output_zero_point = 7 : i64} {
// CHECK-NEXT:    %0 = fxp.conv %x padding [1, 1, 1, 1] pad_value -3 weights dense<4> : tensor<3x3x1x1xi8> : tensor<1x4x4x1xi8> -> tensor<1x4x4x1xi24>
// CHECK-NEXT:    %1 = fxp.requantize %0 bias dense<113> : tensor<1xi32> multiplier dense<52429> : tensor<1xi32> shift dense<19> : tensor<1xi8> zero_point -100 clip -100 to -40 : tensor<1x4x4x1xi24> -> tensor<1x4x4x1xi8>
// CHECK-NEXT:    %2 = fxp.add %1, %x multiplier_a 8192 multiplier_b 40960 offset 1171456 shift 15 clip -128 to 127 : tensor<1x4x4x1xi8>, tensor<1x4x4x1xi8> -> tensor<1x4x4x1xi8>
// CHECK-NEXT:    func.return %2 : tensor<1x4x4x1xi8>
func.func @main(%x: tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>>) -> tensor<1x4x4x1x!bundle.affine<8, 0.4, 7>> {
  %s = bundle.conv %x padding [1, 1, 1, 1] weights q<8, 0> dense<4.0> : tensor<3x3x1x1xf64> scales dense<0.02> : tensor<1xf64> bias q<32, 0> dense<5.0> : tensor<1xf64> : tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>> -> tensor<1x4x4x1x!bundle.sum<24>>
  %a = bundle.activation %s negative_slope 0.0 maximum 6.0 : tensor<1x4x4x1x!bundle.sum<24>> -> tensor<1x4x4x1x!bundle.affine<8, 0.1, -100>>
  %b = bundle.add %a, %x : tensor<1x4x4x1x!bundle.affine<8, 0.1, -100>>, tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>> -> tensor<1x4x4x1x!bundle.affine<8, 0.4, 7>>
  func.return %b : tensor<1x4x4x1x!bundle.affine<8, 0.4, 7>>
}

// -----

// Functions of single elements. The table has an entry for each of -1, -0.5, 0, 0.5: -0.25, -0.125, 0, 0.5 in units of 0.25, -0.5
// to even and 2 clipped. A product has the fraction bits of both operands; the gate is a pixel for each image.

engine.hardware {bits_input = 2, bits_weights = 2, bits_sum = 24, bits_bias = 16}
// CHECK:       func.func @main(%x: tensor<2x2x2x3xi2>)
// CHECK-NEXT:    %0 = fxp.pool avg %x size [2, 2] clip -2 to 1 : tensor<2x2x2x3xi2> -> tensor<2x1x1x3xi2>
// CHECK-NEXT:    %1 = fxp.table %0 table dense<[-1, 0, 0, 1]> : tensor<4xi2> : tensor<2x1x1x3xi2> -> tensor<2x1x1x3xi2>
// CHECK-NEXT:    %2 = fxp.multiply %x, %1 shift 3 leak 1 clip -2 to 1 : tensor<2x2x2x3xi2>, tensor<2x1x1x3xi2> -> tensor<2x2x2x3xi2>
// CHECK-NEXT:    %3 = fxp.add %2, %x multiplier_a 2 shift 1 clip -2 to 1 : tensor<2x2x2x3xi2>, tensor<2x2x2x3xi2> -> tensor<2x2x2x3xi2>
// LOCATION:      fxp.table {{.*}} loc("gate")
// LOCATION-NEXT: fxp.multiply {{.*}} loc("product")
func.func @main(%x: tensor<2x2x2x3x!bundle.q<2, 1>>) -> tensor<2x2x2x3x!bundle.q<2, 0>> {
  %p = bundle.pool avg %x size [2, 2] : tensor<2x2x2x3x!bundle.q<2, 1>> -> tensor<2x1x1x3x!bundle.q<2, 1>> loc("gate")
  %f = bundle.flatten %p : tensor<2x1x1x3x!bundle.q<2, 1>> -> tensor<2x3x!bundle.q<2, 1>> loc("gate")
  %g = bundle.function leaky_relu parameters [0.25] %f : tensor<2x3x!bundle.q<2, 1>> -> tensor<2x3x!bundle.q<2, 2>> loc("gate")
  %m = bundle.multiply %x, %g negative_slope 0.5 : tensor<2x2x2x3x!bundle.q<2, 1>>, tensor<2x3x!bundle.q<2, 2>> -> tensor<2x2x2x3x!bundle.q<2, 0>> loc("product")
  %s = bundle.add %m, %x : tensor<2x2x2x3x!bundle.q<2, 0>>, tensor<2x2x2x3x!bundle.q<2, 1>> -> tensor<2x2x2x3x!bundle.q<2, 0>> loc("sum")
  func.return %s : tensor<2x2x2x3x!bundle.q<2, 0>>
}

// -----

// Free scales: 0.5 * 0.125 / 0.75 is 43691 / 2**19 to 16 bits, and the zero point of the result is in the offset; it is the least
// value after a ReLU, and 3.0 is 4 steps above it. What is 0 of the gate's input is 4 steps above its zero point.

engine.hardware {bits_input = 4, bits_weights = 4}
// CHECK:       %0 = fxp.table %x table dense<[-3, -2, -1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]> : tensor<16xi4> : tensor<1x2x2x1xi4> -> tensor<1x2x2x1xi4>
// CHECK-NEXT:  %1 = fxp.multiply %x, %0 zero_a -8 zero_b -7 multiplier 43691 offset -1048576 shift 19 clip -2 to 2 : tensor<1x2x2x1xi4>, tensor<1x2x2x1xi4> -> tensor<1x2x2x1xi4>
func.func @main(%x: tensor<1x2x2x1x!bundle.affine<4, 0.5, -8>>) -> tensor<1x2x2x1x!bundle.affine<4, 0.75, -2>> {
  %f = bundle.function hard_sigmoid parameters [0.25, 0.5] %x : tensor<1x2x2x1x!bundle.affine<4, 0.5, -8>> -> tensor<1x2x2x1x!bundle.affine<4, 0.125, -7>>
  %m = bundle.multiply %x, %f negative_slope 0.0 maximum 3.0 : tensor<1x2x2x1x!bundle.affine<4, 0.5, -8>>, tensor<1x2x2x1x!bundle.affine<4, 0.125, -7>> -> tensor<1x2x2x1x!bundle.affine<4, 0.75, -2>>
  func.return %m : tensor<1x2x2x1x!bundle.affine<4, 0.75, -2>>
}

// -----

// Signs with scales: the second of two that are added counts, which has the larger one. Nothing is rescaled.

engine.hardware {bits_input = 1, bits_weights = 1, bits_sum = 16}
// CHECK:      %0 = fxp.conv %x padding [0, 1, 0, 0] weights dense<false> : tensor<2x1x1x1xi1> : tensor<1x3x2x1xi1> -> tensor<1x3x2x1xi16>
// CHECK-NEXT: %1 = fxp.requantize %0 bias dense<-3> : tensor<1xi32> multiplier dense<1> : tensor<1xi32> shift dense<0> : tensor<1xi8> clip -1 to 1 : tensor<1x3x2x1xi16> -> tensor<1x3x2x1xi1>
// CHECK-NEXT: %2 = fxp.add %x, %1 multiplier_b 2 clip -1 to 1 : tensor<1x3x2x1xi1>, tensor<1x3x2x1xi1> -> tensor<1x3x2x1xi1>
func.func @main(%x: tensor<1x3x2x1x!bundle.affine<1, 0.3, 0>>) -> tensor<1x3x2x1x!bundle.affine<1, 0.25, 0>> {
  %s = bundle.conv %x padding [0, 1, 0, 0] weights q<1, 0> dense<-1.0> : tensor<2x1x1x1xf64> scales dense<0.1> : tensor<1xf64> bias q<8, 0> dense<-3.0> : tensor<1xf64> : tensor<1x3x2x1x!bundle.affine<1, 0.3, 0>> -> tensor<1x3x2x1x!bundle.sum<16>>
  %a = bundle.activation %s : tensor<1x3x2x1x!bundle.sum<16>> -> tensor<1x3x2x1x!bundle.affine<1, 0.7, 0>>
  %b = bundle.add %x, %a : tensor<1x3x2x1x!bundle.affine<1, 0.3, 0>>, tensor<1x3x2x1x!bundle.affine<1, 0.7, 0>> -> tensor<1x3x2x1x!bundle.affine<1, 0.25, 0>>
  func.return %b : tensor<1x3x2x1x!bundle.affine<1, 0.25, 0>>
}

// -----

// What moves elements; a border of -1.3 is -21 in units of 1 / 16, -20.8 rounded.

engine.hardware {}
// CHECK:      %0 = fxp.concat %x, %x : tensor<1x2x2x1xi8>, tensor<1x2x2x1xi8> -> tensor<1x2x2x2xi8>
// CHECK-NEXT: %1 = fxp.slice %0 first [0, 1, 0] size [2, 1, 2] : tensor<1x2x2x2xi8> -> tensor<1x2x1x2xi8>
// CHECK-NEXT: %2 = fxp.pad %1 padding [1, 0, 0, 0] value -21 : tensor<1x2x1x2xi8> -> tensor<1x3x1x2xi8>
// CHECK-NEXT: %3 = fxp.resize %2 factors [1, 3] : tensor<1x3x1x2xi8> -> tensor<1x3x3x2xi8>
func.func @main(%x: tensor<1x2x2x1x!bundle.q<8, 4>>) -> tensor<1x3x3x2x!bundle.q<8, 4>> {
  %c = bundle.concat %x, %x : tensor<1x2x2x1x!bundle.q<8, 4>>, tensor<1x2x2x1x!bundle.q<8, 4>> -> tensor<1x2x2x2x!bundle.q<8, 4>>
  %s = bundle.slice %c first [0, 1, 0] size [2, 1, 2] : tensor<1x2x2x2x!bundle.q<8, 4>> -> tensor<1x2x1x2x!bundle.q<8, 4>>
  %p = bundle.pad %s padding [1, 0, 0, 0] value -1.3 : tensor<1x2x1x2x!bundle.q<8, 4>> -> tensor<1x3x1x2x!bundle.q<8, 4>>
  %r = bundle.resize %p factors [1, 3] : tensor<1x3x1x2x!bundle.q<8, 4>> -> tensor<1x3x3x2x!bundle.q<8, 4>>
  func.return %r : tensor<1x3x3x2x!bundle.q<8, 4>>
}

// -----

// A transposed convolution subtracts the zero point of its input, where an ordinary one has it in the bias.

engine.hardware {bits_sum = 32}

// CHECK:       %0 = fxp.conv_transpose %x strides [2, 2] padding [1, 0, 0, 1] output_padding [1, 0] groups 2 zero_point 3 weights dense<2> : tensor<3x3x1x2xi8> : tensor<1x2x2x2xi8> -> tensor<1x5x4x2xi32>
// CHECK-NEXT:  %1 = fxp.requantize %0 bias dense<5> : tensor<2xi32>
func.func @main(%x: tensor<1x2x2x2x!bundle.affine<8, 5.000000e-01, 3>>) -> tensor<1x5x4x2x!bundle.affine<8, 1.000000e+00, 0>> {
  %s = bundle.conv_transpose %x strides [2, 2] padding [1, 0, 0, 1] output_padding [1, 0] groups 2 weights q<8, 0> dense<2.0> : tensor<3x3x1x2xf64> scales dense<1.0> : tensor<2xf64> bias q<32, 0> dense<5.0> : tensor<2xf64> : tensor<1x2x2x2x!bundle.affine<8, 5.000000e-01, 3>> -> tensor<1x5x4x2x!bundle.sum<32>>
  %a = bundle.activation %s : tensor<1x5x4x2x!bundle.sum<32>> -> tensor<1x5x4x2x!bundle.affine<8, 1.000000e+00, 0>>
  func.return %a : tensor<1x5x4x2x!bundle.affine<8, 1.000000e+00, 0>>
}
