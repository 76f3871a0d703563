#include "cost_stack.h"

int cost_stack_init(struct cost_stack *stack, uint32_t first_octave, uint32_t count,
                    struct arena *arena, struct error *error)
{
    *stack = (struct cost_stack){.first_octave = first_octave, .count = count};
    stack->planes = arena_calloc(arena, count, sizeof(*stack->planes));
    return stack->planes ? 0 : error_out_of_memory(error, "grids of costs");
}

double cost_stack_value(const struct cost_stack *stack, uint32_t plane)
{
    return exp2(stack->first_octave + plane);
}

struct cost cost_stack_at(const struct cost_stack *stack, double x, double y, double z)
{
    double position = fmin(fmax(log2(z) - stack->first_octave, 0), stack->count - 1);
    uint32_t below = (uint32_t)position;
    uint32_t above = u32_min(below + 1, stack->count - 1);
    double fraction = position - below;
    struct cost low = cost_grid_at(&stack->planes[below], x, y);
    struct cost high = cost_grid_at(&stack->planes[above], x, y);
    return (struct cost){
        .seconds = low.seconds + fraction * (high.seconds - low.seconds),
        .provenance = fraction > 0.5 ? high.provenance : low.provenance,
        .error = fraction > 0.5 ? high.error : low.error,
    };
}
