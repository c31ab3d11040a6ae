// RUN: DSF_ROUNDTRIP
// RUN: DSF_GENERIC_ROUNDTRIP

// Every operation, with its optional parts and without, is the same in generic form and back.

%x, %v = "test.op"() : () -> (tensor<1x4x4x2xi8>, tensor<1x4x4x2xi4>)
%s = fxp.conv %x weights dense<-3> : tensor<1x1x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x4x4x4xi24>
// CHECK:         %s = fxp.conv %x weights dense<-3> : tensor<1x1x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x4x4x4xi24>
// CHECK-GENERIC: %s = "fxp.conv"(%x) <{weights = dense<-3> : tensor<1x1x2x4xi4>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, pad_value = 0 : i64}> : (tensor<1x4x4x2xi8>) -> tensor<1x4x4x4xi24>

%t = fxp.conv %x strides [2, 1] padding [0, 1, 1, 1] dilation [1, 2] groups 2 pad_value -128 weights dense<7> : tensor<3x2x1x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x2x4x4xi24>
// CHECK-NEXT:    %t = fxp.conv %x strides [2, 1] padding [0, 1, 1, 1] dilation [1, 2] groups 2 pad_value -128 weights dense<7> : tensor<3x2x1x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x2x4x4xi24>
// CHECK-GENERIC: %t = "fxp.conv"(%x) <{strides = array<i64: 2, 1>, padding = array<i64: 0, 1, 1, 1>, dilation = array<i64: 1, 2>, groups = 2 : i64, pad_value = -128 : i64, weights = dense<7> : tensor<3x2x1x4xi4>}> : (tensor<1x4x4x2xi8>) -> tensor<1x2x4x4xi24>

%q = fxp.requantize %s bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %q = fxp.requantize %s bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi8>

%r = fxp.requantize %s bias dense<[1, -2, 3, -4]> : tensor<4xi32> bias_shift 5 multiplier dense<[32768, 65535, 1, 0]> : tensor<4xi32> shift dense<[0, 1, 46, 47]> : tensor<4xi8> leak 3 zero_point -5 clip 0 to 63 : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %r = fxp.requantize %s bias dense<[1, -2, 3, -4]> : tensor<4xi32> bias_shift 5 multiplier dense<[32768, 65535, 1, 0]> : tensor<4xi32> shift dense<[0, 1, 46, 47]> : tensor<4xi8> leak 3 zero_point -5 clip 0 to 63 : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi8>

// What has more bits than most hardware: the bias four of them behind the point.
%k = fxp.requantize %s bias dense<-1> : tensor<4xi32> bias_shift -4 multiplier dense<67108863> : tensor<4xi32> shift dense<47> : tensor<4xi8> clip 0 to 63 : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %k = fxp.requantize %s bias dense<-1> : tensor<4xi32> bias_shift -4 multiplier dense<67108863> : tensor<4xi32> shift dense<47> : tensor<4xi8> clip 0 to 63 : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi8>

%l = fxp.raw %s bias dense<1> : tensor<4xi32> : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi32>
// CHECK-NEXT:    %l = fxp.raw %s bias dense<1> : tensor<4xi32> : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi32>

%m = fxp.raw %s bias dense<1> : tensor<4xi32> bias_shift 2 : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi32>
// CHECK-NEXT:    %m = fxp.raw %s bias dense<1> : tensor<4xi32> bias_shift 2 : tensor<1x4x4x4xi24> -> tensor<1x4x4x4xi32>

%a = fxp.add %q, %r clip -128 to 127 : tensor<1x4x4x4xi8>, tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %a = fxp.add %q, %r clip -128 to 127 : tensor<1x4x4x4xi8>, tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi8>

%b = fxp.add %q, %r multiplier_a 2 multiplier_b 65535 offset -7 shift 4 leak 15 clip 0 to 127 : tensor<1x4x4x4xi8>, tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %b = fxp.add %q, %r multiplier_a 2 multiplier_b 65535 offset -7 shift 4 leak 15 clip 0 to 127 : tensor<1x4x4x4xi8>, tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi8>

%p = fxp.pool max %x size [2, 2] clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>
// CHECK-NEXT:    %p = fxp.pool max %x size [2, 2] clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>

