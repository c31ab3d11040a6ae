// SPDX-License-Identifier: Apache-2.0
//
// The functions of one or two elements of the vector unit: ADD, MULTIPLY, TABLE and COPY, for blocks of up to Lanes channels.
//
//   cycle from arrival   0            1 .. 7                       8 ..
//                        operands     arithmetic, or table (2)     results wait, then are written
//
// Elements arrive one a cycle and can't be stalled, so the last one of a block is only issued when there is room for its
// results: Depth blocks at most are not yet written. With dst_channel_step 1 a block is one write, else a write for each
// channel, a cycle each. config_i is steady from the first element to the last write.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_elementwise
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned XBits  = 8,
  parameter int unsigned MBits  = 16,
  parameter int unsigned Lanes  = 8,
  parameter int unsigned CountW = 6
) (
  input  wire logic                        clk_i,
  input  wire logic                        rst_ni,
  input  wire vector_t                     config_i,

  input  wire logic                        tb_wr_en_i,
  input  wire logic [TableBits-1:0]        tb_wr_table_i,
  input  wire logic [TableWordsBits-1:0]   tb_wr_word_i,
  input  wire logic [ParamBits-1:0]        tb_wr_data_i,

  // The last element of a block may be issued, and is.
  output      logic                        room_o,
  input  wire logic                        issue_last_i,

  // An element: the first one is a, the last one b where there are two; read, or padding. Of the last: where it goes.
  input  wire logic                        valid_i,
  input  wire logic                        first_i,
  input  wire logic                        last_i,
  input  wire logic                        read_i,
  input  wire logic [Lanes-1:0][XBits-1:0] data_i,
  input  wire logic [AddrBits-1:0]         dst_i,
  input  wire logic [CountW-1:0]           lanes_i,
  input  wire logic                        done_i,

  output      logic                        wr_req_o,
  output      logic [AddrBits-1:0]         wr_addr_o,
  output      logic [Lanes-1:0][XBits-1:0] wr_data_o,
  output      logic [CountW-1:0]           wr_count_o,
  output      logic                        wr_done_o,  // the instruction's last write
  input  wire logic                        wr_gnt_i
);

  // As many as are on their way at one a cycle, from issue to write.
  localparam int unsigned Depth        = 16;
  localparam int unsigned DepthBits    = $clog2(Depth + 1);
  localparam int unsigned LaneLatency  = 7;
  localparam int unsigned TableLatency = 2;

  typedef struct packed {
    logic [AddrBits-1:0] dst;
    logic [CountW-1:0]   lanes;
    logic                done;
  } block_t;

  logic table_lookup, multiply, copy;

  assign table_lookup = config_i.function_code == VectorTable;
  assign multiply     = config_i.function_code == VectorMultiply;
  assign copy         = config_i.function_code == VectorCopy;

  // The limits as an element holds them. Values outside are not defined, but clip.
  localparam logic signed [15:0] Least = -(16'sd1 << (XBits - 1));
  localparam logic signed [15:0] Most  = (16'sd1 << (XBits - 1)) - 16'sd1;

  logic signed [XBits-1:0] low_q, high_q;
  logic [5:0]              shift_negative_q;

  always_ff @(posedge clk_i) begin
    low_q            <= (config_i.low < Least) ? Least[XBits-1:0] : config_i.low[XBits-1:0];
    high_q           <= (config_i.high > Most) ? Most[XBits-1:0] : config_i.high[XBits-1:0];
    shift_negative_q <= config_i.right + 6'(config_i.leak);
  end

  // Operands.

  logic                        launch_q;
  logic [Lanes-1:0][XBits-1:0] a_q, b_q;
  block_t                      block_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) launch_q <= 1'b0;
    else         launch_q <= valid_i && last_i;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i && first_i) a_q <= read_i ? data_i : {Lanes{config_i.pad_value[XBits-1:0]}};
    if (valid_i && last_i)  b_q <= data_i;
    if (valid_i && last_i)  block_q <= '{dst: dst_i, lanes: lanes_i, done: done_i};
  end

  // Results.

  logic [LaneLatency-1:0]      valid_q;
  logic                        result_valid;
  logic [Lanes-1:0][XBits-1:0] computed, looked_up;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      valid_q <= '0;
    end else begin
      valid_q <= {valid_q[LaneLatency-2:0], launch_q};
      // A looked up result leaves early, and nothing stays behind for the next instruction.
      if (table_lookup) valid_q[LaneLatency-1:TableLatency] <= '0;
    end
  end

  assign result_valid = table_lookup ? valid_q[TableLatency-1] : valid_q[LaneLatency-1];

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    dsf_element_lane #(.XBits(XBits), .MBits(MBits)) u_lane (
      .clk_i,
      .valid_i         ({valid_q[LaneLatency-2:0], launch_q} & {LaneLatency{!table_lookup}}),
      .a_i             (a_q[l]),
      .b_i             (b_q[l]),
      .multiply_i      (multiply),
      .multiplier_a_i  (copy ? MBits'(1) : config_i.multiplier_a[MBits-1:0]),
      .multiplier_b_i  (config_i.multiplier_b[MBits-1:0]),
      .zero_a_i        (config_i.zero_a[XBits-1:0]),
      .zero_b_i        (config_i.zero_b[XBits-1:0]),
      .constant_i      (config_i.constant[MBits+15:0]),
      .shift_i         (config_i.right),
      .shift_negative_i(shift_negative_q),
      .low_i           (low_q),
      .high_i          (high_q),
      .result_o        (computed[l])
    );
  end

  dsf_lookup #(.XBits(XBits), .Lanes(Lanes)) u_lookup (
    .clk_i,
    .wr_en_i   (tb_wr_en_i),
    .wr_table_i(tb_wr_table_i),
    .wr_word_i (tb_wr_word_i),
    .wr_data_i (tb_wr_data_i),
    .valid_i   (launch_q),
    .table_i   (config_i.table_address[TableBits-1:0]),
    .index_i   (a_q),
    .result_o  (looked_up)
  );

  // Blocks and their results, which come later, wait for their writes.

  logic [DepthBits-1:0]        outstanding_q;
  logic                        block_valid, data_valid, take, block_ready, result_ready;
  logic [1:0]                  unused_empty;
  block_t                      block;
  logic [Lanes-1:0][XBits-1:0] data;

  assign room_o = outstanding_q != DepthBits'(Depth);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) outstanding_q <= '0;
    else         outstanding_q <= outstanding_q + DepthBits'(issue_last_i) - DepthBits'(take);
  end

  dsf_fifo #(.Width($bits(block_t)), .Depth(Depth)) u_blocks (
    .clk_i,
    .rst_ni,
    .in_valid_i (launch_q),
    .in_ready_o (block_ready),
    .in_data_i  (block_q),
    .out_valid_o(block_valid),
    .out_ready_i(take),
    .out_data_o (block),
    .empty_o    (unused_empty[0])
  );

  dsf_fifo #(.Width(Lanes * XBits), .Depth(Depth)) u_results (
    .clk_i,
    .rst_ni,
    .in_valid_i (result_valid),
    .in_ready_o (result_ready),
    .in_data_i  (table_lookup ? looked_up : computed),
    .out_valid_o(data_valid),
    .out_ready_i(take),
    .out_data_o (data),
    .empty_o    (unused_empty[1])
  );

  // Writes.

  logic              together, wr_last, wr_done_q;
  logic [CountW-1:0] left_q;

  assign together  = config_i.dst_channel_step == 16'd1;
  assign wr_last   = together || left_q == CountW'(1);
  assign take      = block_valid && data_valid && (!wr_req_o || (wr_gnt_i && wr_last));
  assign wr_done_o = wr_done_q && wr_last;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)                  wr_req_o <= 1'b0;
    else if (take)                wr_req_o <= 1'b1;
    else if (wr_gnt_i && wr_last) wr_req_o <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      wr_addr_o  <= block.dst;
      wr_data_o  <= data;
      wr_count_o <= together ? block.lanes : CountW'(1);
      wr_done_q  <= block.done;
      left_q     <= block.lanes;
    end else if (wr_req_o && wr_gnt_i) begin
      wr_addr_o  <= wr_addr_o + AddrBits'(config_i.dst_channel_step);
      wr_data_o  <= wr_data_o >> XBits;
      left_q     <= left_q - 1'b1;
    end
  end

  // Fields that only the rest of the unit reads, and what is certain.
  logic unused;
  assign unused = ^{config_i, block_ready, result_ready};

  `DSF_ASSERT(blocks_find_room, !launch_q || block_ready)
  `DSF_ASSERT(results_find_room, !result_valid || result_ready)
  `DSF_ASSERT_STREAM(write, wr_req_o, wr_gnt_i, {wr_addr_o, wr_count_o, wr_data_o})

endmodule

`default_nettype wire
