// RUN: dsf-opt %s -p tile-to-sched --split-input-file --verify-diagnostics | filecheck %s
// RUN: dsf-opt %s -p 'tile-to-sched{resident-weights=false}' --split-input-file --verify-diagnostics | filecheck %s --check-prefix=LOADING
// RUN: dsf-opt %s -p tile-to-sched --print-debuginfo --split-input-file --verify-diagnostics | filecheck %s --check-prefix=LOCATION

// A batch of three, one image at a time: inputs take turns in two places, so that the next one is loaded meanwhile. The weights
// of the second layer fill the weight memory, so both layers' are loaded anew for each image, as soon as the other layer is done
// with its own; the parameters stay. The first layer works in two strips, each as soon as its part of the input is there, and the
// third image takes the place of each part of the first one as soon as that has been used.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 64, parameter_groups = 8}
// CHECK:       sched.program inputs [#engine.tensor<shape = [3, 4, 4, 4], bits = 8, frac = 4, base = input, offset = 0>] outputs [#engine.tensor<shape = [3, 4, 4, 8], bits = 8, frac = 3, base = output, offset = 0>] arena 0 bundles ["first", "second"] weights dense<{{.*}}> : tensor<256xi8> attributes {dsf.cycles = {{[0-9]+}} : i64, dsf.bundle_cycles = array<i64: {{[0-9]+}}, {{[0-9]+}}>, dsf.bundle_macs = array<i64: 1536, 3072>} {
// CHECK:         %input.feature = sched.buffer feature "input" at 128 size 64
// CHECK-NEXT:    %first.feature = sched.buffer feature "first" at 0 size 128
// CHECK-NEXT:    %second.feature = sched.buffer feature "second" at 256 size 128
// CHECK-NEXT:    %input.feature_1 = sched.buffer feature "input" at 192 size 64
// CHECK-NEXT:    %0 = sched.load %input[0] to %input.feature[0] elements 32 cycles 4 beats 4
// CHECK-NEXT:    %1 = sched.load %input[32] to %input.feature[32] elements 32 cycles 4 beats 4
// CHECK-NEXT:    %2 = sched.load %input[64] to %input.feature_1[0] elements 32 cycles 4 beats 4
// CHECK:         %5 = sched.load_weights %weights[64] bytes 32 to %first.weight groups 2 words 4 cycles 4 beats 4
// CHECK:         %7 = sched.matrix %input.feature, %first.weight, %first.parameter to %first.feature wide <input = [4, 4, 4], output = [4, 4, 8], images = [0, 1], rows = [0, 2], groups = [0, 2]> window <kernel = [1, 1]> requantize <low = 0, high = 127> after(%0, %5) cycles
// CHECK-NEXT:    %8 = sched.load %input[128] to %input.feature[0] elements 32 after(%7) cycles 4 beats 4
// CHECK-NEXT:    %9 = sched.matrix {{.*}} rows = [2, 2], {{.*}} after(%1, %5) cycles
// CHECK-NEXT:    %10 = sched.load %input[160] to %input.feature[32] elements 32 after(%9) cycles 4 beats 4
// CHECK:         %11 = sched.load_weights %weights[192] bytes 64 to %second.weight groups 2 words 8 after(%9) cycles 8 beats 8
// CHECK-NEXT:    %12 = sched.matrix %first.feature, {{.*}} add %first.feature <low = 0, high = 127> after(%9, %11) cycles
// CHECK-NEXT:    %13 = sched.store %second.feature[0] to %output[0] elements 128 after(%12) cycles 16 beats 16
// CHECK:         sched.load_weights %weights[64] bytes 32 to %first.weight_1 groups 2 words 4 after(%12) cycles 4 beats 4
// CHECK-NEXT:    sched.matrix %input.feature_1, %first.weight_1, %first.parameter to %first.feature
// CHECK:         sched.store %second.feature[0] to %output[128] elements 128
// CHECK:         sched.store %second.feature[0] to %output[256] elements 128
// LOCATION:      sched.load_weights {{.*}} loc("first")
// LOCATION:      sched.matrix {{.*}} loc("first")
// LOCATION:      sched.matrix {{.*}} loc("second")
// LOCATION-NEXT: sched.store {{.*}} loc("second")
func.func @main(%x: tensor<3x4x4x4xi8>) -> tensor<3x4x4x8xi8> attributes {dsf.input_frac = 4 : i64, dsf.output_frac = 3 : i64, tile.images = 1 : i64} {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 2, groups = 2> weights dense<1> : tensor<1x1x4x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<0> : tensor<8xi8> : tensor<3x4x4x4xi8> -> tensor<3x4x4x8xi8> loc("first")
  %1 = tile.matrix %0 add %0 <low = 0, high = 127> window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 4, groups = 2> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<0> : tensor<8xi8> : tensor<3x4x4x8xi8>, tensor<3x4x4x8xi8> -> tensor<3x4x4x8xi8> loc("second")
  func.return %1 : tensor<3x4x4x8xi8>
}

// -----

// All weights fit at once: they are loaded before the first run, and runs wait for no load of them. The two images take turns
// with the same weights. Without residency, they are loaded in the run, each as its layer needs it.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128, parameter_groups = 8}
// CHECK:       sched.program {{.*}} attributes {dsf.cycles = {{[0-9]+}} : i64, dsf.load_cycles = {{[0-9]+}} : i64, dsf.bundle_cycles = array<i64: {{.*}}>} {
// CHECK:         sched.load_program {
// CHECK-NEXT:      %0 = sched.load_weights %weights[0] bytes 64 to %first.parameter groups 2 words 1 cycles 8 beats 8
// CHECK-NEXT:      %1 = sched.load_weights %weights[64] bytes 32 to %first.weight groups 2 words 4 cycles 4 beats 4
// CHECK-NEXT:      %2 = sched.load_weights %weights[128] bytes 64 to %second.parameter groups 2 words 1 cycles 8 beats 8
// CHECK-NEXT:      %3 = sched.load_weights %weights[192] bytes 64 to %second.weight groups 2 words 8 cycles 8 beats 8
// CHECK-NEXT:    }
// CHECK-NEXT:    %4 = sched.load
// CHECK-NOT:     sched.load_weights
// CHECK:         sched.matrix %input.feature, %first.weight, %first.parameter {{.*}} after(%4) cycles
// CHECK:         sched.matrix %first.feature, %second.weight, %second.parameter
// CHECK:         sched.matrix %input.feature_1, %first.weight, %first.parameter
// CHECK-NOT:     sched.load_weights
// LOADING:      sched.program {{.*}} attributes {dsf.cycles = {{[0-9]+}} : i64, dsf.bundle_cycles =
// LOADING:      attributes {dsf.cycles = {{[0-9]+}} : i64, dsf.bundle_cycles =
// LOADING-NOT:  sched.load_program
// LOADING:      %[[W:[0-9]+]] = sched.load_weights %weights[64] bytes 32 to %first.weight
// LOADING:      sched.matrix %input.feature, %first.weight, %first.parameter {{.*}} after({{.*}}%[[W]]) cycles
// LOCATION:      sched.load_program
// LOCATION-NEXT: sched.load_weights {{.*}} loc("first")
func.func @main(%x: tensor<2x4x4x4xi8>) -> tensor<2x4x4x8xi8> attributes {tile.images = 1 : i64} {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 4, groups = 2> weights dense<1> : tensor<1x1x4x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<0> : tensor<8xi8> : tensor<2x4x4x4xi8> -> tensor<2x4x4x8xi8> loc("first")
  %1 = tile.matrix %0 window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 4, groups = 2> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<0> : tensor<8xi8> : tensor<2x4x4x8xi8> -> tensor<2x4x4x8xi8> loc("second")
  func.return %1 : tensor<2x4x4x8xi8>
}

