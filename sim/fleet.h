/*
 * fleet: a scenario's replicas, built and laid on the cluster: in one pool, or in
 * two, of which the first prefills and the second decodes; the router in front of
 * each, and the links between all of them.
 */
#ifndef TANDEM_FLEET_H
#define TANDEM_FLEET_H

#include "handover.h"
#include "link_sharing.h"
#include "pool.h"

/* Requests that finished at the session's present time; they are the callee's. */
typedef void (*fleet_finished)(void *context, struct replica *replica,
                               struct request_list finished);

/* The same of requests that a failed replica had. */
typedef void (*fleet_lost)(void *context, struct request_list lost);

struct fleet {
    struct session *session;
    uint32_t pool_count;
    struct pool pools[POOLS_MAX]; /* requests come to the first, and leave the last */
    uint32_t replica_count;
    struct replica *replicas; /* of all pools, one after the other */
    struct link_sharing sharing;
    struct flow_network **networks; /* by replica: its flows', the same for all but where links are
                                       private; NULL: it has none */
    struct handover handover;       /* where there are two pools */
    enum on_loss on_loss;
    struct request_list stranded; /* no replica of the first pool is up */
    uint64_t retried;
    fleet_finished finished;
    fleet_lost lost;
    void *context;
};

/* What a fleet is of, and what it tells its owner and measures into. */
struct fleet_setup {
    const struct scenario *scenario; /* must outlive the fleet */
    struct session *session;
    struct quantiles *itl;
    bool tells_prefixes; /* requests may begin as others do */
    fleet_finished finished;
    fleet_lost lost;
    void *context;
};

/* Builds all of it in `arena`, and reserves room for its events. Errors as deployment_resolve();
   release it in any case. */
int fleet_init(struct fleet *fleet, const struct fleet_setup *setup, struct arena *arena,
               struct error *error);

/* To be called before the session's engine is freed. */
void fleet_release(struct fleet *fleet);

/* Whether a request could ever be served. */
bool fleet_can_fit(const struct fleet *fleet, const struct request *request);

/* The first request came at `begun`: what was before is no part of the run. */
void fleet_begin(struct fleet *fleet, sim_ps begun);

/* Hands a request to a replica of the first pool. */
void fleet_enqueue(struct fleet *fleet, struct request *request);

/* A replica fails, or is restored; what it had is retried from its start, or lost. */
void fleet_fail(struct fleet *fleet, struct replica *replica);
void fleet_restore(struct fleet *fleet, struct replica *replica);

/* The cluster that all of it is on. */
static inline const struct topology *fleet_topology(const struct fleet *fleet)
{
    return &fleet->pools[0].deployment.topology;
}

/* The pool that a replica is of. */
struct pool *fleet_pool_of(struct fleet *fleet, const struct replica *replica);

/* Ends the replicas' tallies at `end`, when there is no work left. */
void fleet_finish(struct fleet *fleet, sim_ps end);

#endif
