/*
 * How many flows a second beside SimGrid, all 4,032 of an all-to-all of 64 hosts?
 *
 *     bench_simgrid    prints flows/s of both, and their ratio
 */
#include "flow_set.h"
#include "fluid.h"
#include "wall_clock.h"

#define HOSTS 64
#define ROUNDS 50
#define LATENCY_S 1e-6

int main(void)
{
    static struct flow_set set;
    static struct fluid_flow flows[SET_FLOWS_MAX];
    static double ends_s[SET_FLOWS_MAX];
    flow_set_crossbar(&set, HOSTS, 50e9);
    flow_set_all_to_all(&set, HOSTS, 1e7, LATENCY_S);
    for (uint32_t i = 0; i < set.flow_count; i++)
        flows[i] = (struct fluid_flow){.bytes = (uint64_t)set.flows[i].bytes,
                                       .link_count = set.flows[i].link_count,
                                       .links = set.flows[i].links};
    double begin_s = wall_s();
    fluid_play(set.bytes_per_s, set.link_count, flows, set.flow_count, LATENCY_S, ends_s);
    double simgrid_s = wall_s() - begin_s;
    begin_s = wall_s();
    for (uint32_t round = 0; round < ROUNDS; round++)
        flow_set_play(&set, ends_s);
    double tandem_s = (wall_s() - begin_s) / ROUNDS;
    (void)printf("all-to-all, 64 hosts    SimGrid %.0f flows/s, tandem %.0f flows/s: %.0f times\n",
                 set.flow_count / simgrid_s, set.flow_count / tandem_s, simgrid_s / tandem_s);
    return 0;
}
