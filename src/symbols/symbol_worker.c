/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The program heapstrata-symbols: reads ELF, DWARF and PDB for a symbolizer (symbolizer.h), which
 * talks to it over standard input and output (symbol_wire.h). It is a process of its own because
 * those files are not to be trusted: when one makes it crash, run away or eat memory, only it dies.
 */
#include "symbols/module_reader.h"

#include "base/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define MAX_MODULES 65536u
#define MAX_OPEN 48u     /* the least used is closed beyond: files are mapped while open */
#define CPU_SECONDS 120u /* for one request; the largest debug file seen takes 3 */
#define MEMORY_BYTES                                                                               \
    (UINT64_C (12) << 30) /* of addresses: files are mapped, and large ones exist */
#define FLUSH_BYTES (64u << 10)
#define PROGRESS_NS 200000000

struct worker {
    struct hs_places places;
    struct hs_fetch fetch;
    struct hs_http_fetch http;
    struct hs_arena texts; /* of SETUP and OPEN */
    HS_ARRAY (struct hs_module_reader *) modules;
    HS_ARRAY (uint8_t) in;
    struct hs_wire_out out;
    uint64_t n_uses;
    uint32_t n_open;
    int64_t last_progress_ns;
};

/* False: the symbolizer is gone. */
static bool send_all (struct worker *worker)
{
    const uint8_t *at = worker->out.bytes.items;
    size_t n = worker->out.bytes.n;

    while (n > 0) {
        ssize_t done = write (STDOUT_FILENO, at, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        at += done;
        n -= (size_t)done;
    }
    worker->out.bytes.n = 0;
    return !worker->out.is_out_of_memory;
}

static void on_progress (void *data, uint64_t n_bytes, uint64_t n_total)
{
    struct worker *worker = data;
    struct timespec now;
    int64_t now_ns;

    (void)clock_gettime (CLOCK_MONOTONIC, &now);
    now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (now_ns - worker->last_progress_ns < PROGRESS_NS)
        return;
    worker->last_progress_ns = now_ns;
    hs_wire_begin (&worker->out, HS_WIRE_PROGRESS);
    hs_wire_put_u64 (&worker->out, n_bytes);
    hs_wire_put_u64 (&worker->out, n_total);
    hs_wire_end (&worker->out);
    (void)send_all (worker);
}

/* What a file can take from the machine. The processor's time is counted anew for each request. */
static void limit_memory (void)
{
    struct rlimit core = { 0, 0 };

#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is larger */
    struct rlimit memory = { MEMORY_BYTES, MEMORY_BYTES };

    (void)setrlimit (RLIMIT_AS, &memory);
#endif
    (void)setrlimit (RLIMIT_CORE, &core);
    (void)prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static void limit_time (void)
{
    struct rusage used;
    struct rlimit limit;

    if (getrusage (RUSAGE_SELF, &used) != 0 || getrlimit (RLIMIT_CPU, &limit) != 0)
        return;
    limit.rlim_cur = (rlim_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) + (rlim_t)CPU_SECONDS;
    (void)setrlimit (RLIMIT_CPU, &limit);
}

static const char *get_text (struct worker *worker, struct hs_reader *reader)
{
    struct hs_span text = hs_wire_get_bytes (reader);

    return hs_arena_strndup (&worker->texts, (const char *)text.data, text.size);
}

static bool set_up (struct worker *worker, struct hs_reader *reader)
{
    struct hs_nt_path *path = &worker->places.windows.path;
    const char *nt_path = getenv ("_NT_SYMBOL_PATH"), *symbol_path;
    char *folders;

    worker->places.elf.sysroot = worker->places.windows.sysroot = get_text (worker, reader);
    worker->places.elf.folders = get_text (worker, reader);
    symbol_path = get_text (worker, reader);
    worker->fetch.is_allowed = worker->http.is_allowed = hs_reader_u8 (reader) != 0;
    if (worker->places.elf.sysroot == NULL || worker->places.elf.folders == NULL ||
        symbol_path == NULL)
        return false;
    folders = hs_arena_strndup (&worker->texts, worker->places.elf.folders,
                                strlen (worker->places.elf.folders));
    for (char *at = folders; at != NULL && *at != '\0'; at++) {
        if (*at == ':')
            *at = ';';
    }
    return folders != NULL && hs_nt_path_add (path, folders) &&
           hs_nt_path_add (path, symbol_path) &&
           (nt_path == NULL || hs_nt_path_add (path, nt_path));
}

static void close_one (struct worker *worker)
{
    struct hs_module_reader *oldest = NULL;

    for (size_t i = 0; i < worker->modules.n; i++) {
        struct hs_module_reader *module = worker->modules.items[i];

        if (module != NULL && module->is_open &&
            (oldest == NULL || module->last_use < oldest->last_use))
            oldest = module;
    }
    if (oldest != NULL)
        hs_module_reader_close (oldest);
    worker->n_open--;
}

static void need_open (struct worker *worker, struct hs_module_reader *module)
{
    module->last_use = ++worker->n_uses;
    if (module->is_open)
        return;
    if (worker->n_open >= MAX_OPEN)
        close_one (worker);
    worker->n_open++;
    hs_module_reader_open (module, &worker->places);
}

static struct hs_module_reader *add_module (struct worker *worker, uint32_t number)
{
    struct hs_module_reader *module = HS_NEW (struct hs_module_reader);

    if (module == NULL || number >= MAX_MODULES ||
        (number >= worker->modules.n &&
         !hs_array_reserve (&worker->modules, number + 1 - worker->modules.n))) {
        hs_free (module);
        return NULL;
    }
    while (worker->modules.n <= number)
        worker->modules.items[worker->modules.n++] = NULL;
    if (worker->modules.items[number] != NULL) { /* asked for again: look again */
        if (worker->modules.items[number]->is_open)
            worker->n_open--;
        hs_module_reader_close (worker->modules.items[number]);
        hs_free (worker->modules.items[number]);
    }
    worker->modules.items[number] = module;
    return module;
}

static bool read_windows_wanted (struct worker *worker, struct hs_reader *reader,
                                 struct hs_module_reader *module)
{
    struct hs_windows_wanted *wanted = &module->windows_wanted;

    module->is_windows = true;
    wanted->image_path = module->wanted.path;
    wanted->pdb_name = get_text (worker, reader);
    wanted->age = hs_reader_u32 (reader);
    wanted->time_stamp = hs_reader_u32 (reader);
    wanted->image_size = hs_reader_u32 (reader);
    memcpy (wanted->guid, module->wanted.build_id, sizeof wanted->guid);
    return wanted->pdb_name != NULL;
}

static bool open_module (struct worker *worker, struct hs_reader *reader)
{
    uint32_t number = hs_reader_u32 (reader);
    struct hs_module_reader *module = add_module (worker, number);
    struct hs_span build_id;
    unsigned flags;

    if (module == NULL)
        return false;
    flags = hs_reader_u8 (reader);
    module->wanted.any_build_id = flags & HS_WIRE_ANY_BUILD_ID;
    build_id = hs_wire_get_bytes (reader);
    if (build_id.size > sizeof module->wanted.build_id)
        build_id.size = 0;
    memcpy (module->wanted.build_id, build_id.data, build_id.size);
    module->wanted.build_id_size = (uint32_t)build_id.size;
    module->wanted.path = get_text (worker, reader);
    if (module->wanted.path == NULL ||
        (flags & HS_WIRE_WINDOWS && !read_windows_wanted (worker, reader, module)))
        return false;
    worker->fetch.was_refused = worker->http.was_refused = false;
    need_open (worker, module);
    hs_wire_begin (&worker->out, HS_WIRE_STATE);
    hs_wire_put_u32 (&worker->out, number);
    hs_wire_put_u8 (&worker->out, (uint8_t)module->state);
    hs_wire_put_u64 (&worker->out, module->file.base);
    hs_wire_put_bytes (&worker->out, module->file.build_id, module->file.build_id_size);
    hs_wire_put_text (&worker->out, module->file.detail);
    hs_wire_put_u8 (&worker->out, worker->fetch.was_refused || worker->http.was_refused);
    hs_wire_end (&worker->out);
    return true;
}

/* Names in packets of moderate size: each tells the symbolizer that work goes on. */
static bool answer (struct worker *worker, struct hs_reader *reader)
{
    uint32_t number = hs_reader_u32 (reader), n = hs_reader_u32 (reader);
    struct hs_module_reader *module =
        number < worker->modules.n ? worker->modules.items[number] : NULL;
    struct hs_arena names = { 0 };

    if (module == NULL || n > HS_WIRE_MAX_ADDRESSES)
        return false;
    need_open (worker, module);
    for (uint32_t i = 0; i < n;) {
        size_t count_at;
        uint32_t count = 0;

        hs_wire_begin (&worker->out, HS_WIRE_NAMES);
        hs_wire_put_u32 (&worker->out, number);
        count_at = worker->out.bytes.n;
        hs_wire_put_u32 (&worker->out, 0);
        while (i < n && worker->out.bytes.n < FLUSH_BYTES && !worker->out.is_out_of_memory) {
            hs_module_reader_answer (module, hs_reader_u64 (reader), &names, &worker->out);
            count++;
            i++;
        }
        if (!worker->out.is_out_of_memory)
            hs_put_u32 (worker->out.bytes.items + count_at, count);
        hs_wire_end (&worker->out);
        hs_arena_clear (&names);
        if (!send_all (worker))
            return false;
    }
    return true;
}

static bool handle (struct worker *worker, uint32_t kind, struct hs_span fields)
{
    struct hs_reader reader = hs_reader_init (fields);

    limit_time ();
    switch (kind) {
    case HS_WIRE_SETUP:
        return set_up (worker, &reader);
    case HS_WIRE_OPEN:
        return open_module (worker, &reader);
    case HS_WIRE_ASK:
        return answer (worker, &reader);
    default:
        return false;
    }
}

/* Handles the whole packets that have come; false: give up. */
static bool handle_all (struct worker *worker)
{
    struct hs_span rest = { worker->in.items, worker->in.n };
    enum hs_wire_whole whole;
    struct hs_span fields;
    uint32_t kind;
    size_t size;

    while ((whole = hs_wire_next (rest, &kind, &fields, &size)) == HS_WIRE_COMPLETE) {
        if (!handle (worker, kind, fields) || !send_all (worker))
            return false;
        rest = hs_span_part (rest, size, rest.size);
    }
    memmove (worker->in.items, rest.data, rest.size);
    worker->in.n = rest.size;
    return whole == HS_WIRE_INCOMPLETE;
}

static bool serve (struct worker *worker)
{
    for (;;) {
        ssize_t n;

        if (!hs_array_reserve (&worker->in, 65536))
            return false;
        n = read (STDIN_FILENO, worker->in.items + worker->in.n, 65536);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        worker->in.n += (size_t)n;
        if (!handle_all (worker))
            return false;
    }
}

int main (void)
{
    struct worker worker = { .places = { .elf = { .sysroot = "", .folders = "" },
                                         .windows = { .sysroot = "" } } };
    bool is_done;

    limit_memory ();
    if (!hs_fetch_init (&worker.fetch))
        return 1;
    worker.fetch.on_progress = on_progress;
    worker.fetch.data = &worker;
    worker.places.elf.fetch = &worker.fetch;
    worker.http.on_progress = on_progress;
    worker.http.data = &worker;
    worker.places.windows.fetch = &worker.http;
    (void)elf_version (EV_CURRENT);
    is_done = serve (&worker);
    for (size_t i = 0; i < worker.modules.n; i++) {
        if (worker.modules.items[i] != NULL)
            hs_module_reader_close (worker.modules.items[i]);
        hs_free (worker.modules.items[i]);
    }
    hs_array_clear (&worker.modules);
    hs_array_clear (&worker.in);
    hs_array_clear (&worker.out.bytes);
    hs_arena_clear (&worker.texts);
    hs_nt_path_clear (&worker.places.windows.path);
    hs_fetch_clear (&worker.fetch);
    return is_done ? 0 : 1;
}
