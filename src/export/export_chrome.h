/*
 * export_chrome: a run's timeline as trace-event JSON, which ui.perfetto.dev and
 * chrome://tracing open.
 *
 *     process   a replica
 *     tracks    for each stage its work (steps, and in them kernels and
 *               collectives), its idle times named by cause, its link onward
 *     arrows    from a send to the step that it feeds, where both are shown
 *     counters  tokens of the latest step's batch
 *
 * Spans that touch the window are written whole. Written as it is read; memory
 * grows with the stages alone.
 * Source: Trace Event Format, Google, 2016.
 */
#ifndef TANDEM_EXPORT_CHROME_H
#define TANDEM_EXPORT_CHROME_H

#include "export_window.h"
#include "output_file.h"

/* Writes the part of the file at `path` that touches `window`. ERROR_IO, also for a run without
   a timeline; ERROR_MEMORY. */
int export_chrome_write(const struct output_file *out, const char *path,
                        const struct export_window *window, struct error *error);

#endif
