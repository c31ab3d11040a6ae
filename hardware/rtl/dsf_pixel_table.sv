// SPDX-License-Identifier: Apache-2.0
//
// The output positions of the tiles ahead: address, x and y of each one's window. A walker fills a ring, one position per
// cycle and as far ahead as there is room, over all passes of an instruction and on into the next one. The reader goes
// over a tile's positions once per slot; those read with release_i leave the ring. Of a depthwise tile only the first
// position is kept, for all reads of the tile, and such a tile ends with each row of positions.
//
//   tile_start_i  the next reads are of the next tile, from the next cycle on
//   slot_start_i  the next reads start over at the tile's first position
//   read_i        reads a position; it is at pixel_o TableLatency cycles later
//   next_i        the next read is of the next position
//   ready_o       a tile may start: its first position is there, and the others arrive no slower than they are read

`default_nettype none
`include "dsf_assert.svh"
`include "dsf_reset.svh"

module dsf_pixel_table
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter int unsigned Rows   = 8,
  parameter int unsigned Groups = 3,
  parameter int unsigned Lanes  = 8,
  parameter int unsigned VecLen = 32
) (
  input  wire logic    clk_i,
  input  wire logic    rst_ni,

  // instr_i is stable from walk_start_i until walk_done_o.
  input  wire logic    walk_start_i,
  // verilator lint_off UNUSEDSIGNAL
  input  wire matrix_t instr_i,
  // verilator lint_on UNUSEDSIGNAL
  output      logic    walk_done_o,
  output      logic    active_o,

  input  wire logic    tile_start_i,
  input  wire logic    slot_start_i,
  input  wire logic    read_i,
  input  wire logic    next_i,
  input  wire logic    release_i,
  output      logic    ready_o,
  output      pixel_t  pixel_o
);

  // Room for a tile that is being used and one that is being filled.
  localparam int unsigned Depth   = max2(16, 1 << $clog2(2 * Groups * Rows));
  localparam int unsigned PtrBits = $clog2(Depth);
  localparam int unsigned Streams = 3;
  localparam int unsigned RowBits = index_bits(Rows);

  localparam int unsigned DepthwiseGroups = depthwise_groups(Groups, Lanes, VecLen);

  logic               walking_q, walk, push, pass_end, pass_last_q;
  logic [RowBits-1:0] row_q;
  logic [11:0]        groups_left_q, groups_per_pass;
  logic [PtrBits:0]   count_q;
  logic [PtrBits-1:0] write_q, read_q, base_q, read_next;
  pixel_t             walked, ram_data, pixel_q;
  logic               walker_column_last, walker_row_last;

  // Walker.

  dsf_pixel_walker #(
    .Streams (Streams)
  ) u_walker (
    .clk_i,
    .rst_ni,
    .start_i       (walk_start_i),
    .columns_i     (instr_i.columns),
    .rows_i        (instr_i.rows),
    .images_i      (instr_i.images),
    .base_i        ({instr_i.src, AddrBits'(instr_i.x_start), AddrBits'(instr_i.y_start)}),
    .pixel_step_i  ({AddrBits'(instr_i.x_step), AddrBits'(instr_i.x_step), AddrBits'(0)}),
    .row_step_i    ({instr_i.row_step, AddrBits'(0), AddrBits'(instr_i.y_step)}),
    .image_step_i  ({instr_i.image_step, {2{AddrBits'(0)}}}),
    .next_i        (walk),
    .addr_o        (walked),
    .column_last_o (walker_column_last),
    .row_last_o    (walker_row_last),
    .last_o        (pass_end)
  );

  assign groups_per_pass = instr_i.tall      ? 12'd1 :
                           instr_i.depthwise ? 12'(DepthwiseGroups) : 12'(Groups);
  assign walk            = walking_q && !count_q[PtrBits];
  assign push            = walk && (!instr_i.depthwise || row_q == '0);
  assign walk_done_o     = walk && pass_end && pass_last_q;
  assign active_o        = walk;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      walking_q     <= 1'b0;
      groups_left_q <= '0;
      pass_last_q   <= 1'b0;
    end else if (walk_start_i) begin
      walking_q     <= 1'b1;
      groups_left_q <= instr_i.channel_groups;
      pass_last_q   <= instr_i.channel_groups <= groups_per_pass;
    end else if (walk && pass_end) begin
      walking_q     <= !pass_last_q;
      groups_left_q <= groups_left_q - groups_per_pass;
      pass_last_q   <= groups_left_q - groups_per_pass <= groups_per_pass;
    end
  end

  // The row of the array that a depthwise position falls on.
  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) row_q <= '0;
    else if (walk_start_i) row_q <= '0;
    else if (walk) row_q <= (walker_column_last || row_q == RowBits'(Rows - 1)) ? '0 : row_q + 1'b1;
  end

  // Ring. A position is written at least one cycle before it is read.

  assign read_next = read_q + PtrBits'(next_i);
  assign ready_o   = count_q > (PtrBits + 1)'(release_i);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      count_q <= '0;
      write_q <= '0;
      read_q  <= '0;
      base_q  <= '0;
    end else begin
      count_q <= count_q + (PtrBits + 1)'(push) - (PtrBits + 1)'(release_i);
      write_q <= write_q + PtrBits'(push);
      read_q  <= slot_start_i ? base_q : read_next;
      if (tile_start_i) begin
        read_q <= read_next;
        base_q <= read_next;
      end
    end
  end

  dsf_ram #(
    .Depth     (Depth),
    .Lanes     (1),
    .LaneWidth ($bits(pixel_t))
  ) u_ram (
    .clk_i,
    .wr_en_i   (push),
    .wr_addr_i (write_q),
    .wr_data_i (walked),
    .rd_en_i   (read_i),
    .rd_addr_i (read_q),
    .rd_data_o (ram_data)
  );

  always_ff @(posedge clk_i) pixel_q <= ram_data;

  assign pixel_o = pixel_q;

  logic unused;
  assign unused = walker_row_last;

  `DSF_ASSERT(release_what_is_there, !release_i || (read_i && next_i && count_q != '0))
  `DSF_ASSERT(one_walk_at_a_time, !walk_start_i || !walking_q)

endmodule

`default_nettype wire
