// SPDX-License-Identifier: Apache-2.0
//
// The one rounding of DSF (shift_round_half_even and clip of dsf/numerics.py), for one lane, a value a cycle:
//
//   result_o = clip(round_half_even(value_i / 2**shift_i) + zero_i, low_i, high_i)          3 cycles later
//
//   cycle 0   shift right by shift[5:4] * 16 -> register
//   cycle 1   shift right by shift[3:2] * 4 and by shift[1:0] -> register
//   cycle 2   round, add zero, clip -> register
//
// value is kept with one more bit below the point, the half; with the sticky bit of what fell off below it, rounding up
// is half && (sticky || odd). Limits less a zero have OutBits + 1 bits, so what these do not hold is beyond all limits, and its
// sign says which way. zero_i and low_i <= high_i are steady. Rounding up is the carry into the addition of zero.
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

  localparam int unsigned FloorBits = OutBits + 1;
  localparam int unsigned FineBits  = FloorBits + 1;  // and the half
  localparam int unsigned MidBits   = FineBits + 3;
  localparam int unsigned WideBits  = MidBits + 12;

  if (InBits <= FloorBits || InBits > 62) begin : gen_check
    $error("dsf_round_clip: InBits has to lie between OutBits + 2 and 62");
  end

  // Cycle 0.

  logic signed [WideBits-1:0] wide, wide_q;
  logic                       wide_beyond, wide_sticky, wide_beyond_q, wide_sticky_q, negative_q;
  logic [3:0]                 fine_shift_q;

  dsf_shift_stage #(.InBits(InBits + 1), .OutBits(WideBits), .Step(16)) u_sixteens (
    .value_i ({value_i, 1'b0}),
    .steps_i (shift_i[5:4]),
    .value_o (wide),
    .beyond_o(wide_beyond),
    .sticky_o(wide_sticky)
  );

  always_ff @(posedge clk_i) begin
    if (valid_i[0]) begin
      wide_q        <= wide;
      wide_beyond_q <= wide_beyond;
      wide_sticky_q <= wide_sticky;
      negative_q    <= value_i[InBits-1];
      fine_shift_q  <= shift_i[3:0];
    end
  end

  // Cycle 1.

  logic signed [MidBits-1:0]   mid;
  logic signed [FineBits-1:0]  fine;
  logic                        mid_beyond, mid_sticky, fine_beyond, fine_sticky;
  logic signed [FloorBits-1:0] floor_q;
  logic                        up_q, above_all_q, below_all_q;

  dsf_shift_stage #(.InBits(WideBits), .OutBits(MidBits), .Step(4)) u_fours (
    .value_i (wide_q),
    .steps_i (fine_shift_q[3:2]),
    .value_o (mid),
    .beyond_o(mid_beyond),
    .sticky_o(mid_sticky)
  );

  dsf_shift_stage #(.InBits(MidBits), .OutBits(FineBits), .Step(1)) u_ones (
    .value_i (mid),
    .steps_i (fine_shift_q[1:0]),
    .value_o (fine),
    .beyond_o(fine_beyond),
    .sticky_o(fine_sticky)
  );

  always_ff @(posedge clk_i) begin
    if (valid_i[1]) begin
      floor_q     <= fine[FineBits-1:1];
      up_q        <= fine[0] && (fine[1] || wide_sticky_q || mid_sticky || fine_sticky);
      above_all_q <= (wide_beyond_q || mid_beyond || fine_beyond) && !negative_q;
      below_all_q <= (wide_beyond_q || mid_beyond || fine_beyond) && negative_q;
    end
  end

  // Cycle 2. At or above the upper limit, and below the lower one, rounding up does not matter.

  logic signed [FloorBits-1:0] low_q, high_q;

  // Steady long before a value gets here.
  always_ff @(posedge clk_i) begin
    low_q  <= FloorBits'(low_i) - FloorBits'(zero_i);
    high_q <= FloorBits'(high_i) - FloorBits'(zero_i);
  end

  always_ff @(posedge clk_i) begin
    if (valid_i[2]) begin
      if (above_all_q || (!below_all_q && floor_q >= high_q)) result_o <= high_i;
      else if (below_all_q || floor_q < low_q)                result_o <= low_i;
      else                                                    result_o <= floor_q[OutBits-1:0] + zero_i + OutBits'(up_q);
    end
  end

endmodule

`default_nettype wire
