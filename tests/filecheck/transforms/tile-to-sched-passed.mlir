// RUN: dsf-opt %s -p tile-to-sched --split-input-file --verify-diagnostics | filecheck %s

// A projection that is added by the next layer, a row at a time: each row is made while the one before is added, and there is room
// for two of them, in turn. It never goes to DRAM.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 512, parameter_groups = 8}
// CHECK:       sched.program {{.*}} arena 0 bundles ["projection", "sum"]
// CHECK:         %projection.feature = sched.buffer feature "projection" at 192 size 128
// CHECK-NEXT:    %[[A:.*]] = sched.matrix %input.feature, {{.*}} to %projection.feature wide {{.*}} rows = [0, 1]
// CHECK:         %[[B:.*]] = sched.matrix %input.feature, {{.*}} to %projection.feature wide {{.*}} rows = [1, 1]
// CHECK:         sched.matrix {{.*}} to %sum.feature wide {{.*}} rows = [0, 1], {{.*}} add %projection.feature <low = 0, high = 127> after({{.*}}%[[A]])
// CHECK:         %projection.feature_1 = sched.buffer feature "projection" at 192 size 128 holds 128
// CHECK-NEXT:    sched.matrix %input.feature, {{.*}} to %projection.feature_1 wide {{.*}} rows = [2, 1]
// CHECK-NEXT:    sched.matrix {{.*}} to %sum.feature wide {{.*}} rows = [1, 1], {{.*}} add %projection.feature <low = 0, high = 127> after({{.*}}%[[B]])
func.func @main(%x: tensor<1x6x8x4xi8>) -> tensor<1x6x8x8xi8> attributes {tile.images = 1 : i64, tile.input_place = #tile<place dram>} {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, groups = 2, place = strips> weights dense<1> : tensor<1x1x4x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x6x8x4xi8> -> tensor<1x6x8x8xi8> loc("projection")
  %1 = tile.matrix %x add %0 <low = 0, high = 127> window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, groups = 2, place = dram> weights dense<1> : tensor<1x1x4x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x6x8x4xi8>, tensor<1x6x8x8xi8> -> tensor<1x6x8x8xi8> loc("sum")
  func.return %1 : tensor<1x6x8x8xi8>
}

// -----

