/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loaded and unloaded by stack_subject; calls back, and into libc through lazily bound slots. */
#include <stdlib.h>
#include <string.h>

void plugin_call (void (*call) (size_t), size_t n);

static __attribute__ ((noinline)) void deeper (void (*call) (size_t), size_t n, unsigned depth)
{
    volatile char local[48];

    local[depth % 48] = 1;
    if (depth > 0)
        deeper (call, n, depth - 1);
    else
        call (n);
    (void)local[0];
}

void plugin_call (void (*call) (size_t), size_t n)
{
    char *copy = strdup ("a text of the plugin");

    deeper (call, n, (unsigned)n % 7);
    free (copy);
}
