// RUN: DSF_VERIFY_DIAG

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2]> scale <low = 0, high = 1> cut <images = 1, rows = 1> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: '#tile.window': kernel [2], needs 2 numbers

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2], stride = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = 1> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: '#tile.window' has no field 'stride', needs one of kernel, strides, padding, dilation, pad_value

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2], kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = 1> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: '#tile.window' has 'kernel' twice, needs it once; remove one

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0> cut <images = 1, rows = 1> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: '#tile.scale' has no value for 'high', needs one; add it

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1, leak = 16> cut <images = 1, rows = 1> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: '#tile.scale': leak 16, needs 0 to 15; correct it

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = 1, mode = long> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: Expected `wide`, `tall`, `depthwise_rows`, or `depthwise_columns`

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2], dilation = [2, 1]> scale <low = 0, high = 1> cut <images = 1, rows = 1> : tensor<1x4x4x3xi8> -> tensor<1x2x3x3xi8>
// CHECK: 'tile.pool': dilation [2, 1], needs [1, 1]; pool without dilation

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = 1, groups = 2> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: 'tile.pool': cut into channels, or tall, needs a cut of images and rows; remove groups, mode, block, inputs and ranges

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = 4> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: 'tile.pool': cut into 1 images of 4 rows, needs at most 1 images of 3 rows; make the cut smaller

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = [2, 2]> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: 'tile.pool': cut into 1 images of 2 + 2 rows, needs at most 1 images of 3 rows; make the cut smaller

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = []> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: '#tile.cut': rows [], needs at least one value; add it

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = [1, 0]> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: '#tile.cut': rows 0, needs at least 1; correct it

// -----

