/*
 * export_window: the stretch of simulated time that an export covers.
 */
#ifndef TANDEM_EXPORT_WINDOW_H
#define TANDEM_EXPORT_WINDOW_H

#include "base.h"
#include "error.h"

struct export_window {
    sim_ps start;
    sim_ps end; /* SIM_PS_MAX: the run's */
};

#define EXPORT_WINDOW_ALL ((struct export_window){.start = 0, .end = SIM_PS_MAX})

/* Reads "60s,62s". ERROR_USAGE. */
int export_window_parse(const char *text, struct export_window *window, struct error *error);

/* The clock's value for what a file says in seconds, which may be anything: beyond the clock's end
   it is the end. */
sim_ps export_window_ps(double seconds);

/* Whether [start, end], which may be a moment, has a part in the window [start, end). */
static inline bool export_window_touches(const struct export_window *window, sim_ps start,
                                         sim_ps end)
{
    return start < window->end && (end > window->start || start == window->start);
}

#endif
