/*
 * flow_set: flows on links, made up at random or by the book, for oracles that
 * know when each must end.
 */
#ifndef TANDEM_TESTS_FLOW_SET_H
#define TANDEM_TESTS_FLOW_SET_H

#include "dice.h"
#include "flow.h"

#include <string.h>

#define SET_LINKS_MAX 128
#define SET_FLOWS_MAX 8192
#define SET_ROUTE_MAX 8

struct set_flow {
    double start_s;
    double latency_s;
    double bytes;    /* a whole number */
    uint32_t then;   /* the flow that starts at this one's end; 0: none, as flow 0 starts first */
    bool is_chained; /* it starts at another's end, not at start_s */
    uint32_t link_count;
    uint32_t links[SET_ROUTE_MAX];
};

struct flow_set {
    uint32_t link_count;
    uint32_t flow_count;
    double bytes_per_s[SET_LINKS_MAX];
    struct set_flow flows[SET_FLOWS_MAX];
};

/* Adds a flow over `count` links, given in order. */
static inline struct set_flow *flow_set_add(struct flow_set *set, double bytes, uint32_t count,
                                            const uint32_t *links)
{
    struct set_flow *flow = &set->flows[set->flow_count++];
    *flow = (struct set_flow){.bytes = bytes, .link_count = count};
    memcpy(flow->links, links, count * sizeof(*links));
    return flow;
}

/* `hosts` on a switch; link h leads from host h to it, link hosts + h back. */
static inline void flow_set_crossbar(struct flow_set *set, uint32_t hosts, double bytes_per_s)
{
    set->link_count = 2 * hosts;
    set->flow_count = 0;
    for (uint32_t link = 0; link < set->link_count; link++)
        set->bytes_per_s[link] = bytes_per_s;
}

/* On a crossbar: every host sends `bytes` to every other, all at once. */
static inline void flow_set_all_to_all(struct flow_set *set, uint32_t hosts, double bytes,
                                       double latency_s)
{
    for (uint32_t from = 0; from < hosts; from++)
        for (uint32_t to = 0; to < hosts; to++)
            if (from != to)
                flow_set_add(set, bytes, 2, (const uint32_t[]){from, hosts + to})->latency_s =
                    latency_s;
}

/*
 * On a crossbar: an all-reduce of hosts x `message_bytes` as a ring, each host's
 * message of a step sent on when the one of the step before has come to it.
 */
static inline void flow_set_ring_all_reduce(struct flow_set *set, uint32_t hosts,
                                            double message_bytes, double latency_s)
{
    for (uint32_t step = 0; step < 2 * (hosts - 1); step++)
        for (uint32_t from = 0; from < hosts; from++) {
            uint32_t to = (from + 1) % hosts;
            struct set_flow *flow =
                flow_set_add(set, message_bytes, 2, (const uint32_t[]){from, hosts + to});
            flow->latency_s = latency_s;
            flow->is_chained = step > 0;
            if (step + 1 < 2 * (hosts - 1))
                flow->then = (step + 1) * hosts + to;
        }
}

/* Distinct links in random order: the first of a shuffle. */
static inline uint32_t flow_set_random_route(struct flow_set *set, struct dice *dice,
                                             uint32_t *links)
{
    uint32_t all[SET_LINKS_MAX];
    uint32_t count =
        dice_between(dice, 1, set->link_count < SET_ROUTE_MAX ? set->link_count : SET_ROUTE_MAX);
    for (uint32_t i = 0; i < set->link_count; i++)
        all[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = dice_between(dice, i, set->link_count - 1);
        links[i] = all[other];
        all[other] = all[i];
    }
    return count;
}

/* Up to `flows_max` flows of 1 MB to 10 GB on up to 50 links of 1 to 100 GB/s, from up to 2 s on.
 */
static inline void flow_set_random(struct flow_set *set, struct dice *dice, uint32_t flows_max)
{
    uint32_t flows = dice_between(dice, 1, flows_max);
    double spread_s = dice_between(dice, 0, 2);
    set->link_count = dice_between(dice, 1, 50);
    set->flow_count = 0;
    for (uint32_t link = 0; link < set->link_count; link++)
        set->bytes_per_s[link] = pow(10, 9 + 2 * dice_unit(dice));
    for (uint32_t i = 0; i < flows; i++) {
        uint32_t links[SET_ROUTE_MAX];
        uint32_t count = flow_set_random_route(set, dice, links);
        struct set_flow *flow =
            flow_set_add(set, floor(pow(10, 6 + 4 * dice_unit(dice))), count, links);
        flow->start_s = spread_s * dice_unit(dice);
    }
}

/* One run of a set: who is to start, and when each ended. */
struct flow_set_run {
    const struct flow_set *set;
    struct engine *engine;
    struct flow_network *network;
    double *ends_s;
};

static inline void flow_set_start(struct flow_set_run *run, uint64_t index);

static inline void flow_set_on_done(void *context, uint64_t index)
{
    struct flow_set_run *run = context;
    uint32_t then = run->set->flows[index].then;
    run->ends_s[index] = sim_s_from_ps(engine_now(run->engine));
    if (then > 0)
        flow_set_start(run, then);
}

static inline void flow_set_start(struct flow_set_run *run, uint64_t index)
{
    const struct set_flow *flow = &run->set->flows[index];
    struct flow_spec spec = {
        .links = flow->links,
        .link_count = flow->link_count,
        .latency_s = flow->latency_s,
        .bytes = flow->bytes,
        .done = flow_set_on_done,
        .context = run,
        .argument = index,
    };
    flow_id id = flow_start(run->network, &spec);
    assert(id != 0);
    (void)id;
}

static inline void flow_set_on_start(void *context, uint64_t index)
{
    flow_set_start(context, index);
}

/* Plays the set out with flow.h; ends_s (flow_count) are seconds from time 0. */
static inline void flow_set_play(const struct flow_set *set, double *ends_s)
{
    struct error error;
    struct flow_set_run run = {.set = set, .engine = engine_new(&error), .ends_s = ends_s};
    assert(run.engine);
    run.network = flow_network_new(run.engine, set->bytes_per_s, set->link_count, &error);
    assert(run.network);
    for (uint32_t i = 0; i < set->flow_count; i++)
        if (!set->flows[i].is_chained) {
            event_id id = engine_schedule(run.engine, sim_ps_from_s(set->flows[i].start_s),
                                          EVENT_ARRIVAL, 0, flow_set_on_start, &run, i);
            assert(id != 0);
            (void)id;
        }
    while (engine_step(run.engine))
        continue;
    flow_network_free(run.network);
    engine_free(run.engine);
}

#endif
