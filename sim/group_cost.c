#include "group_cost.h"

/* Of the busiest GPU's part, where that is not everyone's. */
static double bytes_of(const struct group_cost *cost, enum exchange exchange, double tokens)
{
    const struct group_cost_setup *setup = &cost->setup;
    uint32_t ranks = cost->group.ranks;
    return exchange_bytes(exchange, setup->model, ranks, tokens) *
           exchange_imbalance(exchange, setup->model, &setup->sharding, ranks);
}

/* Of `tokens` hidden states, whole. */
static double input_bytes(const struct group_cost *cost, double tokens)
{
    return exchange_bytes(EXCHANGE_ALL_REDUCE, cost->setup.model, cost->group.ranks, tokens);
}

/* Entries for 0 to `max`, and one for what is larger. */
static struct exchange_cost *unset_costs(uint32_t max, struct arena *arena)
{
    struct exchange_cost *costs = arena_calloc(arena, (size_t)max + 2, sizeof(*costs));
    for (uint32_t i = 0; costs && i <= max + 1; i++)
        costs[i].cost.seconds = NAN;
    return costs;
}

/* Makes room for the costs of one exchange, and prepares what was measured of it. */
static int prepare_costs(struct group_cost *cost, enum exchange exchange,
                         struct exchange_cost **costs, const struct group_links *links,
                         struct arena *arena, struct error *error)
{
    double bytes_max = bytes_of(cost, exchange, cost->setup.tokens_max);
    *costs = unset_costs(cost->setup.tokens_max, arena);
    if (!*costs)
        return error_out_of_memory(error, "step costs");
    if (cost->measured[exchange])
        return 0;
    return group_links_prepare(cost->setup.table, &cost->group, links, exchange_operation(exchange),
                               bytes_max, &cost->measured[exchange], arena, error);
}

/* The same for all exchanges of the layout. */
static int prepare_exchanges(struct group_cost *cost, const struct group_links *links,
                             struct arena *arena, struct error *error)
{
    const struct group_cost_setup *setup = &cost->setup;
    struct exchange_place places[EXCHANGES_OF_LAYER_MAX];
    uint32_t count = exchange_places(setup->model, &setup->sharding, cost->group.ranks, places);
    /* The sampled tokens' all-reduce is there whatever the layers have. */
    int status = prepare_costs(cost, EXCHANGE_ALL_REDUCE, &cost->exchanges[EXCHANGE_ALL_REDUCE],
                               links, arena, error);
    for (uint32_t i = 0; status == 0 && i < count; i++)
        if (!cost->exchanges[places[i].exchange])
            status = prepare_costs(cost, places[i].exchange, &cost->exchanges[places[i].exchange],
                                   links, arena, error);
    if (status == 0 && setup->gathers_input)
        status = prepare_costs(cost, EXCHANGE_ALL_GATHER, &cost->inputs, links, arena, error);
    return status;
}

/* Measured, less what hides behind a kernel. */
static struct cost measured_cost(const struct group_cost *cost, const struct cost_grid *measured,
                                 double bytes)
{
    struct cost of = cost_grid_at(measured, bytes, 1);
    of.seconds = fmax(of.seconds - cost->setup.overlap_s, 0);
    return of;
}

static struct cost modelled_cost(double seconds)
{
    return (struct cost){seconds, COST_ESTIMATED, COST_ERROR_ESTIMATED};
}

/* An all-reduce by the engine's own kernel. What was measured of vLLM's is the whole way to it, on
   which what is too large for the kernel goes to NCCL. */
static struct cost custom_cost(const struct group_cost *cost, double bytes)
{
    if (cost->custom)
        return measured_cost(cost, cost->custom, bytes);
    return modelled_cost(collective_custom_s(&cost->group, OPERATION_ALL_REDUCE, bytes));
}

/* Of `bytes` on the busiest rank and `sent_bytes` on the mean one: measured where it was; of
   all-reduces the faster where the engine has two ways. */
static struct exchange_cost cost_of(const struct group_cost *cost, enum exchange exchange,
                                    double bytes, double sent_bytes)
{
    enum collective_operation operation = exchange_operation(exchange);
    enum collective_algorithm algorithm = COLLECTIVE_RING;
    struct cost of;
    if (cost->measured[exchange])
        of = measured_cost(cost, cost->measured[exchange], bytes);
    else
        of = modelled_cost(collective_best_s(&cost->group, operation, bytes, &algorithm));
    if (operation == OPERATION_ALL_REDUCE && cost->setup.custom_all_reduce) {
        struct cost custom = custom_cost(cost, bytes); /* in one node: as much sent as in a ring */
        of = custom.seconds < of.seconds ? custom : of;
    }
    of.seconds *= cost->setup.scale;
    return (struct exchange_cost){
        .cost = of,
        .sent = collective_load_of(&cost->group, operation, algorithm, sent_bytes),
    };
}

