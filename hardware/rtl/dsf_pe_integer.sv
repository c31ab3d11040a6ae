// SPDX-License-Identifier: Apache-2.0
//
// The processing element of PeInteger: multiply and accumulate, signed integers.
//
//   acc = (first ? 0 : acc) + x * w        in every cycle with valid_i, modulo 2**AccBits
//
// Two cycles: product register, accumulator, which with the row's operand registers are those of a DSP block. See dsf_pe for
// the ports.

`default_nettype none

module dsf_pe_integer #(
  parameter int unsigned XBits   = 8,
  parameter int unsigned WBits   = 8,
  parameter int unsigned AccBits = 32
) (
  input  wire logic                      clk_i,

  input  wire logic [1:0]                valid_i,
  input  wire logic [1:0]                first_i,
  input  wire logic signed [XBits-1:0]   x_i,
  input  wire logic signed [WBits-1:0]   w_i,
  output      logic signed [AccBits-1:0] acc_o
);

  localparam int unsigned ProductBits = XBits + WBits;

  logic signed [ProductBits-1:0] product_q;
  logic signed [AccBits-1:0]     previous, acc_q;

  always_ff @(posedge clk_i) begin
    if (valid_i[0]) product_q <= x_i * w_i;
    if (valid_i[1]) acc_q     <= previous + AccBits'(product_q);
  end

  // An operand of its own, so that the sum is one of signed numbers: '0 makes an expression unsigned, and a tool that no
  // longer sees the product's sign extension (Yosys) takes two lookup tables for a bit instead of one.
  always_comb begin
    previous = acc_q;
    if (first_i[1]) previous = '0;
  end

  assign acc_o = acc_q;

  // The product does not depend on what comes before it.
  logic unused;
  assign unused = first_i[0];

  if (AccBits < ProductBits) begin : gen_check_acc
    $error("AccBits must hold at least one product");
  end

endmodule

`default_nettype wire
