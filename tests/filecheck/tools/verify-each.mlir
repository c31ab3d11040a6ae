// RUN: dsf-opt %s -p dsf-pipeline --verify-each | filecheck %s
// RUN: dsf-opt %s -p 'dsf-pipeline{images=1 mode="tall"}' --verify-each | filecheck %s --check-prefix=TALL
// RUN: dsf-opt %s -p dsf-pipeline --print-debuginfo | filecheck %s --check-prefix=LOC
// RUN: not dsf-opt %s -p dsf-pipeline --verify-each --verify-input nowhere.npy 2>&1 | filecheck %s --check-prefix=INPUT

// RUN: dsf-opt %s -p fold-batch-norm,check-hardware,bundle-to-fxp,fxp-to-tile,tile-to-sched,sched-to-isa --verify-each | filecheck %s --check-prefix=FLAT

// INPUT: dsf-opt: 'nowhere.npy': No such file or directory, needs a .npy file of integers

// One dense layer, from real numbers to instructions.

engine.hardware {processing_elements = [2, 4], axi_width = 64}
func.func @main(%x: tensor<3x4x!bundle.q<8, 4>>) -> tensor<3x2x!bundle.q<8, 3>> {
  %s = bundle.dense %x weights q<8, 6> dense<[[0.5, -0.25], [1.0, 0.125], [-0.5, 0.75], [0.0, -1.0]]> : tensor<4x2xf64> : tensor<3x4x!bundle.q<8, 4>> -> tensor<3x2x!bundle.q<32, 10>>
  %y = bundle.activation %s negative_slope 0.25 : tensor<3x2x!bundle.q<32, 10>> -> tensor<3x2x!bundle.q<8, 3>>
  func.return %y : tensor<3x2x!bundle.q<8, 3>>
}
// CHECK:      isa.program inputs [#engine.tensor<shape = [3, 4], bits = 8, frac = 4, base = input, offset = 0>]
// CHECK-SAME: outputs [#engine.tensor<shape = [3, 2], bits = 8, frac = 3, base = output, offset = 0>]
// CHECK-DAG:    isa.load {{.*}}base = input
// CHECK-DAG:    isa.load_weights {{.*}}base = weights
// CHECK:        isa.matrix {{.*}}leak = 2
// CHECK:        isa.store wait(matrix) {base = output
// CHECK:        isa.end

// TALL-COUNT-3: isa.matrix {{.*}}tall = 1

// LOC: isa.matrix {{.*}}loc("bundle_0")

// FLAT: isa.program
