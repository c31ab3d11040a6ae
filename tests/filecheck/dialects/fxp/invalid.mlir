// RUN: DSF_VERIFY_DIAG

%x = "test.op"() : () -> tensor<1x4x4x2xf32>
%y = fxp.conv %x weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xf32> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': elements of type f32, needs integers, i1 to i32; change the element type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x weights dense<1.0> : tensor<3x3x2x4xf64> : tensor<1x4x4x2xi8> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': weights of type f64, needs integers, i1 to i64; change the element type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x weights dense<1> : tensor<18x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': weights of rank 2, needs (KH, KW, CI / groups, CO); reshape the weights

// -----

%x = "test.op"() : () -> tensor<1x32xi8>
%y = fxp.conv %x weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x32xi8> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': input of shape 1x32, needs (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x strides [1, 0] weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': strides [1, 0], needs 2 integers of at least 1; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x padding [0, 0, 0, -1] weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': padding [0, 0, 0, -1], needs 4 integers of at least 0; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x groups 0 weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': 0 groups, needs a divisor of 2 input and 4 output channels; change the groups

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x pad_value 128 weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': pad_value 128, needs -128 to 127; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x4x4x4xi24>
// CHECK: 'fxp.conv': result of shape 1x4x4x4, needs 1x2x2x4; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x weights dense<1> : tensor<3x5x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.conv': window spans 3x5 elements, needs a padded image at least as large and has 4x4; use a smaller kernel or padding='same'

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xf32>
%y = fxp.requantize %x bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xf32> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': elements of type f32, needs integers, i1 to i32; change the element type

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xi24> -> tensor<1x4x4xi8>
// CHECK: 'fxp.requantize': result of shape 1x4x4, needs 1x2x2x4; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<0> : tensor<3xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': bias of shape 3, needs one value for each of 4 channels; correct the shape

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<0.0> : tensor<4xf64> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': bias of type f64, needs integers, i2 to i64; change the element type

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<2147483648> : tensor<4xi64> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': bias from 2147483648 to 2147483648, needs -2147483648 to 2147483647; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<0> : tensor<4xi32> multiplier dense<67108864> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': multiplier from 67108864 to 67108864, needs 0 to 67108863; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<48> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': shift from 48 to 48, needs 0 to 47; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<0> : tensor<4xi32> bias_shift 32 multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': bias_shift 32, needs -15 to 31; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> leak 16 clip -128 to 127 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': leak 16, needs 0 to 15; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.requantize %x bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 128 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi8>
// CHECK: 'fxp.requantize': a clip to [-128, 128], needs an interval in [-128, 127]; widen the result type or narrow the clip

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.raw %x bias dense<0> : tensor<4xi32> : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi24>
// CHECK: 'fxp.raw': a result of i24, needs i32; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.raw %x bias dense<0> : tensor<4xi32> bias_shift -1 : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi32>
// CHECK: 'fxp.raw': bias_shift -1, needs 0 to 31; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.raw %x bias dense<0> : tensor<2xi32> : tensor<1x2x2x4xi24> -> tensor<1x2x2x4xi32>
// CHECK: 'fxp.raw': bias of shape 2, needs one value for each of 4 channels; correct the shape

// -----

%x = "test.op"() : () -> tensor<1x2x2x4xi24>
%y = fxp.raw %x bias dense<0> : tensor<4xi32> : tensor<1x2x2x4xi24> -> tensor<1x4x4xi32>
// CHECK: 'fxp.raw': result of shape 1x4x4, needs 1x2x2x4; correct the result type

// -----

%a, %b = "test.op"() : () -> (tensor<2x3xi8>, tensor<3x2xi8>)
%y = fxp.add %a, %b clip -128 to 127 : tensor<2x3xi8>, tensor<3x2xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.add': operands of shapes 2x3 and 3x2, needs equal shapes, or one pixel for each image as the second; match the two branches

// -----

