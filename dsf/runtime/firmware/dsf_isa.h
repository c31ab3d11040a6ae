/* SPDX-License-Identifier: Apache-2.0
 *
 * The instruction set. Generated from dsf/isa/table.py by `python -m dsf.codegen.generate`; do not edit.
 * What each field means is in docs/isa.md.
 *
 * A field is DSF_<instruction>_<field>, its lowest bit and its width: DSF_FIELD(p, DSF_LOAD_ROWS) is its value in the
 * instruction at `p`. Signed fields come out as they lie there; DSF_SIGNED_FIELD extends their sign.
 */

#ifndef DSF_ISA_H
#define DSF_ISA_H

#include <stdint.h>

#define DSF_INSTRUCTION_WORD_BYTES 32u

#define DSF_OP_LOAD 1u
#define DSF_OP_LOAD_WEIGHTS 2u
#define DSF_OP_MATRIX 3u
#define DSF_OP_VECTOR 4u
#define DSF_OP_STORE 5u
#define DSF_OP_END 6u

/* Length of an instruction in bytes. */
#define DSF_SIZEOF_LOAD 32u
#define DSF_SIZEOF_LOAD_WEIGHTS 32u
#define DSF_SIZEOF_MATRIX 128u
#define DSF_SIZEOF_VECTOR 96u
#define DSF_SIZEOF_STORE 32u
#define DSF_SIZEOF_END 32u

/* Bits of the wait and signal masks. */
#define DSF_QUEUE_LOAD 0u
#define DSF_QUEUE_WEIGHT 1u
#define DSF_QUEUE_MATRIX 2u
#define DSF_QUEUE_VECTOR 3u
#define DSF_QUEUE_STORE 4u

#define DSF_VECTOR_FUNCTION_MAX_POOL 0u
#define DSF_VECTOR_FUNCTION_AVERAGE_POOL 1u
#define DSF_VECTOR_FUNCTION_ADD 2u
#define DSF_VECTOR_FUNCTION_MULTIPLY 3u
#define DSF_VECTOR_FUNCTION_TABLE 4u
#define DSF_VECTOR_FUNCTION_COPY 5u
#define DSF_TARGET_WEIGHTS 0u
#define DSF_TARGET_PARAMETERS 1u
#define DSF_TARGET_TABLES 2u

/* The header of program.bin: little-endian 32-bit words, by index. Load program and program follow it. */
#define DSF_PROGRAM_MAGIC 0x50465344u
#define DSF_PROGRAM_VERSION 2u
#define DSF_PROGRAM_HEADER_BYTES 64u
#define DSF_PROGRAM_WORD_MAGIC 0u
#define DSF_PROGRAM_WORD_VERSION 1u
#define DSF_PROGRAM_WORD_HARDWARE_HASH 2u
#define DSF_PROGRAM_WORD_LOAD_PROGRAM_BYTES 3u
#define DSF_PROGRAM_WORD_LOAD_PROGRAM_CRC32 4u
#define DSF_PROGRAM_WORD_PROGRAM_BYTES 5u
#define DSF_PROGRAM_WORD_PROGRAM_CRC32 6u
#define DSF_PROGRAM_WORD_WEIGHT_BYTES 7u
#define DSF_PROGRAM_WORD_WEIGHT_CRC32 8u
#define DSF_PROGRAM_WORD_INPUT_BYTES 9u
#define DSF_PROGRAM_WORD_OUTPUT_BYTES 10u
#define DSF_PROGRAM_WORD_ARENA_BYTES 11u
#define DSF_PROGRAM_WORD_FLAGS 12u
#define DSF_PROGRAM_WORD_DESCRIPTION_BYTES 13u
#define DSF_PROGRAM_WORD_DESCRIPTION_CRC32 14u
#define DSF_PROGRAM_WORD_HEADER_CRC32 15u

/* Lowest bit and width of each field. */
#define DSF_LOAD_OPCODE 0u, 4u
#define DSF_LOAD_WAIT 4u, 5u
#define DSF_LOAD_SIGNAL 9u, 5u
#define DSF_LOAD_RESERVED 14u, 18u
#define DSF_LOAD_BASE 32u, 3u
#define DSF_LOAD_OFFSET 35u, 32u
#define DSF_LOAD_ROWS 67u, 16u
#define DSF_LOAD_ROW_ELEMENTS 83u, 24u
#define DSF_LOAD_ROW_STRIDE 107u, 32u
#define DSF_LOAD_DST 139u, 24u
#define DSF_LOAD_DST_STRIDE 163u, 24u

