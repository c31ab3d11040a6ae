// SPDX-License-Identifier: Apache-2.0
//
// From a slot and a position of the pixel table to V elements on the feed bus, and the element after them behind it: forms
// the address, reads feature memory, and replaces what lies outside the image by the padding value. What it feeds are
// operands, so that padding can be 0 between elements of one bit too.
//
//   cycle  (0: the sequencer issues the pixel)
//   0, 1   pixel table (outside)
//   2      address = pixel + row_offset + x_offset;  x, y likewise
//   3      read request; distances from x to both ends of the image row
//   4      first and end lane inside, 0 to V + 1
//   5      mask of lanes
//   6      data arrives, is masked
//   7      feed_o, for one cycle
//   8      feed_after_o, for one cycle
//
// The request is granted in its cycle: the feeder is feature memory's first client.

`default_nettype none
`include "dsf_assert.svh"
`include "dsf_reset.svh"

module dsf_feeder
  import dsf_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter int unsigned XBits  = 8,
  parameter int unsigned VecLen = 32,
  localparam int unsigned OperandBits = operand_bits(XBits)
) (
  input  wire logic                               clk_i,
  input  wire logic                               rst_ni,

  // Cycle 0.
  input  wire logic                               valid_i,
  // verilator lint_off UNUSEDSIGNAL
  input  wire slot_t                              slot_i,
  // verilator lint_on UNUSEDSIGNAL
  // Cycle 2.
  input  wire pixel_t                             pixel_i,

  output      logic                               rd_req_o,
  output      logic [AddrBits-1:0]                rd_addr_o,
  input  wire logic                               rd_gnt_i,
  input  wire logic                               rd_valid_i,
  input  wire logic [VecLen-1:0][XBits-1:0]       rd_data_i,
  input  wire logic [XBits-1:0]                   rd_after_i,

  output      logic [VecLen-1:0][OperandBits-1:0] feed_o,
  output      logic [OperandBits-1:0]             feed_after_o
);

  localparam int unsigned LaneBits = $clog2(VecLen + 2);
  localparam int unsigned DistBits = AddrBits + 1;

  // Cycles 0 to 2: the slot's part of address and coordinates meets the pixel's.

  logic [FetchDelay-1:0]  valid_q;
  logic [AddrBits-1:0]    offset_1q, offset_2q, x_offset_2, y_offset_2;
  logic [17:0]            row_elements_3;
  logic [11:0]            height_3;
  logic [OperandBits-1:0] pad_6;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) valid_q <= '0;
    else valid_q <= {valid_q[FetchDelay-2:0], valid_i};
  end

  always_ff @(posedge clk_i) begin
    offset_1q <= slot_i.row_offset + slot_i.x_offset;
    offset_2q <= offset_1q;
  end

  dsf_delay #(
    .Width  (2 * AddrBits),
    .Cycles (TableLatency)
  ) u_offsets (
    .clk_i,
    .data_i ({slot_i.x_offset, slot_i.y_offset}),
    .data_o ({x_offset_2, y_offset_2})
  );

  dsf_delay #(
    .Width  (18 + 12),
    .Cycles (FetchDelay)
  ) u_limits (
    .clk_i,
    .data_i ({slot_i.row_elements, slot_i.height}),
    .data_o ({row_elements_3, height_3})
  );

  dsf_delay #(
    .Width  (OperandBits),
    .Cycles (StepDelay)
  ) u_pad (
    .clk_i,
    .data_i (slot_i.pad_value[OperandBits-1:0]),
    .data_o (pad_6)
  );

  // Cycles 2 and 3: request, and distances to the ends of the image row.

  logic [AddrBits-1:0]        address_3q, y_3q;
  logic signed [AddrBits-1:0] x_3q;
  logic signed [DistBits-1:0] before_4q, within_4q;
  logic                       row_inside_4q;

  always_ff @(posedge clk_i) begin
    address_3q    <= pixel_i.address + offset_2q;
    x_3q          <= pixel_i.x + signed'(x_offset_2);
    y_3q          <= pixel_i.y + y_offset_2;
    // A negative y is a large one here.
    row_inside_4q <= y_3q < AddrBits'(height_3);
    before_4q     <= -DistBits'(x_3q);
    within_4q     <= signed'(DistBits'(row_elements_3)) - DistBits'(x_3q);
  end

  assign rd_req_o  = valid_q[FetchDelay-1];
  assign rd_addr_o = address_3q;

  // Cycles 4 and 5: lanes first .. stop-1 are inside.

  logic [LaneBits-1:0] first_5q, stop_5q;
  logic [VecLen:0]     mask_6q;

  function automatic logic [LaneBits-1:0] saturate(logic signed [DistBits-1:0] distance);
    if (distance[DistBits-1]) return '0;
    if (distance > signed'(DistBits'(VecLen + 1))) return LaneBits'(VecLen + 1);
    return distance[LaneBits-1:0];
  endfunction

  always_ff @(posedge clk_i) begin
    first_5q <= saturate(before_4q);
    stop_5q  <= row_inside_4q ? saturate(within_4q) : '0;
    for (int unsigned lane = 0; lane <= VecLen; lane++) begin
      mask_6q[lane] <= LaneBits'(lane) >= first_5q && LaneBits'(lane) < stop_5q;
    end
  end

  // Cycle 6: data.

  logic [VecLen:0][OperandBits-1:0] operand_6, feed_q;
  logic [OperandBits-1:0]           after_q;

  dsf_element_decode #(.XBits(XBits), .Lanes(VecLen + 1)) u_decode (.element_i({rd_after_i, rd_data_i}), .operand_o(operand_6));

  for (genvar lane = 0; lane <= int'(VecLen); lane++) begin : gen_lane
    always_ff @(posedge clk_i) feed_q[lane] <= mask_6q[lane] ? operand_6[lane] : pad_6;
  end

  always_ff @(posedge clk_i) after_q <= feed_q[VecLen];

  assign feed_o       = feed_q[VecLen-1:0];
  assign feed_after_o = after_q;

  logic unused;
  assign unused = ^{rd_gnt_i, rd_valid_i};

  `DSF_ASSERT(always_granted, !rd_req_o || rd_gnt_i)

`ifndef SYNTHESIS
  logic [FmemReadLatency-1:0] asked_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) asked_q <= '0;
    else asked_q <= {asked_q[FmemReadLatency-2:0], rd_req_o};
  end

  `DSF_ASSERT(data_in_time, !asked_q[FmemReadLatency-1] || rd_valid_i)
`endif

endmodule

`default_nettype wire
