// SPDX-License-Identifier: Apache-2.0
//
// The only memory of the design: one write port with lane enables, one read port, synchronous read of 1 cycle.
// An ASIC user swaps this file for one that instantiates the memory compiler's macros.
//
// A read of the address that is written in the same cycle returns either word; no user relies on it.

`default_nettype none

module dsf_ram #(
  parameter int unsigned Depth     = 1024,
  parameter int unsigned Lanes     = 8,
  parameter int unsigned LaneWidth = 8,
  localparam int unsigned AddrWidth = (Depth > 1) ? $clog2(Depth) : 1
) (
  input  wire logic                            clk_i,

  input  wire logic [Lanes-1:0]                wr_en_i,
  input  wire logic [AddrWidth-1:0]            wr_addr_i,
  input  wire logic [Lanes-1:0][LaneWidth-1:0] wr_data_i,

  input  wire logic                            rd_en_i,
  input  wire logic [AddrWidth-1:0]            rd_addr_i,
  output      logic [Lanes-1:0][LaneWidth-1:0] rd_data_o
);

  logic [Lanes-1:0][LaneWidth-1:0] mem [Depth];

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 0; i < Lanes; i++) begin
      if (wr_en_i[i]) mem[wr_addr_i][i] <= wr_data_i[i];
    end
  end

  always_ff @(posedge clk_i) begin
    if (rd_en_i) rd_data_o <= mem[rd_addr_i];
  end

endmodule

`default_nettype wire
