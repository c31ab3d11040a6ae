/* SPDX-License-Identifier: Apache-2.0
 *
 * One inference after the other on a board without an operating system. Compile with -DDSF_MMIO, dsf.c, and the folder of
 * config_firmware.h on the include path. docs/board.md says what else a board needs.
 *
 * Whoever loads the board's memory (a debugger, the boot loader) puts program.bin at DSF_PROGRAM_OFFSET and weights.bin at
 * DSF_WEIGHTS_OFFSET after MEMORY.
 */

#include "config_firmware.h"
#include "dsf.h"

/* The board's: where the registers and the engine's memory are, for processor and engine alike. */
#ifndef REGISTERS
#define REGISTERS 0x40000000u
#endif
#ifndef MEMORY
#define MEMORY 0x10000000u
#endif

/* Where a character of the console goes; here the data register of a UART. Without one nothing is printed. */
#ifdef CONSOLE
#define PUT(character) (*(volatile uint8_t *)(uintptr_t)(CONSOLE) = (uint8_t)(character))
#endif
#ifndef PUT
#define PUT(character) ((void)(character))
#endif

/* The output: raw 32-bit sums, one for each class, of each image of the batch. */
#define CLASSES (DSF_OUTPUT_BYTES / sizeof(int32_t) / DSF_BATCH)

void engine_interrupt(void); /* goes into the interrupt controller's table */
int classify(const uint8_t *batch);
void print_counters(const struct dsf *dsf);

static const struct dsf_platform platform = {
    .registers = (volatile uint32_t *)(uintptr_t)REGISTERS,
    .interrupts = true,
};
static const struct dsf_network network = DSF_NETWORK_AT(MEMORY);
static struct dsf engine;

void engine_interrupt(void)
{
    (void)dsf_interrupt(&engine);
}

/* The class of the first image of a batch of DSF_INPUT_BYTES bytes; negative: minus the dsf_result that went wrong. */
int classify(const uint8_t *batch)
{
    uint8_t *input = (uint8_t *)(uintptr_t)(MEMORY + DSF_INPUT_OFFSET);
    const int32_t *output = (const int32_t *)(uintptr_t)(MEMORY + DSF_OUTPUT_OFFSET);
    static float probabilities[CLASSES];
    enum dsf_result result;
    int best = 0;

    for (uint32_t i = 0; i < DSF_INPUT_BYTES; i++)
        input[i] = batch[i];
    result = dsf_run(&engine, MEMORY + DSF_INPUT_OFFSET, MEMORY + DSF_OUTPUT_OFFSET);
    if (result != DSF_OK)
        return -(int)result;
    dsf_softmax(output, CLASSES, dsf_outputs[0].frac, probabilities);
    for (uint32_t i = 1; i < CLASSES; i++)
        if (probabilities[i] > probabilities[best])
            best = (int)i;
    return best;
}

static void print(const char *name, uint64_t value, const char *unit)
{
    char digits[20];
    int count = 0;

    for (; *name != '\0'; name++)
        PUT(*name);
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0)
        PUT(digits[--count]);
    for (; *unit != '\0'; unit++)
        PUT(*unit);
}

/* Where the cycles of the last run went, and its bytes by port. docs/board.md says what to make of it. */
void print_counters(const struct dsf *dsf)
{
    struct dsf_counters counters;

    dsf_counters(dsf, &counters);
    print("cycles ", counters.cycles, "");
    print(": busy ", counters.busy, "");
    print(", pixels ", counters.stall_pixels, "");
    print(", drain ", counters.stall_drain, "");
    print(", matrix ", counters.stall_matrix, "");
    print(", vector ", counters.stall_vector, "");
    print(", output ", counters.stall_output, "");
    print(", load ", counters.stall_load, "");
    print(", weights ", counters.stall_weights, "");
    print(", idle ", counters.idle, "\n");
    print("bytes: instructions ", counters.instruction_bytes, "");
    print(", features ", counters.feature_bytes, "");
    print(", weights ", counters.weight_bytes, "");
    print(", output ", counters.output_bytes, "\n");
}

int main(void)
{
    static uint8_t batch[DSF_INPUT_BYTES];
    enum dsf_result result = dsf_init(&engine, &platform);

    if (result == DSF_OK)
        result = dsf_load(&engine, &network);
    if (result != DSF_OK)
        return (int)result;
    for (;;) {
        /* Here images come from somewhere, and the class goes somewhere. */
        int class = classify(batch);

        if (class < 0)
            return -class;
        print_counters(&engine);
    }
}
