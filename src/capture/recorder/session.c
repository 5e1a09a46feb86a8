/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop of a recording and what surrounds it; see session.h. */
#include "capture/recorder/session.h"

#include "base/memory.h"
#include "capture/control/control.h"
#include "capture/recorder/event_order.h"
#include "capture/recorder/process_info.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHORTEST_WAIT_NS 500000
#define LONGEST_WAIT_NS 10000000
#define BUSY_BYTES (UINT64_C (64) << 10)   /* more than this in a drain: look again soon */
#define HURRY_BYTES (UINT64_C (512) << 10) /* more than this: at once */
#define SAMPLE_NS 100000000                /* resident set; what was drained gets into the file */
#define MOMENTS 64u

/* What has its place in time among the records of the rings, and waits for it. */
struct moment {
    enum { MOMENT_MARK, MOMENT_GAP, MOMENT_SAMPLE } kind;
    uint64_t stamp; /* TSC */
    union {
        uint64_t begin_stamp;    /* GAP */
        uint64_t resident_bytes; /* SAMPLE */
        char *name;              /* MARK, owned */
    };
};

struct hs_session {
    const struct hs_record_options *options;
    const struct hs_cancel *cancel;
    const struct hs_encoder_class *encoder;
    void *encoder_self;
    struct hs_ring_reader reader;
    struct hs_event_order *order;
    struct hs_control_server *control;
    struct hs_session_process process;
    int pidfd;
    int wait_status;
    bool has_arena, has_ended, is_paused, is_told_to_end;
    uint64_t pause_stamp;
    int64_t begin_ns, newest_sample_ns;
    struct moment moments[MOMENTS]; /* oldest first */
    unsigned n_moments;
};

static int64_t now_ns (void)
{
    struct timespec time;

    (void)clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C (1000000000) + time.tv_nsec;
}

static uint32_t control_bits (const struct hs_session *session)
{
    (void)session;
    return HS_CONTROL_ON;
}

static uint64_t file_bytes (const struct hs_session *session)
{
    struct stat info;

    return stat (session->options->output, &info) == 0 ? (uint64_t)info.st_size : 0;
}

/* False when too much waits already. */
static bool add_moment (struct hs_session *session, struct moment moment)
{
    if (session->n_moments == MOMENTS)
        return false;
    moment.stamp = __builtin_ia32_rdtsc ();
    session->moments[session->n_moments++] = moment;
    return true;
}

static enum hs_status tell_moment (struct hs_session *session, struct moment *moment,
                                   struct hs_error *err)
{
    enum hs_status status = HS_OK;

    switch (moment->kind) {
    case MOMENT_MARK:
        status = hs_event_order_mark (session->order, moment->stamp, moment->name, err);
        hs_free (moment->name);
        break;
    case MOMENT_GAP:
        status = hs_event_order_gap (session->order, moment->begin_stamp, moment->stamp, err);
        break;
    case MOMENT_SAMPLE:
        status = hs_event_order_sample (session->order, moment->stamp, moment->resident_bytes, err);
        break;
    }
    return status;
}

/* Hands on records and moments below the horizon, by time. */
static enum hs_status pass (struct hs_session *session, uint64_t horizon, struct hs_error *err)
{
    enum hs_status status = HS_OK;
    unsigned n = 0;

    while (status == HS_OK && n < session->n_moments && session->moments[n].stamp < horizon) {
        status = hs_event_order_pass (session->order, session->moments[n].stamp, err);
        if (status == HS_OK)
            status = tell_moment (session, &session->moments[n++], err);
    }
    session->n_moments -= n;
    memmove (session->moments, session->moments + n, session->n_moments * sizeof (struct moment));
    return status == HS_OK ? hs_event_order_pass (session->order, horizon, err) : status;
}

static enum hs_status drain (struct hs_session *session, bool is_last, uint64_t *n_bytes,
                             struct hs_error *err)
{
    uint64_t horizon;
    enum hs_status status = hs_ring_reader_drain (&session->reader, &horizon, n_bytes, err);

    if (status != HS_OK)
        return status;
    hs_event_order_tick (session->order);
    return pass (session, is_last ? UINT64_MAX : horizon, err);
}

