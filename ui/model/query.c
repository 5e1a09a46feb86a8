/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One slot for one view's question; see query.h. */
#include "model/query.h"

#include <string.h>

#define BUSY_AFTER_MS 300
/* A question that another one replaces may go on for so long: else, while a range is dragged, none
 * would ever be answered that takes longer than from one motion to the next. */
#define GRACE_MS 100
#define POOL_THREADS 5
/* Answers with nothing but newer data are shown one in a frame: while a trace grows all views have
 * one ten times a second, and to paint them all at once took longer than a frame. */
#define FRAME_MS 17
#define TURN_PRIORITY G_PRIORITY_DEFAULT_IDLE /* the frame of the one before comes first */

/* What the worker owns, but for `cancel`, which the slot sets. */
typedef struct {
    const HsQueryKind *kind;
    HsQuestion question;
    HsTraceHold *hold;
    struct hs_cancel cancel;
    struct hs_error error;
    GWeakRef owner;    /* a closed view must not wait for its answer */
    gint64 started_at; /* monotonic */
    GTask *task;       /* lent: as long as it is under way */
    gboolean is_done;  /* with `done_lock`: the task has its answer */
} Job;

static GMutex done_lock;
static GCond done;

struct _HsQuery {
    GObject parent_instance;

    const HsQueryKind *kind;
    HsDocument *document;

    Job *running;
    GTask *held; /* answered, but waiting for its turn */
    gboolean has_waiting, has_answered;
    guint n_questions;
    HsQuestion waiting, answered;
    gpointer answer;

    guint cancel_source;
    guint busy_source;
    gboolean is_busy;
};

G_DEFINE_TYPE (HsQuery, hs_query, G_TYPE_OBJECT)

static GQueue under_way = G_QUEUE_INIT; /* Job, lent: oldest first, until they are finished */
static GQueue held = G_QUEUE_INIT;      /* HsQuery, lent: in the order of their answers */
static guint turn_source;               /* a frame after the last turn */

enum { SIGNAL_ANSWERED, N_SIGNALS };
static guint signals[N_SIGNALS];

enum { PROP_0, PROP_BUSY, N_PROPS };
static GParamSpec *properties[N_PROPS];

static gboolean is_same_question (const HsQuestion *a, const HsQuestion *b)
{
    return a->snapshot.trace == b->snapshot.trace && hs_filter_is_same (&a->filter, &b->filter) &&
           a->subject_id == b->subject_id &&
           memcmp (a->parameters, b->parameters, sizeof a->parameters) == 0;
}

/* Whether the answer to one can only be the answer to the other. */
static gboolean has_same_data (const HsQueryKind *kind, const HsQuestion *a, const HsQuestion *b)
{
    return a->snapshot.generation == b->snapshot.generation &&
           ((!kind->has_names && !hs_filter_has_names (&a->filter)) ||
            a->snapshot.names == b->snapshot.names);
}

static void clear_job (gpointer data)
{
    Job *job = data;

    if (job->question.earlier != NULL)
        job->kind->unref (job->question.earlier);
    if (job->question.subject != NULL)
        job->kind->unref_subject (job->question.subject);
    hs_trace_hold_unref (job->hold);
    g_weak_ref_clear (&job->owner);
}

static void unref_job (gpointer job)
{
    g_atomic_rc_box_release_full (job, clear_job);
}

static void work (gpointer data, gpointer unused)
{
    GTask *task = data;
    Job *job = g_task_get_task_data (task);
    gpointer answer = NULL;

    if (!hs_cancel_is_set (&job->cancel))
        answer = job->kind->work (&job->question, &job->cancel, &job->error);
    g_task_return_pointer (task, answer, job->kind->unref);
    g_mutex_lock (&done_lock);
    job->is_done = TRUE;
    g_cond_signal (&done);
    g_mutex_unlock (&done_lock);
    g_object_unref (task);
}

static GThreadPool *worker_pool (void)
{
    static GThreadPool *pool;

    if (pool == NULL)
        pool = g_thread_pool_new (work, NULL, POOL_THREADS, FALSE, NULL);
    return pool;
}