#define DSF_LOAD_WEIGHTS_OPCODE 0u, 4u
#define DSF_LOAD_WEIGHTS_WAIT 4u, 5u
#define DSF_LOAD_WEIGHTS_SIGNAL 9u, 5u
#define DSF_LOAD_WEIGHTS_RESERVED 14u, 18u
#define DSF_LOAD_WEIGHTS_BASE 32u, 3u
#define DSF_LOAD_WEIGHTS_OFFSET 35u, 32u
#define DSF_LOAD_WEIGHTS_BYTES 67u, 32u
#define DSF_LOAD_WEIGHTS_TARGET 99u, 2u
#define DSF_LOAD_WEIGHTS_BANK 101u, 4u
#define DSF_LOAD_WEIGHTS_ADDRESS 105u, 20u
#define DSF_LOAD_WEIGHTS_WORDS 125u, 20u
#define DSF_LOAD_WEIGHTS_GROUPS 145u, 12u

#define DSF_MATRIX_OPCODE 0u, 4u
#define DSF_MATRIX_WAIT 4u, 5u
#define DSF_MATRIX_SIGNAL 9u, 5u
#define DSF_MATRIX_RESERVED 14u, 18u
#define DSF_MATRIX_SRC 32u, 24u
#define DSF_MATRIX_X_START 56u, 18u
#define DSF_MATRIX_X_STEP 74u, 16u
#define DSF_MATRIX_Y_START 90u, 12u
#define DSF_MATRIX_Y_STEP 102u, 8u
#define DSF_MATRIX_ROW_STEP 110u, 24u
#define DSF_MATRIX_IMAGE_STEP 134u, 24u
#define DSF_MATRIX_ROW_ELEMENTS 158u, 18u
#define DSF_MATRIX_HEIGHT 176u, 12u
#define DSF_MATRIX_PAD_VALUE 188u, 16u
#define DSF_MATRIX_KERNEL_ROWS 204u, 8u
#define DSF_MATRIX_KERNEL_ROW_STEP 212u, 24u
#define DSF_MATRIX_Y_DILATION 236u, 8u
#define DSF_MATRIX_SKIP_ROWS 244u, 1u
#define DSF_MATRIX_KERNEL_ROW_WORDS 245u, 20u
#define DSF_MATRIX_KERNEL_RUNS 265u, 8u
#define DSF_MATRIX_RUN_STEP 273u, 18u
#define DSF_MATRIX_RUN 291u, 18u
#define DSF_MATRIX_CHUNK 309u, 10u
#define DSF_MATRIX_CHUNKS 319u, 18u
#define DSF_MATRIX_LAST_CHUNK 337u, 10u
#define DSF_MATRIX_COLUMNS 347u, 12u
#define DSF_MATRIX_ROWS 359u, 12u
#define DSF_MATRIX_IMAGES 371u, 12u
#define DSF_MATRIX_DST 383u, 24u
#define DSF_MATRIX_DST_PIXEL_STEP 407u, 20u
#define DSF_MATRIX_DST_ROW_STEP 427u, 24u
#define DSF_MATRIX_DST_IMAGE_STEP 451u, 24u
#define DSF_MATRIX_PIXELS 475u, 24u
#define DSF_MATRIX_CHANNEL_GROUPS 499u, 12u
#define DSF_MATRIX_LAST_GROUP_LANES 511u, 8u
#define DSF_MATRIX_TALL 519u, 1u
#define DSF_MATRIX_DEPTHWISE 520u, 1u
#define DSF_MATRIX_ACCUMULATE 521u, 1u
#define DSF_MATRIX_PARTIAL 522u, 1u
#define DSF_MATRIX_RAW 523u, 1u
#define DSF_MATRIX_WEIGHT_BANK 524u, 4u
#define DSF_MATRIX_WEIGHT_ADDRESS 528u, 20u
#define DSF_MATRIX_WEIGHT_WORDS 548u, 20u
#define DSF_MATRIX_BANK_WORDS 568u, 20u
#define DSF_MATRIX_PARAMETER_ADDRESS 588u, 12u
#define DSF_MATRIX_BIAS_SHIFT 600u, 5u
#define DSF_MATRIX_LEAK 605u, 4u
#define DSF_MATRIX_ZERO_POINT 609u, 16u
#define DSF_MATRIX_LOW 625u, 16u
#define DSF_MATRIX_HIGH 641u, 16u
#define DSF_MATRIX_RESIDUAL 657u, 1u
#define DSF_MATRIX_RESIDUAL_SRC 658u, 24u
#define DSF_MATRIX_RESIDUAL_PIXEL_STEP 682u, 20u
#define DSF_MATRIX_RESIDUAL_ROW_STEP 702u, 24u
#define DSF_MATRIX_RESIDUAL_IMAGE_STEP 726u, 24u
#define DSF_MATRIX_RESIDUAL_MULTIPLIER_A 750u, 26u
#define DSF_MATRIX_RESIDUAL_MULTIPLIER_B 776u, 26u
#define DSF_MATRIX_RESIDUAL_OFFSET 802u, 42u
#define DSF_MATRIX_RESIDUAL_SHIFT 844u, 6u
#define DSF_MATRIX_RESIDUAL_LEAK 850u, 4u
#define DSF_MATRIX_RESIDUAL_LOW 854u, 16u
#define DSF_MATRIX_RESIDUAL_HIGH 870u, 16u

