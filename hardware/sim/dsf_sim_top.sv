// SPDX-License-Identifier: Apache-2.0
//
// The engine on its bus for the C++ simulation: parameters from the generated configuration, and ports whose widths do not
// depend on them. Data of the bus are the low AxiWidth bits of 256. dsf_peek reads feature memory behind the engine's back.

`default_nettype none
`include "config_hw.svh"

module dsf_sim_top (
  input  wire logic         clk_i,
  input  wire logic         rst_ni,

  input  wire logic [11:0]  s_axil_awaddr,
  input  wire logic         s_axil_awvalid,
  output      logic         s_axil_awready,
  input  wire logic [31:0]  s_axil_wdata,
  input  wire logic         s_axil_wvalid,
  output      logic         s_axil_wready,
  output      logic         s_axil_bvalid,
  input  wire logic         s_axil_bready,
  input  wire logic [11:0]  s_axil_araddr,
  input  wire logic         s_axil_arvalid,
  output      logic         s_axil_arready,
  output      logic [31:0]  s_axil_rdata,
  output      logic         s_axil_rvalid,
  input  wire logic         s_axil_rready,

  output      logic         feat_arid,
  output      logic [63:0]  feat_araddr,
  output      logic [7:0]   feat_arlen,
  output      logic         feat_arvalid,
  input  wire logic         feat_arready,
  input  wire logic         feat_rid,
  input  wire logic [255:0] feat_rdata,
  input  wire logic [1:0]   feat_rresp,
  input  wire logic         feat_rlast,
  input  wire logic         feat_rvalid,
  output      logic         feat_rready,

  output      logic         wt_arid,
  output      logic [63:0]  wt_araddr,
  output      logic [7:0]   wt_arlen,
  output      logic         wt_arvalid,
  input  wire logic         wt_arready,
  input  wire logic         wt_rid,
  input  wire logic [255:0] wt_rdata,
  input  wire logic [1:0]   wt_rresp,
  input  wire logic         wt_rlast,
  input  wire logic         wt_rvalid,
  output      logic         wt_rready,

  output      logic [63:0]  out_awaddr,
  output      logic [7:0]   out_awlen,
  output      logic         out_awvalid,
  input  wire logic         out_awready,
  output      logic [255:0] out_wdata,
  output      logic [31:0]  out_wstrb,
  output      logic         out_wlast,
  output      logic         out_wvalid,
  input  wire logic         out_wready,
  input  wire logic [1:0]   out_bresp,
  input  wire logic         out_bvalid,
  output      logic         out_bready,

  output      logic         irq_o,
  output      logic [4:0]   start_o,
  output      logic [4:0]   finish_o,
  output      logic [3:0]   array_o,
  output      logic         run_o,

  output      logic [31:0]  beat_bytes_o,
  output      logic [31:0]  vec_len_o,
  output      logic [31:0]  x_bits_o
);

  localparam int unsigned AxiWidth  = `DSF_AXI_WIDTH;
  localparam int unsigned WordBits  = `DSF_VEC_LEN * `DSF_X_BITS;
  localparam int unsigned BankWords = `DSF_FEATURE_WORDS / 2;
  localparam int unsigned BankBits  = $clog2(BankWords);

  logic [AxiWidth-1:0]   wdata;
  logic [AxiWidth/8-1:0] wstrb;
  dsf_regs_pkg::array_e  array;

  // What is the same in every burst (tests/sim checks it), and answers that are always OKAY.
  logic [1:0] unused_bresp, unused_rresp;
  logic       unused_awid;
  logic [2:0] unused_feat_arsize, unused_wt_arsize, unused_awsize, unused_feat_arprot, unused_wt_arprot, unused_awprot;
  logic [1:0] unused_feat_arburst, unused_wt_arburst, unused_awburst;
  logic [3:0] unused_feat_arcache, unused_wt_arcache, unused_awcache;

  dsf_top #(
    `DSF_CORE_PARAMETERS,
    .ConfigHash(`DSF_HASH)
  ) u_top (
    .clk_i,
    .rst_ni,
    .s_axil_awaddr,
    .s_axil_awvalid,
    .s_axil_awready,
    .s_axil_wdata,
    .s_axil_wstrb      (4'hF),
    .s_axil_wvalid,
    .s_axil_wready,
    .s_axil_bresp      (unused_bresp),
    .s_axil_bvalid,
    .s_axil_bready,
    .s_axil_araddr,
    .s_axil_arvalid,
    .s_axil_arready,
    .s_axil_rdata,
    .s_axil_rresp      (unused_rresp),
    .s_axil_rvalid,
    .s_axil_rready,
    .m_axi_feat_arid   (feat_arid),
    .m_axi_feat_araddr (feat_araddr),
    .m_axi_feat_arlen  (feat_arlen),
    .m_axi_feat_arsize (unused_feat_arsize),
    .m_axi_feat_arburst(unused_feat_arburst),
    .m_axi_feat_arcache(unused_feat_arcache),
    .m_axi_feat_arprot (unused_feat_arprot),
    .m_axi_feat_arvalid(feat_arvalid),
    .m_axi_feat_arready(feat_arready),
    .m_axi_feat_rid    (feat_rid),
    .m_axi_feat_rdata  (feat_rdata[AxiWidth-1:0]),
    .m_axi_feat_rresp  (feat_rresp),
    .m_axi_feat_rlast  (feat_rlast),
    .m_axi_feat_rvalid (feat_rvalid),
    .m_axi_feat_rready (feat_rready),
    .m_axi_wt_arid     (wt_arid),
    .m_axi_wt_araddr   (wt_araddr),
    .m_axi_wt_arlen    (wt_arlen),
    .m_axi_wt_arsize   (unused_wt_arsize),
    .m_axi_wt_arburst  (unused_wt_arburst),
    .m_axi_wt_arcache  (unused_wt_arcache),
    .m_axi_wt_arprot   (unused_wt_arprot),
    .m_axi_wt_arvalid  (wt_arvalid),
    .m_axi_wt_arready  (wt_arready),
    .m_axi_wt_rid      (wt_rid),
    .m_axi_wt_rdata    (wt_rdata[AxiWidth-1:0]),
    .m_axi_wt_rresp    (wt_rresp),
    .m_axi_wt_rlast    (wt_rlast),
    .m_axi_wt_rvalid   (wt_rvalid),
    .m_axi_wt_rready   (wt_rready),
    .m_axi_out_awid    (unused_awid),
    .m_axi_out_awaddr  (out_awaddr),
    .m_axi_out_awlen   (out_awlen),
    .m_axi_out_awsize  (unused_awsize),
    .m_axi_out_awburst (unused_awburst),
    .m_axi_out_awcache (unused_awcache),
    .m_axi_out_awprot  (unused_awprot),
    .m_axi_out_awvalid (out_awvalid),
    .m_axi_out_awready (out_awready),
    .m_axi_out_wdata   (wdata),
    .m_axi_out_wstrb   (wstrb),
    .m_axi_out_wlast   (out_wlast),
    .m_axi_out_wvalid  (out_wvalid),
    .m_axi_out_wready  (out_wready),
    .m_axi_out_bid     (1'b0),
    .m_axi_out_bresp   (out_bresp),
    .m_axi_out_bvalid  (out_bvalid),
    .m_axi_out_bready  (out_bready),
    .irq_o,
    .start_o,
    .finish_o,
    .array_o           (array),
    .run_o
  );

  assign array_o      = array;
  assign out_wdata    = 256'(wdata);
  assign out_wstrb    = 32'(wstrb);
  assign beat_bytes_o = AxiWidth / 8;
  assign vec_len_o    = `DSF_VEC_LEN;
  assign x_bits_o     = `DSF_X_BITS;

  // Word `index` of feature memory, as dsf_fmem numbers them.
  export "DPI-C" function dsf_peek;

  function automatic void dsf_peek(input int unsigned index, output bit [4095:0] data);
    logic [BankBits-1:0] half;
    half = BankBits'(index >> 1);
    data = '0;
    if (index[0]) data[WordBits-1:0] = u_top.u_core.u_fmem.gen_bank[1].u_ram.mem[half];
    else          data[WordBits-1:0] = u_top.u_core.u_fmem.gen_bank[0].u_ram.mem[half];
  endfunction

endmodule

`default_nettype wire
