/*
 * How many events a second does the queue take, by how many are pending?
 *
 * The classic hold model (Jones, CACM 29(4), 1986): a hold takes the earliest
 * event out, calls what it names and schedules one an exponential time later,
 * so that the number pending stays. Beside the engine a plain binary heap of
 * events in (time, sequence) order, which cannot cancel or move any.
 *
 *     bench_engine [HOLDS]    prints CSV; the best of three runs each, in turns
 */
#include "dice.h"
#include "engine.h"

#include <time.h>

#define HOLDS 3000000
#define RUNS 3
#define GAPS 65536 /* drawn beforehand: a power of two */
#define MEAN_GAP_PS 1e6

static double wall_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

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
static double heap_rate(struct gaps *gaps, uint32_t pending, uint64_t holds)
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

int main(int argc, char **argv)
{
    static const uint32_t pendings[] = {1, 32, 1024, 65536, 1048576};
    static struct gaps gaps;
    uint64_t holds = argc > 1 ? strtoull(argv[1], NULL, 10) : HOLDS;
    gaps_fill(&gaps);
    (void)printf("pending,engine_holds_per_s,plain_heap_holds_per_s\n");
    for (size_t i = 0; i < ARRAY_LENGTH(pendings); i++) {
        double engine = 0;
        double heap = 0;
        for (int run = 0; run < RUNS; run++) {
            engine = fmax(engine, engine_rate(&gaps, pendings[i], holds));
            heap = fmax(heap, heap_rate(&gaps, pendings[i], holds));
        }
        if (!(engine > 0) || !(heap > 0))
            return EXIT_FAILURE;
        (void)printf("%u,%.0f,%.0f\n", pendings[i], engine, heap);
    }
    return EXIT_SUCCESS;
}
