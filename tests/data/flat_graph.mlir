// A flat graph, as an importer writes it: each layer is named after its node.
engine.hardware {processing_elements = [4, 8]}
func.func @main(%x: tensor<1x4x4x2x!bundle.q<8, 4>>) -> tensor<1x2x2x2x!bundle.q<8, 4>> {
  %s = bundle.conv %x padding [0, 0, 0, 0] weights q<8, 6> dense<0.5> : tensor<1x1x2x2xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x4x4x2x!bundle.q<32, 10>> loc("Conv_0")
  %a = bundle.activation %s : tensor<1x4x4x2x!bundle.q<32, 10>> -> tensor<1x4x4x2x!bundle.q<8, 4>> loc("Relu_1")
  %t = bundle.conv %a padding [0, 0, 0, 0] weights q<8, 6> dense<0.25> : tensor<1x1x2x2xf64> : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x4x4x2x!bundle.q<32, 10>> loc("Conv_2")
  %b = bundle.activation %t : tensor<1x4x4x2x!bundle.q<32, 10>> -> tensor<1x4x4x2x!bundle.q<8, 4>> loc("Relu_3")
  %c = bundle.add %b, %a : tensor<1x4x4x2x!bundle.q<8, 4>>, tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x4x4x2x!bundle.q<8, 4>> loc("Add_4")
  %p = bundle.pool max %c size [2, 2] strides [2, 2] : tensor<1x4x4x2x!bundle.q<8, 4>> -> tensor<1x2x2x2x!bundle.q<8, 4>> loc("Pool_5")
  func.return %p : tensor<1x2x2x2x!bundle.q<8, 4>>
}
