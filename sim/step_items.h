/*
 * step_items: a step's kernels and collectives one by one, for the timeline.
 */
#ifndef TANDEM_STEP_ITEMS_H
#define TANDEM_STEP_ITEMS_H

#include "step_work.h"

/* One kernel or collective of a step, in order of execution. */
struct step_item {
    enum span_kind kind;
    double seconds; /* while the GPU is not capped, */
    double hot_s;   /* of it what is hot (power.h) */
    double bytes;   /* of a collective */
};

/* Items of one layer of a stage, at most LAYER_ITEMS_MAX + the batch's chunks. */
#define LAYER_ITEMS_MAX (LAYER_KERNELS_MAX + 1 + EXCHANGES_OF_LAYER_MAX)

/*
 * The items of one layer of `batch`, for the timeline; `items` has room for
 * LAYER_ITEMS_MAX + batch->chunk_count. Returns their count.
 */
uint32_t step_items_of_layer(struct step_cost *cost, const struct step_work *work,
                             const struct batch *batch, uint32_t group_class,
                             struct step_item *items);

/* The embedding, and the collective that adds what GPUs find in their parts of it. */
#define EMBEDDING_ITEMS_MAX 2
uint32_t step_items_of_embedding(struct step_cost *cost, const struct step_work *work,
                                 uint32_t group_class, struct step_item items[EMBEDDING_ITEMS_MAX]);

/* One of the all-gathers of a stage's input. */
struct step_item step_item_of_input(struct step_cost *cost, const struct step_work *work,
                                    uint32_t group_class);

/* Final norm, LM head, sampling and their collectives. */
#define HEAD_ITEMS_MAX 5
uint32_t step_items_of_head(struct step_cost *cost, const struct step_work *work,
                            uint32_t group_class, struct step_item items[HEAD_ITEMS_MAX]);

#endif
