#include "flow_network.h"

#define NO_ARGUMENT 0

void flow_group_aim(struct flow_group *group)
{
    assert(group->state == FLOW_GROUP_IDLE);
    group->rates = 0;
    group->has_links = true;
    for (uint32_t k = 0; k < group->count; k++)
        group->has_links = group->has_links && group->routes[k].link_count > 0;
    group->meets = false;
    for (uint32_t i = 0; i < group->crossings.count; i++)
        group->meets = group->meets || group->crossings.links[i].routes > 1;
}

/* Whether each route has a link whose share is the least, `bytes_per_s`. */
static bool are_alike(const struct flow_group *group, double bytes_per_s)
{
    for (uint32_t k = 0; k < group->count; k++) {
        const struct route *route = &group->routes[k];
        uint32_t i = 0;
        while (i < route->link_count && group->network->links[route->links[i]].share > bytes_per_s)
            i++;
        if (i == route->link_count)
            return false;
    }
    return group->count <= FLOW_LEVEL_MAX;
}

/* Where each flow has a link that is full when the least share is reached, that is the rate of all
   of them: links fill up at one level. */
static void find_rate(struct flow_group *group)
{
    double least = INFINITY;
    group->fastest_bytes_per_s = 0;
    for (uint32_t i = 0; i < group->crossings.count; i++) {
        const struct crossing *crossing = &group->crossings.links[i];
        struct flow_link *link = &group->network->links[crossing->link];
        link->share =
            flow_link_share(link, flow_link_room(link, crossing->routes), crossing->routes);
        group->fastest_bytes_per_s = fmax(group->fastest_bytes_per_s, link->bytes_per_s);
        if (link->share < least) {
            least = link->share;
            group->narrowest = crossing->link;
        }
    }
    group->bytes_per_s = are_alike(group, least) ? least : 0;
    group->rates = group->network->rates;
}

/* Whether nothing else is on its links, nor their flows' rates are to be set already. */
static bool is_alone(const struct flow_group *group)
{
    const struct flow_network *network = group->network;
    if (group->meets && network->joined) /* there is one at a time */
        return false;
    for (uint32_t i = 0; i < group->crossings.count; i++) {
        const struct flow_link *link = &network->links[group->crossings.links[i].link];
        if (link->flow_count > 0 || link->is_dirty)
            return false;
    }
    return true;
}

/* Whether bytes may all have moved before this picosecond's rates are known: the first on a link
   has it to itself until then. */
static bool may_end_at_once(const struct flow_group *group)
{
    return group->meets && flow_end_at(group->since, group->carry_ps, group->order.bytes,
                                       group->fastest_bytes_per_s, group->since) == group->since;
}

static void join_links(struct flow_group *group)
{
    for (uint32_t i = 0; i < group->crossings.count; i++) {
        struct flow_link *link = &group->network->links[group->crossings.links[i].link];
        link->flow_count = group->crossings.links[i].routes;
        link->group = group;
    }
}

static void leave_links(struct flow_group *group)
{
    for (uint32_t i = 0; i < group->crossings.count; i++) {
        struct flow_link *link = &group->network->links[group->crossings.links[i].link];
        link->flow_count = 0;
        link->group = NULL;
    }
}

static void on_flow_done(void *context, uint64_t k)
{
    struct flow_group *group = context;
    group->flows[k] = 0;
    if (--group->under_way > 0)
        return;
    group->state = FLOW_GROUP_IDLE;
    group->order.done(group->order.context, group->order.argument);
}

static struct flow_spec spec_of(struct flow_group *group, uint32_t k)
{
    return (struct flow_spec){
        .links = group->routes[k].links,
        .link_count = group->routes[k].link_count,
        .latency_s = group->order.latency_s,
        .bytes = group->order.bytes,
        .owner = group->owner,
        .done = on_flow_done,
        .context = group,
        .argument = k,
    };
}

/* As flow_join() left a flow whose bytes have moved since. */
static void resume(struct flow_group *group, struct flow *flow)
{
    bool is_alone_so_far = flow_join_links(group->network, flow);
    if (!is_alone_so_far && group->shared_place != 0) {
        flow->place = group->shared_place;
        group->shared_place = 0;
    }
    flow_move_since(group->network, flow, group->since, group->bytes_per_s);
}

/* Its flows go on by themselves, with the places from `place` on for their events; 0: none are
   kept. */
static void let_go(struct flow_group *group, uint64_t place)
{
    struct flow_network *network = group->network;
    bool is_moving = group->state == FLOW_GROUP_MOVING;
    network->promised_count -= group->count;
    group->state = FLOW_GROUP_DISBANDED;
    group->under_way = group->count;
    group->was_alone = false;
    for (uint32_t k = 0; k < group->count; k++) {
        struct flow_spec spec = spec_of(group, k);
        struct flow *flow = flow_take(network, &spec);
        flow->carry_ps = group->carry_ps;
        flow->place = place == 0 ? 0 : place + k;
        group->flows[k] = flow_id_of(network, flow);
        if (is_moving)
            resume(group, flow);
        else
            flow_join(network, flow);
    }
}

void flow_group_disband(struct flow_group *group)
{
    struct flow_network *network = group->network;
    assert(group->state == FLOW_GROUP_JOINED || group->state == FLOW_GROUP_MOVING);
    (void)engine_cancel(network->engine, group->event);
    if (network->joined == group)
        network->joined = NULL;
    leave_links(group);
    let_go(group, group->first_place);
}

