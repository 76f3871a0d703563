/*
 * crossings: routes, and the links of several that are used at once, each link once, with
 * how many of the routes cross it.
 */
#ifndef TANDEM_CROSSINGS_H
#define TANDEM_CROSSINGS_H

#include "base.h"

#define ROUTE_LINKS_MAX 16

/* The links from one GPU to another, in order; none where they are the same. */
struct route {
    uint32_t link_count;
    uint32_t links[ROUTE_LINKS_MAX];
};

struct crossing {
    uint32_t link;
    uint32_t routes;
};

struct crossings {
    struct crossing *links; /* (count) */
    uint32_t count;
};

/* One more route crosses `link`; there must be room for it. */
static inline void crossings_add(struct crossings *crossings, uint32_t link)
{
    uint32_t i = 0;
    while (i < crossings->count && crossings->links[i].link != link)
        i++;
    if (i == crossings->count)
        crossings->links[crossings->count++] = (struct crossing){.link = link};
    crossings->links[i].routes++;
}

static inline void crossings_add_route(struct crossings *crossings, const struct route *route)
{
    for (uint32_t i = 0; i < route->link_count; i++)
        crossings_add(crossings, route->links[i]);
}

static inline bool crossings_has(const struct crossings *crossings, uint32_t link)
{
    for (uint32_t i = 0; i < crossings->count; i++)
        if (crossings->links[i].link == link)
            return true;
    return false;
}

#endif
