#include "sweep_curve.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Share of the points that may be spent on finding the wall. */
#define SEARCH_SHARE 0.6

/* Share up to which points may be spent on finding a load that is known to be beyond it, and how
   near it has to be to those that are not. */
#define CONFIRMATION_SHARE 0.8
#define CONFIRMATION_RATIO 1.1

/* Share of the points that are kept for where the curve leaves its SLO, and how close the loads on
   its two sides have to be. */
#define EDGE_SHARE 0.75
#define EDGE_RATIO 1.02

/* Guesses beyond these have not helped, and bisection surely does. */
#define GUESSES_MAX 3

/* How far from one side of the wall the next load is at least: once it holds, the search is over.
 */
#define STEP 1.045

/* The loads on the two sides of the wall. */
struct bracket {
    double below; /* 0: none is */
    double above; /* INFINITY: none is */
    double guess; /* where it is, from what the one above served; NaN: nobody knows */
};

static struct bracket bracket_of(const struct sweep_curve_point *tried, size_t count)
{
    struct bracket bracket = {0, INFINITY, NAN};
    for (size_t i = 0; i < count; i++) {
        if (!tried[i].is_beyond || tried[i].load > bracket.above)
            continue;
        bracket.above = tried[i].load;
        bracket.guess = tried[i].load * tried[i].served;
    }
    for (size_t i = 0; i < count; i++) {
        if (!tried[i].is_beyond && tried[i].load < bracket.above)
            bracket.below = fmax(bracket.below, tried[i].load);
    }
    return bracket;
}

/* Four digits: a load that is printed reads back as the one that was run. */
static double round_load(const struct sweep_curve *curve, double load)
{
    char text[32];
    (void)snprintf(text, sizeof(text), "%.4g", load);
    double rounded = strtod(text, NULL);
    rounded = curve->is_whole ? round(load) : rounded;
    return fmin(fmax(rounded, curve->from), curve->to);
}

/* Loads in ascending order. */
struct loads {
    double items[2 * SWEEP_CURVE_POINTS_MAX];
    size_t count;
};

/* Adds `load` in its place; false where it is there already. */
static bool add_load(struct loads *loads, double load)
{
    size_t place = loads->count;
    while (place > 0 && loads->items[place - 1] >= load) {
        place--;
        if (loads->items[place] == load)
            return false;
    }
    for (size_t i = loads->count; i > place; i--)
        loads->items[i] = loads->items[i - 1];
    loads->items[place] = load;
    loads->count++;
    return true;
}

/* Where a load lies on the scale on which a curve's loads are even. */
static double stretch(double load, double wall)
{
    return isinf(wall) ? log(load) : -log1p(-load / wall);
}

static double unstretch(double stretched, double wall)
{
    return isinf(wall) ? exp(stretched) : -wall * expm1(-stretched);
}

/* A new load amid the widest gap that has room for one; false where none has. */
static bool split_widest(const struct sweep_curve *curve, struct loads *loads, double wall,
                         double *load)
{
    bool is_full[2 * SWEEP_CURVE_POINTS_MAX] = {false};
    for (;;) {
        size_t widest = 0;
        double width = 0;
        for (size_t i = 1; i < loads->count; i++) {
            double gap = stretch(loads->items[i], wall) - stretch(loads->items[i - 1], wall);
            if (!is_full[i] && gap > width) {
                widest = i;
                width = gap;
            }
        }
        if (widest == 0)
            return false;
        double middle = stretch(loads->items[widest - 1], wall) + width / 2;
        *load = round_load(curve, unstretch(middle, wall));
        if (add_load(loads, *load))
            return true;
        is_full[widest] = true;
    }
}

/* A load in the gap below the wall in which the curve leaves its SLO; false where it does not, or
   the gap is small. */
