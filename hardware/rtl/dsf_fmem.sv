// SPDX-License-Identifier: Apache-2.0
//
// Feature memory: one unaligned read of VecLen elements and one unaligned write of up to VecLen elements a cycle.
//
// Element a lies in lane a % VecLen of word a / VecLen; words alternate between two banks, so that any VecLen
// consecutive elements are at most one word of each bank. The lanes that a bank contributes are then told by a
// comparison with the first lane, and a rotator puts element a into lane 0. The element after them lies in the same two
// words, in the first lane of the second.
//
// Clients are served in fixed priority, client 0 first: it is granted whenever it asks. The grant is combinational.
//
//   cycle   read                                  write
//   t       request, grant, addresses to RAM      request, grant -> register
//   t + 1   RAM -> register                       rotate -> register
//   t + 2   choose banks, rotate -> register      RAM
//   t + 3   rd_data_o, rd_after_o, rd_valid_o     a read that is granted now sees it
//
// Addresses wrap modulo the memory (modulo the next power of two where FeatureWords is none: what lies between reads as
// anything and must not be written). Who reads past his data (the feeder does, in padding) masks it himself.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_fmem
  import dsf_pkg::*;
#(
  parameter int unsigned XBits        = 8,
  parameter int unsigned VecLen       = 32,
  parameter int unsigned FeatureWords = 1024,
  localparam int unsigned CountW = $clog2(VecLen + 1)
) (
  input  wire logic                                               clk_i,
  input  wire logic                                               rst_ni,

  input  wire logic [FmemReaders-1:0]                             rd_req_i,
  input  wire logic [FmemReaders-1:0][AddrBits-1:0]               rd_addr_i,
  output      logic [FmemReaders-1:0]                             rd_gnt_o,
  output      logic [FmemReaders-1:0]                             rd_valid_o,
  output      logic [VecLen-1:0][XBits-1:0]                       rd_data_o,
  output      logic [XBits-1:0]                                   rd_after_o,

  input  wire logic [FmemWriters-1:0]                             wr_req_i,
  input  wire logic [FmemWriters-1:0][AddrBits-1:0]               wr_addr_i,
  input  wire logic [FmemWriters-1:0][VecLen-1:0][XBits-1:0]      wr_data_i,
  input  wire logic [FmemWriters-1:0][CountW-1:0]                 wr_count_i,
  output      logic [FmemWriters-1:0]                             wr_gnt_o
);

  localparam int unsigned LaneBits = $clog2(VecLen);
  localparam int unsigned BankWords = FeatureWords / 2;
  localparam int unsigned BankBits = index_bits(BankWords);

  if (FeatureWords < 4 || FeatureWords % 2 != 0 || LaneBits + 1 + BankBits > AddrBits) begin : gen_check
    $error("dsf_fmem: FeatureWords has to be even, at least 4, and within %0d-bit element addresses", AddrBits);
  end

  typedef logic [VecLen-1:0][XBits-1:0] word_t;

  // Lanes before the first one belong to the following word, which lies in the other bank.
  function automatic logic [VecLen-1:0] lanes_of_next_word(logic [LaneBits-1:0] first_lane);
    for (int unsigned l = 0; l < VecLen; l++) lanes_of_next_word[l] = LaneBits'(l) < first_lane;
  endfunction

  // Word w is word w / 2 of bank w % 2; the word after an odd one is in bank 0, one further.
  function automatic logic [1:0][BankBits-1:0] bank_addresses(logic odd, logic [BankBits-1:0] half);
    return {half, half + BankBits'(odd)};
  endfunction

  // Read: arbiter.

  logic [AddrBits-1:0] rd_addr;

  always_comb begin
    rd_gnt_o = '0;
    rd_addr  = rd_addr_i[0];
    for (int unsigned c = FmemReaders; c > 0; c--) begin
      if (rd_req_i[c-1]) begin
        rd_gnt_o      = '0;
        rd_gnt_o[c-1] = 1'b1;
        rd_addr       = rd_addr_i[c-1];
      end
    end
  end

  // Read: banks, register, rotator, register.

  logic [1:0][BankBits-1:0]              rd_bank_addr;
  word_t [1:0]                           rd_ram, rd_bank_q;
  logic [1:0][LaneBits-1:0]              rd_lane_q;
  logic [1:0]                            rd_odd_q;
  logic [2:0][FmemReaders-1:0]           rd_valid_q;
  logic [VecLen-1:0]                     rd_from_odd;
  word_t                                 rd_mixed, rd_rotated;

  assign rd_bank_addr = bank_addresses(rd_addr[LaneBits], rd_addr[LaneBits+1+:BankBits]);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) rd_valid_q <= '0;
    else         rd_valid_q <= {rd_valid_q[1:0], rd_gnt_o};
  end

  always_ff @(posedge clk_i) begin
    rd_lane_q <= {rd_lane_q[0], rd_addr[LaneBits-1:0]};
    rd_odd_q  <= {rd_odd_q[0], rd_addr[LaneBits]};
    rd_bank_q <= rd_ram;
    rd_data_o  <= rd_rotated;
    rd_after_o <= rd_bank_q[!rd_odd_q[1]][rd_lane_q[1]];
  end

  assign rd_from_odd = lanes_of_next_word(rd_lane_q[1]) ^ {VecLen{rd_odd_q[1]}};
  for (genvar l = 0; l < int'(VecLen); l++) begin : gen_mix
    assign rd_mixed[l] = rd_from_odd[l] ? rd_bank_q[1][l] : rd_bank_q[0][l];
  end

  dsf_rotate #(.Lanes(VecLen), .Width(XBits), .Up(1'b0)) u_rd_rotate (
    .amount_i(rd_lane_q[1]),
    .data_i  (rd_mixed),
    .data_o  (rd_rotated)
  );

  assign rd_valid_o = rd_valid_q[2];

  // Write: arbiter.

  logic [AddrBits-1:0] wr_addr;
  word_t               wr_data;
  logic [CountW-1:0]   wr_count;

  always_comb begin
    wr_gnt_o = '0;
    wr_addr  = wr_addr_i[0];
    wr_data  = wr_data_i[0];
    wr_count = wr_count_i[0];
    for (int unsigned c = FmemWriters; c > 0; c--) begin
      if (wr_req_i[c-1]) begin
        wr_gnt_o      = '0;
        wr_gnt_o[c-1] = 1'b1;
        wr_addr       = wr_addr_i[c-1];
        wr_data       = wr_data_i[c-1];
        wr_count      = wr_count_i[c-1];
      end
    end
  end

  // Write: register, rotator, register, banks.

  logic                     wr_valid_q, wr_rotated_valid_q;
  logic [LaneBits-1:0]      wr_lane_q;
  logic                     wr_odd_q;
  logic [BankBits-1:0]      wr_half_q;
  word_t                    wr_data_q, wr_rotated, wr_rotated_q;
  logic [CountW-1:0]        wr_count_q;
  logic [VecLen-1:0]        wr_wanted, wr_wanted_rotated, wr_to_odd;
  logic [1:0][VecLen-1:0]   wr_en_q;
  logic [1:0][BankBits-1:0] wr_bank_addr_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      wr_valid_q         <= 1'b0;
      wr_rotated_valid_q <= 1'b0;
    end else begin
      wr_valid_q         <= |wr_gnt_o;
      wr_rotated_valid_q <= wr_valid_q;
    end
  end

  always_ff @(posedge clk_i) begin
    {wr_half_q, wr_odd_q, wr_lane_q} <= wr_addr[LaneBits+BankBits:0];
    wr_data_q      <= wr_data;
    wr_count_q     <= wr_count;
    wr_bank_addr_q <= bank_addresses(wr_odd_q, wr_half_q);
    wr_rotated_q   <= wr_rotated;
    wr_en_q        <= {wr_wanted_rotated & wr_to_odd, wr_wanted_rotated & ~wr_to_odd};
  end

  for (genvar l = 0; l < int'(VecLen); l++) begin : gen_wanted
    assign wr_wanted[l] = CountW'(l) < wr_count_q;
  end
  assign wr_to_odd = lanes_of_next_word(wr_lane_q) ^ {VecLen{wr_odd_q}};

  dsf_rotate #(.Lanes(VecLen), .Width(XBits), .Up(1'b1)) u_wr_rotate (
    .amount_i(wr_lane_q),
    .data_i  (wr_data_q),
    .data_o  (wr_rotated)
  );

  dsf_rotate #(.Lanes(VecLen), .Width(1), .Up(1'b1)) u_wr_rotate_wanted (
    .amount_i(wr_lane_q),
    .data_i  (wr_wanted),
    .data_o  (wr_wanted_rotated)
  );

  // Banks.

  for (genvar b = 0; b < 2; b++) begin : gen_bank
    dsf_ram #(.Depth(BankWords), .Lanes(VecLen), .LaneWidth(XBits)) u_ram (
      .clk_i,
      .wr_en_i  (wr_en_q[b] & {VecLen{wr_rotated_valid_q}}),
      .wr_addr_i(wr_bank_addr_q[b]),
      .wr_data_i(wr_rotated_q),
      .rd_en_i  (|rd_gnt_o),
      .rd_addr_i(rd_bank_addr[b]),
      .rd_data_o(rd_ram[b])
    );
  end

  // The address bits above the memory.
  logic unused;
  assign unused = ^{rd_addr, wr_addr};

  // Clients hold on to what they ask for.
  for (genvar c = 0; c < int'(FmemWriters); c++) begin : gen_assert_write
    `DSF_ASSERT_STREAM(write, wr_req_i[c], wr_gnt_o[c], {wr_addr_i[c], wr_count_i[c], wr_data_i[c]})
    `DSF_ASSERT(write_is_within_a_word, !wr_req_i[c] || wr_count_i[c] <= CountW'(VecLen))
  end
  for (genvar c = 0; c < int'(FmemReaders); c++) begin : gen_assert_read
    `DSF_ASSERT_STREAM(read, rd_req_i[c], rd_gnt_o[c], rd_addr_i[c])
  end

endmodule

`default_nettype wire
