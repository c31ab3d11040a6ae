// SPDX-License-Identifier: Apache-2.0
//
// Elements of feature memory as operands, two's complement; combinational. An element of one bit b stands for 2b - 1, and
// takes two bits as an operand; wider ones are operands as they are. The inverse is dsf_element_encode.

`default_nettype none

module dsf_element_decode
  import dsf_pkg::*;
#(
  parameter int unsigned XBits = 8,
  parameter int unsigned Lanes = 8,
  localparam int unsigned OperandBits = operand_bits(XBits)
) (
  input  wire logic [Lanes-1:0][XBits-1:0]       element_i,
  output      logic [Lanes-1:0][OperandBits-1:0] operand_o
);

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    if (XBits == 1) begin : gen_binary
      assign operand_o[l] = {!element_i[l][0], 1'b1};
    end else begin : gen_integer
      assign operand_o[l] = element_i[l];
    end
  end

endmodule

`default_nettype wire
