/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program that exports a malloc of its own, as browsers do: nothing that is preloaded comes
 * before it. Allocates; with an argument it then says so, and waits for the end of its input.
 */
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static uint8_t pool[1 << 20];
static size_t used;

void *malloc (size_t n)
{
    size_t begin = used;

    if (n > sizeof pool - used - 16)
        return NULL;
    used += (n + 15) & ~(size_t)15;
    return pool + begin;
}

void free (void *ptr)
{
    (void)ptr;
}

void *calloc (size_t count, size_t size)
{
    return malloc (count * size);
}

void *realloc (void *ptr, size_t n)
{
    void *ret = malloc (n);

    if (ptr != NULL && ret != NULL)
        memcpy (ret, ptr, n);
    return ret;
}

int main (int argc, char **argv)
{
    char byte;

    (void)argv;
    for (size_t i = 0; i < 100; i++)
        free (malloc (i));
    if (argc > 1 && write (STDOUT_FILENO, "\n", 1) == 1)
        (void)!read (STDIN_FILENO, &byte, 1);
    return 3;
}
