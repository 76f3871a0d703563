/*
 * config_lengths: a distribution of token counts, as a workload gives it:
 * `512`, or `{distribution: lognormal, mean: 1024, cv: 0.9, max: 8192}`.
 */
#ifndef TANDEM_CONFIG_LENGTHS_H
#define TANDEM_CONFIG_LENGTHS_H

#include "config_file.h"
#include "config_reader.h"
#include "workload.h"

/* Fills in `lengths` from the value of `key`, which is required; an empirical distribution's file
   is read into the loader's arena. */
void config_lengths_read(struct config_loader *loader, struct config_reader *parent,
                         const char *key, struct lengths *lengths);

#endif
