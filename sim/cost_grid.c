#include "cost_grid.h"

#include <stdlib.h>
#include <string.h>

#define REPEAT_ERROR 0.02
#define INTERPOLATED_ERROR 0.04 /* H200's left-out kernels, where nothing else is known */
#define EXTRAPOLATED_ERROR 0.15 /* H200's collectives, one number of ranks left out: 10 to 27% */

/* Of an IEEE 754 double; a non-negative one orders as its bits do. */
#define MANTISSA_BITS 52
#define EXPONENT_BIAS 1023
#define NODE_BITS 3 /* of the mantissa: they name a node within its octave */

struct cost_errors cost_errors_of(double point_error, double shape_error)
{
    double left_out = fmax(point_error, shape_error); /* of which NaN is the lesser */
    double interpolated = isnan(left_out) ? INTERPOLATED_ERROR : left_out;
    return (struct cost_errors){{
        [COST_MEASURED] = fmin(REPEAT_ERROR, interpolated),
        [COST_INTERPOLATED] = interpolated,
        [COST_EXTRAPOLATED] = fmax(EXTRAPOLATED_ERROR, 2 * interpolated),
        [COST_ESTIMATED] = COST_ERROR_ESTIMATED,
    }};
}

struct cost_axis cost_axis_of(double shift, uint32_t first_octave, double last)
{
    struct cost_axis axis = {.shift = shift, .first_octave = first_octave, .nodes = 1};
    while (cost_axis_value(&axis, axis.nodes - 1) < last)
        axis.nodes++;
    return axis;
}

/* A node's quantity, shifted, as its bits: the nodes follow each other in an octave and to the
   next. */
static uint64_t node_bits(const struct cost_axis *axis, uint32_t node)
{
    _Static_assert(COST_GRID_OCTAVE_NODES == 1 << NODE_BITS, "mantissa bits name a node");
    uint64_t first = (uint64_t)(EXPONENT_BIAS + axis->first_octave) << MANTISSA_BITS;
    return first + ((uint64_t)node << (MANTISSA_BITS - NODE_BITS));
}

double cost_axis_value(const struct cost_axis *axis, uint32_t node)
{
    uint64_t bits = node_bits(axis, node);
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value - axis->shift;
}

int cost_grid_init(struct cost_grid *grid, struct cost_axis x, struct cost_axis y,
                   struct arena *arena, struct error *error)
{
    size_t nodes = (size_t)x.nodes * y.nodes;
    *grid = (struct cost_grid){.x = x, .y = y, .errors = cost_errors_of((double)NAN, (double)NAN)};
    grid->seconds = arena_calloc(arena, nodes, sizeof(*grid->seconds));
    grid->provenance = arena_calloc(arena, nodes, sizeof(*grid->provenance));
    return grid->seconds && grid->provenance ? 0 : error_out_of_memory(error, "a grid of costs");
}

/* A run of nodes that share one cost. */
struct pool {
    double sum;
    uint32_t count;
};

/* One line of nodes `stride` apart; `pools` has room for `count`. */
static void pool_violators(double *seconds, uint32_t count, uint32_t stride, struct pool *pools)
{
    uint32_t pool_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct pool last = {.sum = seconds[(size_t)i * stride], .count = 1};
        for (; pool_count > 0; pool_count--) {
            struct pool before = pools[pool_count - 1];
            if (before.sum * last.count <= last.sum * before.count)
                break;
            last.sum += before.sum;
            last.count += before.count;
        }
        pools[pool_count++] = last;
    }
    uint32_t node = 0;
    double floor = 0; /* rounding must not undo what pooling did */
    for (uint32_t i = 0; i < pool_count; i++) {
        floor = fmax(floor, pools[i].sum / pools[i].count);
        for (uint32_t end = node + pools[i].count; node < end; node++)
            seconds[(size_t)node * stride] = floor;
    }
}

