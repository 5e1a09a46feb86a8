/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which clock a trace gets; see trace_clock.h. */
#include "capture/recorder/trace_clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLOCK_SOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"
#define HIGHEST_LEAF 0x80000000u /* of those above it, in eax */
#define POWER_LEAF 0x80000007u
#define INVARIANT_TSC (1u << 8) /* in edx: one rate, also while asleep */

static bool is_invariant (void)
{
    uint32_t a = HIGHEST_LEAF, b, c = 0, d;

    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (a < POWER_LEAF)
        return false;
    a = POWER_LEAF;
    __asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return (d & INVARIANT_TSC) != 0;
}

/* A kernel that found the counters of its processors apart uses another clock itself. Where it does
 * not say (containers without /sys) the processor's word counts. */
static bool is_trusted_by_kernel (void)
{
    char name[32] = "";
    int fd = open (CLOCK_SOURCE, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return true;
    if (read (fd, name, sizeof name - 1) <= 0)
        name[0] = '\0';
    (void)close (fd);
    return name[0] == '\0' || strcmp (name, "tsc\n") == 0;
}

enum hs_ring_clock hs_trace_clock_choose (void)
{
    const char *wish = getenv ("HEAPSTRATA_CLOCK");

    if (wish != NULL && strcmp (wish, "tsc") == 0)
        return HS_RING_CLOCK_TSC;
    if (wish != NULL && strcmp (wish, "monotonic") == 0)
        return HS_RING_CLOCK_MONOTONIC;
    return is_invariant () && is_trusted_by_kernel () ? HS_RING_CLOCK_TSC : HS_RING_CLOCK_MONOTONIC;
}
