// Two bundles on a 4 x 8 engine: convolution, leaky ReLU, average pool, flatten; dense, softmax.
engine.hardware {processing_elements = [4, 8], bits_weights = 4, axi_width = 64}
func.func @main(%x: tensor<2x4x4x2x!bundle.q<8, 4>>) -> tensor<2x3xf64> {
  %s = bundle.conv %x padding [1, 1, 1, 1] weights q<4, 3> dense<[[[[0.5, -0.25, 0.125, 0.75], [0.5, 0.25, -0.75, 0.0]]], [[[0.25, -0.5, 0.875, -0.125], [-1.0, 0.25, 0.375, 0.5]]], [[[0.625, 0.125, -0.25, 0.0], [0.5, -0.5, 0.25, 0.25]]]]> : tensor<3x1x2x4xf64> bias q<16, 4> dense<[0.5, -1.0, 2.0, 3.0]> : tensor<4xf64> : tensor<2x4x4x2x!bundle.q<8, 4>> -> tensor<2x4x6x4x!bundle.q<32, 7>>
  %a = bundle.activation %s negative_slope 0.125 : tensor<2x4x6x4x!bundle.q<32, 7>> -> tensor<2x4x6x4x!bundle.q<8, 4>>
  %p = bundle.pool avg %a size [2, 2] strides [2, 2] : tensor<2x4x6x4x!bundle.q<8, 4>> -> tensor<2x2x3x4x!bundle.q<8, 4>>
  %f = bundle.flatten %p : tensor<2x2x3x4x!bundle.q<8, 4>> -> tensor<2x24x!bundle.q<8, 4>>
  %d = bundle.dense %f weights q<4, 3> dense<0.375> : tensor<24x3xf64> bias q<16, 4> dense<[0.5, -1.0, 2.0]> : tensor<3xf64> : tensor<2x24x!bundle.q<8, 4>> -> tensor<2x3x!bundle.q<32, 7>>
  %r = bundle.softmax %d : tensor<2x3x!bundle.q<32, 7>> -> tensor<2x3xf64>
  func.return %r : tensor<2x3xf64>
}