/* Pooling keeps order between lines, so the second pass cannot spoil the first. */
int cost_grid_make_monotone(struct cost_grid *grid, struct error *error)
{
    struct pool *pools = calloc(u32_max(grid->x.nodes, grid->y.nodes), sizeof(*pools));
    if (!pools)
        return error_out_of_memory(error, "a grid of costs");
    for (uint32_t y = 0; y < grid->y.nodes; y++)
        pool_violators(grid->seconds + (size_t)y * grid->x.nodes, grid->x.nodes, 1, pools);
    for (uint32_t x = 0; x < grid->x.nodes; x++)
        pool_violators(grid->seconds + x, grid->y.nodes, grid->x.nodes, pools);
    free(pools);
    return 0;
}

static struct cost_place place_of(const struct cost_axis *axis, double quantity)
{
    double value = quantity + axis->shift;
    uint64_t bits, first = node_bits(axis, 0);
    memcpy(&bits, &value, sizeof(bits));
    if (bits <= first)
        return (struct cost_place){.beyond = 1};
    double position = (double)(bits - first) / (double)(UINT64_C(1) << (MANTISSA_BITS - NODE_BITS));
    if (position >= axis->nodes - 1) {
        double last = cost_axis_value(axis, axis->nodes - 1);
        return (struct cost_place){.node = axis->nodes - 1, .beyond = value / (last + axis->shift)};
    }
    uint32_t node = (uint32_t)position;
    return (struct cost_place){.node = node, .fraction = position - node, .beyond = 1};
}

struct cost_line cost_grid_line(const struct cost_grid *grid, double x)
{
    return (struct cost_line){.grid = grid, .x = place_of(&grid->x, x)};
}

/* The line's cost at a node of y. */
static struct cost cost_at_node(const struct cost_line *line, uint32_t y_node)
{
    const struct cost_grid *grid = line->grid;
    const struct cost_place *x = &line->x;
    size_t left = (size_t)y_node * grid->x.nodes + x->node;
    size_t right = left + (x->node + 1 < grid->x.nodes ? 1 : 0);
    double seconds =
        grid->seconds[left] + x->fraction * (grid->seconds[right] - grid->seconds[left]);
    uint8_t provenance = grid->provenance[x->fraction > 0.5 ? right : left];
    return (struct cost){.seconds = seconds * x->beyond,
                         .provenance = (enum cost_provenance)(
                             x->beyond > 1 ? u32_max(provenance, COST_EXTRAPOLATED) : provenance)};
}

void cost_line_move(struct cost_line *line, double y)
{
    const struct cost_axis *axis = &line->grid->y;
    uint32_t node = axis->nodes > 1 ? place_of(axis, y).node : 0;
    double quantity = axis->nodes > 1 ? cost_axis_value(axis, node) : 0;
    struct cost cost = cost_at_node(line, node);
    line->seconds = cost.seconds;
    line->lower = line->upper = cost.provenance;
    if (axis->nodes == 1 || y < quantity) { /* the same for all y, or all below the first node */
        line->from_y = line->middle_y = 0;
        line->to_y = axis->nodes == 1 ? (double)INFINITY : quantity;
        line->slope_s = 0;
    } else if (node + 1 < axis->nodes) {
        struct cost next = cost_at_node(line, node + 1);
        line->from_y = quantity;
        line->to_y = cost_axis_value(axis, node + 1);
        line->middle_y = (line->from_y + line->to_y) / 2;
        line->slope_s = (next.seconds - cost.seconds) / (line->to_y - line->from_y);
        line->upper = next.provenance;
    } else { /* in proportion */
        line->from_y = line->middle_y = quantity;
        line->to_y = (double)INFINITY;
        line->slope_s = cost.seconds / (quantity + axis->shift);
        line->upper = (enum cost_provenance)u32_max(cost.provenance, COST_EXTRAPOLATED);
    }
}

struct cost cost_grid_at(const struct cost_grid *grid, double x, double y)
{
    struct cost_line line = cost_grid_line(grid, x);
    return cost_line_at(&line, y);
}

const char *cost_provenance_name(enum cost_provenance provenance)
{
    static const char *const names[COST_PROVENANCE_COUNT] = {COST_PROVENANCES(LIST_TEXT)};
    return names[provenance];
}
