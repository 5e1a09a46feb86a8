/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The asking side of the worker process; see symbolizer.h. One packet is under way at a time (the
 * opening of a module, or one batch of addresses): so the module to blame is always known.
 */
#include "symbols/symbolizer.h"

#include "base/array.h"
#include "base/limits.h"
#include "symbols/symbol_wire.h"
#include "symbols/worker_process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEFAULT_TIMEOUT_MS 60000
#define DOWNLOAD_FACTOR 2 /* a server may first have to unpack what it is asked for */

struct module {
    char *path;
    char *detail;
    uint8_t wanted_id[HS_BUILD_ID_MAX];
    uint32_t wanted_id_size;
    bool is_windows;
    char *pdb_name;
    uint32_t age, time_stamp, image_size;
    enum hs_symbol_offsets offsets;
    struct hs_symbol_module info;
    uint64_t base;
    bool is_open;     /* in the worker that runs now */
    bool is_finished; /* its state is known */
};

struct batch {
    uint64_t *offsets;
    uint32_t module;
    uint32_t n, n_asked, n_answered;
};

struct hs_symbolizer {
    struct hs_symbolizer_options options;
    struct hs_symbolizer_sink sink;
    char *texts[4];
    HS_ARRAY (struct module) modules;
    HS_ARRAY (struct batch) batches; /* from first_batch on */
    size_t first_batch;
    struct hs_worker_process worker;
    HS_ARRAY (uint8_t) in;
    bool is_waiting; /* for an answer of the worker */
    int64_t deadline_ns;
    char *strings; /* of one frame chain, NUL-terminated */
    size_t n_strings;
};

