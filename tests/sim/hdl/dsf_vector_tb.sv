// SPDX-License-Identifier: Apache-2.0
//
// Test bench of the vector unit: dsf_vector on a real feature memory, where clients of higher priority take away reads and
// writes at rates that the test sets. The test fills and reads back feature memory through the load and store ports.

`default_nettype none

module dsf_vector_tb
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned XBits        = 8,
  parameter int unsigned MBits        = 16,
  parameter int unsigned VecLen       = 16,
  parameter int unsigned Lanes        = 4,
  parameter int unsigned FeatureWords = 256,
  parameter int unsigned WindowBits   = 16,
  localparam int unsigned CountW = $clog2(VecLen + 1)
) (
  input  wire logic                         clk_i,
  input  wire logic                         reset_ni,

  input  wire logic                         instr_valid_i,
  input  wire logic [$bits(vector_t)-1:0]   instr_i,
  output      logic                         instr_ready_o,
  output      logic                         done_o,
  output      logic                         active_o,
  output      logic                         busy_o,
  output      logic                         error_o,
  output      logic [3:0]                   error_code_o,

  input  wire logic                         tb_wr_en_i,
  input  wire logic [TableBits-1:0]         tb_wr_table_i,
  input  wire logic [TableWordsBits-1:0]    tb_wr_word_i,
  input  wire logic [ParamBits-1:0]         tb_wr_data_i,

  // Of 256 cycles, those in which the feeder reads, and those in which the drain writes.
  input  wire logic [8:0]                   read_stall_rate_i,
  input  wire logic [8:0]                   write_stall_rate_i,
  input  wire logic                         load_req_i,
  input  wire logic [AddrBits-1:0]          load_addr_i,
  input  wire logic [VecLen-1:0][XBits-1:0] load_data_i,
  input  wire logic                         store_req_i,
  input  wire logic [AddrBits-1:0]          store_addr_i,
  output      logic                         store_valid_o,
  output      logic [VecLen-1:0][XBits-1:0] store_data_o
);

  logic                         feeder_req, drain_req, vector_rd_req, vector_wr_req;
  logic [AddrBits-1:0]          vector_rd_addr, vector_wr_addr;
  logic [FmemReaders-1:0]       rd_gnt, rd_valid;
  logic [FmemWriters-1:0]       wr_gnt;
  logic [VecLen-1:0][XBits-1:0] rd_data, vector_wr_data;
  logic [CountW-1:0]            vector_wr_count;
  error_code_e                  error_code;

  // In reset from the beginning, whatever the simulator's random initial values of the inputs are.
  logic armed_q = 1'b0;
  logic rst_ni;
  always_ff @(negedge clk_i) armed_q <= 1'b1;
  assign rst_ni = reset_ni && armed_q;

  dsf_random_stall #(.Seed(1)) u_read_stall (.clk_i, .rst_ni, .rate_i(read_stall_rate_i), .req_o(feeder_req));
  dsf_random_stall #(.Seed(2)) u_write_stall (.clk_i, .rst_ni, .rate_i(write_stall_rate_i), .req_o(drain_req));

  logic [XBits-1:0] unused_rd_after;

  // The drain's writes are of no elements.
  dsf_fmem #(.XBits(XBits), .VecLen(VecLen), .FeatureWords(FeatureWords)) u_fmem (
    .clk_i,
    .rst_ni,
    .rd_req_i  ({store_req_i, vector_rd_req, 1'b0, feeder_req}),
    .rd_addr_i ({store_addr_i, vector_rd_addr, AddrBits'(0), AddrBits'(0)}),
    .rd_gnt_o  (rd_gnt),
    .rd_valid_o(rd_valid),
    .rd_data_o (rd_data),
    .rd_after_o(unused_rd_after),
    .wr_req_i  ({load_req_i, vector_wr_req, drain_req}),
    .wr_addr_i ({load_addr_i, vector_wr_addr, AddrBits'(0)}),
    .wr_data_i ({load_data_i, vector_wr_data, (VecLen * XBits)'(0)}),
    .wr_count_i({CountW'(VecLen), vector_wr_count, CountW'(0)}),
    .wr_gnt_o  (wr_gnt)
  );

  assign store_valid_o = rd_valid[FmemReadStore];
  assign store_data_o  = rd_data;
  assign error_code_o  = error_code;

  dsf_vector #(.XBits(XBits), .MBits(MBits), .VecLen(VecLen), .Lanes(Lanes), .WindowBits(WindowBits)) u_vector (
    .clk_i,
    .rst_ni,
    .instr_valid_i,
    .instr_i,
    .instr_ready_o,
    .done_o,
    .active_o,
    .busy_o,
    .error_o,
    .error_code_o(error_code),
    .tb_wr_en_i,
    .tb_wr_table_i,
    .tb_wr_word_i,
    .tb_wr_data_i,
    .rd_req_o    (vector_rd_req),
    .rd_addr_o   (vector_rd_addr),
    .rd_gnt_i    (rd_gnt[FmemReadVector]),
    .rd_data_i   (rd_data),
    .wr_req_o    (vector_wr_req),
    .wr_addr_o   (vector_wr_addr),
    .wr_data_o   (vector_wr_data),
    .wr_count_o  (vector_wr_count),
    .wr_gnt_i    (wr_gnt[FmemWriteVector])
  );

endmodule

`default_nettype wire
