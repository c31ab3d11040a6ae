// RUN: dsf-opt %s -p dsf-pipeline | filecheck %s
// RUN: dsf-opt %s -p dsf-pipeline --print-between-passes | filecheck %s --check-prefix=EACH
// RUN: dsf-opt %s -p fold-batch-norm,group-into-bundles,check-hardware,bundle-to-fxp,skip-unread,merge-columns,fxp-to-tile,tile-to-sched,sched-to-isa | filecheck %s
// RUN: dsf-opt %s -p 'dsf-pipeline{images=1}' | filecheck %s --check-prefix=IMAGES
// RUN: dsf-opt %s -p 'dsf-pipeline{resident-weights=false}' | filecheck %s --check-prefix=LOADING

// The pipeline is its passes one after the other, and hands its options on.

engine.hardware {processing_elements = [2, 4], axi_width = 64}
func.func @main(%x: tensor<3x4x!bundle.q<8, 4>>) -> tensor<3x2x!bundle.q<32, 8>> {
  %s = bundle.dense %x weights q<8, 4> dense<0.5> : tensor<4x2xf64> : tensor<3x4x!bundle.q<8, 4>> -> tensor<3x2x!bundle.q<32, 8>>
  func.return %s : tensor<3x2x!bundle.q<32, 8>>
}
// CHECK:         isa.load_program
// CHECK-COUNT-1: isa.matrix
// CHECK-NOT:     isa.matrix

// EACH: IR after fold-batch-norm:
// EACH: IR after group-into-bundles:
// EACH: bundle.bundle
// EACH: IR after check-hardware:
// EACH: IR after bundle-to-fxp:
// EACH: fxp.conv
// EACH: IR after skip-unread:
// EACH: IR after merge-columns:
// EACH: IR after fxp-to-tile:
// EACH: tile.matrix
// EACH: IR after tile-to-sched:
// EACH: sched.matrix
// EACH: isa.matrix

// IMAGES-COUNT-3: isa.matrix

// LOADING-NOT: isa.load_program
// LOADING:     isa.load_weights
// LOADING:     isa.matrix wait(load, weight)
