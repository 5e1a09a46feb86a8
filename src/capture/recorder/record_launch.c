/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Launching a program with the agent; see recorder.h. */
#include "capture/recorder/recorder.h"

#include "base/arena.h"
#include "capture/recorder/session.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The environment with the agent in front of what is preloaded already; NULL when memory is out.
 * All of it is in `arena`. */
static char **make_environment (struct hs_arena *arena, const struct hs_record_options *options,
                                int fd, const char *follow_path)
{
    static const char preload[] = "LD_PRELOAD=", variable[] = "HEAPSTRATA_AGENT_FD=",
                      socket[] = "HEAPSTRATA_AGENT_SOCKET=", exec[] = "HEAPSTRATA_AGENT_EXEC=";
    const char *agent_path = options->agent_path;
    const char *others = getenv ("LD_PRELOAD");
    size_t n = 0, out = 0, size;
    char **list, *entry;

    while (environ[n] != NULL)
        n++;
    list = hs_arena_alloc (arena, (n + 4) * sizeof *list);
    size = sizeof preload + strlen (agent_path) + 1 + (others != NULL ? strlen (others) : 0);
    entry = hs_arena_alloc (arena, size + sizeof variable + 16);
    if (list == NULL || entry == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (strncmp (environ[i], preload, sizeof preload - 1) != 0 &&
            strncmp (environ[i], socket, sizeof socket - 1) != 0 &&
            strncmp (environ[i], exec, sizeof exec - 1) != 0)
            list[out++] = environ[i];
    }
    (void)snprintf (entry, size, "%s%s%s%s", preload, agent_path,
                    others != NULL && others[0] != '\0' ? ":" : "", others != NULL ? others : "");
    list[out++] = entry;
    (void)snprintf (entry + size, sizeof variable + 16, "%s%d", variable, fd);
    list[out++] = entry + size;
    if (follow_path != NULL) {
        size = sizeof socket + strlen (follow_path);
        entry = hs_arena_alloc (arena, size);
        if (entry == NULL)
            return NULL;
        (void)snprintf (entry, size, "%s%s", options->follow ? socket : exec, follow_path);
        list[out++] = entry;
    }
    list[out] = NULL;
    return list;
}

static enum hs_status launch (struct hs_session *session, const struct hs_record_options *options,
                              char *const *argv, int fd, pid_t *ret_pid, struct hs_error *err)
{
    struct hs_arena arena = { 0 };
    char **environment = make_environment (&arena, options, fd, hs_session_follow_path (session));
    posix_spawn_file_actions_t actions;
    int error = ENOMEM;

    if (environment != NULL && posix_spawn_file_actions_init (&actions) == 0) {
        /* onto itself: the one descriptor that is not closed on exec */
        error = posix_spawn_file_actions_adddup2 (&actions, fd, fd);
        if (error == 0)
            error = posix_spawnp (ret_pid, argv[0], &actions, NULL, argv, environment);
        (void)posix_spawn_file_actions_destroy (&actions);
    }
    hs_arena_clear (&arena);
    return error == 0 ? HS_OK : hs_error_set_errno (err, error, "cannot start '%s'", argv[0]);
}

static void join (char *const *argv, char *out, size_t size)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; argv[i] != NULL && used < size - 1; i++)
        used += (size_t)snprintf (out + used, size - used, "%s%s", i > 0 ? " " : "", argv[i]);
}

enum hs_status hs_record_launch (const struct hs_record_options *options, char *const *argv,
                                 const struct hs_cancel *cancel, struct hs_record_totals *ret,
                                 struct hs_error *err)
{
    struct hs_session_process process = { .origin = HS_SESSION_LAUNCHED, .exe = argv[0] };
    struct hs_session *session;
    enum hs_status status = hs_session_new (options, cancel, &session, err);
    char command_line[8192];
    int fd = -1;

    if (status != HS_OK)
        return status;
    status = hs_session_make_arena (session, &fd, err);
    if (status == HS_OK)
        status = hs_session_follow (session, err);
    if (status == HS_OK)
        status = launch (session, options, argv, fd, &process.pid, err);
    if (status != HS_OK) {
        hs_session_abandon (session);
        return status;
    }
    join (argv, command_line, sizeof command_line);
    process.command_line = command_line;
    status = hs_session_begin (session, &process, err);
    if (status == HS_OK)
        status = hs_session_run (session, err);
    status = hs_session_finish (session, status, ret, err);
    if (status == HS_OK && ret->n_allocs == 0)
        ret->obstacle = hs_obstacle_find (argv[0]);
    return status;
}