/* A ring whose thread is gone and which is empty is given to the next thread. */
static void reclaim_rings (struct hs_session *session)
{
    for (uint32_t i = 0; i < HS_RINGS; i++) {
        struct hs_ring_head *ring = hs_ring_reader_head (&session->reader, i);
        struct hs_ring_queue *queue = &session->reader.queues[i];
        uint32_t n_words;

        if (atomic_load (&ring->state) != HS_RING_OWNED || !queue->is_seen ||
            hs_ring_queue_peek (queue, &n_words) != NULL)
            continue;
        if (!hs_process_has_thread (session->process.pid, queue->tid) &&
            atomic_load (&ring->head) == queue->tail) {
            atomic_store (&ring->pending, 0);
            atomic_store (&ring->state, HS_RING_FREE);
        }
    }
}

/* Ten times a second: what does not follow from the rings, and the file brought up to date. */
static enum hs_status sample (struct hs_session *session, struct hs_error *err)
{
    int64_t now = now_ns ();

    if (now - session->newest_sample_ns < SAMPLE_NS)
        return HS_OK;
    session->newest_sample_ns = now;
    reclaim_rings (session);
    (void)add_moment (session,
                      (struct moment){
                          .kind = MOMENT_SAMPLE,
                          .resident_bytes = hs_process_resident_bytes (session->process.pid),
                      });
    return session->encoder->flush != NULL ? session->encoder->flush (session->encoder_self, err)
                                           : HS_OK;
}

static const char *pause_recording (struct hs_session *session)
{
    if (session->is_paused)
        return "the recording is paused already";
    session->is_paused = true;
    session->pause_stamp = __builtin_ia32_rdtsc ();
    atomic_store (&session->reader.arena->control, 0);
    return NULL;
}

static const char *resume_recording (struct hs_session *session)
{
    if (!session->is_paused)
        return "the recording is not paused";
    if (!add_moment (session,
                     (struct moment){ .kind = MOMENT_GAP, .begin_stamp = session->pause_stamp }))
        return "too much at once";
    session->is_paused = false;
    atomic_store (&session->reader.arena->control, control_bits (session));
    return NULL;
}

static const char *mark (struct hs_session *session, const char *name)
{
    struct moment moment = { .kind = MOMENT_MARK };

    if (name[0] == '\0')
        return "a mark needs a name";
    moment.name = hs_alloc_array (1, strlen (name) + 1);
    if (moment.name == NULL)
        return "out of memory";
    memcpy (moment.name, name, strlen (name) + 1);
    if (add_moment (session, moment))
        return NULL;
    hs_free (moment.name);
    return "too many marks at once";
}

static void write_status (struct hs_session *session, char *reply, size_t size)
{
    const struct hs_record_totals *totals = hs_event_order_totals (session->order);
    const char *output = session->options->output;
    char folder[4096];
    bool is_relative = output[0] != '/' && getcwd (folder, sizeof folder) != NULL;

    (void)snprintf (
        reply, size,
        "ok\nfile=%s%s%s\npid=%d\nstate=%s\nevents=%llu\nlost=%llu\nunrecorded=%llu\n"
        "bytes=%llu\nduration_ns=%lld\n",
        is_relative ? folder : "", is_relative ? "/" : "", output, (int)session->process.pid,
        session->has_ended || session->is_told_to_end ? "ended"
        : session->is_paused                          ? "paused"
                                                      : "recording",
        (unsigned long long)(totals->n_allocs + totals->n_frees + totals->n_reallocs),
        (unsigned long long)totals->n_lost,
        (unsigned long long)atomic_load (&session->reader.arena->n_unrecorded),
        (unsigned long long)file_bytes (session), (long long)(now_ns () - session->begin_ns));
}

static void answer (void *self, const char *request, char *reply, size_t size)
{
    struct hs_session *session = self;
    const char *refusal = NULL;

    if (strcmp (request, "status") == 0) {
        write_status (session, reply, size);
        return;
    }
    if (strcmp (request, "pause") == 0)
        refusal = pause_recording (session);
    else if (strcmp (request, "resume") == 0)
        refusal = resume_recording (session);
    else if (strncmp (request, "mark ", 5) == 0)
        refusal = mark (session, request + 5);
    else if (strcmp (request, "detach") == 0)
        session->is_told_to_end = true;
    else
        refusal = "the recorder does not know this request";
    (void)snprintf (reply, size, "%s%s", refusal != NULL ? "error " : "ok",
                    refusal != NULL ? refusal : "");
}

