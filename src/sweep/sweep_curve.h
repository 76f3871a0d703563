/*
 * sweep_curve: which loads to try, so that few runs draw a good curve.
 *
 * Latency against load is flat, then a knee, then a wall: the load beyond which
 * the system is saturated and latency measures only how long one looked. What a
 * saturated system serves says where the wall must be; the guess is tested on
 * both sides, and bisection, in ratios, does the rest. Where a side is only guessed,
 * a load above it is looked for that is known to be beyond. The loads left go below
 * the wall, the denser the nearer: evenly in -log(1 - load / wall), the logarithm
 * of an M/M/1 queue's growth. With an SLO the last of them halve the gap in which
 * the curve leaves it: what a system carries within its SLO is what is bought.
 *
 * A pure function of what was tried before: the same curve whatever the order
 * in which workers finish.
 */
#ifndef TANDEM_SWEEP_CURVE_H
#define TANDEM_SWEEP_CURVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SWEEP_CURVE_POINTS_MIN 4
#define SWEEP_CURVE_POINTS_MAX 256

/* The wall is found once the loads on its two sides are this close. */
#define SWEEP_CURVE_RESOLUTION 1.05

struct sweep_curve {
    double from; /* above 0 */
    double to;   /* above `from` */
    uint32_t points;
    bool is_whole; /* loads are whole numbers */
};

/* A load that was tried. Which side of the wall it is on is a guess where its run was too short to
   tell, good enough for where to look; a run that failed is beyond. */
struct sweep_curve_point {
    double load;
    bool is_beyond; /* the wall */
    bool is_guess;
    bool misses_slo;
    double served; /* share of what was offered that was served; NaN: nobody knows */
};

/*
 * Fills in `next` with the loads to try now, all of them at once, none of them
 * among the `tried`; returns their count, 0 where the curve is done. It ends
 * early where no load lies below the wall, and where whole numbers run out.
 */
size_t sweep_curve_next(const struct sweep_curve *curve, const struct sweep_curve_point *tried,
                        size_t tried_count, double next[SWEEP_CURVE_POINTS_MAX]);

#endif
