/* SPDX-License-Identifier: MIT */
/*
 * The functions by which a process becomes another program, or starts one.
 *
 * They say that an exec is under way, so that the recorder knows an end by exec, and give the agent
 * back to the environment of what this process becomes. When children are followed, to theirs, too;
 * the environment of the process itself keeps it then (start.c), which serves system and popen.
 * A vfork child runs here with its parent's memory: everything new is on the stack.
 */
#include "capture/agent/agent_follow.h"

#include "capture/agent/system.h"

#include <dlfcn.h>
#include <spawn.h>
#include <stdarg.h>

#define EXPORT __attribute__ ((visibility ("default")))
#define MAX_ENTRIES 8192u /* of an environment; larger ones stay as they are */

static struct {
    pid_t (*fork) (void);
    int (*execve) (const char *, char *const *, char *const *);
    int (*execv) (const char *, char *const *);
    int (*execvp) (const char *, char *const *);
    int (*execvpe) (const char *, char *const *, char *const *);
    int (*fexecve) (int, char *const *, char *const *);
    int (*posix_spawn) (pid_t *, const char *, const posix_spawn_file_actions_t *,
                        const posix_spawnattr_t *, char *const *, char *const *);
    int (*posix_spawnp) (pid_t *, const char *, const posix_spawn_file_actions_t *,
                         const posix_spawnattr_t *, char *const *, char *const *);
    char *const **environment; /* of the process; the program may have its own copy of libc's */
} real;

extern void *dlsym (void *, const char *) __attribute__ ((weak));

void agent_look_up_exec (void)
{
    real.fork = agent_find_real ("fork");
    real.execve = agent_find_real ("execve");
    real.execv = agent_find_real ("execv");
    real.execvp = agent_find_real ("execvp");
    real.execvpe = agent_find_real ("execvpe");
    real.fexecve = agent_find_real ("fexecve");
    real.posix_spawn = agent_find_real ("posix_spawn");
    real.posix_spawnp = agent_find_real ("posix_spawnp");
    real.environment = dlsym != NULL ? dlsym (RTLD_DEFAULT, "environ") : NULL;
}

/* A vfork child's exec does not end its parent. */
static int is_own_process (uint32_t state)
{
    return agent.alive != NULL && *agent.alive != 0 &&
           atomic_load (&agent.arena->agent_state) == state &&
           (uint32_t)sys3 (SYS_getpid, 0, 0, 0) == agent.arena->pid;
}

/* So that the recorder waits for a child whose parent ends at once. */
static void expect_child (int n)
{
    if (agent_follow.has_children && agent.alive != NULL && *agent.alive != 0)
        atomic_fetch_add (&agent.arena->n_children, (uint32_t)n);
}

static void begin_exec (void)
{
    if (is_own_process (HS_AGENT_READY))
        atomic_store (&agent.arena->agent_state, HS_AGENT_EXECS);
    else
        expect_child (1); /* of vfork: it is on its way to be a process of its own */
}

/* It failed. */
static void end_exec (void)
{
    if (is_own_process (HS_AGENT_EXECS))
        atomic_store (&agent.arena->agent_state, HS_AGENT_READY);
    else
        expect_child (-1);
}

/* Whether the agent shall be in an environment for an exec, or for a new process. */
static int is_followed (int is_exec)
{
    return agent_follow.socket[0] != '\0' &&
           (agent_follow.has_children || (is_exec && is_own_process (HS_AGENT_READY)));
}

static size_t count (char *const *environment)
{
    size_t n = 0;

    while (environment != NULL && environment[n] != NULL)
        n++;
    return n;
}

static int names_agent (const char *list)
{
    for (; *list != '\0'; list++) {
        if (agent_begins_with (list, AGENT_NAME))
            return 1;
    }
    return 0;
}

/* "LD_PRELOAD=" ours ":" theirs; NULL when that does not fit. */
static char *join (char *to, size_t size, const char *theirs)
{
    size_t n = 0;

    for (const char *at = agent_follow.preload; *at != '\0' && n + 2 < size; at++)
        to[n++] = *at;
    to[n++] = ':';
    for (; *theirs != '\0' && n + 1 < size; theirs++)
        to[n++] = *theirs;
    to[n] = '\0';
    return *theirs == '\0' ? to : NULL;
}

/* The environment with the agent in it: `list` (two more entries and the NULL), or `environment`
 * itself. */
