/*
 * Do flows of a group fare as flows that are started one after the other?
 *
 * Each trial is played twice: flows that start together are a group in one play, and each is
 * started by itself in the other. Times are a few picoseconds and rates a few bytes in each, so
 * that much happens at once: what others see, and in which order, must be the same.
 */
#include "dice.h"
#include "flow_group.h"
#include "suite.h"

#define TRIALS 100000
#define LINKS 6
#define OWNERS 2
#define SETS 4
#define ROUTES_MAX 4
#define ROUTE_MAX 3
#define ACTIONS_MAX 24
#define LOG_MAX 1024
#define ACTION_BY_ITSELF                                                    \
    1000 /* what a single flow, or an event that is none's, says at its end \
          */
#define BYTES_PER_PS 1e12

/* Flows that start together. */
struct set {
    struct route routes[ROUTES_MAX];
    uint32_t count;
    uint32_t owner;
    double latency_ps;
    uint32_t bytes;
    uint32_t again; /* how often it starts anew when it is done */
};

enum action_kind { START, CANCEL, SINGLE, SLOW, LATER, LOOK, KINDS };

struct action {
    enum action_kind kind;
    sim_ps at;
    enum event_priority priority;
    uint32_t owner;
    uint32_t number; /* the set's, or the link's */
    uint32_t amount;
    struct route route;
};

struct trial {
    double bytes_per_s[LINKS];
    double gains[LINKS];
    struct set sets[SETS];
    struct action actions[ACTIONS_MAX];
    uint32_t action_count;
};

struct entry {
    sim_ps at;
    uint64_t what;
    uint64_t value;
};

struct play {
    const struct trial *trial;
    bool in_groups;
    struct engine *engine;
    struct flow_network *network;
    struct flow_group groups[SETS];
    flow_id flows[SETS][ROUTES_MAX];
    struct crossing links[SETS][ROUTES_MAX * ROUTE_MAX];
    uint32_t under_way[SETS];
    uint32_t again[SETS];
    struct entry log[LOG_MAX];
    uint32_t log_count;
};

/* One of the few plays, whose handlers find it here. */
static struct play plays[2];

static void note(struct play *play, uint64_t what, uint64_t value)
{
    ck_assert_uint_lt(play->log_count, LOG_MAX);
    play->log[play->log_count++] = (struct entry){engine_now(play->engine), what, value};
}

static bool is_under_way(const struct play *play, uint32_t s)
{
    return play->in_groups ? play->groups[s].state != FLOW_GROUP_IDLE : play->under_way[s] > 0;
}

static void start(struct play *play, uint32_t s);

static void on_set_done(void *context, uint64_t s)
{
    struct play *play = context;
    note(play, s, flow_narrowest(play->network, &play->groups[s].crossings));
    if (play->in_groups)
        ck_assert_uint_eq(flow_group_narrowest(&play->groups[s]),
                          flow_narrowest(play->network, &play->groups[s].crossings));
    if (play->again[s] > 0) {
        play->again[s]--;
        start(play, (uint32_t)s);
    }
}

static void on_flow_done(void *context, uint64_t argument)
{
    struct play *play = context;
    uint64_t s = argument / ROUTES_MAX;
    play->flows[s][argument % ROUTES_MAX] = 0;
    if (--play->under_way[s] == 0)
        on_set_done(play, s);
}

static void on_event(void *context, uint64_t argument)
{
    note(context, argument, 0);
}

static flow_id start_flow(struct play *play, const struct set *set, const struct route *route,
                          event_function done, uint64_t argument)
{
    struct flow_spec spec = {
        .links = route->links,
        .link_count = route->link_count,
        .latency_s = set->latency_ps / (double)SIM_PS_PER_S,
        .bytes = set->bytes,
        .owner = set->owner,
        .done = done,
        .context = play,
        .argument = argument,
    };
    flow_id id = flow_start(play->network, &spec);
    ck_assert_uint_ne(id, 0);
    return id;
}

