/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Blocks whose makers and enders are known. maker_one: 10 of 100 bytes, maker_two: 6 of 200.
 * ender_one frees 7 of maker_one's and 1 of maker_two's, ender_two 2 of maker_two's and, from
 * another thread, 2 of maker_one's; grower makes a block of 300 bytes larger, in another place, and
 * frees it. What is left: one of maker_one's, three of maker_two's.
 */
#include <pthread.h>
#include <stdlib.h>

static void *ones[10], *twos[6];

#define HERE __attribute__ ((noinline, noipa))

HERE static void maker_one (void)
{
    for (int i = 0; i < 10; i++)
        ones[i] = malloc (100);
}

HERE static void maker_two (void)
{
    for (int i = 0; i < 6; i++)
        twos[i] = malloc (200);
}

HERE static void ender_one (void)
{
    for (int i = 0; i < 7; i++)
        free (ones[i]);
    free (twos[0]);
    __asm__ volatile("");
}

HERE static void *ender_two (void *list)
{
    void **blocks = list;

    free (blocks[0]);
    free (blocks[1]);
    __asm__ volatile("");
    return NULL;
}

HERE static int grower (void)
{
    void *block = malloc (300), *behind = malloc (300);
    void *grown = realloc (block, 400000);

    free (behind);
    free (grown);
    __asm__ volatile("");
    return grown != NULL;
}

int main (void)
{
    pthread_t thread;

    maker_one ();
    maker_two ();
    ender_one ();
    (void)ender_two (twos + 1);
    if (pthread_create (&thread, NULL, ender_two, ones + 7) != 0 ||
        pthread_join (thread, NULL) != 0)
        return 1;
    return grower () ? 0 : 2;
}
