// SPDX-License-Identifier: Apache-2.0
//
// dsf_matrix between models of its neighbours: a feature memory that answers in FmemReadLatency cycles, and a drain that
// reads every piece in the first cycle in which the contract of dsf_capture allows it, unless it is told to pause.

`default_nettype none

module dsf_matrix_tb
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_matrix_pkg::*;
#(
  parameter int unsigned Pe           = PeInteger,
  parameter int unsigned Rows         = 4,
  parameter int unsigned Cols         = 12,
  parameter int unsigned Groups       = 3,
  parameter int unsigned XBits        = 8,
  parameter int unsigned WBits        = 8,
  parameter int unsigned AccBits      = 32,
  parameter int unsigned VecLen       = 16,
  parameter int unsigned FeatureWords = 512,
  parameter int unsigned WeightWords  = 1024,
  parameter int unsigned Words        = 1,
  parameter int unsigned CaptureTiles = 4,
  localparam int unsigned GCols       = Cols / Groups
) (
  input  wire logic                            clk_i,
  input  wire logic                            rst_ni,

  input  wire logic                            instr_valid_i,
  input  wire logic [$bits(matrix_t)-1:0]      instr_i,
  // The edge before has taken the instruction.
  output      logic                            instr_taken_o,

  input  wire logic                            fm_wr_en_i,
  input  wire logic [$clog2(FeatureWords)-1:0] fm_wr_word_i,
  input  wire logic [VecLen-1:0][XBits-1:0]    fm_wr_data_i,

  input  wire logic [Words-1:0]                wm_wr_en_i,
  input  wire logic [BankBits-1:0]             wm_wr_bank_i,
  input  wire logic [WeightAddrBits-1:0]       wm_wr_addr_i,
  input  wire logic [Words-1:0][GCols-1:0][WBits-1:0] wm_wr_data_i,

  // Pause: no piece is read; refuse: no instruction is taken.
  input  wire logic                            drain_pause_i,
  input  wire logic                            drain_refuse_i,
  input  wire logic                            yield_i,
  output      logic                            piece_valid_o,
  output      logic [GCols-1:0][AccBits-1:0]   piece_o,

  // A tile's first cycle; a step.
  output      logic                            tile_o,
  output      logic                            step_o,
  output      logic                            busy_o
);

  localparam int unsigned LaneBits = $clog2(VecLen);
  localparam int unsigned AgeBits  = PixelBits + 1;

  // Feature memory.

  logic                                 rd_req;
  logic [AddrBits-1:0]                  rd_addr, rd_addr_1q, rd_addr_2q;
  logic [2:0]                           rd_valid_q;
  logic [VecLen-1:0][XBits-1:0]         rd_data_q;
  logic [XBits-1:0]                     rd_after_q;
  logic [XBits-1:0]                     fmem [FeatureWords * VecLen];

  always_ff @(posedge clk_i) begin
    rd_valid_q <= {rd_valid_q[1:0], rd_req};
    rd_addr_1q <= rd_addr;
    rd_addr_2q <= rd_addr_1q;
    rd_after_q <= fmem[(32'(rd_addr_2q) + VecLen) % (FeatureWords * VecLen)];
    for (int unsigned l = 0; l < VecLen; l++) begin
      rd_data_q[l] <= fmem[(32'(rd_addr_2q) + l) % (FeatureWords * VecLen)];
      if (fm_wr_en_i) fmem[{fm_wr_word_i, LaneBits'(l)}] <= fm_wr_data_i[l];
    end
  end

  // Drain.

  matrix_t                               queue [$];
  logic                                  instr_ready, drain_valid, tile_ready, issue, tile_end, pass_end, instr_end, available;
  matrix_t                               pushed, head;
  logic [1:0]                            queued_q;
  logic [index_bits(CaptureTiles)-1:0]   tile_q, ready_tile_q;
  logic [CaptureTiles-1:0]               announced_q;
  logic [CaptureTiles-1:0][AgeBits-1:0]  age_q;
  logic [PixelBits-1:0]                  pixel_q;
  logic [BankBits-1:0]                   group_q;
  logic [23:0]                           pixels_left_q, pixels, row_left, full;
  logic [11:0]                           columns_left_q, groups_left_q, groups, per_pass;
  logic [index_bits(Groups)-1:0]         read_group;
  logic [index_bits(Rows)-1:0]           read_row;

  always_ff @(posedge clk_i) begin
    instr_taken_o <= rst_ni && instr_valid_i && instr_ready;
    tile_o        <= rst_ni && u_matrix.tile_start;
  end

  assign full      = head.tall ? 24'(Groups * Rows) : 24'(Rows);
  assign row_left  = head.depthwise ? 24'(columns_left_q) : pixels_left_q;
  assign pixels    = row_left < full ? row_left : full;
  assign per_pass  = head.tall ? 12'd1 : head.depthwise ? 12'(depthwise_groups(Groups, GCols, VecLen)) : 12'(Groups);
  assign groups    = groups_left_q < per_pass ? groups_left_q : per_pass;
  assign available = announced_q[tile_q] ? AgeBits'(pixel_q) <= age_q[tile_q]
                                         : tile_ready && ready_tile_q == tile_q && pixel_q == '0;
  assign issue     = queued_q != 0 && available && !drain_pause_i;
  assign tile_end  = issue && 24'(pixel_q) == pixels - 1 && 12'(group_q) == groups - 1;
  assign pass_end  = tile_end && pixels_left_q == pixels;
  assign instr_end = pass_end && groups_left_q == groups;

  assign read_group = head.tall ? index_bits(Groups)'(32'(pixel_q) / Rows) : index_bits(Groups)'(group_q);
  assign read_row   = index_bits(Rows)'(32'(pixel_q) % Rows);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      queue.delete();
      queued_q      <= '0;
      tile_q        <= '0;
      ready_tile_q  <= '0;
      announced_q   <= '0;
      pixel_q       <= '0;
      group_q       <= '0;
      piece_valid_o <= 1'b0;
    end else begin
      matrix_t next;
      for (int unsigned t = 0; t < CaptureTiles; t++) begin
        if (age_q[t] != '1) age_q[t] <= age_q[t] + 1'b1;
      end
      if (tile_ready) begin
        assert (!announced_q[ready_tile_q]) else $error("a tile buffer is overwritten");
        announced_q[ready_tile_q] <= 1'b1;
        // The age in the next cycle.
        age_q[ready_tile_q]       <= AgeBits'(1);
        ready_tile_q              <= ready_tile_q + 1'b1;
      end
      if (issue) begin
        group_q <= 12'(group_q) == groups - 1 ? '0 : group_q + 1'b1;
        if (12'(group_q) == groups - 1) pixel_q <= pixel_q + 1'b1;
      end
      if (tile_end) begin
        pixel_q             <= '0;
        tile_q              <= tile_q + 1'b1;
        announced_q[tile_q] <= 1'b0;
        pixels_left_q       <= pass_end ? head.pixels : pixels_left_q - pixels;
        columns_left_q      <= row_left == pixels ? head.columns : columns_left_q - 12'(pixels);
      end
      if (pass_end) groups_left_q <= groups_left_q - groups;
      if (drain_valid && !(queued_q == 2'd3 || drain_refuse_i)) queue.push_back(pushed);
      if (instr_end) next = queue.pop_front();
      if (queue.size() != 0 && (instr_end || queued_q == 0)) begin
        next          = queue[0];
        head           <= next;
        pixels_left_q  <= next.pixels;
        columns_left_q <= next.columns;
        groups_left_q  <= next.channel_groups;
      end
      queued_q      <= 2'(queue.size());
      piece_valid_o <= issue;
    end
  end

  dsf_matrix #(
    .Pe           (Pe),
    .Rows         (Rows),
    .Cols         (Cols),
    .Groups       (Groups),
    .XBits        (XBits),
    .WBits        (WBits),
    .AccBits      (AccBits),
    .VecLen       (VecLen),
    .WeightWords  (WeightWords),
    .Words        (Words),
    .CaptureTiles (CaptureTiles)
  ) u_matrix (
    .clk_i,
    .rst_ni,
    .instr_valid_i,
    .instr_i        (matrix_t'(instr_i)),
    .instr_ready_o  (instr_ready),
    .yield_i,
    .rd_req_o       (rd_req),
    .rd_addr_o      (rd_addr),
    .rd_gnt_i       (rd_req),
    .rd_valid_i     (rd_valid_q[2]),
    .rd_data_i      (rd_data_q),
    .rd_after_i     (rd_after_q),
    .wm_wr_en_i,
    .wm_wr_bank_i,
    .wm_wr_addr_i,
    .wm_wr_data_i,
    .drain_valid_o  (drain_valid),
    .drain_instr_o  (pushed),
    .drain_ready_i  (!(queued_q == 2'd3 || drain_refuse_i)),
    .tile_ready_o   (tile_ready),
    .tile_free_i    (tile_end),
    .cap_rd_en_i    (issue),
    .cap_rd_group_i (read_group),
    .cap_rd_row_i   (read_row),
    .cap_rd_tile_i  (tile_q),
    .cap_rd_data_o  (piece_o),
    .step_o,
    .pixel_wait_o   (),
    .drain_wait_o   (),
    .slots_left_o   (),
    .active_o       (),
    .busy_o
  );

endmodule

`default_nettype wire
