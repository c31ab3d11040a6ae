// SPDX-License-Identifier: Apache-2.0
//
// The one rounding of DSF (shift_round_half_even and clip of dsf/numerics.py), for one lane, a value a cycle:
//
//   result_o = clip(round_half_even(value_i / 2**shift_i) + zero_i, low_i, high_i)          3 cycles later
//
//   cycle 0   shift right by shift[5:4] * 16, remember whether a one fell off -> register
//   cycle 1   shift right by shift[3:0], saturate to OutBits + 1 bits -> register
//   cycle 2   round, add zero, clip -> register
//
// value is kept with one more bit below the point, the half; with the sticky bit of what fell off below it, rounding up
// is half && (sticky || odd). Saturating early is exact: limits less a zero have OutBits + 1 bits. zero_i and
// low_i <= high_i are steady. Rounding up is the carry into the addition of zero.
//
// Bit s of valid_i: there is a value that came s cycles ago. Where there is none, registers keep what they have.

`default_nettype none

module dsf_round_clip #(
  parameter int unsigned InBits  = 48,
  parameter int unsigned OutBits = 16
) (
  input  wire logic                      clk_i,

  input  wire logic [2:0]                valid_i,
  input  wire logic signed [InBits-1:0]  value_i,
  input  wire logic [5:0]                shift_i,
  input  wire logic signed [OutBits-1:0] zero_i,
  input  wire logic signed [OutBits-1:0] low_i,
  input  wire logic signed [OutBits-1:0] high_i,
  output      logic signed [OutBits-1:0] result_o
);

  localparam int unsigned SatBits = OutBits + 1;

  if (InBits <= SatBits || InBits > 62) begin : gen_check
    $error("dsf_round_clip: InBits has to lie between OutBits + 2 and 62");
  end

  // Cycle 0.

  logic signed [InBits:0] coarse_q;
  logic                   coarse_sticky_q;
  logic [3:0]             fine_shift_q;

  // Whether a right shift by 0, 16, 32 or 48 drops a one.
  function automatic logic drops(logic [InBits:0] value, logic [1:0] sixteens);
    return |(value & ~({(InBits + 1){1'b1}} << {sixteens, 4'd0}));
  endfunction

  always_ff @(posedge clk_i) begin
    if (valid_i[0]) begin
      coarse_q        <= $signed({value_i, 1'b0}) >>> {shift_i[5:4], 4'd0};
      coarse_sticky_q <= drops({value_i, 1'b0}, shift_i[5:4]);
      fine_shift_q    <= shift_i[3:0];
    end
  end

  // Cycle 1.

  typedef struct packed {
    logic [SatBits-1:0] floor;
    logic               up;
  } rounded_t;

  // No more bits are shifted than are kept: the value fits if all above them are the sign.
  function automatic rounded_t shift_fine(logic signed [InBits:0] value, logic sticky, logic [3:0] shift);
    logic [SatBits:0]    kept;
    logic [InBits:SatBits] unlike_sign;
    kept             = (SatBits + 1)'(value >>> shift);
    unlike_sign      = value[InBits:SatBits] ^ {(InBits - SatBits + 1){value[InBits]}};
    shift_fine.floor = kept[SatBits:1];
    if ((unlike_sign & ((InBits - SatBits + 1)'('1) << shift)) != '0) begin
      shift_fine.floor = {value[InBits], {(SatBits - 1){!value[InBits]}}};
    end
    shift_fine.up    = kept[0] && (kept[1] || sticky || |(value[14:0] & ~(15'h7fff << shift)));
  endfunction

  rounded_t rounded_q;

  always_ff @(posedge clk_i) if (valid_i[1]) rounded_q <= shift_fine(coarse_q, coarse_sticky_q, fine_shift_q);

  // Cycle 2. At or above the upper limit, and below the lower one, rounding up does not matter.

  logic signed [SatBits-1:0] floor, low_q, high_q;

  assign floor = rounded_q.floor;

  // Steady long before a value gets here.
  always_ff @(posedge clk_i) begin
    low_q  <= SatBits'(low_i) - SatBits'(zero_i);
    high_q <= SatBits'(high_i) - SatBits'(zero_i);
  end

  always_ff @(posedge clk_i) begin
    if (valid_i[2]) begin
      if (floor >= high_q)     result_o <= high_i;
      else if (floor < low_q)  result_o <= low_i;
      else                     result_o <= floor[OutBits-1:0] + zero_i + OutBits'(rounded_q.up);
    end
  end

endmodule

`default_nettype wire
