/*
 * How many events a second does the queue take, by how many are pending?
 *
 * The classic hold model (Jones, CACM 29(4), 1986): a hold takes the earliest
 * event out, calls what it names and schedules one an exponential time later,
 * so that the number pending stays. Beside the engine two binary heaps: a plain
 * one of events in (time, sequence) order, which cannot cancel or move any, and an
 * indexed one that does what the engine does: its order, and events with names
 * that can be taken out in O(log n).
 *
 *     bench_engine [HOLDS]    prints CSV; the best of three runs each, in turns
 */
#include "dice.h"
#include "engine.h"
#include "wall_clock.h"

#define HOLDS 3000000
#define RUNS 3
#define GAPS 65536 /* drawn beforehand: a power of two */
#define MEAN_GAP_PS 1e6

/* The gaps of both queues. */
struct gaps {
    sim_ps gaps[GAPS];
    uint32_t next;
};

static void gaps_fill(struct gaps *gaps)
{
    struct dice dice = {.state = 1};
    gaps->next = 0;
    for (uint32_t i = 0; i < GAPS; i++)
        gaps->gaps[i] = 1 + (sim_ps)dice_exponential(&dice, MEAN_GAP_PS);
}

static sim_ps gaps_next(struct gaps *gaps)
{
    return gaps->gaps[gaps->next++ & (GAPS - 1)];
}

struct holder {
    struct engine *engine;
    struct gaps *gaps;
};

static void hold(void *context, uint64_t argument)
{
    struct holder *holder = context;
    sim_ps at = engine_now(holder->engine) + gaps_next(holder->gaps);
    (void)engine_schedule(holder->engine, at, EVENT_STAGE, 0, hold, context, argument);
}

/* Holds a second of an engine with `pending` events; 0 when memory is out. */
static double engine_rate(struct gaps *gaps, uint32_t pending, uint64_t holds)
{
    struct error error;
    struct holder holder = {.engine = engine_new(&error), .gaps = gaps};
    if (!holder.engine)
        return 0;
    for (uint32_t i = 0; i < pending; i++)
        hold(&holder, i);
    double from_s = wall_s();
    for (uint64_t i = 0; i < holds; i++)
        (void)engine_step(holder.engine);
    double rate = (double)holds / (wall_s() - from_s);
    engine_free(holder.engine);
    return rate;
}

/* What a plain heap of events must keep. */
struct event {
    sim_ps at;
    uint64_t sequence;
    event_function function;
    void *context;
    uint64_t argument;
};

struct plain {
    struct event *heap;
    uint32_t count;
    uint64_t sequence;
    sim_ps now;
    struct gaps *gaps;
};

