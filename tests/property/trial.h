/*
 * trial: a random scenario and its arrivals, small enough to be played out event by event.
 *
 * Any model, layout, cluster, engine and load that the simulator knows, with
 * faults and a second pool now and then: prompts and KV that do not fit at once,
 * replicas that meet on links, shapes that are new.
 */
#ifndef TANDEM_TEST_TRIAL_H
#define TANDEM_TEST_TRIAL_H

#include "dice.h"
#include "scenario.h"
#include "workload.h"

#define TRIAL_REQUESTS_MAX 300
#define TRIAL_REPLICAS_MAX 8
#define TRIAL_STAGES_MAX 8
#define TRIAL_FAULTS_MAX 4
#define TRIAL_PIECES_MAX 3

struct trial {
    struct scenario decode; /* where there are two pools */
    struct scenario scenario;
    struct fault faults[TRIAL_FAULTS_MAX];
    char links[TRIAL_FAULTS_MAX][NAME_BYTES]; /* that these name */
    struct arrival arrivals[TRIAL_REQUESTS_MAX];
    uint64_t pieces[TRIAL_REQUESTS_MAX][TRIAL_PIECES_MAX]; /* that these begin with */
    size_t count;
    uint32_t concurrency; /* of a closed loop; 0: arrivals are given */
};

/* Must not be moved afterwards: the scenario points into it. */
void trial_roll(struct trial *trial, struct dice *dice);

#endif
