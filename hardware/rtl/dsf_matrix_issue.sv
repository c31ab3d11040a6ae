// SPDX-License-Identifier: Apache-2.0
//
// Issues slots, back to back: a slot of L steps and P pixels takes max(L, P) cycles; it issues one pixel per cycle from its
// first cycle on, and one step per cycle from its first cycle on or as much later as it must. A slot that has begun does
// not stop; before it begins a tile's first slot may have to wait for
//
//   - a free tile buffer
//   - its first position in the pixel table
//   - the last step to reach the last group, when the array's shape changes from tall to wide
//   - depthwise: whoever waits for the read port of feature memory (yield_i), YieldCycles at most
//
// A depthwise tile reads in every cycle, so that only between two of them anyone of lower priority gets to read.
//
// Depthwise, a slot of L taps and P pixels issues P + L - 1 reads, one a cycle, and its steps with the first L of them.
//
// The weights of a tile's steps follow each other in a bank, and after bank_words of them (0: never) go on in the next one.
//
// The last steps of two tiles come at least P' cycles apart, P' the pixels of the earlier tile: the capture takes one row
// per cycle. A tile's last slot has its steps (depthwise: and its reads) later for that, and takes longer if it must; that
// happens only where a tile is shorter than the tile of the instruction before has pixels.

