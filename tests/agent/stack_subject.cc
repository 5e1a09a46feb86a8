/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is hard for a stack walker, each around allocations: `stack_subject KIND ROUNDS PLUGIN` does
 * one kind of it in four threads. Built with and without frame pointers, lazily bound. What is
 * stepped through has a handler allocate after each of its instructions.
 */
#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <pthread.h>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <vector>

static void allocate (size_t n)
{
    void *volatile kept = malloc (n);

    free (kept);
}

/*
 * Hand-written: one that saves a register and makes room, one that keeps rbp and realigns. Then one
 * that calls with the processor's trap flag set: a SIGTRAP after each instruction.
 */
extern "C" void asm_saved (void (*call) (size_t), size_t n);
extern "C" void asm_with_base (void (*call) (size_t), size_t n);
extern "C" void asm_step (void (*call) (size_t), size_t n);
__asm__(".text\n.globl asm_saved\n.type asm_saved,@function\nasm_saved:\n.cfi_startproc\n"
        "push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_offset %rbx,-16\n"
        "sub $48,%rsp\n.cfi_adjust_cfa_offset 48\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\ncall *%rax\n"
        "add $48,%rsp\n.cfi_adjust_cfa_offset -48\npop %rbx\n.cfi_adjust_cfa_offset -8\nret\n"
        ".cfi_endproc\n.size asm_saved,.-asm_saved\n"
        ".globl asm_with_base\n.type asm_with_base,@function\nasm_with_base:\n.cfi_startproc\n"
        "push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp,-16\nmov %rsp,%rbp\n"
        ".cfi_def_cfa_register %rbp\nsub $96,%rsp\nand $-64,%rsp\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\ncall *%rax\nleave\n.cfi_def_cfa %rsp,8\nret\n"
        ".cfi_endproc\n.size asm_with_base,.-asm_with_base\n"
        ".globl asm_step\n.type asm_step,@function\nasm_step:\n.cfi_startproc\n"
        "push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_offset %rbx,-16\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\n"
        "pushfq\n.cfi_adjust_cfa_offset 8\norq $0x100,(%rsp)\n"
        "popfq\n.cfi_adjust_cfa_offset -8\ncall *%rax\n"
        "pushfq\n.cfi_adjust_cfa_offset 8\nandq $~0x100,(%rsp)\n"
        "popfq\n.cfi_adjust_cfa_offset -8\npop %rbx\n.cfi_adjust_cfa_offset -8\nret\n"
        ".cfi_endproc\n.size asm_step,.-asm_step\n");

static void on_signal (int)
{
    allocate (71); /* raised by raise(), which holds no lock of the allocator */
}

static __attribute__ ((noinline)) void realigned (size_t n)
{
    alignas (64) volatile char local[128];

    local[0] = 1;
    allocate (n);
    (void)local[0];
}

static __attribute__ ((noinline)) void of_changing_size (size_t n)
{
    volatile char *local = static_cast<char *> (__builtin_alloca (n % 300 + 16));

    local[0] = 1;
    allocate (n);
    (void)local[0];
}

static __attribute__ ((noinline)) void throw_from (int depth)
{
    if (depth == 0)
        throw std::runtime_error (std::string (40, 'x'));
    try {
        throw_from (depth - 1);
    } catch (const std::logic_error &) {
        allocate (1);
    }
}

static int compare (const void *a, const void *b)
{
    allocate (5);
    return *static_cast<const int *> (a) - *static_cast<const int *> (b);
}

static void use_containers (int round)
{
    std::map<std::string, std::vector<std::string>> map;
    std::function<void (int)> deeper = [&] (int n) {
        map[std::to_string (n * 1000003)].push_back (std::string (20 + n, 'y'));
        if (n > 0)
            deeper (n - 1);
    };

    deeper (20 + round % 10);
}

static void use_plugin (const char *path)
{
    void *handle = dlopen (path, RTLD_LAZY); /* its first calls bind while we watch */

    if (handle == nullptr)
        exit (3);
    void (*call) (void (*) (size_t), size_t) =
        reinterpret_cast<void (*) (void (*) (size_t), size_t)> (dlsym (handle, "plugin_call"));
    for (size_t n = 1; n < 20; n++)
        call (allocate, n);
    dlclose (handle);
}

/* ---- the kinds --------------------------------------------------------------------------- */