// -----

// Strips and loads of several sizes. With the strips outermost each goes through the channel groups, every other one backwards.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 1024, parameter_groups = 8}
// CHECK:      sched.program
// CHECK:      sched.matrix {{.*}} tall <{{.*}}rows = [0, 1]>
// CHECK:      sched.matrix {{.*}} wide <{{.*}}rows = [0, 1], groups = [1, 2]>
// CHECK:      sched.store {{.*}} elements 48
// CHECK:      sched.matrix {{.*}} wide <{{.*}}rows = [1, 3], groups = [1, 2]>
// CHECK-NEXT: sched.matrix {{.*}} tall <{{.*}}rows = [1, 3]>
// CHECK-NEXT: sched.store {{.*}} elements 144
// CHECK-NEXT: }
func.func @main(%x: tensor<1x4x4x4xi8>) -> tensor<1x4x4x12xi8> {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = [1, 3], groups = [1, 2], mode = [tall, wide], outer = strips> weights dense<1> : tensor<1x1x4x12xi8> bias dense<0> : tensor<12xi32> multiplier dense<1> : tensor<12xi32> shift dense<0> : tensor<12xi8> : tensor<1x4x4x4xi8> -> tensor<1x4x4x12xi8> loc("dense")
  func.return %0 : tensor<1x4x4x12xi8>
}

// -----

// Without weights there is nothing to load.

engine.hardware {}
// CHECK:     sched.program
// CHECK-NOT: sched.load_program
// CHECK:     sched.pool
func.func @main(%x: tensor<1x4x4x4xi8>) -> tensor<1x4x4x4xi8> {
  %0 = tile.pool max %x window <kernel = [1, 1]> scale <low = -128, high = 127> cut <images = 1, rows = 4> : tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi8>
  func.return %0 : tensor<1x4x4x4xi8>
}

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 64, parameter_groups = 2}
func.func @main(%x: tensor<1x4x4x4xi8>) -> tensor<1x4x4x12xi8> {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 2, outer = strips> weights dense<1> : tensor<1x1x4x12xi8> bias dense<0> : tensor<12xi32> multiplier dense<1> : tensor<12xi32> shift dense<0> : tensor<12xi8> : tensor<1x4x4x4xi8> -> tensor<1x4x4x12xi8> loc("dense")
  func.return %0 : tensor<1x4x4x12xi8>
}
// CHECK:      'dense': several loads for each strip, needs all weights on chip, 12 words of each weight bank and has 8; cut it with outer = groups or raise weight_memory
// CHECK-NEXT: 'dense': several loads for each strip, needs all weights on chip, 3 parameter groups and has 2; cut it with outer = groups or raise parameter_groups

// -----

// Parts of a result in DRAM are made strip by strip, so nothing may stand between them.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 64, parameter_groups = 4}
func.func @main(%x: tensor<1x4x4x4xi8>) -> tensor<1x8x4x4xi8> {
  %0 = tile.matrix %x target <strides = [2, 1]> window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 2, outer = strips, place = dram> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x4x4x4xi8> -> tensor<1x8x4x4xi8> loc("even")
  %1 = tile.pool max %x window <kernel = [1, 1]> scale <low = -128, high = 127> cut <images = 1, rows = 4> : tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi8>
  %2 = tile.matrix %1 into %0 target <first = [1, 0, 0], strides = [2, 1]> window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 2, outer = strips, place = dram> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x4x4x4xi8> into tensor<1x8x4x4xi8> -> tensor<1x8x4x4xi8> loc("odd")
  func.return %2 : tensor<1x8x4x4xi8>
}
// CHECK: 'even': parts of a result in DRAM with another layer between, needs them one after the other; reorder them

// -----

// Nothing fits: all problems at once.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 64, parameter_groups = 1}
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x32xi32> {
  %0 = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1, groups = 8> weights dense<1> : tensor<1x1x4x32xi8> bias dense<0> : tensor<32xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x32xi32> loc("dense")
  func.return %0 : tensor<1x1x1x32xi32>
}
// CHECK:      'dense': a cut of 8 channel groups takes 8 parameter groups, needs at most 1; cut into fewer groups or raise parameter_groups
// CHECK-NEXT: 'dense': a cut of 8 channel groups takes 16 words of each weight bank, needs at most 8; cut into fewer groups or raise weight_memory

// -----

engine.hardware {feature_memory = 16384}
func.func @main(%x: tensor<1x64x64x4xi8>) -> tensor<1x64x64x4xi8> {
  %0 = tile.pool max %x window <kernel = [1, 1]> scale <low = -128, high = 127> cut <images = 1, rows = 1> : tensor<1x64x64x4xi8> -> tensor<1x64x64x4xi8> loc("image")
  func.return %0 : tensor<1x64x64x4xi8>
}
// CHECK: 'image': 32768 elements of feature memory at once (input 16384, image 16384), needs at most 16384; raise feature_memory to 32768 bytes

// -----

// Chunks must end at bytes.

engine.hardware {bits_input = 4}
func.func @main(%x: tensor<4x1x1x1xi4>) -> tensor<4x1x1x1xi4> attributes {tile.images = 1 : i64} {
  %0 = tile.pool max %x window <kernel = [1, 1]> scale <low = -8, high = 7> cut <images = 1, rows = 1> : tensor<4x1x1x1xi4> -> tensor<4x1x1x1xi4>
  func.return %0 : tensor<4x1x1x1xi4>
}
// CHECK: 'tile.images': 1 images of 4-bit elements do not end at a byte in DRAM, needs a multiple of 2; change the chunk of the batch

