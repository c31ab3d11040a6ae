// RUN: dsf-opt %s -p check-hardware --split-input-file --verify-diagnostics | filecheck %s

// What fits passes unchanged.

engine.hardware {}
func.func @main(%x: tensor<1x2x!bundle.q<8, 4>>) -> tensor<1x2x!bundle.q<32, 7>> {
  %s = bundle.dense %x weights q<8, 3> dense<0.5> : tensor<2x2xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<32, 7>>
  func.return %s : tensor<1x2x!bundle.q<32, 7>>
}
// CHECK: %s = bundle.dense %x

// -----

// All problems of a model at once, by bundle: this one has one of each kind that a convolution can have.

engine.hardware {bits_weights = 4, bits_sum = 16, max_kernel_size = [3, 3], max_channels_in = 4, max_channels_out = 4, max_image_size = [8, 8]}
func.func @main(%x: tensor<1x9x8x8x!bundle.q<16, 4>>) -> tensor<1x3x8x8x!bundle.q<8, 4>> {
  %y = bundle.bundle "stem" -> tensor<1x3x8x8x!bundle.q<8, 4>> {
    %s = bundle.conv %x groups 4 weights q<8, 3> dense<4.0> : tensor<7x1x2x8xf64> bias q<32, 5> dense<0.0> : tensor<8xf64> : tensor<1x9x8x8x!bundle.q<16, 4>> -> tensor<1x3x8x8x!bundle.q<24, 7>>
    %a = bundle.activation %s : tensor<1x3x8x8x!bundle.q<24, 7>> -> tensor<1x3x8x8x!bundle.q<8, 4>>
    bundle.yield %a : tensor<1x3x8x8x!bundle.q<8, 4>>
  }
  func.return %y : tensor<1x3x8x8x!bundle.q<8, 4>>
}
// CHECK:      'stem': a kernel of 7x1, needs at most 3x3; use a smaller kernel or Hardware(max_kernel_size=(7, 3))
// CHECK-NEXT: 'stem': 8 input channels, needs at most 4; use fewer filters before it or Hardware(max_channels_in=8)
// CHECK-NEXT: 'stem': 8 output channels, needs at most 4; use fewer filters or Hardware(max_channels_out=8)
// CHECK-NEXT: 'stem': an input image of 9x8, needs at most 8x8; use smaller images or Hardware(max_image_size=(9, 8))
// CHECK-NEXT: 'stem': an activation of 16 bits, needs at most 8 (bits_input); use fewer bits or hardware with more
// CHECK-NEXT: 'stem': weights of 8 bits, needs at most 4 (bits_weights); use fewer bits or hardware with more
// CHECK-NEXT: 'stem': a bias of 32 bits, needs at most 16 (bits_bias); use fewer bits or hardware with more
// CHECK-NEXT: 'stem': a sum of 24 bits, needs 16 (bits_sum); correct the type or Hardware(bits_sum=24)
// CHECK-NEXT: 'stem': sums of up to 14680064 (channel 0) in 16 bits, needs 25 bits; use Hardware(bits_sum=25) or smaller weights

// -----

// Biases: coarser than the sum by at most 31 bits less those that it has behind its point, finer by at most these, and not at
// all where raw sums leave.

