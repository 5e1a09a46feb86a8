/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the dynamic loader of a running process has loaded: its list of modules, their symbols, and
 * the slots through which they call. Everything is read from the target's memory, so it does not
 * matter whether the files are still there. Reading may race with the loader: what is found is a
 * plan, to be verified when the process stands still.
 */
#ifndef HS_CAPTURE_INJECT_LOADED_H
#define HS_CAPTURE_INJECT_LOADED_H

#include "capture/inject/target.h"

struct hs_loaded_module {
    uint64_t link_map; /* its address names the module */
    uint64_t bias, dynamic;
    uint64_t symbols, strings, strings_size, gnu_hash, hash, versions;
    uint64_t relocations[2], relocations_size[2]; /* .rela.dyn, .rela.plt */
    uint64_t n_relative;                          /* of the first: they name no symbol */
};

struct hs_loaded {
    const struct hs_target *target;
    uint64_t debug; /* the loader's struct r_debug */
    HS_ARRAY (struct hs_loaded_module) modules;
    size_t n_first; /* modules of the program's own name space; they come first */
};

/* HS_AGAIN: the loader is just changing the list. */
enum hs_status hs_loaded_read (const struct hs_target *target, struct hs_loaded *loaded,
                               struct hs_error *err);
void hs_loaded_clear (struct hs_loaded *loaded);

/* Whether the list is consistent and still names the same modules. Cheap. */
bool hs_loaded_is_current (const struct hs_loaded *loaded);

/* The address that `name` has for the program, as the loader would find it; 0 when nobody defines
 * it. *ret_is_indirect: an IFUNC, whose value is not in any table. */
uint64_t hs_loaded_symbol (const struct hs_loaded *loaded, const char *name, bool *ret_is_indirect);
/* The same in one module, also a symbol that only libc's own parts may use. */
uint64_t hs_loaded_module_symbol (const struct hs_loaded *loaded,
                                  const struct hs_loaded_module *module, const char *name,
                                  bool *ret_is_indirect);

struct hs_loaded_slot {
    uint64_t address;
    uint64_t value;
    uint32_t name; /* index in the caller's names */
    bool is_lazy;  /* still leads to the loader, which will look the name up */
};

typedef HS_ARRAY (struct hs_loaded_slot) hs_loaded_slots;

/* Appends the slots of one module that name one of `names`. */
enum hs_status hs_loaded_find_slots (const struct hs_loaded *loaded,
                                     const struct hs_loaded_module *module,
                                     const char *const *names, uint32_t n_names,
                                     hs_loaded_slots *slots, struct hs_error *err);

#endif
