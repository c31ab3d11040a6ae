// SPDX-License-Identifier: Apache-2.0
//
// The array: Groups column groups, in one of two shapes.
//
//   wide  every group gets the same control and pixels, and its own weights: R pixels by C channels
//   tall  control and weights that leave the last row of group g enter row 0 of group g+1: G*R pixels by C/G channels
//
// Depthwise is wide, but a PE takes its own channel of what is on the feed bus: element g * Lanes + lane, in all rows.
//
// The shape, and depthwise, are levels that travel with control, and may change with any step, provided that no step of a tall tile is
// still on its way to a later group when a wide step enters (the sequencer sees to that).

`default_nettype none
`include "dsf_reset.svh"

module dsf_array
  import dsf_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter  int unsigned Rows    = 8,
  parameter  int unsigned Groups  = 3,
  parameter  int unsigned Lanes   = 8,
  parameter  int unsigned Pe      = PeInteger,
  parameter  int unsigned XBits   = 8,
  parameter  int unsigned WBits   = 8,
  parameter  int unsigned AccBits = 32,
  parameter  int unsigned VecLen  = 32,
  localparam int unsigned PosBits = index_bits(VecLen),
  localparam int unsigned RowBits = index_bits(Rows)
) (
  input  wire logic                                      clk_i,
  input  wire logic                                      rst_ni,

  // One cycle after load_i.
  input  wire logic [VecLen-1:0][XBits-1:0]              feed_i,
  // Two cycles after it.
  input  wire logic [XBits-1:0]                          feed_after_i,

  input  wire logic                                      valid_i,
  input  wire logic                                      first_i,
  input  wire logic                                      load_i,
  input  wire logic                                      long_i,
  input  wire logic                                      tall_i,
  input  wire logic                                      depthwise_i,
  input  wire logic [PosBits-1:0]                        position_i,

  // Two cycles after the step has entered. Tall: only group 0's word is used.
  input  wire logic [Groups-1:0][Lanes-1:0][WBits-1:0]   w_i,

  // Results: one row of each group.
  input  wire logic [Groups-1:0][RowBits-1:0]            row_i,
  output      logic [Groups-1:0][Lanes-1:0][AccBits-1:0] acc_o
);

  logic [Groups-1:0]                       valid, first, load, long;
  logic [Groups-1:0][PosBits-1:0]          position;
  logic [Groups-1:0][Lanes-1:0][WBits-1:0] w;
  logic                                    tall_w;

  dsf_delay #(
    .Width  (1),
    .Cycles (OperandDelay - 2)
  ) u_tall_w (
    .clk_i,
    .data_i (tall_i),
    .data_o (tall_w)
  );

  localparam int unsigned DepthwiseGroups = depthwise_groups(Groups, Lanes, VecLen);

  // What is broadcast comes to the operand registers as a row's own element would: over two registers.
  logic [Groups-1:0][Lanes-1:0][XBits-1:0] broadcast;

  if (DepthwiseGroups < Groups) begin : gen_idle_groups
    assign broadcast[Groups-1:DepthwiseGroups] = '0;
  end

  dsf_delay #(
    .Width  (DepthwiseGroups * Lanes * XBits),
    .Cycles (OperandDelay - 2)
  ) u_broadcast (
    .clk_i,
    .data_i (feed_i[DepthwiseGroups*Lanes-1:0]),
    .data_o (broadcast[DepthwiseGroups-1:0])
  );

  for (genvar g = 0; g < int'(Groups); g++) begin : gen_group
    logic                        group_valid, group_first, group_load, group_long;
    logic [PosBits-1:0]          group_position;
    logic [Lanes-1:0][WBits-1:0] group_w;

    if (g == 0) begin : gen_enter
      assign group_valid    = valid_i;
      assign group_first    = first_i;
      assign group_load     = load_i;
      assign group_long     = long_i;
      assign group_position = position_i;
      assign group_w        = w_i[0];
    end else begin : gen_shape
      assign group_valid    = tall_i ? valid[g-1] : valid_i;
      assign group_first    = tall_i ? first[g-1] : first_i;
      assign group_load     = tall_i ? load[g-1] : load_i;
      assign group_long     = tall_i ? long[g-1] : long_i;
      assign group_position = tall_i ? position[g-1] : position_i;
      assign group_w        = tall_w ? w[g-1] : w_i[g];
    end

    dsf_array_group #(
      .Rows    (Rows),
      .Lanes   (Lanes),
      .Pe      (Pe),
      .XBits   (XBits),
      .WBits   (WBits),
      .AccBits (AccBits),
      .VecLen  (VecLen)
    ) u_group (
      .clk_i,
      .rst_ni,
      .feed_i,
      .feed_after_i,
      .valid_i      (group_valid),
      .first_i      (group_first),
      .load_i       (group_load),
      .long_i       (group_long),
      .depthwise_i,
      .broadcast_i  (broadcast[g]),
      .position_i   (group_position),
      .w_i          (group_w),
      .valid_o      (valid[g]),
      .first_o      (first[g]),
      .load_o       (load[g]),
      .long_o       (long[g]),
      .position_o   (position[g]),
      .w_o          (w[g]),
      .row_i        (row_i[g]),
      .acc_o        (acc_o[g])
    );
  end

  // The last group has no next one; with one group there is no shape.
  logic unused;
  assign unused = ^{valid[Groups-1], first[Groups-1], load[Groups-1], long[Groups-1], position[Groups-1], w[Groups-1], tall_w, tall_i};

endmodule

`default_nettype wire
