// SPDX-License-Identifier: Apache-2.0
//
// One element of a sum or a product (residual_add, multiply and clip of dsf/numerics.py), a value a cycle:
//
//   multiply_i   v
//   0            a * multiplier_a + b * multiplier_b + constant
//   1            a * b * multiplier_a + constant
//
//   result_o = clip(round_half_even(v / 2**(shift + (v < 0 ? leak : 0))))          6 cycles later
//
//   cycle 0   multiply b, by its multiplier or by a
//         1   multiply a, or the product
//         2   add
//      3..5   round and clip
//
// shift + leak is at most 62. All but a_i and b_i are steady while values are on their way.

`default_nettype none

module dsf_element_lane #(
  parameter int unsigned XBits = 8
) (
  input  wire logic                    clk_i,

  input  wire logic signed [XBits-1:0] a_i,
  input  wire logic signed [XBits-1:0] b_i,

  input  wire logic                    multiply_i,
  input  wire logic [15:0]             multiplier_a_i,
  input  wire logic [15:0]             multiplier_b_i,
  input  wire logic signed [31:0]      constant_i,
  input  wire logic [5:0]              shift_i,
  input  wire logic [3:0]              leak_i,
  input  wire logic signed [15:0]      low_i,
  input  wire logic signed [15:0]      high_i,

  output      logic [XBits-1:0]        result_o
);

  localparam int unsigned ProductBBits = XBits + 17;
  localparam int unsigned OperandBits  = 2 * XBits;
  localparam int unsigned ProductABits = OperandBits + 17;
  // Two products below 2**30 and a constant.
  localparam int unsigned SumBits = 33;

  logic signed [16:0]             factor;
  logic signed [XBits-1:0]        a_q;
  logic signed [ProductBBits-1:0] product_b_q, addend_q;
  logic signed [OperandBits-1:0]  operand;
  logic signed [ProductABits-1:0] product_a_q;
  logic signed [SumBits-1:0]      sum_q;
  logic signed [15:0]             result;

  assign factor  = multiply_i ? 17'(a_i) : $signed({1'b0, multiplier_b_i});
  assign operand = multiply_i ? product_b_q[OperandBits-1:0] : OperandBits'(a_q);

  always_ff @(posedge clk_i) begin
    a_q         <= a_i;
    product_b_q <= ProductBBits'(b_i) * ProductBBits'(factor);
    product_a_q <= ProductABits'(operand) * ProductABits'($signed({1'b0, multiplier_a_i}));
    addend_q    <= multiply_i ? '0 : product_b_q;
    sum_q       <= SumBits'(product_a_q) + SumBits'(addend_q) + SumBits'(constant_i);
  end

  dsf_round_clip #(.InBits(SumBits)) u_round_clip (
    .clk_i,
    .value_i (sum_q),
    .shift_i (shift_i + (sum_q[SumBits-1] ? 6'(leak_i) : 6'd0)),
    .low_i,
    .high_i,
    .result_o(result)
  );

  // The limits fit the element.
  assign result_o = result[XBits-1:0];

  logic unused;
  assign unused = ^result;

endmodule

`default_nettype wire
