/*
 * How many events a second does the queue take, by how many are pending?
 *
 * The classic hold model (Jones, CACM 29(4), 1986): a hold takes the earliest
 * event out and schedules one an exponential time later, so that the number
 * pending stays. Beside the engine a plain binary heap with nothing around it.
 */
#include "dice.h"
#include "engine.h"

#include <time.h>

#define HOLDS 3000000
#define PENDING_MAX 1000000
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
static double engine_rate(struct gaps *gaps, uint32_t pending)
{
    struct error error;
    struct holder holder = {.engine = engine_new(&error), .gaps = gaps};
    if (!holder.engine)
        return 0;
    for (uint32_t i = 0; i < pending; i++)
        hold(&holder, i);
    double from_s = wall_s();
    for (uint32_t i = 0; i < HOLDS; i++)
        (void)engine_step(holder.engine);
    double rate = HOLDS / (wall_s() - from_s);
    engine_free(holder.engine);
    return rate;
}

/* What a plain heap of events must keep. */
struct event {
    sim_ps at;
    uint64_t sequence;
    event_function function;
    void *context;
};

static bool precedes(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->sequence < b->sequence;
}

static void heap_insert(struct event *heap, uint32_t *count, struct event event)
{
    uint32_t place = (*count)++;
    while (place > 0 && precedes(&event, &heap[(place - 1) / 2])) {
        heap[place] = heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    heap[place] = event;
}

static struct event heap_take(struct event *heap, uint32_t *count)
{
    struct event first = heap[0];
    struct event last = heap[--*count];
    uint32_t place = 0;
    for (uint32_t child = 1; child < *count; child = 2 * place + 1) {
        child += child + 1 < *count && precedes(&heap[child + 1], &heap[child]);
        if (!precedes(&heap[child], &last))
            break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = last;
    return first;
}

/* Holds a second of a plain binary heap with `pending` events; 0 when memory is out. */
static double heap_rate(struct gaps *gaps, uint32_t pending)
{
    struct event *heap = malloc(PENDING_MAX * sizeof(*heap));
    uint32_t count = 0;
    uint64_t sequence = 0;
    if (!heap)
        return 0;
    while (count < pending)
        heap_insert(heap, &count, (struct event){.at = gaps_next(gaps), .sequence = sequence++});
    double from_s = wall_s();
    for (uint32_t i = 0; i < HOLDS; i++) {
        struct event event = heap_take(heap, &count);
        event.at += gaps_next(gaps);
        event.sequence = sequence++;
        heap_insert(heap, &count, event);
    }
    double rate = HOLDS / (wall_s() - from_s);
    free(heap);
    return rate;
}

int main(void)
{
    static struct gaps gaps;
    gaps_fill(&gaps);
    (void)printf("%10s  %17s  %17s  %5s\n", "pending", "engine, holds/s", "plain heap", "ratio");
    for (uint32_t pending = 1; pending <= PENDING_MAX; pending *= 10) {
        double engine = engine_rate(&gaps, pending);
        double heap = heap_rate(&gaps, pending);
        if (!(engine > 0) || !(heap > 0))
            return EXIT_FAILURE;
        (void)printf("%10u  %17.0f  %17.0f  %5.2f\n", pending, engine, heap, engine / heap);
    }
    return EXIT_SUCCESS;
}
