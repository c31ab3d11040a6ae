// SPDX-License-Identifier: Apache-2.0
//
// The common half of LOAD and STORE. Takes instructions, sends the DMA's command at once, so that the memory's latency
// overlaps with the data of earlier instructions, and walks the beats of their rows in order, one per cycle:
//
//   for r in range(rows):
//     for left in range(row_elements, 0, -beat):
//       addr = base + r * stride + (row_elements - left);  count = min(left, beat)
//
// BeatElems are those of a beat of the stream, or of a read of feature memory.
//
//   beat_next_i  the beat at the outputs has moved; the next one is there in the next cycle
//
// A row that reaches beyond feature memory is an error that stays until reset: no beat of it appears.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_row_walker
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_dma_pkg::*;
#(
  parameter int unsigned XBits           = 8,
  parameter int unsigned BeatElems       = 16,
  parameter int unsigned FeatureElements = 32768,
  localparam int unsigned BeatBits       = $clog2(BeatElems + 1)
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,

  input  wire logic                instr_valid_i,
  output      logic                instr_ready_o,
  input  wire load_t               instr_i,         // or a store_t: the fields lie in the same places
  input  wire logic [15:0]         instr_index_i,

  output      logic                cmd_valid_o,
  input  wire logic                cmd_ready_i,
  output      dma_command_t        cmd_o,

  output      logic                beat_valid_o,
  output      logic [AddrBits-1:0] beat_addr_o,
  output      logic [BeatBits-1:0] beat_count_o,
  output      logic                beat_row_last_o, // last of its row
  output      logic                beat_last_o,     // last of its instruction
  input  wire logic                beat_next_i,

  output      logic                error_o,         // ErrAddress
  output      logic [15:0]         error_index_o
);

  localparam int unsigned PerByte = 8 / XBits;
  localparam int unsigned Pending = 4;

  typedef struct packed {
    logic [15:0]         index;
    logic [AddrBits-1:0] stride;
    logic [AddrBits-1:0] base;
    logic [15:0]         rows;
    logic [AddrBits-1:0] row_elements;
  } job_t;

  logic error_q;

  // Instructions, and their commands.
  job_t         job_in, job;
  logic         job_room, job_valid, job_take, take;
  logic         cmd_valid_q;
  dma_command_t cmd_q;

  assign instr_ready_o = job_room && (!cmd_valid_q || cmd_ready_i) && !error_q;
  assign take          = instr_valid_i && instr_ready_o;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)          cmd_valid_q <= 1'b0;
    else if (take)        cmd_valid_q <= 1'b1;
    else if (cmd_ready_i) cmd_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      cmd_q <= '{
        row_stride: instr_i.row_stride,
        row_bytes:  (32'(instr_i.row_elements) + PerByte - 1) >> $clog2(PerByte),
        rows:       instr_i.rows,
        offset:     instr_i.offset,
        base:       instr_i.base
      };
    end
  end

  assign cmd_valid_o = cmd_valid_q;
  assign cmd_o       = cmd_q;

  assign job_in = '{
    index:        instr_index_i,
    stride:       instr_i.dst_stride,
    base:         instr_i.dst,
    rows:         instr_i.rows,
    row_elements: instr_i.row_elements
  };

  logic unused_jobs_empty;

  dsf_fifo #(
    .Width($bits(job_t)),
    .Depth(Pending)
  ) u_jobs (
    .clk_i,
    .rst_ni,
    .in_valid_i (take),
    .in_ready_o (job_room),
    .in_data_i  (job_in),
    .out_valid_o(job_valid),
    .out_ready_i(job_take),
    .out_data_o (job),
    .empty_o    (unused_jobs_empty)
  );

  // Beats.
  logic                running_q;
  job_t                job_q;          // base: of the row; rows: that follow it
  logic [AddrBits-1:0] addr_q, left_q; // next element of the row, elements that are left of it
  logic [AddrBits-1:0] limit_q;        // largest legal base of a row, if there is one
  logic                outside_q;      // the row's, found a cycle ahead: requests wait for it
  logic [AddrBits-1:0] next_base;
  logic                moved, row_end;

  assign next_base = job_q.base + job_q.stride;
  assign row_end   = left_q <= AddrBits'(BeatElems);
  assign moved     = beat_valid_o && beat_next_i;
  assign job_take  = (!running_q || (moved && beat_last_o)) && job_valid && !error_q;

  assign beat_valid_o    = running_q && !outside_q && !error_q;
  assign beat_addr_o     = addr_q;
  assign beat_count_o    = row_end ? left_q[BeatBits-1:0] : BeatBits'(BeatElems);
  assign beat_row_last_o = row_end;
  assign beat_last_o     = row_end && job_q.rows == '0;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      running_q <= 1'b0;
      error_q   <= 1'b0;
    end else begin
      if (job_take)                  running_q <= 1'b1;
      else if (moved && beat_last_o) running_q <= 1'b0;
      if (running_q && outside_q) error_q <= 1'b1;
    end
  end

  always_ff @(posedge clk_i) begin
    if (job_take) begin
      job_q      <= job;
      job_q.rows <= job.rows - 1'b1;
      addr_q     <= job.base;
      left_q     <= job.row_elements;
      limit_q    <= AddrBits'(FeatureElements) - job.row_elements;
      outside_q  <= {1'b0, job.base} + {1'b0, job.row_elements} > (AddrBits + 1)'(FeatureElements);
    end else if (moved && row_end) begin
      job_q.rows <= job_q.rows - 1'b1;
      job_q.base <= next_base;
      addr_q     <= next_base;
      left_q     <= job_q.row_elements;
      outside_q  <= next_base > limit_q;
    end else if (moved) begin
      addr_q <= addr_q + AddrBits'(BeatElems);
      left_q <= left_q - AddrBits'(BeatElems);
    end
  end

  assign error_o       = error_q;
  assign error_index_o = job_q.index;

  logic unused_header;
  assign unused_header = ^{instr_i.opcode, instr_i.wait_mask, instr_i.signal_mask, instr_i.reserved, instr_i.spare};

  `DSF_ASSERT_STREAM(cmd, cmd_valid_o, cmd_ready_i, cmd_o)

endmodule

`default_nettype wire