static void start(struct play *play, uint32_t s)
{
    const struct set *set = &play->trial->sets[s];
    struct error error;
    if (play->in_groups) {
        struct flow_order order = {
            .latency_s = set->latency_ps / (double)SIM_PS_PER_S,
            .bytes = set->bytes,
            .done = on_set_done,
            .context = play,
            .argument = s,
        };
        ck_assert_int_eq(flow_group_start(&play->groups[s], &order, &error), 0);
        return;
    }
    for (uint32_t k = 0; k < set->count; k++) {
        play->flows[s][k] =
            start_flow(play, set, &set->routes[k], on_flow_done, s * ROUTES_MAX + k);
        play->under_way[s]++;
    }
}

static void cancel(struct play *play, uint32_t s)
{
    if (play->in_groups)
        flow_group_cancel(&play->groups[s]);
    for (uint32_t k = 0; k < ROUTES_MAX && play->under_way[s] > 0; k++) {
        play->under_way[s] -= flow_cancel(play->network, play->flows[s][k]);
        play->flows[s][k] = 0;
    }
}

static void look(struct play *play, uint64_t what, uint32_t s)
{
    uint64_t on = 0;
    for (uint32_t link = 0; link < LINKS; link++)
        on |= (uint64_t)flow_is_on(play->network, link) << link;
    note(play, what, on);
    note(play, what, flow_narrowest(play->network, &play->groups[s].crossings));
    note(play, what, (uint64_t)flow_lone_end(play->network, &play->groups[s].crossings, 1e-12, 12));
}

static void on_action(void *context, uint64_t argument)
{
    struct play *play = context;
    const struct action *action = &play->trial->actions[argument];
    uint64_t what = ACTION_BY_ITSELF + argument;
    struct error error;
    if (action->kind == START && !is_under_way(play, action->number))
        start(play, action->number);
    if (action->kind == CANCEL)
        cancel(play, action->number);
    if (action->kind == SINGLE) {
        struct set one = {
            .owner = action->owner, .latency_ps = action->amount % 4, .bytes = action->amount};
        (void)start_flow(play, &one, &action->route, on_event, what);
    }
    if (action->kind == SLOW)
        ck_assert_int_eq(flow_set_link_rate(play->network, action->number,
                                            action->amount % 4 * BYTES_PER_PS + BYTES_PER_PS / 2,
                                            &error),
                         0);
    if (action->kind == LATER)
        (void)engine_schedule(play->engine, engine_now(play->engine) + action->amount,
                              EVENT_TRANSFER, action->owner, on_event, play, what);
    if (action->kind == LOOK)
        look(play, what, action->number % SETS);
}

static void play_out(struct play *play, const struct trial *trial, bool in_groups)
{
    struct error error;
    *play = (struct play){.trial = trial, .in_groups = in_groups, .engine = engine_new(&error)};
    play->network = flow_network_new(play->engine, trial->bytes_per_s, LINKS, &error);
    for (uint32_t link = 0; link < LINKS; link++)
        flow_set_link_gain(play->network, link, trial->gains[link]);
    for (uint32_t s = 0; s < SETS; s++) {
        const struct set *set = &trial->sets[s];
        struct flow_group *group = &play->groups[s];
        *group = (struct flow_group){.network = play->network,
                                     .routes = set->routes,
                                     .count = set->count,
                                     .owner = set->owner,
                                     .crossings = {.links = play->links[s]},
                                     .flows = play->flows[s]};
        for (uint32_t k = 0; k < set->count; k++)
            crossings_add_route(&group->crossings, &set->routes[k]);
        flow_group_aim(group);
        play->again[s] = set->again;
    }
    for (uint32_t i = 0; i < trial->action_count; i++) {
        const struct action *action = &trial->actions[i];
        (void)engine_schedule(play->engine, action->at, action->priority, action->owner, on_action,
                              play, i);
    }
    while (engine_step(play->engine))
        continue;
    flow_network_free(play->network);
    engine_free(play->engine);
}

