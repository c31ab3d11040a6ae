// RUN: DSF_ROUNDTRIP
// RUN: DSF_GENERIC_ROUNDTRIP

engine.hardware {}
// CHECK:         engine.hardware {}
// CHECK-GENERIC: "engine.hardware"() <{parameters = {}}> : () -> ()

// -----

engine.hardware {processing_elements = [8, 96], frequency = 250.5, bits_weights = 4, reset = "async"}
// CHECK:         engine.hardware {processing_elements = [8, 96], frequency = 250.5, bits_weights = 4, reset = "async"}
// CHECK-GENERIC: "engine.hardware"() <{parameters = {processing_elements = array<i64: 8, 96>, frequency = 2.505000e+02 : f64, bits_weights = 4 : i64, reset = "async"}}> : () -> ()

// -----

"test.op"() {tensor = #engine.tensor<shape = [8, 10], bits = 32, frac = -2, base = output, offset = 64>} : () -> ()
// CHECK:         tensor = #engine.tensor<shape = [8, 10], bits = 32, frac = -2, base = output, offset = 64>
// CHECK-GENERIC: tensor = #engine.tensor<shape = [8, 10], bits = 32, frac = -2, base = output, offset = 64>

// -----

"test.op"() {tensor = #engine.tensor<shape = [1, 2], bits = 8, frac = 0, scales = [0.5, 1.0e-05], zero_point = -3, base = output, offset = 0>} : () -> ()
// CHECK:         tensor = #engine.tensor<shape = [1, 2], bits = 8, frac = 0, scales = [0.5, 1.0e-05], zero_point = -3, base = output, offset = 0>
// CHECK-GENERIC: tensor = #engine.tensor<shape = [1, 2], bits = 8, frac = 0, scales = [0.5, 1.0e-05], zero_point = -3, base = output, offset = 0>
