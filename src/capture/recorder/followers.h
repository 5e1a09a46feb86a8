/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where processes that are followed come for their shared memory: a SOCK_SEQPACKET socket beside
 * the control sockets, for the same user only. The agent of a forked or exec'ed process connects,
 * says who it is (struct hs_follow_hello), and waits for a descriptor. One thread.
 */
#ifndef HS_CAPTURE_RECORDER_FOLLOWERS_H
#define HS_CAPTURE_RECORDER_FOLLOWERS_H

#include "base/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct hs_follow;

struct hs_follow_request {
    int fd; /* of the connection: goes back with hs_follow_answer */
    pid_t pid;
    bool is_forked;
};

enum hs_status hs_follow_new (struct hs_follow **ret, struct hs_error *err);
void hs_follow_free (struct hs_follow *follow); /* NULL is allowed */

const char *hs_follow_path (const struct hs_follow *follow);

/* To be polled: readable when hs_follow_next may have something. */
int hs_follow_fd (const struct hs_follow *follow);

/* False: nobody waits now. */
bool hs_follow_next (struct hs_follow *follow, struct hs_follow_request *ret);

/* Sends the descriptor of the memory, or refuses (-1). False: nobody waits for it any more. */
bool hs_follow_answer (const struct hs_follow_request *request, int arena_fd);

#endif
