/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of the injector share; for nobody else. */
#ifndef HS_CAPTURE_INJECT_INJECTION_H
#define HS_CAPTURE_INJECT_INJECTION_H

#include "base/idmap.h"
#include "capture/inject/agent_image.h"
#include "capture/inject/inject.h"
#include "capture/inject/loaded.h"
#include "capture/inject/remote_call.h"
#include "capture/ring/attach_head.h"

#define HS_AGENT_MEMORY_NAME "heapstrata-agent" /* of the memfd: how it is found again */
#define HS_ARENA_MEMORY_NAME "heapstrata"

struct hs_hook { /* a function that the agent stands before */
    const char *name;
    uint64_t agent; /* in the image */
    uint64_t real;  /* in the target; 0 = it has none */
};

struct hs_injection {
    struct hs_target target;
    struct hs_agent_image image;
    struct hs_loaded loaded;
    struct hs_hook hooks[HS_ATTACH_REALS];
    const char *names[HS_ATTACH_REALS];
    uint32_t n_hooks;
    uint64_t base;       /* of the agent in the target; 0 = not there */
    uint64_t syscall_at; /* a `syscall` instruction of the target */
    uint64_t tid_offset;
    struct hs_attach_head head; /* as it is in the target */
    bool is_fork_child;         /* of a process that was attached to: it has no arena */
    struct hs_idmap ledger;     /* slot address -> entry */
    hs_loaded_slots slots;      /* the plan */
    struct hs_injection_figures figures;
    int64_t look_again_ns, look_again_at; /* 0 = no more; CLOCK_MONOTONIC */
    struct hs_error why;                  /* of the last stop's HS_AGAIN */
};

/* Reads and writes the head in the target. */
bool hs_injection_read_head (struct hs_injection *injection);
bool hs_injection_write_head (struct hs_injection *injection);

/* Runs `work` in a stop and counts it. */
enum hs_status hs_injection_stop (struct hs_injection *injection, enum hs_stop_extent extent,
                                  hs_stop_work work, void *data, struct hs_error *err);

#endif
