#include "collective_plan.h"

#define CHUNKS_MAX 65536.0

static void add(struct collective_plan *plan, enum collective_pattern pattern, uint32_t rounds,
                double bytes)
{
    assert(plan->phase_count < COLLECTIVE_PHASES_MAX);
    if (rounds > 0)
        plan->phases[plan->phase_count++] =
            (struct collective_phase){.pattern = pattern, .rounds = rounds, .bytes = bytes};
}

static struct alpha_beta path_of(const struct collective_group *group,
                                 const struct collective_phase *phase)
{
    switch (phase->pattern) {
    case PATTERN_RING:
    case PATTERN_CHAIN:
        return group->ring;
    case PATTERN_INSIDE:
        return group->inside;
    case PATTERN_ACROSS:
        return group->across;
    case PATTERN_DIRECT:
        return group->direct;
    case PATTERN_SPREAD:
    case PATTERN_ROOT:
        return group->spread;
    case PATTERN_EXCHANGE:
        return group->exchange[phase->level];
    case PATTERN_SWITCH:
        break;
    }
    return group->reduce;
}

/* How many messages a rank sends in one round. */
static double fan_out(const struct collective_group *group, enum collective_pattern pattern)
{
    bool to_all = pattern == PATTERN_DIRECT || pattern == PATTERN_SPREAD || pattern == PATTERN_ROOT;
    return to_all ? group->ranks - 1 : 1;
}

/* What the hops of a chain cost a message beyond the slowest one, which joins two nodes where there
   are several. */
static double chain_fill_s(const struct collective_group *group, double bytes)
{
    double hops = group->ranks - 2;
    double hops_inside = group->ranks - group->nodes;
    if (group->nodes == 1 || !(group->inside.bytes_per_s > 0))
        return hops * collective_send_s(group->ring, bytes);
    return (hops - hops_inside) * collective_send_s(group->ring, bytes) +
           hops_inside * collective_send_s(group->inside, bytes);
}

static double phase_s(const struct collective_group *group, const struct collective_phase *phase)
{
    struct alpha_beta path = path_of(group, phase);
    if (!(path.bytes_per_s > 0))
        return INFINITY;
    double seconds =
        phase->rounds * collective_send_s(path, fan_out(group, phase->pattern) * phase->bytes);
    if (phase->pattern == PATTERN_CHAIN)
        seconds += chain_fill_s(group, phase->bytes);
    return seconds;
}

double collective_plan_s(const struct collective_group *group, const struct collective_plan *plan)
{
    double seconds = plan->start_s;
    for (uint32_t i = 0; i < plan->phase_count; i++)
        seconds += phase_s(group, &plan->phases[i]);
    return seconds;
}

/*
 * The whole number of chunks near the best real one, sqrt(fill_s / alpha_s), where
 * k chunks cost fill_s / k of the bytes' time and k alphas over what any number does.
 */
static uint32_t chunks_for(double fill_s, double alpha_s)
{
    double best = sqrt(fill_s / alpha_s);
    if (!(best > 1))
        return 1;
    if (best >= CHUNKS_MAX)
        return (uint32_t)CHUNKS_MAX;
    double low = floor(best);
    double low_s = fill_s / low + low * alpha_s;
    double high_s = fill_s / (low + 1) + (low + 1) * alpha_s;
    return (uint32_t)(low_s <= high_s ? low : low + 1);
}

/* Levels of a binary tree of `ranks`: ceil(log2). */
static uint32_t depth_of(uint32_t ranks)
{
    uint32_t depth = 0;
    for (uint32_t reached = ranks - 1; reached > 0; reached /= 2)
        depth++;
    return depth;
}

/* Levels of NCCL's tree: over the nodes, and the chain of one node's ranks. */
static uint32_t tree_depth(const struct collective_group *group)
{
    return u32_ceil_div(group->ranks, group->nodes) - 1 + depth_of(group->nodes);
}

/*
 * The first of k chunks takes 2 x depth hops, up and down; each later one keeps a
 * rank's link busy for its way up and its way down.
 */
static void add_tree(struct collective_plan *plan, const struct collective_group *group,
                     enum collective_pattern pattern, uint32_t depth, double bytes)
{
    struct collective_phase whole = {.pattern = pattern};
    struct alpha_beta path = path_of(group, &whole);
    uint32_t hops = 2 * depth;
    uint32_t chunks = chunks_for((hops - 2) * bytes / path.bytes_per_s, path.alpha_s);
    add(plan, pattern, hops, bytes / chunks);
    add(plan, pattern, chunks - 1, 2 * bytes / chunks);
}

