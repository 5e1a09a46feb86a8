/* SPDX-License-Identifier: MIT */
/* The walk itself, with its cache of rules and its memory of the last stack; see unwind.h. */
#include "capture/unwind/unwind.h"

/*
 * A rule in 64 bits: pc >> 12 as a tag (35), kind (3), CFA offset / 8 (13, signed), rbp offset / 8
 * (13, signed). The low 12 bits of the pc, mixed with the tag, are the index, so a hit is exact.
 */
#define TAG_BITS 35
#define OFFSET_BITS 13
#define OFFSET_MAX ((1 << (OFFSET_BITS - 1)) - 1)
#define LONGEST_CHAIN 128u /* of frames without tables */
#define LOWEST_CODE 65536u

static unsigned cache_index (uintptr_t pc)
{
    uintptr_t high = pc >> 12;

    return (unsigned)((pc ^ high ^ high >> 12 ^ high >> 24) & (HS_UNWIND_CACHE - 1));
}

/*
 * The rules of the kind HS_UNWIND_RSP that were used last lie close together, since the whole cache
 * does not fit into the processor's nearest one: 64 bits again, with pc >> 11 (36) as the tag above
 * both offsets. The index has its low 11 bits, so this hit is exact, too.
 */
#define NEAR_TAG_SHIFT 28

static unsigned near_index (uintptr_t pc)
{
    uintptr_t high = pc >> HS_UNWIND_NEAR_BITS;

    return (unsigned)((pc ^ high ^ high >> 11 ^ high >> 22) & (HS_UNWIND_NEAR - 1));
}

static int is_near (uint64_t rule, uintptr_t pc)
{
    return rule >> NEAR_TAG_SHIFT == pc >> HS_UNWIND_NEAR_BITS;
}

static uint64_t make_near (uint64_t packed, uintptr_t pc)
{
    uint64_t offsets = packed & ((UINT64_C (1) << 2 * OFFSET_BITS) - 1);

    return (uint64_t)(pc >> HS_UNWIND_NEAR_BITS) << NEAR_TAG_SHIFT | offsets;
}

static int fits (int32_t offset)
{
    return offset % 8 == 0 && offset / 8 <= OFFSET_MAX && offset / 8 >= -OFFSET_MAX;
}

static uint64_t pack (uintptr_t pc, const struct hs_unwind_rule *rule)
{
    uint64_t mask = (UINT64_C (1) << OFFSET_BITS) - 1;

    return (uint64_t)(pc >> 12) << 29 | (uint64_t)rule->kind << 26 |
           ((uint64_t)(int64_t)(rule->cfa_offset / 8) & mask) << OFFSET_BITS |
           ((uint64_t)(int64_t)(rule->rbp_offset / 8) & mask);
}

static struct hs_unwind_rule unpack (uint64_t packed)
{
    int64_t cfa = (int64_t)(packed << (64 - 2 * OFFSET_BITS)) >> (64 - OFFSET_BITS);
    int64_t rbp = (int64_t)(packed << (64 - OFFSET_BITS)) >> (64 - OFFSET_BITS);

    return (struct hs_unwind_rule){ (uint32_t)(packed >> 26 & 7), (int32_t)cfa * 8,
                                    (int32_t)rbp * 8 };
}

/* The rule for a pc that the cache does not hold. */
static __attribute__ ((noinline, cold)) struct hs_unwind_rule learn_rule (struct hs_unwinder *u,
                                                                          uintptr_t pc,
                                                                          uint64_t *place)
{
    struct hs_unwind_rule rule = { .kind = HS_UNWIND_UNKNOWN };
    struct hs_unwind_module module;

    u->n_rules++;
    if (!u->find (u->find_data, pc - 1, &module))
        return rule; /* not cached: code may appear there later */
    rule = hs_unwind_rule_for (&module, pc);
    if (pc >> (12 + TAG_BITS) == 0 && fits (rule.cfa_offset) && fits (rule.rbp_offset))
        *place = pack (pc, &rule);
    return rule;
}

