// SPDX-License-Identifier: Apache-2.0
//
// Weight memory: a bank for each column group, a word for each reduction step (one weight for each lane). All banks are
// read at one address; wide gives group g the word of bank g, tall gives group 0 the word of bank read_bank_i. The words
// are there 2 cycles after the read: RAM, register (then the selection of the bank, which ends in a register of the
// array).

`default_nettype none
`include "dsf_assert.svh"

module dsf_weight_mem
  import dsf_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter int unsigned Groups      = 3,
  parameter int unsigned Lanes       = 8,
  parameter int unsigned WBits       = 8,
  parameter int unsigned WeightWords = 1024
) (
  input  wire logic                                    clk_i,
  input  wire logic                                    rst_ni,

  input  wire logic                                    write_en_i,
  input  wire logic [BankBits-1:0]                     write_bank_i,
  input  wire logic [WeightAddrBits-1:0]               write_addr_i,
  input  wire logic [Lanes-1:0][WBits-1:0]             write_data_i,

  input  wire logic                                    read_en_i,
  input  wire logic [WeightAddrBits-1:0]               read_addr_i,
  input  wire logic                                    read_tall_i,
  input  wire logic [BankBits-1:0]                     read_bank_i,
  output      logic [Groups-1:0][Lanes-1:0][WBits-1:0] data_o
);

  localparam int unsigned AddrWidth = index_bits(WeightWords);
  localparam int unsigned SelBits   = index_bits(Groups);

  logic [Groups-1:0][Lanes-1:0][WBits-1:0] data_q;

  for (genvar g = 0; g < int'(Groups); g++) begin : gen_bank
    logic [Lanes-1:0][WBits-1:0] ram_data;

    dsf_ram #(
      .Depth     (WeightWords),
      .Lanes     (1),
      .LaneWidth (Lanes * WBits)
    ) u_ram (
      .clk_i,
      .wr_en_i   (write_en_i && write_bank_i == BankBits'(g)),
      .wr_addr_i (write_addr_i[AddrWidth-1:0]),
      .wr_data_i (write_data_i),
      .rd_en_i   (read_en_i),
      .rd_addr_i (read_addr_i[AddrWidth-1:0]),
      .rd_data_o (ram_data)
    );

    always_ff @(posedge clk_i) data_q[g] <= ram_data;
  end

  logic [SelBits-1:0] bank;

  dsf_delay #(
    .Width  (SelBits),
    .Cycles (2)
  ) u_bank (
    .clk_i,
    .data_i (read_tall_i ? read_bank_i[SelBits-1:0] : '0),
    .data_o (bank)
  );

  for (genvar g = 0; g < int'(Groups); g++) begin : gen_data
    if (g == 0 && Groups > 1) begin : gen_select
      assign data_o[g] = data_q[bank];
    end else begin : gen_own
      assign data_o[g] = data_q[g];
    end
  end

  logic unused;
  assign unused = ^{write_addr_i, read_addr_i, read_bank_i, bank, rst_ni};

  `DSF_ASSERT(write_inside, write_en_i |-> 32'(write_bank_i) < Groups && 32'(write_addr_i) < WeightWords)
  `DSF_ASSERT(read_inside, read_en_i |-> 32'(read_addr_i) < WeightWords && (!read_tall_i || 32'(read_bank_i) < Groups))

endmodule

`default_nettype wire
