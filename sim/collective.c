#include "collective.h"

double collective_s(const struct collective_group *group, enum collective_operation operation,
                    enum collective_algorithm algorithm, double bytes)
{
    struct collective_plan plan;
    if (!collective_plan_of(&plan, group, operation, algorithm, bytes))
        return INFINITY;
    return collective_plan_s(group, &plan);
}

double collective_best_s(const struct collective_group *group, enum collective_operation operation,
                         double bytes, enum collective_algorithm *chosen)
{
    enum collective_algorithm best = (enum collective_algorithm)0;
    double best_s = collective_s(group, operation, best, bytes);
    for (uint32_t i = 1; i < COLLECTIVE_ALGORITHM_COUNT; i++) {
        if (i == COLLECTIVE_HALVING_DOUBLING)
            continue;
        double seconds = collective_s(group, operation, (enum collective_algorithm)i, bytes);
        if (seconds < best_s) {
            best = (enum collective_algorithm)i;
            best_s = seconds;
        }
    }
    if (chosen)
        *chosen = best;
    return best_s;
}

double collective_ring_all_reduce_s(const struct collective_group *group, double bytes)
{
    return collective_s(group, OPERATION_ALL_REDUCE, COLLECTIVE_RING, bytes);
}

double collective_tree_all_reduce_s(const struct collective_group *group, double bytes)
{
    return collective_s(group, OPERATION_ALL_REDUCE, COLLECTIVE_TREE, bytes);
}

double collective_direct_all_reduce_s(const struct collective_group *group, double bytes)
{
    return collective_s(group, OPERATION_ALL_REDUCE, COLLECTIVE_DIRECT, bytes);
}

double collective_hierarchical_all_reduce_s(const struct collective_group *group, double bytes)
{
    return collective_s(group, OPERATION_ALL_REDUCE, COLLECTIVE_HIERARCHICAL, bytes);
}

double collective_all_reduce_s(const struct collective_group *group, double bytes,
                               enum collective_algorithm *chosen)
{
    return collective_best_s(group, OPERATION_ALL_REDUCE, bytes, chosen);
}

const char *collective_algorithm_name(enum collective_algorithm algorithm)
{
    static const char *const names[COLLECTIVE_ALGORITHM_COUNT] = {
#define X(name, text) text,
        COLLECTIVE_ALGORITHMS(X)
#undef X
    };
    return names[algorithm];
}

const char *collective_protocol_name(enum collective_protocol protocol)
{
    static const char *const names[] = {
#define X(name, text) text,
        COLLECTIVE_PROTOCOLS(X)
#undef X
    };
    return names[protocol];
}

const char *collective_operation_name(enum collective_operation operation)
{
    static const char *const names[OPERATION_COUNT] = {
#define X(name, text, bus_factor) text,
        COLLECTIVE_OPERATIONS(X)
#undef X
    };
    return names[operation];
}

double collective_bus_factor(enum collective_operation operation, uint32_t ranks)
{
    double p = ranks;
    switch (operation) {
#define X(name, text, bus_factor) \
    case OPERATION_##name:        \
        return bus_factor;
        COLLECTIVE_OPERATIONS(X)
#undef X
    case OPERATION_COUNT:
        break;
    }
    return 1;
}
