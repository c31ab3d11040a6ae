// SPDX-License-Identifier: Apache-2.0
//
// The engine: instructions, loads and stores on AXI-Streams, everything else inside.
//
//   s_axis_inst ──> dsf_control ──> LOAD     dsf_load          ──> feature memory
//                                   WEIGHT   dsf_load_weights  ──> weight memory (in dsf_matrix), parameters (in dsf_drain)
//                                   MATRIX   dsf_matrix ──> dsf_drain ──> feature memory
//                                   VECTOR   dsf_vector        <-> feature memory
//                                   STORE    dsf_store         <── feature memory
//
// The *cmd streams ask a DMA for rows of DRAM (dsf_dma_pkg); the data streams move one beat per cycle. Parameters are those
// of dsf.hardware.Hardware, which guarantees what is checked below. Instructions are described in docs/isa.md.
//
//   st_done_i  the DMA: memory has all bytes of the oldest store command
//   done_o   a program has ended; until the first beat of the next      start_o, finish_o   per queue, one cycle each
//   busy_o   a program runs                                             array_o             what the array does (dsf_stall)
//   error_o  stopped until reset, for the reason in error_code_o, at instruction error_index_o; detail: dsf_watchdog

`default_nettype none

module dsf_core
  import dsf_pkg::*;
  import dsf_isa_pkg::*;
  import dsf_dma_pkg::*;
  import dsf_regs_pkg::array_e;
#(
  parameter int unsigned Pe             = PeInteger,
  parameter int unsigned Rows           = 8,
  parameter int unsigned Cols           = 24,
  parameter int unsigned Groups         = 3,
  parameter int unsigned XBits          = 8,
  parameter int unsigned WBits          = 8,
  parameter int unsigned BBits          = 16,
  parameter int unsigned MBits          = 16,
  parameter int unsigned AccBits        = 32,
  parameter int unsigned FBits          = 0,
  parameter int unsigned VecLen         = 32,
  parameter int unsigned AxiWidth       = 128,
  parameter int unsigned FeatureWords   = 1024,
  parameter int unsigned WeightWords    = 1024,
  parameter int unsigned ParamGroups    = 64,
  parameter int unsigned QueueDepth     = 4,
  parameter int unsigned CaptureTiles   = 4,
  parameter int unsigned WatchdogCycles = 65536
) (
  input  wire logic                clk_i,
  input  wire logic                rst_ni,

  input  wire logic                s_axis_inst_tvalid,
  output      logic                s_axis_inst_tready,
  input  wire logic [AxiWidth-1:0] s_axis_inst_tdata,
  input  wire logic                s_axis_inst_tlast,

  output      logic                m_axis_ldcmd_tvalid,
  input  wire logic                m_axis_ldcmd_tready,
  output      dma_command_t        m_axis_ldcmd_tdata,
  input  wire logic                s_axis_ld_tvalid,
  output      logic                s_axis_ld_tready,
  input  wire logic [AxiWidth-1:0] s_axis_ld_tdata,

  output      logic                m_axis_wtcmd_tvalid,
  input  wire logic                m_axis_wtcmd_tready,
  output      dma_command_t        m_axis_wtcmd_tdata,
  input  wire logic                s_axis_wt_tvalid,
  output      logic                s_axis_wt_tready,
  input  wire logic [AxiWidth-1:0] s_axis_wt_tdata,

  output      logic                m_axis_stcmd_tvalid,
  input  wire logic                m_axis_stcmd_tready,
  output      dma_command_t        m_axis_stcmd_tdata,
  output      logic                m_axis_st_tvalid,
  input  wire logic                m_axis_st_tready,
  output      logic [AxiWidth-1:0] m_axis_st_tdata,
  output      logic                m_axis_st_tlast,
  input  wire logic                st_done_i,

  output      logic                busy_o,
  output      logic                done_o,
  output      logic                error_o,
  output      error_code_e         error_code_o,
  output      logic [15:0]         error_index_o,
  output      logic [7:0]          error_detail_o,
  output      logic [4:0]          start_o,
  output      logic [4:0]          finish_o,
  output      array_e              array_o
);

  localparam int unsigned GroupCols  = Cols / Groups;
  localparam int unsigned VectorLanes = vector_lanes(GroupCols);
  localparam int unsigned RowBits    = index_bits(Rows);
  localparam int unsigned GroupBits  = index_bits(Groups);
  localparam int unsigned TileBits   = index_bits(CaptureTiles);
  localparam int unsigned CountWidth = $clog2(VecLen + 1);

  // Hardware guarantees these; whoever instantiates the core by hand learns it here.
  if (Cols % Groups != 0 || VecLen < Groups * Rows || VecLen < GroupCols) begin : gen_check_array
    $error("dsf_core: Groups has to divide Cols; VecLen has to be at least Groups * Rows and Cols / Groups");
  end
  if (VecLen != 1 << $clog2(VecLen) || AxiWidth != 1 << $clog2(AxiWidth) || VecLen * XBits < AxiWidth) begin : gen_check_beat
    $error("dsf_core: VecLen and AxiWidth have to be powers of two, and a word of feature memory has to hold a beat");
  end
  if (AxiWidth < 32 || AxiWidth > InstrWordBits || (XBits != 1 && XBits != 2 && XBits != 4 && XBits != 8)) begin : gen_check_widths
    $error("dsf_core: AxiWidth has to be 32 to 256, XBits 1, 2, 4 or 8");
  end
  if ((Pe == PeBinary) != (XBits == 1) || (Pe == PeBinary) != (WBits == 1)) begin : gen_check_pe
    $error("dsf_core: PeBinary is for XBits 1 and WBits 1, which need it");
  end

  // Units, by queue.
  logic [NumQueues-1:0]        unit_valid, unit_ready, unit_done, unit_error;
  logic [NumQueues-1:0][15:0]  unit_index, unit_error_index;
  error_code_e [NumQueues-1:0] unit_error_code;
  logic                        load_active, weight_active, matrix_active, drain_active, vector_active, store_active;
  load_t                       load_instr;
  load_weights_t               weight_instr;
  matrix_t                     matrix_instr;
  vector_t                     vector_instr;
  store_t                      store_instr;
  logic                        matrix_step, pixel_wait, drain_wait, slots_left, matrix_queued;
  logic [NumQueues-1:0]        matrix_missing;

  dsf_control #(
    .AxiWidth(AxiWidth), .Rows(Rows), .Groups(Groups), .GroupCols(GroupCols), .VecLen(VecLen), .XBits(XBits),
    .QueueDepth(QueueDepth), .WatchdogCycles(WatchdogCycles)
  ) u_control (
    .clk_i,
    .rst_ni,
    .s_axis_inst_tdata_i (s_axis_inst_tdata),
    .s_axis_inst_tvalid_i(s_axis_inst_tvalid),
    .s_axis_inst_tready_o(s_axis_inst_tready),
    .s_axis_inst_tlast_i (s_axis_inst_tlast),
    .unit_valid_o        (unit_valid),
    .unit_ready_i        (unit_ready),
    .load_instr_o        (load_instr),
    .weight_instr_o      (weight_instr),
    .matrix_instr_o      (matrix_instr),
    .vector_instr_o      (vector_instr),
    .store_instr_o       (store_instr),
    .unit_index_o        (unit_index),
    .unit_done_i         (unit_done),
    .unit_active_i       (load_active || weight_active || matrix_active || drain_active || vector_active || store_active),
    .unit_error_i        (unit_error),
    .unit_error_code_i   (unit_error_code),
    .unit_error_index_i  (unit_error_index),
    .busy_o,
    .done_o,
    .error_o,
    .error_code_o,
    .error_index_o,
    .error_detail_o,
    .start_o,
    .finish_o,
    .matrix_queued_o     (matrix_queued),
    .matrix_missing_o    (matrix_missing)
  );

  assign unit_error_code[QueueLoad]    = ErrAddress;
  assign unit_error_code[QueueStore]   = ErrAddress;
  // What MATRIX could do wrong is checked before it gets it.
  assign unit_error[QueueMatrix]       = 1'b0;
  assign unit_error_code[QueueMatrix]  = ErrNone;
  assign unit_error_index[QueueMatrix] = '0;

  // VECTOR complains, if at all, about the instruction that it has just taken.
  logic [15:0] vector_index_q;
  always_ff @(posedge clk_i) begin
    if (unit_valid[QueueVector] && unit_ready[QueueVector]) vector_index_q <= unit_index[QueueVector];
  end
  assign unit_error_index[QueueVector] = vector_index_q;

  // Feature memory.
  logic [FmemReaders-1:0]                        rd_req, rd_gnt, rd_valid;
  logic [FmemReaders-1:0][AddrBits-1:0]          rd_addr;
  logic [VecLen-1:0][XBits-1:0]                  rd_data;
  logic [XBits-1:0]                              rd_after;
  logic [FmemWriters-1:0]                        wr_req, wr_gnt;
  logic [FmemWriters-1:0][AddrBits-1:0]          wr_addr;
  logic [FmemWriters-1:0][VecLen-1:0][XBits-1:0] wr_data;
  logic [FmemWriters-1:0][CountWidth-1:0]        wr_count;

  dsf_fmem #(
    .XBits(XBits), .VecLen(VecLen), .FeatureWords(FeatureWords)
  ) u_fmem (
    .clk_i,
    .rst_ni,
    .rd_req_i  (rd_req),
    .rd_addr_i (rd_addr),
    .rd_gnt_o  (rd_gnt),
    .rd_valid_o(rd_valid),
    .rd_data_o (rd_data),
    .rd_after_o(rd_after),
    .wr_req_i  (wr_req),
    .wr_addr_i (wr_addr),
    .wr_data_i (wr_data),
    .wr_count_i(wr_count),
    .wr_gnt_o  (wr_gnt)
  );

  dsf_load #(
    .XBits(XBits), .VecLen(VecLen), .AxiWidth(AxiWidth), .FeatureWords(FeatureWords)
  ) u_load (
    .clk_i,
    .rst_ni,
    .instr_valid_i        (unit_valid[QueueLoad]),
    .instr_ready_o        (unit_ready[QueueLoad]),
    .instr_i              (load_instr),
    .instr_index_i        (unit_index[QueueLoad]),
    .done_o               (unit_done[QueueLoad]),
    .m_axis_ldcmd_tvalid_o(m_axis_ldcmd_tvalid),
    .m_axis_ldcmd_tready_i(m_axis_ldcmd_tready),
    .m_axis_ldcmd_tdata_o (m_axis_ldcmd_tdata),
    .s_axis_ld_tvalid_i   (s_axis_ld_tvalid),
    .s_axis_ld_tready_o   (s_axis_ld_tready),
    .s_axis_ld_tdata_i    (s_axis_ld_tdata),
    .wr_req_o             (wr_req[FmemWriteLoad]),
    .wr_gnt_i             (wr_gnt[FmemWriteLoad]),
    .wr_addr_o            (wr_addr[FmemWriteLoad]),
    .wr_data_o            (wr_data[FmemWriteLoad]),
    .wr_count_o           (wr_count[FmemWriteLoad]),
    .active_o             (load_active),
    .error_o              (unit_error[QueueLoad]),
    .error_index_o        (unit_error_index[QueueLoad])
  );

  localparam int unsigned BeatWords = beat_words(AxiWidth, GroupCols, WBits);

  logic [BeatWords-1:0]            wm_wr_en;
  logic [3:0]                      wm_wr_bank;
  logic [19:0]                     wm_wr_addr;
  logic [BeatWords-1:0][GroupCols-1:0][WBits-1:0] wm_wr_data;
  logic [GroupCols-1:0]            pm_wr_en;
  logic [ParamAddrBits-1:0]        pm_wr_addr;
  logic [ParamBits-1:0]            pm_wr_data;
  logic                            tb_wr_en;
  logic [TableBits-1:0]            tb_wr_table;
  logic [TableWordsBits-1:0]       tb_wr_word;
  logic [ParamBits-1:0]            tb_wr_data;

  dsf_load_weights #(
    .Groups(Groups), .GroupCols(GroupCols), .WBits(WBits), .XBits(XBits), .AxiWidth(AxiWidth), .WeightWords(WeightWords),
    .ParamGroups(ParamGroups)
  ) u_load_weights (
    .clk_i,
    .rst_ni,
    .instr_valid_i        (unit_valid[QueueWeight]),
    .instr_ready_o        (unit_ready[QueueWeight]),
    .instr_i              (weight_instr),
    .instr_index_i        (unit_index[QueueWeight]),
    .done_o               (unit_done[QueueWeight]),
    .m_axis_wtcmd_tvalid_o(m_axis_wtcmd_tvalid),
    .m_axis_wtcmd_tready_i(m_axis_wtcmd_tready),
    .m_axis_wtcmd_tdata_o (m_axis_wtcmd_tdata),
    .s_axis_wt_tvalid_i   (s_axis_wt_tvalid),
    .s_axis_wt_tready_o   (s_axis_wt_tready),
    .s_axis_wt_tdata_i    (s_axis_wt_tdata),
    .wm_wr_en_o           (wm_wr_en),
    .wm_wr_bank_o         (wm_wr_bank),
    .wm_wr_addr_o         (wm_wr_addr),
    .wm_wr_data_o         (wm_wr_data),
    .pm_wr_en_o           (pm_wr_en),
    .pm_wr_addr_o         (pm_wr_addr),
    .pm_wr_data_o         (pm_wr_data),
    .tb_wr_en_o           (tb_wr_en),
    .tb_wr_table_o        (tb_wr_table),
    .tb_wr_word_o         (tb_wr_word),
    .tb_wr_data_o         (tb_wr_data),
    .active_o             (weight_active),
    .error_o              (unit_error[QueueWeight]),
    .error_code_o         (unit_error_code[QueueWeight]),
    .error_index_o        (unit_error_index[QueueWeight])
  );

  logic                              drain_valid, drain_ready, tile_ready, tile_free, cap_rd_en;
  matrix_t                           drain_instr;
  logic [GroupBits-1:0]              cap_rd_group;
  logic [RowBits-1:0]                cap_rd_row;
  logic [TileBits-1:0]               cap_rd_tile;
  logic [GroupCols-1:0][AccBits-1:0] cap_rd_data;
  logic [2:0]                        unused_busy;

  dsf_matrix #(
    .Pe(Pe), .Rows(Rows), .Cols(Cols), .Groups(Groups), .XBits(XBits), .WBits(WBits), .AccBits(AccBits),
    .VecLen(VecLen), .WeightWords(WeightWords), .Words(BeatWords), .CaptureTiles(CaptureTiles)
  ) u_matrix (
    .clk_i,
    .rst_ni,
    .instr_valid_i (unit_valid[QueueMatrix]),
    .instr_ready_o (unit_ready[QueueMatrix]),
    .instr_i       (matrix_instr),
    .yield_i       (rd_req[FmemReadStore]),
    .rd_req_o      (rd_req[FmemReadFeeder]),
    .rd_addr_o     (rd_addr[FmemReadFeeder]),
    .rd_gnt_i      (rd_gnt[FmemReadFeeder]),
    .rd_valid_i    (rd_valid[FmemReadFeeder]),
    .rd_data_i     (rd_data),
    .rd_after_i    (rd_after),
    .wm_wr_en_i    (wm_wr_en),
    .wm_wr_bank_i  (wm_wr_bank),
    .wm_wr_addr_i  (wm_wr_addr),
    .wm_wr_data_i  (wm_wr_data),
    .drain_valid_o (drain_valid),
    .drain_instr_o (drain_instr),
    .drain_ready_i (drain_ready),
    .tile_ready_o  (tile_ready),
    .tile_free_i   (tile_free),
    .cap_rd_en_i   (cap_rd_en),
    .cap_rd_group_i(cap_rd_group),
    .cap_rd_row_i  (cap_rd_row),
    .cap_rd_tile_i (cap_rd_tile),
    .cap_rd_data_o (cap_rd_data),
    .step_o        (matrix_step),
    .pixel_wait_o  (pixel_wait),
    .drain_wait_o  (drain_wait),
    .slots_left_o  (slots_left),
    .active_o      (matrix_active),
    .busy_o        (unused_busy[0])
  );

  dsf_stall u_stall (
    .clk_i,
    .rst_ni,
    .step_i      (matrix_step),
    .pixel_wait_i(pixel_wait),
    .drain_wait_i(drain_wait),
    .started_i   (slots_left || start_o[QueueMatrix]),
    .queued_i    (matrix_queued),
    .missing_i   (matrix_missing),
    .array_o
  );

  dsf_drain #(
    .Rows(Rows), .Groups(Groups), .GCols(GroupCols), .XBits(XBits), .BBits(BBits), .MBits(MBits),
    .AccBits(AccBits), .FBits(FBits), .VecLen(VecLen), .ParamGroups(ParamGroups), .CaptureTiles(CaptureTiles)
  ) u_drain (
    .clk_i,
    .rst_ni,
    .instr_valid_i (drain_valid),
    .instr_ready_o (drain_ready),
    .instr_i       (drain_instr),
    .tile_ready_i  (tile_ready),
    .tile_free_o   (tile_free),
    .cap_rd_en_o   (cap_rd_en),
    .cap_rd_group_o(cap_rd_group),
    .cap_rd_row_o  (cap_rd_row),
    .cap_rd_tile_o (cap_rd_tile),
    .cap_rd_data_i (cap_rd_data),
    .pm_wr_en_i    (pm_wr_en),
    .pm_wr_addr_i  (pm_wr_addr),
    .pm_wr_data_i  (pm_wr_data),
    .rd_req_o      (rd_req[FmemReadDrain]),
    .rd_addr_o     (rd_addr[FmemReadDrain]),
    .rd_gnt_i      (rd_gnt[FmemReadDrain]),
    .rd_data_i     (rd_data),
    .wr_req_o      (wr_req[FmemWriteDrain]),
    .wr_addr_o     (wr_addr[FmemWriteDrain]),
    .wr_data_o     (wr_data[FmemWriteDrain]),
    .wr_count_o    (wr_count[FmemWriteDrain]),
    .wr_gnt_i      (wr_gnt[FmemWriteDrain]),
    .done_o        (unit_done[QueueMatrix]),
    .active_o      (drain_active),
    .busy_o        (unused_busy[1])
  );

  dsf_vector #(
    .XBits(XBits), .MBits(MBits), .VecLen(VecLen), .Lanes(VectorLanes)
  ) u_vector (
    .clk_i,
    .rst_ni,
    .tb_wr_en_i   (tb_wr_en),
    .tb_wr_table_i(tb_wr_table),
    .tb_wr_word_i (tb_wr_word),
    .tb_wr_data_i (tb_wr_data),
    .instr_valid_i(unit_valid[QueueVector]),
    .instr_ready_o(unit_ready[QueueVector]),
    .instr_i      (vector_instr),
    .rd_req_o     (rd_req[FmemReadVector]),
    .rd_addr_o    (rd_addr[FmemReadVector]),
    .rd_gnt_i     (rd_gnt[FmemReadVector]),
    .rd_data_i    (rd_data),
    .wr_req_o     (wr_req[FmemWriteVector]),
    .wr_addr_o    (wr_addr[FmemWriteVector]),
    .wr_data_o    (wr_data[FmemWriteVector]),
    .wr_count_o   (wr_count[FmemWriteVector]),
    .wr_gnt_i     (wr_gnt[FmemWriteVector]),
    .done_o       (unit_done[QueueVector]),
    .active_o     (vector_active),
    .busy_o       (unused_busy[2]),
    .error_o      (unit_error[QueueVector]),
    .error_code_o (unit_error_code[QueueVector])
  );

  dsf_store #(
    .XBits(XBits), .VecLen(VecLen), .AxiWidth(AxiWidth), .FeatureWords(FeatureWords)
  ) u_store (
    .clk_i,
    .rst_ni,
    .instr_valid_i        (unit_valid[QueueStore]),
    .instr_ready_o        (unit_ready[QueueStore]),
    .instr_i              (store_instr),
    .instr_index_i        (unit_index[QueueStore]),
    .done_o               (unit_done[QueueStore]),
    .m_axis_stcmd_tvalid_o(m_axis_stcmd_tvalid),
    .m_axis_stcmd_tready_i(m_axis_stcmd_tready),
    .m_axis_stcmd_tdata_o (m_axis_stcmd_tdata),
    .m_axis_st_tvalid_o   (m_axis_st_tvalid),
    .m_axis_st_tready_i   (m_axis_st_tready),
    .m_axis_st_tdata_o    (m_axis_st_tdata),
    .m_axis_st_tlast_o    (m_axis_st_tlast),
    .st_done_i,
    .rd_req_o             (rd_req[FmemReadStore]),
    .rd_gnt_i             (rd_gnt[FmemReadStore]),
    .rd_addr_o            (rd_addr[FmemReadStore]),
    .rd_valid_i           (rd_valid[FmemReadStore]),
    .rd_data_i            (rd_data),
    .active_o             (store_active),
    .error_o              (unit_error[QueueStore]),
    .error_index_o        (unit_error_index[QueueStore])
  );

  logic unused;
  assign unused = ^{rd_valid[FmemReadDrain], rd_valid[FmemReadVector], unit_index[QueueMatrix], unused_busy};

endmodule

`default_nettype wire
