// SPDX-License-Identifier: Apache-2.0
//
// The vector unit: one instruction at a time on feature memory. It issues the elements that a function needs, one read a
// cycle, and hands them to one of two paths; both write their results.
//
//   dsf_vector_seq ──> reads ──┬──> dsf_pooling       MAX_POOL, AVERAGE_POOL, COPY; VecLen channels at a time
//                              └──> dsf_elementwise   ADD, MULTIPLY, TABLE, COPY with channels apart; Lanes at a time
//
// Lanes is less than VecLen because a lane with its multipliers, its rounding and its table costs more than all of pooling's.
// An element of ADD and MULTIPLY is two reads. Both paths work on operands, which are elements but for those of one bit.
//
// The bit lengths of kernel_rows and kernel_columns may add up to WindowBits, and pad_value, zero_a and zero_b have to fit
// XBits, with one bit lie in -1 to 1: otherwise the unit stops with ErrIllegalField, for good. Other fields are checked by
// dsf_instr_check.

`default_nettype none
`include "dsf_reset.svh"
`include "dsf_assert.svh"

module dsf_vector
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned XBits      = 8,
  parameter int unsigned MBits      = 16,
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

  localparam int unsigned PathPooling  = 0;
  localparam int unsigned PathElements = 1;
  localparam int unsigned PathsTotal   = 2;

  localparam int unsigned OperandBits = operand_bits(XBits);

  if (Lanes > VecLen || Lanes != 1 << $clog2(Lanes)) begin : gen_check
    $error("dsf_vector: Lanes has to be a power of two, at most VecLen");
  end

  typedef struct packed {
    logic                read;
    logic                pad;
    logic                first;
    logic                last;
    // Of the last element of a window: where its result goes, its channels, and whether it is the instruction's last.
    logic [AddrBits-1:0] dst;
    logic [CountW-1:0]   lanes;
    logic                done;
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

  // Whether a value is one of an operand.
  function automatic logic fits(logic [15:0] value);
    fits = value == 16'($signed(value[OperandBits-1:0])) && (XBits != 1 || value[1:0] != 2'b10);
  endfunction

  assign legal = 32'(bit_length(config_q.kernel_rows) + bit_length(config_q.kernel_columns)) <= WindowBits &&
                 fits(config_q.pad_value) && fits(config_q.zero_a) && fits(config_q.zero_b);

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

  // Of the running instruction: which path, how many operands, and what stands for elements outside the image.
  logic pooling, wide_q, two_q, pad_q;

  assign pooling = config_q.function_code inside {VectorMaxPool, VectorAveragePool};

  always_ff @(posedge clk_i) begin
    wide_q <= pooling || (config_q.function_code == VectorCopy && config_q.dst_channel_step == 16'd1);
    two_q  <= config_q.function_code == VectorMultiply || config_q.multiplier_b[MBits-1:0] != '0;
    pad_q  <= !pooling || (config_q.count_padding && config_q.function_code == VectorAveragePool);
  end

  // Elements: issue.

  logic                                elem_valid, issue, room;
  element_t                            elem;
  logic [PathsTotal-1:0]               path, path_room, path_last, path_arrived, path_req, path_gnt, path_done;
  logic [PathsTotal-1:0][AddrBits-1:0] path_addr;
  logic [PathsTotal-1:0][CountW-1:0]   path_count;
  logic [VecLen-1:0][OperandBits-1:0]  operands, pool_data, results;
  logic [Lanes-1:0][OperandBits-1:0]   element_data;
  logic                                dividing;

  dsf_vector_seq #(.VecLen(VecLen), .Lanes(Lanes)) u_seq (
    .clk_i,
    .rst_ni,
    .start_i     (start),
    .config_i    (config_q),
    .wide_i      (wide_q),
    .two_i       (two_q),
    .pad_i       (pad_q),
    .elem_valid_o(elem_valid),
    .elem_ready_i(issue),
    .elem_read_o (elem.read),
    .elem_pad_o  (elem.pad),
    .elem_addr_o (rd_addr_o),
    .elem_first_o(elem.first),
    .elem_last_o (elem.last),
    .elem_dst_o  (elem.dst),
    .elem_lanes_o(elem.lanes),
    .elem_done_o (elem.done)
  );

  assign path      = {!wide_q, wide_q};
  assign room      = !elem.last || |(path & path_room);
  assign rd_req_o  = elem_valid && elem.read && room;
  assign issue     = elem_valid && room && (!elem.read || rd_gnt_i);
  assign path_last = path & {PathsTotal{issue && elem.last}};

  // Elements: arrival.

  logic [FmemReadLatency-1:0]     read_valid_q;
  element_t [FmemReadLatency-1:0] read_q;
  element_t                       arrived;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) read_valid_q <= '0;
    else         read_valid_q <= {read_valid_q[FmemReadLatency-2:0], issue};
  end

  always_ff @(posedge clk_i) read_q <= {read_q[FmemReadLatency-2:0], elem};

  assign arrived      = read_q[FmemReadLatency-1];
  assign path_arrived = path & {PathsTotal{read_valid_q[FmemReadLatency-1]}};

  dsf_element_decode #(.XBits(XBits), .Lanes(VecLen)) u_decode (.element_i(rd_data_i), .operand_o(operands));

  dsf_pooling #(.XBits(OperandBits), .VecLen(VecLen), .WindowBits(WindowBits), .CountW(CountW)) u_pooling (
    .clk_i,
    .rst_ni,
    .config_i    (config_q),
    .room_o      (path_room[PathPooling]),
    .issue_last_i(path_last[PathPooling]),
    .dividing_o  (dividing),
    .valid_i     (path_arrived[PathPooling]),
    .first_i     (arrived.first),
    .last_i      (arrived.last),
    .read_i      (arrived.read),
    .pad_i       (arrived.pad),
    .data_i      (operands),
    .dst_i       (arrived.dst),
    .lanes_i     (arrived.lanes),
    .done_i      (arrived.done),
    .wr_req_o    (path_req[PathPooling]),
    .wr_addr_o   (path_addr[PathPooling]),
    .wr_data_o   (pool_data),
    .wr_count_o  (path_count[PathPooling]),
    .wr_done_o   (path_done[PathPooling]),
    .wr_gnt_i    (path_gnt[PathPooling])
  );

  dsf_elementwise #(.XBits(OperandBits), .MBits(MBits), .Lanes(Lanes), .CountW(CountW)) u_elementwise (
    .clk_i,
    .rst_ni,
    .config_i     (config_q),
    .tb_wr_en_i,
    .tb_wr_table_i,
    .tb_wr_word_i,
    .tb_wr_data_i,
    .room_o       (path_room[PathElements]),
    .issue_last_i (path_last[PathElements]),
    .valid_i      (path_arrived[PathElements]),
    .first_i      (arrived.first),
    .last_i       (arrived.last),
    .read_i       (arrived.read),
    .data_i       (operands[Lanes-1:0]),
    .dst_i        (arrived.dst),
    .lanes_i      (arrived.lanes),
    .done_i       (arrived.done),
    .wr_req_o     (path_req[PathElements]),
    .wr_addr_o    (path_addr[PathElements]),
    .wr_data_o    (element_data),
    .wr_count_o   (path_count[PathElements]),
    .wr_done_o    (path_done[PathElements]),
    .wr_gnt_i     (path_gnt[PathElements])
  );

  // Writes, of one path at a time.

  logic [FmemWriteLatency-1:0] done_q;

  assign wr_req_o   = |path_req;
  assign wr_addr_o  = wide_q ? path_addr[PathPooling] : path_addr[PathElements];
  assign wr_count_o = wide_q ? path_count[PathPooling] : path_count[PathElements];
  assign path_gnt   = path_req & {PathsTotal{wr_gnt_i}};
  assign finish     = |(path_gnt & path_done);

  always_comb begin
    results = pool_data;
    if (!wide_q) results[Lanes-1:0] = element_data;
  end

  dsf_element_encode #(.ValueBits(OperandBits), .XBits(XBits), .Lanes(VecLen)) u_encode (
    .value_i  (results),
    .element_o(wr_data_o)
  );

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) done_q <= '0;
    else         done_q <= {done_q[FmemWriteLatency-2:0], finish};
  end

  assign done_o   = done_q[FmemWriteLatency-1];
  assign active_o = issue || dividing || (wr_req_o && wr_gnt_i);
  assign busy_o   = state_q == StCheck || state_q == StRun || |done_q;

  // Fields that only the paths read.
  logic unused;
  assign unused = ^config_q;

  `DSF_ASSERT(one_path_at_a_time, (path_req & ~path) == '0)
  `DSF_ASSERT_STREAM(write, wr_req_o, wr_gnt_i, {wr_addr_o, wr_count_o})

endmodule

`default_nettype wire
