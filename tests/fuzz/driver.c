/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Runs a fuzz target without libFuzzer: on each file (or each file of each folder) named, and on
 * what damage makes of smaller ones - cut off after every so manieth byte, and such a byte set to
 * 0, to 255 and turned round. Crashes are the sanitizers' and the target's own; the seeds are the
 * files, so every run is the same. Prints how much was run.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define SMALL (128u << 10)

struct steps {
    size_t cut, flip; /* 0: not at all */
};

static unsigned long n_runs;

/* A copy of exactly this size, so that the address sanitizer sees every byte too far. */
static void run (const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc (size > 0 ? size : 1);

    if (exact == NULL)
        exit (2);
    memcpy (exact, data, size);
    (void)LLVMFuzzerTestOneInput (exact, size);
    free (exact);
    n_runs++;
}

static void run_damaged (uint8_t *data, size_t size, struct steps steps)
{
    for (size_t cut = 0; steps.cut > 0 && cut < size; cut += steps.cut)
        run (data, cut);
    for (size_t at = 0; steps.flip > 0 && at < size; at += steps.flip) {
        const uint8_t keep = data[at];
        const uint8_t changed[] = { 0, 0xff, (uint8_t)~keep, keep ^ 1 };

        for (size_t i = 0; i < sizeof changed; i++) {
            data[at] = changed[i];
            if (changed[i] != keep)
                run (data, size);
        }
        data[at] = keep;
    }
}

static int run_file (const char *path, struct steps steps)
{
    FILE *file = fopen (path, "rb");
    uint8_t *data;
    size_t size;

    if (file == NULL) {
        perror (path);
        return 1;
    }
    (void)fseek (file, 0, SEEK_END);
    size = (size_t)ftell (file);
    rewind (file);
    data = malloc (size + 1);
    if (data == NULL || fread (data, 1, size, file) != size) {
        perror (path);
        (void)fclose (file);
        free (data);
        return 1;
    }
    (void)fclose (file);
    run (data, size);
    if (size <= SMALL)
        run_damaged (data, size, steps);
    free (data);
    return 0;
}

static int run_folder (DIR *folder, const char *path, struct steps steps)
{
    struct dirent *entry;
    char name[4096];
    int failed = 0;

    while ((entry = readdir (folder)) != NULL) {
        if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
            continue;
        (void)snprintf (name, sizeof name, "%s/%s", path, entry->d_name);
        failed |= run_file (name, steps);
    }
    return failed;
}

/* driver [--every STEP | --cut STEP] PATH…: an option holds for the paths behind it. */
int main (int argc, char **argv)
{
    struct steps steps = { 0 };
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder;

        bool is_every = strcmp (argv[i], "--every") == 0;

        if ((is_every || strcmp (argv[i], "--cut") == 0) && i + 1 < argc) {
            steps.cut = strtoul (argv[++i], NULL, 10);
            steps.flip = is_every ? steps.cut : 0;
            continue;
        }
        folder = opendir (argv[i]);
        if (folder != NULL) {
            failed |= run_folder (folder, argv[i], steps);
            (void)closedir (folder);
        } else {
            failed |= run_file (argv[i], steps);
        }
    }
    printf ("%lu inputs\n", n_runs);
    return failed;
}
