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
// direct_i at load_i: count * 2**n is 1; no steps. leave_i, after the last step: the result comes a cycle later, and stays.

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

  // For values of that sign, while the division goes on; negative ones never take longer.
  input  wire logic                      step_positive_i,
  input  wire logic                      step_negative_i,
  input  wire logic [WindowBits-1:0]     count_i,

  input  wire logic                      leave_i,
  input  wire logic signed [XBits:0]     low_i,
  input  wire logic signed [XBits:0]     high_i,
  output      logic [XBits-1:0]          result_o
);

  // Magnitudes up to 2**XBits - 1, and the half.
  localparam int unsigned QuotientBits = XBits + 1;

  logic                    negative_q, beyond_q;
  logic [AccBits-1:0]      remainder_q;
  logic [QuotientBits-1:0] quotient_q;

  function automatic logic [AccBits-1:0] magnitude(logic signed [AccBits-1:0] value);
    return value[AccBits-1] ? -value : value;
  endfunction

  // A step: what remains, below the divisor but for its first value, and the next bit of the quotient.
  function automatic logic [AccBits:0] divide(logic [AccBits-1:0] remainder);
    logic [WindowBits:0]   top;
    logic [WindowBits+1:0] difference;
    top        = remainder[AccBits-1:XBits-1];
    difference = {1'b0, top} - {2'b00, count_i};
    if (difference[WindowBits+1]) return {top[WindowBits-1:0], remainder[XBits-2:0], 1'b0, 1'b0};
    return {difference[WindowBits-1:0], remainder[XBits-2:0], 1'b0, 1'b1};
  endfunction

  always_ff @(posedge clk_i) begin
    if (load_i) begin
      negative_q  <= acc_i[AccBits-1];
      remainder_q <= direct_i ? '0 : magnitude(acc_i);
      quotient_q  <= direct_i ? QuotientBits'({magnitude(acc_i), 1'b0}) : '0;
      beyond_q    <= 1'b0;
    end else if (step_positive_i) begin
      if (!negative_q || step_negative_i) begin
        {remainder_q, quotient_q[0]}  <= divide(remainder_q);
        quotient_q[QuotientBits-1:1] <= quotient_q[QuotientBits-2:0];
        beyond_q                     <= beyond_q || quotient_q[QuotientBits-1];
      end
    end
  end

  // -(floor + up) is ~floor + !up: one addition for both signs. At or above the upper limit, and below the lower one, the
  // carry does not matter.
  function automatic logic [XBits-1:0] round();
    logic                  carry;
    logic signed [XBits:0] floor;
    carry = (quotient_q[0] && (quotient_q[1] || remainder_q != '0)) ^ negative_q;
    floor = {1'b0, quotient_q[QuotientBits-1:1]} ^ {QuotientBits{negative_q}};
    if (beyond_q)        return negative_q ? low_i[XBits-1:0] : high_i[XBits-1:0];
    if (floor >= high_i) return high_i[XBits-1:0];
    if (floor < low_i)   return low_i[XBits-1:0];
    return floor[XBits-1:0] + XBits'(carry);
  endfunction

  always_ff @(posedge clk_i) if (leave_i) result_o <= round();

endmodule

`default_nettype wire
