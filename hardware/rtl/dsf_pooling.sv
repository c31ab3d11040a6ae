// SPDX-License-Identifier: Apache-2.0
//
// Maximum and average pooling, VecLen channels at a time; with a window of one element also COPY, a maximum of it. Bit-exact
// with pool_scale of dsf/numerics.py.
//
// Windows are accumulated one element a cycle; the sums are divided, about XBits + 1 cycles, or taken as they are where
// nothing has to be scaled; results wait in a queue for their writes.
//
//   cycle from grant   0       3                  4                       5 ..      then
//                      read    accumulate         sums -> dividers        divide    result -> register -> queue, write
//
// What is on its way can't be stalled, so a window's last element is only issued when there is room: in the queue, for all
// results that are not yet written, and in the dividers, which have to be sure to be free 4 cycles later. Without division that
// is an element every cycle, whatever the size of a window, unless writes have to wait.
// config_i is steady from the first element to the last write. An average over no elements at all is not defined, but ends.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_pooling
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned XBits      = 8,
  parameter int unsigned VecLen     = 32,
  parameter int unsigned WindowBits = 16,
  parameter int unsigned CountW     = 6
) (
  input  wire logic                         clk_i,
  input  wire logic                         rst_ni,
  input  wire vector_t                      config_i,

  // The last element of a window may be issued, and is.
  output      logic                         room_o,
  input  wire logic                         issue_last_i,
  output      logic                         dividing_o,

  // An element: read, padding, or neither. Of the last: where its window's result goes.
  input  wire logic                         valid_i,
  input  wire logic                         first_i,
  input  wire logic                         last_i,
  input  wire logic                         read_i,
  input  wire logic                         pad_i,
  input  wire logic [VecLen-1:0][XBits-1:0] data_i,
  input  wire logic [AddrBits-1:0]          dst_i,
  input  wire logic [CountW-1:0]            lanes_i,
  input  wire logic                         done_i,

  output      logic                         wr_req_o,
  output      logic [AddrBits-1:0]          wr_addr_o,
  output      logic [VecLen-1:0][XBits-1:0] wr_data_o,
  output      logic [CountW-1:0]            wr_count_o,
  output      logic                         wr_done_o,  // the instruction's last write
  input  wire logic                         wr_gnt_i
);

  localparam int unsigned AccBits = XBits + WindowBits;
  localparam int unsigned StepBits = $clog2(XBits + 17);
  // From the issue of a window's last element to the load of the dividers.
  localparam int unsigned LoadLatency = FmemReadLatency + 1;
  // Results that are not yet written: as many as keep the reads going, from issue to the cycle after the write. One more than
  // Depth is in the queue's head.
  localparam int unsigned Depth = LoadLatency + 4;
  localparam int unsigned Most  = Depth + 1;
  localparam int unsigned MostBits = $clog2(Most + 1);

  typedef struct packed {
    logic [AddrBits-1:0] dst;
    logic [CountW-1:0]   lanes;
    logic                done;
  } window_t;

  logic maximum, single, unscaled, direct_q;

  assign maximum  = config_i.function_code != VectorAveragePool;
  assign single   = config_i.kernel_rows == CountBits'(1) && config_i.kernel_columns == CountBits'(1);
  assign unscaled = config_i.right == 6'(config_i.left) && config_i.leak == '0;

  always_ff @(posedge clk_i) direct_q <= unscaled && (maximum || single);

  // Room.

  logic [1:0]          on_way_q;
  logic [MostBits-1:0] unwritten_q;
  logic                load, divide_valid_q, divide_leave;
  logic [StepBits-1:0] steps_left;

  always_comb begin
    if (unwritten_q == MostBits'(Most)) room_o = 1'b0;
    else if (direct_q)                  room_o = 1'b1;
    else if (on_way_q != '0)            room_o = 1'b0;
    else                                room_o = !divide_valid_q || 32'(steps_left) <= LoadLatency;
  end

  assign dividing_o = steps_left != '0;

  // Windows whose last element is issued: not yet in the dividers, not yet written.
  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      on_way_q    <= '0;
      unwritten_q <= '0;
    end else begin
      if (!direct_q) on_way_q <= on_way_q + 2'(issue_last_i) - 2'(load);
      unwritten_q <= unwritten_q + MostBits'(issue_last_i) - MostBits'(wr_req_o && wr_gnt_i);
    end
  end

  // Accumulate.

  logic                           sum_valid_q;
  window_t                        sum_window_q;
  logic [WindowBits-1:0]          count_q;
  logic [VecLen-1:0][AccBits-1:0] sum;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) sum_valid_q <= 1'b0;
    else         sum_valid_q <= valid_i && last_i;
  end

  always_ff @(posedge clk_i) begin
    if (valid_i) begin
      sum_window_q <= '{dst: dst_i, lanes: lanes_i, done: done_i};
      count_q      <= (first_i ? '0 : count_q) + WindowBits'(read_i || pad_i);
    end
  end

  for (genvar l = 0; l < int'(VecLen); l++) begin : gen_lane
    dsf_pool_lane #(.XBits(XBits), .AccBits(AccBits)) u_pool (
      .clk_i,
      .maximum_i(maximum),
      .pad_i    (config_i.pad_value[XBits-1:0]),
      .valid_i,
      .first_i,
      .read_i,
      .counted_i(read_i || pad_i),
      .data_i   (data_i[l]),
      .acc_o    (sum[l])
    );
  end

  // Divide.

  window_t                      divide_window_q;
  logic [VecLen-1:0][XBits-1:0] quotient;

  assign load         = sum_valid_q;
  assign divide_leave = divide_valid_q && steps_left == '0;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)           divide_valid_q <= 1'b0;
    else if (load)         divide_valid_q <= 1'b1;
    else if (divide_leave) divide_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) if (load) divide_window_q <= sum_window_q;

  dsf_divider #(.XBits(XBits), .WindowBits(WindowBits), .Lanes(VecLen)) u_divider (
    .clk_i,
    .rst_ni,
    .left_i      (config_i.left),
    .right_i     (config_i.right),
    .leak_i      (config_i.leak),
    .low_i       (config_i.low),
    .high_i      (config_i.high),
    .load_i      (load),
    .direct_i    (direct_q),
    .acc_i       (sum),
    .count_i     (maximum ? WindowBits'(1) : count_q),
    .steps_left_o(steps_left),
    .leave_i     (divide_leave),
    .result_o    (quotient)
  );

  // Write.

  logic    result_valid_q, result_room, unused_empty;
  window_t result_window_q, write_window;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) result_valid_q <= 1'b0;
    else         result_valid_q <= divide_leave;
  end

  always_ff @(posedge clk_i) if (divide_leave) result_window_q <= divide_window_q;

  dsf_fifo #(.Width($bits(window_t) + VecLen * XBits), .Depth(Depth)) u_results (
    .clk_i,
    .rst_ni,
    .in_valid_i (result_valid_q),
    .in_ready_o (result_room),
    .in_data_i  ({result_window_q, quotient}),
    .out_valid_o(wr_req_o),
    .out_ready_i(wr_gnt_i),
    .out_data_o ({write_window, wr_data_o}),
    .empty_o    (unused_empty)
  );

  assign wr_addr_o  = write_window.dst;
  assign wr_count_o = write_window.lanes;
  assign wr_done_o  = write_window.done;

  // Fields that only the rest of the unit reads, and what is certain.
  logic unused;
  assign unused = ^{config_i, result_room};

  `DSF_ASSERT(sums_find_room, !load || !divide_valid_q || divide_leave)
  `DSF_ASSERT(results_find_room, !result_valid_q || result_room)
  `DSF_ASSERT_STREAM(write, wr_req_o, wr_gnt_i, {wr_addr_o, wr_count_o, wr_data_o})

endmodule

`default_nettype wire
