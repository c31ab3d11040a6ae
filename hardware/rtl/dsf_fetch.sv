// SPDX-License-Identifier: Apache-2.0
//
// Instruction fetch: start_i reads bytes_i bytes at base register 0 and streams them, tlast on the last beat. A read DMA
// with a short FIFO; what it says of halt, errors and reset holds here too. bytes_i is not 0.

`default_nettype none
`include "dsf_reset.svh"

module dsf_fetch
  import dsf_dma_pkg::*;
  import dsf_regs_pkg::NumBases;
#(
  parameter int unsigned AxiWidth  = 128,
  parameter int unsigned AddrWidth = 64,
  parameter int unsigned MaxBurst  = 16
) (
  input  wire logic                             clk_i,
  input  wire logic                             rst_ni,

  input  wire logic                             start_i,
  input  wire logic [31:0]                      bytes_i,   // stable from start_i on
  input  wire logic [NumBases-1:0][AddrWidth:0] base_i,

  output      logic [AxiWidth-1:0]              m_axis_tdata_o,
  output      logic                             m_axis_tvalid_o,
  input  wire logic                             m_axis_tready_i,
  output      logic                             m_axis_tlast_o,

  output      logic [AddrWidth-1:0]             m_axi_araddr,
  output      logic [7:0]                       m_axi_arlen,
  output      logic                             m_axi_arvalid,
  input  wire logic                             m_axi_arready,
  input  wire logic [AxiWidth-1:0]              m_axi_rdata,
  input  wire logic [1:0]                       m_axi_rresp,
  input  wire logic                             m_axi_rlast,
  input  wire logic                             m_axi_rvalid,
  output      logic                             m_axi_rready,

  input  wire logic                             halt_i,
  output      logic                             busy_o,
  output      logic                             address_error_o,
  output      logic                             bus_error_o,
  output      logic [1:0]                       bus_response_o
);

  logic         pending_q, cmd_ready;
  dma_command_t cmd;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) pending_q <= 1'b0;
    else if (start_i) pending_q <= 1'b1;
    else if (cmd_ready) pending_q <= 1'b0;
  end

  always_comb begin
    cmd           = '0;
    cmd.rows      = 16'd1;
    cmd.row_bytes = bytes_i;
  end

  dsf_dma_read #(
    .AxiWidth      (AxiWidth),
    .AddrWidth     (AddrWidth),
    .MaxBurst      (MaxBurst),
    .FifoDepth     (2 * MaxBurst),
    .MaxOutstanding(4)
  ) u_read (
    .clk_i,
    .rst_ni,
    .base_i,
    .cmd_valid_i(pending_q),
    .cmd_ready_o(cmd_ready),
    .cmd_i      (cmd),
    .m_axis_tdata_o,
    .m_axis_tvalid_o,
    .m_axis_tready_i,
    .m_axis_tlast_o,
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
    .busy_o,
    .address_error_o,
    .bus_error_o,
    .bus_response_o
  );

endmodule

`default_nettype wire
