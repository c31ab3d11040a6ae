// SPDX-License-Identifier: Apache-2.0
//
// Follows one beat through a block that keeps order. Beats are numbered as they come and as they go, modulo 2**NumberBits, which
// has to be more than can be inside; the followed number keeps whatever value the solver chose.
//
//   fill_o   beats inside            ahead_o   those before the followed one; it is inside if ahead_o < fill_o
//   data_o   the data that came in under the followed number

`default_nettype none

module dsf_formal_follow #(
  parameter int unsigned Width      = 32,
  parameter int unsigned NumberBits = 3
) (
  input  wire logic                  clk_i,
  input  wire logic                  rst_ni,
  input  wire logic                  put_i,
  input  wire logic [Width-1:0]      data_i,
  input  wire logic                  get_i,
  output      logic [NumberBits-1:0] fill_o,
  output      logic [NumberBits-1:0] ahead_o,
  output      logic [Width-1:0]      data_o
);

  logic [NumberBits-1:0] put_number_q, get_number_q, followed_q;

  always_ff @(posedge clk_i) begin
    followed_q <= followed_q;
    if (put_i && put_number_q == followed_q) data_o <= data_i;
    if (!rst_ni) begin
      put_number_q <= '0;
      get_number_q <= '0;
    end else begin
      put_number_q <= put_number_q + NumberBits'(put_i);
      get_number_q <= get_number_q + NumberBits'(get_i);
    end
  end

  assign fill_o  = put_number_q - get_number_q;
  assign ahead_o = followed_q - get_number_q;

endmodule

`default_nettype wire
