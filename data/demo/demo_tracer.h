/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Events of a program that only pretends to allocate: virtual time, an allocator of addresses with
 * size classes, and call stacks that the functions announce themselves (CALL). One thread.
 */
#ifndef HS_DEMO_DEMO_TRACER_H
#define HS_DEMO_DEMO_TRACER_H

#include "encode/encoder.h"

struct tracer;

struct block {
    uint64_t address; /* 0 = none */
    uint64_t size;    /* bytes asked for */
};

/* Begins a trace in `path`; `source_file` is what call stacks name. NULL on failure. */
struct tracer *tracer_new (const char *path, const char *source_file, struct hs_error *err);
enum hs_status tracer_finish (struct tracer *tracer, struct hs_error *err);

/* What follows happens on that thread, below its first functions. */
void tracer_thread (struct tracer *tracer, uint32_t tid, const char *name);
void tracer_mark (struct tracer *tracer, const char *name);

/* Virtual time goes on by `ns`, or up to `ns` since the start if that is later. */
void tracer_wait (struct tracer *tracer, int64_t ns);
void tracer_until (struct tracer *tracer, int64_t ns);

/* 0 .. below-1, always the same sequence. */
uint32_t tracer_random (struct tracer *tracer, uint32_t below);

void tracer_enter (struct tracer *tracer, const char *function, uint32_t line_of_call);
void tracer_leave (struct tracer *tracer);
struct block tracer_take (struct tracer *tracer, uint32_t line, uint64_t size);
void tracer_give (struct tracer *tracer, uint32_t line, struct block block);
void tracer_resize (struct tracer *tracer, uint32_t line, struct block *block, uint64_t size);

#define CALL(tracer, function, ...)                                                                \
    do {                                                                                           \
        tracer_enter ((tracer), #function, __LINE__);                                              \
        function (__VA_ARGS__);                                                                    \
        tracer_leave (tracer);                                                                     \
    } while (0)
#define TAKE(tracer, size) tracer_take ((tracer), __LINE__, (size))
#define GIVE(tracer, block) tracer_give ((tracer), __LINE__, (block))
#define RESIZE(tracer, block, size) tracer_resize ((tracer), __LINE__, (block), (size))

#endif
