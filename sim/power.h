/*
 * power: a GPU that computes for long draws more than its power limit, and slows down.
 *
 * Hot are GEMMs that are bound by compute: at the full clock they draw more power
 * than the board may. The limit is held in the mean over some tens of milliseconds,
 * so a rested GPU computes at the full clock for a while, until it has done `delay`
 * of hot work; then it is capped, and hot work takes `slowdown` times as long.
 * Rest of `recovery` restores all of the delay, a part of it a part; a capped GPU's
 * clock stays down for `release` of it first. Other kernels beside hot ones restore
 * less, all in `busy_recovery`, and take as long capped or not; so do all steps
 * that come between two with hot work.
 *
 * On H200, whose 2,048 tokens' GEMMs take 1.14 to 1.16 times as long when it is
 * capped, analysis/measure/power.py shows all of this; another H200's took 1.19 to
 * 1.20 from 0.4 s on, and no more after a minute. There GEMMs of 128, 192, 256, 384
 * and 512 rows (28672 x 4096) took 1.04, 1.09, 1.15, 1.16 and 1.15 times as long, but
 * with as much time of copies between them 1.00 (256) and 1.01 (512) over 8 s: so
 * decodes, whose attention and collectives take as much, are not capped (2026-11-29).
 * Patel et al., Characterizing Power Management Opportunities for LLMs in the Cloud,
 * ASPLOS 2024, have the same of prompts and decodes.
 */
#ifndef TANDEM_POWER_H
#define TANDEM_POWER_H

#include "gpu.h"

/* A GPU's power_capping on the clock. */
struct power_limit {
    double extra; /* share by which hot work takes longer once the GPU is capped; 0: none ever is */
    double restored;      /* of the delay, by each tick of rest */
    double busy_restored; /* and of other kernels beside hot ones */
    sim_ps delay;
    sim_ps release;
};

struct power_limit power_limit_of(const struct power_capping *capping);

/* One GPU's, or one of several that do the same. */
struct power {
    sim_ps left;      /* hot work that it may still do at the full clock; none: it is capped */
    sim_ps hot_until; /* when the last of it ended */
};

/* A rested GPU. */
struct power power_rested(const struct power_limit *limit);

/* How much longer than at the full clock work takes that begins at `start`, the GPU having been
   idle since `idle_from`; there it takes `compute`, of which `hot` is hot. */
sim_ps power_compute(struct power *power, const struct power_limit *limit, sim_ps idle_from,
                     sim_ps start, sim_ps compute, sim_ps hot);

#endif
