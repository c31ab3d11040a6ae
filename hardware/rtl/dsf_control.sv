// SPDX-License-Identifier: Apache-2.0
//
// Everything that handles instructions rather than data: dispatcher, queues, tokens, watchdog, and the first error.
//
// An instruction is offered to its unit when its tokens are there; the unit's ready takes it and its tokens. After an
// error nothing starts any more; what has started runs on; the error's code, number and detail stay until reset.

`default_nettype none
`include "dsf_reset.svh"

module dsf_control
  import dsf_isa_pkg::*;
#(
  parameter int unsigned AxiWidth       = 128,
  parameter int unsigned Rows           = 8,
  parameter int unsigned Groups         = 3,
  parameter int unsigned GroupCols      = 8,
  parameter int unsigned VecLen         = 32,
  parameter int unsigned XBits          = 8,
  parameter int unsigned QueueDepth     = 4,
  parameter int unsigned WatchdogCycles = 65536
) (
  input  wire logic                          clk_i,
  input  wire logic                          rst_ni,

  input  wire logic [AxiWidth-1:0]           s_axis_inst_tdata_i,
  input  wire logic                          s_axis_inst_tvalid_i,
  output      logic                          s_axis_inst_tready_o,
  input  wire logic                          s_axis_inst_tlast_i,

  // Units, by queue.
  output      logic [NumQueues-1:0]          unit_valid_o,
  input  wire logic [NumQueues-1:0]          unit_ready_i,
  output      load_t                         load_instr_o,
  output      load_weights_t                 weight_instr_o,
  output      matrix_t                       matrix_instr_o,
  output      vector_t                       vector_instr_o,
  output      store_t                        store_instr_o,
  output      logic [NumQueues-1:0][15:0]    unit_index_o,
  input  wire logic [NumQueues-1:0]          unit_done_i,
  input  wire logic                          unit_active_i,       // any of them moved
  input  wire logic [NumQueues-1:0]          unit_error_i,        // stays, with code and index
  input  wire error_code_e [NumQueues-1:0]   unit_error_code_i,
  input  wire logic [NumQueues-1:0][15:0]    unit_error_index_i,

  output      logic                          busy_o,
  output      logic                          done_o,
  output      logic                          error_o,
  output      error_code_e                   error_code_o,
  output      logic [15:0]                   error_index_o,
  output      logic [NumQueues+2:0]          error_detail_o,      // see dsf_watchdog
  output      logic [NumQueues-1:0]          start_o,
  output      logic [NumQueues-1:0]          finish_o,
  // The next MATRIX instruction: whether there is one, and the queues whose tokens it lacks.
  output      logic                          matrix_queued_o,
  output      logic [NumQueues-1:0]          matrix_missing_o
);

  logic                                error_d, error_q;
  error_code_e                         code_d, code_q;
  logic [15:0]                         index_d, index_q;
  logic [NumQueues+2:0]                detail_d, detail_q;

  // Dispatcher.
  logic [NumQueues-1:0]                push_valid, push_ready;
  logic [InstrMaxBits-1:0]             push_instr;
  logic [15:0]                         push_index, dispatch_index;
  logic                                dispatch_busy, dispatch_active, dispatch_error, tokens_zero;
  error_code_e                         dispatch_code;
  logic [NumQueues-1:0]                queue_idle;

  dsf_dispatch #(
    .AxiWidth (AxiWidth),
    .Rows     (Rows),
    .Groups   (Groups),
    .GroupCols(GroupCols),
    .VecLen   (VecLen),
    .XBits    (XBits)
  ) u_dispatch (
    .clk_i,
    .rst_ni,
    .s_axis_inst_tdata_i,
    .s_axis_inst_tvalid_i,
    .s_axis_inst_tready_o,
    .s_axis_inst_tlast_i,
    .queue_valid_o (push_valid),
    .queue_ready_i (push_ready),
    .queue_instr_o (push_instr),
    .queue_index_o (push_index),
    .stop_i        (error_q),
    .idle_i        (&queue_idle),
    .tokens_zero_i (tokens_zero),
    .busy_o        (dispatch_busy),
    .done_o,
    .active_o      (dispatch_active),
    .error_o       (dispatch_error),
    .error_code_o  (dispatch_code),
    .error_index_o (dispatch_index)
  );

  // Queues.
  logic [NumQueues-1:0]                   can_issue, issue, complete, queued, waiting, running, overflow;
  logic [NumQueues-1:0][NumQueues-1:0]    wait_mask, signal_mask, missing;
  logic [NumQueues-1:0][15:0]             oldest_index;
  logic [NumQueues-1:0][InstrMaxBits-1:0] instr;

  for (genvar q = 0; q < int'(NumQueues); q++) begin : gen_queue
    localparam int unsigned InstrBits =
        (q == QueueLoad)   ? $bits(load_t)   : (q == QueueWeight) ? $bits(load_weights_t) :
        (q == QueueMatrix) ? $bits(matrix_t) : (q == QueueVector) ? $bits(vector_t) : $bits(store_t);

    logic [InstrBits-1:0] head;

    dsf_queue #(
      .InstrBits(InstrBits),
      .Depth    (QueueDepth)
    ) u_queue (
      .clk_i,
      .rst_ni,
      .stop_i        (error_q),
      .push_valid_i  (push_valid[q]),
      .push_ready_o  (push_ready[q]),
      .push_instr_i  (push_instr[InstrBits-1:0]),
      .push_index_i  (push_index),
      .wait_o        (wait_mask[q]),
      .can_issue_i   (can_issue[q]),
      .issue_o       (issue[q]),
      .signal_o      (signal_mask[q]),
      .complete_o    (complete[q]),
      .instr_valid_o (unit_valid_o[q]),
      .instr_ready_i (unit_ready_i[q]),
      .instr_o       (head),
      .instr_index_o (unit_index_o[q]),
      .done_i        (unit_done_i[q]),
      .head_o        (queued[q]),
      .waiting_o     (waiting[q]),
      .running_o     (running[q]),
      .oldest_index_o(oldest_index[q]),
      .idle_o        (queue_idle[q])
    );

    assign instr[q] = InstrMaxBits'(head);
  end

  assign load_instr_o   = instr[QueueLoad][$bits(load_t)-1:0];
  assign weight_instr_o = instr[QueueWeight][$bits(load_weights_t)-1:0];
  assign matrix_instr_o = instr[QueueMatrix][$bits(matrix_t)-1:0];
  assign vector_instr_o = instr[QueueVector][$bits(vector_t)-1:0];
  assign store_instr_o  = instr[QueueStore][$bits(store_t)-1:0];

  dsf_tokens #(
    .Queues(NumQueues)
  ) u_tokens (
    .clk_i,
    .rst_ni,
    .wait_i     (wait_mask),
    .issue_i    (issue),
    .signal_i   (signal_mask),
    .done_i     (complete),
    .can_issue_o(can_issue),
    .missing_o  (missing),
    .overflow_o (overflow),
    .zero_o     (tokens_zero)
  );

  // Watchdog.
  logic                 watchdog_error;
  logic [15:0]          watchdog_index;
  logic [NumQueues+2:0] watchdog_detail;

  dsf_watchdog #(
    .Cycles(WatchdogCycles)
  ) u_watchdog (
    .clk_i,
    .rst_ni,
    .enable_i      (busy_o),
    .active_i      (unit_active_i || dispatch_active || |issue || |complete),
    .waiting_i     (waiting),
    .missing_i     (missing),
    .head_index_i  (unit_index_o),
    .running_i     (running),
    .oldest_index_i(oldest_index),
    .next_index_i  (dispatch_index),
    .error_o       (watchdog_error),
    .index_o       (watchdog_index),
    .detail_o      (watchdog_detail)
  );

  // The first error stays. Of several in one cycle: dispatcher, then tokens, units (lowest queue first), watchdog.
  always_comb begin
    error_d  = error_q;
    code_d   = code_q;
    index_d  = index_q;
    detail_d = detail_q;
    if (!error_q) begin
      if (watchdog_error) begin
        error_d  = 1'b1;
        code_d   = ErrWatchdog;
        index_d  = watchdog_index;
        detail_d = watchdog_detail;
      end
      for (int unsigned q = NumQueues; q > 0; q--) begin
        if (unit_error_i[q-1]) begin
          error_d = 1'b1;
          code_d  = unit_error_code_i[q-1];
          index_d = unit_error_index_i[q-1];
        end
      end
      for (int unsigned q = NumQueues; q > 0; q--) begin
        if (overflow[q-1]) begin
          error_d = 1'b1;
          code_d  = ErrTokenOverflow;
          index_d = oldest_index[q-1];
        end
      end
      if (dispatch_error) begin
        error_d = 1'b1;
        code_d  = dispatch_code;
        index_d = dispatch_index;
      end
    end
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      error_q  <= 1'b0;
      code_q   <= ErrNone;
      index_q  <= '0;
      detail_q <= '0;
    end else begin
      error_q  <= error_d;
      code_q   <= code_d;
      index_q  <= index_d;
      detail_q <= detail_d;
    end
  end

  assign busy_o           = dispatch_busy && !error_q;
  assign error_o          = error_q;
  assign error_code_o     = code_q;
  assign error_index_o    = index_q;
  assign error_detail_o   = detail_q;
  assign start_o          = issue;
  assign finish_o         = complete;
  assign matrix_queued_o  = queued[QueueMatrix];
  assign matrix_missing_o = missing[QueueMatrix];

  // Only that of MATRIX is of use.
  logic unused_queued;
  assign unused_queued = ^queued;

endmodule

`default_nettype wire
