/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Puts the agent into a running process and its hooks into the slots through which the process
 * calls its allocator; takes the hooks out again (CAPTURE.md 3).
 *
 * The agent's code stays in the process after a removal, since threads may be inside it, and is
 * used again by the next injection. Nothing else stays: no descriptor, no signal handler, no slot.
 *
 * One thread, which is not the tracer: stops are made by processes of their own (stop.h).
 */
#ifndef HS_CAPTURE_INJECT_INJECT_H
#define HS_CAPTURE_INJECT_INJECT_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct hs_injection;

struct hs_injection_figures {
    uint64_t n_slots;      /* hooked now */
    uint64_t n_most_slots; /* that were hooked at a time */
    uint64_t n_left;       /* slots of hooked names that lead to other functions: left alone */
    char left_to[64];      /* the file that has the first of those, */
    bool is_left_to_more;  /* and others have some, too */
    bool is_bypassed;      /* the program's malloc is its own: its own calls do not use slots */
    uint64_t n_modules;    /* looked at */
    uint64_t n_stops;      /* of the process, so far */
    uint64_t longest_ns;   /* of those stops */
    uint64_t taken_over;   /* slots that a killed recorder had left hooked */
};

/* Looks at the process, refuses in one sentence (target.h), loads the agent's file. The process is
 * not touched. */
enum hs_status hs_injection_open (pid_t pid, const char *agent_path, struct hs_injection **ret,
                                  struct hs_error *err);

/* Maps the agent (unless it is there) and a new arena, stopping the process once. *ret_arena_fd:
 * the arena, HS_ARENA_BYTES of zeroes but for rings that threads still hold, sealed; the caller's.
 * HS_UNSUPPORTED also when a recorder that lives has the process. */
enum hs_status hs_injection_map (struct hs_injection *injection, int *ret_arena_fd,
                                 struct hs_error *err);

/* Hooks the slots of all modules, stopping the process once. The arena must be ready. */
enum hs_status hs_injection_hook (struct hs_injection *injection, struct hs_error *err);

/* Looks whether the loader's list has changed and hooks what has come; cheap when it has not. To be
 * called some tens of times a second. HS_END: the process has ended or runs another program. */
enum hs_status hs_injection_update (struct hs_injection *injection, struct hs_error *err);

/* Puts every slot's old value back, stopping the process once, and compares. */
enum hs_status hs_injection_unhook (struct hs_injection *injection, struct hs_error *err);

void hs_injection_get_figures (const struct hs_injection *injection,
                               struct hs_injection_figures *ret);
/* NULL is allowed. Does not unhook. */
void hs_injection_free (struct hs_injection *injection);

#endif
