#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 64
#define OWNER_BITS 20
#define SEQUENCE_BITS 40
#define RANK_IN_CLASS_END (UINT64_C(1) << (OWNER_BITS + SEQUENCE_BITS))
#define NO_SLOT UINT32_MAX

/* Measured with 1 to 1,000,000 events pending: digits of 6 bits are slower, of 10 no faster. */
#define DIGIT_BITS 8
#define DIGITS (1u << DIGIT_BITS)
#define WORDS (DIGITS / 64)
#define LEVELS (128 / DIGIT_BITS)
#define RANK_LEVELS (64 / DIGIT_BITS)

/* The time in the upper half, (priority, owner, sequence) in the lower: one number orders events.
 */
__extension__ typedef unsigned __int128 event_key;

/* A line of the cache. */
struct slot {
    event_key key;
    event_function function;
    void *context;
    uint64_t argument;
    uint32_t generation;
    uint32_t bucket;   /* while pending: level * DIGITS + digit */
    uint32_t next;     /* in the bucket while pending, the next free slot otherwise */
    uint32_t previous; /* in the bucket */
};

/*
 * A pending event lies at the level of the highest digit in which its key
 * differs from `base`, in that digit's bucket. `base` is never above a pending
 * key, so lower levels, and in a level lower digits, come first.
 */
struct engine {
    sim_ps now;
    uint64_t present; /* the rank of the event that is being dispatched */
    uint64_t sequence;
    uint64_t dispatched;
    event_key base;
    struct slot *slots;
    uint32_t count;
    uint32_t capacity;
    uint32_t free_slot;
    uint32_t earliest;               /* of the pending; NO_SLOT: not known, or none is */
    uint32_t filled_levels;          /* bit l: level l has events */
    uint64_t filled[LEVELS][WORDS];  /* bit d of level l: that bucket has events */
    uint32_t heads[LEVELS * DIGITS]; /* each bucket's first slot; NO_SLOT: it is empty */
};

struct engine *engine_new(struct error *error)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    if (!engine) {
        error_out_of_memory(error, "event queue");
        return NULL;
    }
    engine->free_slot = NO_SLOT;
    engine->earliest = NO_SLOT;
    memset(engine->heads, 0xff, sizeof(engine->heads)); /* NO_SLOT */
    if (engine_reserve(engine, 64, error) < 0) {
        engine_free(engine);
        return NULL;
    }
    return engine;
}

void engine_free(struct engine *engine)
{
    if (!engine)
        return;
    free(engine->slots);
    free(engine);
}

int engine_reserve(struct engine *engine, size_t events, struct error *error)
{
    if (events <= engine->capacity)
        return 0;
    if (events >= NO_SLOT)
        return error_set(error, ERROR_MEMORY, "more than %u pending events", NO_SLOT - 1);
    struct slot *slots = aligned_alloc(LINE_BYTES, events * sizeof(*slots));
    if (!slots)
        return error_out_of_memory(error, "event queue");
    if (engine->capacity > 0)
        memcpy(slots, engine->slots, engine->capacity * sizeof(*slots));
    free(engine->slots);
    engine->slots = slots;
    for (uint32_t slot = (uint32_t)events; slot-- > engine->capacity;) {
        slots[slot] = (struct slot){.generation = 1, .next = engine->free_slot};
        engine->free_slot = slot;
    }
    engine->capacity = (uint32_t)events;
    return 0;
}

/* Of a number that is not 0. */
static uint32_t highest_bit(event_key number)
{
    uint64_t upper = (uint64_t)(number >> 64);
    uint64_t lower = (uint64_t)number;
    return upper ? 127 - (uint32_t)__builtin_clzll(upper) : 63 - (uint32_t)__builtin_clzll(lower);
}

static uint32_t bucket_of(event_key key, event_key base)
{
    uint32_t level = highest_bit((key ^ base) | 1) / DIGIT_BITS;
    uint32_t digit = (uint32_t)(key >> (level * DIGIT_BITS)) % DIGITS;
    return level * DIGITS + digit;
}

static void mark_filled(struct engine *engine, uint32_t bucket)
{
    engine->filled[bucket / DIGITS][bucket % DIGITS / 64] |= UINT64_C(1) << bucket % 64;
    engine->filled_levels |= 1u << bucket / DIGITS;
}

