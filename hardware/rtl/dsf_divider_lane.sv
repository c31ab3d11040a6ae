// SPDX-License-Identifier: Apache-2.0
//
// The end of a pooling window, for one channel (pool_scale of dsf/numerics.py): an exact division, a quotient bit a cycle,
// rounded half to even.
//
//   result_o = clip(round_half_even(acc / (count * 2**n)), low, high)
//
// |acc| is at most count * 2**(XBits-1), so that the first quotient bit, of weight 2**(XBits-1), is found by comparing with
// the divisor in a fixed position. The scale 2**n costs no shifter: it tells at which bit to stop. After the bit of weight
// 2**(n-1), the half, the quotient register holds floor and half, and the remainder says whether anything is left. That
// takes XBits + 1 - n steps, or none where n is larger: then the result is 0, since the quotient is at most a half, and
// even. n may differ by sign (leaky ReLU): each sign has its own step enable.
//
// Quotients that don't fit QuotientBits are beyond all limits of XBits: a flag is all that is kept of their upper bits.
//
// direct_i at load_i: count * 2**n is 1; no steps. The result is combinational, for a register.

`default_nettype none

module dsf_divider_lane #(
  parameter int unsigned XBits      = 8,
  parameter int unsigned WindowBits = 16,
  localparam int unsigned AccBits = XBits + WindowBits
) (
  input  wire logic                      clk_i,

  input  wire logic                      load_i,
  input  wire logic                      direct_i,
  input  wire logic signed [AccBits-1:0] acc_i,

  // For values of that sign, while the division goes on.
  input  wire logic                      step_positive_i,
  input  wire logic                      step_negative_i,
  input  wire logic [WindowBits-1:0]     count_i,

  input  wire logic signed [XBits:0]     low_i,
  input  wire logic signed [XBits:0]     high_i,
  output      logic [XBits-1:0]          result_o
);

  // Magnitudes up to 2**XBits - 1, and the half.
  localparam int unsigned QuotientBits = XBits + 1;

  logic                    negative_q, beyond_q;
  logic [AccBits-1:0]      remainder_q, magnitude;
  logic [QuotientBits-1:0] quotient_q;
  logic [WindowBits:0]     top;
  logic [WindowBits+1:0]   difference;
  logic                    bit_set, step;

  assign magnitude  = acc_i[AccBits-1] ? -acc_i : acc_i;
  assign step       = negative_q ? step_negative_i : step_positive_i;
  assign top        = remainder_q[AccBits-1:XBits-1];
  assign difference = {1'b0, top} - {2'b00, count_i};
  assign bit_set    = !difference[WindowBits+1];

  always_ff @(posedge clk_i) begin
    if (load_i) begin
      negative_q  <= acc_i[AccBits-1];
      remainder_q <= direct_i ? '0 : magnitude;
      quotient_q  <= direct_i ? {magnitude[XBits-1:0], 1'b0} : '0;
      beyond_q    <= 1'b0;
    end else if (step) begin
      remainder_q <= {bit_set ? difference[WindowBits-1:0] : top[WindowBits-1:0], remainder_q[XBits-2:0], 1'b0};
      quotient_q  <= {quotient_q[QuotientBits-2:0], bit_set};
      beyond_q    <= beyond_q || quotient_q[QuotientBits-1];
    end
  end

  // -(floor + up) is ~floor + !up: one addition for both signs. At or above the upper limit, and below the lower one, the
  // carry does not matter.

  logic                  up, carry;
  logic signed [XBits:0] floor;

  assign up    = quotient_q[0] && (quotient_q[1] || remainder_q != '0);
  assign carry = up ^ negative_q;
  assign floor = {1'b0, quotient_q[QuotientBits-1:1]} ^ {QuotientBits{negative_q}};

  always_comb begin
    if (beyond_q)              result_o = negative_q ? low_i[XBits-1:0] : high_i[XBits-1:0];
    else if (floor >= high_i)  result_o = high_i[XBits-1:0];
    else if (floor < low_i)    result_o = low_i[XBits-1:0];
    else                       result_o = floor[XBits-1:0] + XBits'(carry);
  end

  // What remains is below the divisor, but for its first value.
  logic unused;
  assign unused = difference[WindowBits];

endmodule

`default_nettype wire
