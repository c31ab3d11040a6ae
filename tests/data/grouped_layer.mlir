// A convolution in four groups, on an engine with two banks of 64 weight words.
engine.hardware {processing_elements = [4, 8], column_groups = 2, weight_memory = 512, axi_width = 64}
func.func @main(%x: tensor<1x4x4x16x!bundle.q<8, 4>>) -> tensor<1x4x4x32x!bundle.q<8, 4>> {
  %s = bundle.conv %x padding [1, 1, 1, 1] groups 4 weights q<8, 6> dense<0.5> : tensor<3x3x4x32xf64> : tensor<1x4x4x16x!bundle.q<8, 4>> -> tensor<1x4x4x32x!bundle.q<32, 10>>
  %a = bundle.activation %s : tensor<1x4x4x32x!bundle.q<32, 10>> -> tensor<1x4x4x32x!bundle.q<8, 4>>
  func.return %a : tensor<1x4x4x32x!bundle.q<8, 4>>
}
