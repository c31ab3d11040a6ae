// SPDX-License-Identifier: Apache-2.0
//
// What dsf_stream_resize promises, compared with a model that stores the narrow pieces of the wide beat that is in work by their
// place, and never shifts:
//
//   data, order  narrowing: the pieces of an accepted beat, lowest first, and all of them before the next beat
//                widening: the accepted pieces, lowest first, in the wide beat that the last of them completes
//   last, partial  as the module's comment says; a wide beat never holds parts of two packets
//   throughput   ready whenever nothing is left that is not taken in this cycle; widening offers as soon as a beat is complete
//   stability    an offered beat stays, unchanged, until it is taken or cleared
//   clear        nothing comes out afterwards that came in before

`default_nettype none
`include "dsf_formal.svh"

module dsf_stream_resize_formal #(
  parameter int unsigned InWidth  = 128,
  parameter int unsigned OutWidth = 256,
  localparam int unsigned Narrow = (InWidth < OutWidth) ? InWidth : OutWidth,
  localparam int unsigned Pieces = (InWidth < OutWidth) ? OutWidth / InWidth : InWidth / OutWidth,
  localparam int unsigned HaveBits = $clog2(Pieces + 1)
) (
  input wire logic                clk_i,
  input wire logic                rst_ni,
  input wire logic                clear_i,
  input wire logic                in_valid_i,
  input wire logic                in_ready_o,
  input wire logic [InWidth-1:0]  in_data_i,
  input wire logic                in_last_i,
  input wire logic                out_valid_o,
  input wire logic                out_ready_i,
  input wire logic [OutWidth-1:0] out_data_o,
  input wire logic                out_last_o,
  input wire logic                out_partial_o
);

  `DSF_FORMAL_RESET

  logic put, get;
  assign put = in_valid_i && in_ready_o;
  assign get = out_valid_o && out_ready_i;

  // Pieces of the beat in work: which there are, and whether it ends a packet.
  logic [Pieces-1:0][Narrow-1:0] piece_q;
  logic [HaveBits-1:0]           have_q;
  logic                          last_q;

  `DSF_ASSUME(clear_without_input, !(clear_i && in_valid_i))
  `DSF_PROVE(stability, !running_q || !$past(out_valid_o && !out_ready_i && !clear_i) ||
      (out_valid_o && {out_last_o, out_partial_o, out_data_o} == $past({out_last_o, out_partial_o, out_data_o})))
  `DSF_PROVE(clear, !running_q || !$past(clear_i) || !out_valid_o)

  if (InWidth > OutWidth) begin : gen_narrow

    // have_q: pieces that are left, the last Pieces of them.
    logic [HaveBits-1:0] next;
    assign next = HaveBits'(Pieces) - have_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) begin
        have_q <= '0;
      end else if (put) begin
        have_q  <= HaveBits'(Pieces);
        piece_q <= in_data_i;
        last_q  <= in_last_i;
      end else if (get) begin
        have_q <= have_q - 1'b1;
      end
    end

    `DSF_PROVE(offers, out_valid_o == (have_q != '0))
    `DSF_PROVE(throughput, in_ready_o == (have_q == '0 || (have_q == 1 && out_ready_i)))
    `DSF_PROVE(data_and_order, !out_valid_o || out_data_o == piece_q[next])
    `DSF_PROVE(last, !out_valid_o || out_last_o == (last_q && have_q == 1))
    `DSF_PROVE(partial, !out_partial_o)

    // Representation: the register is shifted.
    `DSF_PROVE(left, have_q <= HaveBits'(Pieces) && (have_q == '0 || dsf_stream_resize.gen_narrow.left_q == have_q - 1'b1))
    `DSF_PROVE(ends, have_q == '0 || dsf_stream_resize.last_q == last_q)
    for (genvar i = 0; i < Pieces; i++) begin : gen_piece
      `DSF_PROVE(shifted, HaveBits'(i) >= have_q ||
          dsf_stream_resize.gen_narrow.data_q[Narrow*i+:Narrow] == piece_q[HaveBits'(i) + next])
    end

  end else begin : gen_wide

    // have_q: pieces that have come; piece_q is the beat that is offered if there are Pieces, or if the packet has ended.
    logic done_q;
    logic [HaveBits-1:0] place;
    assign place = done_q ? '0 : have_q;

    always_ff @(posedge clk_i) begin
      if (!rst_ni || clear_i) begin
        have_q <= '0;
        done_q <= 1'b0;
      end else if (put) begin
        piece_q[place] <= in_data_i;
        have_q         <= place + 1'b1;
        last_q         <= in_last_i;
        done_q         <= in_last_i || place == HaveBits'(Pieces - 1);
      end else if (get) begin
        have_q <= '0;
        done_q <= 1'b0;
      end
    end

    `DSF_PROVE(offers, out_valid_o == done_q)
    `DSF_PROVE(throughput, in_ready_o == (!done_q || out_ready_i))
    `DSF_PROVE(data_and_order, !out_valid_o || out_partial_o || out_data_o == piece_q)
    `DSF_PROVE(last, !out_valid_o || out_last_o == last_q)
    `DSF_PROVE(partial, !out_valid_o || out_partial_o == (have_q != HaveBits'(Pieces)))

    // Representation: pieces enter at the top and move down.
    `DSF_PROVE(have, have_q <= HaveBits'(Pieces) && (done_q ? have_q != '0 : have_q != HaveBits'(Pieces)))
    `DSF_PROVE(counted, dsf_stream_resize.gen_wide.have_q == place)
    for (genvar i = 0; i < Pieces; i++) begin : gen_piece
      `DSF_PROVE(shifted, HaveBits'(i) >= have_q || out_data_o[Narrow*(HaveBits'(Pieces) - have_q + i)+:Narrow] == piece_q[i])
    end

  end

endmodule

bind dsf_stream_resize dsf_stream_resize_formal #(.InWidth(InWidth), .OutWidth(OutWidth)) u_formal (.*);

`default_nettype wire