static void set_busy (HsQuery *self, gboolean is_busy)
{
    if (self->is_busy == is_busy)
        return;
    self->is_busy = is_busy;
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_BUSY]);
}

static gboolean on_slow (gpointer data)
{
    HsQuery *self = data;

    self->busy_source = 0;
    set_busy (self, TRUE);
    return G_SOURCE_REMOVE;
}

static void on_worked (GObject *source, GAsyncResult *result, gpointer data);

static void drop_waiting (HsQuery *self)
{
    self->has_waiting = FALSE;
    if (self->waiting.subject != NULL)
        self->kind->unref_subject (g_steal_pointer (&self->waiting.subject));
}

static void set_waiting (HsQuery *self, const HsQuestion *question)
{
    drop_waiting (self);
    self->has_waiting = TRUE;
    self->waiting = *question;
    if (question->subject != NULL)
        self->waiting.subject = self->kind->ref_subject (question->subject);
}

/* The question with what the job alone needs left out. */
static void set_answered (HsQuery *self, const HsQuestion *question)
{
    self->answered = *question;
    self->answered.earlier = self->answered.subject = NULL;
    self->has_answered = TRUE;
}

static void start (HsQuery *self, const HsQuestion *question)
{
    GTask *task = g_task_new (NULL, NULL, on_worked, NULL);

    self->running = g_atomic_rc_box_new0 (Job);
    g_weak_ref_init (&self->running->owner, self);
    self->running->kind = self->kind;
    self->running->question = *question;
    if (question->subject != NULL)
        self->running->question.subject = self->kind->ref_subject (question->subject);
    if (self->answer != NULL && self->kind->ref != NULL)
        self->running->question.earlier = self->kind->ref (self->answer);
    self->running->hold = hs_trace_hold_ref (hs_document_get_hold (self->document));
    self->running->started_at = g_get_monotonic_time ();
    self->running->task = task;
    g_queue_push_tail (&under_way, self->running);
    g_task_set_task_data (task, g_atomic_rc_box_acquire (self->running), unref_job);
    g_thread_pool_push (worker_pool (), task, NULL);
    if (self->busy_source == 0 && !self->is_busy)
        self->busy_source = g_timeout_add (BUSY_AFTER_MS, on_slow, self);
}

/* The answer of the job that runs is shown, or what it failed of is told. */
static void finish (HsQuery *self, GTask *task)
{
    Job *job = self->running;
    gpointer answer = g_task_propagate_pointer (task, NULL);

    g_queue_remove (&under_way, job);
    if (answer != NULL && !hs_cancel_is_set (&job->cancel)) {
        if (self->answer != NULL)
            self->kind->unref (self->answer);
        self->answer = g_steal_pointer (&answer);
        if (!self->has_answered || !is_same_question (&self->answered, &job->question))
            self->n_questions++;
        set_answered (self, &job->question);
    } else if (answer != NULL) {
        self->kind->unref (answer);
    } else if (!hs_cancel_is_set (&job->cancel)) {
        /* the old picture stays; asking just this again would fail again */
        set_answered (self, &job->question);
        g_message ("%s", job->error.text);
    }
    g_clear_pointer (&self->running, unref_job);
    g_clear_handle_id (&self->cancel_source, g_source_remove);
    if (self->has_waiting) {
        start (self, &self->waiting);
        drop_waiting (self);
    } else {
        g_clear_handle_id (&self->busy_source, g_source_remove);
        set_busy (self, FALSE);
    }
    if (self->answer != NULL)
        g_signal_emit (self, signals[SIGNAL_ANSWERED], 0);
}

/* Out of the queue. */
static GTask *take_held (HsQuery *self)
{
    g_queue_remove (&held, self);
    return g_steal_pointer (&self->held);
}

static void finish_held (HsQuery *self)
{
    g_autoptr (GTask) task = take_held (self);

    finish (self, task);
}

static gboolean on_turn (gpointer unused)
{
    HsQuery *self = g_queue_peek_head (&held);

    if (self == NULL) {
        turn_source = 0;
        return G_SOURCE_REMOVE;
    }
    g_object_ref (self);
    finish_held (self);
    g_object_unref (self);
    return G_SOURCE_CONTINUE;
}

