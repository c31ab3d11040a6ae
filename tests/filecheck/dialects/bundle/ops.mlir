// RUN: DSF_ROUNDTRIP
// RUN: DSF_GENERIC_ROUNDTRIP

// Every operation, with its optional parts and without, is the same in generic form and back.

%x, %v = "test.op"() : () -> (tensor<1x4x4x2x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>>)
%s = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<1x1x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x4x4x4x!bundle.q<24, 7>>
// CHECK:         %s = bundle.conv %x weights q<4, 3> dense<5.000000e-01> : tensor<1x1x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x4x4x4x!bundle.q<24, 7>>
// CHECK-GENERIC: %s = "bundle.conv"(%x) <{weights_type = !bundle.q<4, 3>, weights = dense<5.000000e-01> : tensor<1x1x2x4xf64>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64}> : (tensor<1x4x4x2x!bundle.q<8, 4>>) -> tensor<1x4x4x4x!bundle.q<24, 7>>

%t = bundle.conv %x strides [2, 1] padding [0, 1, 1, 1] dilation [1, 2] groups 2 weights q<4, 3> dense<0.5> : tensor<3x2x1x4xf64> bias q<16, -2> dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x4x4x!bundle.q<24, 7>>
// CHECK-NEXT:    %t = bundle.conv %x strides [2, 1] padding [0, 1, 1, 1] dilation [1, 2] groups 2 weights q<4, 3> dense<5.000000e-01> : tensor<3x2x1x4xf64> bias q<16, -2> dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x4x4x!bundle.q<24, 7>>
// CHECK-GENERIC: %t = "bundle.conv"(%x) <{strides = array<i64: 2, 1>, padding = array<i64: 0, 1, 1, 1>, dilation = array<i64: 1, 2>, groups = 2 : i64, weights_type = !bundle.q<4, 3>, weights = dense<5.000000e-01> : tensor<3x2x1x4xf64>, bias_type = !bundle.q<16, -2>, bias = dense<[1.000000e+00, 2.000000e+00, 3.000000e+00, 4.000000e+00]> : tensor<4xf64>}> : (tensor<1x4x4x2x!bundle.q<8, 4>>) -> tensor<1x2x4x4x!bundle.q<24, 7>>

%d = bundle.dense %v weights q<4, 3> dense<0.25> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK-NEXT:    %d = bundle.dense %v weights q<4, 3> dense<2.500000e-01> : tensor<3x5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>

%e = bundle.dense %v weights q<4, 3> dense<0.25> : tensor<3x5xf64> bias q<16, 7> dense<1.0> : tensor<5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK-NEXT:    %e = bundle.dense %v weights q<4, 3> dense<2.500000e-01> : tensor<3x5xf64> bias q<16, 7> dense<1.000000e+00> : tensor<5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<24, 7>>

// A bias that is finer than the products by 2 bits.
%h = bundle.dense %v weights q<4, 3> dense<0.25> : tensor<3x5xf64> bias q<16, 9> dense<1.0> : tensor<5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<26, 9>>
// CHECK-NEXT:    %h = bundle.dense %v weights q<4, 3> dense<2.500000e-01> : tensor<3x5xf64> bias q<16, 9> dense<1.000000e+00> : tensor<5xf64> : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x5x!bundle.q<26, 9>>

%n = bundle.batch_norm %s gamma dense<1.0> : tensor<4xf64> beta dense<0.5> : tensor<4xf64> mean dense<0.0> : tensor<4xf64> variance dense<4.0> : tensor<4xf64> epsilon 0.001 bias q<16, 5> : tensor<1x4x4x4x!bundle.q<24, 7>> -> tensor<1x4x4x4x!bundle.q<24, 7>>
// CHECK-NEXT:    %n = bundle.batch_norm %s gamma dense<1.000000e+00> : tensor<4xf64> beta dense<5.000000e-01> : tensor<4xf64> mean dense<0.000000e+00> : tensor<4xf64> variance dense<4.000000e+00> : tensor<4xf64> epsilon 1.000000e-03 bias q<16, 5> : tensor<1x4x4x4x!bundle.q<24, 7>> -> tensor<1x4x4x4x!bundle.q<24, 7>>

