// SPDX-License-Identifier: Apache-2.0
//
// LOAD_WEIGHTS: a stream of weight words to the banks of weight memory, channel group i to bank (bank + i) mod G, or a
// stream of channel parameters to parameter memory, or lookup tables to the vector unit. One beat of weight words per cycle;
// one that holds words of several channel groups takes a cycle for each of them. One channel's parameters, or 64 bits of a
// table, per cycle.
//
// The words that a cycle writes follow each other in one bank, from wm_wr_addr_o on: that of address a is in place
// a mod Words of the data, with its own enable.
//
// Like LOAD, it sends the DMA's command when it takes the instruction. Errors, which stay until reset: an address beyond
// the memory (ErrAddress), and a length of the stream that is not what the counts ask for (ErrIllegalField); all further
// beats are dropped.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_load_weights
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_dma_pkg::*;
#(
  parameter int unsigned Groups      = 3,
  parameter int unsigned GroupCols   = 8,
  parameter int unsigned WBits       = 8,
  parameter int unsigned XBits       = 8,
  parameter int unsigned AxiWidth    = 128,
  parameter int unsigned WeightWords = 1024,
  parameter int unsigned ParamGroups = 64,
  localparam int unsigned Words      = beat_words(AxiWidth, GroupCols, WBits)
) (
  input  wire logic                            clk_i,
  input  wire logic                            rst_ni,

  input  wire logic                            instr_valid_i,
  output      logic                            instr_ready_o,
  input  wire load_weights_t                   instr_i,
  input  wire logic [15:0]                     instr_index_i,
  output      logic                            done_o,

  output      logic                            m_axis_wtcmd_tvalid_o,
  input  wire logic                            m_axis_wtcmd_tready_i,
  output      dma_command_t                    m_axis_wtcmd_tdata_o,

  input  wire logic                            s_axis_wt_tvalid_i,
  output      logic                            s_axis_wt_tready_o,
  input  wire logic [AxiWidth-1:0]             s_axis_wt_tdata_i,

  output      logic [Words-1:0]                wm_wr_en_o,
  output      logic [3:0]                      wm_wr_bank_o,
  output      logic [19:0]                     wm_wr_addr_o,
  output      logic [Words-1:0][GroupCols-1:0][WBits-1:0] wm_wr_data_o,

  output      logic [GroupCols-1:0]            pm_wr_en_o,    // one-hot
  output      logic [ParamAddrBits-1:0]        pm_wr_addr_o,
  output      logic [ParamBits-1:0]            pm_wr_data_o,

  output      logic                            tb_wr_en_o,
  output      logic [TableBits-1:0]            tb_wr_table_o,
  output      logic [TableWordsBits-1:0]       tb_wr_word_o,  // as many low bits as a table needs
  output      logic [ParamBits-1:0]            tb_wr_data_o,

  output      logic                            active_o,
  output      logic                            error_o,
  output      error_code_e                     error_code_o,
  output      logic [15:0]                     error_index_o
);

  localparam int unsigned BeatBytes  = AxiWidth / 8;
  localparam int unsigned ByteBits   = $clog2(BeatBytes);
  localparam int unsigned LeftBits   = 32 - ByteBits + 1;
  localparam int unsigned WordBits   = GroupCols * WBits;
  localparam int unsigned SlotBits   = weight_slot_bits(GroupCols, WBits);
  // Of a number of words, up to those of a beat.
  localparam int unsigned CountWidth = $clog2(Words) + 1;
  localparam int unsigned TableWords = table_words(operand_bits(XBits));
  localparam int unsigned Pending    = 4;
  // From the last write at the ports until any read sees it.
  localparam int unsigned WriteLatency = 3;

  typedef struct packed {
    logic [15:0]         index;
    logic [LeftBits-1:0] beats;
    logic [1:0]          target;
    logic [3:0]          bank;
    logic [19:0]         address;
    logic [19:0]         words;
    logic [11:0]         groups;
  } job_t;

  logic error_q;

  // Instructions, and their commands.
  job_t                job_in, job;
  logic                job_room, job_valid, job_take, take, unused_jobs_empty;
  logic                cmd_valid_q;
  dma_command_t        cmd_q;
  logic [LeftBits-1:0] beats;

  assign instr_ready_o = job_room && (!cmd_valid_q || m_axis_wtcmd_tready_i) && !error_q;
  assign take          = instr_valid_i && instr_ready_o;
  assign beats         = LeftBits'(instr_i.bytes[31:ByteBits]) + LeftBits'(|instr_i.bytes[ByteBits-1:0]);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)                    cmd_valid_q <= 1'b0;
    else if (take)                  cmd_valid_q <= 1'b1;
    else if (m_axis_wtcmd_tready_i) cmd_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      cmd_q <= '{row_stride: '0, row_bytes: instr_i.bytes, rows: 16'd1, offset: instr_i.offset, base: instr_i.base};
    end
  end

  assign m_axis_wtcmd_tvalid_o = cmd_valid_q;
  assign m_axis_wtcmd_tdata_o  = cmd_q;

  assign job_in = '{
    index:   instr_index_i,
    beats:   beats,
    target:  instr_i.target,
    bank:    instr_i.bank,
    address: instr_i.address,
    words:   instr_i.words,
    groups:  instr_i.groups
  };

  dsf_fifo #(
    .Width($bits(job_t)),
    .Depth(Pending)
  ) u_jobs (
    .clk_i,
    .rst_ni,
    .in_valid_i (take),
    .in_ready_o (job_room),
    .in_data_i  (job_in),
    .out_valid_o(job_valid),
    .out_ready_i(job_take),
    .out_data_o (job),
    .empty_o    (unused_jobs_empty)
  );

  // Beats of the running instruction, to words or to channel parameters.
  logic                running_q, clear, word_ready, lane_ready, beat_valid;
  job_t                job_q;        // beats: not yet taken; groups: that follow
  logic [AxiWidth-1:0] beat;
  logic                word_valid, lane_valid;
  logic [Words-1:0][SlotBits-1:0] slots;
  logic                word_end;             // all words of `slots` are written
  logic [ParamBits-1:0] lane;
  logic                to_words, to_parameters, to_tables;
  logic                admit, admitted;  // the beat may enter, and does
  logic [3:0]          unused_flags;

  dsf_skid #(
    .Width(AxiWidth)
  ) u_skid (
    .clk_i,
    .rst_ni,
    .in_valid_i (s_axis_wt_tvalid_i),
    .in_ready_o (s_axis_wt_tready_o),
    .in_data_i  (s_axis_wt_tdata_i),
    .out_valid_o(beat_valid),
    .out_ready_i(admitted || error_q),
    .out_data_o (beat)
  );

  assign to_words      = job_q.target == TargetWeights;
  assign to_parameters = job_q.target == TargetParameters;
  assign to_tables     = job_q.target == TargetTables;

  assign admit    = running_q && beat_valid && job_q.beats != '0 && !clear && !error_q;
  assign admitted = admit && (to_words ? word_ready : lane_ready);

  dsf_stream_resize #(
    .InWidth (AxiWidth),
    .OutWidth(Words * SlotBits)
  ) u_words (
    .clk_i,
    .rst_ni,
    .clear_i      (clear || error_q),
    .in_valid_i   (admit && to_words),
    .in_ready_o   (word_ready),
    .in_data_i    (beat),
    .in_last_i    (1'b0),
    .out_valid_o  (word_valid),
    .out_ready_i  (word_end),
    .out_data_o   (slots),
    .out_last_o   (unused_flags[0]),
    .out_partial_o(unused_flags[1])
  );

  dsf_stream_resize #(
    .InWidth (AxiWidth),
    .OutWidth(ParamBits)
  ) u_lanes (
    .clk_i,
    .rst_ni,
    .clear_i      (clear || error_q),
    .in_valid_i   (admit && !to_words),
    .in_ready_o   (lane_ready),
    .in_data_i    (beat),
    .in_last_i    (1'b0),
    .out_valid_o  (lane_valid),
    .out_ready_i  (1'b1),
    .out_data_o   (lane),
    .out_last_o   (unused_flags[2]),
    .out_partial_o(unused_flags[3])
  );

  // Where the next words, or the next lane, go.
  logic [3:0]           bank_q;
  logic [20:0]          first_q, addr_q;  // of the bank's channel group, and of the word; the highest bit shows overflow
  logic [20:0]          next_addr;        // of the word after those that a cycle writes
  logic                 lane_outside_q;   // the lane's address, of parameters or of a table, is beyond their memory
  logic [19:0]          left_q;           // words that follow in the channel group, or table
  logic [GroupCols-1:0] lane_q;           // one-hot
  logic [19:0]          words;
  logic [CountWidth-1:0] from_q, more, count;  // of the beat's words: the first one, those after it, those that are written
  logic                 moved, group_end, bank_wrap, outside, too_short, too_long, finished;
  error_code_e          code_q;

  assign words     = (job.target == TargetTables) ? 20'(TableWords) : job.words;
  assign moved     = word_valid || lane_valid;
  assign more      = CountWidth'(Words - 1) - from_q;
  assign count     = (left_q < 20'(more)) ? left_q[CountWidth-1:0] + 1'b1 : more + 1'b1;
  assign word_end  = count > more;
  assign next_addr = addr_q + 21'(count);
  always_comb begin
    unique case (1'b1)
      to_words:      group_end = left_q <= 20'(more);
      to_parameters: group_end = lane_q[GroupCols-1];
      default:       group_end = left_q == '0;
    endcase
  end
  assign bank_wrap = 32'(bank_q) == Groups - 1;
  assign outside   = to_words ? 32'(next_addr) > WeightWords : lane_outside_q;

  assign clear     = moved && group_end && job_q.groups == '0;
  assign too_long  = clear && job_q.beats != '0;
  assign too_short = !moved && job_q.beats == '0;
  assign finished  = running_q && !error_q && clear && !too_long && !outside;
  assign job_take  = !running_q && job_valid && !error_q;

  assign wm_wr_bank_o = bank_q;
  assign wm_wr_addr_o = addr_q[19:0];
  for (genvar w = 0; w < int'(Words); w++) begin : gen_word
    logic [CountWidth-1:0] number;  // of the word of this place among those that are written
    logic [SlotBits-1:0]   slot;

    if (Words == 1) begin : gen_one
      assign number = '0;
      assign slot   = slots[0];
    end else begin : gen_place
      localparam int unsigned PlaceBits = CountWidth - 1;
      logic [PlaceBits-1:0] place;

      assign place  = PlaceBits'(w) - addr_q[PlaceBits-1:0];
      assign number = CountWidth'(place);
      assign slot   = slots[PlaceBits'(place + from_q[PlaceBits-1:0])];
    end

    assign wm_wr_en_o[w]   = word_valid && !outside && !error_q && number < count;
    assign wm_wr_data_o[w] = slot[WordBits-1:0];
    if (SlotBits > WordBits) begin : gen_unused
      logic unused_slot;
      assign unused_slot = ^slot[SlotBits-1:WordBits];
    end
  end
  assign pm_wr_en_o   = (lane_valid && to_parameters && !outside && !error_q) ? lane_q : '0;
  assign pm_wr_addr_o = addr_q[ParamAddrBits-1:0];
  assign pm_wr_data_o = lane;
  // The words of a table are a power of two, counted down.
  assign tb_wr_en_o    = lane_valid && to_tables && !outside && !error_q;
  assign tb_wr_table_o = addr_q[TableBits-1:0];
  assign tb_wr_word_o  = ~left_q[TableWordsBits-1:0];
  assign tb_wr_data_o  = lane;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      running_q <= 1'b0;
      error_q   <= 1'b0;
      code_q    <= ErrNone;
    end else begin
      if (job_take)   running_q <= 1'b1;
      else if (clear) running_q <= 1'b0;
      if (running_q && !error_q && ((moved && outside) || too_long || too_short)) begin
        error_q <= 1'b1;
        code_q  <= (moved && outside) ? ErrAddress : ErrIllegalField;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (job_take) begin
      job_q        <= job;
      job_q.groups <= job.groups - 1'b1;
      bank_q       <= job.bank;
      lane_outside_q <= 32'(job.address) >= (job.target == TargetParameters ? ParamGroups : VectorTables);
      first_q      <= {1'b0, job.address};
      addr_q       <= {1'b0, job.address};
      job_q.words  <= words;
      left_q       <= words - 1'b1;
      lane_q       <= GroupCols'(1);
      from_q       <= '0;
    end else begin
      if (admitted) job_q.beats <= job_q.beats - 1'b1;
      if (moved) begin
        left_q <= group_end ? job_q.words - 1'b1 : left_q - (to_words ? 20'(count) : 20'd1);
        lane_q <= group_end ? GroupCols'(1) : lane_q << 1;
      end
      if (moved && group_end) begin
        job_q.groups <= job_q.groups - 1'b1;
        bank_q       <= bank_wrap ? '0 : bank_q + 1'b1;
        if (bank_wrap) first_q <= first_q + 21'(job_q.words);
      end
      if (word_valid) begin
        from_q <= word_end ? '0 : from_q + count;
        if (!group_end)     addr_q <= next_addr;
        else if (bank_wrap) addr_q <= first_q + 21'(job_q.words);
        else                addr_q <= first_q;
      end else if (lane_valid && group_end) begin
        addr_q         <= addr_q + 1'b1;
        lane_outside_q <= 32'(addr_q) + 1 >= (to_parameters ? ParamGroups : VectorTables);
      end
    end
  end

  // Complete when a read would see the last write.
  logic [WriteLatency-1:0] finished_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) finished_q <= '0;
    else         finished_q <= {finished_q[WriteLatency-2:0], finished};
  end

  assign done_o        = finished_q[WriteLatency-1];
  assign active_o      = moved || (s_axis_wt_tvalid_i && s_axis_wt_tready_o) || (cmd_valid_q && m_axis_wtcmd_tready_i);
  assign error_o       = error_q;
  assign error_code_o  = code_q;
  assign error_index_o = job_q.index;

  logic unused;
  assign unused = ^{instr_i.opcode, instr_i.wait_mask, instr_i.signal_mask, instr_i.reserved, instr_i.spare,
                    job_q.bank, job_q.address};
  `DSF_ASSERT_STREAM(cmd, cmd_valid_q, m_axis_wtcmd_tready_i, cmd_q)

endmodule

`default_nettype wire
