/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Launching a program with the agent, and the loop that drains its rings; see recorder.h. */
#include "capture/recorder/recorder.h"

#include "base/arena.h"
#include "base/memory.h"
#include "capture/recorder/event_order.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHORTEST_WAIT_NS 500000
#define LONGEST_WAIT_NS 10000000
#define BUSY_BYTES (UINT64_C (64) << 10) /* more than this in a drain: look again soon */
#define SAMPLE_NS 100000000              /* resident set */

struct recorder {
    const struct hs_record_options *options;
    struct hs_ring_reader reader;
    struct hs_event_order *order;
    const struct hs_encoder_class *encoder;
    void *encoder_self;
    pid_t child;
    int wait_status;
    bool has_ended, is_started;
    int64_t begin_ns, newest_sample_ns;
};

static int64_t now_ns (void)
{
    struct timespec time;

    (void)clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C (1000000000) + time.tv_nsec;
}

/* The environment with the agent in front of what is preloaded already; NULL when memory is out.
 * All of it is in `arena`. */
static char **make_environment (struct hs_arena *arena, const char *agent_path, int fd)
{
    static const char preload[] = "LD_PRELOAD=", variable[] = "HEAPSTRATA_AGENT_FD=";
    const char *others = getenv ("LD_PRELOAD");
    size_t n = 0, out = 0, size;
    char **list, *entry;

    while (environ[n] != NULL)
        n++;
    list = hs_arena_alloc (arena, (n + 3) * sizeof *list);
    size = sizeof preload + strlen (agent_path) + 1 + (others != NULL ? strlen (others) : 0);
    entry = hs_arena_alloc (arena, size + sizeof variable + 16);
    if (list == NULL || entry == NULL)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (strncmp (environ[i], preload, sizeof preload - 1) != 0)
            list[out++] = environ[i];
    }
    (void)snprintf (entry, size, "%s%s%s%s", preload, agent_path,
                    others != NULL && others[0] != '\0' ? ":" : "", others != NULL ? others : "");
    list[out++] = entry;
    (void)snprintf (entry + size, sizeof variable + 16, "%s%d", variable, fd);
    list[out++] = entry + size;
    list[out] = NULL;
    return list;
}

static enum hs_status launch (struct recorder *r, char *const *argv, struct hs_error *err)
{
    struct hs_arena arena = { 0 };
    char **environment = make_environment (&arena, r->options->agent_path, r->reader.fd);
    posix_spawn_file_actions_t actions;
    int error = ENOMEM;

    if (environment != NULL && posix_spawn_file_actions_init (&actions) == 0) {
        /* onto itself: the one descriptor that is not closed on exec */
        error = posix_spawn_file_actions_adddup2 (&actions, r->reader.fd, r->reader.fd);
        if (error == 0)
            error = posix_spawnp (&r->child, argv[0], &actions, NULL, argv, environment);
        (void)posix_spawn_file_actions_destroy (&actions);
    }
    hs_arena_clear (&arena);
    return error == 0 ? HS_OK : hs_error_set_errno (err, error, "cannot start '%s'", argv[0]);
}

static void read_link (pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    ssize_t n;

    (void)snprintf (path, sizeof path, "/proc/%d/%s", (int)pid, name);
    n = readlink (path, out, size - 1);
    out[n > 0 ? n : 0] = '\0';
}

static uint64_t resident_bytes (pid_t pid)
{
    char path[64], text[128];
    const char *second;
    ssize_t n;
    int fd;

    (void)snprintf (path, sizeof path, "/proc/%d/statm", (int)pid);
    fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    n = read (fd, text, sizeof text - 1);
    (void)close (fd);
    text[n > 0 ? n : 0] = '\0';
    second = strchr (text, ' ');
    return second != NULL ? strtoull (second, NULL, 10) * (uint64_t)sysconf (_SC_PAGESIZE) : 0;
}

static enum hs_status describe (struct recorder *r, char *const *argv, struct hs_error *err)
{
    struct hs_process_fields fields = { .pid = (uint32_t)r->child,
                                        .parent_pid = (uint32_t)getpid () };
    char exe[4096], command[8192];
    size_t used = 0;
    const char *name;

    read_link (r->child, "exe", exe, sizeof exe);
    if (exe[0] == '\0')
        (void)snprintf (exe, sizeof exe, "%s", argv[0]);
    for (size_t i = 0; argv[i] != NULL && used < sizeof command - 1; i++)
        used += (size_t)snprintf (command + used, sizeof command - used, "%s%s", i > 0 ? " " : "",
                                  argv[i]);
    name = strrchr (exe, '/') != NULL ? strrchr (exe, '/') + 1 : exe;
    fields.image = (struct hs_text){ name, (uint32_t)strlen (name) };
    fields.command_line = (struct hs_text){ command, (uint32_t)strlen (command) };
    return hs_event_order_begin (r->order, &fields, exe, err);
}

static bool is_over (struct recorder *r, const struct hs_cancel *cancel)
{
    double seconds = (double)(now_ns () - r->begin_ns) / 1e9;
    struct stat info;

    if (waitpid (r->child, &r->wait_status, WNOHANG) == r->child) {
        r->has_ended = true;
        return true;
    }
    if (hs_cancel_is_set (cancel) ||
        (r->options->duration_seconds > 0 && seconds >= r->options->duration_seconds))
        return true;
    return r->options->max_bytes > 0 && stat (r->options->output, &info) == 0 &&
           (uint64_t)info.st_size >= r->options->max_bytes;
}