%o = bundle.batch_norm %e gamma dense<1.0> : tensor<5xf64> beta dense<0.5> : tensor<5xf64> mean dense<0.0> : tensor<5xf64> variance dense<4.0> : tensor<5xf64> epsilon 0.001 : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<24, 7>>
// CHECK-NEXT:    %o = bundle.batch_norm %e gamma dense<1.000000e+00> : tensor<5xf64> beta dense<5.000000e-01> : tensor<5xf64> mean dense<0.000000e+00> : tensor<5xf64> variance dense<4.000000e+00> : tensor<5xf64> epsilon 1.000000e-03 : tensor<2x5x!bundle.q<24, 7>> -> tensor<2x5x!bundle.q<24, 7>>

%a = bundle.activation %n : tensor<1x4x4x4x!bundle.q<24, 7>> -> tensor<1x4x4x4x!bundle.q<8, 4>>
// CHECK-NEXT:    %a = bundle.activation %n : tensor<1x4x4x4x!bundle.q<24, 7>> -> tensor<1x4x4x4x!bundle.q<8, 4>>

%b = bundle.activation %n negative_slope 0.125 : tensor<1x4x4x4x!bundle.q<24, 7>> -> tensor<1x4x4x4x!bundle.q<8, 4>>
// CHECK-NEXT:    %b = bundle.activation %n negative_slope 1.250000e-01 : tensor<1x4x4x4x!bundle.q<24, 7>> -> tensor<1x4x4x4x!bundle.q<8, 4>>

%c = bundle.add %a, %b : tensor<1x4x4x4x!bundle.q<8, 4>>, tensor<1x4x4x4x!bundle.q<8, 4>> -> tensor<1x4x4x4x!bundle.q<8, 3>>
// CHECK-NEXT:    %c = bundle.add %a, %b : tensor<1x4x4x4x!bundle.q<8, 4>>, tensor<1x4x4x4x!bundle.q<8, 4>> -> tensor<1x4x4x4x!bundle.q<8, 3>>

%f = bundle.add %a, %b negative_slope 0.0 : tensor<1x4x4x4x!bundle.q<8, 4>>, tensor<1x4x4x4x!bundle.q<8, 4>> -> tensor<1x4x4x4x!bundle.q<8, 3>>
// CHECK-NEXT:    %f = bundle.add %a, %b negative_slope 0.000000e+00 : tensor<1x4x4x4x!bundle.q<8, 4>>, tensor<1x4x4x4x!bundle.q<8, 4>> -> tensor<1x4x4x4x!bundle.q<8, 3>>

%p = bundle.pool max %x size [2, 2] : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x3x3x2x!bundle.q<8, 4>>
// CHECK-NEXT:    %p = bundle.pool max %x size [2, 2] : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x3x3x2x!bundle.q<8, 4>>

%q = bundle.pool avg %x size [3, 2] strides [2, 1] padding [1, 1, 0, 1] count_padding negative_slope 0.5 : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x4x2x!bundle.q<8, 5>>
// CHECK-NEXT:    %q = bundle.pool avg %x size [3, 2] strides [2, 1] padding [1, 1, 0, 1] count_padding negative_slope 5.000000e-01 : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x4x2x!bundle.q<8, 5>>

%l = bundle.flatten %p : tensor<1x3x3x2x!bundle.q<8, 4>> -> tensor<1x18x!bundle.q<8, 4>>
// CHECK-NEXT:    %l = bundle.flatten %p : tensor<1x3x3x2x!bundle.q<8, 4>> -> tensor<1x18x!bundle.q<8, 4>>

%r = bundle.softmax %l : tensor<1x18x!bundle.q<8, 4>> -> tensor<1x18xf64>
// CHECK-NEXT:    %r = bundle.softmax %l : tensor<1x18x!bundle.q<8, 4>> -> tensor<1x18xf64>

%g = bundle.bundle "bundle_0" -> tensor<1x18x!bundle.q<8, 4>> {
  %y = bundle.flatten %p : tensor<1x3x3x2x!bundle.q<8, 4>> -> tensor<1x18x!bundle.q<8, 4>>
  bundle.yield %y : tensor<1x18x!bundle.q<8, 4>>
}
// CHECK-NEXT:    %g = bundle.bundle "bundle_0" -> tensor<1x18x!bundle.q<8, 4>> {
// CHECK-NEXT:      %y = bundle.flatten %p : tensor<1x3x3x2x!bundle.q<8, 4>> -> tensor<1x18x!bundle.q<8, 4>>
// CHECK-NEXT:      bundle.yield %y : tensor<1x18x!bundle.q<8, 4>>
// CHECK-NEXT:    }

