// SPDX-License-Identifier: Apache-2.0
//
// The order in which a MATRIX instruction's results leave the array, as a stream of pieces. A piece is the channels of
// one channel group at one output position.
//
//   for each weight pass (wide: Groups channel groups, depthwise: as many as one read feeds, tall: one)
//     for each tile of P positions (P = Rows wide, Groups * Rows tall; depthwise: a row's last tile may have fewer)
//       for each position p of the tile
//         wide: for each channel group g of the pass: capture group g,         row p
//         tall:                                       capture group p / Rows,  row p % Rows
//
// One piece a cycle. Capture's tile buffers are used round robin, across instructions. config_i is steady from start_i
// until the last piece is taken.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_drain_seq
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned Rows         = 8,
  parameter int unsigned Groups       = 3,
  parameter int unsigned GCols        = 8,
  parameter int unsigned XBits        = 8,
  parameter int unsigned VecLen       = 32,
  parameter int unsigned CaptureTiles = 4,
  localparam int unsigned RowW  = index_bits(Rows),
  localparam int unsigned GroupW = index_bits(Groups),
  localparam int unsigned TileW = index_bits(CaptureTiles),
  localparam int unsigned LanesW = $clog2(GCols + 1)
) (
  input  wire logic                     clk_i,
  input  wire logic                     rst_ni,

  input  wire logic                     start_i,
  input  wire matrix_t                  config_i,

  output      logic                     piece_valid_o,
  input  wire logic                     piece_ready_i,
  output      logic [AddrBits-1:0]      piece_dst_o,
  output      logic [AddrBits-1:0]      piece_residual_o,
  output      logic [ParamAddrBits-1:0] piece_param_o,
  output      logic [LanesW-1:0]        piece_lanes_o,
  output      logic [GroupW-1:0]        piece_group_o,
  output      logic [RowW-1:0]          piece_row_o,
  output      logic [TileW-1:0]         piece_tile_o,
  // The first and the last piece of a tile; the last one of the instruction.
  output      logic                     piece_tile_first_o,
  output      logic                     piece_tile_last_o,
  output      logic                     piece_last_o
);

  localparam int unsigned DepthwiseGroups = depthwise_groups(Groups, GCols, VecLen);
  // From one channel group to the next, in elements.
  localparam int unsigned GroupStep    = GCols;
  localparam int unsigned RawGroupStep = GCols * (32 / XBits);

  logic advance;

  // Positions.

  logic [1:0][AddrBits-1:0] position_addr;
  logic                     position_last, position_next;
  logic                     column_last, row_last_unused;

  dsf_pixel_walker #(.Streams(2)) u_walker (
    .clk_i,
    .rst_ni,
    .start_i,
    .columns_i    (config_i.columns),
    .rows_i       (config_i.rows),
    .images_i     (config_i.images),
    .base_i       ({config_i.residual_src, config_i.dst}),
    .pixel_step_i ({AddrBits'(config_i.residual_pixel_step), AddrBits'(config_i.dst_pixel_step)}),
    .row_step_i   ({config_i.residual_row_step, config_i.dst_row_step}),
    .image_step_i ({config_i.residual_image_step, config_i.dst_image_step}),
    .next_i       (position_next),
    .addr_o       (position_addr),
    .column_last_o(column_last),
    .row_last_o   (row_last_unused),
    .last_o       (position_last)
  );

  // Where in the tile and in the pass we are.

  logic                     running_q;
  logic [RowW-1:0]          row_q;
  logic [GroupW-1:0]        group_q;
  logic [TileW-1:0]         tile_q;
  // This and the following channel groups; the same for the pass's first one.
  logic [CountBits-1:0]     groups_left_q, pass_groups_left_q;
  // The channel group's first element at a position, and its parameters; the same for the pass's first one.
  logic [AddrBits-1:0]      offset_q, pass_offset_q;
  logic [ParamAddrBits-1:0] param_q, pass_param_q;

  logic row_end, group_end, last_group, position_end, tile_first, tile_end, pass_end;
  logic [AddrBits-1:0]      next_offset;
  logic [ParamAddrBits-1:0] next_param;

  assign row_end      = row_q == RowW'(Rows - 1);
  assign group_end    = group_q == (config_i.depthwise ? GroupW'(DepthwiseGroups - 1) : GroupW'(Groups - 1));
  assign last_group   = groups_left_q == CountBits'(1);
  assign position_end = config_i.tall || group_end || last_group;
  assign tile_first   = row_q == '0 && group_q == '0;
  assign tile_end     = position_end && (position_last || (row_end && (group_end || !config_i.tall)) ||
                                         (config_i.depthwise && column_last));
  assign pass_end     = position_end && position_last;
  assign next_offset  = offset_q + (config_i.raw ? AddrBits'(RawGroupStep) : AddrBits'(GroupStep));
  assign next_param   = param_q + 1'b1;

  assign position_next = advance && position_end;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      running_q <= 1'b0;
      tile_q    <= '0;
    end else begin
      if (start_i)                              running_q <= 1'b1;
      else if (advance && pass_end && last_group) running_q <= 1'b0;
      if (advance && tile_end) tile_q <= (tile_q == TileW'(CaptureTiles - 1)) ? '0 : tile_q + 1'b1;
    end
  end

  // Row and capture group within the tile.
  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      row_q   <= '0;
      group_q <= '0;
    end else if (start_i || (advance && tile_end)) begin
      row_q   <= '0;
      group_q <= '0;
    end else if (advance && config_i.tall) begin
      row_q <= row_end ? '0 : row_q + 1'b1;
      if (row_end) group_q <= group_q + 1'b1;
    end else if (advance) begin
      group_q <= position_end ? '0 : group_q + 1'b1;
      if (position_end) row_q <= row_q + 1'b1;
    end
  end

  // Channel group.
  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      groups_left_q <= '0;
      offset_q      <= '0;
      param_q       <= '0;
    end else if (start_i) begin
      groups_left_q <= config_i.channel_groups;
      offset_q      <= '0;
      param_q       <= config_i.parameter_address;
    end else if (advance && position_end && !pass_end) begin
      groups_left_q <= pass_groups_left_q;
      offset_q      <= pass_offset_q;
      param_q       <= pass_param_q;
    end else if (advance) begin
      groups_left_q <= groups_left_q - 1'b1;
      offset_q      <= next_offset;
      param_q       <= next_param;
    end
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      pass_groups_left_q <= '0;
      pass_offset_q      <= '0;
      pass_param_q       <= '0;
    end else if (start_i) begin
      pass_groups_left_q <= config_i.channel_groups;
      pass_offset_q      <= '0;
      pass_param_q       <= config_i.parameter_address;
    end else if (advance && pass_end) begin
      pass_groups_left_q <= groups_left_q - 1'b1;
      pass_offset_q      <= next_offset;
      pass_param_q       <= next_param;
    end
  end

  // The piece, registered: its address goes to the memory's arbiter.

  assign advance = running_q && (!piece_valid_o || piece_ready_i);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)            piece_valid_o <= 1'b0;
    else if (advance)       piece_valid_o <= 1'b1;
    else if (piece_ready_i) piece_valid_o <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (advance) begin
      piece_dst_o        <= position_addr[0] + offset_q;
      piece_residual_o   <= position_addr[1] + offset_q;
      piece_param_o      <= param_q;
      piece_lanes_o      <= last_group ? LanesW'(config_i.last_group_lanes) : LanesW'(GCols);
      piece_group_o      <= group_q;
      piece_row_o        <= row_q;
      piece_tile_o       <= tile_q;
      piece_tile_first_o <= tile_first;
      piece_tile_last_o  <= tile_end;
      piece_last_o       <= pass_end && last_group;
    end
  end

  // Fields that only other units read.
  logic unused;
  assign unused = ^{config_i, row_last_unused};

  `DSF_ASSERT(start_when_idle, !start_i || (!running_q && !piece_valid_o))
  `DSF_ASSERT_STREAM(piece, piece_valid_o, piece_ready_i, {piece_dst_o, piece_residual_o, piece_param_o, piece_lanes_o,
      piece_group_o, piece_row_o, piece_tile_o, piece_tile_first_o, piece_tile_last_o, piece_last_o})

endmodule

`default_nettype wire
