// SPDX-License-Identifier: Apache-2.0
//
// What dsf_read_arbiter promises to two readers that hold on to their requests:
//
//   fairness     while a reader waits, at most one burst of the other is accepted
//   no idling    an address is offered whenever a reader has one
//   addresses    the offered one is that of the reader whose number is the ID, and only that reader is told of acceptance
//   stability    an offered address stays until it is accepted, whatever the other reader does
//   data         go to the reader of their ID, and wait for that reader

`default_nettype none
`include "dsf_formal.svh"

module dsf_read_arbiter_formal #(
  parameter int unsigned AddrWidth = 64,
  parameter int unsigned IdWidth   = 1
) (
  input wire logic                      clk_i,
  input wire logic                      rst_ni,
  input wire logic [1:0][AddrWidth-1:0] araddr_i,
  input wire logic [1:0][7:0]           arlen_i,
  input wire logic [1:0]                arvalid_i,
  input wire logic [1:0]                arready_o,
  input wire logic [1:0]                rvalid_o,
  input wire logic [1:0]                rready_i,
  input wire logic [IdWidth-1:0]        m_axi_arid,
  input wire logic [AddrWidth-1:0]      m_axi_araddr,
  input wire logic [7:0]                m_axi_arlen,
  input wire logic                      m_axi_arvalid,
  input wire logic                      m_axi_arready,
  input wire logic [IdWidth-1:0]        m_axi_rid,
  input wire logic                      m_axi_rvalid,
  input wire logic                      m_axi_rready,
  input wire logic                      locked_q,
  input wire logic                      choice_q
);

  `DSF_FORMAL_RESET

  logic accepted;
  assign accepted = m_axi_arvalid && m_axi_arready;

  `DSF_PROVE(no_idling, m_axi_arvalid == (arvalid_i != '0))
  `DSF_PROVE(id, m_axi_arid <= 1)
  `DSF_PROVE(valid, !m_axi_arvalid || arvalid_i[m_axi_arid[0]])
  `DSF_PROVE(address, {m_axi_araddr, m_axi_arlen} == {araddr_i[m_axi_arid[0]], arlen_i[m_axi_arid[0]]})
  `DSF_PROVE_STREAM(stability, m_axi_arvalid, m_axi_arready, {m_axi_arid, m_axi_araddr, m_axi_arlen})
  `DSF_PROVE(ready_follows_data, m_axi_rready == rready_i[m_axi_rid[0]])

  for (genvar i = 0; i < 2; i++) begin : gen_reader

    // Bursts of the other reader that were accepted since this one asks.
    logic [1:0] passed_q;
    always_ff @(posedge clk_i) begin
      if (!rst_ni || !arvalid_i[i] || arready_o[i]) passed_q <= '0;
      else                                          passed_q <= passed_q + 2'(accepted);
    end

    `DSF_ASSUME_STREAM(request, arvalid_i[i], arready_o[i], {araddr_i[i], arlen_i[i]})
    `DSF_PROVE(fairness, passed_q <= 1)
    `DSF_PROVE(told, (arvalid_i[i] && arready_o[i]) == (accepted && m_axi_arid[0] == 1'(i)))
    `DSF_PROVE(data, rvalid_o[i] == (m_axi_rvalid && m_axi_rid[0] == 1'(i)))

    // Representation: who was passed is next.
    `DSF_PROVE(turn, passed_q == '0 || (arvalid_i[i] && m_axi_arid[0] == 1'(i)))

  end

  `DSF_PROVE(lock, !locked_q || arvalid_i[choice_q])

endmodule

bind dsf_read_arbiter dsf_read_arbiter_formal #(.AddrWidth(AddrWidth), .IdWidth(IdWidth)) u_formal (.*);

`default_nettype wire
