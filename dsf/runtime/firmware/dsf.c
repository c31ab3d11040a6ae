/* SPDX-License-Identifier: Apache-2.0
 *
 * The engine's firmware, see dsf.h.
 */

#include "dsf.h"

/* What the processor has written before is in memory before what it writes after, for whoever looks at it from the bus. */
#ifndef DSF_BARRIER
#if defined(__aarch64__)
#define DSF_BARRIER() __asm__ volatile("dsb sy" ::: "memory")
#elif defined(__riscv)
#define DSF_BARRIER() __asm__ volatile("fence iorw, iorw" ::: "memory")
#else
#define DSF_BARRIER() __sync_synchronize()
#endif
#endif

/* Registers. */

#ifdef DSF_MMIO

static inline uint32_t read_register(const struct dsf *dsf, uint32_t offset)
{
    return dsf->platform->registers[offset / 4];
}

static inline void write_register(const struct dsf *dsf, uint32_t offset, uint32_t value)
{
    dsf->platform->registers[offset / 4] = value;
}

#else

static inline uint32_t read_register(const struct dsf *dsf, uint32_t offset)
{
    return dsf->platform->read(dsf->platform->context, offset);
}

static inline void write_register(const struct dsf *dsf, uint32_t offset, uint32_t value)
{
    dsf->platform->write(dsf->platform->context, offset, value);
}

#endif

static void write_base(const struct dsf *dsf, enum dsf_base base, dsf_address address)
{
    write_register(dsf, DSF_REG_BASE_LO(base), (uint32_t)address);
    write_register(dsf, DSF_REG_BASE_HI(base), (uint32_t)(address >> 32));
}

static void write_program(const struct dsf *dsf, dsf_address program, uint32_t bytes)
{
    write_base(dsf, DSF_BASE_PROGRAM, program);
    write_register(dsf, DSF_REG_PROGRAM_BYTES, bytes);
}

/* The interrupt of a run that nobody waits for any more must not end the next one. */
static void reset_interrupts(struct dsf *dsf)
{
    write_register(dsf, DSF_REG_IRQ_ENABLE, 0);
    write_register(dsf, DSF_REG_IRQ_STATUS, DSF_IRQ_STATUS_DONE | DSF_IRQ_STATUS_ERROR);
    dsf->finished = false;
    if (dsf->platform->interrupts)
        write_register(dsf, DSF_REG_IRQ_ENABLE, DSF_IRQ_ENABLE_DONE | DSF_IRQ_ENABLE_ERROR);
}

/* Waiting. */

static void idle(const struct dsf *dsf)
{
    if (dsf->platform->idle != NULL)
        dsf->platform->idle(dsf->platform->context);
}

/* Waits until the engine is idle; with `interrupt`, looks at it only after one, and at last, in case that one was lost. */
static enum dsf_result wait_until_idle(struct dsf *dsf, bool interrupt, uint32_t *status)
{
    uint32_t polls = dsf->platform->max_polls;

    for (;;) {
        bool last = --polls == 0;

        if (!interrupt || dsf->finished || last) {
            *status = read_register(dsf, DSF_REG_STATUS);
            if ((*status & DSF_STATUS_BUSY) == 0)
                return DSF_OK;
        }
        if (last)
            return DSF_TIMEOUT;
        idle(dsf);
    }
}

static enum dsf_result read_error(struct dsf *dsf)
{
    uint32_t error = read_register(dsf, DSF_REG_ERROR);
    uint32_t detail = read_register(dsf, DSF_REG_ERROR_DETAIL);

    dsf->error.code = (enum dsf_result)DSF_ERROR_CODE(error);
    dsf->error.instruction = read_register(dsf, DSF_REG_ERROR_INDEX);
    dsf->error.port = (enum dsf_port)DSF_ERROR_PORT(error);
    dsf->error.response = (uint8_t)DSF_ERROR_RESPONSE(error);
    dsf->error.queue = (uint8_t)DSF_ERROR_DETAIL_QUEUE(detail);
    dsf->error.tokens = (uint8_t)DSF_ERROR_DETAIL_TOKENS(detail);
    return dsf->error.code;
}

/* The end of the run that left this STATUS. */
static enum dsf_result finish(struct dsf *dsf, uint32_t status)
{
    const struct dsf_platform *platform = dsf->platform;

    dsf->running = false;
    DSF_BARRIER();
    if (status & DSF_STATUS_ERROR)
        return read_error(dsf);
    if ((status & DSF_STATUS_DONE) == 0) {
        dsf->network = NULL;
        return DSF_LOST;
    }
    if (dsf->network != NULL && platform->from_device != NULL)
        platform->from_device(platform->context, dsf->output, dsf->network->output_bytes);
    return DSF_OK;
}

