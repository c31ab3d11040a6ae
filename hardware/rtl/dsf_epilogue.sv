// SPDX-License-Identifier: Apache-2.0
//
// From accumulators to feature memory, a channel group (GCols lanes) a cycle, in a pipeline that never stalls: writing
// to feature memory is granted whenever asked. Bit-exact with requantize, residual_add and raw of dsf/numerics.py.
//
//   cycle  0         accumulators and parameters (registered outside)
//          2         sums                  -> raw: RawBeats writes of VecLen elements, from cycle 4 on
//          6         requantised values    -> written in cycle 7
//          11        with residual         -> written in cycle 12
//
// Limits and zero point are elements, as dsf_instr_check has made sure, unless the result is raw and they are not used.
// config_i is steady while anything is on its way, so that results may leave early: with one instruction at a time in
// the pipeline, the three ways never meet. Raw pieces come RawBeats cycles apart at least.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_epilogue
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned GCols   = 8,
  parameter int unsigned XBits   = 8,
  parameter int unsigned BBits   = 16,
  parameter int unsigned MBits   = 16,
  parameter int unsigned AccBits = 32,
  parameter int unsigned FBits   = 0,
  parameter int unsigned VecLen  = 32,
  localparam int unsigned LanesW = $clog2(GCols + 1),
  localparam int unsigned CountW = $clog2(VecLen + 1)
) (
  input  wire logic                                 clk_i,
  input  wire logic                                 rst_ni,

  input  wire matrix_t                              config_i,

  input  wire logic                                 valid_i,
  input  wire logic                                 last_i,
  input  wire logic [AddrBits-1:0]                  addr_i,
  input  wire logic [LanesW-1:0]                    lanes_i,
  input  wire logic [GCols-1:0][AccBits-1:0]        acc_i,
  input  wire logic [GCols-1:0][BBits-1:0]          bias_i,
  input  wire logic [GCols-1:0][MBits-1:0]          multiplier_i,
  input  wire logic [GCols-1:0][5:0]                shift_i,
  // The tensor to add, RequantLatency cycles after valid_i.
  input  wire logic [GCols-1:0][XBits-1:0]          residual_i,

  output      logic                                 wr_req_o,
  output      logic [AddrBits-1:0]                  wr_addr_o,
  output      logic [VecLen-1:0][XBits-1:0]         wr_data_o,
  output      logic [CountW-1:0]                    wr_count_o,
  // This write is the instruction's last one.
  output      logic                                 wr_last_o
);

  localparam int unsigned SumLatency      = 2;
  localparam int unsigned RequantLatency  = 6;
  localparam int unsigned ResidualLatency = 11;

  // Elements of a raw sum, and of the raw sums of a piece.
  localparam int unsigned RawElements = 32 / XBits;
  localparam int unsigned RawBeats    = ceil_div(GCols * RawElements, VecLen);
  localparam int unsigned RawLeftW    = $clog2(GCols * RawElements + 1);

  if (VecLen < GCols) begin : gen_check
    $error("dsf_epilogue: VecLen has to be at least GCols");
  end

  // What travels beside the data.

  typedef struct packed {
    logic                last;
    logic [AddrBits-1:0] addr;
    logic [LanesW-1:0]   lanes;
  } tag_t;

  logic [ResidualLatency:0]   valid;
  tag_t [ResidualLatency:0]   tag;
  logic [ResidualLatency:1]   valid_q;
  tag_t [ResidualLatency:1]   tag_q;
  logic [ResidualLatency-1:0] stays;

  assign valid = {valid_q, valid_i};
  assign tag   = {tag_q, tag_t'{last: last_i, addr: addr_i, lanes: lanes_i}};

  // What has left early must not show up again under the next instruction's settings.
  always_comb begin
    stays                 = '1;
    stays[SumLatency]     = !config_i.raw;
    stays[RequantLatency] = config_i.residual;
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) valid_q <= '0;
    else         valid_q <= valid[ResidualLatency-1:0] & stays;
  end
  always_ff @(posedge clk_i) tag_q <= tag[ResidualLatency-1:0];

  // Lanes.

  localparam int unsigned OperandBits = operand_bits(XBits);

  logic [GCols-1:0][31:0]            sum;
  logic [GCols-1:0][XBits-1:0]       plain, added;
  logic [GCols-1:0][OperandBits-1:0] requantized, residual, residual_sum;

  dsf_element_decode #(.XBits(XBits), .Lanes(GCols)) u_decode (.element_i(residual_i), .operand_o(residual));
  dsf_element_encode #(.ValueBits(OperandBits), .XBits(XBits), .Lanes(GCols)) u_plain (.value_i(requantized), .element_o(plain));
  dsf_element_encode #(.ValueBits(OperandBits), .XBits(XBits), .Lanes(GCols)) u_added (.value_i(residual_sum), .element_o(added));

  for (genvar l = 0; l < int'(GCols); l++) begin : gen_lane
    logic signed [AccBits-1:0]     lane_sum;
    logic signed [OperandBits-1:0] addend;

    dsf_requant_lane #(
      .AccBits(AccBits), .BBits(BBits), .MBits(MBits), .FBits(FBits), .OutBits(OperandBits)
    ) u_requant (
      .clk_i,
      .valid_i     (valid[RequantLatency-1:0]),
      .acc_i       (acc_i[l]),
      .bias_i      (bias_i[l]),
      .multiplier_i(multiplier_i[l]),
      .shift_i     (shift_i[l]),
      .bias_shift_i(config_i.bias_shift),
      .leak_i      (config_i.leak),
      .zero_i      (config_i.zero_point[OperandBits-1:0]),
      .low_i       (config_i.low[OperandBits-1:0]),
      .high_i      (config_i.high[OperandBits-1:0]),
      .sum_o       (lane_sum),
      .result_o    (requantized[l])
    );

    // The value that would be written without a residual.
    if (XBits == 1) begin : gen_binary
      assign addend = plain[l][0] ? 2'sb01 : 2'sb11;
    end else begin : gen_integer
      assign addend = requantized[l];
    end

    dsf_residual_lane #(.XBits(OperandBits), .MBits(MBits)) u_residual (
      .clk_i,
      .valid_i       (valid_q[ResidualLatency-1:RequantLatency] & {(ResidualLatency - RequantLatency){config_i.residual}}),
      .a_i           (addend),
      .b_i           (residual[l]),
      .multiplier_a_i(config_i.residual_multiplier_a[MBits-1:0]),
      .multiplier_b_i(config_i.residual_multiplier_b[MBits-1:0]),
      .offset_i      (config_i.residual_offset[MBits+15:0]),
      .shift_i       (config_i.residual_shift),
      .leak_i        (config_i.residual_leak),
      .low_i         (config_i.residual_low[OperandBits-1:0]),
      .high_i        (config_i.residual_high[OperandBits-1:0]),
      .result_o      (residual_sum[l])
    );

    assign sum[l] = 32'(lane_sum);
  end

  // Raw sums: held, and written a word at a time.

  logic [RawBeats-1:0][VecLen-1:0][XBits-1:0] raw_q, raw_shifted;
  logic [RawLeftW-1:0]                        raw_left_q;
  logic [AddrBits-1:0]                        raw_addr_q;
  logic                                       raw_last_q, raw_load, raw_valid, raw_end;

  assign raw_load  = valid[SumLatency] && config_i.raw;
  assign raw_valid = raw_left_q != '0;
  assign raw_end   = 32'(raw_left_q) <= VecLen;

  if (RawBeats > 1) begin : gen_raw_shift
    assign raw_shifted = {raw_q[0], raw_q[RawBeats-1:1]};
  end else begin : gen_no_raw_shift
    assign raw_shifted = raw_q;
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)        raw_left_q <= '0;
    else if (raw_load)  raw_left_q <= RawLeftW'(tag[SumLatency].lanes) << $clog2(RawElements);
    else if (raw_valid) raw_left_q <= raw_end ? '0 : raw_left_q - RawLeftW'(VecLen);
  end

  always_ff @(posedge clk_i) begin
    if (raw_load) begin
      raw_q      <= (RawBeats * VecLen * XBits)'(sum);
      raw_addr_q <= tag[SumLatency].addr;
      raw_last_q <= tag[SumLatency].last;
    end else if (raw_valid) begin
      raw_q      <= raw_shifted;
      raw_addr_q <= raw_addr_q + AddrBits'(VecLen);
    end
  end

  // The write, registered.

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)                wr_req_o <= 1'b0;
    else if (config_i.raw)      wr_req_o <= raw_valid;
    else if (config_i.residual) wr_req_o <= valid[ResidualLatency];
    else                        wr_req_o <= valid[RequantLatency];
  end

  always_ff @(posedge clk_i) begin
    if (config_i.raw) begin
      wr_data_o  <= raw_q[0];
      wr_addr_o  <= raw_addr_q;
      wr_count_o <= raw_end ? CountW'(raw_left_q) : CountW'(VecLen);
      wr_last_o  <= raw_last_q && raw_end;
    end else if (config_i.residual) begin
      wr_data_o  <= (VecLen * XBits)'(added);
      wr_addr_o  <= tag[ResidualLatency].addr;
      wr_count_o <= CountW'(tag[ResidualLatency].lanes);
      wr_last_o  <= tag[ResidualLatency].last;
    end else begin
      wr_data_o  <= (VecLen * XBits)'(plain);
      wr_addr_o  <= tag[RequantLatency].addr;
      wr_count_o <= CountW'(tag[RequantLatency].lanes);
      wr_last_o  <= tag[RequantLatency].last;
    end
  end

  // Fields that only other units read.
  logic unused;
  assign unused = ^config_i;

  `DSF_ASSERT(raw_piece_finds_room, !raw_load || !raw_valid || raw_end)

endmodule

`default_nettype wire