engine.hardware {bits_sum = 28, bits_fraction = 2}
func.func @main(%x: tensor<1x2x!bundle.q<8, 4>>) -> tensor<1x2x!bundle.q<29, 8>> {
  %s = bundle.dense %x weights q<8, 3> dense<0.5> : tensor<2x2xf64> bias q<16, -23> dense<0.0> : tensor<2xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<28, 7>> loc("coarse")
  %a = bundle.activation %s : tensor<1x2x!bundle.q<28, 7>> -> tensor<1x2x!bundle.q<8, 4>> loc("coarse")
  %t = bundle.dense %a weights q<8, 3> dense<0.5> : tensor<2x2xf64> bias q<16, 9> dense<0.0> : tensor<2xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<30, 9>> loc("fits")
  %b = bundle.activation %t : tensor<1x2x!bundle.q<30, 9>> -> tensor<1x2x!bundle.q<8, 4>> loc("fits")
  %u = bundle.dense %b weights q<8, 3> dense<0.5> : tensor<2x2xf64> bias q<16, 10> dense<0.0> : tensor<2xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<31, 10>> loc("fine")
  %c = bundle.activation %u : tensor<1x2x!bundle.q<31, 10>> -> tensor<1x2x!bundle.q<8, 4>> loc("fine")
  %v = bundle.dense %c weights q<8, 3> dense<0.5> : tensor<2x2xf64> bias q<16, 8> dense<0.0> : tensor<2xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<29, 8>> loc("raw")
  func.return %v : tensor<1x2x!bundle.q<29, 8>>
}
// CHECK:      'coarse': a bias 30 fraction bits coarser than the sum, needs at most 29; use more bias_frac_bits
// CHECK-NEXT: 'fine': a bias of 10 fraction bits, needs at most 9, those of the sum and bits_fraction; use at most 9 bias_frac_bits, or Hardware(bits_fraction=3)
// CHECK-NEXT: 'raw': a bias of 8 fraction bits, needs at most 7, those of the raw sums; use bias_frac_bits=7

// -----

// The shape of the network.

engine.hardware {}
func.func @main(%x: tensor<1x2x!bundle.q<8, 4>>) -> tensor<1x2x!bundle.q<8, 4>> {
  %s = bundle.dense %x weights q<8, 3> dense<0.5> : tensor<2x2xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<32, 7>> loc("fc")
  %t = bundle.dense %x weights q<8, 3> dense<0.5> : tensor<2x2xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<32, 7>> loc("norm")
  %n = bundle.batch_norm %t gamma dense<1.0> : tensor<2xf64> beta dense<1.0> : tensor<2xf64> mean dense<1.0> : tensor<2xf64> variance dense<1.0> : tensor<2xf64> epsilon 0.001 bias q<16, 5> : tensor<1x2x!bundle.q<32, 7>> -> tensor<1x2x!bundle.q<32, 7>> loc("norm")
  %a = bundle.add %s, %n : tensor<1x2x!bundle.q<32, 7>>, tensor<1x2x!bundle.q<32, 7>> -> tensor<1x2x!bundle.q<8, 4>> loc("add")
  %p = bundle.softmax %a : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2xf64> loc("probabilities")
  %l = "test.op"(%p) : (tensor<1x2xf64>) -> tensor<1x2x!bundle.q<8, 4>> loc("foreign")
  func.return %l : tensor<1x2x!bundle.q<8, 4>>
}
// CHECK:      'fc': a sum used by bundle.add, needs one activation after it unless it is the last layer; add activation=QLeakyReLu(...) or QIdentity(...)
// CHECK-NEXT: 'norm': a batch_norm, needs folded weights; run fold-batch-norm first
// CHECK-NEXT: 'probabilities': a softmax beside test.op, needs to be the last layer; move it to the end
// CHECK-NEXT: 'foreign': a test.op, needs layers of the bundle dialect only; express it by them

// -----

// Scales out of the requantisers' reach.

engine.hardware {}
func.func @main(%x: tensor<1x2x!bundle.q<8, 60>>) -> tensor<1x2x!bundle.q<8, -6>> {
  %s = bundle.dense %x weights q<8, 3> dense<0.0> : tensor<2x2xf64> bias q<16, 20> dense<0.0> : tensor<2xf64> : tensor<1x2x!bundle.q<8, 60>> -> tensor<1x2x!bundle.q<32, 63>> loc("fc")
  %a = bundle.activation %s : tensor<1x2x!bundle.q<32, 63>> -> tensor<1x2x!bundle.q<8, 10>> loc("fc")
  %b = bundle.activation %a : tensor<1x2x!bundle.q<8, 10>> -> tensor<1x2x!bundle.q<8, -6>> loc("identity")
  %c = bundle.add %a, %b : tensor<1x2x!bundle.q<8, 10>>, tensor<1x2x!bundle.q<8, -6>> -> tensor<1x2x!bundle.q<8, -6>> loc("add")
  func.return %c : tensor<1x2x!bundle.q<8, -6>>
}
// CHECK:      'fc': a bias 43 fraction bits coarser than the sum, needs at most 31; use more bias_frac_bits
// CHECK-NEXT: 'fc': from 63 to 10 fraction bits, needs to lose at most 47 or gain at most 15; change frac_bits
// CHECK-NEXT: 'identity': from 10 to -6 fraction bits, needs to lose at most 15 or gain at most 15; change frac_bits
// CHECK-NEXT: 'add': an add of operands with 10 and -6 fraction bits to -6, needs at most 15 between them; change frac_bits

