/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Makes the traces of the benchmark: one invented history of a heap, written as ETL or as the
 * heaptrack file that says the same - interpreted, or raw as it is recorded - so that all readers
 * meet the same events. After the published
 * layouts, sharing nothing with src/encode. The history depends on nothing but the number of
 * events.
 *
 *   make_history etl|heaptrack|raw EVENTS FILE
 *
 * About 90 bytes per event as ETL: four processors' buffers to be merged, 2,048 distinct stacks of
 * 21 frames, seven of eight given as keys that are defined at the end, the eighth in full; some
 * 10^5 blocks live, most of them short, a few kept for ever.
 */
#include "base/endian.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define N_STACKS 2048u
#define DEPTH 21u
#define N_SIZES 4u /* different sizes a stack asks for */
#define MAX_LIVE 131072u
#define N_CPUS 4u
#define N_THREADS 8u
#define BUFFER_BYTES 65536u
#define BUFFER_HEADER 0x48u
#define T0 INT64_C (1000000)
#define PID 4242u
#define HEAP UINT64_C (0x1f0000)

/* ---- the history ------------------------------------------------------------------------------
 */

struct block {
    uint32_t slot, stack, size_choice;
};

struct history {
    uint64_t random;
    struct block live[MAX_LIVE];
    uint32_t n_live;
    uint32_t free_slots[MAX_LIVE];
    uint32_t n_free_slots, n_slots;
    uint32_t thread, thread_left;
    int64_t time;
};

struct step {
    bool is_free;
    struct block block;
    uint32_t thread;
    int64_t time; /* 100 ns */
};

static uint32_t draw (struct history *h, uint32_t below)
{
    h->random ^= h->random << 13;
    h->random ^= h->random >> 7;
    h->random ^= h->random << 17;
    return (uint32_t)((h->random >> 32) * below >> 32);
}

/* Few stacks make most of the calls. */
static uint32_t draw_stack (struct history *h)
{
    uint64_t u = draw (h, 65536);

    return (uint32_t)(u * u * u * N_STACKS >> 48);
}

static uint64_t size_of (uint32_t stack, uint32_t choice)
{
    static const uint16_t tenths[N_SIZES] = { 10, 15, 20, 35 };
    uint32_t mixed = stack * 2654435761u >> 16;

    return (UINT64_C (16) << mixed % 8) * tenths[choice] / 10;
}

static uint64_t address_of (uint32_t slot)
{
    return UINT64_C (0x21000000000) + (uint64_t)slot * 0x4010;
}

static void free_one (struct history *h, struct step *step)
{
    /* most blocks die young */
    uint32_t reach = draw (h, 10) < 8 && h->n_live > 64 ? 64 : h->n_live;
    uint32_t at = h->n_live - 1 - draw (h, reach);

    step->is_free = true;
    step->block = h->live[at];
    h->live[at] = h->live[--h->n_live];
    h->free_slots[h->n_free_slots++] = step->block.slot;
}

static struct step next_step (struct history *h)
{
    struct step step = { 0 };
    uint32_t percent = h->n_live < 1000 ? 100 : h->n_live < 100000 ? 55 : 49;

    if (h->thread_left-- == 0) {
        h->thread = draw (h, N_THREADS);
        h->thread_left = 8 + draw (h, 64);
    }
    h->time += 4 + draw (h, 16);
    step.thread = h->thread;
    step.time = h->time;
    if (draw (h, 100) >= percent || h->n_live == MAX_LIVE) {
        free_one (h, &step);
        return step;
    }
    step.block.stack = draw_stack (h);
    step.block.size_choice = draw (h, N_SIZES);
    step.block.slot = h->n_free_slots > 0 ? h->free_slots[--h->n_free_slots] : h->n_slots++;
    h->live[h->n_live++] = step.block;
    return step;
}

/* The stacks form a tree: level 0 is the root, and each level has up to twice the frames. */
static uint32_t width_at (uint32_t level)
{
    uint32_t width = 1u << (level + 1) / 2;

    return level == DEPTH - 1 || width > N_STACKS ? N_STACKS : width;
}

