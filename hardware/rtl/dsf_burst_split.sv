// SPDX-License-Identifier: Apache-2.0
//
// Cuts a DMA command into AXI bursts: each row by itself, never across a 4 KB border, MaxBurst beats at most, one burst
// per cycle. Addresses are those of whole beats; where a row begins and ends inside its beats is told beside them.
//
//   cmd_i  --base + offset-->  row  --+ row_stride-->  burst
//
// A row that lies beyond the address width, or runs past its end, stops the splitter: address_error_o stays until reset.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_burst_split
  import dsf_dma_pkg::*;
  import dsf_regs_pkg::NumBases;
#(
  parameter int unsigned AxiWidth  = 128,
  parameter int unsigned AddrWidth = 64,
  parameter int unsigned MaxBurst  = 16,
  localparam int unsigned ByteBits = $clog2(AxiWidth / 8)
) (
  input  wire logic                              clk_i,
  input  wire logic                              rst_ni,

  // The highest bit of a base says that the register holds more than AddrWidth bits.
  input  wire logic [NumBases-1:0][AddrWidth:0]  base_i,
  input  wire logic                              cmd_valid_i,
  output      logic                              cmd_ready_o,
  input  wire dma_command_t                      cmd_i,

  output      logic                              burst_valid_o,
  input  wire logic                              burst_ready_i,
  output      logic [AddrWidth-1:0]              burst_addr_o,
  output      logic [7:0]                        burst_len_o,        // beats - 1
  output      logic                              burst_row_first_o,
  output      logic                              burst_row_last_o,
  output      logic                              burst_cmd_last_o,
  output      logic [ByteBits-1:0]               burst_shift_o,      // byte lane of the row's first byte
  output      logic [ByteBits-1:0]               burst_tail_o,       // (bytes of a row - 1) modulo a beat

  output      logic                              address_error_o
);

  localparam int unsigned PageBits = 12;
  localparam int unsigned SlotBits = PageBits - ByteBits;  // a beat's place within 4 KB
  localparam int unsigned LeftBits = 33 - ByteBits;

  if (AddrWidth < 32 || AddrWidth > 64) begin : gen_check_addr
    $error("dsf_burst_split: AddrWidth has to be 32 to 64");
  end
  if (MaxBurst < 1 || MaxBurst > 256) begin : gen_check_burst
    $error("dsf_burst_split: MaxBurst has to be 1 to 256");
  end
  if (AxiWidth < 16 || AxiWidth > 1024 || (AxiWidth & (AxiWidth - 1)) != 0) begin : gen_check_width
    $error("dsf_burst_split: AxiWidth has to be a power of two, 16 to 1024");
  end

  // Rows of the command.
  logic                 active_q, beyond_q;
  logic [AddrWidth-1:0] row_addr_q;
  logic [15:0]          rows_left_q;                       // rows that follow
  logic [31:0]          bytes_q, stride_q;                 // bytes of a row - 1
  logic [AddrWidth:0]   base, first_row, next_row;
  logic                 take_cmd, take_row, last_row;

  assign base        = base_i[cmd_i.base];
  assign first_row   = {1'b0, base[AddrWidth-1:0]} + {{(AddrWidth - 31) {1'b0}}, cmd_i.offset};
  assign next_row    = {1'b0, row_addr_q} + {{(AddrWidth - 31) {1'b0}}, stride_q};
  assign last_row    = rows_left_q == '0;
  assign cmd_ready_o = !active_q || (take_row && last_row);
  assign take_cmd    = cmd_valid_i && cmd_ready_o;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      active_q <= 1'b0;
    end else if (take_cmd) begin
      active_q <= 1'b1;
    end else if (take_row && last_row) begin
      active_q <= 1'b0;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take_cmd) begin
      beyond_q    <= base[AddrWidth] || first_row[AddrWidth];
      row_addr_q  <= first_row[AddrWidth-1:0];
      rows_left_q <= cmd_i.rows - 16'd1;
      bytes_q     <= cmd_i.row_bytes - 32'd1;
      stride_q    <= cmd_i.row_stride;
    end else if (take_row) begin
      beyond_q    <= next_row[AddrWidth];
      row_addr_q  <= next_row[AddrWidth-1:0];
      rows_left_q <= rows_left_q - 16'd1;
    end
  end

  // Bursts of the row.
  logic                          valid_q, error_q;
  logic [AddrWidth-ByteBits-1:0] beat_q, beat_next;        // address in beats
  logic                          beat_carry;
  logic [LeftBits-1:0]           left_q;                   // beats of the row that are left - 1
  logic [ByteBits-1:0]           shift_q, tail_q;
  logic                          first_q, cmd_last_q;
  logic [LeftBits-1:0]           row_beats;                // - 1
  logic [ByteBits-1:0]           unused_end;
  logic [7:0]                    limit, len;
  logic                          row_last, take_burst, overflow;

  assign {row_beats, unused_end} = {1'b0, bytes_q} + 33'(row_addr_q[ByteBits-1:0]);

  if (SlotBits >= 8) begin : gen_long_page
    logic [SlotBits-1:0] to_border;
    assign to_border = ~beat_q[SlotBits-1:0];
    assign limit     = (to_border < SlotBits'(MaxBurst - 1)) ? to_border[7:0] : 8'(MaxBurst - 1);
  end else begin : gen_short_page
    logic [7:0] to_border;
    assign to_border = {{(8 - SlotBits) {1'b0}}, ~beat_q[SlotBits-1:0]};
    assign limit     = (to_border < 8'(MaxBurst - 1)) ? to_border : 8'(MaxBurst - 1);
  end

  assign row_last   = left_q <= LeftBits'(limit);
  assign len        = row_last ? left_q[7:0] : limit;
  assign {beat_carry, beat_next} = {1'b0, beat_q} + (AddrWidth - ByteBits + 1)'(len) + 1'b1;
  assign take_burst = valid_q && burst_ready_i;
  assign overflow   = take_burst && !row_last && beat_carry;
  assign take_row   = active_q && !beyond_q && !error_q && (!valid_q || (take_burst && row_last));

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      valid_q <= 1'b0;
      error_q <= 1'b0;
    end else begin
      if (take_row) valid_q <= 1'b1;
      else if (take_burst && (row_last || overflow)) valid_q <= 1'b0;
      if (overflow || (active_q && beyond_q)) error_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (take_row) begin
      beat_q     <= row_addr_q[AddrWidth-1:ByteBits];
      left_q     <= row_beats;
      shift_q    <= row_addr_q[ByteBits-1:0];
      tail_q     <= bytes_q[ByteBits-1:0];
      first_q    <= 1'b1;
      cmd_last_q <= last_row;
    end else if (take_burst) begin
      beat_q  <= beat_next;
      left_q  <= left_q - LeftBits'(len) - 1'b1;
      first_q <= 1'b0;
    end
  end

  assign burst_valid_o     = valid_q;
  assign burst_addr_o      = {beat_q, {ByteBits{1'b0}}};
  assign burst_len_o       = len;
  assign burst_row_first_o = first_q;
  assign burst_row_last_o  = row_last;
  assign burst_cmd_last_o  = row_last && cmd_last_q;
  assign burst_shift_o     = shift_q;
  assign burst_tail_o      = tail_q;
  assign address_error_o   = error_q;

  `DSF_ASSERT_STREAM(cmd, cmd_valid_i, cmd_ready_o, cmd_i)
  `DSF_ASSERT_STREAM(burst, burst_valid_o, burst_ready_i, {burst_addr_o, burst_len_o, burst_cmd_last_o})
  `DSF_ASSERT(cmd_is_not_empty, !cmd_valid_i || (cmd_i.rows != '0 && cmd_i.row_bytes != '0))

endmodule

`default_nettype wire