#define DSF_VECTOR_OPCODE 0u, 4u
#define DSF_VECTOR_WAIT 4u, 5u
#define DSF_VECTOR_SIGNAL 9u, 5u
#define DSF_VECTOR_RESERVED 14u, 18u
#define DSF_VECTOR_FUNCTION 32u, 4u
#define DSF_VECTOR_SRC 36u, 24u
#define DSF_VECTOR_X_START 60u, 18u
#define DSF_VECTOR_X_STEP 78u, 16u
#define DSF_VECTOR_Y_START 94u, 12u
#define DSF_VECTOR_Y_STEP 106u, 8u
#define DSF_VECTOR_ROW_STEP 114u, 24u
#define DSF_VECTOR_IMAGE_STEP 138u, 24u
#define DSF_VECTOR_ROW_ELEMENTS 162u, 18u
#define DSF_VECTOR_HEIGHT 180u, 12u
#define DSF_VECTOR_PAD_VALUE 192u, 16u
#define DSF_VECTOR_KERNEL_ROWS 208u, 12u
#define DSF_VECTOR_KERNEL_ROW_STEP 220u, 24u
#define DSF_VECTOR_KERNEL_COLUMNS 244u, 12u
#define DSF_VECTOR_KERNEL_COLUMN_STEP 256u, 16u
#define DSF_VECTOR_COLUMNS 272u, 12u
#define DSF_VECTOR_ROWS 284u, 12u
#define DSF_VECTOR_IMAGES 296u, 12u
#define DSF_VECTOR_DST 308u, 24u
#define DSF_VECTOR_DST_PIXEL_STEP 332u, 20u
#define DSF_VECTOR_DST_ROW_STEP 352u, 24u
#define DSF_VECTOR_DST_IMAGE_STEP 376u, 24u
#define DSF_VECTOR_DST_CHANNEL_STEP 400u, 16u
#define DSF_VECTOR_CHANNELS 416u, 16u
#define DSF_VECTOR_COUNT_PADDING 432u, 1u
#define DSF_VECTOR_LEFT 433u, 4u
#define DSF_VECTOR_RIGHT 437u, 6u
#define DSF_VECTOR_LEAK 443u, 4u
#define DSF_VECTOR_LOW 447u, 16u
#define DSF_VECTOR_HIGH 463u, 16u
#define DSF_VECTOR_SRC_B 479u, 24u
#define DSF_VECTOR_SRC_B_PIXEL_STEP 503u, 20u
#define DSF_VECTOR_SRC_B_ROW_STEP 523u, 24u
#define DSF_VECTOR_SRC_B_IMAGE_STEP 547u, 24u
#define DSF_VECTOR_MULTIPLIER_A 571u, 26u
#define DSF_VECTOR_MULTIPLIER_B 597u, 26u
#define DSF_VECTOR_CONSTANT 623u, 42u
#define DSF_VECTOR_TABLE_ADDRESS 665u, 20u
#define DSF_VECTOR_ZERO_A 685u, 16u
#define DSF_VECTOR_ZERO_B 701u, 16u

#define DSF_STORE_OPCODE 0u, 4u
#define DSF_STORE_WAIT 4u, 5u
#define DSF_STORE_SIGNAL 9u, 5u
#define DSF_STORE_RESERVED 14u, 18u
#define DSF_STORE_BASE 32u, 3u
#define DSF_STORE_OFFSET 35u, 32u
#define DSF_STORE_ROWS 67u, 16u
#define DSF_STORE_ROW_ELEMENTS 83u, 24u
#define DSF_STORE_ROW_STRIDE 107u, 32u
#define DSF_STORE_SRC 139u, 24u
#define DSF_STORE_SRC_STRIDE 163u, 24u

#define DSF_END_OPCODE 0u, 4u
#define DSF_END_WAIT 4u, 5u
#define DSF_END_SIGNAL 9u, 5u
#define DSF_END_RESERVED 14u, 18u

static inline uint64_t dsf_field(const uint8_t *instruction, unsigned position, unsigned bits)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bits; i++)
        value |= (uint64_t)((instruction[(position + i) / 8] >> ((position + i) % 8)) & 1) << i;
    return value;
}

static inline int64_t dsf_signed_field(const uint8_t *instruction, unsigned position, unsigned bits)
{
    uint64_t value = dsf_field(instruction, position, bits), sign = (uint64_t)1 << (bits - 1);
    return (int64_t)((value ^ sign) - sign);
}

#define DSF_FIELD(instruction, field) dsf_field((instruction), field)
#define DSF_SIGNED_FIELD(instruction, field) dsf_signed_field((instruction), field)

#endif