%x = "test.op"() : () -> tensor<2x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 2, rows = 2> : tensor<2x4x4x3xi8> -> tensor<2x3x3x3xi8>
// CHECK: 'tile.pool': cut into 2 images of 2 rows, needs 1 image, or all 3 rows; cut images or rows

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xf64>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 0, high = 1> cut <images = 1, rows = 1> : tensor<1x4x4x3xf64> -> tensor<1x3x3x3xf64>
// CHECK: 'tile.pool': elements of type f64, needs integers, i1 to i32; change the element type

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = tile.matrix %x window <kernel = [1, 1]> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x3x2xi8> bias dense<1> : tensor<2xi32> : tensor<1x1x1x3xi8> -> tensor<1x1x1x2xi32>
// CHECK: 'tile.matrix': both or none of requantize and raw, needs one of them; remove one, or add one

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x4x2xi8> bias dense<1> : tensor<2xi32> : tensor<1x1x1x3xi8> -> tensor<1x1x1x2xi32>
// CHECK: 'tile.matrix': weights for 4 input channels per group, needs 3; correct the weights' shape

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = tile.matrix %x window <kernel = [2, 1]> raw <> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x3x2xi8> bias dense<1> : tensor<2xi32> : tensor<1x1x1x3xi8> -> tensor<1x1x1x2xi32>
// CHECK: 'tile.matrix': a window of 2x1, needs 1x1, the kernel of the weights; correct the window

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x3x2xi8> bias dense<1> : tensor<3xi32> : tensor<1x1x1x3xi8> -> tensor<1x1x1x2xi32>
// CHECK: 'tile.matrix': bias of shape 3, needs one value for each of 2 channels; correct the shape

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x3x2xi8> bias dense<1> : tensor<2xi32> multiplier dense<1> : tensor<2xi32> shift dense<1> : tensor<2xi8> : tensor<1x1x1x3xi8> -> tensor<1x1x1x2xi32>
// CHECK: 'tile.matrix': raw sums with a multiplier or an addition, needs neither; requantize instead

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x3x2xi8> bias dense<1> : tensor<2xi32> : tensor<1x1x1x3xi8> -> tensor<1x1x1x2xi8>
// CHECK: 'tile.matrix': raw sums as i8, needs i32; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x3x2xi8> bias dense<1> : tensor<2xi32> : tensor<1x1x1x3xi8> -> tensor<1x1x1x2xi8>
// CHECK: 'tile.matrix': requantize without multiplier, needs multiplier and shift; add them

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = "tile.matrix"(%x, %x) <{window = #tile.window<kernel = [1, 1]>, requantize = #tile.requantize<low = 0, high = 1>, cut = #tile.cut<images = 1, rows = 1>, weights = dense<1> : tensor<1x1x3x3xi8>, bias = dense<1> : tensor<3xi32>, multiplier = dense<1> : tensor<3xi32>, shift = dense<1> : tensor<3xi8>, operandSegmentSizes = array<i32: 1, 1, 0>}> : (tensor<1x1x1x3xi8>, tensor<1x1x1x3xi8>) -> tensor<1x1x1x3xi8>
// CHECK: 'tile.matrix': an added tensor without its numbers, needs 'add %residual <...>'; add the numbers

// -----

%x = "test.op"() : () -> tensor<1x1x1x3xi8>
%y = tile.matrix %x add %x <low = 0, high = 1> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x3x2xi8> bias dense<1> : tensor<2xi32> multiplier dense<1> : tensor<2xi32> shift dense<1> : tensor<2xi8> : tensor<1x1x1x3xi8>, tensor<1x1x1x3xi8> -> tensor<1x1x1x2xi8>
// CHECK: 'tile.matrix': adds a tensor of shape 1x1x1x3, needs 1x1x1x2; add equal shapes

// -----

%x = "test.op"() : () -> tensor<2x3xi8>
%y = tile.reshape %x : tensor<2x3xi8> -> tensor<2x4xi8>
// CHECK: 'tile.reshape': tensor<2x3xi8> -> tensor<2x4xi8>, needs as many elements of the same type; correct the result type

// -----

%x = "test.op"() : () -> tensor<2x3xi8>
%y = tile.reshape %x : tensor<2x3xi8> -> tensor<3x2xi8>
// CHECK: 'tile.reshape': tensor<2x3xi8> -> tensor<3x2xi8>, needs as many images, the first size; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x1x1x1xi8>
%y = tile.matrix %x window <kernel = [1, 1], pad_value = 128> requantize <low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x1x2xi8> bias dense<0> : tensor<2xi32> multiplier dense<1> : tensor<2xi32> shift dense<0> : tensor<2xi8> : tensor<1x1x1x1xi8> -> tensor<1x1x1x2xi8>
// CHECK: 'tile.matrix': pad_value 128, needs -128 to 127, what the input holds; correct the window

// -----

%x = "test.op"() : () -> tensor<1x1x1x1xi8>
%y = tile.matrix %x window <kernel = [1, 1]> requantize <low = -129, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x1x2xi8> bias dense<0> : tensor<2xi32> multiplier dense<1> : tensor<2xi32> shift dense<0> : tensor<2xi8> : tensor<1x1x1x1xi8> -> tensor<1x1x1x2xi8>
// CHECK: 'tile.matrix': a clip to [-129, 1], needs an interval in [-128, 127]; widen the result type or narrow the clip

// -----

%x = "test.op"() : () -> tensor<1x1x1x1xi8>
%y = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1.0> : tensor<1x1x1x2xf32> bias dense<0> : tensor<2xi32> multiplier dense<1> : tensor<2xi32> shift dense<0> : tensor<2xi8> : tensor<1x1x1x1xi8> -> tensor<1x1x1x2xi8>
// CHECK: 'tile.matrix': weights of type f32, needs integers, i1 to i64; change the element type

// -----

%x = "test.op"() : () -> tensor<1x1x1x1xi8>
%y = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x1x2xi8> bias dense<0> : tensor<2xi32> multiplier dense<67108864> : tensor<2xi32> shift dense<0> : tensor<2xi8> : tensor<1x1x1x1xi8> -> tensor<1x1x1x2xi8>
// CHECK: 'tile.matrix': multiplier from 67108864 to 67108864, needs 0 to 67108863; rescale the layer

// -----

%x = "test.op"() : () -> tensor<1x1x1x1xi8>
%y = tile.matrix %x window <kernel = [1, 1]> requantize <bias_shift = -16, low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x1x2xi8> bias dense<0> : tensor<2xi32> multiplier dense<1> : tensor<2xi32> shift dense<0> : tensor<2xi8> : tensor<1x1x1x1xi8> -> tensor<1x1x1x2xi8>
// CHECK: '#tile.requantize': bias_shift -16, needs -15 to 31; correct it

// -----

%x = "test.op"() : () -> tensor<1x1x1x1xi8>
%y = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x1x2xi8> bias dense<0> : tensor<2xi32> multiplier dense<1> : tensor<2xi32> shift dense<48> : tensor<2xi8> : tensor<1x1x1x1xi8> -> tensor<1x1x1x2xi8>
// CHECK: 'tile.matrix': shift from 48 to 48, needs 0 to 47; rescale the layer

// -----

"test.op"() {a = #tile.add<multiplier_b = 67108864, low = 0, high = 1>} : () -> ()
// CHECK: '#tile.add': multiplier_b 67108864, needs 0 to 67108863; correct it

// -----

"test.op"() {a = #tile.scale<right = 16, low = 0, high = 1>} : () -> ()
// CHECK: '#tile.scale': right 16, needs 0 to 15; correct it

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool avg %x window <kernel = [2, 2], pad_value = -129> scale <low = 0, high = 1> cut <images = 1, rows = 1> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: 'tile.pool': pad_value -129, needs -128 to 127, what the input holds; correct the window

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.pool max %x window <kernel = [2, 2]> scale <low = 1, high = 0> cut <images = 1, rows = 1> : tensor<1x4x4x3xi8> -> tensor<1x3x3x3xi8>
// CHECK: 'tile.pool': a clip to [1, 0], needs an interval in [-128, 127]; widen the result type or narrow the clip

// -----

%x = "test.op"() : () -> tensor<i8>
%y = tile.reshape %x : tensor<i8> -> tensor<1xi8>
// CHECK: 'tile.reshape': input of shape scalar, needs static sizes of at least 1; fix the shape

// -----

%x = "test.op"() : () -> tensor<1x1x1x4xi8>
%y = tile.matrix %x window <kernel = [1, 1]> groups 3 raw <> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x1x6xi8> bias dense<1> : tensor<6xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x6xi32>
// CHECK: 'tile.matrix': 3 groups, needs a divisor of 4 input and 6 output channels; change the groups

// -----

%x = "test.op"() : () -> tensor<1x1x1x4xi8>
%y = tile.matrix %x window <kernel = [1, 1]> groups 2 raw <> cut <images = 1, rows = 1, block = 3> weights dense<1> : tensor<1x1x2x6xi8> bias dense<1> : tensor<6xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x6xi32>
// CHECK: 'tile.matrix': a block of 3 groups, needs at most its 2 groups; make the block smaller

// -----

%x = "test.op"() : () -> tensor<1x1x1x4xi8>
%y = tile.matrix %x window <kernel = [1, 1]> groups 4 raw <> cut <images = 1, rows = 1, mode = depthwise_rows, block = 4> weights dense<1> : tensor<1x1x1x8xi8> bias dense<1> : tensor<8xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x8xi32>
// CHECK: 'tile.matrix': 4 channels to 8 in 4 groups, depthwise, needs as many groups as channels; make it wide or tall

// -----

%x = "test.op"() : () -> tensor<1x1x1x4xi8>
%y = tile.matrix %x window <kernel = [1, 1]> groups 4 raw <> cut <images = 1, rows = 1, mode = depthwise_columns, block = 2> weights dense<1> : tensor<1x1x1x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi32>
// CHECK: 'tile.matrix': a block of 2 groups, depthwise, needs all 4; change the block

// -----

%x = "test.op"() : () -> tensor<1x1x1x4xi8>
%y = tile.matrix %x window <kernel = [1, 1]> groups 4 raw <> cut <images = 1, rows = 1, groups = [1, 2], mode = [depthwise_rows, wide], block = 4> weights dense<1> : tensor<1x1x1x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi32>
// CHECK: 'tile.matrix': depthwise for some of the loads, needs it for all of them; change the modes

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2>)
%y = tile.elementwise #tile.multiply<shift = 48, low = 0, high = 1> %x, %b cut <images = 1, rows = 4> : tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: '#tile.multiply': shift 48, needs 0 to 47; correct it

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x4x4x3xf32>)
%y = tile.elementwise #tile.add<low = -2, high = 1> %x, %b cut <images = 1, rows = 4> : tensor<1x4x4x3xi2>, tensor<1x4x4x3xf32> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.elementwise': elements of type f32, needs integers, i1 to i32; change the element type

// -----

%x, %b = "test.op"() : () -> (tensor<1x3xi2>, tensor<1x3xi2>)
%y = tile.elementwise #tile.add<low = -2, high = 1> %x, %b cut <images = 1, rows = 4> : tensor<1x3xi2>, tensor<1x3xi2> -> tensor<1x3xi2>
// CHECK: 'tile.elementwise': input of shape 1x3, needs (N, H, W, C); reshape or flatten it first

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x1x4x3xi2>)
%y = tile.elementwise #tile.add<low = -2, high = 1> %x, %b cut <images = 1, rows = 4> : tensor<1x4x4x3xi2>, tensor<1x1x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.elementwise': operands of shapes 1x4x4x3 and 1x1x4x3, needs equal shapes, or one pixel for each image as the second; match the two branches

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2>)
%y = tile.elementwise #tile.add<low = -2, high = 1> %x, %b cut <images = 1, rows = 4> : tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2> -> tensor<1x4x4x2xi2>
// CHECK: 'tile.elementwise': result of shape 1x4x4x2, needs 1x4x4x3; correct the result type

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2>)
%y = tile.elementwise #tile.multiply<zero_a = 2, low = -2, high = 1> %x, %b cut <images = 1, rows = 4> : tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.elementwise': zero_a 2, needs -2 to 1, what the operand holds; correct it

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2>)
%y = tile.elementwise #tile.multiply<zero_b = -3, low = -2, high = 1> %x, %b cut <images = 1, rows = 4> : tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.elementwise': zero_b -3, needs -2 to 1, what the operand holds; correct it

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2>)
%y = tile.elementwise #tile.add<low = -3, high = 1> %x, %b cut <images = 1, rows = 4> : tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.elementwise': a clip to [-3, 1], needs an interval in [-2, 1]; widen the result type or narrow the clip

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2>)
%y = tile.elementwise #tile.multiply<low = -2, high = 1> %x, %b cut <images = 1, rows = 4, groups = 2> : tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.elementwise': cut into channels, or tall, needs a cut of images and rows; remove groups, mode, block, inputs and ranges

