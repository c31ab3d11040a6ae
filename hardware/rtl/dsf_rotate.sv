// SPDX-License-Identifier: Apache-2.0
//
// Barrel rotator of lanes, combinational, one 2:1 stage per bit of the amount. Lanes is a power of two.
//
//   Up = 0: data_o[i] = data_i[(i + amount_i) % Lanes]     (element amount_i comes to lane 0)
//   Up = 1: data_o[(i + amount_i) % Lanes] = data_i[i]     (the inverse)

`default_nettype none

module dsf_rotate #(
  parameter int unsigned Lanes = 16,
  parameter int unsigned Width = 8,
  parameter bit          Up    = 1'b0,
  localparam int unsigned AmountBits = $clog2(Lanes)
) (
  input  wire logic [AmountBits-1:0]       amount_i,
  input  wire logic [Lanes-1:0][Width-1:0] data_i,
  output      logic [Lanes-1:0][Width-1:0] data_o
);

  localparam int unsigned Bits = Lanes * Width;

  if (Lanes < 2 || (Lanes & (Lanes - 1)) != 0) begin : gen_check
    $error("dsf_rotate: Lanes has to be a power of two, at least 2");
  end

  always_comb begin
    logic [Bits-1:0] x;
    x = data_i;
    for (int unsigned s = 0; s < AmountBits; s++) begin
      if (amount_i[s]) begin
        x = Up ? (x << (Width << s)) | (x >> (Bits - (Width << s)))
               : (x >> (Width << s)) | (x << (Bits - (Width << s)));
      end
    end
    data_o = x;
  end

endmodule

`default_nettype wire
