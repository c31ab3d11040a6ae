// SPDX-License-Identifier: Apache-2.0
//
// Constants, types and elaboration-time functions that several modules share. What follows from the instruction set
// is in dsf_isa_pkg; what follows from the user's Hardware arrives by parameter.

// No single top level uses all of them.
/* verilator lint_off UNUSEDPARAM */

package dsf_pkg;

  // Element addresses of feature memory; they wrap.
  localparam int unsigned AddrBits = 24;
  // Columns, rows and images of an output.
  localparam int unsigned CountBits = 12;

  // Cycles from a read grant of feature memory to its data: RAM, register, rotator and register.
  localparam int unsigned FmemReadLatency = 3;
  // Cycles from a write grant of feature memory until a read grant sees the data.
  localparam int unsigned FmemWriteLatency = 3;

  // Kinds of processing elements, the parameter Pe; see docs/processing-element.md.
  localparam int unsigned PeInteger = 0;
  localparam int unsigned PeBinary  = 1;

  // Cycles from a PE's operands at its ports to the accumulator that includes them.
  function automatic int unsigned pe_latency(int unsigned pe);
    return (pe == PeBinary) ? 1 : 2;
  endfunction

  // Bits of an element of feature memory as an operand. One bit b stands for 2b - 1, and as an operand there is also 0, for
  // padding.
  function automatic int unsigned operand_bits(int unsigned x_bits);
    return max2(2, x_bits);
  endfunction

  // Clients of feature memory, highest priority first; see docs/port-budget.md.
  localparam int unsigned FmemReaders    = 4;
  localparam int unsigned FmemReadFeeder = 0;
  localparam int unsigned FmemReadDrain  = 1;
  localparam int unsigned FmemReadVector = 2;
  localparam int unsigned FmemReadStore  = 3;
  localparam int unsigned FmemWriters     = 3;
  localparam int unsigned FmemWriteDrain  = 0;
  localparam int unsigned FmemWriteVector = 1;
  localparam int unsigned FmemWriteLoad   = 2;

  // A channel's parameters, as they lie in the weight stream (layout of dsf/layout.py).
  typedef struct packed {
    logic [9:0]         multiplier_high;
    logic [5:0]         shift;
    logic [15:0]        multiplier;
    logic signed [31:0] bias;
  } channel_param_t;

  localparam int unsigned ParamBits     = 64;
  localparam int unsigned ParamAddrBits = 12;

  // Lookup tables of the vector unit. A table has an entry for each value of an operand, as wide as that; the weight stream
  // brings it in words of ParamBits, or in a smaller one where that holds it all.
  localparam int unsigned VectorTables   = 2;
  localparam int unsigned TableBits      = $clog2(VectorTables);
  localparam int unsigned TableWordsBits = 5;

  function automatic int unsigned table_words(int unsigned bits);
    return max2(1, (bits << bits) / ParamBits);
  endfunction

  // Lanes of the vector unit for functions of single elements: a power of two, and no more than the epilogue has.
  function automatic int unsigned vector_lanes(int unsigned group_cols);
    return min2(16, 1 << ($clog2(group_cols + 1) - 1));
  endfunction

  // Bits that a weight word of `lanes` weights takes in the weight stream.
  function automatic int unsigned weight_slot_bits(int unsigned lanes, int unsigned w_bits);
    return max2(8, 1 << $clog2(lanes * w_bits));
  endfunction

  // Weight words that a beat of the weight stream brings; also the sub-banks of a bank of weight memory.
  function automatic int unsigned beat_words(int unsigned axi_width, int unsigned lanes, int unsigned w_bits);
    return max2(1, axi_width / weight_slot_bits(lanes, w_bits));
  endfunction

  // Bits of a counter that reaches 0 .. count - 1; at least 1, so that a vector of it is legal.
  function automatic int unsigned index_bits(int unsigned count);
    return (count > 1) ? $clog2(count) : 1;
  endfunction

  function automatic int unsigned ceil_div(int unsigned a, int unsigned b);
    return (a + b - 1) / b;
  endfunction

  function automatic int unsigned max2(int unsigned a, int unsigned b);
    return (a > b) ? a : b;
  endfunction

  function automatic int unsigned min2(int unsigned a, int unsigned b);
    return (a < b) ? a : b;
  endfunction

  // Channel groups of `lanes` channels that a depthwise convolution computes at once: as many as one read feeds.
  function automatic int unsigned depthwise_groups(int unsigned groups, int unsigned lanes, int unsigned vec_len);
    return min2(groups, vec_len / lanes);
  endfunction

endpackage

/* verilator lint_on UNUSEDPARAM */
