/*
 * plan_hdf5: the answer to a plan as an HDF5 file.
 *
 * Root attributes: version, name, plan (the file's text) and scenario (the best
 * plan's, or the checked one's, as a file for `tandem run`; empty where nothing
 * meets the SLO). Attributes of /summary: the traffic, the SLO, met, runs,
 * obstacles (what rules candidates out, in words) and uncapped (kinds whose power limit is not
 * counted). Tables, each with `units`:
 *
 *     /plans    every candidate: what it is, its rank (1 the best; 0 none), whether it meets the
 *               SLO, why it is ruled out, what it costs, what was measured last
 *     /growth   every load that a ranked plan was put to, and the loss of a node (load 1,
 * nodes_lost) /trials   every option that was run, in order: what it is, what it costs, how it did
 *
 * No time stamps: the same plan gives the same bytes.
 */
#ifndef TANDEM_PLAN_HDF5_H
#define TANDEM_PLAN_HDF5_H

#include "plan_answer.h"

/* Writes `path`. ERROR_IO, ERROR_MEMORY. */
int plan_hdf5_write(const char *path, const struct plan_answer *answer, struct error *error);

#endif
