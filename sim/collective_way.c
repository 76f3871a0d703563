#include "collective_way.h"

#include "collective.h"

/* How often the buffer goes round: an all-reduce is a reduce-scatter and an all-gather. */
static double rounds_of(enum collective_operation operation)
{
    return operation == OPERATION_ALL_REDUCE ? 2 : 1;
}

struct collective_load collective_load_of(const struct collective_group *group,
                                          enum collective_operation operation,
                                          enum collective_algorithm algorithm, double bytes)
{
    bool is_hierarchical = algorithm == COLLECTIVE_HIERARCHICAL;
    bool is_direct = algorithm == COLLECTIVE_DIRECT;
    bool has_across = group->nodes > 1 && group->across.bytes_per_s > 0;
    struct collective_load load = {.bytes = {0}};
    if (group->ranks < 2)
        return load;
    if (!has_across || (!is_hierarchical && !is_direct)) {
        load.bytes[COLLECTIVE_WAY_RING] = collective_bus_factor(operation, group->ranks) * bytes;
        return load;
    }
    double ranks = group->ranks;
    double nodes = group->nodes;
    double share = ranks / nodes;
    double moved = rounds_of(operation) * bytes;
    /* A hierarchy's node moves all of the buffer inside, and each rank its shard across; direct
       messages are one part of the buffer for each other rank, in the node or not. */
    double inside = is_hierarchical ? (share - 1) / share : (share - 1) / ranks;
    double across = is_hierarchical ? (nodes - 1) / ranks : (ranks - share) / ranks;
    load.bytes[COLLECTIVE_WAY_INSIDE] = inside * moved;
    load.bytes[COLLECTIVE_WAY_ACROSS] = across * moved;
    return load;
}

void collective_load_add(struct collective_load *load, const struct collective_load *added,
                         double times)
{
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        load->bytes[way] += times * added->bytes[way];
}

uint32_t collective_way_peer(const struct collective_group *group, enum collective_way way,
                             uint32_t rank)
{
    uint32_t share = group->ranks / group->nodes;
    switch (way) {
    case COLLECTIVE_WAY_INSIDE:
        return rank - rank % share + (rank % share + 1) % share;
    case COLLECTIVE_WAY_ACROSS:
        return (rank + share) % group->ranks;
    case COLLECTIVE_WAY_RING:
    case COLLECTIVE_WAY_COUNT:
        break;
    }
    return (rank + 1) % group->ranks;
}

struct alpha_beta collective_way_path(const struct collective_group *group, enum collective_way way)
{
    return way == COLLECTIVE_WAY_INSIDE   ? group->inside
           : way == COLLECTIVE_WAY_ACROSS ? group->across
                                          : group->ring;
}

const char *collective_way_name(enum collective_way way)
{
    static const char *const names[COLLECTIVE_WAY_COUNT] = {COLLECTIVE_WAYS(LIST_TEXT)};
    return names[way];
}
