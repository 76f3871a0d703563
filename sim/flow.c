#include "flow_network.h"

#include <stdlib.h>
#include <string.h>

#define NO_FLOW UINT32_MAX
#define FLOWS_MAX (UINT32_MAX / FLOW_LINKS_MAX)
#define FLOWS_AT_FIRST 64
#define NO_ARGUMENT 0
#define SHARE_OWNER 0

static int allocate_links(struct flow_network *network, const double *link_bytes_per_s,
                          struct error *error)
{
    /* One more, as calloc(0) may give NULL. */
    size_t count = (size_t)network->link_count + 1;
    network->links = calloc(count, sizeof(*network->links));
    network->dirty = calloc(count, sizeof(*network->dirty));
    network->gathered_links = calloc(count, sizeof(*network->gathered_links));
    network->fills = calloc(count, sizeof(*network->fills));
    if (!network->links || !network->dirty || !network->gathered_links || !network->fills)
        return error_out_of_memory(error, "the links' flows");
    for (uint32_t link = 0; link < network->link_count; link++) {
        assert(link_bytes_per_s[link] > 0 && isfinite(link_bytes_per_s[link]));
        network->links[link].bytes_per_s = link_bytes_per_s[link];
        network->links[link].gain = 1;
        network->links[link].first_hop = NO_HOP;
    }
    return 0;
}

/* Makes room for so many flows, which is more than there is. */
static int reserve(struct flow_network *network, uint32_t flows, struct error *error)
{
    if (flows > FLOWS_MAX)
        return error_set(error, ERROR_MEMORY, "more than %u flows at a time", FLOWS_MAX);
    uint32_t *gathered = realloc(network->gathered_flows, flows * sizeof(*gathered));
    if (!gathered)
        return error_out_of_memory(error, "flows");
    network->gathered_flows = gathered;
    struct flow *pool = realloc(network->flows, flows * sizeof(*pool));
    if (!pool)
        return error_out_of_memory(error, "flows");
    network->flows = pool;
    for (uint32_t i = flows; i-- > network->capacity;) {
        pool[i] = (struct flow){.generation = 1, .next_free = network->free_flow};
        network->free_flow = i;
        network->free_count++;
    }
    network->capacity = flows;
    return 0;
}

bool flow_make_room(struct flow_network *network, uint32_t count)
{
    struct error ignored;
    if (network->free_count - network->promised_count >= count)
        return true;
    uint32_t capacity = network->capacity;
    return reserve(network, capacity + u32_max(capacity, count), &ignored) == 0;
}

struct flow_network *flow_network_new(struct engine *engine, const double *link_bytes_per_s,
                                      uint32_t link_count, struct error *error)
{
    struct flow_network *network = calloc(1, sizeof(*network));
    if (!network) {
        error_out_of_memory(error, "the links' flows");
        return NULL;
    }
    network->engine = engine;
    network->link_count = link_count;
    network->free_flow = NO_FLOW;
    network->rates = 1;
    if (allocate_links(network, link_bytes_per_s, error) < 0 ||
        reserve(network, FLOWS_AT_FIRST, error) < 0) {
        flow_network_free(network);
        return NULL;
    }
    return network;
}

void flow_network_free(struct flow_network *network)
{
    if (!network)
        return;
    for (uint32_t i = 0; i < network->capacity; i++)
        if (network->flows[i].state != FLOW_FREE)
            (void)engine_cancel(network->engine, network->flows[i].event);
    (void)engine_cancel(network->engine, network->share_event);
    free(network->flows);
    free(network->links);
    free(network->dirty);
    free(network->gathered_links);
    free(network->gathered_flows);
    free(network->fills);
    free(network);
}

flow_id flow_id_of(const struct flow_network *network, const struct flow *flow)
{
    return (uint64_t)flow->generation << 32 | (uint64_t)(flow - network->flows);
}

/* The flow of that name; NULL where it is done or cancelled. */
static struct flow *find(const struct flow_network *network, flow_id id)
{
    uint32_t index = (uint32_t)id;
    if (id == 0 || index >= network->capacity)
        return NULL;
    struct flow *flow = &network->flows[index];
    return flow->state != FLOW_FREE && flow->generation == (uint32_t)(id >> 32) ? flow : NULL;
}

static void on_event(void *context, uint64_t argument);

/* Puts the flow's one event there; 0 when memory is out, which it never is for a flow whose event
   has just been dispatched: its slot is free. */
