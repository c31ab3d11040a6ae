// SPDX-License-Identifier: Apache-2.0
//
// The drain of the array: takes finished tiles from capture memory through the epilogue to feature memory, one channel
// group of one position a cycle. See dsf_drain_seq for the order, dsf_epilogue for the arithmetic.
//
// A piece is issued when its tile is ready, and, with a residual, in the cycle in which feature memory grants its read;
// from there on nothing stalls. (Writing has the highest priority; the residual read has the second: the feeder may
// keep it waiting, but then capture memory fills up and the feeder stops.)
//
//   cycle from issue   0               1     2              3               8           then
//   accumulators       capture read    RAM   epilogue 0     ..              epilogue 6
//   parameters         memory read     RAM   epilogue 0
//   residual           read granted                         rd_data_i, delayed  residual lane
//
// Up to three instructions are accepted; the next one begins when the last write of the one before has been issued, since
// the epilogue's settings are those of the instruction at the head of the queue. done_o comes when any read that is granted
// from then on sees all writes.
//
// Instructions are legal: the front of the MATRIX unit checks them.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_drain
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned Rows         = 8,
  parameter int unsigned Groups       = 3,
  parameter int unsigned GCols        = 8,
  parameter int unsigned XBits        = 8,
  parameter int unsigned BBits        = 16,
  parameter int unsigned MBits        = 16,
  parameter int unsigned AccBits      = 32,
  parameter int unsigned FBits        = 0,
  parameter int unsigned VecLen       = 32,
  parameter int unsigned ParamGroups  = 64,
  parameter int unsigned CaptureTiles = 4,
  localparam int unsigned RowW   = index_bits(Rows),
  localparam int unsigned GroupW = index_bits(Groups),
  localparam int unsigned TileW  = index_bits(CaptureTiles),
  localparam int unsigned CountW = $clog2(VecLen + 1)
) (
  input  wire logic                           clk_i,
  input  wire logic                           rst_ni,

  // From the matrix front.
  input  wire logic                           instr_valid_i,
  input  wire matrix_t                        instr_i,
  output      logic                           instr_ready_o,

  // A tile's row 0 may be read from now on; the last read of a tile has been issued.
  input  wire logic                           tile_ready_i,
  output      logic                           tile_free_o,

  output      logic                           cap_rd_en_o,
  output      logic [GroupW-1:0]              cap_rd_group_o,
  output      logic [RowW-1:0]                cap_rd_row_o,
  output      logic [TileW-1:0]               cap_rd_tile_o,
  input  wire logic [GCols-1:0][AccBits-1:0]  cap_rd_data_i,

  // Parameter memory, from the weight loader.
  input  wire logic [GCols-1:0]               pm_wr_en_i,
  input  wire logic [ParamAddrBits-1:0]       pm_wr_addr_i,
  input  wire channel_param_t                 pm_wr_data_i,

  // Feature memory: residual read and result write.
  output      logic                           rd_req_o,
  output      logic [AddrBits-1:0]            rd_addr_o,
  input  wire logic                           rd_gnt_i,
  input  wire logic [VecLen-1:0][XBits-1:0]   rd_data_i,
  output      logic                           wr_req_o,
  output      logic [AddrBits-1:0]            wr_addr_o,
  output      logic [VecLen-1:0][XBits-1:0]   wr_data_o,
  output      logic [CountW-1:0]              wr_count_o,
  input  wire logic                           wr_gnt_i,

  output      logic                           done_o,
  output      logic                           active_o,
  output      logic                           busy_o
);

  localparam int unsigned LanesW = $clog2(GCols + 1);
  // Cycles from issue until accumulators and parameters enter the epilogue.
  localparam int unsigned EnterLatency = 2;
  // ... until a requantised value meets its residual.
  localparam int unsigned ResidualLatency = EnterLatency + 6;
  localparam int unsigned ResidualDelay = ResidualLatency - FmemReadLatency;
  localparam int unsigned RawBeats = ceil_div(GCols * (32 / XBits), VecLen);
  localparam int unsigned SpaceW = index_bits(RawBeats);
  localparam int unsigned QueueLen = 3;
  localparam int unsigned TilesW = $clog2(CaptureTiles + 1);

  // Instructions that the array has begun. The head is a register, and the settings of everything below.

  logic    head_valid, pop, queue_empty;
  matrix_t config_q;

  dsf_fifo #(.Width($bits(matrix_t)), .Depth(QueueLen - 1)) u_queue (
    .clk_i,
    .rst_ni,
    .in_valid_i (instr_valid_i),
    .in_ready_o (instr_ready_o),
    .in_data_i  (instr_i),
    .out_valid_o(head_valid),
    .out_ready_i(pop),
    .out_data_o (config_q),
    .empty_o    (queue_empty)
  );

  // Pieces of the instruction at the head.

  logic                     started_q, start;
  logic                     piece_valid, piece_ready;
  logic [AddrBits-1:0]      piece_dst, piece_residual;
  logic [ParamAddrBits-1:0] piece_param;
  logic [LanesW-1:0]        piece_lanes;
  logic                     piece_tile_first, piece_tile_last, piece_last;

  assign start = head_valid && !started_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) started_q <= 1'b0;
    else         started_q <= head_valid && !pop;
  end

  dsf_drain_seq #(
    .Rows(Rows), .Groups(Groups), .GCols(GCols), .XBits(XBits), .VecLen(VecLen), .CaptureTiles(CaptureTiles)
  ) u_seq (
    .clk_i,
    .rst_ni,
    .start_i           (start),
    .config_i          (config_q),
    .piece_valid_o     (piece_valid),
    .piece_ready_i     (piece_ready),
    .piece_dst_o       (piece_dst),
    .piece_residual_o  (piece_residual),
    .piece_param_o     (piece_param),
    .piece_lanes_o     (piece_lanes),
    .piece_group_o     (cap_rd_group_o),
    .piece_row_o       (cap_rd_row_o),
    .piece_tile_o      (cap_rd_tile_o),
    .piece_tile_first_o(piece_tile_first),
    .piece_tile_last_o (piece_tile_last),
    .piece_last_o      (piece_last)
  );

  // Issue. A tile's rows become ready a cycle apart, and pieces leave a cycle apart: only its first piece has to wait.

  logic              issue, may_issue;
  logic [TilesW-1:0] tiles_ready_q;
  logic [SpaceW-1:0] space_q;

  assign may_issue   = piece_valid && (!piece_tile_first || tiles_ready_q != '0) && space_q == '0;
  assign rd_req_o    = may_issue && config_q.residual && !config_q.raw;
  assign rd_addr_o   = piece_residual;
  assign issue       = may_issue && (!rd_req_o || rd_gnt_i);
  assign piece_ready = issue;
  assign cap_rd_en_o = issue;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      tiles_ready_q <= '0;
      tile_free_o   <= 1'b0;
    end else begin
      tiles_ready_q <= tiles_ready_q + TilesW'(tile_ready_i) - TilesW'(issue && piece_tile_first);
      tile_free_o   <= issue && piece_tile_last;
    end
  end

  // Raw pieces take RawBeats writes each.
  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)              space_q <= '0;
    else if (issue)           space_q <= config_q.raw ? SpaceW'(RawBeats - 1) : '0;
    else if (space_q != '0)   space_q <= space_q - 1'b1;
  end

  // To the epilogue.

  typedef struct packed {
    logic                last;
    logic [AddrBits-1:0] dst;
    logic [LanesW-1:0]   lanes;
  } tag_t;

  logic [EnterLatency-1:0]                           enter_valid_q;
  tag_t [EnterLatency-1:0]                           enter_tag_q;
  logic [GCols-1:0][AccBits-1:0]                     acc_q;
  logic [GCols-1:0][BBits-1:0]                       bias;
  logic [GCols-1:0][MBits-1:0]                       multiplier;
  logic [GCols-1:0][5:0]                             shift;
  logic [ResidualDelay-1:0][GCols-1:0][XBits-1:0]    residual_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) enter_valid_q <= '0;
    else         enter_valid_q <= {enter_valid_q[EnterLatency-2:0], issue};
  end

  always_ff @(posedge clk_i) begin
    enter_tag_q <= {enter_tag_q[EnterLatency-2:0], tag_t'{last: piece_last, dst: piece_dst, lanes: piece_lanes}};
    acc_q       <= cap_rd_data_i;
    residual_q  <= {residual_q[ResidualDelay-2:0], rd_data_i[GCols-1:0]};
  end

  dsf_param_mem #(.GCols(GCols), .BBits(BBits), .MBits(MBits), .ParamGroups(ParamGroups)) u_param_mem (
    .clk_i,
    .wr_en_i     (pm_wr_en_i),
    .wr_addr_i   (pm_wr_addr_i),
    .wr_data_i   (pm_wr_data_i),
    .rd_en_i     (issue),
    .rd_addr_i   (piece_param),
    .bias_o      (bias),
    .multiplier_o(multiplier),
    .shift_o     (shift)
  );

  logic wr_valid, wr_last;

  dsf_epilogue #(
    .GCols(GCols), .XBits(XBits), .BBits(BBits), .MBits(MBits), .AccBits(AccBits), .FBits(FBits), .VecLen(VecLen)
  ) u_epilogue (
    .clk_i,
    .rst_ni,
    .config_i    (config_q),
    .valid_i     (enter_valid_q[EnterLatency-1]),
    .last_i      (enter_tag_q[EnterLatency-1].last),
    .addr_i      (enter_tag_q[EnterLatency-1].dst),
    .lanes_i     (enter_tag_q[EnterLatency-1].lanes),
    .acc_i       (acc_q),
    .bias_i      (bias),
    .multiplier_i(multiplier),
    .shift_i     (shift),
    .residual_i  (residual_q[ResidualDelay-1]),
    .wr_req_o    (wr_valid),
    .wr_addr_o,
    .wr_data_o,
    .wr_count_o,
    .wr_last_o   (wr_last)
  );

  // Completion.

  logic [FmemWriteLatency-1:0] done_q;

  // The results of a partial instruction go through the pipeline as others do, and are not written.
  assign wr_req_o = wr_valid && !config_q.partial;
  assign pop      = wr_valid && wr_last;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) done_q <= '0;
    else         done_q <= {done_q[FmemWriteLatency-2:0], pop};
  end

  assign done_o   = done_q[FmemWriteLatency-1];
  assign active_o = issue || wr_valid;
  assign busy_o   = !queue_empty || |done_q;

  // The residual's elements beyond a channel group; the grant that can't fail.
  logic unused;
  assign unused = ^{rd_data_i, wr_gnt_i};

  `DSF_ASSERT(write_is_granted, !wr_req_o || wr_gnt_i)
  `DSF_ASSERT(capture_holds_tiles, 32'(tiles_ready_q) <= CaptureTiles)

endmodule

`default_nettype wire
