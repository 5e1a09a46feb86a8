/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Notes about damage, piled up by kind: a file full of damage costs one note of each kind a batch,
 * and nothing is dropped without being counted. One thread at a time.
 */
#ifndef HS_DECODE_NOTE_PILE_H
#define HS_DECODE_NOTE_PILE_H

#include "event/event_batch.h"

struct hs_note_pile {
    struct hs_piled_note {
        uint32_t count;
        uint64_t file_offset; /* of the first */
        char sentence[256];   /* of the first */
    } notes[HS_N_NOTE_KINDS];
    bool has_any;
};

void hs_note_pile_add (struct hs_note_pile *pile, enum hs_note_kind kind, uint64_t file_offset,
                       const char *format, ...) __attribute__ ((format (printf, 4, 5)));

/* The same for a note that stands for `count` cases. */
void hs_note_pile_add_many (struct hs_note_pile *pile, enum hs_note_kind kind, uint64_t count,
                            uint64_t file_offset, const char *format, ...)
    __attribute__ ((format (printf, 5, 6)));

/* Puts what is piled up into the batch, which must have room for HS_N_NOTE_KINDS events. */
void hs_note_pile_flush (struct hs_note_pile *pile, struct hs_event_batch *batch);

#endif