static bool precedes(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void plain_insert(struct plain *plain, struct event event)
{
    struct event *heap = plain->heap;
    uint32_t place = plain->count++;
    event.sequence = plain->sequence++;
    while (place > 0 && precedes(&event, &heap[(place - 1) / 2])) {
        heap[place] = heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    heap[place] = event;
}

static void plain_step(struct plain *plain)
{
    struct event *heap = plain->heap;
    struct event first = heap[0];
    struct event last = heap[--plain->count];
    uint32_t place = 0;
    for (uint32_t child = 1; child < plain->count; child = 2 * place + 1) {
        child += child + 1 < plain->count && precedes(&heap[child + 1], &heap[child]);
        if (!precedes(&heap[child], &last))
            break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = last;
    plain->now = first.at;
    first.function(first.context, first.argument);
}

static void plain_hold(void *context, uint64_t argument)
{
    struct plain *plain = context;
    plain_insert(plain, (struct event){.at = plain->now + gaps_next(plain->gaps),
                                       .function = plain_hold,
                                       .context = plain,
                                       .argument = argument});
}

/* Holds a second of a plain binary heap with `pending` events; 0 when memory is out. */
static double plain_rate(struct gaps *gaps, uint32_t pending, uint64_t holds)
{
    struct plain plain = {.heap = malloc(pending * sizeof(*plain.heap)), .gaps = gaps};
    if (!plain.heap)
        return 0;
    for (uint32_t i = 0; i < pending; i++)
        plain_hold(&plain, i);
    double from_s = wall_s();
    for (uint64_t i = 0; i < holds; i++)
        plain_step(&plain);
    double rate = (double)holds / (wall_s() - from_s);
    free(plain.heap);
    return rate;
}

__extension__ typedef unsigned __int128 key;

/* What names an event of the indexed heap: its place there, and what is to be called. */
struct named {
    event_function function;
    void *context;
    uint64_t argument;
    uint32_t place;
    uint32_t generation;
    uint32_t next_free;
};

struct entry {
    key key; /* (time, priority, owner, sequence), as the engine orders events */
    uint32_t name;
};

struct indexed {
    struct entry *heap;
    struct named *names;
    uint32_t count;
    uint32_t free_name;
    uint64_t sequence;
    sim_ps now;
    struct gaps *gaps;
};

static void put(struct indexed *indexed, uint32_t place, struct entry entry)
{
    indexed->heap[place] = entry;
    indexed->names[entry.name].place = place;
}

static void sift_up(struct indexed *indexed, uint32_t place, struct entry entry)
{
    while (place > 0 && entry.key < indexed->heap[(place - 1) / 2].key) {
        put(indexed, place, indexed->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(indexed, place, entry);
}

static uint64_t indexed_insert(struct indexed *indexed, sim_ps at, enum event_priority priority,
                               uint32_t owner, struct named event)
{
    uint32_t name = indexed->free_name;
    struct named *named = &indexed->names[name];
    uint64_t rank = (uint64_t)priority << 60 | (uint64_t)owner << 40 | indexed->sequence++;
    indexed->free_name = named->next_free;
    event.generation = named->generation;
    *named = event;
    sift_up(indexed, indexed->count++, (struct entry){(key)(uint64_t)at << 64 | rank, name});
    return (uint64_t)event.generation << 32 | name;
}

static void indexed_remove(struct indexed *indexed, uint32_t name)
{
    struct entry *heap = indexed->heap;
    struct entry last = heap[--indexed->count];
    uint32_t place = indexed->names[name].place;
    for (uint32_t child = 2 * place + 1; child < indexed->count; child = 2 * place + 1) {
        child += child + 1 < indexed->count && heap[child + 1].key < heap[child].key;
        if (last.key < heap[child].key)
            break;
        put(indexed, place, heap[child]);
        place = child;
    }
    sift_up(indexed, place, last);
    indexed->names[name].generation++;
    indexed->names[name].next_free = indexed->free_name;
    indexed->free_name = name;
}

static void indexed_step(struct indexed *indexed)
{
    struct entry first = indexed->heap[0];
    struct named event = indexed->names[first.name];
    indexed->now = (sim_ps)(uint64_t)(first.key >> 64);
    indexed_remove(indexed, first.name);
    event.function(event.context, event.argument);
}

static void indexed_hold(void *context, uint64_t argument)
{
    struct indexed *indexed = context;
    struct named event = {.function = indexed_hold, .context = indexed, .argument = argument};
    sim_ps at = indexed->now + gaps_next(indexed->gaps);
    (void)indexed_insert(indexed, at, EVENT_STAGE, 0, event);
}

/* Holds a second of an indexed binary heap with `pending` events; 0 when memory is out. */
static double indexed_rate(struct gaps *gaps, uint32_t pending, uint64_t holds)
{
    struct indexed indexed = {
        .heap = malloc((pending + 1) * sizeof(*indexed.heap)),
        .names = calloc(pending + 1, sizeof(*indexed.names)),
        .gaps = gaps,
    };
    double rate = 0;
    if (indexed.heap && indexed.names) {
        for (uint32_t i = 0; i <= pending; i++)
            indexed.names[i].next_free = i + 1;
        for (uint32_t i = 0; i < pending; i++)
            indexed_hold(&indexed, i);
        double from_s = wall_s();
        for (uint64_t i = 0; i < holds; i++)
            indexed_step(&indexed);
        rate = (double)holds / (wall_s() - from_s);
    }
    free(indexed.heap);
    free(indexed.names);
    return rate;
}

int main(int argc, char **argv)
{
    static const uint32_t pendings[] = {1, 32, 1024, 65536, 1048576};
    static struct gaps gaps;
    uint64_t holds = argc > 1 ? strtoull(argv[1], NULL, 10) : HOLDS;
    gaps_fill(&gaps);
    (void)printf("pending,engine_holds_per_s,plain_heap_holds_per_s,indexed_heap_holds_per_s\n");
    for (size_t i = 0; i < ARRAY_LENGTH(pendings); i++) {
        double engine = 0;
        double plain = 0;
        double indexed = 0;
        for (int run = 0; run < RUNS; run++) {
            engine = fmax(engine, engine_rate(&gaps, pendings[i], holds));
            plain = fmax(plain, plain_rate(&gaps, pendings[i], holds));
            indexed = fmax(indexed, indexed_rate(&gaps, pendings[i], holds));
        }
        if (!(engine > 0) || !(plain > 0) || !(indexed > 0))
            return EXIT_FAILURE;
        (void)printf("%u,%.0f,%.0f,%.0f\n", pendings[i], engine, plain, indexed);
    }
    return EXIT_SUCCESS;
}
