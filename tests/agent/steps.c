/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program that is led step by step: prints its process id, then for each line "N" allocates a
 * block of N bytes, for "-N" frees the newest block of N bytes, and prints the line back when it
 * is done. Ends with status 7 at the end of its input. No buffers of stdio, so that nothing else
 * is allocated.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCKS 64

struct block {
    long size;
    void *volatile address;
};

static struct block blocks[BLOCKS];
static int n_blocks;

static void step (long number)
{
    if (number > 0 && n_blocks < BLOCKS) {
        blocks[n_blocks++] = (struct block){ number, malloc ((size_t)number) };
        return;
    }
    for (int i = n_blocks; i-- > 0;) {
        if (blocks[i].size == -number) {
            free (blocks[i].address);
            blocks[i] = blocks[--n_blocks];
            return;
        }
    }
}

static int put (const char *text)
{
    return write (STDOUT_FILENO, text, strlen (text)) < 0;
}

int main (void)
{
    char line[64];
    size_t n = 0;

    (void)snprintf (line, sizeof line, "%d\n", (int)getpid ());
    if (put (line))
        return 1;
    while (read (STDIN_FILENO, line + n, 1) == 1) {
        if (line[n] != '\n') {
            n += n + 3 < sizeof line;
            continue;
        }
        line[n + 1] = '\0';
        step (strtol (line, NULL, 10));
        n = 0;
        if (put (line))
            return 1;
    }
    return 7;
}
