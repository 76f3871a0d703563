#include "engine.h"

#include <stdlib.h>
#include <string.h>

/* For what is not on the shortest path of an event, which without it needs no stack. */
#define OUT_OF_LINE __attribute__((noinline))

#define LINE_BYTES 64
#define OWNER_BITS 20
#define SEQUENCE_BITS 40
#define SLOT_BITS (64 - SEQUENCE_BITS) /* an event's name is its sequence and its slot */
#define RANK_IN_CLASS_END (UINT64_C(1) << (OWNER_BITS + SEQUENCE_BITS))
#define NO_SLOT UINT32_MAX

/* Measured with 1 to 1,000,000 events pending: digits of 6 bits are slower, of 10 no faster. */
#define DIGIT_BITS 8
#define DIGITS (1u << DIGIT_BITS)
#define WORDS (DIGITS / 64)
#define LEVELS (128 / DIGIT_BITS)

/* Measured likewise: more take longer to keep in order, fewer are more often gone. */
#define NEAR_MAX 32

/* For a bucket: a slot is among the near ones, or free. */
#define NO_BUCKET (LEVELS * DIGITS)

/* The time in the upper half, (priority, owner, sequence) in the lower: one number orders events.
 */
__extension__ typedef unsigned __int128 event_key;

#define NO_HORIZON (~(event_key)0) /* nothing is far */

/* A line of the cache. */
struct slot {
    event_key key;
    event_function function;
    void *context;
    uint64_t argument;
    uint32_t bucket;   /* level * DIGITS + digit, or NO_BUCKET */
    uint32_t next;     /* in the bucket, or the next free slot */
    uint32_t previous; /* in the bucket */
};

/* What is enough to order most events: of two at one time the slots decide. */
struct near_event {
    sim_ps at;
    uint32_t slot;
};

/*
 * The earliest pending events, up to `horizon`, are near: in order, at hand. Any
 * later one is far: it lies at the level of the highest digit in which its key
 * differs from `base`, in that digit's bucket. `base` is never above such a key,
 * so lower levels, and in a level lower digits, come first. While any event is
 * pending, one is near.
 */
struct engine {
    sim_ps now;
    uint64_t present;  /* the rank of the event that is being dispatched */
    uint64_t sequence; /* of the next event, from 1 */
    uint64_t cancelled;
    uint64_t unused; /* sequences that were kept, less the events that came into their places */
    event_key base;
    event_key horizon;
    struct slot *slots;
    uint32_t capacity;
    uint32_t free_slot;
    uint32_t far_count;
    struct near_event *near_end;          /* past the next event of all */
    struct near_event near[NEAR_MAX + 1]; /* the latest first */
    uint32_t filled_levels;               /* bit l: level l has events */
    uint64_t filled[LEVELS][WORDS];       /* bit d of level l: that bucket has events */
    uint32_t heads[LEVELS * DIGITS];      /* each bucket's first slot; NO_SLOT: it is empty */
};

struct engine *engine_new(struct error *error)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    if (!engine) {
        error_out_of_memory(error, "event queue");
        return NULL;
    }
    engine->sequence = 1;
    engine->horizon = NO_HORIZON;
    engine->near_end = engine->near;
    engine->free_slot = NO_SLOT;
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
    if (events > UINT32_C(1) << SLOT_BITS)
        return error_set(error, ERROR_MEMORY, "more than %u pending events",
                         UINT32_C(1) << SLOT_BITS);
    struct slot *slots = aligned_alloc(LINE_BYTES, events * sizeof(*slots));
    if (!slots)
        return error_out_of_memory(error, "event queue");
    if (engine->capacity > 0)
        memcpy(slots, engine->slots, engine->capacity * sizeof(*slots));
    free(engine->slots);
    engine->slots = slots;
    for (uint32_t slot = (uint32_t)events; slot-- > engine->capacity;) {
        slots[slot] = (struct slot){.bucket = NO_BUCKET, .next = engine->free_slot};
        engine->free_slot = slot;
    }
    engine->capacity = (uint32_t)events;
    return 0;
}

static event_key key_of(sim_ps at, uint64_t rank)
{
    return (event_key)(uint64_t)at << 64 | rank;
}

