/*
 * step_cost: how long each stage of a replica works on one step.
 *
 * Everything that depends on the number of tokens alone is worked out once for
 * each count and kept, so that a step costs two look-ups, one attention kernel
 * for its decodes, and one for each prompt chunk.
 *
 * A step of decodes only replays a captured graph, where the engine has one of
 * its size or larger: its rows are padded to that size, and the padding computes
 * too. Any other step is launched kernel by kernel; a stage then takes the
 * longer of its GPU time and its launches.
 */
#ifndef TANDEM_STEP_COST_H
#define TANDEM_STEP_COST_H

#include "arena.h"
#include "batcher.h"
#include "collective.h"
#include "compute.h"
#include "layout.h"

#define GROUP_CLASSES_MAX 16

/* Replicas' tensor-parallel groups fall into a few classes of equal links. */
struct group_class {
    struct collective_group group;
    double *layer_collective_s; /* (max_step_tokens + 1): one layer's two all-reduces; NaN unset */
};

struct step_cost {
    struct compute compute;
    const struct host *host;
    uint32_t layer_kernels; /* launches of one layer, attention's left out */
    uint32_t tokens_max;
    uint32_t rows_max;
    double *layer_compute_s; /* (tokens_max + 1): one layer, attention left out; NaN unset */
    double *head_s;          /* (rows_max + 1): final norm, LM head, sampling; NaN unset */
    uint32_t class_count;
    struct group_class classes[GROUP_CLASSES_MAX];
};

/* A step's cost in seconds, before it is laid on stages. */
struct step_work {
    double layer_compute_s; /* one layer's kernels */
    double embedding_s;
    double head_s;
    double layer_launch_s; /* the host's launches of one layer, collectives' left out */
    double send_bytes;     /* to the next stage, from each GPU */
    uint32_t tokens;       /* rows of the GEMMs, padding counted */
    uint32_t rows;         /* rows of the LM head */
    bool graph;            /* replays a captured graph */
};

/* What a step comes to on one stage. */
struct stage_work {
    sim_ps compute;
    sim_ps collective;
    sim_ps launch; /* the host's part; the stage takes the longer */
};

/* The part of the model that a stage holds. */
struct stage_part {
    uint32_t layers;
    uint32_t first_layer;
    uint32_t group_class;
    bool is_first;
    bool is_last;
};

/* The specifications must outlive it. */
int step_cost_init(struct step_cost *cost, const struct model *model, const struct gpu *gpu,
                   const struct serving *serving, uint32_t tensor_parallel, struct arena *arena,
                   struct error *error);

/* The class of a group, found or made; negative when there are too many. */
int step_cost_class(struct step_cost *cost, const struct collective_group *group,
                    struct arena *arena, struct error *error);

struct step_work step_cost_of(struct step_cost *cost, const struct batch *batch);

struct stage_work step_cost_on_stage(struct step_cost *cost, const struct step_work *work,
                                     const struct stage_part *part);

/* Bytes that each GPU of the stage sends in its all-reduces, were each a ring. */
double step_cost_ring_bytes(const struct step_cost *cost, const struct step_work *work,
                            const struct stage_part *part);

/*
 * What the first and last stage do beyond layers, in units of a layer with its
 * collectives, in a decode step of `rows` rows of STEP_COST_CONTEXT tokens each.
 */
#define STEP_COST_CONTEXT 1024
struct stage_extras step_cost_extras(struct step_cost *cost, uint32_t group_class, uint32_t rows);

/* One kernel or collective of a step, in order of execution. */
struct step_item {
    enum span_kind kind;
    uint32_t layer; /* in the stage, from 0; SPAN_NO_LAYER outside the layers */
    double seconds;
    double bytes; /* of a collective */
};

/* Items of one layer of a stage, at most LAYER_ITEMS_MAX + the batch's chunks. */
#define LAYER_ITEMS_MAX (LAYER_KERNELS_MAX + 3)

/*
 * The items of one layer of `batch`, for the timeline; `items` has room for
 * LAYER_ITEMS_MAX + batch->chunk_count. Returns their count.
 */
uint32_t step_cost_layer_items(struct step_cost *cost, const struct step_work *work,
                               const struct batch *batch, uint32_t group_class,
                               struct step_item *items);

/* Final norm, LM head, sampling and its collective: at most 4 items. */
uint32_t step_cost_head_items(struct step_cost *cost, const struct step_work *work,
                              uint32_t group_class, struct step_item items[4]);

#endif
