// RUN: DSF_VERIFY_DIAG

// Values are defined before they are used; xdsl-opt does not check it.

%b = arith.addi %a, %a : i32
// CHECK: dominance.mlir:5:1: 'arith.addi': operand 0 (%a) is used before its definition, needs the definition first; move it up
%a = arith.constant 1 : i32

// -----

"test.op"() ({
  "test.termop"(%late) : (i32) -> ()
  // CHECK: dominance.mlir:12:3: 'test.termop': operand 0 (%late) is used before its definition
}) : () -> ()
%late = arith.constant 1 : i32 loc("bundle_0")

// -----

// An operation may use a value in a nested region, and values of a block that dominates its own.
func.func @f(%c: i1) {
  %x = arith.constant 1 : i32
  "cf.cond_br"(%c)[^then, ^else] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()
^then:
  "test.op"(%x) ({
    "test.termop"(%x) : (i32) -> ()
  }) : (i32) -> ()
  "cf.br"()[^else] : () -> ()
^else:
  func.return
}
// CHECK: func.func @f

// -----

func.func @f(%c: i1) {
  "cf.cond_br"(%c)[^then, ^else] <{operandSegmentSizes = array<i32: 1, 0, 0>}> : (i1) -> ()
^then:
  %y = arith.constant 1 : i32
  "cf.br"()[^else] : () -> ()
^else:
  "test.op"(%y) : (i32) -> ()
  // CHECK: 'test.op': operand 0 (%y) is used before its definition
  func.return
}