// Free scales: of the input and of each channel; a scale without a point in Python's notation; limits.

%fx = "test.op"() : () -> tensor<2x3x!bundle.affine<8, 1.0e-05, -3>>
// CHECK:         %fx = "test.op"() : () -> tensor<2x3x!bundle.affine<8, 1.0e-05, -3>>

%fs = bundle.dense %fx weights q<8, 0> dense<7.0> : tensor<3x2xf64> scales dense<[0.5, 0.25]> : tensor<2xf64> bias q<32, 0> dense<5.0> : tensor<2xf64> : tensor<2x3x!bundle.affine<8, 1.0e-05, -3>> -> tensor<2x2x!bundle.sum<24>>
// CHECK-NEXT:    %fs = bundle.dense %fx weights q<8, 0> dense<7.000000e+00> : tensor<3x2xf64> scales dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf64> bias q<32, 0> dense<5.000000e+00> : tensor<2xf64> : tensor<2x3x!bundle.affine<8, 1.0e-05, -3>> -> tensor<2x2x!bundle.sum<24>>

%fa = bundle.activation %fs minimum -1.0 maximum 6.0 : tensor<2x2x!bundle.sum<24>> -> tensor<2x2x!bundle.affine<8, 0.25, 127>>
// CHECK-NEXT:    %fa = bundle.activation %fs minimum -1.000000e+00 maximum 6.000000e+00 : tensor<2x2x!bundle.sum<24>> -> tensor<2x2x!bundle.affine<8, 0.25, 127>>

%fb = bundle.add %fa, %fa maximum 6.0 : tensor<2x2x!bundle.affine<8, 0.25, 127>>, tensor<2x2x!bundle.affine<8, 0.25, 127>> -> tensor<2x2x!bundle.affine<8, 0.5, 0>>
// CHECK-NEXT:    %fb = bundle.add %fa, %fa maximum 6.000000e+00 : tensor<2x2x!bundle.affine<8, 0.25, 127>>, tensor<2x2x!bundle.affine<8, 0.25, 127>> -> tensor<2x2x!bundle.affine<8, 0.5, 0>>

// -----

// Products, of images with a pixel of theirs too, and functions that are looked up.
%x, %g, %v = "test.op"() : () -> (tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x1x1x3x!bundle.q<8, 7>>, tensor<2x3x!bundle.q<8, 4>>)
%a = bundle.multiply %x, %x : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<2x4x4x3x!bundle.q<8, 3>>
// CHECK:         %a = bundle.multiply %x, %x : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<2x4x4x3x!bundle.q<8, 3>>
// CHECK-GENERIC: %a = "bundle.multiply"(%x, %x) <{negative_slope = 1.000000e+00 : f64}> : (tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x4x4x3x!bundle.q<8, 4>>) -> tensor<2x4x4x3x!bundle.q<8, 3>>
%b = bundle.multiply %x, %g negative_slope 0.0 : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x1x1x3x!bundle.q<8, 7>> -> tensor<2x4x4x3x!bundle.q<8, 3>>
// CHECK-NEXT:    %b = bundle.multiply %x, %g negative_slope 0.000000e+00 : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x1x1x3x!bundle.q<8, 7>> -> tensor<2x4x4x3x!bundle.q<8, 3>>
%c = bundle.multiply %x, %v : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x4x4x3x!bundle.q<8, 3>>
// CHECK-NEXT:    %c = bundle.multiply %x, %v : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x4x4x3x!bundle.q<8, 3>>
%s = bundle.add %x, %g : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x1x1x3x!bundle.q<8, 7>> -> tensor<2x4x4x3x!bundle.q<8, 3>>
// CHECK-NEXT:    %s = bundle.add %x, %g : tensor<2x4x4x3x!bundle.q<8, 4>>, tensor<2x1x1x3x!bundle.q<8, 7>> -> tensor<2x4x4x3x!bundle.q<8, 3>>
%d = bundle.function sigmoid %v : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 7>>
// CHECK-NEXT:    %d = bundle.function sigmoid %v : tensor<2x3x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<8, 7>>
// CHECK-GENERIC: %d = "bundle.function"(%v) <{kind = #bundle<function_kind sigmoid>, parameters = array<f64>}> : (tensor<2x3x!bundle.q<8, 4>>) -> tensor<2x3x!bundle.q<8, 7>>
%e = bundle.function hard_sigmoid parameters [0.2, 0.5] %x : tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<2x4x4x3x!bundle.q<8, 7>>
// CHECK-NEXT:    %e = bundle.function hard_sigmoid parameters [2.000000e-01, 5.000000e-01] %x : tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<2x4x4x3x!bundle.q<8, 7>>
%w = "test.op"() : () -> tensor<1x8x!bundle.q<2, 0>>
%f = bundle.function values parameters [2.0, -1.0, 0.0, 0.5] %w : tensor<1x8x!bundle.q<2, 0>> -> tensor<1x8x!bundle.q<8, 4>>
// CHECK:         %f = bundle.function values parameters [2.000000e+00, -1.000000e+00, 0.000000e+00, 5.000000e-01] %w : tensor<1x8x!bundle.q<2, 0>> -> tensor<1x8x!bundle.q<8, 4>>

