/*
 * step_work: how long each stage of a replica works on one step.
 *
 * A step costs two look-ups of what is kept by tokens (step_cost.h), one attention
 * kernel for its decodes, and one for each prompt chunk. It is laid on stages by
 * their layers.
 *
 * A step of decodes only replays a captured graph, where the engine has one of
 * its size or larger: its rows are padded to that size, be it more than the most
 * sequences, and the padding computes too. Any other step is launched kernel by
 * kernel; a stage then takes the longer of its GPU time and its launches.
 */
#ifndef TANDEM_STEP_WORK_H
#define TANDEM_STEP_WORK_H

#include "seen_shapes.h"
#include "step_cost.h"

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

/* `seen` is the replica's, and learns the step's shape; NULL: no shape is new. */
struct step_work step_work_of(struct step_cost *cost, const struct batch *batch,
                              struct seen_shapes *seen);

struct stage_work step_work_on_stage(struct step_cost *cost, const struct step_work *work,
                                     const struct stage_part *part);

/* Brings the work of a step of decodes up to its batch's context. */
void step_work_repeat(struct step_cost *cost, const struct batch *batch, struct step_work *work);

/* A stage's kernels, as step_work_on_stage() has them, and those of them that are hot. */
sim_ps step_work_compute(const struct step_work *work, const struct stage_part *part);
sim_ps step_work_hot(const struct step_work *work, const struct stage_part *part);

/* Counts the kernels and collectives of `times` more such steps, attention left out: what stages
   have in common, and what one has of its own. */
void step_work_count(struct step_cost *cost, const struct step_work *work, uint64_t times);
void step_work_count_on_stage(struct step_cost *cost, const struct step_work *work,
                              const struct stage_part *part, uint64_t times);

/* Whether costs of such a step are kept: those over the budget are not. */
bool step_work_is_kept(const struct step_cost *cost, const struct step_work *work);

/* All-gathers by which a stage puts its input together before its first layer. */
uint32_t step_work_input_gathers(const struct step_cost *cost, const struct stage_part *part);

#endif