/* The ways of one exchange of `bytes`. */
static uint32_t ways_of(const struct group_cost *cost, enum exchange exchange, double bytes)
{
    struct collective_load sent = cost_of(cost, exchange, bytes, bytes).sent;
    uint32_t ways = 0;
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
        ways |= sent.bytes[way] > 0 ? UINT32_C(1) << way : 0;
    return ways;
}

/* Looks at sizes an octave apart: no algorithm is the fastest in between alone. */
static uint32_t all_ways(const struct group_cost *cost)
{
    uint32_t ways = ways_of(cost, EXCHANGE_ALL_REDUCE, GROUP_COST_SAMPLE_BYTES);
    for (uint64_t tokens = 1; tokens < 2 * (uint64_t)cost->setup.tokens_max; tokens *= 2) {
        for (int exchange = 0; exchange < EXCHANGE_COUNT; exchange++)
            if (cost->exchanges[exchange])
                ways |= ways_of(cost, (enum exchange)exchange,
                                bytes_of(cost, (enum exchange)exchange, (double)tokens));
        if (cost->inputs)
            ways |= ways_of(cost, EXCHANGE_ALL_GATHER, input_bytes(cost, (double)tokens));
    }
    return ways;
}

int group_cost_init(struct group_cost *cost, const struct group_cost_setup *setup,
                    const struct collective_group *group, const struct group_links *links,
                    struct arena *arena, struct error *error)
{
    *cost = (struct group_cost){.setup = *setup, .group = *group};
    int status = prepare_exchanges(cost, links, arena, error);
    if (status < 0)
        return status;
    cost->ways = all_ways(cost);
    cost->samples = unset_costs(setup->rows_max, arena);
    if (!cost->samples)
        return error_out_of_memory(error, "step costs");
    if (!setup->custom_all_reduce)
        return 0;
    double bytes_max = bytes_of(cost, EXCHANGE_ALL_REDUCE, setup->tokens_max);
    return group_links_prepare_custom(cost->setup.table, &cost->group, links, bytes_max,
                                      &cost->custom, arena, error);
}

/* The entry for `index`: of `costs` to `max`, or the one for what is larger, which makes room. */
static struct exchange_cost *entry(struct group_cost *cost, struct exchange_cost *costs,
                                   uint32_t index, uint32_t max)
{
    struct exchange_cost *kept = &costs[u32_min(index, max + 1)];
    if (index > max) {
        if (kept->uses > 0)
            cost_sum_add(&cost->overwritten, kept->cost, kept->uses);
        *kept = (struct exchange_cost){.cost.seconds = NAN};
    }
    return kept;
}

const struct exchange_cost *group_cost_exchange(struct group_cost *cost, enum exchange exchange,
                                                uint32_t tokens, uint64_t uses)
{
    const struct group_cost_setup *setup = &cost->setup;
    struct exchange_cost *kept = entry(cost, cost->exchanges[exchange], tokens, setup->tokens_max);
    if (isnan(kept->cost.seconds))
        *kept = cost_of(cost, exchange, bytes_of(cost, exchange, tokens),
                        exchange_bytes(exchange, setup->model, cost->group.ranks, tokens));
    kept->uses += uses;
    return kept;
}

const struct exchange_cost *group_cost_input(struct group_cost *cost, uint32_t tokens,
                                             uint64_t uses)
{
    struct exchange_cost *kept = entry(cost, cost->inputs, tokens, cost->setup.tokens_max);
    double bytes = input_bytes(cost, tokens);
    if (isnan(kept->cost.seconds))
        *kept = cost_of(cost, EXCHANGE_ALL_GATHER, bytes, bytes);
    kept->uses += uses;
    return kept;
}

const struct exchange_cost *group_cost_sample(struct group_cost *cost, uint32_t rows, uint64_t uses)
{
    struct exchange_cost *kept = entry(cost, cost->samples, rows, cost->setup.rows_max);
    double bytes = rows * GROUP_COST_SAMPLE_BYTES;
    if (isnan(kept->cost.seconds))
        *kept = cost_of(cost, EXCHANGE_ALL_REDUCE, bytes, bytes);
    kept->uses += uses;
    return kept;
}

static void add_costs(struct cost_sum *sum, const struct exchange_cost *costs, uint32_t max)
{
    for (uint32_t i = 0; i <= max + 1; i++)
        if (costs[i].uses > 0)
            cost_sum_add(sum, costs[i].cost, costs[i].uses);
}

void group_cost_add_spent(const struct group_cost *cost, struct cost_sum *spent)
{
    cost_sum_merge(spent, &cost->overwritten, 1);
    for (int exchange = 0; exchange < EXCHANGE_COUNT; exchange++)
        if (cost->exchanges[exchange])
            add_costs(spent, cost->exchanges[exchange], cost->setup.tokens_max);
    if (cost->inputs)
        add_costs(spent, cost->inputs, cost->setup.tokens_max);
    add_costs(spent, cost->samples, cost->setup.rows_max);
}
