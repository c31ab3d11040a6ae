// SPDX-License-Identifier: Apache-2.0
//
// Results as elements of feature memory (to_element of dsf/numerics.py); combinational. Of a value of ValueBits bits, which
// an element can hold, that is its low bits. An element of one bit is the sign: 1, for +1, of what is not negative.

`default_nettype none

module dsf_element_encode #(
  parameter int unsigned ValueBits = 16,
  parameter int unsigned XBits     = 8,
  parameter int unsigned Lanes     = 8
) (
  input  wire logic [Lanes-1:0][ValueBits-1:0] value_i,
  output      logic [Lanes-1:0][XBits-1:0]     element_o
);

  for (genvar l = 0; l < int'(Lanes); l++) begin : gen_lane
    if (XBits == 1) begin : gen_binary
      assign element_o[l] = !value_i[l][ValueBits-1];
    end else begin : gen_integer
      assign element_o[l] = value_i[l][XBits-1:0];
    end
    // The value fits the element.
    logic unused;
    assign unused = ^value_i[l];
  end

endmodule

`default_nettype wire
