// RUN: dsf-opt %s -p group-into-bundles --verify-each --print-debuginfo --split-input-file | filecheck %s

// A flat graph with a residual branch: the add joins the later of its operands, the pooling starts a bundle because the skip
// connection uses what comes before it, and a bundle takes the name of its first layer.

engine.hardware {bits_sum = 24}

// CHECK:       func.func @main
func.func @main(%x: tensor<1x4x4x1x!bundle.q<8, 4>>) -> tensor<1x4xf64> {
  // CHECK-NEXT:  %a = bundle.bundle "Conv_0" -> tensor<1x4x4x1x!bundle.q<8, 4>> {
  // CHECK-NEXT:    %s = bundle.conv %x {{.*}} loc("Conv_0")
  // CHECK-NEXT:    %a_1 = bundle.activation %s {{.*}} loc("Conv_0"("Relu_0"))
  // CHECK-NEXT:    bundle.yield %a_1 : tensor<1x4x4x1x!bundle.q<8, 4>> loc("Conv_0")
  // CHECK-NEXT:  } loc("Conv_0")
  %s = bundle.conv %x weights q<4, 3> dense<0.5> : tensor<1x1x1x1xf64> : tensor<1x4x4x1x!bundle.q<8, 4>> -> tensor<1x4x4x1x!bundle.q<24, 7>> loc("Conv_0")
  %a = bundle.activation %s : tensor<1x4x4x1x!bundle.q<24, 7>> -> tensor<1x4x4x1x!bundle.q<8, 4>> loc("Relu_0")

  // CHECK-NEXT:  %p = bundle.bundle "bundle_1" -> tensor<1x4x4x1x!bundle.q<8, 4>> {
  // CHECK-NEXT:    %p_1 = bundle.pool max %a
  // CHECK-NEXT:    bundle.yield %p_1
  // CHECK-NEXT:  } loc("bundle_1")
  %p = bundle.pool max %a size [2, 2] padding [0, 1, 0, 1] : tensor<1x4x4x1x!bundle.q<8, 4>> -> tensor<1x4x4x1x!bundle.q<8, 4>>

  // CHECK-NEXT:  %f = bundle.bundle "bundle_2" -> tensor<1x4x!bundle.q<8, 4>> {
  // CHECK-NEXT:    %t = bundle.conv %p
  // CHECK-NEXT:    %b = bundle.activation %t
  // CHECK-NEXT:    %c = bundle.add %a, %b
  // CHECK-NEXT:    %q = bundle.pool avg %c
  // CHECK-NEXT:    %f_1 = bundle.flatten %q
  // CHECK-NEXT:    bundle.yield %f_1
  %t = bundle.conv %p weights q<4, 3> dense<0.5> : tensor<1x1x1x1xf64> : tensor<1x4x4x1x!bundle.q<8, 4>> -> tensor<1x4x4x1x!bundle.q<24, 7>>
  %b = bundle.activation %t : tensor<1x4x4x1x!bundle.q<24, 7>> -> tensor<1x4x4x1x!bundle.q<8, 4>>
  %c = bundle.add %a, %b : tensor<1x4x4x1x!bundle.q<8, 4>>, tensor<1x4x4x1x!bundle.q<8, 4>> -> tensor<1x4x4x1x!bundle.q<8, 4>>
  %q = bundle.pool avg %c size [2, 2] strides [2, 2] : tensor<1x4x4x1x!bundle.q<8, 4>> -> tensor<1x2x2x1x!bundle.q<8, 4>>
  %f = bundle.flatten %q : tensor<1x2x2x1x!bundle.q<8, 4>> -> tensor<1x4x!bundle.q<8, 4>>

  // A bundle that is there already stays, and its name is not given again.
  // CHECK:       %d = bundle.bundle "bundle_3" -> tensor<1x4x!bundle.q<24, 7>> {
  %d = bundle.bundle "bundle_3" -> tensor<1x4x!bundle.q<24, 7>> {
    %u = bundle.dense %f weights q<4, 3> dense<0.5> : tensor<4x4xf64> : tensor<1x4x!bundle.q<8, 4>> -> tensor<1x4x!bundle.q<24, 7>>
    bundle.yield %u : tensor<1x4x!bundle.q<24, 7>>
  }
  // CHECK:       %v = bundle.bundle "bundle_3_1" -> tensor<1x4xf64> {
  // CHECK-NEXT:    %v_1 = bundle.softmax %d
  %v = bundle.softmax %d : tensor<1x4x!bundle.q<24, 7>> -> tensor<1x4xf64>
  func.return %v : tensor<1x4xf64>
}

// -----

// Functions of single elements: an activation, a function of it, and a product with an earlier tensor.

// CHECK:      bundle.bundle "first"
// CHECK-NEXT:   bundle.dense
// CHECK-NEXT:   bundle.activation
// CHECK-NEXT:   bundle.function
// CHECK-NEXT:   bundle.multiply
// CHECK-NEXT:   bundle.function
// CHECK-NEXT:   bundle.yield
// CHECK:      bundle.bundle "second"
// CHECK-NEXT:   bundle.multiply
func.func @main(%x: tensor<1x2x!bundle.q<8, 4>>) -> tensor<1x2x!bundle.q<8, 4>> {
  %s = bundle.dense %x weights q<8, 3> dense<0.5> : tensor<2x2xf64> : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<32, 7>> loc("first")
  %a = bundle.activation %s : tensor<1x2x!bundle.q<32, 7>> -> tensor<1x2x!bundle.q<8, 4>> loc("first")
  %f = bundle.function tanh %a : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<8, 7>> loc("first")
  %m = bundle.multiply %f, %x : tensor<1x2x!bundle.q<8, 7>>, tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<8, 4>> loc("first")
  %g = bundle.function exp %m : tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<8, 4>> loc("first")
  %n = bundle.multiply %g, %g : tensor<1x2x!bundle.q<8, 4>>, tensor<1x2x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<8, 4>> loc("second")
  func.return %n : tensor<1x2x!bundle.q<8, 4>>
}
