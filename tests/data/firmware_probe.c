/* SPDX-License-Identifier: Apache-2.0
 *
 * The firmware on an engine that is played here: see tests/unit/test_firmware.py. A run takes `duration` looks of the
 * processor; then it ends with `error`.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dsf.h"

struct board {
    struct dsf *dsf;
    uint32_t registers[64];
    uint32_t duration, left, error, accesses;
    int lost_interrupt, started;
    uint32_t flushed[4]; /* bytes, in the order of the calls */
    unsigned flushes;
};

static struct board board;
static struct dsf dsf;

#define AT(offset) board.registers[(offset) / 4]

static void end(uint32_t status, uint32_t error)
{
    AT(DSF_REG_STATUS) = status;
    AT(DSF_REG_ERROR) = error;
    AT(DSF_REG_IRQ_STATUS) |= error != 0 ? DSF_IRQ_STATUS_ERROR : DSF_IRQ_STATUS_DONE;
}

/* Time passes for the engine. */
static void advance(void)
{
    if ((AT(DSF_REG_STATUS) & DSF_STATUS_BUSY) == 0)
        return;
    if (board.left > 0 && --board.left > 0)
        return;
    end(board.error != 0 ? DSF_STATUS_ERROR : DSF_STATUS_DONE, board.error);
}

static uint32_t read_register(void *context, uint32_t offset)
{
    (void)context;
    board.accesses++;
    return AT(offset);
}

static void write_register(void *context, uint32_t offset, uint32_t value)
{
    (void)context;
    board.accesses++;
    if (offset == DSF_REG_IRQ_STATUS) {
        AT(offset) &= ~value;
    } else if (offset != DSF_REG_CONTROL) {
        AT(offset) = value;
    } else if (value == DSF_CONTROL_ABORT) {
        if (AT(DSF_REG_STATUS) & DSF_STATUS_BUSY)
            end(DSF_STATUS_ERROR, DSF_ERR_ABORTED);
    } else {
        board.started++;
        board.left = board.duration;
        AT(DSF_REG_STATUS) = DSF_STATUS_BUSY;
    }
}

/* Polling: a look's worth of time. With interrupts: until one comes, which is handled. */
static void idle(void *context)
{
    (void)context;
    if (dsf.platform->interrupts && !board.lost_interrupt)
        board.left = 0;
    advance();
    if ((AT(DSF_REG_IRQ_STATUS) & AT(DSF_REG_IRQ_ENABLE)) != 0 && !board.lost_interrupt)
        (void)dsf_interrupt(&dsf);
}

static void flush(void *context, dsf_address address, uint32_t bytes)
{
    (void)context;
    (void)address;
    if (board.flushes < 4)
        board.flushed[board.flushes] = bytes;
    board.flushes++;
}

static struct dsf_network network = {
    .hash = 0x1234, .program = 0x100000000, .program_bytes = 64, .weights = 1, .arena = 2, .input_bytes = 10, .output_bytes = 20,
};

static struct dsf_platform platform_of(bool interrupts)
{
    struct dsf_platform platform = {
        .read = read_register, .write = write_register, .idle = idle, .interrupts = interrupts, .max_polls = 1000,
    };

    return platform;
}

static void reset(void)
{
    memset(&board, 0, sizeof board);
    AT(DSF_REG_ID) = DSF_ID_VALUE;
    AT(DSF_REG_VERSION) = DSF_VERSION_VALUE + 5; /* additions do no harm */
    AT(DSF_REG_HASH) = 0x1234;
    board.duration = 3;
}

