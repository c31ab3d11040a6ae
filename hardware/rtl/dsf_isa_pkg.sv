// SPDX-License-Identifier: Apache-2.0
//
// The instruction set. Generated from dsf/isa/table.py by `python -m dsf.codegen.generate`; do not edit.
// What each field means is in docs/isa.md.

/* verilator lint_off UNUSEDPARAM */
package dsf_isa_pkg;

  localparam int unsigned InstrWordBits = 256;
  localparam int unsigned InstrMaxBits  = 1024;
  localparam int unsigned NumQueues     = 5;

  localparam int unsigned QueueLoad = 0;
  localparam int unsigned QueueWeight = 1;
  localparam int unsigned QueueMatrix = 2;
  localparam int unsigned QueueVector = 3;
  localparam int unsigned QueueStore = 4;

  typedef enum logic [3:0] {
    OpLoad = 4'd1,
    OpLoadWeights = 4'd2,
    OpMatrix = 4'd3,
    OpVector = 4'd4,
    OpStore = 4'd5,
    OpEnd = 4'd6
  } opcode_e;

  // Length in units of InstrWordBits.
  localparam int unsigned LoadWords = 1;
  localparam int unsigned LoadWeightsWords = 1;
  localparam int unsigned MatrixWords = 4;
  localparam int unsigned VectorWords = 3;
  localparam int unsigned StoreWords = 1;
  localparam int unsigned EndWords = 1;

  typedef enum logic [3:0] {
    VectorMaxPool = 4'd0,
    VectorAveragePool = 4'd1,
    VectorAdd = 4'd2,
    VectorMultiply = 4'd3,
    VectorTable = 4'd4,
    VectorCopy = 4'd5
  } vector_function_e;

  // Values of load_weights_t's target.
  localparam logic [1:0] TargetWeights = 2'd0;
  localparam logic [1:0] TargetParameters = 2'd1;
  localparam logic [1:0] TargetTables = 2'd2;

  typedef enum logic [3:0] {
    ErrNone = 4'd0,
    ErrIllegalOpcode = 4'd1,
    ErrIllegalField = 4'd2,
    ErrTruncated = 4'd3,
    ErrAddress = 4'd4,
    ErrTokenOverflow = 4'd5,
    ErrTokensLeft = 4'd6,
    ErrWatchdog = 4'd7,
    ErrHashMismatch = 4'd8,
    ErrReadError = 4'd9,
    ErrWriteError = 4'd10,
    ErrAborted = 4'd11
  } error_code_e;

  typedef struct packed {
    logic [68:0] spare;
    logic [23:0] dst_stride;
    logic [23:0] dst;
    logic [31:0] row_stride;
    logic [23:0] row_elements;
    logic [15:0] rows;
    logic [31:0] offset;
    logic [2:0] base;
    logic [17:0] reserved;
    logic [4:0] signal_mask;
    logic [4:0] wait_mask;
    logic [3:0] opcode;
  } load_t;

  typedef struct packed {
    logic [98:0] spare;
    logic [11:0] groups;
    logic [19:0] words;
    logic [19:0] address;
    logic [3:0] bank;
    logic [1:0] target;
    logic [31:0] bytes;
    logic [31:0] offset;
    logic [2:0] base;
    logic [17:0] reserved;
    logic [4:0] signal_mask;
    logic [4:0] wait_mask;
    logic [3:0] opcode;
  } load_weights_t;

  typedef struct packed {
    logic [137:0] spare;
    logic signed [15:0] residual_high;
    logic signed [15:0] residual_low;
    logic [3:0] residual_leak;
    logic [5:0] residual_shift;
    logic signed [41:0] residual_offset;
    logic [25:0] residual_multiplier_b;
    logic [25:0] residual_multiplier_a;
    logic [23:0] residual_image_step;
    logic [23:0] residual_row_step;
    logic [19:0] residual_pixel_step;
    logic [23:0] residual_src;
    logic residual;
    logic signed [15:0] high;
    logic signed [15:0] low;
    logic signed [15:0] zero_point;
    logic [3:0] leak;
    logic [4:0] bias_shift;
    logic [11:0] parameter_address;
    logic [19:0] bank_words;
    logic [19:0] weight_words;
    logic [19:0] weight_address;
    logic [3:0] weight_bank;
    logic raw;
    logic partial;
    logic accumulate;
    logic depthwise;
    logic tall;
    logic [7:0] last_group_lanes;
    logic [11:0] channel_groups;
    logic [23:0] pixels;
    logic [23:0] dst_image_step;
    logic [23:0] dst_row_step;
    logic [19:0] dst_pixel_step;
    logic [23:0] dst;
    logic [11:0] images;
    logic [11:0] rows;
    logic [11:0] columns;
    logic [9:0] last_chunk;
    logic [17:0] chunks;
    logic [9:0] chunk;
    logic [17:0] run;
    logic [17:0] run_step;
    logic [7:0] kernel_runs;
    logic [19:0] kernel_row_words;
    logic skip_rows;
    logic [7:0] y_dilation;
    logic [23:0] kernel_row_step;
    logic [7:0] kernel_rows;
    logic signed [15:0] pad_value;
    logic [11:0] height;
    logic [17:0] row_elements;
    logic [23:0] image_step;
    logic [23:0] row_step;
    logic [7:0] y_step;
    logic signed [11:0] y_start;
    logic [15:0] x_step;
    logic signed [17:0] x_start;
    logic [23:0] src;
    logic [17:0] reserved;
    logic [4:0] signal_mask;
    logic [4:0] wait_mask;
    logic [3:0] opcode;
  } matrix_t;

  typedef struct packed {
    logic [50:0] spare;
    logic signed [15:0] zero_b;
    logic signed [15:0] zero_a;
    logic [19:0] table_address;
    logic signed [41:0] constant;
    logic [25:0] multiplier_b;
    logic [25:0] multiplier_a;
    logic [23:0] src_b_image_step;
    logic [23:0] src_b_row_step;
    logic [19:0] src_b_pixel_step;
    logic [23:0] src_b;
    logic signed [15:0] high;
    logic signed [15:0] low;
    logic [3:0] leak;
    logic [5:0] right;
    logic [3:0] left;
    logic count_padding;
    logic [15:0] channels;
    logic [15:0] dst_channel_step;
    logic [23:0] dst_image_step;
    logic [23:0] dst_row_step;
    logic [19:0] dst_pixel_step;
    logic [23:0] dst;
    logic [11:0] images;
    logic [11:0] rows;
    logic [11:0] columns;
    logic [15:0] kernel_column_step;
    logic [11:0] kernel_columns;
    logic [23:0] kernel_row_step;
    logic [11:0] kernel_rows;
    logic signed [15:0] pad_value;
    logic [11:0] height;
    logic [17:0] row_elements;
    logic [23:0] image_step;
    logic [23:0] row_step;
    logic [7:0] y_step;
    logic signed [11:0] y_start;
    logic [15:0] x_step;
    logic signed [17:0] x_start;
    logic [23:0] src;
    logic [3:0] function_code;
    logic [17:0] reserved;
    logic [4:0] signal_mask;
    logic [4:0] wait_mask;
    logic [3:0] opcode;
  } vector_t;

  typedef struct packed {
    logic [68:0] spare;
    logic [23:0] src_stride;
    logic [23:0] src;
    logic [31:0] row_stride;
    logic [23:0] row_elements;
    logic [15:0] rows;
    logic [31:0] offset;
    logic [2:0] base;
    logic [17:0] reserved;
    logic [4:0] signal_mask;
    logic [4:0] wait_mask;
    logic [3:0] opcode;
  } store_t;

  typedef struct packed {
    logic [223:0] spare;
    logic [17:0] reserved;
    logic [4:0] signal_mask;
    logic [4:0] wait_mask;
    logic [3:0] opcode;
  } end_t;

  // Whether each field has one of its legal values (docs/isa.md), and the bits after the last field are zero.
  /* verilator lint_off UNUSEDSIGNAL */
  function automatic logic is_legal_load(load_t i);
    return i.reserved == 18'd0 &&
           i.base <= 3'd4 &&
           i.spare == '0;
  endfunction

  function automatic logic is_legal_load_weights(load_weights_t i);
    return i.reserved == 18'd0 &&
           i.base <= 3'd4 &&
           i.target <= 2'd2 &&
           i.spare == '0;
  endfunction

  function automatic logic is_legal_matrix(matrix_t i);
    return i.reserved == 18'd0 &&
           i.spare == '0;
  endfunction

  function automatic logic is_legal_vector(vector_t i);
    return i.reserved == 18'd0 &&
           i.function_code <= 4'd5 &&
           (i.function_code inside {VectorMaxPool, VectorAveragePool} || (
             i.kernel_rows == 12'd1 &&
             i.kernel_row_step == 24'd0 &&
             i.kernel_columns == 12'd1 &&
             i.kernel_column_step == 16'd0 &&
             i.count_padding == 1'd0 &&
             i.left == 4'd0)) &&
           (i.function_code inside {VectorAdd, VectorMultiply, VectorTable, VectorCopy} || (
             i.dst_channel_step == 16'd1)) &&
           (i.function_code inside {VectorMaxPool, VectorAveragePool, VectorAdd, VectorMultiply} || (
             i.right == 6'd0 &&
             i.leak == 4'd0)) &&
           (i.function_code inside {VectorMaxPool, VectorAveragePool, VectorAdd, VectorMultiply, VectorCopy} || (
             i.low == 16'd0 &&
             i.high == 16'd0)) &&
           (i.function_code inside {VectorAdd, VectorMultiply} || (
             i.src_b == 24'd0 &&
             i.src_b_pixel_step == 20'd0 &&
             i.src_b_row_step == 24'd0 &&
             i.src_b_image_step == 24'd0 &&
             i.multiplier_a == 26'd0 &&
             i.constant == 42'd0)) &&
           (i.function_code inside {VectorAdd} || (
             i.multiplier_b == 26'd0)) &&
           (i.function_code inside {VectorTable} || (
             i.table_address == 20'd0)) &&
           (i.function_code inside {VectorMultiply} || (
             i.zero_a == 16'd0 &&
             i.zero_b == 16'd0)) &&
           i.spare == '0;
  endfunction

  function automatic logic is_legal_store(store_t i);
    return i.reserved == 18'd0 &&
           i.base <= 3'd4 &&
           i.spare == '0;
  endfunction

  function automatic logic is_legal_end(end_t i);
    return i.reserved == 18'd0 &&
           i.spare == '0;
  endfunction
  /* verilator lint_on UNUSEDSIGNAL */

endpackage
/* verilator lint_on UNUSEDPARAM */
