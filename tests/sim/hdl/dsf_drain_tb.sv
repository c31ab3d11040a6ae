// SPDX-License-Identifier: Apache-2.0
//
// Test bench of the drain: dsf_drain on a real feature memory and on capture RAMs that the test writes. A client of
// higher priority takes reads away from the drain at a rate that the test sets. The test fills and reads back feature memory
// through the load and store ports.

`default_nettype none

module dsf_drain_tb
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned Rows         = 4,
  parameter int unsigned Groups       = 3,
  parameter int unsigned GCols        = 5,
  parameter int unsigned XBits        = 8,
  parameter int unsigned BBits        = 16,
  parameter int unsigned AccBits      = 32,
  parameter int unsigned VecLen       = 16,
  parameter int unsigned FeatureWords = 256,
  parameter int unsigned ParamGroups  = 16,
  parameter int unsigned CaptureTiles = 4,
  localparam int unsigned RowW   = index_bits(Rows),
  localparam int unsigned GroupW = index_bits(Groups),
  localparam int unsigned TileW  = index_bits(CaptureTiles),
  localparam int unsigned CapW   = $clog2(Rows * CaptureTiles),
  localparam int unsigned CountW = $clog2(VecLen + 1)
) (
  input  wire logic                                     clk_i,
  input  wire logic                                     reset_ni,

  input  wire logic                                     instr_valid_i,
  input  wire logic [$bits(matrix_t)-1:0]               instr_i,
  output      logic                                     instr_ready_o,
  output      logic                                     done_o,
  output      logic                                     busy_o,
  output      logic                                     active_o,

  input  wire logic                                     tile_ready_i,
  output      logic                                     tile_free_o,
  input  wire logic [Groups-1:0]                        cap_wr_en_i,
  input  wire logic [CapW-1:0]                          cap_wr_addr_i,
  input  wire logic [Groups-1:0][GCols-1:0][AccBits-1:0] cap_wr_data_i,

  input  wire logic [GCols-1:0]                         pm_wr_en_i,
  input  wire logic [ParamAddrBits-1:0]                 pm_wr_addr_i,
  input  wire logic [ParamBits-1:0]                     pm_wr_data_i,

  // Of 256 cycles, those in which the feeder reads.
  input  wire logic [8:0]                               stall_rate_i,
  input  wire logic                                     load_req_i,
  input  wire logic [AddrBits-1:0]                      load_addr_i,
  input  wire logic [VecLen-1:0][XBits-1:0]             load_data_i,
  input  wire logic                                     store_req_i,
  input  wire logic [AddrBits-1:0]                      store_addr_i,
  output      logic                                     store_valid_o,
  output      logic [VecLen-1:0][XBits-1:0]             store_data_o,
  // Elements that the drain writes in this cycle.
  output      logic [CountW-1:0]                        written_o
);

  logic                              feeder_req, drain_rd_req, drain_wr_req;
  logic [AddrBits-1:0]               drain_rd_addr, drain_wr_addr;
  logic [FmemReaders-1:0]            rd_gnt, rd_valid;
  logic [FmemWriters-1:0]            wr_gnt;
  logic [VecLen-1:0][XBits-1:0]      rd_data, drain_wr_data;
  logic [CountW-1:0]                 drain_wr_count;
  logic                              cap_rd_en;
  logic [GroupW-1:0]                 cap_rd_group, cap_rd_group_q;
  logic [RowW-1:0]                   cap_rd_row;
  logic [TileW-1:0]                  cap_rd_tile;
  logic [Groups-1:0][GCols-1:0][AccBits-1:0] cap_rd_data;

  // In reset from the beginning, whatever the simulator's random initial values of the inputs are.
  logic armed_q = 1'b0;
  logic rst_ni;
  always_ff @(negedge clk_i) armed_q <= 1'b1;
  assign rst_ni = reset_ni && armed_q;

  dsf_random_stall u_stall (.clk_i, .rst_ni, .rate_i(stall_rate_i), .req_o(feeder_req));

  logic [XBits-1:0] unused_rd_after;

  dsf_fmem #(.XBits(XBits), .VecLen(VecLen), .FeatureWords(FeatureWords)) u_fmem (
    .clk_i,
    .rst_ni,
    .rd_req_i  ({store_req_i, 1'b0, drain_rd_req, feeder_req}),
    .rd_addr_i ({store_addr_i, AddrBits'(0), drain_rd_addr, AddrBits'(0)}),
    .rd_gnt_o  (rd_gnt),
    .rd_valid_o(rd_valid),
    .rd_data_o (rd_data),
    .rd_after_o(unused_rd_after),
    .wr_req_i  ({load_req_i, 1'b0, drain_wr_req}),
    .wr_addr_i ({load_addr_i, AddrBits'(0), drain_wr_addr}),
    .wr_data_i ({load_data_i, (VecLen * XBits)'(0), drain_wr_data}),
    .wr_count_i({CountW'(VecLen), CountW'(0), drain_wr_count}),
    .wr_gnt_o  (wr_gnt)
  );

  assign store_valid_o = rd_valid[FmemReadStore];
  assign store_data_o  = rd_data;
  assign written_o     = drain_wr_req ? drain_wr_count : '0;

  for (genvar g = 0; g < int'(Groups); g++) begin : gen_capture
    dsf_ram #(.Depth(Rows * CaptureTiles), .Lanes(1), .LaneWidth(GCols * AccBits)) u_ram (
      .clk_i,
      .wr_en_i  (cap_wr_en_i[g]),
      .wr_addr_i(cap_wr_addr_i),
      .wr_data_i(cap_wr_data_i[g]),
      .rd_en_i  (cap_rd_en && 32'(cap_rd_group) == g),
      .rd_addr_i(CapW'(32'(cap_rd_tile) * Rows + 32'(cap_rd_row))),
      .rd_data_o(cap_rd_data[g])
    );
  end

  always_ff @(posedge clk_i) cap_rd_group_q <= cap_rd_group;

  dsf_drain #(
    .Rows(Rows), .Groups(Groups), .GCols(GCols), .XBits(XBits), .BBits(BBits), .AccBits(AccBits), .VecLen(VecLen),
    .ParamGroups(ParamGroups), .CaptureTiles(CaptureTiles)
  ) u_drain (
    .clk_i,
    .rst_ni,
    .instr_valid_i,
    .instr_i,
    .instr_ready_o,
    .tile_ready_i,
    .tile_free_o,
    .cap_rd_en_o   (cap_rd_en),
    .cap_rd_group_o(cap_rd_group),
    .cap_rd_row_o  (cap_rd_row),
    .cap_rd_tile_o (cap_rd_tile),
    .cap_rd_data_i (cap_rd_data[cap_rd_group_q]),
    .pm_wr_en_i,
    .pm_wr_addr_i,
    .pm_wr_data_i,
    .rd_req_o      (drain_rd_req),
    .rd_addr_o     (drain_rd_addr),
    .rd_gnt_i      (rd_gnt[FmemReadDrain]),
    .rd_data_i     (rd_data),
    .wr_req_o      (drain_wr_req),
    .wr_addr_o     (drain_wr_addr),
    .wr_data_o     (drain_wr_data),
    .wr_count_o    (drain_wr_count),
    .wr_gnt_i      (wr_gnt[FmemWriteDrain]),
    .done_o,
    .active_o,
    .busy_o
  );

endmodule

`default_nettype wire
