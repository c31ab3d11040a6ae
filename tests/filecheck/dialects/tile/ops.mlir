// RUN: DSF_ROUNDTRIP
// RUN: DSF_GENERIC_ROUNDTRIP

func.func @main(%x: tensor<2x4x4x3xi8>, %r: tensor<2x2x2x4xi8>) attributes {tile.images = 1 : i64} {
  // CHECK:         %y = tile.matrix %x window <kernel = [3, 3], strides = [2, 2], padding = [0, 1, 0, 1]> requantize <leak = 3, low = -128, high = 127> cut <images = 1, rows = 1, groups = 2, mode = tall> weights dense<1> : tensor<3x3x3x4xi4> bias dense<[1, 2, 3, 4]> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<2x4x4x3xi8> -> tensor<2x2x2x4xi8>
  // CHECK-GENERIC: %y = "tile.matrix"(%x) <{window = #tile.window<kernel = [3, 3], strides = [2, 2], padding = [0, 1, 0, 1]>, requantize = #tile.requantize<leak = 3, low = -128, high = 127>, cut = #tile.cut<images = 1, rows = 1, groups = 2, mode = tall>, weights = dense<1> : tensor<3x3x3x4xi4>, bias = dense<[1, 2, 3, 4]> : tensor<4xi32>, multiplier = dense<1> : tensor<4xi32>, shift = dense<5> : tensor<4xi8>, operandSegmentSizes = array<i32: 1, 0, 0>, target = #tile.target<>, groups = 1 : i64}> : (tensor<2x4x4x3xi8>) -> tensor<2x2x2x4xi8>
  %y = tile.matrix %x window <kernel = [3, 3], strides = [2, 2], padding = [0, 1, 0, 1]> requantize <leak = 3, low = -128, high = 127> cut <images = 1, rows = 1, groups = 2, mode = tall> weights dense<1> : tensor<3x3x3x4xi4> bias dense<[1, 2, 3, 4]> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<2x4x4x3xi8> -> tensor<2x2x2x4xi8>

  // Defaults are not printed, whatever the order of what is given.
  // CHECK-NEXT:    %a = tile.matrix %y add %r <multiplier_b = 2, shift = 1, low = 0, high = 127> window <kernel = [1, 1]> requantize <low = -128, high = 127> cut <images = 2, rows = 2> weights
  // CHECK-GENERIC: %a = "tile.matrix"(%y, %r) <{{.*}}add = #tile.add<multiplier_b = 2, shift = 1, low = 0, high = 127>{{.*}}operandSegmentSizes = array<i32: 1, 1, 0>
  %a = tile.matrix %y add %r <high = 127, low = 0, shift = 1, multiplier_a = 1, multiplier_b = 2> window <kernel = [1, 1], strides = [1, 1], pad_value = 0> requantize <low = -128, high = 127> cut <images = 2, rows = 2, groups = 1, mode = wide> weights dense<1> : tensor<1x1x4x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<2x2x2x4xi8>, tensor<2x2x2x4xi8> -> tensor<2x2x2x4xi8>

  // CHECK-NEXT:    %z = tile.matrix %a window <kernel = [2, 2], pad_value = -3> raw <bias_shift = 4> cut
  // CHECK-GENERIC: %z = "tile.matrix"(%a)
  %z = tile.matrix %a window <kernel = [2, 2], dilation = [1, 1], pad_value = -3> raw <bias_shift = 4> cut <images = 2, rows = 1> weights dense<1> : tensor<2x2x4x1xi4> bias dense<0> : tensor<1xi32> : tensor<2x2x2x4xi8> -> tensor<2x1x1x1xi32>

  // CHECK-NEXT:    %k = tile.matrix %a window <kernel = [1, 1]> requantize <bias_shift = -4, low = 0, high = 127> cut
  // CHECK-GENERIC: %k = {{.*}}requantize = #tile.requantize<bias_shift = -4, low = 0, high = 127>{{.*}}multiplier = dense<67108863>
  %k = tile.matrix %a window <kernel = [1, 1]> requantize <bias_shift = -4, low = 0, high = 127> cut <images = 2, rows = 2> weights dense<1> : tensor<1x1x4x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<67108863> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<2x2x2x4xi8> -> tensor<2x2x2x4xi8>

  // CHECK-NEXT:    %l = tile.matrix {{.*}} cut <images = 1, rows = [1, 3], groups = [1, 2], mode = [tall, wide], outer = strips> weights
  // CHECK-GENERIC: %l = {{.*}}cut = #tile.cut<images = 1, rows = [1, 3], groups = [1, 2], mode = [tall, wide], outer = strips>
  %l = tile.matrix %x window <kernel = [1, 1]> raw <> cut <outer = strips, images = 1, rows = [1, 3], groups = [1, 2], mode = [tall, wide]> weights dense<1> : tensor<1x1x3x3xi4> bias dense<0> : tensor<3xi32> : tensor<2x4x4x3xi8> -> tensor<2x4x4x3xi32>
  // CHECK-NEXT:    %g = tile.matrix %a window <kernel = [1, 1]> groups 4 raw <> cut <images = 2, rows = 2, block = 3> weights
  // CHECK-GENERIC: %g = "tile.matrix"(%a) <{{.*}}groups = 4 : i64, {{.*}}cut = #tile.cut<images = 2, rows = 2, block = 3>
  %g = tile.matrix %a window <kernel = [1, 1]> groups 4 raw <> cut <images = 2, rows = 2, block = 3> weights dense<1> : tensor<1x1x1x8xi4> bias dense<0> : tensor<8xi32> : tensor<2x2x2x4xi8> -> tensor<2x2x2x8xi32>

  // CHECK-NEXT:    %i = tile.matrix %a window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1, groups = [1, 2], inputs = [2, 1], whole = 1> weights
  // CHECK-GENERIC: %i = "tile.matrix"(%a) <{{.*}}cut = #tile.cut<images = 1, rows = 1, groups = [1, 2], inputs = [2, 1], whole = 1>
  %i = tile.matrix %a window <kernel = [1, 1]> raw <> cut <whole = 1, images = 1, rows = 1, groups = [1, 2], inputs = [2, 1]> weights dense<1> : tensor<1x1x4x8xi4> bias dense<0> : tensor<8xi32> : tensor<2x2x2x4xi8> -> tensor<2x2x2x8xi32>

  // CHECK-NEXT:    %o = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, mode = tall, ranges = [4, 2], ends = [1, 2, 2, 1]> weights
  // CHECK-GENERIC: %o = "tile.matrix"(%x) <{{.*}}cut = #tile.cut<images = 1, rows = 2, mode = tall, ranges = [4, 2], ends = [1, 2, 2, 1]>
  %o = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, ends = [1, 2, 2, 1], ranges = [4, 2], mode = tall> weights dense<1> : tensor<1x2x3x3xi4> bias dense<0> : tensor<3xi32> : tensor<2x4x4x3xi8> -> tensor<2x4x3x3xi32>

  // CHECK-NEXT:    %e = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, ends = [1, 2, 2, 1]> weights
  // CHECK-GENERIC: %e = "tile.matrix"(%x) <{{.*}}cut = #tile.cut<images = 1, rows = 2, ends = [1, 2, 2, 1]>
  %e = tile.matrix %x window <kernel = [1, 2]> raw <> cut <images = 1, rows = 2, ends = [1, 2, 2, 1]> weights dense<1> : tensor<1x2x3x3xi4> bias dense<0> : tensor<3xi32> : tensor<2x4x4x3xi8> -> tensor<2x4x3x3xi32>

  // CHECK-NEXT:    %d = tile.matrix %a window <kernel = [1, 1]> groups 4 raw <> cut <images = 2, rows = 2, mode = depthwise_rows, block = 4> weights
  // CHECK-GENERIC: %d = "tile.matrix"(%a) <{{.*}}cut = #tile.cut<images = 2, rows = 2, mode = depthwise_rows, block = 4>
  %d = tile.matrix %a window <kernel = [1, 1]> groups 4 raw <> cut <images = 2, rows = 2, mode = depthwise_rows, block = 4> weights dense<1> : tensor<1x1x1x4xi4> bias dense<0> : tensor<4xi32> : tensor<2x2x2x4xi8> -> tensor<2x2x2x4xi32>

  // CHECK-NEXT:    %p = tile.pool avg %a window <kernel = [2, 2]> scale <count_padding = 1, right = 2, low = -128, high = 127> cut <images = 2, rows = 1> : tensor<2x2x2x4xi8> -> tensor<2x1x1x4xi8>
  // CHECK-GENERIC: %p = "tile.pool"(%a) <{kind = #bundle<pool_kind avg>, window = #tile.window<kernel = [2, 2]>, scale = #tile.scale<count_padding = 1, right = 2, low = -128, high = 127>, cut = #tile.cut<images = 2, rows = 1>}>
  %p = tile.pool avg %a window <kernel = [2, 2]> scale <count_padding = 1, right = 2, low = -128, high = 127> cut <images = 2, rows = 1> : tensor<2x2x2x4xi8> -> tensor<2x1x1x4xi8>

  // CHECK-NEXT:    %s = tile.pool max %a window <kernel = [2, 2]> scale <low = -128, high = 127> cut <images = 1, rows = 1, place = dram_strips> : tensor<2x2x2x4xi8> -> tensor<2x1x1x4xi8>
  // CHECK-GENERIC: %s = "tile.pool"(%a) <{{.*}}cut = #tile.cut<images = 1, rows = 1, place = dram_strips>
  %s = tile.pool max %a window <kernel = [2, 2]> scale <low = -128, high = 127> cut <images = 1, rows = 1, place = dram_strips> : tensor<2x2x2x4xi8> -> tensor<2x1x1x4xi8>

  // CHECK-NEXT:    %f = tile.reshape %p : tensor<2x1x1x4xi8> -> tensor<2x4xi8>
  // CHECK-GENERIC: %f = "tile.reshape"(%p) : (tensor<2x1x1x4xi8>) -> tensor<2x4xi8>
  %f = tile.reshape %p : tensor<2x1x1x4xi8> -> tensor<2x4xi8>
  func.return
}

