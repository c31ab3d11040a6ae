// SPDX-License-Identifier: Apache-2.0
//
// Unrolls MATRIX instructions into slots, in the order
//
//   for pass (wide: Groups channel groups at once, tall: one)
//     for tile (wide: R pixels, tall: G*R pixels, the last one of a pass fewer)
//       for kernel row, run, chunk: one slot
//
// With skip_rows a tile has the kernel rows from the first one that dsf_row_skip tells to the last one that reaches into the
// image, at least one; its first slot waits until they are known.
//
// Depthwise, a pass is as many channel groups as one read feeds, a tile lies within one row of output positions, and a run
// is a phase: one slot, of `chunk` taps in the first `chunks` runs of a kernel row, of `last_chunk` taps in the others.
//
// Two instructions are held: the walked one, whose output positions the pixel table goes through, and the unrolled one,
// behind it. An instruction is accepted into the walked place, and from there goes to the drain; it is copied to the unrolled
// one when its predecessor has given its last slot, and leaves the walked place when its walk is over too: positions and slots
// of the next instruction are then ready before the last slot of this one ends.

`default_nettype none
`include "dsf_assert.svh"
`include "dsf_reset.svh"

module dsf_matrix_seq
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

  input  wire logic         instr_valid_i,
  input  wire matrix_t      instr_i,
  output      logic         instr_ready_o,

  // Each instruction goes to the drain too, from the cycle after it is accepted on.
  output      logic         drain_valid_o,
  output      matrix_t      drain_instr_o,
  input  wire logic         drain_ready_i,

  output      logic         walk_start_o,
  output      matrix_t      walk_instr_o,
  input  wire logic         walk_done_i,

  // Kernel rows of the next tile of the walked instruction, where it may skip some.
  input  wire logic         rows_done_i,
  input  wire logic         rows_valid_i,
  // verilator lint_off UNUSEDSIGNAL
  input  wire kernel_rows_t rows_i,
  // verilator lint_on UNUSEDSIGNAL
  output      logic         rows_next_o,

  output      logic         slot_valid_o,
  output      slot_t        slot_o,
  input  wire logic         slot_ready_i,

  output      logic         busy_o
);

  // The walked instruction.

  logic    walked_valid_q, walk_start_q, walk_over_q, copied_q, drain_valid_q;
  matrix_t walked_q;
  logic    accept, copy, walked_leaves;

  assign walked_leaves = walked_valid_q && copied_q && (walk_over_q || walk_done_i) && rows_done_i && !drain_valid_q;
  assign instr_ready_o = !walked_valid_q || walked_leaves;
  assign accept        = instr_valid_i && instr_ready_o;
  assign drain_valid_o = drain_valid_q;
  assign drain_instr_o = walked_q;
  assign walk_start_o  = walk_start_q;
  assign walk_instr_o  = walked_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      walked_valid_q <= 1'b0;
      walk_start_q   <= 1'b0;
      walk_over_q    <= 1'b0;
      copied_q       <= 1'b0;
      drain_valid_q  <= 1'b0;
    end else begin
      walked_valid_q <= accept || (walked_valid_q && !walked_leaves);
      walk_start_q   <= accept;
      walk_over_q    <= !accept && (walk_over_q || walk_done_i);
      copied_q       <= !accept && (copied_q || copy);
      drain_valid_q  <= accept || (drain_valid_q && !drain_ready_i);
    end
  end

  always_ff @(posedge clk_i) begin
    if (accept) walked_q <= instr_i;
  end

  // The unrolled instruction, and what is left of each of its loops after the current iteration.

  localparam int unsigned DepthwiseGroups = depthwise_groups(Groups, Lanes, VecLen);

  logic                      valid_q, emit, over;
  // verilator lint_off UNUSEDSIGNAL
  matrix_t                   instr_q;
  // verilator lint_on UNUSEDSIGNAL
  logic                      first_q, tile_valid_q;           // the loops stand at the current tile's kernel rows
  logic [17:0]               chunks_left_q, chunks_first;     // depthwise: including the current run
  logic [7:0]                runs_left_q, rows_left_q;
  logic [23:0]               pixels_left_q, pixels_per_tile;  // including the current tile
  logic [23:0]               tile_pixels;
  logic [11:0]               columns_left_q;                  // of a row, including the current tile; depthwise only
  logic [11:0]               groups_left_q, groups_per_pass;  // including the current pass
  logic [AddrBits-1:0]       row_offset_q, run_offset_q, x_offset_q, y_offset_q, next_run_offset;
  logic [AddrBits-1:0]       channel_offset_q, channel_offset;  // of the pass; depthwise only
  logic [WeightAddrBits-1:0] weight_address_q, weight_offset_q;  // of the pass; of the tile in it
  logic signed [AddrBits-1:0] below_q;                        // rows of the image from the kernel row on; with skip_rows
  logic                      last_chunk_q, last_run_q, last_row_q;  // in registers: much ends with a tile
  logic                      row_after_is_last;
  logic [BankBits-1:0]       weight_bank_q;
  logic                      last_tile, last_pass, line_end;
  logic                      end_run, end_row, end_tile, end_pass, bank_wraps;
  logic                      next_tile, next_skips;

  assign pixels_per_tile = instr_q.tall ? 24'(Groups * Rows) : 24'(Rows);
  assign groups_per_pass = instr_q.tall      ? 12'd1 :
                           instr_q.depthwise ? 12'(DepthwiseGroups) : 12'(Groups);
  assign chunks_first    = instr_q.chunks - 18'(!instr_q.depthwise);
  // The image reaches into no more than one kernel row after this one.
  assign row_after_is_last = rows_left_q == 8'd1 ||
                             (instr_q.skip_rows && below_q <= signed'(AddrBits'({instr_q.y_dilation, 1'b0})));
  assign line_end        = 32'(columns_left_q) <= Rows;
  assign last_tile       = instr_q.depthwise ? line_end && pixels_left_q == 24'(columns_left_q)
                                             : pixels_left_q <= pixels_per_tile;
  assign tile_pixels     = instr_q.depthwise ? (line_end ? 24'(columns_left_q) : 24'(Rows))
                                             : (last_tile ? pixels_left_q : pixels_per_tile);
  assign last_pass       = groups_left_q <= groups_per_pass;
  assign end_run         = last_chunk_q || instr_q.depthwise;
  assign end_row         = end_run && last_run_q;
  assign end_tile        = end_row && last_row_q;
  assign end_pass        = end_tile && last_tile;
  assign over            = emit && end_pass && last_pass;
  assign copy            = walked_valid_q && !copied_q && (!valid_q || over);
  assign next_run_offset = run_offset_q + AddrBits'(instr_q.run_step);
  assign channel_offset  = (instr_q.depthwise && end_pass) ? channel_offset_q + AddrBits'(DepthwiseGroups * Lanes)
                                                           : channel_offset_q;
  assign bank_wraps      = weight_bank_q == BankBits'(Groups - 1);

  // The next tile's kernel rows are taken as soon as the current tile has given its last slot, or once they are known.
  assign next_tile   = copy || (emit && end_tile) || !tile_valid_q;
  assign next_skips  = copy ? walked_q.skip_rows : instr_q.skip_rows;
  assign rows_next_o = (copy || (valid_q && !over)) && next_tile && next_skips && rows_valid_i;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      valid_q      <= 1'b0;
      tile_valid_q <= 1'b0;
    end else begin
      valid_q <= copy || (valid_q && !over);
      if (next_tile) tile_valid_q <= !next_skips || rows_valid_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (copy) begin
      instr_q          <= walked_q;
      first_q          <= 1'b1;
      chunks_left_q    <= walked_q.chunks - 18'(!walked_q.depthwise);
      last_chunk_q     <= walked_q.chunks == 18'(!walked_q.depthwise);
      runs_left_q      <= walked_q.kernel_runs - 1'b1;
      last_run_q       <= walked_q.kernel_runs == 8'd1;
      pixels_left_q    <= walked_q.pixels;
      columns_left_q   <= walked_q.columns;
      groups_left_q    <= walked_q.channel_groups;
      run_offset_q     <= '0;
      x_offset_q       <= '0;
      channel_offset_q <= '0;
      weight_address_q <= walked_q.weight_address;
      weight_bank_q    <= walked_q.weight_bank;
    end else if (emit) begin
      first_q          <= end_tile;
      channel_offset_q <= channel_offset;
      if (instr_q.depthwise ? end_row : end_run) begin
        chunks_left_q <= chunks_first;
        last_chunk_q  <= chunks_first == '0;
      end else if (!last_chunk_q) begin
        chunks_left_q <= chunks_left_q - 1'b1;
        last_chunk_q  <= chunks_left_q == 18'd1;
      end
      x_offset_q    <= x_offset_q + AddrBits'(instr_q.chunk);
      if (end_run) begin
        runs_left_q  <= last_run_q ? instr_q.kernel_runs - 1'b1 : runs_left_q - 1'b1;
        last_run_q   <= (last_run_q ? instr_q.kernel_runs : runs_left_q) == 8'd1;
        run_offset_q <= last_run_q ? channel_offset : next_run_offset;
        x_offset_q   <= last_run_q ? channel_offset : next_run_offset;
      end
      if (end_tile) begin
        pixels_left_q  <= last_tile ? instr_q.pixels : pixels_left_q - tile_pixels;
        columns_left_q <= line_end ? instr_q.columns : columns_left_q - 12'(Rows);
      end
      if (end_pass) begin
        groups_left_q <= groups_left_q - groups_per_pass;
        weight_bank_q <= bank_wraps ? '0 : weight_bank_q + BankBits'(instr_q.tall);
        if (bank_wraps || !instr_q.tall) weight_address_q <= weight_address_q + instr_q.weight_words;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (next_tile) begin
      rows_left_q     <= next_skips ? rows_i.rows_left : (copy ? walked_q.kernel_rows : instr_q.kernel_rows) - 1'b1;
      row_offset_q    <= next_skips ? rows_i.row_offset : '0;
      y_offset_q      <= next_skips ? rows_i.y_offset : '0;
      weight_offset_q <= next_skips ? rows_i.weight_offset : '0;
      below_q         <= rows_i.below;
      last_row_q      <= next_skips ? rows_i.last : (copy ? walked_q.kernel_rows : instr_q.kernel_rows) == 8'd1;
    end else if (emit && end_row) begin
      rows_left_q  <= rows_left_q - 1'b1;
      row_offset_q <= row_offset_q + instr_q.kernel_row_step;
      y_offset_q   <= y_offset_q + AddrBits'(instr_q.y_dilation);
      below_q      <= below_q - signed'(AddrBits'(instr_q.y_dilation));
      last_row_q   <= row_after_is_last;
    end
  end

  // Slots ahead, in registers: whether another one may come does not depend on the one that leaves in the same cycle.

  slot_t slot;
  logic  slot_valid, slot_room;

  assign slot_valid = valid_q && tile_valid_q;
  assign emit       = slot_valid && slot_room;

  assign slot = '{
    first:          first_q,
    accumulate:     instr_q.accumulate,
    last:           end_tile,
    tall:           instr_q.tall,
    depthwise:      instr_q.depthwise,
    steps_left:     (last_chunk_q ? instr_q.last_chunk : instr_q.chunk) - 1'b1,
    pixels_left:    PixelBits'(tile_pixels - 1'b1),
    row_offset:     row_offset_q,
    x_offset:       x_offset_q,
    x_step:         instr_q.depthwise ? AddrBits'(instr_q.x_step) : '0,
    y_offset:       y_offset_q,
    row_elements:   instr_q.row_elements,
    height:         instr_q.height,
    pad_value:      instr_q.pad_value,
    weight_address: weight_address_q + weight_offset_q,
    weight_bank:    weight_bank_q,
    bank_words:     instr_q.bank_words
  };

  dsf_skid #(.Width($bits(slot_t))) u_slot (
    .clk_i,
    .rst_ni,
    .in_valid_i (slot_valid),
    .in_ready_o (slot_room),
    .in_data_i  (slot),
    .out_valid_o(slot_valid_o),
    .out_ready_i(slot_ready_i),
    .out_data_o (slot_o)
  );

  assign busy_o = walked_valid_q || valid_q || slot_valid_o;

  `DSF_ASSERT_STREAM(slot, slot_valid_o, slot_ready_i, slot_o)
  `DSF_ASSERT_STREAM(instr, instr_valid_i, instr_ready_o, instr_i)

endmodule

`default_nettype wire