// -----

engine.hardware {}
func.func @main(%x: tensor<4x1x1x1xi8>) -> tensor<4x1x1x1xi8> attributes {tile.images = 0 : i64} {
  %0 = tile.pool max %x window <kernel = [1, 1]> scale <low = -8, high = 7> cut <images = 1, rows = 1> : tensor<4x1x1x1xi8> -> tensor<4x1x1x1xi8>
  func.return %0 : tensor<4x1x1x1xi8>
}
// CHECK: 'tile.images': 0, needs 1 to 4095; correct the attribute of the function

// -----

engine.hardware {}
func.func @main(%x: tensor<1x1x1x1xi32>) -> tensor<1x1x1x1xi8> {
  %0 = tile.pool max %x window <kernel = [1, 1]> scale <low = -8, high = 7> cut <images = 1, rows = 1> : tensor<1x1x1x1xi32> -> tensor<1x1x1x1xi8> loc("pool")
  func.return %0 : tensor<1x1x1x1xi8>
}
// CHECK: 'pool': works on raw sums, needs activations; requantise the layer before it

// -----

engine.hardware {}
func.func @main(%x: tensor<1x1xi8>) -> tensor<1x1xi8> {
  %0 = "test.op"(%x) : (tensor<1x1xi8>) -> tensor<1x1xi8> loc("odd")
  func.return %0 : tensor<1x1xi8>
}
// CHECK: 'odd': 'test.op', needs an operation of the tile dialect; run fxp-to-tile first

// -----

engine.hardware {}
// CHECK: 'module': 0 functions, needs exactly one; keep the network's

// -----

// Hand-written pieces: the proof of `fxp-to-tile`. Of the sums, 128 * 4 * 64 = 2 ** 15 is one too many.

engine.hardware {bits_sum = 16, bits_weights = 8, bits_bias = 8}
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x1xi32> {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1, groups = 1> weights dense<64> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi8> loc("sums")
  %1 = tile.matrix %0 window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1, groups = 1> weights dense<128> : tensor<1x1x4x1xi16> bias dense<128> : tensor<1xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x1xi32> loc("constants")
  func.return %1 : tensor<1x1x1x1xi32>
}
// CHECK:      'sums': sums of up to 32768 (channel 0) in 16 bits, needs 17 bits; use Hardware(bits_sum=17) or smaller weights
// CHECK-NEXT: 'constants': weights of 9 bits, needs at most 8 (bits_weights); use fewer bits or hardware with more
// CHECK-NEXT: 'constants': a bias of 9 bits, needs at most 8 (bits_bias); use fewer bits or hardware with more

// -----

// What rescales. A bias may be coarser the less, the more bits there are behind the point.

engine.hardware {bits_sum = 24, bits_bias = 32, bits_multiplier = 20, bits_fraction = 3}
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x4xi32> {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <bias_shift = -4, low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<[1, 2, 1048576, 3]> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi8> loc("fine")
  %1 = tile.matrix %0 window <kernel = [1, 1]> requantize <bias_shift = -3, low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1048575> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi8> loc("fits")
  %2 = tile.matrix %1 window <kernel = [1, 1]> raw <bias_shift = 29> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi32> loc("coarse")
  func.return %2 : tensor<1x1x1x4xi32>
}
// CHECK:      'fine': a multiplier of 21 bits, needs at most 20 (bits_multiplier); use Hardware(bits_multiplier=21)
// CHECK-NEXT: 'fine': a bias with 4 bits behind the point, needs at most 3; use Hardware(bits_fraction=4)
// CHECK-NEXT: 'coarse': a bias shifted left by 29, needs at most 28 (31 less bits_fraction); use more fraction bits for the bias

// -----

// Sums and products of two tensors.

engine.hardware {bits_sum = 24, bits_bias = 32, bits_multiplier = 20}
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x4xi8> {
  %0 = tile.matrix %x add %x <multiplier_b = 1048576, low = 0, high = 1> window <kernel = [1, 1]> requantize <low = 0, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x1x1x4xi8>, tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi8> loc("sum")
  %1 = tile.elementwise #tile.multiply<multiplier = 1048575, offset = 34359738368, low = 0, high = 1> %0, %x cut <images = 1, rows = 1> : tensor<1x1x1x4xi8>, tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi8> loc("product")
  %2 = tile.elementwise #tile.add<multiplier_a = 1048575, offset = -34359738368, low = 0, high = 1> %1, %x cut <images = 1, rows = 1> : tensor<1x1x1x4xi8>, tensor<1x1x1x4xi8> -> tensor<1x1x1x4xi8> loc("fits")
  func.return %2 : tensor<1x1x1x4xi8>
}
// CHECK:      'sum': multipliers of 21 bits and an offset of 1, needs at most 20 (bits_multiplier) and 36; use Hardware(bits_multiplier=21)
// CHECK-NEXT: 'product': multipliers of 20 bits and an offset of 37, needs at most 20 (bits_multiplier) and 36; use Hardware(bits_multiplier=21)

// -----

engine.hardware {bits_input = 4}
func.func @main(%x: tensor<1x1x1x4xi4>) -> tensor<1x1x1x4xi4> {
  %0 = tile.matrix %x add %x <low = 0, high = 1> window <kernel = [1, 1]> requantize <low = 0, high = 8> cut <images = 1, rows = 1, groups = 1> weights dense<1> : tensor<1x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<0> : tensor<4xi8> : tensor<1x1x1x4xi4>, tensor<1x1x1x4xi4> -> tensor<1x1x1x4xi4> loc("clip")
  func.return %0 : tensor<1x1x1x4xi4>
}
// CHECK: 'clip': a clip to [0, 8], needs an interval in [-8, 7] (bits_input); narrow it or use hardware with more bits

// -----

engine.hardware {}
func.func @main(%x: tensor<1x4x!bundle.q<8, 4>>) -> tensor<1x4x!bundle.q<8, 4>> {
  %0 = bundle.activation %x : tensor<1x4x!bundle.q<8, 4>> -> tensor<1x4x!bundle.q<8, 4>>
  func.return %0 : tensor<1x4x!bundle.q<8, 4>>
}
// CHECK: 'input': elements of type !bundle.q<8, 4>, needs integers; run bundle-to-fxp first

// -----

