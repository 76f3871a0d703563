/*
 * link_sharing: which of a cluster's links more than one replica uses.
 *
 * A replica has a link to itself where nobody else's collectives, sends or KV
 * transfers cross it; what it sends there follows a closed form. Links that
 * several use are shared out among flows. A replica's own collectives and sends,
 * which meet on its GPUs' ports, count as one user with `auto` (a send is some
 * per mille of what the collectives of the next step move), and as two with
 * `shared`.
 */
#ifndef TANDEM_LINK_SHARING_H
#define TANDEM_LINK_SHARING_H

#include "arena.h"
#include "error.h"
#include "link_meter.h"

/* X(NAME, YAML name) */
#define LINK_POLICIES(X)                                        \
    X(AUTO, "auto")       /* shared where several use them */   \
    X(SHARED, "shared")   /* by a replica's own traffic, too */ \
    X(PRIVATE, "private") /* as if each had links of its own: KV has its sender's */

enum link_policy {
#define X(name, text) LINK_POLICY_##name,
    LINK_POLICIES(X)
#undef X
};

#define LINK_USERS_MANY UINT32_MAX
#define LINK_USERS_FAULTY (UINT32_MAX - 1) /* however many */

struct link_sharing {
    enum link_policy policy;
    uint32_t *users; /* by link: its only user + 1; 0: none; LINK_USERS_MANY: several */
};

/* For `link_count` links, none of them in use, in `arena`. */
int link_sharing_init(struct link_sharing *sharing, enum link_policy policy, uint32_t link_count,
                      struct arena *arena, struct error *error);

/* Notes what one stage of replica `replica` puts on links. */
void link_sharing_add_stage(struct link_sharing *sharing, uint32_t replica,
                            const struct link_meter *meter);

/* Notes traffic that is no replica's own. */
void link_sharing_add_route(struct link_sharing *sharing, const struct route *route);

/* Notes that a link's rate will change: what crosses it has no closed form, whatever the policy. */
void link_sharing_add_fault(struct link_sharing *sharing, uint32_t link);

/* Whether traffic meets others' on any of its links, or a stage's collectives do; all must have
   been noted. */
bool link_sharing_meets(const struct link_sharing *sharing, const struct link_traffic *traffic);
bool link_sharing_collectives_meet(const struct link_sharing *sharing,
                                   const struct link_meter *meter);

#endif
