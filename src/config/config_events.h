/*
 * config_events: a scenario's `events`: hardware that slows down or fails.
 *
 *     events:
 *       - {at: 60 s, until: 120 s, slow: {gpu: 3, factor: 2}}
 *       - {at: 60 s, slow: {link: node0/nic0>network, factor: 4}}   # for good
 *       - {at: 90 s, until: 150 s, down: {node: 1}}
 *
 * GPUs and nodes are numbered through the cluster from 0; a link goes by its name.
 */
#ifndef TANDEM_CONFIG_EVENTS_H
#define TANDEM_CONFIG_EVENTS_H

#include "config_file.h"
#include "scenario.h"

/* Fills in the scenario's faults, whose cluster is set, from a sequence or NULL; mistakes go to
   the diagnostics. The faults lie in the loader's arena. */
void config_events_read(struct config_loader *loader, const struct yaml_node *node,
                        struct scenario *scenario);

#endif
