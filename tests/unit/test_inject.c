/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The injector's parts: reading a process' memory and maps, its modules' tables when they are made
 * to deceive, our own agent's file when it is damaged, and calls made by a stopped process that
 * must not notice. The processes are this one and its children. Usage: test_inject AGENT.
 */
#include "capture/inject/agent_image.h"
#include "capture/inject/loaded.h"
#include "capture/inject/remote_call.h"
#include "../lib/run_suite.h"

#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *agent_path;

static struct hs_target own_memory (void)
{
    struct hs_target target = { .pid = getpid (), .pid_fd = -1 };

    target.memory_fd = open ("/proc/self/mem", O_RDWR | O_CLOEXEC);
    ck_assert_int_ge (target.memory_fd, 0);
    ck_assert_int_eq (hs_target_read_maps (&target, NULL), HS_OK);
    return target;
}

static uint64_t address_of (const void *object)
{
    return (uint64_t)(uintptr_t)object;
}

/* ---- a process' memory --------------------------------------------------------------------- */

START_TEST (maps_are_read)
{
    struct hs_target target = own_memory ();
    const struct hs_target_map *map = hs_target_map_at (&target, address_of (&agent_path));
    int local = 0;

    ck_assert_ptr_nonnull (map);
    ck_assert (!map->is_executable);
    ck_assert_ptr_nonnull (hs_target_map_named (&target, "/libc.so.6"));
    ck_assert_ptr_nonnull (hs_target_map_named (&target, "[stack]"));
    ck_assert_ptr_eq (hs_target_map_at (&target, address_of (&local)),
                      hs_target_map_named (&target, "[stack]"));
    ck_assert_ptr_null (hs_target_map_named (&target, "/no-such-library.so"));
    ck_assert_ptr_null (hs_target_map_at (&target, 0));
    ck_assert_ptr_null (hs_target_map_at (&target, UINT64_MAX));
    for (size_t i = 1; i < target.maps.n; i++)
        ck_assert_uint_le (target.maps.items[i - 1].end, target.maps.items[i].begin);
    hs_target_close (&target);
}
END_TEST

/* Words that cannot be read stand between those that can, and at the edge of a mapping. */
START_TEST (words_are_gathered)
{
    struct hs_target target = own_memory ();
    uint8_t *pages = mmap (NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t addresses[700], values[700] = { 0 };
    bool is_read[700] = { false };

    ck_assert_ptr_ne (pages, MAP_FAILED);
    ck_assert_int_eq (munmap (pages + 4096, 4096), 0);
    for (unsigned i = 0; i < 512; i++)
        ((uint64_t *)(void *)pages)[i] = i + 1;
    for (unsigned i = 0; i < 700; i++)
        addresses[i] = i % 7 == 3 ? 4096 + i * 8ull : address_of (pages + i % 512 * 8);
    addresses[699] = address_of (pages + 4092); /* half of it */
    hs_target_gather (&target, addresses, 700, 8, values, is_read);
    for (unsigned i = 0; i < 699; i++) {
        ck_assert_msg (is_read[i] == (i % 7 != 3), "word %u", i);
        if (is_read[i])
            ck_assert_uint_eq (values[i], i % 512 + 1);
    }
    ck_assert (!is_read[699]);
    hs_target_gather (&target, addresses, 0, 8, values, is_read);
    (void)munmap (pages, 4096);
    hs_target_close (&target);
}
END_TEST

/* ---- modules that deceive ------------------------------------------------------------------ */

/* A module in our own memory: what a loader would have left there. */
struct crafted {
    Elf64_Sym symbols[4];
    char strings[32];
    Elf64_Rela relocations[8];
    uint64_t slots[4];
    uint32_t hash[64];
    struct hs_loaded loaded;
    struct hs_loaded_module module;
};

static struct crafted *craft (const struct hs_target *target)
{
    struct crafted *c = calloc (1, sizeof *c);

    ck_assert_ptr_nonnull (c);
    memcpy (c->strings, "\0malloc\0free\0unended", 20);
    memset (c->strings + 13, 'u', sizeof c->strings - 13); /* without a NUL */
    c->symbols[1].st_name = 1;
    c->symbols[2].st_name = 8;
    c->symbols[3].st_name = 13;
    for (unsigned i = 0; i < 4; i++)
        c->slots[i] = 0x1000 + i;
    c->loaded.target = target;
    c->module = (struct hs_loaded_module){
        .dynamic = address_of (c->slots),
        .symbols = address_of (c->symbols),
        .strings = address_of (c->strings),
        .strings_size = sizeof c->strings,
        .relocations = { address_of (c->relocations), 0 },
        .relocations_size = { sizeof c->relocations, 0 },
    };
    return c;
}

static void relocate (struct crafted *c, unsigned number, uint64_t at, uint32_t symbol,
                      uint32_t kind)
{
    c->relocations[number] = (Elf64_Rela){ at, ELF64_R_INFO ((uint64_t)symbol, kind), 0 };
}

static const char *const names[] = { "malloc", "free" };

START_TEST (slots_are_found)
{
    struct hs_target target = own_memory ();
    struct crafted *c = craft (&target);
    hs_loaded_slots slots = { 0 };

    relocate (c, 0, address_of (&c->slots[0]), 1, R_X86_64_JUMP_SLOT);
    relocate (c, 1, address_of (&c->slots[1]), 2, R_X86_64_GLOB_DAT);
    relocate (c, 2, address_of (&c->slots[2]), 1, R_X86_64_64);
    relocate (c, 3, address_of (&c->slots[3]), 2, R_X86_64_64);
    c->relocations[3].r_addend = 4;               /* no pointer to free's begin */
    relocate (c, 4, 0x10, 1, R_X86_64_JUMP_SLOT); /* where nothing is */
    relocate (c, 5, address_of (&c->slots[3]), 3, R_X86_64_JUMP_SLOT);     /* a name without end */
    relocate (c, 6, address_of (&c->slots[3]) + 1, 1, R_X86_64_JUMP_SLOT); /* across two words */
    relocate (c, 7, address_of (&c->slots[3]), 1, R_X86_64_RELATIVE);
    ck_assert_int_eq (hs_loaded_find_slots (&c->loaded, &c->module, names, 2, &slots, NULL), HS_OK);
    ck_assert_uint_eq (slots.n, 3);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_uint_eq (slots.items[i].address, address_of (&c->slots[i]));
        ck_assert_uint_eq (slots.items[i].value, 0x1000 + i);
        ck_assert_uint_eq (slots.items[i].name, i == 1);
        ck_assert (!slots.items[i].is_lazy);
    }
    hs_array_clear (&slots);
    free (c);
    hs_target_close (&target);
}
END_TEST