static bool is_over (struct hs_session *session)
{
    const struct hs_record_options *options = session->options;
    double seconds = (double)(now_ns () - session->begin_ns) / 1e9;

    session->has_ended =
        session->process.origin == HS_SESSION_LAUNCHED
            ? waitpid (session->process.pid, &session->wait_status, WNOHANG) == session->process.pid
            : !hs_process_is_running (session->pidfd);
    return session->has_ended || session->is_told_to_end || hs_cancel_is_set (session->cancel) ||
           (options->duration_seconds > 0 && seconds >= options->duration_seconds) ||
           (options->max_bytes > 0 && file_bytes (session) >= options->max_bytes);
}

/* Between drains: none after a big one, and longer and longer when nothing comes. */
static int64_t next_wait (int64_t wait_ns, uint64_t n_bytes)
{
    if (n_bytes > HURRY_BYTES)
        return 0;
    if (n_bytes > BUSY_BYTES || wait_ns == 0)
        return SHORTEST_WAIT_NS;
    return wait_ns * 2 < LONGEST_WAIT_NS ? wait_ns * 2 : LONGEST_WAIT_NS;
}

enum hs_status hs_session_run (struct hs_session *session, struct hs_error *err)
{
    int64_t wait_ns = SHORTEST_WAIT_NS;
    enum hs_status status = HS_OK;
    uint64_t n_bytes;

    while (status == HS_OK && !is_over (session)) {
        status = drain (session, false, &n_bytes, err);
        if (status == HS_OK)
            status = sample (session, err);
        if (status == HS_OK && session->process.tick != NULL)
            status = session->process.tick (session->process.tick_self, err);
        if (status != HS_OK)
            break;
        wait_ns = next_wait (wait_ns, n_bytes);
        hs_control_server_wait (session->control, session->pidfd, wait_ns, answer, session);
    }
    /* a program that goes on is told to stop; one that ended can say nothing more */
    atomic_store (&session->reader.arena->control, 0);
    return status == HS_END ? HS_OK : status;
}

static void free_session (struct hs_session *session)
{
    for (unsigned i = 0; i < session->n_moments; i++) {
        if (session->moments[i].kind == MOMENT_MARK)
            hs_free (session->moments[i].name);
    }
    hs_control_server_free (session->control);
    hs_event_order_free (session->order);
    if (session->has_arena)
        hs_ring_reader_clear (&session->reader);
    if (session->pidfd >= 0)
        (void)close (session->pidfd);
    hs_free (session);
}

enum hs_status hs_session_new (const struct hs_record_options *options,
                               const struct hs_cancel *cancel, struct hs_session **ret,
                               struct hs_error *err)
{
    struct hs_session *session = HS_NEW (struct hs_session);
    enum hs_status status;

    if (session == NULL)
        return hs_error_no_memory (err);
    session->options = options;
    session->cancel = cancel;
    session->pidfd = -1;
    session->encoder = hs_encoder_for_path (options->output);
    if (session->encoder == NULL)
        status = hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                               "cannot record to '%s': the name must end with .hst or .etl",
                               options->output);
    else
        status = session->encoder->open (options->output, &session->encoder_self, err);
    if (status == HS_OK) {
        struct hs_order_target target = { session->encoder->append, session->encoder_self };

        status = hs_event_order_new (&session->reader, &target, &session->order, err);
    }
    if (status == HS_OK)
        *ret = session;
    else
        hs_session_abandon (session);
    return status;
}

static void prepare_arena (struct hs_session *session)
{
    struct hs_arena_head *arena = session->reader.arena;

    session->has_arena = true;
    arena->ticks_per_ms = hs_event_order_ticks_per_ms (session->order);
    arena->min_size = session->options->min_size;
    atomic_store (&arena->heartbeat, __builtin_ia32_rdtsc ());
    atomic_store (&arena->control, control_bits (session));
}

