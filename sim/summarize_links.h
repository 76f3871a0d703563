/*
 * summarize_links: what a run's links carried, who waited for which, and what more
 * bandwidth would give.
 */
#ifndef TANDEM_SUMMARIZE_LINKS_H
#define TANDEM_SUMMARIZE_LINKS_H

#include "summarize.h"
#include "summary.h"

/*
 * The links that carried anything: all that stages waited for, longest first; then by utilization
 * all that several share, and others until there are SUMMARY_LINKS. Stages wait for the link of
 * their hop that leaves the least to each, or, while KV moves, for that which held it up most; such
 * a link of a ring bounds its collectives. Lists go to `arena`.
 */
int summarize_links(const struct run_parts *parts, struct summary *summary, struct arena *arena,
                    struct error *error);

#endif