static struct hs_unwind_rule rule_of (struct hs_unwinder *u, uintptr_t pc)
{
    uint64_t *place = &u->cache[cache_index (pc)];

    if (__builtin_expect (*place != 0 && *place >> 29 == (uint64_t)(pc >> 12), 1))
        return unpack (*place);
    return learn_rule (u, pc, place);
}

/* A frame's caller, when everything that leads to it can be read and makes sense. */
enum step {
    STEP_OK,
    STEP_END,
    STEP_UNPROVED,
};

static int is_readable (uintptr_t at, uintptr_t sp, uintptr_t stack_end)
{
    return at >= sp && at <= stack_end - 8 && at % 8 == 0;
}

static uintptr_t load (uintptr_t at)
{
    return *(const uintptr_t *)at;
}

/*
 * x86-64's struct rt_sigframe without its first word, the handler's return address: a ucontext,
 * which the walk meets with sp at its beginning. A handler on a stack of its own is where the walk
 * ends: the other stack is not in the interval.
 */
enum {
    UC_R8 = 40,
    UC_RBP = 120,
    UC_RSP = 160,
    UC_RIP = 168,
};

static enum step step_over_signal (struct hs_unwind_frame *f, uintptr_t stack_end,
                                   struct hs_unwind_frame *caller)
{
    if (!is_readable (f->sp + UC_RIP, f->sp, stack_end))
        return STEP_UNPROVED;
    caller->sp = load (f->sp + UC_RSP);
    caller->pc = load (f->sp + UC_RIP);
    caller->rbp = load (f->sp + UC_RBP);
    caller->is_interrupted = 1;
    if (caller->sp <= f->sp + UC_RIP || !is_readable (caller->sp, f->sp, stack_end))
        return STEP_UNPROVED;
    return STEP_OK;
}

/* The lowest address where a frame's values may lie: what a signal interrupted may keep some below
 * its sp (the red zone; also an epilogue that has just popped them), and the kernel has spared it.
 */
static uintptr_t lowest_of (const struct hs_unwind_frame *f)
{
    return f->is_interrupted ? f->sp - 128 : f->sp;
}

/*
 * The value of a register in frame `f`: where the nearest of its callees saved it, or the kernel,
 * which saved all. For few frames (the loader's resolver; hand-written ones), so nothing is kept.
 */
static __attribute__ ((noinline, cold)) int find_register (struct hs_unwinder *u,
                                                           const struct hs_unwind_frame *f,
                                                           unsigned number, uintptr_t stack_end,
                                                           uintptr_t *ret)
{
    /* in DWARF's order: rax rdx rcx rbx rsi rdi rbp rsp r8 ... r15; in 8 bytes from UC_R8 on */
    static const uint8_t places[16] = { 13, 12, 14, 11, 9, 8, 10, 15, 0, 1, 2, 3, 4, 5, 6, 7 };
    const unsigned kept_by_callees = 1u << 3 | 0xf000u; /* rbx, r12 to r15 */

    for (; f > u->fresh; f--) {
        const struct hs_unwind_frame *callee = f - 1;
        struct hs_unwind_module module;
        int64_t offset;

        if (f->is_interrupted) {
            *ret = load (callee->sp + UC_R8 + places[number] * 8u);
            return 1;
        }
        if ((kept_by_callees >> number & 1) == 0 ||
            !u->find (u->find_data, callee->pc - 1 + callee->is_interrupted, &module) ||
            !hs_unwind_saved_at (&module, callee->pc + callee->is_interrupted, number, &offset))
            return 0;
        if (offset != 0) {
            uintptr_t at = f->sp + (uintptr_t)offset; /* its CFA is our sp */

            if (!is_readable (at, lowest_of (callee), stack_end))
                return 0;
            *ret = load (at);
            return 1;
        }
    }
    return 0;
}

