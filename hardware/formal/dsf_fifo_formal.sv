// SPDX-License-Identifier: Apache-2.0
//
// What dsf_fifo promises. One beat, which the solver chooses, is followed through it:
//
//   data, order  the beat comes out, unchanged, after all that went in before it
//   occupancy    0 to Depth + 1 beats are inside, and empty_o says whether there are none
//   progress     ready while the RAM has room; what stays inside for a cycle is offered
//   stability    an offered beat stays, unchanged, until it is taken
//
// The other properties say how the registers represent the queue; induction needs them.

`default_nettype none
`include "dsf_formal.svh"

module dsf_fifo_formal #(
  parameter int unsigned Width = 32,
  parameter int unsigned Depth = 4,
  localparam int unsigned PtrBits   = dsf_pkg::index_bits(Depth),
  localparam int unsigned CountBits = $clog2(Depth + 1)
) (
  input wire logic                 clk_i,
  input wire logic                 rst_ni,
  input wire logic                 in_valid_i,
  input wire logic                 in_ready_o,
  input wire logic [Width-1:0]     in_data_i,
  input wire logic                 out_valid_o,
  input wire logic                 out_ready_i,
  input wire logic [Width-1:0]     out_data_o,
  input wire logic                 empty_o,
  input wire logic [PtrBits-1:0]   wr_ptr_q,
  input wire logic [PtrBits-1:0]   rd_ptr_q,
  input wire logic [CountBits-1:0] count_q,
  input wire logic [0:0][Width-1:0] mem [Depth]
);

  // Enough for Depth + 1 beats, and one more.
  localparam int unsigned NumberBits = CountBits + 1;

  `DSF_FORMAL_RESET

  logic [NumberBits-1:0] fill, ahead;
  logic [Width-1:0]      data;

  dsf_formal_follow #(.Width(Width), .NumberBits(NumberBits)) u_follow (
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
  `DSF_PROVE(occupancy, fill <= NumberBits'(Depth + 1))
  `DSF_PROVE(empty, empty_o == (fill == '0))
  `DSF_PROVE(nothing_from_nothing, !out_valid_o || fill != '0)
  `DSF_PROVE(ready, in_ready_o || fill >= NumberBits'(Depth))
  `DSF_PROVE(offers, !running_q || $past(fill == NumberBits'(out_valid_o && out_ready_i)) || out_valid_o)
  `DSF_PROVE_STREAM(stability, out_valid_o, out_ready_i, out_data_o)

  // Representation: head, if valid, then count_q words of the RAM from rd_ptr_q on.
  logic [PtrBits:0] place;
  assign place = (PtrBits+1)'(rd_ptr_q) + (PtrBits+1)'(ahead - NumberBits'(out_valid_o));

  `DSF_PROVE(count, fill == NumberBits'(count_q) + NumberBits'(out_valid_o))
  `DSF_PROVE(pointers, wr_ptr_q < Depth && rd_ptr_q < Depth && (rd_ptr_q + count_q) % Depth == 32'(wr_ptr_q))
  `DSF_PROVE(in_ram, ahead >= fill || ahead < NumberBits'(out_valid_o) || mem[PtrBits'(32'(place) % Depth)] == data)

endmodule

bind dsf_fifo dsf_fifo_formal #(.Width(Width), .Depth(Depth)) u_formal (.mem(u_ram.mem), .*);

`default_nettype wire
