/*
 * cost_stack: a cost as a function of three quantities: cost grids over the
 * first two, at nodes of the third.
 *
 * Nodes of the third stand an octave apart; between them the cost is linear in
 * its logarithm, so it is continuous; beyond the first and last it stays as it is there.
 */
#ifndef TANDEM_COST_STACK_H
#define TANDEM_COST_STACK_H

#include "cost_grid.h"

struct cost_stack {
    uint32_t first_octave; /* log2 of the third quantity at plane 0 */
    uint32_t count;        /* 0: there is no such cost */
    struct cost_grid *planes;
};

/* Room for `count` planes, in the arena; to be prepared by the caller. 0 or -ERROR_MEMORY. */
int cost_stack_init(struct cost_stack *stack, uint32_t first_octave, uint32_t count,
                    struct arena *arena, struct error *error);

/* The third quantity at a plane. */
double cost_stack_value(const struct cost_stack *stack, uint32_t plane);

/* The cost at (x, y, z), z positive, of a stack that has planes. */
struct cost cost_stack_at(const struct cost_stack *stack, double x, double y, double z);

#endif
