// SPDX-License-Identifier: Apache-2.0
//
// The core for the C++ simulation: parameters from the generated configuration, and ports whose widths do not depend on
// them. Stream data are the low AxiWidth bits of 256.

`default_nettype none
`include "config_hw.svh"

module dsf_sim_top
  import dsf_isa_pkg::*;
  import dsf_dma_pkg::*;
(
  input  wire logic         clk_i,
  input  wire logic         rst_ni,

  input  wire logic         inst_valid_i,
  output      logic         inst_ready_o,
  input  wire logic [255:0] inst_data_i,
  input  wire logic         inst_last_i,

  // By channel: 0 loads, 1 weights, 2 stores.
  output      logic [2:0]        cmd_valid_o,
  input  wire logic [2:0]        cmd_ready_i,
  output      logic [2:0][2:0]   cmd_base_o,
  output      logic [2:0][31:0]  cmd_offset_o,
  output      logic [2:0][15:0]  cmd_rows_o,
  output      logic [2:0][31:0]  cmd_row_bytes_o,
  output      logic [2:0][31:0]  cmd_row_stride_o,

  input  wire logic         ld_valid_i,
  output      logic         ld_ready_o,
  input  wire logic [255:0] ld_data_i,

  input  wire logic         wt_valid_i,
  output      logic         wt_ready_o,
  input  wire logic [255:0] wt_data_i,

  output      logic         st_valid_o,
  input  wire logic         st_ready_i,
  output      logic [255:0] st_data_o,
  output      logic         st_last_o,
  input  wire logic         st_done_i,

  output      logic         done_o,
  output      logic         error_o,
  output      logic [3:0]   error_code_o,
  output      logic [15:0]  error_index_o,
  output      logic [7:0]   error_detail_o,
  output      logic [4:0]   start_o,
  output      logic [4:0]   finish_o,
  output      logic         step_o,
  output      logic [31:0]  beat_bytes_o
);

  localparam int unsigned AxiWidth = `DSF_AXI_WIDTH;

  dma_command_t [2:0]  cmd;
  logic [AxiWidth-1:0] st_data;
  logic                unused_busy;

  dsf_core #(
    `DSF_CORE_PARAMETERS
  ) u_core (
    .clk_i,
    .rst_ni,
    .s_axis_inst_tvalid (inst_valid_i),
    .s_axis_inst_tready (inst_ready_o),
    .s_axis_inst_tdata  (inst_data_i[AxiWidth-1:0]),
    .s_axis_inst_tlast  (inst_last_i),
    .m_axis_ldcmd_tvalid(cmd_valid_o[0]),
    .m_axis_ldcmd_tready(cmd_ready_i[0]),
    .m_axis_ldcmd_tdata (cmd[0]),
    .s_axis_ld_tvalid   (ld_valid_i),
    .s_axis_ld_tready   (ld_ready_o),
    .s_axis_ld_tdata    (ld_data_i[AxiWidth-1:0]),
    .m_axis_wtcmd_tvalid(cmd_valid_o[1]),
    .m_axis_wtcmd_tready(cmd_ready_i[1]),
    .m_axis_wtcmd_tdata (cmd[1]),
    .s_axis_wt_tvalid   (wt_valid_i),
    .s_axis_wt_tready   (wt_ready_o),
    .s_axis_wt_tdata    (wt_data_i[AxiWidth-1:0]),
    .m_axis_stcmd_tvalid(cmd_valid_o[2]),
    .m_axis_stcmd_tready(cmd_ready_i[2]),
    .m_axis_stcmd_tdata (cmd[2]),
    .m_axis_st_tvalid   (st_valid_o),
    .m_axis_st_tready   (st_ready_i),
    .m_axis_st_tdata    (st_data),
    .m_axis_st_tlast    (st_last_o),
    .st_done_i,
    .busy_o             (unused_busy),
    .done_o,
    .error_o,
    .error_code_o,
    .error_index_o,
    .error_detail_o,
    .start_o,
    .finish_o,
    .matrix_step_o      (step_o)
  );

  for (genvar c = 0; c < 3; c++) begin : gen_cmd
    assign cmd_base_o[c]       = cmd[c].base;
    assign cmd_offset_o[c]     = cmd[c].offset;
    assign cmd_rows_o[c]       = cmd[c].rows;
    assign cmd_row_bytes_o[c]  = cmd[c].row_bytes;
    assign cmd_row_stride_o[c] = cmd[c].row_stride;
  end

  assign st_data_o    = 256'(st_data);
  assign beat_bytes_o = AxiWidth / 8;

endmodule

`default_nettype wire
