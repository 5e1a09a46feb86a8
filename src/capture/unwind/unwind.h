/* SPDX-License-Identifier: MIT */
/*
 * The stack walker: x86-64 return addresses by call frame information, without libc.
 *
 * Per thread one struct hs_unwinder, made of zeroed memory that the caller owns. It calls nothing
 * but the `find` function it was given, takes no lock, and reads only inside [sp, stack_end) of the
 * stack interval it was told, and inside the exception tables that `find` vouches for.
 *
 * Cost: a rule per pc is worked out once and kept in a direct-mapped cache; the frames of the stack
 * walked last are remembered, and once a frame equals a remembered one (same sp, pc and, where an
 * outer frame depends on it, rbp) the rest is proved by comparing each remembered return-address
 * slot with memory: loads that do not wait for each other. PERFORMANCE.md section 3.
 */
#ifndef HS_CAPTURE_UNWIND_UNWIND_H
#define HS_CAPTURE_UNWIND_UNWIND_H

#include <stdint.h>

#define HS_UNWIND_MAX_FRAMES 512
/* Rules kept, a power of two: compilers meet some 20,000 pcs; what is not used is not touched. */
#define HS_UNWIND_CACHE 16384
#define HS_UNWIND_NEAR_BITS 11
#define HS_UNWIND_NEAR (1u << HS_UNWIND_NEAR_BITS)

/* Where the tables of the code at a pc lie. All of [begin, end) must be readable. */
struct hs_unwind_module {
    uintptr_t begin, end;   /* mapped part of the module that holds text and tables */
    uintptr_t eh_frame_hdr; /* 0 = none */
};

/* Looks up the module of `pc`; 0 when it is in none. Must not use the unwinder. */
typedef int (*hs_unwind_find) (void *data, uintptr_t pc, struct hs_unwind_module *ret);

/* How the caller's frame follows from a pc. */
enum hs_unwind_kind {
    HS_UNWIND_UNKNOWN,   /* no table: taken for a frame with rbp as its base, if those lead to known
                            code */
    HS_UNWIND_RSP,       /* CFA = rsp + offset */
    HS_UNWIND_RBP,       /* CFA = rbp + offset */
    HS_UNWIND_RBP_DEREF, /* CFA = [rbp + offset], rbp saved at [rbp]: a realigned stack */
    HS_UNWIND_PLT,       /* CFA = rsp + 8, + 8 more from the 11th byte of each 16 on */
    HS_UNWIND_END,       /* outermost frame (its return address is undefined) */
    HS_UNWIND_OTHER,  /* CFA = register number rbp_offset / 8, + offset; 0 = it is not followed */
    HS_UNWIND_SIGNAL, /* the kernel's frame below a handler: registers as they were interrupted */
};

struct hs_unwind_rule {
    uint32_t kind;      /* enum hs_unwind_kind */
    int32_t cfa_offset; /* bytes */
    int32_t rbp_offset; /* rbp was saved at CFA + this; 0 = unchanged */
};

struct hs_unwind_frame { /* of a walk under way, as seen from inside it */
    uintptr_t pc, sp, rbp;
    uintptr_t rbp_slot;      /* where its caller's rbp was saved; 0 = passed through */
    uint32_t needs_rbp;      /* this frame's CFA follows from its rbp; 4: from another register */
    uint32_t is_interrupted; /* by a signal: its pc is no return address */
};

struct hs_unwinder {
    hs_unwind_find find;
    void *find_data;
    uintptr_t stack_end;                    /* of the remembered stack */
    uint32_t n_frames;                      /* of the newest walk, outermost first */
    uint32_t n_known;                       /* of them: can be proved by their slots; all or none */
    uint32_t is_complete;                   /* the remembered walk reached the outermost frame */
    uint64_t n_walked, n_verified, n_rules; /* statistics */

    /* The remembered frames, one array per fact: proving them reads little but the first two, for
     * the return address into frame i lies just below its sp. */
    uintptr_t sp[HS_UNWIND_MAX_FRAMES];
    uintptr_t pc[HS_UNWIND_MAX_FRAMES];
    uint64_t
        checks_rbp[HS_UNWIND_MAX_FRAMES / 64]; /* bit: the caller needs its rbp: check that too */
    uintptr_t rbp_slot[HS_UNWIND_MAX_FRAMES];
    uintptr_t rbp[HS_UNWIND_MAX_FRAMES];     /* right where it is needed, else maybe an older one */
    uint64_t hash[HS_UNWIND_MAX_FRAMES];     /* of this frame's pc and those of all outer frames */
    uint8_t needs_rbp[HS_UNWIND_MAX_FRAMES]; /* 1: its CFA follows from its rbp, 2: an outer
                                                frame's, which it passes through */

    uintptr_t
        believed; /* of a walk under way: frames without tables lead to known code at this sp */
    struct hs_unwind_frame fresh[HS_UNWIND_MAX_FRAMES]; /* of a walk under way, leaf first */
    uint64_t near[HS_UNWIND_NEAR];                      /* some of them once more */
    uint64_t cache[HS_UNWIND_CACHE];                    /* packed rules, see unwind.c */
};

enum hs_unwind_outcome {
    HS_UNWIND_COMPLETE,
    HS_UNWIND_TRUNCATED, /* something could not be proved: the frames up to there are right */
};

/* The registers of the frame to begin with: pc is a return address in it. */
struct hs_unwind_start {
    uintptr_t pc, sp, rbp;
    uintptr_t stack_end; /* the highest address + 1 of the stack interval that holds sp */
};

void hs_unwind_init (struct hs_unwinder *u, hs_unwind_find find, void *find_data);

/* Modules were loaded or unloaded: forget all rules and frames. */
void hs_unwind_flush (struct hs_unwinder *u);

/*
 * Walks. Afterwards u->pc[0 .. *ret_n) are the return addresses, outermost first: pc[*ret_n - 1] is
 * that of `start`, and hash[*ret_n - 1] stands for the whole stack.
 * Deeper than HS_UNWIND_MAX_FRAMES: the leaf is kept, HS_UNWIND_TRUNCATED.
 */
enum hs_unwind_outcome hs_unwind_walk (struct hs_unwinder *u, const struct hs_unwind_start *start,
                                       uint32_t *ret_n);

/* The rule for a return address, from the tables (cfi.c); the code looked up is the byte before. */
struct hs_unwind_rule hs_unwind_rule_for (const struct hs_unwind_module *module, uintptr_t pc);

/* Where, from its CFA on, the frame of a return address saved another register of its caller's: 0 =
 * nowhere, it is unchanged. Returns 0 when that cannot be told. */
int hs_unwind_saved_at (const struct hs_unwind_module *module, uintptr_t pc, unsigned number,
                        int64_t *ret);

#endif
