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

`default_nettype none

module dsf_round_clip #(
  parameter int unsigned InBits  = 48,
  parameter int unsigned OutBits = 16
) (
  input  wire logic                      clk_i,

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

  logic signed [InBits:0] coarse, coarse_q;
  logic                   coarse_sticky, coarse_sticky_q;
  logic [3:0]             fine_shift_q;

  // What a right shift by 0, 16, 32 or 48 drops: a mask of the bits below.
  function automatic logic [InBits:0] below(logic [1:0] c);
    for (int unsigned i = 0; i <= InBits; i++) below[i] = 32'(c) > i / 16;
  endfunction

  assign coarse        = $signed({value_i, 1'b0}) >>> {shift_i[5:4], 4'd0};
  assign coarse_sticky = |({value_i, 1'b0} & below(shift_i[5:4]));

  always_ff @(posedge clk_i) begin
    coarse_q        <= coarse;
    coarse_sticky_q <= coarse_sticky;
    fine_shift_q    <= shift_i[3:0];
  end

  // Cycle 1.

  // The floor and the half, of which no more bits are shifted than are kept: it fits if all above them are the sign.
  logic [SatBits:0]          fine;
  logic [InBits:SatBits]     unlike_sign;
  logic                      fine_sticky, fits, negative;
  logic signed [SatBits-1:0] floor_q;
  logic                      up_q;

  assign negative    = coarse_q[InBits];
  assign fine        = (SatBits + 1)'(coarse_q >>> fine_shift_q);
  assign fine_sticky = coarse_sticky_q || |(coarse_q[14:0] & ~(15'h7fff << fine_shift_q));
  assign unlike_sign = coarse_q[InBits:SatBits] ^ {(InBits - SatBits + 1){negative}};
  assign fits        = (unlike_sign & ((InBits - SatBits + 1)'('1) << fine_shift_q)) == '0;

  always_ff @(posedge clk_i) begin
    floor_q <= fits ? fine[SatBits:1] : {negative, {(SatBits - 1){!negative}}};
    up_q    <= fine[0] && (fine_sticky || fine[1]);
  end

  // Cycle 2. At or above the upper limit, and below the lower one, rounding up does not matter.

  logic signed [SatBits-1:0] low_q, high_q;

  // Steady long before a value gets here.
  always_ff @(posedge clk_i) begin
    low_q  <= SatBits'(low_i) - SatBits'(zero_i);
    high_q <= SatBits'(high_i) - SatBits'(zero_i);
  end

  always_ff @(posedge clk_i) begin
    if (floor_q >= high_q)     result_o <= high_i;
    else if (floor_q < low_q)  result_o <= low_i;
    else                       result_o <= floor_q[OutBits-1:0] + zero_i + OutBits'(up_q);
  end

endmodule

`default_nettype wire
