// SPDX-License-Identifier: Apache-2.0
//
// The end of a pooling window, for all lanes at once (pool_scale of dsf/numerics.py):
//
//   result_o = clip(round_half_even(acc * 2**left / (count * 2**(right + (acc < 0 ? leak : 0)))), low, high)
//
// load_i takes acc_i and count_i; leave_i, once steps_left_o is 0, brings result_o a cycle later, until the next one leaves.
// With n = right - left it takes max(0, XBits + 1 - n) steps, or none with direct_i, which says that
// count * 2**n is 1 and leak is 0. See dsf_divider_lane. The scale is steady from 2 cycles before load_i on.

`default_nettype none
`include "dsf_reset.svh"

module dsf_divider #(
  parameter int unsigned XBits      = 8,
  parameter int unsigned WindowBits = 16,
  parameter int unsigned Lanes      = 32,
  localparam int unsigned AccBits  = XBits + WindowBits,
  // Of XBits + 1 - n, where n is -15 at least.
  localparam int unsigned StepBits = $clog2(XBits + 17)
) (
  input  wire logic                          clk_i,
  input  wire logic                          rst_ni,

  input  wire logic [3:0]                    left_i,
  input  wire logic [5:0]                    right_i,
  input  wire logic [3:0]                    leak_i,
  input  wire logic signed [15:0]            low_i,
  input  wire logic signed [15:0]            high_i,

  input  wire logic                          load_i,
  input  wire logic                          direct_i,
  input  wire logic [Lanes-1:0][AccBits-1:0] acc_i,
  input  wire logic [WindowBits-1:0]         count_i,
  output      logic [StepBits-1:0]           steps_left_o,
  input  wire logic                          leave_i,
  output      logic [Lanes-1:0][XBits-1:0]   result_o
);

  localparam logic signed [7:0] StepsAtZero = 8'(XBits + 1);

  logic signed [7:0]     exponent_positive, exponent_negative;
  logic [StepBits-1:0]   steps_positive_q, steps_negative_q;
  logic [StepBits-1:0]   positive_left_q, negative_left_q;
  logic [WindowBits-1:0] count_q;

  function automatic logic [StepBits-1:0] division_steps(logic signed [7:0] exponent);
    return (exponent > StepsAtZero) ? '0 : StepBits'(StepsAtZero - exponent);
  endfunction

  assign exponent_positive = $signed({2'b00, right_i}) - $signed({4'b0000, left_i});
  assign exponent_negative = exponent_positive + $signed({4'b0000, leak_i});

  always_ff @(posedge clk_i) begin
    steps_positive_q <= division_steps(exponent_positive);
    steps_negative_q <= division_steps(exponent_negative);
    if (load_i) count_q <= count_i;
  end

  // Negative values never take more steps than positive ones.
  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      positive_left_q <= '0;
      negative_left_q <= '0;
    end else if (load_i) begin
      positive_left_q <= direct_i ? '0 : steps_positive_q;
      negative_left_q <= direct_i ? '0 : steps_negative_q;
    end else begin
      if (positive_left_q != '0) positive_left_q <= positive_left_q - 1'b1;
      if (negative_left_q != '0) negative_left_q <= negative_left_q - 1'b1;
    end
  end

  assign steps_left_o = positive_left_q;

  // Results have XBits, and so have limits; those that say "no limit" may have more.
  function automatic logic signed [XBits:0] saturate(logic signed [15:0] limit);
    return (limit[15:XBits] == {(16 - XBits){limit[15]}}) ? limit[XBits:0] : {limit[15], {XBits{!limit[15]}}};
  endfunction

  logic signed [XBits:0] low, high;
  assign low  = saturate(low_i);
  assign high = saturate(high_i);

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    dsf_divider_lane #(.XBits(XBits), .WindowBits(WindowBits)) u_lane (
      .clk_i,
      .load_i,
      .direct_i,
      .acc_i          (acc_i[l]),
      .step_positive_i(positive_left_q != '0),
      .step_negative_i(negative_left_q != '0),
      .count_i        (count_q),
      .leave_i,
      .low_i          (low),
      .high_i         (high),
      .result_o       (result_o[l])
    );
  end

endmodule

`default_nettype wire
