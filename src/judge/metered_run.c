#include "metered_run.h"

#include "simulation.h"
#include "workload_source.h"

int metered_run_play(struct metered_run *run, const struct config *config, struct recorder recorder,
                     struct error *error)
{
    const struct workload_spec *workload = &config->workload;
    bool is_closed_loop =
        !workload->is_trace && workload->synthetic.arrivals.process == ARRIVAL_CLOSED_LOOP;
    struct workload_source source;
    struct load_meter meter;
    *run = (struct metered_run){.summary = {0}};
    arena_init(&run->arena);
    int status = workload_source_open(&source, workload, config->scenario.run.seed, error);
    if (status < 0)
        return status;
    load_meter_init(&meter, recorder);
    status = simulation_play(&config->scenario, workload_source_arrivals(&source),
                             load_meter_recorder(&meter), &run->summary, &run->arena, error);
    if (status == 0)
        run->reading = load_meter_read(&meter, is_closed_loop);
    load_meter_release(&meter);
    workload_source_close(&source);
    return status;
}

void metered_run_release(struct metered_run *run)
{
    arena_release(&run->arena);
}

json_t *metered_run_failure(struct error *error)
{
    json_t *result = json_pack("{s:s, s:s}", "status", "failed", "error", error->text);
    if (!result)
        (void)error_out_of_memory(error, "a run's result");
    return result;
}
