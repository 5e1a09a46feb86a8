/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loop of a recording and what surrounds it; see session.h. */
#include "capture/recorder/session.h"

#include "base/memory.h"
#include "capture/recorder/process_info.h"
#include "capture/recorder/session_private.h"
#include "encode/hst_encoder.h"

#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SHORTEST_WAIT_NS 500000
#define LONGEST_WAIT_NS 10000000
#define CALM_BYTES (UINT64_C (128) << 10)  /* less than this in a drain: look later */
#define BUSY_BYTES (UINT64_C (256) << 10)  /* more than this: look sooner; a ring holds 2 MiB */
#define HURRY_BYTES (UINT64_C (512) << 10) /* more than this: at once */
#define SLICE_NS 200000
#define PASS_MS 20u         /* of the trace at most, before requests are looked at again */
#define SAMPLE_NS 100000000 /* resident set; what was drained gets into the file */
#define SCARCE_NS 3000000   /* between looks for free rings when most are in use */
#define CHILD_NS 1000000000 /* a child that was announced comes by then, or never */
#define PROCESSES 256u      /* followed at a time */

int64_t hs_session_now_ns (void)
{
    struct timespec time;

    (void)clock_gettime (CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C (1000000000) + time.tv_nsec;
}

uint64_t hs_session_file_bytes (const struct hs_session *session)
{
    struct stat info;

    return stat (session->options->output, &info) == 0 ? (uint64_t)info.st_size : 0;
}

void hs_session_remove_process (struct hs_session *session, struct hs_recorded *process)
{
    struct hs_recorded **link = &session->processes;

    hs_recorded_add_totals (process, &session->totals);
    session->n_expected += atomic_load (&process->reader.arena->n_children);
    while (*link != process)
        link = &(*link)->next;
    *link = process->next;
    session->n_processes--;
    if (session->first == process)
        session->first = NULL;
    hs_recorded_free (process);
}

/* How far to pass on: what a burst left behind not all at once, for children and requests wait. */
static uint64_t next_pass (struct hs_session *session, uint64_t horizon)
{
    uint64_t far = session->passed + PASS_MS * hs_order_trace_ticks_per_ms (session->trace);

    session->is_behind = session->passed != 0 && horizon > far;
    for (struct hs_recorded *p = session->processes; p != NULL; p = p->next)
        session->is_behind &= !hs_ring_reader_is_full (&p->reader);
    return session->is_behind ? far : horizon;
}

static enum hs_status drain (struct hs_session *session, bool is_last, uint64_t *n_bytes,
                             struct hs_error *err)
{
    uint64_t horizon = is_last ? UINT64_MAX : hs_trace_clock_now (session->clock);

    *n_bytes = 0;
    for (struct hs_recorded *p = session->processes; p != NULL; p = p->next) {
        uint64_t n;
        enum hs_status status = hs_recorded_drain (p, &n, err);

        if (status != HS_OK)
            return status;
        *n_bytes += n;
        if (p->horizon < horizon && !is_last)
            horizon = p->horizon;
    }
    hs_order_trace_tick (session->trace);
    for (struct hs_recorded *p = session->processes; p != NULL; p = p->next) {
        enum hs_status status = hs_recorded_tell_loss (p, session->passed, err);

        if (status != HS_OK)
            return status;
    }
    if (!is_last)
        horizon = session->passed = next_pass (session, horizon);
    return hs_session_pass (session, horizon, err);
}

/* Where threads come and go the rings of those that are gone are needed again soon. */
static enum hs_status reclaim_rings (struct hs_session *session, struct hs_error *err)
{
    int64_t now = hs_session_now_ns (), age_ns = now - session->newest_reclaim_ns;
    bool are_scarce = false;
    enum hs_status status = HS_OK;

    for (struct hs_recorded *p = session->processes; p != NULL; p = p->next)
        are_scarce |= p->reader.n_seen > HS_RINGS / 2;
    if (age_ns < (are_scarce ? SCARCE_NS : SAMPLE_NS))
        return HS_OK;
    session->newest_reclaim_ns = now;
    for (struct hs_recorded *p = session->processes; p != NULL && status == HS_OK; p = p->next) {
        if (!p->is_ending)
            status = hs_recorded_reclaim_rings (p, err);
    }
    return status;
}

/* Ten times a second: what does not follow from the rings, and the file brought up to date. */
static enum hs_status sample (struct hs_session *session, struct hs_error *err)
{
    int64_t now = hs_session_now_ns ();

    if (now - session->newest_sample_ns < SAMPLE_NS)
        return HS_OK;
    session->newest_sample_ns = now;
    for (struct hs_recorded *p = session->processes; p != NULL; p = p->next) {
        if (p->is_ending)
            continue;
        (void)hs_session_add_moment (session,
                                     (struct hs_session_moment){
                                         .kind = HS_MOMENT_SAMPLE,
                                         .process = p,
                                         .resident_bytes = hs_process_resident_bytes (p->pid),
                                     });
    }
    return session->encoder->flush != NULL ? session->encoder->flush (session->encoder_self, err)
                                           : HS_OK;
}

static void prepare (struct hs_session *session, struct hs_recorded *process)
{
    struct hs_arena_head *arena = process->reader.arena;

    arena->clock = session->clock;
    process->reader.clock = session->clock;
    arena->ticks_per_ms = hs_order_trace_ticks_per_ms (session->trace);
    arena->min_size = session->options->min_size;
    arena->sample = session->options->sample > 1 ? session->options->sample : 1;
    atomic_store (&arena->heartbeat, hs_trace_clock_now (session->clock));
    hs_ring_reader_set_control (&process->reader,
                                session->is_paused ? 0 : hs_session_control_bits (session));
}

static void enlist (struct hs_session *session, struct hs_recorded *process)
{
    prepare (session, process);
    process->next = session->processes;
    session->processes = process;
    session->n_processes++;
    session->totals.n_processes++;
}

static void wake_on (struct hs_session *session, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    if (fd >= 0)
        (void)epoll_ctl (session->waker, EPOLL_CTL_ADD, fd, &event);
}

/* Its records are all published; its end takes its place among those of the others. */
static enum hs_status end_process (struct hs_session *session, struct hs_recorded *process,
                                   enum hs_process_end_reason reason, struct hs_error *err)
{
    process->is_ending = true;
    if (process->pidfd >= 0)
        (void)epoll_ctl (session->waker, EPOLL_CTL_DEL, process->pidfd, NULL);
    return hs_session_add_moment (session, (struct hs_session_moment){ .kind = HS_MOMENT_END,
                                                                       .process = process,
                                                                       .reason = reason })
               ? HS_OK
               : hs_error_no_memory (err);
}

/* Its children are refused, unless they are followed. */
static bool is_followed (const struct hs_session *session, const struct hs_follow_request *request)
{
    return session->options->follow || (request->pid == session->root.pid && !request->is_forked);
}

/* A followed process that asks for memory: another instance of its pid ends with it. */
static enum hs_status begin_followed (struct hs_session *session,
                                      const struct hs_follow_request *request, struct hs_error *err)
{
    struct hs_session_process described = {
        .pid = request->pid,
        .origin = request->is_forked ? HS_SESSION_FORKED : HS_SESSION_EXECED,
    };
    struct hs_recorded *process = NULL;
    enum hs_status status = HS_OK;
    struct hs_error refusal;
    bool is_known = false;

    for (struct hs_recorded *p = session->processes; p != NULL && status == HS_OK; p = p->next) {
        is_known |= p->pid == request->pid;
        if (p->pid == request->pid && !p->is_ending)
            status = end_process (session, p, HS_PROCESS_EXECED, err);
    }
    session->n_arrived += !is_known;
    if (request->pid == session->root.pid)
        session->totals.has_execed = false; /* and is recorded again */
    if (status == HS_OK && session->n_processes < PROCESSES)
        (void)hs_recorded_new (session->trace, -1, &process, &refusal);
    if (process != NULL && hs_recorded_watch (process, &described, &refusal) != HS_OK) {
        hs_recorded_free (process);
        process = NULL;
    }
    if (process == NULL ||
        !hs_session_add_moment (
            session, (struct hs_session_moment){ .kind = HS_MOMENT_BEGIN, .process = process })) {
        hs_recorded_free (process);
        session->totals.n_unfollowed++;
        (void)hs_follow_answer (request, -1);
        return status;
    }
    enlist (session, process);
    wake_on (session, process->pidfd);
    if (!hs_follow_answer (request,
                           process->reader.fd)) { /* it waited too long, and goes without */
        session->totals.n_unfollowed++;
        session->totals.n_processes--;
        session->moments.n--;
        hs_session_remove_process (session, process);
    }
    return status;
}

static enum hs_status look_at_processes (struct hs_session *session, struct hs_error *err)
{
    struct hs_follow_request request;
    enum hs_status status = HS_OK;

    while (status == HS_OK && session->follow != NULL &&
           hs_follow_next (session->follow, &request)) {
        if (is_followed (session, &request))
            status = begin_followed (session, &request, err);
        else
            (void)hs_follow_answer (&request, -1);
    }
    for (struct hs_recorded *p = session->processes; p != NULL && status == HS_OK; p = p->next) {
        enum hs_recorded_state state = p->is_ending ? HS_RECORDED_RUNS : hs_recorded_look (p);

        if (state == HS_RECORDED_RUNS)
            continue;
        if (state == HS_RECORDED_EXECED && p->pid == session->root.pid)
            session->totals.has_execed = true;
        status = end_process (
            session, p, state == HS_RECORDED_EXECED ? HS_PROCESS_EXECED : HS_PROCESS_EXITED, err);
    }
    return status;
}

/* A child whose parents have ended already and that has not said hello yet. Some never do (they are
 * statically linked, say). */
static bool is_child_coming (struct hs_session *session)
{
    int64_t now = hs_session_now_ns ();

    if (session->processes != NULL)
        session->empty_since_ns = 0;
    else if (session->empty_since_ns == 0)
        session->empty_since_ns = now;
    return session->n_expected > session->n_arrived && now - session->empty_since_ns < CHILD_NS;
}

static bool is_over (struct hs_session *session)
{
    const struct hs_record_options *options = session->options;
    double seconds = (double)(hs_session_now_ns () - session->begin_ns) / 1e9;
    bool has_ended = session->processes == NULL && !is_child_coming (session);

    /* after an exec that is not followed the program is waited for all the same: for its status */
    if (session->root.origin == HS_SESSION_LAUNCHED)
        has_ended = has_ended && session->is_reaped;
    return has_ended || session->is_told_to_end || hs_cancel_is_set (session->cancel) ||
           (options->duration_seconds > 0 && seconds >= options->duration_seconds) ||
           (options->max_bytes > 0 && hs_session_file_bytes (session) >= options->max_bytes);
}

/* Between drains: none after a big one, else as long as it takes until a drain is worth its own
 * cost (some 20 us) and no ring comes near its end. */
static int64_t next_wait (const struct hs_session *session, int64_t wait_ns, uint64_t n_bytes)
{
    if (n_bytes > HURRY_BYTES || session->is_behind)
        return 0;
    if (n_bytes > BUSY_BYTES)
        wait_ns /= 2;
    else if (n_bytes < CALM_BYTES)
        wait_ns *= 2;
    if (wait_ns < SHORTEST_WAIT_NS)
        return SHORTEST_WAIT_NS;
    return wait_ns < LONGEST_WAIT_NS ? wait_ns : LONGEST_WAIT_NS;
}

static void reap (struct hs_session *session)
{
    if (session->root.origin == HS_SESSION_LAUNCHED && !session->is_reaped)
        session->is_reaped =
            waitpid (session->root.pid, &session->wait_status, WNOHANG) == session->root.pid;
}

/*
 * Rings fill within a millisecond, and a time slice is three: short slices of our own get us the
 * processor soon after we ask for it, for the same share of it in all. Kernels before 6.12 take no
 * notice.
 */
static void ask_for_short_slices (void)
{
    struct {
        uint32_t size, policy;
        uint64_t flags;
        int32_t nice;
        uint32_t priority;
        uint64_t runtime, deadline, period; /* ns */
    } attributes = { .size = sizeof attributes, .runtime = SLICE_NS };

    attributes.nice = getpriority (PRIO_PROCESS, 0);
    (void)syscall (SYS_sched_setattr, 0, &attributes, 0);
}

enum hs_status hs_session_run (struct hs_session *session, struct hs_error *err)
{
    int64_t wait_ns = SHORTEST_WAIT_NS;
    enum hs_status status = HS_OK;
    uint64_t n_bytes;

    ask_for_short_slices (); /* not before the program is launched: it would inherit them */
    while (!is_over (session)) {
        reap (session);
        status = look_at_processes (session, err);
        if (status == HS_OK)
            status = drain (session, false, &n_bytes, err);
        if (status == HS_OK)
            status = sample (session, err);
        if (status == HS_OK)
            status = reclaim_rings (session, err);
        if (status == HS_OK && session->root.tick != NULL)
            status = session->root.tick (session->root.tick_self, err);
        if (status != HS_OK)
            break;
        wait_ns = next_wait (session, wait_ns, n_bytes);
        if (!is_over (session))
            hs_control_server_wait (session->control, session->waker, wait_ns, hs_session_answer,
                                    session);
    }
    /* a program that goes on is told to stop; one that ended can say nothing more */
    hs_session_set_control (session, 0);
    if (status == HS_END)
        status = session->first != NULL && !session->first->is_ending
                     ? end_process (session, session->first, HS_PROCESS_EXECED, err)
                     : HS_OK;
    return status;
}

static void free_session (struct hs_session *session)
{
    for (size_t i = 0; i < session->moments.n; i++) {
        if (session->moments.items[i].kind == HS_MOMENT_MARK)
            hs_free (session->moments.items[i].name);
    }
    hs_array_clear (&session->moments);
    while (session->processes != NULL) {
        struct hs_recorded *next = session->processes->next;

        hs_recorded_free (session->processes);
        session->processes = next;
    }
    hs_follow_free (session->follow);
    hs_control_server_free (session->control);
    hs_order_trace_free (session->trace);
    if (session->waker >= 0)
        (void)close (session->waker);
    hs_free (session);
}

enum hs_status hs_session_new (const struct hs_record_options *options,
                               const struct hs_cancel *cancel, struct hs_session **ret,
                               struct hs_error *err)
{
    struct hs_session *session = HS_NEW (struct hs_session);
    enum hs_status status = HS_OK;

    if (session == NULL)
        return hs_error_no_memory (err);
    session->options = options;
    session->cancel = cancel;
    session->clock = hs_trace_clock_choose ();
    session->waker = epoll_create1 (EPOLL_CLOEXEC);
    session->encoder = hs_encoder_for_path (options->output);
    if (session->encoder == NULL)
        status = hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                               "cannot record to '%s': the name must end with .hst or .etl",
                               options->output);
    if (status == HS_OK)
        status = session->encoder->open (options->output, &session->encoder_self, err);
    if (status == HS_OK && (options->newest_bytes > 0 || options->newest_ns > 0))
        status = hs_hst_encoder_keep_newest (session->encoder_self, options->output,
                                             options->newest_bytes, options->newest_ns, err);
    if (status == HS_OK) {
        struct hs_order_target target = { session->encoder->append, session->encoder_self,
                                          session->encoder->put_blocks, session->clock };

        status = hs_order_trace_new (&target, &session->trace, err);
    }
    if (status == HS_OK)
        *ret = session;
    else
        hs_session_abandon (session);
    return status;
}

