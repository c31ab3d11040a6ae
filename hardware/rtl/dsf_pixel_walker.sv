// SPDX-License-Identifier: Apache-2.0
//
// Walks the output positions of an instruction (image outermost, then row, then column) and keeps, without a multiplier,
// several affine functions of the position:
//
//   addr_o[s] = base_i[s] + image * image_step_i[s] + row * row_step_i[s] + column * pixel_step_i[s]    (mod 2**AddrBits)
//
// A stream may be an address, or a coordinate: x has only a pixel step, y only a row step (sign-extended). Steps tied
// to zero cost nothing.
//
//   start_i  the first position is at the outputs from the next cycle on
//   next_i   the next position is at the outputs from the next cycle on; after the last position, the first again
//
// The configuration inputs have to be stable from start_i until the walk is over: they are read at every step. Counts
// are at least 1.

`default_nettype none
`include "dsf_reset.svh"

module dsf_pixel_walker
  import dsf_pkg::*;
#(
  parameter int unsigned Streams = 1
) (
  input  wire logic                             clk_i,
  input  wire logic                             rst_ni,

  input  wire logic                             start_i,
  input  wire logic [CountBits-1:0]             columns_i,
  input  wire logic [CountBits-1:0]             rows_i,
  input  wire logic [CountBits-1:0]             images_i,
  input  wire logic [Streams-1:0][AddrBits-1:0] base_i,
  input  wire logic [Streams-1:0][AddrBits-1:0] pixel_step_i,
  input  wire logic [Streams-1:0][AddrBits-1:0] row_step_i,
  input  wire logic [Streams-1:0][AddrBits-1:0] image_step_i,

  input  wire logic                             next_i,
  output      logic [Streams-1:0][AddrBits-1:0] addr_o,
  output      logic                             column_last_o,
  output      logic                             row_last_o,
  output      logic                             last_o
);

  // Positions that follow in this row, rows in this image, images.
  logic [CountBits-1:0] columns_left_q, rows_left_q, images_left_q;
  // Which of them are 0, in registers: much hangs on that.
  logic                 column_last_q, row_last_q, image_last_q;
  logic                 row_end, image_end;

  assign column_last_o = column_last_q;
  assign row_last_o    = row_last_q;
  assign row_end       = column_last_o;
  assign image_end     = column_last_o && row_last_o;
  assign last_o        = image_end && image_last_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      columns_left_q <= '0;
      rows_left_q    <= '0;
      images_left_q  <= '0;
      column_last_q  <= 1'b1;
      row_last_q     <= 1'b1;
      image_last_q   <= 1'b1;
    end else if (start_i || (next_i && last_o)) begin
      columns_left_q <= columns_i - 1'b1;
      rows_left_q    <= rows_i - 1'b1;
      images_left_q  <= images_i - 1'b1;
      column_last_q  <= columns_i == CountBits'(1);
      row_last_q     <= rows_i == CountBits'(1);
      image_last_q   <= images_i == CountBits'(1);
    end else if (next_i) begin
      columns_left_q <= row_end ? columns_i - 1'b1 : columns_left_q - 1'b1;
      column_last_q  <= (row_end ? columns_i : columns_left_q) == CountBits'(1);
      if (row_end) begin
        rows_left_q <= image_end ? rows_i - 1'b1 : rows_left_q - 1'b1;
        row_last_q  <= (image_end ? rows_i : rows_left_q) == CountBits'(1);
      end
      if (image_end) begin
        images_left_q <= images_left_q - 1'b1;
        image_last_q  <= images_left_q == CountBits'(1);
      end
    end
  end

  for (genvar s = 0; s < int'(Streams); s++) begin : gen_stream
    // Where the current image and row begin, so that a row or image step is one addition.
    logic [AddrBits-1:0] addr_q, row_q, image_q;
    logic [AddrBits-1:0] next_image, next_row, next_column;

    assign next_image  = image_q + image_step_i[s];
    assign next_row    = row_q + row_step_i[s];
    assign next_column = addr_q + pixel_step_i[s];

    always_ff @(posedge clk_i `DSF_OR_RESET) begin
      if (!rst_ni) begin
        addr_q  <= '0;
        row_q   <= '0;
        image_q <= '0;
      end else if (start_i || (next_i && last_o)) begin
        addr_q  <= base_i[s];
        row_q   <= base_i[s];
        image_q <= base_i[s];
      end else if (next_i && image_end) begin
        addr_q  <= next_image;
        row_q   <= next_image;
        image_q <= next_image;
      end else if (next_i && row_end) begin
        addr_q  <= next_row;
        row_q   <= next_row;
      end else if (next_i) begin
        addr_q  <= next_column;
      end
    end

    assign addr_o[s] = addr_q;
  end

endmodule

`default_nettype wire