// A convolution in five groups, two at a time: each block has parameters and weights of its own, 0 between channels of different
// groups (the first word of the first block has 1 for the first three of its six channels). MACs count each channel's own group.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 2048, weight_memory = 2048, parameter_groups = 16}
// CHECK:       weights dense<"0x{{[0-9]+}}0101010001010100000000010000000100000000000000000101000001010000{{.*}}dsf.bundle_macs = array<i64: 480>
// CHECK:           sched.load_weights %weights[64] bytes 32 to %grouped.weight groups 2 words 4
// CHECK-NEXT:      sched.load_weights %weights[128] bytes 64 to %grouped.parameter_1 groups 2 words 1
// CHECK-NEXT:      sched.load_weights %weights[192] bytes 32 to %grouped.weight_1 groups 2 words 4
// CHECK-NEXT:      sched.load_weights %weights[256] bytes 32 to %grouped.parameter_2 groups 1 words 1
// CHECK-NEXT:      sched.load_weights %weights[320] bytes 8 to %grouped.weight_2 groups 1 words 2
// CHECK:         sched.matrix %input.feature, %grouped.weight, %grouped.parameter to %grouped.feature wide <input = [4, 4, 10], output = [4, 4, 15], images = [0, 1], rows = [0, 4], groups = [0, 2], inputs = [0, 4], outputs = [0, 6], convolutions = 2> window <kernel = [1, 1]> requantize <low = -128, high = 127> after(%6)
// CHECK-NEXT:    sched.matrix %input.feature, %grouped.weight_1, %grouped.parameter_1 to %grouped.feature wide <{{.*}}, groups = [0, 2], inputs = [4, 4], outputs = [6, 6], convolutions = 2>
// CHECK-NEXT:    %9 = sched.matrix %input.feature, %grouped.weight_2, %grouped.parameter_2 to %grouped.feature wide <{{.*}}, rows = [0, 4], inputs = [8, 2], outputs = [12, 3]>
// CHECK-NEXT:    sched.store {{.*}} after(%9)
func.func @main(%x: tensor<1x4x4x10xi8>) -> tensor<1x4x4x15xi8> attributes {tile.images = 1 : i64} {
  %0 = tile.matrix %x window <kernel = [1, 1]> groups 5 requantize <low = -128, high = 127> cut <images = 1, rows = 4, groups = 2, block = 2> weights dense<1> : tensor<1x1x2x15xi8> bias dense<5> : tensor<15xi32> multiplier dense<1> : tensor<15xi32> shift dense<3> : tensor<15xi8> : tensor<1x4x4x10xi8> -> tensor<1x4x4x15xi8> loc("grouped")
  func.return %0 : tensor<1x4x4x15xi8>
}

// -----

// Depthwise along the rows of the image, where the taps of a kernel row are two columns apart and the stride is one: an
// instruction for the even columns, one for the odd ones, of the same weights. These lie row by row, then tap by tap; along the
// columns of the image, with a stride of two, column by column, and even taps before odd ones.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 2048, weight_memory = 2048, parameter_groups = 16}
// CHECK:       weights dense<"0x{{[0-9]+}}010203040B0C0D0E151617181F202122292A2B2C33343536050607080F1011121{{.*}}dsf.bundle_macs = array<i64: 960>
// CHECK:           sched.load_weights {{.*}} groups 3 words 6
// CHECK:         %3 = sched.matrix {{.*}} depthwise_rows <input = [3, 8, 10], output = [2, 8, 10], images = [0, 1], rows = [0, 2], groups = [0, 3], convolutions = 10> window <kernel = [2, 3], padding = [0, 0, 2, 2], dilation = [1, 2]> requantize
// CHECK-NEXT:    %4 = sched.matrix {{.*}} depthwise_rows <input = [3, 8, 10], output = [2, 8, 10], images = [0, 1], rows = [0, 2], groups = [0, 3], convolutions = 10, residue = 1>
// CHECK-NEXT:    sched.store {{.*}} after(%4)
func.func @main(%x: tensor<1x3x8x10xi8>) -> tensor<1x2x8x10xi8> attributes {tile.images = 1 : i64} {
  %0 = tile.matrix %x window <kernel = [2, 3], padding = [0, 0, 2, 2], dilation = [1, 2]> groups 10 requantize <low = -128, high = 127> cut <images = 1, rows = 2, groups = 3, mode = depthwise_rows, block = 10> weights dense<[[[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], [[11, 12, 13, 14, 15, 16, 17, 18, 19, 20]], [[21, 22, 23, 24, 25, 26, 27, 28, 29, 30]]], [[[31, 32, 33, 34, 35, 36, 37, 38, 39, 40]], [[41, 42, 43, 44, 45, 46, 47, 48, 49, 50]], [[51, 52, 53, 54, 55, 56, 57, 58, 59, 60]]]]> : tensor<2x3x1x10xi8> bias dense<5> : tensor<10xi32> multiplier dense<1> : tensor<10xi32> shift dense<3> : tensor<10xi8> : tensor<1x3x8x10xi8> -> tensor<1x2x8x10xi8> loc("rows")
  func.return %0 : tensor<1x2x8x10xi8>
}

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 2048, weight_memory = 2048, parameter_groups = 16}
// CHECK:       weights dense<"0x{{[0-9]+}}010203041F2021220B0C0D0E292A2B2C1516171833343536
// CHECK:         sched.matrix {{.*}} depthwise_columns <input = [4, 8, 10], output = [2, 6, 10], images = [0, 1], rows = [0, 2], groups = [0, 3], convolutions = 10>
// CHECK-NEXT:    sched.store
func.func @main(%x: tensor<1x4x8x10xi8>) -> tensor<1x2x6x10xi8> attributes {tile.images = 1 : i64} {
  %0 = tile.matrix %x window <kernel = [2, 3], strides = [2, 1]> groups 10 requantize <low = -128, high = 127> cut <images = 1, rows = 2, groups = 3, mode = depthwise_columns, block = 10> weights dense<[[[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]], [[11, 12, 13, 14, 15, 16, 17, 18, 19, 20]], [[21, 22, 23, 24, 25, 26, 27, 28, 29, 30]]], [[[31, 32, 33, 34, 35, 36, 37, 38, 39, 40]], [[41, 42, 43, 44, 45, 46, 47, 48, 49, 50]], [[51, 52, 53, 54, 55, 56, 57, 58, 59, 60]]]]> : tensor<2x3x1x10xi8> bias dense<5> : tensor<10xi32> multiplier dense<1> : tensor<10xi32> shift dense<3> : tensor<10xi8> : tensor<1x4x8x10xi8> -> tensor<1x2x6x10xi8>
  func.return %0 : tensor<1x2x6x10xi8>
}

