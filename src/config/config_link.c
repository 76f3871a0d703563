#include "config_link.h"

#include "config_limits.h"

#define HOST_STAGING_MAX 16.0

void config_link_read_keys(struct config_reader *reader, struct link_kind *link)
{
    link->efficiency = 1;
    config_read_quantity(reader, "bandwidth", CONFIG_REQUIRED, QUANTITY_BYTES_PER_S,
                         CONFIG_BYTES_PER_S_MIN, CONFIG_BYTES_PER_S_MAX, &link->bytes_per_s);
    config_read_ratio(reader, "efficiency", CONFIG_OPTIONAL, &link->efficiency);
    config_read_quantity(reader, "latency", CONFIG_REQUIRED, QUANTITY_SECONDS, 0, CONFIG_COST_S_MAX,
                         &link->latency_s);
}

void config_link_read(struct config_reader *parent, const char *key, enum config_presence presence,
                      struct link_kind *link)
{
    struct config_reader reader;
    config_reader_enter(&reader, parent, key, presence);
    config_link_read_keys(&reader, link);
    config_reader_close(&reader);
}

void config_link_read_starts(struct config_reader *reader, double *start_s, double *simple_start_s)
{
    config_read_quantity(reader, "collective_start", CONFIG_REQUIRED, QUANTITY_SECONDS, 0,
                         CONFIG_COST_S_MAX, start_s);
    config_read_quantity(reader, "collective_simple_start", CONFIG_OPTIONAL, QUANTITY_SECONDS, 0,
                         CONFIG_COST_S_MAX, simple_start_s);
}

void config_link_read_staging(struct config_reader *reader, double *factor)
{
    *factor = 1;
    config_read_number(reader, "host_staging_factor", CONFIG_OPTIONAL, 1, HOST_STAGING_MAX, factor);
}
