// SPDX-License-Identifier: Apache-2.0
//
// Moves rows that begin at any byte lane to lane 0, each on a beat of its own: output beat k of a row is
//
//   {input beat k+1, input beat k} >> (8 * shift)
//
// with zeros behind the row's last byte. One input beat per cycle: a row that touches one more beat in memory than it has
// beats takes the time of its memory beats, and the last beat of a row leaves while the next row's first is taken in.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_align_read #(
  parameter int unsigned Width = 128,
  localparam int unsigned Bytes    = Width / 8,
  localparam int unsigned ByteBits = $clog2(Bytes)
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,

  input  wire logic                in_valid_i,
  output      logic                in_ready_o,
  input  wire logic [Width-1:0]    in_data_i,
  input  wire logic                in_last_i,    // last beat of the row
  input  wire logic [ByteBits-1:0] in_shift_i,   // lane of the row's first byte
  input  wire logic [ByteBits-1:0] in_tail_i,    // (bytes of the row - 1) modulo a beat

  output      logic                out_valid_o,
  input  wire logic                out_ready_i,
  output      logic [Width-1:0]    out_data_o,
  output      logic                out_last_o
);

  // The previous input beat.
  logic                hold_valid_q, hold_last_q;
  logic [Width-1:0]    hold_q;
  logic [ByteBits-1:0] shift_q, tail_q;
  // Its last beat's bytes have all left with the beat before.
  logic                spent;
  logic                out_valid_q, out_last_q;
  logic [Bytes-1:0][7:0] out_q, window;
  logic [Bytes-1:0]      behind;  // lanes after the row's last byte
  logic                can_emit, emit, emit_last, take, release_hold;

  assign spent        = {1'b0, shift_q} + {1'b0, tail_q} >= (ByteBits + 1)'(Bytes);
  assign can_emit     = !out_valid_q || out_ready_i;
  assign emit         = hold_valid_q && can_emit && (hold_last_q ? !spent : in_valid_i);
  assign emit_last    = hold_last_q || (in_last_i && spent);
  assign release_hold = !hold_valid_q || (hold_last_q && spent) || can_emit;
  assign in_ready_o   = release_hold;
  assign take         = in_valid_i && in_ready_o;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      hold_valid_q <= 1'b0;
      out_valid_q  <= 1'b0;
    end else begin
      if (take) hold_valid_q <= 1'b1;
      else if (hold_last_q && release_hold) hold_valid_q <= 1'b0;
      if (emit) out_valid_q <= 1'b1;
      else if (out_ready_i) out_valid_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      hold_q      <= in_data_i;
      hold_last_q <= in_last_i;
      shift_q     <= in_shift_i;
      tail_q      <= in_tail_i;
    end
    if (emit) out_last_q <= emit_last;
  end

  // The lanes above the shift come from the held beat, those below it from the new one.
  assign window = Width'({in_data_i, hold_q} >> {shift_q, 3'b000});

  assign behind = emit_last ? ~({Bytes{1'b1}} >> ~tail_q) : '0;

  for (genvar i = 0; i < int'(Bytes); i++) begin : gen_byte
    always_ff @(posedge clk_i) begin
      if (emit) out_q[i] <= behind[i] ? 8'h00 : window[i];
    end
  end

  assign out_valid_o = out_valid_q;
  assign out_data_o  = out_q;
  assign out_last_o  = out_last_q;

  `DSF_ASSERT_STREAM(in, in_valid_i, in_ready_o, {in_data_i, in_last_i, in_shift_i, in_tail_i})
  `DSF_ASSERT_STREAM(out, out_valid_o, out_ready_i, {out_data_o, out_last_o})

endmodule

`default_nettype wire
