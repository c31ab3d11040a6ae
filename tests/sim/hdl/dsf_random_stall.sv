// SPDX-License-Identifier: Apache-2.0
//
// Test helper: a pseudo-random request, high in about rate_i of 256 cycles. It stands for a client of higher priority.

`default_nettype none

module dsf_random_stall #(
  parameter int unsigned Seed = 1
) (
  input  wire logic       clk_i,
  input  wire logic       rst_ni,
  input  wire logic [8:0] rate_i,
  output      logic       req_o
);

  logic [31:0] state_q;

  // Galois LFSR of maximal length, eight steps a cycle.
  function automatic logic [31:0] step(logic [31:0] state);
    for (int i = 0; i < 8; i++) state = {1'b0, state[31:1]} ^ (state[0] ? 32'h80200003 : 32'h0);
    return state;
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni) state_q <= Seed;
    else         state_q <= step(state_q);
  end

  assign req_o = 9'(state_q[7:0]) < rate_i;

endmodule

`default_nettype wire
