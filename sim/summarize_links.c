#include "summarize_links.h"

#include <stdio.h>

/* What one link did to the stages that use it, in seconds over all of them. */
struct pressure {
    double bytes;
    double waited_s;  /* stages had nothing to do but wait for its bytes */
    double bound_s;   /* of their time, what its bandwidth alone sets */
    double working_s; /* what they worked and waited in all */
};

static double working_s(const struct stage_tally *tally)
{
    return sim_s_from_ps(stage_tally_working(tally));
}

/* A stage's collectives, bound by the narrowest link each way. */
static void add_collectives(const struct pipeline_stage *stage, const struct topology *topology,
                            struct pressure *of_link)
{
    for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++) {
        const struct link_traffic *traffic = &stage->meter.collectives[way];
        if (traffic->crossings.count == 0)
            continue;
        struct pressure *pressure = &of_link[link_traffic_narrowest(traffic, topology)];
        double bytes_s = traffic->bytes / stage->ways[way].path.bytes_per_s;
        pressure->bound_s += fmin(bytes_s, sim_s_from_ps(stage->tally.collective));
        pressure->working_s += working_s(&stage->tally);
    }
}

/* What the next stage waited for sends. */
static void add_sends(const struct pipeline_stage *stage, const struct pipeline_stage *next,
                      struct pressure *of_link)
{
    struct pressure *pressure = &of_link[stage->hop.narrowest];
    double waited_s = sim_s_from_ps(next->tally.transfer - next->tally.kv);
    pressure->waited_s += waited_s;
    pressure->bound_s += fmin(waited_s, stage->meter.sends.bytes / stage->hop.path.bytes_per_s);
    pressure->working_s += working_s(&next->tally);
}

static void add_replica(const struct fleet *fleet, const struct replica *replica,
                        struct pressure *of_link)
{
    const struct topology *topology = &fleet->pools[0].deployment.topology;
    const struct pipeline *pipeline = &replica->pipeline;
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        const struct pipeline_stage *stage = &pipeline->stages[s];
        add_collectives(stage, topology, of_link);
        if (s + 1 < pipeline->stage_count)
            add_sends(stage, stage + 1, of_link);
        if (stage->tally.kv == 0)
            continue;
        struct pressure *pressure = &of_link[handover_tightest(&fleet->handover, replica)];
        pressure->waited_s += sim_s_from_ps(stage->tally.kv);
        pressure->bound_s += sim_s_from_ps(stage->tally.kv);
        pressure->working_s += working_s(&stage->tally);
    }
}

static void add_traffic(const struct link_traffic *traffic, struct pressure *of_link)
{
    const struct crossings *crossings = &traffic->crossings;
    for (uint32_t i = 0; i < crossings->count; i++)
        of_link[crossings->links[i].link].bytes += traffic->bytes * crossings->links[i].routes;
}

static void add_bytes(const struct fleet *fleet, struct pressure *of_link)
{
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        for (uint32_t s = 0; s < fleet->replicas[r].pipeline.stage_count; s++) {
            const struct link_meter *meter = &fleet->replicas[r].pipeline.stages[s].meter;
            for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
                add_traffic(&meter->collectives[way], of_link);
            add_traffic(&meter->sends, of_link);
        }
    uint32_t links = fleet->pools[0].deployment.topology.link_count;
    for (uint32_t i = 0; fleet->pool_count > 1 && i < links; i++)
        of_link[i].bytes += fleet->handover.meter.links[i].bytes;
}

static double rank_of(const struct link_summary *link, double run_s)
{
    return fmax(link->utilization, run_s > 0 ? link->waited_s / run_s : 0);
}

/* Puts a link where it belongs among those that are kept. */
static void keep(const struct link_summary *link, double run_s, struct summary *summary)
{
    uint32_t place = summary->link_count;
    while (place > 0 && rank_of(&summary->links[place - 1], run_s) < rank_of(link, run_s))
        place--;
    if (place == SUMMARY_LINKS_MAX)
        return;
    summary->link_count = u32_min(summary->link_count + 1, SUMMARY_LINKS_MAX);
    for (uint32_t j = summary->link_count - 1; j > place; j--)
        summary->links[j] = summary->links[j - 1];
    summary->links[place] = *link;
}

int summarize_links(const struct fleet *fleet, double run_s, struct summary *summary,
                    struct arena *arena, struct error *error)
{
    const struct topology *topology = &fleet->pools[0].deployment.topology;
    struct pressure *of_link = arena_calloc(arena, topology->link_count, sizeof(*of_link));
    summary->links = arena_calloc(arena, SUMMARY_LINKS_MAX, sizeof(*summary->links));
    if (!of_link || !summary->links)
        return error_out_of_memory(error, "summary");
    add_bytes(fleet, of_link);
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        add_replica(fleet, &fleet->replicas[r], of_link);
    for (uint32_t i = 0; i < topology->link_count; i++) {
        const struct pressure *pressure = &of_link[i];
        if (pressure->bytes <= 0)
            continue;
        double capacity_bytes = topology->links[i].cost.bytes_per_s * run_s;
        struct link_summary link = {
            .bytes = pressure->bytes,
            /* Measured collectives may be a little faster than the links that stand for theirs. */
            .utilization = capacity_bytes > 0 ? fmin(pressure->bytes / capacity_bytes, 1) : 0,
            .waited_s = pressure->waited_s,
            .twice_saves =
                pressure->working_s > 0 ? pressure->bound_s / 2 / pressure->working_s : 0,
        };
        (void)snprintf(link.name, sizeof(link.name), "%s", topology->links[i].name);
        keep(&link, run_s, summary);
    }
    return 0;
}