// -----

%x, %b = "test.op"() : () -> (tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2>)
%y = tile.elementwise #tile.multiply<low = -2, high = 1> %x, %b cut <images = 2, rows = 4> : tensor<1x4x4x3xi2>, tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.elementwise': cut into 2 images of 4 rows, needs at most 1 images of 4 rows; make the cut smaller

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xf32>
%y = tile.lookup %x table dense<0> : tensor<4xi2> cut <images = 1, rows = 4> : tensor<1x4x4x3xf32> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.lookup': elements of type f32, needs integers, i1 to i32; change the element type

// -----

%x = "test.op"() : () -> tensor<1x3xi2>
%y = tile.lookup %x table dense<0> : tensor<4xi2> cut <images = 1, rows = 4> : tensor<1x3xi2> -> tensor<1x3xi2>
// CHECK: 'tile.lookup': input of shape 1x3, needs (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi2>
%y = tile.lookup %x table dense<0> : tensor<4xi2> cut <images = 1, rows = 4> : tensor<1x4x4x3xi2> -> tensor<1x4x4x2xi2>
// CHECK: 'tile.lookup': result of shape 1x4x4x2, needs 1x4x4x3; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi2>
%y = tile.lookup %x table dense<0> : tensor<8xi2> cut <images = 1, rows = 4> : tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.lookup': a table of shape 8, needs 4, an entry for each value of i2; correct the table

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi2>
%y = tile.lookup %x table dense<2> : tensor<4xi8> cut <images = 1, rows = 4> : tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.lookup': a table of values from 2 to 2, needs -2 to 1, the result's; correct the table

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi2>
%y = tile.lookup %x table dense<0> : tensor<4xi2> cut <images = 1, rows = 4, mode = tall> : tensor<1x4x4x3xi2> -> tensor<1x4x4x3xi2>
// CHECK: 'tile.lookup': cut into channels, or tall, needs a cut of images and rows; remove groups, mode, block, inputs and ranges

