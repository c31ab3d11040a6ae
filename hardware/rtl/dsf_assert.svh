// SPDX-License-Identifier: Apache-2.0
//
// What must hold in every cycle, and the rule of every stream: once valid, a beat stays, unchanged, until it is taken. Checked in
// simulation only, and written so that simulation hardly slows down: data are copied and compared only where a beat waits. Nothing
// waits before reset.

`ifndef DSF_ASSERT_SVH
`define DSF_ASSERT_SVH

`ifdef SYNTHESIS
  `define DSF_ASSERT_STREAM(Name, Valid, Ready, Data)
  `define DSF_ASSERT(Name, Condition)
`else
  `define DSF_ASSERT_STREAM(Name, Valid, Ready, Data) \
    if (1) begin : gen_``Name``_holds \
      /* verilator lint_off PROCASSINIT */ \
      logic                   waits_q = 1'b0; \
      /* verilator lint_on PROCASSINIT */ \
      logic [$bits(Data)-1:0] data_q; \
      /* verilator lint_off SYNCASYNCNET */ \
      always_ff @(posedge clk_i) begin \
        waits_q <= rst_ni && (Valid) && !(Ready); \
        if ((Valid) && !(Ready)) data_q <= Data; \
        if (rst_ni && waits_q) Name``_holds : assert ((Valid) && (Data) == data_q); \
      end \
      /* verilator lint_on SYNCASYNCNET */ \
    end
  `define DSF_ASSERT(Name, Condition) \
    /* verilator lint_off SYNCASYNCNET */ \
    always_ff @(posedge clk_i) if (rst_ni) Name : assert (Condition); \
    /* verilator lint_on SYNCASYNCNET */
`endif

`endif