static bool add_exchanges(struct collective_plan *plan, const struct collective_group *group,
                          double bytes, bool halves)
{
    uint32_t levels = depth_of(group->ranks);
    if (!(group->exchange[0].bytes_per_s > 0))
        return false;
    for (uint32_t i = 0; i < levels; i++) {
        uint32_t level = halves ? levels - 1 - i : i;
        add(plan, PATTERN_EXCHANGE, 1, bytes * (1 << level) / group->ranks);
        plan->phases[plan->phase_count - 1].level = level;
    }
    return true;
}

static bool plan_ring(struct collective_plan *plan, const struct collective_group *group,
                      enum collective_operation operation, double bytes)
{
    uint32_t ranks = group->ranks;
    switch (operation) {
    case OPERATION_ALL_REDUCE:
        add(plan, PATTERN_RING, 2 * (ranks - 1), bytes / ranks);
        return true;
    case OPERATION_ALL_GATHER:
    case OPERATION_REDUCE_SCATTER:
        add(plan, PATTERN_RING, ranks - 1, bytes / ranks);
        return true;
    case OPERATION_BROADCAST: {
        double fill_s = chain_fill_s(group, bytes) - chain_fill_s(group, 0);
        uint32_t chunks = chunks_for(fill_s, group->ring.alpha_s);
        add(plan, PATTERN_CHAIN, chunks, bytes / chunks);
        return true;
    }
    case OPERATION_ALL_TO_ALL:
    case OPERATION_SEND_RECV:
    case OPERATION_COUNT:
        break;
    }
    return false;
}

static bool plan_tree(struct collective_plan *plan, const struct collective_group *group,
                      enum collective_operation operation, double bytes)
{
    if (operation == OPERATION_ALL_REDUCE) {
        add_tree(plan, group, PATTERN_RING, tree_depth(group), bytes);
        return true;
    }
    if (operation == OPERATION_BROADCAST) {
        uint32_t depth = tree_depth(group);
        double fill_s = (depth - 1) * bytes / group->ring.bytes_per_s;
        uint32_t chunks = chunks_for(fill_s, group->ring.alpha_s);
        add(plan, PATTERN_RING, depth - 1 + chunks, bytes / chunks);
        return true;
    }
    return false;
}

static bool plan_direct(struct collective_plan *plan, const struct collective_group *group,
                        enum collective_operation operation, double bytes)
{
    double share = bytes / group->ranks;
    switch (operation) {
    case OPERATION_ALL_REDUCE: {
        struct collective_phase one = {.pattern = PATTERN_DIRECT, .rounds = 1, .bytes = bytes};
        struct collective_phase two = {.pattern = PATTERN_DIRECT, .rounds = 2, .bytes = share};
        bool one_is_faster = phase_s(group, &one) <= phase_s(group, &two);
        plan->phases[plan->phase_count++] = one_is_faster ? one : two;
        return group->direct.bytes_per_s > 0;
    }
    case OPERATION_ALL_GATHER:
    case OPERATION_REDUCE_SCATTER:
    case OPERATION_ALL_TO_ALL:
        add(plan, PATTERN_SPREAD, 1, share);
        return true;
    case OPERATION_BROADCAST:
        add(plan, PATTERN_ROOT, 1, bytes);
        return true;
    case OPERATION_SEND_RECV:
        add(plan, PATTERN_RING, 1, bytes);
        return true;
    case OPERATION_COUNT:
        break;
    }
    return false;
}