// -----

// Sizes beyond the memory and the instruction's fields; in a batch, images that end within a byte.

engine.hardware {bits_input = 2, weight_memory = 1024, max_channels_in = 40000, max_image_size = [4095, 4095]}
func.func @main(%x: tensor<4x1x1x32769x!bundle.q<2, 0>>) -> tensor<4x1x1x32769x!bundle.q<2, 0>> {
  %s = bundle.conv %x strides [300, 2] padding [0, 0, 4, 0] weights q<8, 0> dense<0.0> : tensor<1x1x32769x2xf64> : tensor<4x1x1x32769x!bundle.q<2, 0>> -> tensor<4x1x3x2x!bundle.q<32, 0>> loc("wide")
  %a = bundle.activation %s : tensor<4x1x3x2x!bundle.q<32, 0>> -> tensor<4x1x3x2x!bundle.q<2, 0>> loc("wide")
  %p = bundle.pool max %x size [1, 1] strides [1, 2] : tensor<4x1x1x32769x!bundle.q<2, 0>> -> tensor<4x1x1x32769x!bundle.q<2, 0>> loc("pool")
  func.return %p : tensor<4x1x1x32769x!bundle.q<2, 0>>
}
// CHECK:      'input': images of 1x1x32769 elements, 65538 bits each, needs whole bytes for a batch of 4; use batch 1 or a number of channels that fills bytes
// CHECK-NEXT: 'output': images of 1x1x32769 elements, 65538 bits each, needs whole bytes for a batch of 4; use batch 1 or a number of channels that fills bytes
// CHECK-NEXT: 'wide': a horizontal stride of 65538 elements, needs 0 to 65535, as its instruction field 'x_step'; use a smaller layer
// CHECK-NEXT: 'wide': a vertical stride of 300 rows, needs 0 to 255, as its instruction field 'y_step'; use a smaller layer
// CHECK-NEXT: 'wide': the first window at element -131076 of a row, needs -131072 to 131071, as its instruction field 'x_start'; use a smaller layer
// CHECK-NEXT: 'wide': a result that nothing uses, needs a layer after it or to be the output; remove the layer
// CHECK-NEXT: 'pool': a horizontal stride of 65538 elements, needs 0 to 65535, as its instruction field 'x_step'; use a smaller layer

// -----

// Weights that do not fit, of a line too long for its sums to stay in the array; those of the shorter one come in parts.

engine.hardware {weight_memory = 1024, max_image_size = [1, 25]}
func.func @main(%x: tensor<1x1x25x130x!bundle.q<8, 0>>) -> tensor<1x1x24x2x!bundle.q<8, 0>> {
  %s = bundle.conv %x weights q<8, 0> dense<0.0> : tensor<1x1x130x2xf64> : tensor<1x1x25x130x!bundle.q<8, 0>> -> tensor<1x1x25x2x!bundle.q<32, 0>> loc("long")
  %a = bundle.activation %s : tensor<1x1x25x2x!bundle.q<32, 0>> -> tensor<1x1x25x2x!bundle.q<8, 0>> loc("long")
  %t = bundle.conv %x weights q<8, 0> dense<0.0> : tensor<1x2x130x2xf64> : tensor<1x1x25x130x!bundle.q<8, 0>> -> tensor<1x1x24x2x!bundle.q<32, 0>> loc("short")
  %b = bundle.activation %t : tensor<1x1x24x2x!bundle.q<32, 0>> -> tensor<1x1x24x2x!bundle.q<8, 0>> loc("short")
  func.return %b : tensor<1x1x24x2x!bundle.q<8, 0>>
}
// CHECK:      'long': 130 weights per output channel, needs at most 126 in 1024 bytes of weight memory; use Hardware(weight_memory=1056), or pool before the layer
// CHECK-NEXT: 'long': a result that nothing uses, needs a layer after it or to be the output; remove the layer