static void run_exceptions (int round)
{
    try {
        throw_from (round % 12);
    } catch (const std::exception &) {
        allocate (3);
    }
}

static void return_at_once (size_t)
{
}

static void run_assembly (int round)
{
    asm_saved (allocate, 20);
    asm_with_base (allocate, 30);
    asm_saved (realigned, 40);
    asm_with_base (of_changing_size, static_cast<size_t> (round));
    asm_step ([] (size_t n) { asm_saved (return_at_once, n); }, 1);
    asm_step ([] (size_t n) { asm_with_base (return_at_once, n); }, 1);
}

/* Through entries of the procedure linkage table: the first call of each goes on to the loader. */
static void run_linkage (int round)
{
    static volatile int sum;

    asm_step ([] (size_t n) { sum = abs (static_cast<int> (n)); }, static_cast<size_t> (round));
    asm_step ([] (size_t n) { sum = static_cast<int> (labs (static_cast<long> (n))); }, 2);
    asm_step ([] (size_t) { sum = isalpha (sum); }, 3);
    asm_step ([] (size_t) { sum = toupper (sum); }, 4);
}

static void run_frames (int round)
{
    realigned (40);
    of_changing_size (static_cast<size_t> (round));
    asm_step (
        [] (size_t n) {
            volatile char *local = static_cast<char *> (__builtin_alloca (n % 300 + 16));

            local[0] = 1;
        },
        static_cast<size_t> (round));
}

static void run_signals (int)
{
    raise (SIGUSR1);
}

static void run_callbacks (int)
{
    int numbers[40];

    for (int i = 0; i < 40; i++)
        numbers[i] = i * 7919 % 41;
    qsort (numbers, 40, sizeof numbers[0], compare);
}

/* Code that is made at run time, as by a just-in-time compiler, with rbp as its frames' base. */
struct generated_call {
    void (*run) (generated_call *next);
    generated_call *next;
};

static void allocate_at_end (generated_call *)
{
    allocate (77);
}

static void run_generated (int round)
{
    static const unsigned char code[] = {
        0x55, 0x48, 0x89, 0xe5, /* push rbp; mov rbp, rsp */
        0x48, 0x83, 0xec, 0x10, /* sub rsp, 16 */
        0x48, 0x8b, 0x07,       /* mov rax, [rdi] */
        0x48, 0x8b, 0x7f, 0x08, /* mov rdi, [rdi + 8] */
        0xff, 0xd0, 0xc9, 0xc3, /* call rax; leave; ret */
    };
    generated_call calls[20];
    int n = round % 19 + 1;
    void *page = mmap (nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return;
    memcpy (page, code, sizeof code);
    mprotect (page, 4096, PROT_READ | PROT_EXEC);
    for (int i = 0; i < n; i++)
        calls[i] = { reinterpret_cast<void (*) (generated_call *)> (page), &calls[i + 1] };
    calls[n] = { allocate_at_end, nullptr };
    for (int i = 0; i < 10; i++)
        calls[0].run (&calls[1]);
    munmap (page, 4096);
}

static const char *plugin;

static void run_modules (int)
{
    use_plugin (plugin);
}

struct kind {
    const char *name;
    void (*run) (int round);
};

static const kind kinds[] = {
    { "exceptions", run_exceptions }, { "containers", use_containers },
    { "assembly", run_assembly },     { "linkage", run_linkage },
    { "frames", run_frames },         { "signals", run_signals },
    { "callbacks", run_callbacks },   { "generated", run_generated },
    { "modules", run_modules },
};

static int n_rounds;

static void *work (void *data)
{
    for (int round = 0; round < n_rounds; round++)
        static_cast<const kind *> (data)->run (round);
    return nullptr;
}

int main (int argc, char **argv)
{
    pthread_t threads[3];
    const kind *chosen = nullptr;

    for (const kind &one : kinds) {
        if (argc > 3 && strcmp (argv[1], one.name) == 0)
            chosen = &one;
    }
    if (chosen == nullptr)
        return 2;
    n_rounds = atoi (argv[2]);
    plugin = argv[3];
    signal (SIGUSR1, on_signal);
    signal (SIGTRAP, on_signal);
    for (pthread_t &thread : threads)
        pthread_create (&thread, nullptr, work, const_cast<kind *> (chosen));
    work (const_cast<kind *> (chosen));
    for (pthread_t &thread : threads)
        pthread_join (thread, nullptr);
    return 0;
}
