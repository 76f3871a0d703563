/*
 * collective_table: measured times of collectives over the GPUs of one node.
 *
 * As kernel_table, what is interpolated is a ratio, here to the ideal
 *
 *     seconds = (floor + volume / rate) x ratio
 *
 * with volume the bytes that each rank must send (all-reduce: 2(p-1)/p of the
 * buffer), rate the best and floor the shortest time that a number of ranks
 * reached, both as a power of the ranks: more of them take longer to start, and
 * share PCIe; over log bytes and log ranks, for each operation, fabric and way
 * of launching on its own. Beyond the measured box the ratio at its edge holds.
 */
#ifndef TANDEM_COLLECTIVE_TABLE_H
#define TANDEM_COLLECTIVE_TABLE_H

#include "collective_plan.h"
#include "cost_grid.h"
#include "surface.h"

/* What the bytes travel over. */
enum collective_fabric {
    COLLECTIVE_FABRIC_HOST, /* PCIe and host memory, no peer access */
    COLLECTIVE_FABRIC_PEER, /* each GPU writes to its peers' memory: NVLink, or PCIe peer access */
    COLLECTIVE_FABRIC_COUNT
};

struct collective_kind {
    enum collective_operation operation;
    bool is_custom; /* vLLM's own all-reduce, direct over peer memory; else NCCL's */
    enum collective_fabric fabric;
    bool graph; /* replayed in a captured graph; else launched by the host, whose cost shows */
};

/* `bytes` is the full buffer: all-gather's result, reduce-scatter's input. */
struct collective_sample {
    struct collective_kind kind;
    double ranks;
    double bytes;
    double seconds;
};

/* value = 2^(log2_at_one + exponent x log2(ranks)) */
struct power_of_ranks {
    double log2_at_one;
    double exponent;
};

struct collective_class {
    struct surface surface;
    struct power_of_ranks floor_s;
    struct power_of_ranks bytes_per_s;
    struct cost_errors errors;
};

#define COLLECTIVE_CLASS_COUNT (OPERATION_COUNT * 2 * COLLECTIVE_FABRIC_COUNT * 2)

struct collective_table {
    struct collective_class classes[COLLECTIVE_CLASS_COUNT];
};

/* Which of the classes is of a kind, and the kind that a class is of. */
uint32_t collective_class_of(const struct collective_kind *kind);
struct collective_kind collective_kind_of(uint32_t class);

/* The samples need not outlive the table. 0 or -ERROR_MEMORY, with nothing to release. */
int collective_table_init(struct collective_table *table, const struct collective_sample *samples,
                          size_t count, struct error *error);

/* What is known of the errors of a kind; before, what is usual. */
void collective_table_set_errors(struct collective_table *table, const struct collective_kind *kind,
                                 struct cost_errors errors);
void collective_table_release(struct collective_table *table);

/* Whether the table has samples of that kind. */
bool collective_table_covers(const struct collective_table *table,
                             const struct collective_kind *kind);

/* The best rate at which each of `ranks` sends, by the samples of a kind that the table covers. */
double collective_table_rate(const struct collective_table *table,
                             const struct collective_kind *kind, double ranks);

/*
 * The costs of a kind that the table covers over `ranks` > 1 ranks, monotone in
 * x, the bytes, to `bytes_max` or beyond. 0 or -ERROR_MEMORY.
 */
int collective_table_prepare(const struct collective_table *table,
                             const struct collective_kind *kind, double ranks, double bytes_max,
                             struct arena *arena, struct cost_grid *grid, struct error *error);

#endif