static enum hs_status add_first (struct hs_session *session, int fd, struct hs_error *err)
{
    enum hs_status status = hs_recorded_new (session->trace, fd, &session->first, err);

    if (status == HS_OK)
        enlist (session, session->first);
    return status;
}

enum hs_status hs_session_make_arena (struct hs_session *session, int *ret_fd, struct hs_error *err)
{
    enum hs_status status = add_first (session, -1, err);

    if (status == HS_OK)
        *ret_fd = session->first->reader.fd;
    return status;
}

enum hs_status hs_session_take_arena (struct hs_session *session, int fd, struct hs_error *err)
{
    return add_first (session, fd, err);
}

struct hs_arena_head *hs_session_arena (struct hs_session *session)
{
    return session->first != NULL ? session->first->reader.arena : NULL;
}

enum hs_status hs_session_follow (struct hs_session *session, struct hs_error *err)
{
    struct hs_error obstacle = { 0 };
    enum hs_status status = hs_follow_new (&session->follow, &obstacle);

    if (status != HS_OK && session->options->follow)
        *err = obstacle;
    return session->options->follow ? status : HS_OK; /* an exec is then told as not recorded */
}

const char *hs_session_follow_path (const struct hs_session *session)
{
    return session->follow != NULL ? hs_follow_path (session->follow) : NULL;
}

