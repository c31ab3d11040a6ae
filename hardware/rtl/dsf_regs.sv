// SPDX-License-Identifier: Apache-2.0
//
// Control and status registers on AXI4-Lite; what each means is in docs/registers.md, where it lies in dsf_regs_pkg.
// Address and data of a write may come in any order; every access is answered OKAY; byte strobes are respected.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_regs
  import dsf_regs_pkg::*;
#(
  parameter int unsigned BeatBytes  = 16,
  parameter logic [31:0] ConfigHash = 32'h0
) (
  input  wire logic                         clk_i,
  input  wire logic                         rst_ni,

  input  wire logic [RegAddrBits-1:0]       s_axil_awaddr,
  input  wire logic                         s_axil_awvalid,
  output      logic                         s_axil_awready,
  input  wire logic [31:0]                  s_axil_wdata,
  input  wire logic [3:0]                   s_axil_wstrb,
  input  wire logic                         s_axil_wvalid,
  output      logic                         s_axil_wready,
  output      logic [1:0]                   s_axil_bresp,
  output      logic                         s_axil_bvalid,
  input  wire logic                         s_axil_bready,
  input  wire logic [RegAddrBits-1:0]       s_axil_araddr,
  input  wire logic                         s_axil_arvalid,
  output      logic                         s_axil_arready,
  output      logic [31:0]                  s_axil_rdata,
  output      logic [1:0]                   s_axil_rresp,
  output      logic                         s_axil_rvalid,
  input  wire logic                         s_axil_rready,

  output      logic                         start_o,          // pulses
  output      logic                         abort_o,
  output      logic [NumBases-1:0][63:0]    base_o,
  output      logic [31:0]                  program_hash_o,
  output      logic [31:0]                  program_bytes_o,

  input  wire logic                         busy_i,
  input  wire logic                         done_i,
  input  wire logic                         error_i,
  input  wire logic [31:0]                  error_word_i,     // ERROR, as a whole
  input  wire logic [31:0]                  error_index_i,
  input  wire logic [31:0]                  error_detail_i,
  input  wire logic                         done_event_i,     // pulses that set IRQ_STATUS
  input  wire logic                         error_event_i,
  input  wire logic [63:0]                  cycles_i,
  input  wire logic [NumCounters-1:0][31:0] counter_i,

  output      logic                         irq_o
);

  localparam logic [1:0] RespOkay = 2'b00;

  // Replaces the bytes of `old` that the strobes select.
  function automatic logic [31:0] merge(logic [31:0] old, logic [31:0] data, logic [3:0] strobe);
    logic [31:0] result;
    for (int unsigned i = 0; i < 4; i++) result[8*i +: 8] = strobe[i] ? data[8*i +: 8] : old[8*i +: 8];
    return result;
  endfunction

  // Writes: hold address and data until both are there.
  logic                   aw_valid_q, w_valid_q, bvalid_q;
  logic [RegAddrBits-1:0] waddr_q;
  logic [31:0]            wdata_q;
  logic [3:0]             wstrb_q;
  logic                   write;

  assign s_axil_awready = !aw_valid_q;
  assign s_axil_wready  = !w_valid_q;
  assign s_axil_bvalid  = bvalid_q;
  assign s_axil_bresp   = RespOkay;
  assign write          = aw_valid_q && w_valid_q && (!bvalid_q || s_axil_bready);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      aw_valid_q <= 1'b0;
      w_valid_q  <= 1'b0;
      bvalid_q   <= 1'b0;
    end else begin
      if (s_axil_awvalid && s_axil_awready) aw_valid_q <= 1'b1;
      else if (write) aw_valid_q <= 1'b0;
      if (s_axil_wvalid && s_axil_wready) w_valid_q <= 1'b1;
      else if (write) w_valid_q <= 1'b0;
      if (write) bvalid_q <= 1'b1;
      else if (s_axil_bready) bvalid_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (s_axil_awready) waddr_q <= {s_axil_awaddr[RegAddrBits-1:2], 2'b00};
    if (s_axil_wready) begin
      wdata_q <= s_axil_wdata;
      wstrb_q <= s_axil_wstrb;
    end
  end

  // Registers.
  logic                      write_idle;  // to a register that is locked while busy
  logic                      control_write;
  logic [31:0]               program_hash_q, program_bytes_q;
  logic [NumBases-1:0][63:0] base_q;
  logic [1:0]                irq_enable_q, irq_status_q, irq_event, irq_clear;
  logic                      irq_q;

  assign write_idle    = write && !busy_i;
  assign control_write = write && waddr_q == RegControl && wstrb_q[0];
  assign abort_o       = control_write && wdata_q[ControlAbortLow];
  assign start_o       = control_write && wdata_q[ControlStartLow] && !abort_o;

  assign irq_event[IrqStatusDoneLow]  = done_event_i;
  assign irq_event[IrqStatusErrorLow] = error_event_i;
  assign irq_clear = (write && waddr_q == RegIrqStatus && wstrb_q[0]) ? wdata_q[1:0] : 2'b00;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      program_hash_q  <= '0;
      program_bytes_q <= '0;
      irq_enable_q    <= '0;
      irq_status_q    <= '0;
      irq_q           <= 1'b0;
    end else begin
      if (write_idle && waddr_q == RegProgramHash) program_hash_q <= merge(program_hash_q, wdata_q, wstrb_q);
      if (write_idle && waddr_q == RegProgramBytes) program_bytes_q <= merge(program_bytes_q, wdata_q, wstrb_q);
      if (write && waddr_q == RegIrqEnable && wstrb_q[0]) irq_enable_q <= wdata_q[1:0];
      irq_status_q <= (irq_status_q & ~irq_clear) | irq_event;
      irq_q        <= |(irq_status_q & irq_enable_q);
    end
  end

  for (genvar i = 0; i < int'(NumBases); i++) begin : gen_base
    localparam logic [RegAddrBits-1:0] Low  = RegBase0Lo + RegAddrBits'(8 * i);
    localparam logic [RegAddrBits-1:0] High = RegBase0Hi + RegAddrBits'(8 * i);

    always_ff @(posedge clk_i `DSF_OR_RESET) begin
      if (!rst_ni) begin
        base_q[i] <= '0;
      end else begin
        if (write_idle && waddr_q == Low) base_q[i][31:0] <= merge(base_q[i][31:0], wdata_q, wstrb_q);
        if (write_idle && waddr_q == High) base_q[i][63:32] <= merge(base_q[i][63:32], wdata_q, wstrb_q);
      end
    end
  end

  assign base_o          = base_q;
  assign program_hash_o  = program_hash_q;
  assign program_bytes_o = program_bytes_q;
  assign irq_o           = irq_q;

  // Reads.
  logic [RegAddrBits-1:0] raddr;
  logic [31:0]            rdata_d, rdata_q, status;
  logic                   rvalid_q;

  assign raddr          = {s_axil_araddr[RegAddrBits-1:2], 2'b00};
  assign s_axil_arready = !rvalid_q || s_axil_rready;
  assign s_axil_rvalid  = rvalid_q;
  assign s_axil_rdata   = rdata_q;
  assign s_axil_rresp   = RespOkay;

  always_comb begin
    status                 = '0;
    status[StatusBusyLow]  = busy_i;
    status[StatusDoneLow]  = done_i;
    status[StatusErrorLow] = error_i;
  end

  always_comb begin
    unique case (raddr)
      RegId:           rdata_d = IdValue;
      RegVersion:      rdata_d = VersionValue;
      RegHash:         rdata_d = ConfigHash;
      RegStatus:       rdata_d = status;
      RegError:        rdata_d = error_word_i;
      RegErrorIndex:   rdata_d = error_index_i;
      RegErrorDetail:  rdata_d = error_detail_i;
      RegIrqEnable:    rdata_d = {30'b0, irq_enable_q};
      RegIrqStatus:    rdata_d = {30'b0, irq_status_q};
      RegProgramHash:  rdata_d = program_hash_q;
      RegProgramBytes: rdata_d = program_bytes_q;
      RegBeatBytes:    rdata_d = BeatBytes;
      RegCyclesLo:     rdata_d = cycles_i[31:0];
      RegCyclesHi:     rdata_d = cycles_i[63:32];
      default:         rdata_d = '0;
    endcase
    for (int unsigned i = 0; i < NumBases; i++) begin
      if (raddr == RegBase0Lo + RegAddrBits'(8 * i)) rdata_d = base_q[i][31:0];
      if (raddr == RegBase0Hi + RegAddrBits'(8 * i)) rdata_d = base_q[i][63:32];
    end
    for (int unsigned i = 0; i < NumCounters; i++) begin
      if (raddr == RegCyclesHi + RegAddrBits'(4 * (i + 1))) rdata_d = counter_i[i];
    end
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) rvalid_q <= 1'b0;
    else if (s_axil_arready) rvalid_q <= s_axil_arvalid;
  end

  always_ff @(posedge clk_i) begin
    if (s_axil_arready) rdata_q <= rdata_d;
  end

  // Registers are words.
  logic unused_addr;
  assign unused_addr = ^{s_axil_awaddr[1:0], s_axil_araddr[1:0]};

  `DSF_ASSERT_STREAM(aw, s_axil_awvalid, s_axil_awready, s_axil_awaddr)
  `DSF_ASSERT_STREAM(w, s_axil_wvalid, s_axil_wready, {s_axil_wdata, s_axil_wstrb})
  `DSF_ASSERT_STREAM(b, s_axil_bvalid, s_axil_bready, s_axil_bresp)
  `DSF_ASSERT_STREAM(ar, s_axil_arvalid, s_axil_arready, s_axil_araddr)
  `DSF_ASSERT_STREAM(r, s_axil_rvalid, s_axil_rready, {s_axil_rdata, s_axil_rresp})

endmodule

`default_nettype wire