/* Tables that lie elsewhere, are too large, or name symbols that are not there. */
START_TEST (hostile_tables_give_nothing)
{
    struct hs_target target = own_memory ();
    struct hs_loaded_module module;
    hs_loaded_slots slots = { 0 };
    struct crafted *c = craft (&target);

    for (unsigned turn = 0; turn < 9; turn++) {
        for (unsigned i = 0; i < 8; i++)
            relocate (c, i, address_of (&c->slots[i % 4]), 1, R_X86_64_JUMP_SLOT);
        module = c->module;
        switch (turn) {
        case 0:
            module.relocations[0] = 0x1000;
            break;
        case 1:
            module.relocations_size[0] = UINT64_MAX;
            break;
        case 2:
            module.relocations_size[0] = 1;
            break;
        case 3:
            module.symbols = 0;
            break;
        case 4:
            module.symbols = UINT64_MAX - 8;
            break;
        case 5:
            module.strings_size = 0;
            break;
        case 6:
            module.strings = 8;
            break;
        case 7:
            module.n_relative = UINT64_MAX;
            break;
        default: /* symbols whose table would take 100 GB */
            for (unsigned i = 0; i < 8; i++)
                relocate (c, i, address_of (&c->slots[0]), UINT32_MAX, R_X86_64_GLOB_DAT);
            break;
        }
        ck_assert_int_eq (hs_loaded_find_slots (&c->loaded, &module, names, 2, &slots, NULL),
                          HS_OK);
        ck_assert_msg (slots.n == 0, "turn %u", turn);
    }
    hs_array_clear (&slots);
    free (c);
    hs_target_close (&target);
}
END_TEST

