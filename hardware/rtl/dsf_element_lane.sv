// SPDX-License-Identifier: Apache-2.0
//
// One element of a sum or a product (residual_add, multiply and clip of dsf/numerics.py), a value a cycle:
//
//   multiply_i   v
//   0            a * multiplier_a + b * multiplier_b + constant
//   1            (a - zero_a) * (b - zero_b) * multiplier_a + constant
//
//   result_o = clip(round_half_even(v / 2**(v < 0 ? shift_negative : shift)))      7 cycles later
//
//   cycle 0, 1   multiply b, by its multiplier or by a; add the constant to a sum
//         2, 3   multiply a, or the product; add, to a product the constant
//         4..6   round and clip
//
// Multipliers have MBits, the constant 16 more. Each half is a multiplier, a register, an adder and a register, as a DSP block
// has them. Shifts are at most 62. All but a_i and b_i are steady while values are on their way. Bit s of valid_i: there is a
// value that came s cycles ago. Where there is none, registers keep what they have.

`default_nettype none

module dsf_element_lane #(
  parameter int unsigned XBits = 8,
  parameter int unsigned MBits = 16
) (
  input  wire logic                     clk_i,

  input  wire logic [6:0]               valid_i,
  input  wire logic signed [XBits-1:0]  a_i,
  input  wire logic signed [XBits-1:0]  b_i,

  input  wire logic                     multiply_i,
  input  wire logic [MBits-1:0]         multiplier_a_i,
  input  wire logic [MBits-1:0]         multiplier_b_i,
  input  wire logic signed [XBits-1:0]  zero_a_i,
  input  wire logic signed [XBits-1:0]  zero_b_i,
  input  wire logic signed [MBits+15:0] constant_i,
  input  wire logic [5:0]               shift_i,
  input  wire logic [5:0]               shift_negative_i,
  input  wire logic signed [XBits-1:0]  low_i,
  input  wire logic signed [XBits-1:0]  high_i,

  output      logic signed [XBits-1:0]  result_o
);

  // A difference of two elements, and a product of two of those, less than 2**(2*XBits).
  localparam int unsigned DiffBits     = XBits + 1;
  localparam int unsigned OperandBits  = 2 * XBits + 1;
  localparam int unsigned FactorBits   = MBits + 1;
  localparam int unsigned ProductBBits = DiffBits + FactorBits;
  localparam int unsigned ProductABits = OperandBits + FactorBits;
  // Two products below 2**(MBits + 8), or one below 2**(MBits + 16), and a constant.
  localparam int unsigned SumBits = MBits + 18;

  logic signed [DiffBits-1:0]     a_diff, b_diff;
  logic signed [FactorBits-1:0]   factor;
  logic signed [1:0][XBits-1:0]   a_q;
  logic signed [ProductBBits-1:0] product_b_q;
  logic signed [SumBits-1:0]      sum_b_q, addend_q, sum_q;
  logic signed [OperandBits-1:0]  operand;
  logic signed [ProductABits-1:0] product_a_q;

  assign a_diff  = DiffBits'(a_i) - DiffBits'(zero_a_i);
  assign b_diff  = DiffBits'(b_i) - DiffBits'(zero_b_i);
  assign factor  = multiply_i ? FactorBits'(a_diff) : $signed({1'b0, multiplier_b_i});
  assign operand = multiply_i ? sum_b_q[OperandBits-1:0] : OperandBits'($signed(a_q[1]));

  always_ff @(posedge clk_i) begin
    if (valid_i[0]) begin
      a_q[0]      <= a_i;
      product_b_q <= ProductBBits'(b_diff) * ProductBBits'(factor);
    end
    if (valid_i[1]) begin
      a_q[1]  <= a_q[0];
      sum_b_q <= SumBits'(product_b_q) + (multiply_i ? '0 : SumBits'(constant_i));
    end
    if (valid_i[2]) begin
      product_a_q <= ProductABits'(operand) * ProductABits'($signed({1'b0, multiplier_a_i}));
      addend_q    <= multiply_i ? SumBits'(constant_i) : sum_b_q;
    end
    if (valid_i[3]) sum_q <= SumBits'(product_a_q) + addend_q;
  end

  dsf_round_clip #(.InBits(SumBits), .OutBits(XBits)) u_round_clip (
    .clk_i,
    .valid_i (valid_i[6:4]),
    .value_i (sum_q),
    .shift_i (sum_q[SumBits-1] ? shift_negative_i : shift_i),
    .zero_i  ('0),
    .low_i,
    .high_i,
    .result_o
  );

endmodule

`default_nettype wire
