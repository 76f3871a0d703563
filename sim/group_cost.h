/*
 * group_cost: what the collectives of a tensor-parallel group cost.
 *
 * Worked out once for each number of tokens and kept, with how often each was
 * used. A measured table is used where there is one of such links (group_links.h);
 * else collective.h's models. Tables have collectives back to back: behind a
 * kernel, part of a start is hidden. An all-to-all of experts that are not equally busy takes as
 * long as the busiest GPU's part.
 */
#ifndef TANDEM_GROUP_COST_H
#define TANDEM_GROUP_COST_H

#include "collective.h"
#include "collective_way.h"
#include "cost_sum.h"
#include "exchange.h"
#include "group_links.h"

/* Vocabulary-parallel argmax: each row's best logit and its index go round the group. */
#define GROUP_COST_SAMPLE_BYTES 8.0

/* One operation of a number of bytes; seconds NaN: not worked out yet. */
struct exchange_cost {
    struct cost cost;
    struct collective_load sent; /* by each rank: in the mean, where experts are not equally busy */
    uint64_t uses;
};

/* What all groups of a layout have in common. */
struct group_cost_setup {
    const struct model *model;
    struct sharding sharding;
    const struct collective_table *table; /* NULL: nothing was measured */
    bool custom_all_reduce;               /* the engine has a kernel of its own */
    bool gathers_input;                   /* stages but the first gather their hidden states */
    double overlap_s;                     /* of a measured one, hidden behind a kernel */
    double scale;                         /* of every collective */
    uint32_t tokens_max;                  /* of a step */
    uint32_t rows_max;
};

struct group_cost {
    struct group_cost_setup setup;
    struct collective_group group;
    uint32_t ways; /* that any collective of the layout may go, a bit (1 << way) each */
    const struct cost_grid *measured[EXCHANGE_COUNT]; /* by bytes; NULL: by model */
    const struct cost_grid *custom;                   /* all-reduces by the engine's own kernel;
                                                         NULL: by model, if it has one */
    struct exchange_cost *exchanges[EXCHANGE_COUNT];  /* (tokens_max + 2): the last is for more;
                                                         NULL: the layout has none */
    struct exchange_cost *inputs;  /* (tokens_max + 2): all-gathers of hidden states that came
                                      scattered; NULL: there are none */
    struct exchange_cost *samples; /* (rows_max + 2): all-reduces of the sampled tokens */
    struct cost_sum overwritten;   /* entries that made room for others */
};

/* `setup`'s model and table must outlive it. 0 or -ERROR_MEMORY. */
int group_cost_init(struct group_cost *cost, const struct group_cost_setup *setup,
                    const struct collective_group *group, const struct group_links *links,
                    struct arena *arena, struct error *error);

/* One exchange of the layout, of `tokens` tokens, which is counted `uses` times; good until the
   next call. */
const struct exchange_cost *group_cost_exchange(struct group_cost *cost, enum exchange exchange,
                                                uint32_t tokens, uint64_t uses);

/* The same of the all-gather that puts `tokens` received hidden states together. Each rank has
   1/ranks of every one, so that nothing is padded. Only where the setup has it. */
const struct exchange_cost *group_cost_input(struct group_cost *cost, uint32_t tokens,
                                             uint64_t uses);

/* The same of the all-reduce of `rows` sampled tokens. */
const struct exchange_cost *group_cost_sample(struct group_cost *cost, uint32_t rows,
                                              uint64_t uses);

/* Adds all that was counted. */
void group_cost_add_spent(const struct group_cost *cost, struct cost_sum *spent);

#endif
