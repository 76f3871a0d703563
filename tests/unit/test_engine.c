/*
 * Does the event queue keep its total order, and forget what was cancelled?
 */
#include "dice.h"
#include "engine.h"
#include "suite.h"

#define LOG_MAX 256

/* The arguments of the events dispatched so far, in order. */
struct log {
    uint64_t arguments[LOG_MAX];
    uint32_t count;
};

static void note(void *context, uint64_t argument)
{
    struct log *log = context;
    ck_assert_uint_lt(log->count, LOG_MAX);
    log->arguments[log->count++] = argument;
}

static struct engine *fresh_engine(void)
{
    struct error error;
    struct engine *engine = engine_new(&error);
    ck_assert_ptr_nonnull(engine);
    return engine;
}

static event_id schedule(struct engine *engine, sim_ps at, enum event_priority priority,
                         uint32_t owner, struct log *log, uint64_t argument)
{
    event_id id = engine_schedule(engine, at, priority, owner, note, log, argument);
    ck_assert_uint_ne(id, 0);
    return id;
}

/* Dispatches everything. Expectation: arguments 0, 1, 2, ... `count` of them. */
static void check_order(struct engine *engine, const struct log *log, uint32_t count)
{
    while (engine_step(engine))
        continue;
    ck_assert_uint_eq(log->count, count);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_uint_eq(log->arguments[i], i);
    engine_free(engine);
}

START_TEST(earlier_events_come_first)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 30, EVENT_TRANSFER, 0, &log, 2);
    schedule(engine, 10, EVENT_LAUNCH, 9, &log, 0);
    schedule(engine, 20, EVENT_STAGE, 5, &log, 1);
    check_order(engine, &log, 3);
}
END_TEST

START_TEST(at_one_time_the_class_decides)
{
    /* Expectation: what ends (transfer, stage, return) before what begins (schedule, launch). */
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 7, EVENT_LAUNCH, 0, &log, 5);
    schedule(engine, 7, EVENT_SCHEDULE, 0, &log, 4);
    schedule(engine, 7, EVENT_ARRIVAL, 0, &log, 3);
    schedule(engine, 7, EVENT_RETURN, 0, &log, 2);
    schedule(engine, 7, EVENT_STAGE, 1, &log, 1);
    schedule(engine, 7, EVENT_TRANSFER, 2, &log, 0);
    check_order(engine, &log, 6);
}
END_TEST

START_TEST(a_moved_event_comes_in_its_new_place)
{
    /* Expectation: later or earlier, in another class, and among equals as it was scheduled. */
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    event_id late = schedule(engine, 1, EVENT_STAGE, 0, &log, 3);
    event_id early = schedule(engine, 90, EVENT_STAGE, 0, &log, 0);
    event_id same = schedule(engine, 50, EVENT_LAUNCH, 0, &log, 1);
    schedule(engine, 20, EVENT_TRANSFER, 0, &log, 2);
    engine_move(engine, late, 40, EVENT_STAGE);
    engine_move(engine, early, 10, EVENT_STAGE);
    engine_move(engine, same, 20, EVENT_TRANSFER);
    check_order(engine, &log, 4);
}
END_TEST

START_TEST(in_one_class_the_owner_decides_then_the_sequence)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 7, EVENT_STAGE, (1u << 20) - 1, &log, 3);
    schedule(engine, 7, EVENT_STAGE, 2, &log, 1);
    schedule(engine, 7, EVENT_STAGE, 0, &log, 0);
    schedule(engine, 7, EVENT_STAGE, 2, &log, 2);
    check_order(engine, &log, 4);
}
END_TEST

START_TEST(the_clock_is_the_present_event)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 5, EVENT_STAGE, 0, &log, 0);
    schedule(engine, SIM_PS_MAX, EVENT_STAGE, 0, &log, 1);
    ck_assert_int_eq(engine_now(engine), 0);
    ck_assert(engine_step(engine));
    ck_assert_int_eq(engine_now(engine), 5);
    ck_assert_uint_eq(engine_pending(engine), 1);
    ck_assert_uint_eq(engine_dispatched(engine), 1);
    ck_assert(engine_step(engine));
    ck_assert_int_eq(engine_now(engine), SIM_PS_MAX);
    ck_assert(!engine_step(engine));
    engine_free(engine);
}
END_TEST

START_TEST(a_cancelled_event_never_comes)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 1, EVENT_STAGE, 0, &log, 0);
    event_id id = schedule(engine, 2, EVENT_STAGE, 0, &log, 99);
    schedule(engine, 3, EVENT_STAGE, 0, &log, 1);
    ck_assert(engine_cancel(engine, id));
    ck_assert_uint_eq(engine_pending(engine), 2);
    check_order(engine, &log, 2);
}
END_TEST

