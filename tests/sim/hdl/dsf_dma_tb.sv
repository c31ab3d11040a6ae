// SPDX-License-Identifier: Apache-2.0
//
// Both DMAs under test, side by side on one AXI port, with the constant signals that dsf_top gives them.

`default_nettype none

module dsf_dma_tb
  import dsf_dma_pkg::*;
  import dsf_regs_pkg::NumBases;
#(
  parameter int unsigned AxiWidth       = 128,
  parameter int unsigned AddrWidth      = 64,
  parameter int unsigned MaxBurst       = 16,
  parameter int unsigned ReadFifoDepth  = 128,
  parameter int unsigned WriteFifoDepth = 64,
  parameter int unsigned MaxOutstanding = 32
) (
  input  wire logic                             clk_i,
  input  wire logic                             rst_ni,

  input  wire logic [NumBases-1:0][AddrWidth:0] base_i,
  input  wire logic                             halt_i,

  input  wire logic                             rd_cmd_valid_i,
  output      logic                             rd_cmd_ready_o,
  input  wire dma_command_t                     rd_cmd_i,
  output      logic [AxiWidth-1:0]              rd_data_o,
  output      logic                             rd_valid_o,
  input  wire logic                             rd_ready_i,
  output      logic                             rd_last_o,
  output      logic                             rd_busy_o,
  output      logic                             rd_address_error_o,
  output      logic                             rd_bus_error_o,
  output      logic [1:0]                       rd_bus_response_o,

  input  wire logic                             wr_cmd_valid_i,
  output      logic                             wr_cmd_ready_o,
  input  wire dma_command_t                     wr_cmd_i,
  input  wire logic [AxiWidth-1:0]              wr_data_i,
  input  wire logic                             wr_valid_i,
  output      logic                             wr_ready_o,
  input  wire logic                             wr_last_i,
  output      logic                             wr_done_o,
  output      logic                             wr_busy_o,
  output      logic                             wr_address_error_o,
  output      logic                             wr_bus_error_o,
  output      logic [1:0]                       wr_bus_response_o,

  output      logic [0:0]                       m_axi_arid,
  output      logic [AddrWidth-1:0]             m_axi_araddr,
  output      logic [7:0]                       m_axi_arlen,
  output      logic [2:0]                       m_axi_arsize,
  output      logic [1:0]                       m_axi_arburst,
  output      logic                             m_axi_arvalid,
  input  wire logic                             m_axi_arready,
  /* verilator lint_off UNUSEDSIGNAL */
  input  wire logic [0:0]                       m_axi_rid,
  /* verilator lint_on UNUSEDSIGNAL */
  input  wire logic [AxiWidth-1:0]              m_axi_rdata,
  input  wire logic [1:0]                       m_axi_rresp,
  input  wire logic                             m_axi_rlast,
  input  wire logic                             m_axi_rvalid,
  output      logic                             m_axi_rready,

  output      logic [0:0]                       m_axi_awid,
  output      logic [AddrWidth-1:0]             m_axi_awaddr,
  output      logic [7:0]                       m_axi_awlen,
  output      logic [2:0]                       m_axi_awsize,
  output      logic [1:0]                       m_axi_awburst,
  output      logic                             m_axi_awvalid,
  input  wire logic                             m_axi_awready,
  output      logic [AxiWidth-1:0]              m_axi_wdata,
  output      logic [AxiWidth/8-1:0]            m_axi_wstrb,
  output      logic                             m_axi_wlast,
  output      logic                             m_axi_wvalid,
  input  wire logic                             m_axi_wready,
  /* verilator lint_off UNUSEDSIGNAL */
  input  wire logic [0:0]                       m_axi_bid,
  /* verilator lint_on UNUSEDSIGNAL */
  input  wire logic [1:0]                       m_axi_bresp,
  input  wire logic                             m_axi_bvalid,
  output      logic                             m_axi_bready
);

  localparam logic [2:0] Size = 3'($clog2(AxiWidth / 8));
  localparam logic [1:0] Incr = 2'b01;

  assign m_axi_arid    = '0;
  assign m_axi_arsize  = Size;
  assign m_axi_arburst = Incr;
  assign m_axi_awid    = '0;
  assign m_axi_awsize  = Size;
  assign m_axi_awburst = Incr;

  dsf_dma_read #(
    .AxiWidth      (AxiWidth),
    .AddrWidth     (AddrWidth),
    .MaxBurst      (MaxBurst),
    .FifoDepth     (ReadFifoDepth),
    .MaxOutstanding(MaxOutstanding)
  ) u_read (
    .clk_i,
    .rst_ni,
    .base_i,
    .cmd_valid_i    (rd_cmd_valid_i),
    .cmd_ready_o    (rd_cmd_ready_o),
    .cmd_i          (rd_cmd_i),
    .m_axis_tdata_o (rd_data_o),
    .m_axis_tvalid_o(rd_valid_o),
    .m_axis_tready_i(rd_ready_i),
    .m_axis_tlast_o (rd_last_o),
    .m_axi_araddr,
    .m_axi_arlen,
    .m_axi_arvalid,
    .m_axi_arready,
    .m_axi_rdata,
    .m_axi_rresp,
    .m_axi_rlast,
    .m_axi_rvalid,
    .m_axi_rready,
    .halt_i,
    .busy_o         (rd_busy_o),
    .address_error_o(rd_address_error_o),
    .bus_error_o    (rd_bus_error_o),
    .bus_response_o (rd_bus_response_o)
  );

  dsf_dma_write #(
    .AxiWidth      (AxiWidth),
    .AddrWidth     (AddrWidth),
    .MaxBurst      (MaxBurst),
    .FifoDepth     (WriteFifoDepth),
    .MaxOutstanding(MaxOutstanding)
  ) u_write (
    .clk_i,
    .rst_ni,
    .base_i,
    .cmd_valid_i    (wr_cmd_valid_i),
    .cmd_ready_o    (wr_cmd_ready_o),
    .cmd_i          (wr_cmd_i),
    .s_axis_tdata_i (wr_data_i),
    .s_axis_tvalid_i(wr_valid_i),
    .s_axis_tready_o(wr_ready_o),
    .s_axis_tlast_i (wr_last_i),
    .m_axi_awaddr,
    .m_axi_awlen,
    .m_axi_awvalid,
    .m_axi_awready,
    .m_axi_wdata,
    .m_axi_wstrb,
    .m_axi_wlast,
    .m_axi_wvalid,
    .m_axi_wready,
    .m_axi_bresp,
    .m_axi_bvalid,
    .m_axi_bready,
    .halt_i,
    .done_o         (wr_done_o),
    .busy_o         (wr_busy_o),
    .address_error_o(wr_address_error_o),
    .bus_error_o    (wr_bus_error_o),
    .bus_response_o (wr_bus_response_o)
  );

endmodule

`default_nettype wire
