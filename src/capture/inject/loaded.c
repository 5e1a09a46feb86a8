/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The loader's list, symbols and slots of a running process; see loaded.h. */
#include "capture/inject/loaded.h"

#include "base/limits.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>

#define NAME_SPACES 16u /* DL_NNS of glibc */
#define DYNAMIC_ENTRIES 256u
#define LONGEST_CHAIN 4096u /* of names with one hash bucket; real ones have a handful */
#define MOST_SYMBOLS 65536u /* that are looked at one by one */

/* ---- the list -------------------------------------------------------------------------- */

static bool find_program_headers (pid_t pid, uint64_t *ret, uint64_t *ret_n)
{
    uint64_t pair[2];
    char path[64];
    int fd;

    *ret = *ret_n = 0;
    (void)snprintf (path, sizeof path, "/proc/%d/auxv", (int)pid);
    fd = open (path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (read (fd, pair, sizeof pair) == (ssize_t)sizeof pair) {
        if (pair[0] == AT_PHDR)
            *ret = pair[1];
        else if (pair[0] == AT_PHNUM)
            *ret_n = pair[1];
    }
    (void)close (fd);
    return *ret != 0 && *ret_n < 256;
}

/* The loader leaves the address of its struct r_debug in the program's dynamic section. */
static uint64_t find_debug (const struct hs_target *target)
{
    uint64_t headers, n, bias = 0, dynamic = 0, size = 0;

    if (!find_program_headers (target->pid, &headers, &n))
        return 0;
    for (uint64_t i = 0; i < n; i++) {
        Elf64_Phdr part;

        if (!hs_target_read (target, headers + i * sizeof part, &part, sizeof part))
            return 0;
        if (part.p_type == PT_PHDR)
            bias = headers - part.p_vaddr;
        if (part.p_type == PT_DYNAMIC) {
            dynamic = part.p_vaddr;
            size = part.p_memsz;
        }
    }
    for (uint64_t i = 0; dynamic != 0 && i < size / sizeof (Elf64_Dyn); i++) {
        Elf64_Dyn entry;

        if (!hs_target_read (target, bias + dynamic + i * sizeof entry, &entry, sizeof entry))
            return 0;
        if (entry.d_tag == DT_DEBUG)
            return entry.d_un.d_val;
    }
    return 0;
}

/* Pointers in a dynamic section are as the loader left them: relocated in place, except where the
 * section is read-only. */
static uint64_t fix (const struct hs_target *target, uint64_t bias, uint64_t value)
{
    if (value == 0 || hs_target_map_at (target, value) != NULL)
        return value;
    return bias + value;
}

static void take_dynamic (const struct hs_target *target, const Elf64_Dyn *entry,
                          struct hs_loaded_module *module)
{
    uint64_t value = entry->d_un.d_val, address = fix (target, module->bias, value);

    switch (entry->d_tag) {
    case DT_SYMTAB:
        module->symbols = address;
        break;
    case DT_STRTAB:
        module->strings = address;
        break;
    case DT_STRSZ:
        module->strings_size = value;
        break;
    case DT_GNU_HASH:
        module->gnu_hash = address;
        break;
    case DT_HASH:
        module->hash = address;
        break;
    case DT_VERSYM:
        module->versions = address;
        break;
    case DT_RELA:
        module->relocations[0] = address;
        break;
    case DT_RELASZ:
        module->relocations_size[0] = value;
        break;
    case DT_RELACOUNT:
        module->n_relative = value;
        break;
    case DT_JMPREL:
        module->relocations[1] = address;
        break;
    case DT_PLTRELSZ:
        module->relocations_size[1] = value;
        break;
    default:
        break;
    }
}

static void read_dynamic (const struct hs_target *target, struct hs_loaded_module *module)
{
    Elf64_Dyn entries[DYNAMIC_ENTRIES];
    const struct hs_target_map *map = hs_target_map_at (target, module->dynamic);
    size_t n = sizeof entries;

    if (map == NULL)
        return;
    if (n > map->end - module->dynamic)
        n = map->end - module->dynamic;
    if (!hs_target_read (target, module->dynamic, entries, n))
        return;
    for (size_t i = 0; i < n / sizeof entries[0] && entries[i].d_tag != DT_NULL; i++)
        take_dynamic (target, &entries[i], module);
}

/* Walks one name space's list; with `modules` NULL it only compares with what is known from
 * number *at on. */
static enum hs_status walk (const struct hs_loaded *known, struct hs_loaded *loaded, uint64_t first,
                            size_t *at, struct hs_error *err)
{
    const struct hs_target *target = known->target;
    struct link_map map;

    for (uint64_t address = first; address != 0; address = (uint64_t)(uintptr_t)map.l_next) {
        if (!hs_target_read (target, address, &map, sizeof map))
            return HS_AGAIN;
        if (loaded == NULL) {
            if (*at >= known->modules.n || known->modules.items[*at].link_map != address ||
                known->modules.items[*at].bias != map.l_addr)
                return HS_AGAIN;
        } else {
            if (*at >= HS_LIMIT_TARGET_MODULES)
                return hs_error_set (err, HS_TOO_LARGE, HS_NO_OFFSET,
                                     "process %d has more than %u modules", (int)target->pid,
                                     HS_LIMIT_TARGET_MODULES);
            if (!hs_array_reserve (&loaded->modules, 1))
                return hs_error_no_memory (err);
            loaded->modules.items[loaded->modules.n++] = (struct hs_loaded_module){
                .link_map = address,
                .bias = map.l_addr,
                .dynamic = (uint64_t)(uintptr_t)map.l_ld,
            };
        }
        (*at)++;
    }
    return HS_OK;
}

/* Since glibc 2.35 each name space of dlmopen has a struct of its own, linked behind the first. */
static enum hs_status walk_all (const struct hs_loaded *known, struct hs_loaded *loaded,
                                struct hs_error *err)
{
    uint64_t debug = known->debug;
    size_t n = 0;

    for (unsigned i = 0; i < NAME_SPACES && debug != 0; i++) {
        struct r_debug head;
        enum hs_status status;

        if (!hs_target_read (known->target, debug, &head, sizeof head) ||
            head.r_state != RT_CONSISTENT)
            return HS_AGAIN;
        status = walk (known, loaded, (uint64_t)(uintptr_t)head.r_map, &n, err);
        if (status != HS_OK)
            return status;
        if (i == 0 && loaded != NULL)
            loaded->n_first = n;
        if (head.r_version < 2 || !hs_target_read_u64 (known->target, debug + sizeof head, &debug))
            break;
    }
    return loaded == NULL && n != known->modules.n ? HS_AGAIN : HS_OK;
}

enum hs_status hs_loaded_read (const struct hs_target *target, struct hs_loaded *loaded,
                               struct hs_error *err)
{
    enum hs_status status;

    loaded->target = target;
    loaded->modules.n = 0;
    if (loaded->debug == 0)
        loaded->debug = find_debug (target);
    if (loaded->debug == 0)
        return hs_error_set (err, HS_UNSUPPORTED, HS_NO_OFFSET,
                             "process %d does not show its list of modules: wait until it has "
                             "started, or use `heapstrata record`",
                             (int)target->pid);
    status = walk_all (loaded, loaded, err);
    if (status == HS_AGAIN)
        (void)hs_error_set (err, HS_AGAIN, HS_NO_OFFSET, "is loading a library: try again");
    for (size_t i = 0; status == HS_OK && i < loaded->modules.n; i++)
        read_dynamic (target, &loaded->modules.items[i]);
    return status;
}

void hs_loaded_clear (struct hs_loaded *loaded)
{
    hs_array_clear (&loaded->modules);
}

bool hs_loaded_is_current (const struct hs_loaded *loaded)
{
    return walk_all (loaded, NULL, NULL) == HS_OK;
}

/* ---- symbols --------------------------------------------------------------------------- */

static uint32_t gnu_hash (const char *name)
{
    uint32_t hash = 5381;

    for (; *name != '\0'; name++)
        hash = hash * 33 + (uint8_t)*name;
    return hash;
}

static bool is_named (const struct hs_target *target, const struct hs_loaded_module *module,
                      const Elf64_Sym *symbol, const char *name)
{
    char found[64];
    size_t n = strlen (name) + 1;

    return n <= sizeof found && symbol->st_name < module->strings_size &&
           hs_target_read (target, module->strings + symbol->st_name, found, n) &&
           memcmp (found, name, n) == 0;
}

/* A symbol by its number: its address when it is a definition of `name`. */
static uint64_t definition (const struct hs_target *target, const struct hs_loaded_module *module,
                            uint32_t number, const char *name, bool *ret_is_indirect)
{
    Elf64_Sym symbol;
    unsigned type;

    if (!hs_target_read (target, module->symbols + number * sizeof symbol, &symbol,
                         sizeof symbol) ||
        symbol.st_shndx == SHN_UNDEF || symbol.st_value == 0 ||
        !is_named (target, module, &symbol, name))
        return 0;
    type = ELF64_ST_TYPE (symbol.st_info);
    *ret_is_indirect = type == STT_GNU_IFUNC;
    return type == STT_FUNC || type == STT_OBJECT || type == STT_NOTYPE || type == STT_GNU_IFUNC
               ? module->bias + symbol.st_value
               : 0;
}

/* A name may be there twice, in an old version and in the one that new programs are bound to. */
static bool is_old_version (const struct hs_target *target, const struct hs_loaded_module *module,
                            uint32_t number)
{
    uint16_t version = 0;

    return module->versions != 0 &&
           hs_target_read (target, module->versions + number * 2ul, &version, sizeof version) &&
           (version & 0x8000) != 0;
}

static uint64_t gnu_symbol (const struct hs_target *target, const struct hs_loaded_module *module,
                            const char *name, bool *ret_is_indirect)
{
    uint32_t head[4], hash = gnu_hash (name), number, entry;
    uint64_t word, buckets, found = 0;

    if (!hs_target_read (target, module->gnu_hash, head, sizeof head) || head[0] == 0 ||
        head[2] == 0 ||
        !hs_target_read_u64 (target, module->gnu_hash + 16 + hash / 64 % head[2] * 8ul, &word) ||
        (word >> hash % 64 & word >> (hash >> head[3] % 32) % 64 & 1) == 0)
        return 0;
    buckets = module->gnu_hash + 16 + head[2] * 8ul;
    if (!hs_target_read (target, buckets + hash % head[0] * 4ul, &number, sizeof number) ||
        number < head[1])
        return 0;
    for (uint32_t first = number; number - first < LONGEST_CHAIN; number++) {
        if (!hs_target_read (target, buckets + (head[0] + (uint64_t)number - head[1]) * 4, &entry,
                             sizeof entry))
            return found;
        if ((entry | 1) == (hash | 1)) {
            uint64_t address = definition (target, module, number, name, ret_is_indirect);

            if (address != 0 && !is_old_version (target, module, number))
                return address;
            if (address != 0)
                found = address;
        }
        if ((entry & 1) != 0)
            break;
    }
    return found;
}

/* Without the GNU table: one after the other. Only old or hand-made modules are so. */
static uint64_t plain_symbol (const struct hs_target *target, const struct hs_loaded_module *module,
                              const char *name, bool *ret_is_indirect)
{
    uint32_t head[2];
    uint64_t found = 0;

    if (!hs_target_read (target, module->hash, head, sizeof head))
        return 0;
    for (uint32_t i = 1; i < head[1] && i < MOST_SYMBOLS && found == 0; i++)
        found = definition (target, module, i, name, ret_is_indirect);
    return found;
}

uint64_t hs_loaded_module_symbol (const struct hs_loaded *loaded,
                                  const struct hs_loaded_module *module, const char *name,
                                  bool *ret_is_indirect)
{
    *ret_is_indirect = false;
    if (module->symbols == 0 || module->strings == 0)
        return 0;
    if (module->gnu_hash != 0)
        return gnu_symbol (loaded->target, module, name, ret_is_indirect);
    return module->hash != 0 ? plain_symbol (loaded->target, module, name, ret_is_indirect) : 0;
}

uint64_t hs_loaded_symbol (const struct hs_loaded *loaded, const char *name, bool *ret_is_indirect)
{
    for (size_t i = 0; i < loaded->n_first; i++) {
        uint64_t address =
            hs_loaded_module_symbol (loaded, &loaded->modules.items[i], name, ret_is_indirect);

        if (address != 0)
            return address;
    }
    return 0;
}

/* ---- slots ----------------------------------------------------------------------------- */

struct table_copy { /* a module's tables, copied out whole: entry by entry would be slow */
    uint8_t *bytes;
    uint64_t size;
};

static enum hs_status copy_table (const struct hs_loaded *loaded, uint64_t address, uint64_t size,
                                  struct table_copy *ret, struct hs_error *err)
{
    *ret = (struct table_copy){ 0 };
    if (address == 0 || size == 0 || size > HS_LIMIT_MODULE_TABLE_BYTES)
        return HS_OK;
    ret->bytes = hs_alloc_array (size, 1);
    if (ret->bytes == NULL)
        return hs_error_no_memory (err);
    if (hs_target_read (loaded->target, address, ret->bytes, size))
        ret->size = size;
    return HS_OK;
}

static bool is_wanted_kind (const Elf64_Rela *entry)
{
    uint32_t kind = (uint32_t)ELF64_R_TYPE (entry->r_info);

    return ELF64_R_SYM (entry->r_info) != 0 &&
           (kind == R_X86_64_JUMP_SLOT || kind == R_X86_64_GLOB_DAT ||
            (kind == R_X86_64_64 && entry->r_addend == 0));
}

static uint32_t name_of (const struct table_copy *symbols, const struct table_copy *strings,
                         uint32_t number, const char *const *names, uint32_t n_names)
{
    const Elf64_Sym *symbol = (const void *)symbols->bytes;
    const char *name;
    size_t room;

    if (number >= symbols->size / sizeof *symbol || symbol[number].st_name >= strings->size)
        return n_names;
    name = (const char *)strings->bytes + symbol[number].st_name;
    room = strings->size - symbol[number].st_name;
    for (uint32_t i = 0; i < n_names; i++) {
        if (names[i][0] == name[0] && strnlen (name, room) < room && strcmp (names[i], name) == 0)
            return i;
    }
    return n_names;
}

/* Before its first use a slot leads back into its own module's linkage table. */
static bool is_lazy (const struct hs_loaded *loaded, const struct hs_loaded_module *module,
                     const Elf64_Rela *entry, uint64_t value)
{
    const struct hs_target_map *code = hs_target_map_at (loaded->target, value);
    const struct hs_target_map *own = hs_target_map_at (loaded->target, module->dynamic);

    return ELF64_R_TYPE (entry->r_info) == R_X86_64_JUMP_SLOT && code != NULL && own != NULL &&
           code->is_executable && code->inode == own->inode && code->device == own->device;
}

struct search {
    const struct hs_loaded *loaded;
    const struct hs_loaded_module *module;
    struct table_copy symbols, strings;
    const char *const *names;
    uint32_t n_names;
};

static enum hs_status search_table (const struct search *s, const struct table_copy *relocations,
                                    uint64_t first, hs_loaded_slots *slots, struct hs_error *err)
{
    const Elf64_Rela *entries = (const void *)relocations->bytes;

    for (uint64_t i = first; i < relocations->size / sizeof *entries; i++) {
        struct hs_loaded_slot slot = { .address = s->module->bias + entries[i].r_offset };

        if (!is_wanted_kind (&entries[i]))
            continue;
        slot.name = name_of (&s->symbols, &s->strings, (uint32_t)ELF64_R_SYM (entries[i].r_info),
                             s->names, s->n_names);
        if (slot.name == s->n_names || slot.address % 8 != 0 ||
            !hs_target_read_u64 (s->loaded->target, slot.address, &slot.value))
            continue;
        slot.is_lazy = is_lazy (s->loaded, s->module, &entries[i], slot.value);
        if (!hs_array_reserve (slots, 1))
            return hs_error_no_memory (err);
        slots->items[slots->n++] = slot;
    }
    return HS_OK;
}

/* How many symbols the relocations speak of: no table says how many there are. */
static uint64_t symbols_size (const struct table_copy *tables)
{
    uint64_t most = 0;

    for (unsigned t = 0; t < 2; t++) {
        const Elf64_Rela *entries = (const void *)tables[t].bytes;

        for (uint64_t i = 0; i < tables[t].size / sizeof *entries; i++) {
            if (is_wanted_kind (&entries[i]) && ELF64_R_SYM (entries[i].r_info) + 1 > most)
                most = ELF64_R_SYM (entries[i].r_info) + 1;
        }
    }
    return most * sizeof (Elf64_Sym);
}

enum hs_status hs_loaded_find_slots (const struct hs_loaded *loaded,
                                     const struct hs_loaded_module *module,
                                     const char *const *names, uint32_t n_names,
                                     hs_loaded_slots *slots, struct hs_error *err)
{
    struct search s = { .loaded = loaded, .module = module, .names = names, .n_names = n_names };
    struct table_copy tables[2] = { { 0 }, { 0 } };
    enum hs_status status = HS_OK;

    for (unsigned t = 0; t < 2 && status == HS_OK; t++)
        status = copy_table (loaded, module->relocations[t], module->relocations_size[t],
                             &tables[t], err);
    if (status == HS_OK)
        status = copy_table (loaded, module->symbols, symbols_size (tables), &s.symbols, err);
    if (status == HS_OK)
        status = copy_table (loaded, module->strings, module->strings_size, &s.strings, err);
    if (status == HS_OK)
        status = search_table (&s, &tables[0], module->n_relative, slots, err);
    if (status == HS_OK)
        status = search_table (&s, &tables[1], 0, slots, err);
    for (unsigned t = 0; t < 2; t++)
        hs_free (tables[t].bytes);
    hs_free (s.symbols.bytes);
    hs_free (s.strings.bytes);
    return status;
}