// -----

// A read of 16 elements feeds one channel group of 16.

engine.hardware {processing_elements = [2, 32], column_groups = 2, vector_length = 16, axi_width = 64}
func.func @main(%x: tensor<1x4x4x32xi8>) -> tensor<1x4x4x32xi32> {
  %0 = tile.matrix %x window <kernel = [1, 1]> groups 32 raw <> cut <images = 1, rows = 4, groups = 2, mode = depthwise_rows, block = 32> weights dense<1> : tensor<1x1x1x32xi8> bias dense<5> : tensor<32xi32> : tensor<1x4x4x32xi8> -> tensor<1x4x4x32xi32> loc("deep")
  func.return %0 : tensor<1x4x4x32xi32>
}
// CHECK: 'deep': a cut of 2 channel groups, depthwise, needs at most 1, as many as a read feeds; cut into fewer groups

// -----

// A binary weight is never 0.

engine.hardware {bits_input = 1, bits_weights = 1}
func.func @main(%x: tensor<1x4x4x8xi1>) -> tensor<1x4x4x8xi32> {
  %0 = tile.matrix %x window <kernel = [1, 1]> groups 4 raw <> cut <images = 1, rows = 4, block = 2> weights dense<true> : tensor<1x1x2x8xi1> bias dense<5> : tensor<8xi32> : tensor<1x4x4x8xi1> -> tensor<1x4x4x8xi32> loc("binary")
  func.return %0 : tensor<1x4x4x8xi32>
}
// CHECK: 'binary': a block of 2 groups with weights of 0 between them, needs 1 group for binary weights; make the block smaller

// -----

// Equal tables are one, which stays on chip. Rows of the product need the same pixel.

engine.hardware {bits_input = 2, bits_weights = 2}
// CHECK:       weights dense<"0x43{{0+}}B1{{0+}}"> : tensor<128xi8>
// CHECK:         sched.load_program {
// CHECK-NEXT:      %0 = sched.load_weights %weights[0] bytes 8 to %first.table groups 1 words 1 cycles 1 beats 1
// CHECK-NEXT:      %1 = sched.load_weights %weights[64] bytes 8 to %third.table groups 1 words 1 cycles 1 beats 1
// CHECK-NEXT:    }
// CHECK:         %3 = sched.lookup %input.feature, %first.table to %first.feature <input = [1, 1, 3], output = [1, 1, 3], images = [0, 1], rows = [0, 1]> after(%2) cycles 1
// CHECK-NEXT:    %4 = sched.lookup %first.feature, %first.table to %second.feature
// CHECK-NEXT:    %5 = sched.lookup %second.feature, %third.table to %third.feature
// CHECK-NEXT:    %6 = sched.elementwise #tile.multiply<low = -2, high = 1> %third.feature, %input.feature to %product.feature <input = [1, 1, 3], output = [1, 1, 3], images = [0, 1], rows = [0, 1]> after(%2) cycles 2
// LOADING:       sched.load_weights %weights[0] bytes 8 to %first.table
// LOADING:       sched.lookup %input.feature, %first.table to %first.feature {{.*}} after(
// LOCATION:      sched.load_weights {{.*}} loc("first")
// LOCATION:      sched.lookup {{.*}} loc("third")
// LOCATION-NEXT: sched.elementwise {{.*}} loc("product")
func.func @main(%x: tensor<1x1x1x3xi2>) -> tensor<1x1x1x3xi2> {
  %0 = tile.lookup %x table dense<[-1, 0, 0, 1]> : tensor<4xi2> cut <images = 1, rows = 1> : tensor<1x1x1x3xi2> -> tensor<1x1x1x3xi2> loc("first")
  %1 = tile.lookup %0 table dense<[-1, 0, 0, 1]> : tensor<4xi2> cut <images = 1, rows = 1> : tensor<1x1x1x3xi2> -> tensor<1x1x1x3xi2> loc("second")
  %2 = tile.lookup %1 table dense<[1, 0, -1, -2]> : tensor<4xi2> cut <images = 1, rows = 1> : tensor<1x1x1x3xi2> -> tensor<1x1x1x3xi2> loc("third")
  %3 = tile.elementwise #tile.multiply<low = -2, high = 1> %2, %x cut <images = 1, rows = 1> : tensor<1x1x1x3xi2>, tensor<1x1x1x3xi2> -> tensor<1x1x1x3xi2> loc("product")
  func.return %3 : tensor<1x1x1x3xi2>
}

// -----

// A reduction in parts: each part has weights of its own, loaded while others are computed with, and the last one gives the sums
// of all of them. They share their parameters.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 64, parameter_groups = 8}
// CHECK:       sched.load_weights %weights[0] bytes 64 to %dense.parameter groups 2 words 1
// CHECK:       %2 = sched.load_weights %weights[64] bytes 32 to %dense.weight groups 2 words 4
// CHECK:       %3 = sched.load_weights %weights[128] bytes 24 to %dense.weight_1 groups 2 words 3
// CHECK-NEXT:  %4 = sched.matrix {{.*}} groups = [0, 2], inputs = [0, 4], partial = 1> {{.*}} after(%0, %2) cycles
// CHECK:       %5 = sched.load_weights %weights[192] bytes 24 to %dense.weight_2 groups 2 words 3 after(%4) cycles
// CHECK-NEXT:  %6 = sched.matrix {{.*}} groups = [0, 2], inputs = [4, 3], accumulate = 1, partial = 1> {{.*}} after(%0, %3) cycles
// CHECK-NEXT:  %7 = sched.matrix {{.*}} groups = [0, 2], inputs = [7, 3], accumulate = 1> {{.*}} after(%0, %5) cycles
func.func @main(%x: tensor<1x1x1x10xi8>) -> tensor<1x1x1x8xi32> attributes {tile.images = 1 : i64} {
  %0 = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1, groups = 2, inputs = [4, 3]> weights dense<1> : tensor<1x1x10x8xi8> bias dense<0> : tensor<8xi32> : tensor<1x1x1x10xi8> -> tensor<1x1x1x8xi32> loc("dense")
  func.return %0 : tensor<1x1x1x8xi32>
}

// -----

// Weights stay on chip, three tables do not: they are loaded in the run, the third one in the place of the first.

