/*
 * How many flows start and end in a second: alone on their links, and 4,032 at
 * once on the ports of 64 hosts?
 *
 *     bench_flow    prints events/s (a start and an end are two) and flows/s
 */
#include "flow.h"
#include "wall_clock.h"

#include <stdio.h>
#include <stdlib.h>

#define HOSTS 64
#define PORT_BYTES_PER_S 50e9

struct bench {
    struct engine *engine;
    struct flow_network *network;
    uint64_t left;
};

static void check(bool is_fine)
{
    if (is_fine)
        return;
    (void)fputs("bench_flow: out of memory\n", stderr);
    exit(EXIT_FAILURE);
}

/* Ports out, then ports in. */
static struct bench start_bench(void)
{
    struct error error;
    double rates[2 * HOSTS];
    for (uint32_t link = 0; link < 2 * HOSTS; link++)
        rates[link] = PORT_BYTES_PER_S;
    struct bench bench = {.engine = engine_new(&error)};
    check(bench.engine);
    bench.network = flow_network_new(bench.engine, rates, 2 * HOSTS, &error);
    check(bench.network);
    return bench;
}

static void end_bench(struct bench *bench)
{
    while (engine_step(bench->engine))
        continue;
    flow_network_free(bench->network);
    engine_free(bench->engine);
}

static void start(struct bench *bench, uint32_t from, uint32_t to, double latency_s, double bytes,
                  event_function done)
{
    const uint32_t links[] = {from, HOSTS + to};
    struct flow_spec spec = {
        .links = links,
        .link_count = 2,
        .latency_s = latency_s,
        .bytes = bytes,
        .done = done,
        .context = bench,
        .argument = from,
    };
    check(flow_start(bench->network, &spec) != 0);
}

/* Each flow's end starts the next on the same two links. */
static void on_lone_done(void *context, uint64_t from)
{
    struct bench *bench = context;
    if (bench->left == 0)
        return;
    bench->left--;
    start(bench, (uint32_t)from, (uint32_t)from, 0, 1e6 + (double)(from * 1000), on_lone_done);
}

static void bench_lone(void)
{
    const uint64_t flows = 10 * 1000 * 1000;
    struct bench bench = start_bench();
    bench.left = flows - HOSTS;
    double begin_s = wall_s();
    for (uint32_t host = 0; host < HOSTS; host++)
        start(&bench, host, host, 0, 1e6, on_lone_done);
    end_bench(&bench);
    double took_s = wall_s() - begin_s;
    (void)printf("flows alone on their links    %.1f million events/s\n",
                 2 * (double)flows / took_s / 1e6);
}

static void on_done(void *context, uint64_t argument)
{
    struct bench *bench = context;
    (void)argument;
    bench->left--;
}

/* `uneven`: each flow has its own bytes, so that every end changes all rates. */
static void bench_all_to_all(const char *title, bool uneven, uint32_t rounds)
{
    const uint64_t flows = HOSTS * (HOSTS - 1);
    double begin_s = wall_s();
    for (uint32_t round = 0; round < rounds; round++) {
        struct bench bench = start_bench();
        bench.left = flows;
        for (uint32_t from = 0; from < HOSTS; from++)
            for (uint32_t to = 0; to < HOSTS; to++)
                if (from != to)
                    start(&bench, from, to, 1e-6, 1e6 + (uneven ? from * 1e4 + to * 1e2 : 0),
                          on_done);
        end_bench(&bench);
    }
    double took_s = wall_s() - begin_s;
    (void)printf("%s    %.0f flows/s\n", title, (double)flows * rounds / took_s);
}

int main(void)
{
    bench_lone();
    bench_all_to_all("all-to-all, 64 hosts, equal   ", false, 50);
    bench_all_to_all("all-to-all, 64 hosts, unequal ", true, 1);
    return 0;
}