static int64_t now_ns (void)
{
    struct timespec now;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static char *copy_text (const char *text)
{
    size_t n = text != NULL ? strlen (text) : 0;

    return hs_strndup (n > 0 ? text : "", n < HS_LIMIT_STRING_BYTES ? n : HS_LIMIT_STRING_BYTES);
}

struct hs_symbolizer *hs_symbolizer_new (const struct hs_symbolizer_options *options,
                                         const struct hs_symbolizer_sink *sink)
{
    struct hs_symbolizer *self = HS_NEW (struct hs_symbolizer);
    char path[HS_WORKER_PATH_SIZE];

    if (self == NULL)
        return NULL;
    self->texts[0] =
        copy_text (options->worker != NULL ? options->worker : hs_worker_process_find (path));
    self->texts[1] = copy_text (options->sysroot);
    self->texts[2] = copy_text (options->folders);
    self->texts[3] = copy_text (options->symbol_path);
    self->options = *options;
    self->options.worker = self->texts[0];
    self->options.sysroot = self->texts[1];
    self->options.folders = self->texts[2];
    self->options.symbol_path = self->texts[3];
    if (self->options.timeout_ms <= 0)
        self->options.timeout_ms = DEFAULT_TIMEOUT_MS;
    self->sink = *sink;
    hs_worker_process_init (&self->worker);
    if (self->texts[0] != NULL && self->texts[1] != NULL && self->texts[2] != NULL &&
        self->texts[3] != NULL)
        return self;
    hs_symbolizer_free (self);
    return NULL;
}

void hs_symbolizer_free (struct hs_symbolizer *self)
{
    if (self == NULL)
        return;
    hs_worker_process_stop (&self->worker);
    for (size_t i = 0; i < self->modules.n; i++) {
        hs_free (self->modules.items[i].path);
        hs_free (self->modules.items[i].pdb_name);
        hs_free (self->modules.items[i].detail);
    }
    for (size_t i = self->first_batch; i < self->batches.n; i++)
        hs_free (self->batches.items[i].offsets);
    hs_array_clear (&self->modules);
    hs_array_clear (&self->batches);
    hs_array_clear (&self->in);
    for (size_t i = 0; i < sizeof self->texts / sizeof self->texts[0]; i++)
        hs_free (self->texts[i]);
    hs_free (self->strings);
    hs_free (self);
}

bool hs_symbolizer_add_module (struct hs_symbolizer *self, const char *path,
                               const uint8_t *build_id, uint32_t build_id_size,
                               enum hs_symbol_offsets offsets, uint32_t *ret_module)
{
    struct module module = { .offsets = offsets, .path = copy_text (path) };

    if (module.path == NULL || !hs_array_reserve (&self->modules, 1)) {
        hs_free (module.path);
        return false;
    }
    if (build_id_size <= HS_BUILD_ID_MAX) {
        module.wanted_id_size = build_id_size;
        if (build_id_size > 0)
            memcpy (module.wanted_id, build_id, build_id_size);
    }
    *ret_module = (uint32_t)self->modules.n;
    self->modules.items[self->modules.n++] = module;
    return true;
}

bool hs_symbolizer_add_windows_module (struct hs_symbolizer *self,
                                       const struct hs_symbol_windows_module *wanted,
                                       uint32_t *ret_module)
{
    char *pdb_name = copy_text (wanted->pdb_name);
    struct module *module;

    if (pdb_name == NULL ||
        !hs_symbolizer_add_module (self, wanted->image_path, wanted->guid, sizeof wanted->guid,
                                   HS_OFFSETS_FROM_BASE, ret_module)) {
        hs_free (pdb_name);
        return false;
    }
    module = &self->modules.items[*ret_module];
    module->is_windows = true;
    module->pdb_name = pdb_name;
    module->age = wanted->age;
    module->time_stamp = wanted->time_stamp;
    module->image_size = wanted->image_size;
    return true;
}

bool hs_symbolizer_ask (struct hs_symbolizer *self, uint32_t module, const uint64_t *offsets,
                        uint32_t n)
{
    struct batch batch = { .module = module, .n = n };

    batch.offsets = hs_alloc_array (n, sizeof *offsets);
    if (batch.offsets == NULL || !hs_array_reserve (&self->batches, 1)) {
        hs_free (batch.offsets);
        return false;
    }
    if (n > 0)
        memcpy (batch.offsets, offsets, n * sizeof *offsets);
    self->batches.items[self->batches.n++] = batch;
    return true;
}

struct hs_symbol_module hs_symbolizer_module (const struct hs_symbolizer *self, uint32_t number)
{
    const struct module *module = &self->modules.items[number];
    struct hs_symbol_module info = module->info;

    info.detail = module->detail != NULL ? module->detail : "";
    return info;
}

int hs_symbolizer_fd (const struct hs_symbolizer *self)
{
    return self->is_waiting ? self->worker.fd : -1;
}

/* ---- states ----------------------------------------------------------------------------- */

static void set_state (struct hs_symbolizer *self, uint32_t number, enum hs_symbol_state state,
                       const char *detail)
{
    struct module *module = &self->modules.items[number];

    module->info.state = state;
    if (detail != NULL) {
        hs_free (module->detail);
        module->detail = copy_text (detail); /* without memory there is no detail */
    }
    if (self->sink.on_state != NULL)
        self->sink.on_state (self->sink.data, number);
}

static struct batch *current_batch (struct hs_symbolizer *self)
{
    return self->first_batch < self->batches.n ? &self->batches.items[self->first_batch] : NULL;
}

static void drop_batch (struct hs_symbolizer *self)
{
    hs_free (self->batches.items[self->first_batch].offsets);
    self->first_batch++;
    if (self->first_batch == self->batches.n)
        self->first_batch = self->batches.n = 0;
}

/* The rest of the current batch has no names. */
static void answer_nothing (struct hs_symbolizer *self)
{
    struct batch *batch = current_batch (self);

    while (batch->n_answered < batch->n)
        self->sink.on_names (self->sink.data, batch->module, batch->offsets[batch->n_answered++],
                             NULL, 0);
    drop_batch (self);
}

/* The worker died or must die: the module that it was busy with has failed. */
static void fail_module (struct hs_symbolizer *self, const char *why)
{
    struct batch *batch = current_batch (self);
    char sentence[192];

    hs_worker_process_stop (&self->worker);
    if (why == NULL) {
        if (WIFSIGNALED (self->worker.exit_status))
            (void)snprintf (sentence, sizeof sentence, "the reader of symbols died: %s",
                            strsignal (WTERMSIG (self->worker.exit_status)));
        else
            (void)snprintf (sentence, sizeof sentence, "the reader of symbols gave up");
        why = sentence;
    }
    self->in.n = 0;
    self->is_waiting = false;
    for (size_t i = 0; i < self->modules.n; i++)
        self->modules.items[i].is_open = false;
    if (batch == NULL)
        return;
    self->modules.items[batch->module].is_finished = true;
    set_state (self, batch->module, HS_SYMBOLS_FAILED, why);
    answer_nothing (self);
}

void hs_symbolizer_give_up (struct hs_symbolizer *self, const char *why)
{
    if (self->is_waiting)
        fail_module (self, why);
}

/* ---- asking ----------------------------------------------------------------------------- */

static void move_deadline (struct hs_symbolizer *self, int factor)
{
    self->deadline_ns = now_ns () + (int64_t)self->options.timeout_ms * factor * 1000000;
}

static void send_packet (struct hs_symbolizer *self, struct hs_wire_out *out)
{
    bool is_sent = !out->is_out_of_memory &&
                   hs_worker_process_send (&self->worker, out->bytes.items, out->bytes.n);

    hs_array_clear (&out->bytes);
    self->is_waiting = true;
    move_deadline (self, 1);
    if (!is_sent)
        fail_module (self, NULL);
}

static void put_open (struct hs_wire_out *out, uint32_t number, const struct module *module)
{
    hs_wire_begin (out, HS_WIRE_OPEN);
    hs_wire_put_u32 (out, number);
    hs_wire_put_u8 (out, (module->offsets == HS_OFFSETS_ARE_ELF_OWN ? HS_WIRE_ANY_BUILD_ID : 0) |
                             (module->is_windows ? HS_WIRE_WINDOWS : 0));
    hs_wire_put_bytes (out, module->wanted_id, module->wanted_id_size);
    hs_wire_put_text (out, module->path);
    if (module->is_windows) {
        hs_wire_put_text (out, module->pdb_name);
        hs_wire_put_u32 (out, module->age);
        hs_wire_put_u32 (out, module->time_stamp);
        hs_wire_put_u32 (out, module->image_size);
    }
    hs_wire_end (out);
}

static void put_ask (struct hs_wire_out *out, struct batch *batch, const struct module *module)
{
    uint32_t n = batch->n - batch->n_asked;
    uint64_t base = module->offsets == HS_OFFSETS_FROM_BASE ? module->base : 0;

    if (n > HS_WIRE_MAX_ADDRESSES)
        n = HS_WIRE_MAX_ADDRESSES;
    hs_wire_begin (out, HS_WIRE_ASK);
    hs_wire_put_u32 (out, batch->module);
    hs_wire_put_u32 (out, n);
    for (uint32_t i = 0; i < n; i++)
        hs_wire_put_u64 (out, batch->offsets[batch->n_asked + i] + base);
    batch->n_asked += n;
    hs_wire_end (out);
}

/* Sends the next packet; false when there is nothing to ask. */
static bool ask_next (struct hs_symbolizer *self)
{
    struct batch *batch = current_batch (self);
    struct hs_wire_out out = { 0 };
    struct module *module;

    if (batch == NULL)
        return false;
    module = &self->modules.items[batch->module];
    if (module->is_finished &&
        (!hs_symbol_state_has_names (module->info.state) || batch->n_answered == batch->n)) {
        answer_nothing (self);
        return true;
    }
    if (!hs_worker_process_is_running (&self->worker)) {
        if (!hs_worker_process_start (&self->worker, self->options.worker)) {
            fail_module (self, "the reader of symbols (heapstrata-symbols) cannot be started");
            return true;
        }
        hs_wire_begin (&out, HS_WIRE_SETUP);
        hs_wire_put_text (&out, self->options.sysroot);
        hs_wire_put_text (&out, self->options.folders);
        hs_wire_put_text (&out, self->options.symbol_path);
        hs_wire_put_u8 (&out, self->options.may_download);
        hs_wire_end (&out);
    }
    if (!module->is_open)
        put_open (&out, batch->module, module);
    else
        put_ask (&out, batch, module);
    send_packet (self, &out);
    return true;
}

/* ---- answers ---------------------------------------------------------------------------- */

static bool take_state (struct hs_symbolizer *self, struct hs_reader *reader)
{
    uint32_t number = hs_reader_u32 (reader), state = hs_reader_u8 (reader);
    uint64_t base = hs_reader_u64 (reader);
    struct hs_span build_id = hs_wire_get_bytes (reader), detail = hs_wire_get_bytes (reader);
    bool may_be_on_servers = hs_reader_u8 (reader) != 0;
    struct batch *batch = current_batch (self);
    struct module *module;
    char text[512];

    if (reader->has_overrun || batch == NULL || number != batch->module ||
        state >= HS_N_SYMBOL_STATES || state < HS_SYMBOLS_LINES || build_id.size > HS_BUILD_ID_MAX)
        return false;
    module = &self->modules.items[number];
    module->is_open = module->is_finished = true;
    module->base = base;
    memcpy (module->info.build_id, build_id.data, build_id.size);
    module->info.build_id_size = (uint32_t)build_id.size;
    module->info.may_be_on_servers = may_be_on_servers;
    (void)snprintf (text, sizeof text, "%.*s", (int)(detail.size < 500 ? detail.size : 500),
                    (const char *)detail.data);
    set_state (self, number, (enum hs_symbol_state)state, text);
    self->is_waiting = false;
    return true;
}

static bool take_progress (struct hs_symbolizer *self, struct hs_reader *reader)
{
    uint64_t n_bytes = hs_reader_u64 (reader), n_total = hs_reader_u64 (reader);
    struct batch *batch = current_batch (self);
    struct module *module;

    if (reader->has_overrun || batch == NULL)
        return false;
    module = &self->modules.items[batch->module];
    if (module->info.state != HS_SYMBOLS_DOWNLOADING || n_bytes != module->info.n_downloaded)
        move_deadline (self, DOWNLOAD_FACTOR);
    module->info.n_downloaded = n_bytes;
    module->info.n_to_download = n_total;
    set_state (self, batch->module, HS_SYMBOLS_DOWNLOADING, NULL);
    return true;
}

/* A text of the packet as a string, in `strings`. */
static const char *take_string (struct hs_symbolizer *self, struct hs_reader *reader, size_t *at)
{
    struct hs_span text = hs_wire_get_bytes (reader);
    char *string = self->strings + *at;

    memcpy (string, text.data, text.size);
    string[text.size] = '\0';
    *at += text.size + 1;
    return string;
}

/* Room for all strings of one address: a string takes one byte more than its text. */
static bool need_strings (struct hs_symbolizer *self, size_t n)
{
    char *strings;

    if (n <= self->n_strings)
        return true;
    strings = hs_realloc_array (self->strings, n, 1);
    if (strings == NULL)
        return false;
    self->strings = strings;
    self->n_strings = n;
    return true;
}

static bool take_one (struct hs_symbolizer *self, struct hs_reader *reader, struct batch *batch)
{
    struct hs_symbol_frame frames[HS_WIRE_MAX_INLINED];
    uint32_t n = hs_reader_u16 (reader);
    size_t at = 0;

    if (n > HS_WIRE_MAX_INLINED || batch->n_answered >= batch->n_asked)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        frames[i].function = take_string (self, reader, &at);
        frames[i].file = take_string (self, reader, &at);
        frames[i].line = hs_reader_u32 (reader);
        frames[i].is_inlined = hs_reader_u8 (reader) != 0 && i + 1 < n;
    }
    if (reader->has_overrun)
        return false;
    self->sink.on_names (self->sink.data, batch->module, batch->offsets[batch->n_answered++],
                         frames, n);
    return true;
}

