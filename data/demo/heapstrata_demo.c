/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The sample trace: a small photo manager at work for half a minute of virtual time, as events.
 *
 * Run at build time to write heapstrata-demo.etl. It leaks in one place (query_log_append, and a
 * little in exif_parse_maker_note), churns in others (picture_decode, page_layout), caches in a
 * third (thumbnail_cache_insert, bounded), and grows a buffer (export_write). Nothing is really
 * allocated: an allocator with size classes deals out addresses, and every function names itself
 * and the line of its calls, so that the call stacks are those of this very file. Always the
 * same output. demo_tracer.[ch] makes the events; here is what the program does.
 */
#include "demo_tracer.h"

#include <stdio.h>
#include <string.h>

#define MS INT64_C (1000000)
#define SECOND (1000 * MS)

#define TID_MAIN 4242u
#define TID_DECODER 4243u /* and the next one */
#define TID_SEARCH 4245u

#define N_PICTURES 480
#define BATCH_PICTURES 40
#define STRIPS 12
#define CACHE_ENTRIES 400
#define INDEX_ENTRIES 3000
#define PAGE_LABELS 110

struct app {
    struct tracer *tracer;
    struct block settings[40];
    struct block index;
    struct block index_entries[INDEX_ENTRIES];
    struct block cache[CACHE_ENTRIES];
    unsigned cache_next;
    struct block strips[BATCH_PICTURES * STRIPS];
    unsigned n_strips;
    struct block labels[PAGE_LABELS];
};

static void settings_parse (struct app *app)
{
    struct tracer *t = app->tracer;

    for (unsigned i = 0; i < 40; i++) {
        app->settings[i] = TAKE (t, 24 + tracer_random (t, 60));
        struct block line = TAKE (t, 128);

        tracer_wait (t, 40000);
        GIVE (t, line);
    }
}

static void settings_load (struct app *app)
{
    CALL (app->tracer, settings_parse, app);
}

/* The index doubles as it fills: a realloc that moves nearly every time. */
static void index_append (struct app *app, unsigned i)
{
    struct tracer *t = app->tracer;
    uint64_t need = (uint64_t)(i + 1) * 48;

    if (need > app->index.size) {
        if (app->index.size == 0)
            app->index = TAKE (t, 4096);
        else
            RESIZE (t, &app->index, app->index.size * 2);
    }
    app->index_entries[i] = TAKE (t, 60 + tracer_random (t, 90));
}

static void library_open (struct app *app)
{
    struct tracer *t = app->tracer;

    for (unsigned i = 0; i < INDEX_ENTRIES; i++) {
        tracer_wait (t, 250000);
        CALL (t, index_append, app, i);
    }
}

/* A maker note of one camera takes the early return and forgets its text: the smaller leak. */
static void exif_parse_maker_note (struct app *app, unsigned picture)
{
    struct block note = TAKE (app->tracer, 1800 + tracer_random (app->tracer, 900));

    tracer_wait (app->tracer, 20000);
    if (picture % 5 == 3)
        return;
    GIVE (app->tracer, note);
}

static void exif_parse (struct app *app, unsigned picture)
{
    struct tracer *t = app->tracer;
    struct block tags[16];

    for (unsigned i = 0; i < 16; i++) {
        tags[i] = TAKE (t, 16 + tracer_random (t, 48));
        tracer_wait (t, 4000);
    }
    CALL (t, exif_parse_maker_note, app, picture);
    for (unsigned i = 0; i < 16; i++)
        GIVE (t, tags[i]);
}

static void picture_decode (struct app *app)
{
    struct tracer *t = app->tracer;

    for (unsigned i = 0; i < STRIPS; i++) {
        struct block huffman = TAKE (t, 1200);

        app->strips[app->n_strips++] = TAKE (t, 8000 + tracer_random (t, 16000));
        tracer_wait (t, 300000);
        GIVE (t, huffman);
    }
}

/* Bounded: what is inserted beyond the limit pushes the oldest out. */
static void thumbnail_cache_insert (struct app *app)
{
    struct tracer *t = app->tracer;
    struct block *place = &app->cache[app->cache_next++ % CACHE_ENTRIES];

    if (place->address != 0)
        GIVE (t, *place);
    *place = TAKE (t, 9000 + tracer_random (t, 12000));
}

static void thumbnail_scale (struct app *app)
{
    struct tracer *t = app->tracer;
    struct block row = TAKE (t, 2048);

    tracer_wait (t, 500000);
    CALL (t, thumbnail_cache_insert, app);
    GIVE (t, row);
}

static void batch_release (struct app *app)
{
    while (app->n_strips > 0)
        GIVE (app->tracer, app->strips[--app->n_strips]);
}

static void picture_import (struct app *app, unsigned picture)
{
    struct tracer *t = app->tracer;

    CALL (t, exif_parse, app, picture);
    CALL (t, picture_decode, app);
    CALL (t, thumbnail_scale, app);
    if (picture % BATCH_PICTURES == BATCH_PICTURES - 1)
        CALL (t, batch_release, app);
}

static void decoder_thread (struct app *app, unsigned picture)
{
    CALL (app->tracer, picture_import, app, picture);
}

static void label_make (struct app *app, unsigned i)
{
    struct tracer *t = app->tracer;
    struct block text = TAKE (t, 20 + tracer_random (t, 30));

    app->labels[i] = TAKE (t, 480 + tracer_random (t, 800));
    tracer_wait (t, 30000);
    GIVE (t, text);
}

/* Labels live until the page is turned: a saw with small teeth. */
static void page_layout (struct app *app)
{
    struct tracer *t = app->tracer;

    for (unsigned i = 0; i < PAGE_LABELS; i++)
        CALL (t, label_make, app, i);
    for (unsigned i = 0; i < 12; i++)
        CALL (t, thumbnail_scale, app);
}