static enum step cfa_of (struct hs_unwinder *u, struct hs_unwind_frame *f,
                         const struct hs_unwind_rule *rule, uintptr_t stack_end, uintptr_t *ret)
{
    uintptr_t offset = (uintptr_t)(intptr_t)rule->cfa_offset;

    switch ((enum hs_unwind_kind)rule->kind) {
    case HS_UNWIND_RSP:
        *ret = f->sp + offset;
        return STEP_OK;
    case HS_UNWIND_PLT:
        *ret = f->sp + 8 + ((f->pc - 1 + f->is_interrupted) % 16 >= 11 ? 8 : 0);
        return STEP_OK;
    case HS_UNWIND_UNKNOWN:
        f->needs_rbp = 1;
        *ret = f->rbp + 16;
        return f->rbp == 0 ? STEP_END : STEP_OK; /* the ABI's mark of the outermost frame */
    case HS_UNWIND_RBP:
        f->needs_rbp = 1;
        *ret = f->rbp + offset;
        return STEP_OK;
    case HS_UNWIND_RBP_DEREF:
        f->needs_rbp = 1;
        if (!is_readable (f->rbp + offset, f->sp, stack_end))
            return STEP_UNPROVED;
        *ret = load (f->rbp + offset);
        return STEP_OK;
    case HS_UNWIND_END:
        return STEP_END;
    case HS_UNWIND_OTHER:
        f->needs_rbp = 4;
        if (rule->rbp_offset == 0 ||
            !find_register (u, f, (unsigned)rule->rbp_offset / 8, stack_end, ret))
            return STEP_UNPROVED;
        *ret += offset;
        return STEP_OK;
    case HS_UNWIND_SIGNAL:
        break;
    }
    return STEP_UNPROVED;
}

/*
 * Generated code has no tables; much of it keeps rbp as its frames' base, so that they are a chain.
 * It is believed when it leads up the stack to known code: then up to there, u->believed.
 */
static __attribute__ ((noinline, cold)) int leads_to_known (struct hs_unwinder *u,
                                                            const struct hs_unwind_frame *f,
                                                            uintptr_t stack_end)
{
    struct hs_unwind_module module;
    uintptr_t pc = f->pc, sp = f->sp, rbp = f->rbp;

    if (sp <= u->believed)
        return 1;
    for (unsigned i = 0; i < LONGEST_CHAIN; i++) {
        if (pc < LOWEST_CODE || pc >> 47 != 0)
            return 0;
        if (u->find (u->find_data, pc - 1, &module)) {
            u->believed = sp;
            return 1;
        }
        if (!is_readable (rbp, sp, stack_end) || !is_readable (rbp + 8, sp, stack_end))
            return 0;
        pc = load (rbp + 8);
        sp = rbp + 16;
        rbp = load (rbp);
    }
    return 0;
}

/* Fills in how `f` leads to its caller, and the caller's registers. */
static __attribute__ ((noinline)) enum step step (struct hs_unwinder *u, struct hs_unwind_frame *f,
                                                  uintptr_t stack_end,
                                                  struct hs_unwind_frame *caller)
{
    struct hs_unwind_rule rule = rule_of (u, f->pc + f->is_interrupted);
    uintptr_t cfa, rbp_slot = 0;
    enum step outcome;

