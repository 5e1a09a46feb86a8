/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A program whose operator new is left in all the ways there are, as known.c: by exceptions that
 * nobody announces, by longjmp, on stacks of coroutines; and interrupted by a handler that
 * allocates. What comes after must be seen, each once. That operator is a library's (the same
 * source, built with OPERATORS): the program's own would come before the agent's.
 */
#include <csetjmp>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <sys/mman.h>
#include <ucontext.h>

enum size {
    THROWN = 701,
    JUMPED = 702,
    INTERRUPTED = 703,
};

extern std::jmp_buf target;

#ifdef OPERATORS

std::jmp_buf target;

/* Before main, and before libraries that are initialized later. */
__attribute__ ((constructor)) static void begin ()
{
    (void)!std::malloc (751);
}

void *operator new (std::size_t size)
{
    if (size == THROWN)
        throw std::bad_alloc ();
    if (size == JUMPED)
        std::longjmp (target, 1);
    if (size == INTERRUPTED)
        (void)std::raise (SIGUSR1);
    return std::malloc (size);
}

void operator delete (void *ptr) noexcept
{
    std::free (ptr);
}

#else

static void *volatile sink; /* keeps the compiler from taking an allocation out */

static void keep (void *ptr)
{
    sink = ptr;
}

static void fail_by_exception ()
{
    try {
        keep (operator new (THROWN));
    } catch (const std::bad_alloc &) {
        return;
    }
    std::abort ();
}

static void fail_by_jump ()
{
    if (setjmp (target) == 0)
        keep (operator new (JUMPED));
}

static void thrown ()
{
    for (int i = 0; i < 50; i++) {
        fail_by_exception ();
        keep (std::malloc (711));
        keep (operator new (712));
    }
}

static void jumped ()
{
    for (int i = 0; i < 50; i++) {
        fail_by_jump ();
        keep (std::malloc (721));
        keep (operator new (722));
    }
}

/* ---- coroutines ------------------------------------------------------------------------- */

static ucontext_t outside, inside;
static void (*fail) ();

static void fail_inside ()
{
    fail ();
    (void)swapcontext (&inside, &outside);
    for (;;) {
        keep (std::malloc (732)); /* between the others' calls */
        keep (operator new (733));
        (void)swapcontext (&inside, &outside);
    }
}

/* One that fails is put aside; then others, above and below, and it again. */
static void coroutines (void (*how) ())
{
    const std::size_t size = 262144;
    char *stack = static_cast<char *> (mmap (nullptr, size, PROT_READ | PROT_WRITE,
                                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0));

    fail = how;
    for (int i = 0; i < 10; i++) {
        (void)getcontext (&inside);
        inside.uc_stack.ss_sp = stack;
        inside.uc_stack.ss_size = size;
        inside.uc_link = &outside;
        makecontext (&inside, fail_inside, 0);
        (void)swapcontext (&outside, &inside);
        keep (std::malloc (731)); /* above: the main stack */
        (void)swapcontext (&outside, &inside);
        fail ();
        (void)swapcontext (&outside, &inside); /* below */
        keep (std::malloc (731));
    }
}

/* ---- handlers ---------------------------------------------------------------------------- */

static void on_signal (int)
{
    for (int i = 0; i < 3; i++)
        std::free (
            std::malloc (741)); /* the allocator was not at work: still inside operator new */
}

/* The handler's stack is above the interrupted operator new, in the same mapping. */
static void interrupted ()
{
    char memory[65536];
    stack_t stack = {};
    struct sigaction action = {};

    stack.ss_sp = memory;
    stack.ss_size = sizeof memory;
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK;
    (void)sigaltstack (&stack, nullptr);
    (void)sigaction (SIGUSR1, &action, nullptr);
    for (int i = 0; i < 10; i++) {
        keep (operator new (INTERRUPTED));
        keep (std::malloc (742));
    }
    stack.ss_flags = SS_DISABLE;
    (void)sigaltstack (&stack, nullptr);
}

/* The same on the program's own stack, deep below. */
static void on_signal_deep (int number)
{
    volatile char deep[20000];

    deep[0] = deep[sizeof deep - 1] = static_cast<char> (number);
    on_signal (deep[0]);
}

static void interrupted_deep ()
{
    (void)std::signal (SIGUSR1, on_signal_deep);
    for (int i = 0; i < 10; i++) {
        keep (operator new (INTERRUPTED));
        keep (std::malloc (742));
    }
}

static void coroutines_thrown ()
{
    coroutines (fail_by_exception);
}

static void coroutines_jumped ()
{
    coroutines (fail_by_jump);
}

int main (int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run) ();
    } cases[] = {
        { "thrown", thrown },
        { "jumped", jumped },
        { "coroutines-thrown", coroutines_thrown },
        { "coroutines-jumped", coroutines_jumped },
        { "interrupted", interrupted },
        { "interrupted-deep", interrupted_deep },
    };

    for (const auto &one : cases) {
        if (argc > 1 && std::strcmp (argv[1], one.name) == 0) {
            one.run ();
            return 0;
        }
    }
    return 2;
}

#endif
