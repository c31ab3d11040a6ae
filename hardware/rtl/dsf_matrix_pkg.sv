// SPDX-License-Identifier: Apache-2.0
//
// The pipeline of the matrix front: its types, and its timing as constants.
//
// Cycles after the sequencer issues pixel 0 and step 0 of a slot (cycle 0):
//
//     0            read of the pixel table; control enters its delay line
//     TableLatency addresses and coordinates are formed
//     FetchDelay   read request to feature memory
//     StepDelay    feature data is masked; control enters row 0, the weight word is read
//     StepDelay+1  the pixel's V elements are on the feed bus, row 0 loads them
//     StepDelay+2  row 0 picks its element; element V, if the slot is that long, is on its bus and replaces element 0
//     StepDelay+3  element and weight at the operand registers of row 0
//     StepDelay+4  ... and at its PEs
//
// Linear row i (tall: i counts through the groups) does the same i cycles later with pixel i.
//
// Depthwise, a slot is one phase of a kernel row: n taps for P pixels. It reads P + n - 1 positions, a step of x_step apart,
// one a cycle, and each is broadcast to all rows: OperandDelay cycles after control it is at the PEs of the row that
// applies tap j to it, which is position - j. So the n steps enter in the slot's first n cycles.

// No single module uses all of them.
/* verilator lint_off UNUSEDPARAM */

package dsf_matrix_pkg;

  import dsf_pkg::*;

  // Pixel table: RAM, register.
  localparam int unsigned TableLatency = 2;
  localparam int unsigned FetchDelay   = TableLatency + 1;
  localparam int unsigned StepDelay    = FetchDelay + FmemReadLatency;
  // From control at the array's entry to operands at the PEs of row 0, and from a weight read to the same.
  localparam int unsigned OperandDelay = 4;

  // For how long a depthwise tile lets others read before it starts: as many reads as STORE has room for.
  localparam int unsigned YieldCycles = 7;

  localparam int unsigned StepBits       = 10;  // A chunk has up to 512 steps.
  localparam int unsigned PixelBits      = 11;  // Up to 16 * 64 pixels are in flight.
  localparam int unsigned WeightAddrBits = 20;
  localparam int unsigned BankBits       = 4;

  // What the feeder knows of an output position, and of a slot's place in the kernel.
  typedef struct packed {
    logic [AddrBits-1:0]        address;
    logic signed [AddrBits-1:0] x;
    logic signed [AddrBits-1:0] y;
  } pixel_t;

  // Which kernel rows a tile needs, and where the first of them is.
  typedef struct packed {
    logic [7:0]                 rows_left;       // kernel rows after the first one, also such as are below the image
    logic                       last;            // the first one is the last one that reaches into the image
    logic [AddrBits-1:0]        row_offset;      // of the first one: address
    logic signed [AddrBits-1:0] y_offset;
    logic [WeightAddrBits-1:0]  weight_offset;
    logic signed [AddrBits-1:0] below;           // rows of the image from the tile's least y in it on
  } kernel_rows_t;

  // A slot: one chunk of the reduction, for the pixels of one tile.
  typedef struct packed {
    logic                       first;           // first slot of its tile
    logic                       accumulate;      // its tile goes on from the sums that are there
    logic                       last;            // last slot of its tile
    logic                       tall;
    logic                       depthwise;
    logic [StepBits-1:0]        steps_left;      // steps - 1
    logic [PixelBits-1:0]       pixels_left;     // pixels - 1
    logic [AddrBits-1:0]        row_offset;      // of the kernel row: address
    logic signed [AddrBits-1:0] x_offset;        // of the chunk in the kernel row: address and x
    logic [AddrBits-1:0]        x_step;          // of it from one read to the next; 0 unless depthwise
    logic signed [AddrBits-1:0] y_offset;
    logic [17:0]                row_elements;
    logic [11:0]                height;
    logic signed [15:0]         pad_value;
    logic [WeightAddrBits-1:0]  weight_address;  // of the tile's first step
    logic [BankBits-1:0]        weight_bank;     // of it; tall only
    logic [WeightAddrBits-1:0]  bank_words;      // words of a channel group in each bank; 0: all
  } slot_t;

  // A step, without its valid bit.
  typedef struct packed {
    logic                      first;     // the accumulator restarts
    logic                      last;      // the accumulator is complete
    logic                      tall;      // level: the array's shape, also between steps
    logic                      depthwise;
    logic [StepBits-1:0]       position;  // which element of the pixel
    logic [WeightAddrBits-1:0] weight_address;
    logic [BankBits-1:0]       weight_bank;
  } step_t;

endpackage

/* verilator lint_on UNUSEDPARAM */
