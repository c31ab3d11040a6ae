// SPDX-License-Identifier: Apache-2.0
//
// What dsf_tokens promises if instructions start only with can_issue_o and until a signal finds its counter full, which stops
// the engine. For each ordered pair of queues a balance, of tokens given less tokens taken, that has room to go wrong:
//
//   underflow   it is never below 0: nothing is taken that was not given in an earlier cycle
//   capacity    it is never above 2**CountBits - 1; a token that would make it so is reported in that cycle, no other is
//   waiting     can_issue_o says that the balance of every queue waited for is above 0, missing_o names the others
//   stability   a head that can issue can do so until it does
//   zero        zero_o says that all balances are 0

`default_nettype none
`include "dsf_formal.svh"

module dsf_tokens_formal #(
  parameter int unsigned Queues    = 5,
  parameter int unsigned CountBits = 8
) (
  input wire logic                          clk_i,
  input wire logic                          rst_ni,
  input wire logic [Queues-1:0][Queues-1:0] wait_i,
  input wire logic [Queues-1:0]             issue_i,
  input wire logic [Queues-1:0][Queues-1:0] signal_i,
  input wire logic [Queues-1:0]             done_i,
  input wire logic [Queues-1:0]             can_issue_o,
  input wire logic [Queues-1:0][Queues-1:0] missing_o,
  input wire logic [Queues-1:0]             overflow_o,
  input wire logic                          zero_o
);

  localparam int Full = (1 << CountBits) - 1;

  `DSF_FORMAL_RESET

  logic [Queues-1:0][Queues-1:0]                       some, would_overflow;  // [producer][consumer]
  logic signed [Queues-1:0][Queues-1:0][CountBits+1:0] balance_q;

  `DSF_ASSUME(starts_only_if_it_can, (issue_i & ~can_issue_o) == '0)
  `DSF_ASSUME(stops_at_overflow, !running_q || $past(overflow_o) == '0)

  for (genvar p = 0; p < int'(Queues); p++) begin : gen_producer
    for (genvar c = 0; c < int'(Queues); c++) begin : gen_consumer

      logic give, take;
      logic signed [CountBits+1:0] balance;
      assign give    = done_i[p] && signal_i[p][c];
      assign take    = issue_i[c] && wait_i[c][p];
      assign balance = balance_q[p][c];

      always_ff @(posedge clk_i) begin
        if (!rst_ni) balance_q[p][c] <= '0;
        else         balance_q[p][c] <= balance + (CountBits+2)'(give) - (CountBits+2)'(take);
      end

      assign some[p][c]           = balance > 0;
      assign would_overflow[p][c] = 32'(balance) + 32'(give) - 32'(take) > Full;

      `DSF_PROVE(underflow, balance >= 0 && !(take && balance == 0))
      `DSF_PROVE(capacity, balance <= Full)
      `DSF_PROVE(missing, missing_o[c][p] == (wait_i[c][p] && !some[p][c]))

      // Representation.
      `DSF_PROVE(count, dsf_tokens.gen_producer[p].gen_consumer[c].count_q == balance[CountBits-1:0])
      `DSF_PROVE(count_is_some, dsf_tokens.gen_producer[p].gen_consumer[c].some_q == some[p][c])

    end

    `DSF_PROVE(waiting, can_issue_o[p] == (missing_o[p] == '0))
    `DSF_PROVE(overflow, overflow_o[p] == (would_overflow[p] != '0))
    `DSF_PROVE(stability, !running_q || !$past(can_issue_o[p] && !issue_i[p]) || wait_i[p] != $past(wait_i[p]) || can_issue_o[p])

  end

  `DSF_PROVE(zero, zero_o == (balance_q == '0))

endmodule

bind dsf_tokens dsf_tokens_formal #(.Queues(Queues), .CountBits(CountBits)) u_formal (.*);

`default_nettype wire
