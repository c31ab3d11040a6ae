// SPDX-License-Identifier: Apache-2.0
//
// Parameter memory: bias, multiplier and shift of every channel, a channel group a word. Written a channel at a time by
// the weight loader, read a group at a time by the drain; the data is registered, 2 cycles after rd_en_i.
//
// Of a bias only BBits are kept (Hardware.bits_bias), of a multiplier MBits (Hardware.bits_multiplier).

`default_nettype none

module dsf_param_mem
  import dsf_pkg::*;
#(
  parameter int unsigned GCols       = 8,
  parameter int unsigned BBits       = 16,
  parameter int unsigned MBits       = 16,
  parameter int unsigned ParamGroups = 64
) (
  input  wire logic                            clk_i,

  input  wire logic [GCols-1:0]                wr_en_i,
  input  wire logic [ParamAddrBits-1:0]        wr_addr_i,
  input  wire channel_param_t                  wr_data_i,

  input  wire logic                            rd_en_i,
  input  wire logic [ParamAddrBits-1:0]        rd_addr_i,
  output      logic [GCols-1:0][BBits-1:0]     bias_o,
  output      logic [GCols-1:0][MBits-1:0]     multiplier_o,
  output      logic [GCols-1:0][5:0]           shift_o
);

  localparam int unsigned AddrW = index_bits(ParamGroups);
  localparam int unsigned LaneW = 6 + MBits + BBits;

  if (ParamGroups > (1 << ParamAddrBits) || ParamGroups < 1) begin : gen_check
    $error("dsf_param_mem: ParamGroups has to lie between 1 and %0d", 1 << ParamAddrBits);
  end

  logic [25:0]                 wr_multiplier;
  logic [LaneW-1:0]            wr_lane;
  logic [GCols-1:0][LaneW-1:0] rd_data, rd_data_q;

  assign wr_multiplier = {wr_data_i.multiplier_high, wr_data_i.multiplier};
  assign wr_lane       = {wr_data_i.shift, wr_multiplier[MBits-1:0], wr_data_i.bias[BBits-1:0]};

  dsf_ram #(.Depth(ParamGroups), .Lanes(GCols), .LaneWidth(LaneW)) u_ram (
    .clk_i,
    .wr_en_i,
    .wr_addr_i(wr_addr_i[AddrW-1:0]),
    .wr_data_i({GCols{wr_lane}}),
    .rd_en_i,
    .rd_addr_i(rd_addr_i[AddrW-1:0]),
    .rd_data_o(rd_data)
  );

  always_ff @(posedge clk_i) rd_data_q <= rd_data;

  for (genvar l = 0; l < int'(GCols); l++) begin : gen_lane
    assign {shift_o[l], multiplier_o[l], bias_o[l]} = rd_data_q[l];
  end

  // Address bits above the memory, and what the memory does not keep of a channel's 64 bits.
  logic unused;
  assign unused = ^{wr_addr_i, rd_addr_i, wr_data_i, wr_multiplier};

endmodule

`default_nettype wire
