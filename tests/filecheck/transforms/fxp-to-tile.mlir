// RUN: dsf-opt %s -p fxp-to-tile --split-input-file --verify-diagnostics | filecheck %s
// RUN: dsf-opt %s -p 'fxp-to-tile{images=1 rows=3 groups=1 block=1 mode="tall"}' --verify-each --split-input-file --verify-diagnostics | filecheck %s --check-prefix=CUT
// RUN: dsf-opt %s -p 'fxp-to-tile{mode="depthwise_rows"}' --verify-each --split-input-file --verify-diagnostics | filecheck %s --check-prefix=ROWS
// RUN: dsf-opt %s -p fxp-to-tile --print-debuginfo --split-input-file --verify-diagnostics | filecheck %s --check-prefix=LOCATION

// Sums, requantisation and addition become one operation; the addition goes into the later convolution, whose multiplier is
// that of the second operand. All of the batch fits on chip, but the first image is pooled while the second one is computed.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 2048, weight_memory = 2048, parameter_groups = 8}
// CHECK:       attributes {dsf.input_frac = 4 : i64, tile.images = 2 : i64} {
// CHECK-NEXT:    %0 = tile.matrix %x window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <bias_shift = 4, leak = 3, low = -128, high = 127> cut <images = 1, rows = 8, groups = 2> weights dense<1> : tensor<3x3x2x6xi8> bias dense<5> : tensor<6xi32> multiplier dense<1> : tensor<6xi32> shift dense<3> : tensor<6xi8> : tensor<2x8x8x2xi8> -> tensor<2x8x8x6xi8>
// CHECK-NEXT:    %1 = tile.matrix %0 add %0 <multiplier_a = 2, shift = 1, low = 0, high = 127> window {{.*}} cut <images = 1, rows = 8, groups = 2>
// CHECK-NEXT:    %2 = tile.pool avg %1 window <kernel = [8, 8]> scale <low = -128, high = 127> cut <images = 1, rows = 1>
// CHECK-NEXT:    %3 = tile.matrix %2 window <kernel = [1, 1]> raw <bias_shift = 3> cut <images = 2, rows = 1>
// CHECK-NEXT:    %4 = tile.reshape %3 : tensor<2x1x1x3xi32> -> tensor<2x3xi32>
// CHECK-NEXT:    func.return %4 : tensor<2x3xi32>
// CUT:           tile.images = 1 : i64
// CUT-NEXT:      tile.matrix {{.*}} cut <images = 1, rows = 3, mode = tall>
// CUT-NEXT:      tile.matrix {{.*}} cut <images = 1, rows = 3, mode = tall>
// CUT-NEXT:      tile.pool {{.*}} cut <images = 1, rows = 1>
// LOCATION:      tile.matrix {{.*}} loc("first")
// LOCATION-NEXT: tile.matrix {{.*}} loc("second")
// LOCATION-NEXT: tile.pool {{.*}} loc("second")
func.func @main(%x: tensor<2x8x8x2xi8>) -> tensor<2x3xi32> attributes {dsf.input_frac = 4 : i64} {
  %0 = fxp.conv %x padding [1, 1, 1, 1] weights dense<1> : tensor<3x3x2x6xi8> : tensor<2x8x8x2xi8> -> tensor<2x8x8x6xi32> loc("first")
  %1 = fxp.requantize %0 bias dense<5> : tensor<6xi32> bias_shift 4 multiplier dense<1> : tensor<6xi32> shift dense<3> : tensor<6xi8> leak 3 clip -128 to 127 : tensor<2x8x8x6xi32> -> tensor<2x8x8x6xi8> loc("first")
  %2 = fxp.conv %1 padding [1, 1, 1, 1] weights dense<1> : tensor<3x3x6x6xi8> : tensor<2x8x8x6xi8> -> tensor<2x8x8x6xi32> loc("second")
  %3 = fxp.requantize %2 bias dense<5> : tensor<6xi32> multiplier dense<1> : tensor<6xi32> shift dense<3> : tensor<6xi8> clip -128 to 127 : tensor<2x8x8x6xi32> -> tensor<2x8x8x6xi8> loc("second")
  %4 = fxp.add %1, %3 multiplier_b 2 shift 1 clip 0 to 127 : tensor<2x8x8x6xi8>, tensor<2x8x8x6xi8> -> tensor<2x8x8x6xi8> loc("second")
  %5 = fxp.pool avg %4 size [8, 8] clip -128 to 127 : tensor<2x8x8x6xi8> -> tensor<2x1x1x6xi8> loc("second")
  %6 = fxp.conv %5 weights dense<1> : tensor<1x1x6x3xi8> : tensor<2x1x1x6xi8> -> tensor<2x1x1x3xi32> loc("third")
  %7 = fxp.raw %6 bias dense<[1, 2, 3]> : tensor<3xi32> bias_shift 3 : tensor<2x1x1x3xi32> -> tensor<2x1x1x3xi32> loc("third")
  %8 = fxp.reshape %7 : tensor<2x1x1x3xi32> -> tensor<2x3xi32> loc("third")
  func.return %8 : tensor<2x3xi32>
}