    f->rbp_slot = 0;
    f->needs_rbp = 0;
    caller->is_interrupted = 0;
    if (rule.kind == HS_UNWIND_SIGNAL)
        return step_over_signal (f, stack_end, caller);
    outcome = cfa_of (u, f, &rule, stack_end, &cfa);
    if (outcome != STEP_OK)
        return outcome;
    if (cfa <= f->sp || !is_readable (cfa - 8, f->sp, stack_end))
        return STEP_UNPROVED;
    if (rule.kind == HS_UNWIND_RBP_DEREF)
        rbp_slot = f->rbp;
    else if (rule.kind == HS_UNWIND_UNKNOWN)
        rbp_slot = cfa - 16;
    else if (rule.rbp_offset != 0 && rule.kind != HS_UNWIND_OTHER)
        rbp_slot = cfa + (uintptr_t)(intptr_t)rule.rbp_offset;
    caller->rbp = f->rbp;
    if (rbp_slot != 0) {
        if (!is_readable (rbp_slot, lowest_of (f), stack_end))
            return STEP_UNPROVED;
        caller->rbp = load (rbp_slot);
        f->rbp_slot = rbp_slot;
    }
    caller->sp = cfa;
    caller->pc = load (cfa - 8);
    if (caller->pc == 0)
        return STEP_END;
    if (rule.kind == HS_UNWIND_UNKNOWN && !leads_to_known (u, caller, stack_end))
        return STEP_UNPROVED;
    return STEP_OK;
}

/*
 * How many of the remembered frames [0, top] still stand in memory, given that frame `top` is the
 * one being walked: frame i leads to frame i - 1 when its slots hold what they held. Returns the
 * lowest index that is proved (0 = all). The loads do not wait for each other, and four of them
 * share a branch.
 */
static inline uint32_t verify (const struct hs_unwinder *u, uint32_t top)
{
    const uintptr_t *sp = u->sp, *pc = u->pc;
    uint32_t i = top;

    for (; i >= 4; i -= 4) {
        uintptr_t a = load (sp[i - 1] - 8) ^ pc[i - 1], b = load (sp[i - 2] - 8) ^ pc[i - 2];
        uintptr_t c = load (sp[i - 3] - 8) ^ pc[i - 3], d = load (sp[i - 4] - 8) ^ pc[i - 4];

        if (((a | b) | (c | d)) != 0)
            break;
    }
    while (i > 0 && load (sp[i - 1] - 8) == pc[i - 1])
        i--;
    for (uint32_t word = top / 64 + 1; word > i / 64; word--) {
        uint64_t bits = u->checks_rbp[word - 1];

        if (word - 1 == top / 64)
            bits &= ~UINT64_C (0) >> (63 - top % 64);
        for (; bits != 0; bits &= bits - 1) {
            uint32_t at = (word - 1) * 64 + (uint32_t)__builtin_ctzll (bits);

            if (at > i && load (u->rbp_slot[at]) != u->rbp[at - 1])
                i = at;
        }
    }
    return i;
}