// -----

// Functions of single elements.
%x, %g = "test.op"() : () -> (tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2>)
%a = tile.elementwise #tile.add<high = 1, low = -2> %x, %x cut <images = 1, rows = [1, 3]> : tensor<2x4x4x3xi2>, tensor<2x4x4x3xi2> -> tensor<2x4x4x3xi2>
// CHECK:         %a = tile.elementwise #tile.add<low = -2, high = 1> %x, %x cut <images = 1, rows = [1, 3]> : tensor<2x4x4x3xi2>, tensor<2x4x4x3xi2> -> tensor<2x4x4x3xi2>
%b = tile.elementwise #tile.multiply<zero_a = -1, zero_b = 1, multiplier = 3, offset = 7, shift = 2, leak = 1, low = -2, high = 1> %x, %g cut <images = 2, rows = 4> : tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2> -> tensor<2x4x4x3xi2>
// CHECK-NEXT:    %b = tile.elementwise #tile.multiply<zero_a = -1, zero_b = 1, multiplier = 3, offset = 7, shift = 2, leak = 1, low = -2, high = 1> %x, %g cut <images = 2, rows = 4> : tensor<2x4x4x3xi2>, tensor<2x1x1x3xi2> -> tensor<2x4x4x3xi2>
// CHECK-GENERIC: %b = "tile.elementwise"(%x, %g) <{function = #tile.multiply<zero_a = -1, zero_b = 1, multiplier = 3, offset = 7, shift = 2, leak = 1, low = -2, high = 1>, cut = #tile.cut<images = 2, rows = 4>}>
%c = tile.lookup %g table dense<[1, 0, -1, -2]> : tensor<4xi2> cut <images = 2, rows = 1> : tensor<2x1x1x3xi2> -> tensor<2x1x1x3xi2>
// CHECK-NEXT:    %c = tile.lookup %g table dense<[1, 0, -1, -2]> : tensor<4xi2> cut <images = 2, rows = 1> : tensor<2x1x1x3xi2> -> tensor<2x1x1x3xi2>
// CHECK-GENERIC: %c = "tile.lookup"(%g) <{table = dense<[1, 0, -1, -2]> : tensor<4xi2>, cut = #tile.cut<images = 2, rows = 1>}>

