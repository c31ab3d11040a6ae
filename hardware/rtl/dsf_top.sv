// SPDX-License-Identifier: Apache-2.0
//
// The engine on a bus: dsf_core with its DMAs, instruction fetch, registers and interrupt.
//
//   s_axil       registers (docs/registers.md)
//   m_axi_feat   AXI4 reads: instructions (ID 1) and features (ID 0)
//   m_axi_wt     AXI4 reads: weights and parameters
//   m_axi_out    AXI4 writes: what STORE stores
//   irq_o        level
//
// All ports: one clock, INCR bursts of whole beats, none across a 4 KB border, at most MaxBurst beats. Reads are asked for only
// with room for their data, writes begin only with all of theirs. After an error or an abort what has begun on the bus is
// completed, and core and DMAs are reset; see dsf_run_control.

`default_nettype none

module dsf_top
  import dsf_isa_pkg::*;
  import dsf_dma_pkg::*;
  import dsf_regs_pkg::*;
#(
  // Of dsf_core.
  parameter int unsigned Pe             = dsf_pkg::PeInteger,
  parameter int unsigned Rows           = 8,
  parameter int unsigned Cols           = 24,
  parameter int unsigned Groups         = 3,
  parameter int unsigned XBits          = 8,
  parameter int unsigned WBits          = 8,
  parameter int unsigned BBits          = 16,
  parameter int unsigned MBits          = 16,
  parameter int unsigned AccBits        = 32,
  parameter int unsigned FBits          = 0,
  parameter int unsigned VecLen         = 32,
  parameter int unsigned AxiWidth       = 128,
  parameter int unsigned FeatureWords   = 1024,
  parameter int unsigned WeightWords    = 1024,
  parameter int unsigned ParamGroups    = 64,
  parameter int unsigned QueueDepth     = 4,
  parameter int unsigned CaptureTiles   = 4,
  parameter int unsigned WatchdogCycles = 65536,
  // Of the bus.
  parameter int unsigned AxiAddrWidth   = 64,
  parameter int unsigned AxiIdWidth     = 1,
  parameter int unsigned MaxBurst       = 16,
  parameter int unsigned ReadFifoDepth  = 128,  // beats; a full rate needs memory latency + MaxBurst + 6
  parameter int unsigned WriteFifoDepth = 64,
  parameter logic [31:0] ConfigHash     = 32'h0
) (
  input  wire logic                    clk_i,
  input  wire logic                    rst_ni,

  input  wire logic [RegAddrBits-1:0]  s_axil_awaddr,
  input  wire logic                    s_axil_awvalid,
  output      logic                    s_axil_awready,
  input  wire logic [31:0]             s_axil_wdata,
  input  wire logic [3:0]              s_axil_wstrb,
  input  wire logic                    s_axil_wvalid,
  output      logic                    s_axil_wready,
  output      logic [1:0]              s_axil_bresp,
  output      logic                    s_axil_bvalid,
  input  wire logic                    s_axil_bready,
  input  wire logic [RegAddrBits-1:0]  s_axil_araddr,
  input  wire logic                    s_axil_arvalid,
  output      logic                    s_axil_arready,
  output      logic [31:0]             s_axil_rdata,
  output      logic [1:0]              s_axil_rresp,
  output      logic                    s_axil_rvalid,
  input  wire logic                    s_axil_rready,

  output      logic [AxiIdWidth-1:0]   m_axi_feat_arid,
  output      logic [AxiAddrWidth-1:0] m_axi_feat_araddr,
  output      logic [7:0]              m_axi_feat_arlen,
  output      logic [2:0]              m_axi_feat_arsize,
  output      logic [1:0]              m_axi_feat_arburst,
  output      logic [3:0]              m_axi_feat_arcache,
  output      logic [2:0]              m_axi_feat_arprot,
  output      logic                    m_axi_feat_arvalid,
  input  wire logic                    m_axi_feat_arready,
  input  wire logic [AxiIdWidth-1:0]   m_axi_feat_rid,
  input  wire logic [AxiWidth-1:0]     m_axi_feat_rdata,
  input  wire logic [1:0]              m_axi_feat_rresp,
  input  wire logic                    m_axi_feat_rlast,
  input  wire logic                    m_axi_feat_rvalid,
  output      logic                    m_axi_feat_rready,

  output      logic [AxiIdWidth-1:0]   m_axi_wt_arid,
  output      logic [AxiAddrWidth-1:0] m_axi_wt_araddr,
  output      logic [7:0]              m_axi_wt_arlen,
  output      logic [2:0]              m_axi_wt_arsize,
  output      logic [1:0]              m_axi_wt_arburst,
  output      logic [3:0]              m_axi_wt_arcache,
  output      logic [2:0]              m_axi_wt_arprot,
  output      logic                    m_axi_wt_arvalid,
  input  wire logic                    m_axi_wt_arready,
  input  wire logic [AxiIdWidth-1:0]   m_axi_wt_rid,
  input  wire logic [AxiWidth-1:0]     m_axi_wt_rdata,
  input  wire logic [1:0]              m_axi_wt_rresp,
  input  wire logic                    m_axi_wt_rlast,
  input  wire logic                    m_axi_wt_rvalid,
  output      logic                    m_axi_wt_rready,

  output      logic [AxiIdWidth-1:0]   m_axi_out_awid,
  output      logic [AxiAddrWidth-1:0] m_axi_out_awaddr,
  output      logic [7:0]              m_axi_out_awlen,
  output      logic [2:0]              m_axi_out_awsize,
  output      logic [1:0]              m_axi_out_awburst,
  output      logic [3:0]              m_axi_out_awcache,
  output      logic [2:0]              m_axi_out_awprot,
  output      logic                    m_axi_out_awvalid,
  input  wire logic                    m_axi_out_awready,
  output      logic [AxiWidth-1:0]     m_axi_out_wdata,
  output      logic [AxiWidth/8-1:0]   m_axi_out_wstrb,
  output      logic                    m_axi_out_wlast,
  output      logic                    m_axi_out_wvalid,
  input  wire logic                    m_axi_out_wready,
  input  wire logic [AxiIdWidth-1:0]   m_axi_out_bid,
  input  wire logic [1:0]              m_axi_out_bresp,
  input  wire logic                    m_axi_out_bvalid,
  output      logic                    m_axi_out_bready,

  output      logic                    irq_o,

  // For simulation: the trace of dsf_core, and whether counters count.
  output      logic [4:0]              start_o,
  output      logic [4:0]              finish_o,
  output      array_e                  array_o,
  output      logic                    run_o
);

  // Constant signals of every burst: whole beats, INCR, normal memory (modifiable, bufferable), unprivileged data.
  localparam logic [2:0] Size  = 3'($clog2(AxiWidth / 8));
  localparam logic [1:0] Incr  = 2'b01;
  localparam logic [3:0] Cache = 4'b0011;
  localparam logic [2:0] Prot  = 3'b000;

  assign {m_axi_feat_arsize, m_axi_feat_arburst, m_axi_feat_arcache, m_axi_feat_arprot} = {Size, Incr, Cache, Prot};
  assign {m_axi_wt_arsize, m_axi_wt_arburst, m_axi_wt_arcache, m_axi_wt_arprot}         = {Size, Incr, Cache, Prot};
  assign {m_axi_out_awsize, m_axi_out_awburst, m_axi_out_awcache, m_axi_out_awprot}     = {Size, Incr, Cache, Prot};
  assign m_axi_wt_arid  = '0;
  assign m_axi_out_awid = '0;

  logic                                fetch, halt, engine_rst_n;
  logic [31:0]                         program_bytes;
  logic [NumBases-1:0][AxiAddrWidth:0] bases;
  logic [NumCounters-1:0]              events;

  logic                                core_done, core_error, unused_core_busy;
  error_code_e                         core_code;
  logic [15:0]                         core_index;
  logic [7:0]                          core_detail;

  // By port, in the order of dsf_regs_pkg::port_e: instructions, features, weights, output.
  logic [3:0]                          bus_busy, bus_error, address_error;
  logic [3:0][1:0]                     bus_response;
  logic [1:0]                          feat_beats;

  dsf_host #(
    .AddrWidth (AxiAddrWidth),
    .BeatBytes (AxiWidth / 8),
    .ConfigHash(ConfigHash)
  ) u_host (
    .clk_i,
    .rst_ni,
    .s_axil_awaddr,
    .s_axil_awvalid,
    .s_axil_awready,
    .s_axil_wdata,
    .s_axil_wstrb,
    .s_axil_wvalid,
    .s_axil_wready,
    .s_axil_bresp,
    .s_axil_bvalid,
    .s_axil_bready,
    .s_axil_araddr,
    .s_axil_arvalid,
    .s_axil_arready,
    .s_axil_rdata,
    .s_axil_rresp,
    .s_axil_rvalid,
    .s_axil_rready,
    .base_o         (bases),
    .program_bytes_o(program_bytes),
    .fetch_o        (fetch),
    .halt_o         (halt),
    .engine_rst_no  (engine_rst_n),
    .core_done_i    (core_done),
    .core_error_i   (core_error),
    .core_code_i    (core_code),
    .core_index_i   (core_index),
    .core_detail_i  (core_detail),
    .bus_busy_i     (bus_busy),
    .bus_error_i    (bus_error),
    .bus_response_i (bus_response),
    .address_error_i(address_error),
    .event_i        (events),
    .run_o,
    .irq_o
  );

  always_comb begin
    events                        = '0;
    events[CountInstructionBeats] = feat_beats[0];
    events[CountFeatureBeats]     = feat_beats[1];
    events[CountWeightBeats]      = m_axi_wt_rvalid && m_axi_wt_rready;
    events[CountOutputBeats]      = m_axi_out_wvalid && m_axi_out_wready;
    events[array_o]               = 1'b1;
  end

  // The core and its streams.
  logic                inst_tvalid, inst_tready, inst_tlast;
  logic                ldcmd_tvalid, ldcmd_tready, wtcmd_tvalid, wtcmd_tready, stcmd_tvalid, stcmd_tready;
  logic                ld_tvalid, ld_tready, wt_tvalid, wt_tready, st_tvalid, st_tready, st_tlast, st_done;
  logic                unused_wt_tlast;
  logic [AxiWidth-1:0] inst_tdata, ld_tdata, wt_tdata, st_tdata;
  dma_command_t        ldcmd, wtcmd, stcmd;

  dsf_core #(
    .Pe(Pe), .Rows(Rows), .Cols(Cols), .Groups(Groups), .XBits(XBits), .WBits(WBits), .BBits(BBits), .MBits(MBits),
    .AccBits(AccBits), .FBits(FBits), .VecLen(VecLen), .AxiWidth(AxiWidth), .FeatureWords(FeatureWords), .WeightWords(WeightWords),
    .ParamGroups(ParamGroups), .QueueDepth(QueueDepth), .CaptureTiles(CaptureTiles), .WatchdogCycles(WatchdogCycles)
  ) u_core (
    .clk_i,
    .rst_ni             (engine_rst_n),
    .s_axis_inst_tvalid (inst_tvalid),
    .s_axis_inst_tready (inst_tready),
    .s_axis_inst_tdata  (inst_tdata),
    .s_axis_inst_tlast  (inst_tlast),
    .m_axis_ldcmd_tvalid(ldcmd_tvalid),
    .m_axis_ldcmd_tready(ldcmd_tready),
    .m_axis_ldcmd_tdata (ldcmd),
    .s_axis_ld_tvalid   (ld_tvalid),
    .s_axis_ld_tready   (ld_tready),
    .s_axis_ld_tdata    (ld_tdata),
    .m_axis_wtcmd_tvalid(wtcmd_tvalid),
    .m_axis_wtcmd_tready(wtcmd_tready),
    .m_axis_wtcmd_tdata (wtcmd),
    .s_axis_wt_tvalid   (wt_tvalid),
    .s_axis_wt_tready   (wt_tready),
    .s_axis_wt_tdata    (wt_tdata),
    .m_axis_stcmd_tvalid(stcmd_tvalid),
    .m_axis_stcmd_tready(stcmd_tready),
    .m_axis_stcmd_tdata (stcmd),
    .m_axis_st_tvalid   (st_tvalid),
    .m_axis_st_tready   (st_tready),
    .m_axis_st_tdata    (st_tdata),
    .m_axis_st_tlast    (st_tlast),
    .st_done_i          (st_done),
    .busy_o             (unused_core_busy),
    .done_o             (core_done),
    .error_o            (core_error),
    .error_code_o       (core_code),
    .error_index_o      (core_index),
    .error_detail_o     (core_detail),
    .start_o,
    .finish_o,
    .array_o
  );

  // The bus.
  dsf_feature_port #(
    .AxiWidth (AxiWidth),
    .AddrWidth(AxiAddrWidth),
    .IdWidth  (AxiIdWidth),
    .MaxBurst (MaxBurst),
    .FifoDepth(ReadFifoDepth)
  ) u_feature_port (
    .clk_i,
    .rst_ni,
    .engine_rst_ni       (engine_rst_n),
    .base_i              (bases),
    .fetch_i             (fetch),
    .program_bytes_i     (program_bytes),
    .halt_i              (halt),
    .m_axis_inst_tdata_o (inst_tdata),
    .m_axis_inst_tvalid_o(inst_tvalid),
    .m_axis_inst_tready_i(inst_tready),
    .m_axis_inst_tlast_o (inst_tlast),
    .cmd_valid_i         (ldcmd_tvalid),
    .cmd_ready_o         (ldcmd_tready),
    .cmd_i               (ldcmd),
    .m_axis_ld_tdata_o   (ld_tdata),
    .m_axis_ld_tvalid_o  (ld_tvalid),
    .m_axis_ld_tready_i  (ld_tready),
    .m_axi_arid          (m_axi_feat_arid),
    .m_axi_araddr        (m_axi_feat_araddr),
    .m_axi_arlen         (m_axi_feat_arlen),
    .m_axi_arvalid       (m_axi_feat_arvalid),
    .m_axi_arready       (m_axi_feat_arready),
    .m_axi_rid           (m_axi_feat_rid),
    .m_axi_rdata         (m_axi_feat_rdata),
    .m_axi_rresp         (m_axi_feat_rresp),
    .m_axi_rlast         (m_axi_feat_rlast),
    .m_axi_rvalid        (m_axi_feat_rvalid),
    .m_axi_rready        (m_axi_feat_rready),
    .beat_o              (feat_beats),
    .busy_o              (bus_busy[1:0]),
    .address_error_o     (address_error[1:0]),
    .bus_error_o         (bus_error[1:0]),
    .bus_response_o      (bus_response[1:0])
  );

  dsf_dma_read #(
    .AxiWidth (AxiWidth),
    .AddrWidth(AxiAddrWidth),
    .MaxBurst (MaxBurst),
    .FifoDepth(ReadFifoDepth)
  ) u_read_weights (
    .clk_i,
    .rst_ni         (engine_rst_n),
    .base_i         (bases),
    .cmd_valid_i    (wtcmd_tvalid),
    .cmd_ready_o    (wtcmd_tready),
    .cmd_i          (wtcmd),
    .m_axis_tdata_o (wt_tdata),
    .m_axis_tvalid_o(wt_tvalid),
    .m_axis_tready_i(wt_tready),
    .m_axis_tlast_o (unused_wt_tlast),
    .m_axi_araddr   (m_axi_wt_araddr),
    .m_axi_arlen    (m_axi_wt_arlen),
    .m_axi_arvalid  (m_axi_wt_arvalid),
    .m_axi_arready  (m_axi_wt_arready),
    .m_axi_rdata    (m_axi_wt_rdata),
    .m_axi_rresp    (m_axi_wt_rresp),
    .m_axi_rlast    (m_axi_wt_rlast),
    .m_axi_rvalid   (m_axi_wt_rvalid),
    .m_axi_rready   (m_axi_wt_rready),
    .halt_i         (halt),
    .busy_o         (bus_busy[2]),
    .address_error_o(address_error[2]),
    .bus_error_o    (bus_error[2]),
    .bus_response_o (bus_response[2])
  );

  dsf_dma_write #(
    .AxiWidth (AxiWidth),
    .AddrWidth(AxiAddrWidth),
    .MaxBurst (MaxBurst),
    .FifoDepth(WriteFifoDepth)
  ) u_write (
    .clk_i,
    .rst_ni         (engine_rst_n),
    .base_i         (bases),
    .cmd_valid_i    (stcmd_tvalid),
    .cmd_ready_o    (stcmd_tready),
    .cmd_i          (stcmd),
    .s_axis_tdata_i (st_tdata),
    .s_axis_tvalid_i(st_tvalid),
    .s_axis_tready_o(st_tready),
    .s_axis_tlast_i (st_tlast),
    .m_axi_awaddr   (m_axi_out_awaddr),
    .m_axi_awlen    (m_axi_out_awlen),
    .m_axi_awvalid  (m_axi_out_awvalid),
    .m_axi_awready  (m_axi_out_awready),
    .m_axi_wdata    (m_axi_out_wdata),
    .m_axi_wstrb    (m_axi_out_wstrb),
    .m_axi_wlast    (m_axi_out_wlast),
    .m_axi_wvalid   (m_axi_out_wvalid),
    .m_axi_wready   (m_axi_out_wready),
    .m_axi_bresp    (m_axi_out_bresp),
    .m_axi_bvalid   (m_axi_out_bvalid),
    .m_axi_bready   (m_axi_out_bready),
    .halt_i         (halt),
    .done_o         (st_done),
    .busy_o         (bus_busy[3]),
    .address_error_o(address_error[3]),
    .bus_error_o    (bus_error[3]),
    .bus_response_o (bus_response[3])
  );

  // One ID each: answers are in order.
  logic unused_ids;
  assign unused_ids = ^{m_axi_wt_rid, m_axi_out_bid};

endmodule

`default_nettype wire
