// SPDX-License-Identifier: Apache-2.0
//
// The read port that instruction fetch (ID 1) and the feature DMA (ID 0) share. Each has room for all it asks for, so that
// neither can hold up the other's answers; see dsf_read_arbiter for the requests.

`default_nettype none

module dsf_feature_port
  import dsf_dma_pkg::*;
  import dsf_regs_pkg::NumBases;
#(
  parameter int unsigned AxiWidth  = 128,
  parameter int unsigned AddrWidth = 64,
  parameter int unsigned IdWidth   = 1,
  parameter int unsigned MaxBurst  = 16,
  parameter int unsigned FifoDepth = 128
) (
  input  wire logic                             clk_i,
  input  wire logic                             rst_ni,
  input  wire logic                             engine_rst_ni,    // between runs

  input  wire logic [NumBases-1:0][AddrWidth:0] base_i,
  input  wire logic                             fetch_i,
  input  wire logic [31:0]                      program_bytes_i,
  input  wire logic                             halt_i,

  output      logic [AxiWidth-1:0]              m_axis_inst_tdata_o,
  output      logic                             m_axis_inst_tvalid_o,
  input  wire logic                             m_axis_inst_tready_i,
  output      logic                             m_axis_inst_tlast_o,

  input  wire logic                             cmd_valid_i,
  output      logic                             cmd_ready_o,
  input  wire dma_command_t                     cmd_i,
  output      logic [AxiWidth-1:0]              m_axis_ld_tdata_o,
  output      logic                             m_axis_ld_tvalid_o,
  input  wire logic                             m_axis_ld_tready_i,

  output      logic [IdWidth-1:0]               m_axi_arid,
  output      logic [AddrWidth-1:0]             m_axi_araddr,
  output      logic [7:0]                       m_axi_arlen,
  output      logic                             m_axi_arvalid,
  input  wire logic                             m_axi_arready,
  input  wire logic [IdWidth-1:0]               m_axi_rid,
  input  wire logic [AxiWidth-1:0]              m_axi_rdata,
  input  wire logic [1:0]                       m_axi_rresp,
  input  wire logic                             m_axi_rlast,
  input  wire logic                             m_axi_rvalid,
  output      logic                             m_axi_rready,

  // Instructions, features.
  output      logic [1:0]                       beat_o,           // one has come
  output      logic [1:0]                       busy_o,
  output      logic [1:0]                       address_error_o,
  output      logic [1:0]                       bus_error_o,
  output      logic [1:0][1:0]                  bus_response_o
);

  logic [AddrWidth-1:0] inst_araddr, load_araddr;
  logic [7:0]           inst_arlen, load_arlen;
  logic                 inst_arvalid, inst_arready, load_arvalid, load_arready;
  logic                 inst_rvalid, inst_rready, load_rvalid, load_rready;
  logic                 unused_tlast;

  assign beat_o = {load_rvalid && load_rready, inst_rvalid && inst_rready};

  dsf_read_arbiter #(
    .AddrWidth(AddrWidth),
    .IdWidth  (IdWidth)
  ) u_arbiter (
    .clk_i,
    .rst_ni,
    .araddr_i     ({inst_araddr, load_araddr}),
    .arlen_i      ({inst_arlen, load_arlen}),
    .arvalid_i    ({inst_arvalid, load_arvalid}),
    .arready_o    ({inst_arready, load_arready}),
    .rvalid_o     ({inst_rvalid, load_rvalid}),
    .rready_i     ({inst_rready, load_rready}),
    .m_axi_arid,
    .m_axi_araddr,
    .m_axi_arlen,
    .m_axi_arvalid,
    .m_axi_arready,
    .m_axi_rid,
    .m_axi_rvalid,
    .m_axi_rready
  );

  dsf_fetch #(
    .AxiWidth (AxiWidth),
    .AddrWidth(AddrWidth),
    .MaxBurst (MaxBurst)
  ) u_fetch (
    .clk_i,
    .rst_ni         (engine_rst_ni),
    .start_i        (fetch_i),
    .bytes_i        (program_bytes_i),
    .base_i,
    .m_axis_tdata_o (m_axis_inst_tdata_o),
    .m_axis_tvalid_o(m_axis_inst_tvalid_o),
    .m_axis_tready_i(m_axis_inst_tready_i),
    .m_axis_tlast_o (m_axis_inst_tlast_o),
    .m_axi_araddr   (inst_araddr),
    .m_axi_arlen    (inst_arlen),
    .m_axi_arvalid  (inst_arvalid),
    .m_axi_arready  (inst_arready),
    .m_axi_rdata,
    .m_axi_rresp,
    .m_axi_rlast,
    .m_axi_rvalid   (inst_rvalid),
    .m_axi_rready   (inst_rready),
    .halt_i,
    .busy_o         (busy_o[0]),
    .address_error_o(address_error_o[0]),
    .bus_error_o    (bus_error_o[0]),
    .bus_response_o (bus_response_o[0])
  );

  dsf_dma_read #(
    .AxiWidth (AxiWidth),
    .AddrWidth(AddrWidth),
    .MaxBurst (MaxBurst),
    .FifoDepth(FifoDepth)
  ) u_read_features (
    .clk_i,
    .rst_ni         (engine_rst_ni),
    .base_i,
    .cmd_valid_i,
    .cmd_ready_o,
    .cmd_i,
    .m_axis_tdata_o (m_axis_ld_tdata_o),
    .m_axis_tvalid_o(m_axis_ld_tvalid_o),
    .m_axis_tready_i(m_axis_ld_tready_i),
    .m_axis_tlast_o (unused_tlast),
    .m_axi_araddr   (load_araddr),
    .m_axi_arlen    (load_arlen),
    .m_axi_arvalid  (load_arvalid),
    .m_axi_arready  (load_arready),
    .m_axi_rdata,
    .m_axi_rresp,
    .m_axi_rlast,
    .m_axi_rvalid   (load_rvalid),
    .m_axi_rready   (load_rready),
    .halt_i,
    .busy_o         (busy_o[1]),
    .address_error_o(address_error_o[1]),
    .bus_error_o    (bus_error_o[1]),
    .bus_response_o (bus_response_o[1])
  );

endmodule

`default_nettype wire
