// SPDX-License-Identifier: Apache-2.0
//
// Says what the array does in each cycle: it takes a step, or it waits, for exactly one reason (docs/registers.md).
//
//   step_i, *_wait_i  of this cycle, from dsf_matrix_issue; at most one of them
//   the others        of the cycle before: a step comes a cycle after nothing keeps its slot any more
//
//   cycle      0        1         2, 3, 4    5
//   MATRIX     waits    starts    starting   first step
//   array_o    -        StallX    StallPixels MatrixSteps

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_stall
  import dsf_isa_pkg::*;
  import dsf_regs_pkg::*;
(
  input  wire logic                 clk_i,
  input  wire logic                 rst_ni,

  input  wire logic                 step_i,
  input  wire logic                 pixel_wait_i,
  input  wire logic                 drain_wait_i,

  // MATRIX instructions.
  input  wire logic                 started_i,  // one starts, or has slots left
  input  wire logic                 queued_i,   // one is at the head of the queue
  input  wire logic [NumQueues-1:0] missing_i,  // the queues whose tokens it lacks

  output      array_e               array_o
);

  array_e waiting_d, waiting_q;

  always_comb begin
    if (started_i)                    waiting_d = ArrayStallPixels;
    else if (missing_i[QueueMatrix])  waiting_d = ArrayStallMatrix;
    else if (missing_i[QueueVector])  waiting_d = ArrayStallVector;
    else if (missing_i[QueueStore])   waiting_d = ArrayStallOutput;
    else if (missing_i[QueueLoad])    waiting_d = ArrayStallLoad;
    else if (missing_i[QueueWeight])  waiting_d = ArrayStallWeights;
    else if (queued_i)                waiting_d = ArrayStallDrain;  // the drain has not taken it
    else                              waiting_d = ArrayIdle;
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) waiting_q <= ArrayIdle;
    else waiting_q <= waiting_d;
  end

  always_comb begin
    array_o = waiting_q;
    if (step_i)       array_o = ArrayMatrixSteps;
    if (pixel_wait_i) array_o = ArrayStallPixels;
    if (drain_wait_i) array_o = ArrayStallDrain;
  end

  `DSF_ASSERT(one_reason, $onehot0({step_i, pixel_wait_i, drain_wait_i}))

endmodule

`default_nettype wire
