#include "collective.h"

/* What vLLM's custom all-reduce takes; the rest is NCCL's. Source: max_size and
   _SUPPORTED_WORLD_SIZES in vllm/distributed/device_communicators/custom_all_reduce.py (vLLM,
   Apache-2.0). */
#define CUSTOM_BYTES_END 0x1p23
#define CUSTOM_RANKS_MAX 8

double collective_s(const struct collective_group *group, enum collective_operation operation,
                    enum collective_algorithm algorithm, double bytes)
{
    struct collective_plan plan;
    if (!collective_plan_of(&plan, group, operation, algorithm, bytes))
        return INFINITY;
    return collective_plan_s(group, &plan);
}

/* NCCL sends straight to peers where no two get the same; what it gathers, scatters or reduces in
   a node goes round the ring: gathers of 4 KiB over 8 H100 are measured at 10.6 us, which by a ring
   come to 10.7 and direct to 6.2. */
static bool is_of_nccl(enum collective_operation operation, enum collective_algorithm algorithm)
{
    if (algorithm == COLLECTIVE_DIRECT)
        return operation == OPERATION_ALL_TO_ALL || operation == OPERATION_SEND_RECV;
    return algorithm != COLLECTIVE_HALVING_DOUBLING;
}

double collective_best_s(const struct collective_group *group, enum collective_operation operation,
                         double bytes, enum collective_algorithm *chosen)
{
    enum collective_algorithm best = (enum collective_algorithm)0;
    double best_s = collective_s(group, operation, best, bytes);
    for (uint32_t i = 1; i < COLLECTIVE_ALGORITHM_COUNT; i++) {
        if (!is_of_nccl(operation, (enum collective_algorithm)i))
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

double collective_custom_s(const struct collective_group *group,
                           enum collective_operation operation, double bytes)
{
    bool takes_ranks = group->ranks % 2 == 0 && group->ranks <= CUSTOM_RANKS_MAX;
    if (operation != OPERATION_ALL_REDUCE || !takes_ranks || bytes >= CUSTOM_BYTES_END)
        return INFINITY;
    return collective_s(group, operation, COLLECTIVE_DIRECT, bytes);
}

double collective_engine_s(const struct collective_group *group,
                           enum collective_operation operation, double bytes, bool has_custom,
                           enum collective_algorithm *chosen)
{
    double best_s = collective_best_s(group, operation, bytes, chosen);
    double custom_s = has_custom ? collective_custom_s(group, operation, bytes) : INFINITY;
    if (custom_s < best_s && chosen)
        *chosen = COLLECTIVE_DIRECT;
    return fmin(best_s, custom_s);
}

const char *collective_algorithm_name(enum collective_algorithm algorithm)
{
    static const char *const names[COLLECTIVE_ALGORITHM_COUNT] = {COLLECTIVE_ALGORITHMS(LIST_TEXT)};
    return names[algorithm];
}

const char *collective_protocol_name(enum collective_protocol protocol)
{
    static const char *const names[] = {COLLECTIVE_PROTOCOLS(LIST_TEXT)};
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

double collective_bus_factor(enum collective_operation operation, double ranks)
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
