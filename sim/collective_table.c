#include "collective_table.h"

#include "collective.h"

/* Over bytes and ranks; of those tried, small errors of left-out samples over all shipped tables.
 */
static const struct surface_kind kind_of_surface = {2, 1, {6, 2}, 0.02, 0, {0}};

/* Octaves of bytes: smaller buffers cost what 256 bytes do. */
#define FIRST_OCTAVE 8
#define MEASURED_OCTAVES 0.1 /* this near a sample counts as on it */

static double power_at(const struct power_of_ranks *power, double ranks)
{
    return exp2(power->log2_at_one + power->exponent * log2(ranks));
}

static double base_s(const struct collective_class *class, enum collective_operation operation,
                     double ranks, double bytes)
{
    return power_at(&class->floor_s, ranks) +
           bytes * collective_bus_factor(operation, ranks) / power_at(&class->bytes_per_s, ranks);
}

uint32_t collective_class_of(const struct collective_kind *kind)
{
    uint32_t of_operation = (uint32_t)kind->operation * 2 + kind->is_custom;
    return (of_operation * COLLECTIVE_FABRIC_COUNT + (uint32_t)kind->fabric) * 2 + kind->graph;
}

struct collective_kind collective_kind_of(uint32_t class)
{
    uint32_t of_operation = class / (2 * COLLECTIVE_FABRIC_COUNT);
    return (struct collective_kind){
        .operation = (enum collective_operation)(of_operation / 2),
        .is_custom = of_operation % 2 == 1,
        .fabric = (enum collective_fabric)(class / 2 % COLLECTIVE_FABRIC_COUNT),
        .graph = class % 2 == 1,
    };
}

static bool is_like(const struct collective_sample *a, const struct collective_sample *b)
{
    return a->ranks == b->ranks && collective_class_of(&a->kind) == collective_class_of(&b->kind);
}

/* Whether no sample before `at` is of its kind and number of ranks. */
static bool begins_ranks(const struct collective_sample *samples, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (is_like(&samples[i], &samples[at]))
            return false;
    return true;
}

static double rate_of(const struct collective_sample *sample)
{
    return sample->bytes * collective_bus_factor(sample->kind.operation, sample->ranks) /
           sample->seconds;
}

/* Sums over points (x, y). */
struct line_fit {
    double count, x, xx, y, xy;
};

static void line_fit_add(struct line_fit *fit, double x, double y)
{
    fit->count += 1;
    fit->x += x;
    fit->xx += x * x;
    fit->y += y;
    fit->xy += x * y;
}

/* The least-squares line; level through a single x. */
static struct power_of_ranks line_fit_power(const struct line_fit *fit)
{
    double spread = fit->count * fit->xx - fit->x * fit->x;
    double exponent = fit->count > 1 ? (fit->count * fit->xy - fit->x * fit->y) / spread : 0;
    return (struct power_of_ranks){(fit->y - exponent * fit->x) / fit->count, exponent};
}

/* The powers through the best that each number of ranks reached. */
static void fit_ideal(struct collective_class *class, uint32_t index,
                      const struct collective_sample *samples, size_t count)
{
    struct line_fit floor = {0}, rate = {0};
    for (size_t first = 0; first < count; first++) {
        if (collective_class_of(&samples[first].kind) != index || !begins_ranks(samples, first))
            continue;
        double floor_s = INFINITY, bytes_per_s = 0;
        for (size_t i = first; i < count; i++)
            if (is_like(&samples[i], &samples[first])) {
                floor_s = fmin(floor_s, samples[i].seconds);
                bytes_per_s = fmax(bytes_per_s, rate_of(&samples[i]));
            }
        line_fit_add(&floor, log2(samples[first].ranks), log2(floor_s));
        line_fit_add(&rate, log2(samples[first].ranks), log2(bytes_per_s));
    }
    if (rate.count == 0)
        return;
    class->floor_s = line_fit_power(&floor);
    class->bytes_per_s = line_fit_power(&rate);
}

