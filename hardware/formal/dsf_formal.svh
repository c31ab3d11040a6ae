// SPDX-License-Identifier: Apache-2.0
//
// What the property files share. The reset comes in the first cycle, and later whenever it likes; properties hold outside it.
//
//   DSF_FORMAL_RESET            once in each property module: the assumption, and `running_q`, no reset in the last cycle
//   DSF_PROVE(Name, Property)   holds in every cycle; with $past only after `!running_q ||`
//   DSF_ASSUME(Name, Property)  what the block asks of its surroundings
//   DSF_PROVE_STREAM, DSF_ASSUME_STREAM  once valid, a beat stays, unchanged, until it is taken

`ifndef DSF_FORMAL_SVH
`define DSF_FORMAL_SVH

`define DSF_FORMAL_RESET \
  logic started_q = 1'b0; \
  logic running_q = 1'b0; \
  always_ff @(posedge clk_i) begin \
    started_q <= 1'b1; \
    running_q <= rst_ni; \
  end \
  reset_first : assume property (@(posedge clk_i) started_q || !rst_ni);

`define DSF_PROVE(Name, Property) \
  Name : assert property (@(posedge clk_i) disable iff (!rst_ni) (Property));

`define DSF_ASSUME(Name, Property) \
  Name : assume property (@(posedge clk_i) disable iff (!rst_ni) (Property));

`define DSF_PROVE_STREAM(Name, Valid, Ready, Data) \
  `DSF_PROVE(Name, !running_q || !$past((Valid) && !(Ready)) || ((Valid) && $past(Data) == (Data)))

`define DSF_ASSUME_STREAM(Name, Valid, Ready, Data) \
  `DSF_ASSUME(Name, !running_q || !$past((Valid) && !(Ready)) || ((Valid) && $past(Data) == (Data)))

`endif
