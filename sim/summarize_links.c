#include "summarize_links.h"

#include <stdio.h>
#include <stdlib.h>

/* What one link did to the stages that use it, in seconds over all of them. */
struct pressure {
    double bytes_per_s; /* that it let through, in the mean of the run */
    double bytes;
    uint32_t routes; /* of the groups that use it */
    uint32_t users;
    uint32_t user_last; /* the last that was counted, from 1 on */
    double waited_s;    /* stages had nothing to do but wait for its bytes */
    double bound_s;     /* of their time, what its bandwidth alone sets */
    double working_s;   /* what they worked and waited in all */
};

static double working_s(const struct stage_tally *tally)
{
    return sim_s_from_ps(stage_tally_working(tally));
}

/* The link on the way of some traffic that leaves the least to each route: to its own, or to those
   of all who use it, where it shares links with them. */
static struct pressure *narrowest_of(const struct link_traffic *traffic, bool is_shared,
                                     struct pressure *of_link)
{
    uint32_t narrowest = 0;
    double least = INFINITY;
    for (uint32_t i = 0; i < traffic->crossings.count; i++) {
        const struct crossing *crossing = &traffic->crossings.links[i];
        const struct pressure *pressure = &of_link[crossing->link];
        double share = pressure->bytes_per_s / (is_shared ? pressure->routes : crossing->routes);
        if (share < least) {
            least = share;
            narrowest = crossing->link;
        }
    }
    return &of_link[narrowest];
}

/* What bandwidth alone sets of a transfer's time: its bytes, and others' for which it was held up.
 */
static double bytes_s(const struct link_traffic *traffic, struct alpha_beta path, sim_ps held_up)
{
    return traffic->bytes / path.bytes_per_s + sim_s_from_ps(held_up);
}

/* A stage's collectives, bound by the narrowest link each way. */
static void add_collectives(const struct pipeline_stage *stage, struct pressure *of_link)
{
    for (int i = 0; i < COLLECTIVE_WAY_COUNT; i++) {
        const struct link_traffic *traffic = &stage->meter.collectives[i];
        const struct stage_way *way = &stage->ways[i];
        if (traffic->bytes <= 0)
            continue;
        struct pressure *pressure = narrowest_of(traffic, way->sharing, of_link);
        pressure->bound_s +=
            fmin(bytes_s(traffic, way->path, way->held_up), sim_s_from_ps(stage->tally.collective));
        pressure->working_s += working_s(&stage->tally);
    }
}

/* What the next stage waited for sends. */
static void add_sends(const struct pipeline_stage *stage, const struct pipeline_stage *next,
                      struct pressure *of_link)
{
    const struct link_traffic *traffic = &stage->meter.sends;
    const struct hop *hop = &stage->hop;
    if (traffic->bytes <= 0)
        return;
    struct pressure *pressure = narrowest_of(traffic, hop->sharing, of_link);
    double waited_s = sim_s_from_ps(next->tally.transfer - next->tally.kv);
    pressure->waited_s += waited_s;
    pressure->bound_s += fmin(waited_s, bytes_s(traffic, hop->path, hop->held_up));
    pressure->working_s += working_s(&next->tally);
}