#define EXPECT(condition) \
    do { \
        if (!(condition)) { \
            printf("line %d: %s\n", __LINE__, #condition); \
            exit(0); \
        } \
    } while (0)

static void life(bool interrupts)
{
    struct dsf_platform platform = platform_of(interrupts);
    struct dsf_network other = network;

    reset();
    AT(DSF_REG_ID) = 0;
    EXPECT(dsf_init(&dsf, &platform) == DSF_NO_ENGINE);
    reset();
    AT(DSF_REG_VERSION) += 1u << 16;
    EXPECT(dsf_init(&dsf, &platform) == DSF_WRONG_VERSION);

    /* Somebody left it running, with an interrupt pending. */
    reset();
    AT(DSF_REG_STATUS) = DSF_STATUS_BUSY;
    AT(DSF_REG_IRQ_STATUS) = 3;
    EXPECT(dsf_init(&dsf, &platform) == DSF_OK);
    EXPECT((AT(DSF_REG_STATUS) & DSF_STATUS_BUSY) == 0 && AT(DSF_REG_IRQ_STATUS) == 0);
    EXPECT(AT(DSF_REG_IRQ_ENABLE) == (interrupts ? 3u : 0u));
    EXPECT(!dsf_interrupt(&dsf));

    EXPECT(dsf_wait(&dsf) == DSF_NOT_STARTED);
    EXPECT(dsf_abort(&dsf) == DSF_NOT_STARTED);
    EXPECT(dsf_run(&dsf, 1, 2) == DSF_NOT_LOADED);
    other.hash++;
    EXPECT(dsf_load(&dsf, &other) == DSF_HASH_MISMATCH && board.started == 0);
    EXPECT(dsf_run(&dsf, 1, 2) == DSF_NOT_LOADED);

    EXPECT(dsf_load(&dsf, &network) == DSF_OK && board.started == 0);
    EXPECT(AT(DSF_REG_BASE_LO(DSF_BASE_PROGRAM)) == 0 && AT(DSF_REG_BASE_HI(DSF_BASE_PROGRAM)) == 1);
    EXPECT(AT(DSF_REG_PROGRAM_BYTES) == 64 && AT(DSF_REG_PROGRAM_HASH) == 0x1234);
    EXPECT(dsf_start(&dsf, 0x500000006, 0x700000008) == DSF_OK);
    EXPECT(AT(DSF_REG_BASE_LO(DSF_BASE_INPUT)) == 6 && AT(DSF_REG_BASE_HI(DSF_BASE_OUTPUT)) == 7);
    EXPECT(dsf_start(&dsf, 1, 2) == DSF_BUSY && dsf_load(&dsf, &network) == DSF_BUSY);
    EXPECT(dsf_wait(&dsf) == DSF_OK && board.started == 1);

    /* Errors of the engine, and a good run after each. */
    for (uint32_t code = 1; code < 12; code++) {
        board.error = code | (uint32_t)DSF_PORT_WEIGHTS << 4 | 3u << 8;
        AT(DSF_REG_ERROR_INDEX) = 77;
        AT(DSF_REG_ERROR_DETAIL) = 4u | 9u << 3;
        EXPECT(dsf_run(&dsf, 1, 2) == (enum dsf_result)code && dsf.error.code == (enum dsf_result)code);
        EXPECT(dsf.error.instruction == 77 && dsf.error.port == DSF_PORT_WEIGHTS && dsf.error.response == 3);
        EXPECT(dsf.error.queue == 4 && dsf.error.tokens == 9);
        board.error = 0;
        EXPECT(dsf_run(&dsf, 1, 2) == DSF_OK);
    }

    /* Abort, before and after the end of the run. */
    EXPECT(dsf_start(&dsf, 1, 2) == DSF_OK && dsf_abort(&dsf) == DSF_ABORTED && AT(DSF_REG_IRQ_STATUS) == 0);
    EXPECT(dsf_run(&dsf, 1, 2) == DSF_OK);
    EXPECT(dsf_start(&dsf, 1, 2) == DSF_OK);
    for (int i = 0; i < 5; i++)
        advance();
    EXPECT(dsf_abort(&dsf) == DSF_OK);

    /* Too long, then long enough. */
    board.duration = 10;
    board.lost_interrupt = 1; /* idle returns early */
    platform.max_polls = 4;
    EXPECT(dsf_run(&dsf, 1, 2) == DSF_TIMEOUT && dsf_start(&dsf, 1, 2) == DSF_BUSY);
    EXPECT(dsf_wait(&dsf) == DSF_TIMEOUT);
    platform.max_polls = 1000;
    EXPECT(dsf_wait(&dsf) == DSF_OK); /* though its interrupt was lost */
    board.lost_interrupt = 0;
    EXPECT(dsf_run(&dsf, 1, 2) == DSF_OK);

    /* Reset behind the firmware's back. */
    EXPECT(dsf_start(&dsf, 1, 2) == DSF_OK);
    AT(DSF_REG_STATUS) = 0;
    board.lost_interrupt = 1;
    EXPECT(dsf_wait(&dsf) == DSF_LOST && dsf_run(&dsf, 1, 2) == DSF_NOT_LOADED);
    board.lost_interrupt = 0;
    EXPECT(dsf_load(&dsf, &network) == DSF_OK && dsf_run(&dsf, 1, 2) == DSF_OK);

    /* A load program runs once, from its own place, and its failure is that of dsf_load. */
    board.started = 0;
    other = network;
    other.load_program = 0x900000000;
    other.load_program_bytes = 32;
    EXPECT(dsf_load(&dsf, &other) == DSF_OK && board.started == 1 && AT(DSF_REG_PROGRAM_BYTES) == 64);
    EXPECT(AT(DSF_REG_BASE_HI(DSF_BASE_PROGRAM)) == 1);
    EXPECT(dsf_run(&dsf, 1, 2) == DSF_OK && board.started == 2);
    board.error = DSF_ERR_READ_ERROR;
    EXPECT(dsf_load(&dsf, &other) == DSF_READ_ERROR && AT(DSF_REG_BASE_HI(DSF_BASE_PROGRAM)) == 9);
    EXPECT(dsf_run(&dsf, 1, 2) == DSF_NOT_LOADED);
    board.error = 0;
    board.duration = 5000;
    board.lost_interrupt = 1;
    EXPECT(dsf_load(&dsf, &other) == DSF_TIMEOUT && (AT(DSF_REG_STATUS) & DSF_STATUS_BUSY) == 0);
    board.lost_interrupt = 0;
    board.duration = 3;

    /* Caches: input and output before, output after a good run. */
    platform.to_device = platform.from_device = flush;
    EXPECT(dsf_load(&dsf, &network) == DSF_OK && board.flushes == 0);
    EXPECT(dsf_run(&dsf, 1, 2) == DSF_OK && board.flushes == 3);
    EXPECT(board.flushed[0] == 10 && board.flushed[1] == 20 && board.flushed[2] == 20);

    AT(DSF_REG_CYCLES_LO) = 5;
    AT(DSF_REG_CYCLES_HI) = 6;
    AT(DSF_REG_COUNT_MATRIX_STEPS) = 8;
    EXPECT(dsf_cycles(&dsf) == 0x600000005 && dsf_count(&dsf, DSF_REG_COUNT_MATRIX_STEPS) == 8);
}

/* The names and values of struct dsf_counters, on an engine whose counters hold their offsets, but for the highest bit. */
static void print_counters(void)
{
    struct dsf_platform platform = platform_of(false);
    struct dsf_counters counters;

    reset();
    EXPECT(dsf_init(&dsf, &platform) == DSF_OK);
    for (uint32_t i = 0; i < DSF_NUM_COUNTERS; i++)
        AT(DSF_REG_COUNT_MATRIX_STEPS + 4 * i) = 0x80000000u + DSF_REG_COUNT_MATRIX_STEPS + 4 * i;
    AT(DSF_REG_BEAT_BYTES) = 32;
    AT(DSF_REG_CYCLES_LO) = 5;
    AT(DSF_REG_CYCLES_HI) = 6;
    dsf_counters(&dsf, &counters);
#define PRINT(name) printf("%s %llu\n", #name, (unsigned long long)counters.name)
    PRINT(cycles);
    PRINT(busy);
    PRINT(stall_pixels);
    PRINT(stall_drain);
    PRINT(stall_matrix);
    PRINT(stall_vector);
    PRINT(stall_output);
    PRINT(stall_load);
    PRINT(stall_weights);
    PRINT(idle);
    PRINT(instruction_bytes);
    PRINT(feature_bytes);
    PRINT(weight_bytes);
    PRINT(output_bytes);
}

/* Loads a network of this size, whose runs take as long. */
static void prepare(struct dsf_platform *platform, bool interrupts, uint32_t size)
{
    reset();
    *platform = platform_of(interrupts);
    board.duration = size;
    network.program_bytes = network.input_bytes = network.output_bytes = size;
    if (dsf_init(&dsf, platform) != DSF_OK || dsf_load(&dsf, &network) != DSF_OK)
        exit(1);
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    struct dsf_platform platform;

    if (strcmp(what, "names") == 0) {
        for (int code = 0; code <= DSF_LOST; code++)
            puts(dsf_error_name((enum dsf_result)code));
    } else if (strcmp(what, "softmax") == 0) {
        static int32_t x[1000];
        static float y[1000];
        size_t n = (size_t)(argc - 3);

        for (size_t i = 0; i < n; i++)
            x[i] = (int32_t)strtol(argv[3 + i], NULL, 10);
        dsf_softmax(x, n, (int)strtol(argv[2], NULL, 10), y);
        for (size_t i = 0; i < n; i++)
            printf("%.9g\n", (double)y[i]);
    } else if (strcmp(what, "life") == 0) {
        life(false);
        life(true);
        puts("ok");
    } else if (strcmp(what, "counters") == 0) {
        print_counters();
    } else if (strcmp(what, "accesses") == 0 && argc == 4) {
        for (long i = strtol(argv[3], NULL, 10); i > 0; i--) {
            /* Polling looks as often as a run takes: once at the least. */
            prepare(&platform, argv[2][0] == '1', argv[2][0] == '1' ? 1u << (4 * i) : 0);
            board.accesses = 0;
            if (argv[2][0] != '1') {
                if (dsf_start(&dsf, 1, 2) != DSF_OK)
                    return 1;
                advance();
                if (dsf_wait(&dsf) != DSF_OK)
                    return 1;
            } else if (dsf_run(&dsf, 1, 2) != DSF_OK) {
                return 1;
            }
            printf("%u\n", (unsigned)board.accesses);
        }
    } else if (strcmp(what, "once") == 0 && argc == 3) {
        prepare(&platform, true, (uint32_t)strtoul(argv[2], NULL, 10));
        return (int)dsf_run(&dsf, 1, 2);
    } else {
        return 1;
    }
    return 0;
}
