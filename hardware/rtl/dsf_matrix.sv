// SPDX-License-Identifier: Apache-2.0
//
// The matrix front: MATRIX instructions in, tiles of accumulators out.
//
//   dsf_matrix_seq    instructions to slots            dsf_weight_mem  weights
//   dsf_pixel_table   output positions, ahead          dsf_array       processing elements
//   dsf_row_skip      kernel rows in padding, ahead    dsf_capture     results, for the drain
//   dsf_matrix_issue  slots to steps and pixels
//   dsf_feeder        pixels to padded vectors
//
// Each instruction is also handed to the drain, which reads the tile buffers in order, frees them, and reports completion.
// The fields have been checked before (dsf_dispatch): counts of at least 1, chunks of at most VecLen + 1 elements,
// banks that exist.
//
// Cycles: an instruction takes the sum over its slots of max(steps, pixels), depthwise of steps + pixels - 1, if the drain
// keeps up. Nothing is lost between tiles and passes, and at most 2 cycles between instructions, but
//
//   - tall to wide: up to (Groups - 1) * Rows cycles
//   - a first tile that takes fewer cycles than the last tile of the instruction before has pixels: it takes about as many
//   - instructions shorter than about 4 cycles, which cannot be accepted that fast
//   - depthwise, up to YieldCycles for each tile while yield_i
//   - with skip_rows, a tile that takes fewer cycles than the search for the next one's kernel rows (dsf_row_skip): the lines
//     of positions that it touches, the kernel rows above the image, and 3
//
// A tile holds its buffer from its first step until, after its last one, 14 cycles and one for each piece that the drain
// reads have passed: the drain keeps up if (CaptureTiles - 1) * cycles of a tile >= 14 + pieces of a tile. An instruction
// that finds the array idle issues its first step 4 cycles after it is accepted (with skip_rows 5, and those of the first
// search), and its first row is captured StepDelay + OperandDelay + pe_latency(Pe) + 2 cycles after the last step: 14 for
// PeInteger, 13 for PeBinary.

`default_nettype none
`include "dsf_reset.svh"