static bool plan_hierarchical(struct collective_plan *plan, const struct collective_group *group,
                              enum collective_operation operation, double bytes)
{
    uint32_t nodes = group->nodes;
    uint32_t share = group->ranks / nodes;
    if (!(group->across.bytes_per_s > 0))
        return false;
    if (operation == OPERATION_ALL_REDUCE) {
        struct collective_plan ring = {.phase_count = 0};
        struct collective_plan tree = {.phase_count = 0};
        add(&ring, PATTERN_ACROSS, 2 * (nodes - 1), bytes / group->ranks);
        add_tree(&tree, group, PATTERN_ACROSS, depth_of(nodes), bytes / share);
        bool ring_is_faster = collective_plan_s(group, &ring) <= collective_plan_s(group, &tree);
        const struct collective_plan *across = ring_is_faster ? &ring : &tree;
        add(plan, PATTERN_INSIDE, share - 1, bytes / share);
        for (uint32_t i = 0; i < across->phase_count; i++)
            plan->phases[plan->phase_count++] = across->phases[i];
        add(plan, PATTERN_INSIDE, share - 1, bytes / share);
        return true;
    }
    if (operation == OPERATION_ALL_GATHER) {
        add(plan, PATTERN_ACROSS, nodes - 1, bytes / group->ranks);
        add(plan, PATTERN_INSIDE, share - 1, bytes / share);
        return true;
    }
    if (operation == OPERATION_REDUCE_SCATTER) {
        add(plan, PATTERN_INSIDE, share - 1, bytes / share);
        add(plan, PATTERN_ACROSS, nodes - 1, bytes / group->ranks);
        return true;
    }
    return false;
}

static bool plan_halving_doubling(struct collective_plan *plan,
                                  const struct collective_group *group,
                                  enum collective_operation operation, double bytes)
{
    if (operation == OPERATION_ALL_REDUCE)
        return add_exchanges(plan, group, bytes, true) && add_exchanges(plan, group, bytes, false);
    if (operation == OPERATION_REDUCE_SCATTER)
        return add_exchanges(plan, group, bytes, true);
    if (operation == OPERATION_ALL_GATHER)
        return add_exchanges(plan, group, bytes, false);
    return false;
}

/* Up and down the rank's own port at once; what goes up and what comes down is the same in all. */
static bool plan_switch(struct collective_plan *plan, const struct collective_group *group,
                        enum collective_operation operation, double bytes)
{
    double share = bytes / group->ranks;
    if (!(group->reduce.bytes_per_s > 0))
        return false;
    switch (operation) {
    case OPERATION_ALL_REDUCE:
        add(plan, PATTERN_SWITCH, 2, (bytes + share) / 2);
        return true;
    case OPERATION_ALL_GATHER:
    case OPERATION_REDUCE_SCATTER:
    case OPERATION_BROADCAST:
        add(plan, PATTERN_SWITCH, 1, bytes);
        return true;
    case OPERATION_ALL_TO_ALL:
    case OPERATION_SEND_RECV:
    case OPERATION_COUNT:
        break;
    }
    return false;
}

/* The algorithm's phases, by whatever protocol. */
static bool lay_out(struct collective_plan *plan, const struct collective_group *group,
                    enum collective_operation operation, enum collective_algorithm algorithm,
                    double bytes)
{
    typedef bool plan_function(struct collective_plan *, const struct collective_group *,
                               enum collective_operation, double);
    static plan_function *const functions[COLLECTIVE_ALGORITHM_COUNT] = {
        [COLLECTIVE_RING] = plan_ring,
        [COLLECTIVE_TREE] = plan_tree,
        [COLLECTIVE_DIRECT] = plan_direct,
        [COLLECTIVE_HIERARCHICAL] = plan_hierarchical,
        [COLLECTIVE_HALVING_DOUBLING] = plan_halving_doubling,
        [COLLECTIVE_SWITCH] = plan_switch,
    };
    return functions[algorithm](plan, group, operation, bytes);
}

/* A flag of four bytes goes with every four. */
#define LL_BYTES_PER_BYTE 2

bool collective_plan_of(struct collective_plan *plan, const struct collective_group *group,
                        enum collective_operation operation, enum collective_algorithm algorithm,
                        double bytes)
{
    bool own_kernel = algorithm == COLLECTIVE_DIRECT && operation == OPERATION_ALL_REDUCE;
    *plan = (struct collective_plan){.phase_count = 0};
    if (group->ranks < 2)
        return true;
    plan->protocol = own_kernel ? PROTOCOL_NONE : PROTOCOL_SIMPLE;
    plan->start_s = group->start_s + (own_kernel ? 0 : group->simple_start_s);
    if (!lay_out(plan, group, operation, algorithm, bytes))
        return false;
    if (own_kernel || algorithm == COLLECTIVE_SWITCH || group->simple_start_s == 0)
        return true;
    struct collective_plan low_latency = {.protocol = PROTOCOL_LL, .start_s = group->start_s};
    lay_out(&low_latency, group, operation, algorithm, LL_BYTES_PER_BYTE * bytes);
    if (collective_plan_s(group, &low_latency) < collective_plan_s(group, plan))
        *plan = low_latency;
    return true;
}
