// SPDX-License-Identifier: Apache-2.0
//
// LOAD and STORE on a feature memory whose other clients get in the way: block_read_i and block_write_i are requests of
// higher priority (the write has no lanes).

`default_nettype none

module dsf_load_store_tb
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_dma_pkg::*;
#(
  parameter int unsigned XBits        = 8,
  parameter int unsigned VecLen       = 16,
  parameter int unsigned AxiWidth     = 64,
  parameter int unsigned FeatureWords = 32
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,
  input  wire logic                block_read_i,
  input  wire logic                block_write_i,

  input  wire logic                load_valid_i,
  output      logic                load_ready_o,
  input  wire logic [255:0]        load_instr_i,
  input  wire logic [15:0]         load_index_i,
  output      logic                load_done_o,
  output      logic                load_error_o,
  output      logic [15:0]         load_error_index_o,
  output      logic                ldcmd_valid_o,
  input  wire logic                ldcmd_ready_i,
  output      logic [114:0]        ldcmd_o,
  input  wire logic                ld_valid_i,
  output      logic                ld_ready_o,
  input  wire logic [AxiWidth-1:0] ld_data_i,

  input  wire logic                store_valid_i,
  output      logic                store_ready_o,
  input  wire logic [255:0]        store_instr_i,
  input  wire logic [15:0]         store_index_i,
  output      logic                store_done_o,
  output      logic                store_error_o,
  output      logic [15:0]         store_error_index_o,
  output      logic                stcmd_valid_o,
  input  wire logic                stcmd_ready_i,
  output      logic [114:0]        stcmd_o,
  output      logic                st_valid_o,
  input  wire logic                st_ready_i,
  output      logic [AxiWidth-1:0] st_data_o,
  output      logic                st_last_o,
  input  wire logic                st_done_i
);

  localparam int unsigned CountWidth = $clog2(VecLen + 1);

  logic [FmemReaders-1:0]                        rd_req, rd_gnt, rd_valid;
  logic [FmemReaders-1:0][AddrBits-1:0]          rd_addr;
  logic [VecLen-1:0][XBits-1:0]                  rd_data;
  logic [FmemWriters-1:0]                        wr_req, wr_gnt;
  logic [FmemWriters-1:0][AddrBits-1:0]          wr_addr;
  logic [FmemWriters-1:0][VecLen-1:0][XBits-1:0] wr_data;
  logic [FmemWriters-1:0][CountWidth-1:0]        wr_count;
  dma_command_t                                  ldcmd, stcmd;
  logic [1:0]                                    unused_active;

  assign ldcmd_o = ldcmd;
  assign stcmd_o = stcmd;

  assign rd_req[FmemReadFeeder]   = block_read_i;
  assign rd_req[FmemReadDrain]    = 1'b0;
  assign rd_req[FmemReadVector]   = 1'b0;
  assign wr_req[FmemWriteDrain]   = block_write_i;
  assign wr_req[FmemWriteVector]  = 1'b0;
  for (genvar c = 0; c < 3; c++) begin : gen_tie_read
    assign rd_addr[c] = '0;
  end
  for (genvar c = 0; c < 2; c++) begin : gen_tie_write
    assign wr_addr[c]  = '0;
    assign wr_data[c]  = '0;
    assign wr_count[c] = '0;
  end

  logic [XBits-1:0] unused_rd_after;

  dsf_fmem #(.XBits(XBits), .VecLen(VecLen), .FeatureWords(FeatureWords)) u_fmem (
    .clk_i,
    .rst_ni,
    .rd_req_i  (rd_req),
    .rd_addr_i (rd_addr),
    .rd_gnt_o  (rd_gnt),
    .rd_valid_o(rd_valid),
    .rd_data_o (rd_data),
    .rd_after_o(unused_rd_after),
    .wr_req_i  (wr_req),
    .wr_addr_i (wr_addr),
    .wr_data_i (wr_data),
    .wr_count_i(wr_count),
    .wr_gnt_o  (wr_gnt)
  );

  dsf_load #(.XBits(XBits), .VecLen(VecLen), .AxiWidth(AxiWidth), .FeatureWords(FeatureWords)) u_load (
    .clk_i,
    .rst_ni,
    .instr_valid_i        (load_valid_i),
    .instr_ready_o        (load_ready_o),
    .instr_i              (load_instr_i),
    .instr_index_i        (load_index_i),
    .done_o               (load_done_o),
    .m_axis_ldcmd_tvalid_o(ldcmd_valid_o),
    .m_axis_ldcmd_tready_i(ldcmd_ready_i),
    .m_axis_ldcmd_tdata_o (ldcmd),
    .s_axis_ld_tvalid_i   (ld_valid_i),
    .s_axis_ld_tready_o   (ld_ready_o),
    .s_axis_ld_tdata_i    (ld_data_i),
    .wr_req_o             (wr_req[FmemWriteLoad]),
    .wr_gnt_i             (wr_gnt[FmemWriteLoad]),
    .wr_addr_o            (wr_addr[FmemWriteLoad]),
    .wr_data_o            (wr_data[FmemWriteLoad]),
    .wr_count_o           (wr_count[FmemWriteLoad]),
    .active_o             (unused_active[0]),
    .error_o              (load_error_o),
    .error_index_o        (load_error_index_o)
  );

  dsf_store #(.XBits(XBits), .VecLen(VecLen), .AxiWidth(AxiWidth), .FeatureWords(FeatureWords)) u_store (
    .clk_i,
    .rst_ni,
    .instr_valid_i        (store_valid_i),
    .instr_ready_o        (store_ready_o),
    .instr_i              (store_instr_i),
    .instr_index_i        (store_index_i),
    .done_o               (store_done_o),
    .m_axis_stcmd_tvalid_o(stcmd_valid_o),
    .m_axis_stcmd_tready_i(stcmd_ready_i),
    .m_axis_stcmd_tdata_o (stcmd),
    .m_axis_st_tvalid_o   (st_valid_o),
    .m_axis_st_tready_i   (st_ready_i),
    .m_axis_st_tdata_o    (st_data_o),
    .m_axis_st_tlast_o    (st_last_o),
    .st_done_i,
    .rd_req_o             (rd_req[FmemReadStore]),
    .rd_gnt_i             (rd_gnt[FmemReadStore]),
    .rd_addr_o            (rd_addr[FmemReadStore]),
    .rd_valid_i           (rd_valid[FmemReadStore]),
    .rd_data_i            (rd_data),
    .active_o             (unused_active[1]),
    .error_o              (store_error_o),
    .error_index_o        (store_error_index_o)
  );

  logic unused;
  assign unused = ^{rd_gnt, rd_valid, wr_gnt};

endmodule

`default_nettype wire
