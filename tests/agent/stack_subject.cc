/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is hard for a stack walker, each around allocations: exceptions, std containers, signal
 * handlers, hand-written assembly with and without call frame information, frames of changing size
 * and realigned ones, lazy binding, callbacks through libc, modules that come and go, threads.
 * Usage: stack_subject PLUGIN ROUNDS. Built with and without frame pointers, lazily bound.
 */
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
#include <vector>

static void allocate (size_t n)
{
    void *volatile kept = malloc (n);

    free (kept);
}

/* With information; then one that keeps rbp but tells nothing of itself. */
extern "C" void asm_told (void (*call) (size_t), size_t n);
extern "C" void asm_with_base (void (*call) (size_t), size_t n);
__asm__(".text\n.globl asm_told\n.type asm_told,@function\nasm_told:\n.cfi_startproc\n"
        "push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_offset %rbx,-16\n"
        "sub $48,%rsp\n.cfi_adjust_cfa_offset 48\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\ncall *%rax\n"
        "add $48,%rsp\n.cfi_adjust_cfa_offset -48\npop %rbx\n.cfi_adjust_cfa_offset -8\nret\n"
        ".cfi_endproc\n.size asm_told,.-asm_told\n"
        ".globl asm_with_base\n.type asm_with_base,@function\nasm_with_base:\n.cfi_startproc\n"
        "push %rbp\n.cfi_def_cfa_offset 16\n.cfi_offset %rbp,-16\nmov %rsp,%rbp\n"
        ".cfi_def_cfa_register %rbp\nsub $96,%rsp\nand $-64,%rsp\n"
        "mov %rdi,%rax\nmov %rsi,%rdi\ncall *%rax\nleave\n.cfi_def_cfa %rsp,8\nret\n"
        ".cfi_endproc\n.size asm_with_base,.-asm_with_base\n");

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

struct job {
    const char *plugin;
    int rounds;
};

static void *work (void *data)
{
    const job *todo = static_cast<const job *> (data);

    for (int round = 0; round < todo->rounds; round++) {
        int numbers[40];

        for (int i = 0; i < 40; i++)
            numbers[i] = i * 7919 % 41;
        qsort (numbers, 40, sizeof numbers[0], compare);
        try {
            throw_from (round % 12);
        } catch (const std::exception &) {
            allocate (3);
        }
        asm_told (allocate, 20);
        asm_with_base (allocate, 30);
        asm_told (realigned, 40);
        of_changing_size (static_cast<size_t> (round));
        asm_with_base (of_changing_size, 50);
        raise (SIGUSR1);
        use_containers (round);
    }
    return nullptr;
}

int main (int argc, char **argv)
{
    job todo = { argc > 1 ? argv[1] : "", argc > 2 ? atoi (argv[2]) : 10 };
    pthread_t threads[3];

    signal (SIGUSR1, on_signal);
    for (int i = 0; i < 5; i++)
        use_plugin (todo.plugin);
    for (pthread_t &thread : threads)
        pthread_create (&thread, nullptr, work, &todo);
    work (&todo);
    for (pthread_t &thread : threads)
        pthread_join (thread, nullptr);
    for (int i = 0; i < 5; i++)
        use_plugin (todo.plugin);
    return 0;
}
