// SPDX-License-Identifier: Apache-2.0
//
// Register slice of a stream: data, valid and ready all leave from registers, at one beat per cycle and one cycle of
// latency. The second register catches the beat that arrives in the cycle in which ready falls.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_skid #(
  parameter int unsigned Width = 32
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,

  input  wire logic             in_valid_i,
  output      logic             in_ready_o,
  input  wire logic [Width-1:0] in_data_i,

  output      logic             out_valid_o,
  input  wire logic             out_ready_i,
  output      logic [Width-1:0] out_data_o
);

  logic             out_valid_q, spare_valid_q;
  logic [Width-1:0] out_data_q, spare_data_q;
  logic             advance;

  assign in_ready_o  = !spare_valid_q;
  assign out_valid_o = out_valid_q;
  assign out_data_o  = out_data_q;
  assign advance     = !out_valid_q || out_ready_i;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      out_valid_q   <= 1'b0;
      spare_valid_q <= 1'b0;
    end else if (advance) begin
      out_valid_q   <= spare_valid_q || in_valid_i;
      spare_valid_q <= 1'b0;
    end else if (in_valid_i) begin
      spare_valid_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (advance) out_data_q <= spare_valid_q ? spare_data_q : in_data_i;
    if (!spare_valid_q) spare_data_q <= in_data_i;
  end

  `DSF_ASSERT_STREAM(in, in_valid_i, in_ready_o, in_data_i)
  `DSF_ASSERT_STREAM(out, out_valid_o, out_ready_i, out_data_o)

endmodule

`default_nettype wire