%w = fxp.pool avg %v size [3, 2] strides [2, 1] padding [1, 1, 0, 1] count_padding pad_value -8 left 2 right 1 leak 3 clip -8 to 7 : tensor<1x4x4x2xi4> -> tensor<1x2x4x2xi4>
// CHECK-NEXT:    %w = fxp.pool avg %v size [3, 2] strides [2, 1] padding [1, 1, 0, 1] count_padding pad_value -8 left 2 right 1 leak 3 clip -8 to 7 : tensor<1x4x4x2xi4> -> tensor<1x2x4x2xi4>

%f = fxp.reshape %p : tensor<1x3x3x2xi8> -> tensor<1x18xi8>
// CHECK-NEXT:    %f = fxp.reshape %p : tensor<1x3x3x2xi8> -> tensor<1x18xi8>

// -----

// Constants of one bit: true is 1, false -1.
%x = "test.op"() : () -> tensor<1x4x4x2xi1>
%s = fxp.conv %x weights dense<[[[[true], [false]]]]> : tensor<1x1x2x1xi1> : tensor<1x4x4x2xi1> -> tensor<1x4x4x1xi16>
// CHECK:         %s = fxp.conv %x weights dense<[{{\[\[}}[true], [false]]]]> : tensor<1x1x2x1xi1> : tensor<1x4x4x2xi1> -> tensor<1x4x4x1xi16>
// CHECK-GENERIC: %s = "fxp.conv"(%x) <{weights = dense<[{{\[\[}}[true], [false]]]]> : tensor<1x1x2x1xi1>

// -----

// Functions of single elements; the second operand may be one pixel for each image.
%x, %g = "test.op"() : () -> (tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2>)
%a = fxp.add %x, %g clip -2 to 1 : tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2> -> tensor<2x4x4x3xi2>
// CHECK:         %a = fxp.add %x, %g clip -2 to 1 : tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2> -> tensor<2x4x4x3xi2>
%b = fxp.multiply %x, %x clip -2 to 1 : tensor<2x4x4x3xi2>, tensor<2x4x4x3xi2> -> tensor<2x4x4x3xi2>
// CHECK-NEXT:    %b = fxp.multiply %x, %x clip -2 to 1 : tensor<2x4x4x3xi2>, tensor<2x4x4x3xi2> -> tensor<2x4x4x3xi2>
%c = fxp.multiply %x, %g zero_a -2 zero_b 1 multiplier 65535 offset -9 shift 47 leak 15 clip 0 to 1 : tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2> -> tensor<2x4x4x3xi2>
// CHECK-NEXT:    %c = fxp.multiply %x, %g zero_a -2 zero_b 1 multiplier 65535 offset -9 shift 47 leak 15 clip 0 to 1 : tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2> -> tensor<2x4x4x3xi2>
// CHECK-GENERIC: %c = "fxp.multiply"(%x, %g) <{zero_a = -2 : i64, zero_b = 1 : i64, multiplier = 65535 : i64, offset = -9 : i64, shift = 47 : i64, leak = 15 : i64, low = 0 : i64, high = 1 : i64}> : (tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2>) -> tensor<2x4x4x3xi2>
%d = fxp.table %x table dense<[1, 0, -1, -2]> : tensor<4xi2> : tensor<2x4x4x3xi2> -> tensor<2x4x4x3xi2>
// CHECK-NEXT:    %d = fxp.table %x table dense<[1, 0, -1, -2]> : tensor<4xi2> : tensor<2x4x4x3xi2> -> tensor<2x4x4x3xi2>
// CHECK-GENERIC: %d = "fxp.table"(%x) <{table = dense<[1, 0, -1, -2]> : tensor<4xi2>}> : (tensor<2x4x4x3xi2>) -> tensor<2x4x4x3xi2>

// -----

