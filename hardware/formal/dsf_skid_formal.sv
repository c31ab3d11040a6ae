// SPDX-License-Identifier: Apache-2.0
//
// What dsf_skid promises. One beat, which the solver chooses, is followed through it:
//
//   data, order  the beat comes out, unchanged, after all that went in before it
//   occupancy    0 to 2 beats are inside
//   throughput   one beat per cycle: ready unless both registers are taken, offers whenever something is inside
//   stability    an offered beat stays, unchanged, until it is taken
//
// The other properties say which register holds what; induction needs them.

`default_nettype none
`include "dsf_formal.svh"

module dsf_skid_formal #(
  parameter int unsigned Width = 32
) (
  input wire logic             clk_i,
  input wire logic             rst_ni,
  input wire logic             in_valid_i,
  input wire logic             in_ready_o,
  input wire logic [Width-1:0] in_data_i,
  input wire logic             out_valid_o,
  input wire logic             out_ready_i,
  input wire logic [Width-1:0] out_data_o,
  input wire logic [Width-1:0] spare_data_q
);

  `DSF_FORMAL_RESET

  logic [1:0]       fill, ahead;
  logic [Width-1:0] data;

  dsf_formal_follow #(.Width(Width), .NumberBits(2)) u_follow (
    .clk_i,
    .rst_ni,
    .put_i  (in_valid_i && in_ready_o),
    .data_i (in_data_i),
    .get_i  (out_valid_o && out_ready_i),
    .fill_o (fill),
    .ahead_o(ahead),
    .data_o (data)
  );

  `DSF_PROVE(data_and_order, !(out_valid_o && ahead == '0) || out_data_o == data)
  `DSF_PROVE(occupancy, fill <= 2'd2)
  `DSF_PROVE(ready, in_ready_o == (fill < 2'd2))
  `DSF_PROVE(offers, out_valid_o == (fill != '0))
  `DSF_PROVE_STREAM(stability, out_valid_o, out_ready_i, out_data_o)

  `DSF_PROVE(spare, !(fill == 2'd2 && ahead == 2'd1) || spare_data_q == data)

endmodule

bind dsf_skid dsf_skid_formal #(.Width(Width)) u_formal (.*);

`default_nettype wire