static bool take_names (struct hs_symbolizer *self, struct hs_reader *reader)
{
    uint32_t number = hs_reader_u32 (reader), n = hs_reader_u32 (reader);
    struct batch *batch = current_batch (self);

    if (reader->has_overrun || batch == NULL || number != batch->module || n == 0 ||
        !need_strings (self, reader->rest.size + 2 * HS_WIRE_MAX_INLINED))
        return false;
    for (uint32_t i = 0; i < n; i++) {
        if (!take_one (self, reader, batch))
            return false;
    }
    move_deadline (self, 1);
    if (batch->n_answered == batch->n_asked)
        self->is_waiting = false;
    if (batch->n_answered == batch->n)
        drop_batch (self);
    return true;
}

static bool take_packet (struct hs_symbolizer *self, uint32_t kind, struct hs_span fields)
{
    struct hs_reader reader = hs_reader_init (fields);

    switch (kind) {
    case HS_WIRE_STATE:
        return take_state (self, &reader);
    case HS_WIRE_PROGRESS:
        return take_progress (self, &reader);
    case HS_WIRE_NAMES:
        return take_names (self, &reader);
    default:
        return false;
    }
}

/* Takes in what the worker has sent; HS_AGAIN when that was nothing. */
static enum hs_status take_answers (struct hs_symbolizer *self)
{
    struct hs_span rest, fields;
    enum hs_wire_whole whole;
    uint32_t kind;
    size_t size;
    long n;

