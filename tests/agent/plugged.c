/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Loads libraries one after the other: plugged FIRST SECOND. Each is given its turns, which begin
 * and end with dlopen and dlclose: first, second, first, and second with first still there. Prints
 * where each was mapped, and its allocating function, one line a turn.
 */
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>

static void *volatile kept;

static void *begin_turn (const char *path, size_t size)
{
    void *library = dlopen (path, RTLD_NOW | RTLD_LOCAL);
    void *(*const *allocate) (size_t) = library != NULL ? dlsym (library, "plugin_allocate") : NULL;
    const struct link_map *map = library;

    if (allocate == NULL)
        return NULL;
    for (int i = 0; i < 3; i++)
        kept = (*allocate) (size);
    printf ("%s %lx %zu\n", path, (unsigned long)map->l_addr, size);
    return library;
}

int main (int argc, char **argv)
{
    void *first, *second;

    if (argc < 3 || setvbuf (stdout, NULL, _IONBF, 0) != 0)
        return 1;
    for (int turn = 0; turn < 3; turn++) {
        void *library = begin_turn (argv[1 + turn % 2], (size_t)(7001 + turn));

        if (library == NULL || dlclose (library) != 0)
            return 2;
    }
    second = begin_turn (argv[2], 7004);
    first = begin_turn (argv[1], 7005);
    return first == NULL || second == NULL ? 3 : 0;
}
