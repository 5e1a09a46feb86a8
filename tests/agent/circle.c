/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Allocates for a while, for recordings that keep only their newest part: ROUNDS rounds, each with
 * a block of 10000 + round bytes that is freed three quarters of the rounds later when the round
 * is odd, never when it is even, one that grows, and many that live briefly. Waits MICROSECONDS
 * after each round.
 */
#include <stdlib.h>
#include <unistd.h>

#define MAX_ROUNDS 1024
#define BRIEF 5000

static void *volatile kept[MAX_ROUNDS];

static void *volatile sink;

static void brief (int round)
{
    void *volatile blocks[16] = { 0 };

    for (unsigned i = 0; i < BRIEF; i++) {
        unsigned at = (i * 7 + (unsigned)round) % 16;

        free (blocks[at]);
        blocks[at] = malloc (16 + (i * 37) % 900);
    }
    for (unsigned i = 0; i < 16; i++)
        free (blocks[i]);
}

int main (int argc, char **argv)
{
    int rounds = argc > 1 ? (int)strtol (argv[1], NULL, 10) : 40;
    unsigned pause = argc > 2 ? (unsigned)strtoul (argv[2], NULL, 10) : 0;

    sink = malloc (1);
    for (int i = 0; i < rounds && i < MAX_ROUNDS; i++) {
        int old = i - rounds * 3 / 4;

        kept[i] = malloc (10000 + (size_t)i);
        if (old > 0 && old % 2 == 1)
            free (kept[old]);
        sink = realloc (sink, 100 * ((size_t)i + 1));
        brief (i);
        if (pause > 0)
            (void)usleep (pause);
    }
    return 0;
}
