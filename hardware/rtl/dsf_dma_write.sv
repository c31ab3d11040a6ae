// SPDX-License-Identifier: Apache-2.0
//
// AXI4 write DMA: commands and a stream of rows in (each row from lane 0 of a fresh beat, tlast at its end), bursts out.
//
//   cmd -> dsf_burst_split --\
//   stream -> dsf_align_write -> FIFO -> W          whole bursts in the FIFO -> AW
//
// - A burst's address leaves when all its data is in the FIFO, its data from that cycle on: the bus is never held
//   without data, and W never waits for AWREADY.
// - done_o pulses once per command, in order, when memory has acknowledged all of it.
// - halt_i, and an error answer: no further burst begins, those begun are completed; busy_o falls when all are
//   acknowledged. Then, and only then, may the module be reset. Errors stay until that.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_dma_write
  import dsf_dma_pkg::*;
  import dsf_regs_pkg::NumBases;
#(
  parameter int unsigned AxiWidth       = 128,
  parameter int unsigned AddrWidth      = 64,
  parameter int unsigned MaxBurst       = 16,
  parameter int unsigned FifoDepth      = 64,  // beats
  parameter int unsigned MaxOutstanding = 16   // bursts
) (
  input  wire logic                             clk_i,
  input  wire logic                             rst_ni,

  input  wire logic [NumBases-1:0][AddrWidth:0] base_i,
  input  wire logic                             cmd_valid_i,
  output      logic                             cmd_ready_o,
  input  wire dma_command_t                     cmd_i,

  input  wire logic [AxiWidth-1:0]              s_axis_tdata_i,
  input  wire logic                             s_axis_tvalid_i,
  output      logic                             s_axis_tready_o,
  input  wire logic                             s_axis_tlast_i,

  output      logic [AddrWidth-1:0]             m_axi_awaddr,
  output      logic [7:0]                       m_axi_awlen,
  output      logic                             m_axi_awvalid,
  input  wire logic                             m_axi_awready,
  output      logic [AxiWidth-1:0]              m_axi_wdata,
  output      logic [AxiWidth/8-1:0]            m_axi_wstrb,
  output      logic                             m_axi_wlast,
  output      logic                             m_axi_wvalid,
  input  wire logic                             m_axi_wready,
  input  wire logic [1:0]                       m_axi_bresp,
  input  wire logic                             m_axi_bvalid,
  output      logic                             m_axi_bready,

  input  wire logic                             halt_i,
  output      logic                             done_o,
  output      logic                             busy_o,          // something is in flight on the bus
  output      logic                             address_error_o,
  output      logic                             bus_error_o,
  output      logic [1:0]                       bus_response_o   // of the first error
);

  localparam int unsigned Bytes     = AxiWidth / 8;
  localparam int unsigned ByteBits  = $clog2(Bytes);
  localparam int unsigned CountBits = $clog2(MaxOutstanding + 2);
  // Whole bursts that wait for the bus; more would wait in the data FIFO in vain.
  localparam int unsigned WaitDepth = 8;

  if (FifoDepth < MaxBurst) begin : gen_check_depth
    $error("dsf_dma_write: FifoDepth has to be MaxBurst or more");
  end

  logic                 burst_valid, burst_ready, burst_row_first, burst_row_last, burst_cmd_last;
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
    .burst_row_first_o(burst_row_first),
    .burst_row_last_o (burst_row_last),
    .burst_cmd_last_o (burst_cmd_last),
    .burst_shift_o    (burst_shift),
    .burst_tail_o     (burst_tail),
    .address_error_o
  );

  logic                in_valid, in_ready, in_last;
  logic [AxiWidth-1:0] in_data;

  dsf_skid #(
    .Width(AxiWidth + 1)
  ) u_slice (
    .clk_i,
    .rst_ni,
    .in_valid_i (s_axis_tvalid_i),
    .in_ready_o (s_axis_tready_o),
    .in_data_i  ({s_axis_tlast_i, s_axis_tdata_i}),
    .out_valid_o(in_valid),
    .out_ready_i(in_ready),
    .out_data_o ({in_last, in_data})
  );

  // A burst leaves the aligner with its last beat, which waits until there is room for the burst as well.
  logic                align_valid, align_ready, align_last, push_ready, wait_in_ready;
  logic [AxiWidth-1:0] align_data;
  logic [Bytes-1:0]    align_strobe;

  assign align_ready = push_ready && (wait_in_ready || !align_last);

  dsf_align_write #(
    .Width(AxiWidth)
  ) u_align (
    .clk_i,
    .rst_ni,
    .burst_valid_i    (burst_valid),
    .burst_ready_o    (burst_ready),
    .burst_len_i      (burst_len),
    .burst_row_first_i(burst_row_first),
    .burst_row_last_i (burst_row_last),
    .burst_shift_i    (burst_shift),
    .burst_tail_i     (burst_tail),
    .in_valid_i       (in_valid),
    .in_ready_o       (in_ready),
    .in_data_i        (in_data),
    .in_last_i        (in_last),
    .out_valid_o      (align_valid),
    .out_ready_i      (align_ready),
    .out_data_o       (align_data),
    .out_strobe_o     (align_strobe),
    .out_last_o       (align_last)
  );

  logic data_valid, data_ready, unused_data_empty;

  dsf_fifo #(
    .Width(AxiWidth + Bytes + 1),
    .Depth(FifoDepth)
  ) u_data (
    .clk_i,
    .rst_ni,
    .in_valid_i (align_valid && (wait_in_ready || !align_last)),
    .in_ready_o (push_ready),
    .in_data_i  ({align_last, align_strobe, align_data}),
    .out_valid_o(data_valid),
    .out_ready_i(data_ready),
    .out_data_o ({m_axi_wlast, m_axi_wstrb, m_axi_wdata}),
    .empty_o    (unused_data_empty)
  );

  logic                 wait_valid, wait_ready, wait_cmd_last, unused_wait_empty;
  logic [AddrWidth-1:0] wait_addr;
  logic [7:0]           wait_len;

  dsf_fifo #(
    .Width(AddrWidth + 9),
    .Depth(WaitDepth)
  ) u_wait (
    .clk_i,
    .rst_ni,
    .in_valid_i (burst_ready),
    .in_ready_o (wait_in_ready),
    .in_data_i  ({burst_addr, burst_len, burst_cmd_last}),
    .out_valid_o(wait_valid),
    .out_ready_i(wait_ready),
    .out_data_o ({wait_addr, wait_len, wait_cmd_last}),
    .empty_o    (unused_wait_empty)
  );

  // Launch.
  logic                 awvalid_q;
  logic [AddrWidth-1:0] awaddr_q;
  logic [7:0]           awlen_q;
  logic [CountBits-1:0] writing_q;       // bursts launched whose data has not left
  logic                 error_q;
  logic [1:0]           response_q;
  logic                 launch, burst_out, acknowledged;
  logic                 order_in_ready, order_valid, order_cmd_last, order_empty;

  assign wait_ready   = order_in_ready && !halt_i && !error_q && (!awvalid_q || m_axi_awready);
  assign launch       = wait_valid && wait_ready;
  assign m_axi_wvalid = data_valid && writing_q != '0;
  assign data_ready   = m_axi_wready && writing_q != '0;
  assign burst_out    = m_axi_wvalid && m_axi_wready && m_axi_wlast;
  assign acknowledged = m_axi_bvalid && m_axi_bready;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      awvalid_q  <= 1'b0;
      writing_q  <= '0;
      error_q    <= 1'b0;
      response_q <= '0;
    end else begin
      if (launch) awvalid_q <= 1'b1;
      else if (m_axi_awready) awvalid_q <= 1'b0;
      writing_q <= writing_q + CountBits'(launch) - CountBits'(burst_out);
      if (acknowledged && m_axi_bresp[1] && !error_q) begin
        error_q    <= 1'b1;
        response_q <= m_axi_bresp;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (launch) begin
      awaddr_q <= wait_addr;
      awlen_q  <= wait_len;
    end
  end

  // Which acknowledgement is a command's last; one entry per burst from its launch to its acknowledgement.
  dsf_fifo #(
    .Width(1),
    .Depth(MaxOutstanding)
  ) u_order (
    .clk_i,
    .rst_ni,
    .in_valid_i (launch),
    .in_ready_o (order_in_ready),
    .in_data_i  (wait_cmd_last),
    .out_valid_o(order_valid),
    .out_ready_i(m_axi_bvalid),
    .out_data_o (order_cmd_last),
    .empty_o    (order_empty)
  );

  assign m_axi_awaddr   = awaddr_q;
  assign m_axi_awlen    = awlen_q;
  assign m_axi_awvalid  = awvalid_q;
  assign m_axi_bready   = order_valid;
  assign done_o         = acknowledged && order_cmd_last && !m_axi_bresp[1] && !error_q;
  assign busy_o         = !order_empty;
  assign bus_error_o    = error_q;
  assign bus_response_o = response_q;

  `DSF_ASSERT_STREAM(aw, m_axi_awvalid, m_axi_awready, {m_axi_awaddr, m_axi_awlen})
  `DSF_ASSERT_STREAM(w, m_axi_wvalid, m_axi_wready, {m_axi_wdata, m_axi_wstrb, m_axi_wlast})
  `DSF_ASSERT(aw_within_4k, !m_axi_awvalid || 32'(m_axi_awaddr[11:0]) + (32'(m_axi_awlen) + 1) * (AxiWidth / 8) <= 4096)
  `DSF_ASSERT(aw_within_max_burst, !m_axi_awvalid || 32'(m_axi_awlen) < MaxBurst)
  `DSF_ASSERT(w_never_waits_for_data, writing_q == '0 || m_axi_wvalid)

endmodule

`default_nettype wire