static uint64_t frame_at (uint32_t stack, uint32_t level)
{
    return UINT64_C (0x7ff600001000) + ((uint64_t)level << 20) + stack % width_at (level) * 0x30;
}

/* ---- as ETL -----------------------------------------------------------------------------------
 */

struct etl {
    FILE *out;
    uint8_t buffers[N_CPUS][BUFFER_BYTES];
    uint32_t used[N_CPUS];
    uint32_t n_written;
    bool is_key_used[N_STACKS];
};

static void put_buffer_header (uint8_t *at, uint32_t used, uint32_t sequence, uint32_t cpu,
                               bool is_first)
{
    memset (at, 0, BUFFER_HEADER);
    hs_put_u32 (at, BUFFER_BYTES);
    hs_put_u32 (at + 0x04, used);
    hs_put_u32 (at + 0x08, used);
    hs_put_u64 (at + 0x18, sequence);
    hs_put_u16 (at + 0x28, (uint16_t)cpu);
    hs_put_u32 (at + 0x2c, 3);
    hs_put_u32 (at + 0x30, used);
    hs_put_u16 (at + 0x34, is_first ? 0x21 : 0x20);
    hs_put_u16 (at + 0x36, is_first ? 4 : 0);
}

static void flush (struct etl *etl, uint32_t cpu, bool is_first)
{
    uint8_t *buffer = etl->buffers[cpu];
    uint32_t used = etl->used[cpu];

    if (used == BUFFER_HEADER)
        return;
    put_buffer_header (buffer, used, etl->n_written++, cpu, is_first);
    memset (buffer + used, 0xff, BUFFER_BYTES - used);
    (void)fwrite (buffer, BUFFER_BYTES, 1, etl->out);
    etl->used[cpu] = BUFFER_HEADER;
}

/* Room for a record of `n` bytes in the processor's buffer. */
static uint8_t *record (struct etl *etl, uint32_t cpu, uint32_t n)
{
    uint8_t *at;

    if (etl->used[cpu] + n + 8 > BUFFER_BYTES)
        flush (etl, cpu, false);
    at = etl->buffers[cpu] + etl->used[cpu];
    memset (at, 0, (n + 7) & ~7u);
    etl->used[cpu] += (n + 7) & ~7u;
    return at;
}

/* The payload's place of a SYSTEM64 record. */
static uint8_t *system_record (struct etl *etl, uint32_t cpu, uint16_t hook, int64_t time,
                               uint32_t thread, uint32_t n)
{
    uint8_t *at = record (etl, cpu, 0x20 + n);

    hs_put_u32 (at, 0xc0020002);
    hs_put_u16 (at + 4, (uint16_t)(0x20 + n));
    hs_put_u16 (at + 6, hook);
    hs_put_u32 (at + 8, thread);
    hs_put_u32 (at + 0xc, PID);
    hs_put_u64 (at + 0x10, (uint64_t)time);
    return at + 0x20;
}

/* The payload's place of a PERFINFO64 record of group 18 (stack walks). */
static uint8_t *stack_record (struct etl *etl, uint32_t cpu, uint8_t opcode, int64_t time,
                              uint32_t n)
{
    uint8_t *at = record (etl, cpu, 0x10 + n);

    hs_put_u32 (at, 0xc0110002);
    hs_put_u16 (at + 4, (uint16_t)(0x10 + n));
    hs_put_u16 (at + 6, (uint16_t)(0x1800 | opcode));
    hs_put_u64 (at + 8, (uint64_t)time);
    return at + 0x10;
}

static void put_frames (uint8_t *at, uint32_t stack)
{
    for (uint32_t i = 0; i < DEPTH; i++)
        hs_put_u64 (at + (size_t)i * 8, frame_at (stack, DEPTH - 1 - i));
}

static void put_stack (struct etl *etl, const struct step *step, uint32_t cpu, uint32_t thread)
{
    bool is_key = step->block.slot % 8 != 0;
    uint32_t n = is_key ? 8 : DEPTH * 8;
    uint8_t *at = stack_record (etl, cpu, is_key ? 38 : 32, T0 + step->time + 2, 0x10 + n);

    hs_put_u64 (at, (uint64_t)(T0 + step->time));
    hs_put_u32 (at + 8, PID);
    hs_put_u32 (at + 0xc, thread);
    if (is_key)
        hs_put_u64 (at + 0x10, UINT64_C (0xffff8000) + step->block.stack * 16);
    else
        put_frames (at + 0x10, step->block.stack);
    etl->is_key_used[step->block.stack] |= is_key;
}

