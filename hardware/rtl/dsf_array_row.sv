// SPDX-License-Identifier: Apache-2.0
//
// One row of one column group: a register for a pixel's V elements, the multiplexer that picks one of them for each
// step, and the row's PEs. Relative to the cycle t in which the element is at the PEs:
//
//   t-3  load_i: take the pixel from the feed bus (or earlier)
//   t-2  position_i: pick the element; after_i: element 0 is used up, element V takes its place
//   t-1  w_i to the operand registers, with the element, or, depthwise_i, each lane's from broadcast_i
//   t    first_i[0]; valid_i[2]
//
// Bit s of first_i, and bit s + 2 of valid_i, belong to the step whose operands were at the PEs s cycles ago; bits 0 and 1 of
// valid_i to the steps that come to the pick and to the operand registers, which without one hold what they have.

`default_nettype none

module dsf_array_row
  import dsf_pkg::*;
#(
  parameter  int unsigned Lanes   = 8,
  parameter  int unsigned Pe      = PeInteger,
  parameter  int unsigned XBits   = 8,
  parameter  int unsigned WBits   = 8,
  parameter  int unsigned AccBits = 32,
  parameter  int unsigned VecLen  = 32,
  localparam int unsigned PosBits = index_bits(VecLen),
  localparam int unsigned Latency = pe_latency(Pe)
) (
  input  wire logic                          clk_i,

  input  wire logic [VecLen-1:0][XBits-1:0]  feed_i,
  input  wire logic [XBits-1:0]              feed_after_i,
  input  wire logic                          load_i,
  input  wire logic                          after_i,
  input  wire logic [PosBits-1:0]            position_i,
  input  wire logic                          depthwise_i,
  input  wire logic [Lanes-1:0][XBits-1:0]   broadcast_i,
  input  wire logic [Latency+1:0]            valid_i,
  input  wire logic [Latency-1:0]            first_i,
  input  wire logic [Lanes-1:0][WBits-1:0]   w_i,
  output      logic [Lanes-1:0][AccBits-1:0] acc_o
);

  logic [VecLen-1:0][XBits-1:0] pixel_q;
  logic [XBits-1:0]             picked_q;
  logic [Lanes-1:0][XBits-1:0]  x_q;
  logic [Lanes-1:0][WBits-1:0]  w_q;

  always_ff @(posedge clk_i) begin
    if (load_i) pixel_q <= feed_i;
    else if (after_i) pixel_q[0] <= feed_after_i;
    if (valid_i[0]) picked_q <= pixel_q[position_i];
    if (valid_i[1]) begin
      x_q <= depthwise_i ? broadcast_i : {Lanes{picked_q}};
      w_q <= w_i;
    end
  end

  for (genvar c = 0; c < int'(Lanes); c++) begin : gen_pe
    dsf_pe #(
      .Pe      (Pe),
      .XBits   (XBits),
      .WBits   (WBits),
      .AccBits (AccBits)
    ) u_pe (
      .clk_i,
      .valid_i (valid_i[Latency+1:2]),
      .first_i,
      .x_i     (x_q[c]),
      .w_i     (w_q[c]),
      .acc_o   (acc_o[c])
    );
  end

endmodule

`default_nettype wire
