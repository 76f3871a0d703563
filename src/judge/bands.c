#include "bands.h"

#include "human.h"
#include "json_build.h"
#include "simulation.h"

/* The error of a step's time, relative, by what `summary` says of its costs. */
static double cost_error_of(const struct summary *summary)
{
    return isfinite(summary->cost_error) ? summary->cost_error : COST_ERROR_ESTIMATED;
}

/* One run with all costs scaled, of each pool. */
static int run_scaled(const struct scenario *scenario, const struct workload_spec *workload,
                      double scale, struct summary *summary, struct arena *arena,
                      struct error *error)
{
    struct workload_source source;
    struct recorder recorder = {0};
    struct scenario scaled = *scenario;
    struct scenario decode;
    scaled.run.cost_scale *= scale;
    scaled.output.timeline = TIMELINE_NONE;
    if (scenario->decode) {
        decode = *scenario->decode;
        decode.run = scaled.run;
        scaled.decode = &decode;
    }
    int status = workload_source_open(&source, workload, scaled.run.seed, error);
    if (status < 0)
        return status;
    status = simulation_play(&scaled, workload_source_arrivals(&source), recorder, summary, arena,
                             error);
    workload_source_close(&source);
    return status;
}

int bands_run(struct bands *bands, const struct scenario *scenario,
              const struct workload_spec *workload, const struct summary *summary,
              struct arena *arena, struct error *error)
{
    bands->cost_error = cost_error_of(summary);
    int status = run_scaled(scenario, workload, 1 - bands->cost_error, &bands->fast, arena, error);
    if (status == 0)
        status = run_scaled(scenario, workload, 1 + bands->cost_error, &bands->slow, arena, error);
    return status;
}

/* A number in the run and in its two repeats: on the same side of it, where a little more time in a
   step lets a request catch an earlier one. */
struct band {
    double low;
    double high;
};

static struct band band_of(double value, double fast, double slow)
{
    return (struct band){fmin(value, fmin(fast, slow)), fmax(value, fmax(fast, slow))};
}

static json_t *band_json(double value, double fast, double slow)
{
    struct band band = band_of(value, fast, slow);
    return json_pack("[o, o]", json_build_real(band.low), json_build_real(band.high));
}

static json_t *distribution_json(const struct distribution *run, const struct distribution *fast,
                                 const struct distribution *slow)
{
    return json_pack("{s:o, s:o}", "p50", band_json(run->p50, fast->p50, slow->p50), "p95",
                     band_json(run->p95, fast->p95, slow->p95));
}

json_t *bands_json(const struct bands *bands, const struct summary *summary)
{
    const struct summary *fast = &bands->fast;
    const struct summary *slow = &bands->slow;
    return json_build_object((const struct json_member[]){
        {"cost_error", json_build_real(bands->cost_error)},
        {"ttft_s", distribution_json(&summary->ttft, &fast->ttft, &slow->ttft)},
        {"tpot_s", distribution_json(&summary->tpot, &fast->tpot, &slow->tpot)},
        {"e2e_s", distribution_json(&summary->e2e, &fast->e2e, &slow->e2e)},
        {"output_tokens_per_s", band_json(summary->output_tokens_per_s, fast->output_tokens_per_s,
                                          slow->output_tokens_per_s)},
        {0},
    });
}

static void print_band(const char *name, double value, double fast, double slow, FILE *stream)
{
    struct band band = band_of(value, fast, slow);
    (void)fprintf(stream, "  %-9s %9s, %s to %s\n", name, human_seconds(value).text,
                  human_seconds(band.low).text, human_seconds(band.high).text);
}

void bands_text_print(const struct bands *bands, const struct summary *summary, FILE *stream)
{
    const struct summary *fast = &bands->fast;
    const struct summary *slow = &bands->slow;
    (void)fprintf(stream, "\nbands, for costs %s off either way\n",
                  human_percent(bands->cost_error).text);
    print_band("TTFT p50", summary->ttft.p50, fast->ttft.p50, slow->ttft.p50, stream);
    print_band("TTFT p95", summary->ttft.p95, fast->ttft.p95, slow->ttft.p95, stream);
    print_band("TPOT p50", summary->tpot.p50, fast->tpot.p50, slow->tpot.p50, stream);
    print_band("TPOT p95", summary->tpot.p95, fast->tpot.p95, slow->tpot.p95, stream);
    print_band("E2E p50", summary->e2e.p50, fast->e2e.p50, slow->e2e.p50, stream);
    print_band("E2E p95", summary->e2e.p95, fast->e2e.p95, slow->e2e.p95, stream);
    struct band rate =
        band_of(summary->output_tokens_per_s, fast->output_tokens_per_s, slow->output_tokens_per_s);
    (void)fprintf(stream, "  %-9s %9s, %s to %s\n", "tokens/s",
                  human_number(summary->output_tokens_per_s).text, human_number(rate.low).text,
                  human_number(rate.high).text);
}