START_TEST(stale_ids_cancel_nothing)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    /* Expectation: 0 is no event. */
    ck_assert(!engine_cancel(engine, 0));

    /* Expectation: a cancelled event's name is gone, though the next event takes its slot. */
    event_id cancelled = schedule(engine, 1, EVENT_STAGE, 0, &log, 99);
    ck_assert(engine_cancel(engine, cancelled));
    event_id passed = schedule(engine, 1, EVENT_STAGE, 0, &log, 0);
    ck_assert(!engine_cancel(engine, cancelled));

    /* Expectation: so is a past event's. */
    ck_assert(engine_step(engine));
    schedule(engine, 2, EVENT_STAGE, 0, &log, 1);
    ck_assert(!engine_cancel(engine, passed));
    ck_assert(!engine_cancel(engine, cancelled));
    check_order(engine, &log, 2);
}
END_TEST

/* An event that cancels itself and schedules the next at the same moment. */
struct chain {
    struct engine *engine;
    event_id self;
    uint32_t links;
};

static void follow(void *context, uint64_t argument)
{
    struct chain *chain = context;
    ck_assert(!engine_cancel(chain->engine, chain->self));
    chain->links++;
    if (argument == 0)
        return;
    chain->self = engine_schedule(chain->engine, engine_now(chain->engine), EVENT_STAGE, 0, follow,
                                  chain, argument - 1);
}

START_TEST(an_event_may_schedule_at_its_own_time)
{
    /* Expectation: ten more links at time 4; an event under way is no longer pending. */
    struct engine *engine = fresh_engine();
    struct chain chain = {.engine = engine};
    chain.self = engine_schedule(engine, 4, EVENT_STAGE, 0, follow, &chain, 10);
    while (engine_step(engine))
        ck_assert_int_eq(engine_now(engine), 4);
    ck_assert_uint_eq(chain.links, 11);
    engine_free(engine);
}
END_TEST

START_TEST(would_be_next_compares_time_class_and_owner)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    ck_assert(engine_would_be_next(engine, 1000, EVENT_LAUNCH, 7));
    schedule(engine, 10, EVENT_ARRIVAL, 3, &log, 0);
    ck_assert(engine_would_be_next(engine, 9, EVENT_LAUNCH, 7));
    ck_assert(engine_would_be_next(engine, 10, EVENT_RETURN, 7));
    ck_assert(engine_would_be_next(engine, 10, EVENT_ARRIVAL, 2));
    /* Expectation: what is equal in all three comes after what was there before. */
    ck_assert(!engine_would_be_next(engine, 10, EVENT_ARRIVAL, 3));
    ck_assert(!engine_would_be_next(engine, 10, EVENT_SCHEDULE, 0));
    ck_assert(!engine_would_be_next(engine, 11, EVENT_TRANSFER, 0));
    engine_free(engine);
}
END_TEST

START_TEST(the_clock_can_be_moved_on_to_the_next_event)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 10, EVENT_ARRIVAL, 3, &log, 0);
    ck_assert_int_eq(engine_next_at(engine), 10);
    engine_advance(engine, 8, EVENT_SCHEDULE, 5);
    ck_assert_int_eq(engine_now(engine), 8);
    engine_advance(engine, 10, EVENT_RETURN, 5);
    check_order(engine, &log, 1);
}
END_TEST

START_TEST(an_event_comes_in_the_place_that_was_kept_for_it)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 10, EVENT_STAGE, 3, &log, 0);
    uint64_t place = engine_keep_places(engine, 3);
    schedule(engine, 10, EVENT_STAGE, 3, &log, 3);
    /* Expectation: as if it had been scheduled between the two, the second place after the first,
       whichever comes to be used first; what uses no place was never there. */
    for (uint32_t i = 2; i-- > 0;)
        ck_assert_uint_ne(
            engine_schedule_in_place(engine, place + i, 10, EVENT_STAGE, 3, note, &log, 1 + i), 0);
    ck_assert_uint_eq(engine_pending(engine), 4);
    while (log.count < 4)
        ck_assert(engine_step(engine));
    ck_assert_uint_eq(engine_dispatched(engine), 4);
    check_order(engine, &log, 4);
}
END_TEST