/* A ring whose thread is gone and which is empty is given to the next thread. */
static void reclaim_rings (struct recorder *r)
{
    for (uint32_t i = 0; i < HS_RINGS; i++) {
        struct hs_ring_head *ring = hs_ring_reader_head (&r->reader, i);
        uint32_t n_words;
        char path[64];

        if (atomic_load (&ring->state) != HS_RING_OWNED || !r->reader.queues[i].is_seen ||
            hs_ring_queue_peek (&r->reader.queues[i], &n_words) != NULL)
            continue;
        (void)snprintf (path, sizeof path, "/proc/%d/task/%u", (int)r->child,
                        r->reader.queues[i].tid);
        if (access (path, F_OK) != 0 && atomic_load (&ring->head) == r->reader.queues[i].tail) {
            atomic_store (&ring->pending, 0);
            atomic_store (&ring->state, HS_RING_FREE);
        }
    }
}

static enum hs_status drain (struct recorder *r, bool is_last, uint64_t *n_bytes,
                             struct hs_error *err)
{
    uint64_t horizon;
    enum hs_status status = hs_ring_reader_drain (&r->reader, &horizon, n_bytes, err);

    if (status != HS_OK)
        return status;
    hs_event_order_tick (r->order);
    return hs_event_order_pass (r->order, is_last ? UINT64_MAX : horizon, err);
}

static enum hs_status sample (struct recorder *r, struct hs_error *err)
{
    int64_t now = now_ns ();

    if (now - r->newest_sample_ns < SAMPLE_NS)
        return HS_OK;
    r->newest_sample_ns = now;
    reclaim_rings (r);
    return hs_event_order_sample (r->order, resident_bytes (r->child), err);
}

static enum hs_status run (struct recorder *r, const struct hs_cancel *cancel, struct hs_error *err)
{
    int64_t wait_ns = SHORTEST_WAIT_NS;
    enum hs_status status;
    uint64_t n_bytes;

    r->begin_ns = now_ns ();
    while (!is_over (r, cancel)) {
        struct timespec wait = { 0, wait_ns };

        status = drain (r, false, &n_bytes, err);
        if (status == HS_OK)
            status = sample (r, err);
        if (status != HS_OK)
            return status;
        wait_ns = n_bytes > BUSY_BYTES            ? SHORTEST_WAIT_NS
                  : wait_ns * 2 < LONGEST_WAIT_NS ? wait_ns * 2
                                                  : LONGEST_WAIT_NS;
        (void)nanosleep (&wait, NULL);
    }
    /* a program that goes on is told to stop first; one that ended can say nothing more */
    atomic_store (&r->reader.arena->control, 0);
    return drain (r, true, &n_bytes, err);
}

static enum hs_status start (struct recorder *r, char *const *argv, struct hs_error *err)
{
    struct hs_order_target target;
    enum hs_status status = hs_ring_reader_init (&r->reader, err);

    if (status != HS_OK)
        return status;
    status = r->encoder->open (r->options->output, &r->encoder_self, err);
    if (status != HS_OK)
        return status;
    target = (struct hs_order_target){ r->encoder->append, r->encoder_self };
    status = hs_event_order_new (&r->reader, &target, &r->order, err);
    if (status != HS_OK)
        return status;
    r->reader.arena->ticks_per_ms = hs_event_order_ticks_per_ms (r->order);
    r->reader.arena->min_size = r->options->min_size;
    atomic_store (&r->reader.arena->heartbeat, __builtin_ia32_rdtsc ());
    atomic_store (&r->reader.arena->control, HS_CONTROL_ON);
    status = launch (r, argv, err);
    if (status != HS_OK)
        return status;
    r->is_started = true;
    return describe (r, argv, err);
}

enum hs_status hs_record_launch (const struct hs_record_options *options, char *const *argv,
                                 const struct hs_cancel *cancel, struct hs_record_totals *ret,
                                 struct hs_error *err)
{
    struct recorder *r = HS_NEW (struct recorder);
    enum hs_status status, finish_status;

    if (r == NULL)
        return hs_error_no_memory (err);
    r->options = options;
    r->encoder = hs_encoder_for_path (options->output);
    if (r->encoder == NULL) {
        hs_free (r);
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "cannot record to '%s': the name must end with .hst or .etl",
                             options->output);
    }
    status = start (r, argv, err);
    if (status == HS_OK) {
        status = run (r, cancel, err);
        finish_status = hs_event_order_end (r->order, r->has_ended, r->wait_status,
                                            status == HS_OK ? err : NULL);
        if (status == HS_OK)
            status = finish_status;
        *ret = *hs_event_order_totals (r->order);
        ret->wait_status = r->has_ended ? r->wait_status : -1;
        ret->n_unrecorded = atomic_load (&r->reader.arena->n_unrecorded);
    }
    if (r->encoder_self != NULL && !r->is_started) {
        r->encoder->abandon (r->encoder_self);
        (void)unlink (options->output);
    } else if (r->encoder_self != NULL) {
        finish_status = r->encoder->finish (r->encoder_self, NULL, status == HS_OK ? err : NULL);
        if (status == HS_OK)
            status = finish_status;
    }
    hs_event_order_free (r->order);
    hs_ring_reader_clear (&r->reader);
    hs_free (r);
    return status;
}