static void put_step (struct etl *etl, const struct step *step)
{
    uint32_t cpu = step->thread % N_CPUS, thread = 100 + step->thread * 4;
    uint64_t address = address_of (step->block.slot);
    uint8_t *at;

    if (step->is_free) {
        at = system_record (etl, cpu, 0x1024, T0 + step->time, thread, 0x14);
        hs_put_u64 (at, HEAP);
        hs_put_u64 (at + 8, address);
        hs_put_u32 (at + 0x10, 2);
        return;
    }
    at = system_record (etl, cpu, 0x1021, T0 + step->time, thread, 0x1c);
    hs_put_u64 (at, HEAP);
    hs_put_u64 (at + 8, size_of (step->block.stack, step->block.size_choice));
    hs_put_u64 (at + 0x10, address);
    hs_put_u32 (at + 0x18, 2);
    put_stack (etl, step, cpu, thread);
}

static void put_log_header (struct etl *etl)
{
    uint8_t *at = system_record (etl, 0, 0, T0, UINT32_MAX, 0x118 + 4);

    hs_put_u32 (at, BUFFER_BYTES);
    hs_put_u32 (at + 4, 0x0501000a);
    hs_put_u32 (at + 0x0c, N_CPUS);
    hs_put_u64 (at + 0x10, UINT64_C (133000001000000000));
    hs_put_u32 (at + 0x18, 156250);
    hs_put_u32 (at + 0x28, 1);
    hs_put_u32 (at + 0x2c, 8);
    hs_put_u32 (at + 0x34, 3000);
    hs_put_u64 (at + 0x100, 10000000);
    hs_put_u64 (at + 0x108, UINT64_C (133000000000000000));
    hs_put_u32 (at + 0x110, 1);
    flush (etl, 0, true);
}

static void put_process (struct etl *etl)
{
    static const char image[] = "bench.exe";
    uint8_t *at = system_record (etl, 0, 0x0303, T0 + 1, UINT32_MAX, 0x28 + 8 + sizeof image + 6);

    at[-0x20] = 4; /* version */
    hs_put_u64 (at, 0xabc0);
    hs_put_u32 (at + 8, PID);
    hs_put_u32 (at + 0xc, 4);
    hs_put_u32 (at + 0x14, 259);
    memcpy (at + 0x28, image, sizeof image);
}

static void put_keys (struct etl *etl, int64_t time)
{
    for (uint32_t i = 0; i < N_STACKS; i++) {
        uint8_t *at;

        if (!etl->is_key_used[i])
            continue;
        at = stack_record (etl, 0, 36, time, 8 + DEPTH * 8);
        hs_put_u64 (at, UINT64_C (0xffff8000) + i * 16);
        put_frames (at + 8, i);
    }
}

static void write_etl (FILE *out, struct history *h, uint64_t n_events)
{
    struct etl *etl = calloc (1, sizeof *etl);
    uint8_t count[4];

    if (etl == NULL)
        return;
    etl->out = out;
    for (uint32_t cpu = 0; cpu < N_CPUS; cpu++)
        etl->used[cpu] = BUFFER_HEADER;
    put_log_header (etl);
    put_process (etl);
    for (uint64_t i = 0; i < n_events; i++) {
        struct step step = next_step (h);

        put_step (etl, &step);
    }
    put_keys (etl, T0 + h->time + 100);
    for (uint32_t cpu = 0; cpu < N_CPUS; cpu++)
        flush (etl, cpu, false);
    hs_put_u32 (count, etl->n_written);
    (void)fseek (out, BUFFER_HEADER + 0x20 + 0x24, SEEK_SET); /* BuffersWritten */
    (void)fwrite (count, sizeof count, 1, out);
    free (etl);
}

/* ---- as a heaptrack file ----------------------------------------------------------------------
 */