/* Over some of the links from `first` on, each once. */
static struct route roll_route(struct dice *dice, uint32_t first)
{
    struct route route = {.link_count = 0};
    for (uint32_t link = first; link < LINKS && route.link_count < ROUTE_MAX; link++)
        if (dice_between(dice, 0, 2) == 0)
            route.links[route.link_count++] = link;
    return route;
}

/* Often each two routes leave by one of the first two links, and come in by one of the others. */
static struct set roll_set(struct dice *dice, uint32_t span)
{
    bool is_fan = dice_between(dice, 0, 3) > 0;
    bool is_wide = dice_between(dice, 0, 1) > 0;
    struct set set = {
        .count = dice_between(dice, 1, ROUTES_MAX),
        .owner = dice_between(dice, 0, OWNERS - 1),
        .latency_ps = dice_between(dice, 0, 12) / 4.0,
        .bytes = dice_between(dice, 0, span),
        .again = dice_between(dice, 0, 2),
    };
    for (uint32_t k = 0; k < set.count; k++)
        set.routes[k] =
            is_fan ? (struct route){2, {is_wide ? k % 2 : k / 2, 2 + k}} : roll_route(dice, 0);
    return set;
}

static struct action roll_action(struct dice *dice, uint32_t span)
{
    return (struct action){
        .kind = (enum action_kind)dice_between(dice, 0, KINDS - 1),
        .at = dice_between(dice, 0, 2 * span),
        .priority = (enum event_priority)dice_between(dice, EVENT_TRANSFER, EVENT_SHARE),
        .owner = dice_between(dice, 0, OWNERS - 1),
        .number = dice_between(dice, 0, SETS - 1),
        .amount = dice_between(dice, 0, span),
        .route = roll_route(dice, dice_between(dice, 0, LINKS - 1)),
    };
}

static struct trial roll_trial(struct dice *dice)
{
    struct trial trial = {.action_count = dice_between(dice, 1, ACTIONS_MAX)};
    uint32_t span = dice_between(dice, 4, 24);
    bool are_equal = dice_between(dice, 0, 1) > 0;
    for (uint32_t link = 0; link < LINKS; link++) {
        trial.bytes_per_s[link] =
            are_equal ? BYTES_PER_PS : BYTES_PER_PS * dice_between(dice, 1, 3);
        trial.gains[link] = dice_between(dice, 0, 3) == 0 ? 1.5 : 1;
    }
    for (uint32_t s = 0; s < SETS; s++)
        trial.sets[s] = roll_set(dice, span);
    for (uint32_t i = 0; i < trial.action_count; i++)
        trial.actions[i] = roll_action(dice, span);
    return trial;
}

START_TEST(a_group_is_its_flows)
{
    struct dice dice = {dice_seed(20261130)};
    uint32_t lone = 0;
    for (uint32_t t = 0; t < TRIALS; t++) {
        struct trial trial = roll_trial(&dice);
        play_out(&plays[0], &trial, false);
        play_out(&plays[1], &trial, true);
        /* Expectation: the same happens at the same times, in the same order. */
        for (uint32_t i = 0; i < plays[0].log_count && i < plays[1].log_count; i++) {
            const struct entry *alone = &plays[0].log[i];
            const struct entry *grouped = &plays[1].log[i];
            if (alone->at != grouped->at || alone->what != grouped->what ||
                alone->value != grouped->value)
                ck_abort_msg("trial %u, entry %u: %lld: %llu says %llu; in groups %lld: %llu, %llu",
                             t, i, (long long)alone->at, (unsigned long long)alone->what,
                             (unsigned long long)alone->value, (long long)grouped->at,
                             (unsigned long long)grouped->what, (unsigned long long)grouped->value);
        }
        ck_assert_uint_eq(plays[0].log_count, plays[1].log_count);
        for (uint32_t s = 0; s < SETS; s++)
            lone += plays[1].groups[s].was_alone;
    }
    /* And many a group is alone to its end, or there would be nothing to hold. */
    ck_assert_uint_gt(lone, TRIALS / 8);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {a_group_is_its_flows};
    return suite_run("flow_group", tests, ARRAY_LENGTH(tests));
}