static uint64_t mix (uint64_t hash, uintptr_t pc)
{
    hash = (hash ^ pc) * UINT64_C (0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

/* Puts the `n_fresh` frames of this walk (leaf first) on top of the first `n_kept` remembered ones.
 * What a signal interrupted is not found again below an sp, what another register led to may have
 * changed: such stacks are walked anew. What a frame takes from the one outside of it stays in
 * registers: through memory each would wait for the stores of the one before. */
static void remember (struct hs_unwinder *u, uint32_t n_kept, uint32_t n_fresh, int is_unusual)
{
    uint64_t hash, checks;
    unsigned needs_rbp;

    if (n_fresh > HS_UNWIND_MAX_FRAMES - n_kept) { /* the leaf is what matters: forget the rest */
        n_kept = 0;
        u->is_complete = 0;
    }
    hash = n_kept > 0 ? u->hash[n_kept - 1] : 0;
    needs_rbp = n_kept > 0 ? u->needs_rbp[n_kept - 1] : 0;
    checks = n_fresh > 0 ? u->checks_rbp[n_kept / 64] : 0;
    for (uint32_t i = n_kept; n_fresh > 0; i++, n_kept++) {
        const struct hs_unwind_frame *f = &u->fresh[--n_fresh];
        uint64_t bit = UINT64_C (1) << i % 64;
        int is_saved = f->rbp_slot != 0;

        u->pc[i] = f->pc;
        u->sp[i] = f->sp;
        u->rbp[i] = f->rbp;
        u->rbp_slot[i] = f->rbp_slot;
        u->hash[i] = hash = mix (hash, f->pc);
        checks = needs_rbp != 0 && is_saved ? checks | bit : checks & ~bit;
        u->checks_rbp[i / 64] = checks;
        needs_rbp = f->needs_rbp | (needs_rbp != 0 && !is_saved ? 2u : 0u);
        u->needs_rbp[i] = (uint8_t)needs_rbp;
    }
    u->n_frames = n_kept;
    u->n_known = is_unusual ? 0 : n_kept;
}

/* Whether these are a remembered frame's registers, looking from number *k - 1 outwards; *k - 1 is
 * then its number. */
static inline int find_known (const struct hs_unwinder *u, uintptr_t pc, uintptr_t sp,
                              uintptr_t rbp, uint32_t *k)
{
    uint32_t i = *k;

    while (i > 0 && u->sp[i - 1] < sp)
        i--;
    *k = i;
    return i > 0 && u->sp[i - 1] == sp && u->pc[i - 1] == pc &&
           (u->rbp[i - 1] == rbp || u->needs_rbp[i - 1] == 0);
}

/*
 * Remembered frames [first, k) still stand, but not all outside of them: takes them over as fresh
 * ones, `f` being the innermost, and returns the place of the next frame, which is filled in. The
 * same pc, sp and (where it matters) rbp give the same slots; rbp itself may have changed.
 */
static struct hs_unwind_frame *take_over (const struct hs_unwinder *u, struct hs_unwind_frame *f,
                                          uint32_t first, uint32_t k)
{
    for (uint32_t i = k; i > first; i--, f++) {
        uintptr_t rbp_slot = u->rbp_slot[i - 1];

        f->rbp_slot = rbp_slot;
        f->needs_rbp = u->needs_rbp[i - 1] & 1u;
        f[1].rbp = rbp_slot != 0 ? load (rbp_slot) : f->rbp;
        f[1].sp = u->sp[i - 2];
        f[1].pc = u->pc[i - 2];
        f[1].is_interrupted = 0;
    }
    return f;
}

/*
 * Steps over frames of the common kind, whose rule is in the cache, until one that is not or that
 * may be a remembered one; returns it, filled in. The registers stay in registers: through memory
 * each step would wait for the stores of the one before.
 */
static inline struct hs_unwind_frame *stride (struct hs_unwinder *u, struct hs_unwind_frame *f,
                                              const struct hs_unwind_frame *last, uint32_t *k)
{
    uintptr_t pc = f->pc, sp = f->sp, rbp = f->rbp, stack_end = u->stack_end;
    const struct hs_unwind_frame *first = f;

    if (__builtin_expect (f->is_interrupted, 0))
        return f;
    for (; f < last; f++) {
        uint64_t *near = &u->near[near_index (pc)], rule = *near;
        uintptr_t cfa, offset, rbp_slot = 0;

        if (find_known (u, pc, sp, rbp, k))
            break;
        if (__builtin_expect (!is_near (rule, pc), 0)) {
            rule = u->cache[cache_index (pc)];
            if ((rule >> 29 ^ pc >> 12) != 0 || (rule >> 26 & 7) != HS_UNWIND_RSP)
                break;
            *near = rule = make_near (rule, pc);
        }
        cfa = sp + (uintptr_t)((int64_t)(rule << 38) >> 51) * 8;
        offset = (uintptr_t)((int64_t)(rule << 51) >> 51) * 8;
        if (__builtin_expect (cfa <= sp || cfa > stack_end, 0))
            break;
        f->pc = pc;
        f->sp = sp;
        f->rbp = rbp;
        f->needs_rbp = 0;
        pc = load (cfa - 8);
        if (__builtin_expect (pc == 0, 0)) {
            pc = f->pc;
            break;
        }
        if (offset != 0) {
            rbp_slot = cfa + offset;
            if (__builtin_expect (rbp_slot < sp || rbp_slot > stack_end - 8, 0)) {
                pc = f->pc;
                break;
            }
            rbp = load (rbp_slot);
        }
        f->rbp_slot = rbp_slot;
        sp = cfa;
    }
    u->n_walked += (uint64_t)(f - first);
    f->pc = pc;
    f->sp = sp;
    f->rbp = rbp;
    f->is_interrupted = 0;
    return f;
}

/* Walks until the end, or until the rest is proved to be the first *n_kept remembered frames. */
static inline enum hs_unwind_outcome climb (struct hs_unwinder *u, uintptr_t stack_end,
                                            uint32_t *n_fresh, uint32_t *n_kept, int *is_unusual)
{
    struct hs_unwind_frame *f = u->fresh, *last = u->fresh + HS_UNWIND_MAX_FRAMES - 1;
    uint32_t k = u->n_known;
    enum step outcome = STEP_OK;

    *n_kept = 0;
    *is_unusual = 0;
    u->believed = 0;
    for (;;) {
        f = stride (u, f, last, &k);
        if (f == last)
            break;
        if (find_known (u, f->pc, f->sp, f->rbp, &k)) {
            uint32_t proved = verify (u, k - 1);

            if (__builtin_expect (proved == 0, 1)) {
                *n_kept = k;
                *n_fresh = (uint32_t)(f - u->fresh);
                return u->is_complete ? HS_UNWIND_COMPLETE : HS_UNWIND_TRUNCATED;
            }
            /* frame `proved` has another caller now: it is the next one to step from */
            if (k - 1 - proved < (uint32_t)(last - f))
                f = take_over (u, f, proved + 1, k);
            k = proved;
        }
        u->n_walked++;
        outcome = step (u, f, stack_end, f + 1);
        f++;
        if (__builtin_expect (outcome == STEP_OK && (f->is_interrupted | (f[-1].needs_rbp & 4)),
                              0)) {
            *is_unusual = 1;
            k = 0;
        }
        if (outcome != STEP_OK)
            break;
    }
    *n_fresh = (uint32_t)(f - u->fresh);
    return outcome == STEP_END ? HS_UNWIND_COMPLETE : HS_UNWIND_TRUNCATED;
}

enum hs_unwind_outcome hs_unwind_walk (struct hs_unwinder *u, const struct hs_unwind_start *start,
                                       uint32_t *ret_n)
{
    enum hs_unwind_outcome outcome;
    uint32_t n_fresh, n_kept;
    int is_unusual;

    *ret_n = 0;
    if (start->sp % 8 != 0 || start->stack_end < start->sp + 8) {
        u->n_frames = u->n_known = 0;
        return HS_UNWIND_TRUNCATED;
    }
    if (start->stack_end != u->stack_end) { /* another stack: nothing remembered is about it */
        u->n_known = 0;
        u->stack_end = start->stack_end;
    }
    u->fresh[0].pc = start->pc;
    u->fresh[0].sp = start->sp;
    u->fresh[0].rbp = start->rbp;
    u->fresh[0].is_interrupted = 0;
    outcome = climb (u, start->stack_end, &n_fresh, &n_kept, &is_unusual);
    u->is_complete = outcome == HS_UNWIND_COMPLETE;
    u->n_verified += n_kept;
    remember (u, n_kept, n_fresh, is_unusual);
    *ret_n = u->n_frames;
    return outcome;
}

void hs_unwind_init (struct hs_unwinder *u, hs_unwind_find find, void *find_data)
{
    u->find = find;
    u->find_data = find_data;
    hs_unwind_flush (u);
}

void hs_unwind_flush (struct hs_unwinder *u)
{
    u->n_frames = u->n_known = 0;
    for (unsigned i = 0; i < HS_UNWIND_NEAR; i++)
        u->near[i] = 0;
    for (unsigned i = 0; i < HS_UNWIND_CACHE; i++)
        u->cache[i] = 0;
}