static event_id set_event(struct flow_network *network, struct flow *flow, sim_ps at,
                          enum event_priority priority)
{
    uint64_t index = (uint64_t)(flow - network->flows);
    if (flow->event != 0)
        engine_move(network->engine, flow->event, at, priority);
    else if (flow->place != 0)
        flow->event = engine_schedule_in_place(network->engine, flow->place, at, priority,
                                               flow->owner, on_event, network, index);
    else
        flow->event =
            engine_schedule(network->engine, at, priority, flow->owner, on_event, network, index);
    flow->place = 0;
    return flow->event;
}

void flow_mark_dirty(struct flow_network *network, uint32_t index)
{
    struct flow_link *link = &network->links[index];
    if (link->is_dirty)
        return;
    link->is_dirty = true;
    network->dirty[network->dirty_count++] = index;
}

static void join_link(struct flow_network *network, struct flow *flow, uint32_t hop)
{
    struct flow_hop *here = &flow->hops[hop];
    struct flow_link *link = &network->links[here->link];
    uint32_t number = (uint32_t)(flow - network->flows) * FLOW_LINKS_MAX + hop;
    link->flow_count++;
    here->previous = NO_HOP;
    here->next = link->first_hop;
    if (here->next != NO_HOP)
        flow_of_hop(network, here->next)->hops[here->next % FLOW_LINKS_MAX].previous = number;
    link->first_hop = number;
}

bool flow_join_links(struct flow_network *network, struct flow *flow)
{
    bool is_alone = true;
    for (uint32_t i = 0; i < flow->link_count; i++) {
        join_link(network, flow, i);
        is_alone = is_alone && network->links[flow->hops[i].link].flow_count == 1;
    }
    return is_alone;
}

static void leave_link(struct flow_network *network, const struct flow_hop *hop)
{
    struct flow_link *link = &network->links[hop->link];
    if (hop->next != NO_HOP)
        flow_of_hop(network, hop->next)->hops[hop->next % FLOW_LINKS_MAX].previous = hop->previous;
    if (hop->previous != NO_HOP)
        flow_of_hop(network, hop->previous)->hops[hop->previous % FLOW_LINKS_MAX].next = hop->next;
    else
        link->first_hop = hop->next;
    if (--link->flow_count > 0)
        flow_mark_dirty(network, hop->link);
}

/* Brings what a moving flow has left up to the clock. */
static void progress(struct flow *flow, sim_ps now)
{
    /* Rates that never lasted a picosecond moved nothing, whatever part of it was carried. */
    if (!(flow->bytes_per_s > 0) || now == flow->since)
        return;
    double elapsed_ps = (double)(now - flow->since) - flow->carry_ps;
    double bytes = flow->bytes_per_s * elapsed_ps / (double)SIM_PS_PER_S;
    flow->bytes_left -= fmin(bytes, flow->bytes_left);
    flow->since = now;
    flow->carry_ps = 0;
}

/* `delay_ps` after `from`, but not before `now` nor after the end of time. */
static sim_ps moment_after(sim_ps from, double delay_ps, sim_ps now)
{
    if (delay_ps >= (double)(SIM_PS_MAX - from))
        return SIM_PS_MAX;
    return sim_ps_max(from + (sim_ps)floor(delay_ps + 0.5), now);
}

sim_ps flow_first_byte_at(sim_ps now, double latency_s, double *carry_ps)
{
    double delay_ps = latency_s * (double)SIM_PS_PER_S;
    sim_ps first_byte = moment_after(now, delay_ps, now);
    *carry_ps = delay_ps - (double)(first_byte - now);
    return first_byte;
}

sim_ps flow_end_at(sim_ps since, double carry_ps, double bytes, double bytes_per_s, sim_ps now)
{
    return moment_after(since, carry_ps + bytes / bytes_per_s * (double)SIM_PS_PER_S, now);
}

/* Sets the rate and gives its event; 0 when memory is out. */
static event_id move_at(struct flow_network *network, struct flow *flow, double bytes_per_s)
{
    sim_ps now = engine_now(network->engine);
    progress(flow, now);
    flow->bytes_per_s = bytes_per_s;
    flow->state = FLOW_MOVING;
    sim_ps end = flow_end_at(flow->since, flow->carry_ps, flow->bytes_left, bytes_per_s, now);
    return set_event(network, flow, end, EVENT_TRANSFER);
}

