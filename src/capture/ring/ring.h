/* SPDX-License-Identifier: MIT */
/*
 * The memory that an agent and its recorder share: one arena per process, a ring per thread.
 *
 * Layout of the memfd: one page of struct hs_arena_head; then HS_RINGS pages of struct
 * hs_ring_head; then HS_RINGS bodies of HS_RING_BYTES. Each body is mapped twice in a row by the
 * agent, so a record never wraps for the writer. The recorder copies records out with pread-like
 * wrapping and believes nothing: it clamps head - tail, checks every length and id (the target may
 * be hostile).
 *
 * One producer (the thread that owns the ring), one consumer (the recorder). Positions are bytes
 * since the beginning and only grow; every record is a multiple of 8 bytes.
 */
#ifndef HS_CAPTURE_RING_RING_H
#define HS_CAPTURE_RING_RING_H

#include <stdatomic.h>
#include <stdint.h>

#define HS_ARENA_MAGIC UINT64_C (0x316e6572417348) /* "HsAren1" */
#define HS_ARENA_VERSION 5u
#define HS_ARENA_PAGE 4096u
#define HS_RINGS 256u
/* What the fastest thread records (13 M events a second, 24 bytes each) while the recorder waits
 * for a processor: more than a tick of 4 ms. */
#define HS_RING_BYTES (UINT32_C (1) << 21)
#define HS_ARENA_BYTES                                                                             \
    (HS_ARENA_PAGE * (1 + (uint64_t)HS_RINGS) + (uint64_t)HS_RINGS * HS_RING_BYTES)

/* hs_arena_head.control: what the recorder wants. */
enum {
    HS_CONTROL_ON = 1 << 0,          /* record events */
    HS_CONTROL_FREE_STACKS = 1 << 1, /* stacks on frees as well */
};

struct hs_arena_head {
    uint64_t magic;
    uint32_t version;
    uint32_t n_rings;
    uint32_t ring_bytes;
    uint32_t pid; /* written by the agent when it is ready */
    _Atomic uint32_t control;
    uint32_t min_size;            /* bytes; smaller blocks are not recorded */
    uint32_t sample;              /* one block in so many is recorded; 1 = all */
    _Atomic uint32_t is_bypassed; /* the program has a malloc of its own, which comes before ours */
    _Atomic uint64_t heartbeat;   /* TSC of the recorder's latest drain; 0 = not begun */
    uint64_t ticks_per_ms;        /* of the TSC, by the recorder */
    _Atomic uint64_t n_unrecorded; /* events of threads that found no ring */
    _Atomic uint32_t agent_state;  /* enum hs_agent_state */
    _Atomic uint32_t n_children;   /* that will say hello when children are followed */
    uint32_t clock;                /* enum hs_ring_clock; set before the agent comes */
    _Atomic uint64_t n_unsampled;  /* blocks that sampling chose, but had no room to remember */
};

/* What stamps, heartbeat and ticks are read from. */
enum hs_ring_clock {
    HS_RING_CLOCK_TSC,
    HS_RING_CLOCK_MONOTONIC, /* in ns: where the TSC cannot be trusted */
};

enum hs_agent_state {
    HS_AGENT_ABSENT,
    HS_AGENT_READY,
    HS_AGENT_GONE,  /* seccomp or exit: nothing more will come */
    HS_AGENT_EXECS, /* in an exec: if it does not fail, nothing more will come */
};

/* What a followed process says to the recorder's socket; the answer brings the memory's descriptor
 * (SCM_RIGHTS), or the end of the connection. */
struct hs_follow_hello {
    uint64_t magic; /* HS_ARENA_MAGIC */
    uint32_t version;
    uint32_t is_forked; /* 0: began with an exec */
};

enum hs_ring_state {
    HS_RING_FREE,
    HS_RING_OWNED,
};

struct hs_ring_head {
    /* the producer's cache line */
    _Alignas(64) _Atomic uint64_t head; /* published */
    _Atomic uint64_t pending;           /* not 0: a stamp may have been taken and not published */
    _Atomic uint64_t last_stamp;        /* TSC of the newest published record */
    _Atomic uint64_t n_lost;            /* events that found the ring full */
    /* the consumer's */
    _Alignas(64) _Atomic uint64_t tail;
    /* rarely written */
    _Alignas(64) _Atomic uint32_t state; /* enum hs_ring_state: taken by a thread, given back by the
                                            recorder once drained and the thread is gone */
    _Atomic uint32_t tid;
    _Atomic uint32_t owner; /* counts owners, so that ids of different threads stay apart */
};