// -----

// A batch that does not fit goes chunk by chunk, and weights that do not fit are loaded in blocks of channel groups, each in two
// parts of the reduction, so that one is loaded while the other is used. Reshapes between a dense layer and its addition are free.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 512, parameter_groups = 8}
// CHECK:       tile.images = 2 : i64
// CHECK-NEXT:    %0 = tile.reshape %x : tensor<8x64xi8> -> tensor<8x1x1x64xi8>
// CHECK-NEXT:    %1 = tile.reshape %x : tensor<8x64xi8> -> tensor<8x1x1x64xi8>
// CHECK-NEXT:    %2 = tile.matrix %0 add %1 <low = -128, high = 127> window <kernel = [1, 1]> requantize <low = -128, high = 127> cut <images = 2, rows = 1, groups = 2, inputs = 32>
// CHECK-NEXT:    %3 = tile.reshape %2 : tensor<8x1x1x64xi8> -> tensor<8x64xi8>
// CUT:           tile.images = 1 : i64
func.func @main(%x: tensor<8x64xi8>) -> tensor<8x64xi8> {
  %0 = fxp.reshape %x : tensor<8x64xi8> -> tensor<8x1x1x64xi8>
  %1 = fxp.conv %0 weights dense<1> : tensor<1x1x64x64xi8> : tensor<8x1x1x64xi8> -> tensor<8x1x1x64xi32>
  %2 = fxp.requantize %1 bias dense<0> : tensor<64xi32> multiplier dense<1> : tensor<64xi32> shift dense<0> : tensor<64xi8> clip -128 to 127 : tensor<8x1x1x64xi32> -> tensor<8x1x1x64xi8>
  %3 = fxp.reshape %2 : tensor<8x1x1x64xi8> -> tensor<8x64xi8>
  %4 = fxp.add %3, %x clip -128 to 127 : tensor<8x64xi8>, tensor<8x64xi8> -> tensor<8x64xi8>
  func.return %4 : tensor<8x64xi8>
}

// -----

// A convolution in groups: two groups of two input channels fill a chunk of four pixels, and the columns of both channel groups
// but two, so that three instructions compute the five groups; not one of a dense convolution, nor five.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 2048, weight_memory = 2048, parameter_groups = 16}
// CHECK:     tile.matrix %x window <kernel = [3, 3], padding = [1, 1, 1, 1]> groups 5 requantize <low = -128, high = 127> cut <images = 1, rows = 4, groups = 2, block = 2> weights
// CUT:       tile.matrix %x {{.*}} groups 5 requantize <low = -128, high = 127> cut <images = 1, rows = 3, mode = tall> weights
// LOCATION:  tile.matrix {{.*}} loc("grouped")
func.func @main(%x: tensor<1x4x4x10xi8>) -> tensor<1x4x4x15xi8> {
  %0 = fxp.conv %x padding [1, 1, 1, 1] groups 5 weights dense<1> : tensor<3x3x2x15xi8> : tensor<1x4x4x10xi8> -> tensor<1x4x4x15xi32> loc("grouped")
  %1 = fxp.requantize %0 bias dense<5> : tensor<15xi32> multiplier dense<1> : tensor<15xi32> shift dense<3> : tensor<15xi8> clip -128 to 127 : tensor<1x4x4x15xi32> -> tensor<1x4x4x15xi8> loc("grouped")
  func.return %1 : tensor<1x4x4x15xi8>
}

// -----

// Depthwise, four output rows of a column of the image, a strip, fill the array's four rows, and dilation across the columns
// costs nothing; along the rows it would take two instructions. Wide or tall it goes in blocks.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 2048, weight_memory = 2048, parameter_groups = 16}
// CHECK:     tile.matrix %x {{.*}} groups 10 requantize <low = -128, high = 127> cut <images = 1, rows = 4, groups = 3, mode = depthwise_columns, block = 10> weights
// CUT:       tile.matrix %x {{.*}} groups 10 requantize <low = -128, high = 127> cut <images = 1, rows = 3, mode = tall> weights
// ROWS:      mode = depthwise_rows, block = 10>
func.func @main(%x: tensor<1x8x3x10xi8>) -> tensor<1x8x3x10xi8> {
  %0 = fxp.conv %x padding [1, 1, 2, 2] dilation [1, 2] groups 10 weights dense<1> : tensor<3x3x1x10xi8> : tensor<1x8x3x10xi8> -> tensor<1x8x3x10xi32> loc("depthwise")
  %1 = fxp.requantize %0 bias dense<5> : tensor<10xi32> multiplier dense<1> : tensor<10xi32> shift dense<3> : tensor<10xi8> clip -128 to 127 : tensor<1x8x3x10xi32> -> tensor<1x8x3x10xi8> loc("depthwise")
  func.return %1 : tensor<1x8x3x10xi8>
}

