/*
 * export_dot: a scenario's cluster as a graph for Graphviz.
 *
 *     tandem export SCENARIO --format dot | dot -Tsvg > cluster.svg
 *
 * Nodes are boxes; GPUs have the colour of the pool and stage that sit on them; an
 * edge is a cable or a bus with what large transfers reach over it in each
 * direction, and its latency.
 */
#ifndef TANDEM_EXPORT_DOT_H
#define TANDEM_EXPORT_DOT_H

#include "output_file.h"
#include "scenario.h"

/* Writes the graph of `scenario`'s cluster. ERROR_CONFIG where there are no routes between its
   GPUs or the layout has no place on them; ERROR_MEMORY. */
int export_dot_write(const struct output_file *out, const struct scenario *scenario,
                     struct error *error);

#endif