static char *const *complete (char *const *environment, size_t n, char **list, char *joined,
                              size_t joined_size)
{
    int has_preload = 0, has_socket = 0;

    for (size_t i = 0; i < n; i++) {
        list[i] = environment[i];
        has_socket |= agent_begins_with (list[i], AGENT_SOCKET_VARIABLE) ||
                      agent_begins_with (list[i], AGENT_EXEC_VARIABLE);
        if (!agent_begins_with (list[i], AGENT_PRELOAD_VARIABLE) || names_agent (list[i])) {
            has_preload |= agent_begins_with (list[i], AGENT_PRELOAD_VARIABLE);
            continue;
        }
        list[i] = join (joined, joined_size, list[i] + sizeof AGENT_PRELOAD_VARIABLE - 1);
        if (list[i] == NULL)
            return environment;
        has_preload = 1;
    }
    if (!has_preload)
        list[n++] = agent_follow.preload;
    if (!has_socket)
        list[n++] = agent_follow.socket;
    list[n] = NULL;
    return list;
}

/* Declares `name`: the environment to go on with. A macro, since its memory is the caller's. */
#define COMPLETE(name, environment, is_exec)                                                       \
    size_t n_entries = count (environment);                                                        \
    int is_completed = n_entries <= MAX_ENTRIES && is_followed (is_exec);                          \
    char *list[is_completed ? n_entries + 3 : 1], joined[is_completed ? 2048 : 1];                 \
    char *const *name = is_completed                                                               \
                            ? complete (environment, n_entries, list, joined, sizeof joined)       \
                            : environment

EXPORT pid_t fork (void)
{
    pid_t ret;

    expect_child (1);
    ret = real.fork ();
    if (ret == 0 && agent.alive != NULL && *agent.alive == 0)
        (void)agent_take_forked ();
    else if (ret < 0)
        expect_child (-1);
    return ret;
}

EXPORT int execve (const char *path, char *const *argv, char *const *environment)
{
    COMPLETE (completed, environment, 1);
    int ret;

    begin_exec ();
    ret = real.execve (path, argv, completed);
    end_exec ();
    return ret;
}

EXPORT int execv (const char *path, char *const *argv)
{
    int ret;

    if (real.environment != NULL)
        return execve (path, argv, *real.environment);
    begin_exec ();
    ret = real.execv (path, argv);
    end_exec ();
    return ret;
}

EXPORT int execvpe (const char *file, char *const *argv, char *const *environment)
{
    COMPLETE (completed, environment, 1);
    int ret;

    begin_exec ();
    ret = real.execvpe (file, argv, completed);
    end_exec ();
    return ret;
}

EXPORT int execvp (const char *file, char *const *argv)
{
    int ret;

    if (real.environment != NULL && real.execvpe != NULL)
        return execvpe (file, argv, *real.environment);
    begin_exec ();
    ret = real.execvp (file, argv);
    end_exec ();
    return ret;
}

EXPORT int fexecve (int fd, char *const *argv, char *const *environment)
{
    COMPLETE (completed, environment, 1);
    int ret;

    begin_exec ();
    ret = real.fexecve (fd, argv, completed);
    end_exec ();
    return ret;
}

/* Declares `name`: the arguments behind `first`, up to the NULL; `list` stands behind that. */
#define LIST_ARGUMENTS(name, first, list)                                                          \
    va_list list;                                                                                  \
    size_t n_arguments = 1;                                                                        \
    va_start (list, first);                                                                        \
    while ((first) != NULL && va_arg (list, char *) != NULL)                                       \
        n_arguments++;                                                                             \
    va_end (list);                                                                                 \
    char *name[n_arguments + 1];                                                                   \
    name[0] = (char *)(uintptr_t)(first);                                                          \
    va_start (list, first);                                                                        \
    for (size_t i = 1; (first) != NULL && i <= n_arguments; i++)                                   \
    name[i] = va_arg (list, char *)

EXPORT int execl (const char *path, const char *first, ...)
{
    LIST_ARGUMENTS (argv, first, list);

    va_end (list);
    return execv (path, argv);
}

EXPORT int execlp (const char *file, const char *first, ...)
{
    LIST_ARGUMENTS (argv, first, list);

    va_end (list);
    return execvp (file, argv);
}

EXPORT int execle (const char *path, const char *first, ...)
{
    LIST_ARGUMENTS (argv, first, list);
    char *const *environment = first != NULL ? va_arg (list, char *const *) : NULL;

    va_end (list);
    return execve (path, argv, environment);
}

EXPORT int posix_spawn (pid_t *ret_pid, const char *path, const posix_spawn_file_actions_t *actions,
                        const posix_spawnattr_t *attributes, char *const *argv,
                        char *const *environment)
{
    COMPLETE (completed, environment, 0);
    int ret = real.posix_spawn (ret_pid, path, actions, attributes, argv, completed);

    expect_child (ret == 0);
    return ret;
}

EXPORT int posix_spawnp (pid_t *ret_pid, const char *file,
                         const posix_spawn_file_actions_t *actions,
                         const posix_spawnattr_t *attributes, char *const *argv,
                         char *const *environment)
{
    COMPLETE (completed, environment, 0);
    int ret = real.posix_spawnp (ret_pid, file, actions, attributes, argv, completed);

    expect_child (ret == 0);
    return ret;
}
