// SPDX-License-Identifier: Apache-2.0
//
// The life of a run.
//
//   Idle   start: refused (hash mismatch, empty program: error, and nothing moves), or Fetch
//   Fetch  one cycle: instruction fetch begins
//   Run    until the core is done, or the first error or abort
//   Stop   the DMAs begin nothing new; until every transaction on the bus is over
//   Clear  a few cycles of reset for core and DMAs, so that every run, after whatever end, begins from the same state;
//          then done or error is shown, and Idle
//
// The error's code is visible from the moment it happens; of errors in the same cycle the one nearest to memory counts.

`default_nettype none
`include "dsf_reset.svh"

module dsf_run_control
  import dsf_isa_pkg::*;
  import dsf_regs_pkg::*;
(
  input  wire logic             clk_i,
  input  wire logic             rst_ni,

  input  wire logic             start_i,
  input  wire logic             abort_i,
  input  wire logic             hash_ok_i,
  input  wire logic             empty_i,            // the program has no bytes

  input  wire logic             core_done_i,
  input  wire logic             core_error_i,
  input  wire error_code_e      core_code_i,
  input  wire logic [15:0]      core_index_i,
  input  wire logic [7:0]       core_detail_i,

  // By port: instructions, features, weights, output.
  input  wire logic [3:0]       bus_busy_i,
  input  wire logic [3:0]       bus_error_i,
  input  wire logic [3:0][1:0]  bus_response_i,
  input  wire logic [3:0]       address_error_i,

  output      logic             fetch_o,            // pulse: counters clear, fetch begins
  output      logic             run_o,              // counters count
  output      logic             halt_o,
  output      logic             engine_rst_no,      // of core and DMAs, from a flip-flop

  output      logic             busy_o,
  output      logic             done_o,
  output      logic             error_o,
  output      logic [31:0]      error_word_o,
  output      logic [31:0]      error_index_o,
  output      logic [31:0]      error_detail_o,
  output      logic             done_event_o,
  output      logic             error_event_o
);

  localparam int unsigned NumPorts    = 4;
  localparam int unsigned ClearCycles = 4;

  typedef enum logic [2:0] {Idle, Fetch, Run, Stop, Clear} state_e;

  typedef struct packed {
    error_code_e code;
    port_e       port;
    logic [1:0]  response;
    logic [15:0] index;
    logic [7:0]  detail;
  } error_t;

  localparam error_t NoError = '{code: ErrNone, port: PortNone, default: '0};

  state_e                         state_d, state_q;
  error_t                         cause, error_d, error_q;
  logic                           done_d, done_q, failed_d, failed_q;
  logic [$clog2(ClearCycles)-1:0] clear_d, clear_q;
  // Assertions look at it, too.
  /* verilator lint_off SYNCASYNCNET */
  logic                           engine_rst_nq;
  /* verilator lint_on SYNCASYNCNET */

  // The error of this cycle, if any.
  always_comb begin
    cause = NoError;
    if (abort_i) cause.code = ErrAborted;
    if (core_error_i) begin
      cause.code   = core_code_i;
      cause.index  = core_index_i;
      cause.detail = core_detail_i;
    end
    for (int unsigned i = 0; i < NumPorts; i++) begin
      if (address_error_i[i] || bus_error_i[i]) begin
        cause          = NoError;
        cause.port     = port_e'(PortInstructions + 4'(i));
        cause.code     = ErrAddress;
        if (bus_error_i[i]) begin
          cause.code     = (i == NumPorts - 1) ? ErrWriteError : ErrReadError;
          cause.response = bus_response_i[i];
        end
      end
    end
  end

  always_comb begin
    state_d       = state_q;
    error_d       = error_q;
    done_d        = done_q;
    failed_d      = failed_q;
    clear_d       = clear_q;
    done_event_o  = 1'b0;
    error_event_o = 1'b0;

    unique case (state_q)
      Idle: begin
        if (start_i) begin
          done_d   = 1'b0;
          failed_d = 1'b0;
          error_d  = NoError;
          if (!hash_ok_i || empty_i) begin
            error_d.code  = hash_ok_i ? ErrTruncated : ErrHashMismatch;
            failed_d      = 1'b1;
            error_event_o = 1'b1;
          end else begin
            state_d = Fetch;
          end
        end
      end

      Fetch: state_d = Run;

      Run: begin
        error_d = cause;
        clear_d = '0;
        if (cause.code != ErrNone || core_done_i) state_d = Stop;
      end

      Stop: if (bus_busy_i == '0) state_d = Clear;

      Clear: begin
        clear_d = clear_q + 1'b1;
        if (clear_q == '1) begin
          state_d       = Idle;
          done_d        = error_q.code == ErrNone;
          failed_d      = error_q.code != ErrNone;
          done_event_o  = error_q.code == ErrNone;
          error_event_o = error_q.code != ErrNone;
        end
      end

      default: state_d = Idle;
    endcase
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      state_q       <= Idle;
      error_q       <= NoError;
      done_q        <= 1'b0;
      failed_q      <= 1'b0;
      clear_q       <= '0;
      engine_rst_nq <= 1'b0;
    end else begin
      state_q       <= state_d;
      error_q       <= error_d;
      done_q        <= done_d;
      failed_q      <= failed_d;
      clear_q       <= clear_d;
      engine_rst_nq <= state_d != Clear;
    end
  end

  assign fetch_o       = state_q == Fetch;
  assign run_o         = state_q == Run;
  assign halt_o        = state_q == Stop || state_q == Clear;
  assign engine_rst_no = engine_rst_nq;
  assign busy_o        = state_q != Idle;
  assign done_o        = done_q;
  assign error_o       = failed_q;

  always_comb begin
    error_word_o                                    = '0;
    error_word_o[ErrorCodeLow     +: ErrorCodeBits]     = error_q.code;
    error_word_o[ErrorPortLow     +: ErrorPortBits]     = error_q.port;
    error_word_o[ErrorResponseLow +: ErrorResponseBits] = error_q.response;
    error_index_o                                   = {16'b0, error_q.index};
    error_detail_o                                  = {24'b0, error_q.detail};
  end

endmodule

`default_nettype wire
