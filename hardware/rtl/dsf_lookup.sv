// SPDX-License-Identifier: Apache-2.0
//
// Lookup tables for Lanes elements at a time (lookup of dsf/numerics.py), 2 cycles from index_i to result_o. Each lane has
// a copy of all tables, since each looks up an entry of its own.
//
//   table -2**(XBits-1) .. 2**(XBits-1) - 1   in words of WordBits: the entry of the least value lowest in the first word
//
// The tables are written by the weight loader, a word at a time. One that is being written must not be in use; tokens
// between instructions see to that.

`default_nettype none

module dsf_lookup
  import dsf_pkg::*;
#(
  parameter int unsigned XBits = 8,
  parameter int unsigned Lanes = 8
) (
  input  wire logic                        clk_i,

  input  wire logic                        wr_en_i,
  input  wire logic [TableBits-1:0]        wr_table_i,
  input  wire logic [TableWordsBits-1:0]   wr_word_i,
  input  wire logic [ParamBits-1:0]        wr_data_i,

  input  wire logic                        valid_i,
  input  wire logic [TableBits-1:0]        table_i,
  input  wire logic [Lanes-1:0][XBits-1:0] index_i,
  output      logic [Lanes-1:0][XBits-1:0] result_o
);

  localparam int unsigned Words     = table_words(XBits);
  localparam int unsigned WordBits  = min2(ParamBits, XBits << XBits);
  localparam int unsigned Entries   = WordBits / XBits;
  localparam int unsigned EntryBits = $clog2(Entries);
  localparam int unsigned Depth     = VectorTables * Words;
  localparam int unsigned AddrW     = $clog2(Depth);

  // wr_word_i counts in as many low bits as a table has words.
  localparam int unsigned Unused = TableWordsBits - $clog2(Words);
  logic [AddrW-1:0]          wr_addr;
  logic [TableWordsBits-1:0] wr_word;

  assign wr_word = wr_word_i << Unused;
  assign wr_addr = AddrW'({wr_table_i, wr_word} >> Unused);

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    // Entries are in order of the values: the sign bit is inverted.
    logic [XBits-1:0]              index;
    logic [EntryBits-1:0]          entry_q;
    logic [Entries-1:0][XBits-1:0] entries;

    assign index = {!index_i[l][XBits-1], index_i[l][XBits-2:0]};

    dsf_ram #(.Depth(Depth), .Lanes(1), .LaneWidth(WordBits)) u_ram (
      .clk_i,
      .wr_en_i,
      .wr_addr_i(wr_addr),
      .wr_data_i(wr_data_i[WordBits-1:0]),
      .rd_en_i  (valid_i),
      .rd_addr_i(AddrW'({table_i, index} >> EntryBits)),
      .rd_data_o(entries)
    );

    always_ff @(posedge clk_i) begin
      entry_q     <= index[EntryBits-1:0];
      result_o[l] <= entries[entry_q];
    end
  end

  // What narrow elements leave of the stream's words.
  logic unused;
  assign unused = ^{wr_data_i, wr_word};

endmodule

`default_nettype wire