static int add_sample(struct collective_class *class, const struct collective_sample *sample,
                      struct error *error)
{
    double at[SURFACE_DIMENSIONS_MAX] = {log2(sample->bytes), log2(sample->ranks)};
    double ratio =
        sample->seconds / base_s(class, sample->kind.operation, sample->ranks, sample->bytes);
    return surface_add(&class->surface, at, log(ratio), error);
}

int collective_table_init(struct collective_table *table, const struct collective_sample *samples,
                          size_t count, struct error *error)
{
    for (size_t i = 0; i < count; i++)
        assert(samples[i].seconds > 0 && samples[i].bytes > 0 && samples[i].ranks > 1);
    for (uint32_t i = 0; i < COLLECTIVE_CLASS_COUNT; i++) {
        table->classes[i] = (struct collective_class){0};
        surface_init(&table->classes[i].surface, &kind_of_surface);
        table->classes[i].errors = cost_errors_of((double)NAN, (double)NAN);
        fit_ideal(&table->classes[i], i, samples, count);
    }
    for (size_t i = 0; i < count; i++) {
        struct collective_class *class = &table->classes[collective_class_of(&samples[i].kind)];
        int status = add_sample(class, &samples[i], error);
        if (status < 0) {
            collective_table_release(table);
            return status;
        }
    }
    return 0;
}

void collective_table_set_errors(struct collective_table *table, const struct collective_kind *kind,
                                 struct cost_errors errors)
{
    table->classes[collective_class_of(kind)].errors = errors;
}

void collective_table_release(struct collective_table *table)
{
    for (uint32_t i = 0; i < COLLECTIVE_CLASS_COUNT; i++)
        surface_release(&table->classes[i].surface);
}

bool collective_table_covers(const struct collective_table *table,
                             const struct collective_kind *kind)
{
    return table->classes[collective_class_of(kind)].surface.count > 0;
}

double collective_table_rate(const struct collective_table *table,
                             const struct collective_kind *kind, double ranks)
{
    return power_at(&table->classes[collective_class_of(kind)].bytes_per_s, ranks);
}

static void fill_node(const struct collective_class *class, struct surface_probe *probe,
                      enum collective_operation operation, double ranks, struct cost_grid *grid,
                      uint32_t node)
{
    double bytes = cost_axis_value(&grid->x, node);
    double at[SURFACE_DIMENSIONS_MAX] = {log2(bytes), log2(ranks)};
    struct surface_estimate estimate = surface_at(probe, at);
    enum cost_provenance provenance =
        estimate.nearest_octaves <= MEASURED_OCTAVES ? COST_MEASURED : COST_INTERPOLATED;
    if (estimate.is_outside)
        provenance = COST_EXTRAPOLATED;
    grid->seconds[node] = exp(estimate.value) * base_s(class, operation, ranks, bytes);
    grid->provenance[node] = (uint8_t)provenance;
}

int collective_table_prepare(const struct collective_table *table,
                             const struct collective_kind *kind, double ranks, double bytes_max,
                             struct arena *arena, struct cost_grid *grid, struct error *error)
{
    assert(collective_table_covers(table, kind) && ranks > 1);
    struct cost_axis bytes = cost_axis_of(0, FIRST_OCTAVE, bytes_max);
    struct cost_axis alone = {.nodes = 1};
    int status = cost_grid_init(grid, bytes, alone, arena, error);
    if (status < 0)
        return status;
    const struct collective_class *class = &table->classes[collective_class_of(kind)];
    struct surface_probe probe;
    surface_probe_init(&probe, &class->surface);
    grid->errors = class->errors;
    for (uint32_t node = 0; node < bytes.nodes; node++)
        fill_node(class, &probe, kind->operation, ranks, grid, node);
    return cost_grid_make_monotone(grid, error);
}
