/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's registers. Generated from dsf/isa/registers.py by `python -m dsf.codegen.generate`; do not edit.
 * What each register means is in docs/registers.md.
 */

#ifndef DSF_REGS_H
#define DSF_REGS_H

#define DSF_REG_ID 0x000u
#define DSF_REG_VERSION 0x004u
#define DSF_REG_HASH 0x008u
#define DSF_REG_CONTROL 0x00Cu
#define DSF_REG_STATUS 0x010u
#define DSF_REG_ERROR 0x014u
#define DSF_REG_ERROR_INDEX 0x018u
#define DSF_REG_ERROR_DETAIL 0x01Cu
#define DSF_REG_IRQ_ENABLE 0x020u
#define DSF_REG_IRQ_STATUS 0x024u
#define DSF_REG_PROGRAM_HASH 0x028u
#define DSF_REG_PROGRAM_BYTES 0x02Cu
#define DSF_REG_BEAT_BYTES 0x030u
#define DSF_REG_CYCLES_LO 0x080u
#define DSF_REG_CYCLES_HI 0x084u
#define DSF_REG_COUNT_MATRIX_STEPS 0x088u
#define DSF_REG_COUNT_INSTRUCTION_BEATS 0x08Cu
#define DSF_REG_COUNT_FEATURE_BEATS 0x090u
#define DSF_REG_COUNT_WEIGHT_BEATS 0x094u
#define DSF_REG_COUNT_OUTPUT_BEATS 0x098u
#define DSF_REG_COUNT_STALL_PIXELS 0x09Cu
#define DSF_REG_COUNT_STALL_DRAIN 0x0A0u
#define DSF_REG_COUNT_STALL_MATRIX 0x0A4u
#define DSF_REG_COUNT_STALL_VECTOR 0x0A8u
#define DSF_REG_COUNT_STALL_OUTPUT 0x0ACu
#define DSF_REG_COUNT_STALL_LOAD 0x0B0u
#define DSF_REG_COUNT_STALL_WEIGHTS 0x0B4u
#define DSF_REG_COUNT_IDLE 0x0B8u
#define DSF_REG_BASE_LO(i) (0x040u + 8u * (i))
#define DSF_REG_BASE_HI(i) (0x044u + 8u * (i))

#define DSF_NUM_BASES 8u
#define DSF_NUM_COUNTERS 13u
#define DSF_ID_VALUE 0x44534631u
#define DSF_VERSION_VALUE 0x00010001u

#define DSF_VERSION_MINOR(value) (((value) >> 0) & 0xFFFFu)
#define DSF_VERSION_MAJOR(value) (((value) >> 16) & 0xFFFFu)
#define DSF_CONTROL_START 0x1u
#define DSF_CONTROL_ABORT 0x2u
#define DSF_STATUS_BUSY 0x1u
#define DSF_STATUS_DONE 0x2u
#define DSF_STATUS_ERROR 0x4u
#define DSF_ERROR_CODE(value) (((value) >> 0) & 0xFu)
#define DSF_ERROR_PORT(value) (((value) >> 4) & 0xFu)
#define DSF_ERROR_RESPONSE(value) (((value) >> 8) & 0x3u)
#define DSF_ERROR_DETAIL_QUEUE(value) (((value) >> 0) & 0x7u)
#define DSF_ERROR_DETAIL_TOKENS(value) (((value) >> 3) & 0x1Fu)
#define DSF_IRQ_ENABLE_DONE 0x1u
#define DSF_IRQ_ENABLE_ERROR 0x2u
#define DSF_IRQ_STATUS_DONE 0x1u
#define DSF_IRQ_STATUS_ERROR 0x2u

/* ERROR.code */
enum dsf_error_code {
    DSF_ERR_NONE = 0,
    DSF_ERR_ILLEGAL_OPCODE = 1,
    DSF_ERR_ILLEGAL_FIELD = 2,
    DSF_ERR_TRUNCATED = 3,
    DSF_ERR_ADDRESS = 4,
    DSF_ERR_TOKEN_OVERFLOW = 5,
    DSF_ERR_TOKENS_LEFT = 6,
    DSF_ERR_WATCHDOG = 7,
    DSF_ERR_HASH_MISMATCH = 8,
    DSF_ERR_READ_ERROR = 9,
    DSF_ERR_WRITE_ERROR = 10,
    DSF_ERR_ABORTED = 11,
};

/* ERROR.port */
enum dsf_port {
    DSF_PORT_NONE = 0,
    DSF_PORT_INSTRUCTIONS = 1,
    DSF_PORT_FEATURES = 2,
    DSF_PORT_WEIGHTS = 3,
    DSF_PORT_OUTPUT = 4,
};

/* Counters: positions from DSF_REG_COUNT_MATRIX_STEPS on */
enum dsf_counter {
    DSF_COUNT_MATRIX_STEPS = 0,
    DSF_COUNT_INSTRUCTION_BEATS = 1,
    DSF_COUNT_FEATURE_BEATS = 2,
    DSF_COUNT_WEIGHT_BEATS = 3,
    DSF_COUNT_OUTPUT_BEATS = 4,
    DSF_COUNT_STALL_PIXELS = 5,
    DSF_COUNT_STALL_DRAIN = 6,
    DSF_COUNT_STALL_MATRIX = 7,
    DSF_COUNT_STALL_VECTOR = 8,
    DSF_COUNT_STALL_OUTPUT = 9,
    DSF_COUNT_STALL_LOAD = 10,
    DSF_COUNT_STALL_WEIGHTS = 11,
    DSF_COUNT_IDLE = 12,
};

/* Base registers */
enum dsf_base {
    DSF_BASE_PROGRAM = 0,
    DSF_BASE_WEIGHTS = 1,
    DSF_BASE_INPUT = 2,
    DSF_BASE_OUTPUT = 3,
    DSF_BASE_ARENA = 4,
};

#endif
