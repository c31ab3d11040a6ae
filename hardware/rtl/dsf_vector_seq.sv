// SPDX-License-Identifier: Apache-2.0
//
// The order in which the vector unit reads, as a stream of elements, each of a block of channels: VecLen with wide_i, else
// Lanes.
//
//   for each output position, for each block of channels                   (a window)
//     for each window row, for each window column                          (an element)
//
// An element is read, counted as padding, or neither. With two_i a window is one element of the first operand, then one of
// the second, which is read. One element a cycle, without gaps between windows: while the elements of one window are
// produced, the start of the next one is already at hand. config_i is steady from start_i until the last element is taken.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_vector_seq
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned VecLen = 32,
  parameter int unsigned Lanes  = 8,
  localparam int unsigned LanesW = $clog2(VecLen + 1)
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,

  input  wire logic                start_i,
  input  wire vector_t             config_i,
  input  wire logic                wide_i,
  input  wire logic                two_i,
  // Elements outside the image have the padding value, rather than none.
  input  wire logic                pad_i,

  output      logic                elem_valid_o,
  input  wire logic                elem_ready_i,
  output      logic                elem_read_o,
  output      logic                elem_pad_o,
  output      logic [AddrBits-1:0] elem_addr_o,
  // The first and the last element of a window.
  output      logic                elem_first_o,
  output      logic                elem_last_o,
  // Of the window: where its result goes, its channels, and whether it is the instruction's last one.
  output      logic [AddrBits-1:0] elem_dst_o,
  output      logic [LanesW-1:0]   elem_lanes_o,
  output      logic                elem_done_o
);

  localparam int unsigned ChannelBits = 16;

  typedef logic signed [AddrBits-1:0] coord_t;

  typedef struct packed {
    logic [AddrBits-1:0] dst;
    logic [LanesW-1:0]   lanes;
    logic                done;
  } window_t;

  // Windows: output positions and blocks of channels.

  logic [4:0][AddrBits-1:0] position;
  logic                     position_last, position_next;
  logic                     column_last_unused, row_last_unused;

  dsf_pixel_walker #(.Streams(5)) u_walker (
    .clk_i,
    .rst_ni,
    .start_i,
    .columns_i    (config_i.columns),
    .rows_i       (config_i.rows),
    .images_i     (config_i.images),
    .base_i       ({config_i.src_b, config_i.dst, AddrBits'(config_i.y_start), AddrBits'(config_i.x_start), config_i.src}),
    .pixel_step_i ({AddrBits'(config_i.src_b_pixel_step), AddrBits'(config_i.dst_pixel_step), AddrBits'(0),
                    {2{AddrBits'(config_i.x_step)}}}),
    .row_step_i   ({config_i.src_b_row_step, config_i.dst_row_step, AddrBits'(config_i.y_step), AddrBits'(0),
                    config_i.row_step}),
    .image_step_i ({config_i.src_b_image_step, config_i.dst_image_step, AddrBits'(0), AddrBits'(0), config_i.image_step}),
    .next_i       (position_next),
    .addr_o       (position),
    .column_last_o(column_last_unused),
    .row_last_o   (row_last_unused),
    .last_o       (position_last)
  );

  logic                   running_q, window_valid_q, window_next, window_take, block_last;
  logic [ChannelBits-1:0] channel_q, channels_left_q;
  window_t                window_q;
  // The block in the result; its channels may lie apart.
  logic [AddrBits-1:0]    place_q, place_step;
  logic [ChannelBits-1:0] block;
  logic [AddrBits-1:0]    window_addr_q, window_b_q;
  coord_t                 window_x_q, window_y_q;

  assign block         = wide_i ? ChannelBits'(VecLen) : ChannelBits'(Lanes);
  assign place_step    = wide_i ? AddrBits'(VecLen) : AddrBits'(config_i.dst_channel_step) << $clog2(Lanes);
  assign block_last    = channels_left_q <= block;
  assign window_next   = running_q && (!window_valid_q || window_take);
  assign position_next = window_next && block_last;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      running_q       <= 1'b0;
      window_valid_q  <= 1'b0;
      channel_q       <= '0;
      channels_left_q <= '0;
    end else begin
      if (start_i)                              running_q <= 1'b1;
      else if (position_next && position_last)  running_q <= 1'b0;

      if (window_next)      window_valid_q <= 1'b1;
      else if (window_take) window_valid_q <= 1'b0;

      if (start_i || position_next) begin
        channel_q       <= '0;
        channels_left_q <= config_i.channels;
      end else if (window_next) begin
        channel_q       <= channel_q + block;
        channels_left_q <= channels_left_q - block;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (window_next) begin
      window_addr_q  <= position[0] + AddrBits'(channel_q);
      window_x_q     <= position[1];
      window_y_q     <= position[2];
      window_b_q     <= position[4] + AddrBits'(channel_q);
      window_q.dst   <= position[3] + place_q;
      window_q.lanes <= block_last ? channels_left_q[LanesW-1:0] : block[LanesW-1:0];
      window_q.done  <= block_last && position_last;
    end
  end

  always_ff @(posedge clk_i) begin
    if (start_i || position_next) place_q <= '0;
    else if (window_next)         place_q <= place_q + place_step;
  end

  // Elements of the current window.

  logic                 walking_q, elem_room, elem_next, column_end, window_end, first_q;
  logic [CountBits-1:0] columns_left_q, rows_left_q;
  logic [AddrBits-1:0]  addr_q, row_addr_q, next_row_addr;
  coord_t               x_q, row_x_q, y_q;
  window_t              current_q;

  assign column_end    = columns_left_q == '0;
  assign window_end    = column_end && rows_left_q == '0;
  assign elem_next     = walking_q && elem_room;
  assign window_take   = window_valid_q && (!walking_q || (elem_next && window_end));
  assign next_row_addr = row_addr_q + config_i.kernel_row_step;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)                      walking_q <= 1'b0;
    else if (window_take)             walking_q <= 1'b1;
    else if (elem_next && window_end) walking_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (window_take) begin
      current_q      <= window_q;
      addr_q         <= window_addr_q;
      row_addr_q     <= two_i ? window_b_q : window_addr_q;
      x_q            <= window_x_q;
      row_x_q        <= window_x_q;
      y_q            <= window_y_q;
      columns_left_q <= two_i ? CountBits'(1) : config_i.kernel_columns - 1'b1;
      rows_left_q    <= config_i.kernel_rows - 1'b1;
      first_q        <= 1'b1;
    end else if (elem_next && column_end) begin
      addr_q         <= next_row_addr;
      row_addr_q     <= next_row_addr;
      x_q            <= row_x_q;
      y_q            <= y_q + 1'b1;
      columns_left_q <= config_i.kernel_columns - 1'b1;
      rows_left_q    <= rows_left_q - 1'b1;
      first_q        <= 1'b0;
    end else if (elem_next) begin
      addr_q         <= two_i ? row_addr_q : addr_q + AddrBits'(config_i.kernel_column_step);
      x_q            <= x_q + coord_t'({1'b0, config_i.kernel_column_step});
      columns_left_q <= columns_left_q - 1'b1;
      first_q        <= 1'b0;
    end
  end

  // The element, in registers: its address goes to the memory's arbiter, and whether the next one may come does not depend on
  // the arbiter's answer.

  typedef struct packed {
    logic                read;
    logic                pad;
    logic [AddrBits-1:0] addr;
    logic                first;
    logic                last;
    window_t             window;
  } element_t;

  logic     x_inside, y_inside, in_image;
  element_t elem, taken;

  assign x_inside = !x_q[AddrBits-1] && x_q < coord_t'({1'b0, config_i.row_elements});
  assign y_inside = !y_q[AddrBits-1] && y_q < coord_t'({1'b0, config_i.height});
  assign in_image = x_inside && y_inside;

  assign elem = '{
    read:   in_image || (two_i && !first_q),
    pad:    !in_image && pad_i,
    addr:   addr_q,
    first:  first_q,
    last:   window_end,
    window: current_q
  };

  dsf_skid #(.Width($bits(element_t))) u_elem (
    .clk_i,
    .rst_ni,
    .in_valid_i (walking_q),
    .in_ready_o (elem_room),
    .in_data_i  (elem),
    .out_valid_o(elem_valid_o),
    .out_ready_i(elem_ready_i),
    .out_data_o (taken)
  );

  assign elem_read_o  = taken.read;
  assign elem_pad_o   = taken.pad;
  assign elem_addr_o  = taken.addr;
  assign elem_first_o = taken.first;
  assign elem_last_o  = taken.last;
  assign elem_dst_o   = taken.window.dst;
  assign elem_lanes_o = taken.window.lanes;
  assign elem_done_o  = taken.window.done;

  // Fields that only the rest of the unit reads.
  logic unused;
  assign unused = ^{config_i, column_last_unused, row_last_unused};

  `DSF_ASSERT(start_when_idle, !start_i || (!running_q && !walking_q && !elem_valid_o))
  `DSF_ASSERT_STREAM(elem, elem_valid_o, elem_ready_i, {elem_read_o, elem_pad_o, elem_addr_o, elem_first_o, elem_last_o,
      elem_dst_o, elem_lanes_o, elem_done_o})

endmodule

`default_nettype wire
