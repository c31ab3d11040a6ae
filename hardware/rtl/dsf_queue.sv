// SPDX-License-Identifier: Apache-2.0
//
// One instruction queue: instructions wait in a FIFO until the tokens of the first are there and its unit takes it; its
// signal mask and number then wait in a second FIFO until the unit reports completion.
//
//   waiting_o  the head is there but its tokens are not
//   idle_o     nothing waits and nothing is in flight

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_queue
  import dsf_isa_pkg::*;
#(
  parameter int unsigned InstrBits = 256,
  parameter int unsigned Depth     = 4
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,
  input  wire logic                    stop_i,         // an error: nothing starts any more

  // From the dispatcher.
  input  wire logic                    push_valid_i,
  output      logic                    push_ready_o,
  input  wire logic [InstrBits-1:0]    push_instr_i,
  input  wire logic [15:0]             push_index_i,

  // Tokens.
  output      logic [NumQueues-1:0]    wait_o,         // of the head, zero without one
  input  wire logic                    can_issue_i,
  output      logic                    issue_o,        // the head starts
  output      logic [NumQueues-1:0]    signal_o,       // of the oldest in flight
  output      logic                    complete_o,     // it completes

  // Unit.
  output      logic                    instr_valid_o,
  input  wire logic                    instr_ready_i,
  output      logic [InstrBits-1:0]    instr_o,
  output      logic [15:0]             instr_index_o,
  input  wire logic                    done_i,

  // For errors and counters.
  output      logic                    head_o,         // an instruction has not started
  output      logic                    waiting_o,
  output      logic                    running_o,      // something is in flight
  output      logic [15:0]             oldest_index_o, // number of the oldest in flight
  output      logic                    idle_o
);

  localparam int unsigned InFlight = 8;

  typedef struct packed {
    logic [NumQueues-1:0] signal_mask;
    logic [15:0]          index;
  } in_flight_t;

  logic       head_valid, flight_room, queue_empty, flight_empty;
  end_t       header;
  in_flight_t oldest;

  dsf_fifo #(
    .Width(InstrBits + 16),
    .Depth(Depth)
  ) u_waiting (
    .clk_i,
    .rst_ni,
    .in_valid_i (push_valid_i),
    .in_ready_o (push_ready_o),
    .in_data_i  ({push_index_i, push_instr_i}),
    .out_valid_o(head_valid),
    .out_ready_i(issue_o),
    .out_data_o ({instr_index_o, instr_o}),
    .empty_o    (queue_empty)
  );

  // All instructions begin with the same fields.
  assign header        = instr_o[$bits(end_t)-1:0];
  assign wait_o        = head_valid ? header.wait_mask : '0;
  assign instr_valid_o = head_valid && can_issue_i && flight_room && !stop_i;
  assign issue_o       = instr_valid_o && instr_ready_i;
  assign head_o        = head_valid;
  assign waiting_o     = head_valid && !can_issue_i;
  assign complete_o    = done_i;
  assign signal_o      = oldest.signal_mask;
  assign idle_o        = queue_empty && flight_empty;

  dsf_fifo #(
    .Width($bits(in_flight_t)),
    .Depth(InFlight)
  ) u_in_flight (
    .clk_i,
    .rst_ni,
    .in_valid_i (issue_o),
    .in_ready_o (flight_room),
    .in_data_i  ({header.signal_mask, instr_index_o}),
    .out_valid_o(running_o),
    .out_ready_i(done_i),
    .out_data_o (oldest),
    .empty_o    (flight_empty)
  );

  assign oldest_index_o = oldest.index;

  logic unused_header;
  assign unused_header = ^{header.opcode, header.reserved, header.spare};

  `DSF_ASSERT(done_belongs_to_an_instruction, !(done_i && !running_o))

endmodule

`default_nettype wire
