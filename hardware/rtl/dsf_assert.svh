// SPDX-License-Identifier: Apache-2.0
//
// The rule of every stream: once valid, a beat stays, unchanged, until it is taken. Checked in simulation only.

`ifndef DSF_ASSERT_SVH
`define DSF_ASSERT_SVH

`ifdef SYNTHESIS
  `define DSF_ASSERT_STREAM(Name, Valid, Ready, Data)
  `define DSF_ASSERT(Name, Property)
`else
  `define DSF_ASSERT_STREAM(Name, Valid, Ready, Data) \
    /* verilator lint_off SYNCASYNCNET */ \
    Name``_holds : assert property (@(posedge clk_i) disable iff (!rst_ni) \
        (Valid) && !(Ready) |=> (Valid) && $stable(Data)); \
    /* verilator lint_on SYNCASYNCNET */
  `define DSF_ASSERT(Name, Property) \
    /* verilator lint_off SYNCASYNCNET */ \
    Name : assert property (@(posedge clk_i) disable iff (!rst_ni) (Property)); \
    /* verilator lint_on SYNCASYNCNET */
`endif

`endif
