// SPDX-License-Identifier: Apache-2.0
//
// One row of one column group: a register for a pixel's V elements, the multiplexer that picks one of them for each
// step, and the row's PEs. Relative to the cycle t in which the element is at the PEs:
//
//   t-2  load_i: take the pixel from the feed bus (or earlier)
//   t-1  position_i: pick the element; after_i: element 0 is used up, element V takes its place
//   t    valid_i, first_i, w_i at the PEs; depthwise_i: each lane takes its element from broadcast_i instead

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
  localparam int unsigned PosBits = index_bits(VecLen)
) (
  input  wire logic                          clk_i,
  input  wire logic                          rst_ni,

  input  wire logic [VecLen-1:0][XBits-1:0]  feed_i,
  input  wire logic [XBits-1:0]              feed_after_i,
  input  wire logic                          load_i,
  input  wire logic                          after_i,
  input  wire logic [PosBits-1:0]            position_i,
  input  wire logic                          depthwise_i,
  input  wire logic [Lanes-1:0][XBits-1:0]   broadcast_i,
  input  wire logic                          valid_i,
  input  wire logic                          first_i,
  input  wire logic [Lanes-1:0][WBits-1:0]   w_i,
  output      logic [Lanes-1:0][AccBits-1:0] acc_o
);

  logic [VecLen-1:0][XBits-1:0] pixel_q;
  logic [XBits-1:0]             x_q;

  always_ff @(posedge clk_i) begin
    if (load_i) pixel_q <= feed_i;
    else if (after_i) pixel_q[0] <= feed_after_i;
    x_q <= pixel_q[position_i];
  end

  for (genvar c = 0; c < int'(Lanes); c++) begin : gen_pe
    dsf_pe #(
      .Pe      (Pe),
      .XBits   (XBits),
      .WBits   (WBits),
      .AccBits (AccBits)
    ) u_pe (
      .clk_i,
      .rst_ni,
      .valid_i,
      .first_i,
      .x_i     (depthwise_i ? broadcast_i[c] : x_q),
      .w_i     (w_i[c]),
      .acc_o   (acc_o[c])
    );
  end

endmodule

`default_nettype wire
