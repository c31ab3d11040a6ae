// SPDX-License-Identifier: Apache-2.0
//
// What the host sees of the engine, and what steers it: registers, the life of a run, counters, interrupt.

`default_nettype none

module dsf_host
  import dsf_isa_pkg::*;
  import dsf_regs_pkg::*;
#(
  parameter int unsigned AddrWidth  = 64,
  parameter int unsigned BeatBytes  = 16,
  parameter logic [31:0] ConfigHash = 32'h0
) (
  input  wire logic                             clk_i,
  input  wire logic                             rst_ni,

  input  wire logic [RegAddrBits-1:0]           s_axil_awaddr,
  input  wire logic                             s_axil_awvalid,
  output      logic                             s_axil_awready,
  input  wire logic [31:0]                      s_axil_wdata,
  input  wire logic [3:0]                       s_axil_wstrb,
  input  wire logic                             s_axil_wvalid,
  output      logic                             s_axil_wready,
  output      logic [1:0]                       s_axil_bresp,
  output      logic                             s_axil_bvalid,
  input  wire logic                             s_axil_bready,
  input  wire logic [RegAddrBits-1:0]           s_axil_araddr,
  input  wire logic                             s_axil_arvalid,
  output      logic                             s_axil_arready,
  output      logic [31:0]                      s_axil_rdata,
  output      logic [1:0]                       s_axil_rresp,
  output      logic                             s_axil_rvalid,
  input  wire logic                             s_axil_rready,

  // To fetch and DMAs.
  output      logic [NumBases-1:0][AddrWidth:0] base_o,          // the highest bit: beyond AddrWidth bits
  output      logic [31:0]                      program_bytes_o,
  output      logic                             fetch_o,         // pulse
  output      logic                             halt_o,
  output      logic                             engine_rst_no,   // core, fetch and DMAs

  input  wire logic                             core_done_i,
  input  wire logic                             core_error_i,
  input  wire error_code_e                      core_code_i,
  input  wire logic [15:0]                      core_index_i,
  input  wire logic [7:0]                       core_detail_i,

  // By port: instructions, features, weights, output.
  input  wire logic [3:0]                       bus_busy_i,
  input  wire logic [3:0]                       bus_error_i,
  input  wire logic [3:0][1:0]                  bus_response_i,
  input  wire logic [3:0]                       address_error_i,

  input  wire logic [NumCounters-1:0]           event_i,
  output      logic                             run_o,           // events count
  output      logic                             irq_o
);

  logic                         start, abort;
  logic                         run_busy, run_done, run_error, done_event, error_event;
  logic [31:0]                  error_word, error_index, error_detail, program_hash;
  logic [63:0]                  cycles;
  logic [NumCounters-1:0][31:0] counter;
  logic [NumBases-1:0][63:0]    base_words;

  dsf_regs #(
    .BeatBytes (BeatBytes),
    .ConfigHash(ConfigHash)
  ) u_regs (
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
    .start_o        (start),
    .abort_o        (abort),
    .base_o         (base_words),
    .program_hash_o (program_hash),
    .program_bytes_o,
    .busy_i         (run_busy),
    .done_i         (run_done),
    .error_i        (run_error),
    .error_word_i   (error_word),
    .error_index_i  (error_index),
    .error_detail_i (error_detail),
    .done_event_i   (done_event),
    .error_event_i  (error_event),
    .cycles_i       (cycles),
    .counter_i      (counter),
    .irq_o
  );

  dsf_run_control u_run_control (
    .clk_i,
    .rst_ni,
    .start_i        (start),
    .abort_i        (abort),
    .hash_ok_i      (program_hash == ConfigHash),
    .empty_i        (program_bytes_o == '0),
    .core_done_i,
    .core_error_i,
    .core_code_i,
    .core_index_i,
    .core_detail_i,
    .bus_busy_i,
    .bus_error_i,
    .bus_response_i,
    .address_error_i,
    .fetch_o,
    .run_o,
    .halt_o,
    .engine_rst_no,
    .busy_o         (run_busy),
    .done_o         (run_done),
    .error_o        (run_error),
    .error_word_o   (error_word),
    .error_index_o  (error_index),
    .error_detail_o (error_detail),
    .done_event_o   (done_event),
    .error_event_o  (error_event)
  );

  dsf_counters #(
    .NumCounters(NumCounters)
  ) u_counters (
    .clk_i,
    .rst_ni,
    .clear_i  (fetch_o),
    .run_i    (run_o),
    .event_i,
    .cycles_o (cycles),
    .counter_o(counter)
  );

  // A base that does not fit the bus is marked; its use is an address error.
  for (genvar i = 0; i < int'(NumBases); i++) begin : gen_base
    if (AddrWidth < 64) begin : gen_narrow
      assign base_o[i] = {|base_words[i][63:AddrWidth], base_words[i][AddrWidth-1:0]};
    end else begin : gen_wide
      assign base_o[i] = {1'b0, base_words[i]};
    end
  end

endmodule

`default_nettype wire