%a, %b = "test.op"() : () -> (tensor<2x3xi8>, tensor<2x3xi8>)
%y = fxp.add %a, %b clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<6xi8>
// CHECK: 'fxp.add': result of shape 6, needs 2x3; correct the result type

// -----

%a, %b = "test.op"() : () -> (tensor<2x3xi8>, tensor<2x3xi8>)
%y = fxp.add %a, %b multiplier_a 67108864 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.add': multiplier_a 67108864, needs 0 to 67108863; rescale the layer

// -----

%a, %b = "test.op"() : () -> (tensor<2x3xi8>, tensor<2x3xi8>)
%y = fxp.add %a, %b offset 2199023255552 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.add': offset 2199023255552, needs -2199023255552 to 2199023255551; rescale the layer

// -----

%a, %b = "test.op"() : () -> (tensor<2x3xi8>, tensor<2x3xi8>)
%y = fxp.add %a, %b shift 48 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.add': shift 48, needs 0 to 47; rescale the layer

// -----

%a, %b = "test.op"() : () -> (tensor<2x3xi8>, tensor<2x3xi8>)
%y = fxp.add %a, %b leak -1 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.add': leak -1, needs 0 to 15; rescale the layer

// -----

%a, %b = "test.op"() : () -> (tensor<2x3xi8>, tensor<2x3xi8>)
%y = fxp.add %a, %b clip 1 to 0 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.add': a clip to [1, 0], needs an interval in [-128, 127]; widen the result type or narrow the clip

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.pool avg %x size [2] clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>
// CHECK: 'fxp.pool': size [2], needs 2 integers of at least 1; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.pool avg %x size [2, 2] padding [0, 0, 2, 0] clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>
// CHECK: 'fxp.pool': padding [0, 0, 2, 0], needs less than the window, 2x2; pad less, so that each window covers an element

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.pool avg %x size [2, 2] pad_value -129 clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>
// CHECK: 'fxp.pool': pad_value -129, needs -128 to 127; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.pool avg %x size [2, 2] left 16 clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>
// CHECK: 'fxp.pool': left 16, needs 0 to 15; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.pool avg %x size [2, 2] right 16 clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>
// CHECK: 'fxp.pool': right 16, needs 0 to 15; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.pool avg %x size [2, 2] leak 16 clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>
// CHECK: 'fxp.pool': leak 16, needs 0 to 15; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.pool avg %x size [2, 2] clip -129 to 127 : tensor<1x4x4x2xi8> -> tensor<1x3x3x2xi8>
// CHECK: 'fxp.pool': a clip to [-129, 127], needs an interval in [-128, 127]; widen the result type or narrow the clip

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.pool avg %x size [2, 2] clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x4x4x2xi8>
// CHECK: 'fxp.pool': result of shape 1x4x4x2, needs 1x3x3x2; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x2x3xi8>
%y = fxp.reshape %x : tensor<1x2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.reshape': a change from tensor<1x2x3xi8> to tensor<2x3xi8>, needs the same elements of the same images; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x6xi8>
%y = fxp.reshape %x : tensor<1x6xi8> -> tensor<1x6xi4>
// CHECK: 'fxp.reshape': a change from tensor<1x6xi8> to tensor<1x6xi4>, needs the same elements of the same images; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x6xi8>
%y = fxp.reshape %x : tensor<1x6xi8> -> tensor<1x7xi8>
// CHECK: 'fxp.reshape': a change from tensor<1x6xi8> to tensor<1x7xi8>, needs the same elements of the same images; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv %x weights dense<200> : tensor<1x1x2x4xui8> : tensor<1x4x4x2xi8> -> tensor<1x4x4x4xi24>
// CHECK: 'fxp.conv': weights of type ui8, needs integers, i1 to i64; change the element type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi128>
%y = fxp.pool max %x size [1, 1] clip 0 to 1 : tensor<1x4x4x2xi128> -> tensor<1x4x4x2xi8>
// CHECK: 'fxp.pool': elements of type i128, needs integers, i1 to i32; change the element type