struct heaptrack {
    FILE *out;
    bool is_raw; /* frames are addresses, not functions */
    uint32_t n_nodes, n_infos;
    uint32_t node[DEPTH][N_STACKS];
    uint32_t info[N_STACKS][N_SIZES]; /* number + 1 */
};

static uint32_t node_of (struct heaptrack *ht, uint32_t stack, uint32_t level)
{
    uint32_t *node = &ht->node[level][stack % width_at (level)];
    uint32_t parent;

    if (*node != 0)
        return *node;
    parent = level > 0 ? node_of (ht, stack, level - 1) : 0;
    *node = ++ht->n_nodes;
    if (ht->is_raw) {
        (void)fprintf (ht->out, "t %llx %x\n", (unsigned long long)frame_at (stack, level), parent);
        return *node;
    }
    (void)fprintf (ht->out, "s function_%u_%u\n", level, stack % width_at (level));
    (void)fprintf (ht->out, "i %llx 1 %x\n", (unsigned long long)frame_at (stack, level) - 1,
                   *node + 1);
    (void)fprintf (ht->out, "t %x %x\n", *node, parent);
    return *node;
}

static void write_heaptrack (FILE *out, struct history *h, uint64_t n_events)
{
    struct heaptrack *ht = calloc (1, sizeof *ht);
    int64_t shown_ms = -1;

    if (ht == NULL)
        return;
    ht->out = out;
    (void)fprintf (out, "v 10400 2\nX bench\nI 1000 100000\ns bench\n");
    for (uint64_t i = 0; i < n_events; i++) {
        struct step step = next_step (h);
        uint32_t *info = &ht->info[step.block.stack][step.block.size_choice];

        if (step.time / 100000 > shown_ms / 10 || shown_ms < 0) {
            shown_ms = step.time / 100000 * 10;
            (void)fprintf (out, "c %llx\n", (unsigned long long)shown_ms);
        }
        if (*info == 0) {
            uint32_t node = node_of (ht, step.block.stack, DEPTH - 1);

            (void)fprintf (out, "a %llx %x\n",
                           (unsigned long long)size_of (step.block.stack, step.block.size_choice),
                           node);
            *info = ++ht->n_infos;
        }
        (void)fprintf (out, "%c %x\n", step.is_free ? '-' : '+', *info - 1);
    }
    free (ht);
}

static void write_raw (FILE *out, struct history *h, uint64_t n_events)
{
    struct heaptrack *ht = calloc (1, sizeof *ht);
    int64_t shown = -1; /* 10 ms */

    if (ht == NULL)
        return;
    ht->out = out;
    ht->is_raw = true;
    (void)fprintf (out, "v 10400 2\nx /bench\nX bench\nI 1000 100000\nm -\n");
    for (uint64_t i = 0; i < n_events; i++) {
        struct step step = next_step (h);
        unsigned long long address = address_of (step.block.slot);

        if (step.time / 100000 > shown) {
            shown = step.time / 100000;
            (void)fprintf (out, "c %llx\n", (unsigned long long)shown * 10);
        }
        if (step.is_free)
            (void)fprintf (out, "- %llx\n", address);
        else
            (void)fprintf (out, "+ %llx %x %llx\n",
                           (unsigned long long)size_of (step.block.stack, step.block.size_choice),
                           node_of (ht, step.block.stack, DEPTH - 1), address);
    }
    free (ht);
}

int main (int argc, char **argv)
{
    struct history *h = calloc (1, sizeof *h);
    FILE *out = argc == 4 ? fopen (argv[3], "wb") : NULL;
    uint64_t n_events = argc == 4 ? strtoull (argv[2], NULL, 10) : 0;
    int status = 0;

    if (h == NULL || out == NULL) {
        (void)fprintf (stderr, "usage: make_history etl|heaptrack|raw EVENTS FILE\n");
        free (h);
        return 2;
    }
    h->random = 88172645463325252u;
    if (strcmp (argv[1], "etl") == 0)
        write_etl (out, h, n_events);
    else if (strcmp (argv[1], "raw") == 0)
        write_raw (out, h, n_events);
    else
        write_heaptrack (out, h, n_events);
    if (ferror (out) || fclose (out) != 0) {
        perror (argv[3]);
        status = 1;
    }
    free (h);
    return status;
}