// Each row is stored for the last layer, and read as it is made by the one in the middle, whose rows need one more on either side.
// At the end of a lap two rows are copied; the row before them is still read where it was.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 1024, parameter_groups = 8}
// CHECK:       sched.program {{.*}} arena 512 bundles ["first", "second", "third"]
// CHECK:         %first.feature = sched.buffer feature "first" at 256 size 192
// CHECK:         sched.matrix %input.feature, {{.*}} to %first.feature wide {{.*}} rows = [5, 1]
// CHECK-NEXT:    sched.store %first.feature[160] to %arena[160] elements 32
// CHECK:         %first.feature_1 = sched.buffer feature "first" at 256 size 192 holds 128
// CHECK-NEXT:    %[[COPY:.*]] = sched.copy %first.feature to %first.feature_1 {{.*}} rows = [4, 2]>
// CHECK-NEXT:    sched.matrix %input.feature, {{.*}} to %first.feature_1 wide {{.*}} rows = [6, 1]
// CHECK-NEXT:    sched.store %first.feature_1[64] to %arena[192] elements 32
// CHECK:         sched.matrix %first.feature, {{.*}} to %second.feature_2 wide {{.*}} rows = [4, 1]
// CHECK:         sched.matrix %input.feature, {{.*}} to %first.feature_1 wide {{.*}} rows = [7, 1]
// CHECK:         sched.matrix %first.feature_1, {{.*}} to %second.feature_2 wide {{.*}} rows = [5, 1]{{.*}} after({{.*}}%[[COPY]]
// CHECK:         sched.load %arena[0] to %[[RESIDUAL:.*]][0] elements 128
// CHECK:         sched.matrix {{.*}} rows = [0, 4]{{.*}} add %[[RESIDUAL]] <
func.func @main(%x: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> attributes {tile.images = 1 : i64, tile.input_place = #tile<place dram>} {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, place = dram_strips> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<1x8x8x4xi8> -> tensor<1x8x8x4xi8> loc("first")
  %1 = tile.matrix %0 window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, place = dram> weights dense<1> : tensor<3x3x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<1x8x8x4xi8> -> tensor<1x8x8x4xi8> loc("second")
  %2 = tile.matrix %1 add %0 <low = 0, high = 127> window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 4, place = dram> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<1x8x8x4xi8>, tensor<1x8x8x4xi8> -> tensor<1x8x8x4xi8> loc("third")
  func.return %2 : tensor<1x8x8x4xi8>
}

// -----

// Places that the order of the layers does not allow, all at once.

engine.hardware {feature_memory = 4096}
func.func @main(%x: tensor<1x2x4x8xi8>) -> tensor<1x2x4x8xi8> {
  %0 = tile.pool max %x window <kernel = [1, 1]> scale <low = -128, high = 127> cut <images = 1, rows = 1, place = strips> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("twice")
  %1 = tile.pool max %0 window <kernel = [1, 1]> scale <low = -128, high = 127> cut <images = 1, rows = 1, place = dram_strips> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("later")
  %2 = tile.pool max %0 window <kernel = [1, 1]> scale <low = -128, high = 127> cut <images = 1, rows = 1> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("other")
  %3 = tile.elementwise #tile.add<low = -128, high = 127> %1, %2 cut <images = 1, rows = 1, place = strips> : tensor<1x2x4x8xi8>, tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("end")
  func.return %3 : tensor<1x2x4x8xi8>
}
// CHECK:      'twice': a result whose place is strips, needs the next one to read it, and nothing else; change the place
// CHECK-NEXT: 'later': a result whose place is dram_strips, needs the next one to read it; change the place
// CHECK-NEXT: 'end': a result whose place is strips, needs the next one to read it, and nothing else; change the place

// -----

engine.hardware {feature_memory = 4096}
func.func @main(%x: tensor<1x2x4x8xi8>) -> tensor<1x1x8x8xi8> {
  %0 = tile.pool max %x window <kernel = [1, 1]> scale <low = -128, high = 127> cut <images = 1, rows = 1, place = strips> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("before")
  %1 = tile.reshape %0 : tensor<1x2x4x8xi8> -> tensor<1x1x8x8xi8>
  %2 = tile.matrix %1 window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, groups = 3> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x1x8x8xi8> -> tensor<1x1x8x8xi8> loc("reshaped")
  func.return %2 : tensor<1x1x8x8xi8>
}
// CHECK: 'reshaped': images of 1x8x8, of what is made in strips of images of 2x4x8, needs the same images; change the place of its input

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, feature_memory = 4096}
func.func @main(%x: tensor<1x2x4x8xi8>) -> tensor<1x2x4x8xi8> {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, place = strips> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("first")
  %1 = tile.matrix %0 window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, groups = 2> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("second")
  func.return %1 : tensor<1x2x4x8xi8>
}
// CHECK: 'first': 2 loads of weights, one after the other for all strips, of which 'second' needs all channels at once, needs outer = strips; change the cut, or the places

// -----

// Each alone would fit, with the other one's loaded after it.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, feature_memory = 4096, weight_memory = 64}
func.func @main(%x: tensor<1x2x4x8xi8>) -> tensor<1x2x4x8xi8> {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, groups = 2, place = strips> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("first")
  %1 = tile.matrix %0 window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, groups = 2> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("second")
  func.return %1 : tensor<1x2x4x8xi8>
}
// CHECK: 'first': strips that go on from layer to layer, first, second, needs all of their weights on chip, and has 8 words of each weight bank; change the places or raise weight_memory

// -----

// The rows of 'first' that a row of 'last' needs reach three further than the one of 'second' that is added to it.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 2048, weight_memory = 4096}
func.func @main(%x: tensor<1x8x8x4xi8>) -> tensor<1x8x8x4xi8> attributes {tile.input_place = #tile<place dram>} {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, place = dram_strips> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<1x8x8x4xi8> -> tensor<1x8x8x4xi8> loc("first")
  %1 = tile.matrix %0 window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, place = strips> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<1x8x8x4xi8> -> tensor<1x8x8x4xi8> loc("second")
  %2 = tile.matrix %0 add %1 <low = 0, high = 127> window <kernel = [7, 7], padding = [3, 3, 3, 3]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, place = dram> weights dense<1> : tensor<7x7x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<1x8x8x4xi8>, tensor<1x8x8x4xi8> -> tensor<1x8x8x4xi8> loc("last")
  func.return %2 : tensor<1x8x8x4xi8>
}
// CHECK: 'last': with strips of 'second', loads of 'first' what is not stored yet, needs it stored before; change the place of 'second'
