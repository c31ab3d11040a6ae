// SPDX-License-Identifier: Apache-2.0
//
// Two readers on one AXI4 read port, told apart by the lowest bit of the ID. Addresses take turns, burst by burst; a
// chosen address stays until it is accepted. Data goes where its ID says, in whatever order memory answers.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_read_arbiter #(
  parameter int unsigned AddrWidth = 64,
  parameter int unsigned IdWidth   = 1
) (
  input  wire logic                      clk_i,
  input  wire logic                      rst_ni,

  input  wire logic [1:0][AddrWidth-1:0] araddr_i,
  input  wire logic [1:0][7:0]           arlen_i,
  input  wire logic [1:0]                arvalid_i,
  output      logic [1:0]                arready_o,
  output      logic [1:0]                rvalid_o,
  input  wire logic [1:0]                rready_i,

  output      logic [IdWidth-1:0]        m_axi_arid,
  output      logic [AddrWidth-1:0]      m_axi_araddr,
  output      logic [7:0]                m_axi_arlen,
  output      logic                      m_axi_arvalid,
  input  wire logic                      m_axi_arready,
  input  wire logic [IdWidth-1:0]        m_axi_rid,
  input  wire logic                      m_axi_rvalid,
  output      logic                      m_axi_rready
);

  logic locked_q, choice_q;  // an address is waiting; whose it is, or whose the last one was
  logic choice;

  // The other one first, unless it has nothing to ask.
  assign choice = locked_q ? choice_q : (arvalid_i[!choice_q] ? !choice_q : choice_q);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      locked_q <= 1'b0;
      choice_q <= 1'b0;
    end else if (m_axi_arvalid) begin
      locked_q <= !m_axi_arready;
      choice_q <= choice;
    end
  end

  assign m_axi_arid    = IdWidth'(choice);
  assign m_axi_araddr  = araddr_i[choice];
  assign m_axi_arlen   = arlen_i[choice];
  assign m_axi_arvalid = arvalid_i[choice];
  assign m_axi_rready  = rready_i[m_axi_rid[0]];

  for (genvar i = 0; i < 2; i++) begin : gen_reader
    assign arready_o[i] = m_axi_arready && choice == 1'(i);
    assign rvalid_o[i]  = m_axi_rvalid && m_axi_rid[0] == 1'(i);
  end

  if (IdWidth > 1) begin : gen_unused
    logic unused_id;
    assign unused_id = ^m_axi_rid[IdWidth-1:1];
  end

  `DSF_ASSERT_STREAM(ar, m_axi_arvalid, m_axi_arready, {m_axi_arid, m_axi_araddr, m_axi_arlen})

endmodule

`default_nettype wire