// -----
%x = "test.op"() : () -> tensor<1x1x1x4xi8>
%y = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1, inputs = [3, 2]> weights dense<1> : tensor<1x1x4x6xi8> bias dense<1> : tensor<6xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x6xi32>
// CHECK: 'tile.matrix': a reduction over 4 channels in parts of 3 + 2, needs parts of 1 to 4 together; change the parts

// -----

%x = "test.op"() : () -> tensor<1x1x1x4xi8>
%y = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1, inputs = [0, 2]> weights dense<1> : tensor<1x1x4x6xi8> bias dense<1> : tensor<6xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x6xi32>
// CHECK: 'tile.matrix': a reduction over 4 channels in parts of 0 + 2, needs parts of 1 to 4 together; change the parts

// -----

%x = "test.op"() : () -> tensor<1x1x1x4xi8>
%y = tile.matrix %x window <kernel = [1, 1]> groups 2 raw <> cut <images = 1, rows = 1, block = 2, inputs = 2> weights dense<1> : tensor<1x1x2x6xi8> bias dense<1> : tensor<6xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x6xi32>
// CHECK: 'tile.matrix': a reduction over 4 channels in parts of 2, needs blocks of 1 group, not depthwise; leave the reduction whole

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4]> target <> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: '#tile.part': size [4, 4], needs row, column, channel; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <first = [1, 1], size = [4, 4, 3]> target <> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: '#tile.part': first [1, 1], needs row, column, channel; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <first = [0, 0]> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: '#tile.target': first [0, 0], needs 3 numbers; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <strides = [1]> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: '#tile.target': strides [1], needs 2 numbers; correct the list

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xf32>
%y = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 1, rows = 4> : tensor<1x4x4x3xf32> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': elements of type f32, needs integers, i1 to i32; change the element type