// -----

engine.hardware {}
func.func @main(%x: tensor<1x2x!bundle.q<8, 4>>) -> (tensor<1x2x!bundle.q<8, 4>>, tensor<1x2x!bundle.q<8, 4>>) {
  func.return %x, %x : tensor<1x2x!bundle.q<8, 4>>, tensor<1x2x!bundle.q<8, 4>>
}
// CHECK:      'main': 1 inputs and 2 outputs, needs one of each; cut the network
// CHECK-NEXT: 'main': no layer, needs at least one; add a Bundle

// -----

// The input, only reshaped, has no layer that stores it; the pooling's result leads nowhere.

engine.hardware {}
func.func @main(%x: tensor<2x2x2x2x!bundle.q<8, 4>>) -> tensor<2x8x!bundle.q<8, 4>> {
  %p = bundle.pool max %x size [2, 2] : tensor<2x2x2x2x!bundle.q<8, 4>> -> tensor<2x1x1x2x!bundle.q<8, 4>> loc("pool")
  %f = bundle.flatten %x : tensor<2x2x2x2x!bundle.q<8, 4>> -> tensor<2x8x!bundle.q<8, 4>>
  func.return %f : tensor<2x8x!bundle.q<8, 4>>
}
// CHECK:      'main': returns its input, needs the result of a layer; return the last layer's
// CHECK-NEXT: 'pool': a result that nothing uses, needs a layer after it or to be the output; remove the layer

// -----

engine.hardware {}
// CHECK: 'module': 0 functions, needs one, @main; split the module

// -----

func.func private @main()
// CHECK: 'builtin.module': has 0 engine.hardware operations, needs one; put 'engine.hardware {}' at its top

// -----

// One bit needs hardware for it, and is a sign.

engine.hardware {}
func.func @main(%x: tensor<1x2x!bundle.q<1, 0>>) -> tensor<1x2x!bundle.q<32, 0>> {
  %s = bundle.dense %x weights q<1, 0> dense<0.5> : tensor<2x2xf64> : tensor<1x2x!bundle.q<1, 0>> -> tensor<1x2x!bundle.q<32, 0>> loc("fc")
  func.return %s : tensor<1x2x!bundle.q<32, 0>>
}
// CHECK:      'fc': an activation of 1 bit, needs 2 to 8 (bits_input); use more bits or Hardware(bits_input=1, bits_weights=1)
// CHECK-NEXT: 'fc': weights of 1 bit, needs 2 to 8 (bits_weights); use more bits or Hardware(bits_input=1, bits_weights=1)

// -----

engine.hardware {bits_input = 1, bits_weights = 1}
func.func @main(%x: tensor<1x2x!bundle.q<1, 0>>) -> tensor<1x2x!bundle.q<1, 0>> {
  %s = bundle.dense %x weights q<1, 0> dense<0.5> : tensor<2x2xf64> : tensor<1x2x!bundle.q<1, 0>> -> tensor<1x2x!bundle.q<32, 0>> loc("fc")
  %y = bundle.activation %s negative_slope 0.0 : tensor<1x2x!bundle.q<32, 0>> -> tensor<1x2x!bundle.q<1, 0>> loc("fc")
  func.return %y : tensor<1x2x!bundle.q<1, 0>>
}
// CHECK: 'fc': a ReLU with a result of 1 bit, which is always +1, needs a negative_slope above 0; use QIdentity, which is the sign

// -----

engine.hardware {bits_input = 1, bits_weights = 1}
func.func @main(%x: tensor<1x2x!bundle.affine<1, 0.3, 0>>) -> tensor<1x2x!bundle.affine<1, 0.7, 0>> {
  %s = bundle.dense %x weights q<1, 0> dense<0.5> : tensor<2x2xf64> scales dense<0.1> : tensor<2xf64> : tensor<1x2x!bundle.affine<1, 0.3, 0>> -> tensor<1x2x!bundle.sum<32>> loc("fc")
  %y = bundle.activation %s minimum 0.0 maximum 6.0 : tensor<1x2x!bundle.sum<32>> -> tensor<1x2x!bundle.affine<1, 0.7, 0>> loc("fc")
  func.return %y : tensor<1x2x!bundle.affine<1, 0.7, 0>>
}
// CHECK: 'fc': limits 0 to 6 and a result of 1 bit, which is always +1, needs limits on both sides of 0; drop the clip