engine.hardware {bits_input = 2, bits_weights = 2}
// CHECK:         sched.load_program {
// CHECK-NEXT:      sched.load_weights {{.*}} to %conv.parameter
// CHECK-NEXT:      sched.load_weights {{.*}} to %conv.weight
// CHECK-NEXT:    }
// CHECK:         %third.table = sched.buffer table "third" at 0 size 1
// CHECK-NEXT:    [[LOAD:%.*]] = sched.load_weights %weights[256] bytes 8 to %third.table groups 1 words 1 after([[FIRST:%.*]]) cycles
// CHECK:         sched.lookup %second.feature, %third.table to %third.feature {{.*}} after([[LOAD]]) cycles
func.func @main(%x: tensor<1x1x1x3xi2>) -> tensor<1x1x1x3xi2> {
  %c = tile.matrix %x window <kernel = [1, 1]> requantize <low = -2, high = 1> cut <images = 1, rows = 1> weights dense<1> : tensor<1x1x3x3xi2> bias dense<0> : tensor<3xi32> multiplier dense<1> : tensor<3xi32> shift dense<0> : tensor<3xi8> : tensor<1x1x1x3xi2> -> tensor<1x1x1x3xi2> loc("conv")
  %0 = tile.lookup %c table dense<[-1, 0, 0, 1]> : tensor<4xi2> cut <images = 1, rows = 1> : tensor<1x1x1x3xi2> -> tensor<1x1x1x3xi2> loc("first")
  %1 = tile.lookup %0 table dense<[1, 0, -1, -2]> : tensor<4xi2> cut <images = 1, rows = 1> : tensor<1x1x1x3xi2> -> tensor<1x1x1x3xi2> loc("second")
  %2 = tile.lookup %1 table dense<[1, 1, -2, -2]> : tensor<4xi2> cut <images = 1, rows = 1> : tensor<1x1x1x3xi2> -> tensor<1x1x1x3xi2> loc("third")
  func.return %2 : tensor<1x1x1x3xi2>
}

// -----

// A memory of 512 elements for tensors of 256, 512 and 512. The first layer computes its channels in two halves: both read the
// input, which is loaded once, as it just fits, and store their half of each pixel. The second one reads the result, and adds
// it, in strips from the arena. What it makes is nowhere as a whole, only in the strips that are pooled at once.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 512, parameter_groups = 8}
// CHECK:       sched.program {{.*}} arena 512 bundles ["first", "second", "pool"]
// CHECK:         %arena = sched.buffer arena "first" at 0 size 512
// CHECK:         %input.feature = sched.buffer feature "input" at 0 size 256
// CHECK-NEXT:    sched.load %input[0] to %input.feature[0] elements 96
// CHECK:         %first.feature = sched.buffer feature "first" at 256 size 256 channels 4
// CHECK-NEXT:    sched.matrix %input.feature, %first.weight, %first.parameter to %first.feature wide
// CHECK-NEXT:    sched.store %first.feature[0] to %arena[0] elements 4 rows 16 pitch 8
// CHECK:         %first.feature_1 = sched.buffer feature "first" at 256 size 256 channels 4 first 4
// CHECK-NEXT:    sched.matrix %input.feature, %first.weight_1, %first.parameter_1 to %first.feature_1 wide {{.*}} groups = [1, 1]>
// CHECK-NEXT:    sched.store %first.feature_1[0] to %arena[4] elements 4 rows 16 pitch 8
// CHECK:         %[[X:.*]] = sched.load %arena[128] to %[[XS:.*]][0] elements 128 after(
// CHECK:         %[[R:.*]] = sched.load %arena[128] to %[[RS:.*]][0] elements 128 after(
// CHECK:         %[[YS:.*]] = sched.buffer feature "second" at {{[0-9]+}} size 128 holds 128
// CHECK-NEXT:    %[[Y:.*]] = sched.matrix %[[XS]], %second.weight, %second.parameter to %[[YS]] wide {{.*}} rows = [2, 2], {{.*}} add %[[RS]] <low = 0, high = 127> after({{.*}}%[[R]]
// CHECK:         %[[P:.*]] = sched.pool max %[[YS]] to %pool.feature {{.*}} rows = [1, 1]> {{.*}} after({{.*}}%[[Y]])
// CHECK-NEXT:    sched.store %pool.feature[32] to %output[32] elements 32 after(%[[P]])
func.func @main(%x: tensor<1x8x8x4xi8>) -> tensor<1x4x4x8xi8> attributes {dsf.input_frac = 4 : i64, dsf.output_frac = 3 : i64, tile.images = 1 : i64, tile.input_place = #tile<place dram>} {
  %0 = tile.matrix %x window <kernel = [3, 3], padding = [1, 1, 1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 2, groups = 1, place = dram> weights dense<1> : tensor<3x3x4x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x8x8x4xi8> -> tensor<1x8x8x8xi8> loc("first")
  %1 = tile.matrix %0 add %0 <low = 0, high = 127> window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 2, groups = 2, place = strips> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x8x8x8xi8>, tensor<1x8x8x8xi8> -> tensor<1x8x8x8xi8> loc("second")
  %2 = tile.pool max %1 window <kernel = [2, 2], strides = [2, 2]> scale <low = -128, high = 127> cut <images = 1, rows = 1, place = dram> : tensor<1x8x8x8xi8> -> tensor<1x4x4x8xi8> loc("pool")
  func.return %2 : tensor<1x4x4x8xi8>
}

// -----

// The first load has the reduction in one.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 64, parameter_groups = 8}
// CHECK:       sched.matrix {{.*}} rows = [0, 1]> window
// CHECK:       sched.matrix {{.*}} groups = [1, 1], inputs = [0, 2], partial = 1> window
// CHECK:       sched.matrix {{.*}} groups = [1, 1], inputs = [2, 2], accumulate = 1> window
func.func @main(%x: tensor<1x1x1x4xi8>) -> tensor<1x1x1x8xi32> attributes {tile.images = 1 : i64} {
  %0 = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1, inputs = 2, whole = 1> weights dense<1> : tensor<1x1x4x8xi8> bias dense<0> : tensor<8xi32> : tensor<1x1x1x4xi8> -> tensor<1x1x1x8xi32> loc("dense")
  func.return %0 : tensor<1x1x1x8xi32>
}

// -----

// Tall, 13 words go through both banks, 7 of each; the stream has them filled up to whole banks.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 64, parameter_groups = 8}
// CHECK:       %dense.weight = sched.buffer weight "dense" at 0 size 7
// CHECK:       sched.load_weights %weights[64] bytes 56 to %dense.weight groups 2 words 7 cycles 8 beats 7
func.func @main(%x: tensor<1x1x1x13xi8>) -> tensor<1x1x1x4xi32> attributes {tile.images = 1 : i64} {
  %0 = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 1, rows = 1, mode = tall> weights dense<1> : tensor<1x1x13x4xi8> bias dense<0> : tensor<4xi32> : tensor<1x1x1x13xi8> -> tensor<1x1x1x4xi32> loc("dense")
  func.return %0 : tensor<1x1x1x4xi32>
}

// -----

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 64, parameter_groups = 8}
func.func @main(%x: tensor<5x1x1x14xi8>) -> tensor<5x1x1x20xi32> attributes {tile.images = 5 : i64} {
  %0 = tile.matrix %x window <kernel = [1, 1]> raw <> cut <images = 5, rows = 1, groups = 3, inputs = [4, 3]> weights dense<1> : tensor<1x1x14x20xi8> bias dense<0> : tensor<20xi32> : tensor<5x1x1x14xi8> -> tensor<5x1x1x20xi32> loc("dense")
  func.return %0 : tensor<5x1x1x20xi32>
}
// CHECK:      'dense': 5 positions of a strip, wide with the reduction in parts, needs at most 4; cut into smaller pieces
// CHECK-NEXT: 'dense': 3 channel groups of a load, wide with the reduction in parts, needs at most 2; cut into smaller pieces

