/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * C++ programs with known allocations, as known.c: every form of operator new and delete, wrong
 * pairs, exceptions, new-handlers, and (built with OWN_OPERATORS) a program's own operators.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#ifdef OWN_OPERATORS
static int n_own_new, n_own_delete;

void *operator new (std::size_t size)
{
    n_own_new++;
    if (void *ret = std::malloc (size))
        return ret;
    throw std::bad_alloc ();
}

void operator delete (void *ptr) noexcept
{
    n_own_delete++;
    std::free (ptr);
}

void operator delete (void *ptr, std::size_t) noexcept
{
    n_own_delete++;
    std::free (ptr);
}
#endif

static void *volatile sink; /* keeps the compiler from taking an allocation out */

static void *keep (void *ptr)
{
    sink = ptr;
    return sink;
}

static void forms ()
{
    const std::align_val_t wide{ 64 };

    keep (operator new (101));
    keep (operator new (102, std::nothrow));
    keep (operator new (103, wide));
    keep (operator new (104, wide, std::nothrow));
    keep (operator new[] (105));
    keep (operator new[] (106, std::nothrow));
    keep (operator new[] (107, wide));
    keep (operator new[] (108, wide, std::nothrow));
    operator delete (keep (operator new (111)));
    operator delete (keep (operator new (112)), std::size_t (112));
    operator delete (keep (operator new (113)), std::nothrow);
    operator delete (keep (operator new (114, wide)), wide);
    operator delete (keep (operator new (115, wide)), std::size_t (115), wide);
    operator delete (keep (operator new (116, wide)), wide, std::nothrow);
    operator delete[] (keep (operator new[] (121)));
    operator delete[] (keep (operator new[] (122)), std::size_t (122));
    operator delete[] (keep (operator new[] (123)), std::nothrow);
    operator delete[] (keep (operator new[] (124, wide)), wide);
    operator delete[] (keep (operator new[] (125, wide)), std::size_t (125), wide);
    operator delete[] (keep (operator new[] (126, wide)), wide, std::nothrow);
    operator delete (nullptr);
}

static void wrong_pairs ()
{
    operator delete (keep (std::malloc (201)));
    std::free (keep (operator new (202)));
    operator delete (keep (operator new[] (203)));
    operator delete[] (keep (operator new (204)));
    std::free (keep (std::realloc (keep (operator new (205)), 20500)));
    operator delete[] (keep (operator new[] (206))); /* right */
}

struct thrown {
    char bytes[300];
};

static void throw_deep (int depth)
{
    std::string text (1000 + 10, 'x'); /* freed on the way out */

    if (depth == 0)
        throw thrown ();
    throw_deep (depth - 1);
}

/* Exceptions through frames of ours (operator new that fails) and of the program's own. */
static void exceptions ()
{
    for (int i = 0; i < 50; i++) {
        try {
            throw_deep (4);
        } catch (const thrown &) {
            keep (operator new (301));
        }
    }
    for (int i = 0; i < 50; i++) {
        try {
            keep (operator new (SIZE_MAX / 2));
        } catch (const std::bad_alloc &) {
            keep (operator new (302));
        }
        try {
            keep (operator new[](SIZE_MAX / 2, std::align_val_t{ 64 }));
        } catch (const std::bad_alloc &) {
            keep (operator new (303));
        }
        if (operator new (SIZE_MAX / 2, std::nothrow) == nullptr)
            keep (operator new (304));
    }
}

static void *reserve;

static void give_up_reserve ()
{
    if (reserve == nullptr)
        throw std::bad_alloc ();
    std::free (reserve);
    reserve = nullptr;
    keep (std::malloc (402));
}

/* The handler frees and allocates in the middle of an operator new. */
static void handler ()
{
    reserve = keep (std::malloc (401));
    std::set_new_handler (give_up_reserve);
    try {
        keep (operator new (SIZE_MAX / 2));
    } catch (const std::bad_alloc &) {
        keep (operator new (403));
    }
    if (std::get_new_handler () != give_up_reserve)
        std::abort ();
}

static void own ()
{
#ifdef OWN_OPERATORS
    for (int i = 0; i < 10; i++)
        operator delete (keep (operator new (501)));
    operator delete[] (keep (operator new[] (502)));
    keep (operator new (503));
    std::string text (600, 'x'); /* libstdc++ comes to ours as well */
    if (n_own_new != 13 || n_own_delete < 11)
        std::abort ();
#endif
}

int main (int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (std::strcmp (name, "forms") == 0)
        forms ();
    else if (std::strcmp (name, "wrong-pairs") == 0)
        wrong_pairs ();
    else if (std::strcmp (name, "exceptions") == 0)
        exceptions ();
    else if (std::strcmp (name, "handler") == 0)
        handler ();
    else if (std::strcmp (name, "own") == 0)
        own ();
    else
        return 2;
    return 0;
}
