/* Does an adaptive curve find the wall, and put its loads where they say most? */
#include "sweep_curve.h"

#include "../suite.h"

#include <math.h>
#include <stdio.h>

/* A system that serves up to `capacity` and not a request more. */
struct server {
    double capacity;
    bool tells_served; /* else only whether it kept up */
    double known_from; /* beyond the capacity, but below this load, that is but a guess */
    double slo_until;  /* the load up to which it is within the SLO; 0: there is none */
};

struct trial {
    struct sweep_curve_point tried[SWEEP_CURVE_POINTS_MAX];
    size_t count;
};

/* Runs the curve to its end. */
static void draw(const struct sweep_curve *curve, struct server server, struct trial *trial)
{
    double next[SWEEP_CURVE_POINTS_MAX];
    size_t count;
    trial->count = 0;
    while ((count = sweep_curve_next(curve, trial->tried, trial->count, next)) > 0) {
        for (size_t i = 0; i < count; i++)
            trial->tried[trial->count++] = (struct sweep_curve_point){
                .load = next[i],
                .is_beyond = next[i] > server.capacity,
                .is_guess = next[i] > server.capacity &&
                            next[i]<server.known_from, .misses_slo = server.slo_until> 0 &&
                            next[i] > server.slo_until,
                .served = server.tells_served ? fmin(1, server.capacity / next[i]) : (double)NAN,
            };
        ck_assert_uint_le(trial->count, curve->points);
    }
}

static size_t count_saturated(const struct trial *trial)
{
    size_t count = 0;
    for (size_t i = 0; i < trial->count; i++)
        count += trial->tried[i].is_beyond;
    return count;
}

/* The highest load that was served, and the lowest that was not. */
static void find_wall(const struct trial *trial, double *below, double *above)
{
    *below = 0;
    *above = INFINITY;
    for (size_t i = 0; i < trial->count; i++) {
        if (trial->tried[i].is_beyond)
            *above = fmin(*above, trial->tried[i].load);
        else
            *below = fmax(*below, trial->tried[i].load);
    }
}

START_TEST(finds_the_wall)
{
    /* Wherever the wall is, all points are spent, none twice, and the wall lies between two loads
       that are 5% apart; told what the server manages, few runs are wasted above it. */
    const struct sweep_curve curve = {.from = 0.1, .to = 10, .points = 14};
    for (double capacity = 0.15; capacity < 9.9; capacity *= 1.37) {
        struct trial trial;
        double below;
        double above;
        draw(&curve, (struct server){capacity, true, 0, 0}, &trial);
        find_wall(&trial, &below, &above);
        ck_assert_uint_eq(trial.count, curve.points);
        ck_assert_double_le(below, capacity);
        ck_assert_double_gt(above, capacity);
        ck_assert_double_le(above / below, SWEEP_CURVE_RESOLUTION + 1e-3);
        ck_assert_uint_le(count_saturated(&trial), 4);
    }
}
END_TEST

START_TEST(finds_where_the_slo_is_left)
{
    /* Of 16 points the last four halve the gap in which the SLO is left until its sides are 2%
       apart. Nine tenths of the way to the wall loads lie close, and no search is needed; where the
       curve never leaves the SLO, or at once, all points draw the curve. */
    const struct sweep_curve curve = {.from = 0.1, .to = 10, .points = 16};
    for (double until = 0.05; until < 6; until *= 1.21) {
        struct trial trial;
        double within = 0;
        double beyond = INFINITY;
        draw(&curve, (struct server){5, true, 0, until}, &trial);
        for (size_t i = 0; i < trial.count; i++) {
            if (trial.tried[i].misses_slo)
                beyond = fmin(beyond, trial.tried[i].load);
            else
                within = fmax(within, trial.tried[i].load);
        }
        ck_assert_uint_eq(trial.count, curve.points);
        if (until > 1 && until < 5)
            ck_assert_double_le(beyond / within, 1.12);
    }
}
END_TEST

START_TEST(looks_for_a_load_that_is_known_to_be_beyond)
{
    /* Runs up to 30% beyond the wall are too short to tell: a load is found all the same that is
       known to be beyond, no more than 40% above the lowest such load. */
    const struct sweep_curve curve = {.from = 0.1, .to = 10, .points = 14};
    for (double capacity = 0.15; capacity < 7; capacity *= 1.37) {
        struct trial trial;
        double known = INFINITY;
        draw(&curve, (struct server){capacity, true, 1.3 * capacity, 0}, &trial);
        for (size_t i = 0; i < trial.count; i++) {
            if (trial.tried[i].is_beyond && !trial.tried[i].is_guess)
                known = fmin(known, trial.tried[i].load);
            for (size_t k = 0; k < i; k++)
                ck_assert_double_ne(trial.tried[i].load, trial.tried[k].load);
        }
        ck_assert_double_le(known, 1.4 * 1.3 * capacity);
    }
}
END_TEST

