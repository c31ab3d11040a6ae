/* SPDX-License-Identifier: Apache-2.0
 *
 * One inference of the firmware, for counting its instructions: its registers are memory, and the engine is done when it is asked
 * first, so that waiting, which takes as long as the engine does, costs nothing.
 */

#include <stdio.h>
#include <stdlib.h>

#include "dsf.h"

static uint32_t registers[64];

int main(int argc, char **argv)
{
    static struct dsf dsf;
    static int32_t logits[4096];
    static float probabilities[4096];
    struct dsf_platform platform = {.registers = registers, .max_polls = 1000};
    struct dsf_network network = {.program = 64, .program_bytes = 64, .weights = 128, .input_bytes = 64, .output_bytes = 64};
    size_t classes = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 0;

    registers[DSF_REG_ID / 4] = DSF_ID_VALUE;
    registers[DSF_REG_VERSION / 4] = DSF_VERSION_VALUE;
    registers[DSF_REG_STATUS / 4] = DSF_STATUS_DONE;
    if (classes > 4096 || dsf_init(&dsf, &platform) != DSF_OK || dsf_load(&dsf, &network) != DSF_OK)
        return 1;
    if (dsf_run(&dsf, 4096, 8192) != DSF_OK)
        return 1;
    if (classes > 0)
        dsf_softmax(logits, classes, 4, probabilities);
    return 0;
}
