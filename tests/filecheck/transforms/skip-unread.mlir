// RUN: dsf-opt %s -p skip-unread --verify-each --split-input-file | filecheck %s
// RUN: dsf-opt %s -p 'skip-unread{enabled=false}' --split-input-file | filecheck %s --check-prefix=ALL
// RUN: dsf-opt %s -p skip-unread --print-debuginfo --split-input-file | filecheck %s --check-prefix=LOCATION

// Both readers of %5 have stride 2. So the sum is computed for one position in four, and with it the 1x1 and the 3x3 convolution
// that are read for it alone; %x, which the 3x3 convolution needs whole, is copied.

engine.hardware {processing_elements = [4, 8], column_groups = 2}
// CHECK:       func.func @main
// CHECK-NEXT:    %0 = fxp.conv %x strides [2, 2] padding [1, 1, 1, 1] weights {{.*}} : tensor<1x7x7x4xi8> -> tensor<1x4x4x4xi32>
// CHECK-NEXT:    %1 = fxp.requantize %0 {{.*}} -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %2 = fxp.conv %1 weights {{.*}} -> tensor<1x4x4x4xi32>
// CHECK-NEXT:    %3 = fxp.requantize %2 {{.*}} -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %4 = fxp.pool max %x size [1, 1] strides [2, 2] clip -128 to 127 : tensor<1x7x7x4xi8> -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %5 = fxp.add %3, %4 multiplier_b 2 shift 1 clip 0 to 127 {{.*}} -> tensor<1x4x4x4xi8>
// CHECK-NEXT:    %6 = fxp.conv %5 weights {{.*}} : tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi32>
// CHECK-NEXT:    fxp.requantize
// CHECK-NEXT:    fxp.conv %5 weights
// ALL:           fxp.conv %x padding [1, 1, 1, 1] weights
// ALL-NOT:       fxp.pool
// LOCATION:      fxp.conv {{.*}} loc("spread")
// LOCATION-NEXT: fxp.requantize {{.*}} loc("spread")
// LOCATION-NEXT: fxp.conv {{.*}} loc("point")
// LOCATION-NEXT: fxp.requantize {{.*}} loc("point")
// LOCATION-NEXT: fxp.pool {{.*}} loc("add")
// LOCATION-NEXT: fxp.add {{.*}} loc("add")
func.func @main(%x: tensor<1x7x7x4xi8>) -> tensor<1x4x4x4xi8> {
  %0 = fxp.conv %x padding [1, 1, 1, 1] weights dense<3> : tensor<3x3x4x4xi8> : tensor<1x7x7x4xi8> -> tensor<1x7x7x4xi32> loc("spread")
  %1 = fxp.requantize %0 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> clip -128 to 127 : tensor<1x7x7x4xi32> -> tensor<1x7x7x4xi8> loc("spread")
  %2 = fxp.conv %1 weights dense<2> : tensor<1x1x4x4xi8> : tensor<1x7x7x4xi8> -> tensor<1x7x7x4xi32> loc("point")
  %3 = fxp.requantize %2 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x7x7x4xi32> -> tensor<1x7x7x4xi8> loc("point")
  %4 = fxp.add %3, %x multiplier_b 2 shift 1 clip 0 to 127 : tensor<1x7x7x4xi8>, tensor<1x7x7x4xi8> -> tensor<1x7x7x4xi8> loc("add")
  %5 = fxp.conv %4 strides [2, 2] weights dense<1> : tensor<1x1x4x4xi8> : tensor<1x7x7x4xi8> -> tensor<1x4x4x4xi32>
  %6 = fxp.requantize %5 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x4x4x4xi32> -> tensor<1x4x4x4xi8>
  %7 = fxp.conv %4 strides [2, 2] weights dense<4> : tensor<1x1x4x4xi8> : tensor<1x7x7x4xi8> -> tensor<1x4x4x4xi32>
  %8 = fxp.requantize %7 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<3> : tensor<4xi8> clip -128 to 127 : tensor<1x4x4x4xi32> -> tensor<1x4x4x4xi8>
  %9 = fxp.add %6, %8 shift 1 clip -128 to 127 : tensor<1x4x4x4xi8>, tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi8>
  func.return %9 : tensor<1x4x4x4xi8>
}

// -----

// Read as a whole by somebody: by a kernel of two columns, by a convolution of another stride, by the caller.

engine.hardware {processing_elements = [4, 8], column_groups = 2}
// CHECK:      fxp.conv %x weights
// CHECK-NOT:  fxp.pool
// CHECK:      fxp.conv %1 strides [2, 2] weights
// CHECK:      fxp.conv %3 strides [2, 2] weights
// CHECK:      fxp.conv %3 strides [1, 2] weights
func.func @main(%x: tensor<1x4x4x4xi8>) -> tensor<1x2x2x4xi8> {
  %0 = fxp.conv %x weights dense<3> : tensor<1x1x4x4xi8> : tensor<1x4x4x4xi8> -> tensor<1x4x4x4xi32>
  %1 = fxp.requantize %0 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> clip -128 to 127 : tensor<1x4x4x4xi32> -> tensor<1x4x4x4xi8>
  %2 = fxp.conv %1 strides [2, 2] weights dense<3> : tensor<1x2x4x4xi8> : tensor<1x4x4x4xi8> -> tensor<1x2x2x4xi32>
  %3 = fxp.requantize %2 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> clip -128 to 127 : tensor<1x2x2x4xi32> -> tensor<1x2x2x4xi8>
  %4 = fxp.conv %3 strides [2, 2] weights dense<3> : tensor<1x1x4x4xi8> : tensor<1x2x2x4xi8> -> tensor<1x1x1x4xi32>
  %5 = fxp.requantize %4 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> clip -128 to 127 : tensor<1x1x1x4xi32> -> tensor<1x1x1x4xi8>
  %6 = fxp.conv %3 strides [1, 2] weights dense<3> : tensor<1x1x4x4xi8> : tensor<1x2x2x4xi8> -> tensor<1x2x1x4xi32>
  %7 = fxp.requantize %6 bias dense<1> : tensor<4xi32> multiplier dense<1> : tensor<4xi32> shift dense<5> : tensor<4xi8> clip -128 to 127 : tensor<1x2x1x4xi32> -> tensor<1x2x1x4xi8>
  func.return %3 : tensor<1x2x2x4xi8>
}
