// SPDX-License-Identifier: Apache-2.0
//
// Clock cycles of a run, and a 32-bit counter for each event. clear_i with start, count while run_i; events are registered
// first, so that a counter adds nothing to the path of its event.

`default_nettype none
`include "dsf_reset.svh"

module dsf_counters #(
  parameter int unsigned NumCounters = 5
) (
  input  wire logic                         clk_i,
  input  wire logic                         rst_ni,

  input  wire logic                         clear_i,
  input  wire logic                         run_i,
  input  wire logic [NumCounters-1:0]       event_i,

  output      logic [63:0]                  cycles_o,
  output      logic [NumCounters-1:0][31:0] counter_o
);

  logic [NumCounters-1:0] event_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      event_q  <= '0;
      cycles_o <= '0;
    end else begin
      event_q <= run_i ? event_i : '0;
      if (clear_i) cycles_o <= '0;
      else if (run_i) cycles_o <= cycles_o + 64'd1;
    end
  end

  for (genvar i = 0; i < int'(NumCounters); i++) begin : gen_counter
    always_ff @(posedge clk_i `DSF_OR_RESET) begin
      if (!rst_ni) counter_o[i] <= '0;
      else if (clear_i) counter_o[i] <= '0;
      else if (event_q[i]) counter_o[i] <= counter_o[i] + 32'd1;
    end
  end

endmodule

`default_nettype wire
