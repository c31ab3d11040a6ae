// SPDX-License-Identifier: Apache-2.0
//
// The vector unit: maximum and average pooling of feature memory, VecLen channels at a time. Bit-exact with pool_scale of
// dsf/numerics.py.
//
// Three stages work on three windows at a time: elements are read and accumulated, one a cycle; the sums are divided,
// about XBits + 1 cycles, or taken as they are where nothing has to be scaled; the result waits for its write.
//
//   cycle from grant   0       3                  4                       5 ..      then
//                      read    accumulate         sums -> dividers        divide    result -> register, write
//
// What is on its way can't be stalled, so a window's last element is only issued when there is room for its sums: when the
// dividers are sure to be free 4 cycles later, or, without division, when fewer than two results are not yet written.
//
// The bit lengths of kernel_rows and kernel_columns may add up to WindowBits, and pad_value has to fit XBits:
// otherwise the unit stops with ErrIllegalField, for good. An average over no elements at all is not defined, but ends.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_vector
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned XBits      = 8,
  parameter int unsigned VecLen     = 32,
  parameter int unsigned Lanes      = 8,
  parameter int unsigned WindowBits = 16,
  localparam int unsigned CountW = $clog2(VecLen + 1)
) (
  input  wire logic                         clk_i,
  input  wire logic                         rst_ni,

  input  wire logic                         instr_valid_i,
  input  wire vector_t                      instr_i,
  output      logic                         instr_ready_o,
  output      logic                         done_o,
  output      logic                         active_o,
  output      logic                         busy_o,
  output      logic                         error_o,
  output      error_code_e                  error_code_o,

  // Tables, from the weight stream.
  input  wire logic                         tb_wr_en_i,
  input  wire logic [TableBits-1:0]         tb_wr_table_i,
  input  wire logic [TableWordsBits-1:0]    tb_wr_word_i,
  input  wire logic [ParamBits-1:0]         tb_wr_data_i,

  output      logic                         rd_req_o,
  output      logic [AddrBits-1:0]          rd_addr_o,
  input  wire logic                         rd_gnt_i,
  input  wire logic [VecLen-1:0][XBits-1:0] rd_data_i,

  output      logic                         wr_req_o,
  output      logic [AddrBits-1:0]          wr_addr_o,
  output      logic [VecLen-1:0][XBits-1:0] wr_data_o,
  output      logic [CountW-1:0]            wr_count_o,
  input  wire logic                         wr_gnt_i
);

  localparam int unsigned AccBits = XBits + WindowBits;
  localparam int unsigned StepBits = $clog2(XBits + 17);
  // From the issue of a window's last element to the load of the dividers.
  localparam int unsigned LoadLatency = FmemReadLatency + 1;

  typedef struct packed {
    logic [AddrBits-1:0] dst;
    logic [CountW-1:0]   lanes;
    logic                done;
  } window_t;

  typedef struct packed {
    logic    read;
    logic    pad;
    logic    first;
    logic    last;
    window_t window;
  } element_t;

  // Instruction.

  typedef enum logic [1:0] {
    StIdle,
    StCheck,
    StRun,
    StError
  } state_e;

  state_e  state_q;
  vector_t config_q;
  logic    legal, start, finish;

  // The number of bits of a count.
  function automatic logic [4:0] bit_length(logic [CountBits-1:0] count);
    bit_length = '0;
    for (int unsigned b = 0; b < CountBits; b++) if (count[b]) bit_length = 5'(b + 1);
  endfunction

  assign legal = 32'(bit_length(config_q.kernel_rows) + bit_length(config_q.kernel_columns)) <= WindowBits &&
                 config_q.pad_value[15:XBits-1] == {(17 - XBits){config_q.pad_value[15]}};

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      state_q <= StIdle;
    end else begin
      unique case (state_q)
        StIdle:  if (instr_valid_i) state_q <= StCheck;
        StCheck: state_q <= legal ? StRun : StError;
        StRun:   if (finish) state_q <= StIdle;
        default: state_q <= StError;
      endcase
    end
  end

  always_ff @(posedge clk_i) if (state_q == StIdle) config_q <= instr_i;

  assign instr_ready_o = state_q == StIdle;
  assign start         = state_q == StCheck && legal;
  assign error_o       = state_q == StError;
  assign error_code_o  = error_o ? ErrIllegalField : ErrNone;

  logic maximum, single, unscaled, direct_q;

  assign maximum  = config_q.function_code == VectorMaxPool;
  assign single   = config_q.kernel_rows == CountBits'(1) && config_q.kernel_columns == CountBits'(1);
  assign unscaled = config_q.right == 6'(config_q.left) && config_q.leak == '0;

  always_ff @(posedge clk_i) direct_q <= unscaled && (maximum || single);

  // Elements: issue.

  logic                elem_valid, issue, issue_last, room;
  element_t            elem;
  logic [1:0]          on_way_q, unwritten_q;
  logic                load, result_valid_q, divide_valid_q, divide_leave;
  logic [StepBits-1:0] steps_left;

  dsf_vector_seq #(.VecLen(VecLen)) u_seq (
    .clk_i,
    .rst_ni,
    .start_i     (start),
    .config_i    (config_q),
    .elem_valid_o(elem_valid),
    .elem_ready_i(issue),
    .elem_read_o (elem.read),
    .elem_pad_o  (elem.pad),
    .elem_addr_o (rd_addr_o),
    .elem_first_o(elem.first),
    .elem_last_o (elem.last),
    .elem_dst_o  (elem.window.dst),
    .elem_lanes_o(elem.window.lanes),
    .elem_done_o (elem.window.done)
  );

  always_comb begin
    if (!elem.last)             room = 1'b1;
    else if (direct_q)          room = unwritten_q < 2'd2;
    else if (on_way_q != '0)    room = 1'b0;
    else if (divide_valid_q)    room = !result_valid_q && 32'(steps_left) <= LoadLatency;
    else                        room = 1'b1;
  end

  assign rd_req_o   = elem_valid && elem.read && room;
  assign issue      = elem_valid && room && (!elem.read || rd_gnt_i);
  assign issue_last = issue && elem.last;

  // Windows whose last element is issued: not yet in the dividers, not yet written.
  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      on_way_q    <= '0;
      unwritten_q <= '0;
    end else begin
      on_way_q    <= on_way_q + 2'(issue_last) - 2'(load);
      unwritten_q <= unwritten_q + 2'(issue_last) - 2'(wr_req_o && wr_gnt_i);
    end
  end

  // Elements: accumulate.

  logic [FmemReadLatency-1:0]      read_valid_q;
  element_t [FmemReadLatency-1:0]  read_q;
  element_t                        arrived;
  logic                            arrived_valid, sum_valid_q;
  window_t                         sum_window_q;
  logic [WindowBits-1:0]           count_q;
  logic [VecLen-1:0][AccBits-1:0]  sum;

  assign arrived       = read_q[FmemReadLatency-1];
  assign arrived_valid = read_valid_q[FmemReadLatency-1];

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      read_valid_q <= '0;
      sum_valid_q  <= 1'b0;
    end else begin
      read_valid_q <= {read_valid_q[FmemReadLatency-2:0], issue};
      sum_valid_q  <= arrived_valid && arrived.last;
    end
  end

  always_ff @(posedge clk_i) begin
    read_q <= {read_q[FmemReadLatency-2:0], elem};
    if (arrived_valid) begin
      sum_window_q <= arrived.window;
      count_q      <= (arrived.first ? '0 : count_q) + WindowBits'(arrived.read || arrived.pad);
    end
  end

  for (genvar l = 0; l < int'(VecLen); l++) begin : gen_lane
    dsf_pool_lane #(.XBits(XBits), .AccBits(AccBits)) u_pool (
      .clk_i,
      .maximum_i(maximum),
      .pad_i    (config_q.pad_value[XBits-1:0]),
      .valid_i  (arrived_valid),
      .first_i  (arrived.first),
      .read_i   (arrived.read),
      .counted_i(arrived.read || arrived.pad),
      .data_i   (rd_data_i[l]),
      .acc_o    (sum[l])
    );
  end

  // Division.

  window_t                      divide_window_q;
  logic [VecLen-1:0][XBits-1:0] quotient;

  assign load         = sum_valid_q;
  assign divide_leave = divide_valid_q && steps_left == '0 && (!result_valid_q || wr_gnt_i);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)           divide_valid_q <= 1'b0;
    else if (load)         divide_valid_q <= 1'b1;
    else if (divide_leave) divide_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) if (load) divide_window_q <= sum_window_q;

  dsf_divider #(.XBits(XBits), .WindowBits(WindowBits), .Lanes(VecLen)) u_divider (
    .clk_i,
    .rst_ni,
    .left_i      (config_q.left),
    .right_i     (config_q.right),
    .leak_i      (config_q.leak),
    .low_i       (config_q.low),
    .high_i      (config_q.high),
    .load_i      (load),
    .direct_i    (direct_q),
    .acc_i       (sum),
    .count_i     (maximum ? WindowBits'(1) : count_q),
    .steps_left_o(steps_left),
    .result_o    (quotient)
  );

  // Result.

  logic                        result_done_q;
  logic [FmemWriteLatency-1:0] done_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni)           result_valid_q <= 1'b0;
    else if (divide_leave) result_valid_q <= 1'b1;
    else if (wr_gnt_i)     result_valid_q <= 1'b0;
  end

  always_ff @(posedge clk_i) begin
    if (divide_leave) begin
      wr_addr_o     <= divide_window_q.dst;
      wr_data_o     <= quotient;
      wr_count_o    <= divide_window_q.lanes;
      result_done_q <= divide_window_q.done;
    end
  end

  assign wr_req_o = result_valid_q;
  assign finish   = wr_req_o && wr_gnt_i && result_done_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) done_q <= '0;
    else         done_q <= {done_q[FmemWriteLatency-2:0], finish};
  end

  assign done_o   = done_q[FmemWriteLatency-1];
  assign active_o = issue || steps_left != '0 || (wr_req_o && wr_gnt_i);
  assign busy_o   = state_q == StCheck || state_q == StRun || |done_q;

  // Fields of functions that are not built.
  logic unused;
  assign unused = ^{config_q, tb_wr_en_i, tb_wr_table_i, tb_wr_word_i, tb_wr_data_i, Lanes[0]};

  `DSF_ASSERT(sums_find_room, !load || !divide_valid_q || divide_leave)
  `DSF_ASSERT_STREAM(write, wr_req_o, wr_gnt_i, {wr_addr_o, wr_count_o, wr_data_o})

endmodule

`default_nettype wire
