// SPDX-License-Identifier: Apache-2.0
//
// Reads programs from the instruction stream and hands each instruction, with its number, to its queue. In order: a full
// queue holds up all that follow. One instruction takes a cycle more than twice its words, or as long as its beats.
//
//   Collect  gathers the words of an instruction
//   Check    its fields are looked at
//   Push     waits for room in its queue
//   Drain    END: waits until all queues and units are idle, then checks that no token is left
//   Stop     an error, here or elsewhere: the rest of the stream is taken and dropped until reset
//
// done_o rises when a program has ended and falls with the first beat of the next one, whose instructions count from 0.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_dispatch
  import dsf_isa_pkg::*;
#(
  parameter int unsigned AxiWidth  = 128,
  parameter int unsigned Rows      = 8,
  parameter int unsigned Groups    = 3,
  parameter int unsigned GroupCols = 8,
  parameter int unsigned VecLen    = 32,
  parameter int unsigned XBits     = 8
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,

  input  wire logic [AxiWidth-1:0]     s_axis_inst_tdata_i,
  input  wire logic                    s_axis_inst_tvalid_i,
  output      logic                    s_axis_inst_tready_o,
  input  wire logic                    s_axis_inst_tlast_i,

  output      logic [NumQueues-1:0]    queue_valid_o,
  input  wire logic [NumQueues-1:0]    queue_ready_i,
  output      logic [InstrMaxBits-1:0] queue_instr_o,
  output      logic [15:0]             queue_index_o,

  input  wire logic                    stop_i,        // an error elsewhere
  input  wire logic                    idle_i,        // queues are empty and units have completed
  input  wire logic                    tokens_zero_i,

  output      logic                    busy_o,
  output      logic                    done_o,
  output      logic                    active_o,
  output      logic                    error_o,       // stays until reset, with code and index
  output      error_code_e             error_code_o,
  output      logic [15:0]             error_index_o
);

  localparam int unsigned MaxWords = InstrMaxBits / InstrWordBits;
  localparam int unsigned WordBits = $clog2(MaxWords);

  typedef enum logic [2:0] {Collect, Check, Push, Drain, Stop} state_e;

  // Stream to words.
  logic                     word_valid, word_ready, word_last, word_partial;
  logic [InstrWordBits-1:0] word;
  logic                     beat_valid, beat_ready, open;
  logic                     beat_taken, word_taken;

  // The next program's beats wait outside until this one is done.
  assign beat_valid           = s_axis_inst_tvalid_i && open;
  assign s_axis_inst_tready_o = beat_ready && open;
  assign beat_taken           = beat_valid && beat_ready;
  assign word_taken           = word_valid && word_ready;

  dsf_stream_resize #(
    .InWidth (AxiWidth),
    .OutWidth(InstrWordBits)
  ) u_resize (
    .clk_i,
    .rst_ni,
    .clear_i      (1'b0),
    .in_valid_i   (beat_valid),
    .in_ready_o   (beat_ready),
    .in_data_i    (s_axis_inst_tdata_i),
    .in_last_i    (s_axis_inst_tlast_i),
    .out_valid_o  (word_valid),
    .out_ready_i  (word_ready),
    .out_data_o   (word),
    .out_last_o   (word_last),
    .out_partial_o(word_partial)
  );

  state_e                                state_d, state_q;
  logic [MaxWords-1:0][InstrWordBits-1:0] words_q;
  logic [WordBits-1:0]                   slot_d, slot_q, last_slot, last_slot_q;
  logic [3:0]                            opcode;
  logic                                  opcode_legal;
  logic [15:0]                           index_d, index_q;
  logic                                  error_d, error_q, done_d, done_q, busy_d, busy_q;
  error_code_e                           code_d, code_q;
  logic                                  legal, at_last_slot, end_word, pushed;
  logic [NumQueues-1:0]                  target;

  // Opcode of the instruction whose first word is at the input, and the length that follows from it.
  assign opcode = word[3:0];

  always_comb begin
    opcode_legal = 1'b1;
    unique case (opcode)
      OpLoad:        last_slot = WordBits'(LoadWords - 1);
      OpLoadWeights: last_slot = WordBits'(LoadWeightsWords - 1);
      OpMatrix:      last_slot = WordBits'(MatrixWords - 1);
      OpVector:      last_slot = WordBits'(VectorWords - 1);
      OpStore:       last_slot = WordBits'(StoreWords - 1);
      OpEnd:         last_slot = WordBits'(EndWords - 1);
      default: begin
        last_slot    = '0;
        opcode_legal = 1'b0;
      end
    endcase
  end

  assign at_last_slot = (slot_q == '0) ? last_slot == '0 : slot_q == last_slot_q;
  assign end_word     = word_valid && slot_q == '0 && opcode == OpEnd;

  always_comb begin
    target = '0;
    unique case (words_q[0][3:0])
      OpLoad:        target[QueueLoad]   = 1'b1;
      OpLoadWeights: target[QueueWeight] = 1'b1;
      OpMatrix:      target[QueueMatrix] = 1'b1;
      OpVector:      target[QueueVector] = 1'b1;
      OpStore:       target[QueueStore]  = 1'b1;
      default:       target = '0;
    endcase
  end

  logic    partial_q;
  // verilator lint_off UNUSEDSIGNAL
  matrix_t matrix;
  // verilator lint_on UNUSEDSIGNAL

  assign matrix = queue_instr_o[$bits(matrix_t)-1:0];

  // Of the program's last MATRIX instruction.
  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)                                    partial_q <= 1'b0;
    else if (state_q == Drain)                      partial_q <= 1'b0;
    else if (pushed && queue_valid_o[QueueMatrix])  partial_q <= matrix.partial;
  end

  dsf_instr_check #(
    .Rows     (Rows),
    .Groups   (Groups),
    .GroupCols(GroupCols),
    .VecLen   (VecLen),
    .XBits    (XBits)
  ) u_check (
    .instr_i  (words_q),
    .partial_i(partial_q),
    .legal_o  (legal)
  );

  assign queue_valid_o = (state_q == Push) ? target : '0;
  assign queue_instr_o = words_q;
  assign queue_index_o = index_q;
  assign pushed        = |(queue_valid_o & queue_ready_i);

  always_comb begin
    state_d    = state_q;
    slot_d     = slot_q;
    index_d    = index_q;
    error_d    = error_q;
    code_d     = code_q;
    done_d     = done_q && !beat_taken;
    busy_d     = busy_q || beat_taken;
    word_ready = 1'b0;
    open       = !end_word;

    unique case (state_q)
      Collect: begin
        word_ready = 1'b1;
        if (word_valid) begin
          slot_d = at_last_slot ? '0 : slot_q + 1'b1;
          if (word_partial)                         code_d  = ErrTruncated;
          else if (slot_q == '0 && !opcode_legal)   code_d  = ErrIllegalOpcode;
          else if (word_last && !end_word)          code_d  = ErrTruncated;
          else if (at_last_slot)                    state_d = Check;
        end
      end

      Check: begin
        if (words_q[0][3:0] == OpEnd) open = 1'b0;
        if (!legal)                        code_d  = ErrIllegalField;
        else if (words_q[0][3:0] == OpEnd) state_d = Drain;
        else                               state_d = Push;
      end

      Push: begin
        if (pushed) begin
          state_d = Collect;
          index_d = index_q + 1'b1;
        end
      end

      Drain: begin
        open = 1'b0;
        if (idle_i) begin
          if (tokens_zero_i) begin
            state_d = Collect;
            index_d = '0;
            done_d  = 1'b1;
            busy_d  = 1'b0;
          end else begin
            code_d = ErrTokensLeft;
          end
        end
      end

      default: begin  // Stop
        word_ready = 1'b1;
        open       = 1'b1;
      end
    endcase

    if (code_d != ErrNone && code_q == ErrNone) begin
      error_d = 1'b1;
      state_d = Stop;
    end
    if (stop_i) state_d = Stop;
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      state_q     <= Collect;
      slot_q      <= '0;
      last_slot_q <= '0;
      index_q     <= '0;
      error_q     <= 1'b0;
      code_q      <= ErrNone;
      done_q      <= 1'b0;
      busy_q      <= 1'b0;
    end else begin
      state_q <= state_d;
      slot_q  <= slot_d;
      index_q <= index_d;
      error_q <= error_d;
      code_q  <= code_d;
      done_q  <= done_d;
      busy_q  <= busy_d;
      if (word_taken && slot_q == '0) last_slot_q <= last_slot;
    end
  end

  for (genvar i = 0; i < MaxWords; i++) begin : gen_words
    always_ff @(posedge clk_i) begin
      if (word_taken && state_q == Collect && slot_q == WordBits'(i)) words_q[i] <= word;
    end
  end

  assign busy_o        = busy_q;
  assign done_o        = done_q;
  assign active_o      = beat_taken || pushed;
  assign error_o       = error_q;
  assign error_code_o  = code_q;
  assign error_index_o = index_q;

  `DSF_ASSERT_STREAM(inst, s_axis_inst_tvalid_i, s_axis_inst_tready_o, {s_axis_inst_tlast_i, s_axis_inst_tdata_i})
  `DSF_ASSERT_STREAM(queue, |queue_valid_o, pushed || stop_i, {queue_valid_o, queue_instr_o, queue_index_o})

endmodule

`default_nettype wire
