/*
 * fluid: a set of flows played out by SimGrid, as plain max-min fair sharing.
 *
 * SimGrid's network model CM02 without what it adds to the fluid model: no TCP
 * window bound, no cross traffic, no factors on bandwidth and latency.
 */
#ifndef TANDEM_TESTS_SIMGRID_FLUID_H
#define TANDEM_TESTS_SIMGRID_FLUID_H

#include <stdbool.h>
#include <stdint.h>

/* As flow_set.h's, which C++ does not read. */
struct fluid_flow {
    double start_s;
    uint64_t bytes;
    uint32_t then;
    bool is_chained;
    uint32_t link_count;
    const uint32_t *links;
};

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Seconds at which each flow ends. `latency_s` is every route's, and lies on its first link: CM02
 * weighs flows by their latencies, so only equal ones share alike. SimGrid has one engine a
 * process: call it once in one.
 */
void fluid_play(const double *link_bytes_per_s, uint32_t link_count, const struct fluid_flow *flows,
                uint32_t flow_count, double latency_s, double *ends_s);

#ifdef __cplusplus
}
#endif

#endif
