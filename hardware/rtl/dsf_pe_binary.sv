// SPDX-License-Identifier: Apache-2.0
//
// The processing element of PeBinary: products of -1 and +1 by XNOR, counted up and down.
//
//   x_i   -1 or +1, or 0 for a tap in padding      w_i   a bit b, for 2b - 1
//
//   x w   agree   step
//   + 1     1      +1      agree = XNOR of the bits (x_i[1] is the complement of the bit of x)
//   + 0     0      -1
//   - 1     0      -1      The sum is 2 * popcount(agree) - taps, with taps in padding neither
//   - 0     1      +1      counted nor subtracted; kept as such a sum, so that it needs no
//   0 .     .       0      correction and is exact at any time.
//
// One cycle, the accumulator's. See dsf_pe for the ports.

`default_nettype none

module dsf_pe_binary #(
  parameter int unsigned XBits   = 2,
  parameter int unsigned WBits   = 1,
  parameter int unsigned AccBits = 16
) (
  input  wire logic                      clk_i,

  input  wire logic [0:0]                valid_i,
  input  wire logic [0:0]                first_i,
  input  wire logic signed [XBits-1:0]   x_i,
  input  wire logic signed [WBits-1:0]   w_i,
  output      logic signed [AccBits-1:0] acc_o
);

  logic                      counts, agree;
  logic signed [AccBits-1:0] acc_q;

  assign counts = x_i[0];
  assign agree  = x_i[1] ^ w_i[0];

  always_ff @(posedge clk_i) begin
    if (valid_i[0]) acc_q <= (first_i[0] ? '0 : acc_q) + AccBits'($signed({counts && !agree, counts}));
  end

  assign acc_o = acc_q;

  if (XBits != 2 || WBits != 1) begin : gen_check
    $error("dsf_pe_binary: XBits has to be 2, WBits 1");
  end

endmodule

`default_nettype wire
