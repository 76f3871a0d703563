/*
 * balance: whether a system keeps up with its load, as far as one run can tell.
 *
 * Looked at is how many requests are in flight while the second half of them
 * arrives: in a system that keeps up they come to a balance, in one that does
 * not they grow by a share of the arrivals. That share is found in two steps and
 * judged in a third:
 *
 * - Control. A run first fills the system, and a few long requests raise what is
 *   in flight for a while; neither is a queue. So those are taken off that would
 *   be in service if each that was scheduled were served as long as its output
 *   tokens are on average (a control variate: Law, Simulation Modeling and
 *   Analysis, 5th ed., 11.4). Where requests are served for longer than there was
 *   before the window, nobody knows whether that filling would have ended: the
 *   growth may be larger by what it takes off.
 * - Steps. The half is cut into BALANCE_SLICES, each with its mean (batch means:
 *   Law, 9.5.3). Near saturation these means do not scatter about a value, they
 *   walk: what waits at the end of one slice waits in the next, and a line
 *   through a random walk looks like growth (Granger and Newbold, J. Econometrics
 *   2, 1974). Its steps, however, are independent: the growth is the mean step,
 *   and Student's t interval says how sure it is. Where the means do scatter, the
 *   interval is wider than need be, so that it errs towards not telling.
 * - Answer. Saturated: the interval lies above 0, so that it does grow, and by more
 *   than a system shows that started empty and settles yet. That is taken for a third
 *   of the requests in service meanwhile, however large a share of the arrivals they
 *   are in a short run; what grows all run long grows over the second half by two
 *   thirds of those that are there on average, twice that. So a long run tells even
 *   slow growth. Kept up: below the limit, the interval below the limit and
 *   BALANCE_TOLERANCE, and the growth no more than what settles, or what chance often
 *   shows. Else the run was too short to tell. Growth within the tolerance that hides
 *   in chance may pass (an indifference zone: Bechhofer, Ann. Math. Stat. 25(1), 1954).
 *
 * The work that arrives by chance with n requests is off by sqrt(2 / n) where
 * lengths and gaps scatter as much as their means: near the limit no statistic
 * does with many fewer requests. tests/oracle/test_balance.c holds it against
 * queues whose truth is known: of 3,600 runs of 500 to 5,000 requests at loads of
 * 0.5 to 0.95 two are called saturated, of as many at 1.15 to 2 three pass. At 1.06,
 * which leaves 6% behind, none of 300 runs of 20,000 requests does.
 */
#ifndef TANDEM_BALANCE_H
#define TANDEM_BALANCE_H

#include "base.h"

#include <stddef.h>

/* Growth, as a share of the arrivals, above which no system is said to keep up. */
#define BALANCE_LIMIT 0.05

/* How far from the limit a growth must be that is never to be taken for the other. */
#define BALANCE_TOLERANCE 0.05

/* Share of the arrivals' time that is left out. */
#define BALANCE_SETTLING 0.5

#define BALANCE_SLICES 10

/* On each side of the interval: a sweep or a plan asks hundreds of times. */
#define BALANCE_CONFIDENCE 0.995

/* X(NAME, for programs) */
#define BALANCE_ANSWERS(X)    \
    X(KEPT_UP, "kept_up")     \
    X(SATURATED, "saturated") \
    X(TOO_SHORT, "too_short")

enum balance_answer {
#define X(name, key) BALANCE_##name,
    BALANCE_ANSWERS(X)
#undef X
};

/* A request that was served. */
struct passage {
    sim_ps arrival;
    sim_ps scheduled;
    sim_ps done;
    uint32_t output_tokens;
};

struct balance {
    double growth;   /* of the requests in flight, as a share of the arrivals; NaN: nobody knows */
    double half;     /* of its interval; INFINITY: nobody knows */
    double filling;  /* the share by which the growth may be more, for all that is known */
    double settling; /* growth that a system shows which settles yet */
    double requests; /* that a run had */
    double requests_to_tell; /* that a run should have, in two digits: an estimate by what was seen;
                                `requests` where those could tell */
};

/* Of a run's `count` passages, in any order. Where all arrive at once, as of a closed loop. */
struct balance balance_of(const struct passage *passages, size_t count);

/* Of a load that waits for what it asks: it is always kept up with. */
struct balance balance_of_closed_loop(size_t count);

/* Of `count` runs of one system, above 0, that draw on their own: the mean growth. */
struct balance balance_mean(const struct balance *runs, size_t count);

enum balance_answer balance_answer(const struct balance *balance);

/* The likelier of the two where the run was too short to tell. */
bool balance_looks_saturated(const struct balance *balance);

const char *balance_answer_name(enum balance_answer answer); /* "kept_up" */

#endif
