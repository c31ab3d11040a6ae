// SPDX-License-Identifier: Apache-2.0
//
// Notices that an unfinished program has stopped moving: no unit was active for Cycles cycles. It then names the lowest
// queue whose head waits for tokens, and which; without one, the lowest with an instruction in flight, which then waits
// for its stream; without that either, queue 5: the instruction stream itself.
//
//   detail_o  {missing tokens, one bit for each queue that should have signalled; the queue that waits}

`default_nettype none
`include "dsf_reset.svh"

module dsf_watchdog
  import dsf_isa_pkg::*;
#(
  parameter int unsigned Cycles = 65536
) (
  input  wire logic                                clk_i,
  input  wire logic                                rst_ni,

  input  wire logic                                enable_i,  // a program is unfinished and there is no error
  input  wire logic                                active_i,  // something moved this cycle

  input  wire logic [NumQueues-1:0]                waiting_i,
  input  wire logic [NumQueues-1:0][NumQueues-1:0] missing_i,
  input  wire logic [NumQueues-1:0][15:0]          head_index_i,
  input  wire logic [NumQueues-1:0]                running_i,
  input  wire logic [NumQueues-1:0][15:0]          oldest_index_i,
  input  wire logic [15:0]                         next_index_i,  // of the instruction that the dispatcher is at

  output      logic                                error_o,   // one cycle
  output      logic [15:0]                         index_o,
  output      logic [NumQueues+2:0]                detail_o
);

  localparam int unsigned CountBits = $clog2(Cycles + 1);

  logic [CountBits-1:0] idle_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)                     idle_q <= '0;
    else if (!enable_i || active_i)  idle_q <= '0;
    else                             idle_q <= idle_q + 1'b1;
  end

  assign error_o = enable_i && idle_q == CountBits'(Cycles);

  always_comb begin
    index_o  = next_index_i;
    detail_o = {NumQueues'(0), 3'(NumQueues)};
    for (int unsigned q = NumQueues; q > 0; q--) begin
      if (running_i[q-1]) begin
        index_o  = oldest_index_i[q-1];
        detail_o = {NumQueues'(0), 3'(q - 1)};
      end
    end
    for (int unsigned q = NumQueues; q > 0; q--) begin
      if (waiting_i[q-1]) begin
        index_o  = head_index_i[q-1];
        detail_o = {missing_i[q-1], 3'(q - 1)};
      end
    end
  end

endmodule

`default_nettype wire
