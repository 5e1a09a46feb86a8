/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked over the control socket; see session_private.h. */
#include "capture/recorder/session_private.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void hs_session_set_control (struct hs_session *session, uint32_t bits)
{
    for (struct hs_recorded *p = session->processes; p != NULL; p = p->next)
        hs_ring_reader_set_control (&p->reader, bits);
}

bool hs_session_add_gaps (struct hs_session *session)
{
    bool is_added = true;

    for (struct hs_recorded *p = session->processes; p != NULL; p = p->next)
        is_added =
            hs_session_add_moment (
                session, (struct hs_session_moment){ .kind = HS_MOMENT_GAP,
                                                     .process = p,
                                                     .begin_stamp = session->pause_stamp }) &&
            is_added;
    return is_added;
}

static const char *pause_recording (struct hs_session *session)
{
    if (session->is_paused)
        return "the recording is paused already";
    session->is_paused = true;
    session->pause_stamp = hs_trace_clock_now (session->clock);
    hs_session_set_control (session, 0);
    return NULL;
}

static const char *resume_recording (struct hs_session *session)
{
    if (!session->is_paused)
        return "the recording is not paused";
    if (!hs_session_add_gaps (session))
        return "too much at once";
    session->is_paused = false;
    hs_session_set_control (session, hs_session_control_bits (session));
    return NULL;
}

static const char *mark (struct hs_session *session, const char *name)
{
    struct hs_session_moment moment = { .kind = HS_MOMENT_MARK, .process = session->first };

    if (name[0] == '\0')
        return "a mark needs a name";
    /* the launched program's, else any that has not ended */
    if (moment.process == NULL || moment.process->is_ending)
        moment.process = session->processes;
    while (moment.process != NULL && moment.process->is_ending)
        moment.process = moment.process->next;
    if (moment.process == NULL)
        return "the process has ended";
    moment.name = hs_alloc_array (1, strlen (name) + 1);
    if (moment.name == NULL)
        return "out of memory";
    memcpy (moment.name, name, strlen (name) + 1);
    if (hs_session_add_moment (session, moment))
        return NULL;
    hs_free (moment.name);
    return "too many marks at once";
}

struct hs_record_totals hs_session_all_totals (const struct hs_session *session)
{
    struct hs_record_totals totals = session->totals;

    for (const struct hs_recorded *p = session->processes; p != NULL; p = p->next)
        hs_recorded_add_totals (p, &totals);
    return totals;
}

static void write_status (struct hs_session *session, char *reply, size_t size)
{
    struct hs_record_totals totals = hs_session_all_totals (session);
    const char *output = session->options->output;
    char folder[4096];
    bool is_relative = output[0] != '/' && getcwd (folder, sizeof folder) != NULL;

    (void)snprintf (reply, size,
                    "ok\nfile=%s%s%s\npid=%d\nstate=%s\nevents=%llu\nlost=%llu\nunrecorded=%llu\n"
                    "bytes=%llu\nduration_ns=%lld\nprocesses=%u\n",
                    is_relative ? folder : "", is_relative ? "/" : "", output,
                    (int)session->root.pid,
                    session->processes == NULL || session->is_told_to_end ? "ended"
                    : session->is_paused                                  ? "paused"
                                                                          : "recording",
                    (unsigned long long)(totals.n_allocs + totals.n_frees + totals.n_reallocs),
                    (unsigned long long)totals.n_lost, (unsigned long long)totals.n_unrecorded,
                    (unsigned long long)hs_session_file_bytes (session),
                    (long long)(hs_session_now_ns () - session->begin_ns), session->n_processes);
}

void hs_session_answer (void *self, const char *request, char *reply, size_t size)
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
