// SPDX-License-Identifier: Apache-2.0
//
// The accumulator of one channel of a pooling window: its maximum, or its sum.
//
//   acc_o    1 cycle after valid_i, over the elements since first_i; those that are not counted change nothing
//
// The maximum of no elements is the type's minimum, the sum 0.

`default_nettype none

module dsf_pool_lane #(
  parameter int unsigned XBits   = 8,
  parameter int unsigned AccBits = 24
) (
  input  wire logic                      clk_i,

  input  wire logic                      maximum_i,
  input  wire logic signed [XBits-1:0]   pad_i,

  input  wire logic                      valid_i,
  input  wire logic                      first_i,
  input  wire logic                      counted_i,
  // Counted: from memory, or padding.
  input  wire logic                      read_i,
  input  wire logic signed [XBits-1:0]   data_i,
  output      logic signed [AccBits-1:0] acc_o
);

  localparam logic signed [XBits-1:0] Minimum = {1'b1, {(XBits - 1){1'b0}}};

  // One adder for both: a maximum, which stays within XBits, is added to nothing.
  function automatic logic signed [AccBits-1:0] accumulate(logic signed [AccBits-1:0] acc);
    logic signed [XBits-1:0]   value, best, summand;
    logic signed [AccBits-1:0] previous;
    value = read_i ? data_i : pad_i;
    best  = first_i ? Minimum : acc[XBits-1:0];
    if (counted_i && value > best) best = value;
    summand = maximum_i ? best : value;
    if (!maximum_i && !counted_i) summand = '0;
    previous = acc;
    if (first_i || maximum_i) previous = '0;
    return previous + AccBits'(summand);
  endfunction

  always_ff @(posedge clk_i) if (valid_i) acc_o <= accumulate(acc_o);

endmodule

`default_nettype wire
