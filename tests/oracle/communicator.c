#include "communicator.h"

#include "collective_way.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Messages of the present phase, counted by rank. */
struct rank_progress {
    uint32_t started;
    uint32_t sent;
    uint32_t received;
};

struct communicator {
    struct flow_network *network;
    const struct topology *topology;
    struct collective_group group;
    uint32_t *gpus;              /* (ranks) */
    struct rank_progress *ranks; /* (ranks) */
    uint32_t owner;
    struct collective_plan plan;
    uint32_t phase;
    uint32_t round;         /* of a phase in which all wait for all */
    uint64_t under_way;     /* messages */
    double first_latency_s; /* the plan's start-up, before the first messages */
    double moved_bytes;
};

struct communicator *communicator_new(struct flow_network *network, const struct topology *topology,
                                      const struct collective_group *group, const uint32_t *gpus,
                                      uint32_t owner)
{
    struct communicator *communicator = calloc(1, sizeof(*communicator));
    ck_assert_ptr_nonnull(communicator);
    *communicator = (struct communicator){
        .network = network,
        .topology = topology,
        .group = *group,
        .gpus = calloc(group->ranks, sizeof(*communicator->gpus)),
        .ranks = calloc(group->ranks, sizeof(*communicator->ranks)),
        .owner = owner,
    };
    ck_assert(communicator->gpus && communicator->ranks);
    memcpy(communicator->gpus, gpus, group->ranks * sizeof(*gpus));
    return communicator;
}

void communicator_free(struct communicator *communicator)
{
    free(communicator->gpus);
    free(communicator->ranks);
    free(communicator);
}

/* Each rank has one sender and one receiver, so a rank can be rounds ahead of another. */
static bool is_stream(enum collective_pattern pattern)
{
    return pattern == PATTERN_RING || pattern == PATTERN_CHAIN || pattern == PATTERN_INSIDE ||
           pattern == PATTERN_ACROSS;
}

/* Whom a rank sends to, in patterns with one receiver. */
static uint32_t receiver_of(const struct communicator *communicator, uint32_t rank)
{
    const struct collective_phase *phase = &communicator->plan.phases[communicator->phase];
    const struct collective_group *group = &communicator->group;
    switch (phase->pattern) {
    case PATTERN_INSIDE:
        return collective_way_peer(group, COLLECTIVE_WAY_INSIDE, rank);
    case PATTERN_ACROSS:
        return collective_way_peer(group, COLLECTIVE_WAY_ACROSS, rank);
    case PATTERN_EXCHANGE:
        return rank ^ UINT32_C(1) << phase->level;
    case PATTERN_SWITCH:
        return rank;
    case PATTERN_RING:
    case PATTERN_CHAIN:
    case PATTERN_DIRECT:
    case PATTERN_SPREAD:
    case PATTERN_ROOT:
        break;
    }
    return collective_way_peer(group, COLLECTIVE_WAY_RING, rank);
}

/* To the switch and back is the way to a neighbour's port, turned round at one's own. */
static struct route route_of(const struct communicator *communicator, uint32_t from, uint32_t to)
{
    const uint32_t *gpus = communicator->gpus;
    if (from != to)
        return topology_route(communicator->topology, gpus[from], gpus[to]);
    uint32_t other = (from + 1) % communicator->group.ranks;
    struct route there = topology_route(communicator->topology, gpus[from], gpus[other]);
    struct route back = topology_route(communicator->topology, gpus[other], gpus[from]);
    there.links[there.link_count - 1] = back.links[back.link_count - 1];
    return there;
}

static void on_message(void *context, uint64_t argument);