// -----

// Free scales. What the engine adds to a sum counts, 5000 + 100 * 3 * 127 here.

engine.hardware {}
func.func @main(%x: tensor<1x3x!bundle.affine<8, 0.5, -100>>) -> tensor<1x2x!bundle.affine<8, 1.0e-05, 0>> {
  %s = bundle.dense %x weights q<8, 0> dense<127.0> : tensor<3x2xf64> scales dense<0.9> : tensor<2xf64> bias q<32, 0> dense<5000.0> : tensor<2xf64> : tensor<1x3x!bundle.affine<8, 0.5, -100>> -> tensor<1x2x!bundle.sum<32>> loc("fc")
  %y = bundle.activation %s : tensor<1x2x!bundle.sum<32>> -> tensor<1x2x!bundle.affine<8, 1.0e-05, 0>> loc("act")
  func.return %y : tensor<1x2x!bundle.affine<8, 1.0e-05, 0>>
}
// CHECK:      'fc': a bias of 17 bits with the input's zero point, needs at most 16; use Hardware(bits_bias=32)
// CHECK-NEXT: 'act': a result whose scale is 4.5e+04 times finer than that of what it is made of, needs at most 2**15; quantise the result more coarsely

// -----

// More bits of multipliers have it.

engine.hardware {bits_bias = 32, bits_sum = 28, bits_multiplier = 17}
func.func @main(%x: tensor<1x3x!bundle.affine<8, 0.5, -100>>) -> tensor<1x2x!bundle.affine<8, 1.0e-05, 0>> {
  %s = bundle.dense %x weights q<8, 0> dense<127.0> : tensor<3x2xf64> scales dense<0.9> : tensor<2xf64> bias q<32, 0> dense<5000.0> : tensor<2xf64> : tensor<1x3x!bundle.affine<8, 0.5, -100>> -> tensor<1x2x!bundle.sum<28>> loc("fc")
  %y = bundle.activation %s : tensor<1x2x!bundle.sum<28>> -> tensor<1x2x!bundle.affine<8, 1.0e-05, 0>> loc("act")
  func.return %y : tensor<1x2x!bundle.affine<8, 1.0e-05, 0>>
}
// CHECK: %s = bundle.dense %x

// -----

engine.hardware {}
func.func @main(%x: tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>>) -> tensor<1x2x2x1x!bundle.affine<8, 0.25, 0>> {
  %p = bundle.pool max %x size [2, 2] strides [2, 2] negative_slope 0.5 : tensor<1x4x4x1x!bundle.affine<8, 0.5, -3>> -> tensor<1x2x2x1x!bundle.affine<8, 0.25, 0>> loc("pool")
  func.return %p : tensor<1x2x2x1x!bundle.affine<8, 0.25, 0>>
}
// CHECK:      'pool': a change from !bundle.affine<8, 0.5, -3> to !bundle.affine<8, 0.25, 0>, needs the same type; quantise both alike
// CHECK-NEXT: 'pool': a negative slope of 0.5 with a zero point, needs 0 or 1; put the leaky ReLU right after a convolution

// -----

engine.hardware {}
func.func @main(%x: tensor<1x4x!bundle.affine<8, 0.5, -3>>) -> tensor<1x4xf64> {
  %a = bundle.activation %x negative_slope 0.0 : tensor<1x4x!bundle.affine<8, 0.5, -3>> -> tensor<1x4x!bundle.affine<8, 0.5, -3>> loc("act")
  %p = bundle.softmax %a : tensor<1x4x!bundle.affine<8, 0.5, -3>> -> tensor<1x4xf64> loc("end")
  func.return %p : tensor<1x4xf64>
}
// CHECK: 'end': a softmax of !bundle.affine<8, 0.5, -3>, needs !bundle.q<bits, frac>; compute it outside the network