// -----

%x = "test.op"() : () -> tensor<i8>
%y = fxp.reshape %x : tensor<i8> -> tensor<i8>
// CHECK: 'fxp.reshape': input of shape scalar, needs static sizes of at least 1; fix the shape

// -----

%x = "test.op"() : () -> tensor<i8>
%y = fxp.add %x, %x clip 0 to 1 : tensor<i8>, tensor<i8> -> tensor<i8>
// CHECK: 'fxp.add': input of shape scalar, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<4xi24>
%y = fxp.raw %x bias dense<0> : tensor<4xi32> : tensor<4xi24> -> tensor<4xi32>
// CHECK: 'fxp.raw': input of shape 4, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

// Of one bit, only weights are constants that mean something.
%x = "test.op"() : () -> tensor<1x4x4x2xi24>
"fxp.raw"(%x) <{bias = dense<true> : tensor<2xi1>}> : (tensor<1x4x4x2xi24>) -> tensor<1x4x4x2xi32>
// CHECK: 'fxp.raw': bias of type i1, needs integers, i2 to i64; change the element type

// -----

%a = "test.op"() : () -> tensor<2x3xf32>
%y = fxp.multiply %a, %a clip -128 to 127 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xi8>
// CHECK: 'fxp.multiply': elements of type f32, needs integers, i1 to i32; change the element type

// -----

%a, %b = "test.op"() : () -> (tensor<2x4x4x3xi8>, tensor<2x3xi8>)
%y = fxp.multiply %a, %b clip -128 to 127 : tensor<2x4x4x3xi8>, tensor<2x3xi8> -> tensor<2x4x4x3xi8>
// CHECK: 'fxp.multiply': operands of shapes 2x4x4x3 and 2x3, needs equal shapes, or one pixel for each image as the second; match the two branches

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = fxp.multiply %a, %a clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x4xi8>
// CHECK: 'fxp.multiply': result of shape 2x4, needs 2x3; correct the result type

// -----

%a = "test.op"() : () -> tensor<3xi8>
%y = fxp.multiply %a, %a clip -128 to 127 : tensor<3xi8>, tensor<3xi8> -> tensor<3xi8>
// CHECK: 'fxp.multiply': input of shape 3, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = fxp.multiply %a, %a zero_a 128 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.multiply': zero_a 128, needs -128 to 127; rescale the layer

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = fxp.multiply %a, %a zero_b -129 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.multiply': zero_b -129, needs -128 to 127; rescale the layer

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = fxp.multiply %a, %a multiplier -1 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.multiply': multiplier -1, needs 0 to 67108863; rescale the layer

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = fxp.multiply %a, %a offset 2199023255552 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.multiply': offset 2199023255552, needs -2199023255552 to 2199023255551; rescale the layer

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = fxp.multiply %a, %a shift 48 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.multiply': shift 48, needs 0 to 47; rescale the layer

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = fxp.multiply %a, %a leak 16 clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi8>
// CHECK: 'fxp.multiply': leak 16, needs 0 to 15; rescale the layer

// -----

%a = "test.op"() : () -> tensor<2x3xi8>
%y = fxp.multiply %a, %a clip -128 to 127 : tensor<2x3xi8>, tensor<2x3xi8> -> tensor<2x3xi4>
// CHECK: 'fxp.multiply': a clip to [-128, 127], needs an interval in [-8, 7]; widen the result type or narrow the clip

// -----

%x = "test.op"() : () -> tensor<2x3xi2>
%y = fxp.table %x table dense<[0, 1]> : tensor<2xi2> : tensor<2x3xi2> -> tensor<2x3xi2>
// CHECK: 'fxp.table': a table of shape 2, needs 4, an entry for each value of i2; correct the table

// -----