/* Whether what is shown answers the same question. */
static gboolean is_only_newer (HsQuery *self, const Job *job)
{
    return self->answer != NULL && self->has_answered && !hs_cancel_is_set (&job->cancel) &&
           is_same_question (&self->answered, &job->question) &&
           (!self->has_waiting || is_same_question (&self->waiting, &job->question));
}

/* Of the job that runs. */
static void take (HsQuery *self, GTask *task)
{
    if (!is_only_newer (self, self->running)) {
        finish (self, task);
        return;
    }
    self->held = g_object_ref (task);
    g_queue_push_tail (&held, self);
    if (turn_source == 0)
        turn_source = g_timeout_add_full (TURN_PRIORITY, FRAME_MS, on_turn, NULL, NULL);
}

/* Its answer may have been taken already, by hs_query_wait. */
static void on_worked (GObject *source, GAsyncResult *result, gpointer data)
{
    Job *job = g_task_get_task_data (G_TASK (result));
    g_autoptr (HsQuery) self = g_weak_ref_get (&job->owner);

    if (self == NULL || self->running != job) /* the answer goes with the task */
        g_queue_remove (&under_way, job);
    else if (self->held == NULL)
        take (self, G_TASK (result));
}

/* The first that has its answer and did not take it, with a reference. */
static HsQuery *find_done (void)
{
    for (GList *at = under_way.head; at != NULL; at = at->next) {
        Job *job = at->data;
        g_autoptr (HsQuery) self = NULL;
        gboolean is_done;

        g_mutex_lock (&done_lock);
        is_done = job->is_done;
        g_mutex_unlock (&done_lock);
        if (is_done)
            self = g_weak_ref_get (&job->owner);
        if (self != NULL && self->running == job && self->held == NULL)
            return g_steal_pointer (&self);
    }
    return NULL;
}

/* With `done_lock`: whether a question without a subject is worked on. */
static gboolean is_any_at_work (void)
{
    for (GList *at = under_way.head; at != NULL; at = at->next) {
        const Job *job = at->data;

        if (!job->is_done && job->kind->ref_subject == NULL)
            return TRUE;
    }
    return FALSE;
}

gboolean hs_query_wait (gint64 until)
{
    gboolean is_any, is_in_time = TRUE;

    do {
        HsQuery *self;

        while ((self = find_done ()) != NULL) {
            g_autoptr (GTask) task = g_object_ref (self->running->task);

            take (self, task);
            g_object_unref (self);
        }
        g_mutex_lock (&done_lock);
        is_any = is_any_at_work ();
        if (is_any)
            is_in_time = g_cond_wait_until (&done, &done_lock, until);
        g_mutex_unlock (&done_lock);
    } while (is_any && is_in_time);
    return is_in_time;
}

static gboolean is_answered (HsQuery *self, const HsQuestion *question)
{
    return self->has_answered && is_same_question (&self->answered, question) &&
           has_same_data (self->kind, &self->answered, question);
}

static gboolean on_grace_over (gpointer data)
{
    HsQuery *self = data;

    self->cancel_source = 0;
    if (self->running != NULL)
        hs_cancel_set (&self->running->cancel);
    if (self->held != NULL)
        finish_held (self);
    return G_SOURCE_REMOVE;
}

/* Something else is waiting. */
static void cancel_soon (HsQuery *self)
{
    gint64 age_ms = (g_get_monotonic_time () - self->running->started_at) / 1000;

    if (self->held == NULL && age_ms >= GRACE_MS)
        hs_cancel_set (&self->running->cancel);
    else if (self->cancel_source == 0)
        self->cancel_source = g_timeout_add (self->held != NULL ? 0 : (guint)(GRACE_MS - age_ms),
                                             on_grace_over, self);
}

static void ask (HsQuery *self, const HsQuestion *question)
{
    if (self->running == NULL) {
        if (!is_answered (self, question))
            start (self, question);
    } else if (is_answered (self, question)) { /* what runs is taken back */
        drop_waiting (self);
        hs_cancel_set (&self->running->cancel);
    } else if (!is_same_question (&self->running->question, question)) {
        set_waiting (self, question);
        cancel_soon (self);
    } else {
        g_clear_handle_id (&self->cancel_source, g_source_remove);
        if (hs_cancel_is_set (&self->running->cancel) || /* asked, left, and asked again */
            !has_same_data (self->kind, &self->running->question, question))
            set_waiting (self, question);
        else
            drop_waiting (self);
    }
}

