// SPDX-License-Identifier: Apache-2.0
//
// STORE: rows from feature memory to DRAM, one beat per cycle. A read is requested only if the output FIFO has room for
// its beat, so that back-pressure of any length loses nothing. A STORE completes when the DMA says that memory has all of
// it, so that a LOAD that waits for its token reads what was stored.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_store
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_dma_pkg::*;
#(
  parameter int unsigned XBits        = 8,
  parameter int unsigned VecLen       = 32,
  parameter int unsigned AxiWidth     = 128,
  parameter int unsigned FeatureWords = 1024
) (
  input  wire logic                         clk_i,
  input  wire logic                         rst_ni,

  input  wire logic                         instr_valid_i,
  output      logic                         instr_ready_o,
  input  wire store_t                       instr_i,
  input  wire logic [15:0]                  instr_index_i,
  output      logic                         done_o,

  output      logic                         m_axis_stcmd_tvalid_o,
  input  wire logic                         m_axis_stcmd_tready_i,
  output      dma_command_t                 m_axis_stcmd_tdata_o,

  output      logic                         m_axis_st_tvalid_o,
  input  wire logic                         m_axis_st_tready_i,
  output      logic [AxiWidth-1:0]          m_axis_st_tdata_o,
  output      logic                         m_axis_st_tlast_o,  // end of a row
  input  wire logic                         st_done_i,          // one pulse for each command, in order

  output      logic                         rd_req_o,
  input  wire logic                         rd_gnt_i,
  output      logic [AddrBits-1:0]          rd_addr_o,
  input  wire logic                         rd_valid_i,         // FmemReadLatency cycles after the grant
  input  wire logic [VecLen-1:0][XBits-1:0] rd_data_i,

  output      logic                         active_o,
  output      logic                         error_o,            // ErrAddress; stays until reset
  output      logic [15:0]                  error_index_o
);

  localparam int unsigned BeatElems = AxiWidth / XBits;
  localparam int unsigned BeatBits  = $clog2(BeatElems + 1);
  // A credit is away from the grant of the read, through the FIFO's two cycles, until the cycle after its beat has left.
  localparam int unsigned Credits    = FmemReadLatency + 4;
  localparam int unsigned CreditBits = $clog2(Credits + 1);

  // What travels beside a read.
  typedef struct packed {
    logic                last;    // last beat of a row
    logic [BeatBits-1:0] count;   // elements of the beat
  } tag_t;

  tag_t                       tag, arrived;
  tag_t [FmemReadLatency-1:0] tags_q;
  logic                       slot_valid, granted, sent, unused_beat_last;
  logic [CreditBits-1:0]      credits_q;

  dsf_row_walker #(
    .XBits          (XBits),
    .BeatElems      (BeatElems),
    .FeatureElements(FeatureWords * VecLen)
  ) u_rows (
    .clk_i,
    .rst_ni,
    .instr_valid_i,
    .instr_ready_o,
    .instr_i        (load_t'(instr_i)),
    .instr_index_i,
    .cmd_valid_o    (m_axis_stcmd_tvalid_o),
    .cmd_ready_i    (m_axis_stcmd_tready_i),
    .cmd_o          (m_axis_stcmd_tdata_o),
    .beat_valid_o   (slot_valid),
    .beat_addr_o    (rd_addr_o),
    .beat_count_o   (tag.count),
    .beat_row_last_o(tag.last),
    .beat_last_o    (unused_beat_last),
    .beat_next_i    (granted),
    .error_o,
    .error_index_o
  );

  // Reads.
  assign rd_req_o = slot_valid && credits_q != '0;
  assign granted  = rd_req_o && rd_gnt_i;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)               credits_q <= CreditBits'(Credits);
    else if (granted && !sent) credits_q <= credits_q - 1'b1;
    else if (sent && !granted) credits_q <= credits_q + 1'b1;
  end

  always_ff @(posedge clk_i) tags_q <= {tags_q[FmemReadLatency-2:0], tag};
  assign arrived = tags_q[FmemReadLatency-1];

  // Beats, zero after the row's end.
  logic [BeatElems-1:0][XBits-1:0] beat;
  logic                            beat_room, unused_beats_empty;

  for (genvar i = 0; i < int'(BeatElems); i++) begin : gen_beat
    assign beat[i] = (BeatBits'(i) < arrived.count) ? rd_data_i[i] : '0;
  end

  dsf_fifo #(
    .Width(AxiWidth + 1),
    .Depth(Credits)
  ) u_beats (
    .clk_i,
    .rst_ni,
    .in_valid_i (rd_valid_i),
    .in_ready_o (beat_room),
    .in_data_i  ({arrived.last, beat}),
    .out_valid_o(m_axis_st_tvalid_o),
    .out_ready_i(m_axis_st_tready_i),
    .out_data_o ({m_axis_st_tlast_o, m_axis_st_tdata_o}),
    .empty_o    (unused_beats_empty)
  );

  logic unused_room;  // Only asserted.
  assign unused_room = beat_room;

  assign sent     = m_axis_st_tvalid_o && m_axis_st_tready_i;
  assign done_o   = st_done_i;
  assign active_o = sent || granted || (m_axis_stcmd_tvalid_o && m_axis_stcmd_tready_i);

  if (VecLen > BeatElems) begin : gen_unused
    logic unused_lanes;
    assign unused_lanes = ^rd_data_i[VecLen-1:BeatElems];
  end

  `DSF_ASSERT(room_for_every_read, !(rd_valid_i && !beat_room))

endmodule

`default_nettype wire