// -----

// Parts of images, copied to a place in others; the second copy goes into the tensor of the first.
%x = "test.op"() : () -> tensor<2x4x4x3xi4>
%a = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 2, rows = 4> : tensor<2x4x4x3xi4> -> tensor<2x4x4x5xi4>
// CHECK:         %a = tile.copy %x part <size = [4, 4, 3]> target <> cut <images = 2, rows = 4> : tensor<2x4x4x3xi4> -> tensor<2x4x4x5xi4>
// CHECK-GENERIC: %a = "tile.copy"(%x) <{part = #tile.part<size = [4, 4, 3]>, target = #tile.target<>, cut = #tile.cut<images = 2, rows = 4>{{.*}}}>
%b = tile.copy %x into %a part <first = [-1, 0, 1], size = [2, 4, 2], pad_value = -8> target <first = [0, 0, 3], strides = [2, 1]> cut <images = 1, rows = [1, 1]> : tensor<2x4x4x3xi4>, tensor<2x4x4x5xi4> -> tensor<2x4x4x5xi4>
// CHECK-NEXT:    %b = tile.copy %x into %a part <first = [-1, 0, 1], size = [2, 4, 2], pad_value = -8> target <first = [0, 0, 3], strides = [2, 1]> cut <images = 1, rows = [1, 1]> : tensor<2x4x4x3xi4>, tensor<2x4x4x5xi4> -> tensor<2x4x4x5xi4>
// CHECK-GENERIC: %b = "tile.copy"(%x, %a) <{part = #tile.part<first = [-1, 0, 1], size = [2, 4, 2], pad_value = -8>, target = #tile.target<first = [0, 0, 3], strides = [2, 1]>,

