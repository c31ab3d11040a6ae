// SPDX-License-Identifier: Apache-2.0
//
// AXI4 read DMA: commands in, rows out as a stream, each row from byte lane 0 of a fresh beat, tlast at its end.
//
//   cmd -> dsf_burst_split -> AR          R -> FIFO -> dsf_align_read -> stream
//
// - A burst is asked for only when the FIFO has room for all of it, so R is taken at every cycle whatever the stream's
//   reader does, and ports may share a bus without blocking each other.
// - Full rate needs FifoDepth >= memory latency + MaxBurst + 6 beats, and as many bursts outstanding.
// - halt_i, and an error answer: no further burst is asked for, those asked for are taken; busy_o falls when all
//   are in. Then, and only then, may the module be reset. Errors stay until that.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_dma_read
  import dsf_dma_pkg::*;
  import dsf_regs_pkg::NumBases;
#(
  parameter int unsigned AxiWidth       = 128,
  parameter int unsigned AddrWidth      = 64,
  parameter int unsigned MaxBurst       = 16,
  parameter int unsigned FifoDepth      = 128,  // beats
  parameter int unsigned MaxOutstanding = 32    // bursts
) (
  input  wire logic                             clk_i,
  input  wire logic                             rst_ni,

  input  wire logic [NumBases-1:0][AddrWidth:0] base_i,
  input  wire logic                             cmd_valid_i,
  output      logic                             cmd_ready_o,
  input  wire dma_command_t                     cmd_i,

  output      logic [AxiWidth-1:0]              m_axis_tdata_o,
  output      logic                             m_axis_tvalid_o,
  input  wire logic                             m_axis_tready_i,
  output      logic                             m_axis_tlast_o,

  output      logic [AddrWidth-1:0]             m_axi_araddr,
  output      logic [7:0]                       m_axi_arlen,
  output      logic                             m_axi_arvalid,
  input  wire logic                             m_axi_arready,
  input  wire logic [AxiWidth-1:0]              m_axi_rdata,
  input  wire logic [1:0]                       m_axi_rresp,
  input  wire logic                             m_axi_rlast,
  input  wire logic                             m_axi_rvalid,
  output      logic                             m_axi_rready,

  input  wire logic                             halt_i,
  output      logic                             busy_o,          // something is in flight on the bus
  output      logic                             address_error_o,
  output      logic                             bus_error_o,
  output      logic [1:0]                       bus_response_o   // of the first error
);

  localparam int unsigned ByteBits  = $clog2(AxiWidth / 8);
  localparam int unsigned FreeBits  = $clog2(FifoDepth + 1);
  localparam int unsigned CountBits = $clog2(MaxOutstanding + 2);
  localparam int unsigned InfoBits  = 1 + 2 * ByteBits;

  if (FifoDepth < MaxBurst) begin : gen_check_depth
    $error("dsf_dma_read: FifoDepth has to be MaxBurst or more");
  end

  logic                 burst_valid, burst_ready, burst_row_last, unused_row_first, unused_cmd_last;
  logic [AddrWidth-1:0] burst_addr;
  logic [7:0]           burst_len;
  logic [ByteBits-1:0]  burst_shift, burst_tail;

  dsf_burst_split #(
    .AxiWidth (AxiWidth),
    .AddrWidth(AddrWidth),
    .MaxBurst (MaxBurst)
  ) u_split (
    .clk_i,
    .rst_ni,
    .base_i,
    .cmd_valid_i,
    .cmd_ready_o,
    .cmd_i,
    .burst_valid_o    (burst_valid),
    .burst_ready_i    (burst_ready),
    .burst_addr_o     (burst_addr),
    .burst_len_o      (burst_len),
    .burst_row_first_o(unused_row_first),
    .burst_row_last_o (burst_row_last),
    .burst_cmd_last_o (unused_cmd_last),
    .burst_shift_o    (burst_shift),
    .burst_tail_o     (burst_tail),
    .address_error_o
  );

  // Launch: the address register is free, and there is room for what will come.
  logic                 arvalid_q;
  logic [AddrWidth-1:0] araddr_q;
  logic [7:0]           arlen_q;
  logic [FreeBits-1:0]  free_q;          // beats of the FIFO that no burst has claimed
  logic [CountBits-1:0] outstanding_q;
  logic                 error_q;
  logic [1:0]           response_q;
  logic                 launch, room, info_in_ready, pop, burst_in;
  logic [8:0]           beats;

  assign beats       = {1'b0, burst_len} + 9'd1;
  assign room        = 32'(free_q) >= 32'(beats);
  assign burst_ready = room && info_in_ready && !halt_i && !error_q && (!arvalid_q || m_axi_arready);
  assign launch      = burst_valid && burst_ready;
  assign burst_in    = m_axi_rvalid && m_axi_rready && m_axi_rlast;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      arvalid_q     <= 1'b0;
      free_q        <= FreeBits'(FifoDepth);
      outstanding_q <= '0;
      error_q       <= 1'b0;
      response_q    <= '0;
    end else begin
      if (launch) arvalid_q <= 1'b1;
      else if (m_axi_arready) arvalid_q <= 1'b0;
      free_q        <= free_q - (launch ? FreeBits'(beats) : '0) + FreeBits'(pop);
      outstanding_q <= outstanding_q + CountBits'(launch) - CountBits'(burst_in);
      if (m_axi_rvalid && m_axi_rready && m_axi_rresp[1] && !error_q) begin
        error_q    <= 1'b1;
        response_q <= m_axi_rresp;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (launch) begin
      araddr_q <= burst_addr;
      arlen_q  <= burst_len;
    end
  end

  assign m_axi_araddr   = araddr_q;
  assign m_axi_arlen    = arlen_q;
  assign m_axi_arvalid  = arvalid_q;
  assign busy_o         = outstanding_q != '0;
  assign bus_error_o    = error_q;
  assign bus_response_o = response_q;

  // What the aligner has to know of each burst; one entry per burst from its launch to its last beat.
  logic                info_valid, info_ready, info_row_last, unused_info_empty;
  logic [ByteBits-1:0] info_shift, info_tail;

  dsf_fifo #(
    .Width(InfoBits),
    .Depth(MaxOutstanding)
  ) u_info (
    .clk_i,
    .rst_ni,
    .in_valid_i (launch),
    .in_ready_o (info_in_ready),
    .in_data_i  ({burst_row_last, burst_shift, burst_tail}),
    .out_valid_o(info_valid),
    .out_ready_i(info_ready),
    .out_data_o ({info_row_last, info_shift, info_tail}),
    .empty_o    (unused_info_empty)
  );

  logic                data_valid, data_ready, data_last, unused_data_empty;
  logic [AxiWidth-1:0] data;

  dsf_fifo #(
    .Width(AxiWidth + 1),
    .Depth(FifoDepth)
  ) u_data (
    .clk_i,
    .rst_ni,
    .in_valid_i (m_axi_rvalid),
    .in_ready_o (m_axi_rready),
    .in_data_i  ({m_axi_rlast, m_axi_rdata}),
    .out_valid_o(data_valid),
    .out_ready_i(data_ready),
    .out_data_o ({data_last, data}),
    .empty_o    (unused_data_empty)
  );

  // A register between the RAM and the aligner's multiplexers.
  logic slice_valid, slice_ready;

  assign slice_valid = data_valid && info_valid;
  assign data_ready  = slice_ready && info_valid;
  assign info_ready  = slice_ready && data_valid && data_last;
  assign pop         = data_valid && data_ready;

  logic                align_valid, align_ready, align_last;
  logic [AxiWidth-1:0] align_data;
  logic [ByteBits-1:0] align_shift, align_tail;

  dsf_skid #(
    .Width(AxiWidth + InfoBits)
  ) u_slice (
    .clk_i,
    .rst_ni,
    .in_valid_i (slice_valid),
    .in_ready_o (slice_ready),
    .in_data_i  ({data, data_last && info_row_last, info_shift, info_tail}),
    .out_valid_o(align_valid),
    .out_ready_i(align_ready),
    .out_data_o ({align_data, align_last, align_shift, align_tail})
  );

  dsf_align_read #(
    .Width(AxiWidth)
  ) u_align (
    .clk_i,
    .rst_ni,
    .in_valid_i (align_valid),
    .in_ready_o (align_ready),
    .in_data_i  (align_data),
    .in_last_i  (align_last),
    .in_shift_i (align_shift),
    .in_tail_i  (align_tail),
    .out_valid_o(m_axis_tvalid_o),
    .out_ready_i(m_axis_tready_i),
    .out_data_o (m_axis_tdata_o),
    .out_last_o (m_axis_tlast_o)
  );

  `DSF_ASSERT_STREAM(ar, m_axi_arvalid, m_axi_arready, {m_axi_araddr, m_axi_arlen})
  `DSF_ASSERT(ar_within_4k, !m_axi_arvalid || 32'(m_axi_araddr[11:0]) + (32'(m_axi_arlen) + 1) * (AxiWidth / 8) <= 4096)
  `DSF_ASSERT(ar_within_max_burst, !m_axi_arvalid || 32'(m_axi_arlen) < MaxBurst)
  `DSF_ASSERT(r_is_never_held_up, m_axi_rready || !m_axi_rvalid)
  `DSF_ASSERT(r_was_asked_for, !m_axi_rvalid || outstanding_q != '0)

endmodule

`default_nettype wire
