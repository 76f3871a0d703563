#include "workload_survey.h"

#include "prefix_warning.h"
#include "request.h"
#include "simulation.h"
#include "workload_source.h"

static int next_of_none(void *context, struct arrival *arrival, struct error *error)
{
    (void)context;
    (void)arrival;
    (void)error;
    return 0;
}

/* What a run asks. */
struct rules {
    const struct simulation *simulation;
    const struct run *run;
    uint32_t max_context;
};

static void look_at(struct workload_survey *survey, const struct rules *rules,
                    struct request request)
{
    bool fits = request_fit_context(&request, rules->max_context);
    survey->requests++;
    survey->too_long += !fits;
    survey->cut += fits && request.cut;
    if (!fits || simulation_can_serve(rules->simulation, &request))
        return;
    survey->refused++;
    if ((uint64_t)request.input_tokens + request.output_tokens <
        (uint64_t)survey->input_tokens + survey->output_tokens)
        return;
    survey->input_tokens = request.input_tokens;
    survey->output_tokens = request.output_tokens;
}

/* Whether any request that the workload may draw is served whole; a trace may hold anything. */
static bool serves_longest(const struct rules *rules, const struct workload_spec *workload)
{
    const struct synthetic *synthetic = &workload->synthetic;
    struct workload_survey survey = {0};
    look_at(&survey, rules,
            (struct request){.input_tokens = synthetic->input.max,
                             .output_tokens = synthetic->output.max});
    return !workload->is_trace && survey.too_long + survey.cut + survey.refused == 0;
}

/* Open loops count what arrives after the warm-up; when a closed loop's do is not known yet. */
static int look_at_all(struct workload_survey *survey, const struct rules *rules,
                       struct arrival_source arrivals, struct error *error)
{
    bool is_timed = arrivals.concurrency == 0;
    uint64_t left = WORKLOAD_SURVEY_REQUESTS_MAX;
    struct arrival arrival;
    int status = 0;
    for (; left > 0; left--) {
        status = arrivals.next(arrivals.context, &arrival, error);
        if (status <= 0 || (is_timed && arrival.at > rules->run->duration))
            break;
        if (!is_timed || arrival.at >= rules->run->warmup)
            look_at(survey, rules,
                    (struct request){.input_tokens = arrival.input_tokens,
                                     .output_tokens = arrival.output_tokens});
    }
    survey->is_cut = left == 0;
    return status < 0 ? status : 0;
}

int workload_survey_run(struct workload_survey *survey, const struct scenario *scenario,
                        const struct workload_spec *workload, struct error *error)
{
    const struct arrival_source none = {.next = next_of_none};
    *survey = (struct workload_survey){0};
    if (!workload_source_reopens(workload))
        return 0;
    struct simulation *simulation = simulation_new(scenario, none, (struct recorder){0}, error);
    if (!simulation)
        return -(int)error->code;
    const struct rules rules = {simulation, &scenario->run, scenario->model.max_context};
    struct workload_source source = {0};
    int status = 0;
    if (!serves_longest(&rules, workload)) {
        status = workload_source_open(&source, workload, scenario->run.seed, error);
        if (status == 0)
            status = look_at_all(survey, &rules, workload_source_arrivals(&source), error);
        survey->ignores_prefixes =
            prefix_warning_of(source.trace, &scenario->serving, &survey->prefixes);
    }
    workload_source_close(&source);
    simulation_free(simulation);
    return status;
}
