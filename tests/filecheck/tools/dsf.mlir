// RUN: dsf-opt %s -p dsf-pipeline --print-debuginfo -o %t.isa.mlir
// RUN: dsf asm %t.isa.mlir -o %t/program.bin | filecheck %s --check-prefix=ASM
// RUN: dsf disasm %t/program.bin | filecheck %s
// RUN: dsf disasm %t/program.bin -o %t.again.mlir
// RUN: dsf asm %t.again.mlir -o %t/again/program.bin
// RUN: cmp %t/program.bin %t/again/program.bin
// RUN: cmp %t/weights.bin %t/again/weights.bin
// RUN: not dsf disasm %t/weights.bin 2>&1 | filecheck %s --check-prefix=FOREIGN
// RUN: not dsf asm %s -o %t/none.bin 2>&1 | filecheck %s --check-prefix=LEVEL

// Binary to text and back without loss, names of bundles included.

engine.hardware {processing_elements = [2, 4], axi_width = 64}
func.func @main(%x: tensor<3x4x!bundle.q<8, 4>>) -> tensor<3x2x!bundle.q<32, 10>> {
  %s = bundle.dense %x weights q<8, 6> dense<[[0.5, -0.25], [1.0, 0.125], [-0.5, 0.75], [0.0, -1.0]]> : tensor<4x2xf64> : tensor<3x4x!bundle.q<8, 4>> -> tensor<3x2x!bundle.q<32, 10>>
  func.return %s : tensor<3x2x!bundle.q<32, 10>>
}
// ASM:     program.bin: 3 instructions of the load program and 4 instructions, 64 + 96 + {{[0-9]+}} bytes
// CHECK:   engine.hardware {processing_elements = [2, 4], frequency = 200,
// CHECK:   isa.program {{.*}}bundles ["bundle_0"]
// CHECK:   isa.load_program {
// CHECK:   isa.load_weights {{.*}}loc("bundle_0")
// CHECK:   isa.end
// CHECK:   isa.matrix {{.*}}raw = 1{{.*}}loc("bundle_0")
// CHECK:   isa.end
// FOREIGN: dsf: {{.*}}needs a file that begins with the 64-byte header of 'DSFP'
// LEVEL:   dsf: 'builtin.module': has 0 isa.program operations, needs one; compile with dsf-pipeline