// -----

// What only moves elements.
%x, %y = "test.op"() : () -> (tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x3x1x!bundle.q<8, 4>>)
%c = bundle.concat %x, %y, %x : tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x3x1x!bundle.q<8, 4>>, tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x5x!bundle.q<8, 4>>
// CHECK:         %c = bundle.concat %x, %y, %x : tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x3x1x!bundle.q<8, 4>>, tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x3x5x!bundle.q<8, 4>>
// CHECK-GENERIC: %c = "bundle.concat"(%x, %y, %x) : (tensor<1x2x3x2x!bundle.q<8, 4>>, tensor<1x2x3x1x!bundle.q<8, 4>>, tensor<1x2x3x2x!bundle.q<8, 4>>) -> tensor<1x2x3x5x!bundle.q<8, 4>>
%v = "test.op"() : () -> (tensor<2x3x!bundle.q<8, 4>>)
%rows = bundle.concat %v, %v : tensor<2x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x6x!bundle.q<8, 4>>
// CHECK:         %rows = bundle.concat %v, %v : tensor<2x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>> -> tensor<2x6x!bundle.q<8, 4>>
// CHECK-GENERIC: %rows = "bundle.concat"(%v, %v) : (tensor<2x3x!bundle.q<8, 4>>, tensor<2x3x!bundle.q<8, 4>>) -> tensor<2x6x!bundle.q<8, 4>>
%s = bundle.slice %x first [1, 0, 1] size [1, 2, 1] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x1x2x1x!bundle.q<8, 4>>
// CHECK-NEXT:    %s = bundle.slice %x first [1, 0, 1] size [1, 2, 1] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x1x2x1x!bundle.q<8, 4>>
// CHECK-GENERIC: %s = "bundle.slice"(%x) <{first = array<i64: 1, 0, 1>, size = array<i64: 1, 2, 1>}> : (tensor<1x2x3x2x!bundle.q<8, 4>>) -> tensor<1x1x2x1x!bundle.q<8, 4>>
%p = bundle.pad %x padding [1, 0, 2, 3] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x3x8x2x!bundle.q<8, 4>>
// CHECK-NEXT:    %p = bundle.pad %x padding [1, 0, 2, 3] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x3x8x2x!bundle.q<8, 4>>
%q = bundle.pad %x padding [0, 0, 0, 1] value -1.500000e+00 : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x4x2x!bundle.q<8, 4>>
// CHECK-NEXT:    %q = bundle.pad %x padding [0, 0, 0, 1] value -1.500000e+00 : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x2x4x2x!bundle.q<8, 4>>
// CHECK-GENERIC: %q = "bundle.pad"(%x) <{padding = array<i64: 0, 0, 0, 1>, value = -1.500000e+00 : f64}> : (tensor<1x2x3x2x!bundle.q<8, 4>>) -> tensor<1x2x4x2x!bundle.q<8, 4>>
%r = bundle.resize %x factors [2, 1] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x4x3x2x!bundle.q<8, 4>>
// CHECK-NEXT:    %r = bundle.resize %x factors [2, 1] : tensor<1x2x3x2x!bundle.q<8, 4>> -> tensor<1x4x3x2x!bundle.q<8, 4>>
// CHECK-GENERIC: %r = "bundle.resize"(%x) <{factors = array<i64: 2, 1>}> : (tensor<1x2x3x2x!bundle.q<8, 4>>) -> tensor<1x4x3x2x!bundle.q<8, 4>>

