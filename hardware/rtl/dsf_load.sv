// SPDX-License-Identifier: Apache-2.0
//
// LOAD: rows from DRAM to feature memory, one beat per cycle. After an address error all further beats are dropped, so
// that the DMA is never held up.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_load
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_dma_pkg::*;
#(
  parameter int unsigned XBits        = 8,
  parameter int unsigned VecLen       = 32,
  parameter int unsigned AxiWidth     = 128,
  parameter int unsigned FeatureWords = 1024,
  localparam int unsigned CountWidth  = $clog2(VecLen + 1)
) (
  input  wire logic                         clk_i,
  input  wire logic                         rst_ni,

  input  wire logic                         instr_valid_i,
  output      logic                         instr_ready_o,
  input  wire load_t                        instr_i,
  input  wire logic [15:0]                  instr_index_i,
  output      logic                         done_o,

  output      logic                         m_axis_ldcmd_tvalid_o,
  input  wire logic                         m_axis_ldcmd_tready_i,
  output      dma_command_t                 m_axis_ldcmd_tdata_o,

  input  wire logic                         s_axis_ld_tvalid_i,
  output      logic                         s_axis_ld_tready_o,
  input  wire logic [AxiWidth-1:0]          s_axis_ld_tdata_i,

  output      logic                         wr_req_o,
  input  wire logic                         wr_gnt_i,
  output      logic [AddrBits-1:0]          wr_addr_o,
  output      logic [VecLen-1:0][XBits-1:0] wr_data_o,
  output      logic [CountWidth-1:0]        wr_count_o,

  output      logic                         active_o,
  output      logic                         error_o,        // ErrAddress; stays until reset
  output      logic [15:0]                  error_index_o
);

  localparam int unsigned BeatElems = AxiWidth / XBits;
  localparam int unsigned BeatBits  = $clog2(BeatElems + 1);

  // Where the next beat goes.
  logic                slot_valid, slot_last, written;
  logic [BeatBits-1:0] slot_count;
  logic                unused_row_last;

  dsf_row_walker #(
    .XBits          (XBits),
    .BeatElems      (BeatElems),
    .FeatureElements(FeatureWords * VecLen)
  ) u_rows (
    .clk_i,
    .rst_ni,
    .instr_valid_i,
    .instr_ready_o,
    .instr_i,
    .instr_index_i,
    .cmd_valid_o    (m_axis_ldcmd_tvalid_o),
    .cmd_ready_i    (m_axis_ldcmd_tready_i),
    .cmd_o          (m_axis_ldcmd_tdata_o),
    .beat_valid_o   (slot_valid),
    .beat_addr_o    (wr_addr_o),
    .beat_count_o   (slot_count),
    .beat_row_last_o(unused_row_last),
    .beat_last_o    (slot_last),
    .beat_next_i    (written),
    .error_o,
    .error_index_o
  );

  // The beat itself.
  logic                            beat_valid;
  logic [BeatElems-1:0][XBits-1:0] beat;

  dsf_skid #(
    .Width(AxiWidth)
  ) u_skid (
    .clk_i,
    .rst_ni,
    .in_valid_i (s_axis_ld_tvalid_i),
    .in_ready_o (s_axis_ld_tready_o),
    .in_data_i  (s_axis_ld_tdata_i),
    .out_valid_o(beat_valid),
    .out_ready_i(written || error_o),
    .out_data_o (beat)
  );

  assign wr_req_o   = slot_valid && beat_valid;
  assign wr_count_o = CountWidth'(slot_count);
  assign written    = wr_req_o && wr_gnt_i;

  always_comb begin
    wr_data_o = '0;
    wr_data_o[BeatElems-1:0] = beat;
  end

  // Complete when a read would see the last write.
  logic [FmemWriteLatency-1:0] finished_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) finished_q <= '0;
    else         finished_q <= {finished_q[FmemWriteLatency-2:0], written && slot_last};
  end

  assign done_o   = finished_q[FmemWriteLatency-1];
  assign active_o = written || (s_axis_ld_tvalid_i && s_axis_ld_tready_o) ||
                    (m_axis_ldcmd_tvalid_o && m_axis_ldcmd_tready_i);

endmodule

`default_nettype wire
