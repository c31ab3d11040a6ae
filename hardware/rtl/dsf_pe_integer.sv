// SPDX-License-Identifier: Apache-2.0
//
// The processing element of PeInteger: multiply and accumulate, signed integers.
//
//   acc = (first ? 0 : acc) + x * w        in every cycle with valid_i, modulo 2**AccBits
//
// Three cycles: operand register, product register, accumulator, which are the registers of a DSP block. See dsf_pe for the
// ports.

`default_nettype none
`include "dsf_reset.svh"

module dsf_pe_integer #(
  parameter int unsigned XBits   = 8,
  parameter int unsigned WBits   = 8,
  parameter int unsigned AccBits = 32
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,

  input  wire logic                      valid_i,
  input  wire logic                      first_i,
  input  wire logic signed [XBits-1:0]   x_i,
  input  wire logic signed [WBits-1:0]   w_i,
  output      logic signed [AccBits-1:0] acc_o
);

  localparam int unsigned ProductBits = XBits + WBits;

  logic                          valid_q, product_valid_q;
  logic                          first_q, product_first_q;
  logic signed [XBits-1:0]       x_q;
  logic signed [WBits-1:0]       w_q;
  logic signed [ProductBits-1:0] product_q;
  logic signed [AccBits-1:0]     acc_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      valid_q         <= 1'b0;
      product_valid_q <= 1'b0;
    end else begin
      valid_q         <= valid_i;
      product_valid_q <= valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    first_q         <= first_i;
    product_first_q <= first_q;
    x_q             <= x_i;
    w_q             <= w_i;
    product_q       <= x_q * w_q;
    if (product_valid_q) acc_q <= (product_first_q ? '0 : acc_q) + AccBits'(product_q);
  end

  assign acc_o = acc_q;

  if (AccBits < ProductBits) begin : gen_check_acc
    $error("AccBits must hold at least one product");
  end

endmodule

`default_nettype wire
