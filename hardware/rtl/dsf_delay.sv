// SPDX-License-Identifier: Apache-2.0
//
// data_o is data_i of `Cycles` cycles ago (0: a wire). No reset, so that it maps to shift-register primitives: for data
// only, whose valid bit is reset elsewhere.

`default_nettype none

module dsf_delay #(
  parameter int unsigned Width  = 8,
  parameter int unsigned Cycles = 1
) (
  input  wire logic             clk_i,
  input  wire logic [Width-1:0] data_i,
  output      logic [Width-1:0] data_o
);

  if (Cycles == 0) begin : gen_wire
    assign data_o = data_i;
    logic unused_clk;
    assign unused_clk = clk_i;
  end else begin : gen_stages
    logic [Cycles-1:0][Width-1:0] stage_q;

    for (genvar i = 0; i < int'(Cycles); i++) begin : gen_stage
      if (i == 0) begin : gen_first
        always_ff @(posedge clk_i) stage_q[i] <= data_i;
      end else begin : gen_next
        always_ff @(posedge clk_i) stage_q[i] <= stage_q[i-1];
      end
    end

    assign data_o = stage_q[Cycles-1];
  end

endmodule

`default_nettype wire