static void page_clear (struct app *app)
{
    for (unsigned i = 0; i < PAGE_LABELS; i++) {
        GIVE (app->tracer, app->labels[i]);
        app->labels[i].address = 0;
    }
}

/* The leak: the log keeps no pointer to what it was given. */
static void query_log_append (struct app *app)
{
    struct tracer *t = app->tracer;

    (void)TAKE (t, 48);
    (void)TAKE (t, 24000 + tracer_random (t, 40000));
}

static void page_turn (struct app *app)
{
    struct tracer *t = app->tracer;

    if (app->labels[0].address != 0)
        CALL (t, page_clear, app);
    CALL (t, page_layout, app);
    CALL (t, query_log_append, app); /* a page is found by a query, too */
}

static void query_tokenize (struct app *app)
{
    struct tracer *t = app->tracer;
    struct block tokens[24];

    for (unsigned i = 0; i < 24; i++) {
        tokens[i] = TAKE (t, 8 + tracer_random (t, 24));
        tracer_wait (t, 6000);
    }
    for (unsigned i = 0; i < 24; i++)
        GIVE (t, tokens[i]);
}

static void results_collect (struct app *app)
{
    struct tracer *t = app->tracer;
    struct block results[60];

    for (unsigned i = 0; i < 60; i++) {
        results[i] = TAKE (t, 200 + tracer_random (t, 3000));
        tracer_wait (t, 90000);
    }
    for (unsigned i = 0; i < 60; i++)
        GIVE (t, results[i]);
}

static void query_run (struct app *app)
{
    struct tracer *t = app->tracer;

    CALL (t, query_tokenize, app);
    CALL (t, query_log_append, app);
    CALL (t, results_collect, app);
}

static void search_thread (struct app *app)
{
    CALL (app->tracer, query_run, app);
}

static void export_write (struct app *app)
{
    struct tracer *t = app->tracer;
    struct block buffer = TAKE (t, 65536);

    for (unsigned i = 0; i < 150; i++) {
        struct block row = TAKE (t, 6144);

        tracer_wait (t, 5 * MS);
        RESIZE (t, &buffer, buffer.size + 40960);
        GIVE (t, row);
    }
    GIVE (t, buffer);
}

static void album_export (struct app *app)
{
    CALL (app->tracer, export_write, app);
}

static void idle_tick (struct app *app)
{
    struct tracer *t = app->tracer;
    struct block event = TAKE (t, 96);
    struct block message = TAKE (t, 40 + tracer_random (t, 200));

    GIVE (t, message);
    GIVE (t, event);
}

static void library_close (struct app *app)
{
    struct tracer *t = app->tracer;

    for (unsigned i = 0; i < CACHE_ENTRIES; i++) {
        tracer_wait (t, MS);
        if (app->cache[i].address != 0)
            GIVE (t, app->cache[i]);
    }
    for (unsigned i = 0; i < INDEX_ENTRIES; i++)
        GIVE (t, app->index_entries[i]);
    GIVE (t, app->index);
}

static void work (struct app *app)
{
    struct tracer *t = app->tracer;

    tracer_thread (t, TID_MAIN, "main");
    tracer_mark (t, "start");
    CALL (t, settings_load, app);
    CALL (t, library_open, app);

    tracer_until (t, SECOND);
    tracer_mark (t, "import");
    for (unsigned i = 0; i < N_PICTURES; i++) {
        tracer_until (t, SECOND + i * 15 * MS);
        tracer_thread (t, TID_DECODER + i / BATCH_PICTURES % 2, "decoder");
        CALL (t, decoder_thread, app, i);
    }

    tracer_thread (t, TID_MAIN, "main");
    tracer_until (t, 9 * SECOND);
    tracer_mark (t, "browse");
    for (unsigned i = 0; i < 50; i++) {
        tracer_until (t, 9 * SECOND + i * 110 * MS);
        CALL (t, page_turn, app);
    }

    tracer_until (t, 15 * SECOND);
    tracer_mark (t, "search");
    tracer_thread (t, TID_SEARCH, "search");
    for (unsigned i = 0; i < 150; i++) {
        tracer_until (t, 15 * SECOND + i * 40 * MS);
        CALL (t, search_thread, app);
    }

    tracer_thread (t, TID_MAIN, "main");
    tracer_until (t, 22 * SECOND);
    tracer_mark (t, "export");
    for (unsigned i = 0; i < 3; i++)
        CALL (t, album_export, app);

    tracer_until (t, 25 * SECOND);
    tracer_mark (t, "idle");
    for (unsigned i = 0; i < 250; i++) {
        tracer_until (t, 25 * SECOND + i * 10 * MS);
        CALL (t, idle_tick, app);
    }

    tracer_until (t, 28 * SECOND);
    tracer_mark (t, "close");
    CALL (t, page_clear, app);
    CALL (t, library_close, app);
    tracer_until (t, 29 * SECOND);
}

int main (int argc, char **argv)
{
    static struct app app;
    struct hs_error error;

    if (argc != 2) {
        (void)fprintf (stderr, "usage: heapstrata-demo OUT.etl\n");
        return 2;
    }
    app.tracer = tracer_new (argv[1], __FILE__, &error);
    if (app.tracer == NULL) {
        (void)fprintf (stderr, "heapstrata-demo: %s: %s\n", argv[1], error.text);
        return 1;
    }
    work (&app);
    if (tracer_finish (app.tracer, &error) != HS_OK) {
        (void)fprintf (stderr, "heapstrata-demo: %s: %s\n", argv[1], error.text);
        return 1;
    }
    return 0;
}
