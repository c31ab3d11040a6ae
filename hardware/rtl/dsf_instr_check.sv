// SPDX-License-Identifier: Apache-2.0
//
// Whether an instruction's fields are ones that this engine can carry out: those with limits of their own respect them, no
// count is zero, what indexes the hardware's own dimensions lies inside them, and what stands for elements of feature memory is
// such. Combinational.
//
// Not checked here: addresses (the units do, where they use them) and products of fields that have to agree, such as
// `pixels` with `images * rows * columns`; a disagreement ends in the watchdog.

`default_nettype none

module dsf_instr_check
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
#(
  parameter int unsigned Rows      = 8,
  parameter int unsigned Groups    = 3,
  parameter int unsigned GroupCols = 8,
  parameter int unsigned VecLen    = 32,
  parameter int unsigned XBits     = 8
) (
  input  wire logic [InstrMaxBits-1:0] instr_i,
  // The array holds the sums of a MATRIX instruction that was partial, the last one before this.
  input  wire logic                    partial_i,
  output      logic                    legal_o
);

  // numerics.MAX_SHIFT
  localparam logic [5:0] MaxShift = 6'd47;

  load_t         load;
  load_weights_t weights;
  matrix_t       matrix;
  vector_t       vector;
  store_t        store;
  end_t          finish;

  assign load    = instr_i[$bits(load_t)-1:0];
  assign weights = instr_i[$bits(load_weights_t)-1:0];
  assign matrix  = instr_i[$bits(matrix_t)-1:0];
  assign vector  = instr_i[$bits(vector_t)-1:0];
  assign store   = instr_i[$bits(store_t)-1:0];
  assign finish  = instr_i[$bits(end_t)-1:0];

  // An element, or with elements of one bit also 0, which is between them.
  localparam logic signed [15:0] Least = -(16'sd1 << (operand_bits(XBits) - 1)) + 16'(XBits == 1);
  localparam logic signed [15:0] Most  = (16'sd1 << (operand_bits(XBits) - 1)) - 16'sd1;

  function automatic logic is_element(logic signed [15:0] value);
    return value >= Least && value <= Most;
  endfunction

  logic load_ok, weights_ok, matrix_ok, sums_ok, vector_ok, store_ok, scaled;

  assign load_ok  = is_legal_load(load) && load.rows != '0 && load.row_elements != '0;
  assign store_ok = is_legal_store(store) && store.rows != '0 && store.row_elements != '0;

  assign weights_ok = is_legal_load_weights(weights) &&
                      weights.bytes != '0 && weights.words != '0 && weights.groups != '0 &&
                      32'(weights.bank) < Groups;

  // Sums that stay in the array are those of one tile of one pass.
  always_comb begin
    sums_ok = matrix.accumulate == partial_i;
    if (matrix.accumulate || matrix.partial) begin
      if (matrix.depthwise || (matrix.partial && matrix.residual)) sums_ok = 1'b0;
      if (32'(matrix.pixels) > (matrix.tall ? Groups * Rows : Rows)) sums_ok = 1'b0;
      if (32'(matrix.channel_groups) > (matrix.tall ? 1 : Groups)) sums_ok = 1'b0;
    end
  end

  assign matrix_ok = is_legal_matrix(matrix) && sums_ok &&
                     matrix.kernel_rows != '0 && matrix.kernel_runs != '0 && matrix.run != '0 &&
                     matrix.chunks != '0 && matrix.chunk != '0 && (matrix.depthwise || 32'(matrix.chunk) <= VecLen + 1) &&
                     matrix.last_chunk != '0 && matrix.last_chunk <= matrix.chunk &&
                     matrix.columns != '0 && matrix.rows != '0 && matrix.images != '0 && matrix.pixels != '0 &&
                     matrix.channel_groups != '0 && matrix.weight_words != '0 &&
                     matrix.last_group_lanes != '0 && 32'(matrix.last_group_lanes) <= GroupCols &&
                     32'(matrix.weight_bank) < Groups && (matrix.tall || matrix.weight_bank == '0) &&
                     !(matrix.tall && matrix.depthwise) && (!matrix.skip_rows || matrix.pad_value == '0) &&
                     is_element(matrix.pad_value) &&
                     (matrix.raw || (is_element(matrix.zero_point) && is_element(matrix.low) && is_element(matrix.high) &&
                                     is_element(matrix.residual_low) && is_element(matrix.residual_high)));

  // Functions that shift right.
  assign scaled    = vector.function_code == VectorAdd || vector.function_code == VectorMultiply;
  assign vector_ok = is_legal_vector(vector) &&
                     vector.dst_channel_step != '0 && 32'(vector.table_address) < VectorTables &&
                     (!scaled || vector.right <= MaxShift) &&
                     vector.kernel_rows != '0 && vector.kernel_columns != '0 && vector.channels != '0 &&
                     vector.columns != '0 && vector.rows != '0 && vector.images != '0;

  always_comb begin
    unique case (finish.opcode)
      OpLoad:        legal_o = load_ok;
      OpLoadWeights: legal_o = weights_ok;
      OpMatrix:      legal_o = matrix_ok;
      OpVector:      legal_o = vector_ok;
      OpStore:       legal_o = store_ok;
      OpEnd:         legal_o = is_legal_end(finish);
      default:       legal_o = 1'b0;
    endcase
  end

endmodule

`default_nettype wire
