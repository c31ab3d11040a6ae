// RUN: DSF_VERIFY_DIAG

"test.op"() {a = "not closed} : () -> ()
// CHECK:      strings.mlir:3:18: this string is not closed, or has a wrong escape, needs a '"' on the same line
// CHECK-NEXT:   "test.op"() {a = "not closed} : () -> ()
// CHECK-NEXT:                    ^

// -----

// A quotation mark in a comment is none: "
"test.op"() {a = "closed // \"quoted\" \41"} : () -> ()
// CHECK: "test.op"() {a = "closed // \22quoted\22 A"} : () -> ()
