// SPDX-License-Identifier: Apache-2.0
//
// For each tile of a MATRIX instruction with skip_rows, ahead: the first kernel row that is not padding for all of its
// positions, whether it is the last one too, and how far the image reaches below it, which tells the last one of others.
//
//   top, bottom = least and largest y of the tile's positions
//   kernel row k is skipped where bottom + k * y_dilation < 0 or top + k * y_dilation >= height
//
// A tile takes a cycle for each line (row of output positions) that it touches, then one for each kernel row skipped before
// its first one; the next tile is begun when this one has been taken. The last kernel row is never skipped here: a tile in
// padding alone has one row, all zeros.
//
//   walk_start_i  instr_i is stable from here on until done_o
//   done_o        no tile is left: all have been taken, or no row may be skipped
//   next_i        the tile at rows_o is taken

`default_nettype none
`include "dsf_assert.svh"
`include "dsf_reset.svh"

module dsf_row_skip
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter int unsigned Rows   = 8,
  parameter int unsigned Groups = 3,
  parameter int unsigned Lanes  = 8,
  parameter int unsigned VecLen = 32
) (
  input  wire logic         clk_i,
  input  wire logic         rst_ni,

  input  wire logic         walk_start_i,
  // verilator lint_off UNUSEDSIGNAL
  input  wire matrix_t      instr_i,
  // verilator lint_on UNUSEDSIGNAL
  output      logic         done_o,

  output      logic         valid_o,
  output      kernel_rows_t rows_o,
  input  wire logic         next_i
);

  localparam int unsigned DepthwiseGroups = depthwise_groups(Groups, Lanes, VecLen);

  typedef logic signed [AddrBits-1:0] y_t;

  logic                 running_q, searching_q, first_line_q, last_tile_q;
  logic                 walk, line_end, tile_end, pass_end, pass_last, skip;
  logic                 line_last, column_last_unused, row_last_unused;
  y_t                   line_y, top_q, bottom_q;
  logic [CountBits-1:0] line_left_q;              // positions of the line that are in no tile yet
  logic [CountBits-1:0] groups_left_q, groups_per_pass;
  logic [PixelBits-1:0] wanted_q, per_tile;       // positions that the tile lacks
  kernel_rows_t         rows_q;

  assign per_tile        = instr_i.tall ? PixelBits'(Groups * Rows) : PixelBits'(Rows);
  assign groups_per_pass = instr_i.tall      ? CountBits'(1) :
                           instr_i.depthwise ? CountBits'(DepthwiseGroups) : CountBits'(Groups);

  // Lines, each as a position of its own.

  dsf_pixel_walker #(
    .Streams (1)
  ) u_lines (
    .clk_i,
    .rst_ni,
    .start_i       (walk_start_i),
    .columns_i     (CountBits'(1)),
    .rows_i        (instr_i.rows),
    .images_i      (instr_i.images),
    .base_i        (AddrBits'(instr_i.y_start)),
    .pixel_step_i  (AddrBits'(0)),
    .row_step_i    (AddrBits'(instr_i.y_step)),
    .image_step_i  (AddrBits'(0)),
    .next_i        (walk && line_end),
    .addr_o        (line_y),
    .column_last_o (column_last_unused),
    .row_last_o    (row_last_unused),
    .last_o        (line_last)
  );

  assign walk      = running_q && !searching_q;
  assign line_end  = line_left_q <= CountBits'(wanted_q);
  assign tile_end  = line_left_q >= CountBits'(wanted_q) || line_last || instr_i.depthwise;
  assign pass_end  = walk && line_end && line_last;
  assign pass_last = groups_left_q <= groups_per_pass;
  // y is negative for the whole tile, and another kernel row follows.
  assign skip      = bottom_q[AddrBits-1] && rows_q.rows_left != '0;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      running_q   <= 1'b0;
      searching_q <= 1'b0;
    end else if (walk_start_i) begin
      running_q   <= instr_i.skip_rows;
      searching_q <= 1'b0;
    end else begin
      running_q   <= running_q && !(next_i && last_tile_q);
      searching_q <= (walk && tile_end) || (searching_q && !next_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (walk_start_i) begin
      first_line_q  <= 1'b1;
      line_left_q   <= instr_i.columns;
      wanted_q      <= per_tile;
      groups_left_q <= instr_i.channel_groups;
    end else if (walk) begin
      first_line_q <= tile_end;
      line_left_q  <= line_end ? instr_i.columns : line_left_q - CountBits'(wanted_q);
      wanted_q     <= tile_end ? per_tile : wanted_q - PixelBits'(line_left_q);
      last_tile_q  <= pass_end && pass_last;
      if (pass_end) groups_left_q <= groups_left_q - groups_per_pass;
    end
  end

  // The tile's range of y, then the same in the kernel row that is looked at.

  always_ff @(posedge clk_i) begin
    if (walk) begin
      if (first_line_q || line_y < top_q) top_q <= line_y;
      if (first_line_q || line_y > bottom_q) bottom_q <= line_y;
      rows_q <= '{rows_left: instr_i.kernel_rows - 1'b1, default: '0};
    end else if (searching_q && skip) begin
      top_q                <= top_q + y_t'(instr_i.y_dilation);
      bottom_q             <= bottom_q + y_t'(instr_i.y_dilation);
      rows_q.rows_left     <= rows_q.rows_left - 1'b1;
      rows_q.row_offset    <= rows_q.row_offset + instr_i.kernel_row_step;
      rows_q.y_offset      <= rows_q.y_offset + AddrBits'(instr_i.y_dilation);
      rows_q.weight_offset <= rows_q.weight_offset + instr_i.kernel_row_words;
    end
  end

  always_comb begin
    rows_o       = rows_q;
    rows_o.below = y_t'({1'b0, instr_i.height}) - top_q;
    rows_o.last  = rows_q.rows_left == '0 || rows_o.below <= y_t'({1'b0, instr_i.y_dilation});
  end

  assign done_o  = !running_q;
  assign valid_o = searching_q && !skip;

  logic unused;
  assign unused = column_last_unused ^ row_last_unused;

  `DSF_ASSERT(one_walk_at_a_time, !walk_start_i || !running_q)
  `DSF_ASSERT(take_what_is_there, !next_i || valid_o)

endmodule

`default_nettype wire