static void mark_empty(struct engine *engine, uint32_t bucket)
{
    uint64_t *words = engine->filled[bucket / DIGITS];
    uint64_t any = 0;
    engine->heads[bucket] = NO_SLOT;
    words[bucket % DIGITS / 64] &= ~(UINT64_C(1) << bucket % 64);
    for (uint32_t i = 0; i < WORDS; i++)
        any |= words[i];
    if (!any)
        engine->filled_levels &= ~(1u << bucket / DIGITS);
}

/* The bucket of the earliest events; there must be some. */
static uint32_t first_bucket(const struct engine *engine)
{
    uint32_t level = (uint32_t)__builtin_ctz(engine->filled_levels);
    uint32_t word = 0;
    while (!engine->filled[level][word])
        word++;
    uint32_t bit = (uint32_t)__builtin_ctzll(engine->filled[level][word]);
    return level * DIGITS + word * 64 + bit;
}

/* Puts a slot, its key set, into its bucket. */
static void place(struct engine *engine, uint32_t index)
{
    struct slot *slot = &engine->slots[index];
    uint32_t bucket = bucket_of(slot->key, engine->base);
    slot->bucket = bucket;
    slot->previous = NO_SLOT;
    slot->next = engine->heads[bucket];
    if (slot->next != NO_SLOT)
        engine->slots[slot->next].previous = index;
    else
        mark_filled(engine, bucket);
    engine->heads[bucket] = index;
}

/* Takes a slot out of its bucket. */
static void displace(struct engine *engine, uint32_t index)
{
    const struct slot *slot = &engine->slots[index];
    if (slot->next != NO_SLOT)
        engine->slots[slot->next].previous = slot->previous;
    if (slot->previous != NO_SLOT)
        engine->slots[slot->previous].next = slot->next;
    else if (slot->next != NO_SLOT)
        engine->heads[slot->bucket] = slot->next;
    else
        mark_empty(engine, slot->bucket);
    if (engine->earliest == index)
        engine->earliest = NO_SLOT;
}

/*
 * Makes room below `base` for a new event at its very time, but of an earlier
 * class: the few others of that time are placed again.
 */
static void lower_base(struct engine *engine)
{
    uint32_t chain = NO_SLOT;
    while (engine->filled_levels & ((1u << RANK_LEVELS) - 1)) {
        uint32_t index = engine->heads[first_bucket(engine)];
        displace(engine, index);
        engine->slots[index].next = chain;
        chain = index;
    }
    engine->base = engine->base >> 64 << 64;
    while (chain != NO_SLOT) {
        uint32_t index = chain;
        chain = engine->slots[index].next;
        place(engine, index);
    }
}

/* Lets a slot, its key set, be pending. */
static void enter(struct engine *engine, uint32_t index)
{
    event_key key = engine->slots[index].key;
    if (key < engine->base)
        lower_base(engine);
    place(engine, index);
    bool is_known = engine->earliest != NO_SLOT || engine->count == 0;
    if (is_known && (engine->count == 0 || key < engine->slots[engine->earliest].key))
        engine->earliest = index;
    engine->count++;
}

/* The earliest pending event's slot; NO_SLOT where there is none. */
static uint32_t find_earliest(struct engine *engine)
{
    if (engine->earliest != NO_SLOT || engine->count == 0)
        return engine->earliest;
    const struct slot *slots = engine->slots;
    uint32_t earliest = engine->heads[first_bucket(engine)];
    for (uint32_t i = slots[earliest].next; i != NO_SLOT; i = slots[i].next)
        if (slots[i].key < slots[earliest].key)
            earliest = i;
    engine->earliest = earliest;
    return earliest;
}

/* Empties the earliest event's bucket: it becomes the base, the others come nearer to it. */
static void take_earliest(struct engine *engine, uint32_t earliest)
{
    uint32_t bucket = engine->slots[earliest].bucket;
    engine->base = engine->slots[earliest].key;
    engine->earliest = NO_SLOT;
    engine->count--;
    uint32_t first = engine->heads[bucket];
    mark_empty(engine, bucket);
    for (uint32_t i = first; i != NO_SLOT;) {
        uint32_t next = engine->slots[i].next;
        if (i != earliest)
            place(engine, i);
        i = next;
    }
}

static void free_slot(struct engine *engine, uint32_t index)
{
    struct slot *slot = &engine->slots[index];
    if (++slot->generation == 0)
        slot->generation = 1;
    slot->next = engine->free_slot;
    engine->free_slot = index;
}

