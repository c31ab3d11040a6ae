// SPDX-License-Identifier: Apache-2.0
//
// Weight memory: a bank for each column group, a word for each reduction step (one weight for each lane). All banks are
// read at one address; wide gives group g the word of bank g, tall gives group 0 the word of bank read_bank_i. The words
// are there 2 cycles after the read: RAM, register (then what was selected is merged, which ends in a register of the array).
//
// Up to Words words that follow each other in a bank are written at once, from write_addr_i on: a bank is Words sub-banks, and
// the word of address a lies in sub-bank a mod Words, from which its data and enable come.

`default_nettype none
`include "dsf_assert.svh"

module dsf_weight_mem
  import dsf_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter int unsigned Groups      = 3,
  parameter int unsigned Lanes       = 8,
  parameter int unsigned WBits       = 8,
  parameter int unsigned WeightWords = 1024,
  parameter int unsigned Words       = 1  // a power of two
) (
  input  wire logic                                    clk_i,
  input  wire logic                                    rst_ni,

  input  wire logic [Words-1:0]                        write_en_i,
  input  wire logic [BankBits-1:0]                     write_bank_i,
  input  wire logic [WeightAddrBits-1:0]               write_addr_i,
  input  wire logic [Words-1:0][Lanes-1:0][WBits-1:0]  write_data_i,

  input  wire logic                                    read_en_i,
  input  wire logic [WeightAddrBits-1:0]               read_addr_i,
  input  wire logic                                    read_tall_i,
  input  wire logic [BankBits-1:0]                     read_bank_i,
  output      logic [Groups-1:0][Lanes-1:0][WBits-1:0] data_o
);

  localparam int unsigned Depth     = ceil_div(WeightWords, Words);
  localparam int unsigned AddrWidth = index_bits(Depth);
  localparam int unsigned PlaceBits = $clog2(Words);

  typedef logic [AddrWidth-1:0]            row_t;
  typedef logic [Lanes-1:0][WBits-1:0]     word_t;

  row_t                        write_row, read_row;
  logic [Groups-1:0][Words-1:0] selected_q;
  logic                        tall_q, merged_tall_q;
  word_t [Groups-1:0]          word;  // of each bank; 0 where tall and another bank is read

  assign write_row = row_t'(write_addr_i >> PlaceBits);
  assign read_row  = row_t'(read_addr_i >> PlaceBits);

  always_ff @(posedge clk_i) begin
    tall_q        <= read_tall_i;
    merged_tall_q <= tall_q;
  end

  // What is not selected becomes 0 in the registers, so that words are merged by OR.
  for (genvar g = 0; g < int'(Groups); g++) begin : gen_bank
    word_t [Words-1:0] data_q;

    for (genvar w = 0; w < int'(Words); w++) begin : gen_place
      word_t ram_data;
      row_t  row;
      logic  mine;

      // Places before that of the first word are of the next row.
      if (w == int'(Words - 1)) begin : gen_this_row
        assign row = write_row;
      end else begin : gen_row
        assign row = write_row + row_t'(write_addr_i[PlaceBits-1:0] > PlaceBits'(w));
      end

      if (Words == 1) begin : gen_one
        assign mine = 1'b1;
      end else begin : gen_more
        assign mine = read_addr_i[PlaceBits-1:0] == PlaceBits'(w);
      end

      dsf_ram #(
        .Depth     (Depth),
        .Lanes     (1),
        .LaneWidth (Lanes * WBits)
      ) u_ram (
        .clk_i,
        .wr_en_i   (write_en_i[w] && write_bank_i == BankBits'(g)),
        .wr_addr_i (row),
        .wr_data_i (write_data_i[w]),
        .rd_en_i   (read_en_i),
        .rd_addr_i (read_row),
        .rd_data_o (ram_data)
      );

      always_ff @(posedge clk_i) begin
        selected_q[g][w] <= mine && (!read_tall_i || read_bank_i == BankBits'(g));
        data_q[w]        <= selected_q[g][w] ? ram_data : '0;
      end
    end

    always_comb begin
      word[g] = '0;
      for (int unsigned w = 0; w < Words; w++) word[g] |= data_q[w];
    end
  end

  // Tall, all but one of the banks' words are 0; other groups than the first one do not look at theirs.
  always_comb begin
    data_o = word;
    for (int unsigned g = 1; g < Groups; g++) begin
      if (merged_tall_q) data_o[0] |= word[g];
    end
  end

  logic unused;
  assign unused = ^{write_addr_i, read_addr_i, read_bank_i, merged_tall_q, rst_ni};

  for (genvar w = 0; w < int'(Words); w++) begin : gen_check
    `DSF_ASSERT(write_inside, !write_en_i[w] || (32'(write_bank_i) < Groups && 32'(write_addr_i) < WeightWords))
  end
  `DSF_ASSERT(read_inside, !read_en_i || (32'(read_addr_i) < WeightWords && (!read_tall_i || 32'(read_bank_i) < Groups)))

endmodule

`default_nettype wire