// -----

// A transposed convolution, plain and with all that it may have.
%x, %z = "test.op"() : () -> (tensor<1x4x4x2x!bundle.q<8, 4>>, tensor<1x4x4x2x!bundle.affine<8, 5.000000e-01, 3>>)
%s = bundle.conv_transpose %x weights q<4, 3> dense<0.5> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK:         %s = bundle.conv_transpose %x weights q<4, 3> dense<5.000000e-01> : tensor<3x3x2x4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x6x6x4x!bundle.q<24, 7>>
// CHECK-GENERIC: %s = "bundle.conv_transpose"(%x) <{weights_type = !bundle.q<4, 3>, weights = dense<5.000000e-01> : tensor<3x3x2x4xf64>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, output_padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64}> : (tensor<1x4x4x2x!bundle.q<8, 4>>) -> tensor<1x6x6x4x!bundle.q<24, 7>>
%t = bundle.conv_transpose %x strides [2, 3] padding [0, 1, 2, 1] output_padding [1, 0] dilation [1, 2] groups 2 weights q<4, 3> dense<0.5> : tensor<3x2x1x4xf64> bias q<16, -2> dense<4.0> : tensor<4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x9x9x4x!bundle.q<24, 7>>
// CHECK-NEXT:    %t = bundle.conv_transpose %x strides [2, 3] padding [0, 1, 2, 1] output_padding [1, 0] dilation [1, 2] groups 2 weights q<4, 3> dense<5.000000e-01> : tensor<3x2x1x4xf64> bias q<16, -2> dense<4.000000e+00> : tensor<4xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x9x9x4x!bundle.q<24, 7>>
%u = bundle.conv_transpose %z weights q<4, 0> dense<1.0> : tensor<1x1x2x4xf64> scales dense<0.25> : tensor<4xf64> : tensor<1x4x4x2x!bundle.affine<8, 0.5, 3>> -> tensor<1x4x4x4x!bundle.sum<24>>
// CHECK-NEXT:    %u = bundle.conv_transpose %z weights q<4, 0> dense<1.000000e+00> : tensor<1x1x2x4xf64> scales dense<2.500000e-01> : tensor<4xf64> : tensor<1x4x4x2x!bundle.affine<8, 0.5, 3>> -> tensor<1x4x4x4x!bundle.sum<24>>

// -----

// Axes exchanged.
%x = "test.op"() : () -> tensor<2x1x4x3x!bundle.q<8, 4>>
%t = bundle.transpose %x permutation [2, 0, 1] : tensor<2x1x4x3x!bundle.q<8, 4>> -> tensor<2x3x1x4x!bundle.q<8, 4>>
// CHECK:         %t = bundle.transpose %x permutation [2, 0, 1] : tensor<2x1x4x3x!bundle.q<8, 4>> -> tensor<2x3x1x4x!bundle.q<8, 4>>
// CHECK-GENERIC: %t = "bundle.transpose"(%x) <{permutation = array<i64: 2, 0, 1>}>

// -----

// Another shape.
%x = "test.op"() : () -> tensor<2x4x4x3x!bundle.q<8, 4>>
%r = bundle.reshape %x : tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<2x16x1x3x!bundle.q<8, 4>>
// CHECK:         %r = bundle.reshape %x : tensor<2x4x4x3x!bundle.q<8, 4>> -> tensor<2x16x1x3x!bundle.q<8, 4>>
// CHECK-GENERIC: %r = "bundle.reshape"(%x) : (tensor<2x4x4x3x!bundle.q<8, 4>>) -> tensor<2x16x1x3x!bundle.q<8, 4>>
%s = bundle.reshape %r : tensor<2x16x1x3x!bundle.q<8, 4>> -> tensor<2x48x!bundle.q<8, 4>>
// CHECK-NEXT:    %s = bundle.reshape %r : tensor<2x16x1x3x!bundle.q<8, 4>> -> tensor<2x48x!bundle.q<8, 4>>
