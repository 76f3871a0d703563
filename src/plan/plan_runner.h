/*
 * plan_runner: runs options on all cores and judges them.
 *
 * Each option runs under one seed first, which is enough to see that it surely
 * misses the SLO, and under the others where it may not: one seed alone never says
 * of what is within the SLO that it cannot serve the load. All that was judged is
 * kept, in order; nothing depends on the number of workers.
 */
#ifndef TANDEM_PLAN_RUNNER_H
#define TANDEM_PLAN_RUNNER_H

#include "interrupt.h"
#include "plan_judge.h"
#include "plan_option.h"
#include "progress.h"
#include "worker_pool.h"

struct plan_trialled {
    struct plan_option option;
    struct plan_verdict verdict;
};

struct plan_runner {
    const struct plan *plan;
    struct slo slo;
    uint32_t seeds; /* runs of each option that differ */
    const struct interrupt *interrupt;
    struct worker_pool pool;
    struct progress progress;
    struct plan_trialled *trialled;
    size_t trialled_count;
    size_t runs;
};

/* `slo` and `seeds` are to be set before anything is judged. ERROR_MEMORY; release it in any case.
 */
int plan_runner_init(struct plan_runner *runner, const struct plan *plan, size_t workers,
                     const struct interrupt *interrupt, bool is_quiet, struct error *error);
void plan_runner_release(struct plan_runner *runner);

/* Judges `count` options side by side; verdicts[i] is of options[i]. ERROR_RUN when interrupted
   or a worker died, and the errors of plan_trial_run(). */
int plan_runner_judge(struct plan_runner *runner, const struct plan_option *options, size_t count,
                      struct plan_verdict *verdicts, struct error *error);

#endif
