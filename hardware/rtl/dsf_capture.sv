// SPDX-License-Identifier: Apache-2.0
//
// Takes each row's accumulators in the one cycle in which they are complete, into a RAM per group of CaptureTiles tile
// buffers of Rows rows, used in turn from 0. A one-hot row pointer per group follows the tile's last step down the rows:
//
//   wide  all groups' pointers start at row 0 together
//   tall  a group's pointer starts when the previous group's has passed its last row
//
// A later tile restarts a group's pointer: then the earlier tile is in its unused rows (tiles follow each other at
// least as many cycles apart as they have pixels).
//
// tile_ready_o: from this cycle on row 0 of group 0 may be read, and in tall pixel p, in wide row p of any group, p cycles
// later. Read data come one cycle after cap_rd_en_i, from the group that was named with it.

`default_nettype none
`include "dsf_reset.svh"

module dsf_capture
  import dsf_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter  int unsigned Pe           = PeInteger,
  parameter  int unsigned Rows         = 8,
  parameter  int unsigned Groups       = 3,
  parameter  int unsigned Lanes        = 8,
  parameter  int unsigned AccBits      = 32,
  parameter  int unsigned CaptureTiles = 4,
  localparam int unsigned RowBits      = index_bits(Rows),
  localparam int unsigned GroupBits    = index_bits(Groups),
  localparam int unsigned TileBits     = index_bits(CaptureTiles)
) (
  input  wire logic                                      clk_i,
  input  wire logic                                      rst_ni,

  // A tile's last step enters the array.
  input  wire logic                                      last_i,
  input  wire logic                                      tall_i,

  output      logic [Groups-1:0][Rows-1:0]               row_select_o,
  input  wire logic [Groups-1:0][Lanes-1:0][AccBits-1:0] acc_i,

  output      logic                                      tile_ready_o,
  input  wire logic                                      rd_en_i,
  input  wire logic [GroupBits-1:0]                      rd_group_i,
  input  wire logic [RowBits-1:0]                        rd_row_i,
  input  wire logic [TileBits-1:0]                       rd_tile_i,
  output      logic [Lanes-1:0][AccBits-1:0]             rd_data_o
);

  // The pointer itself is the last register of the delay.
  localparam int unsigned Delay = OperandDelay + pe_latency(Pe) - 1;

  logic [Delay-1:0]    last_q;
  logic                last, tall;
  logic [TileBits-1:0] next_tile_q;
  logic [1:0]          ready_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      last_q      <= '0;
      next_tile_q <= '0;
      ready_q     <= '0;
    end else begin
      last_q      <= {last_q[Delay-2:0], last_i};
      next_tile_q <= next_tile_q + TileBits'(last);
      ready_q     <= {ready_q[0], row_select_o[0][0]};
    end
  end

  assign last         = last_q[Delay-1];
  assign tile_ready_o = ready_q[1];

  dsf_delay #(
    .Width  (1),
    .Cycles (Delay)
  ) u_tall (
    .clk_i,
    .data_i (tall_i),
    .data_o (tall)
  );

  // What each group's pointer holds, offered to the next group.
  logic [Groups-1:0]                         leave, tall_q;
  logic [Groups-1:0][TileBits-1:0]           tile_q;
  logic [Groups-1:0][Lanes-1:0][AccBits-1:0] rd_data;
  logic [GroupBits-1:0]                      rd_group_q;

  for (genvar g = 0; g < int'(Groups); g++) begin : gen_group
    logic                          start;
    logic                          start_tall;
    logic [TileBits-1:0]           start_tile;
    logic [Rows-1:0]               select_q;
    logic [RowBits-1:0]            row_q;
    logic                          write_q;
    logic [RowBits-1:0]            write_row_q;
    logic [TileBits-1:0]           write_tile_q;
    logic [Lanes-1:0][AccBits-1:0] write_data_q;

    if (g == 0) begin : gen_first
      assign start      = last;
      assign start_tall = tall;
      assign start_tile = next_tile_q;
    end else begin : gen_chain
      logic wide;
      assign wide       = last && !tall;
      assign start      = wide || (leave[g-1] && tall_q[g-1]);
      assign start_tall = !wide;
      assign start_tile = wide ? next_tile_q : tile_q[g-1];
    end

    always_ff @(posedge clk_i `DSF_OR_RESET) begin
      if (!rst_ni) begin
        select_q <= '0;
        write_q  <= 1'b0;
      end else begin
        select_q <= start ? Rows'(1) : Rows'({select_q, 1'b0});
        write_q  <= |select_q;
      end
    end

    always_ff @(posedge clk_i) begin
      row_q <= start ? '0 : row_q + 1'b1;
      if (start) begin
        tall_q[g] <= start_tall;
        tile_q[g] <= start_tile;
      end
      write_row_q  <= row_q;
      write_tile_q <= tile_q[g];
      write_data_q <= acc_i[g];
    end

    assign leave[g]        = select_q[Rows-1];
    assign row_select_o[g] = select_q;

    dsf_ram #(
      .Depth     (CaptureTiles << RowBits),
      .Lanes     (1),
      .LaneWidth (Lanes * AccBits)
    ) u_ram (
      .clk_i,
      .wr_en_i   (write_q),
      .wr_addr_i ({write_tile_q, write_row_q}),
      .wr_data_i (write_data_q),
      .rd_en_i   (rd_en_i && rd_group_i == GroupBits'(g)),
      .rd_addr_i ({rd_tile_i, rd_row_i}),
      .rd_data_o (rd_data[g])
    );
  end

  always_ff @(posedge clk_i) rd_group_q <= rd_group_i;

  if (Groups == 1) begin : gen_one
    assign rd_data_o = rd_data[0];
  end else begin : gen_select
    assign rd_data_o = rd_data[rd_group_q];
  end

  logic unused;
  assign unused = ^{leave[Groups-1], tall_q[Groups-1], tile_q[Groups-1], rd_group_q};

endmodule

`default_nettype wire
