// SPDX-License-Identifier: Apache-2.0
//
// One channel's way from accumulator to activation (`requantize` and `raw` of dsf/numerics.py), a value a cycle:
//
//   v        = acc + (bias << bias_shift) / 2**FBits
//   sum_o    = floor(v)                                                                          2 cycles later
//   result_o = clip(round_half_even(v * multiplier / 2**(shift + (v < 0 ? leak : 0))) + zero)    6 cycles later
//
//   cycle 0   shift the bias        3..5   round and clip
//         1   add
//         2   multiply
//
// FBits bits of v are behind the point. The compiler proves that it fits the accumulator, so it is taken modulo 2**AccBits.
// shift + leak is at most 62. With FBits it counts from the last bit; from 63 on every product is 0, so more counts as 63.
// Results, limits and zero_i (the zero point) have OutBits. bias_shift_i, leak_i, zero_i, low_i and high_i are steady while values
// are on their way; the rest comes with the value. Bit s of valid_i: there is a value that came s cycles ago. Where there is none, registers keep what they have.

`default_nettype none

module dsf_requant_lane #(
  parameter int unsigned AccBits = 32,
  parameter int unsigned BBits   = 16,
  parameter int unsigned MBits   = 16,
  parameter int unsigned FBits   = 0,
  parameter int unsigned OutBits = 8
) (
  input  wire logic                      clk_i,

  input  wire logic [5:0]                valid_i,
  input  wire logic signed [AccBits-1:0] acc_i,
  input  wire logic signed [BBits-1:0]   bias_i,
  input  wire logic [MBits-1:0]          multiplier_i,
  input  wire logic [5:0]                shift_i,

  input  wire logic [4:0]                bias_shift_i,
  input  wire logic [3:0]                leak_i,
  input  wire logic signed [OutBits-1:0] zero_i,
  input  wire logic signed [OutBits-1:0] low_i,
  input  wire logic signed [OutBits-1:0] high_i,

  output      logic signed [AccBits-1:0] sum_o,
  output      logic signed [OutBits-1:0] result_o
);

  localparam int unsigned SumBits     = AccBits + FBits;
  localparam int unsigned ProductBits = SumBits + MBits;

  logic signed [AccBits-1:0]     acc_q;
  logic signed [SumBits-1:0]     bias_q, sum_q;
  logic [1:0][MBits-1:0]         multiplier_q;
  logic [1:0][5:0]               shift_q;
  logic signed [ProductBits-1:0] product_q;
  logic [5:0]                    total_shift, total_shift_q;

  always_ff @(posedge clk_i) begin
    if (valid_i[0]) begin
      acc_q           <= acc_i;
      bias_q          <= SumBits'(bias_i) << bias_shift_i;
      multiplier_q[0] <= multiplier_i;
      shift_q[0]      <= shift_i;
    end
    if (valid_i[1]) begin
      sum_q           <= (SumBits'(acc_q) << FBits) + bias_q;
      multiplier_q[1] <= multiplier_q[0];
      shift_q[1]      <= shift_q[0];
    end
    if (valid_i[2]) begin
      product_q     <= ProductBits'(sum_q) * ProductBits'($signed({1'b0, multiplier_q[1]}));
      total_shift_q <= total_shift;
    end
  end

  assign sum_o = sum_q[SumBits-1:FBits];

  if (FBits == 0) begin : gen_shift
    assign total_shift = shift_q[1] + (sum_q[SumBits-1] ? 6'(leak_i) : 6'd0);
  end else begin : gen_fine_shift
    logic [6:0] fine_shift;
    assign fine_shift  = 7'(shift_q[1]) + 7'(FBits) + (sum_q[SumBits-1] ? 7'(leak_i) : 7'd0);
    assign total_shift = fine_shift[6] ? 6'd63 : fine_shift[5:0];
  end

  // The part of a bias beyond the accumulator.
  logic unused;
  assign unused = ^bias_i;

  dsf_round_clip #(.InBits(ProductBits), .OutBits(OutBits)) u_round_clip (
    .clk_i,
    .valid_i (valid_i[5:3]),
    .value_i (product_q),
    .shift_i (total_shift_q),
    .zero_i,
    .low_i,
    .high_i,
    .result_o
  );

endmodule

`default_nettype wire