// -----

// The proof of the sums goes by the weights of a channel's own group.

engine.hardware {bits_sum = 16}
func.func @main(%x: tensor<1x1x1x8xi8>) -> tensor<1x1x1x4xi32> {
  %0 = fxp.conv %x groups 4 weights dense<127> : tensor<1x1x2x4xi8> : tensor<1x1x1x8xi8> -> tensor<1x1x1x4xi16> loc("grouped")
  %1 = fxp.raw %0 bias dense<[0, 255, 256, 0]> : tensor<4xi32> : tensor<1x1x1x4xi16> -> tensor<1x1x1x4xi32> loc("grouped")
  func.return %1 : tensor<1x1x1x4xi32>
}
// CHECK: 'grouped': sums of up to 32768 (channel 2) in 16 bits, needs 17 bits; use Hardware(bits_sum=17) or smaller weights

// -----

// What has no place in the engine, all at once.

engine.hardware {}
func.func @main(%x: tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8> {
  %0 = fxp.conv %x weights dense<1> : tensor<1x1x2x2xi8> : tensor<1x4x4x2xi8> -> tensor<1x4x4x2xi32> loc("sums")
  %3 = fxp.add %x, %x clip -128 to 127 : tensor<1x4x4x2xi8>, tensor<1x4x4x2xi8> -> tensor<1x4x4x2xi8> loc("add")
  func.return %3 : tensor<1x4x4x2xi8>
}
// CHECK:      'sums': sums that are used otherwise, needs one fxp.requantize or fxp.raw of them; requantise the sums once

// -----

// What does not fit on chip goes through it strip by strip, between DRAM and DRAM.

engine.hardware {feature_memory = 16384, weight_memory = 16384}
// CHECK:      func.func @main({{.*}}) {{.*}}tile.input_place = #tile<place dram>
// CHECK-NEXT: tile.pool max %x {{.*}} cut <images = 1, rows = {{[1-9][0-9]?}}, place = dram>
func.func @main(%x: tensor<1x128x128x2xi8>) -> tensor<1x128x128x2xi8> {
  %0 = fxp.pool max %x size [1, 1] clip -128 to 127 : tensor<1x128x128x2xi8> -> tensor<1x128x128x2xi8> loc("image")
  func.return %0 : tensor<1x128x128x2xi8>
}

// -----

engine.hardware {feature_memory = 16384, weight_memory = 16384}
func.func @main(%x: tensor<1x128x128x80xi8>) -> tensor<1x128x128x80xi8> {
  %0 = fxp.pool max %x size [1, 1] clip -128 to 127 : tensor<1x128x128x80xi8> -> tensor<1x128x128x80xi8> loc("image")
  func.return %0 : tensor<1x128x128x80xi8>
}
// CHECK: 'image': 20480 elements of feature memory at once, for strips of one row, needs at most 16384; raise feature_memory to 32768 bytes or use smaller images or fewer channels

// -----

engine.hardware {weight_memory = 16384}
func.func @main(%x: tensor<1x1x25x3000xi8>) -> tensor<1x1x25x2xi32> {
  %0 = fxp.conv %x weights dense<1> : tensor<1x1x3000x2xi8> : tensor<1x1x25x3000xi8> -> tensor<1x1x25x2xi32> loc("wide")
  %1 = fxp.raw %0 bias dense<0> : tensor<2xi32> : tensor<1x1x25x2xi32> -> tensor<1x1x25x2xi32> loc("wide")
  func.return %1 : tensor<1x1x25x2xi32>
}
// CHECK: 'wide': 3000 weights for an output channel, needs at most 2046, the words of weight memory; raise weight_memory to 24000 bytes or use a smaller kernel or fewer input channels

// -----

// Weights of more words than a bank has, of which tall two loads fit beside each other, and of more than all banks have: parts of
// the reduction, 24 images at a time, as many as are a tile.

engine.hardware {weight_memory = 16384}
// CHECK: tile.matrix %x {{.*}} cut <images = 15, rows = 1, mode = tall> weights
// CHECK: tile.matrix {{.*}} cut <images = 24, rows = 1, mode = tall, inputs = 329> weights
func.func @main(%x: tensor<30x1x25x90xi8>) -> tensor<30x1x1x2xi32> {
  %0 = fxp.conv %x padding [4, 4, 0, 0] weights dense<1> : tensor<9x1x90x92xi8> : tensor<30x1x25x90xi8> -> tensor<30x1x25x92xi32> loc("banks")
  %1 = fxp.requantize %0 bias dense<0> : tensor<92xi32> multiplier dense<1> : tensor<92xi32> shift dense<9> : tensor<92xi8> clip -128 to 127 : tensor<30x1x25x92xi32> -> tensor<30x1x25x92xi8> loc("banks")
  %2 = fxp.reshape %1 : tensor<30x1x25x92xi8> -> tensor<30x1x1x2300xi8> loc("parts")
  %3 = fxp.conv %2 weights dense<1> : tensor<1x1x2300x2xi8> : tensor<30x1x1x2300xi8> -> tensor<30x1x1x2xi32> loc("parts")
  %4 = fxp.raw %3 bias dense<0> : tensor<2xi32> : tensor<30x1x1x2xi32> -> tensor<30x1x1x2xi32> loc("parts")
  func.return %4 : tensor<30x1x1x2xi32>
}

// -----

engine.hardware {}
func.func @main(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  %0 = "test.op"(%x) : (tensor<1x4xi8>) -> tensor<1x4xi8> loc("odd")
  func.return %0 : tensor<1x4xi8>
}
// CHECK: 'odd': 'test.op', needs an operation of the fxp dialect; run bundle-to-fxp first

// -----

engine.hardware {}
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x4xi16> {
  %0 = fxp.pool max %x size [1, 1] clip -128 to 127 : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi16> loc("wide")
  func.return %0 : tensor<1x1x1x4xi16>
}
// CHECK: 'wide': elements of 16 bits, needs 2 to 8, or 32 for raw sums; change bits_input or the layer's result

// -----

engine.hardware {}
func.func @main(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  func.return %x : tensor<1x4xi8>
}
// CHECK: 'main': returns its input, needs at least one layer; add one

// -----

engine.hardware {}
func.func @main(%x: tensor<1x4xi8>, %y: tensor<1x4xi8>) -> tensor<1x4xi8> {
  func.return %x : tensor<1x4xi8>
}
// CHECK: 'main': 2 inputs and 1 outputs, needs one of each; cut the network

// -----

// A reshape of the input is the input too: nothing would store it.

engine.hardware {}
func.func @main(%x: tensor<2x2x2x2xi8>) -> tensor<2x8xi8> {
  %0 = fxp.pool max %x size [2, 2] clip -128 to 127 : tensor<2x2x2x2xi8> -> tensor<2x1x1x2xi8>
  %1 = fxp.reshape %x : tensor<2x2x2x2xi8> -> tensor<2x8xi8>
  func.return %1 : tensor<2x8xi8>
}
// CHECK: 'main': returns its input, needs at least one layer; add one

// -----

engine.hardware {}
func.func @main(%x: tensor<2x2x2x2xi8>) -> tensor<2x1x1x2xi8> {
  %0 = fxp.pool max %x size [2, 2] clip -128 to 127 : tensor<2x2x2x2xi8> -> tensor<2x1x1x2xi8> loc("unused")
  %1 = fxp.pool max %x size [2, 2] clip -128 to 127 : tensor<2x2x2x2xi8> -> tensor<2x1x1x2xi8> loc("output")
  func.return %1 : tensor<2x1x1x2xi8>
}
// CHECK: 'unused': a result that nothing uses, needs a layer after it or to be the output; remove the layer

// -----

// The proof of `check-hardware`, for integers written by hand: one more than 2 ** 15 - 1 does not fit, the bias counts; the
// input has all bits of the hardware, what a layer made those of its clip, not of its type: the second sum, 4 * 127 * 8, fits.

engine.hardware {bits_sum = 16}
func.func @main(%x: tensor<1x1x1x4xi4>) -> tensor<1x1x1x1xi32> {
  %0 = fxp.conv %x weights dense<64> : tensor<1x1x4x4xi8> : tensor<1x1x1x4xi4> -> tensor<1x1x1x4xi16> loc("first")
  %1 = fxp.requantize %0 bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -8 to 7 : tensor<1x1x1x4xi16> -> tensor<1x1x1x4xi8> loc("first")
  %2 = fxp.conv %1 weights dense<127> : tensor<1x1x4x4xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi16> loc("second")
  %3 = fxp.requantize %2 bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -8 to 7 : tensor<1x1x1x4xi16> -> tensor<1x1x1x4xi8> loc("second")
  %4 = fxp.conv %3 weights dense<0> : tensor<1x1x4x1xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x1xi16> loc("third")
  %5 = fxp.raw %4 bias dense<-8192> : tensor<1xi32> bias_shift 2 : tensor<1x1x1x1xi16> -> tensor<1x1x1x1xi32> loc("third")
  func.return %5 : tensor<1x1x1x1xi32>
}
// CHECK:      'first': sums of up to 32768 (channel 0) in 16 bits, needs 17 bits; use Hardware(bits_sum=17) or smaller weights
// CHECK-NEXT: 'third': sums of up to 32768 (channel 0) in 16 bits, needs 17 bits; use Hardware(bits_sum=17) or smaller weights

// -----

// Constants are as wide as their values, not as their type.

engine.hardware {bits_weights = 4, bits_bias = 8}
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x1xi32> {
  %0 = fxp.conv %x weights dense<7> : tensor<1x1x4x4xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi32> loc("fits")
  %1 = fxp.requantize %0 bias dense<-128> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -8 to 7 : tensor<1x1x1x4xi32> -> tensor<1x1x1x4xi8> loc("fits")
  %2 = fxp.conv %1 weights dense<8> : tensor<1x1x4x1xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x1xi32> loc("wide")
  %3 = fxp.raw %2 bias dense<-129> : tensor<1xi32> : tensor<1x1x1x1xi32> -> tensor<1x1x1x1xi32> loc("wide")
  func.return %3 : tensor<1x1x1x1xi32>
}
// CHECK:      'wide': weights of 5 bits, needs at most 4 (bits_weights); use fewer bits or hardware with more
// CHECK-NEXT: 'wide': a bias of 9 bits, needs at most 8 (bits_bias); use fewer bits or hardware with more

// -----

engine.hardware {}
func.func @main(%x: tensor<1x4x4x2xi8>) -> tensor<1x4x4x2xi8> {
  %0 = fxp.requantize %x bias dense<0> : tensor<2xi32> multiplier dense<1> : tensor<2xi32> shift dense<0> : tensor<2xi8> clip -128 to 127 : tensor<1x4x4x2xi8> -> tensor<1x4x4x2xi8> loc("alone")
  func.return %0 : tensor<1x4x4x2xi8>
}
// CHECK: 'alone': requantises what is no sum, needs the sums of an fxp.conv; put a convolution before it

// -----

// What is added is an element of feature memory too, although nobody else sees it.

engine.hardware {}
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x4xi8> {
  %0 = fxp.conv %x weights dense<1> : tensor<1x1x4x4xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi32> loc("wide")
  %1 = fxp.requantize %0 bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> clip -300 to 300 : tensor<1x1x1x4xi32> -> tensor<1x1x1x4xi16> loc("wide")
  %2 = fxp.add %1, %x clip -128 to 127 : tensor<1x1x1x4xi16>, tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi8> loc("wide")
  func.return %2 : tensor<1x1x1x4xi8>
}
// CHECK: 'wide': a clip to [-300, 300], needs an interval in [-128, 127] (bits_input); narrow it or use hardware with more bits

// -----

engine.hardware {}
func.func private @main(tensor<1x4xi8>) -> tensor<1x4xi8>
// CHECK: 'main': 0 blocks, needs one, the network's operations in order; define it without branches

// -----

engine.hardware {}
func.func @main(%x: i8) -> tensor<?x4xi8> {
  %0 = "test.op"(%x) : (i8) -> tensor<?x4xi8>
  func.return %0 : tensor<?x4xi8>
}
// CHECK:      'main': argument of type i8, needs a tensor; correct the type
// CHECK-NEXT: 'main': result of shape ?x4, needs static sizes of at least 1; fix the shape

// -----

engine.hardware {}
func.func @main(%x: tensor<1x4xi8>) -> tensor<1x4xi8> {
  "test.termop"() : () -> ()
}
// CHECK: 'main': no func.return at its end, needs one; return the last layer's result

// -----

// One bit is no narrower integer.

engine.hardware {}
func.func @main(%x: tensor<1x1x1x4xi1>) -> tensor<1x1x1x4xi8> {
  %0 = fxp.pool max %x size [1, 1] clip -128 to 127 : tensor<1x1x1x4xi1> -> tensor<1x1x1x4xi8>
  func.return %0 : tensor<1x1x1x4xi8>
}
// CHECK: 'input': elements of 1 bits, needs 2 to 8, or 32 for raw sums; change bits_input or the layer's result

// -----

engine.hardware {}
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x1xi32> {
  %0 = fxp.conv %x weights dense<true> : tensor<1x1x4x1xi1> : tensor<1x1x1x4xi8> -> tensor<1x1x1x1xi32> loc("binary")
  %1 = fxp.raw %0 bias dense<0> : tensor<1xi32> : tensor<1x1x1x1xi32> -> tensor<1x1x1x1xi32> loc("binary")
  func.return %1 : tensor<1x1x1x1xi32>
}
// CHECK: 'binary': weights of 1 bit, needs 2 bits or more (bits_weights); quantise them anew

// -----

engine.hardware {bits_input = 1, bits_weights = 1}
func.func @main(%x: tensor<1x1x1x4xi1>) -> tensor<1x1x1x1xi32> {
  %0 = fxp.conv %x weights dense<1> : tensor<1x1x4x1xi2> : tensor<1x1x1x4xi1> -> tensor<1x1x1x1xi32> loc("integer")
  %1 = fxp.raw %0 bias dense<0> : tensor<1xi32> : tensor<1x1x1x1xi32> -> tensor<1x1x1x1xi32> loc("integer")
  func.return %1 : tensor<1x1x1x1xi32>
}
// CHECK: 'integer': weights of more than 1 bit, needs 1 bit (bits_weights); quantise them anew

// -----

// Functions of single elements are operations of their own: an addition of two results that are used elsewhere, one of a tensor
// with itself, a product of vectors, which are images of one pixel, and a table.

engine.hardware {bits_input = 2, bits_weights = 2}
// CHECK:      func.func @main(%x: tensor<1x2x2x3xi2>) -> tensor<1x12xi2>
// CHECK-NEXT:   %0 = tile.matrix %x
// CHECK-NEXT:   %1 = tile.matrix %0
// CHECK-NEXT:   %2 = tile.elementwise #tile.add<multiplier_b = 3, offset = -5, shift = 1, leak = 2, low = -2, high = 1> %0, %1 cut <images = 1, rows = 2> : tensor<1x2x2x3xi2>, tensor<1x2x2x3xi2> -> tensor<1x2x2x3xi2>
// CHECK-NEXT:   %3 = tile.elementwise #tile.add<low = -2, high = 1> %1, %1 cut <images = 1, rows = 2>
// CHECK-NEXT:   %4 = tile.elementwise #tile.multiply<zero_a = 1, zero_b = -1, multiplier = 7, offset = 4, shift = 3, low = 0, high = 1> %2, %3 cut <images = 1, rows = 2>
// CHECK-NEXT:   %5 = tile.reshape %4 : tensor<1x2x2x3xi2> -> tensor<1x12xi2>
// CHECK-NEXT:   %6 = tile.reshape %5 : tensor<1x12xi2> -> tensor<1x1x1x12xi2>
// CHECK-NEXT:   %7 = tile.lookup %6 table dense<[-1, 0, 0, 1]> : tensor<4xi2> cut <images = 1, rows = 1> : tensor<1x1x1x12xi2> -> tensor<1x1x1x12xi2>
// CHECK-NEXT:   %8 = tile.reshape %7 : tensor<1x1x1x12xi2> -> tensor<1x12xi2>
// CUT:        tile.elementwise {{.*}} cut <images = 1, rows = 2>
// LOCATION:   tile.elementwise {{.*}} loc("sum")
// LOCATION:   tile.lookup {{.*}} loc("table")
func.func @main(%x: tensor<1x2x2x3xi2>) -> tensor<1x12xi2> {
  %0 = fxp.conv %x weights dense<1> : tensor<1x1x3x3xi2> : tensor<1x2x2x3xi2> -> tensor<1x2x2x3xi32>
  %1 = fxp.requantize %0 bias dense<0> : tensor<3xi32> multiplier dense<1> : tensor<3xi32> shift dense<0> : tensor<3xi8> clip -2 to 1 : tensor<1x2x2x3xi32> -> tensor<1x2x2x3xi2>
  %2 = fxp.conv %1 weights dense<1> : tensor<1x1x3x3xi2> : tensor<1x2x2x3xi2> -> tensor<1x2x2x3xi32>
  %3 = fxp.requantize %2 bias dense<0> : tensor<3xi32> multiplier dense<1> : tensor<3xi32> shift dense<0> : tensor<3xi8> clip -2 to 1 : tensor<1x2x2x3xi32> -> tensor<1x2x2x3xi2>
  %4 = fxp.add %1, %3 multiplier_b 3 offset -5 shift 1 leak 2 clip -2 to 1 : tensor<1x2x2x3xi2>, tensor<1x2x2x3xi2> -> tensor<1x2x2x3xi2> loc("sum")
  %5 = fxp.add %3, %3 clip -2 to 1 : tensor<1x2x2x3xi2>, tensor<1x2x2x3xi2> -> tensor<1x2x2x3xi2>
  %6 = fxp.multiply %4, %5 zero_a 1 zero_b -1 multiplier 7 offset 4 shift 3 clip 0 to 1 : tensor<1x2x2x3xi2>, tensor<1x2x2x3xi2> -> tensor<1x2x2x3xi2>
  %7 = fxp.reshape %6 : tensor<1x2x2x3xi2> -> tensor<1x12xi2>
  %8 = fxp.table %7 table dense<[-1, 0, 0, 1]> : tensor<4xi2> : tensor<1x12xi2> -> tensor<1x12xi2> loc("table")
  func.return %8 : tensor<1x12xi2>
}

// -----

// What moves elements becomes copies: a part, one with a border, one for each operand, and one for each place of a square.

engine.hardware {bits_input = 4, bits_weights = 4}
// CHECK:      %0 = tile.copy %x part <first = [1, 1, 2], size = [2, 3, 2]> target <> cut <images = 2, rows = 2> : tensor<2x3x4x5xi4> -> tensor<2x2x3x2xi4>
// CHECK-NEXT: %1 = tile.copy %0 part <first = [-1, 0, 0], size = [3, 4, 2], pad_value = -8> target <> cut <images = 2, rows = 3>
// CHECK-NEXT: %2 = tile.copy %x part <size = [3, 4, 5]> target <> cut <images = 2, rows = 3> : tensor<2x3x4x5xi4> -> tensor<2x3x4x7xi4>
// CHECK-NEXT: %3 = tile.copy %1 into %2 part <size = [3, 4, 2]> target <first = [0, 0, 5]> cut <images = 2, rows = 3> : tensor<2x3x4x2xi4>, tensor<2x3x4x7xi4> -> tensor<2x3x4x7xi4>
// CHECK-NEXT: %4 = tile.copy %3 part <size = [3, 3, 7]> target <>
// CHECK-NEXT: %5 = tile.copy %4 part <size = [3, 3, 7]> target <strides = [3, 2]>
// CHECK-NEXT: %6 = tile.copy %4 into %5 part <size = [3, 3, 7]> target <first = [0, 1, 0], strides = [3, 2]>
// CHECK-NEXT: %7 = tile.copy %4 into %6 part <size = [3, 3, 7]> target <first = [1, 0, 0], strides = [3, 2]>
// CHECK-NEXT: %8 = tile.copy %4 into %7 part <size = [3, 3, 7]> target <first = [1, 1, 0], strides = [3, 2]>
// CHECK-NEXT: %9 = tile.copy %4 into %8 part <size = [3, 3, 7]> target <first = [2, 0, 0], strides = [3, 2]>
// CHECK-NEXT: %10 = tile.copy %4 into %9 part <size = [3, 3, 7]> target <first = [2, 1, 0], strides = [3, 2]> cut <images = 2, rows = 3> : tensor<2x3x3x7xi4>, tensor<2x9x6x7xi4> -> tensor<2x9x6x7xi4>
// CUT:        tile.copy %x part <first = [1, 1, 2], size = [2, 3, 2]> target <> cut <images = 1, rows = 2>
func.func @main(%x: tensor<2x3x4x5xi4>) -> tensor<2x9x6x7xi4> {
  %s = fxp.slice %x first [1, 1, 2] size [2, 3, 2] : tensor<2x3x4x5xi4> -> tensor<2x2x3x2xi4>
  %p = fxp.pad %s padding [1, 0, 0, 1] value -8 : tensor<2x2x3x2xi4> -> tensor<2x3x4x2xi4>
  %c = fxp.concat %x, %p : tensor<2x3x4x5xi4>, tensor<2x3x4x2xi4> -> tensor<2x3x4x7xi4>
  %t = fxp.slice %c first [0, 0, 0] size [3, 3, 7] : tensor<2x3x4x7xi4> -> tensor<2x3x3x7xi4>
  %r = fxp.resize %t factors [3, 2] : tensor<2x3x3x7xi4> -> tensor<2x9x6x7xi4>
  func.return %r : tensor<2x9x6x7xi4>
}

// -----

// A transposed convolution becomes one operation for each phase of its strides, with the taps of that phase and what they have of
// the zero point in its bias: 5 * 4 - 2 * (1 + 2). The second column has no tap, but one of 0 in padding. Both add the same tensor.

engine.hardware {bits_weights = 4}
// CHECK:      attributes {dsf.zero_macs = {transposed = 2 : i64}, tile.images = 1 : i64}
// CHECK:      %4 = tile.matrix %x add %3 <low = 0, high = 127> target <strides = [1, 3]> window <kernel = [2, 1], padding = [1, 1, 0, 0], pad_value = 2> requantize <low = -128, high = 127> {{.*}} weights dense<{{\[\[\[\[}}2]]], {{\[\[\[}}1]]]]> : tensor<2x1x1x1xi4> bias dense<14> : tensor<1xi32>
// CHECK-NEXT: %5 = tile.matrix %x add %3 <low = 0, high = 127> into %4 target <first = [0, 1, 0], strides = [1, 3]> window <kernel = [1, 1], padding = [2, -1, 1, -1], pad_value = 2> {{.*}} weights dense<0> : tensor<1x1x1x1xi4> bias dense<20> : tensor<1xi32>
func.func @main(%x: tensor<1x1x1x1xi8>) -> tensor<1x2x2x1xi8> {
  %r = fxp.resize %x factors [2, 2] : tensor<1x1x1x1xi8> -> tensor<1x2x2x1xi8>
  %s = fxp.conv_transpose %x strides [1, 3] padding [0, 0, 0, 0] output_padding [0, 1] zero_point 2 weights dense<[[[[1]]], [[[2]]]]> : tensor<2x1x1x1xi4> : tensor<1x1x1x1xi8> -> tensor<1x2x2x1xi32> loc("transposed")
  %y = fxp.requantize %s bias dense<5> : tensor<1xi32> bias_shift 2 multiplier dense<1> : tensor<1xi32> shift dense<0> : tensor<1xi8> clip -128 to 127 : tensor<1x2x2x1xi32> -> tensor<1x2x2x1xi8> loc("transposed")
  %a = fxp.add %y, %r clip 0 to 127 : tensor<1x2x2x1xi8>, tensor<1x2x2x1xi8> -> tensor<1x2x2x1xi8> loc("transposed")
  func.return %a : tensor<1x2x2x1xi8>
}

// -----

// Exchanged axes are where a copy writes: rows of the input are columns of the result, columns channels, channels rows.

engine.hardware {}
// CHECK:      %0 = tile.copy %x part <size = [2, 3, 4]> target <axes = [1, 2, 0]> cut <images = 1, rows = 2> : tensor<1x2x3x4xi8> -> tensor<1x4x2x3xi8>
func.func @main(%x: tensor<1x2x3x4xi8>) -> tensor<1x4x2x3xi8> {
  %y = fxp.transpose %x permutation [2, 0, 1] : tensor<1x2x3x4xi8> -> tensor<1x4x2x3xi8>
  func.return %y : tensor<1x4x2x3xi8>
}

// -----

// The second layer goes on with each strip of the first, after three rows of it; for the third, which adds it, it is stored too. In
// one chain with them that would have to load what the first stores.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 2048, weight_memory = 4096}
// CHECK: func.func @main
// CHECK: tile.matrix %x {{.*}} cut <images = 1, rows = 1, groups = 2, outer = strips, place = dram_strips>
// CHECK: tile.matrix %0 {{.*}} cut <images = 1, rows = [2, 3, 3, 3, 3, 2], groups = 2, outer = strips, place = dram>
// CHECK: tile.matrix %1 add %0 {{.*}} cut <images = 1, rows = 2, groups = 2, outer = strips, place = dram>
func.func @main(%x: tensor<1x16x16x8xi8>) -> tensor<1x16x16x8xi8> {
  %0 = fxp.conv %x weights dense<1> : tensor<1x1x8x8xi8> : tensor<1x16x16x8xi8> -> tensor<1x16x16x8xi32> loc("first")
  %1 = fxp.requantize %0 bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<4> : tensor<8xi8> clip -128 to 127 : tensor<1x16x16x8xi32> -> tensor<1x16x16x8xi8> loc("first")
  %2 = fxp.conv %1 padding [1, 1, 1, 1] weights dense<1> : tensor<3x3x8x8xi8> : tensor<1x16x16x8xi8> -> tensor<1x16x16x8xi32> loc("second")
  %3 = fxp.requantize %2 bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<8> : tensor<8xi8> clip -128 to 127 : tensor<1x16x16x8xi32> -> tensor<1x16x16x8xi8> loc("second")
  %4 = fxp.conv %3 padding [1, 1, 1, 1] weights dense<1> : tensor<3x3x8x8xi8> : tensor<1x16x16x8xi8> -> tensor<1x16x16x8xi32> loc("third")
  %5 = fxp.requantize %4 bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<8> : tensor<8xi8> clip -128 to 127 : tensor<1x16x16x8xi32> -> tensor<1x16x16x8xi8> loc("third")
  %6 = fxp.add %5, %1 clip -128 to 127 : tensor<1x16x16x8xi8>, tensor<1x16x16x8xi8> -> tensor<1x16x16x8xi8> loc("sum")
  func.return %6 : tensor<1x16x16x8xi8>
}