// -----

// Copies into one tensor have one place; its rows are stored when the last of them are there.

engine.hardware {bits_input = 4, bits_weights = 4, axi_width = 64}
// CHECK:         %first.feature = sched.buffer feature "first" at 0 size 32
// CHECK-NOT:     sched.buffer feature "second"
// CHECK:         %1 = sched.move %input.feature to %first.feature <input = [2, 4, 2], output = [2, 4, 4], images = [0, 1], rows = [0, 2]> part <size = [2, 4, 2]> target <first = [0, 0, 2]> after(%0) cycles 8
// CHECK-NEXT:    %2 = sched.move %input.feature to %first.feature <input = [2, 4, 2], output = [2, 4, 4], images = [0, 1], rows = [0, 1]> part <size = [2, 4, 2]> target <> after(%0) cycles 4
// CHECK-NEXT:    %3 = sched.store %first.feature[0] to %output[0] elements 16 after(%2)
// CHECK-NEXT:    %4 = sched.move %input.feature to %first.feature {{.*}} rows = [1, 1]>
// CHECK-NEXT:    %5 = sched.store %first.feature[16] to %output[8] elements 16 after(%4)
func.func @main(%x: tensor<1x2x4x2xi4>) -> tensor<1x2x4x4xi4> {
  %0 = tile.copy %x part <size = [2, 4, 2]> target <first = [0, 0, 2]> cut <images = 1, rows = 2> : tensor<1x2x4x2xi4> -> tensor<1x2x4x4xi4> loc("first")
  %1 = tile.copy %x into %0 part <size = [2, 4, 2]> target <> cut <images = 1, rows = 1> : tensor<1x2x4x2xi4>, tensor<1x2x4x4xi4> -> tensor<1x2x4x4xi4> loc("second")
  func.return %1 : tensor<1x2x4x4xi4>
}

// -----

engine.hardware {feature_memory = 1024}
func.func @main(%x: tensor<1x2x4x8xi8>) -> tensor<1x2x4x8xi8> {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 1, place = strips> weights dense<1> : tensor<1x1x8x8xi8> bias dense<0> : tensor<8xi32> multiplier dense<1> : tensor<8xi32> shift dense<5> : tensor<8xi8> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("conv")
  %1 = tile.copy %0 part <size = [2, 4, 8]> target <> cut <images = 1, rows = 1> : tensor<1x2x4x8xi8> -> tensor<1x2x4x8xi8> loc("copy")
  func.return %1 : tensor<1x2x4x8xi8>
}
// CHECK: 'copy': a copy of what is there in strips only, needs it on chip or in DRAM; change the place of its input

// -----

// The rows of a part, from strips of the image, two rows in each. The first one lies in padding alone.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 64}
// CHECK:         %0 = sched.load %input[0] to %input.feature[0] elements 16
// CHECK:         %2 = sched.move %input.feature to %part.feature <input = [8, 4, 4], output = [6, 4, 2], images = [0, 1], rows = [0, 1]> part <first = [-1, 0, 2], size = [6, 4, 2], pad_value = 5> target <> cycles 4
// CHECK:         %4 = sched.move %input.feature to %part.feature {{.*}} rows = [1, 1]> {{.*}} after(%0) cycles 4
// CHECK:         %input.feature_1 = sched.buffer feature "input" at 0 size 32 holds 32
// CHECK-NEXT:    %6 = sched.load %input[32] to %input.feature_1[0] elements 16 after(%4)
// CHECK-NEXT:    %part.feature_1 = sched.buffer feature "part" at 32 size 16 holds 16
// CHECK:         %10 = sched.move %input.feature_1 to %part.feature_1 {{.*}} rows = [3, 1]> {{.*}} after(%5, %6) cycles 4
// CHECK-NEXT:    %11 = sched.store %part.feature_1[8] to %output[24] elements 8 after(%10)
func.func @main(%x: tensor<1x8x4x4xi8>) -> tensor<1x6x4x2xi8> attributes {tile.images = 1 : i64, tile.input_place = #tile<place dram>} {
  %0 = tile.copy %x part <first = [-1, 0, 2], size = [6, 4, 2], pad_value = 5> target <> cut <images = 1, rows = 1, place = dram> : tensor<1x8x4x4xi8> -> tensor<1x6x4x2xi8> loc("part")
  func.return %0 : tensor<1x6x4x2xi8>
}

// -----

