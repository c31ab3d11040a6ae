// SPDX-License-Identifier: Apache-2.0
//
// A processing element of the kind that the parameter Pe names, one file each: dsf_pe_integer, dsf_pe_binary. The ports are
// the contract of docs/processing-element.md, which says how to add a kind:
//
//   cycle t                      valid_i[0]: x_i and w_i are one step of a sum; first_i[0]: the first one
//   cycle t + s                  valid_i[s], first_i[s]: the same, for a register that is s cycles behind
//   cycle t + pe_latency(Pe)     acc_o is the sum of all steps up to that of cycle t, until it includes the next one

`default_nettype none

module dsf_pe
  import dsf_pkg::*;
#(
  parameter int unsigned Pe      = PeInteger,
  parameter int unsigned XBits   = 8,  // of an operand, operand_bits of an element
  parameter int unsigned WBits   = 8,
  parameter int unsigned AccBits = 32,
  localparam int unsigned Latency = pe_latency(Pe)
) (
  input  wire logic                      clk_i,

  input  wire logic [Latency-1:0]        valid_i,
  input  wire logic [Latency-1:0]        first_i,
  input  wire logic signed [XBits-1:0]   x_i,
  input  wire logic signed [WBits-1:0]   w_i,
  output      logic signed [AccBits-1:0] acc_o
);

  if (Pe == PeInteger) begin : gen_integer
    dsf_pe_integer #(.XBits(XBits), .WBits(WBits), .AccBits(AccBits)) u_pe (
      .clk_i, .valid_i, .first_i, .x_i, .w_i, .acc_o
    );
  end else if (Pe == PeBinary) begin : gen_binary
    dsf_pe_binary #(.XBits(XBits), .WBits(WBits), .AccBits(AccBits)) u_pe (
      .clk_i, .valid_i, .first_i, .x_i, .w_i, .acc_o
    );
  end else begin : gen_check
    $error("dsf_pe: Pe has to be a kind of dsf_pkg");
  end

endmodule

`default_nettype wire