static bool find_edge(const struct sweep_curve *curve, const struct sweep_curve_point *tried,
                      size_t tried_count, struct bracket bracket, double *load)
{
    double within = 0;
    double beyond = INFINITY;
    for (size_t i = 0; i < tried_count; i++) {
        if (tried[i].misses_slo && tried[i].load <= bracket.below)
            beyond = fmin(beyond, tried[i].load);
    }
    for (size_t i = 0; i < tried_count; i++) {
        if (tried[i].load < fmin(beyond, bracket.above))
            within = fmax(within, tried[i].load);
    }
    if (within == 0 || isinf(beyond) || beyond <= within * EDGE_RATIO)
        return false;
    double middle = (stretch(within, bracket.above) + stretch(beyond, bracket.above)) / 2;
    *load = round_load(curve, unstretch(middle, bracket.above));
    return *load != within && *load != beyond;
}

/* Spends points below the wall, up to so many of all. */
static size_t fill(const struct sweep_curve *curve, const struct sweep_curve_point *tried,
                   size_t tried_count, struct bracket bracket, size_t points, double next[])
{
    struct loads loads = {.count = 0};
    for (size_t i = 0; i < tried_count; i++) {
        if (tried[i].load <= bracket.below)
            (void)add_load(&loads, tried[i].load);
    }
    size_t count = 0;
    while (tried_count + count < points && split_widest(curve, &loads, bracket.above, &next[count]))
        count++;
    return count;
}

/* A load between the two sides of the wall. */
static double search(const struct sweep_curve *curve, struct bracket bracket, size_t tried_count)
{
    double load = sqrt(bracket.below * bracket.above);
    /* A guess right beside one side would leave the other as far away as it is. */
    if (isfinite(bracket.guess) && tried_count < 2 + GUESSES_MAX)
        load = fmin(fmax(bracket.guess, bracket.below * STEP), bracket.above / STEP);
    return round_load(curve, load);
}

/* A load between the highest that is guessed to be beyond the wall and the lowest that is known to
   be; false where there is none, or they are close. */
static bool confirm(const struct sweep_curve *curve, const struct sweep_curve_point *tried,
                    size_t tried_count, double *load)
{
    double guessed = 0;
    double known = INFINITY;
    for (size_t i = 0; i < tried_count; i++) {
        if (tried[i].is_beyond && !tried[i].is_guess)
            known = fmin(known, tried[i].load);
    }
    for (size_t i = 0; i < tried_count; i++) {
        if (tried[i].is_beyond && tried[i].load < known)
            guessed = fmax(guessed, tried[i].load);
    }
    if (guessed == 0 || isinf(known) || known <= guessed * CONFIRMATION_RATIO)
        return false;
    *load = round_load(curve, sqrt(guessed * known));
    return *load != guessed && *load != known;
}

size_t sweep_curve_next(const struct sweep_curve *curve, const struct sweep_curve_point *tried,
                        size_t tried_count, double next[SWEEP_CURVE_POINTS_MAX])
{
    if (tried_count == 0) {
        next[0] = curve->from;
        next[1] = curve->to;
        return 2;
    }
    struct bracket bracket = bracket_of(tried, tried_count);
    if (tried_count >= curve->points || bracket.below == 0)
        return 0;
    bool has_wall = isfinite(bracket.above);
    if (has_wall && bracket.above > bracket.below * SWEEP_CURVE_RESOLUTION &&
        (double)tried_count < SEARCH_SHARE * curve->points) {
        next[0] = search(curve, bracket, tried_count);
        if (next[0] != bracket.below && next[0] != bracket.above)
            return 1;
    }
    if ((double)tried_count < CONFIRMATION_SHARE * curve->points &&
        confirm(curve, tried, tried_count, &next[0]))
        return 1;
    size_t before_edge = (size_t)(EDGE_SHARE * curve->points);
    size_t count = fill(curve, tried, tried_count, bracket, before_edge, next);
    if (count > 0)
        return count;
    if (find_edge(curve, tried, tried_count, bracket, &next[0]))
        return 1;
    return fill(curve, tried, tried_count, bracket, curve->points, next);
}