// What only moves elements.
%x, %y = "test.op"() : () -> (tensor<1x2x3x2xi4>, tensor<1x2x3x1xi4>)
%c = fxp.concat %x, %y, %x : tensor<1x2x3x2xi4>, tensor<1x2x3x1xi4>, tensor<1x2x3x2xi4> -> tensor<1x2x3x5xi4>
// CHECK:         %c = fxp.concat %x, %y, %x : tensor<1x2x3x2xi4>, tensor<1x2x3x1xi4>, tensor<1x2x3x2xi4> -> tensor<1x2x3x5xi4>
// CHECK-GENERIC: %c = "fxp.concat"(%x, %y, %x) : (tensor<1x2x3x2xi4>, tensor<1x2x3x1xi4>, tensor<1x2x3x2xi4>) -> tensor<1x2x3x5xi4>
%v = "test.op"() : () -> (tensor<2x3xi4>)
%rows = fxp.concat %v, %v : tensor<2x3xi4>, tensor<2x3xi4> -> tensor<2x6xi4>
// CHECK:         %rows = fxp.concat %v, %v : tensor<2x3xi4>, tensor<2x3xi4> -> tensor<2x6xi4>
// CHECK-GENERIC: %rows = "fxp.concat"(%v, %v) : (tensor<2x3xi4>, tensor<2x3xi4>) -> tensor<2x6xi4>
%s = fxp.slice %x first [1, 0, 1] size [1, 2, 1] : tensor<1x2x3x2xi4> -> tensor<1x1x2x1xi4>
// CHECK-NEXT:    %s = fxp.slice %x first [1, 0, 1] size [1, 2, 1] : tensor<1x2x3x2xi4> -> tensor<1x1x2x1xi4>
// CHECK-GENERIC: %s = "fxp.slice"(%x) <{first = array<i64: 1, 0, 1>, size = array<i64: 1, 2, 1>}> : (tensor<1x2x3x2xi4>) -> tensor<1x1x2x1xi4>
%p = fxp.pad %x padding [1, 0, 2, 3] : tensor<1x2x3x2xi4> -> tensor<1x3x8x2xi4>
// CHECK-NEXT:    %p = fxp.pad %x padding [1, 0, 2, 3] : tensor<1x2x3x2xi4> -> tensor<1x3x8x2xi4>
%q = fxp.pad %x padding [0, 0, 0, 1] value -8 : tensor<1x2x3x2xi4> -> tensor<1x2x4x2xi4>
// CHECK-NEXT:    %q = fxp.pad %x padding [0, 0, 0, 1] value -8 : tensor<1x2x3x2xi4> -> tensor<1x2x4x2xi4>
// CHECK-GENERIC: %q = "fxp.pad"(%x) <{padding = array<i64: 0, 0, 0, 1>, value = -8 : i64}> : (tensor<1x2x3x2xi4>) -> tensor<1x2x4x2xi4>
%r = fxp.resize %x factors [2, 1] : tensor<1x2x3x2xi4> -> tensor<1x4x3x2xi4>
// CHECK-NEXT:    %r = fxp.resize %x factors [2, 1] : tensor<1x2x3x2xi4> -> tensor<1x4x3x2xi4>
// CHECK-GENERIC: %r = "fxp.resize"(%x) <{factors = array<i64: 2, 1>}> : (tensor<1x2x3x2xi4>) -> tensor<1x4x3x2xi4>

// -----

// A transposed convolution, plain and with all that it may have.
%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%s = fxp.conv_transpose %x weights dense<-3> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK:         %s = fxp.conv_transpose %x weights dense<-3> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK-GENERIC: %s = "fxp.conv_transpose"(%x) <{weights = dense<-3> : tensor<3x3x2x4xi4>, strides = array<i64: 1, 1>, padding = array<i64: 0, 0, 0, 0>, output_padding = array<i64: 0, 0>, dilation = array<i64: 1, 1>, groups = 1 : i64, zero_point = 0 : i64}> : (tensor<1x4x4x2xi8>) -> tensor<1x6x6x4xi24>
%t = fxp.conv_transpose %x strides [2, 3] padding [0, 1, 2, 1] output_padding [1, 0] dilation [1, 2] groups 2 zero_point -128 weights dense<7> : tensor<3x2x1x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x9x9x4xi24>
// CHECK-NEXT:    %t = fxp.conv_transpose %x strides [2, 3] padding [0, 1, 2, 1] output_padding [1, 0] dilation [1, 2] groups 2 zero_point -128 weights dense<7> : tensor<3x2x1x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x9x9x4xi24>

// -----

// Axes exchanged.
%x = "test.op"() : () -> tensor<2x1x4x3xi8>
%t = fxp.transpose %x permutation [2, 0, 1] : tensor<2x1x4x3xi8> -> tensor<2x3x1x4xi8>
// CHECK:         %t = fxp.transpose %x permutation [2, 0, 1] : tensor<2x1x4x3xi8> -> tensor<2x3x1x4xi8>
// CHECK-GENERIC: %t = "fxp.transpose"(%x) <{permutation = array<i64: 2, 0, 1>}>