/* Hash tables with wild counts, chains without an end, and names that are not the name. */
START_TEST (hostile_hashes_find_nothing)
{
    struct hs_target target = own_memory ();
    struct crafted *c = craft (&target);
    unsigned state = 1;
    bool is_indirect;

    c->symbols[1].st_shndx = c->symbols[2].st_shndx = 1;
    c->symbols[1].st_info = c->symbols[2].st_info = ELF64_ST_INFO (STB_GLOBAL, STT_FUNC);
    c->symbols[1].st_value = 0x100;
    c->module.gnu_hash = address_of (c->hash);
    for (unsigned turn = 0; turn < 3000; turn++) {
        for (unsigned i = 0; i < 64; i++)
            c->hash[i] = (state = state * 1103515245 + 12345) >> (i + turn) % 16;
        c->hash[0] &= turn % 2 == 0 ? 3 : UINT32_MAX;
        c->hash[2] &= turn % 3 == 0 ? 3 : UINT32_MAX;
        memset (c->hash + 4, 0xff, turn % 5 == 0 ? 64 : 0); /* every name may be there */
        (void)hs_loaded_module_symbol (&c->loaded, &c->module, "calloc", &is_indirect);
        ck_assert_uint_eq (hs_loaded_module_symbol (&c->loaded, &c->module, "calloc", &is_indirect),
                           0);
    }
    c->module.gnu_hash = 0;
    c->module.hash = address_of (c->hash);
    c->hash[1] = UINT32_MAX;
    ck_assert_uint_eq (hs_loaded_module_symbol (&c->loaded, &c->module, "calloc", &is_indirect), 0);
    ck_assert_uint_eq (hs_loaded_module_symbol (&c->loaded, &c->module, "malloc", &is_indirect),
                       0x100);
    free (c);
    hs_target_close (&target);
}
END_TEST

/* ---- the agent's file ---------------------------------------------------------------------- */

static uint64_t resolve_nothing (void *data, const char *name)
{
    (void)data;
    (void)name;
    return 0;
}

START_TEST (agent_is_taken_apart)
{
    struct hs_agent_image image;

    ck_assert_int_eq (hs_agent_image_load (agent_path, &image, NULL), HS_OK);
    ck_assert_uint_ne (hs_agent_image_symbol (&image, "malloc"), 0);
    ck_assert_uint_ne (hs_agent_image_symbol (&image, "heapstrata_attach_head"), 0);
    ck_assert_uint_eq (hs_agent_image_symbol (&image, "no_such_symbol"), 0);
    ck_assert_uint_eq (image.build_id_size, 20);
    for (uint32_t i = 0; i < image.n_segments; i++) {
        ck_assert_uint_le (image.segments[i].file_size, image.segments[i].size);
        ck_assert ((image.segments[i].protection & (PROT_WRITE | PROT_EXEC)) !=
                   (PROT_WRITE | PROT_EXEC));
    }
    ck_assert_int_eq (hs_agent_image_relocate (&image, 0x7f0000000000, resolve_nothing, NULL, NULL),
                      HS_OK);
    hs_agent_image_clear (&image);
}
END_TEST

/* Bytes of its head and tables are changed: it is refused or loaded, and nothing else is touched
 * (the sanitizers watch). */
START_TEST (damaged_agents_do_no_harm)
{
    static uint8_t file[1 << 20];
    char path[] = "/tmp/hs-test-inject-XXXXXX";
    int fd = open (agent_path, O_RDONLY | O_CLOEXEC), out = mkstemp (path);
    ssize_t size = read (fd, file, sizeof file);
    unsigned state = 7, n_refused = 0;

    ck_assert_int_gt (size, 4096);
    ck_assert_int_ge (out, 0);
    for (unsigned turn = 0; turn < 1500; turn++) {
        size_t at = (state = state * 1103515245 + 12345) >> 8;
        struct hs_agent_image image;
        uint8_t before[8];

        at = turn % 3 == 0 ? at % 512 : at % 0xbe0; /* its headers; its symbols and relocations */
        at &= ~(size_t)7;
        memcpy (before, file + at, 8);
        for (unsigned i = 0; i < 1 + turn % 8; i++)
            file[at + i] = (uint8_t)((state = state * 1103515245 + 12345) >> 16);
        ck_assert_int_eq (pwrite (out, file, (size_t)size, 0), size);
        if (hs_agent_image_load (path, &image, NULL) == HS_OK) {
            (void)hs_agent_image_relocate (&image, 0x7f0000000000, resolve_nothing, NULL, NULL);
            hs_agent_image_clear (&image);
        } else {
            n_refused++;
        }
        memcpy (file + at, before, 8);
    }
    ck_assert_uint_gt (n_refused, 20);
    ck_assert_int_eq (ftruncate (out, 100), 0);
    struct hs_agent_image image;
    ck_assert_int_ne (hs_agent_image_load (path, &image, NULL), HS_OK);
    (void)unlink (path);
    (void)close (out);
    (void)close (fd);
}
END_TEST

