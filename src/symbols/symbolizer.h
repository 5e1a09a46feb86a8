/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Names for addresses of modules: asked for in batches, answered as they are found. The files are
 * read by a worker process (symbol_worker.c), which is started when first needed, bounded in memory
 * and time, and replaced when it dies; the module that it died of is FAILED, nothing else is lost.
 *
 * One thread at a time. Nothing happens but inside hs_symbolizer_step().
 */
#ifndef HS_SYMBOLS_SYMBOLIZER_H
#define HS_SYMBOLS_SYMBOLIZER_H

#include "base/error.h"
#include "symbols/symbol_state.h"

struct hs_symbolizer_options {
    const char *worker;      /* path of heapstrata-symbols; NULL: where it was installed */
    const char *sysroot;     /* "" or NULL: none */
    const char *folders;     /* more folders with debug files, separated by ':'; or NULL */
    const char *symbol_path; /* as _NT_SYMBOL_PATH, and looked at before it; or NULL */
    bool may_download;       /* from the servers of DEBUGINFOD_URLS and _NT_SYMBOL_PATH */
    int timeout_ms;          /* without any sign of life; 0 = a minute */
};

struct hs_symbol_frame {  /* lent during the call */
    const char *function; /* demangled; "" = not known */
    const char *file;     /* path as the compiler wrote it, or "" */
    uint32_t line;        /* 0 = not known */
    bool is_inlined;      /* into the next one */
};

/* Called from inside hs_symbolizer_step(); must not ask for more there. */
struct hs_symbolizer_sink {
    /* innermost first; n = 0: this address has no name */
    void (*on_names) (void *data, uint32_t module, uint64_t offset,
                      const struct hs_symbol_frame *frames, uint32_t n);
    void (*on_state) (void *data, uint32_t module); /* may be NULL */
    void *data;
};

struct hs_symbol_module {
    enum hs_symbol_state state;
    const char *detail; /* the file that was read, or what is wrong; lent until the next step */
    uint8_t build_id[HS_BUILD_ID_MAX]; /* of the file found */
    uint32_t build_id_size;
    uint64_t n_downloaded, n_to_download; /* bytes, while DOWNLOADING; 0 = not known */
    bool may_be_on_servers; /* there are some that would have been asked, if that were allowed */
};

enum hs_symbol_offsets {
    HS_OFFSETS_FROM_BASE,   /* from the module's first mapped byte, as in a trace */
    HS_OFFSETS_ARE_ELF_OWN, /* as in the file: what nm prints; any build id will do */
};

struct hs_symbolizer;

/* NULL when memory is out. Options and sink are copied, texts too. */
struct hs_symbolizer *hs_symbolizer_new (const struct hs_symbolizer_options *options,
                                         const struct hs_symbolizer_sink *sink);
void hs_symbolizer_free (struct hs_symbolizer *symbolizer); /* NULL is allowed */

/* A module to ask about. False when memory is out. */
bool hs_symbolizer_add_module (struct hs_symbolizer *symbolizer, const char *path,
                               const uint8_t *build_id, uint32_t build_id_size,
                               enum hs_symbol_offsets offsets, uint32_t *ret_module);

struct hs_symbol_windows_module {
    const char *image_path; /* as in the trace */
    const char *pdb_name;   /* path or name; "" when the trace does not say: then no GUID counts */
    uint8_t guid[16];       /* of the PDB, as stored */
    uint32_t age;
    uint32_t time_stamp, image_size; /* of the image; 0 = not known */
};

/* As hs_symbolizer_add_module, of a Windows module; offsets from its base. */
bool hs_symbolizer_add_windows_module (struct hs_symbolizer *symbolizer,
                                       const struct hs_symbol_windows_module *wanted,
                                       uint32_t *ret_module);

/*
 * Asks for names. Offsets are looked up as they are: subtract one from return addresses. Batches
 * are answered in the order of asking. n = 0 asks for the module's state. False: memory is out.
 */
bool hs_symbolizer_ask (struct hs_symbolizer *symbolizer, uint32_t module, const uint64_t *offsets,
                        uint32_t n);

struct hs_symbol_module hs_symbolizer_module (const struct hs_symbolizer *symbolizer,
                                              uint32_t module);

/*
 * Does what can be done, and waits up to `timeout_ms` (0 = not at all) when that is nothing.
 * HS_OK: something was done. HS_AGAIN: the worker is still busy. HS_END: everything is answered.
 * HS_NO_MEMORY. Troubles of modules are states, not errors.
 */
enum hs_status hs_symbolizer_step (struct hs_symbolizer *symbolizer, int timeout_ms,
                                   struct hs_error *err);

/* The module that is being read or fetched has failed, and the detail says why; others go on. Does
 * nothing while nothing is under way. */
void hs_symbolizer_give_up (struct hs_symbolizer *symbolizer, const char *why);

/* Readable when a step would do something; -1 while nothing is under way. */
int hs_symbolizer_fd (const struct hs_symbolizer *symbolizer);

#endif