START_TEST(never_tries_a_load_twice)
{
    /* Every load is new, and reads back from four digits as it is. */
    const struct sweep_curve curve = {.from = 0.1, .to = 10, .points = 40};
    struct trial trial;
    draw(&curve, (struct server){3.3, true, 0, 0}, &trial);
    for (size_t i = 0; i < trial.count; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "%.4g", trial.tried[i].load);
        ck_assert_double_eq(strtod(text, NULL), trial.tried[i].load);
        for (size_t k = 0; k < i; k++)
            ck_assert_double_ne(trial.tried[i].load, trial.tried[k].load);
    }
}
END_TEST

START_TEST(bisects_where_nothing_is_known_of_what_was_served)
{
    /* log2(log(100) / log(1.05)) = 6.6 bisections: 12 points allow 7 with the two ends. */
    const struct sweep_curve curve = {.from = 0.1, .to = 10, .points = 16};
    struct trial trial;
    double below;
    double above;
    draw(&curve, (struct server){2.7, false, 0, 0}, &trial);
    find_wall(&trial, &below, &above);
    ck_assert_double_le(above / below, 1.05);
}
END_TEST

static int compare(const void *a, const void *b)
{
    const double left = *(const double *)a;
    const double right = *(const double *)b;
    return (left > right) - (left < right);
}

START_TEST(is_denser_near_the_knee)
{
    /* The gaps between loads below the wall shrink towards it: the last one is under a tenth of the
       first. */
    const struct sweep_curve curve = {.from = 0.1, .to = 10, .points = 16};
    struct trial trial;
    double loads[SWEEP_CURVE_POINTS_MAX];
    size_t count = 0;
    draw(&curve, (struct server){4, true, 0, 0}, &trial);
    for (size_t i = 0; i < trial.count; i++) {
        if (!trial.tried[i].is_beyond)
            loads[count++] = trial.tried[i].load;
    }
    qsort(loads, count, sizeof(*loads), compare);
    ck_assert_uint_ge(count, 10);
    ck_assert_double_lt(loads[count - 1] - loads[count - 2], (loads[1] - loads[0]) / 10);
}
END_TEST

START_TEST(spreads_evenly_without_a_wall)
{
    /* Nothing saturates: the loads lie between the ends in equal ratios, here of 2. */
    const struct sweep_curve curve = {.from = 1, .to = 16, .points = 5};
    struct trial trial;
    double loads[SWEEP_CURVE_POINTS_MAX];
    draw(&curve, (struct server){100, true, 0, 0}, &trial);
    ck_assert_uint_eq(trial.count, 5);
    for (size_t i = 0; i < trial.count; i++)
        loads[i] = trial.tried[i].load;
    qsort(loads, trial.count, sizeof(*loads), compare);
    for (size_t i = 0; i < 5; i++)
        ck_assert_double_eq(loads[i], (double)(1U << i));
}
END_TEST

START_TEST(stops_where_nothing_is_served)
{
    /* The lowest load saturates: no curve, and two runs are enough to know. */
    const struct sweep_curve curve = {.from = 1, .to = 16, .points = 12};
    struct trial trial;
    draw(&curve, (struct server){0.5, true, 0, 0}, &trial);
    ck_assert_uint_eq(trial.count, 2);
}
END_TEST

START_TEST(whole_loads_stay_whole)
{
    /* 1 to 8 has eight whole numbers: each is tried once, however many points there may be. */
    const struct sweep_curve curve = {.from = 1, .to = 8, .points = 50, .is_whole = true};
    struct trial trial;
    bool is_tried[9] = {false};
    draw(&curve, (struct server){100, true, 0, 0}, &trial);
    ck_assert_uint_eq(trial.count, 8);
    for (size_t i = 0; i < trial.count; i++)
        is_tried[(size_t)trial.tried[i].load] = true;
    for (size_t load = 1; load <= 8; load++)
        ck_assert(is_tried[load]);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        finds_the_wall,
        finds_where_the_slo_is_left,
        looks_for_a_load_that_is_known_to_be_beyond,
        never_tries_a_load_twice,
        bisects_where_nothing_is_known_of_what_was_served,
        is_denser_near_the_knee,
        spreads_evenly_without_a_wall,
        stops_where_nothing_is_served,
        whole_loads_stay_whole,
    };
    return suite_run("sweep_curve", tests, ARRAY_LENGTH(tests));
}
