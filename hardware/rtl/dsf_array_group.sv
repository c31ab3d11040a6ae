// SPDX-License-Identifier: Apache-2.0
//
// A column group: Rows rows of Lanes PEs. Control and weights hop one row per cycle, so row r runs r cycles behind row 0;
// control enters OperandDelay cycles, weights two cycles, before they are at the PEs of row 0. What leaves the last row
// is offered to the next group (`*_o`), which takes it when the array is tall.
//
// The results leave through one multiplexer of rows; row_i has to come from a register.

`default_nettype none
`include "dsf_reset.svh"

module dsf_array_group
  import dsf_pkg::*;
#(
  parameter  int unsigned Rows    = 8,
  parameter  int unsigned Lanes   = 8,
  parameter  int unsigned Pe      = PeInteger,
  parameter  int unsigned XBits   = 8,
  parameter  int unsigned WBits   = 8,
  parameter  int unsigned AccBits = 32,
  parameter  int unsigned VecLen  = 32,
  localparam int unsigned PosBits = index_bits(VecLen),
  localparam int unsigned RowBits = index_bits(Rows)
) (
  input  wire logic                          clk_i,
  input  wire logic                          rst_ni,

  input  wire logic [VecLen-1:0][XBits-1:0]  feed_i,
  input  wire logic [XBits-1:0]              feed_after_i,

  input  wire logic                          valid_i,
  input  wire logic                          first_i,
  input  wire logic                          load_i,
  input  wire logic                          long_i,       // with load_i: element V follows
  input  wire logic                          depthwise_i,
  input  wire logic [Lanes-1:0][XBits-1:0]   broadcast_i,  // at the operand registers of all rows
  input  wire logic [PosBits-1:0]            position_i,
  input  wire logic [Lanes-1:0][WBits-1:0]   w_i,

  output      logic                          valid_o,
  output      logic                          first_o,
  output      logic                          load_o,
  output      logic                          long_o,
  output      logic [PosBits-1:0]            position_o,
  output      logic [Lanes-1:0][WBits-1:0]   w_o,

  input  wire logic [RowBits-1:0]            row_i,
  output      logic [Lanes-1:0][AccBits-1:0] acc_o
);

  // Entry i is what row i sees at its load stage; entries i+1, i+2 and i+3 are its pick and operand stages and the first
  // one of its PEs, since a stage of the row takes as long as a hop.
  localparam int unsigned Stages = Rows + 2 + pe_latency(Pe);

  logic [Stages-1:0]            valid_q;
  logic [Stages-1:0]            first_q;
  logic [Rows+1:0]              depthwise_q;
  logic [Rows-1:0]              load_q;
  logic [Rows:0]                long_q;
  logic [Rows:0][PosBits-1:0]   position_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      valid_q <= '0;
    end else begin
      valid_q <= {valid_q[Stages-2:0], valid_i};
    end
  end

  always_ff @(posedge clk_i) begin
    first_q     <= {first_q[Stages-2:0], first_i};
    depthwise_q <= {depthwise_q[Rows:0], depthwise_i};
    position_q  <= {position_q[Rows-1:0], position_i};
    long_q      <= {long_q[Rows-1:0], long_i};
  end

  if (Rows == 1) begin : gen_load_one
    always_ff @(posedge clk_i) load_q <= load_i;
  end else begin : gen_load
    always_ff @(posedge clk_i) load_q <= {load_q[Rows-2:0], load_i};
  end

  assign valid_o    = valid_q[Rows-1];
  assign first_o    = first_q[Rows-1];
  assign load_o     = load_q[Rows-1];
  assign long_o     = long_q[Rows-1];
  assign position_o = position_q[Rows-1];

  logic [Lanes-1:0][WBits-1:0]   w_q [Rows];
  logic [Lanes-1:0][AccBits-1:0] acc [Rows];

  for (genvar r = 0; r < int'(Rows); r++) begin : gen_row
    if (r == 0) begin : gen_enter
      always_ff @(posedge clk_i) w_q[r] <= w_i;
    end else begin : gen_hop
      always_ff @(posedge clk_i) w_q[r] <= w_q[r-1];
    end

    dsf_array_row #(
      .Lanes   (Lanes),
      .Pe      (Pe),
      .XBits   (XBits),
      .WBits   (WBits),
      .AccBits (AccBits),
      .VecLen  (VecLen)
    ) u_row (
      .clk_i,
      .feed_i,
      .feed_after_i,
      .load_i      (load_q[r]),
      .after_i     (long_q[r+1]),
      .position_i  (position_q[r+1]),
      .depthwise_i (depthwise_q[r+2]),
      .broadcast_i,
      .valid_i     (valid_q[r+1 +: pe_latency(Pe) + 2]),
      .first_i     (first_q[r+3 +: pe_latency(Pe)]),
      .w_i         (w_q[r]),
      .acc_o       (acc[r])
    );
  end

  assign w_o = w_q[Rows-1];

  assign acc_o = acc[row_i];

endmodule

`default_nettype wire
