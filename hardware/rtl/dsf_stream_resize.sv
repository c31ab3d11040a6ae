// SPDX-License-Identifier: Apache-2.0
//
// Changes the width of a stream by a power of two, lowest bits first, without losing a cycle: the wider side moves one
// beat whenever the narrower has moved InWidth/OutWidth (or OutWidth/InWidth) of them.
//
//   in_last_i     ends a packet; a wide beat never holds parts of two packets
//   out_last_o    the packet's last beat
//   out_partial_o the packet ended before this wide beat was full; its data are then not aligned (an error for all users)
//   clear_i       drops what is inside; nothing may be offered at the input in that cycle

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_stream_resize #(
  parameter int unsigned InWidth  = 128,
  parameter int unsigned OutWidth = 256
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,
  input  wire logic                clear_i,

  input  wire logic                in_valid_i,
  output      logic                in_ready_o,
  input  wire logic [InWidth-1:0]  in_data_i,
  input  wire logic                in_last_i,

  output      logic                out_valid_o,
  input  wire logic                out_ready_i,
  output      logic [OutWidth-1:0] out_data_o,
  output      logic                out_last_o,
  output      logic                out_partial_o
);

  logic valid_q, last_q;

  assign out_valid_o = valid_q;

  if (InWidth > OutWidth) begin : gen_narrow

    localparam int unsigned Pieces  = InWidth / OutWidth;
    localparam int unsigned LeftBits = $clog2(Pieces);

    logic [InWidth-1:0]  data_q;
    logic [LeftBits-1:0] left_q;
    logic                take;

    assign in_ready_o    = !valid_q || (out_ready_i && left_q == '0);
    assign out_data_o    = data_q[OutWidth-1:0];
    assign out_last_o    = last_q && left_q == '0;
    assign out_partial_o = 1'b0;
    assign take          = in_valid_i && in_ready_o;

    always_ff @(posedge clk_i `DSF_OR_RESET) begin
      if (!rst_ni) begin
        valid_q <= 1'b0;
        last_q  <= 1'b0;
        left_q  <= '0;
      end else if (clear_i) begin
        valid_q <= 1'b0;
      end else if (take) begin
        valid_q <= 1'b1;
        last_q  <= in_last_i;
        left_q  <= LeftBits'(Pieces - 1);
      end else if (valid_q && out_ready_i) begin
        valid_q <= left_q != '0;
        left_q  <= left_q - 1'b1;
      end
    end

    always_ff @(posedge clk_i) begin
      if (take) data_q <= in_data_i;
      else if (out_ready_i) data_q <= data_q >> OutWidth;
    end

  end else begin : gen_wide

    localparam int unsigned Pieces  = OutWidth / InWidth;
    localparam int unsigned HaveBits = dsf_pkg::index_bits(Pieces);
    localparam logic [HaveBits-1:0] Complete = HaveBits'(Pieces - 1);

    logic [OutWidth-1:0] data_q;
    logic [HaveBits-1:0] have_q;
    logic                partial_q;
    logic                take;

    assign in_ready_o    = !valid_q || out_ready_i;
    assign out_data_o    = data_q;
    assign out_last_o    = last_q;
    assign out_partial_o = partial_q;
    assign take          = in_valid_i && in_ready_o;

    always_ff @(posedge clk_i `DSF_OR_RESET) begin
      if (!rst_ni) begin
        valid_q   <= 1'b0;
        last_q    <= 1'b0;
        partial_q <= 1'b0;
        have_q    <= '0;
      end else if (clear_i) begin
        valid_q <= 1'b0;
        have_q  <= '0;
      end else if (take) begin
        valid_q   <= have_q == Complete || in_last_i;
        last_q    <= in_last_i;
        partial_q <= have_q != Complete;
        have_q    <= (have_q == Complete || in_last_i) ? '0 : have_q + 1'b1;
      end else if (out_ready_i) begin
        valid_q <= 1'b0;
      end
    end

    if (Pieces == 1) begin : gen_same
      always_ff @(posedge clk_i) begin
        if (take) data_q <= in_data_i;
      end
    end else begin : gen_collect
      always_ff @(posedge clk_i) begin
        if (take) data_q <= {in_data_i, data_q[OutWidth-1:InWidth]};
      end
    end

  end

  // Clearing lets go of both sides.
  `DSF_ASSERT_STREAM(in, in_valid_i || clear_i, in_ready_o || clear_i, {in_last_i, in_data_i})
  `DSF_ASSERT_STREAM(out, out_valid_o, out_ready_i || clear_i, {out_last_o, out_data_o})
  `DSF_ASSERT(clear_without_input, !(clear_i && in_valid_i))

endmodule

`default_nettype wire
