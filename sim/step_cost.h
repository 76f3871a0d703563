/*
 * step_cost: how long each stage of a replica works on one step.
 *
 * Everything that depends on the number of tokens alone is worked out once for
 * each count and kept, so that a step costs two look-ups, one attention kernel
 * for its decodes, and one for each prompt chunk.
 *
 * A step of decodes only replays a captured graph, where the engine has one of
 * its size or larger: its rows are padded to that size, be it more than the most
 * sequences, and the padding computes too. Any other step is launched kernel by kernel; a stage
 * then takes the longer of its GPU time and its launches.
 */
#ifndef TANDEM_STEP_COST_H
#define TANDEM_STEP_COST_H

#include "arena.h"
#include "batcher.h"
#include "compute.h"
#include "group_cost.h"
#include "layout.h"
#include "measured.h"
#include "seen_shapes.h"

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

/* A step's cost in seconds, before it is laid on stages. */
struct step_work {
    double layer_compute_s; /* one layer's kernels, */
    double layer_fixed_s;   /* and attention left out */
    double layer_hot_s;     /* the part of it that is hot (power.h), in steps with prompts */
    double embedding_s;
    double head_s;
    double head_hot_s;     /* the same of it */
    double layer_launch_s; /* the host's launches of one layer, collectives' left out */
    double layer_gaps_s;   /* what its kernels wait for each other beyond graph replay */
    double send_bytes;     /* to the next stage, from each GPU: its share, where scattered */
    uint32_t tokens;       /* rows of the GEMMs, padding counted */
    uint32_t padding;
    struct cost_line decodes; /* attention of its decodes, nothing computing beside them */
    uint32_t rows;            /* rows of the LM head */
    double prepare_s;         /* of the host on each stage, before the first kernel */
    double stall_s;           /* of the host, for a number of tokens not seen before */
    bool graph;               /* replays a captured graph */
};

/* What a step comes to on one stage. */
struct stage_work {
    sim_ps compute;
    sim_ps collective;
    sim_ps prepare;              /* the host's part before the first kernel, */
    sim_ps stall;                /* within the first layer, */
    sim_ps launch;               /* and for all launches; the stage takes the longer */
    struct collective_load sent; /* by each GPU in collectives; the mean GPU, where experts are not
                                    equally busy */
};

/* The part of the model that a stage holds. */
struct stage_part {
    uint32_t layers;
    uint32_t first_layer;
    uint32_t group_class;
    bool is_first;
    bool is_last;
};

int step_cost_init(struct step_cost *cost, const struct step_cost_setup *setup, struct arena *arena,
                   struct error *error);

/* The class of a group, found or made; negative when there are too many. */
int step_cost_class(struct step_cost *cost, const struct collective_group *group,
                    const struct group_links *links, struct arena *arena, struct error *error);

/* `seen` is the replica's, and learns the step's shape; NULL: no shape is new. */
struct step_work step_cost_of(struct step_cost *cost, const struct batch *batch,
                              struct seen_shapes *seen);

struct stage_work step_cost_on_stage(struct step_cost *cost, const struct step_work *work,
                                     const struct stage_part *part);

/* Brings the work of a step of decodes up to its batch's context. */
void step_cost_repeat(struct step_cost *cost, const struct batch *batch, struct step_work *work);

/* A stage's kernels, as step_cost_on_stage() has them, and those of them that are hot. */
sim_ps step_cost_compute(const struct step_work *work, const struct stage_part *part);
sim_ps step_cost_hot(const struct step_work *work, const struct stage_part *part);

/* Counts the kernels and collectives of `times` more such steps, attention left out: what stages
   have in common, and what one has of its own. */
void step_cost_count(struct step_cost *cost, const struct step_work *work, uint64_t times);
void step_cost_count_on_stage(struct step_cost *cost, const struct step_work *work,
                              const struct stage_part *part, uint64_t times);

/* Whether costs of such a step are kept: those over the budget are not. */
bool step_cost_keeps(const struct step_cost *cost, const struct step_work *work);

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

/* All-gathers by which a stage puts its input together before its first layer. */
uint32_t step_cost_input_gathers(const struct step_cost *cost, const struct stage_part *part);

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