/* What the options leave out is said in the file: as a finding, which ETL cannot hold, and there as
 * a mark at its beginning. */
static enum hs_status tell_left_out (struct hs_session *session, struct hs_error *err)
{
    const struct hs_record_options *options = session->options;
    bool is_etl = session->encoder == &hs_etl_encoder;
    enum hs_status status = HS_OK;
    char text[160];

    if (options->sample > 1) {
        (void)snprintf (text, sizeof text,
                        "sampled: one block in %u was recorded; all figures are of these only",
                        options->sample);
        status = hs_event_order_left_out (session->first->order, text, is_etl, err);
    }
    if (status == HS_OK && options->min_size > 1) {
        (void)snprintf (text, sizeof text,
                        "blocks smaller than %u bytes were left out; their frees are of unknown "
                        "blocks",
                        options->min_size);
        status = hs_event_order_left_out (session->first->order, text, is_etl, err);
    }
    return status;
}

enum hs_status hs_session_begin (struct hs_session *session,
                                 const struct hs_session_process *process, struct hs_error *err)
{
    enum hs_status status;

    session->root = *process;
    session->begin_ns = hs_session_now_ns ();
    status = hs_control_server_new (process->pid, &session->control, err);
    if (status != HS_OK && status != HS_IO)
        return status;
    status = hs_recorded_watch (session->first, process, err);
    if (status == HS_OK)
        status = hs_recorded_describe (session->first, err);
    if (status == HS_OK)
        status = tell_left_out (session, err);
    wake_on (session, session->first->pidfd);
    if (session->follow != NULL)
        wake_on (session, hs_follow_fd (session->follow));
    return status;
}

enum hs_status hs_session_finish (struct hs_session *session, enum hs_status so_far,
                                  struct hs_record_totals *ret, struct hs_error *err)
{
    enum hs_status status = so_far;
    uint64_t n_bytes;

    if (session->is_paused)
        (void)hs_session_add_gaps (session);
    if (status == HS_OK)
        status = drain (session, true, &n_bytes, err);
    if (status == HS_OK) /* once more: what the last records were worth is known only now */
        status = drain (session, true, &n_bytes, err);
    for (struct hs_recorded *p = session->processes; p != NULL && status == HS_OK; p = p->next)
        status = hs_recorded_tell_unseen (p, session->encoder == &hs_etl_encoder, err);
    *ret = hs_session_all_totals (session);
    ret->duration_ns = hs_order_trace_end (session->trace);
    ret->pid_left =
        session->root.origin == HS_SESSION_LAUNCHED && !session->is_reaped ? session->root.pid : 0;
    ret->wait_status = session->is_reaped ? session->wait_status : -1;
    if (status == HS_OK)
        status = hs_order_trace_flush (session->trace, err);
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
