/*
 * step_cost: what the parts of a step cost: kernels, a layer's attention, the
 * collectives of the layout.
 *
 * Everything that depends on the number of tokens alone is worked out once for
 * each count and kept; step_work.h puts a step together from it.
 */
#ifndef TANDEM_STEP_COST_H
#define TANDEM_STEP_COST_H

#include "arena.h"
#include "batcher.h"
#include "compute.h"
#include "group_cost.h"
#include "layout.h"
#include "measured.h"

#define GROUP_CLASSES_MAX 16

/* What depends on a step's number of tokens alone; layer_s NaN: not worked out yet. */
struct token_cost {
    double layer_s; /* one layer's kernels, attention left out */
    double layer_hot_s;
    double embedding_s;
    uint64_t uses; /* steps */
    struct cost_sum layer;
};

/* What depends on its number of sequences: final norm, LM head, sampling; seconds NaN: unset. */
struct head_cost {
    double seconds;
    double hot_s;
    uint64_t uses;
    struct cost_sum sum;
};

/* What steps cost by: all but the layout must outlive what is made of it. */
struct step_cost_setup {
    const struct model *model;
    const struct gpu *gpu;
    const struct serving *serving;
    const struct measured *measured;
    const struct layout_spec *layout;
    uint32_t context_max; /* tokens that a sequence may have */
    double scale;         /* what every kernel and collective takes over what the models say */
};

struct step_cost {
    struct compute compute;
    const struct host *host;
    uint32_t layer_kernels; /* launches of one layer, attention's left out */
    uint32_t exchange_count;
    struct exchange_place exchanges[EXCHANGES_OF_LAYER_MAX]; /* of one layer */
    uint32_t tokens_max;
    uint32_t rows_max;
    struct token_cost *tokens; /* (tokens_max + 2): the last is for steps over the budget */
    struct head_cost *heads;   /* (rows_max + 2): the same */
    struct group_cost_setup group;
    uint32_t class_count;
    struct group_cost classes[GROUP_CLASSES_MAX]; /* groups of equal links are of one class */
    struct cost_sum attention;                    /* of all steps so far, one layer of each */
    struct cost_sum overwritten; /* of entries that made room for others, over all layers */
    double slowest;              /* of a stage's processes, over one of them */
    sim_ps receive;              /* the host's times, rounded */
    sim_ps launch_graph;
};

int step_cost_init(struct step_cost *cost, const struct step_cost_setup *setup, struct arena *arena,
                   struct error *error);

/* The class of a group, found or made; negative when there are too many. */
int step_cost_class(struct step_cost *cost, const struct collective_group *group,
                    const struct group_links *links, struct arena *arena, struct error *error);

/* What is kept of a number of tokens, and of rows of the LM head; over the budget there is one
   entry of each, made anew each time. */
struct token_cost *step_cost_tokens(struct step_cost *cost, uint32_t tokens);
struct head_cost *step_cost_head(struct step_cost *cost, uint32_t rows);

/* Whether all-reduces or reduce-scatters of some group take measured times, not the models'. */
bool step_cost_measures_sums(const struct step_cost *cost);

/* How much of a kernel's time is hot. */
double step_cost_hot_s(const struct step_cost *cost, const struct kernel *kernel, double seconds);

/* One kernel; a layer's attention of a batch's decodes with `padding` rows, and of a chunk; one of
   the layout's exchanges, one all-gather of a stage's input, and the all-reduce of the sampled
   tokens. */
struct cost step_cost_kernel(const struct step_cost *cost, const struct kernel *kernel);
struct cost step_cost_decodes(const struct step_cost *cost, const struct batch *batch,
                              uint32_t padding);
struct cost step_cost_chunk(const struct step_cost *cost, const struct chunk *chunk);
struct cost step_cost_exchange(struct step_cost *cost, uint32_t group_class, enum exchange exchange,
                               uint32_t tokens);
struct cost step_cost_input(struct step_cost *cost, uint32_t group_class, uint32_t tokens);
struct cost step_cost_sample(struct step_cost *cost, uint32_t group_class, uint32_t rows);

/* Bytes of an exchange's buffer, as exchange.h has it. */
double step_cost_exchange_bytes(const struct step_cost *cost, enum exchange exchange,
                                double tokens);

/* Whether the first stage's GPUs add what each finds in its part of the embedding, and how. */
bool step_cost_sums_embedding(const struct step_cost *cost);
enum exchange step_cost_embedding_exchange(const struct step_cost *cost);

/* Whether the sampled rows' hidden states lie scattered, and are gathered before the LM head. */
bool step_cost_gathers_rows(const struct step_cost *cost);

/* Kernels and collectives of all steps so far, over all layers, by how they are known. */
struct cost_sum step_cost_spent(const struct step_cost *cost);

/*
 * What stages do beyond layers, in units of a layer with its collectives, in a decode step of
 * `rows` rows of STEP_COST_CONTEXT tokens each.
 */
#define STEP_COST_CONTEXT 1024
struct stage_extras step_cost_extras(struct step_cost *cost, uint32_t group_class, uint32_t rows);

#endif
