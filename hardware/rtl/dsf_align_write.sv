// SPDX-License-Identifier: Apache-2.0
//
// The inverse of dsf_align_read: moves rows, which begin at lane 0 of a fresh stream beat, to the byte lane of their
// address, with strobes for the bytes that are theirs. Memory beat k of a row is
//
//   {stream beat k, stream beat k-1} >> (8 * (beat bytes - shift))
//
// Works through bursts: each gives burst_len_i + 1 memory beats, the last of them marked; the burst is taken with that.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_align_write #(
  parameter int unsigned Width = 128,
  localparam int unsigned Bytes    = Width / 8,
  localparam int unsigned ByteBits = $clog2(Bytes)
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,

  input  wire logic                burst_valid_i,
  output      logic                burst_ready_o,
  input  wire logic [7:0]          burst_len_i,
  input  wire logic                burst_row_first_i,
  input  wire logic                burst_row_last_i,
  input  wire logic [ByteBits-1:0] burst_shift_i,  // lane of the row's first byte
  input  wire logic [ByteBits-1:0] burst_tail_i,   // (bytes of the row - 1) modulo a beat

  input  wire logic                in_valid_i,
  output      logic                in_ready_o,
  input  wire logic [Width-1:0]    in_data_i,
  input  wire logic                in_last_i,      // for the assertions only: the row's length is known

  output      logic                out_valid_o,
  input  wire logic                out_ready_i,
  output      logic [Width-1:0]    out_data_o,
  output      logic [Bytes-1:0]    out_strobe_o,
  output      logic                out_last_o      // of the burst
);

  logic [7:0]            beat_q;
  logic [Bytes-1:0][7:0] rotated, previous_q;
  logic [ByteBits:0]     end_lane;
  logic [Bytes-1:0]      carried, behind;
  logic                  burst_last, row_first, row_last, flush;

  assign burst_last = beat_q == burst_len_i;
  assign row_first  = burst_row_first_i && beat_q == '0;
  assign row_last   = burst_row_last_i && burst_last;
  assign end_lane   = {1'b0, burst_shift_i} + {1'b0, burst_tail_i};
  // The row's last memory beat holds only what was left of the stream beat before.
  assign flush      = row_last && end_lane[ByteBits];

  assign out_valid_o   = burst_valid_i && (in_valid_i || flush);
  assign in_ready_o    = burst_valid_i && out_ready_i && !flush;
  assign burst_ready_o = out_valid_o && out_ready_i && burst_last;
  assign out_last_o    = burst_last;

  dsf_rotate #(
    .Lanes(Bytes),
    .Width(8),
    .Up   (1'b1)
  ) u_rotate (
    .amount_i(burst_shift_i),
    .data_i  (in_data_i),
    .data_o  (rotated)
  );

  // Lanes below the shift hold bytes of the stream beat before; lanes behind the row's last byte are not the row's.
  assign carried = ~({Bytes{1'b1}} << burst_shift_i);
  assign behind  = ~({Bytes{1'b1}} >> ~end_lane[ByteBits-1:0]);

  assign out_strobe_o = ~((row_first ? carried : '0) | (row_last ? behind : '0));

  for (genvar i = 0; i < int'(Bytes); i++) begin : gen_byte
    // A flush must not look at the stream: that may be the next row, or change.
    assign out_data_o[8*i +: 8] = (carried[i] || flush) ? previous_q[i] : rotated[i];
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) beat_q <= '0;
    else if (out_valid_o && out_ready_i) beat_q <= burst_last ? '0 : beat_q + 8'd1;
  end

  always_ff @(posedge clk_i) begin
    if (in_valid_i && in_ready_o) previous_q <= rotated;
  end

`ifdef SYNTHESIS
  logic unused_last;
  assign unused_last = in_last_i;
`else
  // The stream's rows are as long as the bursts say.
  logic ended_q, take, row_end;

  assign take    = in_valid_i && in_ready_o;
  assign row_end = out_valid_o && out_ready_i && row_last;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) ended_q <= 1'b0;
    else if (row_end) ended_q <= 1'b0;
    else if (take) ended_q <= in_last_i;
  end

  `DSF_ASSERT(row_is_not_too_short, !(take && ended_q))
  `DSF_ASSERT(row_is_not_too_long, !row_end || (flush ? ended_q : in_last_i))
`endif

  `DSF_ASSERT_STREAM(in, in_valid_i, in_ready_o, {in_data_i, in_last_i})

endmodule

`default_nettype wire
