// SPDX-License-Identifier: Apache-2.0
//
// The reset style of every flip-flop: `always_ff @(posedge clk_i `DSF_OR_RESET)`. Reset is active low; synchronous
// unless DSF_ASYNC_RESET is defined (Hardware(reset='async')).

`ifndef DSF_RESET_SVH
`define DSF_RESET_SVH

`ifdef DSF_ASYNC_RESET
  `define DSF_OR_RESET or negedge rst_ni
`else
  `define DSF_OR_RESET
`endif

`endif