static void start(struct dsf *dsf)
{
    dsf->finished = false;
    dsf->running = true;
    DSF_BARRIER();
    write_register(dsf, DSF_REG_CONTROL, DSF_CONTROL_START);
}

/* Stops whatever the engine does. */
static enum dsf_result stop(struct dsf *dsf, uint32_t *status)
{
    enum dsf_result result;

    write_register(dsf, DSF_REG_CONTROL, DSF_CONTROL_ABORT);
    result = wait_until_idle(dsf, false, status);
    if (result == DSF_OK)
        reset_interrupts(dsf);
    return result;
}

/* The interface. */

enum dsf_result dsf_init(struct dsf *dsf, const struct dsf_platform *platform)
{
    uint32_t status;

    dsf->platform = platform;
    dsf->network = NULL;
    dsf->output = 0;
    dsf->running = false;
    dsf->finished = false;
    dsf->error = (struct dsf_error){DSF_OK, 0, DSF_PORT_NONE, 0, 0, 0};
    if (read_register(dsf, DSF_REG_ID) != DSF_ID_VALUE)
        return DSF_NO_ENGINE;
    if (DSF_VERSION_MAJOR(read_register(dsf, DSF_REG_VERSION)) != DSF_VERSION_MAJOR(DSF_VERSION_VALUE))
        return DSF_WRONG_VERSION;
    return stop(dsf, &status);
}

enum dsf_result dsf_load(struct dsf *dsf, const struct dsf_network *network)
{
    enum dsf_result result = DSF_OK;
    uint32_t status;

    if (dsf->running)
        return DSF_BUSY;
    dsf->network = NULL;
    if (read_register(dsf, DSF_REG_HASH) != network->hash)
        return DSF_HASH_MISMATCH;
    write_register(dsf, DSF_REG_PROGRAM_HASH, network->hash);
    write_base(dsf, DSF_BASE_WEIGHTS, network->weights);
    write_base(dsf, DSF_BASE_ARENA, network->arena);

    if (network->load_program_bytes != 0) {
        write_program(dsf, network->load_program, network->load_program_bytes);
        start(dsf);
        result = dsf_wait(dsf);
        if (result == DSF_TIMEOUT && stop(dsf, &status) == DSF_OK)
            dsf->running = false;
        if (result != DSF_OK)
            return result;
    }
    write_program(dsf, network->program, network->program_bytes);
    dsf->network = network;
    return DSF_OK;
}

enum dsf_result dsf_start(struct dsf *dsf, dsf_address input, dsf_address output)
{
    const struct dsf_platform *platform = dsf->platform;

    if (dsf->running)
        return DSF_BUSY;
    if (dsf->network == NULL)
        return DSF_NOT_LOADED;
    if (platform->to_device != NULL) {
        platform->to_device(platform->context, input, dsf->network->input_bytes);
        /* A dirty line of the cache, written back later, would destroy what the engine writes. */
        platform->to_device(platform->context, output, dsf->network->output_bytes);
    }
    dsf->output = output;
    write_base(dsf, DSF_BASE_INPUT, input);
    write_base(dsf, DSF_BASE_OUTPUT, output);
    start(dsf);
    return DSF_OK;
}

enum dsf_result dsf_wait(struct dsf *dsf)
{
    enum dsf_result result;
    uint32_t status;

    if (!dsf->running)
        return DSF_NOT_STARTED;
    result = wait_until_idle(dsf, dsf->platform->interrupts, &status);
    return result == DSF_OK ? finish(dsf, status) : result;
}

enum dsf_result dsf_run(struct dsf *dsf, dsf_address input, dsf_address output)
{
    enum dsf_result result = dsf_start(dsf, input, output);

    return result == DSF_OK ? dsf_wait(dsf) : result;
}

enum dsf_result dsf_abort(struct dsf *dsf)
{
    enum dsf_result result;
    uint32_t status;

    if (!dsf->running)
        return DSF_NOT_STARTED;
    result = stop(dsf, &status);
    return result == DSF_OK ? finish(dsf, status) : result;
}

bool dsf_interrupt(struct dsf *dsf)
{
    uint32_t events = read_register(dsf, DSF_REG_IRQ_STATUS);

    if (events == 0)
        return false;
    write_register(dsf, DSF_REG_IRQ_STATUS, events);
    dsf->finished = true;
    return true;
}

uint64_t dsf_cycles(const struct dsf *dsf)
{
    uint64_t high = read_register(dsf, DSF_REG_CYCLES_HI);

    return high << 32 | read_register(dsf, DSF_REG_CYCLES_LO);
}

uint32_t dsf_count(const struct dsf *dsf, uint32_t reg)
{
    return read_register(dsf, reg);
}

