#include "sweep_point.h"

#include "balance_json.h"
#include "json_build.h"
#include "metered_run.h"
#include "record_hdf5.h"
#include "summary_json.h"
#include "sweep_hash.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_BYTES 4096

/* A point of which nothing counts is no point. */
static int check_counted(const struct summary *summary, struct error *error)
{
    if (summary->arrived > 0 || summary->warmup == 0)
        return 0;
    return error_set(error, ERROR_CONFIG,
                     "all %llu requests arrived within run.warmup, which leaves none to count",
                     (unsigned long long)summary->warmup);
}

/* Runs the point, its records going to `path` where that is not NULL. */
static int run_point(struct metered_run *run, const struct config *config, const char *path,
                     struct error *error)
{
    struct record_hdf5 *file = NULL;
    struct recorder recorder = {0};
    if (path) {
        file = record_hdf5_open(path, &config->scenario, config->text, error);
        if (!file)
            return -(int)error->code;
        recorder = record_hdf5_recorder(file);
    }
    int status = metered_run_play(run, config, recorder, error);
    if (status == 0)
        status = check_counted(&run->summary, error);
    if (status == 0 && file)
        status = record_hdf5_finish(file, &run->summary, error);
    record_hdf5_free(file);
    return status;
}

static bool is_refusing(const struct summary *summary, const struct slo *slo)
{
    double refused = (double)(summary->rejected + summary->lost);
    return refused * 100 > (100 - slo->percentile) * (double)summary->arrived;
}

/* A meter hears of no request that was rejected. */
static double arrived_per_heard(const struct summary *summary)
{
    double arrived = (double)summary->arrived;
    return arrived > 0 ? arrived / (arrived - (double)summary->rejected) : 1;
}

/* Of all of a pool's GPUs; NaN where their price is unknown. */
static double pool_usd_per_hour(const struct scenario *pool)
{
    double usd = pool->cluster.gpu.usd_per_hour;
    return usd > 0 ? (double)layout_gpu_count(&pool->layout) * usd : (double)NAN;
}

static double usd_per_hour(const struct scenario *scenario)
{
    const struct scenario *decode = scenario->decode;
    return pool_usd_per_hour(scenario) + (decode ? pool_usd_per_hour(decode) : 0);
}

static json_t *result_of(const struct metered_run *run, const struct config *config)
{
    const struct scenario *scenario = &config->scenario;
    const struct load_reading *reading = &run->reading;
    bool is_saturated = balance_answer(&reading->balance) == BALANCE_SATURATED;
    return json_build_object((const struct json_member[]){
        {"status", json_string("done")},
        {"is_trace", json_boolean(config->workload.is_trace)},
        {"gpus", json_build_count(scenario_gpu_count(scenario))},
        {"usd_per_hour", json_build_real(usd_per_hour(scenario))},
        {"offered_requests_per_s",
         json_build_real(reading->offered_requests_per_s * arrived_per_heard(&run->summary))},
        {"saturated", json_boolean(is_saturated)},
        {"balance", balance_json_new(&reading->balance)},
        {"refusing", json_boolean(is_refusing(&run->summary, &scenario->slo))},
        {"has_slo", json_boolean(scenario->slo.ttft_s > 0 || scenario->slo.tpot_s > 0)},
        {"summary", summary_json_reproducible(&run->summary)},
        {0},
    });
}

json_t *sweep_point_run(const struct config *config, const char *file_path, struct error *error)
{
    struct metered_run run = {.summary = {0}};
    int status = run_point(&run, config, file_path, error);
    json_t *result = status == 0 ? result_of(&run, config) : sweep_point_failure(error);
    if (!result && status == 0)
        (void)error_out_of_memory(error, "a point's result");
    metered_run_release(&run);
    return result;
}

json_t *sweep_point_failure(struct error *error)
{
    bool is_own = error->code == ERROR_CONFIG || error->code == ERROR_TRACE ||
                  error->code == ERROR_RUN; /* beyond what the clock holds */
    return is_own ? metered_run_failure(error) : NULL;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    return sweep_hash(hash, text, strlen(text) + 1);
}

/* A file by its path, size and time of last change. */
static uint64_t hash_file(uint64_t hash, const char *path)
{
    struct stat file;
    if (stat(path, &file) < 0)
        return hash;
    hash = hash_text(hash, path);
    hash = sweep_hash(hash, &file.st_size, sizeof(file.st_size));
    hash = sweep_hash(hash, &file.st_mtim.tv_sec, sizeof(file.st_mtim.tv_sec));
    return sweep_hash(hash, &file.st_mtim.tv_nsec, sizeof(file.st_mtim.tv_nsec));
}

/* Token counts from a file; zero of them where the scenario's text says all. */
static uint64_t hash_lengths(uint64_t hash, const struct lengths *lengths)
{
    return sweep_hash(hash, lengths->values, lengths->value_count * sizeof(*lengths->values));
}

/* One of the files of a GPU's folder. */
static uint64_t hash_table(uint64_t hash, const char *folder, const char *name)
{
    char path[PATH_BYTES];
    (void)snprintf(path, sizeof(path), "%s%s", folder, name);
    return hash_file(hash, path);
}

void sweep_point_fingerprint(const struct config *config, const char *file_path,
                             char fingerprint[SWEEP_FINGERPRINT_BYTES])
{
    uint64_t hash = hash_text(SWEEP_HASH_START, TANDEM_VERSION);
    hash = hash_text(hash, config->text);
    hash = hash_text(hash, file_path ? file_path : "");
    if (config->workload.is_trace)
        hash = hash_file(hash, config->workload.trace_path);
    else
        hash = hash_lengths(hash_lengths(hash, &config->workload.synthetic.input),
                            &config->workload.synthetic.output);
    for (size_t i = 0; i < POOLS_MAX; i++) {
        const char *folder = config->tables[i].folder;
        for (const char *const *name = gpu_samples_tables; *name && folder; name++)
            hash = hash_table(hash, folder, *name);
        if (folder)
            hash = hash_table(hash, folder, GPU_SAMPLES_RESIDUALS);
    }
    (void)snprintf(fingerprint, SWEEP_FINGERPRINT_BYTES, "%016" PRIx64, hash);
}