void hs_query_ask_about (HsQuery *self, const struct hs_filter *filter,
                         const gint64 parameters[HS_QUERY_N_PARAMETERS], gpointer subject,
                         guint64 subject_id)
{
    HsQuestion question = { .filter = *filter, .subject = subject, .subject_id = subject_id };

    g_return_if_fail (HS_IS_QUERY (self));
    if (self->document == NULL || hs_document_get_hold (self->document) == NULL)
        return;
    memcpy (question.parameters, parameters, sizeof question.parameters);
    question.snapshot = *hs_document_get_snapshot (self->document);
    if (question.snapshot.trace != NULL)
        ask (self, &question);
}

void hs_query_ask (HsQuery *self, const struct hs_filter *filter,
                   const gint64 parameters[HS_QUERY_N_PARAMETERS])
{
    hs_query_ask_about (self, filter, parameters, NULL, 0);
}

void hs_query_cancel_others (HsQuery *self, const struct hs_filter *filter)
{
    if (self->running != NULL && !hs_filter_is_same (&self->running->question.filter, filter))
        hs_cancel_set (&self->running->cancel);
    if (self->has_waiting && !hs_filter_is_same (&self->waiting.filter, filter))
        drop_waiting (self);
}

gpointer hs_query_get_answer (HsQuery *self)
{
    return self->answer;
}

guint hs_query_get_question (HsQuery *self)
{
    return self->n_questions;
}

gboolean hs_query_are_all_answered (void)
{
    for (GList *at = under_way.head; at != NULL; at = at->next)
        if (((const Job *)at->data)->kind->ref_subject == NULL)
            return FALSE;
    return TRUE;
}

gint64 hs_query_oldest_start (void)
{
    const Job *job = g_queue_peek_head (&under_way);

    return job != NULL ? job->started_at : G_MAXINT64;
}

gboolean hs_query_is_settled (HsQuery *self)
{
    return self->running == NULL && !self->has_waiting;
}

gboolean hs_query_is_busy (HsQuery *self)
{
    return self->is_busy;
}

static void hs_query_get_property (GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    if (id == PROP_BUSY)
        g_value_set_boolean (value, HS_QUERY (object)->is_busy);
    else
        G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
}

static void hs_query_dispose (GObject *object)
{
    HsQuery *self = HS_QUERY (object);

    g_clear_handle_id (&self->busy_source, g_source_remove);
    g_clear_handle_id (&self->cancel_source, g_source_remove);
    drop_waiting (self);
    if (self->running != NULL)
        hs_cancel_set (&self->running->cancel);
    if (self->held != NULL) {
        g_queue_remove (&under_way, self->running);
        g_object_unref (take_held (self));
    }
    g_clear_pointer (&self->running, unref_job);
    if (self->answer != NULL)
        self->kind->unref (g_steal_pointer (&self->answer));
    g_clear_object (&self->document);
    G_OBJECT_CLASS (hs_query_parent_class)->dispose (object);
}

static void hs_query_class_init (HsQueryClass *class)
{
    GObjectClass *object_class = G_OBJECT_CLASS (class);

    object_class->dispose = hs_query_dispose;
    object_class->get_property = hs_query_get_property;
    properties[PROP_BUSY] =
        g_param_spec_boolean ("busy", NULL, NULL, FALSE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS);
    g_object_class_install_properties (object_class, N_PROPS, properties);
    signals[SIGNAL_ANSWERED] = g_signal_new ("answered", HS_TYPE_QUERY, G_SIGNAL_RUN_LAST, 0, NULL,
                                             NULL, NULL, G_TYPE_NONE, 0);
}

static void hs_query_init (HsQuery *self)
{
}

HsQuery *hs_query_new (const HsQueryKind *kind, HsDocument *document)
{
    HsQuery *self = g_object_new (HS_TYPE_QUERY, NULL);

    self->kind = kind;
    self->document = g_object_ref (document);
    return self;
}