module dsf_matrix
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter  int unsigned Pe           = PeInteger,
  parameter  int unsigned Rows         = 8,
  parameter  int unsigned Cols         = 24,
  parameter  int unsigned Groups       = 3,
  parameter  int unsigned XBits        = 8,
  parameter  int unsigned WBits        = 8,
  parameter  int unsigned AccBits      = 32,
  parameter  int unsigned VecLen       = 32,
  parameter  int unsigned WeightWords  = 1024,
  parameter  int unsigned Words        = 1,  // weight words that are written at once
  parameter  int unsigned CaptureTiles = 4,
  localparam int unsigned GCols        = Cols / Groups,
  localparam int unsigned RowBits      = index_bits(Rows),
  localparam int unsigned GroupBits    = index_bits(Groups),
  localparam int unsigned TileBits     = index_bits(CaptureTiles)
) (
  input  wire logic                          clk_i,
  input  wire logic                          rst_ni,

  input  wire logic                          instr_valid_i,
  input  wire matrix_t                       instr_i,
  output      logic                          instr_ready_o,

  // Feature memory, read client FmemReadFeeder.
  input  wire logic                          yield_i,        // someone waits for this port: see dsf_matrix_issue
  output      logic                          rd_req_o,
  output      logic [AddrBits-1:0]           rd_addr_o,
  input  wire logic                          rd_gnt_i,
  input  wire logic                          rd_valid_i,
  input  wire logic [VecLen-1:0][XBits-1:0]  rd_data_i,
  input  wire logic [XBits-1:0]              rd_after_i,

  // Weight memory, from dsf_load_weights.
  input  wire logic [Words-1:0]              wm_wr_en_i,
  input  wire logic [BankBits-1:0]           wm_wr_bank_i,
  input  wire logic [WeightAddrBits-1:0]     wm_wr_addr_i,
  input  wire logic [Words-1:0][GCols-1:0][WBits-1:0] wm_wr_data_i,

  // To the drain; see dsf_capture for when which row may be read.
  output      logic                          drain_valid_o,
  output      matrix_t                       drain_instr_o,
  input  wire logic                          drain_ready_i,
  output      logic                          tile_ready_o,
  input  wire logic                          tile_free_i,
  input  wire logic                          cap_rd_en_i,
  input  wire logic [GroupBits-1:0]          cap_rd_group_i,
  input  wire logic [RowBits-1:0]            cap_rd_row_i,
  input  wire logic [TileBits-1:0]           cap_rd_tile_i,
  output      logic [GCols-1:0][AccBits-1:0] cap_rd_data_o,

  output      logic                          step_o,
  output      logic                          pixel_wait_o,  // see dsf_matrix_issue
  output      logic                          drain_wait_o,
  output      logic                          slots_left_o,  // of the instructions accepted so far
  output      logic                          active_o,
  output      logic                          busy_o
);

  if (Cols % Groups != 0) begin : gen_check_groups
    $error("Cols must be a multiple of Groups");
  end
  if (VecLen < 2 || (VecLen & (VecLen - 1)) != 0 || VecLen > (1 << (StepBits - 1))) begin : gen_check_vec
    $error("VecLen must be a power of two, 2 to 512");
  end
  if (Groups * Rows > VecLen || GCols > VecLen) begin : gen_check_shape
    $error("VecLen must be at least Groups * Rows and Cols / Groups");
  end
  if (Groups > (1 << BankBits)) begin : gen_check_banks
    $error("Groups must be at most 16");
  end
  if (CaptureTiles < 2 || (CaptureTiles & (CaptureTiles - 1)) != 0) begin : gen_check_capture
    $error("CaptureTiles must be a power of two, at least 2");
  end

  localparam int unsigned PosBits = index_bits(VecLen);

  // Sequencer, positions, issue.

  logic    walk_start, walk_done, slot_valid, slot_ready, seq_busy, issue_busy, table_active;
  matrix_t walk_instr;
  slot_t   slot, pixel_slot;
  logic    table_ready, tile_start, slot_start, pixel_valid, pixel_next, pixel_release;
  pixel_t  pixel;
  logic    load, long, step_valid;
  step_t   step;

  logic         rows_done, rows_valid, rows_next;
  kernel_rows_t rows;

  dsf_matrix_seq #(
    .Rows   (Rows),
    .Groups (Groups),
    .Lanes  (GCols),
    .VecLen (VecLen)
  ) u_seq (
    .clk_i,
    .rst_ni,
    .instr_valid_i,
    .instr_i,
    .instr_ready_o,
    .drain_valid_o,
    .drain_instr_o,
    .drain_ready_i,
    .walk_start_o  (walk_start),
    .walk_instr_o  (walk_instr),
    .walk_done_i   (walk_done),
    .rows_done_i   (rows_done),
    .rows_valid_i  (rows_valid),
    .rows_i        (rows),
    .rows_next_o   (rows_next),
    .slot_valid_o  (slot_valid),
    .slot_o        (slot),
    .slot_ready_i  (slot_ready),
    .busy_o        (seq_busy)
  );

  dsf_row_skip #(
    .Rows   (Rows),
    .Groups (Groups),
    .Lanes  (GCols),
    .VecLen (VecLen)
  ) u_rows (
    .clk_i,
    .rst_ni,
    .walk_start_i (walk_start),
    .instr_i      (walk_instr),
    .done_o       (rows_done),
    .valid_o      (rows_valid),
    .rows_o       (rows),
    .next_i       (rows_next)
  );

  dsf_pixel_table #(
    .Rows   (Rows),
    .Groups (Groups),
    .Lanes  (GCols),
    .VecLen (VecLen)
  ) u_table (
    .clk_i,
    .rst_ni,
    .walk_start_i (walk_start),
    .instr_i      (walk_instr),
    .walk_done_o  (walk_done),
    .active_o     (table_active),
    .tile_start_i (tile_start),
    .slot_start_i (slot_start),
    .read_i       (pixel_valid),
    .next_i       (pixel_next),
    .release_i    (pixel_release),
    .ready_o      (table_ready),
    .pixel_o      (pixel)
  );

  dsf_matrix_issue #(
    .Rows         (Rows),
    .Groups       (Groups),
    .VecLen       (VecLen),
    .WeightWords  (WeightWords),
    .CaptureTiles (CaptureTiles)
  ) u_issue (
    .clk_i,
    .rst_ni,
    .slot_valid_i    (slot_valid),
    .slot_i          (slot),
    .slot_ready_o    (slot_ready),
    .tile_free_i,
    .yield_i,
    .table_ready_i   (table_ready),
    .tile_start_o    (tile_start),
    .slot_start_o    (slot_start),
    .pixel_valid_o   (pixel_valid),
    .pixel_next_o    (pixel_next),
    .pixel_release_o (pixel_release),
    .pixel_slot_o    (pixel_slot),
    .load_o          (load),
    .long_o          (long),
    .step_valid_o    (step_valid),
    .step_o          (step),
    .busy_o          (issue_busy),
    .pixel_wait_o,
    .drain_wait_o
  );

  // Pixels.

  localparam int unsigned OperandBits = operand_bits(XBits);

  logic [VecLen-1:0][OperandBits-1:0] feed;
  logic [OperandBits-1:0]             feed_after;

  dsf_feeder #(
    .XBits  (XBits),
    .VecLen (VecLen)
  ) u_feeder (
    .clk_i,
    .rst_ni,
    .valid_i   (pixel_valid),
    .slot_i    (pixel_slot),
    .pixel_i   (pixel),
    .rd_req_o,
    .rd_addr_o,
    .rd_gnt_i,
    .rd_valid_i,
    .rd_data_i,
    .rd_after_i,
    .feed_o       (feed),
    .feed_after_o (feed_after)
  );

  // Steps wait for the pixels to come through the feeder.

  logic [StepDelay-1:0] step_valid_q, load_q, long_q;
  logic                 array_valid;
  // verilator lint_off UNUSEDSIGNAL
  step_t                array_step;
  // verilator lint_on UNUSEDSIGNAL

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      step_valid_q <= '0;
      load_q       <= '0;
      long_q       <= '0;
    end else begin
      step_valid_q <= {step_valid_q[StepDelay-2:0], step_valid};
      load_q       <= {load_q[StepDelay-2:0], load};
      long_q       <= {long_q[StepDelay-2:0], long};
    end
  end

  assign array_valid = step_valid_q[StepDelay-1];

  dsf_delay #(
    .Width  ($bits(step_t)),
    .Cycles (StepDelay)
  ) u_step (
    .clk_i,
    .data_i (step),
    .data_o (array_step)
  );

  logic [Groups-1:0][GCols-1:0][WBits-1:0]   weights;
  logic [Groups-1:0][RowBits-1:0]            capture_row;
  logic [Groups-1:0][GCols-1:0][AccBits-1:0] acc;

  dsf_weight_mem #(
    .Groups      (Groups),
    .Lanes       (GCols),
    .WBits       (WBits),
    .WeightWords (WeightWords),
    .Words       (Words)
  ) u_weights (
    .clk_i,
    .rst_ni,
    .write_en_i   (wm_wr_en_i),
    .write_bank_i (wm_wr_bank_i),
    .write_addr_i (wm_wr_addr_i),
    .write_data_i (wm_wr_data_i),
    .read_en_i    (array_valid),
    .read_addr_i  (array_step.weight_address),
    .read_tall_i  (array_step.tall),
    .read_bank_i  (array_step.weight_bank),
    .data_o       (weights)
  );

  dsf_array #(
    .Pe      (Pe),
    .Rows    (Rows),
    .Groups  (Groups),
    .Lanes   (GCols),
    .XBits   (OperandBits),
    .WBits   (WBits),
    .AccBits (AccBits),
    .VecLen  (VecLen)
  ) u_array (
    .clk_i,
    .rst_ni,
    .feed_i       (feed),
    .feed_after_i (feed_after),
    .valid_i      (array_valid),
    .first_i      (array_step.first),
    .load_i       (load_q[StepDelay-1]),
    .long_i       (long_q[StepDelay-1]),
    .tall_i       (array_step.tall),
    .depthwise_i  (array_step.depthwise),
    .position_i   (array_step.position[PosBits-1:0]),
    .w_i          (weights),
    .row_i        (capture_row),
    .acc_o        (acc)
  );

  dsf_capture #(
    .Pe           (Pe),
    .Rows         (Rows),
    .Groups       (Groups),
    .Lanes        (GCols),
    .AccBits      (AccBits),
    .CaptureTiles (CaptureTiles)
  ) u_capture (
    .clk_i,
    .rst_ni,
    .last_i       (array_valid && array_step.last),
    .tall_i       (array_step.tall),
    .row_o        (capture_row),
    .acc_i        (acc),
    .tile_ready_o,
    .rd_en_i      (cap_rd_en_i),
    .rd_group_i   (cap_rd_group_i),
    .rd_row_i     (cap_rd_row_i),
    .rd_tile_i    (cap_rd_tile_i),
    .rd_data_o    (cap_rd_data_o)
  );

  assign step_o       = step_valid;
  assign slots_left_o = seq_busy;
  assign active_o     = issue_busy || table_active;
  assign busy_o       = seq_busy || issue_busy || (step_valid_q != '0);

endmodule

`default_nettype wire