static sim_ps time_of(event_key key)
{
    return (sim_ps)(uint64_t)(key >> 64);
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

/* Puts a slot, whose key is not below `base`, into its bucket. */
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

/* Takes all slots out of a bucket: a chain. */
static uint32_t empty(struct engine *engine, uint32_t bucket)
{
    uint32_t chain = engine->heads[bucket];
    mark_empty(engine, bucket);
    return chain;
}

static void place_chain(struct engine *engine, uint32_t chain)
{
    while (chain != NO_SLOT) {
        uint32_t index = chain;
        chain = engine->slots[index].next;
        place(engine, index);
    }
}

/* Lowers `base` to now: events have come in before what was the earliest when it was set. What lies
   at the levels that this changes is placed again. */
static void lower_base(struct engine *engine)
{
    event_key base = key_of(engine->now, 0);
    uint32_t level = highest_bit(engine->base ^ base) / DIGIT_BITS;
    uint32_t chain = NO_SLOT;
    while (engine->filled_levels & ((2u << level) - 1)) {
        uint32_t first = empty(engine, first_bucket(engine));
        uint32_t last = first;
        while (engine->slots[last].next != NO_SLOT)
            last = engine->slots[last].next;
        engine->slots[last].next = chain;
        chain = first;
    }
    engine->base = base;
    place_chain(engine, chain);
}

/* Field by field: what was just written so would hold up a load of both at once. */
static void near_put(struct near_event *near, sim_ps at, uint32_t slot)
{
    near->at = at;
    near->slot = slot;
}

static bool is_before(const struct engine *engine, const struct near_event *near, event_key key)
{
    sim_ps at = time_of(key);
    return near->at < at || (near->at == at && engine->slots[near->slot].key < key);
}

/* Puts an event among the near ones, of which there may then be one too many. */
static inline void bring_near(struct engine *engine, uint32_t index)
{
    event_key key = engine->slots[index].key;
    struct near_event *place = engine->near_end++;
    for (; place > engine->near && is_before(engine, place - 1, key); place--)
        near_put(place, place[-1].at, place[-1].slot);
    near_put(place, time_of(key), index);
}

/* Whether a chain is too long to be near. */
static bool is_long(const struct engine *engine, uint32_t chain)
{
    uint32_t count = 0;
    for (uint32_t i = chain; i != NO_SLOT && count <= NEAR_MAX; i = engine->slots[i].next)
        count++;
    return count > NEAR_MAX;
}

static event_key earliest_key(const struct engine *engine, uint32_t chain)
{
    event_key earliest = engine->slots[chain].key;
    for (uint32_t i = engine->slots[chain].next; i != NO_SLOT; i = engine->slots[i].next)
        if (engine->slots[i].key < earliest)
            earliest = engine->slots[i].key;
    return earliest;
}

static event_key latest_near_key(const struct engine *engine)
{
    return engine->slots[engine->near[0].slot].key;
}

/* Brings the earliest bucket's events near; there must be some. */
OUT_OF_LINE static void refill(struct engine *engine)
{
    uint32_t chain = empty(engine, first_bucket(engine));
    while (is_long(engine, chain)) { /* with the earliest for base, they are at lower levels */
        engine->base = earliest_key(engine, chain);
        place_chain(engine, chain);
        chain = empty(engine, first_bucket(engine));
    }
    for (uint32_t i = chain; i != NO_SLOT; i = engine->slots[i].next) {
        bring_near(engine, i);
        engine->slots[i].bucket = NO_BUCKET;
        engine->far_count--;
    }
    engine->horizon = engine->far_count > 0 ? latest_near_key(engine) : NO_HORIZON;
}

/* Puts an event that is beyond the horizon into its bucket. */
OUT_OF_LINE static void put_off(struct engine *engine, uint32_t index)
{
    if (engine->slots[index].key < engine->base)
        lower_base(engine);
    place(engine, index);
    engine->far_count++;
}

/* Puts off the latest of too many near events. */
OUT_OF_LINE static void put_latest_off(struct engine *engine)
{
    uint32_t latest = engine->near[0].slot;
    engine->near_end--;
    for (struct near_event *near = engine->near; near < engine->near_end; near++)
        *near = near[1];
    engine->horizon = latest_near_key(engine);
    put_off(engine, latest);
}

/* Queues an event that is not the earliest, or for which there is no room among the near ones. */
OUT_OF_LINE static void enter_later(struct engine *engine, uint32_t index)
{
    if (engine->slots[index].key > engine->horizon) {
        put_off(engine, index);
        return;
    }
    bring_near(engine, index);
    if (engine->near_end > engine->near + NEAR_MAX)
        put_latest_off(engine);
}

/* Queues a slot's event, its key set. */
static inline void enter(struct engine *engine, uint32_t index)
{
    event_key key = engine->slots[index].key;
    struct near_event *end = engine->near_end;
    bool is_full = end == engine->near + NEAR_MAX;
    if (end > engine->near && (is_full || is_before(engine, end - 1, key))) {
        enter_later(engine, index);
        return;
    }
    near_put(end, time_of(key), index);
    engine->near_end++;
}

/* Where a slot is among the near ones; NULL: it is free. */
static struct near_event *near_place(struct engine *engine, uint32_t index)
{
    for (struct near_event *near = engine->near; near < engine->near_end; near++)
        if (near->slot == index)
            return near;
    return NULL;
}

static void leave_near(struct engine *engine, uint32_t index)
{
    struct near_event *place = near_place(engine, index);
    assert(place);
    engine->near_end--;
    for (; place < engine->near_end; place++)
        *place = place[1];
}

static void leave_bucket(struct engine *engine, uint32_t index)
{
    struct slot *slot = &engine->slots[index];
    if (slot->next != NO_SLOT)
        engine->slots[slot->next].previous = slot->previous;
    if (slot->previous != NO_SLOT)
        engine->slots[slot->previous].next = slot->next;
    else if (slot->next != NO_SLOT)
        engine->heads[slot->bucket] = slot->next;
    else
        mark_empty(engine, slot->bucket);
    slot->bucket = NO_BUCKET;
    engine->far_count--;
    if (engine->far_count == 0)
        engine->horizon = NO_HORIZON;
}

/* Lets a slot not be pending any more. */
static void leave(struct engine *engine, uint32_t index)
{
    if (engine->slots[index].bucket == NO_BUCKET)
        leave_near(engine, index);
    else
        leave_bucket(engine, index);
    if (engine->near_end == engine->near && engine->far_count > 0)
        refill(engine);
}

static void free_slot(struct engine *engine, uint32_t index)
{
    struct slot *slot = &engine->slots[index];
    slot->next = engine->free_slot;
    engine->free_slot = index;
}

static uint64_t rank_of(enum event_priority priority, uint32_t owner, uint64_t sequence)
{
    return (uint64_t)priority << (OWNER_BITS + SEQUENCE_BITS) | (uint64_t)owner << SEQUENCE_BITS |
           sequence;
}

/* Makes room where all slots are taken; false: memory is out. */
static bool grow(struct engine *engine)
{
    struct error ignored;
    return engine_reserve(engine, (size_t)engine->capacity * 2, &ignored) == 0;
}

/* Queues an event; there is a free slot. */
static inline event_id schedule(struct engine *engine, uint64_t sequence, sim_ps at,
                                enum event_priority priority, uint32_t owner,
                                event_function function, void *context, uint64_t argument)
{
    assert(at >= engine->now);
    assert(owner < UINT32_C(1) << OWNER_BITS);
    uint32_t index = engine->free_slot;
    struct slot *slot = &engine->slots[index];
    engine->free_slot = slot->next;
    slot->key = key_of(at, rank_of(priority, owner, sequence));
    slot->function = function;
    slot->context = context;
    slot->argument = argument;
    enter(engine, index);
    return sequence << SLOT_BITS | index;
}

/* engine_schedule(), where all slots are taken: called last, so that it keeps no stack. */
OUT_OF_LINE static event_id schedule_growing(struct engine *engine, sim_ps at,
                                             enum event_priority priority, uint32_t owner,
                                             event_function function, void *context,
                                             uint64_t argument)
{
    if (!grow(engine))
        return 0;
    return engine_schedule(engine, at, priority, owner, function, context, argument);
}

event_id engine_schedule(struct engine *engine, sim_ps at, enum event_priority priority,
                         uint32_t owner, event_function function, void *context, uint64_t argument)
{
    assert(engine->sequence < UINT64_C(1) << SEQUENCE_BITS);
    if (engine->free_slot == NO_SLOT)
        return schedule_growing(engine, at, priority, owner, function, context, argument);
    return schedule(engine, engine->sequence++, at, priority, owner, function, context, argument);
}

uint64_t engine_keep_places(struct engine *engine, uint32_t count)
{
    uint64_t first = engine->sequence;
    engine->sequence += count;
    engine->unused += count;
    return first;
}

event_id engine_schedule_in_place(struct engine *engine, uint64_t place, sim_ps at,
                                  enum event_priority priority, uint32_t owner,
                                  event_function function, void *context, uint64_t argument)
{
    assert(place < engine->sequence);
    if (engine->free_slot == NO_SLOT && !grow(engine))
        return 0;
    engine->unused--;
    return schedule(engine, place, at, priority, owner, function, context, argument);
}

static uint32_t slot_of(event_id id)
{
    return (uint32_t)id % (UINT32_C(1) << SLOT_BITS);
}

/* Whether a slot's event is, or was when the slot was last taken, the one of this name. */
static bool has_name(const struct engine *engine, uint32_t index, event_id id)
{
    return index < engine->capacity &&
           (uint64_t)engine->slots[index].key << SLOT_BITS == id - index;
}

static bool is_pending(struct engine *engine, event_id id)
{
    uint32_t index = slot_of(id);
    return has_name(engine, index, id) &&
           (engine->slots[index].bucket != NO_BUCKET || near_place(engine, index));
}

bool engine_cancel(struct engine *engine, event_id id)
{
    if (!is_pending(engine, id))
        return false;
    engine->cancelled++;
    leave(engine, slot_of(id));
    free_slot(engine, slot_of(id));
    return true;
}

void engine_move(struct engine *engine, event_id id, sim_ps at, enum event_priority priority)
{
    assert(at >= engine->now);
    uint32_t index = slot_of(id);
    assert(has_name(engine, index, id));
    struct slot *slot = &engine->slots[index];
    uint64_t rank_in_class = (uint64_t)slot->key % RANK_IN_CLASS_END;
    leave(engine, index);
    slot->key = key_of(at, (uint64_t)priority * RANK_IN_CLASS_END | rank_in_class);
    enter(engine, index);
}

bool engine_step(struct engine *engine)
{
    if (engine->near_end == engine->near)
        return false;
    struct near_event next = *--engine->near_end;
    if (engine->near_end == engine->near && engine->far_count > 0)
        refill(engine);
    const struct slot *slot = &engine->slots[next.slot];
    event_function function = slot->function;
    void *context = slot->context;
    uint64_t argument = slot->argument;
    engine->now = next.at;
    engine->present = (uint64_t)slot->key;
    free_slot(engine, next.slot);
    function(context, argument);
    return true;
}

/* Whether no pending event comes before one of that key. */
static bool is_next(const struct engine *engine, event_key key)
{
    return engine->near_end == engine->near || !is_before(engine, engine->near_end - 1, key);
}

bool engine_would_be_next(const struct engine *engine, sim_ps at, enum event_priority priority,
                          uint32_t owner)
{
    return is_next(engine, key_of(at, rank_of(priority, owner, engine->sequence)));
}

bool engine_place_is_next(const struct engine *engine, enum event_priority priority, uint32_t owner,
                          uint64_t place)
{
    return is_next(engine, key_of(engine->now, rank_of(priority, owner, place)));
}

sim_ps engine_next_at(const struct engine *engine)
{
    return engine->near_end == engine->near ? SIM_PS_MAX : engine->near_end[-1].at;
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
    return (size_t)(engine->near_end - engine->near) + engine->far_count;
}

uint64_t engine_dispatched(const struct engine *engine)
{
    return engine->sequence - 1 - engine->unused - engine->cancelled - engine_pending(engine);
}
