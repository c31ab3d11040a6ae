// SPDX-License-Identifier: Apache-2.0
//
// Issues slots, back to back: a slot of L steps and P pixels takes max(L, P) cycles, and issues one pixel and one step per
// cycle from its first cycle on. A slot that has begun does not stop; before it begins it may have to wait
//
//   a tile's first slot   for a free tile buffer, for its first position in the pixel table, and, when the array's shape
//                         changes from tall to wide, until the last step has reached the last group
//   a tile's last slot    until its last step comes at least P' cycles after that of the tile before, P' the pixels of that
//                         tile: the capture takes one row per cycle. This happens only between instructions.

`default_nettype none
`include "dsf_assert.svh"
`include "dsf_reset.svh"

module dsf_matrix_issue
  import dsf_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter int unsigned Rows         = 8,
  parameter int unsigned Groups       = 3,
  parameter int unsigned CaptureTiles = 4
) (
  input  wire logic  clk_i,
  input  wire logic  rst_ni,

  input  wire logic  slot_valid_i,
  input  wire slot_t slot_i,
  output      logic  slot_ready_o,

  input  wire logic  tile_free_i,

  // Pixel table; the slot's other fields go to the feeder with each pixel.
  input  wire logic  table_ready_i,
  output      logic  tile_start_o,
  output      logic  slot_start_o,
  output      logic  pixel_valid_o,
  output      logic  pixel_release_o,
  output      slot_t pixel_slot_o,

  output      logic  step_valid_o,
  output      step_t step_o,

  output      logic  busy_o
);

  localparam int unsigned CreditBits = $clog2(CaptureTiles + 1);
  localparam int unsigned FarBits    = index_bits(Groups * Rows);
  // Cycles, after the last step of a tall tile, until it has entered the last group.
  localparam int unsigned Far        = (Groups - 1) * Rows;

  slot_t                     slot_q;
  logic                      stepping_q, feeding_q, load_q;
  logic [StepBits-1:0]       steps_left_q;
  logic [PixelBits-1:0]      pixels_left_q;
  logic [StepBits-1:0]       position_q;
  logic [WeightAddrBits-1:0] weight_address_q, weight_address_next;
  logic [CreditBits-1:0]     credits_q;
  logic [PixelBits-1:0]      capturing_q;
  logic                      last_step, slot_end, start, tile_start, shape_ok, capture_ok;

  assign last_step = stepping_q && slot_q.last && steps_left_q == '0;
  assign slot_end  = (!stepping_q || steps_left_q == '0) && (!feeding_q || pixels_left_q == '0);

  // Shape.

  if (Groups == 1) begin : gen_one_shape
    assign shape_ok = 1'b1;
  end else begin : gen_shape
    logic [FarBits-1:0] far_q;

    assign shape_ok = !slot_q.tall || slot_i.tall || (far_q == '0 && !busy_o);

    always_ff @(posedge clk_i `DSF_OR_RESET) begin
      if (!rst_ni) far_q <= '0;
      else if (last_step) far_q <= slot_q.tall ? FarBits'(Far - 1) : '0;
      else if (far_q != '0) far_q <= far_q - 1'b1;
    end
  end

  // Distance of last steps: capturing_q cycles have to pass yet, counted from the cycle before the slot's first.

  assign capture_ok = last_step ? PixelBits'(slot_i.steps_left) >= slot_q.pixels_left
                                : PixelBits'(slot_i.steps_left) + 1'b1 >= capturing_q;

  assign start        = slot_valid_i && slot_end &&
                        (!slot_i.first || (credits_q != '0 && table_ready_i && shape_ok)) &&
                        (!slot_i.last || capture_ok);
  assign tile_start   = start && slot_i.first;
  assign slot_ready_o = start;

  assign weight_address_next = weight_address_q + WeightAddrBits'(stepping_q);

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      stepping_q  <= 1'b0;
      feeding_q   <= 1'b0;
      credits_q   <= CreditBits'(CaptureTiles);
      capturing_q <= '0;
    end else begin
      stepping_q  <= start || (stepping_q && steps_left_q != '0);
      feeding_q   <= start || (feeding_q && pixels_left_q != '0);
      credits_q   <= credits_q - CreditBits'(tile_start) + CreditBits'(tile_free_i);
      if (last_step) capturing_q <= slot_q.pixels_left;
      else if (capturing_q != '0) capturing_q <= capturing_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) slot_q <= '0;
    else if (start) slot_q <= slot_i;
  end

  always_ff @(posedge clk_i) begin
    load_q           <= start;
    steps_left_q     <= start ? slot_i.steps_left : steps_left_q - 1'b1;
    pixels_left_q    <= start ? slot_i.pixels_left : pixels_left_q - 1'b1;
    position_q       <= start ? '0 : position_q + 1'b1;
    weight_address_q <= tile_start ? slot_i.weight_address : weight_address_next;
  end

  assign tile_start_o    = tile_start;
  assign slot_start_o    = start && !slot_i.first;
  assign pixel_valid_o   = feeding_q;
  assign pixel_release_o = feeding_q && slot_q.last;
  assign pixel_slot_o    = slot_q;

  assign step_valid_o = stepping_q;
  assign step_o = '{
    first:          slot_q.first && load_q,
    last:           last_step,
    load:           load_q,
    tall:           slot_q.tall,
    position:       position_q,
    weight_address: weight_address_q,
    weight_bank:    slot_q.weight_bank
  };

  assign busy_o = stepping_q || feeding_q;

  `DSF_ASSERT(no_tile_freed_twice, !(tile_free_i && credits_q == CreditBits'(CaptureTiles)))

endmodule

`default_nettype wire
