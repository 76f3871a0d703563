/*
 * sweep_merge: the parts of a sharded sweep as one.
 */
#ifndef TANDEM_SWEEP_MERGE_H
#define TANDEM_SWEEP_MERGE_H

#include "sweep_results.h"

/*
 * Joins `count` parts, read from `paths`, into `joined`, whose records are the
 * caller's to json_decref() in any case and whose texts are the first part's.
 * The parts must be of one sweep and scenario, all of its shares, each once, and
 * run on the same files: ERROR_CONFIG. ERROR_MEMORY.
 */
int sweep_merge(struct sweep_results *joined, const struct sweep_results *parts,
                const char *const *paths, size_t count, struct error *error);

#endif