/* Sets a joined flow's rate from now on, and its end with it. */
static void set_rate(struct flow_network *network, struct flow *flow, double bytes_per_s)
{
    event_id event = move_at(network, flow, bytes_per_s);
    assert(event != 0);
    (void)event;
}

/* Lets all flows that dirty links connect move at their shares. */
static void share(struct flow_network *network)
{
    if (network->joined)
        flow_group_disband(network->joined);
    uint32_t count = flow_share(network);
    for (uint32_t i = 0; i < count; i++) {
        struct flow *flow = &network->flows[network->gathered_flows[i]];
        if (flow->share != flow->bytes_per_s)
            set_rate(network, flow, flow->share);
    }
}

static void on_share(void *context, uint64_t argument)
{
    struct flow_network *network = context;
    (void)argument;
    network->share_event = 0;
    share(network);
}

/* Has the rates set anew at the end of this picosecond. 0 when memory is out, which it never is
   right after an event was dispatched or cancelled. */
static event_id plan_share(struct flow_network *network)
{
    if (network->share_event == 0)
        network->share_event =
            engine_schedule(network->engine, engine_now(network->engine), EVENT_SHARE, SHARE_OWNER,
                            on_share, network, NO_ARGUMENT);
    return network->share_event;
}

/* The rate of a flow that nothing else slows down. */
static double lone_bytes_per_s(const struct flow_network *network, const struct flow *flow)
{
    double bytes_per_s = INFINITY;
    for (uint32_t i = 0; i < flow->link_count; i++)
        bytes_per_s = fmin(bytes_per_s, network->links[flow->hops[i].link].bytes_per_s);
    return bytes_per_s;
}

/* flow_join(), which gives the flow's event: 0 when memory is out. */
static event_id join(struct flow_network *network, struct flow *flow)
{
    for (uint32_t i = 0; i < flow->link_count; i++) {
        struct flow_group *group = network->links[flow->hops[i].link].group;
        if (group)
            flow_group_disband(group);
    }
    flow->since = engine_now(network->engine);
    if (flow_join_links(network, flow))
        return move_at(network, flow, lone_bytes_per_s(network, flow));
    for (uint32_t i = 0; i < flow->link_count; i++)
        flow_mark_dirty(network, flow->hops[i].link);
    flow->state = FLOW_JOINED;
    return set_event(network, flow, flow->since, EVENT_SHARE);
}

void flow_join(struct flow_network *network, struct flow *flow)
{
    event_id event = join(network, flow);
    assert(event != 0);
    (void)event;
}

void flow_move_since(struct flow_network *network, struct flow *flow, sim_ps since,
                     double bytes_per_s)
{
    flow->since = since;
    flow->bytes_per_s = bytes_per_s;
    flow->state = FLOW_MOVING;
    sim_ps now = engine_now(network->engine);
    sim_ps end = flow_end_at(since, flow->carry_ps, flow->bytes_left, bytes_per_s, now);
    event_id event = set_event(network, flow, end, EVENT_TRANSFER);
    assert(event != 0);
    (void)event;
}

/* Takes a flow without a pending event off its links and back into the pool. */
static void leave(struct flow_network *network, struct flow *flow)
{
    if (flow->state != FLOW_WAITING)
        for (uint32_t i = 0; i < flow->link_count; i++)
            leave_link(network, &flow->hops[i]);
    flow->state = FLOW_FREE;
    if (++flow->generation == 0)
        flow->generation = 1;
    flow->next_free = network->free_flow;
    network->free_flow = (uint32_t)(flow - network->flows);
    network->free_count++;
}

void flow_share_if_due(struct flow_network *network)
{
    if (network->dirty_count == 0 && !network->joined)
        return;
    event_id event = plan_share(network);
    assert(event != 0);
    (void)event;
}

static void finish(struct flow_network *network, struct flow *flow)
{
    event_function done = flow->done;
    void *context = flow->context;
    uint64_t argument = flow->argument;
    leave(network, flow);
    flow_share_if_due(network);
    done(context, argument);
}

static bool has_nothing_to_move(uint32_t link_count, double bytes)
{
    return link_count == 0 || bytes <= 0;
}

static void on_event(void *context, uint64_t argument)
{
    struct flow_network *network = context;
    struct flow *flow = &network->flows[argument];
    flow->event = 0;
    if (flow->state == FLOW_MOVING || has_nothing_to_move(flow->link_count, flow->bytes_left)) {
        finish(network, flow);
    } else if (flow->state == FLOW_JOINED) {
        share(network);
    } else {
        flow_join(network, flow);
    }
}