    if (!hs_array_reserve (&self->in, 65536))
        return HS_NO_MEMORY;
    n = hs_worker_process_receive (&self->worker, self->in.items + self->in.n, 65536);
    if (n == 0)
        return HS_AGAIN;
    if (n < 0) {
        fail_module (self, NULL);
        return HS_OK;
    }
    self->in.n += (size_t)n;
    rest = (struct hs_span){ self->in.items, self->in.n };
    while ((whole = hs_wire_next (rest, &kind, &fields, &size)) == HS_WIRE_COMPLETE) {
        if (!take_packet (self, kind, fields))
            break;
        rest = hs_span_part (rest, size, rest.size);
    }
    if (whole != HS_WIRE_INCOMPLETE) {
        fail_module (self, "the reader of symbols answered nonsense");
        return HS_OK;
    }
    memmove (self->in.items, rest.data, rest.size);
    self->in.n = rest.size;
    return HS_OK;
}

enum hs_status hs_symbolizer_step (struct hs_symbolizer *self, int timeout_ms, struct hs_error *err)
{
    struct pollfd wait = { .events = POLLIN };
    enum hs_status status;
    int64_t left_ms;

    if (!self->is_waiting && !ask_next (self))
        return HS_END;
    if (!self->is_waiting)
        return HS_OK;
    left_ms = (self->deadline_ns - now_ns ()) / 1000000;
    if (left_ms < 0)
        left_ms = 0;
    wait.fd = self->worker.fd;
    (void)poll (&wait, 1, (int)(left_ms < timeout_ms ? left_ms : timeout_ms));
    status = take_answers (self);
    if (status == HS_NO_MEMORY)
        return hs_error_no_memory (err);
    if (status == HS_AGAIN && now_ns () >= self->deadline_ns) {
        fail_module (self, "the reader of symbols took too long");
        return HS_OK;
    }
    return status;
}