%x = "test.op"() : () -> tensor<2x3xi2>
%y = fxp.table %x table dense<[0, 1, 2, 3]> : tensor<4xi8> : tensor<2x3xi2> -> tensor<2x3xi2>
// CHECK: 'fxp.table': a table of values from 0 to 3, needs -2 to 1, the result's; correct the table

// -----

%x = "test.op"() : () -> tensor<2x3xi2>
%y = fxp.table %x table dense<0.0> : tensor<4xf32> : tensor<2x3xi2> -> tensor<2x3xi2>
// CHECK: 'fxp.table': a table of type f32, needs integers, i1 to i32; change the element type

// -----

%x = "test.op"() : () -> tensor<2x3xi2>
%y = fxp.table %x table dense<0> : tensor<4xi2> : tensor<2x3xi2> -> tensor<2x4xi2>
// CHECK: 'fxp.table': result of shape 2x4, needs 2x3; correct the result type

// -----

%x = "test.op"() : () -> tensor<3xi2>
%y = fxp.table %x table dense<0> : tensor<4xi2> : tensor<3xi2> -> tensor<3xi2>
// CHECK: 'fxp.table': input of shape 3, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<2x3xf32>
%y = fxp.table %x table dense<0> : tensor<4xi2> : tensor<2x3xf32> -> tensor<2x3xi2>
// CHECK: 'fxp.table': elements of type f32, needs integers, i1 to i32; change the element type

// -----

%a, %b = "test.op"() : () -> (tensor<1x2x3x2xi4>, tensor<1x2x4x2xi4>)
%y = fxp.concat %a, %b : tensor<1x2x3x2xi4>, tensor<1x2x4x2xi4> -> tensor<1x2x3x4xi4>
// CHECK: 'fxp.concat': tensors of shapes 1x2x3x2, 1x2x4x2, needs equal sizes but for the channels; crop or pad the images

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.concat %a, %a : tensor<1x2x3x2xi4>, tensor<1x2x3x2xi4> -> tensor<1x2x3x3xi4>
// CHECK: 'fxp.concat': result of shape 1x2x3x3, needs 1x2x3x4; correct the result type

// -----

%a, %b = "test.op"() : () -> (tensor<1x2x3x2xi4>, tensor<1x2x3x2xi8>)
%y = fxp.concat %a, %b : tensor<1x2x3x2xi4>, tensor<1x2x3x2xi8> -> tensor<1x2x3x4xi4>
// CHECK: 'fxp.concat': elements of types i4, i8, needs one type for all; quantise all of them alike

// -----

%a = "test.op"() : () -> (tensor<1x2x3xi4>)
%y = fxp.concat %a : tensor<1x2x3xi4> -> tensor<1x2x3xi4>
// CHECK: 'fxp.concat': input of shape 1x2x3, needs (N, K) or (N, H, W, C); reshape or flatten it first

// -----

%y = fxp.concat : -> tensor<1x2x3x2xi4>
// CHECK: 'fxp.concat': nothing to concatenate, needs at least one tensor; add one

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xf32>)
%y = fxp.concat %a : tensor<1x2x3x2xf32> -> tensor<1x2x3x2xi4>
// CHECK: 'fxp.concat': elements of type f32, needs integers, i1 to i32; change the element type

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.slice %a first [0, 2, 0] size [2, 2, 2] : tensor<1x2x3x2xi4> -> tensor<1x2x2x2xi4>
// CHECK: 'fxp.slice': a part of 2x2x2 from [0, 2, 0] on, needs rows, columns and channels inside 2x3x2; correct the lists

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.slice %a first [0, 0] size [2, 2] : tensor<1x2x3x2xi4> -> tensor<1x2x2x2xi4>
// CHECK: 'fxp.slice': a part of 2x2 from [0, 0] on, needs rows, columns and channels inside 2x3x2; correct the lists

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.slice %a first [0, 0, 0] size [2, 2, 2] : tensor<1x2x3x2xi4> -> tensor<1x2x3x2xi4>
// CHECK: 'fxp.slice': result of shape 1x2x3x2, needs 1x2x2x2; correct the result type

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.slice %a first [0, 0, 0] size [2, 2, 2] : tensor<1x2x3x2xi4> -> tensor<1x2x2x2xi8>
// CHECK: 'fxp.slice': elements of types i4, i8, needs one type for all; quantise all of them alike

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.pad %a padding [0, -1, 0, 0] : tensor<1x2x3x2xi4> -> tensor<1x2x3x2xi4>
// CHECK: 'fxp.pad': padding [0, -1, 0, 0], needs 4 integers of at least 0; correct the list

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.pad %a padding [0, 1, 0, 0] : tensor<1x2x3x2xi4> -> tensor<1x2x3x2xi4>
// CHECK: 'fxp.pad': result of shape 1x2x3x2, needs 1x3x3x2; correct the result type

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.resize %a factors [0, 1] : tensor<1x2x3x2xi4> -> tensor<1x2x3x2xi4>
// CHECK: 'fxp.resize': factors [0, 1], needs 2 integers of at least 1; correct the list

