/* SPDX-License-Identifier: MIT */
/*
 * What an injector and the agent it put into a running process tell each other.
 *
 * The attached agent exports one object, `heapstrata_attach_head`. The injector fills it in while
 * the process is stopped (or while no slot points at the agent yet); the agent only reads it. It
 * stays in the process after a detach, with the ledger, so that a later injector - also one that
 * follows a recorder that was killed - finds what was changed.
 */
#ifndef HS_CAPTURE_RING_ATTACH_HEAD_H
#define HS_CAPTURE_RING_ATTACH_HEAD_H

#include <stdatomic.h>
#include <stdint.h>

#define HS_ATTACH_SYMBOL "heapstrata_attach_head"
#define HS_ATTACH_MAGIC UINT64_C (0x3174746141534148) /* "HASAtta1" */
#define HS_ATTACH_REALS 128u
#define HS_ATTACH_NAME_SIZE 48u     /* with NUL; the longest operator delete has 38 */
#define HS_ATTACH_LEDGER_MAX 65536u /* slots */

struct hs_attach_real { /* a hooked function, and what stands for it without us */
    char name[HS_ATTACH_NAME_SIZE];
    uint64_t address; /* 0 = the process has no such function */
};

struct hs_attach_slot { /* an entry of the ledger */
    uint64_t address;
    uint64_t old_value; /* written before the slot itself is */
    uint64_t new_value; /* 0 = taken out again */
};

struct hs_attach_head {
    uint64_t magic;
    _Atomic uint32_t generation; /* counts the arenas mapped; 0 = none yet */
    uint32_t n_reals;
    uint64_t arena;      /* addresses: the whole memfd */
    uint64_t bodies;     /* room for every body twice; the agent mirrors them out of the arena */
    uint64_t alive;      /* a page that reads 0 after fork */
    uint64_t ledger;     /* HS_ATTACH_LEDGER_MAX slots */
    uint64_t n_ledger;   /* entries in use */
    uint64_t tid_offset; /* of the thread's id from what fs:0 points to */
    uint64_t told;    /* address of the counter that makes threads tell stacks and modules anew */
    uint64_t threads; /* address and size of the table of threads: zeroes in a fork child */
    uint64_t threads_size;
    uint64_t memories;    /* address of HS_RINGS addresses: what a ring's thread keeps, or 0 */
    uint64_t memory_size; /* of each, as it was mapped */
    struct hs_attach_real reals[HS_ATTACH_REALS];
};

#endif