START_TEST(a_place_is_next_if_nothing_is_pending_before_it)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    uint64_t first = engine_keep_places(engine, 1);
    ck_assert(engine_place_is_next(engine, EVENT_SHARE, 9, first));
    schedule(engine, 0, EVENT_STAGE, 3, &log, 0);
    uint64_t last = engine_keep_places(engine, 1);
    ck_assert(engine_place_is_next(engine, EVENT_STAGE, 3, first));
    ck_assert(!engine_place_is_next(engine, EVENT_STAGE, 3, last));
    ck_assert(engine_place_is_next(engine, EVENT_STAGE, 2, last));
    ck_assert(!engine_place_is_next(engine, EVENT_RETURN, 0, first));
    engine_free(engine);
}
END_TEST

static void expect_past(const struct engine *engine)
{
    ck_assert(engine_is_past(engine, 9, EVENT_SHARE, 9));
    ck_assert(engine_is_past(engine, 10, EVENT_RETURN, 9));
    ck_assert(engine_is_past(engine, 10, EVENT_ARRIVAL, 2));
    ck_assert(!engine_is_past(engine, 10, EVENT_ARRIVAL, 3));
    ck_assert(!engine_is_past(engine, 10, EVENT_SCHEDULE, 0));
    ck_assert(!engine_is_past(engine, 11, EVENT_TRANSFER, 0));
}

START_TEST(what_would_have_come_before_the_present_event_is_past)
{
    /* By time, class and owner; whether the event was dispatched or is an inner loop's. */
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 10, EVENT_ARRIVAL, 3, &log, 0);
    ck_assert(engine_step(engine));
    ck_assert_int_eq(engine_next_at(engine), SIM_PS_MAX);
    expect_past(engine);
    engine_free(engine);
    engine = fresh_engine();
    engine_advance(engine, 10, EVENT_ARRIVAL, 3);
    expect_past(engine);
    engine_free(engine);
}
END_TEST

START_TEST(events_come_in_before_what_was_next)
{
    /* Many late events, of which the first are got ready; then as many earlier ones, last first. */
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    schedule(engine, 1, EVENT_STAGE, 0, &log, 0);
    for (uint32_t i = 100; i-- > 0;)
        schedule(engine, 1000000 + i, EVENT_STAGE, 0, &log, 101 + i);
    ck_assert(engine_step(engine));
    ck_assert_int_eq(engine_next_at(engine), 1000000);
    for (uint32_t i = 100; i-- > 0;)
        schedule(engine, 2 + i, EVENT_STAGE, 0, &log, 1 + i);
    ck_assert_int_eq(engine_next_at(engine), 2);
    check_order(engine, &log, 201);
}
END_TEST

START_TEST(order_holds_when_all_that_was_far_off_is_cancelled)
{
    /* Expectation: of three later events the middle one, scheduled last, comes between. */
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    event_id far_off[168];
    for (uint32_t i = 0; i < 32; i++)
        schedule(engine, i, EVENT_STAGE, 0, &log, i);
    for (uint32_t i = 0; i < ARRAY_LENGTH(far_off); i++)
        far_off[i] = schedule(engine, 32 + i, EVENT_STAGE, 0, &log, 99);
    for (uint32_t i = 0; i < ARRAY_LENGTH(far_off); i++)
        ck_assert(engine_cancel(engine, far_off[i]));
    for (uint32_t i = 0; i < 32; i++)
        ck_assert(engine_step(engine));
    schedule(engine, 1000, EVENT_STAGE, 0, &log, 34);
    schedule(engine, 900, EVENT_STAGE, 0, &log, 32);
    schedule(engine, 950, EVENT_STAGE, 0, &log, 33);
    check_order(engine, &log, 35);
}
END_TEST

START_TEST(a_moved_event_keeps_its_turn_among_equals)
{
    struct engine *engine = fresh_engine();
    struct log log = {.count = 0};
    event_id first = schedule(engine, 50, EVENT_LAUNCH, 0, &log, 1);
    schedule(engine, 10, EVENT_STAGE, 0, &log, 0);
    schedule(engine, 20, EVENT_STAGE, 0, &log, 2);
    /* Expectation: it was scheduled before its new neighbour at 20, so it comes before it. */
    engine_move(engine, first, 20, EVENT_STAGE);
    check_order(engine, &log, 3);
}
END_TEST

/* A pending event as the reference keeps it. */
struct expected {
    sim_ps at;
    enum event_priority priority;
    uint32_t owner;
    uint64_t sequence; /* also the event's argument */
    event_id id;
};

#define PENDING_MAX 3000

/* The engine under test beside a plain list. */
struct duel {
    struct engine *engine;
    struct dice dice;
    struct expected pending[PENDING_MAX];
    uint32_t count;
    uint64_t sequence;
    uint64_t dispatched; /* the argument of the last event */
};