// -----

%x = "test.op"() : () -> tensor<1x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 1, rows = 4> : tensor<1x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': input of shape 1x3, needs (N, H, W, C); reshape or flatten it first

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<2x4x4x5xi4>
// CHECK: 'tile.copy': a result of tensor<2x4x4x5xi4>, needs 1 images of i4, as there are to copy; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <first = [0, 0, 1], size = [4, 4, 3]> target <> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': channels 1 to 3, needs those of 3 that there are; correct the part

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <first = [0, 0, 3]> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': a target up to 4x4x6, needs at most 4x4x5, the result's image; correct the target

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <strides = [2, 1]> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': a target up to 7x4x3, needs at most 4x4x5, the result's image; correct the target

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3], pad_value = 8> target <> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': pad_value 8, needs -8 to 7, what the input holds; correct the part

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 1, rows = 5> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': cut into 1 images of 5 rows, needs at most 1 images of 4 rows; make the cut smaller

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 1, rows = 4, groups = 2> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': cut into channels, or tall, needs a cut of images and rows; remove groups, mode, block, inputs and ranges

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x into %x part <size = [4, 4, 3]> target <> cut <images = 1, rows = 4> : tensor<1x4x4x3xi4>, tensor<1x4x4x3xi4> -> tensor<1x4x4x3xi4>
// CHECK: 'tile.copy': writes into tensor<1x4x4x3xi4> that something else makes or uses, needs the tensor<1x4x4x3xi4> of a 'tile.copy' before, used here only; begin it so

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 1, rows = 4, place = dram> : tensor<1x4x4x3xi4> -> tensor<1x4x4x5xi4>
// CHECK: 'tile.copy': a result whose place is dram, needs it on chip, or in DRAM if one copy makes all of it; change the place

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi4>
%y = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 1, rows = 4, place = strips> : tensor<1x4x4x3xi4> -> tensor<1x4x4x3xi4>
// CHECK: 'tile.copy': a result whose place is strips, needs it on chip, or in DRAM if one copy makes all of it; change the place

