/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A library for plugged.c, built several times: all of them alike to the byte but for their names,
 * so that one is mapped where another was before, and calls in them return to the same addresses.
 */
#include <stdlib.h>

void *PLUGIN_NAME (size_t n);

__attribute__ ((noinline)) void *PLUGIN_NAME (size_t n)
{
    char *volatile block = malloc (n);

    return block;
}

void *(*const plugin_allocate) (size_t) = PLUGIN_NAME;
