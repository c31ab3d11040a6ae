// SPDX-License-Identifier: Apache-2.0
//
// Control and status registers. Generated from dsf/isa/registers.py by `python -m dsf.codegen.generate`; do not edit.
// What each register means is in docs/registers.md.

/* verilator lint_off UNUSEDPARAM */
package dsf_regs_pkg;

  localparam int unsigned RegAddrBits = 12;
  localparam int unsigned NumBases    = 8;
  localparam int unsigned NumCounters = 13;

  localparam logic [31:0] IdValue      = 32'h44534631;
  localparam logic [31:0] VersionValue = 32'h00010001;

  localparam logic [RegAddrBits-1:0] RegId = 12'h000;
  localparam logic [RegAddrBits-1:0] RegVersion = 12'h004;
  localparam logic [RegAddrBits-1:0] RegHash = 12'h008;
  localparam logic [RegAddrBits-1:0] RegControl = 12'h00C;
  localparam logic [RegAddrBits-1:0] RegStatus = 12'h010;
  localparam logic [RegAddrBits-1:0] RegError = 12'h014;
  localparam logic [RegAddrBits-1:0] RegErrorIndex = 12'h018;
  localparam logic [RegAddrBits-1:0] RegErrorDetail = 12'h01C;
  localparam logic [RegAddrBits-1:0] RegIrqEnable = 12'h020;
  localparam logic [RegAddrBits-1:0] RegIrqStatus = 12'h024;
  localparam logic [RegAddrBits-1:0] RegProgramHash = 12'h028;
  localparam logic [RegAddrBits-1:0] RegProgramBytes = 12'h02C;
  localparam logic [RegAddrBits-1:0] RegBeatBytes = 12'h030;
  localparam logic [RegAddrBits-1:0] RegBase0Lo = 12'h040;
  localparam logic [RegAddrBits-1:0] RegBase0Hi = 12'h044;
  localparam logic [RegAddrBits-1:0] RegBase1Lo = 12'h048;
  localparam logic [RegAddrBits-1:0] RegBase1Hi = 12'h04C;
  localparam logic [RegAddrBits-1:0] RegBase2Lo = 12'h050;
  localparam logic [RegAddrBits-1:0] RegBase2Hi = 12'h054;
  localparam logic [RegAddrBits-1:0] RegBase3Lo = 12'h058;
  localparam logic [RegAddrBits-1:0] RegBase3Hi = 12'h05C;
  localparam logic [RegAddrBits-1:0] RegBase4Lo = 12'h060;
  localparam logic [RegAddrBits-1:0] RegBase4Hi = 12'h064;
  localparam logic [RegAddrBits-1:0] RegBase5Lo = 12'h068;
  localparam logic [RegAddrBits-1:0] RegBase5Hi = 12'h06C;
  localparam logic [RegAddrBits-1:0] RegBase6Lo = 12'h070;
  localparam logic [RegAddrBits-1:0] RegBase6Hi = 12'h074;
  localparam logic [RegAddrBits-1:0] RegBase7Lo = 12'h078;
  localparam logic [RegAddrBits-1:0] RegBase7Hi = 12'h07C;
  localparam logic [RegAddrBits-1:0] RegCyclesLo = 12'h080;
  localparam logic [RegAddrBits-1:0] RegCyclesHi = 12'h084;
  localparam logic [RegAddrBits-1:0] RegCountMatrixSteps = 12'h088;
  localparam logic [RegAddrBits-1:0] RegCountInstructionBeats = 12'h08C;
  localparam logic [RegAddrBits-1:0] RegCountFeatureBeats = 12'h090;
  localparam logic [RegAddrBits-1:0] RegCountWeightBeats = 12'h094;
  localparam logic [RegAddrBits-1:0] RegCountOutputBeats = 12'h098;
  localparam logic [RegAddrBits-1:0] RegCountStallPixels = 12'h09C;
  localparam logic [RegAddrBits-1:0] RegCountStallDrain = 12'h0A0;
  localparam logic [RegAddrBits-1:0] RegCountStallMatrix = 12'h0A4;
  localparam logic [RegAddrBits-1:0] RegCountStallVector = 12'h0A8;
  localparam logic [RegAddrBits-1:0] RegCountStallOutput = 12'h0AC;
  localparam logic [RegAddrBits-1:0] RegCountStallLoad = 12'h0B0;
  localparam logic [RegAddrBits-1:0] RegCountStallWeights = 12'h0B4;
  localparam logic [RegAddrBits-1:0] RegCountIdle = 12'h0B8;

  localparam int unsigned VersionMinorLow  = 0;
  localparam int unsigned VersionMinorBits = 16;

  localparam int unsigned VersionMajorLow  = 16;
  localparam int unsigned VersionMajorBits = 16;

  localparam int unsigned ControlStartLow  = 0;
  localparam int unsigned ControlStartBits = 1;

  localparam int unsigned ControlAbortLow  = 1;
  localparam int unsigned ControlAbortBits = 1;

  localparam int unsigned StatusBusyLow  = 0;
  localparam int unsigned StatusBusyBits = 1;

  localparam int unsigned StatusDoneLow  = 1;
  localparam int unsigned StatusDoneBits = 1;

  localparam int unsigned StatusErrorLow  = 2;
  localparam int unsigned StatusErrorBits = 1;

  localparam int unsigned ErrorCodeLow  = 0;
  localparam int unsigned ErrorCodeBits = 4;

  localparam int unsigned ErrorPortLow  = 4;
  localparam int unsigned ErrorPortBits = 4;

  localparam int unsigned ErrorResponseLow  = 8;
  localparam int unsigned ErrorResponseBits = 2;

  localparam int unsigned ErrorDetailQueueLow  = 0;
  localparam int unsigned ErrorDetailQueueBits = 3;

  localparam int unsigned ErrorDetailTokensLow  = 3;
  localparam int unsigned ErrorDetailTokensBits = 5;

  localparam int unsigned IrqEnableDoneLow  = 0;
  localparam int unsigned IrqEnableDoneBits = 1;

  localparam int unsigned IrqEnableErrorLow  = 1;
  localparam int unsigned IrqEnableErrorBits = 1;

  localparam int unsigned IrqStatusDoneLow  = 0;
  localparam int unsigned IrqStatusDoneBits = 1;

  localparam int unsigned IrqStatusErrorLow  = 1;
  localparam int unsigned IrqStatusErrorBits = 1;

  // Positions in counter_i.
  localparam int unsigned CountMatrixSteps = 0;
  localparam int unsigned CountInstructionBeats = 1;
  localparam int unsigned CountFeatureBeats = 2;
  localparam int unsigned CountWeightBeats = 3;
  localparam int unsigned CountOutputBeats = 4;
  localparam int unsigned CountStallPixels = 5;
  localparam int unsigned CountStallDrain = 6;
  localparam int unsigned CountStallMatrix = 7;
  localparam int unsigned CountStallVector = 8;
  localparam int unsigned CountStallOutput = 9;
  localparam int unsigned CountStallLoad = 10;
  localparam int unsigned CountStallWeights = 11;
  localparam int unsigned CountIdle = 12;

  typedef enum logic [3:0] {
    PortNone = 4'd0,
    PortInstructions = 4'd1,
    PortFeatures = 4'd2,
    PortWeights = 4'd3,
    PortOutput = 4'd4
  } port_e;

  // What the array does in a cycle: the position of its counter.
  typedef enum logic [3:0] {
    ArrayMatrixSteps = 4'd0,
    ArrayStallPixels = 4'd5,
    ArrayStallDrain = 4'd6,
    ArrayStallMatrix = 4'd7,
    ArrayStallVector = 4'd8,
    ArrayStallOutput = 4'd9,
    ArrayStallLoad = 4'd10,
    ArrayStallWeights = 4'd11,
    ArrayIdle = 4'd12
  } array_e;

endpackage
/* verilator lint_on UNUSEDPARAM */
