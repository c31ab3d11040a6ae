// RUN: dsf-opt %s -p canonicalize --split-input-file | filecheck %s

// An activation that stands alone moves into the rounding before it, where that changes nothing.

// CHECK-LABEL: func.func @relu_of_the_same_grid
// CHECK-NEXT:    %a = bundle.add %x, %x negative_slope 0.000000e+00 : tensor<1x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
// CHECK-NEXT:    func.return %a
func.func @relu_of_the_same_grid(%x: tensor<1x8x!bundle.q<8, 4>>) -> tensor<1x8x!bundle.q<8, 4>> {
  %a = bundle.add %x, %x : tensor<1x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
  %y = bundle.activation %a negative_slope 0.0 : tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
  func.return %y : tensor<1x8x!bundle.q<8, 4>>
}

// The sum of two 8-bit numbers is exact in 9 bits, so only the activation rounds.
// CHECK-LABEL: func.func @exact_sum
// CHECK-NEXT:    bundle.add %x, %x negative_slope 1.250000e-01 : {{.*}} -> tensor<1x8x!bundle.q<8, 2>>
// CHECK-NEXT:    func.return
func.func @exact_sum(%x: tensor<1x8x!bundle.q<8, 4>>) -> tensor<1x8x!bundle.q<8, 2>> {
  %a = bundle.add %x, %x : tensor<1x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<9, 4>>
  %y = bundle.activation %a negative_slope 0.125 : tensor<1x8x!bundle.q<9, 4>> -> tensor<1x8x!bundle.q<8, 2>>
  func.return %y : tensor<1x8x!bundle.q<8, 2>>
}

// CHECK-LABEL: func.func @exact_maximum
// CHECK-NEXT:    bundle.pool max %x size [2, 2] negative_slope 5.000000e-01 :
// CHECK-NEXT:    func.return
func.func @exact_maximum(%x: tensor<1x3x3x1x!bundle.q<8, 4>>) -> tensor<1x2x2x1x!bundle.q<8, 3>> {
  %a = bundle.pool max %x size [2, 2] : tensor<1x3x3x1x!bundle.q<8, 4>> -> tensor<1x2x2x1x!bundle.q<8, 4>>
  %y = bundle.activation %a negative_slope 0.5 : tensor<1x2x2x1x!bundle.q<8, 4>> -> tensor<1x2x2x1x!bundle.q<8, 3>>
  func.return %y : tensor<1x2x2x1x!bundle.q<8, 3>>
}

// Rounded twice, in 8 bits and by the leaky ReLU: stays as it is.
// CHECK-LABEL: func.func @rounded_twice
// CHECK-NEXT:    bundle.add
// CHECK-NEXT:    bundle.activation
func.func @rounded_twice(%x: tensor<1x8x!bundle.q<8, 4>>) -> tensor<1x8x!bundle.q<8, 4>> {
  %a = bundle.add %x, %x : tensor<1x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
  %y = bundle.activation %a negative_slope 0.125 : tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
  func.return %y : tensor<1x8x!bundle.q<8, 4>>
}

// CHECK-LABEL: func.func @average_rounds
// CHECK-NEXT:    bundle.pool avg
// CHECK-NEXT:    bundle.activation
func.func @average_rounds(%x: tensor<1x3x3x1x!bundle.q<8, 4>>) -> tensor<1x2x2x1x!bundle.q<8, 3>> {
  %a = bundle.pool avg %x size [2, 2] : tensor<1x3x3x1x!bundle.q<8, 4>> -> tensor<1x2x2x1x!bundle.q<16, 8>>
  %y = bundle.activation %a : tensor<1x2x2x1x!bundle.q<16, 8>> -> tensor<1x2x2x1x!bundle.q<8, 3>>
  func.return %y : tensor<1x2x2x1x!bundle.q<8, 3>>
}

// CHECK-LABEL: func.func @used_twice
// CHECK-NEXT:    bundle.add
// CHECK-NEXT:    bundle.activation
func.func @used_twice(%x: tensor<1x8x!bundle.q<8, 4>>) -> (tensor<1x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 4>>) {
  %a = bundle.add %x, %x : tensor<1x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
  %y = bundle.activation %a negative_slope 0.0 : tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
  func.return %a, %y : tensor<1x8x!bundle.q<8, 4>>, tensor<1x8x!bundle.q<8, 4>>
}

// CHECK-LABEL: func.func @identity
// CHECK-NEXT:    func.return %x
func.func @identity(%x: tensor<1x8x!bundle.q<8, 4>>) -> tensor<1x8x!bundle.q<8, 4>> {
  %y = bundle.activation %x : tensor<1x8x!bundle.q<8, 4>> -> tensor<1x8x!bundle.q<8, 4>>
  func.return %y : tensor<1x8x!bundle.q<8, 4>>
}

// CHECK-LABEL: func.func @reshapes
// CHECK-NEXT:    func.return %x
func.func @reshapes(%x: tensor<1x2x2x2xi8>) -> tensor<1x2x2x2xi8> {
  %a = fxp.reshape %x : tensor<1x2x2x2xi8> -> tensor<1x8xi8>
  %y = fxp.reshape %a : tensor<1x8xi8> -> tensor<1x2x2x2xi8>
  func.return %y : tensor<1x2x2x2xi8>
}