// -----

%x = "test.op"() : () -> tensor<1x2x2x2xi8>
%y = tile.matrix %x target <first = [0, 1, 0], strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> -> tensor<1x2x3x4xi8>
// CHECK: 'tile.matrix': a target up to 2x4x4, needs at most 2x3x4, the result's image; correct the target

// -----

%x = "test.op"() : () -> tensor<1x2x2x2xi8>
%y = tile.matrix %x target <strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> -> tensor<2x2x4x4xi8>
// CHECK: 'tile.matrix': a result of 2 images of 4 channels, needs 1 of 4, as it makes them; correct the result type

// -----

%x = "test.op"() : () -> tensor<1x2x2x2xi8>
%y = tile.matrix %x target <strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2, place = dram> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> -> tensor<1x2x4x4xi8>
// CHECK: 'tile.matrix': strips of 2 rows, groups outside, of a result in DRAM, needs equal strips, all channels of each at once; change the cut

// -----

%x = "test.op"() : () -> tensor<1x2x2x2xi8>
%y = tile.matrix %x target <strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2, place = strips> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> -> tensor<1x2x4x4xi8>
// CHECK: 'tile.matrix': a part of a result whose place is strips, needs it on chip or in DRAM; change the place

// -----

%x = "test.op"() : () -> tensor<1x2x2x2xi8>
%y = tile.matrix %x target <first = [2, 0, 0], strides = [2, 1]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1, outer = strips, place = dram> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> -> tensor<1x8x2x4xi8>
// CHECK: 'tile.matrix': rows 2 of every 2 of a result in DRAM, needs rows 0 to 1; put it on chip

// -----

%x = "test.op"() : () -> tensor<1x2x2x2xi8>
%y = tile.matrix %x target <strides = [2, 1]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2, outer = strips, place = dram> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> -> tensor<1x4x2x4xi8>
%z = tile.matrix %x into %y target <first = [1, 0, 0], strides = [2, 1]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1, outer = strips, place = dram> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> into tensor<1x4x2x4xi8> -> tensor<1x4x2x4xi8>
// CHECK: 'tile.matrix': strips of 1 rows of 1 images in DRAM, needs those of what it writes into; cut both alike

// -----

%x, %z = "test.op"() : () -> (tensor<1x2x2x2xi8>, tensor<1x2x4x4xi8>)
%y = tile.matrix %x into %z target <strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> into tensor<1x2x4x4xi8> -> tensor<1x2x4x4xi8>
// CHECK: 'tile.matrix': writes into tensor<1x2x4x4xi8> that something else makes or uses, needs the tensor<1x2x4x4xi8> of a 'tile.matrix' before, used here only; begin it so

// -----

%x = "test.op"() : () -> tensor<1x2x2x2xi8>
%y = tile.matrix %x target <axes = [0, 2, 1]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8> -> tensor<1x2x4x2xi8>
// CHECK: 'tile.matrix': axes [0, 2, 1], needs [0, 1, 2]; transpose in a copy

// -----

%x = "test.op"() : () -> tensor<1x2x4x3xi4>
%y = tile.copy %x part <size = [2, 4, 3]> target <axes = [0, 2, 1]> cut <images = 1, rows = 2> : tensor<1x2x4x3xi4> -> tensor<1x2x4x3xi4>
// CHECK: 'tile.copy': 2x4x3 to axes [0, 2, 1] of 2x4x3, needs its sizes; correct the target

// -----

%x = "test.op"() : () -> tensor<1x2x3x3xi4>
%y = tile.copy %x part <size = [2, 3, 3]> target <> cut <images = 1, rows = 2> : tensor<1x2x3x3xi4> -> tensor<1x2x3x3xi4>
%z = tile.copy %x into %y part <size = [2, 3, 3]> target <axes = [0, 2, 1]> cut <images = 1, rows = 2> : tensor<1x2x3x3xi4>, tensor<1x2x3x3xi4> -> tensor<1x2x3x3xi4>
// CHECK: 'tile.copy': axes [0, 2, 1] of a part of the result, needs all of it; transpose in a copy of its own