/*
 * Records. The first word of each is stamp << 4 | kind; the stamp is the TSC's low 60 bits.
 *   HS_REC_ALLOC          word, address, size << 32 | stack id
 *   HS_REC_ALLOC_LARGE    word, address, size, stack id
 *   HS_REC_FREE           word, address
 *   HS_REC_FREE_STACK     word, address, stack id
 *   HS_REC_REALLOC_BEGIN  word, old address
 *   HS_REC_REALLOC_END    word, new address (0 = it failed), size, stack id
 *   HS_REC_STACK          word, id | n_frames << 32, then n_frames return addresses, leaf first
 *   HS_REC_MODULE         word, struct hs_ring_module, then the path padded with NUL to 8 bytes
 *   HS_REC_LOST           word, number of events lost just before
 *   HS_REC_OTHER          word, what | n_words << 32, n_words words: enum hs_ring_other
 * A stack id is this thread's own, from 1 to HS_RING_STACK_ID_MAX; 0 = no stack. An id may be
 * defined anew: the newest counts. The top byte of the address of ALLOC,
 * ALLOC_LARGE, FREE and FREE_STACK is hs_ring_call().
 */
enum hs_rec_kind {
    HS_REC_NONE,
    HS_REC_ALLOC,
    HS_REC_ALLOC_LARGE,
    HS_REC_FREE,
    HS_REC_FREE_STACK,
    HS_REC_REALLOC_BEGIN,
    HS_REC_REALLOC_END,
    HS_REC_STACK,
    HS_REC_MODULE,
    HS_REC_LOST,
    HS_REC_OTHER,
    HS_N_REC_KINDS,
};

/* What HS_REC_OTHER tells, all rare. Texts: a word with the length, then the bytes, padded. */
enum hs_ring_other {
    HS_OTHER_MAP,        /* address, size, stack id, Windows' MEM_ flags */
    HS_OTHER_UNMAP,      /* address, size, 0, flags */
    HS_OTHER_POOL_ALLOC, /* address, size, stack id, heap */
    HS_OTHER_POOL_FREE,  /* address, 0, 0, heap */
    HS_OTHER_HEAP,       /* heap, text: its name */
    HS_OTHER_HEAP_END,   /* heap */
    HS_OTHER_MARK,       /* 0, text */
    HS_OTHER_UNSEEN,     /* enum hs_ring_unseen */
    HS_OTHER_MODULE_END, /* begin: it was unloaded */
};
#define HS_RING_OTHER_WORDS 4u       /* without a text */
#define HS_RING_OTHER_TEXT_MAX 1024u /* bytes */
#define HS_RING_OTHER_WORDS_MAX (2 + HS_RING_OTHER_TEXT_MAX / 8)

enum hs_ring_unseen {                    /* why nothing more comes from this process */
                      HS_UNSEEN_NOTHING, /* it did not happen after all: events come again */
                      HS_UNSEEN_STRICT_SECCOMP,
                      HS_UNSEEN_NO_TSC,
                      HS_UNSEEN_FILTER, /* of system calls, where each stamp is one */
};

/*
 * By which function a block was born or ended, so that what does not go together can be found. Not
 * told of realloc's records. The same numbers as enum hs_block_call of event/block_call.h.
 */
enum hs_ring_call_kind {
    HS_RING_CALL_UNKNOWN,
    HS_RING_CALL_MALLOC, /* ended: free */
    HS_RING_CALL_CALLOC,
    HS_RING_CALL_REALLOC,
    HS_RING_CALL_MEMALIGN,
    HS_RING_CALL_NEW,       /* ended: delete */
    HS_RING_CALL_NEW_ARRAY, /* ended: delete[] */
    HS_RING_CALL_POOL,
};

#define HS_RING_CALL_SHIFT 56 /* no address of a program has these bits */
#define HS_RING_ADDRESS_MASK ((UINT64_C (1) << HS_RING_CALL_SHIFT) - 1)
#define HS_RING_ALIGNMENT_SHIFT 3 /* above the kind: the power of two asked for, 0 = none */

static inline uint8_t hs_ring_call (enum hs_ring_call_kind kind, uint64_t alignment)
{
    unsigned power = alignment != 0 ? (unsigned)__builtin_ctzll (alignment) : 0;

    return (uint8_t)((power > 31 ? 31 : power) << HS_RING_ALIGNMENT_SHIFT | kind);
}

#define HS_STACK_TRUNCATED (UINT64_C (1) << 63) /* in the word of id and n_frames */
#define HS_RING_STACK_ID_MAX 65535u
#define HS_RING_PATH_MAX 4096u

struct hs_ring_module {
    uint64_t begin, end; /* mapped addresses */
    uint64_t load_bias;
    uint32_t path_length; /* bytes, without padding; 0 = the program itself */
    uint32_t build_id_length;
    uint8_t build_id[24];
};

#endif