`default_nettype none
`include "dsf_assert.svh"
`include "dsf_reset.svh"

module dsf_matrix_issue
  import dsf_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter int unsigned Rows         = 8,
  parameter int unsigned Groups       = 3,
  parameter int unsigned VecLen       = 32,
  parameter int unsigned WeightWords  = 1024,
  parameter int unsigned CaptureTiles = 4
) (
  input  wire logic  clk_i,
  input  wire logic  rst_ni,

  input  wire logic  slot_valid_i,
  input  wire slot_t slot_i,
  output      logic  slot_ready_o,

  input  wire logic  tile_free_i,
  input  wire logic  yield_i,

  // Pixel table; the slot's other fields go to the feeder with each pixel.
  input  wire logic  table_ready_i,
  output      logic  tile_start_o,
  output      logic  slot_start_o,
  output      logic  pixel_valid_o,
  output      logic  pixel_next_o,
  output      logic  pixel_release_o,
  output      slot_t pixel_slot_o,

  // A slot's pixels begin, the rows will load them; long: VecLen + 1 elements of each.
  output      logic  load_o,
  output      logic  long_o,
  output      logic  step_valid_o,
  output      step_t step_o,

  output      logic  busy_o,

  // No step in this cycle, because of pixels, or because of what has to leave the array; both 0 without a slot to wait for.
  output      logic  pixel_wait_o,
  output      logic  drain_wait_o
);

  localparam int unsigned CreditBits = $clog2(CaptureTiles + 1);
  localparam int unsigned FarBits    = index_bits(Groups * Rows);
  localparam int unsigned LeftBits   = index_bits(WeightWords);
  localparam int unsigned YieldBits  = $clog2(YieldCycles + 1);
  // Cycles, after the last step of a tall tile, until it has entered the last group.
  localparam int unsigned Far        = (Groups - 1) * Rows;

  slot_t                     slot_q;
  logic                      stepping_q, feeding_q, load_q;
  logic [StepBits-1:0]       steps_left_q;
  logic [PixelBits-1:0]      reads_left_q;
  logic                      steps_end_q, reads_end_q, on_time_q;  // steps_left_q, reads_left_q, late_q are 0
  logic [AddrBits-1:0]       x_offset_q;
  logic [StepBits-1:0]       position_q;
  logic [WeightAddrBits-1:0] weight_address_q;
  logic [BankBits-1:0]       weight_bank_q;
  logic [LeftBits-1:0]       bank_left_q;  // words of the bank that follow
  logic [CreditBits-1:0]     credits_q;
  logic [PixelBits-1:0]      capturing_q;
  logic [PixelBits-1:0]      capturing, steps, late, late_q, reads_left;
  logic [YieldBits-1:0]      yield_left_q;
  logic                      step, last_step, feed, last_feed, slot_end, start, tile_start, shape_ok, may_start, yields;

  assign step      = stepping_q && on_time_q;
  assign last_step = step && slot_q.last && steps_end_q;
  assign feed      = feeding_q && (!slot_q.depthwise || on_time_q);
  assign last_feed = feed && reads_end_q;
  assign slot_end  = (!stepping_q || (step && steps_end_q)) && (!feeding_q || last_feed);

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

  // Distance of last steps: `capturing` of the slot's cycles, up to the last step, have to pass.

  assign capturing = last_step ? slot_q.pixels_left + 1'b1 : capturing_q;
  assign steps     = PixelBits'(slot_i.steps_left) + 1'b1;
  assign late      = slot_i.last && capturing > steps ? capturing - steps : '0;

  assign reads_left = slot_i.pixels_left + (slot_i.depthwise ? PixelBits'(slot_i.steps_left) : '0);

  assign may_start    = slot_valid_i && slot_end &&
                        (!slot_i.first || (credits_q != '0 && table_ready_i && shape_ok));
  assign yields       = yield_i && slot_i.first && slot_i.depthwise && yield_left_q != '0;
  assign start        = may_start && !yields;
  assign tile_start   = start && slot_i.first;
  assign slot_ready_o = start;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      load_q       <= 1'b0;
      stepping_q   <= 1'b0;
      feeding_q    <= 1'b0;
      credits_q    <= CreditBits'(CaptureTiles);
      capturing_q  <= '0;
      yield_left_q <= YieldBits'(YieldCycles);
    end else begin
      load_q       <= start;
      stepping_q   <= start || (stepping_q && !(step && steps_end_q));
      feeding_q    <= start || (feeding_q && !last_feed);
      credits_q    <= credits_q - CreditBits'(tile_start) + CreditBits'(tile_free_i);
      if (last_step) capturing_q <= slot_q.pixels_left;
      else if (capturing_q != '0) capturing_q <= capturing_q - 1'b1;
      if (tile_start) yield_left_q <= YieldBits'(YieldCycles);
      else if (may_start && yields) yield_left_q <= yield_left_q - 1'b1;
    end
  end

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) slot_q <= '0;
    else if (start) slot_q <= slot_i;
  end

  always_ff @(posedge clk_i) begin
    late_q           <= start ? late : late_q - PixelBits'(late_q != '0);
    on_time_q        <= start ? late == '0 : late_q <= PixelBits'(1);
    steps_left_q     <= start ? slot_i.steps_left : steps_left_q - StepBits'(step);
    reads_left_q     <= start ? reads_left : reads_left_q - PixelBits'(feed);
    if (start)     steps_end_q <= slot_i.steps_left == '0;
    else if (step) steps_end_q <= steps_left_q == StepBits'(1);
    if (start)     reads_end_q <= reads_left == '0;
    else if (feed) reads_end_q <= reads_left_q == PixelBits'(1);
    if (start) x_offset_q <= slot_i.x_offset;
    else if (feed) x_offset_q <= x_offset_q + slot_q.x_step;
    position_q       <= start ? '0 : position_q + StepBits'(step);
  end

  always_ff @(posedge clk_i) begin
    if (tile_start) begin
      weight_address_q <= slot_i.weight_address;
      weight_bank_q    <= slot_i.weight_bank;
      bank_left_q      <= LeftBits'(slot_i.bank_words - 1'b1);
    end else if (step && bank_left_q == '0) begin
      weight_address_q <= slot_q.weight_address;
      weight_bank_q    <= weight_bank_q + 1'b1;
      bank_left_q      <= LeftBits'(slot_q.bank_words - 1'b1);
    end else if (step) begin
      weight_address_q <= weight_address_q + 1'b1;
      bank_left_q      <= bank_left_q - 1'b1;
    end
  end

  assign tile_start_o    = tile_start;
  assign slot_start_o    = start && !slot_i.first;
  // Depthwise, all reads of a tile start from the one position that the table has of it.
  assign pixel_valid_o   = feed;
  assign pixel_next_o    = slot_q.depthwise ? slot_q.last && last_feed : feed;
  assign pixel_release_o = slot_q.last && pixel_next_o;

  always_comb begin
    pixel_slot_o          = slot_q;
    pixel_slot_o.x_offset = x_offset_q;
  end

  // That many steps are never late, so the last element can take the place of the first, which is used at once.
  assign load_o       = load_q;
  assign long_o       = load_q && !slot_q.depthwise && slot_q.steps_left == StepBits'(VecLen);
  assign step_valid_o = step;
  assign step_o = '{
    first:          slot_q.first && position_q == '0 && !slot_q.accumulate,
    last:           last_step,
    tall:           slot_q.tall,
    depthwise:      slot_q.depthwise,
    position:       position_q,
    weight_address: weight_address_q,
    weight_bank:    weight_bank_q
  };

  assign busy_o = stepping_q || feeding_q;

  // Why there is no step: a slot refills the rows, or is late; without one, what kept the next one from starting.

  logic kept_q, kept_by_drain_q;

  always_ff @(posedge clk_i `DSF_OR_RESET) begin
    if (!rst_ni) begin
      kept_q          <= 1'b0;
      kept_by_drain_q <= 1'b0;
    end else begin
      kept_q          <= slot_valid_i && !start;
      kept_by_drain_q <= credits_q == '0 || !shape_ok;
    end
  end

  assign drain_wait_o = busy_o ? stepping_q && !step : kept_q && kept_by_drain_q;
  assign pixel_wait_o = busy_o ? !stepping_q         : kept_q && !kept_by_drain_q;

  `DSF_ASSERT(long_slots_are_never_late, !long_o || on_time_q)
  `DSF_ASSERT(no_tile_freed_twice, !(tile_free_i && credits_q == CreditBits'(CaptureTiles)))

endmodule

`default_nettype wire