static void send(struct communicator *communicator, uint32_t from, uint32_t to)
{
    struct route route = route_of(communicator, from, to);
    struct flow_spec spec = {
        .links = route.links,
        .link_count = route.link_count,
        .latency_s = topology_route_cost(communicator->topology, &route).alpha_s +
                     communicator->first_latency_s,
        .bytes = communicator->plan.phases[communicator->phase].bytes,
        .owner = communicator->owner,
        .done = on_message,
        .context = communicator,
        .argument = (uint64_t)from << 32 | to,
    };
    communicator->ranks[from].started++;
    communicator->under_way++;
    communicator->moved_bytes += spec.bytes * spec.link_count;
    ck_assert_uint_ne(flow_start(communicator->network, &spec), 0);
}

static void send_to_all(struct communicator *communicator, uint32_t from)
{
    for (uint32_t step = 1; step < communicator->group.ranks; step++)
        send(communicator, from, (from + step) % communicator->group.ranks);
}

/* Whether a rank of a stream may send its next message. */
static bool may_send(const struct communicator *communicator, uint32_t rank)
{
    const struct collective_phase *phase = &communicator->plan.phases[communicator->phase];
    const struct rank_progress *progress = &communicator->ranks[rank];
    if (progress->started == phase->rounds || progress->sent < progress->started)
        return false;
    if (phase->pattern != PATTERN_CHAIN)
        return progress->received >= progress->started;
    return rank + 1 < communicator->group.ranks &&
           (rank == 0 || progress->received > progress->started);
}

static void send_next(struct communicator *communicator, uint32_t rank)
{
    if (may_send(communicator, rank))
        send(communicator, rank, receiver_of(communicator, rank));
}

/* All ranks begin a phase, or a round of one in which all wait for all. */
static void begin_round(struct communicator *communicator)
{
    enum collective_pattern pattern = communicator->plan.phases[communicator->phase].pattern;
    uint32_t ranks = communicator->group.ranks;
    bool to_all = pattern == PATTERN_DIRECT || pattern == PATTERN_SPREAD;
    if (pattern == PATTERN_ROOT) {
        send_to_all(communicator, 0);
        return;
    }
    for (uint32_t rank = 0; rank < ranks; rank++) {
        if (to_all)
            send_to_all(communicator, rank);
        else if (is_stream(pattern))
            send_next(communicator, rank);
        else
            send(communicator, rank, receiver_of(communicator, rank));
    }
}

/* Nothing is under way: on to the next round or phase; false where that was the last. */
static bool advance(struct communicator *communicator)
{
    const struct collective_phase *phase = &communicator->plan.phases[communicator->phase];
    if (!is_stream(phase->pattern) && ++communicator->round < phase->rounds)
        return true;
    communicator->round = 0;
    memset(communicator->ranks, 0, communicator->group.ranks * sizeof(*communicator->ranks));
    return ++communicator->phase < communicator->plan.phase_count;
}

/* A message has come: those that waited for it are sent. */
static void on_message(void *context, uint64_t argument)
{
    struct communicator *communicator = context;
    uint32_t from = (uint32_t)(argument >> 32);
    uint32_t to = (uint32_t)argument;
    communicator->under_way--;
    communicator->ranks[from].sent++;
    communicator->ranks[to].received++;
    if (is_stream(communicator->plan.phases[communicator->phase].pattern)) {
        send_next(communicator, from);
        send_next(communicator, to);
    }
    if (communicator->under_way == 0 && advance(communicator))
        begin_round(communicator);
}

void communicator_start(struct communicator *communicator, const struct collective_plan *plan)
{
    ck_assert(communicator->under_way == 0 && plan->phase_count > 0);
    communicator->plan = *plan;
    communicator->phase = 0;
    communicator->round = 0;
    memset(communicator->ranks, 0, communicator->group.ranks * sizeof(*communicator->ranks));
    communicator->first_latency_s = plan->start_s;
    begin_round(communicator);
    communicator->first_latency_s = 0;
}

bool communicator_is_done(const struct communicator *communicator)
{
    return communicator->under_way == 0;
}

double communicator_moved_bytes(const struct communicator *communicator)
{
    return communicator->moved_bytes;
}