static void note_dispatch(void *context, uint64_t argument)
{
    struct duel *duel = context;
    duel->dispatched = argument;
}

static bool comes_before(const struct expected *a, const struct expected *b)
{
    if (a->at != b->at)
        return a->at < b->at;
    if (a->priority != b->priority)
        return a->priority < b->priority;
    return a->owner != b->owner ? a->owner < b->owner : a->sequence < b->sequence;
}

/* A time not before now: often the same for several events, at times seconds away. */
static sim_ps duel_time(struct duel *duel)
{
    uint64_t span = UINT64_C(2) << dice_between(&duel->dice, 0, dice_between(&duel->dice, 1, 45));
    return engine_now(duel->engine) + (sim_ps)(dice_next(&duel->dice) % span);
}

static void duel_schedule(struct duel *duel)
{
    struct expected *event = &duel->pending[duel->count++];
    *event = (struct expected){
        .at = duel_time(duel),
        .priority = (enum event_priority)dice_between(&duel->dice, 0, EVENT_LAUNCH),
        .owner = dice_between(&duel->dice, 0, 3),
        .sequence = duel->sequence++,
    };
    event->id = engine_schedule(duel->engine, event->at, event->priority, event->owner,
                                note_dispatch, duel, event->sequence);
    ck_assert_uint_ne(event->id, 0);
}

static void duel_cancel(struct duel *duel)
{
    uint32_t i = dice_between(&duel->dice, 0, duel->count - 1);
    ck_assert(engine_cancel(duel->engine, duel->pending[i].id));
    ck_assert(!engine_cancel(duel->engine, duel->pending[i].id));
    duel->pending[i] = duel->pending[--duel->count];
}

static void duel_move(struct duel *duel)
{
    struct expected *event = &duel->pending[dice_between(&duel->dice, 0, duel->count - 1)];
    event->at = duel_time(duel);
    event->priority = (enum event_priority)dice_between(&duel->dice, 0, EVENT_LAUNCH);
    engine_move(duel->engine, event->id, event->at, event->priority);
}

static void duel_step(struct duel *duel)
{
    uint32_t first = 0;
    for (uint32_t i = 1; i < duel->count; i++)
        if (comes_before(&duel->pending[i], &duel->pending[first]))
            first = i;
    ck_assert(engine_step(duel->engine));
    ck_assert_uint_eq(duel->dispatched, duel->pending[first].sequence);
    ck_assert_int_eq(engine_now(duel->engine), duel->pending[first].at);
    duel->pending[first] = duel->pending[--duel->count];
}

START_TEST(random_schedules_moves_and_cancels_match_a_plain_list)
{
    static struct duel duel;
    duel.dice.state = dice_seed(1);
    duel.engine = fresh_engine();
    /* Expectation: whatever is scheduled, moved and cancelled, the least pending one comes next.
     * The mix drifts up and down, so that the queue grows through reallocations and empties again.
     */
    for (uint32_t round = 0; round < 40000; round++) {
        uint32_t bias = round / 5000 % 2 ? 25 : 60;
        uint32_t roll = dice_between(&duel.dice, 0, 99);
        if (duel.count == 0 || (roll < bias && duel.count < PENDING_MAX))
            duel_schedule(&duel);
        else if (roll % 4 == 0)
            duel_cancel(&duel);
        else if (roll % 4 == 1)
            duel_move(&duel);
        else
            duel_step(&duel);
        ck_assert_uint_eq(engine_pending(duel.engine), duel.count);
    }
    while (duel.count > 0)
        duel_step(&duel);
    ck_assert(!engine_step(duel.engine));
    engine_free(duel.engine);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        earlier_events_come_first,
        at_one_time_the_class_decides,
        a_moved_event_comes_in_its_new_place,
        in_one_class_the_owner_decides_then_the_sequence,
        the_clock_is_the_present_event,
        a_cancelled_event_never_comes,
        stale_ids_cancel_nothing,
        an_event_may_schedule_at_its_own_time,
        would_be_next_compares_time_class_and_owner,
        an_event_comes_in_the_place_that_was_kept_for_it,
        a_place_is_next_if_nothing_is_pending_before_it,
        the_clock_can_be_moved_on_to_the_next_event,
        what_would_have_come_before_the_present_event_is_past,
        events_come_in_before_what_was_next,
        order_holds_when_all_that_was_far_off_is_cancelled,
        a_moved_event_keeps_its_turn_among_equals,
        random_schedules_moves_and_cancels_match_a_plain_list,
    };
    return suite_run("engine", tests, ARRAY_LENGTH(tests));
}
