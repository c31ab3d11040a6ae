// RUN: dsf-opt %s -p fold-batch-norm --verify-each | filecheck %s
// RUN: dsf-opt %s -p fold-batch-norm --print-debuginfo | filecheck %s --check-prefix=LOCATION

// gamma / sqrt(variance + epsilon) = 1/2: the weight 3 becomes 1.5, the bias 1 becomes 0.5 + (1 - 2) / 2 = 0.

engine.hardware {bits_sum = 24}

// CHECK:       func.func @main(%x: tensor<1x2x2x1x!bundle.q<8, 4>>) -> tensor<1x2x!bundle.q<24, 7>> {
// CHECK-NEXT:    %s = bundle.conv %x weights q<4, 1> dense<1.500000e+00> : tensor<1x1x1x1xf64> bias q<16, 5> dense<0.000000e+00> : tensor<1xf64> :
// CHECK-NEXT:    %a = bundle.activation %s :
func.func @main(%x: tensor<1x2x2x1x!bundle.q<8, 4>>) -> tensor<1x2x!bundle.q<24, 7>> {
  %s = bundle.conv %x weights q<4, 1> dense<3.0> : tensor<1x1x1x1xf64> bias q<16, 5> dense<1.0> : tensor<1xf64> : tensor<1x2x2x1x!bundle.q<8, 4>> -> tensor<1x2x2x1x!bundle.q<24, 5>>
  %n = bundle.batch_norm %s gamma dense<1.0> : tensor<1xf64> beta dense<0.5> : tensor<1xf64> mean dense<2.0> : tensor<1xf64> variance dense<3.0> : tensor<1xf64> epsilon 1.0 : tensor<1x2x2x1x!bundle.q<24, 5>> -> tensor<1x2x2x1x!bundle.q<24, 5>>
  %a = bundle.activation %n : tensor<1x2x2x1x!bundle.q<24, 5>> -> tensor<1x2x2x1x!bundle.q<8, 4>>
  %f = bundle.flatten %a : tensor<1x2x2x1x!bundle.q<8, 4>> -> tensor<1x4x!bundle.q<8, 4>>

  // Without a bias of its own, the core takes the type that the normalisation names: 0.5 + (0 - 2) / 2 = -0.5.
  // CHECK:       %t = bundle.dense %f weights q<4, 3> dense<2.500000e-01> : tensor<4x2xf64> bias q<16, 6> dense<-5.000000e-01> : tensor<2xf64> :
  // CHECK-NEXT:  func.return %t :
  // LOCATION:    bundle.dense {{.*}} loc("last")
  %t = bundle.dense %f weights q<4, 3> dense<0.5> : tensor<4x2xf64> : tensor<1x4x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<24, 7>> loc("last")
  %m = bundle.batch_norm %t gamma dense<1.0> : tensor<2xf64> beta dense<0.5> : tensor<2xf64> mean dense<2.0> : tensor<2xf64> variance dense<3.0> : tensor<2xf64> epsilon 1.0 bias q<16, 6> : tensor<1x2x!bundle.q<24, 7>> -> tensor<1x2x!bundle.q<24, 7>>
  func.return %m : tensor<1x2x!bundle.q<24, 7>>
}

// A bias that is finer makes the sum finer.
// CHECK:       func.func @fine
// CHECK-NEXT:    %t = bundle.dense %x weights q<4, 3> dense<2.500000e-01> : tensor<4x2xf64> bias q<16, 10> dense<-5.000000e-01> : tensor<2xf64> : tensor<1x4x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<27, 10>>
// CHECK-NEXT:    %a = bundle.activation %t : tensor<1x2x!bundle.q<27, 10>> -> tensor<1x2x!bundle.q<8, 4>>
func.func @fine(%x: tensor<1x4x!bundle.q<8, 4>>) -> tensor<1x2x!bundle.q<8, 4>> {
  %t = bundle.dense %x weights q<4, 3> dense<0.5> : tensor<4x2xf64> : tensor<1x4x!bundle.q<8, 4>> -> tensor<1x2x!bundle.q<24, 7>>
  %m = bundle.batch_norm %t gamma dense<1.0> : tensor<2xf64> beta dense<0.5> : tensor<2xf64> mean dense<2.0> : tensor<2xf64> variance dense<3.0> : tensor<2xf64> epsilon 1.0 bias q<16, 10> : tensor<1x2x!bundle.q<24, 7>> -> tensor<1x2x!bundle.q<27, 10>>
  %a = bundle.activation %m : tensor<1x2x!bundle.q<27, 10>> -> tensor<1x2x!bundle.q<8, 4>>
  func.return %a : tensor<1x2x!bundle.q<8, 4>>
}