// -----

// Two phases of a transposed convolution make one result, the second one of cropped images.
%x, %r = "test.op"() : () -> (tensor<1x2x2x2xi8>, tensor<1x2x3x4xi8>)
%a = tile.matrix %x add %r <low = 0, high = 7> target <strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8>, tensor<1x2x3x4xi8> -> tensor<1x2x3x4xi8>
// CHECK:         %a = tile.matrix %x add %r <low = 0, high = 7> target <strides = [1, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 2> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8>, tensor<1x2x3x4xi8> -> tensor<1x2x3x4xi8>
%b = tile.matrix %x add %r <low = 0, high = 7> into %a target <first = [0, 1, 0], strides = [1, 2]> window <kernel = [1, 1], padding = [0, 0, -1, 0]> requantize <low = 0, high = 1> cut <images = 1, rows = 2> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8>, tensor<1x2x3x4xi8> into tensor<1x2x3x4xi8> -> tensor<1x2x3x4xi8>
// CHECK-NEXT:    %b = tile.matrix %x add %r <low = 0, high = 7> into %a target <first = [0, 1, 0], strides = [1, 2]> window <kernel = [1, 1], padding = [0, 0, -1, 0]> requantize <low = 0, high = 1> cut <images = 1, rows = 2> weights dense<1> : tensor<1x1x2x4xi4> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x2x2x2xi8>, tensor<1x2x3x4xi8> into tensor<1x2x3x4xi8> -> tensor<1x2x3x4xi8>
// CHECK-GENERIC: %b = "tile.matrix"(%x, %r, %a) <{{.*}}target = #tile.target<first = [0, 1, 0], strides = [1, 2]>

// -----

// Axes exchanged.
%x = "test.op"() : () -> tensor<1x2x4x3xi4>
%a = tile.copy %x part <size = [2, 4, 3]> target <axes = [0, 2, 1]> cut <images = 1, rows = 1> : tensor<1x2x4x3xi4> -> tensor<1x2x3x4xi4>
// CHECK:         %a = tile.copy %x part <size = [2, 4, 3]> target <axes = [0, 2, 1]> cut <images = 1, rows = 1> : tensor<1x2x4x3xi4> -> tensor<1x2x3x4xi4>
// CHECK-GENERIC: target = #tile.target<axes = [0, 2, 1]>