static uint64_t count_bytes(const struct dsf *dsf, uint32_t reg)
{
    return (uint64_t)read_register(dsf, reg) * read_register(dsf, DSF_REG_BEAT_BYTES);
}

void dsf_counters(const struct dsf *dsf, struct dsf_counters *counters)
{
    counters->cycles = dsf_cycles(dsf);
    counters->busy = dsf_count(dsf, DSF_REG_COUNT_MATRIX_STEPS);
    counters->stall_pixels = dsf_count(dsf, DSF_REG_COUNT_STALL_PIXELS);
    counters->stall_drain = dsf_count(dsf, DSF_REG_COUNT_STALL_DRAIN);
    counters->stall_matrix = dsf_count(dsf, DSF_REG_COUNT_STALL_MATRIX);
    counters->stall_vector = dsf_count(dsf, DSF_REG_COUNT_STALL_VECTOR);
    counters->stall_output = dsf_count(dsf, DSF_REG_COUNT_STALL_OUTPUT);
    counters->stall_load = dsf_count(dsf, DSF_REG_COUNT_STALL_LOAD);
    counters->stall_weights = dsf_count(dsf, DSF_REG_COUNT_STALL_WEIGHTS);
    counters->idle = dsf_count(dsf, DSF_REG_COUNT_IDLE);
    counters->instruction_bytes = count_bytes(dsf, DSF_REG_COUNT_INSTRUCTION_BEATS);
    counters->feature_bytes = count_bytes(dsf, DSF_REG_COUNT_FEATURE_BEATS);
    counters->weight_bytes = count_bytes(dsf, DSF_REG_COUNT_WEIGHT_BEATS);
    counters->output_bytes = count_bytes(dsf, DSF_REG_COUNT_OUTPUT_BEATS);
}

const char *dsf_error_name(enum dsf_result result)
{
    switch (result) {
    case DSF_OK: return "OK";
    case DSF_ILLEGAL_OPCODE: return "ILLEGAL_OPCODE";
    case DSF_ILLEGAL_FIELD: return "ILLEGAL_FIELD";
    case DSF_TRUNCATED: return "TRUNCATED";
    case DSF_ADDRESS: return "ADDRESS";
    case DSF_TOKEN_OVERFLOW: return "TOKEN_OVERFLOW";
    case DSF_TOKENS_LEFT: return "TOKENS_LEFT";
    case DSF_WATCHDOG: return "WATCHDOG";
    case DSF_HASH_MISMATCH: return "HASH_MISMATCH";
    case DSF_READ_ERROR: return "READ_ERROR";
    case DSF_WRITE_ERROR: return "WRITE_ERROR";
    case DSF_ABORTED: return "ABORTED";
    case DSF_NO_ENGINE: return "NO_ENGINE";
    case DSF_WRONG_VERSION: return "WRONG_VERSION";
    case DSF_NOT_LOADED: return "NOT_LOADED";
    case DSF_NOT_STARTED: return "NOT_STARTED";
    case DSF_BUSY: return "BUSY";
    case DSF_TIMEOUT: return "TIMEOUT";
    case DSF_LOST: return "LOST";
    }
    return "UNKNOWN";
}

/* Softmax. */

/* 2^e, -126 <= e <= 127. */
static float power_of_two(int e)
{
    union {
        uint32_t bits;
        float value;
    } x;

    x.bits = (uint32_t)(e + 127) << 23;
    return x.value;
}

/* exp(-x) for x >= 0: x = k ln 2 + r with |r| <= ln 2 / 2, ln 2 in two parts so that r is exact, Taylor series of r. */
static float exp_minus(float x)
{
    static const float reciprocals[] = {1.0f, 1.0f / 2, 1.0f / 3, 1.0f / 4, 1.0f / 5, 1.0f / 6, 1.0f / 7};
    float r, sum = 1.0f;
    int k;

    if (x > 87.0f)
        return 0.0f;
    k = (int)(x * 1.44269504f + 0.5f);
    r = (x - (float)k * 0.693359375f) + (float)k * 2.12194440e-4f;
    for (size_t n = sizeof reciprocals / sizeof reciprocals[0]; n-- > 0;)
        sum = 1.0f - r * reciprocals[n] * sum;
    return sum * power_of_two(-k);
}

void dsf_softmax(const int32_t *x, size_t n, int frac, float *y)
{
    float sum = 0.0f, scale = power_of_two(-frac);
    int32_t largest = INT32_MIN;

    for (size_t i = 0; i < n; i++)
        if (x[i] > largest)
            largest = x[i];
    for (size_t i = 0; i < n; i++) {
        y[i] = exp_minus((float)((uint32_t)largest - (uint32_t)x[i]) * scale);
        sum += y[i];
    }
    for (size_t i = 0; i < n; i++)
        y[i] /= sum;
}