struct flow *flow_take(struct flow_network *network, const struct flow_spec *spec)
{
    assert(spec->link_count <= FLOW_LINKS_MAX && spec->done);
    assert(spec->bytes >= 0 && spec->latency_s >= 0);
    assert(network->free_flow != NO_FLOW);
    struct flow *flow = &network->flows[network->free_flow];
    network->free_flow = flow->next_free;
    network->free_count--;
    flow->state = FLOW_WAITING;
    flow->event = 0;
    flow->place = 0;
    flow->bytes_left = spec->bytes;
    flow->bytes_per_s = 0;
    flow->owner = spec->owner;
    flow->done = spec->done;
    flow->context = spec->context;
    flow->argument = spec->argument;
    flow->link_count = spec->link_count;
    for (uint32_t i = 0; i < spec->link_count; i++) {
        assert(spec->links[i] < network->link_count);
        flow->hops[i].link = spec->links[i];
    }
    return flow;
}

flow_id flow_start(struct flow_network *network, const struct flow_spec *spec)
{
    if (!flow_make_room(network, 1))
        return 0;
    struct flow *flow = flow_take(network, spec);
    sim_ps now = engine_now(network->engine);
    sim_ps first_byte = flow_first_byte_at(now, spec->latency_s, &flow->carry_ps);
    event_id event = first_byte == now && !has_nothing_to_move(spec->link_count, spec->bytes)
                         ? join(network, flow)
                         : set_event(network, flow, first_byte, EVENT_TRANSFER);
    if (event == 0) {
        leave(network, flow);
        return 0;
    }
    return flow_id_of(network, flow);
}

sim_ps flow_lone_end(const struct flow_network *network, const struct crossings *crossings,
                     double latency_s, double bytes)
{
    double bytes_per_s = INFINITY;
    double carry_ps;
    for (uint32_t i = 0; i < crossings->count; i++) {
        const struct flow_link *link = &network->links[crossings->links[i].link];
        if (link->flow_count > 0 || crossings->links[i].routes > 1)
            return SIM_PS_MAX;
        bytes_per_s = fmin(bytes_per_s, link->bytes_per_s);
    }
    sim_ps first_byte = flow_first_byte_at(engine_now(network->engine), latency_s, &carry_ps);
    if (has_nothing_to_move(crossings->count, bytes))
        return first_byte;
    return flow_end_at(first_byte, carry_ps, bytes, bytes_per_s, first_byte);
}

bool flow_cancel(struct flow_network *network, flow_id id)
{
    struct flow *flow = find(network, id);
    if (!flow)
        return false;
    (void)engine_cancel(network->engine, flow->event);
    leave(network, flow);
    flow_share_if_due(network);
    return true;
}

int flow_set_link_rate(struct flow_network *network, uint32_t link, double bytes_per_s,
                       struct error *error)
{
    assert(link < network->link_count && bytes_per_s > 0 && isfinite(bytes_per_s));
    if (network->links[link].group)
        flow_group_disband(network->links[link].group);
    if (network->links[link].flow_count > 0) {
        if (plan_share(network) == 0)
            return error_out_of_memory(error, "a link's new rate");
        flow_mark_dirty(network, link);
    }
    network->links[link].bytes_per_s = bytes_per_s;
    network->rates++;
    return 0;
}

void flow_set_link_gain(struct flow_network *network, uint32_t link, double gain)
{
    assert(link < network->link_count && gain >= 1 && network->links[link].flow_count == 0);
    network->links[link].gain = gain;
    network->rates++;
}

bool flow_is_on(const struct flow_network *network, uint32_t link)
{
    return network->links[link].flow_count > 0;
}

uint32_t flow_narrowest(const struct flow_network *network, const struct crossings *crossings)
{
    uint32_t narrowest = crossings->links[0].link;
    double least = INFINITY;
    for (uint32_t i = 0; i < crossings->count; i++) {
        const struct crossing *crossing = &crossings->links[i];
        const struct flow_link *link = &network->links[crossing->link];
        double share =
            flow_link_share(link, flow_link_room(link, link->flow_count + crossing->routes),
                            link->flow_count + crossing->routes);
        if (share < least) {
            least = share;
            narrowest = crossing->link;
        }
    }
    return narrowest;
}
