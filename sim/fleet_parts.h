/*
 * fleet_parts: what a fleet's two halves share: fleet_build.c, which lays its replicas
 * on the cluster and finds the links that they share, and fleet.c, where requests go
 * and what becomes of them.
 */
#ifndef TANDEM_FLEET_PARTS_H
#define TANDEM_FLEET_PARTS_H

#include "fleet.h"

/* What the replicas of the fleet's `pool`-th pool tell. */
struct replica_owner fleet_owner_of(struct fleet *fleet, uint32_t pool);

#endif
