// SPDX-License-Identifier: Apache-2.0
//
// A stage of an arithmetic right shift, combinational: by 0 to 3 times Step bits.
//
//   value_o    the low OutBits bits of value_i >>> (steps_i * Step)
//   beyond_o   they are not all of it: OutBits bits don't hold that
//   sticky_o   a one fell off below
//
// A multiplexer of four is one lookup table of six inputs, so a long shift is made of stages, the widest steps first: then what
// follows is narrow.

`default_nettype none

module dsf_shift_stage #(
  parameter int unsigned InBits  = 32,
  parameter int unsigned OutBits = 16,
  parameter int unsigned Step    = 1
) (
  input  wire logic signed [InBits-1:0]  value_i,
  input  wire logic [1:0]                steps_i,
  output      logic signed [OutBits-1:0] value_o,
  output      logic                      beyond_o,
  output      logic                      sticky_o
);

  localparam int unsigned WideBits = dsf_pkg::max2(InBits, OutBits + 3 * Step);

  logic signed [WideBits-1:0] wide;
  logic [WideBits-1:0]        unlike_sign;

  assign wide        = WideBits'(value_i);
  assign unlike_sign = wide ^ {WideBits{value_i[InBits-1]}};

  assign value_o = steps_i[1] ? (steps_i[0] ? wide[3*Step+:OutBits] : wide[2*Step+:OutBits])
                              : (steps_i[0] ? wide[Step+:OutBits]   : wide[OutBits-1:0]);

  always_comb begin
    beyond_o = unlike_sign[WideBits-1:OutBits-1+3*Step] != '0;
    sticky_o = 1'b0;
    for (int unsigned k = 0; k < 3; k++) begin
      if (steps_i <= 2'(k)) beyond_o = beyond_o || unlike_sign[OutBits-1+k*Step+:Step] != '0;
      else                  sticky_o = sticky_o || wide[k*Step+:Step] != '0;
    end
  end

endmodule

`default_nettype wire
