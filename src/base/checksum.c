/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XXH64; see checksum.h. */
#include "base/checksum.h"

#define PRIME_1 UINT64_C (0x9e3779b185ebca87)
#define PRIME_2 UINT64_C (0xc2b2ae3d27d4eb4f)
#define PRIME_3 UINT64_C (0x165667b19e3779f9)
#define PRIME_4 UINT64_C (0x85ebca77c2b2ae63)
#define PRIME_5 UINT64_C (0x27d4eb2f165667c5)
#define STRIPE_BYTES 32

static uint64_t rotate (uint64_t value, unsigned n)
{
    return value << n | value >> (64 - n);
}

static uint64_t step (uint64_t lane, uint64_t input)
{
    return rotate (lane + input * PRIME_2, 31) * PRIME_1;
}

static uint64_t merge (uint64_t sum, uint64_t lane)
{
    return (sum ^ step (0, lane)) * PRIME_1 + PRIME_4;
}

static uint64_t add_stripes (struct hs_span *rest)
{
    uint64_t a = PRIME_1 + PRIME_2, b = PRIME_2, c = 0, d = 0 - PRIME_1, sum;

    for (; rest->size >= STRIPE_BYTES; rest->data += STRIPE_BYTES, rest->size -= STRIPE_BYTES) {
        a = step (a, hs_get_u64 (rest->data));
        b = step (b, hs_get_u64 (rest->data + 8));
        c = step (c, hs_get_u64 (rest->data + 16));
        d = step (d, hs_get_u64 (rest->data + 24));
    }
    sum = rotate (a, 1) + rotate (b, 7) + rotate (c, 12) + rotate (d, 18);
    return merge (merge (merge (merge (sum, a), b), c), d);
}

uint64_t hs_checksum64 (struct hs_span bytes)
{
    struct hs_span rest = bytes;
    uint64_t sum = bytes.size >= STRIPE_BYTES ? add_stripes (&rest) : PRIME_5;

    sum += bytes.size;
    for (; rest.size >= 8; rest.data += 8, rest.size -= 8)
        sum = rotate (sum ^ step (0, hs_get_u64 (rest.data)), 27) * PRIME_1 + PRIME_4;
    if (rest.size >= 4) {
        sum = rotate (sum ^ hs_get_u32 (rest.data) * PRIME_1, 23) * PRIME_2 + PRIME_3;
        rest.data += 4;
        rest.size -= 4;
    }
    for (; rest.size > 0; rest.data++, rest.size--)
        sum = rotate (sum ^ *rest.data * PRIME_5, 11) * PRIME_1;
    sum = (sum ^ sum >> 33) * PRIME_2;
    sum = (sum ^ sum >> 29) * PRIME_3;
    return sum ^ sum >> 32;
}
