// Every mistake is a message, without a traceback.

"test.op"() : () -> ()

// RUN: not dsf-opt nowhere.mlir 2>&1 | filecheck %s --check-prefix=MISSING
// MISSING: dsf-opt: 'nowhere.mlir': No such file or directory, needs a file that can be read or written

// RUN: not dsf-opt -p bundle-to-fxq %s 2>&1 | filecheck %s --check-prefix=PASS
// PASS: dsf-opt: 'bundle-to-fxq': unknown pass, needs a known one; did you mean one of: bundle-to-fxp

// RUN: not dsf-opt -p 'fxp-to-tile{colour=1}' %s 2>&1 | filecheck %s --check-prefix=OPTION
// OPTION: dsf-opt: 'fxp-to-tile': Provided arguments ["colour"] not found in expected arguments ["images", "rows", "groups", "block", "mode"]

// RUN: not dsf-opt -p 'fxp-to-tile{mode="long"}' %s 2>&1 | filecheck %s --check-prefix=VALUE
// VALUE: dsf-opt: 'fxp-to-tile':

// RUN: not dsf-opt -p 'fxp-to-tile{images=-1 groups=4096}' %s 2>&1 | filecheck %s --check-prefix=NEGATIVE
// RUN: not dsf-opt -p 'dsf-pipeline{images=-1 groups=4096}' %s 2>&1 | filecheck %s --check-prefix=NEGATIVE
// NEGATIVE:      'images': -1, needs an integer from 0 (the compiler chooses) to 4095; change the option
// NEGATIVE-NEXT: 'groups': 4096, needs an integer from 0 (the compiler chooses) to 4095; change the option

// RUN: not dsf-opt -p 'fxp-to-tile{rows=' %s 2>&1 | filecheck %s --check-prefix=SYNTAX
// SYNTAX: dsf-opt: Error parsing pass pipeline specification:

// RUN: cp %s %t.txt
// RUN: not dsf-opt %t.txt 2>&1 | filecheck %s --check-prefix=EXTENSION
// EXTENSION: txt': Unrecognized file extension 'txt', needs .mlir; rename it or pass -f mlir

// RUN: not dsf-opt %s --verify-each 2>&1 | filecheck %s --check-prefix=EMPTY
// EMPTY: dsf-opt: 'builtin.module': no operation of the levels bundle, fxp, tile, sched, isa, needs one to be executed

// RUN: not dsf-opt %s -p dsf-pipeline 2>&1 | filecheck %s --check-prefix=HARDWARE
// HARDWARE: dsf-opt: {{.*}}engine.hardware

// RUN: dsf-opt --help | filecheck %s --check-prefix=HELP
// HELP: passes of DSF: fold-batch-norm, group-into-bundles, check-hardware, bundle-to-fxp, skip-unread, merge-columns, fxp-to-tile, tile-to-sched, sched-to-isa, dsf-pipeline
// HELP: dsf-opt model.mlir -p dsf-pipeline --verify-each
