#include "engine.h"

#include "heap.h"

#include <stdlib.h>

#define OWNER_BITS 20
#define SEQUENCE_BITS 40
#define RANK_IN_CLASS_END (UINT64_C(1) << (OWNER_BITS + SEQUENCE_BITS))
#define NO_SLOT UINT32_MAX

/* rank packs (priority, owner, sequence), so that two comparisons order two events. */
struct entry {
    sim_ps at;
    uint64_t rank;
    uint32_t slot;
};

struct slot {
    event_function function;
    void *context;
    uint64_t argument;
    uint32_t generation;
    uint32_t place; /* in the heap while pending, the next free slot otherwise */
};

struct engine {
    sim_ps now;
    uint64_t sequence;
    uint64_t dispatched;
    struct entry *heap;
    struct slot *slots;
    uint32_t count;
    uint32_t capacity;
    uint32_t free_slot;
};

struct engine *engine_new(struct error *error)
{
    struct engine *engine = calloc(1, sizeof(*engine));
    if (!engine) {
        error_out_of_memory(error, "event queue");
        return NULL;
    }
    engine->free_slot = NO_SLOT;
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
    free(engine->heap);
    free(engine->slots);
    free(engine);
}

int engine_reserve(struct engine *engine, size_t events, struct error *error)
{
    if (events <= engine->capacity)
        return 0;
    if (events >= NO_SLOT)
        return error_set(error, ERROR_MEMORY, "more than %u pending events", NO_SLOT - 1);
    struct entry *heap = realloc(engine->heap, events * sizeof(*heap));
    if (!heap)
        return error_out_of_memory(error, "event queue");
    engine->heap = heap;
    struct slot *slots = realloc(engine->slots, events * sizeof(*slots));
    if (!slots)
        return error_out_of_memory(error, "event queue");
    engine->slots = slots;
    for (uint32_t slot = (uint32_t)events; slot-- > engine->capacity;) {
        slots[slot] = (struct slot){.generation = 1, .place = engine->free_slot};
        engine->free_slot = slot;
    }
    engine->capacity = (uint32_t)events;
    return 0;
}

static bool precedes(const struct entry *a, const struct entry *b)
{
    return a->at != b->at ? a->at < b->at : a->rank < b->rank;
}

static void note_place(struct slot *slots, const struct entry *entry, uint32_t place)
{
    slots[entry->slot].place = place;
}

HEAP_DEFINE(entries, struct entry, struct slot, precedes, note_place)

/* Takes the entry at `place` out of the heap and puts its slot on the free list. */
static void remove_at(struct engine *engine, uint32_t place)
{
    uint32_t index = engine->heap[place].slot;
    struct slot *slot = &engine->slots[index];
    entries_remove(engine->heap, &engine->count, place, engine->slots);
    if (++slot->generation == 0)
        slot->generation = 1;
    slot->place = engine->free_slot;
    engine->free_slot = index;
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
    uint32_t slot = engine->free_slot;
    struct slot *event = &engine->slots[slot];
    engine->free_slot = event->place;
    event->function = function;
    event->context = context;
    event->argument = argument;
    struct entry entry = {
        .at = at, .rank = rank_of(priority, owner, engine->sequence++), .slot = slot};
    entries_insert(engine->heap, &engine->count, entry, engine->slots);
    return (uint64_t)event->generation << 32 | slot;
}

bool engine_cancel(struct engine *engine, event_id id)
{
    uint32_t slot = (uint32_t)id;
    if (id == 0 || slot >= engine->capacity ||
        engine->slots[slot].generation != (uint32_t)(id >> 32))
        return false;
    remove_at(engine, engine->slots[slot].place);
    return true;
}

void engine_move(struct engine *engine, event_id id, sim_ps at, enum event_priority priority)
{
    assert(at >= engine->now);
    const struct slot *slot = &engine->slots[(uint32_t)id];
    assert(slot->generation == (uint32_t)(id >> 32));
    struct entry entry = engine->heap[slot->place];
    entries_remove(engine->heap, &engine->count, slot->place, engine->slots);
    entry.at = at;
    entry.rank = (entry.rank & (RANK_IN_CLASS_END - 1)) | (uint64_t)priority * RANK_IN_CLASS_END;
    entries_insert(engine->heap, &engine->count, entry, engine->slots);
}

bool engine_step(struct engine *engine)
{
    if (engine->count == 0)
        return false;
    struct slot event = engine->slots[engine->heap[0].slot];
    engine->now = engine->heap[0].at;
    engine->dispatched++;
    remove_at(engine, 0);
    event.function(event.context, event.argument);
    return true;
}

bool engine_would_be_next(const struct engine *engine, sim_ps at, enum event_priority priority,
                          uint32_t owner)
{
    if (engine->count == 0)
        return true;
    struct entry entry = {.at = at, .rank = rank_of(priority, owner, engine->sequence)};
    return precedes(&entry, &engine->heap[0]);
}

void engine_advance(struct engine *engine, sim_ps at)
{
    assert(at >= engine->now);
    assert(engine->count == 0 || engine->heap[0].at >= at);
    engine->now = at;
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
