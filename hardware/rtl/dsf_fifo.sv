// SPDX-License-Identifier: Apache-2.0
//
// Queue in a RAM, first word falls through: one beat in and one out per cycle, two cycles from in to out. The RAM's
// output register holds the head, so Depth + 1 beats fit.
//
//   empty_o  nothing inside: neither in the RAM nor at the head

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_fifo #(
  parameter int unsigned Width = 32,
  parameter int unsigned Depth = 4
) (
  input  wire logic             clk_i,
  input  wire logic             rst_ni,

  input  wire logic             in_valid_i,
  output      logic             in_ready_o,
  input  wire logic [Width-1:0] in_data_i,

  output      logic             out_valid_o,
  input  wire logic             out_ready_i,
  output      logic [Width-1:0] out_data_o,

  output      logic             empty_o
);

  localparam int unsigned PtrBits   = dsf_pkg::index_bits(Depth);
  localparam int unsigned CountBits = $clog2(Depth + 1);
  localparam logic [PtrBits-1:0]   Last = PtrBits'(Depth - 1);
  localparam logic [CountBits-1:0] Full = CountBits'(Depth);

  logic [PtrBits-1:0]   wr_ptr_q, rd_ptr_q;
  logic [CountBits-1:0] count_q;
  logic                 head_valid_q;
  logic                 push, fetch;

  assign in_ready_o  = count_q != Full;
  assign out_valid_o = head_valid_q;
  assign empty_o     = !head_valid_q && count_q == '0;
  assign push        = in_valid_i && in_ready_o;
  assign fetch       = count_q != '0 && (!head_valid_q || out_ready_i);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      wr_ptr_q     <= '0;
      rd_ptr_q     <= '0;
      count_q      <= '0;
      head_valid_q <= 1'b0;
    end else begin
      if (push)  wr_ptr_q <= (wr_ptr_q == Last) ? '0 : wr_ptr_q + 1'b1;
      if (fetch) rd_ptr_q <= (rd_ptr_q == Last) ? '0 : rd_ptr_q + 1'b1;
      if (push && !fetch) count_q <= count_q + 1'b1;
      if (fetch && !push) count_q <= count_q - 1'b1;
      if (fetch)            head_valid_q <= 1'b1;
      else if (out_ready_i) head_valid_q <= 1'b0;
    end
  end

  dsf_ram #(
    .Depth    (Depth),
    .Lanes    (1),
    .LaneWidth(Width)
  ) u_ram (
    .clk_i,
    .wr_en_i  (push),
    .wr_addr_i(wr_ptr_q),
    .wr_data_i(in_data_i),
    .rd_en_i  (fetch),
    .rd_addr_i(rd_ptr_q),
    .rd_data_o(out_data_o)
  );

  `DSF_ASSERT_STREAM(in, in_valid_i, in_ready_o, in_data_i)
  `DSF_ASSERT_STREAM(out, out_valid_o, out_ready_i, out_data_o)

endmodule

`default_nettype wire
