// SPDX-License-Identifier: Apache-2.0
//
// One token counter for each ordered pair of queues. An instruction of queue c that waits for queue p takes a token from
// counter (p, c) when it starts; one of queue p that signals queue c adds one when it completes.
//
//   can_issue_o[c]  every counter that the head of queue c waits for is above zero; stays so until it issues
//   missing_o[c]    those that are zero
//   overflow_o[p]   a signal of queue p found its counter full, this cycle
//
// A token that arrives in cycle t can be taken from cycle t + 1 on.

`default_nettype none
`include "dsf_reset.svh"

module dsf_tokens #(
  parameter int unsigned Queues    = 5,
  parameter int unsigned CountBits = 8
) (
  input  wire logic                          clk_i,
  input  wire logic                          rst_ni,

  input  wire logic [Queues-1:0][Queues-1:0] wait_i,    // [consumer][producer]: mask of the head of each queue
  input  wire logic [Queues-1:0]             issue_i,   // the head starts; only with can_issue_o
  input  wire logic [Queues-1:0][Queues-1:0] signal_i,  // [producer][consumer]: mask of what completes
  input  wire logic [Queues-1:0]             done_i,    // it completes

  output      logic [Queues-1:0]             can_issue_o,
  output      logic [Queues-1:0][Queues-1:0] missing_o,
  output      logic [Queues-1:0]             overflow_o,
  output      logic                          zero_o     // no token anywhere
);

  logic [Queues-1:0][Queues-1:0] some, full, give, take;  // [producer][consumer]

  for (genvar p = 0; p < Queues; p++) begin : gen_producer
    for (genvar c = 0; c < Queues; c++) begin : gen_consumer

      logic [CountBits-1:0] count_q;
      logic                 some_q;

      assign give[p][c]      = done_i[p] && signal_i[p][c];
      assign take[p][c]      = issue_i[c] && wait_i[c][p];
      assign some[p][c]      = some_q;
      assign full[p][c]      = &count_q;
      assign missing_o[c][p] = wait_i[c][p] && !some_q;

      always_ff @(posedge clk_i `DSF_OR_RESET) begin
        if (!rst_ni) begin
          count_q <= '0;
          some_q  <= 1'b0;
        end else if (give[p][c] && !take[p][c]) begin
          count_q <= count_q + 1'b1;
          some_q  <= 1'b1;
        end else if (take[p][c] && !give[p][c]) begin
          count_q <= count_q - 1'b1;
          some_q  <= count_q != CountBits'(1);
        end
      end

    end

    assign can_issue_o[p] = missing_o[p] == '0;
    assign overflow_o[p]  = |(give[p] & ~take[p] & full[p]);
  end

  assign zero_o = some == '0;

endmodule

`default_nettype wire