// -----

%a = "test.op"() : () -> (tensor<1x2x3x2xi4>)
%y = fxp.resize %a factors [2, 2] : tensor<1x2x3x2xi4> -> tensor<1x2x3x2xi4>
// CHECK: 'fxp.resize': result of shape 1x2x3x2, needs 1x4x6x2; correct the result type

// -----

%a = "test.op"() : () -> tensor<1x2x3x2xi4>
%y = fxp.pad %a padding [0, 0, 0, 0] value 8 : tensor<1x2x3x2xi4> -> tensor<1x2x3x2xi4>
// CHECK: 'fxp.pad': value 8, needs -8 to 7; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv_transpose %x strides [1, 0] weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK: 'fxp.conv_transpose': strides [1, 0], needs 2 integers of at least 1; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv_transpose %x output_padding [1] weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK: 'fxp.conv_transpose': output_padding [1], needs 2 integers of at least 0; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv_transpose %x weights dense<1> : tensor<18x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK: 'fxp.conv_transpose': weights of rank 2, needs (KH, KW, CI / groups, CO); reshape the weights

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv_transpose %x weights dense<1.0> : tensor<3x3x2x4xf64> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK: 'fxp.conv_transpose': weights of type f64, needs integers, i1 to i64; change the element type

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv_transpose %x zero_point 128 weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK: 'fxp.conv_transpose': zero_point 128, needs -128 to 127; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv_transpose %x padding [3, 3, 0, 0] weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK: 'fxp.conv_transpose': window an output of 0x6, needs at least 1x1; use less padding, which crops the output

// -----

%x = "test.op"() : () -> tensor<1x4x4x2xi8>
%y = fxp.conv_transpose %x output_padding [1, 1] weights dense<1> : tensor<3x3x2x4xi4> : tensor<1x4x4x2xi8> -> tensor<1x6x6x4xi24>
// CHECK: 'fxp.conv_transpose': result of shape 1x6x6x4, needs 1x7x7x4; correct the result type

// -----

%x = "test.op"() : () -> tensor<2x4x3xi8>
%y = fxp.transpose %x permutation [2, 0, 1] : tensor<2x4x3xi8> -> tensor<2x3x4xi8>
// CHECK: 'fxp.transpose': input of shape 2x4x3, needs (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<2x1x4x3xi8>
%y = fxp.transpose %x permutation [0, 1] : tensor<2x1x4x3xi8> -> tensor<2x1x4x3xi8>
// CHECK: 'fxp.transpose': permutation [0, 1], needs 0, 1 and 2 in any order; correct the list

// -----

%x = "test.op"() : () -> tensor<2x1x4x3xi8>
%y = fxp.transpose %x permutation [0, 2, 1] : tensor<2x1x4x3xi8> -> tensor<2x1x4x3xi8>
// CHECK: 'fxp.transpose': result of shape 2x1x4x3, needs 2x1x3x4; correct the result type