// -----

"test.op"() {target = #tile.target<axes = [0, 1, 1]>} : () -> ()
// CHECK: '#tile.target': axes [0, 1, 1], needs 0, 1 and 2 in any order; correct the list

// -----

"test.op"() {target = #tile.target<axes = [0, 1]>} : () -> ()
// CHECK: '#tile.target': axes [0, 1], needs 3 numbers; correct the list

// -----

"test.op"() {target = #tile.target<first = [0, 0, 1], axes = [0, 2, 1]>} : () -> ()
// CHECK: '#tile.target': axes [0, 2, 1] of a part of the result, needs all of it; remove first and strides

// -----

%x = "test.op"() : () -> tensor<2x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 2, rows = 4, mode = tall, ends = [1, 1, 1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<2x4x4x3xi8> -> tensor<2x4x3x4xi32>
// CHECK: 'tile.matrix': ends [1, 1, 1, 1], needs strips of 1 image, blocks of 1 group, not depthwise; remove the ends

// -----

%x = "test.op"() : () -> tensor<1x4x4x4xi8>
%y = tile.matrix %x window <kernel = [1, 2]> groups 4 raw <> cut <images = 1, rows = 2, mode = depthwise_rows, block = 4, ends = [1, 1, 1, 1]> weights dense<1> : tensor<1x2x1x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x4xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': ends [1, 1, 1, 1], needs strips of 1 image, blocks of 1 group, not depthwise; remove the ends

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, ends = [1, 1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': ends [1, 1, 1], needs rows and columns of the first tile and of the last one; correct the ends

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, ends = [1, 4, 1, 3]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': ends [1, 4, 1, 3], needs at most [2, 3, 2, 3], those of the first strip and of the last one; make the tiles smaller

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, mode = tall, ranges = [4, 3], ends = [1, 1, 1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': weights in ranges of 4 + 3, needs several that are together the 6 elements of a kernel row, of one run; change the ranges, or load all weights at once

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, mode = tall, ranges = 6, ends = [1, 1, 1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': weights in ranges of 6, needs several that are together the 6 elements of a kernel row, of one run; change the ranges, or load all weights at once

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2], dilation = [1, 2]> raw <> cut <images = 1, rows = 2, mode = tall, ranges = [2, 1], ends = [1, 1, 1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x2x4xi32>
// CHECK: 'tile.matrix': weights in ranges of 2 + 1, needs several that are together the 3 elements of a kernel row, of one run; change the ranges, or load all weights at once

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, ranges = [4, 2], ends = [1, 1, 1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': weights in ranges of 4 + 2, needs tall loads of 1 channel group, outside, for strips of 1 image; change the cut

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, mode = tall, ranges = [4, 2], outer = strips, ends = [1, 1, 1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': weights in ranges of 4 + 2, needs tall loads of 1 channel group, outside, for strips of 1 image; change the cut

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, mode = tall, ranges = [4, 2], ends = [1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': ends [1, 1], needs rows and columns of the first tile and of the last one; correct the ends

// -----

%x = "test.op"() : () -> tensor<1x4x4x3xi8>
%y = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = [1, 2], mode = tall, ranges = [4, 2], ends = [2, 1, 1, 1]> weights dense<1> : tensor<1x2x3x4xi8> bias dense<1> : tensor<4xi32> : tensor<1x4x4x3xi8> -> tensor<1x4x3x4xi32>
// CHECK: 'tile.matrix': ends [2, 1, 1, 1], needs at most [1, 3, 1, 3], those of the first strip and of the last one; make the tiles smaller

// -----

%x = "test.op"() : () -> tensor<1x4x4x4xi8>
%y = tile.pool max %x window <kernel = [1, 1]> scale <low = -128, high = 127> cut <images = 1, rows = 4, ranges = 4> : tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi8>
// CHECK: 'tile.pool': cut into channels, or tall, needs a cut of images and rows; remove groups, mode, block, inputs and ranges