enum hs_status hs_session_make_arena (struct hs_session *session, int *ret_fd, struct hs_error *err)
{
    enum hs_status status = hs_ring_reader_init (&session->reader, err);

    if (status == HS_OK) {
        prepare_arena (session);
        *ret_fd = session->reader.fd;
    }
    return status;
}

enum hs_status hs_session_take_arena (struct hs_session *session, int fd, struct hs_error *err)
{
    enum hs_status status = hs_ring_reader_take (&session->reader, fd, err);

    if (status == HS_OK)
        prepare_arena (session);
    return status;
}

struct hs_arena_head *hs_session_arena (struct hs_session *session)
{
    return session->reader.arena;
}

static enum hs_status describe (struct hs_session *session, struct hs_error *err)
{
    const struct hs_session_process *process = &session->process;
    bool is_attached = process->origin == HS_SESSION_ATTACHED;
    struct hs_process_fields fields = { .pid = (uint32_t)process->pid, .has_start = !is_attached };
    struct hs_process_texts texts;
    enum hs_status status;

    hs_process_read_texts (process->pid, &texts);
    if (texts.exe[0] == '\0')
        (void)snprintf (texts.exe, sizeof texts.exe, "%s",
                        process->exe != NULL ? process->exe : "");
    if (process->command_line != NULL)
        (void)snprintf (texts.command_line, sizeof texts.command_line, "%s", process->command_line);
    fields.parent_pid = process->origin == HS_SESSION_LAUNCHED
                            ? (uint32_t)getpid ()
                            : (uint32_t)hs_process_parent (process->pid);
    fields.image = (struct hs_text){ texts.exe, 0 };
    if (strrchr (texts.exe, '/') != NULL)
        fields.image.bytes = strrchr (texts.exe, '/') + 1;
    fields.image.length = (uint32_t)strlen (fields.image.bytes);
    fields.command_line =
        (struct hs_text){ texts.command_line, (uint32_t)strlen (texts.command_line) };
    status = hs_event_order_begin (session->order, &fields, texts.exe, err);
    if (status == HS_OK && is_attached)
        status = hs_event_order_gap_at_start (session->order, err);
    return status;
}

enum hs_status hs_session_begin (struct hs_session *session,
                                 const struct hs_session_process *process, struct hs_error *err)
{
    enum hs_status status;

    session->process = *process;
    session->begin_ns = now_ns ();
    session->pidfd = (int)syscall (SYS_pidfd_open, process->pid, 0);
    if (session->pidfd < 0 && process->origin == HS_SESSION_ATTACHED)
        return hs_error_set_errno (err, errno, "cannot watch process %d", (int)process->pid);
    status = hs_control_server_new (process->pid, &session->control, err);
    if (status != HS_OK && status != HS_IO)
        return status;
    return describe (session, err);
}

enum hs_status hs_session_finish (struct hs_session *session, enum hs_status so_far,
                                  struct hs_record_totals *ret, struct hs_error *err)
{
    enum hs_status status = so_far;
    uint64_t n_bytes;

    if (session->is_paused && session->n_moments < MOMENTS)
        (void)add_moment (
            session, (struct moment){ .kind = MOMENT_GAP, .begin_stamp = session->pause_stamp });
    if (status == HS_OK)
        status = drain (session, true, &n_bytes, err);
    if (status == HS_OK)
        status = hs_event_order_end (session->order, session->has_ended, session->wait_status, err);
    *ret = *hs_event_order_totals (session->order);
    ret->wait_status = session->has_ended && session->process.origin == HS_SESSION_LAUNCHED
                           ? session->wait_status
                           : -1;
    ret->n_unrecorded = atomic_load (&session->reader.arena->n_unrecorded);
    so_far = session->encoder->finish (session->encoder_self, NULL, status == HS_OK ? err : NULL);
    if (status == HS_OK)
        status = so_far;
    free_session (session);
    return status;
}

void hs_session_abandon (struct hs_session *session)
{
    if (session == NULL)
        return;
    if (session->encoder_self != NULL) {
        session->encoder->abandon (session->encoder_self);
        (void)unlink (session->options->output);
    }
    free_session (session);
}
