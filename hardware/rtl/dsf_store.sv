// SPDX-License-Identifier: Apache-2.0
//
// STORE: rows from feature memory to DRAM, one beat per cycle. A read brings VecLen elements, which may be several beats: the
// other cycles are left to who else reads. It is requested only if the FIFO has room for what it brings, so that back-pressure of
// any length loses nothing. A STORE completes when the DMA says that memory has all of it, so that a LOAD that waits for its
// token reads what was stored.

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
  localparam int unsigned Pieces    = VecLen / BeatElems;
  localparam int unsigned PieceBits = index_bits(Pieces);
  localparam int unsigned CountW    = $clog2(VecLen + 1);
  // A credit is away from the grant of the read, through the FIFO's two cycles, until the cycle after its beats have left.
  localparam int unsigned Credits    = FmemReadLatency + 4;
  localparam int unsigned CreditBits = $clog2(Credits + 1);

  // What travels beside a read.
  typedef struct packed {
    logic              last;    // last one of a row
    logic [CountW-1:0] count;   // elements
  } tag_t;

  tag_t                       tag, arrived;
  tag_t [FmemReadLatency-1:0] tags_q;
  logic                       slot_valid, granted, sent, word_sent, unused_read_last;
  logic [CreditBits-1:0]      credits_q;

  dsf_row_walker #(
    .XBits          (XBits),
    .BeatElems      (VecLen),
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
    .beat_last_o    (unused_read_last),
    .beat_next_i    (granted),
    .error_o,
    .error_index_o
  );

  // Reads.
  assign rd_req_o = slot_valid && credits_q != '0;
  assign granted  = rd_req_o && rd_gnt_i;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)                    credits_q <= CreditBits'(Credits);
    else if (granted && !word_sent) credits_q <= credits_q - 1'b1;
    else if (word_sent && !granted) credits_q <= credits_q + 1'b1;
  end

  always_ff @(posedge clk_i) tags_q <= {tags_q[FmemReadLatency-2:0], tag};
  assign arrived = tags_q[FmemReadLatency-1];

  // Words of several beats, zero after the row's end.
  typedef struct packed {
    logic                            last;
    logic [PieceBits-1:0]            more;    // beats after the first one
    logic [Pieces-1:0][AxiWidth-1:0] beats;
  } word_t;

  word_t                        arrived_word, word;
  logic [VecLen-1:0][XBits-1:0] elements;
  logic [PieceBits-1:0]         piece_q;
  logic                         word_room, unused_words_empty;

  for (genvar i = 0; i < int'(VecLen); i++) begin : gen_element
    assign elements[i] = (CountW'(i) < arrived.count) ? rd_data_i[i] : '0;
  end

  assign arrived_word = '{
    last:  arrived.last,
    more:  PieceBits'((arrived.count - 1'b1) >> $clog2(BeatElems)),
    beats: elements
  };

  dsf_fifo #(
    .Width($bits(word_t)),
    .Depth(Credits)
  ) u_words (
    .clk_i,
    .rst_ni,
    .in_valid_i (rd_valid_i),
    .in_ready_o (word_room),
    .in_data_i  (arrived_word),
    .out_valid_o(m_axis_st_tvalid_o),
    .out_ready_i(word_sent),
    .out_data_o (word),
    .empty_o    (unused_words_empty)
  );

  logic unused_room;  // Only asserted.
  assign unused_room = word_room;

  assign sent      = m_axis_st_tvalid_o && m_axis_st_tready_i;
  assign word_sent = sent && piece_q == word.more;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)   piece_q <= '0;
    else if (sent) piece_q <= word_sent ? '0 : piece_q + 1'b1;
  end

  assign m_axis_st_tdata_o = word.beats[piece_q];
  assign m_axis_st_tlast_o = word.last && piece_q == word.more;

  assign done_o   = st_done_i;
  assign active_o = sent || granted || (m_axis_stcmd_tvalid_o && m_axis_stcmd_tready_i);

  `DSF_ASSERT(room_for_every_read, !(rd_valid_i && !word_room))

endmodule

`default_nettype wire
