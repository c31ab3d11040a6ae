// SPDX-License-Identifier: Apache-2.0
//
// What the core asks of a DMA: rows of bytes, strided in DRAM. On the data stream every row starts on a new beat; the
// last beat of a row is filled with anything on the way in, and with zeros on the way out, where it carries tlast.

package dsf_dma_pkg;

  typedef struct packed {
    logic [31:0] row_stride;  // bytes from one row to the next; unused with one row
    logic [31:0] row_bytes;
    logic [15:0] rows;
    logic [31:0] offset;      // bytes from the base register
    logic [2:0]  base;        // base register, see BaseRegister in dsf/isa/table.py
  } dma_command_t;

endpackage