static event_key key_of(sim_ps at, uint64_t rank)
{
    return (event_key)(uint64_t)at << 64 | rank;
}

static sim_ps time_of(event_key key)
{
    return (sim_ps)(uint64_t)(key >> 64);
}

static uint64_t rank_of(enum event_priority priority, uint32_t owner, uint64_t sequence)
{
    return (uint64_t)priority << (OWNER_BITS + SEQUENCE_BITS) | (uint64_t)owner << SEQUENCE_BITS |
           sequence;
}

event_id engine_schedule(struct engine *engine, sim_ps at, enum event_priority priority,
                         uint32_t owner, event_function function, void *context, uint64_t argument)
{
    assert(at >= engine->now);
    assert(owner < UINT32_C(1) << OWNER_BITS);
    assert(engine->sequence < UINT64_C(1) << SEQUENCE_BITS);
    if (engine->free_slot == NO_SLOT) {
        struct error ignored;
        if (engine_reserve(engine, (size_t)engine->capacity * 2, &ignored) < 0)
            return 0;
    }
    uint32_t index = engine->free_slot;
    struct slot *slot = &engine->slots[index];
    engine->free_slot = slot->next;
    slot->key = key_of(at, rank_of(priority, owner, engine->sequence++));
    slot->function = function;
    slot->context = context;
    slot->argument = argument;
    enter(engine, index);
    return (uint64_t)slot->generation << 32 | index;
}

static bool is_pending(const struct engine *engine, event_id id)
{
    uint32_t index = (uint32_t)id;
    return id != 0 && index < engine->capacity &&
           engine->slots[index].generation == (uint32_t)(id >> 32);
}

bool engine_cancel(struct engine *engine, event_id id)
{
    if (!is_pending(engine, id))
        return false;
    displace(engine, (uint32_t)id);
    engine->count--;
    free_slot(engine, (uint32_t)id);
    return true;
}

void engine_move(struct engine *engine, event_id id, sim_ps at, enum event_priority priority)
{
    assert(at >= engine->now);
    assert(is_pending(engine, id));
    uint32_t index = (uint32_t)id;
    struct slot *slot = &engine->slots[index];
    uint64_t rank_in_class = (uint64_t)slot->key % RANK_IN_CLASS_END;
    displace(engine, index);
    engine->count--;
    slot->key = key_of(at, (uint64_t)priority * RANK_IN_CLASS_END | rank_in_class);
    enter(engine, index);
}

bool engine_step(struct engine *engine)
{
    uint32_t index = find_earliest(engine);
    if (index == NO_SLOT)
        return false;
    take_earliest(engine, index);
    const struct slot *slot = &engine->slots[index];
    event_function function = slot->function;
    void *context = slot->context;
    uint64_t argument = slot->argument;
    engine->now = time_of(slot->key);
    engine->present = (uint64_t)slot->key;
    engine->dispatched++;
    free_slot(engine, index);
    function(context, argument);
    return true;
}

bool engine_would_be_next(struct engine *engine, sim_ps at, enum event_priority priority,
                          uint32_t owner)
{
    uint32_t earliest = find_earliest(engine);
    return earliest == NO_SLOT ||
           key_of(at, rank_of(priority, owner, engine->sequence)) < engine->slots[earliest].key;
}

sim_ps engine_next_at(struct engine *engine)
{
    uint32_t earliest = find_earliest(engine);
    return earliest == NO_SLOT ? SIM_PS_MAX : time_of(engine->slots[earliest].key);
}

void engine_advance(struct engine *engine, sim_ps at, enum event_priority priority, uint32_t owner)
{
    assert(at >= engine->now);
    assert(engine_next_at(engine) >= at);
    engine->now = at;
    engine->present = rank_of(priority, owner, 0);
}

bool engine_is_past(const struct engine *engine, sim_ps at, enum event_priority priority,
                    uint32_t owner)
{
    uint64_t first_of_owner = rank_of(priority, owner, 0);
    uint64_t present_owner = engine->present >> SEQUENCE_BITS << SEQUENCE_BITS;
    return at != engine->now ? at < engine->now : first_of_owner < present_owner;
}

sim_ps engine_now(const struct engine *engine)
{
    return engine->now;
}

size_t engine_pending(const struct engine *engine)
{
    return engine->count;
}

uint64_t engine_dispatched(const struct engine *engine)
{
    return engine->dispatched;
}
