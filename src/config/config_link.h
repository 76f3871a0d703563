/*
 * config_link: a kind of link, and what else collectives over it take, as clusters have
 * them, and GPUs of the links that theirs were measured over.
 */
#ifndef TANDEM_CONFIG_LINK_H
#define TANDEM_CONFIG_LINK_H

#include "config_reader.h"
#include "link.h"

/* Of the mapping under a key: bandwidth, efficiency, latency. */
void config_link_read(struct config_reader *parent, const char *key, enum config_presence presence,
                      struct link_kind *link);

/* The same three of a mapping that has others beside them. */
void config_link_read_keys(struct config_reader *reader, struct link_kind *link);

/* collective_start and collective_simple_start; host_staging_factor. */
void config_link_read_starts(struct config_reader *reader, double *start_s, double *simple_start_s);
void config_link_read_staging(struct config_reader *reader, double *factor);

#endif