static void add_replica(const struct fleet *fleet, const struct replica *replica,
                        struct pressure *of_link)
{
    const struct pipeline *pipeline = &replica->pipeline;
    for (uint32_t s = 0; s < pipeline->stage_count; s++) {
        const struct pipeline_stage *stage = &pipeline->stages[s];
        add_collectives(stage, of_link);
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

static void add_user(struct pressure *pressure, uint32_t user)
{
    pressure->users += pressure->user_last != user;
    pressure->user_last = user;
}

static void add_traffic(const struct link_traffic *traffic, uint32_t user, struct pressure *of_link)
{
    const struct crossings *crossings = &traffic->crossings;
    for (uint32_t i = 0; i < crossings->count && traffic->bytes > 0; i++) {
        struct pressure *pressure = &of_link[crossings->links[i].link];
        pressure->bytes += traffic->bytes * crossings->links[i].routes;
        pressure->routes += crossings->links[i].routes;
        add_user(pressure, user);
    }
}

static void add_bytes(const struct fleet *fleet, struct pressure *of_link)
{
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        for (uint32_t s = 0; s < fleet->replicas[r].pipeline.stage_count; s++) {
            const struct link_meter *meter = &fleet->replicas[r].pipeline.stages[s].meter;
            for (int way = 0; way < COLLECTIVE_WAY_COUNT; way++)
                add_traffic(&meter->collectives[way], r + 1, of_link);
            add_traffic(&meter->sends, r + 1, of_link);
        }
    uint32_t links = fleet_topology(fleet)->link_count;
    for (uint32_t i = 0; fleet->pool_count > 1 && i < links; i++) {
        double bytes = fleet->handover.meter.links[i].bytes;
        of_link[i].bytes += bytes;
        if (bytes > 0)
            add_user(&of_link[i], fleet->replica_count + 1);
    }
}

static double run_s(const struct run_parts *parts)
{
    return sim_s_from_ps(engine_now(parts->session->engine) - parts->begun);
}

static void set_rates(const struct run_parts *parts, struct pressure *of_link)
{
    const struct topology *topology = fleet_topology(parts->fleet);
    sim_ps end = engine_now(parts->session->engine);
    for (uint32_t i = 0; i < topology->link_count; i++) {
        of_link[i].bytes_per_s = topology->links[i].cost.bytes_per_s;
        if (parts->faults)
            of_link[i].bytes_per_s *= faults_link_share(parts->faults, i, parts->begun, end);
    }
}

static struct link_summary summary_of(const struct run_parts *parts,
                                      const struct topology_link *link, uint32_t index,
                                      const struct pressure *pressure)
{
    double capacity_bytes = pressure->bytes_per_s * run_s(parts);
    struct link_summary summary = {
        .link = index,
        .users = pressure->users,
        .bytes = pressure->bytes,
        /* Measured collectives may be a little faster than the links that stand for theirs. */
        .utilization = capacity_bytes > 0 ? fmin(pressure->bytes / capacity_bytes, 1) : 0,
        .waited_s = pressure->waited_s,
        .twice_saves = pressure->working_s > 0 ? pressure->bound_s / 2 / pressure->working_s : 0,
    };
    (void)snprintf(summary.name, sizeof(summary.name), "%s", link->name);
    return summary;
}

static int by_rank(const void *a, const void *b)
{
    const struct link_summary *one = a;
    const struct link_summary *other = b;
    if (one->waited_s != other->waited_s)
        return one->waited_s > other->waited_s ? -1 : 1;
    if (one->utilization != other->utilization)
        return one->utilization > other->utilization ? -1 : 1;
    return one->link < other->link ? -1 : one->link > other->link;
}

/* Leaves out those that few will ask for. */
static void leave_out(struct summary *summary)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < summary->link_count; i++) {
        const struct link_summary *link = &summary->links[i];
        if (kept < SUMMARY_LINKS || link->waited_s > 0 || link->users > 1)
            summary->links[kept++] = *link;
    }
    summary->links_left_out = summary->link_count - kept;
    summary->link_count = kept;
}

int summarize_links(const struct run_parts *parts, struct summary *summary, struct arena *arena,
                    struct error *error)
{
    const struct fleet *fleet = parts->fleet;
    const struct topology *topology = fleet_topology(fleet);
    struct pressure *of_link = arena_calloc(arena, topology->link_count, sizeof(*of_link));
    if (!of_link)
        return error_out_of_memory(error, "summary");
    set_rates(parts, of_link);
    add_bytes(fleet, of_link);
    for (uint32_t r = 0; r < fleet->replica_count; r++)
        add_replica(fleet, &fleet->replicas[r], of_link);
    for (uint32_t i = 0; i < topology->link_count; i++)
        summary->link_count += of_link[i].bytes > 0;
    summary->links = arena_calloc(arena, summary->link_count, sizeof(*summary->links));
    if (!summary->links)
        return error_out_of_memory(error, "summary");
    uint32_t listed = 0;
    for (uint32_t i = 0; i < topology->link_count; i++)
        if (of_link[i].bytes > 0)
            summary->links[listed++] = summary_of(parts, &topology->links[i], i, &of_link[i]);
    qsort(summary->links, summary->link_count, sizeof(*summary->links), by_rank);
    leave_out(summary);
    return 0;
}
