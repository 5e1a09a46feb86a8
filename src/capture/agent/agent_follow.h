/* SPDX-License-Identifier: MIT */
/*
 * Following what a process becomes by exec and, when asked for, its children: where the agent of an
 * exec'ed or forked process gets its memory, and what it needs to be in the environment.
 */
#ifndef HS_CAPTURE_AGENT_AGENT_FOLLOW_H
#define HS_CAPTURE_AGENT_AGENT_FOLLOW_H

#include "capture/agent/agent.h"

#define AGENT_SOCKET_VARIABLE "HEAPSTRATA_AGENT_SOCKET="
#define AGENT_EXEC_VARIABLE                                                                        \
    "HEAPSTRATA_AGENT_EXEC=" /* the same where children are not followed                           \
                              */
#define AGENT_PRELOAD_VARIABLE "LD_PRELOAD="
#define AGENT_NAME "heapstrata-agent.so"

struct agent_follow {
    char socket[128];  /* the whole environment entry; empty = there is nobody to ask */
    char preload[512]; /* "LD_PRELOAD=" and our own path */
    int has_children;  /* they are followed, too; not only this process, through its execs */
};

extern struct agent_follow agent_follow AGENT_HIDDEN;

static inline int agent_begins_with (const char *text, const char *prefix)
{
    while (*prefix != '\0' && *text == *prefix) {
        text++;
        prefix++;
    }
    return *prefix == '\0';
}

/* Remembers what the environment says. */
void agent_follow_read (char *const *environment) AGENT_HIDDEN;

/* Asks the recorder for memory: its descriptor, or below 0. Waits a second at most. */
int agent_follow_ask (int is_forked) AGENT_HIDDEN;

/* exec_hooks.c: finds what its hooks stand before. */
void agent_look_up_exec (void) AGENT_HIDDEN;

/* start.c: maps the arena behind a descriptor; 0 when it cannot be. */
int agent_take_arena (int fd) AGENT_HIDDEN;

#endif
