/*
 * fleet: a scenario's replicas, built and laid on the cluster, with the router in
 * front of them and the links between them.
 */
#ifndef TANDEM_FLEET_H
#define TANDEM_FLEET_H

#include "collective_flow.h"
#include "deployment.h"
#include "link_sharing.h"
#include "replica.h"
#include "router.h"

struct fleet {
    struct deployment deployment;
    struct router router;
    struct replica *replicas; /* (deployment.layout.replicas) */
    struct link_sharing sharing;
    struct flow_network *network; /* NULL: no link is shared */
};

/* What replicas tell their owner, and measure into. */
struct fleet_setup {
    const struct scenario *scenario; /* must outlive the fleet */
    struct session *session;
    struct quantiles *gaps;
    replica_finished finished;
    void *context;
};

/* Builds all of it in `arena`, and reserves room for its events. Errors as deployment_resolve();
   release it in any case. */
int fleet_init(struct fleet *fleet, const struct fleet_setup *setup, struct arena *arena,
               struct error *error);

/* To be called before the session's engine is freed. */
void fleet_release(struct fleet *fleet);

#endif
