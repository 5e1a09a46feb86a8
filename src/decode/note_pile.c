/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notes piled up by kind; see note_pile.h. */
#include "decode/note_pile.h"

#include <stdarg.h>
#include <stdio.h>

static void add (struct hs_note_pile *pile, enum hs_note_kind kind, uint64_t count,
                 uint64_t file_offset, const char *format, va_list args)
{
    struct hs_piled_note *note = &pile->notes[kind];
    bool is_first = note->count == 0;

    pile->has_any = true;
    if (count < UINT32_MAX - note->count)
        note->count += (uint32_t)count;
    else
        note->count = UINT32_MAX;
    if (!is_first)
        return;
    note->file_offset = file_offset;
    (void)vsnprintf (note->sentence, sizeof note->sentence, format, args);
}

void hs_note_pile_add (struct hs_note_pile *pile, enum hs_note_kind kind, uint64_t file_offset,
                       const char *format, ...)
{
    va_list args;

    va_start (args, format);
    add (pile, kind, 1, file_offset, format, args);
    va_end (args);
}

void hs_note_pile_add_many (struct hs_note_pile *pile, enum hs_note_kind kind, uint64_t count,
                            uint64_t file_offset, const char *format, ...)
{
    va_list args;

    va_start (args, format);
    add (pile, kind, count, file_offset, format, args);
    va_end (args);
}

void hs_note_pile_flush (struct hs_note_pile *pile, struct hs_event_batch *batch)
{
    if (!pile->has_any)
        return;
    for (unsigned kind = 0; kind < HS_N_NOTE_KINDS; kind++) {
        struct hs_piled_note *note = &pile->notes[kind];

        if (note->count > 0)
            hs_batch_add_notes (batch, (enum hs_note_kind)kind, note->count, note->file_offset,
                                note->sentence);
        note->count = 0;
    }
    pile->has_any = false;
}