/* ---- calls made by a stopped process --------------------------------------------------------- */

static uint64_t syscall_at; /* the same in a fork child */

static void find_syscall (void)
{
    const uint8_t *code = (const uint8_t *)(uintptr_t)syscall;

    while (code[0] != 0x0f || code[1] != 0x05)
        code++;
    syscall_at = address_of (code);
}

/* Holds known values in its registers until *is_over; 0 when they stayed. */
static int hold_registers (volatile int *is_over)
{
    uint64_t n_wrong = 0;

    __asm__ volatile("mov $0x1111, %%rbx\n"
                     "mov $0x2222, %%r12\n"
                     "mov $0x3333, %%r13\n"
                     "mov $0x4444, %%r14\n"
                     "mov $0x5555, %%r8\n"
                     "mov $0x6666, %%r9\n"
                     "mov $0x7777, %%r10\n"
                     "mov $0x8888, %%r11\n"
                     "mov $0x9999, %%rcx\n"
                     "mov $0xaaaa, %%rdx\n"
                     "mov $0xbbbb, %%rsi\n"
                     "movq %%rdx, %%xmm7\n"
                     "1: xor %%eax, %%eax\n"
                     "cmp $0x1111, %%rbx\n jne 2f\n"
                     "cmp $0x2222, %%r12\n jne 2f\n"
                     "cmp $0x3333, %%r13\n jne 2f\n"
                     "cmp $0x4444, %%r14\n jne 2f\n"
                     "cmp $0x5555, %%r8\n jne 2f\n"
                     "cmp $0x6666, %%r9\n jne 2f\n"
                     "cmp $0x7777, %%r10\n jne 2f\n"
                     "cmp $0x8888, %%r11\n jne 2f\n"
                     "cmp $0x9999, %%rcx\n jne 2f\n"
                     "cmp $0xaaaa, %%rdx\n jne 2f\n"
                     "cmp $0xbbbb, %%rsi\n jne 2f\n"
                     "movq %%xmm7, %%rax\n"
                     "cmp $0xaaaa, %%rax\n jne 2f\n"
                     "xor %%eax, %%eax\n"
                     "cmpl $0, (%%rdi)\n je 1b\n"
                     "jmp 3f\n"
                     "2: mov $1, %%eax\n"
                     "3:"
                     : "=a"(n_wrong)
                     : "D"(is_over)
                     : "rbx", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
                       "xmm7", "cc", "memory");
    return (int)n_wrong;
}

struct borrowed {
    pid_t child;
    int64_t getpid_ret, list_ret, bad_ret;
    struct hs_remote_step steps[120];
};

/* Calls one by one; a list with references, longer than the table; a list that fails. */
static enum hs_status borrow (struct hs_stop *stop, void *data, struct hs_error *err)
{
    struct borrowed *b = data;
    struct hs_remote remote;
    enum hs_status status = hs_remote_begin (&remote, stop, syscall_at, err);
    struct hs_remote_step bad[3] = { { .number = SYS_getpid },
                                     { .number = SYS_close, .arguments = { 999999 } },
                                     { .number = SYS_getpid } };
    int64_t room;

    if (status != HS_OK)
        return status;
    b->getpid_ret = hs_remote_call (&remote, SYS_getpid, (uint64_t[6]){ 0 });
    room = hs_remote_call (&remote, SYS_mmap,
                           (uint64_t[6]){ 0, HS_REMOTE_CODE_BYTES + HS_REMOTE_TABLE_BYTES,
                                          PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                                          (uint64_t)-1, 0 });
    (void)hs_remote_call (
        &remote, SYS_mprotect,
        (uint64_t[6]){ (uint64_t)room, HS_REMOTE_CODE_BYTES, PROT_READ | PROT_EXEC });
    hs_remote_use_loop (&remote, (uint64_t)room);
    b->steps[0] =
        (struct hs_remote_step){ .number = SYS_mmap,
                                 .arguments = { 0, 4096 * 128, PROT_NONE,
                                                MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0 } };
    for (unsigned i = 1; i < 119; i++) /* the address of the first, also in the next table */
        b->steps[i] = (struct hs_remote_step){ .number = SYS_mprotect,
                                               .arguments = { i * 4096ull, 4096, PROT_READ },
                                               .add_to_first = 1 };
    b->steps[119] = (struct hs_remote_step){ .number = SYS_munmap,
                                             .arguments = { 0, 4096 * 128 },
                                             .add_to_first = 1 };
    b->list_ret = hs_remote_run (&remote, b->steps, 120);
    b->bad_ret = hs_remote_run (&remote, bad, 3);
    ck_assert_int_eq (bad[0].ret, b->child);
    ck_assert_int_eq (bad[1].ret, -EBADF);
    ck_assert_int_eq (bad[2].ret, -ECANCELED);
    hs_remote_end (&remote);
    return HS_OK;
}

