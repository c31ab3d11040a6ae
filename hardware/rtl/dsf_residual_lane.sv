// SPDX-License-Identifier: Apache-2.0
//
// One channel of a residual addition (`residual_add` of dsf/numerics.py), a value a cycle:
//
//   v        = a * multiplier_a + b * multiplier_b + offset
//   result_o = clip(round_half_even(v / 2**(shift + (v < 0 ? leak : 0))))          5 cycles later
//
//   cycle 0   multiply
//         1   add
//      2..4   round and clip
//
// Multipliers have MBits, the offset 16 more. shift + leak is at most 62. All but a_i and b_i are steady while values are on
// their way. Bit s of valid_i: there is a value that came s cycles ago. Where there is none, registers keep what they have.

`default_nettype none

module dsf_residual_lane
  import dsf_pkg::*;
#(
  parameter int unsigned XBits = 8,
  parameter int unsigned MBits = 16
) (
  input  wire logic                     clk_i,

  input  wire logic [4:0]               valid_i,
  input  wire logic signed [XBits-1:0]  a_i,
  input  wire logic signed [XBits-1:0]  b_i,

  input  wire logic [MBits-1:0]         multiplier_a_i,
  input  wire logic [MBits-1:0]         multiplier_b_i,
  input  wire logic signed [MBits+15:0] offset_i,
  input  wire logic [5:0]               shift_i,
  input  wire logic [3:0]               leak_i,
  input  wire logic signed [XBits-1:0]  low_i,
  input  wire logic signed [XBits-1:0]  high_i,

  output      logic signed [XBits-1:0]  result_o
);

  localparam int unsigned ProductBits = XBits + MBits;
  // Two products and an offset.
  localparam int unsigned SumBits = max2(ProductBits + 1, MBits + 16) + 1;

  logic signed [ProductBits-1:0] product_a_q, product_b_q;
  logic signed [SumBits-1:0]     sum_q;

  always_ff @(posedge clk_i) begin
    if (valid_i[0]) begin
      product_a_q <= ProductBits'(a_i) * ProductBits'($signed({1'b0, multiplier_a_i}));
      product_b_q <= ProductBits'(b_i) * ProductBits'($signed({1'b0, multiplier_b_i}));
    end
    if (valid_i[1]) sum_q <= SumBits'(product_a_q) + SumBits'(product_b_q) + SumBits'(offset_i);
  end

  dsf_round_clip #(.InBits(SumBits), .OutBits(XBits)) u_round_clip (
    .clk_i,
    .valid_i (valid_i[4:2]),
    .value_i (sum_q),
    .shift_i (shift_i + (sum_q[SumBits-1] ? 6'(leak_i) : 6'd0)),
    .zero_i  ('0),
    .low_i,
    .high_i,
    .result_o
  );

endmodule

`default_nettype wire