static void on_event(void *context, uint64_t argument);

/* Puts its event where that of the first of its flows would be. */
static void set_event(struct flow_group *group, sim_ps at, enum event_priority priority)
{
    group->event = engine_schedule_in_place(group->network->engine, group->first_place, at,
                                            priority, group->owner, on_event, group, NO_ARGUMENT);
    assert(group->event != 0);
}

static void move(struct flow_group *group)
{
    group->state = FLOW_GROUP_MOVING;
    set_event(group,
              flow_end_at(group->since, group->carry_ps, group->order.bytes, group->bytes_per_s,
                          group->since),
              EVENT_TRANSFER);
}

/* Its first bytes move, now. */
static void join(struct flow_group *group)
{
    struct flow_network *network = group->network;
    if (group->rates != network->rates)
        find_rate(group);
    if (group->bytes_per_s == 0 || may_end_at_once(group) || !is_alone(group)) {
        let_go(group, 0);
        return;
    }
    join_links(group);
    group->first_place = engine_keep_places(network->engine, group->count);
    group->shared_place = 0;
    if (!group->meets) {
        move(group);
        return;
    }
    group->state = FLOW_GROUP_JOINED;
    network->joined = group;
    set_event(group, group->since, EVENT_SHARE);
}

/* Its rate is set, if no others are to be set with it: then its flows do so. */
static void share(struct flow_group *group)
{
    struct flow_network *network = group->network;
    if (network->dirty_count > 0) {
        flow_group_disband(group);
        return;
    }
    network->joined = NULL;
    group->shared_place = engine_keep_places(network->engine, 1);
    move(group);
}

static void finish(struct flow_group *group)
{
    struct flow_network *network = group->network;
    leave_links(group);
    for (uint32_t i = 0; group->meets && i < group->crossings.count; i++)
        if (group->crossings.links[i].routes > 1) /* the first to leave left others there */
            flow_mark_dirty(network, group->crossings.links[i].link);
    network->promised_count -= group->count;
    group->state = FLOW_GROUP_IDLE;
    group->was_alone = true;
    flow_share_if_due(network);
    group->order.done(group->order.context, group->order.argument);
}

/* Its flows end, if no other event comes between the first and the last of them. */
static void end(struct flow_group *group)
{
    bool is_at_once =
        group->shared_place == 0 || engine_place_is_next(group->network->engine, EVENT_TRANSFER,
                                                         group->owner, group->shared_place);
    if (is_at_once)
        finish(group);
    else
        flow_group_disband(group);
}

static void on_event(void *context, uint64_t argument)
{
    struct flow_group *group = context;
    (void)argument;
    group->event = 0;
    if (group->state == FLOW_GROUP_WAITING)
        join(group);
    else if (group->state == FLOW_GROUP_JOINED)
        share(group);
    else
        end(group);
}

/* Starts flows of which some have nothing to move. */
static int start_disbanded(struct flow_group *group, struct error *error)
{
    group->state = FLOW_GROUP_DISBANDED;
    group->was_alone = false;
    for (uint32_t k = 0; k < group->count; k++) {
        struct flow_spec spec = spec_of(group, k);
        group->flows[k] = flow_start(group->network, &spec);
        if (group->flows[k] == 0) {
            flow_group_cancel(group);
            return error_out_of_memory(error, "transfers");
        }
        group->under_way++;
    }
    return 0;
}

int flow_group_start(struct flow_group *group, const struct flow_order *order, struct error *error)
{
    struct flow_network *network = group->network;
    sim_ps now = engine_now(network->engine);
    assert(group->state == FLOW_GROUP_IDLE);
    group->order = *order;
    if (!group->has_links || order->bytes <= 0)
        return start_disbanded(group, error);
    if (!flow_make_room(network, group->count))
        return error_out_of_memory(error, "transfers");
    network->promised_count += group->count;
    group->state = FLOW_GROUP_WAITING;
    group->since = flow_first_byte_at(now, order->latency_s, &group->carry_ps);
    if (group->since == now) {
        join(group);
        return 0;
    }
    group->event = engine_schedule(network->engine, group->since, EVENT_TRANSFER, group->owner,
                                   on_event, group, NO_ARGUMENT);
    if (group->event != 0)
        return 0;
    network->promised_count -= group->count;
    group->state = FLOW_GROUP_IDLE;
    return error_out_of_memory(error, "transfers");
}

void flow_group_cancel(struct flow_group *group)
{
    struct flow_network *network = group->network;
    if (group->state == FLOW_GROUP_WAITING) {
        (void)engine_cancel(network->engine, group->event);
        network->promised_count -= group->count;
        flow_share_if_due(network);
    } else if (group->state == FLOW_GROUP_JOINED || group->state == FLOW_GROUP_MOVING) {
        flow_group_disband(group);
    }
    for (uint32_t k = 0; group->state == FLOW_GROUP_DISBANDED && k < group->count; k++) {
        group->under_way -= flow_cancel(network, group->flows[k]);
        group->flows[k] = 0;
    }
    group->state = FLOW_GROUP_IDLE;
}

uint32_t flow_group_narrowest(const struct flow_group *group)
{
    return group->was_alone ? group->narrowest : flow_narrowest(group->network, &group->crossings);
}