static void borrow_from (pid_t child, enum hs_stop_extent extent)
{
    struct borrowed b = { .child = child };
    struct hs_target target;
    struct hs_error err = { 0 };
    uint64_t ns;

    ck_assert_msg (hs_target_open (child, &target, &err) == HS_OK, "%s", err.text);
    ck_assert_msg (hs_stop_run (&target, extent, borrow, &b, &ns, &err) == HS_OK, "%s", err.text);
    ck_assert_int_eq (b.getpid_ret, child);
    ck_assert_int_eq (b.list_ret, 0);
    ck_assert_int_eq (b.bad_ret, -EBADF);
    for (unsigned i = 1; i < 120; i++)
        ck_assert_int_eq (b.steps[i].ret, 0);
    hs_target_close (&target);
}

static int wait_for (pid_t child)
{
    int status = -1;

    ck_assert_int_eq (waitpid (child, &status, 0), child);
    return status;
}

START_TEST (registers_stay)
{
    volatile int *is_over =
        mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork ();

    if (child == 0)
        _exit (hold_registers (is_over));
    for (int i = 0; i < 20; i++)
        borrow_from (child, i % 2 == 0 ? HS_STOP_ALL : HS_STOP_ONE);
    *is_over = 1;
    ck_assert_int_eq (wait_for (child), 0);
    (void)munmap ((void *)is_over, 4096);
}
END_TEST

/* A sleep goes on with what is left of it, and a wish to ignore the loop's signal is kept. */
START_TEST (a_sleep_goes_on)
{
    pid_t child = fork ();

    if (child == 0) {
        struct timespec begin, end, time = { 0, 500000000 };
        struct sigaction action;
        int ret;

        if (_i == 1)
            (void)signal (SIGTRAP, SIG_IGN);
        (void)clock_gettime (CLOCK_MONOTONIC, &begin);
        ret = nanosleep (&time, NULL);
        (void)clock_gettime (CLOCK_MONOTONIC, &end);
        (void)sigaction (SIGTRAP, NULL, &action);
        if (ret != 0)
            _exit (1);
        if ((end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000 < 499)
            _exit (2);
        _exit (action.sa_handler == (_i == 1 ? SIG_IGN : SIG_DFL) ? 0 : 3);
    }
    for (int i = 0; i < 5; i++)
        borrow_from (child, i % 2 == 0 ? HS_STOP_ALL : HS_STOP_ONE);
    ck_assert_int_eq (wait_for (child), 0);
}
END_TEST

/* A process that is stopped by a signal stays so. */
START_TEST (a_stopped_process_stays_stopped)
{
    pid_t child = fork ();
    int status;

    if (child == 0) {
        (void)raise (SIGSTOP);
        _exit (0);
    }
    ck_assert_int_eq (waitpid (child, &status, WUNTRACED), child);
    ck_assert (WIFSTOPPED (status));
    borrow_from (child, HS_STOP_ALL);
    (void)usleep (20000);
    ck_assert_int_eq (hs_task_state (child, child), 'T');
    ck_assert_int_eq (kill (child, SIGCONT), 0);
    ck_assert_int_eq (wait_for (child), 0);
}
END_TEST

int main (int argc, char **argv)
{
    Suite *suite = suite_create ("inject");
    TCase *tests = tcase_create ("inject");

    if (argc < 2)
        return 2;
    agent_path = argv[1];
    find_syscall ();
    tcase_set_timeout (tests, 60);
    tcase_add_test (tests, maps_are_read);
    tcase_add_test (tests, words_are_gathered);
    tcase_add_test (tests, slots_are_found);
    tcase_add_test (tests, hostile_tables_give_nothing);
    tcase_add_test (tests, hostile_hashes_find_nothing);
    tcase_add_test (tests, agent_is_taken_apart);
    tcase_add_test (tests, damaged_agents_do_no_harm);
    tcase_add_test (tests, registers_stay);
    tcase_add_loop_test (tests, a_sleep_goes_on, 0, 2);
    tcase_add_test (tests, a_stopped_process_stays_stopped);
    suite_add_tcase (suite, tests);
    return run_suite (suite);
}