// Weights in three ranges of each kernel row, which has a bank: the first tile, three columns of a row, takes one after the
// other, and the last one, a column of two rows, the other way round. So what the next channel group loads second and third, to
// the other end of the memory and from the other end of the kernel row, comes as soon as the last tile has done with what lies
// there.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 512, weight_memory = 128, parameter_groups = 8}
// CHECK:         %ranges.weight = sched.buffer weight "ranges" at 0 size 12
// CHECK-NEXT:    %3 = sched.load_weights %weights[64] bytes 32 to %ranges.weight groups 2 words 4 cycles
// CHECK-NEXT:    %4 = sched.load_weights %weights[128] bytes 40 to %ranges.weight at 4 groups 2 words 5 cycles
// CHECK-NEXT:    %5 = sched.load_weights %weights[192] bytes 24 to %ranges.weight at 9 groups 2 words 3 cycles
// CHECK:         %ranges.weight_1 = sched.buffer weight "ranges" at 4 size 12
// CHECK-NEXT:    %7 = sched.load_weights %weights[320] bytes 32 to %ranges.weight_1 at 8 groups 2 words 4 cycles
// CHECK-NEXT:    %8 = sched.matrix {{.*}} rows = [0, 1], partial = 1, columns = [0, 3], run = [0, 4]> {{.*}} after(%0, %3) cycles
// CHECK-NEXT:    %9 = sched.matrix {{.*}} rows = [0, 1], accumulate = 1, partial = 1, columns = [0, 3], run = [4, 5]> {{.*}} after(%0, %4) cycles
// CHECK-NEXT:    %10 = sched.matrix {{.*}} rows = [0, 1], accumulate = 1, columns = [0, 3], run = [9, 3]> {{.*}} after(%0, %5) cycles
// CHECK-NEXT:    %11 = sched.matrix {{.*}} rows = [1, 1], columns = [0, 3]> {{.*}} after(%1, %5) cycles
// CHECK-NEXT:    %12 = sched.matrix {{.*}} rows = [0, 2], partial = 1, columns = [3, 1], run = [9, 3]> {{.*}} after(%1, %5) cycles
// CHECK-NEXT:    %13 = sched.matrix {{.*}} rows = [0, 2], accumulate = 1, partial = 1, columns = [3, 1], run = [4, 5]> {{.*}} after(%1, %4) cycles
// CHECK-NEXT:    %14 = sched.load_weights %weights[384] bytes 40 to %ranges.weight_1 at 3 groups 2 words 5 after(%13) cycles
// CHECK-NEXT:    %15 = sched.load_weights %weights[448] bytes 24 to %ranges.weight_1 groups 2 words 3 after(%13) cycles
// CHECK-NEXT:    %16 = sched.matrix {{.*}} rows = [0, 2], accumulate = 1, columns = [3, 1], run = [0, 4]> {{.*}} after(%1, %3) cycles
func.func @main(%x: tensor<1x3x4x2xi8>) -> tensor<1x2x4x12xi8> {
  %0 = tile.matrix %x window <kernel = [2, 6], padding = [0, 0, 2, 3]> requantize <low = 0, high = 127> cut <images = 1, rows = 2, mode = tall, ranges = [4, 5, 3], ends = [1, 3, 2, 1]> weights dense<1> : tensor<2x6x2x12xi8> bias dense<0> : tensor<12xi32> multiplier dense<1> : tensor<12xi32> shift dense<5> : tensor<12xi8> : tensor<1x3x4x2xi8> -> tensor<1x2x4x12xi8> loc("ranges")
  func.return %0 : tensor<1x2x4x12xi8>
}

// -----

// A kernel row more than banks, and tiles of more positions than the array has.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64, feature_memory = 1024, weight_memory = 128, parameter_groups = 8}
func.func @main(%x: tensor<1x4x4x2xi8>) -> tensor<1x3x4x4xi8> {
  %0 = tile.matrix %x window <kernel = [3, 1], padding = [1, 1, 0, 0]> requantize <low = 0, high = 127> cut <images = 1, rows = 4, mode = tall, ranges = [1, 1], ends = [1, 4, 1, 4]> weights dense<1> : tensor<3x1x2x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<1x4x4x2xi8> -> tensor<1x4x4x4xi8> loc("rows")
  %1 = tile.matrix %0 window <kernel = [2, 1]> requantize <low = 0, high = 127> cut <images = 1, rows = 3, mode = tall, ranges = [1, 3], ends = [3, 4, 1, 4]> weights dense<1> : tensor<2x1x4x4xi8> bias dense<0> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> : tensor<1x4x4x4xi8> -> tensor<1x3x4x4xi8> loc("tiles")
  func.return %1 : tensor<1x3x4x4xi8>
}
// CHECK: 'rows': weights in ranges for 3 kernel rows, needs 2, one for each column group; load the weights of a channel group at once
// CHECK-NEXT: 'tiles': weights in ranges, 12 positions of a tile, needs at most 8; make the ends smaller

// -----

// Each load of weights makes 16 channels, one vector, which are pooled and stored while the array makes the next 16: those of the
// second strip wait for nothing but the input. Of the first strip the first row's first three columns are computed apart.

engine.hardware {processing_elements = [4, 8], column_groups = 2, vector_length = 16, axi_width = 64}
// CHECK-LABEL: bundles ["made", "pooled"]
// CHECK:         %made.feature = sched.buffer feature "made" at 0 size 256 channels 16
// CHECK-NEXT:    %7 = sched.matrix %input.feature, %made.weight, {{.*}} rows = [0, 1], {{.*}}columns = [0, 3]>
// CHECK-NEXT:    %8 = sched.matrix %input.feature, %made.weight, {{.*}} rows = [1, 1], {{.*}}columns = [0, 3]>
// CHECK-NEXT:    %9 = sched.matrix %input.feature, %made.weight, {{.*}} rows = [0, 2], {{.*}}columns = [3, 1]>
// CHECK:         %10 = sched.pool max %made.feature {{.*}} outputs = [0, 16]>
// CHECK-NEXT:    %11 = sched.store %pooled.feature[0] to %output[0] elements 16 rows 2 pitch 32 after(%10)
// CHECK:         %made.feature_1 = sched.buffer feature "made" at 256 size 256 channels 16 first 16
// CHECK:         sched.pool max %made.feature_1 {{.*}} outputs = [16, 16]>
// CHECK:         sched.matrix %input.feature, %made.weight, {{.*}} rows = [2, 2], groups = [0, 4]> {{.*}} after(%6) cycles
// CHECK:         sched.matrix %input.feature, %made.weight_1, {{.*}} rows = [2, 2], groups = [4, 4]> {{.*}} after(%6) cycles
func.func @main(%x: tensor<1x4x4x8xi8>) -> tensor<1x2x2x32xi8> attributes {"tile.input_place" = #tile.place dram} {
  %0 = tile.matrix %x window <kernel = [1, 1]> requantize <low = -128, high = 127> cut <images = 1, rows = 2, groups = 4, outer = strips, place = strips, ends = [1, 3, 2, 4]> weights dense<1> : tensor<1x1x8x32xi8> bias dense<0> : tensor<32xi32> multiplier dense<1> : tensor<32xi32> shift dense<4> : tensor<32xi8> : tensor<1x4x4x8xi8> -> tensor<1x4x4x32xi8> loc("made")
  %1 = tile.pool max %0 window <kernel = [2, 2], strides = [2, 2]> scale <left = 0, right = 0, low = -128, high = 127> cut <images = 1, rows = 1, place = dram> : tensor<1x4x4x32xi8> -> tensor<1x2x2x32xi8> loc("pooled")
  func.return %1 : tensor<1x2x2x32xi8>
}
