/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's firmware: load a compiled network once, run it any number of times. C99, freestanding, no heap.
 *
 *     dsf_init(&dsf, &platform);                  once: is it there, and the right version
 *     dsf_load(&dsf, &network);                   once per network: is it compiled for this engine; resident weights
 *     dsf_run(&dsf, input, output);               per inference, or dsf_start, do something else, dsf_wait
 *
 * What an inference costs the processor does not depend on the network: it writes two addresses and start, and reads how it
 * ended. dsf.c holds no state; everything is in `struct dsf`, so there may be several engines. Functions on one engine may not
 * be called from two threads at once; dsf_interrupt is for the interrupt handler.
 *
 * docs/board.md says how to bring this to a board, docs/registers.md what is behind it.
 */

#ifndef DSF_H
#define DSF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dsf_regs.h"

#ifdef __cplusplus
extern "C" {
#endif

/* An address as the engine sees it on its bus: physical, or what an IOMMU makes of it. Any alignment. */
typedef uint64_t dsf_address;

/* How a call ended. 1 to 15 are what the engine says in ERROR.code, the others are found by the firmware. */
enum dsf_result {
    DSF_OK = 0,
    DSF_ILLEGAL_OPCODE = DSF_ERR_ILLEGAL_OPCODE, /* the program is damaged, or not a program */
    DSF_ILLEGAL_FIELD = DSF_ERR_ILLEGAL_FIELD,
    DSF_TRUNCATED = DSF_ERR_TRUNCATED,           /* the program ends too early, or is empty */
    DSF_ADDRESS = DSF_ERR_ADDRESS,               /* outside an on-chip memory, or beyond the bus's addresses */
    DSF_TOKEN_OVERFLOW = DSF_ERR_TOKEN_OVERFLOW,
    DSF_TOKENS_LEFT = DSF_ERR_TOKENS_LEFT,
    DSF_WATCHDOG = DSF_ERR_WATCHDOG,             /* nothing has moved for too long */
    DSF_HASH_MISMATCH = DSF_ERR_HASH_MISMATCH,   /* the network is compiled for another engine */
    DSF_READ_ERROR = DSF_ERR_READ_ERROR,         /* memory answered a read with an error */
    DSF_WRITE_ERROR = DSF_ERR_WRITE_ERROR,
    DSF_ABORTED = DSF_ERR_ABORTED,
    DSF_NO_ENGINE = 16,    /* the ID register does not hold DSF_ID_VALUE */
    DSF_WRONG_VERSION,     /* the engine's registers or instructions are of another major version */
    DSF_NOT_LOADED,        /* no network: dsf_load was not called, or failed */
    DSF_NOT_STARTED,       /* dsf_wait without dsf_start */
    DSF_BUSY,              /* a run is going on */
    DSF_TIMEOUT,           /* no end within platform.max_polls; the run goes on: wait again, or abort */
    DSF_LOST               /* the engine is idle but ended nothing: it was reset during the run. Load again. */
};

/*
 * What the firmware needs of a board. Compiled with DSF_MMIO, registers are at `registers`, else behind `read` and `write`,
 * which get a byte offset. Hooks that are not needed are NULL; all get `context`.
 */
struct dsf_platform {
#ifdef DSF_MMIO
    volatile uint32_t *registers;
#else
    uint32_t (*read)(void *context, uint32_t offset);
    void (*write)(void *context, uint32_t offset, uint32_t value);
#endif
    /* Called while waiting, between two looks: sleeps until an interrupt, yields to other threads. */
    void (*idle)(void *context);
    /* Cache maintenance. to_device: write back and invalidate, before a run, input and output buffer; from_device:
     * invalidate, after a run, output buffer. */
    void (*to_device)(void *context, dsf_address address, uint32_t bytes);
    void (*from_device)(void *context, dsf_address address, uint32_t bytes);
    void *context;
    uint32_t max_polls; /* of a wait, each followed by `idle`; 0: 2^32 - 1 */
    bool interrupts;    /* the end of a run comes as an interrupt, whose handler calls dsf_interrupt; otherwise polling */
};

/*
 * A compiled network in memory; DSF_NETWORK_AT of config_firmware.h initialises one. Programs are the instructions alone,
 * without the header of program.bin. `load_program` fills the memory for resident weights; 0 bytes: there is none.
 */
struct dsf_network {
    uint32_t hash; /* of the hardware that it is compiled for */
    dsf_address program;
    uint32_t program_bytes;
    dsf_address load_program;
    uint32_t load_program_bytes;
    dsf_address weights;
    dsf_address arena;
    uint32_t input_bytes;
    uint32_t output_bytes;
};

/* What the engine said about the run that failed last. */
struct dsf_error {
    enum dsf_result code;
    uint32_t instruction; /* its number in the program, from 0 */
    enum dsf_port port;   /* READ_ERROR, WRITE_ERROR, ADDRESS: whose transaction; DSF_PORT_NONE: nobody's */
    uint8_t response;     /* READ_ERROR, WRITE_ERROR: 2 SLVERR, 3 DECERR */
    uint8_t queue;        /* WATCHDOG: the queue that waits, DSF_QUEUE_* of dsf_isa.h */
    uint8_t tokens;       /* WATCHDOG: the queues whose tokens it lacks, one bit each */
};

/* One engine. Only `error` is for the caller to read. */
struct dsf {
    const struct dsf_platform *platform;
    const struct dsf_network *network; /* NULL: none is loaded */
    dsf_address output;
    bool running;
    volatile bool finished; /* set by the interrupt handler */
    struct dsf_error error;
};

/*
 * Looks for the engine, stops whatever it does, and chooses between interrupts and polling. `platform` is used as long as `dsf`
 * is. DSF_NO_ENGINE, DSF_WRONG_VERSION, DSF_TIMEOUT.
 */
enum dsf_result dsf_init(struct dsf *dsf, const struct dsf_platform *platform);

/*
 * Makes `network`, which is used until the next call, the one that runs, and runs its load program if it has one.
 * DSF_HASH_MISMATCH, DSF_BUSY, DSF_TIMEOUT, and errors of the load program.
 */
enum dsf_result dsf_load(struct dsf *dsf, const struct dsf_network *network);

/* Starts a run and returns at once. Both buffers belong to the engine until dsf_wait returns. DSF_NOT_LOADED, DSF_BUSY. */
enum dsf_result dsf_start(struct dsf *dsf, dsf_address input, dsf_address output);

/* Waits for the end of the run. DSF_NOT_STARTED, DSF_TIMEOUT, DSF_LOST, and the engine's errors; those fill `error`. */
enum dsf_result dsf_wait(struct dsf *dsf);

/* dsf_start and dsf_wait. */
enum dsf_result dsf_run(struct dsf *dsf, dsf_address input, dsf_address output);

/*
 * Stops a run and waits until the bus is quiet: after it the buffers are the caller's again, and the next run is a good one.
 * The run ends with DSF_ABORTED, or as it would have if it was over before. Nothing to stop: DSF_NOT_STARTED. DSF_TIMEOUT.
 */
enum dsf_result dsf_abort(struct dsf *dsf);

/* For the interrupt handler: acknowledges; true if the engine had something to say. */
bool dsf_interrupt(struct dsf *dsf);

/* Clock cycles of the last run, until its end or error. */
uint64_t dsf_cycles(const struct dsf *dsf);

/* An event counter of the last run: DSF_REG_COUNT_*. */
uint32_t dsf_count(const struct dsf *dsf, uint32_t reg);

/*
 * Where the cycles of a run went: those of the array are `busy`, a `stall_*` or `idle`, one of them each (modulo 2^32). What
 * they mean is in docs/registers.md, what to do about them in docs/board.md. Bytes are those of whole beats.
 */
struct dsf_counters {
    uint64_t cycles;
    uint32_t busy;
    uint32_t stall_pixels;
    uint32_t stall_drain;
    uint32_t stall_matrix;
    uint32_t stall_vector;
    uint32_t stall_output;
    uint32_t stall_load;
    uint32_t stall_weights;
    uint32_t idle;
    uint64_t instruction_bytes;
    uint64_t feature_bytes;
    uint64_t weight_bytes;
    uint64_t output_bytes;
};

/* All counters of the last run, good or not. Not while it goes on. */
void dsf_counters(const struct dsf *dsf, struct dsf_counters *counters);

/* "HASH_MISMATCH" and so on; "UNKNOWN" for what is none. */
const char *dsf_error_name(enum dsf_result result);

/*
 * y[i] = exp(x[i]') / sum(exp(x[j]')) with x' = x * 2^-frac, frac from -100 to 100. In float32: within 1e-6 of the exact
 * value.
 */
void dsf_softmax(const int32_t *x, size_t n, int frac, float *y);

#ifdef __cplusplus
}
#endif

#endif
